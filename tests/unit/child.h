/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A child for what a test can't do itself: give up root, come under a filter,
 * lose its descriptors. cmocka's assertions are of no use in there.
 */
#ifndef K8SHELL_CHILD_H
#define K8SHELL_CHILD_H

#include "tests/unit/unit.h"

#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* No child lives longer, seconds. */
#define CHILD_TIME 30

/* In a child: x is true, or the child says so and ends, and the test fails. */
#define CHILD_CHECK(x)                                               \
	do {                                                         \
		if (!(x))                                            \
			child_failed(__FILE__, __LINE__, #x, errno); \
	} while (0)

static _Noreturn inline void
child_failed(const char *file, int line, const char *what, int error)
{
	(void)fprintf(stderr, "%s:%d: child: %s (errno %d)\n", file, line, what,
	    error);
	_exit(1);
}

/* Runs body(arg) in a child, which ends when the test does. */
static inline pid_t
child_start(void (*body)(void *arg), void *arg)
{
	pid_t parent = getpid(), pid = fork();

	assert_true(pid != -1);
	if (pid == 0) {
		(void)alarm(CHILD_TIME);
		CHILD_CHECK(prctl(PR_SET_PDEATHSIG, SIGKILL) == 0);
		CHILD_CHECK(getppid() == parent);
		body(arg);
		_exit(0);
	}
	return pid;
}

/* Its status, as from waitpid(2). */
static inline int
child_wait(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static inline void
child_run(void (*body)(void *arg), void *arg)
{
	assert_int_equal(child_wait(child_start(body, arg)), 0);
}

#endif
