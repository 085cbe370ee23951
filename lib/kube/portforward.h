/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A connection to a port of a pod: the pods/portforward subresource over a
 * WebSocket, subprotocol v4.channel.k8s.io, one port. Channel 0 is the data,
 * channel 1 an error's text; the first message on each is the port, little
 * endian. Source: the kubelet's portforward over WebSockets, measured (see
 * tests/data/transcripts).
 *
 * The protocol does not say that the pod has accepted the connection, only that
 * it has not. So it counts as open with the first data from there, or when
 * PORTFORWARD_GRACE_MS have passed without an error: the connection is made
 * within the pod, where a refusal takes no time but the API server's.
 */
#ifndef K8SHELL_PORTFORWARD_H
#define K8SHELL_PORTFORWARD_H

#include <stddef.h>

#include "lib/core/err.h"
#include "lib/kube/ws.h"

#define PORTFORWARD_GRACE_MS 300

/* Most bytes that travel as one message. */
#define PORTFORWARD_MAX (64 * 1024 - 9)

struct portforward;

struct portforward_handler {
	/* It is there, as far as can be told. */
	void (*opened)(void *arg);
	/* What came, borrowed, in order. */
	void (*data)(void *arg, const unsigned char *p, size_t len);
	/* portforward_buf(), which was NULL, gives a buffer again. */
	void (*ready)(void *arg);
	/*
	 * The end, once; it is gone afterwards. err is NULL where the other
	 * end closed it. refused: err is what the node said of the port, at
	 * any time.
	 */
	void (*ended)(void *arg, int refused, const struct k8s_err *err);
};

/* All is borrowed until the end. port: 1..65535. */
struct portforward *portforward_start(struct loop *loop, struct ws_client *c,
    const char *namespace_, const char *pod, unsigned int port,
    const struct portforward_handler *h, void *arg, struct k8s_err *err);

/*
 * A buffer of PORTFORWARD_MAX bytes, or NULL while something is under way and
 * before opened(); portforward_send() sends the first len of it, at least one.
 */
unsigned char *portforward_buf(struct portforward *f);
void portforward_send(struct portforward *f, size_t len);

/* Data on and off: see ws_read(). */
void portforward_read(struct portforward *f, int on);

/* Ends it, without any handler being called. */
void portforward_close(struct portforward *f);

#endif
