/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/kube/tls.h"

#include <arpa/inet.h>
#include <limits.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

static void
tls_free_bio(BIO **b)
{
	BIO_free(*b);
}

static void
tls_free_x509(X509 **x)
{
	X509_free(*x);
}

static void
tls_free_key(EVP_PKEY **k)
{
	EVP_PKEY_free(*k);
}

static int
tls_error(struct k8s_err *err, const char *what)
{
	const char *reason = ERR_reason_error_string(ERR_peek_last_error());

	ERR_clear_error();
	return k8s_err_set(err, K8S_ERR_TLS, "%s: %s", what,
	    reason != NULL ? reason : "unknown error of the TLS library");
}

static BIO *
tls_mem(const char *pem, size_t len)
{
	return len > INT_MAX ? NULL : BIO_new_mem_buf(pem, (int)len);
}

/* All certificates of a PEM bundle; at least one. */
static int
tls_add_authorities(SSL_CTX *ctx, const char *pem, size_t len,
    struct k8s_err *err)
{
	__attribute__((cleanup(tls_free_bio))) BIO *bio = tls_mem(pem, len);
	X509_STORE *store = SSL_CTX_get_cert_store(ctx);
	X509 *x;
	int n = 0, ok = 1;

	/* Each is a trust anchor, an intermediate too, as for kubectl. */
	(void)X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN);
	if (bio == NULL)
		return tls_error(err, "certificate-authority");
	while (ok && (x = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL) {
		ok = X509_STORE_add_cert(store, x);
		X509_free(x);
		n++;
	}
	if (!ok || n == 0)
		return tls_error(err, "certificate-authority");
	ERR_clear_error(); /* the end of a PEM file is one */
	return 0;
}

/* The certificate, its chain if it follows, and the key. */
static int
tls_use_client_cert(SSL_CTX *ctx, const struct cred *cred, struct k8s_err *err)
{
	__attribute__((cleanup(tls_free_bio))) BIO *cb = NULL;
	__attribute__((cleanup(tls_free_bio))) BIO *kb = NULL;
	__attribute__((cleanup(tls_free_x509))) X509 *leaf = NULL;
	__attribute__((cleanup(tls_free_key))) EVP_PKEY *key = NULL;
	X509 *link;

	if ((cb = tls_mem(cred->cert, cred->cert_len)) == NULL ||
	    (leaf = PEM_read_bio_X509(cb, NULL, NULL, NULL)) == NULL ||
	    SSL_CTX_use_certificate(ctx, leaf) != 1)
		return tls_error(err, "client-certificate");
	while ((link = PEM_read_bio_X509(cb, NULL, NULL, NULL)) != NULL)
		if (SSL_CTX_add0_chain_cert(ctx, link) != 1) {
			X509_free(link);
			return tls_error(err, "client-certificate");
		}
	ERR_clear_error();
	/* The empty passphrase: an encrypted key fails instead of asking. */
	if ((kb = tls_mem(cred->key, cred->key_len)) == NULL ||
	    (key = PEM_read_bio_PrivateKey(kb, NULL, NULL, (void *)"")) ==
		NULL ||
	    SSL_CTX_use_PrivateKey(ctx, key) != 1 ||
	    SSL_CTX_check_private_key(ctx) != 1)
		return tls_error(err, "client-key");
	return 0;
}

static int
tls_is_address(const char *host)
{
	unsigned char a[sizeof(struct in6_addr)];

	return inet_pton(AF_INET, host, a) == 1 ||
	    inet_pton(AF_INET6, host, a) == 1;
}

/* Where the name for SNI is kept, in the context that owns the copy. */
static int tls_name_index = -1;

static void
tls_free_name(void *parent, void *ptr, CRYPTO_EX_DATA *ad, int idx, long argl,
    void *argp)
{
	(void)parent;
	(void)ad;
	(void)idx;
	(void)argl;
	(void)argp;
	free(ptr);
}

SSL *
tls_client_new(SSL_CTX *ctx)
{
	char *name = SSL_CTX_get_ex_data(ctx, tls_name_index);
	SSL *ssl = SSL_new(ctx);

	if (ssl != NULL && !tls_is_address(name) &&
	    SSL_set_tlsext_host_name(ssl, name) != 1) {
		SSL_free(ssl);
		return NULL;
	}
	return ssl;
}

static int
tls_verify_anything(X509_STORE_CTX *store, void *arg)
{
	(void)arg;
	X509_STORE_CTX_set_error(store, X509_V_OK);
	return 1;
}

static int
tls_setup(SSL_CTX *ctx, const struct kubeconfig *kc, const struct cred *cred,
    const char *host, struct k8s_err *err)
{
	const char *name =
	    kc->tls_server_name != NULL ? kc->tls_server_name : host;
	X509_VERIFY_PARAM *param = SSL_CTX_get0_param(ctx);
	char *copy;

	if (SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) != 1)
		return tls_error(err, "TLS");
	SSL_CTX_set_mode(ctx,
	    SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
		SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	(void)SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
	if (kc->insecure) {
		SSL_CTX_set_cert_verify_callback(ctx, tls_verify_anything,
		    NULL);
	} else {
		X509_VERIFY_PARAM_set_hostflags(param,
		    X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS |
			X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
		if ((tls_is_address(name)
			    ? X509_VERIFY_PARAM_set1_ip_asc(param, name)
			    : X509_VERIFY_PARAM_set1_host(param, name, 0)) != 1)
			return tls_error(err, "the server's name");
		if (kc->ca == NULL) {
			if (SSL_CTX_set_default_verify_paths(ctx) != 1)
				return tls_error(err, "system authorities");
		} else if (tls_add_authorities(ctx, kc->ca, kc->ca_len, err) ==
		    -1) {
			return -1;
		}
	}
	if (cred->cert != NULL && tls_use_client_cert(ctx, cred, err) == -1)
		return -1;
	if (tls_name_index == -1)
		tls_name_index = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL,
		    tls_free_name);
	if (tls_name_index == -1 || (copy = strdup(name)) == NULL)
		return k8s_err_errno(err, "TLS");
	if (SSL_CTX_set_ex_data(ctx, tls_name_index, copy) != 1) {
		free(copy);
		return tls_error(err, "TLS");
	}
	return 0;
}

SSL_CTX *
tls_client_ctx(const struct kubeconfig *kc, const struct cred *cred,
    const char *host, struct k8s_err *err)
{
	SSL_CTX *ctx;

	if ((ctx = SSL_CTX_new(TLS_client_method())) == NULL) {
		tls_error(err, "TLS");
		return NULL;
	}
	if (tls_setup(ctx, kc, cred, host, err) == -1) {
		k8s_err_prefix(err, "%s", kc->origin);
		SSL_CTX_free(ctx);
		return NULL;
	}
	return ctx;
}
