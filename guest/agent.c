/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/agent.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "guest/stream.h"

#define AGENT_FOLDER "/k8shell-XXXXXX"
#define AGENT_SOCKET "/agent"

struct agent {
	struct guest *g;
	uint32_t session;
	struct account account;
	struct sockaddr_un addr;
	size_t dir_len; /* of the folder's name in it; 0: none made */
	int bound;
	int listener;
	int spare; /* given up to refuse a client when there are no more */
	struct loop_io *watch;
};

/* The first folder where one can be made. */
static int
agent_mkdir(struct agent *a)
{
	const char *const places[] = {"/tmp", "/run", "/dev/shm",
	    a->account.home};
	char *path = a->addr.sun_path;
	size_t i, len;

	for (i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		len = strlen(places[i]) + strlen(AGENT_FOLDER);
		if (len + strlen(AGENT_SOCKET) >= sizeof(a->addr.sun_path)) {
			errno = ENAMETOOLONG;
			continue;
		}
		(void)snprintf(path, sizeof(a->addr.sun_path), "%s%s",
		    places[i], AGENT_FOLDER);
		if (mkdtemp(path) != NULL) {
			a->dir_len = len;
			return 0;
		}
	}
	return -1;
}

/* The folder and the socket in it, both the user's. */
static int
agent_bind(struct agent *a)
{
	mode_t mask;

	if (account_enter(&a->account) == -1)
		return -1;
	if (agent_mkdir(a) == 0) {
		(void)snprintf(a->addr.sun_path + a->dir_len,
		    sizeof(a->addr.sun_path) - a->dir_len, "%s", AGENT_SOCKET);
		mask = umask(0177);
		a->bound = bind(a->listener, (struct sockaddr *)&a->addr,
			       sizeof(a->addr)) == 0;
		(void)umask(mask);
	}
	account_leave(&a->account);
	return a->bound ? 0 : -1;
}

static void
agent_unlink(struct agent *a)
{
	/* In the user's folder only with the user's rights. */
	if (a->dir_len == 0 || account_enter(&a->account) == -1)
		return;
	if (a->bound)
		(void)unlink(a->addr.sun_path);
	a->addr.sun_path[a->dir_len] = '\0';
	(void)rmdir(a->addr.sun_path);
	account_leave(&a->account);
}

/* The folder keeps others out already; this is for one that is root's. */
static int
agent_may_connect(const struct agent *a, int fd)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 &&
	    (peer.uid == a->account.uid || peer.uid == 0);
}

static int
agent_accept(struct agent *a)
{
	int fd = accept4(a->listener, NULL, NULL, SOCK_CLOEXEC);

	if (fd != -1 || (errno != EMFILE && errno != ENFILE))
		return fd;
	/* One that is left waiting would wake us again and again. */
	if (a->spare == -1) {
		loop_want(a->watch, 0);
		return -1;
	}
	(void)close(a->spare);
	if ((fd = accept4(a->listener, NULL, NULL, SOCK_CLOEXEC)) != -1)
		(void)close(fd);
	a->spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
	return -1;
}

static void
agent_event(void *arg, uint32_t events)
{
	struct agent *a = arg;
	const unsigned char params[3] = {(unsigned char)(a->session >> 16),
	    (unsigned char)(a->session >> 8), (unsigned char)a->session};
	int fd;

	(void)events;
	if ((fd = agent_accept(a)) == -1)
		return;
	if (!agent_may_connect(a, fd))
		(void)close(fd);
	else if (stream_open(a->g, MUX_AGENT, params, sizeof(params), fd) == -1)
		guest_note("agent: no channel for one more client");
}

struct agent *
agent_new(struct guest *g, const struct mux_channel *session,
    const struct account *account, struct k8s_err *err)
{
	struct agent *a;

	if ((a = calloc(1, sizeof(*a))) == NULL) {
		k8s_err_errno(err, "out of memory");
		return NULL;
	}
	a->g = g;
	a->session = mux_number(session);
	a->account = *account;
	a->addr.sun_family = AF_UNIX;
	a->spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
	a->listener =
	    socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (a->listener == -1 || agent_bind(a) == -1 ||
	    listen(a->listener, SOMAXCONN) == -1) {
		k8s_err_errno(err, "a socket for the agent");
	} else {
		a->watch = loop_add(g->loop, a->listener, EPOLLIN, agent_event,
		    a, err);
	}
	if (a->watch != NULL)
		return a;
	agent_free(a);
	return NULL;
}

const char *
agent_path(const struct agent *a)
{
	return a->addr.sun_path;
}

void
agent_free(struct agent *a)
{
	if (a == NULL)
		return;
	loop_del(a->watch);
	agent_unlink(a);
	if (a->listener != -1)
		(void)close(a->listener);
	if (a->spare != -1)
		(void)close(a->spare);
	free(a);
}
