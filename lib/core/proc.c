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

/* In the child: the caller's descriptor; the pipe that tells of a failed start.
 */
#define GIVEN_FD  3
#define REPORT_FD 4

/* How often a pipe is read in a row: more than it can hold (pipe(7)), and an
 * end to it where the writer is as fast as we are. */
#define DRAIN_READS 256

struct proc_child {
	pid_t pid;		     /* -1: reaped */
	int pidfd, out, err, report; /* -1: not open */
};

/* What a child is to get. */
struct child_fds {
	int given;    /* as 3; -1: nothing */
	int out, err; /* as 1 and 2; -1: /dev/null */
	int report;
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
child_kill(const struct proc_child *c)
{
	kill(-c->pid, SIGKILL);
	kill(c->pid, SIGKILL);
}

/* Whatever happened, no process and no descriptor stays. */
static void
child_end(struct proc_child *c)
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
child_exec(const struct proc_run *run, const struct child_fds *fds,
    pid_t parent)
{
	const int report = fds->report;
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
	/* First, as it may be in the way of what follows. */
	if (fds->given != -1 && dup2(fds->given, GIVEN_FD) == -1)
		child_report(report);
	if ((null = open("/dev/null", O_RDWR | O_CLOEXEC)) == -1 ||
	    dup2(null, 0) == -1 ||
	    dup2(fds->out != -1 ? fds->out : null, 1) == -1 ||
	    dup2(fds->err != -1 ? fds->err : null, 2) == -1 ||
	    dup3(report, REPORT_FD, O_CLOEXEC) == -1)
		child_report(report);
	/* dup2() onto itself would have left close-on-exec set. */
	if (fcntl(0, F_SETFD, 0) == -1 ||
	    (fds->given == GIVEN_FD && fcntl(GIVEN_FD, F_SETFD, 0) == -1))
		child_report(REPORT_FD);
	if (fds->given == -1)
		(void)close(GIVEN_FD);
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

/* Forks; c is to be ended by child_end(), even on -1. */
static int
child_fork(struct proc_child *c, const struct proc_run *run,
    struct child_fds *fds, struct k8s_err *err)
{
	pid_t parent = getpid();
	sigset_t all, before;
	int report[2];

	if (high_pipe(report) == -1)
		return k8s_err_errno(err, "pipe");
	fds->report = report[1];
	/* No handler of ours may run in the child. */
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &before);
	c->pid = fork();
	if (c->pid == 0)
		child_exec(run, fds, parent);
	sigprocmask(SIG_SETMASK, &before, NULL);
	c->report = report[0];
	close_fd(&report[1]);
	if (c->pid == -1)
		return k8s_err_errno(err, "fork");
	if ((c->pidfd = pidfd_open(c->pid, 0)) == -1)
		return k8s_err_errno(err, "pidfd_open");
	if (fcntl(c->report, F_SETFL, O_NONBLOCK) == -1)
		return k8s_err_errno(err, "fcntl");
	return 0;
}

static int
child_start(struct proc_child *c, const struct proc_run *run,
    struct k8s_err *err)
{
	int out[2] = {-1, -1}, errp[2] = {-1, -1}, ret = -1;
	struct child_fds fds = {.given = -1};

	if (high_pipe(out) == -1 || high_pipe(errp) == -1) {
		k8s_err_errno(err, "pipe");
	} else {
		fds.out = out[1];
		fds.err = errp[1];
		ret = child_fork(c, run, &fds, err);
	}
	c->out = out[0];
	c->err = errp[0];
	close_fd(&out[1]);
	close_fd(&errp[1]);
	if (ret == -1)
		return -1;
	if (fcntl(c->out, F_SETFL, O_NONBLOCK) == -1 ||
	    fcntl(c->err, F_SETFL, O_NONBLOCK) == -1)
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
child_follow(struct proc_child *c, const struct proc_run *run, struct buf *out,
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
child_wait(struct proc_child *c, int *status, struct k8s_err *err)
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

static int
child_check_path(const char *path, struct k8s_err *err)
{
	if (path[0] == '/')
		return 0;
	errno = EINVAL;
	return k8s_err_errno(err, "%s: not an absolute path", path);
}

int
proc_run(const struct proc_run *run, struct buf *out, struct buf *err_out,
    int *status, struct k8s_err *err)
{
	struct proc_child c
	    __attribute__((cleanup(child_end))) = {-1, -1, -1, -1, -1};

	if (child_check_path(run->path, err) == -1 ||
	    child_start(&c, run, err) == -1)
		return -1;
	if (child_follow(&c, run, out, err_out, err) == -1)
		return -1;
	return child_wait(&c, status, err);
}

struct proc_child *
proc_start(const struct proc_start *start, struct k8s_err *err)
{
	const struct proc_run run = {
	    .path = start->path,
	    .argv = start->argv,
	    .envp = start->envp,
	};
	struct child_fds fds = {start->fd, -1, -1, -1};
	struct proc_child *c;

	if (child_check_path(start->path, err) == -1)
		return NULL;
	if ((c = malloc(sizeof(*c))) == NULL) {
		k8s_err_errno(err, "out of memory");
		return NULL;
	}
	*c = (struct proc_child){-1, -1, -1, -1, -1};
	if (child_fork(c, &run, &fds, err) == -1) {
		proc_child_end(c);
		return NULL;
	}
	return c;
}

int
proc_child_pidfd(const struct proc_child *c)
{
	return c->pidfd;
}

int
proc_child_wait(struct proc_child *c, int *status, struct k8s_err *err)
{
	return child_wait(c, status, err);
}

void
proc_child_kill(struct proc_child *c)
{
	if (c->pid > 0)
		child_kill(c);
}

void
proc_child_end(struct proc_child *c)
{
	if (c == NULL)
		return;
	/* Of another user by now: nothing makes it end, so nobody waits. */
	if (c->pid > 0 && waitpid(c->pid, NULL, WNOHANG) == c->pid)
		c->pid = -1;
	if (c->pid > 0 && kill(c->pid, SIGKILL) == -1)
		c->pid = -1;
	child_end(c);
	free(c);
}
