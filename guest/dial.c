/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/dial.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <unistd.h>

#include "guest/resolve.h"
#include "guest/stream.h"

/* RFC 8305 section 8: between one attempt and the next. */
#define DIAL_STAGGER_MS 250

/* So many of them until it is given up: 10 s. */
#define DIAL_TICKS_MAX 40

struct dial_attempt {
	struct dial *d;
	int fd; /* -1: none, or failed */
	struct loop_io *watch;
};

struct dial {
	struct guest *g;
	struct dial *next;
	struct mux_channel *c;
	int timer, ticks;
	struct loop_io *tick;
	int resolver; /* -1: no name to be resolved */
	struct loop_io *resolved;
	struct resolve_addr addrs[RESOLVE_MAX];
	size_t n, tried, failed; /* addresses; attempts begun; lost */
	struct dial_attempt attempts[RESOLVE_MAX];
	int error; /* the last attempt's that failed */
};

static void
dial_attempt_end(struct dial_attempt *t)
{
	loop_del(t->watch);
	t->watch = NULL;
	if (t->fd != -1)
		(void)close(t->fd);
	t->fd = -1;
}

static void
dial_free(struct dial *d)
{
	struct dial **p;
	size_t i;

	for (p = &d->g->dials; *p != NULL; p = &(*p)->next)
		if (*p == d) {
			*p = d->next;
			break;
		}
	for (i = 0; i < d->tried; i++)
		dial_attempt_end(&d->attempts[i]);
	loop_del(d->tick);
	loop_del(d->resolved);
	if (d->timer != -1)
		(void)close(d->timer);
	if (d->resolver != -1)
		(void)close(d->resolver);
	free(d);
}

static void
dial_refuse(struct dial *d, int error)
{
	mux_refuse(d->c, error, strerror(error));
	dial_free(d);
}

/* The first one that is there has won. */
static void
dial_connected(struct dial *d, struct dial_attempt *t)
{
	struct mux_channel *c = d->c;
	struct guest *g = d->g;
	int fd = t->fd;

	loop_del(t->watch);
	t->watch = NULL;
	t->fd = -1;
	dial_free(d);
	stream_accept(g, c, fd);
}

static void
dial_set_timer(struct dial *d)
{
	const struct timespec stagger = {.tv_nsec = DIAL_STAGGER_MS * 1000000L};
	const struct itimerspec it = {stagger, stagger};

	(void)timerfd_settime(d->timer, 0, &it, NULL);
}

static void dial_next(struct dial *d);

static void
dial_lost(struct dial_attempt *t, int error)
{
	t->d->error = error;
	t->d->failed++;
	dial_attempt_end(t);
}

static void
dial_attempt_event(void *arg, uint32_t events)
{
	struct dial_attempt *t = arg;
	struct dial *d = t->d;
	socklen_t len = sizeof(int);
	int error = 0;

	(void)events;
	if (getsockopt(t->fd, SOL_SOCKET, SO_ERROR, &error, &len) == -1)
		error = errno;
	if (error == 0) {
		dial_connected(d, t);
		return;
	}
	dial_lost(t, error);
	dial_next(d);
}

/* Begins one attempt: 1 connected already, 0 under way, -1 failed. */
static int
dial_try(struct dial_attempt *t, const struct resolve_addr *a)
{
	t->fd = socket(a->addr.ss_family,
	    SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (t->fd == -1) {
		dial_lost(t, errno);
		return -1;
	}
	if (connect(t->fd, (const struct sockaddr *)&a->addr, a->len) == 0)
		return 1;
	if (errno != EINPROGRESS) {
		dial_lost(t, errno);
		return -1;
	}
	t->watch = loop_add(t->d->g->loop, t->fd, EPOLLOUT, dial_attempt_event,
	    t, NULL);
	if (t->watch != NULL)
		return 0;
	dial_lost(t, ENOMEM);
	return -1;
}

/* The next address; those under way go on. */
static void
dial_next(struct dial *d)
{
	struct dial_attempt *t;
	int r = -1;

	while (d->tried < d->n && r == -1) {
		t = &d->attempts[d->tried];
		*t = (struct dial_attempt){.d = d, .fd = -1};
		r = dial_try(t, &d->addrs[d->tried++]);
		if (r == 1) {
			dial_connected(d, t);
			return;
		}
	}
	if (d->failed == d->n)
		dial_refuse(d, d->error);
	else if (r == 0)
		dial_set_timer(d);
}

static void
dial_tick(void *arg, uint32_t events)
{
	struct dial *d = arg;
	uint64_t n;

	(void)events;
	if (read(d->timer, &n, sizeof(n)) != (ssize_t)sizeof(n))
		return;
	if (++d->ticks >= DIAL_TICKS_MAX)
		dial_refuse(d, ETIMEDOUT);
	else if (d->tried < d->n)
		dial_next(d);
}

static void
dial_resolved(void *arg, uint32_t events)
{
	struct dial *d = arg;

	/* Until the resolver has ended more may come. */
	if (!(events & EPOLLHUP))
		return;
	d->n = resolve_result(d->resolver, d->addrs);
	loop_want(d->resolved, 0);
	if (d->n == 0)
		dial_refuse(d, EHOSTUNREACH);
	else
		dial_next(d);
}

static struct dial *
dial_new(struct guest *g, struct mux_channel *c)
{
	struct dial *d;

	if ((d = calloc(1, sizeof(*d))) == NULL)
		return NULL;
	d->g = g;
	d->c = c;
	d->resolver = -1;
	d->next = g->dials;
	g->dials = d;
	d->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (d->timer != -1)
		d->tick =
		    loop_add(g->loop, d->timer, EPOLLIN, dial_tick, d, NULL);
	if (d->tick != NULL) {
		dial_set_timer(d);
		return d;
	}
	dial_free(d);
	return NULL;
}

void
dial_tcp(struct guest *g, struct mux_channel *c, const unsigned char *p,
    size_t len)
{
	char name[RESOLVE_NAME_MAX + 1];
	struct k8s_err err;
	struct dial *d;
	uint16_t port;

	if (len < 3 || len - 2 > RESOLVE_NAME_MAX ||
	    memchr(p + 2, '\0', len - 2) != NULL ||
	    (port = (uint16_t)(p[0] << 8 | p[1])) == 0) {
		mux_refuse(c, EINVAL, "no such address");
		return;
	}
	(void)snprintf(name, sizeof(name), "%.*s", (int)(len - 2),
	    (const char *)p + 2);
	if ((d = dial_new(g, c)) == NULL) {
		mux_refuse(c, ENOMEM, "no memory or no descriptor for it");
		return;
	}
	if ((d->n = resolve_now(name, port, d->addrs)) > 0) {
		dial_next(d);
		return;
	}
	if ((d->resolver = resolve_start(name, port, &err)) == -1 ||
	    (d->resolved = loop_add(g->loop, d->resolver, EPOLLERR,
		 dial_resolved, d, &err)) == NULL) {
		mux_refuse(c, EAGAIN, err.msg);
		dial_free(d);
	}
}

void
dial_unix(struct guest *g, struct mux_channel *c, const unsigned char *p,
    size_t len)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	struct dial *d;

	if (len < 2 || p[0] != '/' || len >= sizeof(un.sun_path) ||
	    memchr(p, '\0', len) != NULL) {
		mux_refuse(c, EINVAL, "not an absolute path of 107 bytes");
		return;
	}
	memcpy(un.sun_path, p, len);
	if ((d = dial_new(g, c)) == NULL) {
		mux_refuse(c, ENOMEM, "no memory or no descriptor for it");
		return;
	}
	d->n = 1;
	d->addrs[0].len = sizeof(un);
	memcpy(&d->addrs[0].addr, &un, sizeof(un));
	dial_next(d);
}

void
dial_end_all(struct guest *g)
{
	while (g->dials != NULL)
		dial_free(g->dials);
}
