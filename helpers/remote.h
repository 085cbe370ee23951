/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A program that a helper itself runs in a container, over a guest's stream,
 * to look or to put something there: given its stdin, its output collected.
 */
#ifndef K8SHELL_REMOTE_H
#define K8SHELL_REMOTE_H

#include <stddef.h>

#include "lib/core/err.h"
#include "lib/core/mux.h"

/* What is kept of each stream of its output, bytes; the rest is dropped. */
#define REMOTE_OUTPUT_MAX 1024

struct remote_params {
	const char *const *argv; /* ends with NULL */
	const char *user;	 /* to become, or NULL */
	const unsigned char *in; /* its stdin: borrowed until done() */
	size_t in_len;
};

/* What became of it; untrusted. The strings are borrowed during the call. */
struct remote_result {
	int status;	  /* 0..255; a death by signal is 255, named in errs */
	const char *out;  /* up to the first NUL, newlines at its end cut */
	const char *errs; /* the same of stderr */
};

/*
 * Starts it. done() is called once, from the stream, or from mux_free(). A
 * guest that refuses, or ends it without a status, is status 255 with the
 * reason in errs. What is in params is no longer needed afterwards, but for its
 * in. -1: it can't be started, done() will not be called.
 */
int remote_start(struct mux *m, const struct remote_params *params,
    void (*done)(void *arg, const struct remote_result *r), void *arg,
    struct k8s_err *err);

#endif
