/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/core/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

/* Unit tests build this file with a socket of their own. */
#ifndef LOG_PATH
#define LOG_PATH "/dev/log"
#endif

/* Longest line before escaping; an error text fits in with room to spare. */
#define LOG_MAX 2048

/* Longest header: priority, time, ident and pid. */
#define LOG_HEAD_MAX (LOG_IDENT_MAX + 64)

static const char *log_ident = "k8shell";
static enum log_level log_max = LOGL_INFO;
static int log_copy;
static int log_fd = -1;
static unsigned long log_lost;

void
log_init(const char *ident)
{
	log_ident = ident;
}

void
log_close(void)
{
	if (log_fd != -1)
		(void)close(log_fd);
	log_fd = -1;
}

void
log_set_level(enum log_level max)
{
	log_max = max;
}

void
log_to_stderr(int on)
{
	log_copy = on;
}

static size_t
log_copy_safe(char *dst, size_t size, const char *src, size_t len,
    int keep_backslash)
{
	size_t i, o = 0;
	unsigned char c;

	for (i = 0; i < len; i++) {
		c = (unsigned char)src[i];
		if (c >= ' ' && c < 0x7f && (c != '\\' || keep_backslash)) {
			if (o + 1 >= size)
				break;
			dst[o++] = (char)c;
		} else {
			if (o + 4 >= size)
				break;
			dst[o++] = '\\';
			dst[o++] = (char)('0' + (c >> 6));
			dst[o++] = (char)('0' + ((c >> 3) & 7));
			dst[o++] = (char)('0' + (c & 7));
		}
	}
	if (size > 0)
		dst[o] = '\0';
	return o;
}

char *
log_escape(char *dst, size_t size, const char *src, size_t len)
{
	(void)log_copy_safe(dst, size, src, len, 0);
	return dst;
}

/* A new socket to the syslog daemon, in log_fd. */
static int
log_connect(void)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX, .sun_path = LOG_PATH};

	log_close();
	log_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (log_fd == -1)
		return -1;
	if (connect(log_fd, (struct sockaddr *)&sun, sizeof(sun)) == -1) {
		log_close();
		return -1;
	}
	return 0;
}

/*
 * One datagram. A restarted daemon has a new socket, so any failure but that
 * of a full queue is worth one new connection.
 */
static int
log_datagram(const char *p, size_t len)
{
	int try;

	for (try = 0; try < 2; try++) {
		if (log_fd == -1 && log_connect() == -1)
			return -1;
		if (send(log_fd, p, len, MSG_NOSIGNAL) != -1)
			return 0;
		if (errno == EAGAIN || errno == ENOBUFS)
			return -1;
		log_close();
	}
	return -1;
}

/*
 * The header of a line, as syslog(3) writes it (RFC 3164 section 4.1). The
 * names of months are not those of a locale.
 */
static size_t
log_head(char *dst, size_t size, enum log_level level, const char *ident,
    pid_t pid)
{
	static const int severity[] = {LOG_ERR, LOG_WARNING, LOG_INFO,
	    LOG_DEBUG};
	static const char months[12][4] = {"Jan", "Feb", "Mar", "Apr", "May",
	    "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
	time_t now = time(NULL);
	struct tm tm;

	if (localtime_r(&now, &tm) == NULL)
		memset(&tm, 0, sizeof(tm));
	return (size_t)snprintf(dst, size,
	    "<%d>%s %2d %02d:%02d:%02d %.*s[%ld]: ", LOG_AUTH | severity[level],
	    months[tm.tm_mon % 12], tm.tm_mday, tm.tm_hour, tm.tm_min,
	    tm.tm_sec, LOG_IDENT_MAX, ident, (long)pid);
}

static void
log_send(const char *line, size_t len)
{
	char lost[LOG_HEAD_MAX + 64];
	size_t n;

	if (log_lost > 0) {
		n = log_head(lost, sizeof(lost), LOGL_WARN, log_ident,
		    getpid());
		n += (size_t)snprintf(lost + n, sizeof(lost) - n,
		    "%lu lines before this one were lost", log_lost);
		if (log_datagram(lost, n) == 0)
			log_lost = 0;
	}
	if (log_lost > 0 || log_datagram(line, len) == -1)
		log_lost++;
}

void
log_line_as(const char *ident, pid_t pid, enum log_level level, const char *p,
    size_t len)
{
	char line[LOG_LINE_MAX + 1];
	int saved = errno;
	size_t n;

	if (len > 0 && p[len - 1] == '\n')
		len--;
	if (len > 0 && p[len - 1] == '\r')
		len--;
	n = log_head(line, sizeof(line), level, ident, pid);
	n += log_copy_safe(line + n, sizeof(line) - n, p, len, 1);
	log_send(line, n);
	errno = saved;
}

void
log_write(enum log_level level, const char *fmt, ...)
{
	char line[LOG_MAX], safe[LOG_MAX * 2];
	int saved = errno;
	va_list ap;

	if (level > log_max)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	log_escape(safe, sizeof(safe), line, strlen(line));
	/* The escapes are in there already. */
	log_line_as(log_ident, getpid(), level, safe, strlen(safe));
	if (log_copy)
		(void)fprintf(stderr, "%s\n", safe);
	errno = saved;
}

int
log_rate_ok(struct log_rate *r, unsigned int max, unsigned int *left_out)
{
	struct timespec ts;

	*left_out = 0;
	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	if ((long long)ts.tv_sec != r->second) {
		*left_out = r->left_out;
		*r = (struct log_rate){.second = ts.tv_sec};
	}
	if (r->written < max) {
		r->written++;
		return 1;
	}
	r->left_out++;
	return 0;
}
