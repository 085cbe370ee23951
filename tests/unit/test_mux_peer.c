/* SPDX-License-Identifier: Apache-2.0 */
/* What a peer may say on channels, and what ends the stream. */
#include "tests/unit/muxplay.h"

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

/* All but 64 KiB of a window; a whole one, of both kinds. */
#define D320K	 "D1.65536 D1.65536 D1.65536 D1.65536 D1.65536 "
#define D960K	 D320K D320K D320K
#define BOTH1M	 BOTH256K BOTH256K BOTH256K BOTH256K
#define BOTH256K "D1.65536 S1.65536 D1.65536 S1.65536 "

/* Every byte of a window, and none more. */
static void
windows_are_exact(void **state)
{
	static const struct play plays[] = {
	    {G, "H O1.3 a1 h1 " D960K "D1.65536", NULL, NULL},
	    {G, "H O1.3 a1 h1 " D960K "D1.65535 D1.2",
		"DATA on channel 1: more than its window", NULL},
	    {H, "H o.1 A1 h1 " BOTH1M "D1.1", "more than its window", NULL},
	    /* Closed channels have windows, too. */
	    {H, "H o.1 A1 c1 " BOTH1M "S1.1",
		"STDERR on channel 1: more than its window", NULL},
	    /* Of one channel, not of another. */
	    {G, "H O1.3 O3.3 a1 h1 a3 " D960K "D1.65536 D3.1", NULL, NULL},
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
		assert_int_equal(play(e, D960K "D1.65536 p1.1048576", 0, &err),
		    0);
	assert_int_equal(play(e,
			     D960K "p1.131071 "
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

/* What this end sends is within what the peer grants. */
static void
windows_are_kept(void **state)
{
	struct k8s_err err = K8S_ERR_INIT;
	struct rig_channel *rc;
	struct rig_end *e;

	(void)state;
	e = rig_new(MUX_HOST, RIG_ALL);
	assert_int_equal(play(e, "H o.3 A1", 0, &err), 0);
	rc = rig_find(e, 1);
	assert_string_equal(rig_said(e), "HELLO:0 OPEN:1");
	rig_refill(rc);
	assert_string_equal(rig_said(e), "DATA:1:65519 DATA:1:34481");
	rc->refill = 1;
	assert_int_equal(play(e, "W1.5 W1.7", 0, &err), 0);
	assert_string_equal(rig_said(e), "DATA:1:5 DATA:1:7");
	rig_free(e);
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
	assert_int_equal(play(e, D960K "D1.65535", 0, &err), 0);
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

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(frames_in_every_state),
	    cmocka_unit_test(windows_are_exact),
	    cmocka_unit_test(windows_are_kept),
	    cmocka_unit_test(window_is_that_of_the_beginning),
	    cmocka_unit_test(every_type_and_length),
	    cmocka_unit_test(texts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) != 0;
}
