/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A stream socket of this machine and a channel to the guest, joined: what one
 * end says the other hears, and each direction ends by itself. Nothing blocks;
 * a socket that takes nothing holds up its own channel and no other, and at
 * most the channel's window of it waits here (MUX_WINDOW).
 */
#ifndef K8SHELL_JOIN_H
#define K8SHELL_JOIN_H

#include <stddef.h>
#include <stdint.h>

#include "lib/core/loop.h"
#include "lib/core/mux.h"

struct join;

enum join_end {
	/* The guest's end has said all and it is delivered, or nobody was
	 * there to whom it could be. */
	JOIN_DONE,
	/* The channel was closed before its end had said all. */
	JOIN_CUT,
	/* Without memory. */
	JOIN_FAILED,
};

/* Bytes so far. */
struct join_traffic {
	uint64_t in;  /* from the socket */
	uint64_t out; /* to it */
};

struct join_handler {
	/*
	 * The answers to join_open(): the guest has it, join_start() is due
	 * now; or not, and the join is gone, as mux_channel_handler has it.
	 * May be NULL with join_accept().
	 */
	void (*opened)(void *arg);
	void (*refused)(void *arg, int error, const char *text, size_t len);
	/*
	 * The end, once: the join is gone afterwards, and socket and channel
	 * are closed. Also where it was never opened, if the stream ends.
	 */
	void (
	    *ended)(void *arg, enum join_end how, const struct join_traffic *t);
};

/*
 * Asks the guest for a channel, as mux_open(), and fails as that does. Loop, h
 * and arg are borrowed.
 */
struct join *join_open(struct loop *loop, struct mux *m, enum mux_kind kind,
    const void *params, size_t len, const struct join_handler *h, void *arg);

/*
 * From opened(): joins it to fd, which is non-blocking and closed here, also
 * on failure. -1 with errno: the join is still there, as before.
 */
int join_start(struct join *j, int fd);

/*
 * Accepts a channel that the guest asked for, and joins it to fd, which is
 * closed here. NULL with errno: neither accepted nor refused yet.
 */
struct join *join_accept(struct loop *loop, struct mux_channel *c, int fd,
    const struct join_handler *h, void *arg);

/* Bytes so far. */
struct join_traffic join_traffic(const struct join *j);

/* Whether nobody has the socket's other end any more. */
int join_hung_up(const struct join *j);

/*
 * Closes both; ended() is not called. To a peer on the socket it is a reset if
 * something that it said was not read, else an end: a unix socket has no other
 * (unix(7)). NULL is fine.
 */
void join_free(struct join *j);

#endif
