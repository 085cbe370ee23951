/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/child.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lib/core/proc.h"

static const char *const no_env[] = {"A=1", NULL};

/* Runs sh -c script. */
static int
run_sh(const char *script, int timeout_ms, size_t max_out, struct buf *out,
    struct buf *err_out, int *status, struct k8s_err *err)
{
	const char *argv[] = {"sh", "-c", script, NULL};
	struct proc_run run = {"/bin/sh", argv, no_env, timeout_ms, max_out,
	    16};

	return proc_run(&run, out, err_out, status, err);
}

static int
no_child_left(void)
{
	return waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD;
}

static int
open_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	int n = 0;

	assert_non_null(d);
	while (readdir(d) != NULL)
		n++;
	closedir(d);
	return n;
}

static void
keeps_the_streams_apart(void **state)
{
	struct buf *out = buf_new(64), *err_out = buf_new(64);
	struct k8s_err err = K8S_ERR_INIT;
	int status = -1, fds = open_fds();

	(void)state;
	assert_int_equal(run_sh("echo out; echo err >&2; exit 7", 10000, 64,
			     out, err_out, &status, &err),
	    0);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 7);
	assert_string_equal(buf_string(out), "out\n");
	assert_string_equal(buf_string(err_out), "err\n");
	assert_int_equal(err.code, K8S_ERR_NONE);
	assert_true(no_child_left());
	assert_int_equal(open_fds(), fds);
	buf_free(out);
	buf_free(err_out);
}

static void
reports_death_by_signal(void **state)
{
	struct buf *out __attribute__((cleanup(buf_freep))) = buf_new(64);
	int status;

	(void)state;
	assert_int_equal(
	    run_sh("kill -TERM $$", 10000, 64, out, NULL, &status, NULL), 0);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGTERM);
}

/* Environment, descriptors, stdin, terminal, session, signals. */
static void
gives_nothing_but_what_was_asked_for(void **state)
{
	struct buf *out __attribute__((cleanup(buf_freep))) = buf_new(4096);
	struct buf *err_out __attribute__((cleanup(buf_freep))) = buf_new(512);
	const char *argv[] = {"env", NULL};
	struct proc_run run = {"/usr/bin/env", argv, no_env, 10000, 4096, 512};
	sigset_t usr1;
	int status, fd, saved, p[2];

	(void)state;
	assert_int_equal(setenv("SECRET", "x", 1), 0);
	assert_int_equal(proc_run(&run, out, NULL, &status, NULL), 0);
	assert_string_equal(buf_string(out), "A=1\n");
	buf_consume(out, buf_len(out));

	/* A stdin that is another, and one not close-on-exec. */
	assert_int_equal(pipe(p), 0);
	saved = dup(0);
	dup2(p[0], 0);
	fd = fcntl(0, F_DUPFD, 50);
	assert_int_equal(fd, 50);
	sigemptyset(&usr1);
	sigaddset(&usr1, SIGUSR1);
	sigprocmask(SIG_BLOCK, &usr1, NULL);
	signal(SIGPIPE, SIG_IGN);
	assert_int_equal(
	    run_sh(
		/* First: to start a program dash empties the mask. */
		"while read -r k v; do case $k in SigBlk:|SigIgn:) "
		/* 32 and 33, the C library's own: make ignores them. */
		"[ $v != 0000000180000000 ] || v=0000000000000000; "
		"echo $k $v ;; esac; done </proc/$$/status; "
		"ls /proc/$$/fd; readlink /proc/$$/fd/0; "
		"test \"$(cut -d' ' -f6 /proc/$$/stat)\" = $$ && echo leader; "
		"(: </dev/tty) 2>/dev/null || echo no tty",
		10000, 4096, out, err_out, &status, NULL),
	    0);
	signal(SIGPIPE, SIG_DFL);
	sigprocmask(SIG_UNBLOCK, &usr1, NULL);
	dup2(saved, 0);
	close(saved);
	close(p[0]);
	close(p[1]);
	close(fd);
	assert_string_equal(buf_string(out),
	    "SigBlk: 0000000000000000\nSigIgn: 0000000000000000\n"
	    "0\n1\n2\n/dev/null\nleader\nno tty\n");
}

static void
tells_why_it_did_not_start(void **state)
{
	struct buf *out __attribute__((cleanup(buf_freep))) = buf_new(64);
	const char *argv[] = {"x", NULL};
	struct proc_run run = {"/nonexistent/x", argv, no_env, 10000, 64, 64};
	struct k8s_err err = K8S_ERR_INIT;
	int status;

	(void)state;
	assert_int_equal(proc_run(&run, out, NULL, &status, &err), -1);
	unit_check_err(&err, K8S_ERR_SYSTEM,
	    "can't be started: No such file or directory");
	run.path = "/etc/passwd";
	assert_int_equal(proc_run(&run, out, NULL, &status, &err), -1);
	unit_check_err(&err, K8S_ERR_SYSTEM, "Permission denied");
	run.path = "sh";
	assert_int_equal(proc_run(&run, out, NULL, &status, &err), -1);
	unit_check_err(&err, K8S_ERR_SYSTEM, "sh: not an absolute path");
	assert_true(no_child_left());
}

static long long
now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (long long)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* The whole group dies: a child of the shell holds a pipe of ours. */
static void
ends_what_takes_too_long(void **state)
{
	struct buf *out __attribute__((cleanup(buf_freep))) = buf_new(64);
	struct k8s_err err = K8S_ERR_INIT;
	long long start = now_ms();
	int status, p[2];
	char script[128], c;

	(void)state;
	/* Kept by a fifo: its read end sees the end when all are dead. */
	assert_int_equal(pipe(p), 0);
	(void)snprintf(script, sizeof(script),
	    "sleep 300 "
	    ">/proc/%d/fd/%d & trap '' TERM; sleep 300",
	    getpid(), p[1]);
	assert_int_equal(run_sh(script, 400, 64, out, NULL, &status, &err), -1);
	unit_check_err(&err, K8S_ERR_TIMEOUT, "400 ms");
	close(p[1]);
	assert_int_equal(read(p[0], &c, 1), 0);
	close(p[0]);
	assert_true(now_ms() - start < 60000);
	assert_true(no_child_left());
}

static void
ends_what_writes_too_much(void **state)
{
	struct buf *out __attribute__((cleanup(buf_freep))) = buf_new(100000);
	struct k8s_err err = K8S_ERR_INIT;
	int status;

	(void)state;
	assert_int_equal(
	    run_sh("exec yes", 60000, 1000, out, NULL, &status, &err), -1);
	unit_check_err(&err, K8S_ERR_LIMIT, "more than 1000 bytes");
	assert_true(no_child_left());
	/* Exactly the cap is fine. */
	buf_consume(out, buf_len(out));
	assert_int_equal(run_sh("head -c 1000 /dev/zero", 60000, 1000, out,
			     NULL, &status, &err),
	    0);
	assert_int_equal(buf_len(out), 1000);
}

static void
drops_too_much_stderr(void **state)
{
	struct buf *out __attribute__((cleanup(buf_freep))) = buf_new(64);
	struct buf *err_out __attribute__((cleanup(buf_freep))) = buf_new(64);
	struct k8s_err err = K8S_ERR_INIT;
	int status;

	(void)state;
	assert_int_equal(run_sh("head -c 5000000 /dev/zero | tr '\\0' x >&2; "
				"echo done",
			     60000, 64, out, err_out, &status, &err),
	    0);
	assert_string_equal(buf_string(out), "done\n");
	assert_string_equal(buf_string(err_out), "xxxxxxxxxxxxxxxx");
	/* One that never stops is still ended in time. */
	assert_int_equal(
	    run_sh("exec yes >&2", 300, 64, out, NULL, &status, &err), -1);
	unit_check_err(&err, K8S_ERR_TIMEOUT, "still running");
}

/* Nothing that was written before the end is lost, at any size. */
static void
reads_all_of_it(void **state)
{
	struct buf *out __attribute__((cleanup(buf_freep))) = buf_new(3000000);
	int status, i;

	(void)state;
	for (i = 0; i < 20; i++) {
		buf_consume(out, buf_len(out));
		assert_int_equal(run_sh("exec head -c 2345678 /dev/zero", 60000,
				     3000000, out, NULL, &status, NULL),
		    0);
		assert_int_equal(buf_len(out), 2345678);
	}
}

/* A background process that keeps the pipes open is neither waited for nor
 * left behind. */
static void
does_not_wait_for_the_background(void **state)
{
	struct buf *out __attribute__((cleanup(buf_freep))) = buf_new(64);
	int status, p[2];
	char script[128], c;

	(void)state;
	assert_int_equal(pipe(p), 0);
	(void)snprintf(script, sizeof(script),
	    "sleep 300 2>/proc/%d/fd/%d & "
	    "echo hi",
	    getpid(), p[1]);
	assert_int_equal(run_sh(script, 60000, 64, out, NULL, &status, NULL),
	    0);
	assert_string_equal(buf_string(out), "hi\n");
	close(p[1]);
	assert_int_equal(read(p[0], &c, 1), 0);
	close(p[0]);
}

/* In a child, as it closes what cmocka needs. */
static void
opens_closed_standard_fds(void **state)
{
	int closed, status, fd, bad;
	pid_t pid;

	(void)state;
	for (closed = 0; closed < 8; closed++) {
		pid = fork();
		assert_true(pid >= 0);
		if (pid == 0) {
			for (fd = 0; fd < 3; fd++)
				if (closed & 1 << fd)
					close(fd);
			proc_sane_fds();
			for (fd = bad = 0; fd < 3; fd++)
				bad |= fcntl(fd, F_GETFD) != 0;
			fd = open("/dev/null", O_RDONLY);
			bad |= fd <= 2;
			_exit(bad);
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_int_equal(status, 0);
	}
}

/* Even with 0 to 2 closed, the program's streams are its own. */
static void
runs_without_standard_fds(void **state)
{
	struct buf *out, *err_out;
	int status, wait_status, bad;
	pid_t pid;

	(void)state;
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		out = buf_new(64);
		err_out = buf_new(64);
		close(0);
		close(1);
		close(2);
		bad = run_sh("echo o; echo e >&2; cat", 10000, 64, out, err_out,
			  &status, NULL) != 0;
		bad |= strcmp(buf_string(out), "o\n") != 0 ||
		    strcmp(buf_string(err_out), "e\n") != 0 || status != 0;
		_exit(bad);
	}
	assert_int_equal(waitpid(pid, &wait_status, 0), pid);
	assert_int_equal(wait_status, 0);
}

static void
close_others_body(void *arg)
{
	const int keep[] = {40, -1, 7, 2, 41, 7, 3};
	const int *none = NULL;
	int fd;

	(void)arg;
	for (fd = 3; fd < 64; fd++)
		CHILD_CHECK(dup2(0, fd) == fd);
	proc_close_others(keep, sizeof(keep) / sizeof(keep[0]));
	for (fd = 0; fd < 1024; fd++)
		CHILD_CHECK((fcntl(fd, F_GETFD) != -1) ==
		    (fd <= 3 || fd == 7 || fd == 40 || fd == 41));
	proc_close_others(none, 0);
	for (fd = 0; fd < 1024; fd++)
		CHILD_CHECK((fcntl(fd, F_GETFD) != -1) == (fd <= 2));
}

static void
closes_all_but_some(void **state)
{
	(void)state;
	child_run(close_others_body, NULL);
}

/* Whoever runs a plugin can be killed at any moment. */
static void
dies_with_its_parent(void **state)
{
	struct buf *out;
	int status, p[2];
	char script[128], c;
	pid_t pid;

	(void)state;
	assert_int_equal(pipe(p), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		out = buf_new(64);
		(void)snprintf(script, sizeof(script),
		    "exec >/proc/%d/fd/%d; echo x; exec sleep 300", getpid(),
		    p[1]);
		run_sh(script, 60000, 64, out, NULL, &status, NULL);
		_exit(0);
	}
	close(p[1]);
	assert_int_equal(read(p[0], &c, 1), 1);
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	while (read(p[0], &c, 1) == 1)
		continue;
	close(p[0]);
}

/*
 * What a setgid helper runs has the helper's group as its only one: with the
 * user's as the real one a shell would go back to that, and its user could
 * trace it and read what it holds.
 */
static void
has_the_group_of_a_setgid_helper(void **state)
{
	struct buf *out = buf_new(256);
	struct k8s_err err = K8S_ERR_INIT;
	int status = -1;
	pid_t pid;

	(void)state;
	if (geteuid() != 0) {
		buf_free(out);
		skip();
	}
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		if (setresgid(4001, 4002, 4002) == -1 ||
		    run_sh("while read -r k v; do "
			   "[ $k != Gid: ] || echo $v; done </proc/$$/status",
			10000, 256, out, NULL, &status, &err) == -1)
			_exit(2);
		_exit(strcmp(buf_string(out), "4002 4002 4002 4002\n") != 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	buf_free(out);
}

/*
 * What goes on by itself.
 */

/* Runs sh -c script with fd as its 3. */
static struct proc_child *
start_sh(const char *script, int fd)
{
	const char *argv[] = {"sh", "-c", script, NULL};
	struct proc_start start = {"/bin/sh", argv, no_env, fd};
	struct proc_child *c = proc_start(&start, NULL);

	assert_non_null(c);
	return c;
}

/* The caller's descriptor, whatever its number, and nothing else. */
static void
starts_with_one_descriptor(void **state)
{
	const char expected[] = "0\n1\n2\n3\n";
	int at, fds = open_fds(), high, low, pair[2], status;
	struct proc_child *c;
	char text[256];
	size_t len;
	ssize_t n;

	(void)state;
	for (at = 3; at < 9; at++) {
		assert_int_equal(pipe2(pair, O_CLOEXEC), 0);
		low = fcntl(pair[0], F_DUPFD_CLOEXEC, 20);
		high = fcntl(pair[1], F_DUPFD_CLOEXEC, 20);
		close(pair[0]);
		close(pair[1]);
		pair[0] = low;
		pair[1] = at;
		assert_int_equal(dup3(high, at, O_CLOEXEC), at);
		close(high);
		c = start_sh("cd /proc/$$/fd; f=0; while [ $f -le 40 ]; do "
			     "[ ! -e $f ] || echo $f >&3; f=$((f + 1)); done",
		    pair[1]);
		close(pair[1]);
		for (len = 0;
		    (n = read(pair[0], text + len, sizeof(text) - 1 - len)) > 0;
		    len += (size_t)n)
			continue;
		text[len] = '\0';
		assert_string_equal(text, expected);
		assert_int_equal(proc_child_wait(c, &status, NULL), 0);
		assert_int_equal(status, 0);
		proc_child_end(c);
		close(pair[0]);
	}
	assert_true(no_child_left());
	assert_int_equal(open_fds(), fds);
}

static void
does_not_wait_but_tells_of_the_end(void **state)
{
	struct proc_child *c = start_sh("read x <&3; exit 3", 0);
	struct k8s_err err = K8S_ERR_INIT;
	struct pollfd p;
	int pair[2], status;

	(void)state;
	proc_child_end(c);
	assert_int_equal(pipe2(pair, O_CLOEXEC), 0);
	c = start_sh("read x <&3; exit 3", pair[0]);
	p = (struct pollfd){proc_child_pidfd(c), POLLIN, 0};
	assert_int_equal(poll(&p, 1, 100), 0);
	assert_int_equal(write(pair[1], "\n", 1), 1);
	assert_int_equal(poll(&p, 1, 10000), 1);
	assert_int_equal(proc_child_wait(c, &status, &err), 0);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 3);
	proc_child_end(c);
	/* One that would go on for ever. */
	c = start_sh("sleep 300", pair[0]);
	proc_child_end(c);
	proc_child_end(NULL);
	assert_true(no_child_left());
	close(pair[0]);
	close(pair[1]);
}

static void
tells_why_nothing_was_started(void **state)
{
	const char *argv[] = {"x", NULL};
	struct proc_start start = {"/nonexistent/x", argv, no_env, 0};
	struct k8s_err err = K8S_ERR_INIT;
	struct proc_child *c = proc_start(&start, &err);
	int status;

	(void)state;
	assert_non_null(c);
	assert_int_equal(proc_child_wait(c, &status, &err), -1);
	unit_check_err(&err, K8S_ERR_SYSTEM, "No such file");
	proc_child_end(c);
	start.path = "bin/sh";
	assert_null(proc_start(&start, &err));
	unit_check_err(&err, K8S_ERR_SYSTEM, "not an absolute path");
	assert_true(no_child_left());
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(keeps_the_streams_apart),
	    cmocka_unit_test(reports_death_by_signal),
	    cmocka_unit_test(gives_nothing_but_what_was_asked_for),
	    cmocka_unit_test(tells_why_it_did_not_start),
	    cmocka_unit_test(ends_what_takes_too_long),
	    cmocka_unit_test(ends_what_writes_too_much),
	    cmocka_unit_test(drops_too_much_stderr),
	    cmocka_unit_test(reads_all_of_it),
	    cmocka_unit_test(does_not_wait_for_the_background),
	    cmocka_unit_test(opens_closed_standard_fds),
	    cmocka_unit_test(runs_without_standard_fds),
	    cmocka_unit_test(closes_all_but_some),
	    cmocka_unit_test(dies_with_its_parent),
	    cmocka_unit_test(has_the_group_of_a_setgid_helper),
	    cmocka_unit_test(starts_with_one_descriptor),
	    cmocka_unit_test(does_not_wait_but_tells_of_the_end),
	    cmocka_unit_test(tells_why_nothing_was_started),
	};

	/* Should all else fail, and for reads that would wait for ever. */
	alarm(120);
	return cmocka_run_group_tests(tests, NULL, NULL) != 0;
}
