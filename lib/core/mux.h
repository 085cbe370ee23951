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

/* Longest text of a REFUSED or an ERROR, longest name of a signal, bytes. */
#define MUX_TEXT_MAX 1024
#define MUX_NAME_MAX 32

/*
 * Bytes a peer may send on a channel before they are passed on. As much as is
 * under way on a fast stream: 100 MB/s at 10 ms, which a busy API server takes
 * to pass bytes on.
 */
#define MUX_WINDOW	(1024 * 1024)
#define MUX_WINDOW_STEP (MUX_WINDOW / 8) /* passed on, and not yet said */

/*
 * The longest DATA, and what may wait to be written, bytes: with DATA, SIZE
 * and SIGNAL two such frames. All others come on top of that, up to the last:
 * an honest peer that stops reading can't make it so much. The longest frame is
 * one message to the API server (lib/kube/exec.h) and goes into an empty pipe.
 */
#define MUX_TURN     (64 * 1024 - 17)
#define MUX_OUT_DATA (2 * (MUX_TURN + 8))
#define MUX_OUT_REST (512 * 1024)

/* Channels that either end may have open at once. */
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

/* All frames; message() gets and mux_message() sends the last four. */
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
 * What happens on the stream. Handlers may call all functions but mux_free()
 * and mux_feed(). All pointers are borrowed during the call.
 */
struct mux_handler {
	/*
	 * The peer's HELLO: the capabilities that both have. Channels may be
	 * opened now.
	 */
	void (*hello)(void *arg, uint32_t capabilities);
	/*
	 * The peer wants a channel: mux_accept() or mux_refuse() is due, now
	 * or later. Only kinds that this end can be asked for come here.
	 * Parameters as PROTOCOL.mux has them, not looked at yet.
	 */
	void (*open)(void *arg, struct mux_channel *c, enum mux_kind kind,
	    const unsigned char *p, size_t len);
	/*
	 * There is something to write, where there was nothing. Never called
	 * from within another handler, but when that has returned.
	 */
	void (*out)(void *arg);
	/* The PONG to mux_ping(). */
	void (*pong)(void *arg);
};

/*
 * What happens on a channel, in the order of the stream. A handler may close
 * its own channel. opened() and refused() may be NULL where the channel was
 * accepted, message() where it is no session.
 */
struct mux_channel_handler {
	/* The peer has it; or not, and the channel is gone (errno or 0). */
	void (*opened)(void *arg);
	void (*refused)(void *arg, int error, const char *text, size_t len);
	/*
	 * MUX_DATA or MUX_STDERR, in pieces of at least one byte. They count
	 * against the window until mux_passed_on(): what is not passed on at
	 * once has to be kept by the callee, at most MUX_WINDOW bytes of it.
	 */
	void (*data)(void *arg, enum mux_type type, const unsigned char *p,
	    size_t len);
	/*
	 * mux_room() was 0, or mux_message() failed with EAGAIN, and it may be
	 * otherwise now. Where several channels want to send it is this one's
	 * turn until it returns: who only takes note and sends later will find
	 * that others were faster.
	 */
	void (*room)(void *arg);
	/* No more data. */
	void (*eof)(void *arg);
	/*
	 * MUX_SIZE, MUX_SIGNAL, MUX_STATUS, MUX_KILLED; the payload as
	 * PROTOCOL.mux has it: a status is 0..255, a name has 1 to
	 * MUX_NAME_MAX bytes and no NUL. After MUX_STATUS or MUX_KILLED there
	 * is no data and no other of the two.
	 */
	void (*message)(void *arg, enum mux_type type, const unsigned char *p,
	    size_t len);
	/*
	 * The peer sends nothing more, or mux_free() was called. The channel
	 * is gone after this, and mux_close() is not needed.
	 */
	void (*closed)(void *arg);
};

/*
 * A guest's HELLO waits to be written after this, without out(); a host's when
 * the guest's has come. h and arg are borrowed until mux_free(). NULL without
 * memory.
 */
struct mux *mux_new(enum mux_side side, uint32_t capabilities,
    const struct mux_handler *h, void *arg);

/*
 * Every channel that has a handler gets closed(); one that was neither
 * accepted nor refused is gone without. NULL is fine.
 */
void mux_free(struct mux *m);
void mux_freep(struct mux **m);

/*
 * The next len bytes from the peer. -1: the stream is over, now and in every
 * later call, and err says why: K8S_ERR_INVALID where the peer broke the
 * protocol, K8S_ERR_DISCONNECT with its text where it sent an ERROR,
 * K8S_ERR_LIMIT where it made us say more than MUX_OUT_REST without reading
 * it, K8S_ERR_SYSTEM without memory. The last two may happen in any call; to
 * feed nothing tells. What waits to be written should still be: the last of it
 * tells the peer. Nothing is sent or delivered any more; channels get closed()
 * by mux_free().
 */
int mux_feed(struct mux *m, const unsigned char *p, size_t len,
    struct k8s_err *err);

/*
 * What is to be written next; borrowed until any other call. Nothing waits
 * only when len is 0: after mux_written() there may be more.
 */
const unsigned char *mux_out(struct mux *m, size_t *len);
/* The first n bytes of it are written. Channels may get room(). */
void mux_written(struct mux *m, size_t n);

/* Asks the peer for a sign of life, unless its pong() is due already. */
void mux_ping(struct mux *m);

/*
 * A new channel with the kind's parameters (what comes after the window,
 * PROTOCOL.mux sections 4 to 7). h and arg are borrowed for its life. NULL
 * with errno: ENOTCONN before HELLO or after the end, EPROTONOSUPPORT for a
 * kind that this end can't open or that not both know, EMSGSIZE for too long
 * parameters, EMFILE without a free number, EAGAIN where more than
 * MUX_OUT_REST waits to be written, ENOMEM.
 */
struct mux_channel *mux_open(struct mux *m, enum mux_kind kind,
    const void *params, size_t len, const struct mux_channel_handler *h,
    void *arg);

/*
 * The answers to open(). After mux_refuse() the channel is gone; error is an
 * errno or 0, text is cut after 128 bytes. Errors travel as the numbers of
 * include/uapi/asm-generic/errno*.h, which those of x86-64 and arm64 are.
 */
void mux_accept(struct mux_channel *c, const struct mux_channel_handler *h,
    void *arg);
void mux_refuse(struct mux_channel *c, int error, const char *text);

/* The number that frames have; for messages and for AGENT channels. */
uint32_t mux_number(const struct mux_channel *c);

/*
 * How many bytes may be sent now, at most MUX_TURN: window and queue allow it.
 * If 0, the channel waits, and room() follows; not after mux_eof() or a status.
 * Channels that wait for the queue are served round-robin, a frame each, and
 * while there are any, others get 0 and wait behind them: none starves.
 */
size_t mux_room(struct mux_channel *c);

/*
 * Room for a frame's payload, *len = mux_room() bytes, where the caller may
 * read(2) into; then mux_commit() as MUX_DATA or MUX_STDERR with what came, 0
 * for nothing. No other call in between. NULL: no room; room() follows.
 */
unsigned char *mux_reserve(struct mux_channel *c, size_t *len);
void mux_commit(struct mux_channel *c, enum mux_type type, size_t len);

/* n bytes that data() brought are where they should be. */
void mux_passed_on(struct mux_channel *c, size_t n);

/* No more data from here; behind what was sent. Before opened() it waits. */
void mux_eof(struct mux_channel *c);

/*
 * MUX_SIZE, MUX_SIGNAL, MUX_STATUS or MUX_KILLED, as message() gets them. -1
 * with errno: EAGAIN if it has to wait and room() follows (never a status of a
 * channel that is open), EINVAL for what can't be sent on such a channel.
 */
int mux_message(struct mux_channel *c, enum mux_type type, const void *p,
    size_t len);

/*
 * We want nothing more of it: the channel is gone, no handler is called. What
 * was sent before is still written. If it is not answered yet it is refused.
 */
void mux_close(struct mux_channel *c);

#endif
