/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A syslog daemon's socket for one test: lib/core/log.c is built with LOG_PATH
 * "dev-log" for these tests, in the folder that the test goes to.
 */
#ifndef K8SHELL_SYSLOGD_H
#define K8SHELL_SYSLOGD_H

#include "tests/unit/unit.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static inline int
syslogd_start(void)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX, .sun_path = LOG_PATH};
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&sun, sizeof(sun)), 0);
	return fd;
}

static inline void
syslogd_stop(int fd)
{
	close(fd);
	assert_int_equal(unlink(LOG_PATH), 0);
}

/* The next datagram, "" if there is none. */
static inline const char *
syslogd_raw(int fd)
{
	static char out[65536];
	ssize_t n = recv(fd, out, sizeof(out) - 1, 0);

	assert_true(n >= 0 || errno == EAGAIN);
	out[n > 0 ? n : 0] = '\0';
	return out;
}

/*
 * The next datagram without its priority and time, which are checked: "<38>"
 * and "Nov 24 15:00:00 ".
 */
static inline const char *
syslogd_line(int fd, int priority)
{
	const char *raw = syslogd_raw(fd);
	char head[16], month[4];
	int day, h, m, s, used = 0;

	(void)snprintf(head, sizeof(head), "<%d>", priority);
	if (strncmp(raw, head, strlen(head)) != 0)
		fail_msg("not %s: \"%s\"", head, raw);
	raw += strlen(head);
	if (sscanf(raw, "%3s %2d %2d:%2d:%2d %n", month, &day, &h, &m, &s,
		&used) != 5 ||
	    used != 16)
		fail_msg("no time: \"%s\"", raw);
	return raw + used;
}

#endif
