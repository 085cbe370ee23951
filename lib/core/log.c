/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/core/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>

/* Longest line before escaping; an error text fits in with room to spare. */
#define LOG_MAX 2048

static enum log_level log_max = LOGL_INFO;
static int log_copy;

void
log_init(const char *ident)
{
	openlog(ident, LOG_PID, LOG_AUTH);
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

char *
log_escape(char *dst, size_t size, const char *src, size_t len)
{
	size_t i, o = 0;
	unsigned char c;

	for (i = 0; i < len; i++) {
		c = (unsigned char)src[i];
		if (c >= ' ' && c < 0x7f && c != '\\') {
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
	return dst;
}

void
log_write(enum log_level level, const char *fmt, ...)
{
	static const int priority[] = {LOG_ERR, LOG_WARNING, LOG_INFO,
	    LOG_DEBUG};
	char line[LOG_MAX], safe[LOG_MAX * 2];
	int saved = errno;
	va_list ap;

	if (level > log_max)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	log_escape(safe, sizeof(safe), line, strlen(line));
	syslog(priority[level], "%s", safe);
	if (log_copy)
		(void)fprintf(stderr, "%s\n", safe);
	errno = saved;
}
