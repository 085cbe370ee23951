/* SPDX-License-Identifier: Apache-2.0 */
/*
 * WebSockets (RFC 6455) to the API server, on libwebsockets. Its loop is the
 * process's loop; the descriptors of struct loop are waited for within it.
 */
#ifndef K8SHELL_WS_H
#define K8SHELL_WS_H

#include <stddef.h>

#include "lib/core/err.h"
#include "lib/core/loop.h"
#include "lib/kube/cred.h"
#include "lib/kube/kubeconfig.h"

/* Room a message to be sent needs in front of its first byte. */
#define WS_HEADROOM 16

/* Longest request path, bytes: libwebsockets 4.1 cuts the line at 2048. */
#define WS_PATH_MAX 1900

/* From connect to 101, milliseconds. */
#define WS_OPEN_TIMEOUT_MS 30000

/*
 * A ping this often. The peer is dead that long after a ping without a byte
 * from it (while it may be busy with what was sent: without an ACK).
 */
#define WS_PING_INTERVAL_MS 30000

struct ws_client; /* one API server, one credential, the process's loop */
struct ws;	  /* one connection */

struct ws_handler {
	/* The server agreed; protocol is the one it chose of those offered. */
	void (*opened)(void *arg, const char *protocol);
	/*
	 * Bytes of a binary message, in order, borrowed. first: they start a
	 * message. A message may come in any number of pieces.
	 */
	void (*data)(void *arg, const unsigned char *p, size_t len, int first);
	/* After ws_want_write(): one ws_send() is possible now. */
	void (*writable)(void *arg);
	/*
	 * The end, exactly once; ws is gone afterwards. http_code: the answer
	 * where the server refused the upgrade, else 0. close_code: the peer's
	 * (RFC 6455 section 7.4), 1005 without one, 1006 if there was no close
	 * frame, 0 if it never opened. why: set where it did not end by the
	 * peer's close frame.
	 */
	void (*closed)(void *arg, int http_code, int close_code,
	    const struct k8s_err *why);
};

/*
 * kc and cred are borrowed until ws_client_free(). loop as well. The TLS
 * context is made here, so wrong certificates in a kubeconfig show here.
 */
struct ws_client *ws_client_new(struct loop *loop, const struct kubeconfig *kc,
    const struct cred *cred, struct k8s_err *err);

/* Closes what is open, without callbacks. NULL is fine. */
void ws_client_free(struct ws_client *c);
void ws_client_freep(struct ws_client **c);

/* Serves connections and loop until ws_client_stop() or a failure (-1). */
int ws_client_run(struct ws_client *c, struct k8s_err *err);
void ws_client_stop(struct ws_client *c);

/*
 * Starts a connection. path begins with '/', percent-encoded, at most
 * WS_PATH_MAX with the server's prefix. protocols: comma-separated, best
 * first. Handlers run from ws_client_run() only, after this returned.
 */
struct ws *ws_open(struct ws_client *c, const char *path, const char *protocols,
    const struct ws_handler *h, void *arg, struct k8s_err *err);

/* Asks for writable(). */
void ws_want_write(struct ws *w);

/*
 * Sends one whole binary message; only from within writable(), once.
 * WS_HEADROOM bytes before p must be the caller's; they and the message are
 * overwritten (masking). -1: the connection is dying, closed() follows.
 */
int ws_send(struct ws *w, unsigned char *p, size_t len);

/*
 * Turns reading on and off: what can't be taken now stays in the network.
 * While off, the peer is not pinged and not presumed dead.
 */
void ws_read(struct ws *w, int on);

/* Ends it; closed() is called soon, from the loop. */
void ws_close(struct ws *w);

#endif
