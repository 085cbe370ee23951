/* SPDX-License-Identifier: Apache-2.0 */
/*
 * metav1.Status: how the API server says what went wrong, and how exec says
 * how the command ended (channel 3). Untrusted input.
 * Source: kubernetes API conventions, "Response Status Kind"; the mapping of
 * exec's texts is measured, see tests/data/transcripts.
 */
#ifndef K8SHELL_STATUS_H
#define K8SHELL_STATUS_H

#include <stddef.h>

#include "lib/core/err.h"

/* Largest Status that is looked at; a longer one is K8S_ERR_INVALID. */
#define STATUS_MAX (64 * 1024)

/*
 * Turns an HTTP error answer into one readable line and a code
 * (401 AUTH, 403 FORBIDDEN, 404 NOT_FOUND, else API). Says what to do where
 * there is something to do (RBAC verbs missing, token expired). The body may
 * be a Status, plain text, HTML or nothing. retry_after: seconds, or -1.
 * Control characters of the server's text never reach err. Always -1.
 */
int status_http_error(int http_code, const char *body, size_t len,
    int retry_after, struct k8s_err *err);

/*
 * exec's Status on channel 3. 0 and *exit_code = 0..255 if the command ended
 * by itself (death by signal n looks like 128+n there). -1:
 * K8S_ERR_NO_COMMAND or K8S_ERR_NOT_EXECUTABLE if it never started,
 * otherwise what the server said.
 */
int status_exec(const char *json, size_t len, int *exit_code,
    struct k8s_err *err);

/*
 * Text from outside as one line for people: printable ASCII stays, white
 * space and control characters become one space, anything else a '?'. No
 * space at either end. Cut to size, always NUL-terminated; dst may be src.
 * Returns dst.
 */
char *status_line(char *dst, size_t size, const char *src, size_t len);

#endif
