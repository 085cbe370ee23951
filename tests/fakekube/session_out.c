/* SPDX-License-Identifier: Apache-2.0 */
/* What comes from the process: its output and its exit. */
#include <sys/ioctl.h>
#include <sys/wait.h>

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "session.h"

static void
trigger_limit(const struct session *s, const struct trigger *at, size_t *want)
{
	uint64_t sent = s->sent[0] + s->sent[1];

	if (at->bytes >= 0 && (uint64_t)at->bytes > sent &&
	    (uint64_t)at->bytes - sent < *want)
		*want = (size_t)((uint64_t)at->bytes - sent);
}

/* The faults of a byte count strike after exactly so many bytes. */
static size_t
message_size(const struct session *s)
{
	const struct faults *f = s->faults;
	size_t want = f->message > 0 ? f->message : FK_FRAME;

	if (f->cut.how != CUT_NONE)
		trigger_limit(s, &f->cut.at, &want);
	if (f->stall.on)
		trigger_limit(s, &f->stall.at, &want);
	if (f->deleted.how != DELETE_NONE && !s->deleted)
		trigger_limit(s, &f->deleted.at, &want);
	return want;
}

/* Fills large messages: as much as comes with pauses below 50 ms. */
static ssize_t
read_output(int fd, unsigned char *buf, size_t want, size_t ordinary)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	size_t len = 0;
	ssize_t n;

	for (;;) {
		n = read(fd, buf + len, want - len);
		if (n > 0)
			len += (size_t)n;
		if (len == want || want <= ordinary || n == 0 ||
		    (n < 0 && errno != EAGAIN && errno != EINTR) ||
		    (n < 0 && poll(&p, 1, 50) <= 0))
			return len > 0 ? (ssize_t)len : n;
	}
}

/* Sends what was held back; then holds this back. */
static void
hold(struct session *s, int channel, const unsigned char *p, size_t n)
{
	if (s->held.len > 0)
		ws_message(s->ws, s->held_channel, s->held.data, s->held.len);
	s->held.len = 0;
	s->held_channel = channel;
	text_add(&s->held, p, n);
}

static void
output_one(struct session *s, int i, int *fd)
{
	int channel = i == 0 ? CHANNEL_STDOUT : CHANNEL_STDERR;
	size_t want = message_size(s);
	unsigned char *room;
	ssize_t n;

	if (*fd < 0 || !s->ready[i] || ws_pending(s->ws) > 0)
		return;
	s->ready[i] = false;
	room = ws_room(s->ws, want);
	n = read_output(*fd, room, want, FK_FRAME);
	if (n > 0) {
		s->sent[i] += (uint64_t)n;
		s->owed[i] -= n < s->owed[i] ? (int)n : s->owed[i];
		if (s->faults->status == STATUS_EARLY)
			hold(s, channel, room, (size_t)n);
		else
			ws_commit(s->ws, channel, (size_t)n);
	} else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
		/* EIO: a pty that nobody has open any more */
		fd_close(fd);
		s->owed[i] = 0;
	}
}

void
session_output(struct session *s)
{
	int64_t late;

	if (s->stalled || s->frozen)
		return;
	output_one(s, 0, &s->proc.out);
	if (ws_flush(s->ws) == IO_END)
		s->gone = true;
	output_one(s, 1, &s->proc.err);
	/* Background processes may hold the pipes: what is there, no more. */
	if (!s->exited)
		return;
	late = now_ms() - s->exit_ms;
	if (late < (int64_t)s->pod->drain_ms)
		return;
	if (s->owed[0] == 0)
		fd_close(&s->proc.out);
	if (s->owed[1] == 0)
		fd_close(&s->proc.err);
}

void
session_reap(struct session *s)
{
	siginfo_t info = {0};

	if (waitid(P_PIDFD, (id_t)s->proc.pidfd, &info, WEXITED) < 0)
		return;
	s->exited = true;
	s->exit_ms = now_ms();
	s->status =
	    info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status;
	if (s->proc.out >= 0)
		ioctl(s->proc.out, FIONREAD, &s->owed[0]);
	if (s->proc.err >= 0)
		ioctl(s->proc.err, FIONREAD, &s->owed[1]);
	session_logf(s, "process-exit", ",\"code\":%d", s->status);
}
