/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Without a guest: a socket of this machine and a port of a pod, joined by the
 * API server's portforward (lib/kube/portforward.h), a WebSocket each.
 *
 * That protocol can't end one direction alone. When the socket has said all,
 * the far end does not hear of it and the other direction goes on, until that
 * ends or the socket hangs up. Nor does it tell of a connection: see there.
 */
#ifndef K8SHELL_PLAIN_H
#define K8SHELL_PLAIN_H

#include "helpers/join.h"
#include "lib/core/err.h"
#include "lib/core/loop.h"
#include "lib/kube/ws.h"

/* What the socket does not take, bytes; the network holds back the rest. */
#define PLAIN_QUEUE_MAX (1024 * 1024)

struct plain;

struct plain_handler {
	/* It is connected: plain_join() is due now. */
	void (*opened)(void *arg);
	/*
	 * The end, once; it is gone afterwards. why: it was not by the far
	 * end's close (K8S_ERR_NOT_FOUND: nobody listens there); or NULL.
	 */
	void (*ended)(void *arg, const struct join_traffic *t,
	    const struct k8s_err *why);
};

/* All is borrowed until ended() or plain_free(). */
struct plain *plain_open(struct loop *loop, struct ws_client *server,
    const char *namespace_, const char *pod, unsigned int port,
    const struct plain_handler *h, void *arg, struct k8s_err *err);

/*
 * From opened(): takes fd, which is non-blocking. -1 with errno: it is closed
 * and plain_free() due.
 */
int plain_join(struct plain *p, int fd);

/* Bytes so far. */
struct join_traffic plain_traffic(const struct plain *p);

/* Ends it; ended() is not called. NULL is fine. */
void plain_free(struct plain *p);

#endif
