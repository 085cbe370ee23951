/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A session in plain mode: between the client and an exec in a container,
 * stdin, stdout, stderr or a terminal, each direction with backpressure and
 * bounded memory. Nothing of ours enters the output.
 */
#ifndef K8SHELL_RELAY_H
#define K8SHELL_RELAY_H

#include "helpers/client.h"
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

/* loop and client are borrowed. */
struct relay *relay_new(struct loop *loop, struct client *client,
    struct k8s_err *err);

/*
 * Runs one exec to its end, all output delivered. May be called again only
 * if the result says !started. -1: it could not even begin.
 */
int relay_run(struct relay *r, struct ws_client *client,
    const struct relay_params *params, struct relay_result *result,
    struct k8s_err *err);

/* NULL is fine. */
void relay_free(struct relay *r);
void relay_freep(struct relay **r);

#endif
