/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/stream.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "guest/flow.h"

struct stream {
	struct guest *g;
	struct mux_channel *c;
	int fd; /* until the flows have it */
	struct sink *in;
	int in_done;
	struct source *out; /* NULL: ended */
};

static void
stream_free(struct stream *s)
{
	if (s->fd != -1)
		(void)close(s->fd);
	sink_free(s->in);
	source_free(s->out);
	free(s);
}

static void
stream_close(struct stream *s)
{
	mux_close(s->c);
	stream_free(s);
}

static void
stream_in_done(void *arg)
{
	struct stream *s = arg;

	s->in_done = 1;
	if (s->out == NULL)
		stream_close(s);
}

static void
stream_out_ended(void *arg, int error)
{
	struct stream *s = arg;

	source_free(s->out);
	s->out = NULL;
	mux_eof(s->c);
	/* A reset: what is written is lost as well. */
	if (s->in_done || error != 0)
		stream_close(s);
}

static int
stream_start(struct stream *s)
{
	struct k8s_err err;
	int fd;

	/* epoll watches a descriptor once: one for each direction. */
	if ((fd = fcntl(s->fd, F_DUPFD_CLOEXEC, 3)) == -1 ||
	    (s->in = sink_new(s->g->loop, fd, s->c, SINK_SHUTDOWN,
		 stream_in_done, s, &err)) == NULL)
		return -1;
	fd = s->fd;
	s->fd = -1;
	s->out = source_new(s->g->loop, fd, s->c, MUX_DATA, stream_out_ended, s,
	    &err);
	return s->out != NULL ? 0 : -1;
}

static void
stream_opened(void *arg)
{
	struct stream *s = arg;

	if (stream_start(s) == -1)
		stream_close(s);
}

static void
stream_refused(void *arg, int error, const char *text, size_t len)
{
	(void)error;
	(void)text;
	(void)len;
	stream_free(arg);
}

static void
stream_data(void *arg, enum mux_type type, const unsigned char *p, size_t len)
{
	struct stream *s = arg;

	(void)type;
	sink_data(s->in, p, len);
}

static void
stream_room(void *arg)
{
	struct stream *s = arg;

	if (s->out != NULL)
		source_room(s->out);
}

static void
stream_eof(void *arg)
{
	struct stream *s = arg;

	sink_eof(s->in);
}

static void
stream_closed(void *arg)
{
	stream_free(arg);
}

static const struct mux_channel_handler stream_handler = {
    .opened = stream_opened,
    .refused = stream_refused,
    .data = stream_data,
    .room = stream_room,
    .eof = stream_eof,
    .closed = stream_closed,
};

static struct stream *
stream_new(struct guest *g, int fd)
{
	struct stream *s;

	if ((s = calloc(1, sizeof(*s))) == NULL) {
		(void)close(fd);
		return NULL;
	}
	s->g = g;
	s->fd = fd;
	return s;
}

void
stream_accept(struct guest *g, struct mux_channel *c, int fd)
{
	struct stream *s = stream_new(g, fd);

	if (s != NULL) {
		s->c = c;
		if (stream_start(s) == 0) {
			mux_accept(c, &stream_handler, s);
			return;
		}
		stream_free(s);
	}
	mux_refuse(c, ENOMEM, "no memory or no descriptor for it");
}

int
stream_open(struct guest *g, enum mux_kind kind, const void *params, size_t len,
    int fd)
{
	struct stream *s;

	if ((s = stream_new(g, fd)) == NULL)
		return -1;
	s->c = mux_open(g->mux, kind, params, len, &stream_handler, s);
	if (s->c != NULL)
		return 0;
	stream_free(s);
	return -1;
}
