/* SPDX-License-Identifier: Apache-2.0 */
/*
 * k8shell-forward USER: dials what the supervisor of USER's connection asks
 * for, on descriptor DIALS_FD, until that is closed (lib/core/dials.h,
 * helpers/forwards.h). Started by the supervisor, by nobody else.
 *
 * It talks to the cluster for a whole connection, so of all there is on the
 * bastion it may least be trusted by what is in front of it. So it is installed
 * setuid to an account of its own, which owns nothing, and setgid to the one
 * group that may read the cluster's credentials, mode 6750: only that group may
 * start it, and it can neither signal nor trace supervisors nor sshd.
 */
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "helpers/forwards.h"
#include "helpers/setup.h"
#include "lib/core/dials.h"
#include "lib/core/log.h"

#define FORWARD_STATUS_FAILED 1
#define FORWARD_STATUS_USAGE  2

/* Longest name of a user, bytes: as in lib/core/control.h. */
#define FORWARD_USER_MAX 255

static int
forward_has_capabilities(void)
{
	struct __user_cap_header_struct head = {
	    .version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct caps[2];
	size_t i;

	if (syscall(SYS_capget, &head, caps) == -1)
		return 1;
	for (i = 0; i < 2; i++)
		if ((caps[i].effective | caps[i].permitted |
			caps[i].inheritable) != 0)
			return 1;
	return 0;
}

/* That this process is what the head of this file says; else nothing is done.
 */
static int
forward_check_caller(struct k8s_err *err)
{
	uid_t ru, eu, su;
	gid_t rg, eg, sg;

	if (getresuid(&ru, &eu, &su) == -1 || getresgid(&rg, &eg, &sg) == -1)
		return k8s_err_errno(err, "who we are");
	if (ru == eu || ru == 0 || eu == 0 || eg == 0)
		return k8s_err_set(err, K8S_ERR_CONFIG,
		    "k8shell-forward is to be installed setuid to an account "
		    "of its own, and started by a supervisor "
		    "(uid %lu, effective %lu)",
		    (unsigned long)ru, (unsigned long)eu);
	/* The group of a user is another one, whoever may execute the file. */
	if (rg != eg)
		return k8s_err_set(err, K8S_ERR_FORBIDDEN,
		    "only a supervisor may start k8shell-forward (gid %lu, "
		    "effective %lu)",
		    (unsigned long)rg, (unsigned long)eg);
	if (getgroups(0, NULL) != 0)
		return k8s_err_set(err, K8S_ERR_FORBIDDEN,
		    "k8shell-forward was started with more groups");
	return 0;
}

/* Leaves what the supervisor has, for good. */
static int
forward_drop(struct k8s_err *err)
{
	uid_t uid = geteuid(), ru, eu, su;
	gid_t gid = getegid(), rg, eg, sg;

	if (setresgid(gid, gid, gid) == -1 || setresuid(uid, uid, uid) == -1)
		return k8s_err_errno(err, "leaving the supervisor's uid");
	/* Behind these, which allow to look into us. */
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == -1 ||
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1)
		return k8s_err_errno(err, "prctl");
	if (getresuid(&ru, &eu, &su) == -1 || ru != uid || eu != uid ||
	    su != uid || getresgid(&rg, &eg, &sg) == -1 || rg != gid ||
	    eg != gid || sg != gid || forward_has_capabilities())
		return k8s_err_set(err, K8S_ERR_SYSTEM,
		    "the supervisor's rights could not be left whole");
	return 0;
}

static int
forward_check_fd(struct k8s_err *err)
{
	socklen_t len = sizeof(int);
	int domain = 0, type = 0;

	if (getsockopt(DIALS_FD, SOL_SOCKET, SO_DOMAIN, &domain, &len) == 0 &&
	    getsockopt(DIALS_FD, SOL_SOCKET, SO_TYPE, &type, &len) == 0 &&
	    domain == AF_UNIX && type == SOCK_SEQPACKET)
		return 0;
	return k8s_err_set(err, K8S_ERR_INVALID,
	    "descriptor %d is not the supervisor's socket", DIALS_FD);
}

/* Each channel takes a descriptor, in plain mode four. */
static void
forward_raise_limit(void)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &files);
	}
}

int
main(int argc, char **argv)
{
	struct k8s_err err = K8S_ERR_INIT;

	setup_process("k8shell-forward");
	if (argc == 2 && strcmp(argv[1], "-V") == 0) {
		(void)printf("%s\n", PACKAGE_STRING);
		return 0;
	}
	if (argc != 2 || argv[1][0] == '\0' ||
	    strlen(argv[1]) > FORWARD_USER_MAX) {
		(void)fprintf(stderr, "usage: k8shell-forward user\n");
		return FORWARD_STATUS_USAGE;
	}
	if (forward_check_caller(&err) == -1 || forward_drop(&err) == -1 ||
	    forward_check_fd(&err) == -1) {
		log_error("%s", err.msg);
		return FORWARD_STATUS_FAILED;
	}
	forward_raise_limit();
	if (forwards_run(argv[1], DIALS_FD, &err) == -1) {
		log_error("user %s: %s", argv[1], err.msg);
		return FORWARD_STATUS_FAILED;
	}
	return 0;
}
