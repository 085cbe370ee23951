/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What tests of lib/core/mux have in common: an end that writes down what
 * happens to it, frames made and read by hand, and two ends back to back.
 */
#ifndef K8SHELL_MUXRIG_H
#define K8SHELL_MUXRIG_H

#include "tests/unit/unit.h"

#include "lib/core/mux.h"

#define RIG_ALL                                                         \
	(MUX_CAP_SESSION | MUX_CAP_TCP | MUX_CAP_UNIX | MUX_CAP_AGENT | \
	    MUX_CAP_USER)
#define RIG_CHANNELS 2100

struct rig_end;

/* A channel as its user sees it. */
struct rig_channel {
	struct rig_end *end;
	struct mux_channel *c; /* NULL: gone */
	int number;
	int hold;	  /* data is not passed on */
	const char *does; /* closes itself in the handler of this name */
	int refill;	  /* room() sends as much as goes */
	size_t got, sent; /* bytes of data */
	int waits;	  /* room() is due */
	int rooms, status;
};

struct rig_end {
	struct mux *mux;
	char log[8192]; /* "opened:1 data:1:hello ..." */
	int quiet;	/* no data in it; 1: but its bytes are checked */
	int answer;	/* to open(): 1 accepts, -1 refuses, 0 later */
	int writes;	/* out() writes at once; nobody reads it */
	int outs, in_handler;
	uint32_t capabilities;
	int pongs;
	struct rig_channel channels[RIG_CHANNELS];
	size_t used;
	const unsigned char *fed; /* the bytes that are being fed */
	size_t fed_len;
	size_t pieces;
};

static inline void
rig_say(struct rig_end *e, const char *what, int number, const void *p,
    size_t len)
{
	size_t n = strlen(e->log);

	if (sizeof(e->log) - n < len + 64)
		return;
	n += (size_t)snprintf(e->log + n, sizeof(e->log) - n, "%s%s:%d",
	    n > 0 ? " " : "", what, number);
	if (p != NULL)
		(void)snprintf(e->log + n, sizeof(e->log) - n, ":%.*s",
		    (int)len, (const char *)p);
}

/* One handler is over: it may close its own channel. */
static inline void
rig_maybe_close(struct rig_channel *rc, const char *handler)
{
	struct mux_channel *c = rc->c;

	if (rc->does == NULL || strcmp(rc->does, handler) != 0 || c == NULL)
		return;
	rc->c = NULL;
	rc->end->in_handler++;
	mux_close(c);
	rc->end->in_handler--;
}

static inline void
rig_opened(void *arg)
{
	struct rig_channel *rc = arg;

	assert_int_equal(rc->rooms, 0);
	rig_say(rc->end, "opened", rc->number, NULL, 0);
	rig_maybe_close(rc, "opened");
}

static inline void
rig_refused(void *arg, int error, const char *text, size_t len)
{
	struct rig_channel *rc = arg;
	char line[400];
	int n;

	n = snprintf(line, sizeof(line), "%d,%.*s", error, (int)len, text);
	rig_say(rc->end, "refused", rc->number, line, (size_t)n);
	rig_maybe_close(rc, "refused");
	rc->c = NULL;
}

/* Each byte is its place in the channel's data, so none is lost or moved. */
static inline unsigned char
rig_byte(size_t at)
{
	return (unsigned char)(at * 31 + (at >> 8));
}

static inline void
rig_data(void *arg, enum mux_type type, const unsigned char *p, size_t len)
{
	struct rig_channel *rc = arg;
	struct rig_end *e = rc->end;
	size_t i;

	assert_true(len > 0);
	/* Without a copy: out of what is fed. */
	if (e->fed != NULL)
		assert_true(p >= e->fed && len <= e->fed_len &&
		    (size_t)(p - e->fed) <= e->fed_len - len);
	e->pieces++;
	if (e->quiet == 1) {
		for (i = 0; i < len; i++)
			if (p[i] != rig_byte(rc->got + i))
				fail_msg("byte %zu is wrong", rc->got + i);
	} else if (!e->quiet) {
		rig_say(e, type == MUX_DATA ? "data" : "stderr", rc->number, p,
		    len);
	}
	rc->got += len;
	e->in_handler++;
	if (!rc->hold)
		mux_passed_on(rc->c, len);
	e->in_handler--;
	rig_maybe_close(rc, "data");
}

/* As much as goes. */
static inline void
rig_refill(struct rig_channel *rc)
{
	unsigned char *p;
	size_t len, i;

	while ((p = mux_reserve(rc->c, &len)) != NULL) {
		for (i = 0; i < len; i++)
			p[i] = rig_byte(rc->sent + i);
		mux_commit(rc->c, MUX_DATA, len);
		rc->sent += len;
	}
}

static inline void
rig_room(void *arg)
{
	struct rig_channel *rc = arg;

	rc->rooms++;
	if (rc->refill)
		rig_refill(rc);
	rig_maybe_close(rc, "room");
}

static inline void
rig_eof(void *arg)
{
	struct rig_channel *rc = arg;

	rig_say(rc->end, "eof", rc->number, NULL, 0);
	rig_maybe_close(rc, "eof");
}

static inline void
rig_message(void *arg, enum mux_type type, const unsigned char *p, size_t len)
{
	struct rig_channel *rc = arg;
	char line[64];
	size_t i;

	for (i = 0; i < len && i < 30; i++)
		(void)snprintf(line + 2 * i, 3, "%02x", p[i]);
	line[2 * i] = '\0';
	rig_say(rc->end,
	    type == MUX_SIZE	     ? "size"
		: type == MUX_SIGNAL ? "signal"
		: type == MUX_STATUS ? "status"
				     : "killed",
	    rc->number, line, strlen(line));
	rig_maybe_close(rc, "message");
}

static inline void
rig_closed(void *arg)
{
	struct rig_channel *rc = arg;

	assert_non_null(rc->c);
	rig_say(rc->end, "closed", rc->number, NULL, 0);
	rig_maybe_close(rc, "closed");
	rc->c = NULL;
}

static const struct mux_channel_handler rig_channel_handler = {
    .opened = rig_opened,
    .refused = rig_refused,
    .data = rig_data,
    .room = rig_room,
    .eof = rig_eof,
    .message = rig_message,
    .closed = rig_closed,
};

static inline struct rig_channel *
rig_channel_new(struct rig_end *e, struct mux_channel *c)
{
	struct rig_channel *rc = &e->channels[e->used++ % RIG_CHANNELS];

	*rc = (struct rig_channel){.end = e, .c = c};
	if (c != NULL)
		rc->number = (int)mux_number(c);
	return rc;
}

static inline void
rig_hello(void *arg, uint32_t capabilities)
{
	struct rig_end *e = arg;

	e->capabilities = capabilities;
	rig_say(e, "hello", (int)capabilities, NULL, 0);
}

static inline void
rig_accept(struct rig_channel *rc)
{
	mux_accept(rc->c, &rig_channel_handler, rc);
}

static inline void
rig_open_asked(void *arg, struct mux_channel *c, enum mux_kind kind,
    const unsigned char *p, size_t len)
{
	struct rig_channel *rc = rig_channel_new(arg, c);
	struct rig_end *e = arg;
	char what[16];

	(void)snprintf(what, sizeof(what), "open%d", (int)kind);
	rig_say(e, what, rc->number, p, len);
	if (e->answer == 1) {
		rig_accept(rc);
	} else if (e->answer == -1) {
		rc->c = NULL;
		mux_refuse(c, 111, "nobody there");
	}
}

static inline void
rig_out(void *arg)
{
	struct rig_end *e = arg;
	size_t len;

	assert_int_equal(e->in_handler, 0);
	e->outs++;
	if (!e->writes)
		return;
	e->in_handler++;
	(void)mux_out(e->mux, &len);
	mux_written(e->mux, len);
	e->in_handler--;
}

static inline void
rig_pong(void *arg)
{
	((struct rig_end *)arg)->pongs++;
}

static const struct mux_handler rig_handler = {
    .hello = rig_hello,
    .open = rig_open_asked,
    .out = rig_out,
    .pong = rig_pong,
};

static inline struct rig_end *
rig_new(enum mux_side side, uint32_t capabilities)
{
	struct rig_end *e = calloc(1, sizeof(*e));

	assert_non_null(e);
	e->answer = 1;
	e->mux = mux_new(side, capabilities, &rig_handler, e);
	assert_non_null(e->mux);
	return e;
}

static inline void
rig_free(struct rig_end *e)
{
	mux_free(e->mux);
	free(e);
}

static inline struct rig_channel *
rig_open(struct rig_end *e, enum mux_kind kind, const void *p, size_t len)
{
	struct rig_channel *rc = rig_channel_new(e, NULL);

	rc->c = mux_open(e->mux, kind, p, len, &rig_channel_handler, rc);
	assert_non_null(rc->c);
	rc->number = (int)mux_number(rc->c);
	return rc;
}

/* The channel with that number that is there. */
static inline struct rig_channel *
rig_find(struct rig_end *e, int number)
{
	size_t i;

	for (i = 0; i < RIG_CHANNELS; i++)
		if (e->channels[i].c != NULL && e->channels[i].number == number)
			return &e->channels[i];
	fail_msg("no channel %d", number);
	return NULL;
}

static inline void
rig_text(struct rig_channel *rc, enum mux_type type, const char *text)
{
	unsigned char *p;
	size_t len;

	p = mux_reserve(rc->c, &len);
	assert_non_null(p);
	assert_true(len >= strlen(text));
	memcpy(p, text, strlen(text));
	mux_commit(rc->c, type, strlen(text));
}

/* What happened since last asked. */
static inline void
rig_check(struct rig_end *e, const char *log)
{
	if (strcmp(e->log, log) != 0)
		fail_msg("\"%s\" instead of \"%s\"", e->log, log);
	e->log[0] = '\0';
}

static inline int
rig_feed(struct rig_end *e, const void *p, size_t len, struct k8s_err *err)
{
	/* Exactly as long, so that a sanitizer sees one too far. */
	unsigned char *copy = malloc(len > 0 ? len : 1);
	int r;

	assert_non_null(copy);
	memcpy(copy, p, len);
	e->fed = copy;
	e->fed_len = len;
	r = mux_feed(e->mux, copy, len, err);
	e->fed = NULL;
	free(copy);
	return r;
}

/* A random number below n; the same ones in every run. */
static inline size_t
rig_random(size_t n)
{
	static uint64_t x = 88172645463325252ULL;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return (size_t)(x % n);
}

/* At most max of what a says goes to b, in pieces of at most cut bytes. */
static inline size_t
rig_move(struct rig_end *a, struct rig_end *b, size_t max, size_t cut)
{
	struct k8s_err err = K8S_ERR_INIT;
	const unsigned char *p;
	size_t len, n, done;

	p = mux_out(a->mux, &len);
	if (len > max)
		len = max;
	for (done = 0; done < len; done += n) {
		n = cut == 0 ? len : 1 + rig_random(cut);
		if (n > len - done)
			n = len - done;
		if (rig_feed(b, p + done, n, &err) == -1)
			fail_msg("%s", err.msg);
	}
	mux_written(a->mux, len);
	return len;
}

/* Until neither has anything to say; cut 0: in as large pieces as come. */
static inline void
rig_pump(struct rig_end *a, struct rig_end *b, size_t cut)
{
	size_t n;

	do {
		n = rig_move(a, b, cut == 0 ? SIZE_MAX : 1 + rig_random(cut),
		    cut);
		n += rig_move(b, a, cut == 0 ? SIZE_MAX : 1 + rig_random(cut),
		    cut);
	} while (n > 0);
}

/* Two ends that have said hello. */
static inline void
rig_pair(struct rig_end **host, struct rig_end **guest)
{
	*host = rig_new(MUX_HOST, RIG_ALL);
	*guest = rig_new(MUX_GUEST, RIG_ALL);
	rig_pump(*host, *guest, 0);
	rig_check(*host, "hello:31");
	rig_check(*guest, "hello:31");
}

/* Frames by hand. */

struct rig_bytes {
	unsigned char *p;
	size_t len, size;
};

static inline void
rig_add(struct rig_bytes *b, const void *p, size_t len)
{
	if (b->size - b->len < len) {
		b->size = 2 * (b->len + len);
		b->p = realloc(b->p, b->size);
		assert_non_null(b->p);
	}
	if (len > 0)
		memcpy(b->p + b->len, p, len);
	b->len += len;
}

static inline void
rig_frame(struct rig_bytes *b, int type, uint32_t channel, const void *p,
    size_t len)
{
	unsigned char head[8] = {(unsigned char)type,
	    (unsigned char)(channel >> 16), (unsigned char)(channel >> 8),
	    (unsigned char)channel, (unsigned char)(len >> 24),
	    (unsigned char)(len >> 16), (unsigned char)(len >> 8),
	    (unsigned char)len};

	rig_add(b, head, sizeof(head));
	rig_add(b, p, len);
}

static inline void
rig_frame32(struct rig_bytes *b, int type, uint32_t channel, uint32_t v)
{
	unsigned char p[4] = {(unsigned char)(v >> 24),
	    (unsigned char)(v >> 16), (unsigned char)(v >> 8),
	    (unsigned char)v};

	rig_frame(b, type, channel, p, sizeof(p));
}

static inline void
rig_frame_open(struct rig_bytes *b, uint32_t channel, int kind, uint32_t window)
{
	unsigned char p[5] = {(unsigned char)kind,
	    (unsigned char)(window >> 24), (unsigned char)(window >> 16),
	    (unsigned char)(window >> 8), (unsigned char)window};

	rig_frame(b, MUX_OPEN, channel, p, sizeof(p));
}

/* A HELLO of len bytes at least 44, all capabilities. */
static inline void
rig_frame_hello(struct rig_bytes *b, int lowest, int highest, uint32_t channels,
    size_t len)
{
	unsigned char p[2048] = "k8shellm";

	p[9] = (unsigned char)lowest;
	p[11] = (unsigned char)highest;
	memset(p + 12, 0xff, 4); /* some that are not known yet */
	p[16] = (unsigned char)(channels >> 24);
	p[17] = (unsigned char)(channels >> 16);
	p[18] = (unsigned char)(channels >> 8);
	p[19] = (unsigned char)channels;
	memset(p + 20, 0xee, sizeof(p) - 20);
	rig_frame(b, MUX_HELLO, 0, p, len);
}

/*
 * All that an end has to say, taken, as "HELLO OPENED:1 DATA:1:5". ERROR with
 * its text.
 */
static inline const char *
rig_said(struct rig_end *e)
{
	static const char *const names[] = {"?", "HELLO", "OPEN", "OPENED",
	    "REFUSED", "DATA", "STDERR", "WINDOW", "EOF", "CLOSE", "ERROR",
	    "PING", "PONG", "SIZE", "SIGNAL", "STATUS", "KILLED"};
	static char text[4096];
	struct rig_bytes b = {0};
	size_t n = 0, i, len, size;
	const unsigned char *p;

	while ((p = mux_out(e->mux, &len)), len > 0) {
		rig_add(&b, p, len);
		mux_written(e->mux, len);
	}
	text[0] = '\0';
	for (i = 0; i < b.len; i += 8 + size) {
		p = b.p + i;
		size = (size_t)p[4] << 24 | (size_t)p[5] << 16 |
		    (size_t)p[6] << 8 | p[7];
		assert_true(p[0] >= 1 && p[0] <= 16);
		assert_true(b.len - i >= 8 && b.len - i - 8 >= size);
		if (sizeof(text) - n < 1200)
			continue;
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s:%d",
		    n > 0 ? " " : "", names[p[0]], p[2] << 8 | p[3]);
		if (p[0] == MUX_ERROR)
			n += (size_t)snprintf(text + n, sizeof(text) - n,
			    ":%.*s", (int)size, (const char *)p + 8);
		else if (p[0] == MUX_DATA)
			n += (size_t)snprintf(text + n, sizeof(text) - n,
			    ":%zu", size);
	}
	free(b.p);
	return text;
}

#endif
