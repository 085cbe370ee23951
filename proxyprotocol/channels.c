/* SPDX-License-Identifier: Apache-2.0 */
#include "proxyprotocol/channels.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lib/core/dials.h"
#include "lib/core/log.h"
#include "lib/core/proc.h"
#include "proxyprotocol/destination.h"

/* Lines a second about forwards that were refused. */
#define CHANNELS_LINES 10

/* Packets read in a row. */
#define CHANNELS_BATCH 64

/*
 * Send buffer of a channel's sockets, bytes; the kernel doubles it, to its
 * usual default. Set, so that the filler has the same size everywhere.
 */
#define CHANNELS_SNDBUF 106496

/* The filler: blocks, and how many there can be of them at most. */
#define CHANNELS_FILL	  16384
#define CHANNELS_FILL_MAX 32

/* From connect(2) to its end. */
struct channels_dial {
	struct channels_dial *next;
	struct dials_packet to;
	long long since; /* dialled; or connected, if it is */
	int connected;
};

struct channels {
	struct channels_config config;
	struct channels_dial *dials;
	unsigned int dials_len;
	uint32_t number; /* of the last dial */

	/* k8shell-forward. */
	int fd; /* -1: there is none that takes dials */
	struct loop_io *watch;
	struct proc_child *child; /* NULL: ended */
	struct loop_io *child_watch;
	long long started_ms;
	int timer;
	struct loop_io *timer_watch;

	struct log_rate lines;
};

static long long
channels_now_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (long long)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/*
 * What is told of a dial.
 */

static struct record_forward
channels_forward(const struct dials_packet *to)
{
	return (struct record_forward){
	    .number = to->number,
	    .destination = to->text,
	    .destination_len = to->text_len,
	    .tcp = to->type == DIALS_TCP,
	    .port = to->port,
	};
}

/* Refused before anybody dialled. */
static void
channels_tell_refused(struct channels *ch, const struct dials_packet *to,
    const char *why)
{
	struct record_forward f = channels_forward(to);
	const char *user = record_user(ch->config.record);
	unsigned int left_out;

	record_forward_open(ch->config.record, &f, RECORD_REFUSED, 0, 0, why);
	if (!log_rate_ok(&ch->lines, CHANNELS_LINES, &left_out))
		return;
	if (left_out > 0)
		log_info("connection %s: %u more forwards refused",
		    ch->config.id, left_out);
	if (f.tcp)
		log_info("connection %s: user %s: forward to %s port %u "
			 "refused: %s",
		    ch->config.id, user != NULL ? user : "?", to->text, f.port,
		    why);
	else
		log_info("connection %s: user %s: forward to socket %s "
			 "refused: %s",
		    ch->config.id, user != NULL ? user : "?", to->text, why);
}

static void
channels_tell_answer(struct channels *ch, const struct channels_dial *d,
    const struct dials_packet *p)
{
	struct record_forward f = channels_forward(&d->to);

	record_forward_open(ch->config.record, &f,
	    p->type == DIALS_CONNECTED ? RECORD_CONNECTED : RECORD_FAILED,
	    p->ms, p->type == DIALS_FAILED ? p->error : 0,
	    p->type == DIALS_FAILED ? p->text : NULL);
}

/* closed: the packet that says so; NULL: k8shell-forward is gone. */
static void
channels_tell_close(struct channels *ch, const struct channels_dial *d,
    const struct dials_packet *closed)
{
	struct record_forward f = channels_forward(&d->to);
	struct record_forward_end e = {
	    .duration_ms = (unsigned long)(channels_now_ms() - d->since),
	    .unknown = closed == NULL,
	    .why = "k8shell-forward ended without a word",
	};

	if (closed != NULL) {
		e.bytes_in = closed->bytes_in;
		e.bytes_out = closed->bytes_out;
		e.why = closed->text;
	}
	record_forward_close(ch->config.record, &f, &e);
}

/*
 * The dials under way.
 */

/* Where the pointer to that dial is; to NULL if there is none. */
static struct channels_dial **
channels_find(struct channels *ch, uint32_t number)
{
	struct channels_dial **d = &ch->dials;

	while (*d != NULL && (*d)->to.number != number)
		d = &(*d)->next;
	return d;
}

static void
channels_forget(struct channels *ch, struct channels_dial **at)
{
	struct channels_dial *d = *at;

	*at = d->next;
	ch->dials_len--;
	free(d);
}

/*
 * No k8shell-forward takes dials any more. The kernel has closed what it had,
 * or does when it is killed: sshd fails or resets those channels.
 */
static void
channels_lost(struct channels *ch, const char *why)
{
	static const struct dials_packet failed = {
	    .type = DIALS_FAILED,
	    .error = EPIPE,
	    .text = "k8shell-forward ended without a word",
	};

	if (ch->fd == -1)
		return;
	if (why != NULL)
		log_warn("connection %s: k8shell-forward: %s", ch->config.id,
		    why);
	loop_del(ch->watch);
	ch->watch = NULL;
	(void)close(ch->fd);
	ch->fd = -1;
	if (ch->child != NULL)
		proc_child_kill(ch->child);
	while (ch->dials != NULL) {
		if (ch->dials->connected)
			channels_tell_close(ch, ch->dials, NULL);
		else
			channels_tell_answer(ch, ch->dials, &failed);
		channels_forget(ch, &ch->dials);
	}
}

/* -1: not an answer to anything. */
static int
channels_answer(struct channels *ch, const struct dials_packet *p)
{
	struct channels_dial **at = channels_find(ch, p->number), *d = *at;

	if (d == NULL || d->connected != (p->type == DIALS_CLOSED))
		return -1;
	switch (p->type) {
	case DIALS_CONNECTED:
		channels_tell_answer(ch, d, p);
		d->connected = 1;
		d->since = channels_now_ms();
		return 0;
	case DIALS_FAILED:
		channels_tell_answer(ch, d, p);
		channels_forget(ch, at);
		return 0;
	case DIALS_CLOSED:
		channels_tell_close(ch, d, p);
		channels_forget(ch, at);
		return 0;
	case DIALS_TCP:
	case DIALS_UNIX:
		break;
	}
	return -1;
}

/* 1: there may be more. */
static int
channels_read(struct channels *ch)
{
	struct dials_packet p;
	struct k8s_err err;
	int i, ret, passed;

	for (i = 0; i < CHANNELS_BATCH && ch->fd != -1; i++) {
		ret = dials_receive(ch->fd, &p, &passed, &err);
		if (ret == 0)
			return 0;
		if (ret == -1) {
			/* Its status says why, if it is not a good end. */
			channels_lost(ch,
			    err.code == K8S_ERR_DISCONNECT ? NULL : err.msg);
			return 0;
		}
		if (passed != -1)
			(void)close(passed);
		if (passed != -1 || channels_answer(ch, &p) == -1)
			channels_lost(ch, "an answer to no dial");
	}
	return ch->fd != -1;
}

static void
channels_event(void *arg, uint32_t events)
{
	(void)events;
	(void)channels_read(arg);
}

/*
 * k8shell-forward.
 */

static void
channels_forget_child(struct channels *ch)
{
	loop_del(ch->child_watch);
	ch->child_watch = NULL;
	proc_child_end(ch->child);
	ch->child = NULL;
}

static void
channels_child_event(void *arg, uint32_t events)
{
	struct channels *ch = arg;
	struct k8s_err err;
	int status;

	(void)events;
	/* What it said last, before its end. */
	while (channels_read(ch))
		continue;
	if (proc_child_wait(ch->child, &status, &err) == -1)
		log_error("connection %s: %s: %s", ch->config.id,
		    ch->config.program, err.msg);
	else if (WIFSIGNALED(status))
		log_warn("connection %s: k8shell-forward died of signal %d",
		    ch->config.id, WTERMSIG(status));
	else if (WEXITSTATUS(status) != 0)
		log_warn("connection %s: k8shell-forward ended with status %d",
		    ch->config.id, WEXITSTATUS(status));
	channels_forget_child(ch);
	channels_lost(ch, NULL);
}

/* In ms from now the dials under way are looked at. */
static void
channels_arm(struct channels *ch, long long ms)
{
	struct itimerspec its = {
	    .it_value = {.tv_sec = (time_t)(ms / 1000),
		.tv_nsec = (long)(ms % 1000) * 1000000},
	};

	(void)timerfd_settime(ch->timer, 0, &its, NULL);
}

/* When the oldest dial without an answer was begun; 0: there is none. */
static long long
channels_oldest(const struct channels *ch)
{
	const struct channels_dial *d;
	long long oldest = 0;

	for (d = ch->dials; d != NULL; d = d->next)
		if (!d->connected && (oldest == 0 || d->since < oldest))
			oldest = d->since;
	return oldest;
}

static void
channels_timer_event(void *arg, uint32_t events)
{
	struct channels *ch = arg;
	long long oldest, left;
	uint64_t count;

	(void)events;
	(void)!read(ch->timer, &count, sizeof(count));
	if ((oldest = channels_oldest(ch)) == 0)
		return;
	left = oldest + CHANNELS_ANSWER_MS - channels_now_ms();
	if (left > 0)
		channels_arm(ch, left);
	else
		channels_lost(ch, "does not answer: given up");
}

/*
 * It has nothing of this process's capability: that is neither inheritable nor
 * ambient, and the bounding set is empty (privileges.c). Whose it becomes its
 * file says (helpers/forward.c).
 */
static int
channels_start(struct channels *ch, struct k8s_err *err)
{
	const char *const argv[] = {ch->config.program,
	    record_user(ch->config.record), NULL};
	static const char *const envp[] = {NULL};
	struct proc_start start = {ch->config.program, argv, envp, -1};
	const long long now = channels_now_ms();
	int pair[2];

	if (ch->fd != -1)
		return 0;
	if (ch->started_ms != 0 && now - ch->started_ms < CHANNELS_RESTART_MS)
		return k8s_err_set(err, K8S_ERR_LIMIT,
		    "k8shell-forward has only just ended");
	/* One that hangs, or has not quite ended. */
	channels_forget_child(ch);
	ch->started_ms = now;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC,
		0, pair) == -1)
		return k8s_err_errno(err, "socketpair");
	start.fd = pair[1];
	ch->child = proc_start(&start, err);
	(void)close(pair[1]);
	if (ch->child != NULL &&
	    (ch->child_watch =
		    loop_add(ch->config.loop, proc_child_pidfd(ch->child),
			EPOLLIN, channels_child_event, ch, err)) != NULL &&
	    (ch->watch = loop_add(ch->config.loop, pair[0], EPOLLIN,
		 channels_event, ch, err)) != NULL) {
		ch->fd = pair[0];
		return 0;
	}
	(void)close(pair[0]);
	channels_forget_child(ch);
	return -1;
}

/*
 * The caller's connect.
 */

/* Until the socket is not writable: then connect(2) on it is under way. */
static int
channels_fill(int fd)
{
	static const unsigned char filler[CHANNELS_FILL];
	struct pollfd pfd = {fd, POLLOUT, 0};
	int i;

	for (i = 0; i < CHANNELS_FILL_MAX; i++) {
		if (poll(&pfd, 1, 0) == 0)
			return 0;
		if (send(fd, filler, sizeof(filler),
			MSG_DONTWAIT | MSG_NOSIGNAL) == -1)
			return -1;
	}
	errno = ENOBUFS;
	return -1;
}

/* A channel's socketpair: sshd's end is [1], and [0] has the filler in it. */
static int
channels_pair(int pair[2])
{
	const int size = CHANNELS_SNDBUF;
	int i, bad = 0, error;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0,
		pair) == -1)
		return -1;
	for (i = 0; i < 2; i++)
		bad |= setsockopt(pair[i], SOL_SOCKET, SO_SNDBUF, &size,
			   sizeof(size)) == -1;
	if (!bad && channels_fill(pair[1]) == 0)
		return 0;
	error = errno;
	(void)close(pair[0]);
	(void)close(pair[1]);
	errno = error;
	return -1;
}

/* Hands the dial to k8shell-forward, with its socket. */
static int
channels_send(struct channels *ch, const struct dials_packet *to, int ours,
    struct k8s_err *err)
{
	int ret = dials_send(ch->fd, to, ours, err);

	if (ret == 0)
		return k8s_err_set(err, K8S_ERR_LIMIT,
		    "k8shell-forward takes no more now");
	return ret == 1 ? 0 : -1;
}

/* *theirs: the end for the caller, which waits in it. */
static int
channels_dial(struct channels *ch, const struct dials_packet *to, int *theirs,
    struct k8s_err *err)
{
	struct channels_dial *d;
	int pair[2], ret;

	if (channels_start(ch, err) == -1)
		return -1;
	if ((d = malloc(sizeof(*d))) == NULL)
		return k8s_err_errno(err, "out of memory");
	if (channels_pair(pair) == -1) {
		free(d);
		return k8s_err_errno(err, "socketpair");
	}
	ret = channels_send(ch, to, pair[0], err);
	(void)close(pair[0]);
	if (ret == -1) {
		(void)close(pair[1]);
		free(d);
		return -1;
	}
	*d = (struct channels_dial){
	    .next = ch->dials,
	    .to = *to,
	    .since = channels_now_ms(),
	};
	if (channels_oldest(ch) == 0)
		channels_arm(ch, CHANNELS_ANSWER_MS);
	ch->dials = d;
	ch->dials_len++;
	*theirs = pair[1];
	return 0;
}

void
channels_connect(struct channels *ch, int fd, const struct sockaddr *sa,
    socklen_t len)
{
	const char *user = record_user(ch->config.record), *why = NULL;
	struct dials_packet to = {.number = ++ch->number};
	struct k8s_err err = K8S_ERR_INIT;
	int theirs;

	if (destination_of(ch->config.names, sa, len, &to, &why) == 0) {
		if (user == NULL || *user == '\0')
			why = "it is not known who is in";
		else if (ch->dials_len >= ch->config.max)
			why = "there are as many as max_forwards allows";
		else if (channels_dial(ch, &to, &theirs, &err) == -1)
			why = err.msg;
	}
	if (why != NULL) {
		notify_fail(ch->config.notify, ECONNREFUSED);
		channels_tell_refused(ch, &to, why);
		return;
	}
	/*
	 * If the caller is gone meanwhile, k8shell-forward sees a socket that
	 * has hung up. An answer may be there already: then the caller finds
	 * it in the socket when it looks.
	 */
	(void)notify_replace_fd(ch->config.notify, fd, theirs, 0);
	(void)close(theirs);
	notify_fail(ch->config.notify, EINPROGRESS);
}

struct channels *
channels_new(const struct channels_config *config, struct k8s_err *err)
{
	struct channels *ch;

	if ((ch = calloc(1, sizeof(*ch))) == NULL) {
		k8s_err_errno(err, "out of memory");
		return NULL;
	}
	ch->config = *config;
	ch->fd = -1;
	ch->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (ch->timer == -1)
		k8s_err_errno(err, "timerfd");
	else if ((ch->timer_watch = loop_add(config->loop, ch->timer, EPOLLIN,
		      channels_timer_event, ch, err)) != NULL)
		return ch;
	channels_free(ch);
	return NULL;
}

void
channels_finish(struct channels *ch)
{
	const long long deadline = channels_now_ms() + CHANNELS_FINISH_MS;
	struct pollfd pfd;
	long long left;

	while (ch->fd != -1 && ch->dials != NULL &&
	    (left = deadline - channels_now_ms()) > 0) {
		pfd = (struct pollfd){ch->fd, POLLIN, 0};
		if (poll(&pfd, 1, (int)left) > 0)
			(void)channels_read(ch);
	}
	if (ch->child == NULL)
		return;
	/* It ends by that; with its dials told of, nobody misses it. */
	if (ch->fd != -1)
		(void)shutdown(ch->fd, SHUT_WR);
	pfd = (struct pollfd){proc_child_pidfd(ch->child), POLLIN, 0};
	left = deadline - channels_now_ms();
	if (poll(&pfd, 1, left > 0 ? (int)left : 0) > 0)
		channels_child_event(ch, 0);
	channels_lost(ch, NULL);
}

void
channels_free(struct channels *ch)
{
	if (ch == NULL)
		return;
	channels_lost(ch, NULL);
	channels_forget_child(ch);
	loop_del(ch->timer_watch);
	if (ch->timer != -1)
		(void)close(ch->timer);
	free(ch);
}
