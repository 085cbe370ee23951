/* SPDX-License-Identifier: Apache-2.0 */
/* k8shell.conf: see k8shell.conf(5). */
#ifndef K8SHELL_CONFIG_H
#define K8SHELL_CONFIG_H

#include "lib/core/err.h"
#include "lib/core/log.h"

#define CONFIG_VALUE_MAX 1024

/* For config.user: the name that the user has here. */
#define CONFIG_SAME "%u"

/* Forwarded channels of a connection, unless [proxyd] says otherwise. */
#define CONFIG_FORWARDS	    256
#define CONFIG_FORWARDS_MAX 1024

/*
 * How long the opening of one may take, s. Not as long as the supervisor waits
 * for an answer (proxyprotocol/channels.h).
 */
#define CONFIG_DIAL_TIMEOUT	10
#define CONFIG_DIAL_TIMEOUT_MAX 50

struct config {
	char *kubeconfig; /* absolute; NULL: the in-cluster account */
	char *namespace_; /* of the workspace */
	char *pod;	  /* template; see config_expand() */
	char *container;  /* or NULL: the pod's default */
	char *user;    /* of the container, to become; CONFIG_SAME; or NULL */
	int guest_off; /* plain mode only */
	unsigned int max_forwards, forward_dial_timeout;
	enum log_level log_level;
};

/*
 * Reads path; the caller frees. An unknown section or key, a value twice and
 * a line that is none are errors with their line number: a misspelt limit
 * must not silently be no limit.
 */
struct config *config_load(const char *path, struct k8s_err *err);

/* The same from memory: for tests and fuzzing. */
struct config *config_parse(const char *text, const char *origin,
    struct k8s_err *err);

void config_free(struct config *c);
void config_freep(struct config **c);

/*
 * Expands %u (user) and %% in a template. The caller frees. Fails unless the
 * result is a DNS-1123 subdomain of at most 253 characters, the form of a pod's
 * name: whatever a user is called, it cannot lead out of its place in a URL.
 */
char *config_expand(const char *template, const char *user,
    struct k8s_err *err);

/* Whether s is a DNS-1123 subdomain (RFC 1123) of at most max characters. */
int config_is_name(const char *s, size_t max);

#endif
