/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The SSH client as sshd shows it to a helper: descriptors 0, 1 and 2, which
 * are pipes, sockets or a terminal, and signals. Nothing blocks, memory is
 * bounded, and a terminal is raw as long as this is there.
 */
#ifndef K8SHELL_CLIENT_H
#define K8SHELL_CLIENT_H

#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/types.h>
#include <termios.h>

#include "lib/core/err.h"
#include "lib/core/loop.h"

/* Output that the client has not taken, of each stream, bytes at most. */
#define CLIENT_QUEUE_MAX (1024 * 1024)

enum client_stream { CLIENT_STDOUT, CLIENT_STDERR };

struct client_handler {
	/* client_read() has something, after client_want_input(). */
	void (*input)(void *arg);
	/* n bytes that client_write() had queued have been taken. */
	void (*taken)(void *arg, enum client_stream s, size_t n);
	/* The terminal has another size. */
	void (*resized)(void *arg);
	/*
	 * A signal came, which sshd passes on from the client, or an admin
	 * sent. 0: it ends the session. May be NULL: all of them do.
	 */
	int (*signalled)(void *arg, int sig);
	/* Nobody reads any more, or we were told to end. Once. */
	void (*gone)(void *arg);
};

struct client;

/*
 * tty: descriptors 0 and 1 are a terminal. Blocks the signals that end a
 * session. One for the life of the process. loop is borrowed.
 */
struct client *client_new(struct loop *loop, int tty, struct k8s_err *err);

/* The terminal is as it was before, signals are unblocked. NULL is fine. */
void client_free(struct client *c);
void client_freep(struct client **c);

/* Who is told from now on; h and arg are borrowed. */
void client_attach(struct client *c, const struct client_handler *h, void *arg);

/* Whether the client's stdin is to be watched. */
void client_want_input(struct client *c, int on);

/* As read(2): 0 at the end of stdin, -1 with EAGAIN where there is none yet. */
ssize_t client_read(struct client *c, void *p, size_t len);

/*
 * Writes, in order, and queues what is not taken at once: how much that is
 * goes to *queued; taken() tells of it later. With nobody there it is dropped.
 * -1: more than CLIENT_QUEUE_MAX.
 */
int client_write(struct client *c, enum client_stream s, const void *p,
    size_t len, size_t *queued);

/* Bytes that wait, of both streams. */
size_t client_queued(const struct client *c);

int client_is_tty(const struct client *c);
struct winsize client_size(const struct client *c);
/* The terminal's modes as sshd made them for the client (RFC 4254 8). */
const struct termios *client_modes(const struct client *c);

/* As if nobody were there any more: gone() is called, if it was not. */
void client_hang_up(struct client *c);
int client_is_gone(const struct client *c);
/* The signal that told us to end, or 0. */
int client_caught(const struct client *c);

/* How much came and went (stderr as well) so far, bytes. */
void client_traffic(const struct client *c, uint64_t *in, uint64_t *out);

#endif
