/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/resolve.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "lib/core/proc.h"

/* What fits into a pipe at once (PIPE_BUF): one address a write. */
_Static_assert(sizeof(struct resolve_addr) <= 4096, "an address is small");

static void
resolve_copy(struct resolve_addr *a, const struct addrinfo *ai)
{
	memset(a, 0, sizeof(*a));
	a->len = ai->ai_addrlen;
	memcpy(&a->addr, ai->ai_addr, ai->ai_addrlen);
}

static struct addrinfo *
resolve_lookup(const char *name, uint16_t port, int flags)
{
	const struct addrinfo hints = {
	    .ai_flags = flags | AI_NUMERICSERV,
	    .ai_socktype = SOCK_STREAM,
	};
	struct addrinfo *res;
	char service[8];

	(void)snprintf(service, sizeof(service), "%u", (unsigned int)port);
	return getaddrinfo(name, service, &hints, &res) == 0 ? res : NULL;
}

size_t
resolve_now(const char *name, uint16_t port,
    struct resolve_addr addrs[RESOLVE_MAX])
{
	/* RFC 6761 section 6.3: not asked for anywhere. */
	const int local = strcasecmp(name, "localhost") == 0;
	const char *names[] = {local ? "::1" : name, "127.0.0.1"};
	size_t i, n = 0;
	struct addrinfo *res;

	for (i = 0; i < (local ? 2 : 1); i++) {
		res = resolve_lookup(names[i], port, AI_NUMERICHOST);
		if (res == NULL)
			continue;
		resolve_copy(&addrs[n++], res);
		freeaddrinfo(res);
	}
	return n;
}

static _Noreturn void
resolve_child(const char *name, uint16_t port, int fd)
{
	struct addrinfo *res, *ai;
	struct resolve_addr a;
	sigset_t none;
	int n = 0;

	/* None of the guest's descriptors may stay open for its sake. */
	proc_close_others(&fd, 1);
	(void)close(STDIN_FILENO);
	(void)close(STDOUT_FILENO);
	(void)close(STDERR_FILENO);
	proc_sane_fds();
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)alarm(RESOLVE_TIMEOUT_S);
	res = resolve_lookup(name, port, 0);
	for (ai = res; ai != NULL && n < RESOLVE_MAX; ai = ai->ai_next, n++) {
		resolve_copy(&a, ai);
		if (write(fd, &a, sizeof(a)) != (ssize_t)sizeof(a))
			break;
	}
	_exit(0);
}

int
resolve_start(const char *name, uint16_t port, struct k8s_err *err)
{
	pid_t pid;
	int p[2];

	if (pipe2(p, O_CLOEXEC | O_NONBLOCK) == -1)
		return k8s_err_errno(err, "pipe");
	if ((pid = fork()) == 0)
		resolve_child(name, port, p[1]);
	(void)close(p[1]);
	if (pid != -1)
		return p[0];
	k8s_err_errno(err, "fork");
	(void)close(p[0]);
	return -1;
}

/* The next one from i on that is, or is not, of the first one's family. */
static size_t
resolve_next(const struct resolve_addr *addrs, size_t n, size_t i, int same)
{
	while (i < n &&
	    (addrs[i].addr.ss_family == addrs[0].addr.ss_family) != same)
		i++;
	return i;
}

size_t
resolve_result(int fd, struct resolve_addr addrs[RESOLVE_MAX])
{
	struct resolve_addr found[RESOLVE_MAX];
	size_t n = 0, taken = 0, next[2];
	int same = 1;

	while (n < RESOLVE_MAX &&
	    read(fd, &found[n], sizeof(found[n])) == (ssize_t)sizeof(found[n]))
		n++;
	next[1] = resolve_next(found, n, 0, 1);
	next[0] = resolve_next(found, n, 0, 0);
	for (; taken < n; same = !same) {
		if (next[same] == n)
			continue;
		addrs[taken++] = found[next[same]];
		next[same] = resolve_next(found, n, next[same] + 1, same);
	}
	return n;
}
