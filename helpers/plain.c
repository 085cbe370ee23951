/* SPDX-License-Identifier: Apache-2.0 */
#include "helpers/plain.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/core/buf.h"
#include "lib/kube/portforward.h"

struct plain {
	struct loop *loop;
	const struct plain_handler *h;
	void *arg;
	struct portforward *far; /* NULL: ended */
	int fd;			 /* -1: not joined yet */
	struct loop_io *watch;
	struct buf *queue; /* to the socket; NULL: nothing waits */
	int in_eof;	   /* the socket said all */
	struct join_traffic traffic;
};

void
plain_free(struct plain *p)
{
	if (p == NULL)
		return;
	if (p->far != NULL)
		portforward_close(p->far);
	loop_del(p->watch);
	if (p->fd != -1)
		(void)close(p->fd);
	buf_free(p->queue);
	free(p);
}

struct join_traffic
plain_traffic(const struct plain *p)
{
	return p->traffic;
}

static void
plain_end(struct plain *p, const struct k8s_err *why)
{
	const struct plain_handler *h = p->h;
	const struct join_traffic t = p->traffic;
	void *arg = p->arg;

	plain_free(p);
	h->ended(arg, &t, why);
}

static void
plain_watch(struct plain *p)
{
	uint32_t events = 0;

	/* A hang-up lasts: it is listened to where it can be acted upon. */
	if (p->queue != NULL)
		events |= EPOLLOUT;
	if (p->in_eof)
		events |= EPOLLERR;
	else if (p->far != NULL && portforward_buf(p->far) != NULL)
		events |= EPOLLIN;
	loop_want(p->watch, events);
}

/* Bytes that the socket takes now. -1: nobody is there. */
static ssize_t
plain_write(struct plain *p, const unsigned char *b, size_t len)
{
	ssize_t n;

	do {
		n = send(p->fd, b, len, MSG_DONTWAIT | MSG_NOSIGNAL);
	} while (n == -1 && errno == EINTR);
	if (n == -1)
		return errno == EAGAIN ? 0 : -1;
	p->traffic.out += (size_t)n;
	return n;
}

/* -1: it has ended. */
static int
plain_flush(struct plain *p)
{
	ssize_t n;

	while (p->queue != NULL) {
		n = plain_write(p, buf_data(p->queue), buf_len(p->queue));
		if (n == 0)
			return 0;
		if (n == -1) {
			plain_end(p, NULL);
			return -1;
		}
		buf_consume(p->queue, (size_t)n);
		if (buf_len(p->queue) == 0)
			buf_freep(&p->queue);
	}
	if (p->far == NULL) {
		plain_end(p, NULL);
		return -1;
	}
	portforward_read(p->far, 1);
	return 0;
}

/* The same. */
static int
plain_receive(struct plain *p)
{
	unsigned char *b;
	ssize_t n;

	if (p->in_eof || p->far == NULL ||
	    (b = portforward_buf(p->far)) == NULL)
		return 0;
	n = recv(p->fd, b, PORTFORWARD_MAX, MSG_DONTWAIT);
	if (n > 0) {
		p->traffic.in += (size_t)n;
		portforward_send(p->far, (size_t)n);
	} else if (n == 0) {
		p->in_eof = 1;
	} else if (errno != EAGAIN && errno != EINTR) {
		plain_end(p, NULL);
		return -1;
	}
	return 0;
}

static void
plain_event(void *arg, uint32_t events)
{
	struct plain *p = arg;

	if (p->in_eof && (events & (EPOLLHUP | EPOLLERR)) != 0) {
		plain_end(p, NULL);
		return;
	}
	if ((events & EPOLLOUT) != 0 && plain_flush(p) == -1)
		return;
	if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0 &&
	    plain_receive(p) == -1)
		return;
	plain_watch(p);
}

static void
plain_far_opened(void *arg)
{
	struct plain *p = arg;

	p->h->opened(p->arg);
}

static void
plain_far_data(void *arg, const unsigned char *b, size_t len)
{
	struct plain *p = arg;
	struct k8s_err err;
	ssize_t n = 0;

	if (p->queue == NULL && (n = plain_write(p, b, len)) == -1) {
		plain_end(p, NULL);
		return;
	}
	if ((size_t)n == len)
		return;
	portforward_read(p->far, 0);
	if ((p->queue == NULL &&
		(p->queue = buf_new(PLAIN_QUEUE_MAX)) == NULL) ||
	    buf_put(p->queue, b + n, len - (size_t)n) == -1) {
		k8s_err_set(&err, K8S_ERR_LIMIT, "out of memory");
		plain_end(p, &err);
		return;
	}
	plain_watch(p);
}

static void
plain_far_ready(void *arg)
{
	struct plain *p = arg;

	if (p->watch != NULL)
		plain_watch(p);
}

static void
plain_far_ended(void *arg, int refused, const struct k8s_err *err)
{
	struct plain *p = arg;
	struct k8s_err why;

	p->far = NULL;
	if (err != NULL) {
		k8s_err_set(&why, refused ? K8S_ERR_NOT_FOUND : err->code, "%s",
		    err->msg);
		/* A 404 is not the port's. */
		if (!refused && err->code == K8S_ERR_NOT_FOUND)
			why.code = K8S_ERR_API;
		plain_end(p, &why);
	} else if (p->queue == NULL) {
		plain_end(p, NULL);
	} else {
		/* What came is still delivered. */
		plain_watch(p);
	}
}

static const struct portforward_handler plain_far_handler = {
    .opened = plain_far_opened,
    .data = plain_far_data,
    .ready = plain_far_ready,
    .ended = plain_far_ended,
};

struct plain *
plain_open(struct loop *loop, struct ws_client *server, const char *namespace_,
    const char *pod, unsigned int port, const struct plain_handler *h,
    void *arg, struct k8s_err *err)
{
	struct plain *p;

	if ((p = calloc(1, sizeof(*p))) == NULL) {
		k8s_err_errno(err, "out of memory");
		return NULL;
	}
	p->loop = loop;
	p->h = h;
	p->arg = arg;
	p->fd = -1;
	p->far = portforward_start(loop, server, namespace_, pod, port,
	    &plain_far_handler, p, err);
	if (p->far != NULL)
		return p;
	free(p);
	return NULL;
}

int
plain_join(struct plain *p, int fd)
{
	p->watch = loop_add(p->loop, fd, 0, plain_event, p, NULL);
	if (p->watch == NULL) {
		(void)close(fd);
		errno = ENOMEM;
		return -1;
	}
	p->fd = fd;
	plain_watch(p);
	return 0;
}
