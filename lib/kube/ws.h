/* SPDX-License-Identifier: Apache-2.0 */
/*
 * WebSockets (RFC 6455) to the API server: the handshake, messages, pings and
 * the end, on a stream (stream.h). ARCHITECTURE.md says why not on a library
 * for WebSockets.
 */
#ifndef K8SHELL_WS_H
#define K8SHELL_WS_H

#include <stddef.h>

#include "lib/core/err.h"
#include "lib/core/loop.h"
#include "lib/kube/cred.h"
#include "lib/kube/kubeconfig.h"
#include "lib/kube/wsframe.h"

/* Room a message to be sent needs in front of its first byte. */
#define WS_HEADROOM WSFRAME_HEAD_MAX

/* Longest request path, bytes; servers take 1 MiB of headers. */
#define WS_PATH_MAX (256 * 1024)

/* From connect to 101, milliseconds. */
#define WS_OPEN_TIMEOUT_MS 30000

/*
 * A ping this often. The peer is dead that long after a ping without a byte
 * from it (while it may be busy with what was sent: without an ACK).
 */
#define WS_PING_INTERVAL_MS 30000

struct ws_client; /* one API server and one credential */
struct ws;	  /* one connection */

struct ws_handler {
	/* The server agreed; protocol is the one it chose of those offered. */
	void (*opened)(void *arg, const char *protocol);
	/*
	 * Bytes of a binary message, in order, borrowed. first: they start a
	 * message. A message may come in any number of pieces.
	 */
	void (*data)(void *arg, const unsigned char *p, size_t len, int first);
	/*
	 * A message that ws_send() could not send at once is on its way now.
	 */
	void (*sent)(void *arg);
	/*
	 * The end, exactly once, from the loop; ws is gone afterwards.
	 * close_code: the peer's (RFC 6455 section 7.4), 1005 without one,
	 * 1006 if there was no close frame, 0 if it never opened. why: set
	 * where it did not end by the peer's close frame.
	 */
	void (*closed)(void *arg, int close_code, const struct k8s_err *why);
};

/*
 * kc and cred are borrowed until ws_client_free(), loop as well. The TLS
 * context is made here, so wrong certificates in a kubeconfig show here.
 */
struct ws_client *ws_client_new(struct loop *loop, const struct kubeconfig *kc,
    const struct cred *cred, struct k8s_err *err);

/* All its connections have ended. NULL is fine. */
void ws_client_free(struct ws_client *c);
void ws_client_freep(struct ws_client **c);

/* How many of its connections have not ended. */
size_t ws_client_connections(const struct ws_client *c);

/*
 * Starts a connection. path begins with '/', percent-encoded. protocols:
 * comma-separated, best first, borrowed until the end. Resolving the server's
 * name blocks. Handlers run from the loop only, after this returned.
 */
struct ws *ws_open(struct ws_client *c, const char *path, const char *protocols,
    const struct ws_handler *h, void *arg, struct k8s_err *err);

/* Whether a message can be sent: it is open, the last one is on its way. */
int ws_can_send(const struct ws *w);

/*
 * Sends one whole binary message; only when ws_can_send(). The message and
 * the WS_HEADROOM bytes before p belong to ws, which masks them in place,
 * until ws_can_send() again: mostly at once, else sent() follows.
 */
void ws_send(struct ws *w, unsigned char *p, size_t len);

/*
 * Turns reading on and off: what can't be taken now stays in the network.
 * While off, the peer is not pinged and not presumed dead.
 */
void ws_read(struct ws *w, int on);

/*
 * The peer has said its last word: if it is silent for WS_LAST_WORD_MS and
 * does not close, we do.
 */
#define WS_LAST_WORD_MS 5000
void ws_close_within(struct ws *w);

/* Ends it; closed() is called soon, from the loop. */
void ws_close(struct ws *w);

#endif
