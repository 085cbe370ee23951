/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/session.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "guest/agent.h"
#include "guest/flow.h"
#include "guest/pty.h"
#include "guest/request.h"
#include "guest/signals.h"
#include "guest/spawn.h"

struct session {
	struct guest *g;
	struct session *next;
	struct mux_channel *c;
	pid_t pid; /* the leader's, and its group's */
	int ended; /* the leader is reaped */
	int status;
	int tty; /* the terminal, held open until the leader ends; or -1 */
	struct sink *in;
	struct source *out[2]; /* stdout or the terminal, stderr; NULL: ended */
	int turn;
	struct agent *agent;
};

/* The two sides of a session's descriptors while it is started. */
struct session_fds {
	int ours[3], theirs[3];
};

static void
close_fd(int *fd)
{
	if (*fd != -1)
		(void)close(*fd);
	*fd = -1;
}

static void
session_fds_close(struct session_fds *f)
{
	int i;

	for (i = 0; i < 3; i++) {
		close_fd(&f->ours[i]);
		/* A terminal is all three of them. */
		if (i == 0 || f->theirs[i] != f->theirs[0])
			close_fd(&f->theirs[i]);
	}
}

static void
session_free(struct session *s)
{
	struct session **p;

	for (p = &s->g->sessions; *p != NULL; p = &(*p)->next)
		if (*p == s) {
			*p = s->next;
			break;
		}
	sink_free(s->in);
	source_free(s->out[0]);
	source_free(s->out[1]);
	close_fd(&s->tty);
	agent_free(s->agent);
	free(s);
}

/*
 * To the group; to the leader alone while it has not made the group yet. Its
 * number is its own until it is reaped. After that the group's is, as long as
 * somebody is in it: only the hang-up goes there still. A number that a process
 * has again is no longer the group's: the kernel gives out none of a group's.
 */
static void
session_kill(const struct session *s, int sig)
{
	if (s->ended && (kill(s->pid, 0) == 0 || errno != ESRCH))
		return;
	if (kill(-s->pid, sig) == -1 && errno == ESRCH && !s->ended)
		(void)kill(s->pid, sig);
}

/* How it ended, behind all that it wrote. -1 if the stream is over. */
static int
session_send_status(const struct session *s)
{
	unsigned char m[32];
	const char *name;
	size_t len;
	int code = WEXITSTATUS(s->status);

	if (WIFSIGNALED(s->status)) {
		if ((name = signal_name(WTERMSIG(s->status))) != NULL) {
			m[0] = WCOREDUMP(s->status) ? 1 : 0;
			len = strlen(name);
			memcpy(m + 1, name, len);
			return mux_message(s->c, MUX_KILLED, m, len + 1);
		}
		/* A real-time signal has no name: as a shell says it. */
		code = 128 + WTERMSIG(s->status);
	}
	memset(m, 0, 3);
	m[3] = (unsigned char)code;
	return mux_message(s->c, MUX_STATUS, m, 4);
}

static void
session_check_end(struct session *s)
{
	if (!s->ended || s->out[0] != NULL || s->out[1] != NULL ||
	    session_send_status(s) == -1)
		return;
	mux_eof(s->c);
	mux_close(s->c);
	session_free(s);
}

static void
session_out_ended(void *arg, int error)
{
	struct session *s = arg;

	(void)error;
	source_free(s->out[0]);
	s->out[0] = NULL;
	session_check_end(s);
}

static void
session_err_ended(void *arg, int error)
{
	struct session *s = arg;

	(void)error;
	source_free(s->out[1]);
	s->out[1] = NULL;
	session_check_end(s);
}

/* The host wants nothing more of it, or is gone. */
static void
session_closed(void *arg)
{
	struct session *s = arg;

	session_kill(s, SIGHUP);
	session_kill(s, SIGCONT);
	s->g->hung_up = 1;
	session_free(s);
}

static void
session_data(void *arg, enum mux_type type, const unsigned char *p, size_t len)
{
	struct session *s = arg;

	(void)type;
	sink_data(s->in, p, len);
}

static void
session_eof(void *arg)
{
	struct session *s = arg;

	sink_eof(s->in);
}

static void
session_room(void *arg)
{
	struct session *s = arg;

	/* A turn is one frame's: next time the other one is asked first. */
	s->turn = !s->turn;
	if (s->out[0] != NULL && s->out[1] != NULL) {
		/* What is not the last one to end does not end the session. */
		source_room(s->out[s->turn]);
		if (s->out[!s->turn] != NULL)
			source_room(s->out[!s->turn]);
	} else if (s->out[0] != NULL) {
		source_room(s->out[0]);
	} else if (s->out[1] != NULL) {
		source_room(s->out[1]);
	}
}

static void
session_resize(struct session *s, const unsigned char *p, size_t len)
{
	struct winsize size;

	if (s->tty == -1 || len != 8)
		return;
	size = (struct winsize){
	    .ws_col = (unsigned short)(p[0] << 8 | p[1]),
	    .ws_row = (unsigned short)(p[2] << 8 | p[3]),
	    .ws_xpixel = (unsigned short)(p[4] << 8 | p[5]),
	    .ws_ypixel = (unsigned short)(p[6] << 8 | p[7]),
	};
	(void)ioctl(s->tty, TIOCSWINSZ, &size);
}

static void
session_message(void *arg, enum mux_type type, const unsigned char *p,
    size_t len)
{
	struct session *s = arg;
	int sig;

	if (type == MUX_SIZE) {
		session_resize(s, p, len);
	} else if (type == MUX_SIGNAL) {
		if ((sig = signal_number((const char *)p, len)) == 0)
			guest_note("no signal of this name: %.*s",
			    len < 32 ? (int)len : 32, (const char *)p);
		else if (!s->ended)
			session_kill(s, sig);
	}
}

static const struct mux_channel_handler session_handler = {
    .data = session_data,
    .room = session_room,
    .eof = session_eof,
    .message = session_message,
    .closed = session_closed,
};

/* Pipes, as more programs can open /dev/stdout then than with sockets. */
static int
session_pipes(struct session_fds *f, const struct account *a,
    struct k8s_err *err)
{
	int i, p[2];

	for (i = 0; i < 3; i++) {
		if (pipe2(p, O_CLOEXEC) == -1)
			return k8s_err_errno(err, "pipe");
		f->ours[i] = p[i == 0];
		f->theirs[i] = p[i != 0];
		/* So that it can open /dev/stdout. */
		if (a->other && fchown(p[0], a->uid, a->gid) == -1)
			return k8s_err_errno(err, "giving pipes to %s",
			    a->name);
	}
	return 0;
}

static int
session_terminal(struct session *s, struct session_fds *f,
    const struct request *r, const struct account *a, struct pty *pty,
    struct k8s_err *err)
{
	if (pty_open(pty, r, a, err) == -1)
		return -1;
	f->theirs[0] = f->theirs[1] = f->theirs[2] = pty->slave;
	f->ours[1] = pty->master;
	/* epoll watches a descriptor once: one for each direction. */
	f->ours[0] = fcntl(pty->master, F_DUPFD_CLOEXEC, 3);
	s->tty = fcntl(pty->slave, F_DUPFD_CLOEXEC, 3);
	if (f->ours[0] == -1 || s->tty == -1)
		return k8s_err_errno(err, "terminal");
	return 0;
}

/* Takes our sides; what was taken is no longer in f. */
static int
session_flows(struct session *s, struct session_fds *f, struct k8s_err *err)
{
	struct loop *l = s->g->loop;
	int fd[3];

	memcpy(fd, f->ours, sizeof(fd));
	f->ours[0] = -1;
	s->in = sink_new(l, fd[0], s->c, SINK_CLOSE, NULL, s, err);
	if (s->in == NULL)
		return -1;
	f->ours[1] = -1;
	s->out[0] =
	    source_new(l, fd[1], s->c, MUX_DATA, session_out_ended, s, err);
	if (s->out[0] == NULL)
		return -1;
	if (fd[2] == -1)
		return 0;
	f->ours[2] = -1;
	s->out[1] =
	    source_new(l, fd[2], s->c, MUX_STDERR, session_err_ended, s, err);
	return s->out[1] != NULL ? 0 : -1;
}

static int
session_start(struct session *s, const struct request *r, struct k8s_err *err)
{
	struct session_fds f __attribute__((
	    cleanup(session_fds_close))) = {{-1, -1, -1}, {-1, -1, -1}};
	struct account a;
	struct pty pty;
	struct spawn spawn;
	struct k8s_err none;

	if (r->user == NULL)
		account_self(&a);
	else if (account_named(&a, r->user, err) == -1)
		return -1;
	if (r->tty ? session_terminal(s, &f, r, &a, &pty, err) == -1
		   : session_pipes(&f, &a, err) == -1)
		return -1;
	/* As with sshd, a session goes without where it can't be had. */
	if (r->agent && (s->agent = agent_new(s->g, s->c, &a, &none)) == NULL)
		guest_note("%s", none.msg);
	if (session_flows(s, &f, err) == -1)
		return -1;
	spawn = (struct spawn){
	    .request = r,
	    .account = &a,
	    .fd = {f.theirs[0], f.theirs[1], f.theirs[2]},
	    .tty = r->tty ? pty.name : NULL,
	    .agent = s->agent != NULL ? agent_path(s->agent) : NULL,
	};
	s->pid = spawn_session(&spawn, err);
	return s->pid == -1 ? -1 : 0;
}

/* The nearest errno to what went wrong: for the host's log and the client. */
static int
session_errno(const struct k8s_err *err)
{
	switch (err->code) {
	case K8S_ERR_INVALID:
		return EINVAL;
	case K8S_ERR_LIMIT:
		return E2BIG;
	case K8S_ERR_NOT_FOUND:
		return ENOENT;
	case K8S_ERR_FORBIDDEN:
		return EPERM;
	default:
		/* 0 would be no failure; not every call leaves one. */
		return errno != 0 ? errno : EIO;
	}
}

void
session_open(struct guest *g, struct mux_channel *c, const unsigned char *p,
    size_t len)
{
	struct k8s_err err = K8S_ERR_INIT;
	struct request r;
	struct session *s;
	int error = 0;

	if (request_parse(&r, p, len, &err) == -1) {
		mux_refuse(c, session_errno(&err), err.msg);
		return;
	}
	if ((s = calloc(1, sizeof(*s))) != NULL) {
		s->g = g;
		s->c = c;
		s->tty = -1;
		s->next = g->sessions;
		g->sessions = s;
		if (session_start(s, &r, &err) == -1)
			error = session_errno(&err);
	} else {
		k8s_err_errno(&err, "out of memory");
		error = ENOMEM;
	}
	request_free(&r);
	if (error != 0) {
		mux_refuse(c, error, err.msg);
		if (s != NULL)
			session_free(s);
		return;
	}
	mux_accept(c, &session_handler, s);
}

void
session_reaped(struct guest *g, pid_t pid, int status)
{
	struct session *s;

	for (s = g->sessions; s != NULL; s = s->next)
		if (s->pid == pid && !s->ended)
			break;
	if (s == NULL)
		return;
	s->ended = 1;
	s->status = status;
	/* Nobody is interested in more of its input. */
	sink_stop(s->in);
	if (s->tty != -1) {
		close_fd(&s->tty);
		if (s->out[0] != NULL) {
			source_finish(s->out[0]);
			return;
		}
	}
	session_check_end(s);
}
