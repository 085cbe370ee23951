/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a connection's supervisor and its k8shell-forward say to each other.
 *
 * The wire format
 *
 * AF_UNIX, SOCK_SEQPACKET, descriptor DIALS_FD of k8shell-forward. A packet is
 * one byte that says what it is, a number for the dial, big-endian, given by
 * the supervisor and used once, and then as the table says. A packet of any
 * other form, and one with a descriptor too many or too few, is invalid: the
 * end that receives it closes the socket, and with it all dials.
 *
 *	to k8shell-forward
 *	1 TCP		u16 port, 1..65535; then the host, 1..255 bytes without
 *			a NUL, to the packet's end. With the socket.
 *	2 UNIX		the path, 1..107 bytes without a NUL. With the socket.
 *	to the supervisor
 *	3 CONNECTED	u32 ms that the dial took
 *	4 FAILED	u32 ms; u32 errno, Linux's; then why, 0..255 bytes
 *	5 CLOSED	u64 bytes from the client, u64 bytes to it; then why it
 *			was cut, 0..255 bytes, none: both ends have ended
 *
 * To each dial the answer is one FAILED, or one CONNECTED and, later, one
 * CLOSED.
 *
 * The socket is non-blocking and k8shell-forward's alone: the supervisor keeps
 * no copy. It comes with a filler, bytes of the supervisor's that make sshd's
 * end unwritable, so that sshd waits. Until they are read sshd writes nothing,
 * so they are all that FIONREAD counts when the socket comes. Connected: read
 * and drop just as many, once, and send CONNECTED; sshd tells the client then,
 * and what follows is the client's. Failed: close the socket with the filler
 * unread; sshd gets ECONNRESET by that, and the client "open failed". So does
 * every dial that is under way when k8shell-forward dies. Nothing is written
 * before CONNECTED. A socket that hangs up before that is a client that has
 * gone: FAILED, ECANCELED.
 */
#ifndef K8SHELL_DIALS_H
#define K8SHELL_DIALS_H

#include <stddef.h>
#include <stdint.h>

#include "lib/core/err.h"

/* The socket, in k8shell-forward. */
#define DIALS_FD 3

/* Longest texts, without a NUL; longest packet, bytes. */
#define DIALS_HOST_MAX 255
#define DIALS_PATH_MAX 107
#define DIALS_WHY_MAX  255
#define DIALS_MAX      512

enum dials_type {
	DIALS_TCP = 1,
	DIALS_UNIX = 2,
	DIALS_CONNECTED = 3,
	DIALS_FAILED = 4,
	DIALS_CLOSED = 5,
};

struct dials_packet {
	enum dials_type type;
	uint32_t number;
	uint16_t port;		      /* TCP */
	uint32_t ms;		      /* CONNECTED, FAILED */
	int error;		      /* FAILED */
	uint64_t bytes_in, bytes_out; /* CLOSED */
	char text[DIALS_WHY_MAX + 1]; /* host, path or why; with a NUL */
	size_t text_len;
};

/*
 * Write p into dst, which has room for DIALS_MAX bytes, and return the length.
 * 0: a text or a number is none that this page allows. A why that is too long
 * is cut.
 */
size_t dials_encode(unsigned char *dst, const struct dials_packet *p);

/* Takes a packet apart. -1 and K8S_ERR_INVALID for any other form. */
int dials_decode(const void *p, size_t len, struct dials_packet *out,
    struct k8s_err *err);

/*
 * A packet and at most one descriptor, -1 if none; the caller closes it. 1: one
 * came; 0: none is there now; -1 with K8S_ERR_DISCONNECT when the other end has
 * closed, K8S_ERR_INVALID for another form.
 */
int dials_receive(int fd, struct dials_packet *out, int *passed,
    struct k8s_err *err);

/* As dials_receive(); passed: -1 for none. 0: no room now. No SIGPIPE. */
int dials_send(int fd, const struct dials_packet *p, int passed,
    struct k8s_err *err);

#endif
