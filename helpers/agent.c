/* SPDX-License-Identifier: Apache-2.0 */
#include "helpers/agent.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "helpers/join.h"

struct agent {
	struct loop *loop;
	struct sockaddr_un address;
	struct agent_conn {
		struct join *join; /* NULL: free */
	} conns[AGENT_CONNS_MAX];
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

void
agent_free(struct agent *a)
{
	size_t i;

	if (a == NULL)
		return;
	for (i = 0; i < AGENT_CONNS_MAX; i++)
		join_free(a->conns[i].join);
	free(a);
}

void
agent_freep(struct agent **a)
{
	agent_free(*a);
	*a = NULL;
}

static void
agent_ended(void *arg, enum join_end how, const struct join_traffic *t)
{
	struct agent_conn *k = arg;

	(void)how;
	(void)t;
	k->join = NULL;
}

static const struct join_handler agent_join_handler = {.ended = agent_ended};

void
agent_accept(struct agent *a, struct mux_channel *c)
{
	struct agent_conn *k = NULL;
	size_t i;
	int fd;

	for (i = 0; i < AGENT_CONNS_MAX && k == NULL; i++)
		if (a->conns[i].join == NULL)
			k = &a->conns[i];
	if (k == NULL) {
		mux_refuse(c, EMFILE, "too many programs use the agent");
		return;
	}
	/* sshd's listener is on this machine: it takes it at once, or not. */
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd == -1 ||
	    connect(fd, (const struct sockaddr *)&a->address,
		sizeof(a->address)) == -1) {
		mux_refuse(c, errno, "the agent can't be reached");
		if (fd != -1)
			(void)close(fd);
		return;
	}
	k->join = join_accept(a->loop, c, fd, &agent_join_handler, k);
	if (k->join == NULL)
		mux_refuse(c, errno, "the agent can't be reached");
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
