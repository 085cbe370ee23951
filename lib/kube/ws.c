/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/kube/ws.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "lib/core/buf.h"
#include "lib/kube/status.h"
#include "lib/kube/stream.h"
#include "lib/kube/tls.h"
#include "lib/kube/url.h"
#include "lib/kube/wshttp.h"

/*
 * Read at once: no less than a TLS record holds (RFC 8446 section 5.1), so
 * that OpenSSL keeps nothing back that the event loop can't see.
 */
#define WS_READ_SIZE (16 * 1024)

/* At most between two looks at everything else. */
#define WS_READ_TURNS 8

/* Random bytes fetched at once, for masks. */
#define WS_RANDOM_SIZE 256

/* Bytes of stdin that go somewhere even if nobody reads: a pty's buffer. */
#define WS_SWALLOWED 4000

/* Pings, pongs and closes under way; a peer that pings faster is cut. */
#define WS_CONTROL_MAX 4096

struct ws_client {
	struct loop *loop;
	const struct kubeconfig *kc;
	const struct cred *cred;
	struct url url;
	SSL_CTX *tls;	    /* NULL: http, for tests and kubectl proxy */
	size_t connections; /* that have not ended */
};

/* RFC 6455's states, with those before the handshake and after a refusal. */
enum ws_state {
	WS_CONNECTING, /* the stream is not there yet */
	WS_ANSWER,     /* request sent or on its way, waiting for the head */
	WS_REFUSAL,    /* the body of an answer that is no 101 */
	WS_OPEN,
	WS_CLOSED, /* nothing goes any more, closed() is due */
};

struct ws {
	struct ws_client *client;
	const struct ws_handler *h;
	void *arg;
	enum ws_state state;
	struct stream *stream;
	int timerfd;
	struct loop_io *timer;
	char key[WSHTTP_KEY_SIZE];
	char *path;
	const char *protocols;
	struct wshttp_answer answer;
	struct buf *in;		/* of the handshake */
	struct buf *out;	/* the request, then control frames */
	unsigned char *message; /* the caller's, framed; what is left of it */
	size_t message_len;
	int message_begun; /* part of it is sent: nothing may come between */
	struct wsframe_reader frames;
	int stuck;    /* the stream takes no more for now */
	int sent_due; /* sent() is to be called for the message */
	unsigned char random[WS_RANDOM_SIZE];
	size_t random_left; /* of them not used yet, at the end */
	int reading, heard, was_open;
	int last_word;	/* ws_close_within() was called */
	int close_code; /* as told by the peer; 0 not yet */
	/* Bytes sent: so far, before the last ping, before its pong. */
	unsigned long long sent, sent_at_ping, sent_at_pong;
	struct k8s_err why;
};

/*
 * Ending.
 */

static void
ws_free(struct ws *w)
{
	stream_close(w->stream);
	loop_del(w->timer);
	if (w->timerfd != -1)
		(void)close(w->timerfd);
	free(w->path);
	buf_free(w->in);
	buf_free(w->out);
	w->client->connections--;
	free(w);
}

static void
ws_set_timer(struct ws *w, int ms)
{
	struct itimerspec in = {
	    .it_value.tv_sec = ms / 1000,
	    .it_value.tv_nsec = ms % 1000 * 1000000L + (ms == 0),
	};

	(void)timerfd_settime(w->timerfd, 0, &in, NULL);
}

/* Nothing is sent or read any more; the timer calls closed() from the loop. */
static void
ws_end(struct ws *w)
{
	if (w->state == WS_CLOSED)
		return;
	w->state = WS_CLOSED;
	stream_stop(w->stream);
	ws_set_timer(w, 0);
}

static void
ws_fail(struct ws *w, enum k8s_err_code code, const char *what)
{
	if (w->state != WS_CLOSED && w->why.code == K8S_ERR_NONE)
		k8s_err_set(&w->why, code, "%s: %s", w->client->kc->server,
		    what);
	ws_end(w);
}

/* The peer or the network ended it. */
static void
ws_cut(struct ws *w)
{
	const char *what = "the connection was cut";

	if (w->state != WS_OPEN)
		what = "the connection was cut before an answer came";
	if (w->close_code != 0)
		ws_end(w);
	else
		ws_fail(w, K8S_ERR_DISCONNECT, what);
}

static void
ws_finish(struct ws *w)
{
	int code = w->close_code;

	if (w->was_open && code == 0)
		code = 1006;
	w->h->closed(w->arg, code, &w->why);
	ws_free(w);
}

/*
 * Sending.
 */

/* Sends what there is. A message and control frames never mix. */
static void
ws_flush(struct ws *w)
{
	ssize_t n;

	w->stuck = 0;
	while (w->state != WS_CLOSED && !w->stuck) {
		if (w->message_len > 0 && w->message_begun) {
			n = stream_write(w->stream, w->message, w->message_len);
		} else if (buf_len(w->out) > 0) {
			n = stream_write(w->stream, buf_data(w->out),
			    buf_len(w->out));
		} else if (w->message_len > 0) {
			w->message_begun = 1;
			continue;
		} else {
			return;
		}
		if (n == -1) {
			ws_cut(w);
			return;
		}
		w->stuck = n == 0;
		if (w->message_begun) {
			w->message += n;
			w->message_len -= (size_t)n;
			w->message_begun = w->message_len > 0;
		} else {
			buf_consume(w->out, (size_t)n);
		}
	}
}

static void
ws_update_watch(struct ws *w)
{
	if (w->state != WS_CLOSED)
		stream_want(w->stream, w->reading, w->stuck);
}

/*
 * A mask that nobody can foresee (RFC 6455 section 5.3), without a system
 * call for each: no byte of the kernel's is used twice.
 */
static int
ws_mask(struct ws *w, uint32_t *mask)
{
	if (w->random_left < sizeof(*mask)) {
		if (getrandom(w->random, sizeof(w->random), 0) !=
		    (ssize_t)sizeof(w->random)) {
			ws_fail(w, K8S_ERR_SYSTEM, "no random numbers");
			return -1;
		}
		w->random_left = sizeof(w->random);
	}
	memcpy(mask, w->random + sizeof(w->random) - w->random_left,
	    sizeof(*mask));
	w->random_left -= sizeof(*mask);
	return 0;
}

static void
ws_control(struct ws *w, enum wsframe_opcode op, const unsigned char *p,
    size_t len)
{
	unsigned char frame[WSFRAME_HEAD_MAX + WSFRAME_CONTROL_MAX], *f;
	uint32_t mask;

	if (ws_mask(w, &mask) == -1)
		return;
	if (len > 0)
		memcpy(frame + WSFRAME_HEAD_MAX, p, len);
	f = wsframe_make(op, frame + WSFRAME_HEAD_MAX, len, mask);
	if (buf_put(w->out, f, (size_t)(frame + WSFRAME_HEAD_MAX + len - f)) ==
	    -1)
		ws_fail(w, K8S_ERR_LIMIT, "more pings than can be answered");
	else
		ws_flush(w);
}

/*
 * Receiving.
 */

static void
ws_got_data(void *arg, const unsigned char *p, size_t len, int first)
{
	struct ws *w = arg;

	if (w->state == WS_OPEN && w->close_code == 0)
		w->h->data(w->arg, p, len, first);
}

static void
ws_got_control(void *arg, enum wsframe_opcode op, const unsigned char *p,
    size_t len)
{
	struct ws *w = arg;

	if (w->state != WS_OPEN || w->close_code != 0)
		return;
	if (op == WSFRAME_PING) {
		ws_control(w, WSFRAME_PONG, p, len);
	} else if (op == WSFRAME_PONG) {
		w->sent_at_pong = w->sent_at_ping;
	} else {
		/* Answered with the same (section 5.5.1), and that was it. */
		w->close_code = len >= 2 ? p[0] << 8 | p[1] : 1005;
		ws_control(w, WSFRAME_CLOSE, p, len >= 2 ? 2 : 0);
		ws_end(w);
	}
}

static const struct wsframe_handler ws_frame_handler = {
    .data = ws_got_data,
    .control = ws_got_control,
};

static void
ws_got_frames(struct ws *w, const unsigned char *p, size_t len)
{
	struct k8s_err err;

	w->heard = 1;
	if (wsframe_feed(&w->frames, p, len, &ws_frame_handler, w, &err) == -1)
		ws_fail(w, K8S_ERR_INVALID, err.msg);
}

/* The whole answer, or what there is of it at its end, as an error. */
static void
ws_refused(struct ws *w)
{
	size_t len = buf_len(w->in);

	if (w->answer.code == 403 && len == 0)
		/* What servers say to subprotocols that they don't know. */
		k8s_err_set(&w->why, K8S_ERR_INVALID,
		    "%s: 403 without a reason: it may speak neither v5 nor "
		    "v4.channel.k8s.io",
		    w->client->kc->server);
	else
		(void)status_http_error(w->answer.code,
		    (const char *)buf_data(w->in), len, w->answer.retry_after,
		    &w->why);
	ws_end(w);
}

static void
ws_got_answer(struct ws *w)
{
	struct k8s_err err;
	size_t rest;
	long n;

	n = wshttp_parse((const char *)buf_data(w->in), buf_len(w->in), w->key,
	    w->protocols, &w->answer, &err);
	if (n == -1) {
		ws_fail(w, err.code, err.msg);
		return;
	}
	if (n == 0)
		return;
	buf_consume(w->in, (size_t)n);
	if (w->answer.code != 101) {
		w->state = WS_REFUSAL;
		return;
	}
	w->state = WS_OPEN;
	w->was_open = w->heard = 1;
	ws_set_timer(w, WS_PING_INTERVAL_MS);
	w->h->opened(w->arg, w->answer.protocol);
	/* The first frames can have come with the answer. */
	rest = buf_len(w->in);
	if (rest > 0 && w->state == WS_OPEN)
		ws_got_frames(w, buf_data(w->in), rest);
	buf_consume(w->in, rest);
}

static void
ws_got(struct ws *w, const unsigned char *p, size_t len)
{
	if (w->state == WS_OPEN) {
		ws_got_frames(w, p, len);
		return;
	}
	if (len > buf_room(w->in))
		len = buf_room(w->in); /* of a body enough has been seen */
	if (buf_put(w->in, p, len) == -1) {
		ws_fail(w, K8S_ERR_SYSTEM, "out of memory");
		return;
	}
	if (w->state == WS_ANSWER)
		ws_got_answer(w);
	if (w->state == WS_REFUSAL &&
	    (buf_room(w->in) == 0 ||
		(w->answer.body_len != -1 &&
		    buf_len(w->in) >= (size_t)w->answer.body_len)))
		ws_refused(w);
}

/* Reads until a read gets less than it could: then there is likely no more. */
static void
ws_receive(struct ws *w)
{
	unsigned char p[WS_READ_SIZE];
	ssize_t n = sizeof(p);
	int turns;

	for (turns = 0; turns < WS_READ_TURNS && n == sizeof(p); turns++) {
		if (w->state == WS_CLOSED || !w->reading)
			return;
		if ((n = stream_read(w->stream, p, sizeof(p))) > 0)
			ws_got(w, p, (size_t)n);
		else if (n == -1 && w->state == WS_REFUSAL)
			ws_refused(w);
		else if (n == -1)
			ws_cut(w);
	}
}

/*
 * What the stream says.
 */

static void
ws_connected(void *arg)
{
	struct ws *w = arg;

	w->state = WS_ANSWER;
	ws_flush(w);
	ws_update_watch(w);
}

static void
ws_failed(void *arg, const struct k8s_err *why)
{
	ws_fail(arg, why->code, why->msg);
}

/* After anything that may have sent what was stuck. */
static void
ws_settle(struct ws *w)
{
	if (w->sent_due && ws_can_send(w)) {
		w->sent_due = 0;
		w->h->sent(w->arg);
	}
	ws_update_watch(w);
}

static void
ws_ready(void *arg, int in, int out)
{
	struct ws *w = arg;

	if (in)
		ws_receive(w);
	if (w->state != WS_CLOSED && out)
		ws_flush(w);
	ws_settle(w);
}

static const struct stream_handler ws_stream_handler = {
    .connected = ws_connected,
    .failed = ws_failed,
    .ready = ws_ready,
};

/*
 * Time.
 */

/*
 * Whether silence means that the peer is gone. A server handles what it gets
 * in order: one that is blocked, writing our stdin to a command that does not
 * read, answers no ping, and that may last for hours. So a pong is due only
 * if there is no more behind the last one than any pipe or terminal takes in;
 * otherwise the kernel's word counts.
 */
static int
ws_is_dead(const struct ws *w)
{
	return w->sent - w->sent_at_pong <= WS_SWALLOWED ||
	    stream_is_unheard(w->stream, 2 * WS_PING_INTERVAL_MS);
}

static void
ws_time(void *arg, uint32_t events)
{
	struct ws *w = arg;
	uint64_t n;

	(void)events;
	(void)!read(w->timerfd, &n, sizeof(n));
	if (w->state == WS_CLOSED) {
		ws_finish(w);
		return;
	}
	if (w->state != WS_OPEN) {
		k8s_err_set(&w->why, K8S_ERR_TIMEOUT,
		    "%s did not answer within %d s", w->client->kc->server,
		    WS_OPEN_TIMEOUT_MS / 1000);
		ws_end(w);
		return;
	}
	if (!w->reading) {
		/* Nothing could be heard: start afresh when it can. */
		w->heard = 1;
	} else if (w->last_word && !w->heard) {
		ws_end(w);
		return;
	} else if (!w->heard && ws_is_dead(w)) {
		k8s_err_set(&w->why, K8S_ERR_DISCONNECT,
		    "no sign of life from %s for %d s", w->client->kc->server,
		    WS_PING_INTERVAL_MS / 1000);
		ws_end(w);
		return;
	} else {
		w->heard = 0;
		w->sent_at_ping = w->sent;
		if (!w->last_word && buf_len(w->out) == 0)
			ws_control(w, WSFRAME_PING, NULL, 0);
	}
	ws_set_timer(w, w->last_word ? WS_LAST_WORD_MS : WS_PING_INTERVAL_MS);
	ws_settle(w);
}

/*
 * The interface.
 */

struct ws_client *
ws_client_new(struct loop *loop, const struct kubeconfig *kc,
    const struct cred *cred, struct k8s_err *err)
{
	struct ws_client *c;

	if ((c = calloc(1, sizeof(*c))) == NULL) {
		k8s_err_errno(err, "out of memory");
		return NULL;
	}
	c->loop = loop;
	c->kc = kc;
	c->cred = cred;
	if (url_split(&c->url, kc->server, err) == -1) {
		k8s_err_prefix(err, "%s", kc->origin);
		ws_client_free(c);
		return NULL;
	}
	if (c->url.tls &&
	    (c->tls = tls_client_ctx(kc, cred, c->url.host, err)) == NULL) {
		ws_client_free(c);
		return NULL;
	}
	return c;
}

void
ws_client_free(struct ws_client *c)
{
	if (c == NULL)
		return;
	SSL_CTX_free(c->tls);
	url_clear(&c->url);
	free(c);
}

size_t
ws_client_connections(const struct ws_client *c)
{
	return c->connections;
}

void
ws_client_freep(struct ws_client **c)
{
	ws_client_free(*c);
	*c = NULL;
}

static int
ws_start(struct ws *w, const char *path, struct k8s_err *err)
{
	struct ws_client *c = w->client;

	if ((w->in = buf_new(WSHTTP_BODY_MAX)) == NULL ||
	    (w->out = buf_new(WS_PATH_MAX + CRED_TOKEN_MAX + 1024)) == NULL ||
	    asprintf(&w->path, "%s%s", c->url.path, path) == -1) {
		w->path = NULL;
		return k8s_err_errno(err, "out of memory");
	}
	if (wshttp_key(w->key, err) == -1 ||
	    wshttp_request(w->out, c->url.authority, w->path, w->protocols,
		c->cred->token, w->key, err) == -1)
		return -1;
	if ((w->timerfd = timerfd_create(CLOCK_MONOTONIC,
		 TFD_CLOEXEC | TFD_NONBLOCK)) == -1)
		return k8s_err_errno(err, "timerfd");
	if ((w->timer = loop_add(c->loop, w->timerfd, EPOLLIN, ws_time, w,
		 err)) == NULL)
		return -1;
	w->stream = stream_open(c->loop, c->url.host, c->url.port, c->tls,
	    &ws_stream_handler, w, err);
	if (w->stream == NULL)
		return k8s_err_prefix(err, "%s (server in %s)", c->kc->server,
		    c->kc->origin);
	ws_set_timer(w, WS_OPEN_TIMEOUT_MS);
	return 0;
}

struct ws *
ws_open(struct ws_client *c, const char *path, const char *protocols,
    const struct ws_handler *h, void *arg, struct k8s_err *err)
{
	struct ws *w;

	if ((w = calloc(1, sizeof(*w))) == NULL) {
		k8s_err_errno(err, "out of memory");
		return NULL;
	}
	w->client = c;
	c->connections++;
	w->protocols = protocols;
	w->h = h;
	w->arg = arg;
	w->timerfd = -1;
	w->reading = 1;
	if (ws_start(w, path, err) == -1) {
		ws_free(w);
		return NULL;
	}
	return w;
}

int
ws_can_send(const struct ws *w)
{
	return w->state == WS_OPEN && w->message_len == 0;
}

void
ws_send(struct ws *w, unsigned char *p, size_t len)
{
	unsigned char *f;
	uint32_t mask;

	if (!ws_can_send(w) || ws_mask(w, &mask) == -1)
		return;
	f = wsframe_make(WSFRAME_BINARY, p, len, mask);
	w->message = f;
	w->message_len = (size_t)(p + len - f);
	w->sent += len;
	ws_flush(w);
	w->sent_due = w->message_len > 0;
	ws_update_watch(w);
}

void
ws_read(struct ws *w, int on)
{
	if (w->reading == on || w->state == WS_CLOSED)
		return;
	w->reading = on;
	if (on)
		w->heard = 1;
	ws_update_watch(w);
}

void
ws_close_within(struct ws *w)
{
	if (w->last_word || w->state != WS_OPEN)
		return;
	w->last_word = 1;
	ws_set_timer(w, WS_LAST_WORD_MS);
}

void
ws_close(struct ws *w)
{
	ws_end(w);
}
