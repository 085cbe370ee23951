/* SPDX-License-Identifier: Apache-2.0 */
/*
 * k8shell-guest: the end of a session's stream inside of a container. Frames
 * of PROTOCOL.mux on stdin and stdout, diagnostics on stderr. It has the
 * rights of the container's user, nothing beyond, and trusts nobody with
 * more: neither the host nor what runs beside it.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "guest/dial.h"
#include "guest/guest.h"
#include "guest/session.h"
#include "lib/core/nbio.h"
#include "lib/core/proc.h"

/* Writes in a row before others get their turn. */
#define GUEST_WRITES 8

/* At the end, milliseconds: for the last frames; for the hung up to go. */
#define GUEST_FLUSH_MS	1000
#define GUEST_LINGER_MS 2000

struct stdio {
	struct guest g;
	struct nbio in, out;
	struct loop_io *in_watch, *out_watch, *sig_watch;
	int sigfd;
	int ended;
	struct k8s_err why; /* with a code if it was no good end */
};

static unsigned char guest_chunk[65536]; /* of stdin */

/* stderr; its open file may be shared, so it is never made non-blocking. */
static struct nbio guest_stderr = {.fd = -1, .flags = -1};

void
guest_note(const char *fmt, ...)
{
	char line[512], *p;
	va_list ap;
	int len;

	len = snprintf(line, sizeof(line), "k8shell-guest: ");
	va_start(ap, fmt);
	(void)vsnprintf(line + len, sizeof(line) - 1 - (size_t)len, fmt, ap);
	va_end(ap);
	for (p = line; *p != '\0'; p++)
		if (*p < ' ' || *p > '~')
			*p = '?';
	*p++ = '\n';
	if (guest_stderr.fd != -1)
		(void)nbio_write(&guest_stderr, line, (size_t)(p - line));
}

/* The stream is over: why->code is 0 if that is as it should be. */
static void
guest_end(struct stdio *s, const struct k8s_err *why)
{
	if (s->ended)
		return;
	s->ended = 1;
	if (why != NULL)
		s->why = *why;
	loop_want(s->in_watch, 0);
}

/* What there is to be written, as far as it goes. */
static void
guest_flush(struct stdio *s)
{
	const unsigned char *p;
	size_t len;
	ssize_t n = 0;
	int i;

	for (i = 0; i < GUEST_WRITES; i++) {
		p = mux_out(s->g.mux, &len);
		if (len == 0) {
			loop_want(s->out_watch, EPOLLERR);
			return;
		}
		if ((n = nbio_write(&s->out, p, len)) == -1)
			break;
		mux_written(s->g.mux, (size_t)n);
	}
	if (n == -1 && errno != EAGAIN) {
		/* Nobody reads us: as if stdin had ended. */
		loop_want(s->out_watch, 0);
		guest_end(s, NULL);
		return;
	}
	loop_want(s->out_watch, EPOLLOUT);
}

static void
guest_in_event(void *arg, uint32_t events)
{
	struct stdio *s = arg;
	struct k8s_err err;
	ssize_t n;

	(void)events;
	n = nbio_read(&s->in, guest_chunk, sizeof(guest_chunk));
	if (n > 0) {
		if (mux_feed(s->g.mux, guest_chunk, (size_t)n, &err) == -1)
			guest_end(s, &err);
	} else if (n == 0 || errno != EAGAIN) {
		guest_end(s, NULL);
	}
}

static void
guest_out_event(void *arg, uint32_t events)
{
	struct stdio *s = arg;

	/* Writing is what every turn of the loop ends with. */
	if (events & (EPOLLERR | EPOLLHUP)) {
		loop_want(s->out_watch, 0);
		guest_end(s, NULL);
	}
}

static void
guest_reap(struct guest *g)
{
	pid_t pid;
	int status;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		session_reaped(g, pid, status);
}

static void
guest_signal(void *arg, uint32_t events)
{
	struct stdio *s = arg;
	struct signalfd_siginfo si;

	(void)events;
	if (read(s->sigfd, &si, sizeof(si)) != (ssize_t)sizeof(si))
		return;
	if (si.ssi_signo == SIGCHLD)
		guest_reap(&s->g);
	else
		guest_end(s, NULL);
}

static void
guest_hello(void *arg, uint32_t capabilities)
{
	(void)arg;
	(void)capabilities;
}

static void
guest_open(void *arg, struct mux_channel *c, enum mux_kind kind,
    const unsigned char *p, size_t len)
{
	struct stdio *s = arg;

	switch (kind) {
	case MUX_SESSION:
		session_open(&s->g, c, p, len);
		break;
	case MUX_TCP:
		dial_tcp(&s->g, c, p, len);
		break;
	case MUX_UNIX:
		dial_unix(&s->g, c, p, len);
		break;
	case MUX_AGENT:
		mux_refuse(c, EINVAL, "");
		break;
	}
}

static void
guest_out(void *arg)
{
	/* See guest_flush(). */
	(void)arg;
}

static void
guest_pong(void *arg)
{
	(void)arg;
}

static const struct mux_handler guest_handler = {
    .hello = guest_hello,
    .open = guest_open,
    .out = guest_out,
    .pong = guest_pong,
};

static int
guest_setup(struct stdio *s, struct k8s_err *err)
{
	uint32_t caps =
	    MUX_CAP_SESSION | MUX_CAP_TCP | MUX_CAP_UNIX | MUX_CAP_AGENT;
	sigset_t mask;

	if (geteuid() == 0)
		caps |= MUX_CAP_USER;
	/*
	 * Orphans of the sessions come to us: no zombie is left to a pid 1
	 * that reaps none. Where it can't be had (qemu), it can be done
	 * without.
	 */
	(void)prctl(PR_SET_CHILD_SUBREAPER, 1UL, 0UL, 0UL, 0UL);
	(void)signal(SIGPIPE, SIG_IGN);
	(void)sigemptyset(&mask);
	(void)sigaddset(&mask, SIGCHLD);
	(void)sigaddset(&mask, SIGHUP);
	(void)sigaddset(&mask, SIGINT);
	(void)sigaddset(&mask, SIGTERM);
	if (sigprocmask(SIG_SETMASK, &mask, NULL) == -1 ||
	    (s->sigfd = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK)) == -1)
		return k8s_err_errno(err, "signalfd");
	if ((s->g.loop = loop_new(err)) == NULL ||
	    nbio_open(&s->in, STDIN_FILENO, 0, err) == -1 ||
	    nbio_open(&s->out, STDOUT_FILENO, 1, err) == -1)
		return -1;
	if ((s->g.mux = mux_new(MUX_GUEST, caps, &guest_handler, s)) == NULL)
		return k8s_err_set(err, K8S_ERR_SYSTEM, "out of memory");
	if ((s->in_watch = loop_add(s->g.loop, s->in.fd, EPOLLIN,
		 guest_in_event, s, err)) == NULL ||
	    (s->out_watch = loop_add(s->g.loop, s->out.fd, EPOLLERR,
		 guest_out_event, s, err)) == NULL ||
	    (s->sig_watch = loop_add(s->g.loop, s->sigfd, EPOLLIN, guest_signal,
		 s, err)) == NULL)
		return -1;
	return 0;
}

static int
guest_run(struct stdio *s, struct k8s_err *err)
{
	guest_flush(s);
	while (!s->ended) {
		if (loop_dispatch(s->g.loop, -1) == -1)
			return k8s_err_errno(err, "epoll_wait");
		if (!s->ended)
			guest_flush(s);
	}
	if (s->why.code == K8S_ERR_NONE)
		return 0;
	*err = s->why;
	return -1;
}

static long long
now_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (long long)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* Waits for fd until then; 0 when that has passed. */
static int
wait_for(int fd, short events, long long deadline)
{
	struct pollfd p = {.fd = fd, .events = events};
	long long left = deadline - now_ms();

	return left > 0 && poll(&p, 1, (int)left) != 0;
}

/* The last frames tell the host why. */
static void
guest_last_words(struct stdio *s)
{
	long long deadline = now_ms() + GUEST_FLUSH_MS;
	const unsigned char *p;
	size_t len;
	ssize_t n;

	for (;;) {
		p = mux_out(s->g.mux, &len);
		if (len == 0)
			return;
		n = nbio_write(&s->out, p, len);
		if (n > 0)
			mux_written(s->g.mux, (size_t)n);
		else if (n == -1 && errno != EAGAIN)
			return;
		else if (!wait_for(s->out.fd, POLLOUT, deadline))
			return;
	}
}

/*
 * Those that a hang-up ends are reaped, as the container's pid 1 may be one
 * that does not; those that outlive it are its children from then on. Without
 * a hang-up nobody is waited for: the host wants to see the exec's end.
 */
static void
guest_linger(struct stdio *s)
{
	long long deadline = now_ms() + GUEST_LINGER_MS;
	struct signalfd_siginfo si;
	pid_t pid;

	for (;;) {
		while ((pid = waitpid(-1, NULL, WNOHANG)) > 0)
			continue;
		if (pid == -1 || !s->g.hung_up ||
		    !wait_for(s->sigfd, POLLIN, deadline))
			return;
		(void)!read(s->sigfd, &si, sizeof(si));
	}
}

static void
guest_close(struct stdio *s)
{
	loop_del(s->in_watch);
	loop_del(s->out_watch);
	loop_del(s->sig_watch);
	/* Hangs the sessions up. */
	mux_freep(&s->g.mux);
	dial_end_all(&s->g);
	loop_free(s->g.loop);
	nbio_close(&s->in);
	nbio_close(&s->out);
	/* The exec's streams end now, however long we stay. */
	(void)close(STDIN_FILENO);
	(void)close(STDOUT_FILENO);
	if (s->sigfd != -1) {
		guest_linger(s);
		(void)close(s->sigfd);
	}
}

int
main(int argc, char **argv)
{
	static struct stdio s = {
	    .in = {.fd = -1, .flags = -1},
	    .out = {.fd = -1, .flags = -1},
	    .sigfd = -1,
	};
	struct k8s_err err = K8S_ERR_INIT;
	int failed;

	proc_sane_fds();
	proc_close_others(NULL, 0);
	if (argc == 2 && strcmp(argv[1], "-V") == 0) {
		(void)printf("%s\n", PACKAGE_STRING);
		return 0;
	}
	if (argc != 1) {
		(void)fprintf(stderr, "usage: k8shell-guest [-V]\n");
		return 1;
	}
	(void)nbio_open(&guest_stderr, STDERR_FILENO, 1, NULL);
	failed = guest_setup(&s, &err) == -1 || guest_run(&s, &err) == -1;
	if (failed)
		guest_note("%s", err.msg);
	if (failed && s.g.mux != NULL)
		guest_last_words(&s);
	guest_close(&s);
	nbio_close(&guest_stderr);
	return failed ? 255 : 0;
}
