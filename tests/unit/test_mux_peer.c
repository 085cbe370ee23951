/* SPDX-License-Identifier: Apache-2.0 */
/* One end of a mux and a peer that says what it likes. */
#include "tests/unit/muxrig.h"

#include <errno.h>
#include <limits.h>
#include <malloc.h>

/*
 * Memory in use and the most there was, bytes, and after how many allocations
 * there is none; see local.mk.
 */
static size_t in_use, most_in_use;
static unsigned long until_none = ULONG_MAX;

void *__real_malloc(size_t);
void *__real_calloc(size_t, size_t);
void *__real_realloc(void *, size_t);
void __real_free(void *);
void *__wrap_malloc(size_t);
void *__wrap_calloc(size_t, size_t);
void *__wrap_realloc(void *, size_t);
void __wrap_free(void *);

static int
none_left(void)
{
	if (until_none == ULONG_MAX || until_none-- > 0)
		return 0;
	until_none = ULONG_MAX;
	errno = ENOMEM;
	return 1;
}

static void *
count(void *p)
{
	in_use += malloc_usable_size(p);
	if (in_use > most_in_use)
		most_in_use = in_use;
	return p;
}

void *
__wrap_malloc(size_t size)
{
	return none_left() ? NULL : count(__real_malloc(size));
}

void *
__wrap_calloc(size_t n, size_t size)
{
	return none_left() ? NULL : count(__real_calloc(n, size));
}

void *
__wrap_realloc(void *p, size_t size)
{
	in_use -= malloc_usable_size(p);
	return count(__real_realloc(p, size));
}

void
__wrap_free(void *p)
{
	in_use -= malloc_usable_size(p);
	__real_free(p);
}

/*
 * A peer in a few letters, words apart by spaces; N is a channel, M a number.
 *	H HELLO		ON.M OPEN of kind M	AN OPENED	RN REFUSED
 *	DN.M DATA of M bytes	SN.M STDERR	WN.M WINDOW	EN EOF
 *	CN CLOSE	TN.M STATUS	KN KILLED	ZN SIZE	GN SIGNAL
 *	P PING		Q PONG of the first PING	X ERROR
 * and what this end does: o.M opens, aN accepts, rN refuses, cN closes, eN EOF,
 * hN keeps what comes, pN.M passes on M bytes of it, i pings.
 */
static void
peer_frame(struct rig_bytes *b, char what, uint32_t n, uint32_t m)
{
	static const unsigned char zeros[MUX_PAYLOAD_MAX + 1];

	switch (what) {
	case 'H':
		rig_frame_hello(b, 1, 1, 1024, 44);
		break;
	case 'O':
		rig_frame_open(b, n, (int)m, 100000);
		break;
	case 'A':
		rig_frame32(b, MUX_OPENED, n, 100000);
		break;
	case 'R':
		rig_frame(b, MUX_REFUSED, n, "\0\15no", 4);
		break;
	case 'D':
		rig_frame(b, MUX_DATA, n, zeros, m);
		break;
	case 'S':
		rig_frame(b, MUX_STDERR, n, zeros, m);
		break;
	case 'W':
		rig_frame32(b, MUX_WINDOW_ADD, n, m);
		break;
	case 'E':
		rig_frame(b, MUX_EOF, n, NULL, 0);
		break;
	case 'C':
		rig_frame(b, MUX_CLOSE, n, NULL, 0);
		break;
	case 'T':
		rig_frame32(b, MUX_STATUS, n, m);
		break;
	case 'K':
		rig_frame(b, MUX_KILLED, n, "\1SEGV", 5);
		break;
	case 'Z':
		rig_frame(b, MUX_SIZE, n, "\0\1\0\2\0\3\0\4", 8);
		break;
	case 'G':
		rig_frame(b, MUX_SIGNAL, n, "INT", 3);
		break;
	case 'P':
		rig_frame(b, MUX_PING, 0, "12345678", 8);
		break;
	case 'Q':
		rig_frame(b, MUX_PONG, 0, "\0\0\0\0\0\0\0\1", 8);
		break;
	case 'X':
		rig_frame(b, MUX_ERROR, 0, "no\nmore", 7);
		break;
	default:
		fail_msg("no such frame: %c", what);
	}
}

static void
own_act(struct rig_end *e, char what, int n, uint32_t m)
{
	struct rig_channel *rc;
	struct mux_channel *c;

	if (what == 'o') {
		(void)rig_open(e, (enum mux_kind)m, "", 0);
		return;
	}
	if (what == 'i') {
		mux_ping(e->mux);
		return;
	}
	rc = rig_find(e, n);
	c = rc->c;
	switch (what) {
	case 'a':
		rig_accept(rc);
		break;
	case 'r':
		rc->c = NULL;
		mux_refuse(c, 13, "no");
		break;
	case 'c':
		rc->c = NULL;
		mux_close(c);
		break;
	case 'e':
		mux_eof(c);
		break;
	case 'h':
		rc->hold = 1;
		break;
	case 'p':
		mux_passed_on(c, m);
		break;
	default:
		fail_msg("no such act: %c", what);
	}
}

/* -1 and err as mux_feed(). Frames come whole, or byte by byte. */
static int
play(struct rig_end *e, const char *script, int bytewise, struct k8s_err *err)
{
	struct rig_bytes b;
	size_t i, step;
	uint32_t n, m;
	char what, *s;
	int r = 0;

	while (*script != '\0' && r == 0) {
		what = *script++;
		n = (uint32_t)strtoul(script, &s, 10);
		m = *s == '.' ? (uint32_t)strtoul(s + 1, &s, 10) : 0;
		while (*s == ' ')
			s++;
		script = s;
		if (what >= 'a') {
			own_act(e, what, (int)n, m);
			continue;
		}
		b = (struct rig_bytes){0};
		peer_frame(&b, what, n, m);
		step = bytewise ? 1 : b.len;
		for (i = 0; i < b.len && r == 0; i += step)
			r = rig_feed(e, b.p + i, step, err);
		free(b.p);
	}
	return r;
}

struct play {
	enum mux_side side;
	const char *script;
	const char *error; /* NULL: none */
	const char *log;   /* what handlers were called; NULL: whatever */
};

static void
play_all(const struct play *plays, size_t n, int bytewise)
{
	struct k8s_err err;
	struct rig_end *e;
	const char *said;
	size_t i;
	int r;

	for (i = 0; i < n; i++) {
		memset(&err, 0, sizeof(err));
		e = rig_new(plays[i].side, RIG_ALL);
		e->answer = 0;
		e->quiet = 2;
		r = play(e, plays[i].script, bytewise, &err);
		if ((r == -1) != (plays[i].error != NULL) ||
		    (r == -1 && strstr(err.msg, plays[i].error) == NULL))
			fail_msg("%s: %d, \"%s\"", plays[i].script, r, err.msg);
		if (plays[i].log != NULL && strcmp(e->log, plays[i].log) != 0)
			fail_msg("%s: \"%s\"", plays[i].script, e->log);
		said = rig_said(e);
		if (r == -1) {
			unit_check_err(&err, K8S_ERR_INVALID, plays[i].error);
			/* The peer is told the same, and nothing after it. */
			if (strstr(said, "ERROR:0:") == NULL ||
			    strcmp(strstr(said, "ERROR:0:") + 8, err.msg) != 0)
				fail_msg("%s: says %s", plays[i].script, said);
			/* Once over, over, with the same words. */
			assert_int_equal(rig_feed(e, "x", 1, &err), -1);
			unit_check_err(&err, K8S_ERR_INVALID, plays[i].error);
			assert_string_equal(rig_said(e), "");
		} else if (strstr(said, "ERROR") != NULL) {
			fail_msg("%s: says %s", plays[i].script, said);
		}
		rig_free(e);
	}
}

#define H MUX_HOST
#define G MUX_GUEST

/* Every frame in every state that a channel has. */
static void
frames_in_every_state(void **state)
{
	static const struct play plays[] = {
	    /* Numbers nobody opened, or not that end. */
	    {G, "H D1.1", "DATA on channel 1: it is not open", "hello:31"},
	    {G, "H E1", "EOF on channel 1: it is not open", NULL},
	    {G, "H C1", "CLOSE on channel 1: it is not open", NULL},
	    {G, "H W1.1", "WINDOW on channel 1: it is not open", NULL},
	    {G, "H A1", "OPENED on channel 1: it is not open", NULL},
	    {G, "H R1", "REFUSED on channel 1: it is not open", NULL},
	    {G, "H Z1", "SIZE on channel 1: it is not open", NULL},
	    {H, "H T1.0", "STATUS on channel 1: it is not open", NULL},
	    {H, "H D16777215.1", "DATA on channel 16777215: it is not", NULL},
	    {G, "H O2.3", "not a number for this end", NULL},
	    {G, "H O2047.3", NULL, "hello:31 open3:2047:"},
	    {G, "H O2049.3", "not a number for this end", NULL},
	    {H, "H O1.2", "not a number for this end", NULL},
	    {H, "H O2048.2", NULL, "hello:31 open2:2048:"},
	    {H, "H O2050.2", "not a number for this end", NULL},
	    /* Kinds that are not opened in that direction. */
	    {G, "H O1.2", "of a kind that can't be", NULL},
	    {H, "H O2.1", "of a kind that can't be", NULL},
	    {G, "H O1.0", "of a kind that can't be", NULL},
	    {G, "H O1.5", "of a kind that can't be", NULL},
	    /* Before the answer. */
	    {G, "H O1.3 O1.3", "OPEN on channel 1: it is open", NULL},
	    {G, "H O1.3 D1.1", "it is not open", NULL},
	    {G, "H O1.3 E1", "it is not open", NULL},
	    {G, "H O1.3 C1", "it is not open", NULL},
	    {G, "H O1.3 W1.1", "it is not open", NULL},
	    {G, "H O1.3 A1", "it is not open", NULL},
	    {G, "H O1.3 R1", "it is not open", NULL},
	    {G, "H O1.1 Z1", "it is not open", NULL},
	    {H, "H o.3 D1.1", "it is not open", NULL},
	    {H, "H o.3 E1", "it is not open", NULL},
	    {H, "H o.3 C1", "it is not open", NULL},
	    {H, "H o.3 W1.1", "it is not open", NULL},
	    {H, "H o.1 T1.1", "it is not open", NULL},
	    {H, "H o.3 c1 D1.1", "it is not open", NULL},
	    {H, "H o.3 c1 C1", "it is not open", NULL},
	    /* Refused. */
	    {G, "H O1.3 r1 D1.1", "it is not open", NULL},
	    {G, "H O1.3 r1 E1", "it is not open", NULL},
	    {G, "H O1.3 r1 C1", "it is not open", NULL},
	    {G, "H O1.3 r1 O1.3 a1 D1.1", NULL, "hello:31 open3:1: open3:1:"},
	    {H, "H o.3 R1", NULL, "hello:31 refused:1:13,no"},
	    {H, "H o.3 R1 A1", "it is not open", NULL},
	    {H, "H o.3 R1 C1", "it is not open", NULL},
	    {H, "H o.3 R1 R1", "it is not open", NULL},
	    {H, "H o.3 c1 R1", NULL, "hello:31"},
	    /* Open. */
	    {H, "H o.3 A1 A1", "OPENED on channel 1: it is open", NULL},
	    {H, "H o.3 A1 R1", "REFUSED on channel 1: it is open", NULL},
	    {H, "H o.3 A1 D1.1 E1 W1.5 C1", NULL,
		"hello:31 opened:1 eof:1 closed:1"},
	    {H, "H o.3 A1 E1 E1", "EOF on channel 1: twice", NULL},
	    {H, "H o.3 A1 E1 D1.1", "after the end of data", NULL},
	    {H, "H o.3 A1 C1 C1", "it is not open", NULL},
	    {H, "H o.3 A1 C1 D1.1", "it is not open", NULL},
	    {G, "H O1.3 a1 O1.3", "it is open", NULL},
	    {G, "H O1.3 a1 A1", "it is open", NULL},
	    {G, "H O1.3 a1 R1", "it is open", NULL},
	    {G, "H O1.3 a1 C1 O1.3 a1 D1.9", NULL,
		"hello:31 open3:1: closed:1 open3:1:"},
	    {G, "H O1.3 a1 C1 W1.1", "it is not open", NULL},
	    /* Closed by this end: nothing arrives, the rules still hold. */
	    {H, "H o.3 A1 c1 D1.5 W1.5 E1 C1", NULL, "hello:31 opened:1"},
	    {H, "H o.3 A1 c1 E1 D1.1", "after the end of data", NULL},
	    {H, "H o.3 A1 c1 E1 E1", "twice", NULL},
	    {H, "H o.3 A1 c1 C1 C1", "it is not open", NULL},
	    {H, "H o.3 A1 c1 A1", "it is open", NULL},
	    {H, "H o.1 A1 c1 T1.3 K1", "a second end", NULL},
	    {H, "H o.3 c1 A1 D1.5 C1", NULL, "hello:31"},
	    {G, "H O1.3 a1 c1 O1.3", "it is open", NULL},
	    /* EOF of this end changes nothing of the other's. */
	    {H, "H o.3 A1 e1 D1.1 W1.1 E1 C1", NULL,
		"hello:31 opened:1 eof:1 closed:1"},
	    /* Of sessions alone. */
	    {H, "H o.3 A1 S1.1", "STDERR on channel 1: it is no session", NULL},
	    {H, "H o.3 A1 T1.1", "STATUS on channel 1: it is no session", NULL},
	    {H, "H o.3 A1 K1", "it is no session", NULL},
	    {G, "H O1.3 a1 Z1", "it is no session", NULL},
	    {G, "H O1.3 a1 G1", "it is no session", NULL},
	    {H, "H o.1 A1 S1.1 T1.255 E1 C1", NULL,
		"hello:31 opened:1 status:1:000000ff eof:1 closed:1"},
	    {H, "H o.1 A1 K1 E1 C1", NULL,
		"hello:31 opened:1 killed:1:0153454756 eof:1 closed:1"},
	    {H, "H o.1 A1 T1.256", "no such status", NULL},
	    {H, "H o.1 A1 T1.1 T1.1", "a second end", NULL},
	    {H, "H o.1 A1 K1 K1", "a second end", NULL},
	    {H, "H o.1 A1 T1.1 D1.1", "after the end of data", NULL},
	    {H, "H o.1 A1 K1 S1.1", "after the end of data", NULL},
	    {G, "H O1.1 a1 E1 Z1 G1 C1", NULL,
		"hello:31 open1:1: eof:1 size:1:0001000200030004 "
		"signal:1:494e54 closed:1"},
	    /* In the wrong direction. */
	    {G, "H O1.1 a1 S1.1", "in the wrong direction", NULL},
	    {G, "H O1.1 a1 T1.1", "in the wrong direction", NULL},
	    {G, "H O1.1 a1 K1", "in the wrong direction", NULL},
	    {H, "H o.1 A1 Z1", "in the wrong direction", NULL},
	    {H, "H o.1 A1 G1", "in the wrong direction", NULL},
	    /* The stream. */
	    {H, "H H", "that may come once", NULL},
	    {G, "H Q", "nobody asked for it", NULL},
	    {G, "H i Q P", NULL, "hello:31"},
	    {G, "H i Q Q", "nobody asked for it", NULL},
	    {G, "H i Q i Q", "nobody asked for it", NULL},
	    {H, "H D0.1", "on the wrong channel", NULL},
	};

	(void)state;
	play_all(plays, sizeof(plays) / sizeof(plays[0]), 0);
	play_all(plays, sizeof(plays) / sizeof(plays[0]), 1);
}

/* Every byte of a window, and none more. */
static void
windows_are_exact(void **state)
{
	static const struct play plays[] = {
	    {G, "H O1.3 a1 h1 D1.65536 D1.65536 D1.65536 D1.65536", NULL, NULL},
	    {G, "H O1.3 a1 h1 D1.65536 D1.65536 D1.65536 D1.65535 D1.2",
		"DATA on channel 1: more than its window", NULL},
	    {H, "H o.1 A1 h1 D1.65536 S1.65536 D1.65536 S1.65536 D1.1",
		"more than its window", NULL},
	    /* Closed channels have windows, too. */
	    {H, "H o.1 A1 c1 D1.65536 S1.65536 D1.65536 S1.65536 S1.1",
		"STDERR on channel 1: more than its window", NULL},
	    /* Of one channel, not of another. */
	    {G, "H O1.3 O3.3 a1 h1 a3 D1.65536 D1.65536 D1.65536 D1.65536 D3.1",
		NULL, NULL},
	    /* Not what is sent, but what a peer grants. */
	    {H, "H o.3 A1 W1.2147383647", NULL, NULL},
	    {H, "H o.3 A1 W1.2147383648", "its window is too large", NULL},
	    {H, "H o.3 A1 W1.2147383647 W1.1", "its window is too large", NULL},
	    {H, "H o.3 A1 W1.4294967295", "its window is too large", NULL},
	    {H, "H o.3 A1 W1.0", "not larger", NULL},
	    {H, "H o.3 A1 c1 W1.4294967295", "its window is too large", NULL},
	};
	struct k8s_err err = K8S_ERR_INIT;
	struct rig_bytes b = {0};
	struct rig_end *e;
	int i;

	(void)state;
	play_all(plays, sizeof(plays) / sizeof(plays[0]), 0);

	/* Passing on opens it again, by what was passed on. */
	e = rig_new(MUX_GUEST, RIG_ALL);
	e->quiet = 2;
	assert_int_equal(play(e, "H O1.3", 0, &err), 0);
	rig_find(e, 1)->hold = 1;
	for (i = 0; i < 10; i++)
		assert_int_equal(
		    play(e, "D1.65536 D1.65536 D1.65536 D1.65536 p1.262144", 0,
			&err),
		    0);
	assert_int_equal(play(e,
			     "D1.65536 D1.65536 D1.65536 p1.131071 "
			     "D1.65536 p1.1 D1.65536 D1.65535 D1.1",
			     0, &err),
	    0);
	assert_int_equal(play(e, "D1.1", 0, &err), -1);
	unit_check_err(&err, K8S_ERR_INVALID, "more than its window");
	rig_free(e);

	/* Windows in OPEN and OPENED have the same limit. */
	e = rig_new(MUX_GUEST, RIG_ALL);
	assert_int_equal(play(e, "H", 0, &err), 0);
	rig_frame_open(&b, 1, MUX_TCP, 0x80000000);
	assert_int_equal(rig_feed(e, b.p, b.len, &err), -1);
	unit_check_err(&err, K8S_ERR_INVALID, "its window is too large");
	rig_free(e);
	e = rig_new(MUX_HOST, RIG_ALL);
	assert_int_equal(play(e, "H o.3", 0, &err), 0);
	b.len = 0;
	rig_frame32(&b, MUX_OPENED, 1, 0x80000000);
	assert_int_equal(rig_feed(e, b.p, b.len, &err), -1);
	unit_check_err(&err, K8S_ERR_INVALID, "its window is too large");
	rig_free(e);
	free(b.p);
}

/* A frame is judged when it begins: a WINDOW on its way makes it no shorter. */
static void
window_is_that_of_the_beginning(void **state)
{
	struct k8s_err err = K8S_ERR_INIT;
	struct rig_bytes b = {0};
	struct rig_end *e;

	(void)state;
	e = rig_new(MUX_GUEST, RIG_ALL);
	e->quiet = 2;
	assert_int_equal(play(e, "H O1.3", 0, &err), 0);
	rig_find(e, 1)->hold = 1;
	assert_int_equal(
	    play(e, "D1.65536 D1.65536 D1.65536 D1.65535", 0, &err), 0);
	peer_frame(&b, 'D', 1, 2);
	assert_int_equal(rig_feed(e, b.p, 9, &err), -1);
	assert_int_equal(rig_find(e, 1)->got, MUX_WINDOW - 1);
	free(b.p);
	rig_free(e);
}

/* How long each type's payload may be, on which channels, from whom. */
static void
every_type_and_length(void **state)
{
	static const struct {
		size_t min, max;
		int stream, host, guest; /* who may send it in a session */
	} rules[17] = {
	    [MUX_DATA] = {1, 65536, 0, 1, 1},
	    [MUX_STDERR] = {1, 65536, 0, 0, 1},
	    [MUX_WINDOW_ADD] = {4, 4, 0, 1, 1},
	    [MUX_EOF] = {0, 0, 0, 1, 1},
	    [MUX_CLOSE] = {0, 0, 0, 1, 1},
	    [MUX_ERROR] = {0, 1024, 1, 1, 1},
	    [MUX_PING] = {8, 8, 1, 1, 1},
	    [MUX_SIZE] = {8, 8, 0, 1, 0},
	    [MUX_SIGNAL] = {1, 32, 0, 1, 0},
	    [MUX_STATUS] = {4, 4, 0, 0, 1},
	    [MUX_KILLED] = {2, 33, 0, 0, 1},
	};
	static const size_t lengths[] = {0, 1, 2, 3, 4, 5, 7, 8, 9, 31, 32, 33,
	    34, 1024, 1025, 65535, 65536, 65537, 16777216, 0xffffffff};
	static unsigned char head[8 + MUX_PAYLOAD_MAX];
	struct k8s_err err;
	struct rig_end *e;
	int side, type, on, ok, r;
	size_t i, n, len;

	(void)state;
	memset(head, 1, sizeof(head)); /* no NUL, windows and status fit? */
	for (i = 0; i < 2 * 2 * 20 * 20; i++) {
		side = i & 1 ? MUX_HOST : MUX_GUEST;
		on = i >> 1 & 1;
		type = (int)(i / 4 % 20);
		if (type == 19)
			type = 255;
		n = lengths[i / 80];
		/* These have tests of their own. */
		if (type == MUX_HELLO || type == MUX_OPEN ||
		    type == MUX_OPENED || type == MUX_REFUSED ||
		    type == MUX_PONG)
			continue;
		memset(&err, 0, sizeof(err));
		e = rig_new(side, RIG_ALL);
		e->quiet = 2;
		assert_int_equal(
		    play(e, side == MUX_HOST ? "H o.1 A1" : "H O1.1", 0, &err),
		    0);
		memset(head + 8, type == MUX_STATUS ? 0 : 1, 64);
		head[0] = (unsigned char)type;
		head[1] = head[2] = 0;
		head[3] = (unsigned char)on;
		head[4] = (unsigned char)(n >> 24);
		head[5] = (unsigned char)(n >> 16);
		head[6] = (unsigned char)(n >> 8);
		head[7] = (unsigned char)n;
		len = n > MUX_PAYLOAD_MAX ? 8 : 8 + n;
		r = rig_feed(e, head, len, &err);
		ok = type < 17 &&
		    (side == MUX_HOST ? rules[type].guest : rules[type].host) &&
		    rules[type].stream == !on && n >= rules[type].min &&
		    n <= rules[type].max;
		if (type == MUX_ERROR && ok) {
			assert_int_equal(r, -1);
			assert_int_equal(err.code, K8S_ERR_DISCONNECT);
		} else if ((r == 0) != ok) {
			fail_msg("side %d, type %d, channel %d, length %zu: %s",
			    side, type, on, n, err.msg);
		}
		rig_free(e);
	}
}

/* Text without NUL; parts of texts that can't be. */
static void
texts(void **state)
{
	static const struct {
		enum mux_side side;
		const char *before;
		int type;
		const char *p;
		size_t len;
		const char *error;
	} cases[] = {
	    {H, "H o.3", MUX_REFUSED, "\0\1a\0b", 5, "a NUL in its text"},
	    {H, "H o.3 c1", MUX_REFUSED, "\0\1a\0b", 5, "a NUL in its text"},
	    {H, "H o.3", MUX_REFUSED, "\0", 1, "of the wrong length"},
	    {H, "H o.3", MUX_REFUSED, "\0\1", 2, NULL},
	    {G, "H O1.1 a1", MUX_SIGNAL, "IN\0T", 4, "a NUL in its text"},
	    {G, "H O1.1 a1", MUX_SIGNAL, "INT", 3, NULL},
	    {H, "H o.1 A1", MUX_KILLED, "\0S\0", 3, "no such signal"},
	    {H, "H o.1 A1", MUX_KILLED, "\2SEGV", 5, "no such signal"},
	    {H, "H o.1 A1", MUX_KILLED, "\0SEGV", 5, NULL},
	    {H, "H o.1 A1", MUX_OPEN, "\1\0\0\0", 4, "of the wrong length"},
	};
	struct k8s_err err;
	struct rig_bytes b;
	struct rig_end *e;
	size_t i;
	int r;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		memset(&err, 0, sizeof(err));
		e = rig_new(cases[i].side, RIG_ALL);
		e->answer = 0;
		assert_int_equal(play(e, cases[i].before, 0, &err), 0);
		b = (struct rig_bytes){0};
		rig_frame(&b, cases[i].type, 1, cases[i].p, cases[i].len);
		r = rig_feed(e, b.p, b.len, &err);
		assert_int_equal(r == -1, cases[i].error != NULL);
		if (r == -1)
			unit_check_err(&err, K8S_ERR_INVALID, cases[i].error);
		free(b.p);
		rig_free(e);
	}
}

/* The host says nothing to what is no guest, and shows what it says. */
static void
strangers(void **state)
{
	static const struct {
		const char *p;
		size_t len;
		const char *error;
	} cases[] = {
	    {"s", 1, "this is not k8shell-guest, it says \"s\""},
	    {"sh: 1: \"x\": not found\r\n", 23,
		"it says \"sh: 1: \\042x\\042: not found\\015\\012\""},
	    {"\1x", 2, "it says \"\\001x\""},
	    {"\5\0\0\1", 4, "it says \"\\005\\000\\000\\001\""},
	    {"\1\0\0\1", 4, "it says"},
	    {"\1\0\0\0\0\1", 6, "it says"},
	    {"\1\0\0\0\0\0\0\053", 8, "it says"}, /* too short by one */
	    {"\1\0\0\0\0\0\4\1", 8, "it says"},	  /* longer than 1024 */
	    {"\1\0\0\0\0\0\0\54k8shellM012345678901234567890123456789012345",
		52, "\\000,k8shellM0123"},
	};
	struct k8s_err err;
	struct rig_end *e;
	char big[3000];
	size_t i, k;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		memset(&err, 0, sizeof(err));
		e = rig_new(MUX_HOST, RIG_ALL);
		assert_int_equal(rig_feed(e, cases[i].p, cases[i].len, &err),
		    -1);
		unit_check_err(&err, K8S_ERR_INVALID, cases[i].error);
		assert_string_equal(rig_said(e), "");
		rig_check(e, "");
		rig_free(e);
		/* Byte by byte: at the latest then. */
		e = rig_new(MUX_HOST, RIG_ALL);
		for (k = 0; k + 1 < cases[i].len; k++)
			if (rig_feed(e, cases[i].p + k, 1, &err) == -1)
				break;
		assert_int_equal(rig_feed(e, cases[i].p + k, 1, &err), -1);
		unit_check_err(&err, K8S_ERR_INVALID, "this is not k8shell-g");
		rig_free(e);
	}
	/* Much of it is cut. */
	memset(big, '\n', sizeof(big));
	e = rig_new(MUX_HOST, RIG_ALL);
	assert_int_equal(rig_feed(e, big, sizeof(big), &err), -1);
	unit_check_err(&err, K8S_ERR_INVALID, "\\012\\012");
	assert_in_range(strlen(err.msg), 300, 500);
	rig_free(e);
	/* The guest has said HELLO already, so it says why it goes. */
	e = rig_new(MUX_GUEST, RIG_ALL);
	assert_int_equal(rig_feed(e, "ls\n", 3, &err), -1);
	unit_check_err(&err, K8S_ERR_INVALID,
	    "this is not k8shell, it says \"ls\\012\"");
	assert_string_equal(rig_said(e),
	    "HELLO:0 ERROR:0:this is not k8shell, it says \"ls\\012\"");
	rig_free(e);
}

static void
versions(void **state)
{
	static const struct {
		int lowest, highest, ok;
		size_t len;
	} cases[] = {
	    {1, 1, 1, 44},
	    {0, 9, 1, 44},
	    {1, 9, 1, 45},
	    {1, 255, 1, 1024},
	    {2, 9, 0, 44},
	    {0, 0, 0, 44},
	    {9, 1, 0, 44},
	};
	struct k8s_err err = K8S_ERR_INIT;
	struct rig_bytes b;
	struct rig_end *e;
	int i, side, r;
	size_t cut;

	(void)state;
	for (i = 0; i < 7 * 2; i++) {
		side = i & 1 ? MUX_HOST : MUX_GUEST;
		b = (struct rig_bytes){0};
		rig_frame_hello(&b, cases[i / 2].lowest, cases[i / 2].highest,
		    1024, cases[i / 2].len);
		rig_frame(&b, MUX_PING, 0, "12345678", 8);
		for (cut = 0; cut < b.len - 16; cut += 1 + cut / 50) {
			memset(&err, 0, sizeof(err));
			e = rig_new(side, RIG_ALL);
			assert_int_equal(rig_feed(e, b.p, cut, &err), 0);
			r = rig_feed(e, b.p + cut, b.len - cut, &err);
			assert_int_equal(r, cases[i / 2].ok ? 0 : -1);
			if (r == 0) {
				rig_check(e, "hello:31");
				assert_string_equal(rig_said(e),
				    "HELLO:0 PONG:0");
			} else {
				unit_check_err(&err, K8S_ERR_INVALID,
				    "this end speaks version 1 of the "
				    "protocol, the other ");
				rig_check(e, "");
				/* Both know why, as both have a HELLO. */
				assert_non_null(strstr(rig_said(e),
				    "HELLO:0 ERROR:0:this end speaks"));
			}
			rig_free(e);
		}
		free(b.p);
	}
	/* Channels that this peer does not take are not opened. */
	b = (struct rig_bytes){0};
	rig_frame_hello(&b, 1, 1, 2, 44);
	e = rig_new(MUX_HOST, RIG_ALL);
	assert_int_equal(rig_feed(e, b.p, b.len, &err), 0);
	assert_int_equal(rig_open(e, MUX_TCP, "", 0)->number, 1);
	assert_int_equal(rig_open(e, MUX_TCP, "", 0)->number, 3);
	assert_null(
	    mux_open(e->mux, MUX_TCP, "", 0, &rig_channel_handler, NULL));
	rig_free(e);
	b.len = 0;
	rig_frame_hello(&b, 1, 1, 0xffffffff, 44);
	e = rig_new(MUX_GUEST, RIG_ALL);
	assert_int_equal(rig_feed(e, b.p, b.len, &err), 0);
	assert_int_equal(rig_open(e, MUX_AGENT, "", 0)->number, 2);
	rig_free(e);
	free(b.p);
}

static void
error_from_the_peer(void **state)
{
	struct k8s_err err = K8S_ERR_INIT;
	struct rig_end *e;

	(void)state;
	e = rig_new(MUX_HOST, RIG_ALL);
	assert_int_equal(play(e, "H o.3 A1 X", 1, &err), -1);
	unit_check_err(&err, K8S_ERR_DISCONNECT,
	    "the peer ended the stream: \"no\\012more\"");
	/* Nothing is said to it; channels end with the mux. */
	assert_string_equal(rig_said(e), "HELLO:0 OPEN:1");
	rig_check(e, "hello:31 opened:1");
	assert_int_equal(mux_room(rig_find(e, 1)->c), 0);
	assert_null(
	    mux_open(e->mux, MUX_TCP, "", 0, &rig_channel_handler, NULL));
	mux_freep(&e->mux);
	rig_check(e, "closed:1");
	rig_free(e);
}

/* A peer that asks and does not read loses the stream, not our memory. */
static void
floods(void **state)
{
	static const struct {
		enum mux_side side;
		const char *before, *again;
		int answer, reads; /* reads: it may go on for ever */
		const char *error;
	} cases[] = {
	    {G, "H", "P", 0, 0, "does not read the answers"},
	    {G, "H", "P", 0, 1, NULL},
	    {G, "H", "O1.3", -1, 0, "does not read the answers"},
	    {G, "H", "O1.3", -1, 1, NULL},
	    {G, "H", "O1.3 C1", 1, 0, "does not read the answers"},
	    {G, "H", "O1.3 C1", 1, 1, NULL},
	    {G, "H O1.3", "W1.1", 1, 0, NULL},
	    {G, "H O1.3", "W1.1000000", 1, 0, "its window is too large"},
	    {G, "H O1.3", "D1.65536", 1, 0, "does not read the answers"},
	    {G, "H O1.3", "D1.1", 1, 1, NULL},
	    {G, "H O1.1", "Z1", 1, 0, NULL},
	    {H, "H", "O2.2", -1, 0, "does not read the answers"},
	    {H, "H", "O2.2 C2", 1, 0, "does not read the answers"},
	    {H, "H o.3 A1", "D1.65536", 0, 0, "does not read the answers"},
	    {H, "H o.1 A1", "T1.1", 0, 0, "a second end"},
	};
	struct k8s_err err;
	struct rig_end *e;
	size_t i, start;
	int n, r;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		memset(&err, 0, sizeof(err));
		start = in_use;
		e = rig_new(cases[i].side, RIG_ALL);
		e->quiet = 2;
		e->answer = cases[i].answer;
		assert_int_equal(play(e, cases[i].before, 0, &err), 0);
		most_in_use = in_use;
		for (n = 0, r = 0; n < 100000 && r == 0; n++) {
			r = play(e, cases[i].again, 0, &err);
			e->log[0] = '\0';
			if (cases[i].reads)
				(void)rig_said(e);
		}
		assert_int_equal(r == -1, cases[i].error != NULL);
		if (r == -1 && strstr(err.msg, cases[i].error) == NULL)
			fail_msg("flood %zu: %s", i, err.msg);
		if (r == -1 && strstr(cases[i].error, "read") != NULL)
			unit_check_err(&err, K8S_ERR_LIMIT, cases[i].error);
		/* Two halves of a queue that doubled, 256 KiB, a frame. */
		if (most_in_use - start - sizeof(*e) > 2500000)
			fail_msg("flood %zu: %zu bytes", i,
			    most_in_use - start - sizeof(*e));
		rig_free(e);
		assert_int_equal(in_use, start);
	}
}

/* All channels at once; the longest frames that are kept, by their bytes. */
static void
bounded_memory(void **state)
{
	static unsigned char params[MUX_OPEN_MAX];
	struct k8s_err err = K8S_ERR_INIT;
	struct rig_bytes b = {0}, one = {0};
	struct rig_end *e;
	size_t start, i;

	(void)state;
	e = rig_new(MUX_GUEST, RIG_ALL);
	e->answer = 0;
	assert_int_equal(play(e, "H", 0, &err), 0);
	for (i = 0; i < MUX_CHANNELS_MAX; i++)
		rig_frame_open(&b, (uint32_t)(2 * i + 1), MUX_TCP, 1);
	start = in_use;
	assert_int_equal(rig_feed(e, b.p, b.len, &err), 0);
	assert_in_range(in_use - start, 1, MUX_CHANNELS_MAX * 128);
	rig_free(e);

	/* A length is just a word: memory comes with the bytes. */
	e = rig_new(MUX_GUEST, RIG_ALL);
	e->answer = 0;
	e->quiet = 2;
	assert_int_equal(play(e, "H", 0, &err), 0);
	params[0] = MUX_SESSION;
	rig_frame(&one, MUX_OPEN, 1, params, MUX_OPEN_MAX);
	start = in_use;
	assert_int_equal(mux_feed(e->mux, one.p, 100, &err), 0);
	assert_in_range(in_use - start, 1, 1500);
	most_in_use = in_use;
	assert_int_equal(mux_feed(e->mux, one.p + 100, one.len - 200, &err), 0);
	assert_in_range(most_in_use - start, 1, 3 * MUX_OPEN_MAX);
	assert_int_equal(mux_feed(e->mux, one.p + one.len - 100, 100, &err), 0);
	/* And goes with the frame. */
	assert_int_equal(play(e, "P", 0, &err), 0);
	assert_in_range(in_use - start, 1, 1500);
	rig_free(e);

	/* One byte more is too long; and 64 KiB more from a guest. */
	e = rig_new(MUX_GUEST, RIG_ALL);
	assert_int_equal(play(e, "H", 0, &err), 0);
	assert_int_equal(mux_feed(e->mux,
			     (const unsigned char *)"\2\0\0\1\0\100\0\1", 8,
			     &err),
	    -1);
	unit_check_err(&err, K8S_ERR_INVALID, "of the wrong length");
	rig_free(e);
	e = rig_new(MUX_HOST, RIG_ALL);
	assert_int_equal(play(e, "H", 0, &err), 0);
	assert_int_equal(mux_feed(e->mux,
			     (const unsigned char *)"\2\0\0\2\0\1\0\1", 8,
			     &err),
	    -1);
	unit_check_err(&err, K8S_ERR_INVALID, "of the wrong length");
	rig_free(e);
	free(b.p);
	free(one.p);
}

/* Where there is no memory: an end like others, or a channel less. */
static void
no_memory(void **state)
{
	static const char *const words[] = {"H", "o.3", "A1", "O2.2", "X"};
	struct k8s_err err;
	struct rig_end *e = calloc(1, sizeof(*e));
	unsigned long n;
	size_t start, i, k;
	struct rig_bytes b[5];
	int r, failures = 0;

	(void)state;
	assert_non_null(e);
	memset(b, 0, sizeof(b));
	peer_frame(&b[0], 'H', 0, 0);
	peer_frame(&b[2], 'A', 1, 0);
	peer_frame(&b[3], 'O', 2, 2);
	peer_frame(&b[4], 'X', 0, 0);
	start = in_use;
	for (n = 0; n < 30; n++) {
		memset(&err, 0, sizeof(err));
		memset(e, 0, sizeof(*e));
		e->answer = -1;
		until_none = n;
		e->mux = mux_new(MUX_HOST, RIG_ALL, &rig_handler, e);
		for (i = 0, r = 0; i < 5 && r == 0 && e->mux != NULL; i++) {
			if (words[i][0] == 'o') {
				struct rig_channel *rc =
				    rig_channel_new(e, NULL);

				rc->number = 1;
				rc->c = mux_open(e->mux, MUX_TCP, "", 0,
				    &rig_channel_handler, rc);
				if (rc->c == NULL) {
					assert_int_equal(errno, ENOMEM);
					break;
				}
			}
			for (k = 0; k < b[i].len && r == 0; k++)
				r = mux_feed(e->mux, b[i].p + k, 1, &err);
		}
		failures += until_none == ULONG_MAX;
		if (until_none == ULONG_MAX && r == -1 &&
		    err.code != K8S_ERR_DISCONNECT)
			unit_check_err(&err, K8S_ERR_SYSTEM, "memory");
		if (until_none != ULONG_MAX)
			assert_int_equal(err.code, K8S_ERR_DISCONNECT);
		until_none = ULONG_MAX;
		mux_free(e->mux);
		assert_int_equal(in_use, start);
	}
	assert_in_range(failures, 8, 29);
	for (i = 0; i < 5; i++)
		free(b[i].p);
	free(e);
}

static void
capabilities_not_shared(void **state)
{
	struct k8s_err err = K8S_ERR_INIT;
	struct rig_end *e;

	(void)state;
	e = rig_new(MUX_GUEST, MUX_CAP_SESSION);
	assert_int_equal(play(e, "H", 0, &err), 0);
	rig_check(e, "hello:1");
	assert_int_equal(play(e, "O1.3", 0, &err), -1);
	unit_check_err(&err, K8S_ERR_INVALID, "of a kind that can't be");
	rig_free(e);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(frames_in_every_state),
	    cmocka_unit_test(windows_are_exact),
	    cmocka_unit_test(window_is_that_of_the_beginning),
	    cmocka_unit_test(every_type_and_length),
	    cmocka_unit_test(texts),
	    cmocka_unit_test(strangers),
	    cmocka_unit_test(versions),
	    cmocka_unit_test(error_from_the_peer),
	    cmocka_unit_test(floods),
	    cmocka_unit_test(bounded_memory),
	    cmocka_unit_test(no_memory),
	    cmocka_unit_test(capabilities_not_shared),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) != 0;
}
