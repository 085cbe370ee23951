/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/request.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* PROTOCOL.mux, section 4. */
enum request_tag {
	REQUEST_COMMAND = 1,
	REQUEST_ENV = 2,
	REQUEST_TTY = 3,
	REQUEST_USER = 4,
	REQUEST_AGENT = 5,
	REQUEST_ARGV = 6,
	REQUEST_MOTD = 7,
	REQUEST_TAGS,
};

#define REQUEST_HEAD	 5 /* tag and length */
#define REQUEST_SIZE_LEN 8 /* of a terminal: four u16 */

struct request_item {
	unsigned int tag;
	const unsigned char *p;
	size_t len;
};

static unsigned int
get_u16(const unsigned char *p)
{
	return (unsigned int)p[0] << 8 | p[1];
}

/* The next item; 0 at the end, -1 if there is none though bytes are left. */
static int
request_next(const unsigned char **p, size_t *len, struct request_item *item)
{
	if (*len == 0)
		return 0;
	if (*len < REQUEST_HEAD)
		return -1;
	item->tag = (*p)[0];
	item->len = (size_t)get_u16(*p + 1) << 16 | get_u16(*p + 3);
	item->p = *p + REQUEST_HEAD;
	if (item->len > *len - REQUEST_HEAD)
		return -1;
	*p += REQUEST_HEAD + item->len;
	*len -= REQUEST_HEAD + item->len;
	return 1;
}

/* An item by itself: its length, and texts as they have to be. */
static int
request_check(const struct request_item *item)
{
	const unsigned char *eq;

	switch (item->tag) {
	case REQUEST_TTY:
		return item->len >= REQUEST_SIZE_LEN ? 0 : -1;
	case REQUEST_AGENT:
	case REQUEST_MOTD:
		return item->len == 0 ? 0 : -1;
	case REQUEST_ENV:
		if (item->len == 0 ||
		    (eq = memchr(item->p, '=', item->len)) == NULL ||
		    eq == item->p)
			return -1;
		break;
	case REQUEST_COMMAND:
	case REQUEST_USER:
	case REQUEST_ARGV:
		break;
	default:
		return -1;
	}
	return item->len > 0 && memchr(item->p, '\0', item->len) != NULL ? -1
									 : 0;
}

/* All items, and how often each tag is there. */
static int
request_count(const unsigned char *p, size_t len, size_t seen[REQUEST_TAGS],
    struct k8s_err *err)
{
	struct request_item item;
	size_t tag;
	int more;

	while ((more = request_next(&p, &len, &item)) == 1) {
		if (request_check(&item) == -1)
			return k8s_err_set(err, K8S_ERR_INVALID,
			    "item %u of the session is not what it should be",
			    item.tag);
		seen[item.tag]++;
	}
	if (more == -1)
		return k8s_err_set(err, K8S_ERR_INVALID,
		    "the session's items are cut short");
	for (tag = 0; tag < REQUEST_TAGS; tag++)
		if (seen[tag] > 1 && tag != REQUEST_ENV && tag != REQUEST_ARGV)
			return k8s_err_set(err, K8S_ERR_INVALID,
			    "item %zu of the session is there twice", tag);
	if (seen[REQUEST_COMMAND] > 0 && seen[REQUEST_ARGV] > 0)
		return k8s_err_set(err, K8S_ERR_INVALID,
		    "a command and arguments at once");
	if (seen[REQUEST_ENV] > REQUEST_ENV_MAX)
		return k8s_err_set(err, K8S_ERR_LIMIT,
		    "more than %d environment variables", REQUEST_ENV_MAX);
	return 0;
}

static void
request_take(struct request *r, const struct request_item *item, char *text)
{
	switch (item->tag) {
	case REQUEST_COMMAND:
		r->command = text;
		break;
	case REQUEST_USER:
		r->user = text;
		break;
	case REQUEST_TTY:
		r->tty = 1;
		r->size = (struct winsize){
		    .ws_col = (unsigned short)get_u16(item->p),
		    .ws_row = (unsigned short)get_u16(item->p + 2),
		    .ws_xpixel = (unsigned short)get_u16(item->p + 4),
		    .ws_ypixel = (unsigned short)get_u16(item->p + 6),
		};
		r->modes = (unsigned char *)text + REQUEST_SIZE_LEN;
		r->modes_len = item->len - REQUEST_SIZE_LEN;
		break;
	case REQUEST_AGENT:
		r->agent = 1;
		break;
	case REQUEST_MOTD:
		r->motd = 1;
		break;
	}
}

int
request_parse(struct request *r, const unsigned char *p, size_t len,
    struct k8s_err *err)
{
	size_t seen[REQUEST_TAGS] = {0}, argc = 0, envc = 0;
	struct request_item item;
	char *text;

	*r = (struct request){.command = NULL};
	if (request_count(p, len, seen, err) == -1)
		return -1;
	/* Each head leaves more room than the NUL that its text gets. */
	r->text = text = malloc(len + 1);
	r->pointers = calloc(seen[REQUEST_ARGV] + seen[REQUEST_ENV] + 2,
	    sizeof(*r->pointers));
	if (r->text == NULL || r->pointers == NULL) {
		request_free(r);
		return k8s_err_errno(err, "out of memory");
	}
	r->env = r->pointers;
	if (seen[REQUEST_ARGV] > 0)
		r->argv = r->pointers + seen[REQUEST_ENV] + 1;
	while (request_next(&p, &len, &item) == 1) {
		if (item.len > 0)
			memcpy(text, item.p, item.len);
		text[item.len] = '\0';
		if (item.tag == REQUEST_ENV)
			r->env[envc++] = text;
		else if (item.tag == REQUEST_ARGV)
			r->argv[argc++] = text;
		else
			request_take(r, &item, text);
		text += item.len + 1;
	}
	return 0;
}

void
request_free(struct request *r)
{
	free(r->text);
	free(r->pointers);
	*r = (struct request){.command = NULL};
}
