/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The event loop: readiness of descriptors, by epoll, level-triggered.
 * Single-threaded. Time comes from timerfds, signals from signalfds.
 */
#ifndef K8SHELL_LOOP_H
#define K8SHELL_LOOP_H

#include <stdint.h>

#include "lib/core/err.h"

struct loop;
struct loop_io;

/*
 * events: EPOLLIN, EPOLLOUT, EPOLLERR, EPOLLHUP as of epoll_ctl(2).
 */
typedef void loop_cb(void *arg, uint32_t events);

struct loop *loop_new(struct k8s_err *err);
void loop_free(struct loop *l);

/*
 * Watches fd (borrowed, it must stay open until loop_del()). A descriptor that
 * epoll can't watch because it is always ready (a file, /dev/null) counts as
 * ready for what is asked. NULL on failure.
 */
struct loop_io *loop_add(struct loop *l, int fd, uint32_t events, loop_cb *cb,
    void *arg, struct k8s_err *err);

/*
 * From now on these events. Errors and hang-up are reported with any of them,
 * so a waiter for nothing else passes EPOLLERR; 0 turns everything off.
 */
void loop_want(struct loop_io *io, uint32_t events);

/* Ends the watch and frees io. Safe within any callback. NULL is fine. */
void loop_del(struct loop_io *io);

/*
 * Waits up to timeout_ms (-1: for ever) and calls the callbacks of what is
 * ready. -1 with errno if waiting fails.
 */
int loop_dispatch(struct loop *l, int timeout_ms);

/* Dispatches until a callback calls loop_stop(). */
int loop_run(struct loop *l, struct k8s_err *err);
void loop_stop(struct loop *l);

#endif
