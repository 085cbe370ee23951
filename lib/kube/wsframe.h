/* SPDX-License-Identifier: Apache-2.0 */
/*
 * WebSocket frames (RFC 6455 section 5) as a client sees them, without I/O.
 * Untrusted input.
 */
#ifndef K8SHELL_WSFRAME_H
#define K8SHELL_WSFRAME_H

#include <stddef.h>
#include <stdint.h>

#include "lib/core/err.h"

enum wsframe_opcode {
	WSFRAME_CONTINUATION = 0,
	WSFRAME_TEXT = 1,
	WSFRAME_BINARY = 2,
	WSFRAME_CLOSE = 8,
	WSFRAME_PING = 9,
	WSFRAME_PONG = 10,
};

/* Longest payload of a control frame (section 5.5), longest header we send. */
#define WSFRAME_CONTROL_MAX 125
#define WSFRAME_HEAD_MAX    14

struct wsframe_handler {
	/* Bytes of a binary message; first: they start one. Borrowed. */
	void (*data)(void *arg, const unsigned char *p, size_t len, int first);
	/* A whole ping, pong or close; borrowed. */
	void (*control)(void *arg, enum wsframe_opcode op,
	    const unsigned char *p, size_t len);
};

struct wsframe_reader {
	unsigned char head[10]; /* a server's frames are not masked */
	size_t head_len;	/* bytes of it that are there */
	uint64_t left;		/* of the payload */
	unsigned char control[WSFRAME_CONTROL_MAX];
	size_t control_len;
	int opcode;
	int in_payload, in_message, first;
};

/* An all-zero reader is a new one. */

/*
 * Takes the next len bytes. Frames of any length are passed on as they come,
 * so nothing is buffered but a header and a control frame. -1 and
 * K8S_ERR_INVALID where the RFC says to fail the connection: masked frames,
 * reserved bits and opcodes, long or fragmented control frames, broken
 * fragmentation, a length with the top bit set; and at a text message, which
 * this protocol has none of.
 */
int wsframe_feed(struct wsframe_reader *r, const unsigned char *p, size_t len,
    const struct wsframe_handler *h, void *arg, struct k8s_err *err);

/*
 * Makes a client's frame of the len bytes at p: masks them in place (section
 * 5.3) and writes the header right in front of them, where WSFRAME_HEAD_MAX
 * bytes must be the caller's. Returns the frame's first byte.
 */
unsigned char *wsframe_make(enum wsframe_opcode op, unsigned char *p,
    size_t len, uint32_t mask);

#endif
