/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/child.h"

#include <fcntl.h>
#include <grp.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "proxyprotocol/privileges.h"

enum { UID = 4242, GID = 4243 };

static uint64_t secret = 0x6b38736865636b21;

struct caps {
	struct __user_cap_header_struct head;
	struct __user_cap_data_struct data[2];
};

static int
caps_get(struct caps *c)
{
	memset(c, 0, sizeof(*c));
	c->head.version = _LINUX_CAPABILITY_VERSION_3;
	return (int)syscall(SYS_capget, &c->head, c->data);
}

static void
drop(void)
{
	const gid_t groups[] = {0, 6, GID + 1};
	struct k8s_err err = K8S_ERR_INIT;

	CHILD_CHECK(setgroups(3, groups) == 0);
	CHILD_CHECK(privileges_drop(UID, GID, &err) == 0);
	CHILD_CHECK(err.code == K8S_ERR_NONE);
}

static void
ids_body(void *arg)
{
	uid_t ru, eu, su;
	gid_t rg, eg, sg;

	(void)arg;
	drop();
	CHILD_CHECK(getresuid(&ru, &eu, &su) == 0);
	CHILD_CHECK(ru == UID && eu == UID && su == UID);
	CHILD_CHECK(getresgid(&rg, &eg, &sg) == 0);
	CHILD_CHECK(rg == GID && eg == GID && sg == GID);
	CHILD_CHECK(getgroups(0, NULL) == 0);
	CHILD_CHECK(prctl(PR_GET_DUMPABLE) == 0);
	/* It starts k8shell-forward, which is setuid. */
	CHILD_CHECK(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 0);
	/* Nobody who is not root can look into it. */
	CHILD_CHECK(open("/proc/self/mem", O_RDWR | O_CLOEXEC) == -1);
}

static void
has_the_ids_and_no_groups(void **state)
{
	(void)state;
	UNIT_NEED_ROOT(CAP_SYS_PTRACE);
	child_run(ids_body, NULL);
}

static void
caps_body(void *arg)
{
	const uint32_t ptrace = 1U << CAP_SYS_PTRACE;
	struct iovec ours = {&(uint64_t){0}, sizeof(secret)};
	struct iovec theirs = {&secret, sizeof(secret)};
	struct caps c;
	int i;

	(void)arg;
	/* One that exec would give on. */
	CHILD_CHECK(caps_get(&c) == 0);
	c.data[0].inheritable = 1U << CAP_NET_ADMIN;
	CHILD_CHECK(syscall(SYS_capset, &c.head, c.data) == 0);
	CHILD_CHECK(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_NET_ADMIN,
			0, 0) == 0);
	drop();
	CHILD_CHECK(caps_get(&c) == 0);
	CHILD_CHECK(c.data[0].effective == ptrace);
	CHILD_CHECK(c.data[0].permitted == ptrace);
	CHILD_CHECK(c.data[0].inheritable == 0);
	CHILD_CHECK(c.data[1].effective == 0);
	CHILD_CHECK(c.data[1].permitted == 0);
	CHILD_CHECK(c.data[1].inheritable == 0);
	for (i = 0; i <= CAP_LAST_CAP; i++)
		CHILD_CHECK(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, i, 0,
				0) == 0 &&
		    prctl(PR_CAPBSET_READ, i, 0, 0, 0) == 0);
	/* And that it is of use: a process of root's can be read. */
	CHILD_CHECK(process_vm_readv(getppid(), &ours, 1, &theirs, 1, 0) ==
	    (ssize_t)sizeof(secret));
	CHILD_CHECK(memcmp(ours.iov_base, &secret, sizeof(secret)) == 0);
}

static void
keeps_one_capability(void **state)
{
	(void)state;
	UNIT_NEED_ROOT(CAP_SYS_PTRACE);
	child_run(caps_body, NULL);
}

static void
no_way_back_body(void *arg)
{
	const gid_t root = 0;
	struct caps c;

	(void)arg;
	drop();
	CHILD_CHECK(setuid(0) == -1 && errno == EPERM);
	CHILD_CHECK(seteuid(0) == -1 && errno == EPERM);
	CHILD_CHECK(setresuid(0, 0, 0) == -1 && errno == EPERM);
	CHILD_CHECK(setgid(0) == -1 && errno == EPERM);
	CHILD_CHECK(setresgid(0, 0, 0) == -1 && errno == EPERM);
	CHILD_CHECK(setgroups(1, &root) == -1 && errno == EPERM);
	CHILD_CHECK(caps_get(&c) == 0);
	c.data[0].permitted |= 1U << CAP_SETUID;
	CHILD_CHECK(
	    syscall(SYS_capset, &c.head, c.data) == -1 && errno == EPERM);
}

static void
there_is_no_way_back(void **state)
{
	(void)state;
	UNIT_NEED_ROOT(CAP_SYS_PTRACE);
	child_run(no_way_back_body, NULL);
}

static void
refuses_root(void **state)
{
	static const struct {
		uid_t uid;
		gid_t gid;
	} ids[] = {{0, 0}, {0, GID}, {UID, 0}};
	struct k8s_err err;
	size_t i;

	(void)state;
	for (i = 0; i < 3; i++) {
		memset(&err, 0, sizeof(err));
		assert_int_equal(privileges_drop(ids[i].uid, ids[i].gid, &err),
		    -1);
		unit_check_err(&err, K8S_ERR_CONFIG, "can't be root");
	}
}

static void
unprivileged_body(void *arg)
{
	struct k8s_err err = K8S_ERR_INIT;

	(void)arg;
	if (geteuid() == 0)
		CHILD_CHECK(setresuid(UID, UID, UID) == 0);
	CHILD_CHECK(privileges_drop(UID, GID, &err) == -1);
	CHILD_CHECK(err.code == K8S_ERR_SYSTEM);
	CHILD_CHECK(strstr(err.msg, "giving up root: ") == err.msg);
}

static void
needs_root(void **state)
{
	(void)state;
	child_run(unprivileged_body, NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(has_the_ids_and_no_groups),
	    cmocka_unit_test(keeps_one_capability),
	    cmocka_unit_test(there_is_no_way_back),
	    cmocka_unit_test(refuses_root),
	    cmocka_unit_test(needs_root),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) != 0;
}
