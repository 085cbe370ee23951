/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/core/loop.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define LOOP_BATCH 16

struct loop {
	int epfd;
	struct loop_io *dead; /* deleted during this dispatch */
	int dispatching, stopped;
};

struct loop_io {
	struct loop *l;
	int fd;
	int stand_in; /* eventfd in place of an always-ready fd, or -1 */
	uint32_t events;
	int watched; /* known to epoll */
	loop_cb *cb;
	void *arg;
	struct loop_io *next_dead;
};

struct loop *
loop_new(struct k8s_err *err)
{
	struct loop *l;

	if ((l = calloc(1, sizeof(*l))) == NULL) {
		k8s_err_errno(err, "out of memory");
		return NULL;
	}
	if ((l->epfd = epoll_create1(EPOLL_CLOEXEC)) == -1) {
		k8s_err_errno(err, "epoll_create");
		free(l);
		return NULL;
	}
	return l;
}

void
loop_free(struct loop *l)
{
	if (l == NULL)
		return;
	(void)close(l->epfd);
	free(l);
}

static int
loop_ctl(struct loop_io *io, int op)
{
	struct epoll_event ev = {.events = io->events, .data.ptr = io};

	return epoll_ctl(io->l->epfd, op,
	    io->stand_in != -1 ? io->stand_in : io->fd, &ev);
}

struct loop_io *
loop_add(struct loop *l, int fd, uint32_t events, loop_cb *cb, void *arg,
    struct k8s_err *err)
{
	struct loop_io *io;

	if ((io = calloc(1, sizeof(*io))) == NULL) {
		k8s_err_errno(err, "out of memory");
		return NULL;
	}
	*io = (struct loop_io){
	    .l = l,
	    .fd = fd,
	    .stand_in = -1,
	    .events = events,
	    .cb = cb,
	    .arg = arg,
	};
	if (loop_ctl(io, EPOLL_CTL_ADD) == 0) {
		io->watched = 1;
	} else if (errno == EPERM &&
	    (io->stand_in = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK)) != -1 &&
	    loop_ctl(io, EPOLL_CTL_ADD) == 0) {
		/* Always ready, as this eventfd is, readable and writable. */
		io->watched = 1;
	} else {
		k8s_err_errno(err, "watching descriptor %d", fd);
		if (io->stand_in != -1)
			(void)close(io->stand_in);
		free(io);
		return NULL;
	}
	loop_want(io, events);
	return io;
}

void
loop_want(struct loop_io *io, uint32_t events)
{
	int op = events == 0 ? EPOLL_CTL_DEL
	    : io->watched    ? EPOLL_CTL_MOD
			     : EPOLL_CTL_ADD;

	if (io->watched ? io->events == events && events != 0 : events == 0)
		return;
	io->events = events;
	io->watched = events != 0;
	(void)loop_ctl(io, op);
}

void
loop_del(struct loop_io *io)
{
	if (io == NULL)
		return;
	loop_want(io, 0);
	if (io->stand_in != -1)
		(void)close(io->stand_in);
	io->cb = NULL;
	if (!io->l->dispatching) {
		free(io);
		return;
	}
	/* An event for it may be further down in the current batch. */
	io->next_dead = io->l->dead;
	io->l->dead = io;
}

int
loop_dispatch(struct loop *l, int timeout_ms)
{
	struct epoll_event ev[LOOP_BATCH];
	struct loop_io *io;
	uint32_t events;
	int i, n;

	if ((n = epoll_wait(l->epfd, ev, LOOP_BATCH, timeout_ms)) == -1)
		return errno == EINTR ? 0 : -1;
	l->dispatching = 1;
	for (i = 0; i < n; i++) {
		io = ev[i].data.ptr;
		/* Turned off or changed earlier in this batch? */
		events = ev[i].events & (io->events | EPOLLERR | EPOLLHUP);
		if (io->cb != NULL && io->watched && events != 0)
			io->cb(io->arg, events);
	}
	l->dispatching = 0;
	while ((io = l->dead) != NULL) {
		l->dead = io->next_dead;
		free(io);
	}
	return 0;
}

int
loop_run(struct loop *l, struct k8s_err *err)
{
	l->stopped = 0;
	while (!l->stopped)
		if (loop_dispatch(l, -1) == -1)
			return k8s_err_errno(err, "epoll_wait");
	return 0;
}

void
loop_stop(struct loop *l)
{
	l->stopped = 1;
}
