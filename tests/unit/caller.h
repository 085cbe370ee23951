/* SPDX-License-Identifier: Apache-2.0 */
/* A process under the filter, and its supervisor: the test. */
#ifndef K8SHELL_CALLER_H
#define K8SHELL_CALLER_H

#include "tests/unit/child.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/pidfd.h>

#include "proxyprotocol/notify.h"

/* Longest wait for a caller, ms. */
#define CALLER_WAIT 10000

struct caller {
	pid_t pid;
	struct notify *n;
	void (*body)(void *arg); /* what it runs under the filter */
	void *arg;
	int addresses;
	int to_test[2], to_child[2];
};

static inline void
caller_body(void *arg)
{
	struct caller *c = arg;
	struct k8s_err err;
	int listener;
	char go;

	close(c->to_child[1]);
	if ((listener = notify_install(c->addresses, &err)) == -1)
		(void)fprintf(stderr, "%s\n", err.msg);
	CHILD_CHECK(listener != -1);
	CHILD_CHECK(fcntl(listener, F_GETFD) & FD_CLOEXEC);
	CHILD_CHECK(write(c->to_test[1], &listener, sizeof(listener)) ==
	    (ssize_t)sizeof(listener));
	CHILD_CHECK(read(c->to_child[0], &go, 1) == 1);
	close(listener);
	close(c->to_child[0]);
	close(c->to_test[1]);
	c->body(c->arg);
}

static inline struct caller
caller_start(void (*body)(void *arg), void *arg, int addresses)
{
	struct caller c = {.body = body, .arg = arg, .addresses = addresses};
	struct k8s_err err = K8S_ERR_INIT;
	int listener, pidfd;

	assert_int_equal(pipe2(c.to_test, O_CLOEXEC), 0);
	assert_int_equal(pipe2(c.to_child, O_CLOEXEC), 0);
	c.pid = child_start(caller_body, &c);
	close(c.to_test[1]);
	close(c.to_child[0]);
	assert_int_equal(read(c.to_test[0], &listener, sizeof(listener)),
	    sizeof(listener));
	pidfd = pidfd_open(c.pid, 0);
	assert_true(pidfd != -1);
	listener = pidfd_getfd(pidfd, listener, 0);
	assert_true(listener != -1);
	close(pidfd);
	c.n = notify_new(listener, &err);
	assert_non_null(c.n);
	assert_int_equal(notify_fd(c.n), listener);
	assert_int_equal(write(c.to_child[1], "", 1), 1);
	close(c.to_child[1]);
	close(c.to_test[0]);
	return c;
}

/* What poll(2) says of the listener. */
static inline int
caller_poll(const struct caller *c, int timeout_ms)
{
	struct pollfd p = {notify_fd(c->n), POLLIN, 0};

	assert_true(poll(&p, 1, timeout_ms) != -1);
	return p.revents;
}

static inline void
caller_next(const struct caller *c, struct notify_caller *out,
    enum notify_call call)
{
	if (!(caller_poll(c, CALLER_WAIT) & POLLIN))
		fail_msg("no caller");
	assert_int_equal(notify_receive(c->n, out), 1);
	assert_int_equal(out->call, call);
}

/* Nobody calls any more, and all ended well. */
static inline void
caller_end(struct caller *c)
{
	assert_int_equal(caller_poll(c, CALLER_WAIT), POLLHUP);
	assert_int_equal(child_wait(c->pid), 0);
	notify_free(c->n);
}

#endif
