/* SPDX-License-Identifier: Apache-2.0 */
/* One sandbox a pod: namespaces kept by a process that only reaps. */
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "fakekube.h"

/* From the sandbox's making to its owner */
struct report {
	pid_t pid; /* of the first process; 0: it is ready; -1: failed */
	int error;
	char what[64];
};

static void
report_send(int fd, pid_t pid, const char *what)
{
	struct report r = {.pid = pid, .error = errno};

	if (what != NULL)
		snprintf(r.what, sizeof(r.what), "%s", what);
	(void)send(fd, &r, sizeof(r), MSG_NOSIGNAL);
}

static int
report_wait(int fd, struct report *r)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	if (poll(&p, 1, 20000) <= 0 || recv(fd, r, sizeof(*r), 0) != sizeof(*r))
		return -1;
	return r->pid < 0 ? -1 : 0;
}

/* The pod's pid 1. It must outlive nothing: its end ends all of the pod. */
static void __attribute__((noreturn))
run_init(const struct pod *pod, int fd)
{
	const char *failed;
	char go;

	/* By now our parent is the owner, no longer the one that forked us. */
	if (recv(fd, &go, 1, 0) != 1 ||
	    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
		_exit(1);
	if ((failed = rootfs_enter(pod)) != NULL) {
		report_send(fd, -1, failed);
		_exit(1);
	}
	setsid();
	prctl(PR_SET_NAME, "pause", 0, 0, 0);
	/* Its memory holds the tokens of the configuration. */
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	signal(SIGCHLD, SIG_IGN); /* the kernel reaps the pod's orphans */
	report_send(fd, 0, NULL);
	if (close_range(0, ~0U, 0) < 0)
		_exit(1);
	for (;;)
		pause();
}

static void __attribute__((noreturn))
run_maker(const struct pod *pod, int fd)
{
	pid_t pid;

	if (unshare(CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC |
		CLONE_NEWUTS) < 0) {
		report_send(fd, -1, "unshare");
		_exit(1);
	}
	if ((pid = fork()) < 0) {
		report_send(fd, -1, "fork");
		_exit(1);
	}
	if (pid == 0)
		run_init(pod, fd);
	report_send(fd, pid, NULL);
	_exit(0);
}

int
sandbox_start(const struct pod *pod, pid_t *init, struct text *err)
{
	struct report r = {.what = "no answer"};
	auto_fd ours = -1, theirs = -1;
	int pair[2];
	pid_t maker;

	*init = 0;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0 ||
	    (maker = fork()) < 0) {
		text_addf(err, "pod %s: %s", pod->name, strerror(errno));
		return -1;
	}
	ours = pair[0];
	theirs = pair[1];
	if (maker == 0)
		run_maker(pod, theirs);
	fd_close(&theirs);
	/* The maker is gone before its child may tie its life to ours. */
	if (report_wait(ours, &r) == 0 && waitpid(maker, NULL, 0) == maker) {
		*init = r.pid;
		if (send(ours, "", 1, MSG_NOSIGNAL) == 1 &&
		    report_wait(ours, &r) == 0)
			return 0;
	}
	text_addf(err, "pod %s: %s: %s", pod->name, r.what, strerror(r.error));
	return -1;
}

/*
 * Lets our next child be born in the pod's pid namespace. A pod that was just
 * deleted is started again by the main process: wait for that.
 */
static int
join(const struct server *srv, const struct pod *pod)
{
	struct slot *slot = &srv->shared->slots[pod->slot];
	struct timespec pause = {.tv_nsec = 10000000};
	int64_t deadline = now_ms() + 10000;
	pid_t init;
	int fd;

	while (now_ms() < deadline && !slot->gone) {
		init = __atomic_load_n(&slot->init, __ATOMIC_ACQUIRE);
		fd = init > 0 ? pidfd_open(init, 0) : -1;
		if (fd >= 0 && setns(fd, CLONE_NEWPID) == 0)
			return fd;
		fd_close(&fd);
		nanosleep(&pause, NULL);
	}
	return -1;
}

static void
take_master(struct msghdr *msg, struct process *p)
{
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(msg);

	if (cmsg != NULL && cmsg->cmsg_type == SCM_RIGHTS)
		memcpy(&p->master, CMSG_DATA(cmsg), sizeof(int));
}

/* Waits for the exec; 0: it happened */
static int
read_reports(int fd, struct process *p, struct text *err)
{
	union {
		struct cmsghdr head;
		char space[CMSG_SPACE(sizeof(int))];
	} control;
	char buf[4096];
	struct iovec iov = {.iov_base = buf, .iov_len = sizeof(buf)};
	struct msghdr msg;
	ssize_t n;

	for (;;) {
		msg = (struct msghdr){.msg_iov = &iov,
		    .msg_iovlen = 1,
		    .msg_control = &control,
		    .msg_controllen = sizeof(control)};
		n = recvmsg(fd, &msg, MSG_CMSG_CLOEXEC);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return 0;
		if (buf[0] == 'M')
			take_master(&msg, p);
		if (buf[0] == 'E') {
			text_add(err, buf + 1, (size_t)n - 1);
			return -1;
		}
	}
}

static int
make_pipe(bool wanted, int *ours, int *theirs, bool reading)
{
	int fds[2];

	if (!wanted)
		return 0;
	if (pipe2(fds, O_CLOEXEC) < 0)
		return -1;
	*ours = fds[reading ? 0 : 1];
	*theirs = fds[reading ? 1 : 0];
	return fd_nonblock(*ours);
}

static int
use_master(struct process *p)
{
	p->in = fcntl(p->master, F_DUPFD_CLOEXEC, 3);
	p->out = fcntl(p->master, F_DUPFD_CLOEXEC, 3);
	return p->in < 0 || p->out < 0 ? -1 : fd_nonblock(p->master);
}

static void
process_close(struct process *p)
{
	fd_close(&p->in);
	fd_close(&p->out);
	fd_close(&p->err);
	fd_close(&p->master);
	fd_close(&p->pidfd);
}

int
sandbox_spawn(const struct server *srv, const struct pod *pod,
    const struct command *cmd, struct process *p, struct text *err)
{
	bool confined = strcmp(pod->root, "none") != 0;
	auto_fd nsfd = -1, ours = -1, in = -1, out = -1, errfd = -1;
	int pair[2], r;

	*p = (struct process){.pidfd = -1,
	    .in = -1,
	    .out = -1,
	    .err = -1,
	    .master = -1};
	if (cmd->argc == 0) {
		text_adds(err, "exec failed: args must not be empty");
		return -1;
	}
	if (confined && (nsfd = join(srv, pod)) < 0) {
		text_adds(err, "exec failed: container is not running");
		return -1;
	}
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0 ||
	    make_pipe(cmd->in && !cmd->tty, &p->in, &in, false) < 0 ||
	    make_pipe(cmd->out && !cmd->tty, &p->out, &out, true) < 0 ||
	    make_pipe(cmd->err, &p->err, &errfd, true) < 0 ||
	    (p->pid = fork()) < 0) {
		text_addf(err, "exec failed: %s", strerror(errno));
		process_close(p);
		return -1;
	}
	if (p->pid == 0)
		spawn_child(pod, cmd, nsfd, (int[3]){in, out, errfd}, pair[1]);
	ours = pair[0];
	close(pair[1]);
	p->pidfd = pidfd_open(p->pid, 0);
	r = read_reports(ours, p, err);
	if (r == 0 && cmd->tty)
		r = p->master < 0 ? -1 : use_master(p);
	if (r < 0) {
		waitpid(p->pid, NULL, 0);
		process_close(p);
	}
	return r;
}

void
sandbox_kill(const struct server *srv, const struct pod *pod,
    const struct process *p)
{
	struct slot *slot = &srv->shared->slots[pod->slot];
	pid_t init;

	if (strcmp(pod->root, "none") == 0) {
		kill(-p->pid, SIGKILL);
		return;
	}
	/* Nobody shall join what is about to die. */
	init = __atomic_exchange_n(&slot->init, 0, __ATOMIC_ACQ_REL);
	if (init > 0)
		kill(init, SIGKILL);
}
