/* SPDX-License-Identifier: Apache-2.0 */
#include "helpers/client.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "lib/core/buf.h"
#include "lib/core/nbio.h"

/* Those that sshd sends for a client (session.c), but PIPE, which is ours. */
static const int client_signals[] = {SIGABRT, SIGALRM, SIGFPE, SIGHUP, SIGILL,
    SIGINT, SIGQUIT, SIGSEGV, SIGTERM, SIGUSR1, SIGUSR2};

struct client_out {
	struct client *c;
	enum client_stream stream;
	struct nbio io;
	struct loop_io *watch;
	struct buf *queue;
};

struct client {
	const struct client_handler *h;
	void *arg;
	int tty, raw;
	struct termios saved;
	struct nbio in;
	struct loop_io *in_watch;
	struct client_out out[2];
	int sigfd;
	struct loop_io *sig_watch;
	sigset_t old_mask;
	int gone, caught;
};

static void
client_leaves(struct client *c)
{
	size_t i;

	if (c->gone)
		return;
	c->gone = 1;
	loop_want(c->in_watch, 0);
	for (i = 0; i < 2; i++) {
		if (c->out[i].watch != NULL)
			loop_want(c->out[i].watch, 0);
		buf_consume(c->out[i].queue, buf_len(c->out[i].queue));
	}
	if (c->h != NULL)
		c->h->gone(c->arg);
}

/*
 * Output.
 */

static void
client_out_event(void *arg, uint32_t events)
{
	struct client_out *o = arg;
	struct client *c = o->c;
	size_t before = buf_len(o->queue), taken;
	ssize_t n;

	if (events & (EPOLLERR | EPOLLHUP)) {
		client_leaves(c);
		return;
	}
	while (buf_len(o->queue) > 0) {
		n = nbio_write(&o->io, buf_data(o->queue), buf_len(o->queue));
		if (n == -1 && errno == EAGAIN)
			break;
		if (n == -1) {
			client_leaves(c);
			return;
		}
		buf_consume(o->queue, (size_t)n);
	}
	/* A hang-up is heard of all the time. */
	if (buf_len(o->queue) == 0)
		loop_want(o->watch, EPOLLERR);
	if ((taken = before - buf_len(o->queue)) > 0 && c->h != NULL)
		c->h->taken(c->arg, o->stream, taken);
}

int
client_write(struct client *c, enum client_stream s, const void *p, size_t len,
    size_t *queued)
{
	struct client_out *o = &c->out[s];
	ssize_t n = 0;

	*queued = 0;
	if (c->gone)
		return 0;
	if (buf_len(o->queue) == 0) {
		n = nbio_write(&o->io, p, len);
		if (n == -1 && errno != EAGAIN) {
			client_leaves(c);
			return 0;
		}
		if (n == -1)
			n = 0;
		if ((size_t)n == len)
			return 0;
		loop_want(o->watch, EPOLLOUT);
	}
	*queued = len - (size_t)n;
	return buf_put(o->queue, (const char *)p + n, *queued);
}

size_t
client_queued(const struct client *c)
{
	return buf_len(c->out[0].queue) + buf_len(c->out[1].queue);
}

/*
 * Input and signals.
 */

static void
client_in_event(void *arg, uint32_t events)
{
	struct client *c = arg;

	(void)events;
	if (c->h != NULL)
		c->h->input(c->arg);
}

void
client_want_input(struct client *c, int on)
{
	if (!c->gone)
		loop_want(c->in_watch, on ? EPOLLIN : 0);
}

ssize_t
client_read(struct client *c, void *p, size_t len)
{
	return nbio_read(&c->in, p, len);
}

static void
client_signal(void *arg, uint32_t events)
{
	struct client *c = arg;
	struct signalfd_siginfo si;

	(void)events;
	if (read(c->sigfd, &si, sizeof(si)) != (ssize_t)sizeof(si))
		return;
	if (si.ssi_signo == SIGWINCH) {
		if (c->tty && !c->gone && c->h != NULL)
			c->h->resized(c->arg);
		return;
	}
	if (c->gone ||
	    (c->h != NULL && c->h->signalled != NULL &&
		c->h->signalled(c->arg, (int)si.ssi_signo)))
		return;
	c->caught = (int)si.ssi_signo;
	client_leaves(c);
}

/*
 * What it is.
 */

int
client_is_tty(const struct client *c)
{
	return c->tty;
}

struct winsize
client_size(const struct client *c)
{
	struct winsize ws;

	memset(&ws, 0, sizeof(ws));
	if (c->tty && ioctl(STDOUT_FILENO, TIOCGWINSZ, &ws) == -1)
		memset(&ws, 0, sizeof(ws));
	return ws;
}

const struct termios *
client_modes(const struct client *c)
{
	return &c->saved;
}

void
client_hang_up(struct client *c)
{
	client_leaves(c);
}

int
client_is_gone(const struct client *c)
{
	return c->gone;
}

int
client_caught(const struct client *c)
{
	return c->caught;
}

void
client_traffic(const struct client *c, uint64_t *in, uint64_t *out)
{
	*in = c->in.bytes;
	*out = c->out[0].io.bytes + c->out[1].io.bytes;
}

static int
client_setup_signals(struct client *c, struct k8s_err *err)
{
	sigset_t mask;
	size_t i;

	(void)sigemptyset(&mask);
	(void)sigaddset(&mask, SIGWINCH);
	for (i = 0; i < sizeof(client_signals) / sizeof(client_signals[0]); i++)
		(void)sigaddset(&mask, client_signals[i]);
	if (sigprocmask(SIG_BLOCK, &mask, &c->old_mask) == -1 ||
	    (c->sigfd = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK)) == -1)
		return k8s_err_errno(err, "signalfd");
	return 0;
}

static int
client_setup_terminal(struct client *c, struct k8s_err *err)
{
	struct termios raw;

	if (tcgetattr(STDIN_FILENO, &c->saved) == -1)
		return k8s_err_errno(err, "terminal");
	raw = c->saved;
	cfmakeraw(&raw);
	if (tcsetattr(STDIN_FILENO, TCSANOW, &raw) == -1)
		return k8s_err_errno(err, "terminal");
	c->raw = 1;
	return 0;
}

static int
client_setup(struct client *c, struct loop *loop, struct k8s_err *err)
{
	size_t i;

	for (i = 0; i < 2; i++) {
		c->out[i].c = c;
		c->out[i].stream = (enum client_stream)i;
		if ((c->out[i].queue = buf_new(CLIENT_QUEUE_MAX)) == NULL)
			return k8s_err_errno(err, "out of memory");
	}
	if (client_setup_signals(c, err) == -1 ||
	    (c->tty && client_setup_terminal(c, err) == -1) ||
	    nbio_open(&c->in, STDIN_FILENO, 0, err) == -1 ||
	    nbio_open(&c->out[0].io, STDOUT_FILENO, 1, err) == -1 ||
	    nbio_open(&c->out[1].io, STDERR_FILENO, 1, err) == -1)
		return -1;
	if ((c->in_watch = loop_add(loop, c->in.fd, 0, client_in_event, c,
		 err)) == NULL ||
	    (c->sig_watch = loop_add(loop, c->sigfd, EPOLLIN, client_signal, c,
		 err)) == NULL)
		return -1;
	for (i = 0; i < 2; i++)
		if ((c->out[i].watch = loop_add(loop, c->out[i].io.fd, EPOLLERR,
			 client_out_event, &c->out[i], err)) == NULL)
			return -1;
	return 0;
}

struct client *
client_new(struct loop *loop, int tty, struct k8s_err *err)
{
	struct client *c;

	if ((c = calloc(1, sizeof(*c))) == NULL) {
		k8s_err_errno(err, "out of memory");
		return NULL;
	}
	c->tty = tty;
	c->in.fd = c->out[0].io.fd = c->out[1].io.fd = c->sigfd = -1;
	if (sigprocmask(SIG_BLOCK, NULL, &c->old_mask) == -1 ||
	    client_setup(c, loop, err) == -1) {
		client_free(c);
		return NULL;
	}
	return c;
}

void
client_attach(struct client *c, const struct client_handler *h, void *arg)
{
	c->h = h;
	c->arg = arg;
}

void
client_free(struct client *c)
{
	struct signalfd_siginfo si;
	size_t i;

	if (c == NULL)
		return;
	loop_del(c->in_watch);
	loop_del(c->sig_watch);
	nbio_close(&c->in);
	for (i = 0; i < 2; i++) {
		loop_del(c->out[i].watch);
		nbio_close(&c->out[i].io);
		buf_free(c->out[i].queue);
	}
	if (c->raw)
		/* Not TCSADRAIN: it would wait for a reader that is gone. */
		(void)tcsetattr(STDIN_FILENO, TCSANOW, &c->saved);
	if (c->sigfd != -1) {
		/* One that came too late for the command is not for us. */
		while (read(c->sigfd, &si, sizeof(si)) > 0)
			continue;
		(void)close(c->sigfd);
	}
	(void)sigprocmask(SIG_SETMASK, &c->old_mask, NULL);
	free(c);
}

void
client_freep(struct client **c)
{
	client_free(*c);
	*c = NULL;
}
