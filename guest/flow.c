/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/flow.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/core/buf.h"

struct sink {
	int fd; /* -1: nobody reads it, what comes is dropped */
	struct mux_channel *c;
	struct loop_io *watch;
	struct buf *queue; /* at most the window */
	enum sink_end end;
	int eof;
	void (*done)(void *arg);
	void *arg;
};

struct source {
	int fd;
	struct mux_channel *c;
	struct loop_io *watch;
	enum mux_type type;
	int finishing;
	void (*ended)(void *arg, int error);
	void *arg;
};

static int
set_nonblock(int fd, struct k8s_err *err)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags == -1 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) == -1)
		return k8s_err_errno(err, "descriptor %d", fd);
	return 0;
}

void
sink_stop(struct sink *s)
{
	if (s->fd == -1)
		return;
	loop_del(s->watch);
	s->watch = NULL;
	(void)close(s->fd);
	s->fd = -1;
	mux_passed_on(s->c, buf_len(s->queue));
	buf_consume(s->queue, buf_len(s->queue));
	if (s->done != NULL)
		s->done(s->arg);
}

/* The end of the data, once all of it is written. */
static void
sink_end(struct sink *s)
{
	if (!s->eof || buf_len(s->queue) > 0)
		return;
	if (s->end == SINK_SHUTDOWN)
		(void)shutdown(s->fd, SHUT_WR);
	sink_stop(s);
}

/* As much as goes. -1: nobody reads it any more. */
static ssize_t
sink_write(struct sink *s, const unsigned char *p, size_t len)
{
	ssize_t n;

	do
		n = write(s->fd, p, len);
	while (n == -1 && errno == EINTR);
	if (n == -1 && errno == EAGAIN)
		return 0;
	if (n > 0)
		mux_passed_on(s->c, (size_t)n);
	return n;
}

static void
sink_event(void *arg, uint32_t events)
{
	struct sink *s = arg;
	ssize_t n;

	(void)events;
	if ((n = sink_write(s, buf_data(s->queue), buf_len(s->queue))) == -1) {
		sink_stop(s);
		return;
	}
	buf_consume(s->queue, (size_t)n);
	if (buf_len(s->queue) == 0) {
		loop_want(s->watch, 0);
		sink_end(s);
	}
}

struct sink *
sink_new(struct loop *l, int fd, struct mux_channel *c, enum sink_end end,
    void (*done)(void *arg), void *arg, struct k8s_err *err)
{
	struct sink *s;

	if ((s = calloc(1, sizeof(*s))) == NULL ||
	    (s->queue = buf_new(MUX_WINDOW)) == NULL) {
		k8s_err_errno(err, "out of memory");
		(void)close(fd);
		free(s);
		return NULL;
	}
	s->fd = fd;
	s->c = c;
	s->end = end;
	s->done = done;
	s->arg = arg;
	if (set_nonblock(fd, err) == -1 ||
	    (s->watch = loop_add(l, fd, 0, sink_event, s, err)) == NULL) {
		sink_free(s);
		return NULL;
	}
	return s;
}

void
sink_data(struct sink *s, const unsigned char *p, size_t len)
{
	ssize_t n = 0;

	if (s->fd == -1) {
		mux_passed_on(s->c, len);
		return;
	}
	if (buf_len(s->queue) == 0)
		n = sink_write(s, p, len);
	if (n != -1 && (size_t)n < len &&
	    buf_put(s->queue, p + n, len - (size_t)n) == 0) {
		loop_want(s->watch, EPOLLOUT);
		return;
	}
	if (n == (ssize_t)len)
		return;
	/* Without memory there is no way to keep the stream whole either. */
	mux_passed_on(s->c, n == -1 ? len : len - (size_t)n);
	sink_stop(s);
}

void
sink_eof(struct sink *s)
{
	s->eof = 1;
	if (s->fd != -1)
		sink_end(s);
}

void
sink_free(struct sink *s)
{
	if (s == NULL)
		return;
	loop_del(s->watch);
	if (s->fd != -1)
		(void)close(s->fd);
	buf_free(s->queue);
	free(s);
}

/*
 * One read at a time, so that a fast writer does not keep others from theirs;
 * the last ones in a row, as nothing tells when there are no more.
 */
static void
source_pump(struct source *s)
{
	unsigned char *p;
	size_t len;
	ssize_t n;
	int error;

	do {
		if ((p = mux_reserve(s->c, &len)) == NULL) {
			loop_want(s->watch, 0);
			return;
		}
		n = read(s->fd, p, len);
		error = errno;
		mux_commit(s->c, s->type, n > 0 ? (size_t)n : 0);
	} while (s->finishing && (n > 0 || (n == -1 && error == EINTR)));
	if (n > 0 || (n == -1 && error == EINTR) ||
	    (n == -1 && error == EAGAIN && !s->finishing)) {
		loop_want(s->watch, EPOLLIN);
		return;
	}
	loop_want(s->watch, 0);
	/* EIO: a terminal's end. */
	if (n == 0 || error == EIO || error == EAGAIN)
		error = 0;
	s->ended(s->arg, error);
}

static void
source_event(void *arg, uint32_t events)
{
	(void)events;
	source_pump(arg);
}

struct source *
source_new(struct loop *l, int fd, struct mux_channel *c, enum mux_type type,
    void (*ended)(void *arg, int error), void *arg, struct k8s_err *err)
{
	struct source *s;

	if ((s = calloc(1, sizeof(*s))) == NULL) {
		k8s_err_errno(err, "out of memory");
		(void)close(fd);
		return NULL;
	}
	*s = (struct source){
	    .fd = fd,
	    .c = c,
	    .type = type,
	    .ended = ended,
	    .arg = arg,
	};
	if (set_nonblock(fd, err) == -1 ||
	    (s->watch = loop_add(l, fd, EPOLLIN, source_event, s, err)) ==
		NULL) {
		source_free(s);
		return NULL;
	}
	return s;
}

void
source_room(struct source *s)
{
	source_pump(s);
}

void
source_finish(struct source *s)
{
	s->finishing = 1;
	source_pump(s);
}

void
source_free(struct source *s)
{
	if (s == NULL)
		return;
	loop_del(s->watch);
	(void)close(s->fd);
	free(s);
}
