/* SPDX-License-Identifier: Apache-2.0 */
#include "proxyprotocol/privileges.h"

#include <grp.h>
#include <linux/capability.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PRIVILEGES_KEPT (1U << CAP_SYS_PTRACE)

typedef struct __user_cap_data_struct privileges_caps[2];

static int
privileges_get_caps(privileges_caps caps)
{
	struct __user_cap_header_struct head = {
	    .version = _LINUX_CAPABILITY_VERSION_3,
	};

	return (int)syscall(SYS_capget, &head, caps);
}

/* That all of it has come true. */
static int
privileges_check(uid_t uid, gid_t gid)
{
	privileges_caps caps;
	uid_t ru, eu, su;
	gid_t rg, eg, sg;
	int cap;

	for (cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) != -1; cap++)
		if (prctl(PR_CAPBSET_READ, cap, 0, 0, 0) != 0)
			return 0;
	return getresuid(&ru, &eu, &su) == 0 && ru == uid && eu == uid &&
	    su == uid && getresgid(&rg, &eg, &sg) == 0 && rg == gid &&
	    eg == gid && sg == gid && getgroups(0, NULL) == 0 &&
	    privileges_get_caps(caps) == 0 &&
	    caps[0].effective == PRIVILEGES_KEPT &&
	    caps[0].permitted == PRIVILEGES_KEPT && caps[1].effective == 0 &&
	    caps[1].permitted == 0 && caps[0].inheritable == 0 &&
	    caps[1].inheritable == 0;
}

int
privileges_drop(uid_t uid, gid_t gid, struct k8s_err *err)
{
	struct __user_cap_header_struct head = {
	    .version = _LINUX_CAPABILITY_VERSION_3,
	};
	privileges_caps caps;
	int cap;

	memset(caps, 0, sizeof(caps));
	caps[0].effective = caps[0].permitted = PRIVILEGES_KEPT;
	if (uid == 0 || gid == 0)
		return k8s_err_set(err, K8S_ERR_CONFIG,
		    "the supervisor's user can't be root");
	/* exec of whatever file gives none. */
	for (cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) != -1; cap++)
		if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) == -1)
			return k8s_err_errno(err, "giving up root");
	if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) == -1 ||
	    setgroups(0, NULL) == -1 || setresgid(gid, gid, gid) == -1 ||
	    setresuid(uid, uid, uid) == -1)
		return k8s_err_errno(err, "giving up root");
	if (syscall(SYS_capset, &head, caps) == -1)
		return k8s_err_errno(err, "keeping CAP_SYS_PTRACE alone");
	/*
	 * Its memory is nobody's. Not PR_SET_NO_NEW_PRIVS: k8shell-forward is
	 * setuid, so that it is not what we are. What that would keep from a
	 * supervisor gone bad, CAP_SYS_PTRACE gives it anyway.
	 */
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == -1)
		return k8s_err_errno(err, "prctl");
	if (!privileges_check(uid, gid))
		return k8s_err_set(err, K8S_ERR_SYSTEM,
		    "root could not be given up whole");
	return 0;
}
