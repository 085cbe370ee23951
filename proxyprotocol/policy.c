/* SPDX-License-Identifier: Apache-2.0 */
#include "proxyprotocol/policy.h"

#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/un.h>

#include "lib/core/control.h"

/* glibc's, as it stands in its nscd-client.h. */
#define POLICY_NSCD "/var/run/nscd/socket"

/* With or without the NUL behind it, as unix(7) allows both. */
static int
policy_is_path(const struct policy_connect *c, const char *path)
{
	const size_t start = offsetof(struct sockaddr_un, sun_path);
	const struct sockaddr_un *un = (const void *)c->to;
	const size_t len = strlen(path);

	return c->len >= start + len && c->to->sa_family == AF_UNIX &&
	    strnlen(un->sun_path, c->len - start) == len &&
	    memcmp(un->sun_path, path, len) == 0;
}

/* A stream is a forward of the user to that very path. */
static int
policy_is_control(const struct policy_connect *c)
{
	return c->type == SOCK_SEQPACKET && policy_is_path(c, CONTROL_PATH);
}

/*
 * Channels of sshd, and nothing of the C library, connect without blocking on
 * a descriptor that would survive exec (facts-sshd.md).
 */
static int
policy_is_channel(const struct policy_connect *c)
{
	return c->type == SOCK_STREAM && (c->flags & O_NONBLOCK) != 0 &&
	    (c->flags & O_CLOEXEC) == 0;
}

static int
policy_is_command(const struct policy *p, const struct policy_connect *c)
{
	size_t i;

	for (i = 0; !c->authenticated && i < p->command_uids_len; i++)
		if (p->command_uids[i] == c->euid)
			return 1;
	return 0;
}

enum policy_verdict
policy_decide(const struct policy *p, const struct policy_connect *c)
{
	if (policy_is_control(c))
		return POLICY_CONTROL;
	/* Only our setgid helpers give this group, also to what they start. */
	if (c->egid == p->helper_gid)
		return POLICY_CONTINUE;
	if (c->euid == 0) {
		/* sshd itself with its PAM modules; channels if root is in. */
		if (policy_is_channel(c))
			return POLICY_CHANNEL;
		/*
		 * nscd can share memory with those who ask it; sshd's child
		 * would inherit that, and find hosts there before it asks us.
		 */
		return policy_is_path(c, POLICY_NSCD) ? POLICY_HIDE
						      : POLICY_CONTINUE;
	}
	if (policy_is_command(p, c))
		return POLICY_CONTINUE;
	/*
	 * What is left runs with the rights of the user, or of sshd before
	 * anybody is in. No call of theirs is ever let through: they could
	 * change the address between our look and the kernel's.
	 */
	if (policy_is_channel(c))
		return POLICY_CHANNEL;
	/* Name services of this machine: nscd, sssd ... */
	return c->to->sa_family == AF_UNIX ? POLICY_HIDE : POLICY_REFUSE;
}
