/* SPDX-License-Identifier: Apache-2.0 */
#include "helpers/remote.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "helpers/items.h"
#include "lib/core/buf.h"

#define REMOTE_FAILED 255

struct remote_text {
	char s[REMOTE_OUTPUT_MAX + 1];
	size_t len;
};

struct remote {
	struct mux_channel *channel;
	const unsigned char *in;
	size_t in_len;
	struct remote_text out, errs;
	int status, known;
	void (*done)(void *arg, const struct remote_result *r);
	void *arg;
};

static void
remote_add(struct remote_text *t, const unsigned char *p, size_t len)
{
	size_t room = sizeof(t->s) - 1 - t->len;

	if (len > room)
		len = room;
	memcpy(t->s + t->len, p, len);
	t->len += len;
}

static const char *
remote_string(struct remote_text *t)
{
	t->s[t->len] = '\0';
	t->len = strlen(t->s);
	while (t->len > 0 && t->s[t->len - 1] == '\n')
		t->s[--t->len] = '\0';
	return t->s;
}

/* The last thing with r. */
static void
remote_end(struct remote *r)
{
	const struct remote_result result = {
	    .status = r->status,
	    .out = remote_string(&r->out),
	    .errs = remote_string(&r->errs),
	};

	r->done(r->arg, &result);
	free(r);
}

/* As much of its stdin as goes. */
static void
remote_room(void *arg)
{
	struct remote *r = arg;
	unsigned char *p;
	size_t len;

	while (r->in_len > 0 && (p = mux_reserve(r->channel, &len)) != NULL) {
		if (len > r->in_len)
			len = r->in_len;
		memcpy(p, r->in, len);
		r->in += len;
		r->in_len -= len;
		mux_commit(r->channel, MUX_DATA, len);
		if (r->in_len == 0)
			mux_eof(r->channel);
	}
}

static void
remote_opened(void *arg)
{
	struct remote *r = arg;

	if (r->in_len == 0)
		mux_eof(r->channel);
	else
		remote_room(r);
}

static void
remote_refused(void *arg, int error, const char *text, size_t len)
{
	struct remote *r = arg;

	if (len == 0 && error != 0) {
		text = strerror(error);
		len = strlen(text);
	}
	remote_add(&r->errs, (const unsigned char *)text, len);
	remote_end(r);
}

static void
remote_data(void *arg, enum mux_type type, const unsigned char *p, size_t len)
{
	struct remote *r = arg;

	remote_add(type == MUX_STDERR ? &r->errs : &r->out, p, len);
	mux_passed_on(r->channel, len);
}

static void
remote_eof(void *arg)
{
	(void)arg; /* CLOSE follows */
}

static void
remote_message(void *arg, enum mux_type type, const unsigned char *p,
    size_t len)
{
	static const char killed[] = "it was killed by ";
	struct remote *r = arg;

	r->known = 1;
	if (type == MUX_STATUS) {
		r->status = p[3];
	} else if (type == MUX_KILLED) {
		remote_add(&r->errs, (const unsigned char *)killed,
		    sizeof(killed) - 1);
		remote_add(&r->errs, p + 1, len - 1);
	}
}

static void
remote_closed(void *arg)
{
	static const char none[] = "it ended without a status";
	struct remote *r = arg;

	if (!r->known)
		remote_add(&r->errs, (const unsigned char *)none,
		    sizeof(none) - 1);
	remote_end(r);
}

static const struct mux_channel_handler remote_handler = {
    .opened = remote_opened,
    .refused = remote_refused,
    .data = remote_data,
    .room = remote_room,
    .eof = remote_eof,
    .message = remote_message,
    .closed = remote_closed,
};

int
remote_start(struct mux *m, const struct remote_params *params,
    void (*done)(void *arg, const struct remote_result *r), void *arg,
    struct k8s_err *err)
{
	__attribute__((cleanup(buf_freep))) struct buf *b = NULL;
	struct remote *r;

	if ((b = buf_new(MUX_OPEN_MAX)) == NULL ||
	    (r = calloc(1, sizeof(*r))) == NULL)
		return k8s_err_errno(err, "out of memory");
	r->in = params->in;
	r->in_len = params->in_len;
	r->status = REMOTE_FAILED;
	r->done = done;
	r->arg = arg;
	if (items_texts(b, ITEM_ARGV, params->argv) == -1 ||
	    items_text(b, ITEM_USER, params->user) == -1 ||
	    (r->channel = mux_open(m, MUX_SESSION, buf_data(b), buf_len(b),
		 &remote_handler, r)) == NULL) {
		free(r);
		return k8s_err_errno(err, "a channel for %s", params->argv[0]);
	}
	return 0;
}
