/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One session between the descriptors that sshd gave us and an exec in a
 * container: stdin, stdout, stderr or a terminal, each direction with
 * backpressure and bounded memory. Nothing of ours enters the output.
 */
#ifndef K8SHELL_RELAY_H
#define K8SHELL_RELAY_H

#include <stdint.h>

#include "lib/core/err.h"
#include "lib/core/loop.h"
#include "lib/kube/exec.h"
#include "lib/kube/ws.h"

struct relay_params {
	struct exec_params exec;   /* its command and size are filled in here */
	const char *const *env;	   /* for the remote side, NULL at the end */
	const char *command;	   /* NULL: the login shell */
	const char *const *direct; /* argv without a shell, or NULL */
};

struct relay_result {
	int exit_code;	  /* 0..255, or -1: err says why there is none */
	int signal;	  /* the command died of it (exit_code is 128+n) */
	int caught;	  /* we were told to end by this signal, or 0 */
	int client_gone;  /* nobody is there to read a message */
	int http_refused; /* there was no WebSocket */
	int started;	  /* stdin may have been used up: no second try */
	struct k8s_err err;
};

struct relay;

/*
 * For descriptors 0, 1 and 2; tty: 0 and 1 are a terminal, raw from now on.
 * Blocks the signals that end a session. One for the life of the process.
 */
struct relay *relay_new(struct loop *loop, int tty, struct k8s_err *err);

/*
 * Runs one exec to its end, all output delivered. May be called again only
 * if the result says !started. -1: it could not even begin.
 */
int relay_run(struct relay *r, struct ws_client *client,
    const struct relay_params *params, struct relay_result *result,
    struct k8s_err *err);

/* How much came from the client and went to it (stderr as well) so far. */
void relay_traffic(const struct relay *r, uint64_t *in, uint64_t *out);

/* The terminal is as it was before, signals are unblocked. NULL is fine. */
void relay_free(struct relay *r);
void relay_freep(struct relay **r);

#endif
