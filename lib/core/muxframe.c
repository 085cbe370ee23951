/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/core/muxframe.h"

#include <string.h>

#define FROM_BOTH (MUXFRAME_FROM_HOST | MUXFRAME_FROM_GUEST)
#define STREAM	  (FROM_BOTH | MUXFRAME_STREAM)
#define TO_GUEST  (MUXFRAME_FROM_HOST | MUXFRAME_SESSION)
#define TO_HOST	  (MUXFRAME_FROM_GUEST | MUXFRAME_SESSION)

/* Quoted bytes of what is no k8shell, in an error. */
#define MUXFRAME_QUOTED 400

static const struct muxframe_rule muxframe_rules[] = {
    [MUX_HELLO] = {"HELLO", MUXFRAME_HELLO, MUXFRAME_HELLO_MAX, STREAM},
    [MUX_OPEN] = {"OPEN", MUXFRAME_OPEN, MUX_OPEN_MAX, FROM_BOTH},
    [MUX_OPENED] = {"OPENED", 4, 4, FROM_BOTH},
    [MUX_REFUSED] = {"REFUSED", 2, 2 + MUX_TEXT_MAX, FROM_BOTH},
    [MUX_DATA] = {"DATA", 1, MUX_PAYLOAD_MAX, FROM_BOTH | MUXFRAME_PIECES},
    [MUX_STDERR] = {"STDERR", 1, MUX_PAYLOAD_MAX, TO_HOST | MUXFRAME_PIECES},
    [MUX_WINDOW_ADD] = {"WINDOW", 4, 4, FROM_BOTH},
    [MUX_EOF] = {"EOF", 0, 0, FROM_BOTH},
    [MUX_CLOSE] = {"CLOSE", 0, 0, FROM_BOTH},
    [MUX_ERROR] = {"ERROR", 0, MUX_TEXT_MAX, STREAM},
    [MUX_PING] = {"PING", 8, 8, STREAM},
    [MUX_PONG] = {"PONG", 8, 8, STREAM},
    [MUX_SIZE] = {"SIZE", 8, 8, TO_GUEST},
    [MUX_SIGNAL] = {"SIGNAL", 1, MUX_NAME_MAX, TO_GUEST},
    [MUX_STATUS] = {"STATUS", 4, 4, TO_HOST},
    [MUX_KILLED] = {"KILLED", 2, 1 + MUX_NAME_MAX, TO_HOST},
};

const struct muxframe_rule *
muxframe_rule(unsigned int type)
{
	if (type >= sizeof(muxframe_rules) / sizeof(muxframe_rules[0]) ||
	    muxframe_rules[type].name == NULL)
		return NULL;
	return &muxframe_rules[type];
}

uint32_t
muxframe_get16(const unsigned char *p)
{
	return (uint32_t)p[0] << 8 | p[1];
}

uint32_t
muxframe_get32(const unsigned char *p)
{
	return muxframe_get16(p) << 16 | muxframe_get16(p + 2);
}

void
muxframe_set16(unsigned char *p, uint32_t v)
{
	p[0] = v >> 8 & 0xff;
	p[1] = v & 0xff;
}

void
muxframe_set32(unsigned char *p, uint32_t v)
{
	muxframe_set16(p, v >> 16);
	muxframe_set16(p + 2, v);
}

void
muxframe_head(unsigned char *p, enum mux_type type, uint32_t channel,
    size_t len)
{
	muxframe_set32(p, (uint32_t)type << 24 | channel);
	muxframe_set32(p + 4, (uint32_t)len);
}

char *
muxframe_quote(char *dst, size_t size, const unsigned char *p, size_t len)
{
	size_t n = 0;

	for (; len > 0 && size - n > 4; p++, len--) {
		if (*p >= ' ' && *p <= '~' && *p != '"' && *p != '\\') {
			dst[n++] = (char)*p;
			continue;
		}
		dst[n++] = '\\';
		dst[n++] = (char)('0' + (*p >> 6));
		dst[n++] = (char)('0' + (*p >> 3 & 7));
		dst[n++] = (char)('0' + (*p & 7));
	}
	dst[n] = '\0';
	return dst;
}

/*
 * The first bytes are not those of a HELLO: most likely a shell's message, so
 * they are what helps to find out why. rest comes behind the head.
 */
static int
muxframe_stranger(const struct muxframe_reader *r, const unsigned char *rest,
    size_t len, struct k8s_err *err)
{
	char text[MUXFRAME_QUOTED + 4 * MUXFRAME_HEAD];
	size_t n;

	muxframe_quote(text, sizeof(text), r->head, r->head_len);
	n = strlen(text);
	muxframe_quote(text + n, sizeof(text) - n, rest, len);
	return k8s_err_set(err, K8S_ERR_INVALID,
	    "this is not %s, it says \"%s\"",
	    r->from == MUX_GUEST ? "k8shell-guest" : "k8shell", text);
}

static int
muxframe_bad(struct muxframe_reader *r, const char *what, struct k8s_err *err)
{
	return k8s_err_set(err, K8S_ERR_INVALID,
	    "a frame (type %u, channel %u, %u bytes) %s",
	    (unsigned int)r->head[0],
	    (unsigned int)(muxframe_get32(r->head) & 0xffffff),
	    (unsigned int)muxframe_get32(r->head + 4), what);
}

/* Checks a complete head and begins its payload. */
static int
muxframe_begin(struct muxframe_reader *r, struct k8s_err *err)
{
	const struct muxframe_rule *rule = muxframe_rule(r->head[0]);
	uint32_t channel = muxframe_get32(r->head) & 0xffffff;
	uint32_t size = muxframe_get32(r->head + 4);
	unsigned int from =
	    r->from == MUX_HOST ? MUXFRAME_FROM_HOST : MUXFRAME_FROM_GUEST;

	if (rule == NULL)
		return muxframe_bad(r, "of no type", err);
	if (r->greeted && r->head[0] == MUX_HELLO)
		return muxframe_bad(r, "that may come once", err);
	if (!(rule->flags & from))
		return muxframe_bad(r, "in the wrong direction", err);
	if ((channel == 0) != ((rule->flags & MUXFRAME_STREAM) != 0))
		return muxframe_bad(r, "on the wrong channel", err);
	if (size < rule->min || size > rule->max ||
	    (r->head[0] == MUX_OPEN && r->from == MUX_GUEST &&
		size > MUX_PAYLOAD_MAX))
		return muxframe_bad(r, "of the wrong length", err);
	r->frame.type = (enum mux_type)r->head[0];
	r->frame.rule = rule;
	r->frame.channel = channel;
	r->frame.begins = size;
	r->left = size;
	return 0;
}

/*
 * Adds to the head. 1: it is complete, and good. Until there was a HELLO each
 * byte is looked at as it comes: a message may be shorter than a head.
 */
static int
muxframe_read_head(struct muxframe_reader *r, const unsigned char **p,
    size_t *len, struct k8s_err *err)
{
	static const unsigned char hello[] = {MUX_HELLO, 0, 0, 0, 0, 0};
	size_t n = MUXFRAME_HEAD - r->head_len;

	if (n > *len)
		n = *len;
	memcpy(r->head + r->head_len, *p, n);
	r->head_len += n;
	*p += n;
	*len -= n;
	if (!r->greeted &&
	    memcmp(r->head, hello,
		r->head_len < sizeof(hello) ? r->head_len : sizeof(hello)) != 0)
		return muxframe_stranger(r, *p, *len, err);
	if (r->head_len < MUXFRAME_HEAD)
		return 0;
	if (muxframe_begin(r, err) == 0)
		return 1;
	return r->greeted ? -1 : muxframe_stranger(r, *p, *len, err);
}

/* n bytes at p complete a payload or not; whole where all are there. */
static int
muxframe_collect(struct muxframe_reader *r, const unsigned char *p, size_t n,
    struct k8s_err *err)
{
	if (r->part == NULL && n == r->left) {
		r->frame.p = p;
		r->frame.len = n;
		return 0;
	}
	if ((r->part == NULL && (r->part = buf_new(r->left)) == NULL) ||
	    buf_put(r->part, p, n) == -1)
		return k8s_err_errno(err, "a frame");
	r->frame.p = buf_data(r->part);
	r->frame.len = buf_len(r->part);
	return 0;
}

int
muxframe_read(struct muxframe_reader *r, const unsigned char **p, size_t *len,
    struct muxframe *f, struct k8s_err *err)
{
	int pieces, ret;
	size_t n;

	if (r->head_len == 0)
		buf_freep(&r->part);
	if (*len == 0)
		return 0;
	if (r->head_len < MUXFRAME_HEAD) {
		if ((ret = muxframe_read_head(r, p, len, err)) != 1)
			return ret;
		if (r->left > 0 && *len == 0)
			return 0;
	}
	pieces = (r->frame.rule->flags & MUXFRAME_PIECES) != 0;
	n = r->left < *len ? r->left : *len;
	if (pieces) {
		r->frame.p = *p;
		r->frame.len = n;
	} else if (muxframe_collect(r, *p, n, err) == -1) {
		return -1;
	}
	*p += n;
	*len -= n;
	r->left -= n;
	if (r->left > 0 && !pieces)
		return 0;
	if (!r->greeted) {
		if (memcmp(r->frame.p, MUXFRAME_MAGIC, MUXFRAME_MAGIC_LEN) != 0)
			return muxframe_stranger(r, r->frame.p, r->frame.len,
			    err);
		r->greeted = 1;
	}
	if (r->left == 0)
		r->head_len = 0;
	*f = r->frame;
	r->frame.begins = 0;
	return 1;
}

void
muxframe_done(struct muxframe_reader *r)
{
	buf_freep(&r->part);
}
