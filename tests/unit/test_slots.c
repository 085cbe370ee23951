/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/child.h"

#include <sys/resource.h>

#include "proxyprotocol/slots.h"
#include "tests/unit/tmpdir.h"

/* Uids that nobody on a machine with tests has. */
#define BASE 1912000000U

static char path[512];

static int
setup(void **state)
{
	*state = tmpdir_new();
	(void)snprintf(path, sizeof(path), "%s/slots", (char *)*state);
	return 0;
}

static int
teardown(void **state)
{
	tmpdir_free(*state);
	return 0;
}

static struct slot
take(unsigned count, unsigned hint, unsigned expected)
{
	struct k8s_err err = K8S_ERR_INIT;
	struct slot s;

	if (slots_take(&s, path, count, hint, BASE, &err) == -1)
		fail_msg("%s", err.msg);
	assert_int_equal(err.code, K8S_ERR_NONE);
	assert_int_equal(s.number, expected);
	assert_int_equal(s.uid, BASE + expected);
	assert_true(s.fd >= 0);
	return s;
}

static void
none_left(unsigned count)
{
	struct k8s_err err = K8S_ERR_INIT;
	struct slot s = {.fd = 99};
	char text[64];

	assert_int_equal(slots_take(&s, path, count, 1, BASE, &err), -1);
	(void)snprintf(text, sizeof(text), "all %u slots are in use", count);
	unit_check_err(&err, K8S_ERR_LIMIT, text);
	assert_int_equal(s.fd, -1);
}

/* One holder, dead without a word: the slot's byte still says used. */
static void
leave_dirty(unsigned count, unsigned number)
{
	struct slot s = take(count, number, number);

	slots_close(&s);
	assert_int_equal(s.fd, -1);
}

static void
takes_and_releases(void **state)
{
	struct slot a, b, c;
	struct stat st;

	(void)state;
	a = take(3, 0, 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode, S_IFREG | 0600);
	assert_true(fcntl(a.fd, F_GETFD) & FD_CLOEXEC);
	/* The same hint, another slot. */
	b = take(3, 0, 1);
	c = take(3, 0, 2);
	none_left(3);
	slots_release(&b);
	assert_int_equal(b.fd, -1);
	b = take(3, 0, 1);
	/* On, over the end and around to where there is one. */
	slots_release(&a);
	a = take(3, 2, 0);
	none_left(3);
	/* More of them after a reload, and fewer. */
	slots_release(&a);
	a = take(5, 2, 3);
	assert_int_equal(a.number, 3);
	slots_release(&a);
	slots_release(&b);
	slots_release(&c);
	a = take(1, 7, 0);
	none_left(1);
	slots_release(&a);
	/* One that there is not. */
	slots_release(&a);
	slots_close(&a);
}

static void
wait_for_end(void *arg)
{
	char c;

	/* The test's end of this is the only other one. */
	(void)close(((int *)arg)[1]);
	(void)!read(((int *)arg)[0], &c, 1);
}

/* Another base in the configuration: a uid is still one connection's. */
static void
a_slot_is_a_uid(void **state)
{
	struct k8s_err err = K8S_ERR_INIT;
	struct slot a = take(3, 2, 2), b, c;

	(void)state;
	assert_int_equal(slots_take(&b, path, 3, 0, BASE + 2, &err), 0);
	assert_int_equal(b.number, 1);
	assert_int_equal(b.uid, BASE + 3);
	slots_release(&a);
	assert_int_equal(slots_take(&c, path, 3, 0, BASE + 2, &err), 0);
	assert_int_equal(c.number, 0);
	assert_int_equal(c.uid, BASE + 2);
	slots_release(&b);
	slots_release(&c);
}

/* A supervisor keeps the lock when the front has let go of it. */
static void
a_lock_lives_in_a_child(void **state)
{
	struct slot s;
	pid_t pid;
	int p[2];

	(void)state;
	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	s = take(1, 0, 0);
	pid = child_start(wait_for_end, p);
	slots_close(&s);
	none_left(1);
	/* Not even what it says in the file matters while it is locked. */
	assert_int_equal(truncate(path, 0), 0);
	none_left(1);
	close(p[0]);
	close(p[1]);
	assert_int_equal(child_wait(pid), 0);
	s = take(1, 0, 0);
	slots_release(&s);
}

static void
release_in_child(void *arg)
{
	slots_release(arg);
}

static void
a_child_releases(void **state)
{
	struct slot s = take(1, 0, 0);
	pid_t pid = child_start(release_in_child, &s);
	unsigned char byte = 1;
	int fd;

	(void)state;
	slots_close(&s);
	assert_int_equal(child_wait(pid), 0);
	assert_true((fd = open(path, O_RDONLY | O_CLOEXEC)) >= 0);
	assert_int_equal(pread(fd, &byte, 1, BASE), 1);
	assert_int_equal(byte, 0);
	close(fd);
	s = take(1, 0, 0);
	slots_release(&s);
}

/* How a process can have a slot's uid. */
struct owner {
	uid_t real, effective, saved;
	int exec;     /* its memory is its own again, so it owns /proc/PID */
	int ready[2]; /* it closes its end */
	int end[2];
};

static void
owner_body(void *arg)
{
	struct owner *o = arg;
	char end[16];
	const char *const argv[] = {"sh", "-c", "exec 4>&-; read x <&3", NULL};

	CHILD_CHECK(setresuid(o->real, o->effective, o->saved) == 0);
	if (o->exec) {
		CHILD_CHECK(dup2(o->end[0], 3) == 3);
		CHILD_CHECK(dup2(o->ready[1], 4) == 4);
		execv("/bin/sh", (char *const *)(uintptr_t)argv);
		CHILD_CHECK(!"exec");
	}
	CHILD_CHECK(prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0);
	close(o->ready[1]);
	close(o->end[1]);
	(void)!read(o->end[0], end, 1);
}

/* A slot that is dirty is taken while the process lives, and then free. */
static void
check_owner(uid_t real, uid_t effective, uid_t saved, int exec)
{
	struct owner o = {
	    .real = real,
	    .effective = effective,
	    .saved = saved,
	    .exec = exec,
	};
	struct slot s;
	pid_t pid;
	char c;

	assert_int_equal(pipe2(o.ready, O_CLOEXEC), 0);
	assert_int_equal(pipe2(o.end, O_CLOEXEC), 0);
	leave_dirty(3, 2);
	s = take(3, 2, 2); /* nobody has it */
	slots_close(&s);
	pid = child_start(owner_body, &o);
	close(o.ready[1]);
	assert_int_equal(read(o.ready[0], &c, 1), 0);
	s = take(3, 2, 0); /* not 2 */
	slots_release(&s);
	/* Who is in another slot does not matter. */
	leave_dirty(3, 1);
	s = take(3, 1, 1);
	slots_release(&s);
	close(o.end[0]);
	close(o.end[1]);
	(void)child_wait(pid);
	s = take(3, 2, 2);
	slots_release(&s);
	close(o.ready[0]);
}

static void
a_process_keeps_its_slot(void **state)
{
	const uid_t uid = BASE + 2, other = BASE + 1000;

	(void)state;
	UNIT_NEED_ROOT(CAP_SETUID);
	/* Its memory is closed to all, and /proc/PID is root's. */
	check_owner(uid, uid, uid, 0);
	check_owner(uid, uid, uid, 1);
	check_owner(uid, other, other, 0);
	check_owner(other, uid, other, 0);
	check_owner(other, other, uid, 0);
}

/* Released: clean whoever is there, as the supervisor has looked. */
static void
a_clean_slot_is_free_at_once(void **state)
{
	struct owner o = {BASE, BASE, BASE, 0, {-1, -1}, {-1, -1}};
	struct slot s;
	pid_t pid;
	char c;

	(void)state;
	UNIT_NEED_ROOT(CAP_SETUID);
	assert_int_equal(pipe2(o.ready, O_CLOEXEC), 0);
	assert_int_equal(pipe2(o.end, O_CLOEXEC), 0);
	s = take(1, 0, 0);
	slots_release(&s);
	pid = child_start(owner_body, &o);
	close(o.ready[1]);
	assert_int_equal(read(o.ready[0], &c, 1), 0);
	s = take(1, 0, 0);
	slots_release(&s);
	close(o.end[0]);
	close(o.end[1]);
	close(o.ready[0]);
	assert_int_equal(child_wait(pid), 0);
}

static void
says_what_is_wrong_with_the_file(void **state)
{
	struct k8s_err err = K8S_ERR_INIT;
	char link[600];
	struct slot s;

	assert_int_equal(slots_take(&s, *state, 1, 0, BASE, &err), -1);
	unit_check_err(&err, K8S_ERR_SYSTEM, "Is a directory");
	assert_int_equal(s.fd, -1);
	/* Its folder is root's: a link is nobody's good idea. */
	(void)snprintf(link, sizeof(link), "%s/link", (char *)*state);
	assert_int_equal(symlink("elsewhere", link), 0);
	assert_int_equal(slots_take(&s, link, 1, 0, BASE, &err), -1);
	unit_check_err(&err, K8S_ERR_SYSTEM, "/link: ");
	assert_int_equal(slots_take(&s, "/nonexistent/slots", 1, 0, BASE, &err),
	    -1);
	unit_check_err(&err, K8S_ERR_SYSTEM, "/nonexistent/slots: No such");
}

#define SLOTS_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    SLOTS_TEST(takes_and_releases),
	    SLOTS_TEST(a_slot_is_a_uid),
	    SLOTS_TEST(a_lock_lives_in_a_child),
	    SLOTS_TEST(a_child_releases),
	    SLOTS_TEST(a_process_keeps_its_slot),
	    SLOTS_TEST(a_clean_slot_is_free_at_once),
	    SLOTS_TEST(says_what_is_wrong_with_the_file),
	};

	alarm(60);
	return cmocka_run_group_tests(tests, NULL, NULL) != 0;
}
