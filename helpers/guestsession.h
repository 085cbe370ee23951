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
#include "lib/kube/ws.h"

struct guestsession_params {
	struct exec_params exec;
	const char *const *env; /* for the remote side, NULL at the end */
	const char *command;	/* NULL: the login shell */
	const char *user;	/* to become, or NULL */
	const char *agent;	/* socket of the user's agent, or NULL */
};

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
