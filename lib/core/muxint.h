/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of lib/core/mux share: mux.c (life, queue), muxsend.c (what
 * callers do with channels) and muxrecv.c (what the peer's frames do).
 */
#ifndef K8SHELL_MUXINT_H
#define K8SHELL_MUXINT_H

#include "lib/core/buf.h"
#include "lib/core/mux.h"
#include "lib/core/muxframe.h"

/* Longest window, longest text of a REFUSED of ours. */
#define MUX_WINDOW_MAX	 0x7fffffffU
#define MUX_REFUSED_TEXT 128

enum mux_state {
	MUX_IS_OPENING, /* by us; OPENED or REFUSED will come */
	MUX_IS_ASKED,	/* for by the peer; our answer will come */
	MUX_IS_OPEN,
	MUX_IS_GONE, /* in its last handler */
};

struct mux_channel {
	struct mux *mux;
	const struct mux_channel_handler *h; /* NULL: nobody is there */
	void *arg;
	uint32_t number;
	enum mux_kind kind;
	enum mux_state state;
	uint32_t send;	  /* bytes that the peer lets us send */
	uint32_t receive; /* bytes that we let the peer send */
	uint32_t passed;  /* passed on, not yet said in a WINDOW */
	/* What was sent, or will be with OPENED; and what has come. */
	unsigned int sent_eof : 1, sent_status : 1, sent_close : 1;
	unsigned int got_eof : 1, got_status : 1;
	/* Wants room(): for the queue's sake; for that of its window. */
	unsigned int waiting : 1, blocked : 1;
};

struct mux {
	enum mux_side side;
	uint32_t offered, capabilities; /* ours; both ends' */
	const struct mux_handler *h;
	void *arg;
	struct muxframe_reader reader;
	struct k8s_err err; /* why the stream is over, if it is */
	int said_hello, got_hello;
	int busy; /* in a call: out() waits for its end */
	int feeding, told_out;
	int turning; /* in mux_turns() */
	uint32_t pings;
	int pong_due;
	/*
	 * The queue. One buffer is written while the other is filled, so
	 * nothing ever moves; rest is what of it is no DATA and no OPEN.
	 */
	struct buf *front, *back;
	size_t front_rest, back_rest;
	/* By number. Ours are at most 2 * limit. */
	struct mux_channel *channels[2 * MUX_CHANNELS_MAX + 1];
	uint32_t limit;
	uint32_t highest;	  /* number there ever was */
	size_t waiting;		  /* how many wait for the queue */
	uint32_t cursor;	  /* number of the last one that had its turn */
	struct mux_channel *turn; /* whose turn it is */
};

/* A public function or a handler's end: out() is called after the last. */
void mux_enter(struct mux *m);
void mux_leave(struct mux *m);

/* Whether m->err ends the stream. */
int mux_over(const struct mux *m);

/* m->err is set: queues an ERROR with it, where the peer can know what it is.
 */
void mux_end(struct mux *m);

/*
 * Queues a frame, whose payload the caller writes to what this returns before
 * any other call. NULL: the stream is over, now or before.
 */
unsigned char *mux_put(struct mux *m, enum mux_type type, uint32_t channel,
    size_t len);

/* Bytes that wait to be written. */
size_t mux_queued(const struct mux *m);

/* Whether a channel's turn fits into the queue. */
int mux_queue_has_room(const struct mux *m);

/* Gives those that wait for the queue their turns, as far as it goes. */
void mux_turns(struct mux *m);

/* mux_room() was 0: it waits for the queue; it does not any more. */
void mux_wait(struct mux_channel *c);
void mux_unwait(struct mux_channel *c);

/* Whether a kind is opened by that side, and both know it. */
int mux_kind_is_possible(const struct mux *m, enum mux_side opener,
    uint32_t kind);

/* NULL without memory. The number must be free. */
struct mux_channel *mux_channel_new(struct mux *m, uint32_t number,
    enum mux_kind kind);

/* Takes it out of m; then it is to be freed. */
void mux_channel_remove(struct mux_channel *c);

void mux_say_hello(struct mux *m);

/* One frame or piece, m->err where it ends the stream. */
void mux_receive(struct mux *m, const struct muxframe *f);

#endif
