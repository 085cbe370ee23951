/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/kube/api.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <curl/curl.h>

#include "lib/kube/kfile.h"
#include "lib/kube/status.h"

/* CURLINFO_SSL_VERIFYRESULT with OpenSSL: its X509_V_ERR_* (x509_vfy.h),
 * numbers that are part of its ABI. */
#define VERIFY_NOT_YET_VALID  9
#define VERIFY_EXPIRED	      10
#define VERIFY_SELF_SIGNED    18
#define VERIFY_SELF_SIGNED_CA 19
#define VERIFY_NO_ISSUER      20
#define VERIFY_NO_ISSUER_LEAF 21
#define VERIFY_WRONG_HOST     62
#define VERIFY_WRONG_IP	      64

struct api {
	const struct kubeconfig *kc;
	CURL *curl;
	struct curl_slist *headers, *connect_to;
	char *base; /* what URLs start with */
	char problem[CURL_ERROR_SIZE];
	/* of the request that runs */
	struct buf *body;
	int too_large;
};

static void
freep(char **p)
{
	free(*p);
}

/* curl copies what it is given: headers hold the token. */
static void
wipe_list(struct curl_slist *list)
{
	struct curl_slist *l;

	for (l = list; l != NULL; l = l->next)
		explicit_bzero(l->data, strlen(l->data));
	curl_slist_free_all(list);
}

void
api_free(struct api *a)
{
	if (a == NULL)
		return;
	curl_easy_cleanup(a->curl);
	wipe_list(a->headers);
	curl_slist_free_all(a->connect_to);
	free(a->base);
	free(a);
}

void
api_freep(struct api **a)
{
	api_free(*a);
	*a = NULL;
}

static size_t
on_body(char *p, size_t size, size_t n, void *arg)
{
	struct api *a = arg;

	if (buf_put(a->body, p, size * n) == -1) {
		a->too_large = 1;
		return 0;
	}
	return size * n;
}

static int
add_header(struct api *a, const char *name, const char *value)
{
	struct curl_slist *l;
	size_t n = strlen(name) + strlen(value) + 3;
	char *line = malloc(n);

	if (line == NULL)
		return -1;
	(void)snprintf(line, n, "%s: %s", name, value);
	l = curl_slist_append(a->headers, line);
	kfile_wipe(line, n);
	if (l == NULL)
		return -1;
	a->headers = l;
	return 0;
}

/*
 * curl verifies the name that is in the URL. So with tls-server-name that
 * name is put there, the Host header names the server as it would have, and
 * the connection goes to the server's host and port all the same. The URL's
 * name may be an IP address, then the certificate's addresses are compared.
 */
static int
rename_server(struct api *a)
{
	const char *name = a->kc->tls_server_name;
	const char *host, *end, *port, *open = "", *close = "";
	char *to __attribute__((cleanup(freep))) = NULL;
	char *host_header __attribute__((cleanup(freep))) = NULL;
	int scheme;

	if ((host = strstr(a->kc->server, "://")) == NULL)
		return -1;
	host += 3;
	scheme = (int)(host - a->kc->server);
	end = host + strcspn(host, "/");
	port = host[0] == '[' ? strchr(host, ']') : host;
	if (port == NULL ||
	    (port = memchr(port, ':', (size_t)(end - port))) == NULL)
		port = end;
	if (strchr(name, ':') != NULL)
		open = "[", close = "]";
	if (asprintf(&a->base, "%.*s%s%s%s%s", scheme, a->kc->server, open,
		name, close, port) == -1) {
		a->base = NULL;
		return -1;
	}
	/* HOST:PORT:TO-HOST:TO-PORT, where empty means any and unchanged. */
	if (asprintf(&to, "::%.*s:", (int)(port - host), host) == -1 ||
	    asprintf(&host_header, "%.*s", (int)(end - host), host) == -1)
		return -1;
	if ((a->connect_to = curl_slist_append(NULL, to)) == NULL)
		return -1;
	return add_header(a, "Host", host_header);
}

static int
prepare_names(struct api *a, const struct cred *cred)
{
	char *bearer;
	int r;

	if (a->kc->tls_server_name != NULL) {
		if (rename_server(a) == -1)
			return -1;
	} else if ((a->base = strdup(a->kc->server)) == NULL)
		return -1;
	if (add_header(a, "Accept", "application/json") == -1)
		return -1;
	if (cred->token == NULL)
		return 0;
	if (asprintf(&bearer, "Bearer %s", cred->token) == -1)
		return -1;
	r = add_header(a, "Authorization", bearer);
	kfile_wipe(bearer, strlen(bearer));
	return r;
}

static CURLcode
set_blob(CURL *c, CURLoption option, char *p, size_t len)
{
	struct curl_blob blob = {p, len, CURL_BLOB_NOCOPY};

	return curl_easy_setopt(c, option, &blob);
}

/* The first failure of a row of settings is what counts. */
#define SET(option, value)                                            \
	do {                                                          \
		if (e == CURLE_OK)                                    \
			e = curl_easy_setopt(a->curl, option, value); \
	} while (0)

static CURLcode
set_transport(struct api *a)
{
	CURLcode e = CURLE_OK;

	SET(CURLOPT_PROTOCOLS_STR, "http,https");
	SET(CURLOPT_FOLLOWLOCATION, 0L);
	SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	SET(CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	SET(CURLOPT_PROXY, "");
	SET(CURLOPT_NOPROXY, "*");
	SET(CURLOPT_NOSIGNAL, 1L);
	SET(CURLOPT_CONNECTTIMEOUT_MS, (long)API_CONNECT_TIMEOUT_MS);
	SET(CURLOPT_TIMEOUT_MS, (long)API_TIMEOUT_MS);
	SET(CURLOPT_ERRORBUFFER, a->problem);
	SET(CURLOPT_WRITEFUNCTION, on_body);
	SET(CURLOPT_WRITEDATA, a);
	SET(CURLOPT_USERAGENT, "k8shell");
	SET(CURLOPT_HTTPHEADER, a->headers);
	SET(CURLOPT_CONNECT_TO, a->connect_to);
	return e;
}

static CURLcode
set_tls(struct api *a, const struct cred *cred)
{
	const struct kubeconfig *kc = a->kc;
	CURLcode e = CURLE_OK;

	SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	SET(CURLOPT_SSL_VERIFYPEER, kc->insecure ? 0L : 1L);
	SET(CURLOPT_SSL_VERIFYHOST, kc->insecure ? 0L : 2L);
	if (kc->ca != NULL) {
		/* The blob replaces curl's built-in CA file but not its
		 * built-in CA folder, which would be trusted as well. */
		SET(CURLOPT_CAINFO, NULL);
		SET(CURLOPT_CAPATH, NULL);
		if (e == CURLE_OK)
			e = set_blob(a->curl, CURLOPT_CAINFO_BLOB, kc->ca,
			    kc->ca_len);
	}
	if (cred->cert == NULL)
		return e;
	if (e == CURLE_OK)
		e = set_blob(a->curl, CURLOPT_SSLCERT_BLOB, cred->cert,
		    cred->cert_len);
	if (e == CURLE_OK)
		e = set_blob(a->curl, CURLOPT_SSLKEY_BLOB, cred->key,
		    cred->key_len);
	return e;
}

struct api *
api_new(const struct kubeconfig *kc, const struct cred *cred,
    struct k8s_err *err)
{
	static int initialised;
	struct api *a __attribute__((cleanup(api_freep))) = NULL;
	struct api *done;
	CURLcode e;

	if (!initialised && curl_global_init(CURL_GLOBAL_DEFAULT) != 0) {
		k8s_err_set(err, K8S_ERR_SYSTEM, "libcurl can't start");
		return NULL;
	}
	initialised = 1;
	if ((a = calloc(1, sizeof(*a))) == NULL) {
		k8s_err_errno(err, "%s", kc->server);
		return NULL;
	}
	a->kc = kc;
	if ((a->curl = curl_easy_init()) == NULL ||
	    prepare_names(a, cred) == -1) {
		k8s_err_set(err, K8S_ERR_SYSTEM, "%s: out of memory",
		    kc->server);
		return NULL;
	}
	if ((e = set_transport(a)) != CURLE_OK ||
	    (e = set_tls(a, cred)) != CURLE_OK) {
		k8s_err_set(err, K8S_ERR_SYSTEM, "libcurl: %s",
		    curl_easy_strerror(e));
		return NULL;
	}
	done = a;
	a = NULL;
	return done;
}

/* What curl says, as a line; it may quote the server. */
static void
detail(const struct api *a, CURLcode e, char *line, size_t size)
{
	const char *s =
	    a->problem[0] != '\0' ? a->problem : curl_easy_strerror(e);

	status_line(line, size, s, strlen(s));
}

static int
connect_failed(struct api *a, struct k8s_err *err)
{
	long error = 0;

	(void)curl_easy_getinfo(a->curl, CURLINFO_OS_ERRNO, &error);
	if (error == ECONNREFUSED)
		return k8s_err_set(err, K8S_ERR_CONNECT,
		    "%s: connection "
		    "refused: is the API server running there?",
		    a->kc->server);
	if (error == ENETUNREACH || error == EHOSTUNREACH)
		return k8s_err_set(err, K8S_ERR_CONNECT,
		    "%s: unreachable: "
		    "check the network between here and the API server",
		    a->kc->server);
	return k8s_err_set(err, K8S_ERR_CONNECT, "%s: can't connect%s%s",
	    a->kc->server, error != 0 ? ": " : "",
	    error != 0 ? strerror((int)error) : "");
}

static int
timed_out(struct api *a, struct k8s_err *err)
{
	curl_off_t connected = 0;

	(void)curl_easy_getinfo(a->curl, CURLINFO_CONNECT_TIME_T, &connected);
	if (connected == 0)
		return k8s_err_set(err, K8S_ERR_TIMEOUT,
		    "%s: connecting "
		    "timed out after %d s: check the address and firewalls "
		    "on the way",
		    a->kc->server, API_CONNECT_TIMEOUT_MS / 1000);
	return k8s_err_set(err, K8S_ERR_TIMEOUT,
	    "%s: no complete answer "
	    "within %d s: is the API server overloaded or stuck?",
	    a->kc->server, API_TIMEOUT_MS / 1000);
}

static int
not_trusted(struct api *a, CURLcode e, struct k8s_err *err)
{
	const char *server = a->kc->server, *origin = a->kc->origin;
	char line[256];
	long v = -1;

	(void)curl_easy_getinfo(a->curl, CURLINFO_SSL_VERIFYRESULT, &v);
	/* curl compares the name itself and has only this text for it. */
	if (strstr(a->problem, "subject name") != NULL)
		v = VERIFY_WRONG_HOST;
	switch (v) {
	case VERIFY_EXPIRED:
		return k8s_err_set(err, K8S_ERR_TLS,
		    "%s: the certificate has "
		    "expired: renew it (and check the clock here)",
		    server);
	case VERIFY_NOT_YET_VALID:
		return k8s_err_set(err, K8S_ERR_TLS,
		    "%s: the certificate is "
		    "not valid yet: check the clocks here and there",
		    server);
	case VERIFY_SELF_SIGNED:
	case VERIFY_SELF_SIGNED_CA:
	case VERIFY_NO_ISSUER:
	case VERIFY_NO_ISSUER_LEAF:
		return k8s_err_set(err, K8S_ERR_TLS,
		    "%s: the certificate is "
		    "from an authority that is not trusted: check "
		    "certificate-authority in %s",
		    server, origin);
	case VERIFY_WRONG_HOST:
	case VERIFY_WRONG_IP:
		return k8s_err_set(err, K8S_ERR_TLS,
		    "%s: the certificate is "
		    "for another host name: correct server or set "
		    "tls-server-name in %s",
		    server, origin);
	}
	detail(a, e, line, sizeof(line));
	return k8s_err_set(err, K8S_ERR_TLS,
	    "%s: the certificate is not "
	    "good: %s",
	    server, line);
}

static int
transfer_failed(struct api *a, CURLcode e, struct k8s_err *err)
{
	const char *server = a->kc->server, *origin = a->kc->origin;
	char line[256];

	detail(a, e, line, sizeof(line));
	switch (e) {
	case CURLE_COULDNT_RESOLVE_HOST:
		return k8s_err_set(err, K8S_ERR_CONNECT,
		    "%s: the host name "
		    "can't be resolved: check server in %s",
		    server, origin);
	case CURLE_COULDNT_CONNECT:
		return connect_failed(a, err);
	case CURLE_OPERATION_TIMEDOUT:
		return timed_out(a, err);
	case CURLE_PEER_FAILED_VERIFICATION:
		return not_trusted(a, e, err);
	case CURLE_SSL_CACERT_BADFILE:
		if (a->kc->ca == NULL)
			return k8s_err_set(err, K8S_ERR_CONFIG,
			    "%s: this machine knows no authorities: set "
			    "certificate-authority in %s or install "
			    "ca-certificates",
			    server, origin);
		return k8s_err_set(err, K8S_ERR_CONFIG,
		    "%s: the "
		    "certificate-authority holds no usable certificate",
		    origin);
	case CURLE_SSL_CERTPROBLEM:
		return k8s_err_set(err, K8S_ERR_CONFIG,
		    "%s: the client "
		    "certificate or its key can't be used: %s",
		    origin, line);
	case CURLE_SSL_CONNECT_ERROR:
		return k8s_err_set(err, K8S_ERR_TLS,
		    "%s: TLS handshake "
		    "failed: %s",
		    server, line);
	case CURLE_GOT_NOTHING:
	case CURLE_SEND_ERROR:
	case CURLE_RECV_ERROR:
	case CURLE_PARTIAL_FILE:
		return k8s_err_set(err, K8S_ERR_DISCONNECT,
		    "%s: the "
		    "connection was cut before the answer was complete: %s",
		    server, line);
	default:
		return k8s_err_set(err, K8S_ERR_SYSTEM, "%s: %s", server, line);
	}
}

/* curl_easy_perform with what belongs around it. */
static CURLcode
perform(struct api *a, const char *path)
{
	char *url __attribute__((cleanup(freep))) = NULL;
	CURLcode e;

	if (asprintf(&url, "%s%s", a->base, path) == -1) {
		url = NULL;
		return CURLE_OUT_OF_MEMORY;
	}
	a->too_large = 0;
	a->problem[0] = '\0';
	if ((e = curl_easy_setopt(a->curl, CURLOPT_URL, url)) != CURLE_OK)
		return e;
	return curl_easy_perform(a->curl);
}

static int
retry_after(struct api *a)
{
	curl_off_t seconds = 0;

	if (curl_easy_getinfo(a->curl, CURLINFO_RETRY_AFTER, &seconds) !=
		CURLE_OK ||
	    seconds <= 0)
		return -1;
	return seconds > 86400 ? 86400 : (int)seconds;
}

int
api_get(struct api *a, const char *path, struct buf *body, int *http_code,
    struct k8s_err *err)
{
	struct buf *got __attribute__((cleanup(buf_freep))) = NULL;
	long code = 0;
	CURLcode e;

	if (http_code != NULL)
		*http_code = 0;
	if ((got = buf_new(API_BODY_MAX)) == NULL)
		return k8s_err_errno(err, "%s", a->kc->server);
	a->body = got;
	e = perform(a, path);
	a->body = NULL;
	if (a->too_large)
		return k8s_err_set(err, K8S_ERR_LIMIT,
		    "%s: an answer of more "
		    "than %d bytes",
		    a->kc->server, API_BODY_MAX);
	if (e != CURLE_OK)
		return transfer_failed(a, e, err);
	(void)curl_easy_getinfo(a->curl, CURLINFO_RESPONSE_CODE, &code);
	if (http_code != NULL)
		*http_code = (int)code;
	if (code != 200)
		return status_http_error((int)code, (const char *)buf_data(got),
		    buf_len(got), retry_after(a), err);
	if (buf_put(body, buf_data(got), buf_len(got)) == -1)
		return k8s_err_set(err, K8S_ERR_LIMIT,
		    "%s: an answer of %zu "
		    "bytes is too large",
		    a->kc->server, buf_len(got));
	return 0;
}
