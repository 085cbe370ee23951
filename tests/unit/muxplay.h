/* SPDX-License-Identifier: Apache-2.0 */
/* One end of a mux and a peer that says what it likes, in a few letters. */
#ifndef K8SHELL_MUXPLAY_H
#define K8SHELL_MUXPLAY_H

#include "tests/unit/muxrig.h"

/*
 * A peer in a few letters, words apart by spaces; N is a channel, M a number.
 *	H HELLO		ON.M OPEN of kind M	AN OPENED	RN REFUSED
 *	DN.M DATA of M bytes	SN.M STDERR	WN.M WINDOW	EN EOF
 *	CN CLOSE	TN.M STATUS	KN KILLED	ZN SIZE	GN SIGNAL
 *	P PING		Q PONG of the first PING	X ERROR
 * and what this end does: o.M opens, aN accepts, rN refuses, cN closes, eN EOF,
 * hN keeps what comes, pN.M passes on M bytes of it, i pings.
 */
static inline void
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

static inline void
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
static inline int
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

#endif
