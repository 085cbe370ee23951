/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/kube/exec.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/core/buf.h"
#include "lib/kube/channel.h"
#include "lib/kube/status.h"
#include "lib/kube/url.h"

/* A channel byte in front of the largest piece of stdin. */
#define EXEC_MESSAGE_MAX (1 + EXEC_STDIN_MAX)

static const char exec_protocols[] = "v5.channel.k8s.io,v4.channel.k8s.io";

struct exec {
	struct ws *ws;
	const struct exec_handler *h;
	void *arg;
	struct channel_reader *reader;
	int opened, can_close;
	int close_wanted; /* stdin has ended, not yet said */
	int size_wanted;  /* size is newer than what was sent */
	struct exec_size size;
	struct k8s_err why; /* why we gave up, if we did */
	unsigned char out[WS_HEADROOM + EXEC_MESSAGE_MAX];
};

int
exec_path(const struct exec_params *p, struct buf *b)
{
	static const char ns[] = "/api/v1/namespaces/", pods[] = "/pods/",
			  args[] = "/exec?stdin=true&stdout=true",
			  container[] = "&container=", command[] = "&command=";
	const char *const *c;

	if (buf_put(b, ns, sizeof(ns) - 1) == -1 ||
	    url_escape(b, p->namespace_, strlen(p->namespace_)) == -1 ||
	    buf_put(b, pods, sizeof(pods) - 1) == -1 ||
	    url_escape(b, p->pod, strlen(p->pod)) == -1 ||
	    buf_put(b, args, sizeof(args) - 1) == -1 ||
	    /* With a terminal there is one output only. */
	    buf_put(b, p->tty ? "&tty=true" : "&stderr=true",
		p->tty ? 9 : 12) == -1)
		return -1;
	if (p->container != NULL &&
	    (buf_put(b, container, sizeof(container) - 1) == -1 ||
		url_escape(b, p->container, strlen(p->container)) == -1))
		return -1;
	for (c = p->command; *c != NULL; c++)
		if (buf_put(b, command, sizeof(command) - 1) == -1 ||
		    url_escape(b, *c, strlen(*c)) == -1)
			return -1;
	return buf_put(b, "", 1);
}

/* What goes before any more stdin: the size, and the end of stdin. */
static void
exec_push(struct exec *x)
{
	unsigned char *p = x->out + WS_HEADROOM;
	size_t len;

	while (ws_can_send(x->ws) && (x->size_wanted || x->close_wanted)) {
		if (x->size_wanted) {
			x->size_wanted = 0;
			len = (size_t)snprintf((char *)p, EXEC_MESSAGE_MAX,
			    "%c{\"Width\":%u,\"Height\":%u}", EXEC_RESIZE,
			    x->size.cols, x->size.rows);
		} else {
			x->close_wanted = 0;
			p[0] = EXEC_CLOSE;
			p[1] = EXEC_STDIN;
			len = 2;
		}
		ws_send(x->ws, p, len);
	}
}

static void
exec_output(void *arg, int ch, const unsigned char *p, size_t len)
{
	struct exec *x = arg;

	x->h->output(x->arg, (enum exec_channel)ch, p, len);
}

static void
exec_opened(void *arg, const char *protocol)
{
	struct exec *x = arg;
	struct k8s_err why;

	if (strcmp(protocol, "v5.channel.k8s.io") == 0) {
		x->can_close = 1;
	} else if (strcmp(protocol, "v4.channel.k8s.io") != 0) {
		k8s_err_set(&why, K8S_ERR_INVALID,
		    "the API server chose a protocol that was not offered");
		exec_abort(x, &why);
		return;
	}
	x->opened = 1;
	exec_push(x);
	x->h->opened(x->arg, x->can_close);
}

static void
exec_data(void *arg, const unsigned char *p, size_t len, int first)
{
	struct exec *x = arg;
	struct k8s_err why;

	if (channel_reader_feed(x->reader, p, len, first, &why) == -1)
		exec_abort(x, &why);
	else if (channel_reader_has_status(x->reader))
		ws_close_within(x->ws);
}

static void
exec_sent(void *arg)
{
	struct exec *x = arg;

	if (exec_stdin_buf(x) != NULL)
		x->h->stdin_ready(x->arg);
}

static void
exec_closed(void *arg, int close_code, const struct k8s_err *why)
{
	struct exec *x = arg;
	struct k8s_err err = K8S_ERR_INIT;
	int exit_code = -1, refused = !x->opened && x->why.code == K8S_ERR_NONE;

	if (x->why.code != K8S_ERR_NONE) {
		err = x->why;
	} else if (!x->opened) {
		err = *why;
	} else if (channel_reader_has_status(x->reader)) {
		/* A status is the last word, however the rest went. */
		if (channel_reader_result(x->reader, &exit_code, &err) == -1)
			exit_code = -1;
	} else {
		(void)channel_reader_result(x->reader, &exit_code, &err);
		if (why->code != K8S_ERR_NONE)
			err = *why;
		else
			k8s_err_prefix(&err, "close code %d", close_code);
		exit_code = -1;
	}
	x->h->ended(x->arg, exit_code, refused, &err);
	channel_reader_free(x->reader);
	explicit_bzero(x->out, sizeof(x->out));
	free(x);
}

static const struct ws_handler exec_ws_handler = {
    .opened = exec_opened,
    .data = exec_data,
    .sent = exec_sent,
    .closed = exec_closed,
};

struct exec *
exec_start(struct ws_client *c, const struct exec_params *params,
    const struct exec_handler *h, void *arg, struct k8s_err *err)
{
	__attribute__((cleanup(buf_freep))) struct buf *path = NULL;
	struct exec *x;

	if ((path = buf_new(WS_PATH_MAX)) == NULL ||
	    exec_path(params, path) == -1) {
		k8s_err_set(err, K8S_ERR_LIMIT,
		    "the exec request is longer than %d bytes", WS_PATH_MAX);
		return NULL;
	}
	if ((x = calloc(1, sizeof(*x))) == NULL ||
	    (x->reader = channel_reader_new(exec_output, x)) == NULL) {
		k8s_err_errno(err, "out of memory");
		free(x);
		return NULL;
	}
	x->h = h;
	x->arg = arg;
	x->size = params->size;
	x->size_wanted = params->tty;
	x->ws = ws_open(c, (const char *)buf_data(path), exec_protocols,
	    &exec_ws_handler, x, err);
	if (x->ws == NULL) {
		channel_reader_free(x->reader);
		free(x);
		return NULL;
	}
	return x;
}

unsigned char *
exec_stdin_buf(struct exec *x)
{
	exec_push(x);
	return ws_can_send(x->ws) ? x->out + WS_HEADROOM + 1 : NULL;
}

void
exec_stdin_send(struct exec *x, size_t len)
{
	x->out[WS_HEADROOM] = EXEC_STDIN;
	ws_send(x->ws, x->out + WS_HEADROOM, 1 + len);
}

void
exec_stdin_close(struct exec *x)
{
	x->close_wanted = 1;
	exec_push(x);
}

void
exec_resize(struct exec *x, struct exec_size size)
{
	x->size = size;
	x->size_wanted = 1;
	exec_push(x);
}

void
exec_read(struct exec *x, int on)
{
	ws_read(x->ws, on);
}

void
exec_abort(struct exec *x, const struct k8s_err *why)
{
	x->why = *why;
	ws_close(x->ws);
}
