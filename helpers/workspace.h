/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stream to a user's workspace that k8shell-forward's channels share, begun
 * when it is wanted and anew when it was cut.
 */
#ifndef K8SHELL_WORKSPACE_H
#define K8SHELL_WORKSPACE_H

#include "lib/core/config.h"
#include "lib/core/err.h"
#include "lib/core/loop.h"
#include "lib/core/mux.h"
#include "lib/kube/ws.h"

struct workspace;

struct workspace_handler {
	/* What workspace_want() waited for: workspace_mux() or _plain(). */
	void (*ready)(void *arg);
	/*
	 * The stream was cut or did not come to be; its channels have got
	 * their closed(). err says why, as workspace_why() did to those.
	 */
	void (*cut)(void *arg, const struct k8s_err *err);
};

/* All of it is borrowed. NULL without memory. */
struct workspace *workspace_new(struct loop *loop, const char *user,
    const struct workspace_handler *h, void *arg);

/*
 * Ends the stream, if there is one, and waits for that and for connections to
 * the server that have been given up. NULL is fine.
 */
void workspace_free(struct workspace *w);
void workspace_freep(struct workspace **w);

/*
 * Someone wants to dial: 1: it can be done now; 0: ready() or cut() follows,
 * from the loop. -1: it can't, for now. Where there is no connection to
 * the server configuration and credentials are read, which may start the
 * kubeconfig's credential plugin and wait for it: nobody else does then.
 */
int workspace_want(struct workspace *w, struct k8s_err *err);

/* Where it can be done: by channels on this; NULL: in plain mode. */
struct mux *workspace_mux(const struct workspace *w);
/* Why there is no guest, in plain mode. */
const char *workspace_plain(const struct workspace *w);

/* Why the stream ends, where it does; else NULL. */
const struct k8s_err *workspace_why(const struct workspace *w);

/* After workspace_want() did not fail; borrowed until the next one. */
const struct config *workspace_config(const struct workspace *w);
const char *workspace_pod(const struct workspace *w);
struct ws_client *workspace_server(const struct workspace *w);

#endif
