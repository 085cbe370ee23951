/* SPDX-License-Identifier: Apache-2.0 */
/* A certificate authority in memory, and what is made with it. */
#include <sys/socket.h>

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <arpa/inet.h>
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fakekube.h"

struct authority {
	EVP_PKEY *key;
	X509 *cert;
};

static void
fail(const char *what)
{
	char msg[256];

	ERR_error_string_n(ERR_get_error(), msg, sizeof(msg));
	errx(1, "%s: %s", what, msg);
}

static void
add_extension(X509 *cert, X509 *issuer, int nid, const char *value)
{
	X509_EXTENSION *ext;
	X509V3_CTX ctx;

	X509V3_set_ctx_nodb(&ctx);
	X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
	ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	if (ext == NULL || !X509_add_ext(cert, ext, -1))
		fail(value);
	X509_EXTENSION_free(ext);
}

/* A certificate without extensions or signature, and its new key. */
static X509 *
cert_new(const char *name, EVP_PKEY **key, long from, long until)
{
	X509 *cert = X509_new();
	unsigned char serial[16];
	X509_NAME *subject;
	BIGNUM *bn;

	*key = EVP_EC_gen("P-256");
	if (cert == NULL || *key == NULL || RAND_bytes(serial, 16) != 1)
		fail("certificate");
	serial[0] &= 0x7f;
	if ((bn = BN_bin2bn(serial, sizeof(serial), NULL)) == NULL ||
	    BN_to_ASN1_INTEGER(bn, X509_get_serialNumber(cert)) == NULL)
		fail("serial number");
	BN_free(bn);
	X509_set_version(cert, X509_VERSION_3);
	X509_gmtime_adj(X509_getm_notBefore(cert), from);
	X509_gmtime_adj(X509_getm_notAfter(cert), until);
	subject = X509_get_subject_name(cert);
	if (!X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8,
		(const unsigned char *)name, -1, -1, 0) ||
	    !X509_set_pubkey(cert, *key))
		fail(name);
	return cert;
}

static void
cert_sign(X509 *cert, const struct authority *by)
{
	X509_set_issuer_name(cert, X509_get_subject_name(by->cert));
	add_extension(cert, by->cert, NID_authority_key_identifier, "keyid");
	if (!X509_sign(cert, by->key, EVP_sha256()))
		fail("sign");
}

struct authority *
authority_new(const char *name)
{
	struct authority *a = xcalloc(1, sizeof(*a));

	a->cert = cert_new(name, &a->key, -3600, 30L * 86400);
	X509_set_issuer_name(a->cert, X509_get_subject_name(a->cert));
	add_extension(a->cert, a->cert, NID_basic_constraints,
	    "critical,CA:TRUE");
	add_extension(a->cert, a->cert, NID_key_usage,
	    "critical,keyCertSign,cRLSign");
	add_extension(a->cert, a->cert, NID_subject_key_identifier, "hash");
	if (!X509_sign(a->cert, a->key, EVP_sha256()))
		fail("sign");
	return a;
}

void
authority_free(struct authority *a)
{
	X509_free(a->cert);
	EVP_PKEY_free(a->key);
	free(a);
}

static void
pem_take(BIO *bio, struct text *t)
{
	char *data;
	long n = BIO_get_mem_data(bio, &data);

	text_add(t, data, n > 0 ? (size_t)n : 0);
	BIO_free(bio);
}

static void
cert_pem(X509 *cert, struct text *t)
{
	BIO *bio = BIO_new(BIO_s_mem());

	if (bio == NULL || !PEM_write_bio_X509(bio, cert))
		fail("PEM");
	pem_take(bio, t);
}

void
authority_pem(const struct authority *a, struct text *t)
{
	cert_pem(a->cert, t);
}

int
authority_client(const struct authority *a, const char *user,
    struct text *cert_text, struct text *key_text)
{
	EVP_PKEY *key;
	X509 *cert = cert_new(user, &key, -3600, 30L * 86400);
	BIO *bio = BIO_new(BIO_s_mem());

	add_extension(cert, a->cert, NID_ext_key_usage, "clientAuth");
	cert_sign(cert, a);
	cert_pem(cert, cert_text);
	if (bio == NULL ||
	    !PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL))
		fail("PEM");
	pem_take(bio, key_text);
	X509_free(cert);
	EVP_PKEY_free(key);
	return 0;
}

/* kubectl offers h2 first; what is spoken here is HTTP/1.1 only. */
static int
choose_alpn(SSL *ssl, const unsigned char **out, unsigned char *outlen,
    const unsigned char *in, unsigned inlen, void *arg)
{
	static const unsigned char ours[] = "\x08http/1.1";
	unsigned char *chosen;

	(void)ssl;
	(void)arg;
	if (SSL_select_next_proto(&chosen, outlen, ours, sizeof(ours) - 1, in,
		inlen) != OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_NOACK;
	*out = chosen;
	return SSL_TLSEXT_ERR_OK;
}

/*
 * A stranger's certificate ends in a 401, as with the real server, not in a
 * failed handshake: conn_cert_user() looks at the result.
 */
static int
accept_any(int ok, X509_STORE_CTX *ctx)
{
	(void)ok;
	(void)ctx;
	return 1;
}

static void
san_list(struct text *t, char *const *sans, size_t nsans, bool wrong_host)
{
	unsigned char addr[16];
	size_t i;

	if (wrong_host) {
		text_adds(t, "DNS:wrong.example");
		return;
	}
	text_adds(t, "DNS:localhost,IP:127.0.0.1,IP:::1");
	for (i = 0; i < nsans; i++) {
		text_addf(t, ",%s:%s",
		    inet_pton(AF_INET, sans[i], addr) == 1 ||
			    inet_pton(AF_INET6, sans[i], addr) == 1
			? "IP"
			: "DNS",
		    sans[i]);
	}
}

SSL_CTX *
tls_server(const struct authority *a, char *const *sans, size_t nsans,
    bool expired, bool wrong_host, const char *client_ca)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
	auto_text names = {0};
	X509_STORE *store;
	EVP_PKEY *key;
	X509 *cert;

	if (ctx == NULL)
		fail("SSL_CTX_new");
	if (expired)
		cert = cert_new("fakekube", &key, -7200, -3600);
	else
		cert = cert_new("fakekube", &key, -3600, 30L * 86400);
	san_list(&names, sans, nsans, wrong_host);
	add_extension(cert, a->cert, NID_subject_alt_name, names.data);
	add_extension(cert, a->cert, NID_ext_key_usage, "serverAuth");
	cert_sign(cert, a);
	if (SSL_CTX_use_certificate(ctx, cert) != 1 ||
	    SSL_CTX_use_PrivateKey(ctx, key) != 1)
		fail("server certificate");
	X509_free(cert);
	EVP_PKEY_free(key);
	store = SSL_CTX_get_cert_store(ctx);
	if (!X509_STORE_add_cert(store, a->cert) ||
	    !SSL_CTX_add_client_CA(ctx, a->cert))
		fail("client authority");
	if (client_ca != NULL) {
		if (SSL_CTX_load_verify_locations(ctx, client_ca, NULL) != 1)
			fail(client_ca);
		SSL_CTX_set_client_CA_list(ctx,
		    SSL_load_client_CA_file(client_ca));
		SSL_CTX_add_client_CA(ctx, a->cert);
	}
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, accept_any);
	SSL_CTX_set_session_id_context(ctx, (const unsigned char *)"fk", 2);
	SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
	SSL_CTX_set_alpn_select_cb(ctx, choose_alpn, NULL);
	SSL_CTX_set_mode(ctx,
	    SSL_MODE_ENABLE_PARTIAL_WRITE |
		SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	return ctx;
}
