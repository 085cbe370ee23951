/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whose a session is, from the container's /etc/passwd. Files there are the
 * container's own: what they say gives no right that we have not got.
 */
#ifndef K8SHELL_GUEST_ACCOUNT_H
#define K8SHELL_GUEST_ACCOUNT_H

#include <limits.h>
#include <sys/types.h>

#include "lib/core/err.h"

struct account {
	uid_t uid;
	gid_t gid;
	int other;	     /* asked for by name: rights and home are its */
	char name[256];	     /* the uid in digits without an entry */
	char home[PATH_MAX]; /* "/" without one */
	char shell[PATH_MAX];
};

/* Who we are; always somebody. */
void account_self(struct account *a);

/* Somebody by name: -1, K8S_ERR_NOT_FOUND or K8S_ERR_FORBIDDEN. */
int account_named(struct account *a, const char *name, struct k8s_err *err);

/*
 * In the child, for good: all groups, then gid, then uid. Nothing of what we
 * were is left, or it fails. -1 with errno. Only if a->other.
 */
int account_become(const struct account *a);

/*
 * For a while, in the guest itself: what is made in the file system is a's, and
 * no file that a can't reach is touched by way of a's folders. -1 with errno.
 * account_leave() ends the process if it can't.
 */
int account_enter(const struct account *a);
void account_leave(const struct account *a);

#endif
