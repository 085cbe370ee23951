/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One exec: bytes between a WebSocket and a process, until the process has
 * ended and all it wrote is sent.
 *
 * Backpressure, as with the real server: the process's output is read only
 * when the message before is with the kernel, and the WebSocket is read only
 * when the stdin before is in the pipe.
 */
#include <sys/ioctl.h>
#include <sys/pidfd.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "session.h"

static bool
trigger_due(const struct session *s, const struct trigger *at)
{
	if (at->at_status)
		return false;
	if (at->bytes < 0 && at->ms < 0)
		return true;
	return (at->bytes >= 0 &&
		   s->sent[0] + s->sent[1] >= (uint64_t)at->bytes) ||
	    (at->ms >= 0 && now_ms() - s->start >= at->ms);
}

/* Applies what is due. True: the connection is over. */
static bool
faults_strike(struct session *s)
{
	const struct faults *f = s->faults;

	if (f->deleted.how != DELETE_NONE && !s->deleted &&
	    trigger_due(s, &f->deleted.at)) {
		session_flush(s);
		session_log(s, "deleted");
		s->deleted = true;
		if (f->deleted.gone)
			s->srv->shared->slots[s->pod->slot].gone = true;
		if (f->deleted.how == DELETE_FREEZE)
			s->frozen = true;
		sandbox_kill(s->srv, s->pod, &s->proc);
		if (f->deleted.how == DELETE_CUT) {
			s->ended = "deleted";
			conn_reset(s->conn);
			s->gone = true;
			return true;
		}
	}
	if (f->stall.on && !s->stalled && trigger_due(s, &f->stall.at)) {
		session_flush(s);
		session_stall(s);
	}
	if (f->cut.how != CUT_NONE && trigger_due(s, &f->cut.at)) {
		session_cut(s);
		return true;
	}
	return false;
}

/* Is there something for faults_strike() to do right now? */
static bool
faults_due(const struct session *s)
{
	const struct faults *f = s->faults;

	return (f->deleted.how != DELETE_NONE && !s->deleted &&
		   trigger_due(s, &f->deleted.at)) ||
	    (f->stall.on && !s->stalled && trigger_due(s, &f->stall.at)) ||
	    (f->cut.how != CUT_NONE && trigger_due(s, &f->cut.at));
}

static void
sooner(int64_t *timeout, int64_t at)
{
	int64_t left = at - now_ms();

	if (left < 0)
		left = 0;
	if (*timeout < 0 || left < *timeout)
		*timeout = left;
}

static int
poll_timeout(const struct session *s)
{
	const struct faults *f = s->faults;
	int64_t t = -1;

	if (s->exited && !s->stalled && !s->frozen &&
	    now_ms() - s->exit_ms < (int64_t)s->pod->drain_ms)
		sooner(&t, s->exit_ms + (int64_t)s->pod->drain_ms);
	if (f->cut.how != CUT_NONE && f->cut.at.ms >= 0)
		sooner(&t, s->start + f->cut.at.ms);
	if (f->stall.on && !s->stalled && f->stall.at.ms >= 0)
		sooner(&t, s->start + f->stall.at.ms);
	if (f->deleted.how != DELETE_NONE && !s->deleted &&
	    f->deleted.at.ms >= 0)
		sooner(&t, s->start + f->deleted.at.ms);
	if (f->read_rate > 0 && session_budget(s) == 0)
		sooner(&t, now_ms() + 1 + 1000 / f->read_rate);
	return t > 60000 ? 60000 : (int)t;
}

static void
session_poll(struct session *s)
{
	enum { SOCK, IN, OUT, ERR, PROC };
	bool idle = ws_pending(s->ws) == 0, quiet = s->stalled || s->frozen;
	struct pollfd p[] = {
	    [SOCK] = {.fd = conn_fd(s->conn)},
	    [IN] = {.fd = s->in_len > 0 ? s->proc.in : -1, .events = POLLOUT},
	    [OUT] = {.fd = idle && !quiet ? s->proc.out : -1, .events = POLLIN},
	    [ERR] = {.fd = idle && !quiet ? s->proc.err : -1, .events = POLLIN},
	    [PROC] = {.fd = s->exited ? -1 : s->proc.pidfd, .events = POLLIN},
	};
	int timeout = poll_timeout(s);

	if (session_wants_input(s))
		p[SOCK].events |= s->read_waits_write ? POLLOUT : POLLIN;
	else if (s->stalled)
		p[SOCK].events |= POLLRDHUP;
	if (!idle && !s->stalled)
		p[SOCK].events |= POLLOUT;
	if (session_wants_input(s) && conn_pending(s->conn))
		timeout = 0;
	if (poll(p, sizeof(p) / sizeof(p[0]), timeout) < 0)
		return;
	s->sock_ready = (p[SOCK].revents & (POLLIN | POLLOUT)) != 0;
	s->ready[0] = p[OUT].revents != 0;
	s->ready[1] = p[ERR].revents != 0;
	if (p[IN].revents != 0)
		session_stdin(s);
	if (p[PROC].revents != 0)
		session_reap(s);
	if ((p[SOCK].revents & POLLERR) ||
	    ((p[SOCK].revents & (POLLHUP | POLLRDHUP)) &&
		!(p[SOCK].revents & POLLIN)))
		s->gone = true;
}

static void
session_loop(struct session *s)
{
	auto_text status = {0};

	while (!s->gone) {
		if (faults_strike(s))
			return;
		if (!s->stalled && ws_flush(s->ws) == IO_END)
			break;
		session_output(s);
		session_input(s);
		if (s->exited && s->proc.out < 0 && s->proc.err < 0 &&
		    ws_pending(s->ws) == 0 && !s->stalled && !s->frozen) {
			status_normal(&status, s->status);
			session_finish(s, &status);
			return;
		}
		if (!s->gone && !faults_due(s))
			session_poll(s);
	}
	s->gone = true;
	s->ended = s->closed ? "close" : "client";
	if (s->closed)
		session_flush(s);
}

/*
 * The client is gone, the process is not: it sees the end of its stdin, and
 * what it writes is read by nobody, as containerd leaves it. A terminal stays
 * open and is not hung up. The main process ends it if nothing else does.
 */
static void
session_orphan(struct session *s)
{
	if (!s->cmd->tty)
		fd_close(&s->proc.in);
	conn_finish(s->conn, s->closed);
	if (s->exited)
		return;
	session_log(s, "orphan");
	session_reap(s);
}

static void
session_start_log(const struct session *s)
{
	auto_text t = {0};
	size_t i;

	log_start(&t, s->srv, conn_id(s->conn), "exec-start");
	text_addf(&t, ",\"pid\":%ld,\"tty\":%s,\"pod\":", (long)s->proc.pid,
	    s->cmd->tty ? "true" : "false");
	text_jsons(&t, s->pod->name);
	text_adds(&t, ",\"command\":[");
	for (i = 0; i < s->cmd->argc; i++) {
		text_adds(&t, i > 0 ? "," : "");
		text_jsons(&t, s->cmd->argv[i]);
	}
	text_adds(&t, "]");
	log_end(&t, s->srv);
}

static void
refuse_start(struct session *s, const char *why)
{
	unsigned char random[32] = {0};
	auto_text message = {0}, status = {0};
	size_t i;

	if (getrandom(random, sizeof(random), 0) < 0)
		memset(random, 0x6b, sizeof(random));
	text_adds(&message,
	    "Internal error occurred: error executing command in container: "
	    "failed to exec in container: failed to start exec \"");
	for (i = 0; i < sizeof(random); i++)
		text_addf(&message, "%02x", random[i]);
	text_addf(&message, "\": OCI runtime exec failed: %s: unknown", why);
	status_internal(&status, message.data);
	session_finish(s, &status);
}

static void
session_run(struct session *s)
{
	auto_text why = {0}, status = {0};
	int channel = CHANNEL_STATUS;

	if (s->cmd->out)
		channel = CHANNEL_STDOUT;
	else if (s->cmd->err)
		channel = CHANNEL_STDERR;
	if (!s->faults->no_first)
		ws_message(s->ws, channel, "", 0);
	ws_violate(s->ws);
	if (strcmp(s->pod->phase, "Running") != 0) {
		text_addf(&why,
		    "unable to upgrade connection: container not found "
		    "(\"%s\")",
		    s->pod->ncontainers > 0 ? s->pod->containers[0] : "main");
		status_internal(&status, why.data);
		session_finish(s, &status);
		return;
	}
	if (sandbox_spawn(s->srv, s->pod, s->cmd, &s->proc, &why) < 0) {
		session_logf(s, "exec-failed", "%s", "");
		refuse_start(s, why.data);
		return;
	}
	session_start_log(s);
	session_loop(s);
	if (s->gone)
		session_orphan(s);
	session_logf(s, "exec-end",
	    ",\"ended\":\"%s\",\"code\":%d,\"stdin\":%" PRIu64
	    ",\"stdout\":%" PRIu64 ",\"stderr\":%" PRIu64,
	    s->ended, s->exited ? s->status : -1, s->received, s->sent[0],
	    s->sent[1]);
}

static void
session_faults(struct session *s)
{
	int small = 4096;

	if (s->faults->trickle_tcp)
		conn_set_chunk(s->conn, 1, 0);
	if (s->faults->trickle_tls)
		conn_set_record(s->conn, 1);
	if (s->faults->read_rate >= 0)
		setsockopt(conn_fd(s->conn), SOL_SOCKET, SO_RCVBUF, &small,
		    sizeof(small));
}

void
exec_run(struct conn *c, const struct pod *pod, const struct command *cmd,
    bool v5)
{
	struct session *s = xcalloc(1, sizeof(*s));

	s->conn = c;
	s->srv = conn_server(c);
	s->pod = pod;
	s->cmd = cmd;
	s->faults = &pod->faults;
	s->v5 = v5;
	s->ws = ws_new(c, s->faults);
	s->start = now_ms();
	s->ended = "none";
	session_faults(s);
	session_run(s);
	ws_free(s->ws);
	text_free(&s->held);
	free(s);
}
