/* SPDX-License-Identifier: Apache-2.0 */
/* How an exec ends: the status, the close frame, and what can go wrong. */
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "session.h"

#define PATIENCE 600000 /* for a client that takes its time at the end */

void
session_log(const struct session *s, const char *event)
{
	log_event(s->srv, conn_id(s->conn), event);
}

void
session_logf(const struct session *s, const char *event, const char *fmt, ...)
{
	auto_text t = {0};
	va_list ap;
	char more[256];

	va_start(ap, fmt);
	vsnprintf(more, sizeof(more), fmt, ap);
	va_end(ap);
	log_start(&t, s->srv, conn_id(s->conn), event);
	text_adds(&t, more);
	log_end(&t, s->srv);
}

void
status_normal(struct text *t, int code)
{
	if (code == 0) {
		text_adds(t, "{\"metadata\":{},\"status\":\"Success\"}");
		return;
	}
	text_addf(t,
	    "{\"metadata\":{},\"status\":\"Failure\",\"message\":\"command "
	    "terminated with non-zero exit code: command terminated with exit "
	    "code %d\",\"reason\":\"NonZeroExitCode\",\"details\":{\"causes\":"
	    "[{\"reason\":\"ExitCode\",\"message\":\"%d\"}]}}",
	    code, code);
}

void
status_internal(struct text *t, const char *why)
{
	auto_text message = {0};

	text_addf(&message, "Internal error occurred: %s", why);
	text_adds(t,
	    "{\"metadata\":{},\"status\":\"Failure\","
	    "\"message\":");
	text_jsons(t, message.data);
	text_adds(t,
	    ",\"reason\":\"InternalError\",\"details\":{\"causes\":"
	    "[{\"message\":");
	text_jsons(t, why);
	text_adds(t, "}]},\"code\":500}");
}

static void
status_send(struct session *s, struct text *status)
{
	switch (s->faults->status) {
	case STATUS_NONE:
		return;
	case STATUS_MALFORMED:
		status->len -= status->len / 3;
		break;
	case STATUS_HUGE:
		status->len--;
		text_addf(status, ",\"padding\":\"%02097152d\"}", 0);
		break;
	case STATUS_FRAGMENTS:
		ws_message_fragmented(s->ws, CHANNEL_STATUS, status->data,
		    status->len, 1);
		return;
	case STATUS_EMPTY:
		status->len = 0;
		break;
	case STATUS_TWICE:
		ws_message(s->ws, CHANNEL_STATUS, status->data, status->len);
		break;
	case STATUS_RAW:
		status->len = 0;
		text_adds(status, s->faults->status_raw);
		break;
	default:
		break;
	}
	ws_message(s->ws, CHANNEL_STATUS, status->data, status->len);
}

static int
wait_socket(struct session *s, short what, int timeout)
{
	struct pollfd p = {.fd = conn_fd(s->conn), .events = what};
	int n = poll(&p, 1, timeout);

	return n < 0 || (p.revents & (POLLERR | POLLHUP)) ? -1 : n;
}

void
session_flush(struct session *s)
{
	int64_t deadline = now_ms() + PATIENCE;
	enum io io;

	while ((io = ws_flush(s->ws)) != IO_OK) {
		if (io == IO_END || now_ms() > deadline ||
		    wait_socket(s, io == IO_WAIT_READ ? POLLIN : POLLOUT,
			1000) < 0) {
			s->gone = true;
			return;
		}
	}
}

/* After our close frame the client's is worth a line in the log. */
static void
await_close(struct session *s)
{
	int64_t deadline = now_ms() + 2000;
	unsigned char buf[4096];
	size_t got;
	enum io io;

	while (!s->closed && now_ms() < deadline) {
		io = conn_try_read(s->conn, buf, sizeof(buf), &got);
		if (io == IO_END)
			return;
		if (io == IO_OK) {
			if (ws_feed(s->ws, buf, got, &session_events, s) < 0)
				return;
			s->in_len = s->in_off = 0;
		} else if (wait_socket(s, POLLIN, 100) < 0) {
			return;
		}
	}
}

void
session_cut(struct session *s)
{
	const struct faults *f = s->faults;

	session_flush(s);
	session_log(s, "cut");
	s->ended = "cut";
	switch (f->cut.how) {
	case CUT_RST:
		conn_reset(s->conn);
		break;
	case CUT_CLOSE:
		ws_close(s->ws, f->cut.code);
		session_flush(s);
		conn_end(s->conn, true);
		await_close(s);
		conn_finish(s->conn, true);
		break;
	default:
		conn_finish(s->conn, f->cut.how == CUT_TLS);
		break;
	}
	s->gone = true;
}

void
session_stall(struct session *s)
{
	session_log(s, "stall");
	s->stalled = true;
}

void
session_finish(struct session *s, struct text *status)
{
	const struct faults *f = s->faults;

	if (f->cut.how != CUT_NONE && f->cut.at.at_status) {
		session_cut(s);
		return;
	}
	if (f->stall.on && f->stall.at.at_status) {
		session_stall(s);
		while (wait_socket(s, POLLRDHUP, 60000) == 0)
			continue;
		s->gone = true;
		s->ended = "stall";
		return;
	}
	status_send(s, status);
	if (s->held.len > 0)
		ws_message(s->ws, s->held_channel, s->held.data, s->held.len);
	if (f->data_after_status)
		ws_message(s->ws, CHANNEL_STDOUT, "after status\n", 13);
	ws_close(s->ws, 1000);
	session_flush(s);
	s->ended = s->gone ? "client" : "status";
	if (f->abrupt_close)
		conn_drop(s->conn);
	if (f->abrupt_close || s->gone)
		return;
	/* As Go does: the end follows the close frame at once. */
	conn_end(s->conn, true);
	await_close(s);
	conn_finish(s->conn, true);
}
