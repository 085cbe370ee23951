/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The opening handshake of a WebSocket (RFC 6455 section 4.1), without I/O:
 * our request, and the server's answer, which is untrusted input.
 */
#ifndef K8SHELL_WSHTTP_H
#define K8SHELL_WSHTTP_H

#include <stddef.h>

#include "lib/core/buf.h"
#include "lib/core/err.h"

/* Largest head of an answer, and how much of a refusal's body is read. */
#define WSHTTP_HEAD_MAX (16 * 1024)
#define WSHTTP_BODY_MAX (64 * 1024)

/* A nonce of 16 bytes in base64, with its NUL. */
#define WSHTTP_KEY_SIZE 25

struct wshttp_answer {
	int code; /* of HTTP; 101: the WebSocket is open */
	char protocol[64];
	int retry_after; /* seconds, or -1 */
	long body_len;	 /* Content-Length, or -1 */
};

/* Fills key with random. */
int wshttp_key(char key[WSHTTP_KEY_SIZE], struct k8s_err *err);

/*
 * Adds the request to b. path is percent-encoded; host as in a URL; token may
 * be NULL. Nothing of them may hold a control character (checked).
 */
int wshttp_request(struct buf *b, const char *host, const char *path,
    const char *protocols, const char *token, const char *key,
    struct k8s_err *err);

/*
 * Looks for a whole head in the len bytes at p. 0: more bytes are needed.
 * Else its size, with *a filled in; a 101 has been checked then against key,
 * and its protocol is one of protocols. -1: not an answer that can be used.
 */
long wshttp_parse(const char *p, size_t len, const char *key,
    const char *protocols, struct wshttp_answer *a, struct k8s_err *err);

#endif
