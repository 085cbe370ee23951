/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/core/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* In the child, where the pipe that reports a failed start is kept. */
#define REPORT_FD 3

/* How often a pipe is read in a row: more than it can hold (pipe(7)), and an
 * end to it where the writer is as fast as we are. */
#define DRAIN_READS 256

struct child {
	pid_t pid;
	int pidfd, out, err, report; /* -1: not open */
};

static void
close_fd(int *fd)
{
	if (*fd != -1)
		close(*fd);
	*fd = -1;
}

/*
 * The group and its leader, as the leader may not have made the group yet.
 * Not reaped so far, so the number is nobody else's; a status that it has
 * already does not change.
 */
static void
child_kill(const struct child *c)
{
	kill(-c->pid, SIGKILL);
	kill(c->pid, SIGKILL);
}

/* Whatever happened, no process and no descriptor stays. */
static void
child_end(struct child *c)
{
	int status;

	if (c->pid > 0) {
		child_kill(c);
		while (waitpid(c->pid, &status, 0) == -1 && errno == EINTR)
			continue;
	}
	close_fd(&c->pidfd);
	close_fd(&c->out);
	close_fd(&c->err);
	close_fd(&c->report);
}

static long long
now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (long long)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* A pipe with both ends above 2, whatever of 0 to 2 is closed. */
static int
high_pipe(int fd[2])
{
	int p[2], i, failed = 0;

	if (pipe2(p, O_CLOEXEC) == -1)
		return -1;
	for (i = 0; i < 2; i++) {
		fd[i] = fcntl(p[i], F_DUPFD_CLOEXEC, REPORT_FD + 1);
		failed |= fd[i] == -1;
		close(p[i]);
	}
	if (!failed)
		return 0;
	close_fd(&fd[0]);
	close_fd(&fd[1]);
	return -1;
}

static _Noreturn void
child_report(int fd)
{
	int error = errno;
	ssize_t n;

	n = write(fd, &error, sizeof(error));
	_exit(n == (ssize_t)sizeof(error) ? 127 : 126);
}

/* Between fork and exec: only async-signal-safe calls. */
static _Noreturn void
child_exec(const struct proc_run *run, int out, int err, int report,
    pid_t parent)
{
	gid_t gid = getegid();
	struct sigaction sa;
	sigset_t none;
	int null, sig;

	/*
	 * Of a setgid helper's child the group is the real one too: a shell
	 * would drop it otherwise, and be open to its user then. The rest is
	 * not to be the user's choice either. It has to come first: a change
	 * of credentials, and exec with two groups, undo the next step.
	 */
	if (setresgid(gid, gid, gid) == -1 || chdir("/") == -1)
		_exit(126);
	(void)umask(077);
	/* A plugin must not outlive a helper that was killed. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) == -1 || getppid() != parent)
		_exit(126);
	if (setsid() == -1)
		child_report(report);
	if ((null = open("/dev/null", O_RDONLY | O_CLOEXEC)) == -1 ||
	    dup2(null, 0) == -1 || dup2(out, 1) == -1 || dup2(err, 2) == -1 ||
	    dup3(report, REPORT_FD, O_CLOEXEC) == -1)
		child_report(report);
	/* dup2() onto itself would have left close-on-exec set. */
	if (fcntl(0, F_SETFD, 0) == -1)
		child_report(REPORT_FD);
	/* Linux 5.9; the supervisor's seccomp features ask for 5.19 anyway. */
	if (close_range(REPORT_FD + 1, ~0U, 0) == -1)
		child_report(REPORT_FD);
	memset(&sa, 0, sizeof(sa));
	sa.sa_handler = SIG_DFL;
	for (sig = 1; sig < NSIG; sig++)
		(void)sigaction(sig, &sa, NULL); /* not all can be set */
	sigemptyset(&none);
	if (sigprocmask(SIG_SETMASK, &none, NULL) == -1)
		child_report(REPORT_FD);
	execve(run->path, (char *const *)(void *)(uintptr_t)run->argv,
	    (char *const *)(void *)(uintptr_t)run->envp);
	child_report(REPORT_FD);
}

static int
child_start(struct child *c, const struct proc_run *run, struct k8s_err *err)
{
	int out[2] = {-1, -1}, errp[2] = {-1, -1}, report[2] = {-1, -1};
	sigset_t all, before;
	pid_t parent = getpid();

	if (high_pipe(out) == -1 || high_pipe(errp) == -1 ||
	    high_pipe(report) == -1) {
		k8s_err_errno(err, "pipe");
	} else {
		/* No handler of ours may run in the child. */
		sigfillset(&all);
		sigprocmask(SIG_SETMASK, &all, &before);
		c->pid = fork();
		if (c->pid == 0)
			child_exec(run, out[1], errp[1], report[1], parent);
		sigprocmask(SIG_SETMASK, &before, NULL);
		if (c->pid == -1)
			k8s_err_errno(err, "fork");
	}
	c->out = out[0];
	c->err = errp[0];
	c->report = report[0];
	close_fd(&out[1]);
	close_fd(&errp[1]);
	close_fd(&report[1]);
	if (c->pid <= 0)
		return -1;
	if ((c->pidfd = pidfd_open(c->pid, 0)) == -1)
		return k8s_err_errno(err, "pidfd_open");
	if (fcntl(c->out, F_SETFL, O_NONBLOCK) == -1 ||
	    fcntl(c->err, F_SETFL, O_NONBLOCK) == -1 ||
	    fcntl(c->report, F_SETFL, O_NONBLOCK) == -1)
		return k8s_err_errno(err, "fcntl");
	return 0;
}

/*
 * All that can be read now; closes at the end of file. Past the cap: -1 with
 * EFBIG, or drops it if drop is set or b is NULL.
 */
static int
drain(int *fd, struct buf *b, size_t cap, int drop)
{
	char chunk[4096];
	size_t room;
	ssize_t n;
	int i;

	for (i = 0; i < DRAIN_READS && *fd != -1; i++) {
		n = read(*fd, chunk, sizeof(chunk));
		if (n == -1 && (errno == EINTR || errno == EAGAIN))
			break; /* poll says when there is more */
		if (n == -1)
			return -1;
		if (n == 0) {
			close_fd(fd);
			break;
		}
		room = b == NULL || buf_len(b) >= cap ? 0 : cap - buf_len(b);
		if (room > (size_t)n)
			room = (size_t)n;
		if (room < (size_t)n && !drop) {
			errno = EFBIG;
			return -1;
		}
		if (room > 0 && buf_put(b, chunk, room) == -1)
			return -1;
		/* Output comes from secrets' keepers. */
		explicit_bzero(chunk, (size_t)n);
	}
	return 0;
}

/* Until the process has ended: one that it left in the background and that
 * holds the pipes open is not waited for. */
static int
child_follow(struct child *c, const struct proc_run *run, struct buf *out,
    struct buf *err_out, struct k8s_err *err)
{
	long long deadline = now_ms() + run->timeout_ms, left;
	struct pollfd p[3];
	int n, ended = 0;

	while (!ended) {
		left = deadline - now_ms();
		if (left <= 0)
			return k8s_err_set(err, K8S_ERR_TIMEOUT,
			    "still running after %d ms: ended",
			    run->timeout_ms);
		p[0] = (struct pollfd){c->pidfd, POLLIN, 0};
		p[1] = (struct pollfd){c->out, POLLIN, 0};
		p[2] = (struct pollfd){c->err, POLLIN, 0};
		n = poll(p, 3, (int)left);
		if (n == -1 && errno != EINTR)
			return k8s_err_errno(err, "poll");
		if (n <= 0)
			continue;
		ended = p[0].revents != 0;
		/* Nothing it left behind keeps writing while we read. */
		if (ended)
			child_kill(c);
		if (drain(&c->out, out, run->max_out, 0) == -1) {
			if (errno == EFBIG)
				return k8s_err_set(err, K8S_ERR_LIMIT,
				    "wrote more than %zu bytes", run->max_out);
			return k8s_err_errno(err, "read");
		}
		if (drain(&c->err, err_out, run->max_err, 1) == -1)
			return k8s_err_errno(err, "read");
	}
	return 0;
}

static int
child_wait(struct child *c, int *status, struct k8s_err *err)
{
	pid_t pid;
	int error;

	while ((pid = waitpid(c->pid, status, 0)) == -1 && errno == EINTR)
		continue;
	if (pid == -1)
		return k8s_err_errno(err, "waitpid");
	c->pid = -1;
	if (read(c->report, &error, sizeof(error)) == (ssize_t)sizeof(error)) {
		errno = error;
		return k8s_err_errno(err, "can't be started");
	}
	return 0;
}

int
proc_run(const struct proc_run *run, struct buf *out, struct buf *err_out,
    int *status, struct k8s_err *err)
{
	struct child c
	    __attribute__((cleanup(child_end))) = {-1, -1, -1, -1, -1};

	if (run->path[0] != '/') {
		errno = EINVAL;
		return k8s_err_errno(err, "%s: not an absolute path",
		    run->path);
	}
	if (child_start(&c, run, err) == -1)
		return -1;
	if (child_follow(&c, run, out, err_out, err) == -1)
		return -1;
	return child_wait(&c, status, err);
}
