/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Channels over one byte stream, both ends of PROTOCOL.mux, without I/O: the
 * caller feeds what it has read and writes what there is to write. The peer is
 * not trusted: memory is bounded by the caps below whatever it sends.
 *
 * What a channel carries is never copied within here on its way out
 * (mux_reserve()) and never kept on its way in (data()).
 */
#ifndef K8SHELL_MUX_H
#define K8SHELL_MUX_H

#include <stddef.h>
#include <stdint.h>

#include "lib/core/err.h"

#define MUX_VERSION 1

/* Longest payload of a frame, bytes; that of an OPEN sent by the host. */
#define MUX_PAYLOAD_MAX 65536
#define MUX_OPEN_MAX	(4 * 1024 * 1024)

/* Bytes a peer may send on a channel before they are passed on. */
#define MUX_WINDOW (256 * 1024)

/* Frames that wait to be written: DATA only up to the first, all else, too. */
#define MUX_OUT_DATA (128 * 1024)
#define MUX_OUT_MAX  (256 * 1024)

/* Channels open at once. */
#define MUX_CHANNELS_MAX 1024

enum mux_side { MUX_HOST, MUX_GUEST };

/* PROTOCOL.mux, section 2. */
#define MUX_CAP_SESSION 1U
#define MUX_CAP_TCP	2U
#define MUX_CAP_UNIX	4U
#define MUX_CAP_AGENT	8U
#define MUX_CAP_USER	16U

enum mux_kind {
	MUX_SESSION = 1,
	MUX_AGENT = 2,
	MUX_TCP = 3,
	MUX_UNIX = 4,
};

/* Frames a channel's handler may get and a caller may send. */
enum mux_type {
	MUX_HELLO = 1,
	MUX_OPEN = 2,
	MUX_OPENED = 3,
	MUX_REFUSED = 4,
	MUX_DATA = 5,
	MUX_STDERR = 6,
	MUX_WINDOW_ADD = 7,
	MUX_EOF = 8,
	MUX_CLOSE = 9,
	MUX_ERROR = 10,
	MUX_PING = 11,
	MUX_PONG = 12,
	MUX_SIZE = 13,
	MUX_SIGNAL = 14,
	MUX_STATUS = 15,
	MUX_KILLED = 16,
};

struct mux;
struct mux_channel;

/*
 * What happens on the stream. None of these may free the mux. All pointers are
 * borrowed during the call.
 */
struct mux_handler {
	/* The peer's HELLO: what both can do. Channels may be opened now. */
	void (*hello)(void *arg, uint32_t capabilities);
	/*
	 * The peer wants a channel: mux_accept() or mux_refuse() is due, now
	 * or later. Only kinds that this side can be asked for come here.
	 */
	void (*open)(void *arg, struct mux_channel *c, enum mux_kind kind,
	    const unsigned char *p, size_t len);
	/* There is something to write that was not before. */
	void (*out)(void *arg);
	/* A PONG to mux_ping(). */
	void (*pong)(void *arg);
};

/* What happens on a channel, in the order of the stream. */
struct mux_channel_handler {
	/* The peer has it; or not, and the channel is gone (errno or 0). */
	void (*opened)(void *arg);
	void (*refused)(void *arg, int error, const char *text, size_t len);
	/*
	 * MUX_DATA or MUX_STDERR, in pieces. The bytes count against the
	 * window until mux_passed_on(): all that is not passed on at once has
	 * to be kept by the callee, at most MUX_WINDOW bytes of it.
	 */
	void (*data)(void *arg, enum mux_type type, const unsigned char *p,
	    size_t len);
	/* mux_room() was 0 and is not any more. */
	void (*room)(void *arg);
	void (*eof)(void *arg);
	/* MUX_SIZE, MUX_SIGNAL, MUX_STATUS, MUX_KILLED; whole. */
	void (*message)(void *arg, enum mux_type type, const unsigned char *p,
	    size_t len);
	/*
	 * The peer sends nothing more. The channel is gone after this, and
	 * mux_close() is not needed. Also if the stream ends.
	 */
	void (*closed)(void *arg);
};

/*
 * HELLO is queued at once for MUX_GUEST, for MUX_HOST when the guest's has
 * come. h and arg are borrowed until mux_free(). NULL without memory.
 */
struct mux *mux_new(enum mux_side side, uint32_t capabilities,
    const struct mux_handler *h, void *arg);

/* Every channel gets closed(). NULL is fine. */
void mux_free(struct mux *m);

/*
 * The next len bytes from the peer. -1: the stream is over, and err says why:
 * K8S_ERR_INVALID where the peer broke the protocol (an ERROR to it is queued),
 * K8S_ERR_DISCONNECT with its text where it sent an ERROR, K8S_ERR_LIMIT where
 * it makes us say more than MUX_OUT_MAX without reading it.
 */
int mux_feed(struct mux *m, const unsigned char *p, size_t len,
    struct k8s_err *err);

/* What is to be written next; borrowed until any other call. len may be 0. */
const unsigned char *mux_out(struct mux *m, size_t *len);
/* The first n bytes of it are written. Channels may get room(). */
void mux_written(struct mux *m, size_t n);

/* Asks the peer for a sign of life; pong() follows. */
void mux_ping(struct mux *m);

/*
 * A new channel with the kind's parameters (after the window, PROTOCOL.mux
 * sections 4 to 7). NULL: before HELLO, no channel free, no memory, params too
 * long. Handlers of a channel are borrowed for its life.
 */
struct mux_channel *mux_open(struct mux *m, enum mux_kind kind,
    const void *params, size_t len, const struct mux_channel_handler *h,
    void *arg);

/* The answers to open(). After mux_refuse() the channel is gone. */
int mux_accept(struct mux_channel *c, const struct mux_channel_handler *h,
    void *arg);
void mux_refuse(struct mux_channel *c, int error, const char *text);

/* The number that frames have; for messages and for AGENT channels. */
uint32_t mux_number(const struct mux_channel *c);

/* How many bytes may be sent now: window and queue allow it. */
size_t mux_room(const struct mux_channel *c);

/*
 * Room for a frame's payload, *len bytes (> 0), where the caller may read(2)
 * into; then mux_commit() with what came, 0 for nothing. No other call in
 * between. NULL: no room; room() follows.
 */
unsigned char *mux_reserve(struct mux_channel *c, size_t *len);
void mux_commit(struct mux_channel *c, enum mux_type type, size_t len);

/* n bytes that data() brought are where they should be. */
void mux_passed_on(struct mux_channel *c, size_t n);

/* No more data from here; behind what was sent. */
void mux_eof(struct mux_channel *c);

/* MUX_SIZE, MUX_SIGNAL, MUX_STATUS or MUX_KILLED. -1: it does not fit. */
int mux_message(struct mux_channel *c, enum mux_type type, const void *p,
    size_t len);

/* We want nothing more of it: the channel is gone, no handler is called. */
void mux_close(struct mux_channel *c);

/*
 * Errors travel as numbers of include/uapi/asm-generic/errno*.h, which those
 * of x86-64 and arm64 are.
 */

#endif
