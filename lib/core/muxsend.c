/* SPDX-License-Identifier: Apache-2.0 */
/* What callers do with channels. */
#include "lib/core/mux.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/core/muxint.h"

int
mux_kind_is_possible(const struct mux *m, enum mux_side opener, uint32_t kind)
{
	static const struct {
		uint32_t capability;
		enum mux_side opener;
	} kinds[] = {
	    [MUX_SESSION] = {MUX_CAP_SESSION, MUX_HOST},
	    [MUX_AGENT] = {MUX_CAP_AGENT, MUX_GUEST},
	    [MUX_TCP] = {MUX_CAP_TCP, MUX_HOST},
	    [MUX_UNIX] = {MUX_CAP_UNIX, MUX_HOST},
	};

	return kind < sizeof(kinds) / sizeof(kinds[0]) &&
	    kinds[kind].opener == opener &&
	    (kinds[kind].capability & m->capabilities) != 0;
}

struct mux_channel *
mux_channel_new(struct mux *m, uint32_t number, enum mux_kind kind)
{
	struct mux_channel *c;

	if ((c = calloc(1, sizeof(*c))) == NULL)
		return NULL;
	c->mux = m;
	c->number = number;
	c->kind = kind;
	c->receive = MUX_WINDOW;
	m->channels[number] = c;
	if (m->highest < number)
		m->highest = number;
	return c;
}

void
mux_channel_remove(struct mux_channel *c)
{
	mux_unwait(c);
	c->mux->channels[c->number] = NULL;
	c->h = NULL;
	c->state = MUX_IS_GONE;
}

/* The lowest free number of ours; 0: none. */
static uint32_t
mux_free_number(const struct mux *m)
{
	uint32_t n;

	for (n = m->side == MUX_HOST ? 1 : 2; n <= 2 * m->limit; n += 2)
		if (m->channels[n] == NULL)
			return n;
	return 0;
}

/* 0 or why there can't be a new channel. */
static int
mux_cannot_open(const struct mux *m, enum mux_kind kind, size_t len)
{
	size_t max = m->side == MUX_HOST ? MUX_OPEN_MAX : MUX_PAYLOAD_MAX;

	if (!m->got_hello || mux_over(m))
		return ENOTCONN;
	if (!mux_kind_is_possible(m, m->side, kind))
		return EPROTONOSUPPORT;
	if (len > max - MUXFRAME_OPEN)
		return EMSGSIZE;
	if (mux_queued(m) > MUX_OUT_REST)
		return EAGAIN;
	if (mux_free_number(m) == 0)
		return EMFILE;
	return 0;
}

struct mux_channel *
mux_open(struct mux *m, enum mux_kind kind, const void *params, size_t len,
    const struct mux_channel_handler *h, void *arg)
{
	struct mux_channel *c;
	unsigned char *p;

	if ((errno = mux_cannot_open(m, kind, len)) != 0)
		return NULL;
	if ((c = mux_channel_new(m, mux_free_number(m), kind)) == NULL)
		return NULL;
	mux_enter(m);
	p = mux_put(m, MUX_OPEN, c->number, MUXFRAME_OPEN + len);
	if (p != NULL) {
		c->state = MUX_IS_OPENING;
		c->h = h;
		c->arg = arg;
		p[0] = (unsigned char)kind;
		muxframe_set32(p + 1, MUX_WINDOW);
		if (len > 0)
			memcpy(p + MUXFRAME_OPEN, params, len);
	} else {
		mux_channel_remove(c);
		free(c);
		c = NULL;
	}
	mux_leave(m);
	if (c == NULL)
		errno = ENOMEM;
	return c;
}

void
mux_accept(struct mux_channel *c, const struct mux_channel_handler *h,
    void *arg)
{
	unsigned char *p;

	if (c->state != MUX_IS_ASKED)
		return;
	mux_enter(c->mux);
	c->state = MUX_IS_OPEN;
	c->h = h;
	c->arg = arg;
	if ((p = mux_put(c->mux, MUX_OPENED, c->number, 4)) != NULL)
		muxframe_set32(p, MUX_WINDOW);
	mux_leave(c->mux);
}

void
mux_refuse(struct mux_channel *c, int error, const char *text)
{
	size_t len = strnlen(text, MUX_REFUSED_TEXT);
	struct mux *m = c->mux;
	unsigned char *p;

	if (c->state != MUX_IS_ASKED)
		return;
	mux_enter(m);
	if ((p = mux_put(m, MUX_REFUSED, c->number, 2 + len)) != NULL) {
		muxframe_set16(p, (uint32_t)error);
		memcpy(p + 2, text, len);
	}
	mux_channel_remove(c);
	free(c);
	mux_leave(m);
}

uint32_t
mux_number(const struct mux_channel *c)
{
	return c->number;
}

/* Whether there may ever be data from here again. */
static int
mux_may_send(const struct mux_channel *c)
{
	return (c->state == MUX_IS_OPENING || c->state == MUX_IS_OPEN) &&
	    !c->sent_eof && !c->sent_status && !c->sent_close &&
	    !mux_over(c->mux);
}

size_t
mux_room(struct mux_channel *c)
{
	const struct mux *m = c->mux;

	if (!mux_may_send(c))
		return 0;
	if (c->send == 0) {
		c->blocked = 1;
		return 0;
	}
	/* Nobody overtakes those that wait. */
	if (!mux_queue_has_room(m) || (m->waiting > 0 && m->turn != c)) {
		mux_wait(c);
		return 0;
	}
	return c->send < MUX_TURN ? c->send : MUX_TURN;
}

unsigned char *
mux_reserve(struct mux_channel *c, size_t *len)
{
	unsigned char *p;

	if ((*len = mux_room(c)) == 0)
		return NULL;
	/* Can't fail: mux_new() got the memory. */
	p = buf_reserve(c->mux->back, MUXFRAME_HEAD + *len);
	return p == NULL ? NULL : p + MUXFRAME_HEAD;
}

void
mux_commit(struct mux_channel *c, enum mux_type type, size_t len)
{
	struct mux *m = c->mux;
	unsigned char *p;

	if (len == 0 || (p = buf_reserve(m->back, MUXFRAME_HEAD + len)) == NULL)
		return;
	mux_enter(m);
	muxframe_head(p, type, c->number, len);
	buf_commit(m->back, MUXFRAME_HEAD + len);
	c->send -= (uint32_t)len;
	m->turn = NULL;
	mux_leave(m);
}

void
mux_passed_on(struct mux_channel *c, size_t n)
{
	size_t held = MUX_WINDOW - c->receive - c->passed;
	unsigned char *p;

	if (c->state != MUX_IS_OPEN || c->sent_close || c->got_eof)
		return;
	c->passed += (uint32_t)(n < held ? n : held);
	if (c->passed < MUX_WINDOW_STEP)
		return;
	mux_enter(c->mux);
	if ((p = mux_put(c->mux, MUX_WINDOW_ADD, c->number, 4)) != NULL) {
		muxframe_set32(p, c->passed);
		c->receive += c->passed;
		c->passed = 0;
	}
	mux_leave(c->mux);
}

void
mux_eof(struct mux_channel *c)
{
	if (c->sent_eof || c->sent_close ||
	    (c->state != MUX_IS_OPEN && c->state != MUX_IS_OPENING))
		return;
	mux_enter(c->mux);
	c->sent_eof = 1;
	mux_unwait(c);
	if (c->state == MUX_IS_OPEN)
		(void)mux_put(c->mux, MUX_EOF, c->number, 0);
	mux_leave(c->mux);
}

/* 0 or why it can't be sent, now or ever. */
static int
mux_cannot_say(const struct mux_channel *c, enum mux_type type, size_t len)
{
	const struct muxframe_rule *rule = muxframe_rule(type);
	unsigned int side =
	    c->mux->side == MUX_HOST ? MUXFRAME_FROM_HOST : MUXFRAME_FROM_GUEST;
	int status = type == MUX_STATUS || type == MUX_KILLED;

	if (type < MUX_SIZE || rule == NULL || !(rule->flags & side) ||
	    len < rule->min || len > rule->max || c->kind != MUX_SESSION ||
	    c->sent_close || (status && c->sent_status) || mux_over(c->mux))
		return EINVAL;
	if (c->state == MUX_IS_OPENING ||
	    (!status && mux_queued(c->mux) >= MUX_OUT_DATA))
		return EAGAIN;
	return c->state == MUX_IS_OPEN ? 0 : EINVAL;
}

int
mux_message(struct mux_channel *c, enum mux_type type, const void *p,
    size_t len)
{
	int why = mux_cannot_say(c, type, len);
	unsigned char *d;

	if (why == EAGAIN) {
		if (c->state == MUX_IS_OPENING)
			c->blocked = 1;
		else
			mux_wait(c);
	}
	if (why != 0) {
		errno = why;
		return -1;
	}
	mux_enter(c->mux);
	if ((d = mux_put(c->mux, type, c->number, len)) != NULL)
		memcpy(d, p, len);
	if (type == MUX_STATUS || type == MUX_KILLED) {
		c->sent_status = 1;
		mux_unwait(c);
	}
	mux_leave(c->mux);
	return 0;
}

void
mux_close(struct mux_channel *c)
{
	struct mux *m = c->mux;

	if (c->state == MUX_IS_ASKED) {
		mux_refuse(c, ECANCELED, "");
		return;
	}
	if (c->sent_close)
		return;
	mux_enter(m);
	mux_unwait(c);
	c->h = NULL;
	c->sent_close = 1;
	/* The peer must have the channel before it can lose it. */
	if (c->state == MUX_IS_OPEN)
		(void)mux_put(m, MUX_CLOSE, c->number, 0);
	mux_leave(m);
}
