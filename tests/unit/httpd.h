/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The least HTTP server that lib/kube/api can talk to: a child process on a
 * loopback port that gives each connection the same bytes and then ends it.
 */
#ifndef K8SHELL_HTTPD_H
#define K8SHELL_HTTPD_H

#include "tests/unit/unit.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

struct httpd {
	pid_t pid;
	int requests; /* what clients sent, as it was */
	char url[64];
};

/*
 * A socket bound to a port that is free; listens if asked to. -1 on failure;
 * port is set even then, because gcc 14 can't see that assert_true() ends a
 * test.
 */
static inline int
httpd_bind(int family, int listening, unsigned int *port)
{
	struct sockaddr_in in4 = {.sin_family = AF_INET,
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6,
	    .sin6_addr = IN6ADDR_LOOPBACK_INIT};
	struct sockaddr *sa = family == AF_INET ? (struct sockaddr *)&in4
						: (struct sockaddr *)&in6;
	socklen_t len = family == AF_INET ? sizeof(in4) : sizeof(in6);
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	*port = 0;
	if (fd == -1 || bind(fd, sa, len) == -1 ||
	    (listening && listen(fd, 8) == -1) ||
	    getsockname(fd, sa, &len) == -1) {
		close(fd);
		return -1;
	}
	*port = ntohs(family == AF_INET ? in4.sin_port : in6.sin6_port);
	return fd;
}

static inline void
httpd_serve(int fd, int log, const char *answer, size_t len)
{
	char request[65536];
	size_t have, sent;
	ssize_t n;
	int c;

	for (;;) {
		if ((c = accept(fd, NULL, NULL)) == -1)
			_exit(1);
		for (have = 0; have < sizeof(request) - 1; have += (size_t)n) {
			request[have] = '\0';
			/* Answers a TLS handshake (22) as other servers. */
			if (strstr(request, "\r\n\r\n") != NULL ||
			    request[0] == 22)
				break;
			n = read(c, request + have, sizeof(request) - 1 - have);
			if (n <= 0)
				break;
		}
		if (write(log, request, have) != (ssize_t)have)
			_exit(1);
		for (sent = 0; sent < len; sent += (size_t)n)
			if ((n = write(c, answer + sent, len - sent)) <= 0)
				break;
		shutdown(c, SHUT_WR);
		while (read(c, request, sizeof(request)) > 0)
			continue;
		close(c);
	}
}

/* 0 if this machine has no such address. */
static inline int
httpd_start(struct httpd *h, int family, const char *answer, size_t len)
{
	unsigned int port;
	int fd = httpd_bind(family, 1, &port), p[2];

	if (fd == -1)
		return 0;
	(void)snprintf(h->url, sizeof(h->url), "http://%s:%u",
	    family == AF_INET ? "127.0.0.1" : "[::1]", port);
	assert_int_equal(pipe(p), 0);
	assert_true((h->pid = fork()) >= 0);
	if (h->pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		signal(SIGPIPE, SIG_IGN);
		close(p[0]);
		httpd_serve(fd, p[1], answer, len);
	}
	close(fd);
	close(p[1]);
	h->requests = p[0];
	return 1;
}

/* Ends it; request gets what clients sent so far. */
static inline void
httpd_stop(struct httpd *h, char *request, size_t size)
{
	size_t have = 0;
	ssize_t n;

	kill(h->pid, SIGKILL);
	assert_int_equal(waitpid(h->pid, NULL, 0), h->pid);
	while (have < size - 1 &&
	    (n = read(h->requests, request + have, size - 1 - have)) > 0)
		have += (size_t)n;
	request[have] = '\0';
	close(h->requests);
}

#endif
