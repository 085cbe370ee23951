/* SPDX-License-Identifier: Apache-2.0 */
/* A pseudo-terminal for a session. */
#ifndef K8SHELL_GUEST_PTY_H
#define K8SHELL_GUEST_PTY_H

#include "guest/account.h"
#include "guest/request.h"
#include "lib/core/err.h"

struct pty {
	int master, slave; /* the caller closes them */
	char name[64];
};

/* With the client's size and modes in force, and a's. */
int pty_open(struct pty *p, const struct request *r, const struct account *a,
    struct k8s_err *err);

#endif
