/* SPDX-License-Identifier: Apache-2.0 */
#include "helpers/agent.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/core/buf.h"

struct agent_conn {
	struct agent *a; /* NULL: free */
	struct mux_channel *channel;
	int fd;
	struct loop_io *watch;
	struct buf *queue; /* to the agent */
	int in_eof;	   /* the agent said all */
	int out_eof;	   /* the program did: said on once queue is empty */
};

struct agent {
	struct loop *loop;
	struct sockaddr_un address;
	struct agent_conn conns[AGENT_CONNS_MAX];
};

struct agent *
agent_new(struct loop *loop, const char *path, struct k8s_err *err)
{
	struct agent *a;

	if (strlen(path) >= sizeof(a->address.sun_path)) {
		k8s_err_set(err, K8S_ERR_INVALID,
		    "the path of the agent's socket is too long");
		return NULL;
	}
	if ((a = calloc(1, sizeof(*a))) == NULL) {
		k8s_err_errno(err, "out of memory");
		return NULL;
	}
	a->loop = loop;
	a->address.sun_family = AF_UNIX;
	memcpy(a->address.sun_path, path, strlen(path));
	return a;
}

static void
agent_conn_free(struct agent_conn *k)
{
	loop_del(k->watch);
	if (k->fd != -1)
		(void)close(k->fd);
	buf_free(k->queue);
	memset(k, 0, sizeof(*k));
}

void
agent_free(struct agent *a)
{
	size_t i;

	if (a == NULL)
		return;
	for (i = 0; i < AGENT_CONNS_MAX; i++)
		if (a->conns[i].a != NULL)
			agent_conn_free(&a->conns[i]);
	free(a);
}

void
agent_freep(struct agent **a)
{
	agent_free(*a);
	*a = NULL;
}

static void
agent_watch(struct agent_conn *k)
{
	uint32_t events = 0;

	/* With nothing to do its hang-up, which lasts, is not listened to. */
	if (!k->in_eof && mux_room(k->channel) > 0)
		events |= EPOLLIN;
	if (buf_len(k->queue) > 0)
		events |= EPOLLOUT;
	loop_want(k->watch, events);
}

/* Nothing goes on; the program sees the end of its connection. */
static void
agent_fail(struct agent_conn *k)
{
	mux_close(k->channel);
	agent_conn_free(k);
}

/* -1: the connection is gone. */
static int
agent_flush(struct agent_conn *k)
{
	ssize_t n;

	while (buf_len(k->queue) > 0) {
		n = send(k->fd, buf_data(k->queue), buf_len(k->queue),
		    MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n == -1 && errno == EAGAIN)
			return 0;
		if (n == -1) {
			agent_fail(k);
			return -1;
		}
		buf_consume(k->queue, (size_t)n);
		mux_passed_on(k->channel, (size_t)n);
		/* That can have called room(), and that have failed. */
		if (k->a == NULL)
			return -1;
	}
	if (k->out_eof)
		(void)shutdown(k->fd, SHUT_WR);
	return 0;
}

/* The same. */
static int
agent_receive(struct agent_conn *k)
{
	unsigned char *p;
	size_t len;
	ssize_t n;
	int failed;

	if (k->in_eof || (p = mux_reserve(k->channel, &len)) == NULL)
		return 0;
	n = recv(k->fd, p, len, MSG_DONTWAIT);
	failed = n == -1 && errno != EAGAIN && errno != EINTR;
	mux_commit(k->channel, MUX_DATA, n > 0 ? (size_t)n : 0);
	if (k->a != NULL && failed)
		agent_fail(k);
	if (k->a == NULL)
		return -1;
	if (n == 0) {
		k->in_eof = 1;
		mux_eof(k->channel);
	}
	return k->a == NULL ? -1 : 0;
}

static void
agent_event(void *arg, uint32_t events)
{
	struct agent_conn *k = arg;

	if ((events & EPOLLOUT) != 0 && agent_flush(k) == -1)
		return;
	if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0 &&
	    agent_receive(k) == -1)
		return;
	agent_watch(k);
}

static void
agent_data(void *arg, enum mux_type type, const unsigned char *p, size_t len)
{
	struct agent_conn *k = arg;

	(void)type;
	if (buf_put(k->queue, p, len) == -1)
		agent_fail(k);
	else if (agent_flush(k) == 0)
		agent_watch(k);
}

static void
agent_room(void *arg)
{
	struct agent_conn *k = arg;

	if (agent_receive(k) == 0)
		agent_watch(k);
}

static void
agent_eof(void *arg)
{
	struct agent_conn *k = arg;

	k->out_eof = 1;
	if (agent_flush(k) == 0)
		agent_watch(k);
}

static void
agent_closed(void *arg)
{
	agent_conn_free(arg);
}

static const struct mux_channel_handler agent_channel_handler = {
    .data = agent_data,
    .room = agent_room,
    .eof = agent_eof,
    .closed = agent_closed,
};

void
agent_accept(struct agent *a, struct mux_channel *c)
{
	struct agent_conn *k = NULL;
	size_t i;

	for (i = 0; i < AGENT_CONNS_MAX && k == NULL; i++)
		if (a->conns[i].a == NULL)
			k = &a->conns[i];
	if (k == NULL) {
		mux_refuse(c, EMFILE, "too many programs use the agent");
		return;
	}
	*k = (struct agent_conn){.a = a, .channel = c};
	/* sshd's listener is on this machine: it takes it at once, or not. */
	k->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (k->fd == -1 ||
	    connect(k->fd, (const struct sockaddr *)&a->address,
		sizeof(a->address)) == -1 ||
	    (k->queue = buf_new(MUX_WINDOW)) == NULL ||
	    (k->watch = loop_add(a->loop, k->fd, 0, agent_event, k, NULL)) ==
		NULL) {
		mux_refuse(c, errno, "the agent can't be reached");
		agent_conn_free(k);
		return;
	}
	mux_accept(c, &agent_channel_handler, k);
	agent_watch(k);
}

/*
 * path's folder, if path begins with front, has that many slashes behind it,
 * so that nothing in it leads elsewhere, and fits into a socket's address.
 */
static int
agent_folder(const char *path, const char *front, int slashes, char *folder,
    size_t size)
{
	const char *slash = strrchr(path, '/'), *p;

	if (strlen(path) >= size || strncmp(path, front, strlen(front)) != 0)
		return 0;
	for (p = path + strlen(front); (p = strchr(p, '/')) != NULL; p++)
		slashes--;
	if (slashes != 0)
		return 0;
	memcpy(folder, path, (size_t)(slash - path));
	folder[slash - path] = '\0';
	return 1;
}

int
agent_is_sshds(const char *path, uid_t uid, const char *home)
{
	char folder[sizeof(((struct sockaddr_un *)NULL)->sun_path)];
	char agents[sizeof(folder)];
	struct stat st;
	int n;

	n = snprintf(agents, sizeof(agents), "%s/.ssh/agent/", home);
	if (!agent_folder(path, "/tmp/ssh-", 1, folder, sizeof(folder)) &&
	    (n < 0 || (size_t)n >= sizeof(agents) ||
		!agent_folder(path, agents, 0, folder, sizeof(folder))))
		return 0;
	return lstat(folder, &st) == 0 && S_ISDIR(st.st_mode) &&
	    st.st_uid == uid && (st.st_mode & 077) == 0 &&
	    lstat(path, &st) == 0 && S_ISSOCK(st.st_mode) && st.st_uid == uid;
}
