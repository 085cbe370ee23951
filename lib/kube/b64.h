/* SPDX-License-Identifier: Apache-2.0 */
/* Base64, RFC 4648 section 4. */
#ifndef K8SHELL_B64_H
#define K8SHELL_B64_H

#include <stddef.h>

/*
 * Padding is required; line ends are skipped, as Go does. out holds at least
 * strlen(s) bytes and gets no NUL. -1 if s is not base64.
 */
int b64_decode(const char *s, char *out, size_t *len);

/* A string; the caller frees. NULL without memory. */
char *b64_encode(const char *p, size_t len);

#endif
