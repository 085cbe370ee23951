/* SPDX-License-Identifier: Apache-2.0 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "fakekube.h"

void
text_add(struct text *t, const void *data, size_t len)
{
	size_t cap = t->cap;
	char *grown;

	if (len > SIZE_MAX / 2 - t->len - 1)
		errx(1, "text too long");
	if (t->cap - t->len < len + 1) {
		cap = (t->len + len + 1) * 2;
		if ((grown = realloc(t->data, cap)) == NULL)
			err(1, "realloc");
		t->data = grown;
		t->cap = cap;
	}
	if (len > 0)
		memcpy(t->data + t->len, data, len);
	t->len += len;
	t->data[t->len] = '\0';
}

void
text_adds(struct text *t, const char *s)
{
	text_add(t, s, strlen(s));
}

void
text_addf(struct text *t, const char *fmt, ...)
{
	va_list ap;
	char *s;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&s, fmt, ap);
	va_end(ap);
	if (n < 0)
		err(1, "vasprintf");
	text_add(t, s, (size_t)n);
	free(s);
}

/* Bytes that are not ASCII become \u00XX: always valid JSON, and one to one. */
void
text_json(struct text *t, const char *s, size_t len)
{
	unsigned char c;
	size_t i;

	text_adds(t, "\"");
	for (i = 0; i < len; i++) {
		c = (unsigned char)s[i];
		if (c == '"' || c == '\\') {
			text_add(t, "\\", 1);
			text_add(t, &s[i], 1);
		} else if (c < 0x20 || c >= 0x7f) {
			text_addf(t, "\\u%04x", c);
		} else {
			text_add(t, &s[i], 1);
		}
	}
	text_adds(t, "\"");
}

void
text_jsons(struct text *t, const char *s)
{
	text_json(t, s, strlen(s));
}

void
text_free(struct text *t)
{
	free(t->data);
	*t = (struct text){0};
}

void *
xcalloc(size_t n, size_t size)
{
	void *p = calloc(n, size);

	if (p == NULL)
		err(1, "calloc");
	return p;
}

char *
xstrdup(const char *s)
{
	char *copy = strdup(s);

	if (copy == NULL)
		err(1, "strdup");
	return copy;
}

int64_t
now_ms(void)
{
	struct timespec ts;

	if (clock_gettime(CLOCK_MONOTONIC, &ts) < 0)
		err(1, "clock_gettime");
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

int
number_parse(const char *s, uint64_t max, uint64_t *out)
{
	uint64_t n = 0;

	if (*s == '\0')
		return -1;
	for (; *s != '\0'; s++) {
		if (*s < '0' || *s > '9')
			return -1;
		if ((uint64_t)(*s - '0') > max ||
		    n > (max - (uint64_t)(*s - '0')) / 10)
			return -1;
		n = n * 10 + (uint64_t)(*s - '0');
	}
	*out = n;
	return 0;
}

char *
string_trim(char *s)
{
	size_t n;

	s += strspn(s, " \t\r\n");
	n = strlen(s);
	while (n > 0 && strchr(" \t\r\n", s[n - 1]) != NULL)
		s[--n] = '\0';
	return s;
}

void
fd_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

int
fd_nonblock(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0)
		return -1;
	return fcntl(fd, F_SETFL, flags | O_NONBLOCK);
}

/* By way of a temporary name, so that a waiting reader never sees half. */
int
write_file(const char *path, const struct text *t, mode_t mode)
{
	auto_text tmp = {0};
	auto_fd fd = -1;
	size_t off = 0;
	ssize_t n;

	text_addf(&tmp, "%s.tmp.%ld", path, (long)getpid());
	fd = open(tmp.data, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
	if (fd < 0)
		return -1;
	while (off < t->len) {
		n = write(fd, t->data + off, t->len - off);
		if (n < 0 && errno != EINTR) {
			unlink(tmp.data);
			return -1;
		}
		if (n > 0)
			off += (size_t)n;
	}
	if (rename(tmp.data, path) < 0) {
		unlink(tmp.data);
		return -1;
	}
	return 0;
}
