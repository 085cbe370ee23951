/* SPDX-License-Identifier: Apache-2.0 */
#include "proxyprotocol/record.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include "lib/core/log.h"
#include "proxyprotocol/sshdlog.h"

/* Failed attempts listed in auth.failure; sshd's MaxAuthTries is 6. */
#define RECORD_FAILURES_MAX 16

/* Lines of sshd a second that say nothing of the login or the end. */
#define RECORD_OTHER_LINES 100

/* sshd-session's exit statuses (9.8 and later) that tell why it ended. */
#define SSHD_EXIT_LOGIN_GRACE	 3
#define SSHD_EXIT_CHILD_CRASH	 4
#define SSHD_EXIT_AUTH_ATTEMPTED 5
#define SSHD_EXIT_REFUSED	 6
#define SSHD_EXIT_INVALID_USER	 7

struct record {
	struct audit *audit;
	struct record_origin origin;
	char address[NET_ADDR_TEXT_MAX];
	unsigned int port;
	long long opened_ms;
	struct sshdlog line; /* the one under way */

	int authenticated;
	int accepted; /* and root's sshd has said who */
	char user[sizeof(((struct sshdlog *)NULL)->user)]; /* as last named */
	char *failures[RECORD_FAILURES_MAX];
	size_t failures_len, failures_more;
	int attempted;	  /* to authenticate, without success */
	int invalid_user; /* tried with a name that is nobody's */
	int known_lines;  /* sshd has said anything of this client */
	int timeout;
	struct log_rate other_lines; /* such as sshd writes for each channel */
	const char *reason;	     /* how it ended, as far as said */
	/* In sshd's or the client's words, or "". */
	char detail[sizeof(((struct sshdlog *)NULL)->text)];
};

static long long
record_now_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (long long)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* Every event of a connection begins like this. */
static struct json *
record_begin(struct record *r, const char *event)
{
	struct json *j = audit_begin(r->audit, event);

	json_string(j, "connection", r->origin.id);
	json_string(j, "client_ip", r->address);
	json_number(j, "client_port", r->port);
	return j;
}

struct record *
record_new(struct audit *audit, const struct record_origin *o,
    struct k8s_err *err)
{
	char peer[NET_ADDR_TEXT_MAX];
	struct record *r;
	struct json *j;

	if ((r = calloc(1, sizeof(*r))) == NULL) {
		k8s_err_errno(err, "out of memory");
		return NULL;
	}
	r->audit = audit;
	r->origin = *o;
	r->reason = "unknown";
	r->opened_ms = record_now_ms();
	(void)net_addr_text(&o->client, r->address, sizeof(r->address));
	r->port = net_addr_port(&o->client);
	j = record_begin(r, "connection.open");
	json_string(j, "listener", o->listener);
	if (o->proxied) {
		json_string(j, "proxy_ip",
		    net_addr_text(&o->peer, peer, sizeof(peer)));
		json_number(j, "proxy_port", net_addr_port(&o->peer));
	}
	audit_end(audit);
	return r;
}

void
record_free(struct record *r)
{
	size_t i;

	if (r == NULL)
		return;
	for (i = 0; i < r->failures_len; i++)
		free(r->failures[i]);
	free(r);
}

const char *
record_user(const struct record *r)
{
	if (!r->authenticated)
		return NULL;
	/* Who tried is not who is in: not everybody who says so is root. */
	return r->accepted ? r->user : "";
}

/* One more that did not succeed: "publickey ED25519 SHA256:...". */
static void
record_failure(struct record *r, const char *what)
{
	const struct sshdlog *l = &r->line;
	const char *key = l->key_type[0] != '\0' ? " " : "";
	const char *mark = l->fingerprint[0] != '\0' ? " " : "";
	char *text;

	r->attempted = 1;
	if (r->failures_len == RECORD_FAILURES_MAX) {
		r->failures_more++;
		return;
	}
	if (asprintf(&text, "%s%s%s%s%s", what, key, l->key_type, mark,
		l->fingerprint) != -1)
		r->failures[r->failures_len++] = text;
}

static void
record_accepted(struct record *r)
{
	const struct sshdlog *l = &r->line;
	char serial[24];
	struct json *j;

	if (r->authenticated)
		return;
	r->authenticated = r->accepted = 1;
	(void)snprintf(r->user, sizeof(r->user), "%s", l->user);
	j = record_begin(r, "auth.success");
	json_string(j, "user", l->user);
	json_string(j, "method", l->method);
	if (l->key_type[0] != '\0')
		json_string(j, "key_type", l->key_type);
	if (l->fingerprint[0] != '\0')
		json_string(j, "fingerprint", l->fingerprint);
	if (l->cert_id[0] != '\0') {
		(void)snprintf(serial, sizeof(serial), "%" PRIu64,
		    l->cert_serial);
		json_string(j, "certificate_id", l->cert_id);
		json_string(j, "certificate_serial", serial);
		json_string(j, "certificate_authority", l->ca_fingerprint);
	}
	audit_end(r->audit);
}

/* The first reason given counts: what follows from it does not replace it. */
static void
record_reason(struct record *r, const char *reason, const char *detail)
{
	if (strcmp(r->reason, "unknown") == 0)
		r->reason = reason;
	if (r->detail[0] == '\0')
		(void)snprintf(r->detail, sizeof(r->detail), "%s", detail);
}

/*
 * Who it is that tries. An ending only says it again, and, where sshd's child
 * has it logged, escaped once more (sshdlog.h).
 */
static void
record_name(struct record *r)
{
	const struct sshdlog *l = &r->line;
	int again = l->kind >= SSHDLOG_TIMEOUT;

	if (!r->authenticated && l->user[0] != '\0' &&
	    (!again || r->user[0] == '\0'))
		(void)snprintf(r->user, sizeof(r->user), "%s", l->user);
}

/* A line about the end of the connection. */
static void
record_ending(struct record *r, const char *reason)
{
	const struct sshdlog *l = &r->line;

	/*
	 * Below VERBOSE a wrong key alone is no line of its own: but then this
	 * one has the user's name, whoever of the two hung up and how.
	 */
	if (!r->authenticated && l->account != SSHDLOG_NO_USER)
		r->attempted = 1;
	record_reason(r, reason, l->text);
}

void
record_sshd_line(struct record *r, pid_t pid, uid_t uid, const char *line,
    size_t len)
{
	struct sshdlog *l = &r->line;
	unsigned int left_out;

	(void)sshdlog_parse(l, line, len, r->address, r->port);
	if (l->kind == SSHDLOG_ACCEPTED && uid != 0) {
		log_error("connection %s: process %ld, not root, says: %.*s",
		    r->origin.id, (long)pid, (int)len, line);
		return;
	}
	if (l->kind != SSHDLOG_OTHER) {
		r->known_lines = 1;
		log_line_as("sshd", pid, LOGL_INFO, line, len);
	} else if (log_rate_ok(&r->other_lines, RECORD_OTHER_LINES,
		       &left_out)) {
		if (left_out > 0)
			log_warn("connection %s: %u lines of sshd left out",
			    r->origin.id, left_out);
		log_line_as("sshd", pid, LOGL_INFO, line, len);
	}
	record_name(r);
	switch (l->kind) {
	case SSHDLOG_ACCEPTED:
		record_accepted(r);
		break;
	case SSHDLOG_FAILED:
		record_failure(r, l->method);
		break;
	case SSHDLOG_INVALID_USER:
		r->invalid_user = 1;
		record_failure(r, "no such user");
		break;
	case SSHDLOG_NOT_ALLOWED:
		record_failure(r, "user not allowed");
		break;
	case SSHDLOG_TOO_MANY:
		record_failure(r, "too many attempts");
		record_reason(r, "auth_failed", "");
		break;
	case SSHDLOG_TIMEOUT:
		r->timeout = 1;
		record_reason(r, "login_grace_time", "");
		break;
	case SSHDLOG_CLOSED:
		record_ending(r, "closed");
		break;
	case SSHDLOG_RESET:
		record_ending(r, "reset");
		break;
	case SSHDLOG_TIMED_OUT:
		record_ending(r, "timed_out");
		break;
	case SSHDLOG_DISCONNECT_RECEIVED:
	case SSHDLOG_DISCONNECTED:
		record_ending(r, "disconnected");
		break;
	case SSHDLOG_DISCONNECTING:
		record_ending(r, "refused");
		break;
	case SSHDLOG_PROTOCOL:
		record_ending(r, "protocol");
		break;
	case SSHDLOG_BROKEN:
		record_ending(r, "broken");
		break;
	case SSHDLOG_OTHER:
	case SSHDLOG_BANNER:
	case SSHDLOG_PARTIAL:
	case SSHDLOG_POSTPONED:
		break;
	}
}

/*
 * sshd starts no session for nobody: its log has been turned down for this
 * user (Match, LogLevel). Then there is no auth.success, but no penalty either.
 */
static void
record_session_of_unknown(struct record *r)
{
	log_error("connection %s: a session, but sshd did not log who is in: "
		  "LogLevel must be INFO or more, in Match blocks, too",
	    r->origin.id);
	r->authenticated = 1;
}

void
record_session_start(struct record *r, const struct control_session_start *s)
{
	static const char *const kinds[] = {
	    [CONTROL_SHELL] = "shell",
	    [CONTROL_EXEC] = "exec",
	    [CONTROL_SFTP] = "sftp",
	};
	struct json *j;

	if (!r->authenticated)
		record_session_of_unknown(r);
	j = record_begin(r, "session.start");
	json_string(j, "user", r->user);
	json_string(j, "kind", kinds[s->kind]);
	json_bool(j, "tty", s->tty);
	json_text(j, "namespace", s->namespace_.p, s->namespace_.len);
	json_text(j, "pod", s->pod.p, s->pod.len);
	if (s->container.len > 0)
		json_text(j, "container", s->container.p, s->container.len);
	if (s->kind == CONTROL_EXEC) {
		if (s->command_cut)
			json_bool(j, "command_cut", 1);
		json_text(j, "command", s->command.p, s->command.len);
	}
	audit_end(r->audit);
}

void
record_session_end(struct record *r, const struct control_session_end *e)
{
	static const char lost[] = "the helper ended without a word";
	struct json *j = record_begin(r, "session.end");
	const char *name;

	json_string(j, "user", r->user);
	if (e == NULL) {
		json_string(j, "error", lost);
		audit_end(r->audit);
		return;
	}
	json_number(j, "bytes_in", (long long)e->bytes_in);
	json_number(j, "bytes_out", (long long)e->bytes_out);
	json_number(j, "duration_ms", (long long)e->duration_ms);
	switch (e->how) {
	case CONTROL_EXITED:
		json_number(j, "exit_status", e->exit_status);
		break;
	case CONTROL_SIGNALED:
		if ((name = sigabbrev_np(e->signal)) != NULL)
			json_string(j, "exit_signal", name);
		else
			json_number(j, "exit_signal", e->signal);
		break;
	case CONTROL_FAILED:
		json_text(j, "error", e->error.p, e->error.len);
		break;
	}
	audit_end(r->audit);
}

static struct json *
record_begin_forward(struct record *r, const char *event,
    const struct record_forward *f)
{
	struct json *j = record_begin(r, event);

	json_string(j, "user", r->user);
	json_number(j, "forward", (long long)f->number);
	json_string(j, "kind", f->tcp ? "tcp" : "unix");
	if (f->tcp)
		json_number(j, "port", f->port);
	json_text(j, "destination", f->destination, f->destination_len);
	return j;
}

void
record_forward_open(struct record *r, const struct record_forward *f,
    enum record_dial how, unsigned long dial_ms, int error, const char *why)
{
	static const char *const results[] = {
	    [RECORD_CONNECTED] = "connected",
	    [RECORD_FAILED] = "failed",
	    [RECORD_REFUSED] = "refused",
	};
	struct json *j = record_begin_forward(r, "forward.open", f);
	const char *name;

	json_string(j, "result", results[how]);
	if (how != RECORD_REFUSED)
		json_number(j, "dial_ms", (long long)dial_ms);
	if (error != 0 && (name = strerrorname_np(error)) != NULL)
		json_string(j, "error", name);
	else if (error != 0)
		json_number(j, "error", error);
	if (why != NULL && *why != '\0')
		json_string(j, "detail", why);
	audit_end(r->audit);
}

void
record_forward_close(struct record *r, const struct record_forward *f,
    const struct record_forward_end *e)
{
	struct json *j = record_begin_forward(r, "forward.close", f);

	if (!e->unknown) {
		json_number(j, "bytes_in", (long long)e->bytes_in);
		json_number(j, "bytes_out", (long long)e->bytes_out);
	}
	json_number(j, "duration_ms", (long long)e->duration_ms);
	if (e->why != NULL && *e->why != '\0')
		json_string(j, "error", e->why);
	audit_end(r->audit);
}

int
record_sshd_ended(struct record *r, int status, enum limits_offence *o)
{
	int code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;

	if (code == -1)
		record_reason(r, "crash", "");
	if (r->authenticated ||
	    (!r->known_lines && code != -1 &&
		(code < SSHD_EXIT_LOGIN_GRACE ||
		    code > SSHD_EXIT_INVALID_USER)))
		return 0;
	if (code == -1 || code == SSHD_EXIT_CHILD_CRASH)
		*o = LIMITS_CRASH;
	else if (code == SSHD_EXIT_LOGIN_GRACE || r->timeout)
		*o = LIMITS_GRACE_EXCEEDED;
	else if (code == SSHD_EXIT_REFUSED)
		*o = LIMITS_REFUSECONNECTION;
	else if (code == SSHD_EXIT_INVALID_USER || r->invalid_user)
		*o = LIMITS_INVALIDUSER;
	else if (code == SSHD_EXIT_AUTH_ATTEMPTED || r->attempted)
		*o = LIMITS_AUTHFAIL;
	else
		*o = LIMITS_NOAUTH;
	if (*o == LIMITS_GRACE_EXCEEDED)
		record_reason(r, "login_grace_time", "");
	else if (*o == LIMITS_CRASH)
		record_reason(r, "crash", "");
	else if (*o == LIMITS_REFUSECONNECTION)
		record_reason(r, "refused", "");
	return 1;
}

/* One event for a connection whose every attempt failed. */
static void
record_auth_failure(struct record *r)
{
	struct json *j = record_begin(r, "auth.failure");

	json_string(j, "username", r->user);
	if (r->failures_more > 0)
		json_number(j, "failures_not_listed",
		    (long long)r->failures_more);
	json_strings(j, "failure_info", (const char *const *)r->failures,
	    r->failures_len);
	audit_end(r->audit);
}

void
record_close(struct record *r)
{
	struct json *j;

	if (!r->authenticated && r->attempted)
		record_auth_failure(r);
	j = record_begin(r, "connection.close");
	if (r->authenticated)
		json_string(j, "user", r->user);
	json_number(j, "duration_ms", record_now_ms() - r->opened_ms);
	json_string(j, "reason", r->reason);
	if (r->detail[0] != '\0')
		json_string(j, "detail", r->detail);
	audit_end(r->audit);
}
