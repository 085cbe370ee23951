/* SPDX-License-Identifier: Apache-2.0 */
#include "helpers/workspace.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "helpers/carry.h"
#include "helpers/guestlink.h"
#include "helpers/setup.h"
#include "lib/core/log.h"

/*
 * How long the loading of credentials may take, s; SIGALRM ends the process
 * then, and with it all dials. Nobody else could: the supervisor has another
 * uid.
 */
#define WORKSPACE_BLOCK_MAX_S 45

struct workspace {
	struct loop *loop;
	const char *user;
	const struct workspace_handler *h;
	void *arg;
	struct setup setup;
	char *pod;
	struct ws_client *server; /* NULL: nothing is loaded */
	struct carry carry;
	int has_carry;
	struct guestlink *link;
	struct mux *mux; /* while the link is ready */
	int plain;
	char no_guest[K8S_ERR_MAX]; /* why */
};

struct workspace *
workspace_new(struct loop *loop, const char *user,
    const struct workspace_handler *h, void *arg)
{
	struct workspace *w;

	if ((w = calloc(1, sizeof(*w))) == NULL)
		return NULL;
	w->loop = loop;
	w->user = user;
	w->h = h;
	w->arg = arg;
	return w;
}

/* Nothing goes on with it any more. */
static void
workspace_unload(struct workspace *w)
{
	ws_client_free(w->server);
	w->server = NULL;
	free(w->pod);
	w->pod = NULL;
	setup_clear(&w->setup);
}

static int
workspace_in_use(const struct workspace *w)
{
	return w->server != NULL && ws_client_connections(w->server) > 0;
}

void
workspace_free(struct workspace *w)
{
	struct k8s_err why;

	if (w == NULL)
		return;
	w->h = NULL;
	if (w->link != NULL) {
		k8s_err_set(&why, K8S_ERR_DISCONNECT, "it is over");
		guestlink_abort(w->link, &why);
	}
	while (workspace_in_use(w))
		if (loop_dispatch(w->loop, -1) == -1)
			break;
	workspace_unload(w);
	if (w->has_carry)
		carry_clear(&w->carry);
	free(w);
}

void
workspace_freep(struct workspace **w)
{
	workspace_free(*w);
	*w = NULL;
}

static int
workspace_load(struct workspace *w, struct k8s_err *err)
{
	workspace_unload(w);
	if (setup_load(&w->setup, err) == -1)
		return -1;
	if ((w->pod = config_expand(w->setup.config->pod, w->user, err)) ==
	    NULL)
		return k8s_err_prefix(err, "the pod of user %s", w->user);
	w->server = ws_client_new(w->loop, w->setup.kc, &w->setup.cred, err);
	return w->server != NULL ? 0 : -1;
}

static void
workspace_be_plain(struct workspace *w, const char *why)
{
	w->plain = 1;
	(void)snprintf(w->no_guest, sizeof(w->no_guest), "%s", why);
	log_info("user %s: forwards without k8shell-guest to %s/%s: %s",
	    w->user, w->setup.config->namespace_, w->pod, why);
}

/*
 * The link.
 */

static void
workspace_link_ready(void *arg, struct mux *m, uint32_t capabilities)
{
	struct workspace *w = arg;

	(void)capabilities; /* mux_open() looks at them */
	w->mux = m;
	if (w->h != NULL)
		w->h->ready(w->arg);
}

static void
workspace_link_ended(void *arg, enum guestlink_end how, int http_refused,
    const struct k8s_err *err)
{
	struct workspace *w = arg;
	int was_ready = w->mux != NULL;

	(void)http_refused;
	w->link = NULL;
	w->mux = NULL;
	if (w->h == NULL)
		return;
	/* A container that is merely slow may be quicker another time. */
	if (how == GUESTLINK_NO_GUEST && !was_ready &&
	    err->code != K8S_ERR_TIMEOUT) {
		workspace_be_plain(w, err->msg);
		w->h->ready(w->arg);
		return;
	}
	log_info("user %s: forwards to %s/%s: %s", w->user,
	    w->setup.config->namespace_, w->pod, err->msg);
	w->h->cut(w->arg, err);
}

static const struct guestlink_handler workspace_link_handler = {
    .ready = workspace_link_ready,
    .ended = workspace_link_ended,
};

static int
workspace_start(struct workspace *w, struct k8s_err *err)
{
	const struct exec_params exec = {
	    .namespace_ = w->setup.config->namespace_,
	    .pod = w->pod,
	    .container = w->setup.config->container,
	};

	if (!w->has_carry) {
		if (carry_init(&w->carry, GUEST_DIR, err) == -1) {
			carry_clear(&w->carry);
			if (err->code != K8S_ERR_NOT_FOUND)
				return -1;
			workspace_be_plain(w, err->msg);
			return 1;
		}
		w->has_carry = 1;
	}
	w->link = guestlink_start(w->loop, w->server, &exec, &w->carry,
	    MUX_CAP_TCP | MUX_CAP_UNIX, &workspace_link_handler, w, err);
	return w->link != NULL ? 0 : -1;
}

/* A plugin or a resolver that does not come to an end would be waited for. */
static int
workspace_load_in_time(struct workspace *w, struct k8s_err *err)
{
	int ret;

	(void)alarm(WORKSPACE_BLOCK_MAX_S);
	ret = workspace_load(w, err);
	(void)alarm(0);
	return ret;
}

int
workspace_want(struct workspace *w, struct k8s_err *err)
{
	struct k8s_err why;

	if (w->mux != NULL && guestlink_why(w->link) == NULL)
		return 1;
	if (w->link != NULL)
		return 0;
	if (!workspace_in_use(w) && workspace_load_in_time(w, &why) == -1) {
		workspace_unload(w);
		return k8s_err_set(err, why.code, "%s", why.msg);
	}
	if (w->setup.config->guest_off && !w->plain)
		workspace_be_plain(w, "guest = off");
	if (w->plain)
		return 1;
	switch (workspace_start(w, &why)) {
	case 0:
		return 0;
	case 1:
		return 1;
	default:
		return k8s_err_set(err, why.code, "%s", why.msg);
	}
}

struct mux *
workspace_mux(const struct workspace *w)
{
	return w->mux;
}

const char *
workspace_plain(const struct workspace *w)
{
	return w->no_guest;
}

const struct k8s_err *
workspace_why(const struct workspace *w)
{
	return w->link != NULL ? guestlink_why(w->link) : NULL;
}

const struct config *
workspace_config(const struct workspace *w)
{
	return w->setup.config;
}

const char *
workspace_pod(const struct workspace *w)
{
	return w->pod;
}

struct ws_client *
workspace_server(const struct workspace *w)
{
	return w->server;
}
