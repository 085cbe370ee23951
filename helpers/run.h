/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the programs that sshd starts for a user, k8shell-session and
 * k8shell-sftp, have in common: who the user is and where his workspace, the
 * record at the supervisor, by means of the guest or in plain mode, and an end
 * as the remote side's.
 */
#ifndef K8SHELL_RUN_H
#define K8SHELL_RUN_H

#include "helpers/guestsession.h"
#include "helpers/relay.h"
#include "lib/core/control.h"
#include "lib/core/err.h"
#include "lib/kube/ws.h"

/* What one of these programs does; arg is run()'s. */
struct run_kind {
	enum control_kind kind;
	const char *command; /* for the record; of CONTROL_EXEC */
	/*
	 * By means of the guest: adds to params, which has exec, env and agent
	 * already.
	 */
	void (*guest)(void *arg, struct guestsession_params *p);
	/*
	 * In plain mode: adds to params, which has exec and env, and runs it,
	 * as relay_run(). no_guest: why the container can't run the guest;
	 * NULL: it is not to.
	 */
	int (*plain)(void *arg, struct relay *relay, struct ws_client *server,
	    struct relay_params *p, const char *no_guest,
	    struct relay_result *result, struct k8s_err *err);
	/*
	 * Nothing was written to the user, nor will be: tells him why, where
	 * stderr is not what he sees. May be NULL.
	 */
	void (*refuse)(void *arg, const char *line);
};

/* A session from its beginning to its end; returns main()'s exit status. */
int run(const struct run_kind *kind, void *arg);

/* The one line a user sees when there is no run(); main()'s exit status. */
int run_complain(const struct k8s_err *err);

#endif
