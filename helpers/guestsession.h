/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A session by means of k8shell-guest: between the client and a channel of
 * the stream to it. Nothing of ours enters the output.
 */
#ifndef K8SHELL_GUESTSESSION_H
#define K8SHELL_GUESTSESSION_H

#include "helpers/carry.h"
#include "helpers/client.h"
#include "helpers/relay.h"
#include "lib/core/err.h"
#include "lib/core/loop.h"
#include "lib/core/mux.h"
#include "lib/kube/ws.h"

struct guestsession;

struct guestsession_params {
	struct exec_params exec;
	const char *const *env; /* for the remote side, NULL at the end */
	const char *command;	/* NULL: the login shell */
	const char *user;	/* to become, or NULL */
	const char *agent;	/* socket of the user's agent, or NULL */

	/*
	 * What to do, when the guest is there, before the session is opened,
	 * or NULL. It may open channels on m, and it ends with
	 * guestsession_begin() or guestsession_fail(), now or later; once
	 * the link has ended, when that changes nothing any more. user is the
	 * one above.
	 */
	void (*prepare)(void *arg, struct guestsession *g, struct mux *m,
	    const char *user);
	void *arg;
};

/*
 * Opens the session. argv: a program to run without a shell, in place of the
 * command, which is NULL then; or NULL. env, or NULL, is set after params'.
 */
void guestsession_begin(struct guestsession *g, const char *const *argv,
    const char *const *env);
/* There can be no session: result->err will be this. */
void guestsession_fail(struct guestsession *g, const struct k8s_err *why);

/*
 * Runs a session to its end, all output delivered. As relay_run(), and
 * *no_guest: the container can't run the guest, result->err says why, and
 * nothing of the client's input is gone. -1: it could not even begin.
 */
int guestsession_run(struct loop *loop, struct client *client,
    struct ws_client *server, struct carry *carry,
    const struct guestsession_params *params, struct relay_result *result,
    int *no_guest, struct k8s_err *err);

#endif
