/* SPDX-License-Identifier: Apache-2.0 */
/* The stream: its life, its queue, whose turn it is. */
#include "lib/core/mux.h"

#include <stdlib.h>
#include <string.h>

#include "lib/core/muxint.h"

/* The queue with all that may be in it, should one buffer have it all. */
#define MUX_QUEUE_MAX                                                     \
	(MUX_OUT_DATA + 2 * MUX_OUT_REST + MUXFRAME_HEAD + MUX_OPEN_MAX + \
	    MUXFRAME_HEAD + MUX_TEXT_MAX)

_Static_assert(K8S_ERR_MAX <= MUX_TEXT_MAX, "an error fits an ERROR");

/* Memory for DATA comes first, so that none can be missing later. */
static struct buf *
mux_queue_new(void)
{
	struct buf *b = buf_new(MUX_QUEUE_MAX);

	if (b != NULL && buf_reserve(b, MUX_OUT_DATA) == NULL)
		buf_freep(&b);
	return b;
}

struct mux *
mux_new(enum mux_side side, uint32_t capabilities, const struct mux_handler *h,
    void *arg)
{
	struct mux *m;

	if ((m = calloc(1, sizeof(*m))) == NULL)
		return NULL;
	m->side = side;
	m->reader.from = side == MUX_HOST ? MUX_GUEST : MUX_HOST;
	m->offered = capabilities;
	m->h = h;
	m->arg = arg;
	if ((m->front = mux_queue_new()) == NULL ||
	    (m->back = mux_queue_new()) == NULL) {
		mux_free(m);
		return NULL;
	}
	if (side == MUX_GUEST)
		mux_say_hello(m);
	return m;
}

void
mux_free(struct mux *m)
{
	const struct mux_channel_handler *h;
	struct mux_channel *c;
	size_t i;

	if (m == NULL)
		return;
	/* Handlers may still call; nothing comes of it. */
	if (!mux_over(m))
		k8s_err_set(&m->err, K8S_ERR_DISCONNECT, "the mux is gone");
	m->busy++;
	for (i = 0; i < sizeof(m->channels) / sizeof(m->channels[0]); i++) {
		if ((c = m->channels[i]) == NULL)
			continue;
		h = c->h;
		mux_channel_remove(c);
		if (h != NULL)
			h->closed(c->arg);
		free(c);
	}
	muxframe_done(&m->reader);
	buf_free(m->front);
	buf_free(m->back);
	free(m);
}

void
mux_freep(struct mux **m)
{
	mux_free(*m);
	*m = NULL;
}

int
mux_over(const struct mux *m)
{
	return m->err.code != K8S_ERR_NONE;
}

void
mux_enter(struct mux *m)
{
	m->busy++;
}

void
mux_leave(struct mux *m)
{
	/* out() may write all there is, and bring more by that. */
	while (m->busy == 1 && !m->told_out && mux_queued(m) > 0) {
		m->told_out = 1;
		m->h->out(m->arg);
	}
	m->busy--;
}

size_t
mux_queued(const struct mux *m)
{
	return buf_len(m->front) + buf_len(m->back);
}

/* Without looking at what waits already. */
static unsigned char *
mux_put_unchecked(struct mux *m, enum mux_type type, uint32_t channel,
    size_t len)
{
	unsigned char *p;

	if ((p = buf_reserve(m->back, MUXFRAME_HEAD + len)) == NULL)
		return NULL;
	muxframe_head(p, type, channel, len);
	buf_commit(m->back, MUXFRAME_HEAD + len);
	return p + MUXFRAME_HEAD;
}

void
mux_end(struct mux *m)
{
	size_t len = strlen(m->err.msg);
	unsigned char *p;

	if (!m->said_hello)
		return;
	if ((p = mux_put_unchecked(m, MUX_ERROR, 0, len)) != NULL)
		memcpy(p, m->err.msg, len);
}

unsigned char *
mux_put(struct mux *m, enum mux_type type, uint32_t channel, size_t len)
{
	size_t rest = type == MUX_OPEN ? 0 : MUXFRAME_HEAD + len;
	unsigned char *p;

	if (mux_over(m))
		return NULL;
	if (rest > MUX_OUT_REST - m->front_rest - m->back_rest) {
		k8s_err_set(&m->err, K8S_ERR_LIMIT,
		    "the peer does not read the answers that it asks for");
		mux_end(m);
		return NULL;
	}
	if ((p = mux_put_unchecked(m, type, channel, len)) == NULL) {
		k8s_err_errno(&m->err, "the queue");
		mux_end(m);
		return NULL;
	}
	m->back_rest += rest;
	return p;
}

const unsigned char *
mux_out(struct mux *m, size_t *len)
{
	struct buf *b;

	if (buf_len(m->front) == 0) {
		b = m->front;
		m->front = m->back;
		m->back = b;
		m->front_rest = m->back_rest;
		m->back_rest = 0;
	}
	*len = buf_len(m->front);
	return buf_data(m->front);
}

void
mux_written(struct mux *m, size_t n)
{
	mux_enter(m);
	buf_consume(m->front, n);
	if (buf_len(m->front) == 0)
		m->front_rest = 0;
	if (mux_queued(m) == 0)
		m->told_out = 0;
	mux_turns(m);
	mux_leave(m);
}

int
mux_queue_has_room(const struct mux *m)
{
	return mux_queued(m) <= MUX_OUT_DATA - MUX_TURN - MUXFRAME_HEAD;
}

void
mux_wait(struct mux_channel *c)
{
	c->blocked = 0;
	if (!c->waiting) {
		c->waiting = 1;
		c->mux->waiting++;
	}
}

void
mux_unwait(struct mux_channel *c)
{
	if (c->waiting) {
		c->waiting = 0;
		c->mux->waiting--;
	}
	c->blocked = 0;
}

/* The next one that waits, by number, behind the last. There is one. */
static struct mux_channel *
mux_next_waiting(struct mux *m)
{
	struct mux_channel *c;

	do {
		m->cursor = m->cursor < m->highest ? m->cursor + 1 : 1;
		c = m->channels[m->cursor];
	} while (c == NULL || !c->waiting);
	return c;
}

/*
 * A turn that is not taken is lost. When this is done nobody waits, or the
 * queue is full and mux_written() will come.
 */
void
mux_turns(struct mux *m)
{
	struct mux_channel *c;

	if (m->turning)
		return;
	m->turning = 1;
	while (!mux_over(m) && m->waiting > 0 && mux_queue_has_room(m)) {
		c = mux_next_waiting(m);
		mux_unwait(c);
		m->turn = c;
		c->h->room(c->arg);
		m->turn = NULL;
	}
	m->turning = 0;
}

int
mux_feed(struct mux *m, const unsigned char *p, size_t len, struct k8s_err *err)
{
	struct muxframe f;
	int r;

	if (m->feeding)
		return k8s_err_set(err, K8S_ERR_INVALID,
		    "mux_feed() in one of its handlers");
	mux_enter(m);
	m->feeding = 1;
	while (!mux_over(m)) {
		r = muxframe_read(&m->reader, &p, &len, &f, &m->err);
		if (r == 0)
			break;
		if (r == 1) {
			mux_receive(m, &f);
			continue;
		}
		if (m->reader.greeted)
			k8s_err_prefix(&m->err, "the peer breaks the protocol");
		mux_end(m);
	}
	m->feeding = 0;
	mux_leave(m);
	if (!mux_over(m))
		return 0;
	return k8s_err_set(err, m->err.code, "%s", m->err.msg);
}

void
mux_ping(struct mux *m)
{
	unsigned char *p;

	if (!m->got_hello || m->pong_due)
		return;
	mux_enter(m);
	if ((p = mux_put(m, MUX_PING, 0, 8)) != NULL) {
		muxframe_set32(p, 0);
		muxframe_set32(p + 4, ++m->pings);
		m->pong_due = 1;
	}
	mux_leave(m);
}
