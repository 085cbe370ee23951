/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an OPEN of a session asks for: PROTOCOL.mux, section 4. Pure; the
 * bytes come from the other end of the stream and are not trusted.
 */
#ifndef K8SHELL_GUEST_REQUEST_H
#define K8SHELL_GUEST_REQUEST_H

#include <stddef.h>
#include <sys/ioctl.h>

#include "lib/core/err.h"

/* Environment variables of one session; sshd itself takes fewer. */
#define REQUEST_ENV_MAX 1024

struct request {
	const char *command; /* NULL: the login shell, if argv is NULL, too */
	char **argv;	     /* ends with NULL; or NULL */
	char **env;	     /* NAME=VALUE, ends with NULL */
	const char *user;    /* NULL: who we are */
	int tty, agent, motd;
	struct winsize size;
	const unsigned char *modes; /* RFC 4254 section 8 */
	size_t modes_len;

	char *text;	 /* all strings above, and modes */
	char **pointers; /* argv and env */
};

/*
 * Takes a request apart. Nothing in r is borrowed from p. -1: not a request
 * (K8S_ERR_INVALID), too large (K8S_ERR_LIMIT) or no memory; r is empty then.
 */
int request_parse(struct request *r, const unsigned char *p, size_t len,
    struct k8s_err *err);
void request_free(struct request *r);

#endif
