/* SPDX-License-Identifier: Apache-2.0 */
/* The one place where the guest starts a session's process. */
#ifndef K8SHELL_GUEST_SPAWN_H
#define K8SHELL_GUEST_SPAWN_H

#include <sys/types.h>

#include "guest/account.h"
#include "guest/request.h"
#include "lib/core/err.h"

struct spawn {
	const struct request *request;
	const struct account *account;
	int fd[3];	   /* what becomes 0, 1 and 2; all above 2 */
	const char *tty;   /* their terminal's name, or NULL */
	const char *agent; /* for SSH_AUTH_SOCK, or NULL */
};

/*
 * Leader of a new session and process group, with the terminal as its
 * controlling one. What goes wrong in the new process it says on its stderr,
 * and ends: 127 if there is no such program, 126 if it can't be run, 255 if
 * it came to nothing before that. -1: there is no process.
 */
pid_t spawn_session(const struct spawn *s, struct k8s_err *err);

#endif
