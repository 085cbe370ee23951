/* SPDX-License-Identifier: Apache-2.0 */
#include "helpers/forwards.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "helpers/answers.h"
#include "helpers/join.h"
#include "helpers/plain.h"
#include "helpers/workspace.h"
#include "lib/core/dials.h"
#include "lib/core/log.h"
#include "lib/core/loop.h"

/* Packets in a row, before the loop looks at everything else. */
#define FORWARDS_BURST 16

/*
 * A client that has closed its channel is not waited for longer than that by a
 * far end that says nothing and does not close, as with TCP (FIN-WAIT-2 of
 * tcp(7)); looked after this often.
 */
#ifndef FORWARDS_LINGER_MS
#define FORWARDS_LINGER_MS 60000
#define FORWARDS_SWEEP_MS  15000
#endif

/* One dial, from its packet to FAILED or CLOSED. */
struct forward {
	struct forwards *f;
	struct forward *next;
	struct dials_packet target;
	long long begun_ms;
	/* Until it is connected: the supervisor's socket with its filler. */
	int fd;
	size_t filler;
	struct loop_io *watch;
	/* One of these, once it was asked for. */
	struct join *join;
	struct plain *plain;
	int connected;
	long long hung_up_ms; /* since when the client has been gone; or 0 */
};

struct forwards {
	struct loop *loop;
	int fd;
	struct loop_io *watch;
	struct workspace *workspace;
	int timerfd;
	struct loop_io *timer;
	long long timer_ms; /* when it is due; 0: not at all */
	struct forward *first;
	unsigned int count;
	/* No dial is read while any of them wait. */
	struct answers answers;
	int over;
	struct k8s_err err;
};

static long long
forwards_now_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (long long)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* The end of the whole; the first reason counts. */
static void
forwards_stop(struct forwards *f, const struct k8s_err *why)
{
	if (!f->over)
		f->err = *why;
	f->over = 1;
	loop_stop(f->loop);
}

/*
 * Answers.
 */

static void
forwards_watch(struct forwards *f)
{
	loop_want(f->watch, answers_wait(&f->answers) ? EPOLLOUT : EPOLLIN);
}

static void
forwards_answer(struct forwards *f, const struct dials_packet *p)
{
	struct k8s_err err;

	if (f->over)
		return;
	/* A dial without an answer is none that may go on. */
	if (answers_put(&f->answers, p, &err) == -1)
		forwards_stop(f, &err);
	forwards_watch(f);
}

/* Untrusted text, as far as there is room for it, into a packet. */
static void
forwards_why(struct dials_packet *p, const char *text, size_t len)
{
	log_escape(p->text, sizeof(p->text), text, len);
	p->text_len = strlen(p->text);
}

static uint32_t
forwards_ms(const struct forward *d)
{
	return (uint32_t)(forwards_now_ms() - d->begun_ms);
}

static void
forwards_say_failed(struct forward *d, int error, const char *text, size_t len)
{
	struct dials_packet p = {
	    .type = DIALS_FAILED,
	    .number = d->target.number,
	    .ms = forwards_ms(d),
	    .error = error > 0 && error < 4096 ? error : ECONNREFUSED,
	};

	forwards_why(&p, text, len);
	forwards_answer(d->f, &p);
}

/*
 * The end of a dial.
 */

static void
forward_free(struct forward *d)
{
	struct forward **p;

	for (p = &d->f->first; *p != NULL; p = &(*p)->next)
		if (*p == d) {
			*p = d->next;
			d->f->count--;
			break;
		}
	loop_del(d->watch);
	if (d->fd != -1)
		(void)close(d->fd);
	join_free(d->join);
	plain_free(d->plain);
	free(d);
}

/* It was not connected. With the filler unread sshd's end gets a reset. */
static void
forward_fail_n(struct forward *d, int error, const char *text, size_t len)
{
	forwards_say_failed(d, error, text, len);
	forward_free(d);
}

static void
forward_fail(struct forward *d, int error, const char *text)
{
	forward_fail_n(d, error, text, strlen(text));
}

/* It was; why: it was cut, or NULL. */
static void
forward_close(struct forward *d, const struct join_traffic *t, const char *why)
{
	struct dials_packet p = {
	    .type = DIALS_CLOSED,
	    .number = d->target.number,
	    .bytes_in = t->in,
	    .bytes_out = t->out,
	};

	if (why != NULL)
		forwards_why(&p, why, strlen(why));
	forwards_answer(d->f, &p);
	forward_free(d);
}

/* An errno for what the client is told of a stream that is not there. */
static int
forward_error(const struct k8s_err *err)
{
	switch (err->code) {
	case K8S_ERR_TIMEOUT:
		return ETIMEDOUT;
	case K8S_ERR_AUTH:
	case K8S_ERR_FORBIDDEN:
		return EACCES;
	default:
		return EHOSTUNREACH;
	}
}

/*
 * The far end.
 */

/*
 * Takes the filler out, so that sshd goes on, and says CONNECTED. Returns the
 * socket, which is no longer ours then; -1: there is no client any more, and
 * the dial is to be failed.
 */
static int
forward_connect(struct forward *d)
{
	const struct dials_packet p = {
	    .type = DIALS_CONNECTED,
	    .number = d->target.number,
	    .ms = forwards_ms(d),
	};
	char drop[4096];
	ssize_t n;
	int fd;

	while (d->filler > 0) {
		n = read(d->fd, drop,
		    d->filler < sizeof(drop) ? d->filler : sizeof(drop));
		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0)
			return -1;
		d->filler -= (size_t)n;
	}
	loop_del(d->watch);
	d->watch = NULL;
	fd = d->fd;
	d->fd = -1;
	d->connected = 1;
	forwards_answer(d->f, &p);
	return fd;
}

static const struct join_traffic forward_nothing = {0, 0};

static void
forward_join_opened(void *arg)
{
	struct forward *d = arg;
	int fd;

	if ((fd = forward_connect(d)) == -1)
		forward_fail(d, ECANCELED, "the client is gone");
	else if (join_start(d->join, fd) == -1)
		forward_close(d, &forward_nothing, strerror(errno));
}

static void
forward_join_refused(void *arg, int error, const char *text, size_t len)
{
	struct forward *d = arg;

	d->join = NULL;
	forward_fail_n(d, error, text, len);
}

static void
forward_join_ended(void *arg, enum join_end how, const struct join_traffic *t)
{
	struct forward *d = arg;
	const struct k8s_err *why = workspace_why(d->f->workspace);
	const char *text = NULL;

	d->join = NULL;
	if (how == JOIN_FAILED)
		text = "out of memory";
	else if (how == JOIN_CUT)
		text = why != NULL ? why->msg : "cut off in the workspace";
	if (d->connected)
		forward_close(d, t, text);
	else
		forward_fail(d, why != NULL ? forward_error(why) : ECONNRESET,
		    text != NULL ? text : "");
}

static const struct join_handler forward_join_handler = {
    .opened = forward_join_opened,
    .refused = forward_join_refused,
    .ended = forward_join_ended,
};

/* By a channel to the guest: PROTOCOL.mux sections 6 and 7. */
static void
forward_open(struct forward *d)
{
	struct mux *m = workspace_mux(d->f->workspace);
	const struct dials_packet *t = &d->target;
	unsigned char params[2 + DIALS_WHY_MAX];
	size_t n = 0;

	if (t->type == DIALS_TCP) {
		params[n++] = (unsigned char)(t->port >> 8);
		params[n++] = (unsigned char)(t->port & 0xff);
	}
	memcpy(params + n, t->text, t->text_len);
	d->join =
	    join_open(d->f->loop, m, t->type == DIALS_TCP ? MUX_TCP : MUX_UNIX,
		params, n + t->text_len, &forward_join_handler, d);
	if (d->join == NULL)
		forward_fail(d, errno, "no channel to k8shell-guest");
}

static void
forward_plain_opened(void *arg)
{
	struct forward *d = arg;
	int fd;

	if ((fd = forward_connect(d)) == -1)
		forward_fail(d, ECANCELED, "the client is gone");
	else if (plain_join(d->plain, fd) == -1)
		forward_close(d, &forward_nothing, strerror(errno));
}

static void
forward_plain_ended(void *arg, const struct join_traffic *t,
    const struct k8s_err *why)
{
	struct forward *d = arg;

	d->plain = NULL;
	if (d->connected)
		forward_close(d, t, why != NULL ? why->msg : NULL);
	else if (why == NULL)
		forward_fail(d, ECONNRESET, "closed at once");
	else if (why->code == K8S_ERR_NOT_FOUND)
		forward_fail(d, ECONNREFUSED, why->msg);
	else
		forward_fail(d, forward_error(why), why->msg);
}

static const struct plain_handler forward_plain_handler = {
    .opened = forward_plain_opened,
    .ended = forward_plain_ended,
};

/* Only what the pod itself offers: the API server forwards to nothing else. */
static void
forward_open_plain(struct forward *d)
{
	static const char *const own[] = {"localhost", "127.0.0.1", "::1"};
	const struct dials_packet *t = &d->target;
	struct workspace *w = d->f->workspace;
	char why[DIALS_WHY_MAX];
	struct k8s_err err;
	size_t i;

	for (i = 0; i < sizeof(own) / sizeof(own[0]); i++)
		if (t->type == DIALS_TCP && strcmp(t->text, own[i]) == 0)
			break;
	if (i == sizeof(own) / sizeof(own[0])) {
		(void)snprintf(why, sizeof(why),
		    "without k8shell-guest only ports of the workspace's own "
		    "localhost: %s",
		    workspace_plain(w));
		forward_fail(d, EACCES, why);
		return;
	}
	d->plain = plain_open(d->f->loop, workspace_server(w),
	    workspace_config(w)->namespace_, workspace_pod(w), t->port,
	    &forward_plain_handler, d, &err);
	if (d->plain == NULL)
		forward_fail(d, forward_error(&err), err.msg);
}

/* The workspace is there: so or so. */
static void
forward_dial(struct forward *d)
{
	struct workspace *w = d->f->workspace;

	if (workspace_mux(w) == NULL)
		forward_open_plain(d);
	/* The guest would reach it with rights that the user has not. */
	else if (d->target.type == DIALS_UNIX &&
	    workspace_config(w)->user != NULL)
		forward_fail(d, EACCES,
		    "no unix sockets, as [workspace] user is set: they would "
		    "be reached as the container's user");
	else
		forward_open(d);
}

/*
 * One that waits for the workspace. To be asked anew after each step: that may
 * be the end of others.
 */
static struct forward *
forwards_waiting(const struct forwards *f)
{
	struct forward *d;

	for (d = f->first; d != NULL; d = d->next)
		if (d->join == NULL && d->plain == NULL && !d->connected)
			return d;
	return NULL;
}

static void
forwards_ready(void *arg)
{
	struct forwards *f = arg;
	struct forward *d;

	while ((d = forwards_waiting(f)) != NULL)
		forward_dial(d);
}

static void
forwards_cut(void *arg, const struct k8s_err *err)
{
	struct forwards *f = arg;
	struct forward *d;

	while ((d = forwards_waiting(f)) != NULL)
		forward_fail(d, forward_error(err), err->msg);
}

static const struct workspace_handler forwards_workspace_handler = {
    .ready = forwards_ready,
    .cut = forwards_cut,
};

/*
 * Time.
 */

/* One whose time is over. */
static struct forward *
forwards_overdue(const struct forwards *f, long long now)
{
	long long limit =
	    workspace_config(f->workspace)->forward_dial_timeout * 1000LL;
	struct forward *d;

	for (d = f->first; d != NULL; d = d->next)
		if (!d->connected && now - d->begun_ms >= limit)
			return d;
	return NULL;
}

/* The same, of those that are connected. */
static struct forward *
forwards_abandoned(const struct forwards *f, long long now)
{
	struct forward *d;

	for (d = f->first; d != NULL; d = d->next) {
		if (!d->connected || d->join == NULL || !join_hung_up(d->join))
			continue;
		if (d->hung_up_ms == 0)
			d->hung_up_ms = now;
		else if (now - d->hung_up_ms >= FORWARDS_LINGER_MS)
			return d;
	}
	return NULL;
}

/* Wakes us at that time, or sooner. */
static void
forwards_set_timer(struct forwards *f, long long ms)
{
	const struct itimerspec at = {
	    .it_value.tv_sec = ms / 1000,
	    .it_value.tv_nsec = ms % 1000 * 1000000,
	};

	if (f->timer_ms != 0 && f->timer_ms <= ms)
		return;
	f->timer_ms = ms;
	(void)timerfd_settime(f->timerfd, TFD_TIMER_ABSTIME, &at, NULL);
}

static void
forwards_time(void *arg, uint32_t events)
{
	struct forwards *f = arg;
	long long now = forwards_now_ms();
	struct join_traffic t;
	struct forward *d;
	unsigned int limit;
	char why[64];
	uint64_t n;

	(void)events;
	(void)!read(f->timerfd, &n, sizeof(n));
	f->timer_ms = 0;
	/* None, or there is a configuration. */
	if (f->first == NULL)
		return;
	limit = workspace_config(f->workspace)->forward_dial_timeout;
	(void)snprintf(why, sizeof(why), "no answer within %u s", limit);
	while ((d = forwards_overdue(f, now)) != NULL)
		forward_fail(d, ETIMEDOUT, why);
	while ((d = forwards_abandoned(f, now)) != NULL) {
		t = join_traffic(d->join);
		forward_close(d, &t, "the far end did not close");
	}
	for (d = f->first; d != NULL; d = d->next)
		forwards_set_timer(f,
		    d->connected ? now + FORWARDS_SWEEP_MS
				 : d->begun_ms + limit * 1000LL);
}

/*
 * The supervisor.
 */

/* Until it is connected nothing is read, so this is a hang-up. */
static void
forward_event(void *arg, uint32_t events)
{
	(void)events;
	forward_fail(arg, ECANCELED, "the client is gone");
}

static void
forwards_dial(struct forwards *f, const struct dials_packet *p, int fd)
{
	struct forward *d;
	struct k8s_err err;
	int filler = 0, r;

	if ((d = calloc(1, sizeof(*d))) == NULL) {
		(void)close(fd);
		k8s_err_errno(&err, "out of memory");
		forwards_stop(f, &err);
		return;
	}
	d->f = f;
	d->target = *p;
	d->fd = fd;
	d->begun_ms = forwards_now_ms();
	d->next = f->first;
	f->first = d;
	f->count++;
	if (ioctl(fd, FIONREAD, &filler) == -1 || filler < 0 ||
	    (d->watch = loop_add(f->loop, fd, EPOLLERR, forward_event, d,
		 NULL)) == NULL) {
		forward_fail(d, ENOMEM, "the supervisor's socket");
		return;
	}
	d->filler = (size_t)filler;
	if ((r = workspace_want(f->workspace, &err)) == -1)
		forward_fail(d, forward_error(&err), err.msg);
	else if (f->count > workspace_config(f->workspace)->max_forwards)
		forward_fail(d, EMFILE, "as many channels as max_forwards");
	else {
		forwards_set_timer(f,
		    d->begun_ms +
			workspace_config(f->workspace)->forward_dial_timeout *
			    1000LL);
		if (r == 1)
			forward_dial(d);
	}
}

/*
 * The supervisor has nothing more to ask. If it listens still, it hears how far
 * things were.
 */
static void
forwards_part(struct forwards *f, const struct k8s_err *why)
{
	struct join_traffic t;
	struct forward *d;

	while (!f->over && (d = f->first) != NULL) {
		if (!d->connected) {
			forward_fail(d, ECANCELED, "the connection is over");
			continue;
		}
		t = d->join != NULL ? join_traffic(d->join)
				    : plain_traffic(d->plain);
		forward_close(d, &t, "the connection is over");
	}
	forwards_stop(f, why);
}

static void
forwards_event(void *arg, uint32_t events)
{
	struct forwards *f = arg;
	struct dials_packet p;
	struct k8s_err err;
	int fd, i, r;

	if ((events & EPOLLOUT) != 0) {
		if (answers_flush(&f->answers, &err) == -1)
			forwards_stop(f, &err);
		forwards_watch(f);
	}
	for (i = 0;
	    i < FORWARDS_BURST && !answers_wait(&f->answers) && !f->over; i++) {
		if ((r = dials_receive(f->fd, &p, &fd, &err)) == 0)
			break;
		if (r == 1 && (p.type == DIALS_TCP || p.type == DIALS_UNIX)) {
			forwards_dial(f, &p, fd);
			continue;
		}
		if (r == 1)
			k8s_err_set(&err, K8S_ERR_INVALID,
			    "dials: the supervisor sent an answer");
		forwards_part(f, &err);
	}
}

static void
forwards_clear(struct forwards *f)
{
	f->over = 1;
	while (f->first != NULL)
		forward_free(f->first);
	workspace_freep(&f->workspace);
	answers_clear(&f->answers);
	loop_del(f->watch);
	loop_del(f->timer);
	if (f->timerfd != -1)
		(void)close(f->timerfd);
	loop_free(f->loop);
}

int
forwards_run(const char *user, int fd, struct k8s_err *err)
{
	__attribute__((cleanup(forwards_clear))) struct forwards f = {
	    .fd = fd,
	    .timerfd = -1,
	};

	answers_init(&f.answers, fd);
	if ((f.loop = loop_new(err)) == NULL)
		return -1;
	f.workspace =
	    workspace_new(f.loop, user, &forwards_workspace_handler, &f);
	f.timerfd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (f.workspace == NULL || f.timerfd == -1)
		return k8s_err_errno(err, "forwards");
	if ((f.timer = loop_add(f.loop, f.timerfd, EPOLLIN, forwards_time, &f,
		 err)) == NULL ||
	    (f.watch = loop_add(f.loop, fd, EPOLLIN, forwards_event, &f,
		 err)) == NULL ||
	    loop_run(f.loop, err) == -1)
		return -1;
	/* That the supervisor has closed it is the end that there ought to be.
	 */
	if (f.err.code == K8S_ERR_DISCONNECT)
		return 0;
	return k8s_err_set(err, f.err.code, "%s", f.err.msg);
}
