/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the OPEN of a session asks a guest for: the items of PROTOCOL.mux,
 * section 4, one after the other.
 */
#ifndef K8SHELL_ITEMS_H
#define K8SHELL_ITEMS_H

#include <stddef.h>
#include <sys/ioctl.h>
#include <termios.h>

#include "lib/core/buf.h"

enum items_tag {
	ITEM_COMMAND = 1,
	ITEM_ENV = 2,
	ITEM_TTY = 3,
	ITEM_USER = 4,
	ITEM_AGENT = 5,
	ITEM_ARGV = 6,
	ITEM_MOTD = 7,
};

/* A terminal's size on the wire: also the payload of SIZE. */
#define ITEMS_SIZE_LEN 8

/* All add to b; -1 past its cap or without memory. */

/* An item without bytes: ITEM_AGENT, ITEM_MOTD. */
int items_put(struct buf *b, enum items_tag tag);
/* A text; NULL: no item. */
int items_text(struct buf *b, enum items_tag tag, const char *s);
/* One for each string of the list, which ends with NULL; NULL: none. */
int items_texts(struct buf *b, enum items_tag tag, const char *const *list);
/* ITEM_ENV for each NAME=VALUE of the list; what is none is left out. */
int items_env(struct buf *b, const char *const *env);
int items_tty(struct buf *b, const struct winsize *ws,
    const struct termios *modes);

void items_size(unsigned char p[ITEMS_SIZE_LEN], const struct winsize *ws);

#endif
