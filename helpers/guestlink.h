/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A stream to k8shell-guest in a container: one exec that starts it (carry.h)
 * and then carries frames (lib/core/mux.h).
 */
#ifndef K8SHELL_GUESTLINK_H
#define K8SHELL_GUESTLINK_H

#include "helpers/carry.h"
#include "lib/core/err.h"
#include "lib/core/loop.h"
#include "lib/core/mux.h"
#include "lib/kube/exec.h"
#include "lib/kube/ws.h"

/* From the exec's start to the guest's first word, with its file or without. */
#define GUESTLINK_START_TIMEOUT_MS 30000

/* A guest is dead that long after it was asked for a sign of life. */
#define GUESTLINK_PING_MS 30000

enum guestlink_end {
	GUESTLINK_CLOSED,   /* it ran: why is in err */
	GUESTLINK_NO_GUEST, /* this container can't run it: why is in err */
	GUESTLINK_NO_EXEC,  /* the server refused; exec.h's http_refused */
};

struct guestlink;

struct guestlink_handler {
	/* The guest is there: channels may be opened. */
	void (*ready)(void *arg, struct mux *m, uint32_t capabilities);
	/*
	 * It wants one: as mux_handler's open(). May be NULL without
	 * MUX_CAP_AGENT.
	 */
	void (*open)(void *arg, struct mux_channel *c, enum mux_kind kind,
	    const unsigned char *p, size_t len);
	/*
	 * The end, once, from the loop; the link is gone afterwards, and so
	 * are its mux and channels, which have got closed() before.
	 */
	void (*ended)(void *arg, enum guestlink_end how, int http_refused,
	    const struct k8s_err *err);
};

/*
 * All but exec's command and tty, which are set here, is borrowed.
 * capabilities: MUX_CAP_*, what the channels are to be.
 */
struct guestlink *guestlink_start(struct loop *loop, struct ws_client *client,
    const struct exec_params *exec, struct carry *carry, uint32_t capabilities,
    const struct guestlink_handler *h, void *arg, struct k8s_err *err);

/* Why it comes to its end, for channels that get closed(); else NULL. */
const struct k8s_err *guestlink_why(const struct guestlink *l);

/* Gives up; ended() follows with this reason. */
void guestlink_abort(struct guestlink *l, const struct k8s_err *why);

#endif
