/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A byte stream to a server, without blocking: TCP, and TLS on it where it is
 * asked for. It knows nothing of what is said.
 */
#ifndef K8SHELL_STREAM_H
#define K8SHELL_STREAM_H

#include <openssl/ssl.h>
#include <stddef.h>
#include <sys/types.h>

#include "lib/core/err.h"
#include "lib/core/loop.h"

struct stream;

/* All are called from the loop, after stream_open() has returned. */
struct stream_handler {
	/* Both ends agree: reading and writing can begin. */
	void (*connected)(void *arg);
	/* It never will: what is left to do is stream_close(). */
	void (*failed)(void *arg, const struct k8s_err *why);
	/*
	 * What stream_want() asked for is possible. With either of the two, in
	 * also says that the peer or the network ended it: reading tells.
	 */
	void (*ready)(void *arg, int in, int out);
};

/*
 * Starts a connection, to one address of host after the other. tls: a context
 * of tls_client_ctx(), or NULL for plain TCP; it, h and arg are borrowed until
 * stream_close(). Resolving host blocks. There is no deadline: the caller has
 * one.
 */
struct stream *stream_open(struct loop *loop, const char *host,
    const char *port, SSL_CTX *tls, const struct stream_handler *h, void *arg,
    struct k8s_err *err);

/* No handler is called any more. */
void stream_stop(struct stream *s);

/*
 * Ends it, with TLS's close_notify if it got that far; nobody waits for an
 * answer. Not from within a handler. NULL is fine.
 */
void stream_close(struct stream *s);

/* What to wait for once it is connected; input, if never called. */
void stream_want(struct stream *s, int in, int out);

/*
 * As read(2) and write(2), but 0 where nothing goes for now, and -1 at the
 * end, however it came. After a write of 0 the next one must begin with the
 * same bytes, as OpenSSL demands; they may lie elsewhere.
 */
ssize_t stream_read(struct stream *s, unsigned char *p, size_t len);
ssize_t stream_write(struct stream *s, const unsigned char *p, size_t len);

/*
 * Whether what was sent gets no answer from the peer's kernel either: no ACK
 * for so many milliseconds, although there was something to acknowledge. (The
 * time of the last ACK alone says little: a closed window is probed ever more
 * rarely, down to once in two minutes.)
 */
int stream_is_unheard(const struct stream *s, unsigned int ms);

#endif
