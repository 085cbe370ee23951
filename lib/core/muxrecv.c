/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the peer's frames do. Each function changes all state before it calls a
 * handler and touches the channel no more after it: the handler may have
 * closed it.
 */
#include "lib/core/mux.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/core/muxint.h"

/* Where a HELLO's fields are (section 2). */
#define HELLO_LOWEST	   8
#define HELLO_HIGHEST	   10
#define HELLO_CAPABILITIES 12
#define HELLO_CHANNELS	   16

/* Bytes of a peer's text in an error. */
#define MUX_QUOTED 512

void
mux_say_hello(struct mux *m)
{
	unsigned char *p;

	if ((p = mux_put(m, MUX_HELLO, 0, MUXFRAME_HELLO)) == NULL)
		return;
	memset(p, 0, MUXFRAME_HELLO);
	memcpy(p, MUXFRAME_MAGIC, MUXFRAME_MAGIC_LEN);
	muxframe_set16(p + HELLO_LOWEST, MUX_VERSION);
	muxframe_set16(p + HELLO_HIGHEST, MUX_VERSION);
	muxframe_set32(p + HELLO_CAPABILITIES, m->offered);
	muxframe_set32(p + HELLO_CHANNELS, MUX_CHANNELS_MAX);
	m->said_hello = 1;
}

static void
mux_bad(struct mux *m, const struct muxframe *f, const char *what)
{
	k8s_err_set(&m->err, K8S_ERR_INVALID,
	    "the peer breaks the protocol: %s on channel %u: %s", f->rule->name,
	    (unsigned int)f->channel, what);
	mux_end(m);
}

static void
mux_got_hello(struct mux *m, const struct muxframe *f)
{
	uint32_t lowest = muxframe_get16(f->p + HELLO_LOWEST);
	uint32_t highest = muxframe_get16(f->p + HELLO_HIGHEST);
	uint32_t channels = muxframe_get32(f->p + HELLO_CHANNELS);

	if (m->side == MUX_HOST)
		mux_say_hello(m);
	if (mux_over(m))
		return;
	if (lowest > MUX_VERSION || highest < MUX_VERSION) {
		k8s_err_set(&m->err, K8S_ERR_INVALID,
		    "this end speaks version %d of the protocol, the other "
		    "%u to %u",
		    MUX_VERSION, (unsigned int)lowest, (unsigned int)highest);
		mux_end(m);
		return;
	}
	m->got_hello = 1;
	m->capabilities =
	    m->offered & muxframe_get32(f->p + HELLO_CAPABILITIES);
	m->limit = channels < MUX_CHANNELS_MAX ? channels : MUX_CHANNELS_MAX;
	m->h->hello(m->arg, m->capabilities);
}

static void
mux_got_error(struct mux *m, const struct muxframe *f)
{
	char text[MUX_QUOTED];

	k8s_err_set(&m->err, K8S_ERR_DISCONNECT,
	    "the peer ended the stream: \"%s\"",
	    muxframe_quote(text, sizeof(text), f->p, f->len));
}

static void
mux_got_ping(struct mux *m, const struct muxframe *f)
{
	unsigned char *p;

	if ((p = mux_put(m, MUX_PONG, 0, 8)) != NULL)
		memcpy(p, f->p, 8);
}

static void
mux_got_pong(struct mux *m, const struct muxframe *f)
{
	if (!m->pong_due || muxframe_get32(f->p) != 0 ||
	    muxframe_get32(f->p + 4) != m->pings) {
		mux_bad(m, f, "nobody asked for it");
		return;
	}
	m->pong_due = 0;
	m->h->pong(m->arg);
}

static void
mux_got_open(struct mux *m, const struct muxframe *f)
{
	uint32_t window = muxframe_get32(f->p + 1);
	enum mux_side peer = m->reader.from;
	struct mux_channel *c;
	unsigned char *p;

	if (f->channel % 2 != (peer == MUX_HOST) ||
	    f->channel > 2 * MUX_CHANNELS_MAX) {
		mux_bad(m, f, "not a number for this end");
		return;
	}
	if (m->channels[f->channel] != NULL) {
		mux_bad(m, f, "it is open");
		return;
	}
	if (!mux_kind_is_possible(m, peer, f->p[0])) {
		mux_bad(m, f, "of a kind that can't be");
		return;
	}
	if (window > MUX_WINDOW_MAX) {
		mux_bad(m, f, "its window is too large");
		return;
	}
	c = mux_channel_new(m, f->channel, (enum mux_kind)f->p[0]);
	if (c == NULL) {
		if ((p = mux_put(m, MUX_REFUSED, f->channel, 2)) != NULL)
			muxframe_set16(p, ENOMEM);
		return;
	}
	c->state = MUX_IS_ASKED;
	c->send = window;
	m->h->open(m->arg, c, c->kind, f->p + MUXFRAME_OPEN,
	    f->len - MUXFRAME_OPEN);
}

static void
mux_got_opened(struct mux *m, struct mux_channel *c, const struct muxframe *f)
{
	uint32_t window = muxframe_get32(f->p);

	if (window > MUX_WINDOW_MAX) {
		mux_bad(m, f, "its window is too large");
		return;
	}
	c->state = MUX_IS_OPEN;
	c->send = window;
	if (c->sent_close) {
		(void)mux_put(m, MUX_CLOSE, c->number, 0);
		return;
	}
	if (c->sent_eof)
		(void)mux_put(m, MUX_EOF, c->number, 0);
	if (c->blocked)
		mux_wait(c);
	c->h->opened(c->arg);
	mux_turns(m);
}

static void
mux_got_refused(struct mux *m, struct mux_channel *c, const struct muxframe *f)
{
	const struct mux_channel_handler *h = c->h;

	if (memchr(f->p + 2, '\0', f->len - 2) != NULL) {
		mux_bad(m, f, "a NUL in its text");
		return;
	}
	mux_channel_remove(c);
	if (h != NULL)
		h->refused(c->arg, (int)muxframe_get16(f->p),
		    (const char *)f->p + 2, f->len - 2);
	free(c);
}

static void
mux_got_data(struct mux *m, struct mux_channel *c, const struct muxframe *f)
{
	if (c->got_eof || c->got_status) {
		mux_bad(m, f, "after the end of data");
		return;
	}
	/* Of a whole frame, with its first piece. */
	if (f->begins > c->receive) {
		mux_bad(m, f, "more than its window");
		return;
	}
	c->receive -= (uint32_t)f->begins;
	if (c->h != NULL)
		c->h->data(c->arg, f->type, f->p, f->len);
}

static void
mux_got_window(struct mux *m, struct mux_channel *c, const struct muxframe *f)
{
	uint32_t n = muxframe_get32(f->p);

	if (n == 0 || n > MUX_WINDOW_MAX - c->send) {
		mux_bad(m, f, "its window is too large, or not larger");
		return;
	}
	c->send += n;
	if (c->blocked) {
		mux_wait(c);
		mux_turns(m);
	}
}

static void
mux_got_eof(struct mux *m, struct mux_channel *c, const struct muxframe *f)
{
	if (c->got_eof) {
		mux_bad(m, f, "twice");
		return;
	}
	c->got_eof = 1;
	if (c->h != NULL)
		c->h->eof(c->arg);
}

static void
mux_got_close(struct mux *m, struct mux_channel *c)
{
	const struct mux_channel_handler *h = c->h;

	if (!c->sent_close)
		(void)mux_put(m, MUX_CLOSE, c->number, 0);
	mux_channel_remove(c);
	if (h != NULL)
		h->closed(c->arg);
	free(c);
}

/* What SIZE, SIGNAL, STATUS or KILLED has wrong; NULL: nothing. */
static const char *
mux_message_is_bad(const struct mux_channel *c, const struct muxframe *f)
{
	switch (f->type) {
	case MUX_SIGNAL:
		if (memchr(f->p, '\0', f->len) != NULL)
			return "a NUL in its text";
		return NULL;
	case MUX_STATUS:
		if (c->got_status)
			return "a second end";
		if (muxframe_get32(f->p) > 255)
			return "no such status";
		return NULL;
	case MUX_KILLED:
		if (c->got_status)
			return "a second end";
		if (f->p[0] > 1 || memchr(f->p + 1, '\0', f->len - 1) != NULL)
			return "no such signal";
		return NULL;
	default:
		return NULL;
	}
}

static void
mux_got_message(struct mux *m, struct mux_channel *c, const struct muxframe *f)
{
	const char *what;

	if ((what = mux_message_is_bad(c, f)) != NULL) {
		mux_bad(m, f, what);
		return;
	}
	if (f->type == MUX_STATUS || f->type == MUX_KILLED)
		c->got_status = 1;
	if (c->h != NULL)
		c->h->message(c->arg, f->type, f->p, f->len);
}

/* A frame of an open channel. */
static void
mux_receive_open(struct mux *m, struct mux_channel *c, const struct muxframe *f)
{
	switch (f->type) {
	case MUX_DATA:
	case MUX_STDERR:
		mux_got_data(m, c, f);
		break;
	case MUX_WINDOW_ADD:
		mux_got_window(m, c, f);
		break;
	case MUX_EOF:
		mux_got_eof(m, c, f);
		break;
	case MUX_CLOSE:
		mux_got_close(m, c);
		break;
	case MUX_SIZE:
	case MUX_SIGNAL:
	case MUX_STATUS:
	case MUX_KILLED:
		mux_got_message(m, c, f);
		break;
	default:
		mux_bad(m, f, "it is open");
	}
}

static void
mux_receive_channel(struct mux *m, const struct muxframe *f)
{
	struct mux_channel *c = NULL;

	if (f->type == MUX_OPEN) {
		mux_got_open(m, f);
		return;
	}
	if (f->channel <= 2 * MUX_CHANNELS_MAX)
		c = m->channels[f->channel];
	if (c == NULL || c->state == MUX_IS_ASKED)
		mux_bad(m, f, "it is not open");
	else if ((f->rule->flags & MUXFRAME_SESSION) && c->kind != MUX_SESSION)
		mux_bad(m, f, "it is no session");
	else if (c->state == MUX_IS_OPEN)
		mux_receive_open(m, c, f);
	else if (f->type == MUX_OPENED)
		mux_got_opened(m, c, f);
	else if (f->type == MUX_REFUSED)
		mux_got_refused(m, c, f);
	else
		mux_bad(m, f, "it is not open");
}

void
mux_receive(struct mux *m, const struct muxframe *f)
{
	switch (f->type) {
	case MUX_HELLO:
		mux_got_hello(m, f);
		break;
	case MUX_ERROR:
		mux_got_error(m, f);
		break;
	case MUX_PING:
		mux_got_ping(m, f);
		break;
	case MUX_PONG:
		mux_got_pong(m, f);
		break;
	default:
		mux_receive_channel(m, f);
	}
}
