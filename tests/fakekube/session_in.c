/* SPDX-License-Identifier: Apache-2.0 */
/* What comes from the client: stdin, sizes, pings, its close frame. */
#include <sys/ioctl.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "session.h"

#define PENDING_MAX                                              \
	65536 /* of ours, before the client is not read any more \
	       */

void
session_stdin(struct session *s)
{
	ssize_t n;

	while (s->in_len > s->in_off && s->proc.in >= 0) {
		n = write(s->proc.in, s->in + s->in_off, s->in_len - s->in_off);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n < 0) {
			/* Nobody reads it: drop this and the rest. */
			fd_close(&s->proc.in);
			break;
		}
		s->in_off += (size_t)n;
	}
	s->in_off = s->in_len = 0;
	/* A terminal has no end of input: as in reality, none is made up. */
	if (s->in_ended && !s->cmd->tty)
		fd_close(&s->proc.in);
}

static void
stdin_data(struct session *s, const unsigned char *p, size_t n)
{
	s->received += n;
	if (s->proc.in < 0 || s->in_ended)
		return;
	/* The buffer was empty before this read of at most FK_FRAME. */
	if (n > sizeof(s->in) - s->in_len)
		n = sizeof(s->in) - s->in_len;
	memcpy(s->in + s->in_len, p, n);
	s->in_len += n;
}

static void
resize_apply(struct session *s)
{
	struct winsize size = {0};
	const char *w, *h;

	s->resize[s->resize_len] = '\0';
	w = strstr(s->resize, "\"Width\":");
	h = strstr(s->resize, "\"Height\":");
	if (w != NULL)
		size.ws_col = (unsigned short)strtoul(w + 8, NULL, 10);
	if (h != NULL)
		size.ws_row = (unsigned short)strtoul(h + 9, NULL, 10);
	session_logf(s, "resize", ",\"width\":%u,\"height\":%u", size.ws_col,
	    size.ws_row);
	if (s->proc.master >= 0)
		ioctl(s->proc.master, TIOCSWINSZ, &size);
	s->resize_len = 0;
}

static void
on_data(void *arg, int channel, unsigned char *p, size_t n, bool end)
{
	struct session *s = arg;
	size_t room;

	if (!s->first_seen)
		session_logf(s, "first-message", ",\"channel\":%d", channel);
	s->first_seen = true;
	if (channel == CHANNEL_STDIN) {
		stdin_data(s, p, n);
	} else if (channel == CHANNEL_RESIZE) {
		room = sizeof(s->resize) - 1 - s->resize_len;
		memcpy(s->resize + s->resize_len, p, n < room ? n : room);
		s->resize_len += n < room ? n : room;
		if (end)
			resize_apply(s);
	} else if (channel == CHANNEL_CLOSE && s->v5) {
		if (s->signalled_len == 0 && n > 0)
			s->signalled = *p;
		s->signalled_len += n;
		if (end && s->signalled_len == 1 &&
		    s->signalled == CHANNEL_STDIN && !s->in_ended) {
			session_log(s, "stdin-close");
			s->in_ended = true;
		}
		if (end)
			s->signalled_len = 0;
	} else if (end) {
		session_logf(s, "ignored-message", ",\"channel\":%d", channel);
	}
}

static void
on_ping(void *arg, size_t len)
{
	session_logf(arg, "ping", ",\"length\":%zu", len);
}

static void
on_close(void *arg, int code)
{
	struct session *s = arg;

	session_logf(s, "close-received", ",\"code\":%d", code);
	s->closed = true;
}

static void
on_broken(void *arg, const char *why)
{
	struct session *s = arg;

	session_logf(s, "protocol-error", ",\"why\":\"%s\"", why);
	s->closed = true; /* our close frame is on its way */
}

const struct ws_events session_events = {on_data, on_ping, on_close, on_broken};

int64_t
session_budget(const struct session *s)
{
	int64_t rate = s->faults->read_rate, budget;

	if (rate < 0)
		return -1;
	budget = (now_ms() - s->start) * rate / 1000 - (int64_t)s->wire;
	return budget > 0 ? budget : 0;
}

bool
session_wants_input(const struct session *s)
{
	return !s->stalled && s->in_len == 0 &&
	    ws_pending(s->ws) < PENDING_MAX && session_budget(s) != 0;
}

void
session_input(struct session *s)
{
	unsigned char buf[FK_FRAME];
	size_t want = sizeof(buf), got;
	int64_t budget = session_budget(s);
	enum io io;

	if (!session_wants_input(s) ||
	    (!s->sock_ready && !conn_pending(s->conn)))
		return;
	if (budget > 0 && (uint64_t)budget < want)
		want = (size_t)budget;
	io = conn_try_read(s->conn, buf, want, &got);
	s->read_waits_write = io == IO_WAIT_WRITE;
	if (io == IO_END)
		s->gone = true;
	if (io != IO_OK)
		return;
	s->wire += got;
	if (ws_feed(s->ws, buf, got, &session_events, s) < 0)
		s->gone = true;
	session_stdin(s);
}
