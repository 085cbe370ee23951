/* SPDX-License-Identifier: Apache-2.0 */
#include "helpers/frames.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/core/buf.h"

struct frames {
	struct buf *current, *next;
	char head[24]; /* of current, "" once taken */
	int gathering, ended, end_taken;
};

struct frames *
frames_new(void)
{
	struct frames *f;

	if ((f = calloc(1, sizeof(*f))) == NULL)
		return NULL;
	f->current = buf_new(FRAMES_MAX);
	f->next = buf_new(FRAMES_MAX);
	if (f->current == NULL || f->next == NULL) {
		frames_free(f);
		return NULL;
	}
	return f;
}

void
frames_free(struct frames *f)
{
	if (f == NULL)
		return;
	buf_free(f->current);
	buf_free(f->next);
	free(f);
}

void
frames_reset(struct frames *f)
{
	buf_consume(f->current, buf_len(f->current));
	buf_consume(f->next, buf_len(f->next));
	f->head[0] = '\0';
	f->gathering = f->ended = f->end_taken = 0;
}

size_t
frames_room(const struct frames *f)
{
	return buf_room(f->next);
}

unsigned char *
frames_reserve(struct frames *f, size_t len)
{
	return buf_reserve(f->next, len);
}

void
frames_commit(struct frames *f, size_t n)
{
	buf_commit(f->next, n);
}

void
frames_end(struct frames *f, int drop)
{
	if (drop)
		buf_consume(f->next, buf_len(f->next));
	f->ended = 1;
}

/* Makes the next frame the current one, if it is time. */
static void
frames_begin(struct frames *f)
{
	struct buf *empty = f->current;
	size_t len = buf_len(f->next);

	if (f->ended ? f->end_taken : len == 0)
		return;
	if (f->gathering && frames_room(f) > 0 && !f->ended)
		return;
	f->gathering = len >= FRAMES_BULK;
	f->end_taken = len == 0;
	(void)snprintf(f->head, sizeof(f->head), "%zu\n", len);
	f->current = f->next;
	f->next = empty;
}

size_t
frames_take(struct frames *f, unsigned char *p, size_t size)
{
	size_t head, len;

	if (f->head[0] == '\0' && buf_len(f->current) == 0)
		frames_begin(f);
	head = strlen(f->head);
	len = buf_len(f->current);
	if (len > size - head)
		len = size - head;
	memcpy(p, f->head, head);
	memcpy(p + head, buf_data(f->current), len);
	f->head[0] = '\0';
	buf_consume(f->current, len);
	return head + len;
}

int
frames_gathers(const struct frames *f)
{
	return f->gathering;
}

void
frames_hurry(struct frames *f)
{
	f->gathering = 0;
}
