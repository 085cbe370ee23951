/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The two directions between a channel and a descriptor, each by itself.
 * Neither blocks, and neither holds more than the channel's window.
 */
#ifndef K8SHELL_GUEST_FLOW_H
#define K8SHELL_GUEST_FLOW_H

#include "lib/core/loop.h"
#include "lib/core/mux.h"

/* What the end of the channel's data means to a descriptor. */
enum sink_end {
	SINK_CLOSE,    /* a pipe's end; nothing to a terminal, open elsewhere */
	SINK_SHUTDOWN, /* a socket's, in one direction */
};

struct sink;
struct source;

/*
 * From channel c to fd. Takes fd, also where it fails. done is called once,
 * as the last thing: all is written and ended, or nobody reads it any more.
 * It may be NULL and it may free the sink.
 */
struct sink *sink_new(struct loop *l, int fd, struct mux_channel *c,
    enum sink_end end, void (*done)(void *arg), void *arg, struct k8s_err *err);
/* What the channel's data() and eof() brought. */
void sink_data(struct sink *s, const unsigned char *p, size_t len);
void sink_eof(struct sink *s);
/* Closes fd: what is not written yet and what comes still is dropped. */
void sink_stop(struct sink *s);
/* The channel may be gone. NULL is fine. */
void sink_free(struct sink *s);

/*
 * From fd to channel c, as MUX_DATA or MUX_STDERR. Takes fd, also where it
 * fails. ended is called once, as the last thing, with 0 or the errno of
 * read(2); it may free the source. The end is not passed on to c.
 */
struct source *source_new(struct loop *l, int fd, struct mux_channel *c,
    enum mux_type type, void (*ended)(void *arg, int error), void *arg,
    struct k8s_err *err);
/* The channel's room(): its turn is taken. ended() may come. */
void source_room(struct source *s);
/*
 * What can be read now is the last of it: ended() comes when that is sent, at
 * once or later. For a terminal that others hold open.
 */
void source_finish(struct source *s);
void source_free(struct source *s);

#endif
