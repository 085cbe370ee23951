/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The frames of PROTOCOL.mux (section 1), without I/O and without channels:
 * which there are, and a reader that takes them out of a stream cut anywhere.
 * Untrusted input. For lib/core/mux alone.
 */
#ifndef K8SHELL_MUXFRAME_H
#define K8SHELL_MUXFRAME_H

#include <stddef.h>
#include <stdint.h>

#include "lib/core/buf.h"
#include "lib/core/err.h"
#include "lib/core/mux.h"

#define MUXFRAME_HEAD 8

/* A HELLO (section 2): its magic, its length in version 1, the longest. */
#define MUXFRAME_MAGIC	   "k8shellm"
#define MUXFRAME_MAGIC_LEN 8
#define MUXFRAME_HELLO	   44
#define MUXFRAME_HELLO_MAX 1024

/* What precedes an OPEN's parameters: kind and window. */
#define MUXFRAME_OPEN 5

/* Who may send a type, and where. */
#define MUXFRAME_FROM_HOST  1U
#define MUXFRAME_FROM_GUEST 2U
#define MUXFRAME_STREAM	    4U	/* on channel 0; without it, on any other */
#define MUXFRAME_SESSION    8U	/* on channels of sessions alone */
#define MUXFRAME_PIECES	    16U /* read in pieces, counted by windows */

struct muxframe_rule {
	const char *name;
	uint32_t min, max; /* length of the payload */
	unsigned int flags;
};

/* A frame, or one piece of a DATA or STDERR. */
struct muxframe {
	enum mux_type type;
	const struct muxframe_rule *rule;
	uint32_t channel;
	const unsigned char *p;
	size_t len;
	/* Where the piece is a frame's first: the whole one's length; else 0 */
	size_t begins;
};

/* All zero but from is a new one. */
struct muxframe_reader {
	enum mux_side from; /* whose frames these are */
	int greeted;	    /* its HELLO was there */
	unsigned char head[MUXFRAME_HEAD];
	size_t head_len;  /* bytes of it that are there */
	size_t left;	  /* of the payload */
	struct buf *part; /* of a payload that came in more than one feed */
	struct muxframe frame;
};

/* NULL for a type that does not exist. */
const struct muxframe_rule *muxframe_rule(unsigned int type);

/*
 * Takes the next frame, or piece of one, out of *len bytes at *p, which move
 * on. 1: f is it, borrowed until the next call. 0: all bytes are taken and
 * there is no frame. -1: K8S_ERR_INVALID for what breaks section 1 or is no
 * HELLO at the beginning (r->greeted tells which), K8S_ERR_SYSTEM without
 * memory. Keeps at most one payload that is not read in pieces, and of that
 * only what has come.
 */
int muxframe_read(struct muxframe_reader *r, const unsigned char **p,
    size_t *len, struct muxframe *f, struct k8s_err *err);

/* Frees what a reader holds. */
void muxframe_done(struct muxframe_reader *r);

/* Integers as the protocol has them, and a frame's head. */
uint32_t muxframe_get16(const unsigned char *p);
uint32_t muxframe_get32(const unsigned char *p);
void muxframe_set16(unsigned char *p, uint32_t v);
void muxframe_set32(unsigned char *p, uint32_t v);
void muxframe_head(unsigned char *p, enum mux_type type, uint32_t channel,
    size_t len);

/*
 * Bytes from outside as one line of printable ASCII, all else, '"' and '\\'
 * as \ooo; cut to size, always NUL-terminated. Returns dst.
 */
char *muxframe_quote(char *dst, size_t size, const unsigned char *p,
    size_t len);

#endif
