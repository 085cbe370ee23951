/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The control socket: how a program of a supervised connection talks to the
 * supervisor of that very connection. It connects to CONTROL_PATH; nobody
 * listens there, but the supervisor sees the connect() and hands over a
 * socketpair of its own. Who is calling (pid, uid, executable) it knows from
 * the kernel, not from anything in a request.
 *
 * The wire format
 *
 * AF_UNIX, SOCK_SEQPACKET: one request is one packet, its reply is one packet,
 * in order. A packet is one byte that says what it is, and then fields to its
 * end, in any order, each at most once:
 *
 *	u8	tag
 *	u16	length, big-endian
 *	...	length bytes
 *
 * Integers are big-endian and have exactly the width given. Text is any bytes
 * without a NUL, its length from the field; whether it may be empty and how
 * long it may be is given below. An unknown request or tag, a tag twice, a
 * field missing, a wrong length or value, bytes left over and a packet past
 * CONTROL_MAX are all invalid: refused as a whole with CONTROL_INVALID, nothing
 * of it used. There is no version: both ends are installed together, and an
 * unknown request is answered, not hung up on.
 *
 *	request			fields
 *	1 WHOAMI		-
 *	2 SESSION_START		 1 kind		u8: 1 shell, 2 exec, 3 sftp
 *				 2 tty		u8: 0, 1
 *				 3 command	text, 0..4096; only of an exec
 *				 4 cut		u8: 0, 1: command was longer
 *				 5 namespace	text, 1..63
 *				 6 pod		text, 1..253
 *				 7 container	text, 0..63; empty: the default
 *	3 SESSION_END		one of
 *				 1 exit status	u8
 *				 2 signal	u8, 1..64 (Linux's numbers)
 *				 3 error	text, 1..1024
 *				and
 *				 4 bytes in	u64, from the client
 *				 5 bytes out	u64, to the client, stderr too
 *				 6 duration	u64, ms
 *	19 RESOLVE		 1 name		text, 0..255: a host's, as sshd
 *has it (reserved: 16 PASSWD, 17 GROUP, 18 INITGROUPS)
 *
 *	reply			fields
 *	128 OK			to WHOAMI:
 *				 1 id		text, 1..64: the connection's
 *				 2 user		text, 1..255: as authenticated
 *				 3 address	text, 1..63: the client's
 *				 4 port		u16: the client's
 *				 5 uid		u32: of the connection's slot
 *				to RESOLVE:
 *				 1 address	u32: IPv4, in 240.0.0.0/4, see
 *				proxyprotocol/names.h
 *				else none
 *	129 DENIED		-   this program may not ask that
 *	130 INVALID		-
 *
 * Every field in the tables has to be there, but 3 and 4 of SESSION_START
 * only with kind 2, and not else.
 */
#ifndef K8SHELL_CONTROL_H
#define K8SHELL_CONTROL_H

#include <stddef.h>
#include <stdint.h>

#include "lib/core/err.h"

#ifndef CONTROL_PATH
#define CONTROL_PATH "/run/k8shell/connection"
#endif

/* Longest packet, bytes; longest texts, without the NUL. */
#define CONTROL_MAX	      8192
#define CONTROL_COMMAND_MAX   4096
#define CONTROL_NAMESPACE_MAX 63
#define CONTROL_POD_MAX	      253
#define CONTROL_CONTAINER_MAX 63
#define CONTROL_ERROR_MAX     1024
#define CONTROL_ID_MAX	      64
#define CONTROL_USER_MAX      255
#define CONTROL_ADDRESS_MAX   63
#define CONTROL_NAME_MAX      255

/* How long a client waits for a reply, ms. */
#define CONTROL_TIMEOUT 2000

enum control_type {
	CONTROL_WHOAMI = 1,
	CONTROL_SESSION_START = 2,
	CONTROL_SESSION_END = 3,
	CONTROL_RESOLVE = 19,
};

enum control_status {
	CONTROL_OK = 128,
	CONTROL_DENIED = 129,
	CONTROL_INVALID = 130,
};

enum control_kind {
	CONTROL_SHELL = 1,
	CONTROL_EXEC = 2,
	CONTROL_SFTP = 3,
};

/* Text without a NUL in it and behind it; borrowed. */
struct control_text {
	const char *p;
	size_t len;
};

struct control_session_start {
	enum control_kind kind;
	int tty;
	struct control_text command; /* of an exec */
	int command_cut;
	struct control_text namespace_, pod, container;
};

enum control_ended { CONTROL_EXITED, CONTROL_SIGNALED, CONTROL_FAILED };

struct control_session_end {
	enum control_ended how;
	int exit_status;	   /* 0..255 */
	int signal;		   /* 1..64 */
	struct control_text error; /* why the end is not known, or no start */
	uint64_t bytes_in, bytes_out;
	uint64_t duration_ms;
};

struct control_whoami {
	char id[CONTROL_ID_MAX + 1];
	char user[CONTROL_USER_MAX + 1];
	char address[CONTROL_ADDRESS_MAX + 1];
	uint16_t port;
	uint32_t uid;
};

struct control_request {
	enum control_type type;
	union {
		struct control_session_start start;
		struct control_session_end end;
		struct control_text name; /* of RESOLVE */
	} u;
};

/*
 * The supervisor's side, without I/O.
 */

/*
 * Takes a request apart; its texts are borrowed from the packet. -1 and
 * K8S_ERR_INVALID: answer CONTROL_INVALID. Whoever receives the packet uses
 * room for CONTROL_MAX bytes and MSG_TRUNC, and passes the true length.
 */
int control_decode(const void *p, size_t len, struct control_request *out,
    struct k8s_err *err);

/*
 * Write a reply into dst, which has room for CONTROL_MAX bytes, and return its
 * length. 0: a text is empty or too long.
 */
size_t control_encode_status(unsigned char *dst, enum control_status status);
size_t control_encode_whoami(unsigned char *dst,
    const struct control_whoami *w);
size_t control_encode_address(unsigned char *dst, uint32_t address);

/*
 * The client's side.
 */

/*
 * A descriptor that the caller closes. -1 and K8S_ERR_NOT_FOUND where there is
 * no supervisor (ENOENT, ECONNREFUSED: ForceCommand mode). Any other failure
 * means there ought to be one.
 */
int control_connect(struct k8s_err *err);

/*
 * One request and its reply each; at most CONTROL_TIMEOUT, no SIGPIPE. -1 and
 * K8S_ERR_FORBIDDEN for DENIED; K8S_ERR_INVALID for INVALID, for a reply that
 * breaks the format and for values that this page does not allow (nothing is
 * sent then); K8S_ERR_TIMEOUT; K8S_ERR_DISCONNECT where the supervisor has
 * gone. After a request that failed in any way but DENIED fd is shut down, so
 * that a late reply is never taken for that to another request.
 */
int control_whoami(int fd, struct control_whoami *out, struct k8s_err *err);

/*
 * A command past CONTROL_COMMAND_MAX is cut here and marked as cut; so is an
 * error past CONTROL_ERROR_MAX.
 */
int control_session_start(int fd, const struct control_session_start *s,
    struct k8s_err *err);
int control_session_end(int fd, const struct control_session_end *e,
    struct k8s_err *err);

/* The address in host order. */
int control_resolve(int fd, struct control_text name, uint32_t *address,
    struct k8s_err *err);

/*
 * The pure halves of these, for tests and fuzzing: requests as packets (as the
 * replies above), and replies as the client reads them.
 */
size_t control_encode_start(unsigned char *dst,
    const struct control_session_start *s);
size_t control_encode_end(unsigned char *dst,
    const struct control_session_end *e);
size_t control_encode_resolve(unsigned char *dst, struct control_text name);
int control_decode_ok(const void *p, size_t len, struct k8s_err *err);
int control_decode_whoami(const void *p, size_t len, struct control_whoami *out,
    struct k8s_err *err);
int control_decode_address(const void *p, size_t len, uint32_t *address,
    struct k8s_err *err);

#endif
