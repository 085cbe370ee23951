/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/account.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ACCOUNT_SHELL "/bin/sh"

/* Shells of entries that are not for people; a workspace's user is one. */
static int
is_no_shell(const char *path)
{
	static const char *const names[] = {"nologin", "false", "sync"};
	const char *base = strrchr(path, '/');
	size_t i;

	base = base != NULL ? base + 1 : path;
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(base, names[i]) == 0)
			return 1;
	return 0;
}

static int
is_shell(const char *path)
{
	return path != NULL && path[0] == '/' && strlen(path) < PATH_MAX &&
	    !is_no_shell(path) && access(path, X_OK) == 0;
}

/* An entry that does not fit is none: half a path would be another's. */
static int
account_fill(struct account *a, const struct passwd *pw)
{
	if (strlen(pw->pw_name) >= sizeof(a->name) ||
	    strlen(pw->pw_dir) >= sizeof(a->home))
		return -1;
	(void)snprintf(a->name, sizeof(a->name), "%s", pw->pw_name);
	(void)snprintf(a->home, sizeof(a->home), "%s",
	    pw->pw_dir[0] == '/' ? pw->pw_dir : "/");
	(void)snprintf(a->shell, sizeof(a->shell), "%s",
	    is_shell(pw->pw_shell) ? pw->pw_shell : ACCOUNT_SHELL);
	return 0;
}

void
account_self(struct account *a)
{
	const struct passwd *pw;
	const char *shell;

	*a = (struct account){.uid = getuid(), .gid = getgid()};
	if ((pw = getpwuid(a->uid)) != NULL && account_fill(a, pw) == 0)
		return;
	shell = getenv("SHELL");
	(void)snprintf(a->name, sizeof(a->name), "%u", (unsigned int)a->uid);
	(void)snprintf(a->home, sizeof(a->home), "/");
	(void)snprintf(a->shell, sizeof(a->shell), "%s",
	    is_shell(shell) ? shell : ACCOUNT_SHELL);
}

int
account_named(struct account *a, const char *name, struct k8s_err *err)
{
	const struct passwd *pw;

	*a = (struct account){.other = 1};
	if ((pw = getpwnam(name)) == NULL || account_fill(a, pw) == -1)
		return k8s_err_set(err, K8S_ERR_NOT_FOUND,
		    "the container has no user %s", name);
	a->uid = pw->pw_uid;
	a->gid = pw->pw_gid;
	if (geteuid() == 0)
		return 0;
	if (a->uid != getuid())
		return k8s_err_set(err, K8S_ERR_FORBIDDEN,
		    "the container runs as uid %u: it can't become %s",
		    (unsigned int)getuid(), name);
	/* It is us: nothing to become. */
	a->other = 0;
	return 0;
}

int
account_become(const struct account *a)
{
	if (initgroups(a->name, a->gid) == -1 ||
	    setresgid(a->gid, a->gid, a->gid) == -1 ||
	    setresuid(a->uid, a->uid, a->uid) == -1)
		return -1;
	/* No way back, whatever a security module thinks of it. */
	if (a->uid != 0 && (setuid(0) == 0 || getuid() != a->uid)) {
		errno = EPERM;
		return -1;
	}
	return 0;
}

/* The guest's own, for account_leave(); they never change. */
static gid_t *own_groups;
static int own_groups_len;

static int
account_keep_groups(void)
{
	int n;

	if (own_groups != NULL)
		return 0;
	if ((n = getgroups(0, NULL)) == -1 ||
	    (own_groups = calloc((size_t)n + 1, sizeof(*own_groups))) == NULL)
		return -1;
	if ((own_groups_len = getgroups(n, own_groups)) != -1)
		return 0;
	free(own_groups);
	own_groups = NULL;
	return -1;
}

int
account_enter(const struct account *a)
{
	int saved;

	if (!a->other)
		return 0;
	/* Ours would open folders that a can't write to. */
	if (account_keep_groups() == -1 || setgroups(1, &a->gid) == -1)
		return -1;
	if (setegid(a->gid) == 0 && seteuid(a->uid) == 0)
		return 0;
	saved = errno;
	account_leave(a);
	errno = saved;
	return -1;
}

void
account_leave(const struct account *a)
{
	if (a->other &&
	    (seteuid(getuid()) == -1 || setegid(getgid()) == -1 ||
		setgroups((size_t)own_groups_len, own_groups) == -1))
		_exit(255);
}
