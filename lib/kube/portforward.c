/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/kube/portforward.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "lib/core/buf.h"
#include "lib/core/log.h"
#include "lib/kube/portmessage.h"
#include "lib/kube/url.h"

static const char portforward_protocol[] = "v4.channel.k8s.io";

struct portforward {
	const struct portforward_handler *h; /* NULL: nobody wants it */
	void *arg;
	struct ws *ws;
	int timerfd;
	struct loop_io *timer;
	int opened;
	struct portmessage reader;
	struct k8s_err why; /* why we gave up, if we did */
	unsigned char out[WS_HEADROOM + 1 + PORTFORWARD_MAX];
};

static void
portforward_give_up(struct portforward *f, const struct k8s_err *why)
{
	f->why = *why;
	ws_close(f->ws);
}

static void
portforward_open(struct portforward *f)
{
	if (f->opened || f->h == NULL || f->reader.text_len > 0)
		return;
	f->opened = 1;
	f->h->opened(f->arg);
}

static void
portforward_time(void *arg, uint32_t events)
{
	struct portforward *f = arg;
	uint64_t n;

	(void)events;
	(void)!read(f->timerfd, &n, sizeof(n));
	portforward_open(f);
}

static void
portforward_opened(void *arg, const char *protocol)
{
	struct portforward *f = arg;
	struct k8s_err why;

	if (strcmp(protocol, portforward_protocol) == 0)
		return;
	k8s_err_set(&why, K8S_ERR_INVALID,
	    "the API server chose a protocol that was not offered");
	portforward_give_up(f, &why);
}

static void
portforward_data(void *arg, const unsigned char *p, size_t len, int first)
{
	const struct itimerspec grace = {
	    .it_value.tv_nsec = PORTFORWARD_GRACE_MS * 1000000L,
	};
	struct portforward *f = arg;
	int was_ready = portmessage_ready(&f->reader);
	struct k8s_err why;

	if (portmessage_feed(&f->reader, &p, &len, first, &why) == -1) {
		portforward_give_up(f, &why);
		return;
	}
	if (!was_ready && portmessage_ready(&f->reader))
		(void)timerfd_settime(f->timerfd, 0, &grace, NULL);
	if (f->reader.text_len > 0)
		ws_close_within(f->ws);
	if (len == 0)
		return;
	portforward_open(f);
	if (f->opened && f->h != NULL)
		f->h->data(f->arg, p, len);
}

static void
portforward_sent(void *arg)
{
	struct portforward *f = arg;

	if (f->h != NULL && portforward_buf(f) != NULL)
		f->h->ready(f->arg);
}

static void
portforward_closed(void *arg, int close_code, const struct k8s_err *why)
{
	struct portforward *f = arg;
	char safe[PORTMESSAGE_TEXT_MAX * 4 + 1];
	struct k8s_err err = K8S_ERR_INIT;

	(void)close_code;
	if (f->why.code != K8S_ERR_NONE)
		err = f->why;
	else if (f->reader.text_len > 0)
		k8s_err_set(&err, K8S_ERR_API, "port %u: %s", f->reader.port,
		    log_escape(safe, sizeof(safe), f->reader.text,
			f->reader.text_len));
	else
		err = *why;
	if (f->h != NULL)
		f->h->ended(f->arg, f->reader.text_len > 0,
		    err.code != K8S_ERR_NONE ? &err : NULL);
	loop_del(f->timer);
	(void)close(f->timerfd);
	explicit_bzero(f->out, sizeof(f->out));
	free(f);
}

static const struct ws_handler portforward_ws_handler = {
    .opened = portforward_opened,
    .data = portforward_data,
    .sent = portforward_sent,
    .closed = portforward_closed,
};

static int
portforward_path(struct buf *b, const char *namespace_, const char *pod,
    unsigned int port)
{
	static const char ns[] = "/api/v1/namespaces/", pods[] = "/pods/";
	char rest[32];
	int n = snprintf(rest, sizeof(rest), "/portforward?ports=%u", port);

	if (n < 0 || buf_put(b, ns, sizeof(ns) - 1) == -1 ||
	    url_escape(b, namespace_, strlen(namespace_)) == -1 ||
	    buf_put(b, pods, sizeof(pods) - 1) == -1 ||
	    url_escape(b, pod, strlen(pod)) == -1)
		return -1;
	return buf_put(b, rest, (size_t)n + 1);
}

struct portforward *
portforward_start(struct loop *loop, struct ws_client *c,
    const char *namespace_, const char *pod, unsigned int port,
    const struct portforward_handler *h, void *arg, struct k8s_err *err)
{
	__attribute__((cleanup(buf_freep))) struct buf *path = NULL;
	struct portforward *f;

	if ((f = calloc(1, sizeof(*f))) == NULL ||
	    (path = buf_new(WS_PATH_MAX)) == NULL ||
	    portforward_path(path, namespace_, pod, port) == -1) {
		k8s_err_set(err, K8S_ERR_LIMIT, "out of memory");
		free(f);
		return NULL;
	}
	f->h = h;
	f->arg = arg;
	portmessage_init(&f->reader, port);
	f->timerfd =
	    timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (f->timerfd == -1) {
		k8s_err_errno(err, "timerfd");
		free(f);
		return NULL;
	}
	if ((f->timer = loop_add(loop, f->timerfd, EPOLLIN, portforward_time, f,
		 err)) == NULL ||
	    (f->ws = ws_open(c, (const char *)buf_data(path),
		 portforward_protocol, &portforward_ws_handler, f, err)) ==
		NULL) {
		loop_del(f->timer);
		(void)close(f->timerfd);
		free(f);
		return NULL;
	}
	return f;
}

unsigned char *
portforward_buf(struct portforward *f)
{
	return f->opened && ws_can_send(f->ws) ? f->out + WS_HEADROOM + 1
					       : NULL;
}

void
portforward_send(struct portforward *f, size_t len)
{
	f->out[WS_HEADROOM] = PORTMESSAGE_DATA;
	ws_send(f->ws, f->out + WS_HEADROOM, 1 + len);
}

void
portforward_read(struct portforward *f, int on)
{
	ws_read(f->ws, on);
}

void
portforward_close(struct portforward *f)
{
	f->h = NULL;
	ws_close(f->ws);
}
