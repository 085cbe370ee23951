/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Running a command in a container: the pods/exec subresource over a
 * WebSocket, subprotocols v5.channel.k8s.io and v4.channel.k8s.io.
 * Source: k8s.io/apimachinery remotecommand constants and KEP-4006; measured
 * in facts recorded under tests/data/transcripts.
 */
#ifndef K8SHELL_EXEC_H
#define K8SHELL_EXEC_H

#include <stddef.h>

#include "lib/core/buf.h"
#include "lib/core/err.h"
#include "lib/kube/ws.h"

/*
 * Most stdin bytes that travel as one message: with the channel's byte and a
 * frame's header of 8 bytes it fills four TLS records.
 */
#define EXEC_STDIN_MAX (64 * 1024 - 9)

enum exec_channel {
	EXEC_STDIN = 0,
	EXEC_STDOUT = 1,
	EXEC_STDERR = 2,
	EXEC_STATUS = 3,
	EXEC_RESIZE = 4,
	EXEC_CLOSE = 255, /* v5: the second byte says which channel ended */
};

struct exec_size {
	unsigned short cols, rows;
};

struct exec_params {
	const char *namespace_, *pod;
	const char *container;	    /* or NULL */
	const char *const *command; /* ends with NULL */
	int tty;		    /* stderr comes on stdout then */
	struct exec_size size;	    /* with tty: sent before anything else */
};

struct exec;

struct exec_handler {
	/*
	 * The server agreed. can_close: exec_stdin_close() exists (v5).
	 */
	void (*opened)(void *arg, int can_close);
	/* Output, in order; ch is EXEC_STDOUT or EXEC_STDERR; borrowed. */
	void (*output)(void *arg, enum exec_channel ch, const unsigned char *p,
	    size_t len);
	/* exec_stdin_buf(), which was NULL, gives a buffer again. */
	void (*stdin_ready)(void *arg);
	/*
	 * The end, once; exec is gone afterwards. exit_code is 0..255 if the
	 * command ended by itself, else -1 and err says why not.
	 * http_refused: there was no WebSocket.
	 */
	void (*ended)(void *arg, int exit_code, int http_refused,
	    const struct k8s_err *err);
};

/* params, handler and arg: handler and arg are borrowed until ended(). */
struct exec *exec_start(struct ws_client *c, const struct exec_params *params,
    const struct exec_handler *h, void *arg, struct k8s_err *err);

/*
 * A buffer of EXEC_STDIN_MAX bytes to put stdin data into, or NULL while
 * something else is under way (stdin_ready() follows) and before opened().
 * exec_stdin_send() sends the first len bytes of it, at least one; nothing
 * else is to be called between the two.
 */
unsigned char *exec_stdin_buf(struct exec *x);
void exec_stdin_send(struct exec *x, size_t len);

/* End of stdin, behind what was sent. Only where opened() said can_close. */
void exec_stdin_close(struct exec *x);

/* The terminal's size; of many in a row the last one counts. */
void exec_resize(struct exec *x, struct exec_size size);

/* Output on and off (backpressure): see ws_read(). */
void exec_read(struct exec *x, int on);

/* Gives up: ended() follows with this reason. */
void exec_abort(struct exec *x, const struct k8s_err *why);

/*
 * The request of params, "/api/v1/namespaces/..." with a NUL at the end, into
 * b. -1 if its cap is reached.
 */
int exec_path(const struct exec_params *params, struct buf *b);

#endif
