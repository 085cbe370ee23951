/* SPDX-License-Identifier: Apache-2.0 */
/* The TLS side of a kubeconfig for connections that are not libcurl's. */
#ifndef K8SHELL_TLS_H
#define K8SHELL_TLS_H

#include <openssl/ssl.h>

#include "lib/core/err.h"
#include "lib/kube/cred.h"
#include "lib/kube/kubeconfig.h"

/*
 * A client context that verifies as kc says: its authorities only (the
 * system's if it names none), and the server's name or address: host, or
 * tls-server-name where set. It also presents the client certificate of cred.
 * host without brackets. The caller frees with SSL_CTX_free().
 */
SSL_CTX *tls_client_ctx(const struct kubeconfig *kc, const struct cred *cred,
    const char *host, struct k8s_err *err);

/* A connection of it, with SNI (RFC 6066: names only, no addresses). */
SSL *tls_client_new(SSL_CTX *ctx);

#endif
