/* SPDX-License-Identifier: Apache-2.0 */
#include "helpers/items.h"

#include <string.h>

#include "lib/core/modes.h"

static int
items_bytes(struct buf *b, enum items_tag tag, const void *p, size_t len)
{
	const unsigned char head[] = {(unsigned char)tag,
	    (unsigned char)(len >> 24), (unsigned char)(len >> 16),
	    (unsigned char)(len >> 8), (unsigned char)len};

	if (buf_put(b, head, sizeof(head)) == -1)
		return -1;
	return len == 0 ? 0 : buf_put(b, p, len);
}

int
items_put(struct buf *b, enum items_tag tag)
{
	return items_bytes(b, tag, NULL, 0);
}

int
items_text(struct buf *b, enum items_tag tag, const char *s)
{
	return s == NULL ? 0 : items_bytes(b, tag, s, strlen(s));
}

int
items_texts(struct buf *b, enum items_tag tag, const char *const *list)
{
	for (; list != NULL && *list != NULL; list++)
		if (items_text(b, tag, *list) == -1)
			return -1;
	return 0;
}

int
items_env(struct buf *b, const char *const *env)
{
	for (; env != NULL && *env != NULL; env++)
		/* A name there has to be. */
		if (**env != '=' && strchr(*env, '=') != NULL &&
		    items_text(b, ITEM_ENV, *env) == -1)
			return -1;
	return 0;
}

void
items_size(unsigned char p[ITEMS_SIZE_LEN], const struct winsize *ws)
{
	const unsigned short v[] = {ws->ws_col, ws->ws_row, ws->ws_xpixel,
	    ws->ws_ypixel};
	size_t i;

	for (i = 0; i < 4; i++) {
		p[2 * i] = (unsigned char)(v[i] >> 8);
		p[2 * i + 1] = (unsigned char)v[i];
	}
}

int
items_tty(struct buf *b, const struct winsize *ws, const struct termios *modes)
{
	unsigned char p[ITEMS_SIZE_LEN + MODES_ENCODED_MAX];

	items_size(p, ws);
	return items_bytes(b, ITEM_TTY, p,
	    ITEMS_SIZE_LEN + modes_encode(modes, p + ITEMS_SIZE_LEN));
}
