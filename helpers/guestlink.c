/* SPDX-License-Identifier: Apache-2.0 */
#include "helpers/guestlink.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "lib/core/log.h"

/* Of what is said on stderr besides: enough for a message. */
#define GUESTLINK_STDERR_MAX 200

/* A DATA frame with what the client wrote in one message. */
_Static_assert(MUX_TURN + 8 <= EXEC_STDIN_MAX, "see MUX_TURN");

struct guestlink {
	const struct guestlink_handler *h;
	void *arg;
	uint32_t capabilities;
	struct exec *exec;
	struct carry *carry;
	struct mux *mux;
	int timerfd;
	struct loop_io *timer;
	int ready, heard, asked;
	int opened;
	char note[GUESTLINK_STDERR_MAX + 1]; /* the first of stderr */
	size_t note_len;
	struct k8s_err why; /* as far as we know better than the exec */
	enum guestlink_end how;
};

static void
guestlink_give_up(struct guestlink *l, enum guestlink_end how,
    enum k8s_err_code code, const char *text)
{
	if (l->why.code != K8S_ERR_NONE)
		return;
	l->how = how;
	k8s_err_set(&l->why, code, "%s", text);
	if (l->exec != NULL)
		exec_abort(l->exec, &l->why);
}

void
guestlink_abort(struct guestlink *l, const struct k8s_err *why)
{
	guestlink_give_up(l, GUESTLINK_CLOSED, why->code, why->msg);
}

const struct k8s_err *
guestlink_why(const struct guestlink *l)
{
	return l->why.code != K8S_ERR_NONE ? &l->why : NULL;
}

static void
guestlink_set_timer(struct guestlink *l, int ms)
{
	struct itimerspec in = {
	    .it_value.tv_sec = ms / 1000,
	    .it_interval.tv_sec = ms / 1000,
	};

	(void)timerfd_settime(l->timerfd, 0, &in, NULL);
}

/*
 * To the container: the guest's file, then frames.
 */

/* Some of it into p; returns how much, and in *frames how much of frames. */
static size_t
guestlink_next(struct guestlink *l, unsigned char *p, size_t *frames)
{
	const unsigned char *from;
	size_t len;

	*frames = 0;

	if (l->mux == NULL)
		return carry_next(l->carry, p, EXEC_STDIN_MAX);
	from = mux_out(l->mux, &len);
	if (len > EXEC_STDIN_MAX)
		len = EXEC_STDIN_MAX;
	if (len > 0)
		memcpy(p, from, len);
	*frames = len;
	return len;
}

static void
guestlink_pump(void *arg)
{
	struct guestlink *l = arg;
	unsigned char *p;
	size_t len, frames;

	while (l->exec != NULL && (p = exec_stdin_buf(l->exec)) != NULL &&
	    (len = guestlink_next(l, p, &frames)) > 0) {
		exec_stdin_send(l->exec, len);
		/* Last: channels get their turn, which may bring us here. */
		if (frames > 0)
			mux_written(l->mux, frames);
	}
}

/*
 * From the container.
 */

static void
guestlink_hello(void *arg, uint32_t capabilities)
{
	struct guestlink *l = arg;

	l->ready = 1;
	guestlink_set_timer(l, GUESTLINK_PING_MS);
	l->h->ready(l->arg, l->mux, capabilities);
}

static void
guestlink_open(void *arg, struct mux_channel *c, enum mux_kind kind,
    const unsigned char *p, size_t len)
{
	struct guestlink *l = arg;

	l->h->open(l->arg, c, kind, p, len);
}

static void
guestlink_pong(void *arg)
{
	struct guestlink *l = arg;

	l->asked = 0;
}

static const struct mux_handler guestlink_mux_handler = {
    .hello = guestlink_hello,
    .open = guestlink_open,
    .out = guestlink_pump,
    .pong = guestlink_pong,
};

static void
guestlink_output(void *arg, enum exec_channel ch, const unsigned char *p,
    size_t len)
{
	struct guestlink *l = arg;
	struct k8s_err err;
	size_t n;

	l->heard = 1;
	if (ch == EXEC_STDERR) {
		n = sizeof(l->note) - 1 - l->note_len;
		if (n > len)
			n = len;
		memcpy(l->note + l->note_len, p, n);
		l->note_len += n;
		return;
	}
	if (l->mux == NULL) {
		n = carry_feed(l->carry, p, len, &err);
		p += n;
		len -= n;
		switch (l->carry->state) {
		case CARRY_NEED:
			guestlink_pump(l);
			return;
		case CARRY_NONE:
			guestlink_give_up(l, GUESTLINK_NO_GUEST, err.code,
			    err.msg);
			return;
		case CARRY_LISTENING:
			return;
		case CARRY_RUNS:
			break;
		}
		l->mux = mux_new(MUX_HOST, l->capabilities,
		    &guestlink_mux_handler, l);
		if (l->mux == NULL) {
			guestlink_give_up(l, GUESTLINK_CLOSED, K8S_ERR_SYSTEM,
			    "out of memory");
			return;
		}
	}
	if (l->why.code == K8S_ERR_NONE &&
	    mux_feed(l->mux, p, len, &err) == -1) {
		/* What is queued tells the guest why. */
		guestlink_pump(l);
		k8s_err_prefix(&err, "k8shell-guest");
		guestlink_give_up(l, GUESTLINK_CLOSED, err.code, err.msg);
	}
}

/*
 * The exec, and time.
 */

static void
guestlink_opened(void *arg, int can_close)
{
	struct guestlink *l = arg;

	(void)can_close;
	l->opened = 1;
	guestlink_set_timer(l, GUESTLINK_START_TIMEOUT_MS);
}

static void
guestlink_ended(void *arg, int exit_code, int http_refused,
    const struct k8s_err *err)
{
	struct guestlink *l = arg;
	char safe[GUESTLINK_STDERR_MAX * 4 + 1];

	l->exec = NULL;
	if (l->note_len > 0)
		log_info("the container's stderr: %s",
		    log_escape(safe, sizeof(safe), l->note, l->note_len));
	if (l->why.code == K8S_ERR_NONE) {
		l->why = *err;
		l->how = l->opened ? GUESTLINK_CLOSED : GUESTLINK_NO_EXEC;
		if (err->code == K8S_ERR_NO_COMMAND ||
		    err->code == K8S_ERR_NOT_EXECUTABLE ||
		    (exit_code != -1 && !l->ready))
			l->how = GUESTLINK_NO_GUEST;
		if (exit_code != -1)
			k8s_err_set(&l->why, K8S_ERR_DISCONNECT,
			    "k8shell-guest ended with status %d%s%s", exit_code,
			    l->note_len > 0 ? ": " : "",
			    l->note_len > 0 ? safe : "");
	}
	/* Only now that why is known: channels that close may abort us. */
	mux_free(l->mux);
	l->mux = NULL;
	loop_del(l->timer);
	(void)close(l->timerfd);
	l->h->ended(l->arg, l->how, http_refused, &l->why);
	free(l);
}

static const struct exec_handler guestlink_exec_handler = {
    .opened = guestlink_opened,
    .output = guestlink_output,
    .stdin_ready = guestlink_pump,
    .ended = guestlink_ended,
};

static void
guestlink_time(void *arg, uint32_t events)
{
	struct guestlink *l = arg;
	uint64_t n;

	(void)events;
	(void)!read(l->timerfd, &n, sizeof(n));
	if (!l->ready) {
		guestlink_give_up(l, GUESTLINK_NO_GUEST, K8S_ERR_TIMEOUT,
		    "it did not start in time");
	} else if (l->heard) {
		l->heard = 0;
	} else if (l->asked) {
		guestlink_give_up(l, GUESTLINK_CLOSED, K8S_ERR_DISCONNECT,
		    "the container gives no sign of life");
	} else {
		l->asked = 1;
		mux_ping(l->mux);
	}
}

struct guestlink *
guestlink_start(struct loop *loop, struct ws_client *client,
    const struct exec_params *params, struct carry *carry,
    uint32_t capabilities, const struct guestlink_handler *h, void *arg,
    struct k8s_err *err)
{
	struct exec_params exec = *params;
	struct guestlink *l;

	if ((l = calloc(1, sizeof(*l))) == NULL) {
		k8s_err_errno(err, "out of memory");
		return NULL;
	}
	l->h = h;
	l->arg = arg;
	l->capabilities = capabilities;
	l->carry = carry;
	carry_reset(carry);
	l->timerfd =
	    timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (l->timerfd == -1) {
		k8s_err_errno(err, "timerfd");
		free(l);
		return NULL;
	}
	exec.command = carry->argv;
	exec.tty = 0;
	if ((l->timer = loop_add(loop, l->timerfd, EPOLLIN, guestlink_time, l,
		 err)) == NULL ||
	    (l->exec = exec_start(client, &exec, &guestlink_exec_handler, l,
		 err)) == NULL) {
		loop_del(l->timer);
		(void)close(l->timerfd);
		free(l);
		return NULL;
	}
	return l;
}
