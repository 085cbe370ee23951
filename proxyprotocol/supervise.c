/* SPDX-License-Identifier: Apache-2.0 */
#include "proxyprotocol/superviseint.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/core/proc.h"
#include "proxyprotocol/privileges.h"

/* sshd writes lines of 1 KiB at most. */
#define SUPERVISE_LINE_MAX 4096

static void
supervise_report(struct supervisor *s, int byte)
{
	unsigned char b = (unsigned char)byte;

	/* The front may have been restarted: then nobody listens. */
	(void)!write(s->p->report, &b, 1);
}

/*
 * sshd's log.
 */

/* One line and who wrote it, as the kernel knows; as recv(2) otherwise. */
static ssize_t
supervise_recv_line(int fd, char *line, size_t size, struct ucred *from)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(sizeof(*from))];
	} control;
	struct iovec iov = {line, size};
	struct msghdr msg = {
	    .msg_iov = &iov,
	    .msg_iovlen = 1,
	    .msg_control = control.space,
	    .msg_controllen = sizeof(control.space),
	};
	struct cmsghdr *c;
	ssize_t n;

	if ((n = recvmsg(fd, &msg, MSG_DONTWAIT)) <= 0)
		return n;
	*from = (struct ucred){.uid = (uid_t)-1};
	if ((c = CMSG_FIRSTHDR(&msg)) != NULL && c->cmsg_level == SOL_SOCKET &&
	    c->cmsg_type == SCM_CREDENTIALS)
		memcpy(from, CMSG_DATA(c), sizeof(*from));
	return n;
}

/* Whether nobody can write any more. */
static int
supervise_hung_up(int fd)
{
	struct pollfd pfd = {fd, POLLIN, 0};

	return poll(&pfd, 1, 0) == 1 && (pfd.revents & POLLHUP) != 0;
}

/* All lines there are: before anything is decided by what they say. */
void
supervise_read_log(struct supervisor *s)
{
	char line[SUPERVISE_LINE_MAX];
	struct ucred from;
	ssize_t n;

	while (s->log != -1) {
		n = supervise_recv_line(s->log, line, sizeof(line), &from);
		if (n == -1 && (errno == EAGAIN || errno == EINTR))
			return;
		/* An empty line is one, too: whoever writes it stops nothing.
		 */
		if (n == 0 && !supervise_hung_up(s->log))
			continue;
		if (n <= 0) {
			loop_del(s->log_watch);
			s->log_watch = NULL;
			(void)close(s->log);
			s->log = -1;
			return;
		}
		if (s->record == NULL)
			continue;
		record_sshd_line(s->record, from.pid, from.uid, line,
		    (size_t)n);
		if (!s->reported && record_user(s->record) != NULL) {
			s->reported = 1;
			supervise_report(s, REPORT_AUTHENTICATED);
		}
	}
}

static void
supervise_log_event(void *arg, uint32_t events)
{
	(void)events;
	supervise_read_log(arg);
}

/* sshd has ended, or is about to: as WNOHANG is in options, or not. */
static void
supervise_reap(struct supervisor *s, int options)
{
	enum limits_offence offence;

	if (s->sshd_fd == -1 ||
	    waitpid(s->sshd, &s->sshd_status, options) != s->sshd)
		return;
	loop_del(s->sshd_watch);
	s->sshd_watch = NULL;
	(void)close(s->sshd_fd);
	s->sshd_fd = -1;
	supervise_read_log(s);
	if (s->record != NULL && !s->failed &&
	    record_sshd_ended(s->record, s->sshd_status, &offence))
		supervise_report(s, REPORT_OFFENCE + (int)offence);
}

static void
supervise_sshd_event(void *arg, uint32_t events)
{
	(void)events;
	supervise_reap(arg, WNOHANG);
}

/*
 * Trapped calls.
 */

/* The address in place of that of the client's socket, as accept(2) has it. */
static void
supervise_address(struct supervisor *s, const struct notify_caller *c)
{
	const struct net_addr *a =
	    c->call == NOTIFY_GETPEERNAME ? &s->p->source : &s->p->destination;
	struct stat st;
	int fd, known;

	if ((fd = notify_get_fd(s->notify, (int)c->args[0])) == -1) {
		if (errno == EBADF)
			notify_continue(s->notify); /* so says the kernel */
		else
			notify_fail(s->notify, EPERM);
		return;
	}
	known = fstat(fd, &st) == 0;
	(void)close(fd);
	if (!known) {
		notify_fail(s->notify, EPERM);
		return;
	}
	if (st.st_dev == s->client_dev && st.st_ino == s->client_ino)
		notify_give_address(s->notify, a);
	else
		notify_continue(s->notify);
}

int
supervise_is_sshd(const struct supervisor *s, const struct notify_caller *c)
{
	return s->sshd_fd != -1 && (c->ppid == s->sshd || c->pid == s->sshd);
}

static void
supervise_connect(struct supervisor *s, const struct notify_caller *c)
{
	struct sockaddr_storage to;
	socklen_t size = sizeof(int);
	struct policy_connect pc = {
	    .euid = c->euid,
	    .egid = c->egid,
	    .authenticated =
		s->record != NULL && record_user(s->record) != NULL,
	    .to = (const struct sockaddr *)&to,
	    .len = (socklen_t)c->args[2],
	};
	int fd, type = 0, known;

	memset(&to, 0, sizeof(to));
	if ((int)c->args[2] < (int)sizeof(sa_family_t) ||
	    c->args[2] > sizeof(to)) {
		notify_fail(s->notify, EINVAL); /* so would the kernel */
		return;
	}
	if (notify_read(s->notify, c->args[1], &to, pc.len) == -1) {
		notify_fail(s->notify, errno == EFAULT ? EFAULT : EPERM);
		return;
	}
	if ((fd = notify_get_fd(s->notify, (int)c->args[0])) == -1) {
		notify_fail(s->notify, errno == EBADF ? EBADF : EPERM);
		return;
	}
	known = getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0;
	(void)close(fd);
	if (!known ||
	    notify_fd_flags(s->notify, (int)c->args[0], &pc.flags) == -1) {
		notify_fail(s->notify, known ? EPERM : ENOTSOCK);
		return;
	}
	pc.type = type;
	switch (policy_decide(&s->policy, &pc)) {
	case POLICY_CONTINUE:
		notify_continue(s->notify);
		return;
	case POLICY_CONTROL:
		if (controls_open(s, c) == -1)
			notify_fail(s->notify, EPERM);
		else
			notify_succeed(s->notify);
		return;
	case POLICY_CHANNEL:
		if (s->channels == NULL || !pc.authenticated ||
		    !supervise_is_sshd(s, c))
			break;
		channels_connect(s->channels, (int)c->args[0], pc.to, pc.len);
		return;
	case POLICY_HIDE:
		notify_fail(s->notify, ENOENT);
		return;
	case POLICY_REFUSE:
		break;
	}
	notify_fail(s->notify, ECONNREFUSED);
}

static void
supervise_notify_event(void *arg, uint32_t events)
{
	struct supervisor *s = arg;
	struct notify_caller c;

	/* Who is in, before anything is decided by it. */
	supervise_read_log(s);
	if (events & EPOLLIN) {
		switch (notify_receive(s->notify, &c)) {
		case 1:
			if (c.call == NOTIFY_CONNECT)
				supervise_connect(s, &c);
			else
				supervise_address(s, &c);
			return;
		case 0:
			return;
		default:
			log_error("connection %s: seccomp listener: %s", s->id,
			    strerror(errno));
			loop_stop(s->loop);
			return;
		}
	}
	/* The last process under the filter is gone. */
	s->hung_up = 1;
	loop_stop(s->loop);
}

/*
 * Starting.
 */

/*
 * A packet of sshd_become()'s: *listener if one came, the text of a failure
 * in err (-1), or its end (1), which is that of the hand-over.
 */
static int
supervise_handover(int handover, int *listener, struct k8s_err *err)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(sizeof(int))];
	} control;
	char text[K8S_ERR_MAX];
	struct iovec iov = {text, sizeof(text) - 1};
	struct msghdr msg = {
	    .msg_iov = &iov,
	    .msg_iovlen = 1,
	    .msg_control = control.space,
	    .msg_controllen = sizeof(control.space),
	};
	struct pollfd pfd = {handover, POLLIN, 0};
	struct cmsghdr *c;
	ssize_t n;

	if (poll(&pfd, 1, SUPERVISE_START_MS) != 1)
		return k8s_err_set(err, K8S_ERR_TIMEOUT,
		    "sshd was not started in time");
	if ((n = recvmsg(handover, &msg, MSG_CMSG_CLOEXEC)) == -1)
		return k8s_err_errno(err, "the start of sshd");
	if (n == 0)
		return 1;
	if ((c = CMSG_FIRSTHDR(&msg)) != NULL && c->cmsg_type == SCM_RIGHTS) {
		memcpy(listener, CMSG_DATA(c), sizeof(int));
		return 0;
	}
	text[n] = '\0';
	return k8s_err_set(err, K8S_ERR_SYSTEM, "%s", text);
}

/* Forks what becomes sshd; it waits until supervise_go(). */
static int
supervise_fork(struct supervisor *s, int (*instead)(void), struct k8s_err *err)
{
	int log[2], handover[2], on = 1;
	struct stat st;

	if (fstat(s->p->client, &st) == -1)
		return k8s_err_errno(err, "the client's socket");
	s->client_dev = st.st_dev;
	s->client_ino = st.st_ino;
	/*
	 * sshd writes a line with one write(2). As a packet it stays one,
	 * even with a newline in a user name (sshdlog.h).
	 */
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, log) == -1 ||
	    setsockopt(log[0], SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) ==
		-1 ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, handover) ==
		-1)
		return k8s_err_errno(err, "socketpair");
	if ((s->sshd = fork()) == 0) {
		(void)close(handover[0]);
		sshd_become(&(struct sshd_start){
		    .settings = s->p->settings,
		    .client = s->p->client,
		    .log = log[1],
		    .handover = handover[1],
		    .addresses = s->p->proxied,
		    .instead = instead,
		});
	}
	if (s->sshd == -1)
		return k8s_err_errno(err, "fork");
	(void)close(log[1]);
	(void)close(handover[1]);
	/* The client is sshd's alone: it is to see the end when sshd ends. */
	(void)close(s->p->client);
	s->log = log[0];
	s->handover = handover[0];
	if ((s->sshd_fd = pidfd_open(s->sshd, 0)) == -1)
		return k8s_err_errno(err, "pidfd_open");
	return 0;
}

/* From here on sshd runs. -1: it does not. */
int
supervise_go(struct supervisor *s, struct k8s_err *err)
{
	int none = -1, ret;

	if (send(s->handover, "", 1, MSG_NOSIGNAL) != 1)
		return k8s_err_errno(err, "the start of sshd");
	ret = supervise_handover(s->handover, &none, err);
	(void)close(s->handover);
	return ret == 1 ? 0 : -1;
}

static int
supervise_watch(struct supervisor *s, struct k8s_err *err)
{
	if ((s->loop = loop_new(err)) == NULL ||
	    (s->notify_watch = loop_add(s->loop, notify_fd(s->notify), EPOLLIN,
		 supervise_notify_event, s, err)) == NULL ||
	    (s->log_watch = loop_add(s->loop, s->log, EPOLLIN,
		 supervise_log_event, s, err)) == NULL ||
	    (s->sshd_watch = loop_add(s->loop, s->sshd_fd, EPOLLIN,
		 supervise_sshd_event, s, err)) == NULL)
		return -1;
	return 0;
}

int
supervise_begin(struct supervisor *s, const struct supervise *p,
    int (*instead)(void), struct k8s_err *err)
{
	int ret, listener = -1;

	s->p = p;
	s->id = p->id;
	s->log = s->sshd_fd = -1;
	controls_init(s);
	if ((s->names = names_new(err)) == NULL)
		return -1;
	s->policy = (struct policy){
	    .helper_gid = p->helper_gid,
	    .command_uids = p->facts->command_uids,
	    .command_uids_len = p->facts->command_uids_len,
	};
	/* The child is forked as root and waits; then there is no root. */
	if (supervise_fork(s, instead, err) == -1 ||
	    privileges_drop(p->uid, p->gid, err) == -1)
		return -1;
	ret = supervise_handover(s->handover, &listener, err);
	if (ret == 1)
		return k8s_err_set(err, K8S_ERR_SYSTEM,
		    "sshd's process ended before it was sshd");
	if (ret == -1 || (s->notify = notify_new(listener, err)) == NULL)
		return -1;
	return supervise_watch(s, err);
}

/* What is left to read when everybody is gone. */
void
supervise_finish(struct supervisor *s)
{
	supervise_read_log(s);
	controls_finish(s);
	if (s->channels != NULL)
		channels_finish(s->channels);
	/* The listener hangs up a moment before a process can be reaped. */
	supervise_reap(s, 0);
}

/* A child of the front has no use for what the front has open. */
void
supervise_leave_front(const struct supervise *p)
{
	const int keep[] = {p->client, p->report, p->slot.fd};
	const int ignored[] = {SIGHUP, SIGINT, SIGTERM, SIGPIPE};
	size_t i;
	sigset_t none;

	log_close();
	proc_close_others(keep, sizeof(keep) / sizeof(keep[0]));
	(void)setsid();
	(void)signal(SIGCHLD, SIG_DFL);
	/* It ends with its connection, and by nothing else. */
	for (i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
		(void)signal(ignored[i], SIG_IGN);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

static struct channels *
supervise_channels(const struct supervisor *s, struct k8s_err *err)
{
	return channels_new(
	    &(struct channels_config){
		.id = s->id,
		.program = FORWARD_PATH,
		.max = s->p->settings->max_forwards,
		.loop = s->loop,
		.notify = s->notify,
		.record = s->record,
		.names = s->names,
	    },
	    err);
}

_Noreturn void
supervise(const struct supervise *p)
{
	static struct supervisor s;
	struct slot slot = p->slot;
	struct record_origin origin = {
	    .id = p->id,
	    .listener = p->listener,
	    .client = p->source,
	    .peer = p->peer,
	    .proxied = p->proxied,
	};
	struct k8s_err err;

	supervise_leave_front(p);
	/* Until supervise_go() our end is the child's, too. */
	if (supervise_begin(&s, p, NULL, &err) == -1 ||
	    (s.audit = audit_new(p->settings->audit_file, p->settings->proxy_id,
		 &err)) == NULL ||
	    (s.record = record_new(s.audit, &origin, &err)) == NULL ||
	    (s.channels = supervise_channels(&s, &err)) == NULL) {
		log_error("a connection was given up: %s", err.msg);
		_exit(1);
	}
	if (supervise_go(&s, &err) == -1) {
		s.failed = 1;
		log_error("connection %s: %s", s.id, err.msg);
	}
	if (loop_run(s.loop, &err) == -1)
		log_error("connection %s: %s", s.id, err.msg);
	supervise_finish(&s);
	channels_free(s.channels);
	record_close(s.record);
	/* Else the next one to want it looks who has the uid. */
	if (s.hung_up)
		slots_release(&slot);
	_exit(0);
}
