/* SPDX-License-Identifier: Apache-2.0 */
#include "helpers/join.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/core/buf.h"

struct join {
	struct loop *loop;
	struct mux_channel *channel; /* NULL: closed */
	int fd;			     /* -1: none yet */
	struct loop_io *watch;
	struct buf *queue; /* to the socket; NULL: nothing waits */
	int in_eof;	   /* the socket said all */
	int out_eof;	   /* the channel did: said on once queue is empty */
	struct join_traffic traffic;
	const struct join_handler *h;
	void *arg;
	/*
	 * Functions of the mux may call our handlers, and those come to an
	 * end: what is over is freed when the outermost of them returns.
	 */
	unsigned int depth;
	int over, silent;
	enum join_end how;
};

static void
join_enter(struct join *j)
{
	j->depth++;
}

static void
join_leave(struct join *j)
{
	const struct join_handler *h = j->h;
	const struct join_traffic t = j->traffic;
	const enum join_end how = j->how;
	void *arg = j->arg;

	if (--j->depth > 0 || !j->over)
		return;
	if (j->silent)
		h = NULL;
	free(j);
	if (h != NULL)
		h->ended(arg, how, &t);
}

static void
join_end(struct join *j, enum join_end how)
{
	struct mux_channel *c = j->channel;

	if (j->over)
		return;
	j->over = 1;
	j->how = how;
	loop_del(j->watch);
	/* Unread, what is in it tells the peer that it was cut. */
	if (j->fd != -1)
		(void)close(j->fd);
	buf_freep(&j->queue);
	j->channel = NULL;
	if (c != NULL)
		mux_close(c);
}

static void
join_watch(struct join *j)
{
	uint32_t events = 0;

	if (j->over || j->watch == NULL)
		return;
	/* With nothing to do its hang-up, which lasts, is not listened to. */
	if (!j->in_eof && j->channel != NULL && mux_room(j->channel) > 0)
		events |= EPOLLIN;
	if (j->queue != NULL)
		events |= EPOLLOUT;
	loop_want(j->watch, events);
}

/*
 * To the socket.
 */

/* n bytes are where they should be. */
static void
join_passed_on(struct join *j, size_t n)
{
	j->traffic.out += n;
	/* It can call room(). */
	if (j->channel != NULL)
		mux_passed_on(j->channel, n);
}

/* How much of it the socket takes now. */
static size_t
join_write(struct join *j, const unsigned char *p, size_t len)
{
	ssize_t n;

	do {
		n = send(j->fd, p, len, MSG_DONTWAIT | MSG_NOSIGNAL);
	} while (n == -1 && errno == EINTR);
	if (n >= 0)
		return (size_t)n;
	/* Nobody is there any more to whom it could be said. */
	if (errno != EAGAIN)
		join_end(j, JOIN_DONE);
	return 0;
}

static void
join_flush(struct join *j)
{
	size_t n;

	while (!j->over && j->queue != NULL) {
		n = join_write(j, buf_data(j->queue), buf_len(j->queue));
		if (n == 0)
			return;
		buf_consume(j->queue, n);
		if (buf_len(j->queue) == 0)
			buf_freep(&j->queue);
		join_passed_on(j, n);
	}
	if (j->over || !j->out_eof)
		return;
	(void)shutdown(j->fd, SHUT_WR);
	if (j->channel == NULL)
		join_end(j, JOIN_DONE);
}

static void
join_data(void *arg, enum mux_type type, const unsigned char *p, size_t len)
{
	struct join *j = arg;
	size_t n = 0;

	(void)type;
	join_enter(j);
	if (j->queue == NULL)
		n = join_write(j, p, len);
	if (!j->over && n < len &&
	    ((j->queue == NULL && (j->queue = buf_new(MUX_WINDOW)) == NULL) ||
		buf_put(j->queue, p + n, len - n) == -1))
		join_end(j, JOIN_FAILED);
	if (!j->over && n > 0)
		join_passed_on(j, n);
	join_watch(j);
	join_leave(j);
}

static void
join_eof(void *arg)
{
	struct join *j = arg;

	join_enter(j);
	j->out_eof = 1;
	join_flush(j);
	join_watch(j);
	join_leave(j);
}

/* What it said before its end is still delivered. */
static void
join_closed(void *arg)
{
	struct join *j = arg;

	join_enter(j);
	j->channel = NULL;
	if (!j->out_eof)
		join_end(j, JOIN_CUT);
	else if (j->queue == NULL)
		join_end(j, JOIN_DONE);
	join_watch(j);
	join_leave(j);
}

/*
 * From the socket.
 */

/* One read, right into the frame that will carry it. */
static void
join_receive(struct join *j)
{
	unsigned char *p;
	size_t len;
	ssize_t n;
	int error;

	if (j->over || j->in_eof || j->channel == NULL ||
	    (p = mux_reserve(j->channel, &len)) == NULL)
		return;
	n = recv(j->fd, p, len, MSG_DONTWAIT);
	error = n == -1 ? errno : 0;
	j->in_eof = n == 0;
	if (n > 0)
		j->traffic.in += (size_t)n;
	/* It can call room(). */
	mux_commit(j->channel, MUX_DATA, n > 0 ? (size_t)n : 0);
	if (j->over || j->channel == NULL)
		return;
	if (n == 0)
		mux_eof(j->channel);
	else if (error != 0 && error != EAGAIN && error != EINTR)
		join_end(j, JOIN_DONE);
}

static void
join_room(void *arg)
{
	struct join *j = arg;

	join_enter(j);
	if (j->fd != -1)
		join_receive(j);
	join_watch(j);
	join_leave(j);
}

static void
join_event(void *arg, uint32_t events)
{
	struct join *j = arg;

	join_enter(j);
	if ((events & EPOLLOUT) != 0)
		join_flush(j);
	if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0)
		join_receive(j);
	join_watch(j);
	join_leave(j);
}

/*
 * The beginning.
 */

static void
join_opened(void *arg)
{
	struct join *j = arg;

	join_enter(j);
	j->h->opened(j->arg);
	join_watch(j);
	join_leave(j);
}

static void
join_refused(void *arg, int error, const char *text, size_t len)
{
	struct join *j = arg;
	const struct join_handler *h = j->h;
	void *h_arg = j->arg;

	free(j);
	h->refused(h_arg, error, text, len);
}

static const struct mux_channel_handler join_channel_handler = {
    .opened = join_opened,
    .refused = join_refused,
    .data = join_data,
    .room = join_room,
    .eof = join_eof,
    .closed = join_closed,
};

static struct join *
join_new(struct loop *loop, const struct join_handler *h, void *arg)
{
	struct join *j;

	if ((j = calloc(1, sizeof(*j))) == NULL)
		return NULL;
	j->loop = loop;
	j->fd = -1;
	j->h = h;
	j->arg = arg;
	return j;
}

struct join *
join_open(struct loop *loop, struct mux *m, enum mux_kind kind,
    const void *params, size_t len, const struct join_handler *h, void *arg)
{
	struct join *j;

	if ((j = join_new(loop, h, arg)) == NULL)
		return NULL;
	j->channel = mux_open(m, kind, params, len, &join_channel_handler, j);
	if (j->channel != NULL)
		return j;
	free(j);
	return NULL;
}

int
join_start(struct join *j, int fd)
{
	j->watch = loop_add(j->loop, fd, 0, join_event, j, NULL);
	if (j->watch == NULL) {
		(void)close(fd);
		errno = ENOMEM;
		return -1;
	}
	j->fd = fd;
	return 0;
}

struct join *
join_accept(struct loop *loop, struct mux_channel *c, int fd,
    const struct join_handler *h, void *arg)
{
	struct join *j;

	if ((j = join_new(loop, h, arg)) == NULL) {
		(void)close(fd);
		return NULL;
	}
	if (join_start(j, fd) == -1) {
		free(j);
		return NULL;
	}
	j->channel = c;
	join_enter(j);
	mux_accept(c, &join_channel_handler, j);
	join_watch(j);
	/* Nothing ends it that early. */
	j->depth--;
	return j;
}

struct join_traffic
join_traffic(const struct join *j)
{
	return j->traffic;
}

int
join_hung_up(const struct join *j)
{
	struct pollfd p = {.fd = j->fd};

	return poll(&p, 1, 0) == 1 && (p.revents & POLLHUP) != 0;
}

void
join_free(struct join *j)
{
	if (j == NULL)
		return;
	join_enter(j);
	join_end(j, JOIN_DONE);
	j->silent = 1;
	join_leave(j);
}
