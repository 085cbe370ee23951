/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/core/buf.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BUF_MIN 512

struct buf {
	unsigned char *mem; /* size bytes, content at off */
	size_t size, off, len, cap;
};

struct buf *
buf_new(size_t cap)
{
	struct buf *b = calloc(1, sizeof(*b));

	if (b != NULL)
		b->cap = cap;
	return b;
}

void
buf_free(struct buf *b)
{
	if (b == NULL)
		return;
	if (b->mem != NULL)
		explicit_bzero(b->mem, b->size);
	free(b->mem);
	free(b);
}

void
buf_freep(struct buf **b)
{
	buf_free(*b);
	*b = NULL;
}

const unsigned char *
buf_data(const struct buf *b)
{
	return b->mem == NULL ? (const unsigned char *)"" : b->mem + b->off;
}

size_t
buf_len(const struct buf *b)
{
	return b->len;
}

size_t
buf_room(const struct buf *b)
{
	return b->cap - b->len;
}

/* Makes size bytes of memory available from off on, one more for a NUL. */
static int
buf_grow(struct buf *b, size_t need)
{
	unsigned char *mem;
	size_t size;

	if (b->mem != NULL && b->size - b->off > need)
		return 0;
	if (b->mem != NULL && b->size > need) {
		memmove(b->mem, b->mem + b->off, b->len);
		b->off = 0;
		return 0;
	}
	size = b->size > BUF_MIN ? b->size : BUF_MIN;
	while (size <= need)
		size *= 2;
	/* Not realloc: the old copy must be wiped. */
	if ((mem = malloc(size)) == NULL)
		return -1;
	if (b->mem != NULL) {
		memcpy(mem, b->mem + b->off, b->len);
		explicit_bzero(b->mem, b->size);
		free(b->mem);
	}
	b->mem = mem;
	b->size = size;
	b->off = 0;
	return 0;
}

unsigned char *
buf_reserve(struct buf *b, size_t len)
{
	if (len > buf_room(b)) {
		errno = EFBIG;
		return NULL;
	}
	if (buf_grow(b, b->len + len) == -1)
		return NULL;
	return b->mem + b->off + b->len;
}

void
buf_commit(struct buf *b, size_t n)
{
	b->len += n;
}

int
buf_put(struct buf *b, const void *p, size_t len)
{
	unsigned char *d;

	if (len == 0)
		return 0;
	if ((d = buf_reserve(b, len)) == NULL)
		return -1;
	memcpy(d, p, len);
	buf_commit(b, len);
	return 0;
}

void
buf_consume(struct buf *b, size_t n)
{
	b->off += n;
	b->len -= n;
	if (b->len == 0)
		b->off = 0;
}

const char *
buf_string(struct buf *b)
{
	if (memchr(buf_data(b), '\0', b->len) != NULL) {
		errno = EINVAL;
		return NULL;
	}
	if (buf_grow(b, b->len) == -1)
		return NULL;
	b->mem[b->off + b->len] = '\0';
	return (const char *)b->mem + b->off;
}

int
buf_read_all(struct buf *b, int fd)
{
	unsigned char *d, extra;
	size_t want;
	ssize_t n;

	for (;;) {
		want = buf_room(b) < 4096 ? buf_room(b) : 4096;
		if (want == 0) {
			/* Full: fine only if this is the end. */
			if ((n = read(fd, &extra, 1)) == 0)
				return 0;
			if (n == -1 && errno == EINTR)
				continue;
			if (n > 0)
				errno = EFBIG;
			return -1;
		}
		if ((d = buf_reserve(b, want)) == NULL)
			return -1;
		if ((n = read(fd, d, want)) == 0)
			return 0;
		if (n == -1) {
			if (errno == EINTR)
				continue;
			return -1;
		}
		buf_commit(b, (size_t)n);
	}
}
