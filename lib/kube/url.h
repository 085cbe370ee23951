/* SPDX-License-Identifier: Apache-2.0 */
#ifndef K8SHELL_URL_H
#define K8SHELL_URL_H

#include <stddef.h>

#include "lib/core/buf.h"
#include "lib/core/err.h"

/*
 * Appends in to out, percent-encoded for a path segment or a query value
 * (RFC 3986: unreserved characters stay). -1 if out's cap is reached.
 */
int url_escape(struct buf *out, const char *in, size_t len);

/* The parts of a server's URL; all-zero is an empty one. */
struct url {
	int tls;	 /* https, not http */
	char *authority; /* host[:port] as it stands there: the Host header */
	char *host;	 /* without brackets */
	char port[6];	 /* "443" or "80" if there is none */
	char *path;	 /* begins with '/', or "" */
};

/*
 * Takes http[s]://host[:port][/path] apart; of what else a URL can have
 * (user, query) kubeconfig_load() has seen that there is nothing. On failure
 * there may be something in u all the same: url_clear() in any case.
 */
int url_split(struct url *u, const char *s, struct k8s_err *err);
void url_clear(struct url *u);

#endif
