/* SPDX-License-Identifier: Apache-2.0 */
#ifndef K8SHELL_URL_H
#define K8SHELL_URL_H

#include <stddef.h>

#include "lib/core/buf.h"

/*
 * Appends in to out, percent-encoded for a path segment or a query value
 * (RFC 3986: unreserved characters stay). -1 if out's cap is reached.
 */
int url_escape(struct buf *out, const char *in, size_t len);

#endif
