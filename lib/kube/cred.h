/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What authenticates the next request: a bearer token, a client certificate
 * or both. Obtained from the kubeconfig each time it is needed, so that a
 * rotated token file is read again and an expired plugin answer is renewed.
 */
#ifndef K8SHELL_CRED_H
#define K8SHELL_CRED_H

#include "lib/core/err.h"
#include "lib/kube/kubeconfig.h"

/* Longest bearer token, bytes. */
#define CRED_TOKEN_MAX 65536

/* How long an exec plugin may take. */
#define CRED_PLUGIN_TIMEOUT_MS 30000

struct cred {
	char *token;	  /* RFC 6750 token68 characters only; or NULL */
	char *cert, *key; /* PEM, or both NULL */
	size_t cert_len, key_len;
	long long expires; /* seconds since the epoch; 0 if not said */
};

/*
 * Fills *c, which the caller clears with cred_clear(). What a failed plugin
 * wrote to stderr goes nowhere: it may hold a secret.
 */
int cred_get(const struct kubeconfig *kc, struct cred *c, struct k8s_err *err);

/* Wipes and frees what is inside. */
void cred_clear(struct cred *c);

/* A plugin's answer alone, for tests and fuzzing. */
int cred_parse_plugin(const char *json, size_t len, const char *api_version,
    struct cred *c, struct k8s_err *err);

#endif
