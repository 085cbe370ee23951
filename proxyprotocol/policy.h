/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a process of a supervised connection may connect(2) to. Pure: the one
 * place where it is decided, see ARCHITECTURE.md.
 */
#ifndef K8SHELL_POLICY_H
#define K8SHELL_POLICY_H

#include <sys/socket.h>
#include <sys/types.h>

struct policy {
	/* Processes with this effective group are our helpers. */
	gid_t helper_gid;
	/* Users that sshd runs its key commands as, until somebody is in. */
	const uid_t *command_uids;
	size_t command_uids_len;
};

struct policy_connect {
	uid_t euid;
	gid_t egid;
	int authenticated; /* of the connection: somebody has logged in */
	int type;	   /* SOCK_STREAM ... */
	int flags;	   /* O_NONBLOCK and O_CLOEXEC of the descriptor */
	const struct sockaddr *to; /* as the caller gave it */
	socklen_t len;
};

enum policy_verdict {
	POLICY_CONTINUE, /* the kernel does it */
	POLICY_CONTROL,	 /* it is the control socket */
	POLICY_CHANNEL,	 /* a forward of the user: never from this machine */
	POLICY_HIDE,	 /* there is no such socket (ENOENT) */
	POLICY_REFUSE,	 /* ECONNREFUSED */
};

enum policy_verdict policy_decide(const struct policy *p,
    const struct policy_connect *c);

#endif
