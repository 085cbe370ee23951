/* SPDX-License-Identifier: Apache-2.0 */
/* Handshakes with a server in memory, on certificates made for this run. */
#include "tests/unit/unit.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <sys/wait.h>

#include "lib/kube/tls.h"
#include "tests/unit/tmpdir.h"

/* What the tests use: an authority each, and what it has signed. */
static const char make_certificates[] =
    "set -euf; cd \"$1\"; exec 2>openssl.log\n"
    "ca() {\n"
    "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes"
    " -keyout $1.key -out $1.pem -subj /CN=$1 -days 2\n"
    "}\n"
    "request() { # name, subjectAltName\n"
    "openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes"
    " -keyout $1.key -out $1.csr -subj /CN=$1\n"
    "printf 'subjectAltName=%s\\n' \"$2\" >$1.ext\n"
    "}\n"
    "leaf() { # name, authority, subjectAltName\n"
    "request $1 \"$3\"\n"
    "openssl x509 -req -in $1.csr -CA $2.pem -CAkey $2.key"
    " -CAcreateserial -extfile $1.ext -days 2 -out $1.pem\n"
    "}\n"
    /* "openssl ca" is what can, in 3.0 and in 3.5, date things back. */
    "past() { # name, authority, subjectAltName\n"
    "request $1 \"$3\"\n"
    ": >past.db\n"
    "printf '%s\\n' [ca] default_ca=past [past] database=past.db"
    " rand_serial=yes new_certs_dir=. default_md=sha256 policy=names"
    " [names] commonName=supplied >past.conf\n"
    "openssl ca -config past.conf -batch -in $1.csr"
    " -cert $2.pem -keyfile $2.key -extfile $1.ext"
    " -startdate 20200101000000Z -enddate 20200102000000Z -notext"
    " -out $1.pem\n"
    "}\n"
    "ca ca; ca other\n"
    "leaf server ca DNS:kube.example,DNS:*.wild.example,IP:192.0.2.1,"
    "IP:2001:db8::1\n"
    "past expired ca DNS:kube.example\n"
    "leaf client ca DNS:client\n"
    "leaf stranger other DNS:client\n"
    "ca sub; openssl req -new -key sub.key -subj /CN=sub -out sub.csr\n"
    "echo basicConstraints=CA:true >sub.ext\n"
    "openssl x509 -req -in sub.csr -CA ca.pem -CAkey ca.key"
    " -CAcreateserial -extfile sub.ext -days 2 -out sub.pem\n"
    "leaf below sub DNS:kube.example\n"
    "leaf chained sub DNS:client; cat sub.pem >>chained.pem\n"
    "openssl ec -in client.key -aes128 -passout pass:x -out locked.key\n";

static char *dir;

static int
make_all(void **state)
{
	int status;
	pid_t pid;

	(void)state;
	dir = tmpdir_new();
	if ((pid = fork()) == 0) {
		execlp("sh", "sh", "-c", make_certificates, "sh", dir,
		    (char *)NULL);
		_exit(127);
	}
	if (pid == -1 || waitpid(pid, &status, 0) != pid || status != 0) {
		print_error("making certificates in %s failed\n", dir);
		return -1;
	}
	return 0;
}

static int
remove_all(void **state)
{
	(void)state;
	tmpdir_free(dir);
	return 0;
}

static char *
slurp(const char *name, size_t *len)
{
	char path[512], *text = malloc(32768);
	FILE *f;

	assert_non_null(text);
	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "re");
	assert_non_null(f);
	*len = fread(text, 1, 32767, f);
	text[*len] = '\0';
	fclose(f);
	return text;
}

/* One handshake. */
struct shake {
	const char *ca;	    /* file; NULL: the system's */
	const char *server; /* certificate and key: NAME.pem, NAME.key */
	const char *host, *tls_server_name;
	int insecure;
	const char *cert, *key; /* of the client, files; or NULL */
	int asks_for_cert;
	int max_version; /* of the server, 0: the newest */

	int client_ok, server_ok;
	long verify;	/* what the client thought of the certificate */
	char sni[256];	/* what the server was asked for, "" if nothing */
	char peer[256]; /* subject of the client's certificate */
};

/* The client's context as the shake says; NULL and err if there is none. */
static SSL_CTX *
client_ctx(const struct shake *s, struct k8s_err *err)
{
	struct kubeconfig kc = {.origin = (char *)"kubeconfig k",
	    .insecure = s->insecure,
	    .tls_server_name = (char *)s->tls_server_name};
	struct cred cred;
	SSL_CTX *ctx;

	memset(&cred, 0, sizeof(cred));
	if (s->ca != NULL)
		kc.ca = slurp(s->ca, &kc.ca_len);
	if (s->cert != NULL) {
		cred.cert = slurp(s->cert, &cred.cert_len);
		cred.key = slurp(s->key, &cred.key_len);
	}
	ctx = tls_client_ctx(&kc, &cred, s->host, err);
	free(kc.ca);
	free(cred.cert);
	free(cred.key);
	/* Nothing may be left for the next caller to trip over. */
	assert_int_equal(ERR_peek_error(), 0);
	return ctx;
}

static SSL_CTX *
server_ctx(const struct shake *s)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
	char path[512];

	assert_non_null(ctx);
	(void)snprintf(path, sizeof(path), "%s/%s.pem", dir, s->server);
	assert_int_equal(
	    SSL_CTX_use_certificate_file(ctx, path, SSL_FILETYPE_PEM), 1);
	(void)snprintf(path, sizeof(path), "%s/%s.key", dir, s->server);
	assert_int_equal(
	    SSL_CTX_use_PrivateKey_file(ctx, path, SSL_FILETYPE_PEM), 1);
	if (s->max_version != 0) {
		SSL_CTX_set_security_level(ctx, 0);
		SSL_CTX_set_max_proto_version(ctx, s->max_version);
	}
	if (s->asks_for_cert) {
		(void)snprintf(path, sizeof(path), "%s/ca.pem", dir);
		assert_int_equal(SSL_CTX_load_verify_locations(ctx, path, NULL),
		    1);
		SSL_CTX_set_verify(ctx,
		    SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	}
	return ctx;
}

static void
record_peer(SSL *server, struct shake *s)
{
	X509 *x = SSL_get1_peer_certificate(server);

	s->peer[0] = '\0';
	if (x == NULL)
		return;
	X509_NAME_get_text_by_NID(X509_get_subject_name(x), NID_commonName,
	    s->peer, sizeof(s->peer));
	X509_free(x);
}

/* Hands bytes to and fro until both are done; 1 byte each way at the end. */
static void
shake(struct shake *s)
{
	struct k8s_err err = K8S_ERR_INIT;
	SSL_CTX *cctx = client_ctx(s, &err), *sctx;
	const char *sni;
	BIO *cb, *sb;
	SSL *c, *v;
	char byte = 'x';
	int i;

	if (cctx == NULL)
		fail_msg("%s", err.msg);
	assert_int_equal(err.code, K8S_ERR_NONE);
	sctx = server_ctx(s);
	c = tls_client_new(cctx);
	assert_non_null(c);
	v = SSL_new(sctx);
	assert_int_equal(BIO_new_bio_pair(&cb, 0, &sb, 0), 1);
	SSL_set_bio(c, cb, cb);
	SSL_set_bio(v, sb, sb);
	SSL_set_connect_state(c);
	SSL_set_accept_state(v);
	s->client_ok = s->server_ok = 0;
	for (i = 0; i < 20; i++) {
		(void)SSL_do_handshake(c);
		(void)SSL_do_handshake(v);
	}
	/* In TLS 1.3 the client learns only now what the server thought. */
	if (SSL_is_init_finished(c) && SSL_is_init_finished(v)) {
		s->server_ok = SSL_write(v, &byte, 1) == 1;
		s->client_ok = SSL_read(c, &byte, 1) == 1;
	}
	s->verify = SSL_get_verify_result(c);
	sni = SSL_get_servername(v, TLSEXT_NAMETYPE_host_name);
	(void)snprintf(s->sni, sizeof(s->sni), "%s", sni != NULL ? sni : "");
	record_peer(v, s);
	SSL_free(c);
	SSL_free(v);
	SSL_CTX_free(cctx);
	SSL_CTX_free(sctx);
	ERR_clear_error();
}

static void
check_good(struct shake s, const char *sni)
{
	shake(&s);
	if (!s.client_ok || !s.server_ok)
		fail_msg("%s refused: %ld, %s", s.host, s.verify,
		    X509_verify_cert_error_string(s.verify));
	assert_int_equal(s.verify, X509_V_OK);
	assert_string_equal(s.sni, sni);
}

static void
check_bad(struct shake s, long verify)
{
	shake(&s);
	if (s.client_ok)
		fail_msg("%s accepted as %s", s.server, s.host);
	assert_int_equal(s.verify, verify);
}

#define KUBE "kube.example"

static void
verifies_the_authority(void **state)
{
	(void)state;
	check_good(
	    (struct shake){.ca = "ca.pem", .server = "server", .host = KUBE},
	    KUBE);
	check_bad(
	    (struct shake){.ca = "other.pem", .server = "server", .host = KUBE},
	    X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY);
	/* None named: the system's, which do not know ours. */
	check_bad((struct shake){.server = "server", .host = KUBE},
	    X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY);
	check_bad(
	    (struct shake){.ca = "ca.pem", .server = "expired", .host = KUBE},
	    X509_V_ERR_CERT_HAS_EXPIRED);
	/* An intermediate can be what is trusted, as it can for kubectl. */
	check_good(
	    (struct shake){.ca = "sub.pem", .server = "below", .host = KUBE},
	    KUBE);
}

static void
takes_a_bundle(void **state)
{
	char *a, *b, both[65536];
	size_t an, bn;

	(void)state;
	a = slurp("other.pem", &an);
	b = slurp("ca.pem", &bn);
	(void)snprintf(both, sizeof(both), "# comment\n%s\n%s", a, b);
	tmpdir_write(dir, "bundle.pem", both, strlen(both), 0600);
	free(a);
	free(b);
	check_good((struct shake){.ca = "bundle.pem",
		       .server = "server",
		       .host = KUBE},
	    KUBE);
}

static void
verifies_the_name(void **state)
{
	(void)state;
	check_bad((struct shake){.ca = "ca.pem",
		      .server = "server",
		      .host = "kube.example.org"},
	    X509_V_ERR_HOSTNAME_MISMATCH);
	check_bad((struct shake){.ca = "ca.pem",
		      .server = "server",
		      .host = "example"},
	    X509_V_ERR_HOSTNAME_MISMATCH);
	check_good((struct shake){.ca = "ca.pem",
		       .server = "server",
		       .host = "a.wild.example"},
	    "a.wild.example");
	check_bad((struct shake){.ca = "ca.pem",
		      .server = "server",
		      .host = "a.b.wild.example"},
	    X509_V_ERR_HOSTNAME_MISMATCH);
}

static void
verifies_an_address(void **state)
{
	(void)state;
	check_good((struct shake){.ca = "ca.pem",
		       .server = "server",
		       .host = "192.0.2.1"},
	    "");
	check_good((struct shake){.ca = "ca.pem",
		       .server = "server",
		       .host = "2001:db8::1"},
	    "");
	check_good((struct shake){.ca = "ca.pem",
		       .server = "server",
		       .host = "2001:DB8:0::1"},
	    "");
	check_bad((struct shake){.ca = "ca.pem",
		      .server = "server",
		      .host = "192.0.2.2"},
	    X509_V_ERR_IP_ADDRESS_MISMATCH);
	check_bad((struct shake){.ca = "ca.pem",
		      .server = "server",
		      .host = "2001:db8::2"},
	    X509_V_ERR_IP_ADDRESS_MISMATCH);
}

static void
honours_tls_server_name(void **state)
{
	(void)state;
	check_good((struct shake){.ca = "ca.pem",
		       .server = "server",
		       .host = "203.0.113.9",
		       .tls_server_name = KUBE},
	    KUBE);
	check_bad((struct shake){.ca = "ca.pem",
		      .server = "server",
		      .host = KUBE,
		      .tls_server_name = "x.example"},
	    X509_V_ERR_HOSTNAME_MISMATCH);
	check_good((struct shake){.ca = "ca.pem",
		       .server = "server",
		       .host = "x.example",
		       .tls_server_name = "192.0.2.1"},
	    "");
}

/* Anything goes when an admin says so: but only then. */
static void
honours_insecure(void **state)
{
	(void)state;
	check_good((struct shake){.server = "server",
		       .host = "x.example",
		       .insecure = 1},
	    "x.example");
	check_good((struct shake){.server = "expired",
		       .host = "192.0.2.9",
		       .insecure = 1},
	    "");
}

static void
needs_tls_1_2(void **state)
{
	struct shake s = {.ca = "ca.pem",
	    .server = "server",
	    .host = KUBE,
	    .max_version = TLS1_2_VERSION};
	SSL_CTX *ctx;

	(void)state;
	/* Here and now the library's own policy may forbid 1.1 as well. */
	ctx = client_ctx(&s, NULL);
	assert_non_null(ctx);
	assert_int_equal(SSL_CTX_get_min_proto_version(ctx), TLS1_2_VERSION);
	SSL_CTX_free(ctx);
	check_good(s, KUBE);
	s.max_version = TLS1_1_VERSION;
	shake(&s);
	assert_false(s.client_ok);
}

static void
presents_a_client_certificate(void **state)
{
	struct shake s = {.ca = "ca.pem",
	    .server = "server",
	    .host = KUBE,
	    .asks_for_cert = 1};

	(void)state;
	shake(&s);
	assert_false(s.client_ok && s.server_ok);
	s.cert = "client.pem";
	s.key = "client.key";
	shake(&s);
	assert_true(s.client_ok && s.server_ok);
	assert_string_equal(s.peer, "client");
	/* Signed by one that the server does not know of. */
	s.cert = "stranger.pem";
	s.key = "stranger.key";
	shake(&s);
	assert_false(s.client_ok && s.server_ok);
	/* With its intermediate behind it. */
	s.cert = "chained.pem";
	s.key = "chained.key";
	shake(&s);
	assert_true(s.client_ok && s.server_ok);
	assert_string_equal(s.peer, "chained");
}

static void
check_refused(struct shake s, const char *text)
{
	struct k8s_err err = K8S_ERR_INIT;

	s.host = KUBE;
	assert_null(client_ctx(&s, &err));
	unit_check_err(&err, K8S_ERR_TLS, text);
	unit_check_err(&err, K8S_ERR_TLS, "kubeconfig k: ");
}

static void
refuses_bad_files(void **state)
{
	static const char torn[] = "-----BEGIN CERTIFICATE-----\nMIIB\n"
				   "-----END CERTIFICATE-----\n";

	(void)state;
	tmpdir_write(dir, "torn.pem", torn, strlen(torn), 0600);
	tmpdir_write(dir, "text.pem", "hello", 5, 0600);
	check_refused((struct shake){.ca = "text.pem"},
	    "certificate-authority: ");
	check_refused((struct shake){.ca = "torn.pem"},
	    "certificate-authority: ");
	check_refused((struct shake){.ca = "ca.pem",
			  .cert = "text.pem",
			  .key = "client.key"},
	    "client-certificate: ");
	check_refused((struct shake){.ca = "ca.pem",
			  .cert = "torn.pem",
			  .key = "client.key"},
	    "client-certificate: ");
	check_refused((struct shake){.ca = "ca.pem",
			  .cert = "client.pem",
			  .key = "text.pem"},
	    "client-key: ");
	check_refused((struct shake){.ca = "ca.pem",
			  .cert = "client.pem",
			  .key = "server.key"},
	    "client-key: ");
	/* Must not ask a terminal for a passphrase. */
	check_refused((struct shake){.ca = "ca.pem",
			  .cert = "client.pem",
			  .key = "locked.key"},
	    "client-key: ");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(verifies_the_authority),
	    cmocka_unit_test(takes_a_bundle),
	    cmocka_unit_test(verifies_the_name),
	    cmocka_unit_test(verifies_an_address),
	    cmocka_unit_test(honours_tls_server_name),
	    cmocka_unit_test(honours_insecure),
	    cmocka_unit_test(needs_tls_1_2),
	    cmocka_unit_test(presents_a_client_certificate),
	    cmocka_unit_test(refuses_bad_files),
	};

	alarm(60);
	return cmocka_run_group_tests(tests, make_all, remove_all) != 0;
}
