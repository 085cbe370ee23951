/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include <ctype.h>
#include <errno.h>
#include <signal.h>

#include "lib/core/log.h"
#include "proxyprotocol/record.h"
#include "tests/unit/syslogd.h"
#include "tests/unit/tmpdir.h"

/*
 * One connection in a folder of its own: its audit file, and the syslog daemon
 * that lib/core/log.c is built for here.
 */

#define CLIENT "127.0.0.1"
#define PORT   "39454"
#define AT     CLIENT " port " PORT

/* The fingerprints of real sshds' lines below. */
#define KEY "SHA256:lnWbVJzPLLri6CU2Lf85iPgYIpXiSyVaVDo74IBprzM"
#define CA  "SHA256:Ospn6VtGBNqW9JFn922I25cgZD7CN6NkzuvCEn/oXFg"

/* What every event of the connection has, behind its timestamp. */
#define HEAD(event)                                    \
	"\"event\":\"" event "\",\"proxy_id\":\"px\"," \
	"\"connection\":\"0123456789abcdef\","         \
	"\"client_ip\":\"" CLIENT "\",\"client_port\":" PORT

#define OPEN HEAD("connection.open") ",\"listener\":\"public\""
#define CLOSE_AS(user, reason)   \
	HEAD("connection.close") \
	user ",\"duration_ms\":N,\"reason\":\"" reason "\""
#define CLOSE(reason) CLOSE_AS("", reason)

static struct {
	char *dir;
	int syslog;
	struct audit *audit;
	struct record *record;
	FILE *events;
} t;

static struct record_origin
origin(void)
{
	struct record_origin o = {
	    .id = "0123456789abcdef",
	    .listener = "public",
	};

	assert_int_equal(net_addr_parse(&o.client, CLIENT ":" PORT, NULL), 0);
	assert_int_equal(net_addr_parse(&o.peer, "[2001:db8::9]:5000", NULL),
	    0);
	return o;
}

static void
begin(const struct record_origin *o)
{
	char path[512];

	(void)snprintf(path, sizeof(path), "%s/audit", t.dir);
	assert_non_null(t.audit = audit_new(path, "px", NULL));
	assert_non_null(t.record = record_new(t.audit, o, NULL));
	assert_non_null(t.events = fopen(path, "re"));
}

static int
setup(void **state)
{
	struct record_origin o = origin();

	(void)state;
	t.dir = tmpdir_new();
	assert_int_equal(chdir(t.dir), 0);
	t.syslog = syslogd_start();
	begin(&o);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	fclose(t.events);
	record_free(t.record);
	audit_freep(&t.audit);
	syslogd_stop(t.syslog);
	assert_int_equal(chdir("/"), 0);
	tmpdir_free(t.dir);
	return 0;
}

/* An event without its timestamp, and N in place of how long it took. */
static void
strip_event(char *line)
{
	static const char took[] = "\"duration_ms\":";
	static const char stamp[] =
	    "{\"timestamp\":\"0000-00-00T00:00:00.000000Z\",";
	const size_t n = sizeof(stamp) - 1;
	size_t i, len = strlen(line);
	char *p, *end;

	if (len < n + 3 || strcmp(line + len - 2, "}\n") != 0)
		fail_msg("no event: %s", line);
	for (i = 0; i < n; i++)
		assert_true(isdigit((unsigned char)stamp[i])
			? isdigit((unsigned char)line[i])
			: line[i] == stamp[i]);
	memmove(line, line + n, len - n - 2);
	line[len - n - 2] = '\0';
	if (strncmp(line, "\"event\":\"connection.close\"", 26) == 0) {
		assert_non_null(p = strstr(line, took));
		p += sizeof(took) - 1;
		assert_in_range(strtol(p, &end, 10), 0, 60000);
		memmove(p + 1, end, strlen(end) + 1);
		*p = 'N';
	}
}

/* The next event; NULL: there is none so far. */
static void
check_event(const char *expected)
{
	static char line[AUDIT_MAX + 2];

	clearerr(t.events);
	if (fgets(line, sizeof(line), t.events) == NULL) {
		if (expected != NULL)
			fail_msg("no event, but expected: %s", expected);
		return;
	}
	if (expected == NULL)
		fail_msg("event: %s", line);
	strip_event(line);
	assert_string_equal(line, expected);
}

/* What sshd wrote with one write(2). */
static void
sshd(const char *line)
{
	record_sshd_line(t.record, 77, 0, line, strlen(line));
}

/* The status of a process that has exited. */
#define EXITED(code) ((code) << 8)

/* sshd has ended; offence -1: not penalized. */
static void
check_end(int status, int offence)
{
	enum limits_offence o = LIMITS_CRASH;
	int penalized = record_sshd_ended(t.record, status, &o);

	assert_int_equal(penalized, offence != -1);
	if (penalized)
		assert_int_equal(o, offence);
}

static void
says_who_connects(void **state)
{
	(void)state;
	check_event(OPEN);
	check_event(NULL);
	assert_null(record_user(t.record));
}

static void
says_who_proxied(void **state)
{
	struct record_origin o = origin();

	(void)state;
	o.proxied = 1;
	fclose(t.events);
	record_free(t.record);
	audit_freep(&t.audit);
	begin(&o);
	check_event(OPEN);
	check_event(OPEN ",\"proxy_ip\":\"2001:db8::9\",\"proxy_port\":5000");
}

static void
a_key_succeeds(void **state)
{
	(void)state;
	check_event(OPEN);
	sshd("Accepted publickey for tester from " AT " ssh2: ED25519 " KEY
	     "\r\n");
	assert_string_equal(record_user(t.record), "tester");
	check_event(HEAD(
	    "auth.success") ",\"user\":\"tester\",\"method\":\"publickey\","
			    "\"key_type\":\"ED25519\",\"fingerprint\":\"" KEY
			    "\"");
	sshd("Received disconnect from " AT ":11: disconnected by user\r\n");
	sshd("Disconnected from user tester " AT "\r\n");
	check_end(EXITED(255), -1);
	check_event(NULL);
	record_close(t.record);
	check_event(CLOSE_AS(",\"user\":\"tester\"",
	    "disconnected") ",\"detail\":\"disconnected by user\"");
	check_event(NULL);
}

static void
a_certificate_succeeds(void **state)
{
	(void)state;
	check_event(OPEN);
	sshd("Accepted publickey for tester from " AT " ssh2: ED25519-CERT " KEY
	     " ID alice (serial 18446744073709551615) CA ED25519 " CA "\r\n");
	check_event(HEAD(
	    "auth.success") ",\"user\":\"tester\",\"method\":\"publickey\","
			    "\"key_type\":\"ED25519-CERT\",\"fingerprint\":"
			    "\"" KEY "\","
			    "\"certificate_id\":\"alice\","
			    "\"certificate_serial\":\"18446744073709551615\","
			    "\"certificate_authority\":\"" CA "\"");
	/* Only once, whatever comes. */
	sshd("Accepted password for root from " AT " ssh2\r\n");
	check_event(NULL);
	assert_string_equal(record_user(t.record), "tester");
}

static void
a_password_succeeds(void **state)
{
	(void)state;
	check_event(OPEN);
	sshd("Partial publickey for tester from " AT " ssh2: ED25519 " KEY
	     "\r\n");
	sshd("Postponed keyboard-interactive for tester from " AT
	     " ssh2 [preauth]\r\n");
	check_event(NULL);
	assert_null(record_user(t.record));
	sshd("Accepted keyboard-interactive/pam for tester from " AT
	     " ssh2\r\n");
	check_event(HEAD("auth.success") ",\"user\":\"tester\",\"method\":"
					 "\"keyboard-interactive/pam\"");
	sshd("Connection closed by " AT "\r\n");
	check_end(EXITED(0), -1);
	record_close(t.record);
	check_event(CLOSE_AS(",\"user\":\"tester\"", "closed"));
}

/* Of another client, or no line of sshd's of that kind at all. */
static void
what_is_not_this_connection_counts_for_nothing(void **state)
{
	(void)state;
	check_event(OPEN);
	sshd("Accepted password for root from 127.0.0.1 port 39455 ssh2\r\n");
	sshd("Accepted password for root from 127.0.0.2 port 39454 ssh2\r\n");
	sshd("Failed password for root from 127.0.0.1 port 1 ssh2\r\n");
	sshd("Could not get shadow information for NOUSER\r\n");
	sshd("");
	/* What sshd's children without rights had it log. */
	sshd("Accepted password for root from " AT " ssh2 [preauth]\r\n");
	/* One user name, and one packet, with lines of its own in it. */
	sshd("Invalid user a\nAccepted publickey for root from " AT
	     " ssh2\r\nx from " AT "\r\n");
	assert_null(record_user(t.record));
	check_event(NULL);
	record_close(t.record);
	check_event(HEAD("auth.failure") ",\"username\":\"a\\u000aAccepted "
					 "publickey for root from " AT
					 " ssh2\\u000d\\u000ax\",\"failure_"
					 "info\":[\"no such user\"]");
	check_event(CLOSE("unknown"));
}

/* With LogLevel VERBOSE: each key that was tried is in the one event. */
static void
failures_are_one_event(void **state)
{
	(void)state;
	check_event(OPEN);
	sshd("Connection from " AT " on 127.0.0.1 port 22 rdomain \"\"\r\n");
	sshd("Failed publickey for tester from " AT " ssh2: ED25519-CERT " KEY
	     " ID mallory (serial 3) CA ED25519 " CA "\r\n");
	sshd("Failed publickey for tester from " AT " ssh2: ED25519 " KEY
	     "\r\n");
	sshd("Failed password for tester from " AT " ssh2\r\n");
	sshd("error: maximum authentication attempts exceeded for tester "
	     "from " AT " ssh2 [preauth]\r\n");
	sshd("maximum authentication attempts exceeded for tester from " AT
	     " ssh2 [preauth]\r\n");
	sshd("Disconnecting authenticating user tester " AT
	     ": Too many authentication failures [preauth]\r\n");
	check_event(NULL);
	check_end(EXITED(255), LIMITS_AUTHFAIL);
	check_event(NULL);
	record_close(t.record);
	check_event(
	    HEAD("auth.failure") ",\"username\":\"tester\",\"failure_info\":["
				 "\"publickey ED25519-CERT " KEY
				 "\",\"publickey ED25519 " KEY
				 "\",\"password\",\"too many attempts\"]");
	check_event(CLOSE(
	    "auth_failed") ",\"detail\":\"Too many authentication failures\"");
	check_event(NULL);
}

static void
failures_before_a_success_are_none(void **state)
{
	(void)state;
	check_event(OPEN);
	sshd("Failed publickey for tester from " AT " ssh2: ED25519 " KEY
	     "\r\n");
	sshd("Failed password for tester from " AT " ssh2\r\n");
	sshd("Accepted password for tester from " AT " ssh2\r\n");
	check_event(HEAD(
	    "auth.success") ",\"user\":\"tester\",\"method\":\"password\"");
	check_end(EXITED(255), -1);
	record_close(t.record);
	check_event(CLOSE_AS(",\"user\":\"tester\"", "unknown"));
	check_event(NULL);
}

static void
many_failures_are_counted(void **state)
{
	char expected[2048];
	size_t n;
	int i;

	(void)state;
	check_event(OPEN);
	for (i = 0; i < 19; i++)
		sshd("Failed password for tester from " AT " ssh2\r\n");
	record_close(t.record);
	n = (size_t)snprintf(expected, sizeof(expected), "%s",
	    HEAD("auth.failure") ",\"username\":\"tester\",\"failures_not_"
				 "listed\":3,"
				 "\"failure_info\":[\"password\"");
	for (i = 1; i < 16; i++)
		n += (size_t)snprintf(expected + n, sizeof(expected) - n,
		    ",\"password\"");
	(void)snprintf(expected + n, sizeof(expected) - n, "]");
	check_event(expected);
	check_event(CLOSE("unknown"));
}

/*
 * Each way to fail below VERBOSE, as sshd 9.2 (whose exit status says nothing)
 * and sshd 10 have it: lines, what the source is penalized for, and the events.
 */
static const struct failing {
	const char *lines[4];
	int status92, status10;
	int offence;
	const char *failure; /* NULL: no auth.failure */
	const char *close;
} failing[] = {
    /* A wrong key is no line of its own, whoever hangs up and how. */
    {{"Connection closed by authenticating user tester " AT " [preauth]\r\n"},
	255, 5, LIMITS_AUTHFAIL, ",\"username\":\"tester\",\"failure_info\":[]",
	CLOSE("closed")},
    {{"Connection reset by authenticating user tester " AT " [preauth]\r\n"},
	255, 5, LIMITS_AUTHFAIL, ",\"username\":\"tester\",\"failure_info\":[]",
	CLOSE("reset")},
    {{"Received disconnect from " AT
      ":14: No supported authentication methods available [preauth]\r\n",
	 "Disconnected from authenticating user tester " AT " [preauth]\r\n"},
	255, 5, LIMITS_AUTHFAIL, ",\"username\":\"tester\",\"failure_info\":[]",
	CLOSE("disconnected") ",\"detail\":"
			      "\"No supported authentication methods "
			      "available\""},
    {{"Connection from authenticating user tester " AT
      " timed out [preauth]\r\n"},
	255, 5, LIMITS_AUTHFAIL, ",\"username\":\"tester\",\"failure_info\":[]",
	CLOSE("timed_out")},
    {{"Failed password for tester from " AT " ssh2\r\n",
	 "Disconnecting authenticating user tester " AT
	 ": Change of username or service not allowed: "
	 "(tester,ssh-connection) -> (nosuch,ssh-connection) [preauth]\r\n"},
	255, 5, LIMITS_AUTHFAIL,
	",\"username\":\"tester\",\"failure_info\":[\"password\"]",
	CLOSE(
	    "refused") ",\"detail\":\"Change of username or service not "
		       "allowed: "
		       "(tester,ssh-connection) -> (nosuch,ssh-connection)\""},
    /* Nobody of that name. */
    {{"Invalid user nosuch from " AT "\r\n",
	 "Connection closed by invalid user nosuch " AT " [preauth]\r\n"},
	255, 255, LIMITS_INVALIDUSER,
	",\"username\":\"nosuch\",\"failure_info\":[\"no such user\"]",
	CLOSE("closed")},
    {{"Invalid user nosuch from " AT "\r\n",
	 "Failed password for invalid user nosuch from " AT " ssh2\r\n",
	 "Connection closed by invalid user nosuch " AT " [preauth]\r\n"},
	255, 5, LIMITS_INVALIDUSER,
	",\"username\":\"nosuch\",\"failure_info\":"
	"[\"no such user\",\"password\"]",
	CLOSE("closed")},
    /* Somebody, but not for this server. */
    {{"User tester from 127.0.0.1 not allowed because not listed in "
      "AllowUsers\r\n",
	 "Failed none for invalid user tester from " AT " ssh2\r\n",
	 "Connection closed by invalid user tester " AT " [preauth]\r\n"},
	255, 5, LIMITS_AUTHFAIL,
	",\"username\":\"tester\",\"failure_info\":"
	"[\"user not allowed\",\"none\"]",
	CLOSE("closed")},
    {{"ROOT LOGIN REFUSED FROM " AT "\r\n",
	 "Connection closed by authenticating user root " AT " [preauth]\r\n"},
	255, 5, LIMITS_AUTHFAIL,
	",\"username\":\"root\",\"failure_info\":[\"user not allowed\"]",
	CLOSE("closed")},
    /* It never tried. */
    {{"Connection closed by " AT "\r\n"}, 255, 255, LIMITS_NOAUTH, NULL,
	CLOSE("closed")},
    {{"kex_exchange_identification: read: Connection reset by peer\r\n",
	 "Connection reset by " AT "\r\n"},
	255, 255, LIMITS_NOAUTH, NULL, CLOSE("reset")},
    {{"banner exchange: Connection from " AT ": invalid format\r\n"}, 255, 255,
	LIMITS_NOAUTH, NULL,
	CLOSE("protocol") ",\"detail\":\"invalid format\""},
    {{"Unable to negotiate with " AT ": no matching cipher found. "
      "Their offer: aes256-ctr [preauth]\r\n"},
	255, 255, LIMITS_NOAUTH, NULL,
	CLOSE("protocol") ",\"detail\":\"no matching cipher found. "
			  "Their offer: aes256-ctr\""},
    {{"ssh_dispatch_run_fatal: Connection from " AT
      ": Broken pipe [preauth]\r\n"},
	255, 255, LIMITS_NOAUTH, NULL,
	CLOSE("broken") ",\"detail\":\"Broken pipe\""},
    /* It took too long: a line, or an exit status. */
    {{"Timeout before authentication for " AT "\r\n"}, 255, 3,
	LIMITS_GRACE_EXCEEDED, NULL, CLOSE("login_grace_time")},
};

static void
check_failing(const struct failing *f, int status)
{
	char expected[1024];
	size_t i;

	for (i = 0; i < 4 && f->lines[i] != NULL; i++)
		sshd(f->lines[i]);
	check_end(status, f->offence);
	assert_null(record_user(t.record));
	record_close(t.record);
	check_event(OPEN);
	if (f->failure != NULL) {
		(void)snprintf(expected, sizeof(expected), "%s%s",
		    HEAD("auth.failure"), f->failure);
		check_event(expected);
	}
	check_event(f->close);
	check_event(NULL);
}

static void
says_how_it_failed(void **state)
{
	size_t i, style;

	for (i = 0; i < sizeof(failing) / sizeof(failing[0]); i++)
		for (style = 0; style < 2; style++) {
			check_failing(&failing[i],
			    EXITED(style == 0 ? failing[i].status92
					      : failing[i].status10));
			teardown(state);
			setup(state);
		}
}

/* sshd 9.8 and later: it logs less, and its exit status says why. */
static void
exit_statuses_say_why(void **state)
{
	static const struct {
		int status;
		int offence; /* -1: not the client's fault, as sshd said nothing
			      */
		const char *close;
	} ends[] = {
	    {EXITED(0), -1, CLOSE("unknown")},
	    {EXITED(1), -1, CLOSE("unknown")},
	    {EXITED(2), -1, CLOSE("unknown")},
	    {EXITED(3), LIMITS_GRACE_EXCEEDED, CLOSE("login_grace_time")},
	    {EXITED(4), LIMITS_CRASH, CLOSE("crash")},
	    {EXITED(5), LIMITS_AUTHFAIL, CLOSE("unknown")},
	    {EXITED(6), LIMITS_REFUSECONNECTION, CLOSE("refused")},
	    {EXITED(7), LIMITS_INVALIDUSER, CLOSE("unknown")},
	    {EXITED(8), -1, CLOSE("unknown")},
	    {EXITED(255), -1, CLOSE("unknown")},
	    {SIGSEGV, LIMITS_CRASH, CLOSE("crash")},
	    {SIGABRT | 0x80, LIMITS_CRASH, CLOSE("crash")},
	};
	size_t i;

	for (i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		check_end(ends[i].status, ends[i].offence);
		record_close(t.record);
		check_event(OPEN);
		check_event(ends[i].close);
		teardown(state);
		setup(state);
	}
}

/* The worst counts: a crash after a wrong password is one. */
static void
the_worst_offence_counts(void **state)
{
	static const struct {
		int status;
		enum limits_offence offence;
	} ends[] = {
	    {SIGSEGV, LIMITS_CRASH},
	    {EXITED(4), LIMITS_CRASH},
	    {EXITED(3), LIMITS_GRACE_EXCEEDED},
	    {EXITED(6), LIMITS_REFUSECONNECTION},
	    {EXITED(5), LIMITS_INVALIDUSER},
	    {EXITED(255), LIMITS_INVALIDUSER},
	};
	size_t i;

	for (i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		sshd("Invalid user nosuch from " AT "\r\n");
		sshd("Failed password for invalid user nosuch from " AT
		     " ssh2\r\n");
		check_end(ends[i].status, (int)ends[i].offence);
		teardown(state);
		setup(state);
	}
}

/* Nothing is penalized once somebody is in; a crash is told of. */
static void
no_offence_after_login(void **state)
{
	static const int ends[] = {EXITED(0), EXITED(1), EXITED(3), EXITED(4),
	    EXITED(5), EXITED(6), EXITED(7), EXITED(255), SIGKILL};
	const int last = sizeof(ends) / sizeof(ends[0]) - 1;
	int i;

	for (i = 0; i <= last; i++) {
		sshd("Failed password for tester from " AT " ssh2\r\n");
		sshd("Accepted password for tester from " AT " ssh2\r\n");
		check_end(ends[i], -1);
		record_close(t.record);
		check_event(OPEN);
		check_event(HEAD("auth.success") ",\"user\":\"tester\","
						 "\"method\":\"password\"");
		check_event(i == last
			? CLOSE_AS(",\"user\":\"tester\"", "crash")
			: CLOSE_AS(",\"user\":\"tester\"", "unknown"));
		teardown(state);
		setup(state);
	}
}

/* What follows from the end is not its reason. */
static void
the_first_reason_counts(void **state)
{
	(void)state;
	check_event(OPEN);
	sshd("Timeout before authentication for " AT "\r\n");
	sshd("ssh_dispatch_run_fatal: Connection from " AT
	     ": Broken pipe [preauth]\r\n");
	sshd("Connection closed by " AT " [preauth]\r\n");
	check_end(SIGTERM, LIMITS_CRASH);
	record_close(t.record);
	check_event(CLOSE("login_grace_time") ",\"detail\":\"Broken pipe\"");
}

static struct control_text
text(const char *s)
{
	return (struct control_text){s, strlen(s)};
}

static void
log_in(void)
{
	check_event(OPEN);
	sshd("Accepted password for tester from " AT " ssh2\r\n");
	check_event(HEAD(
	    "auth.success") ",\"user\":\"tester\",\"method\":\"password\"");
}

static void
sessions_begin(void **state)
{
	struct control_session_start s = {
	    .kind = CONTROL_SHELL,
	    .tty = 1,
	    .namespace_ = text("ws"),
	    .pod = text("tester-dev"),
	};

	(void)state;
	log_in();
	record_session_start(t.record, &s);
	check_event(HEAD(
	    "session.start") ",\"user\":\"tester\",\"kind\":\"shell\",\"tty\":"
			     "true,"
			     "\"namespace\":\"ws\",\"pod\":\"tester-dev\"");
	s.kind = CONTROL_EXEC;
	s.tty = 0;
	s.container = text("main");
	s.command = text("echo \"a\"\n\033[31m");
	record_session_start(t.record, &s);
	check_event(
	    HEAD("session.start") ",\"user\":\"tester\",\"kind\":\"exec\","
				  "\"tty\":false,"
				  "\"namespace\":\"ws\",\"pod\":\"tester-dev\","
				  "\"container\":\"main\","
				  "\"command\":\"echo "
				  "\\\"a\\\"\\u000a\\u001b[31m\"");
	/* "" is a command, too; and one that was longer. */
	s.command = text("");
	s.command_cut = 1;
	record_session_start(t.record, &s);
	check_event(
	    HEAD("session.start") ",\"user\":\"tester\",\"kind\":\"exec\","
				  "\"tty\":false,"
				  "\"namespace\":\"ws\",\"pod\":\"tester-dev\","
				  "\"container\":\"main\",\"command_cut\":true,"
				  "\"command\":\"\"");
	s.kind = CONTROL_SFTP;
	record_session_start(t.record, &s);
	check_event(
	    HEAD("session.start") ",\"user\":\"tester\",\"kind\":\"sftp\","
				  "\"tty\":false,"
				  "\"namespace\":\"ws\",\"pod\":\"tester-dev\","
				  "\"container\":\"main\"");
	check_event(NULL);
}

/* Match and LogLevel can hide a login: that is said, and nobody penalized. */
static void
a_session_is_somebodys(void **state)
{
	struct control_session_start s = {
	    .kind = CONTROL_SHELL,
	    .namespace_ = text("ws"),
	    .pod = text("tester-dev"),
	};

	(void)state;
	check_event(OPEN);
	sshd("Failed password for tester from " AT " ssh2\r\n");
	record_session_start(t.record, &s);
	/* Nothing is dialled for whom only a failure names. */
	assert_string_equal(record_user(t.record), "");
	check_event(HEAD(
	    "session.start") ",\"user\":\"tester\",\"kind\":\"shell\",\"tty\":"
			     "false,"
			     "\"namespace\":\"ws\",\"pod\":\"tester-dev\"");
	check_end(EXITED(255), -1);
	record_close(t.record);
	check_event(CLOSE_AS(",\"user\":\"tester\"", "unknown"));
	check_event(NULL);
}

static void
sessions_end(void **state)
{
	struct control_session_end e = {
	    .how = CONTROL_EXITED,
	    .exit_status = 7,
	    .bytes_in = 12,
	    .bytes_out = 5000000000,
	    .duration_ms = 345,
	};

	(void)state;
	log_in();
#define SESSION_END                                                      \
	HEAD("session.end")                                              \
	",\"user\":\"tester\",\"bytes_in\":12,\"bytes_out\":5000000000," \
	"\"duration_ms\":345"
	record_session_end(t.record, &e);
	check_event(SESSION_END ",\"exit_status\":7");
	e.how = CONTROL_SIGNALED;
	e.signal = SIGTERM;
	record_session_end(t.record, &e);
	check_event(SESSION_END ",\"exit_signal\":\"TERM\"");
	e.signal = 50; /* a real-time one has no name */
	record_session_end(t.record, &e);
	check_event(SESSION_END ",\"exit_signal\":50");
	e.how = CONTROL_FAILED;
	e.error = text("exec in ws/tester-dev: 403: forbidden");
	record_session_end(t.record, &e);
	check_event(
	    SESSION_END ",\"error\":\"exec in ws/tester-dev: 403: forbidden\"");
	/* Killed, or crashed. */
	record_session_end(t.record, NULL);
	check_event(HEAD("session.end") ",\"user\":\"tester\",\"error\":"
					"\"the helper ended without a word\"");
	check_event(NULL);
}

static void
forwards_open_and_close(void **state)
{
	struct record_forward f = {
	    .number = 3,
	    .destination = "db\n",
	    .destination_len = 3,
	    .tcp = 1,
	    .port = 5432,
	};
	struct record_forward_end e = {
	    .bytes_in = 12,
	    .bytes_out = 5000000000,
	    .duration_ms = 345,
	};

	(void)state;
	log_in();
#define FORWARD(event)                                                  \
	HEAD("forward." event)                                          \
	",\"user\":\"tester\",\"forward\":3,\"kind\":\"tcp\",\"port\":" \
	"5432,\"destination\":\"db\\u000a\""
	record_forward_open(t.record, &f, RECORD_CONNECTED, 6, 0, NULL);
	check_event(FORWARD("open") ",\"result\":\"connected\",\"dial_ms\":6");
	record_forward_open(t.record, &f, RECORD_FAILED, 7, ECONNREFUSED,
	    "nobody\t");
	check_event(
	    FORWARD("open") ",\"result\":\"failed\",\"dial_ms\":7,\"error\":"
			    "\"ECONNREFUSED\",\"detail\":\"nobody\\u0009\"");
	record_forward_open(t.record, &f, RECORD_FAILED, 7, 4095, "");
	check_event(FORWARD(
	    "open") ",\"result\":\"failed\",\"dial_ms\":7,\"error\":4095");
	record_forward_open(t.record, &f, RECORD_REFUSED, 0, 0, "too many");
	check_event(
	    FORWARD("open") ",\"result\":\"refused\",\"detail\":\"too many\"");
#define FORWARD_END      \
	FORWARD("close") \
	",\"bytes_in\":12,\"bytes_out\":5000000000,\"duration_ms\":345"
	record_forward_close(t.record, &f, &e);
	check_event(FORWARD_END);
	e.why = "cut";
	record_forward_close(t.record, &f, &e);
	check_event(FORWARD_END ",\"error\":\"cut\"");
	e.unknown = 1;
	record_forward_close(t.record, &f, &e);
	check_event(FORWARD("close") ",\"duration_ms\":345,\"error\":\"cut\"");
	f = (struct record_forward){.number = 4,
	    .destination = "/x",
	    .destination_len = 2};
	record_forward_open(t.record, &f, RECORD_CONNECTED, 6, 0, NULL);
	check_event(
	    HEAD("forward.open") ",\"user\":\"tester\",\"forward\":4,\"kind\":"
				 "\"unix\",\"destination\":\"/x\",\"result\":"
				 "\"connected\",\"dial_ms\":6");
	check_event(NULL);
}

/* The last line that syslog got under that name. */
static const char *
syslog_line(const char *ident)
{
	static char last[LOG_LINE_MAX + 1];
	const char *line, *p;

	last[0] = '\0';
	while (*(line = syslogd_raw(t.syslog)) != '\0')
		if ((p = strstr(line, ident)) != NULL)
			(void)snprintf(last, sizeof(last), "%s", p);
	return last;
}

/* sshd's children have the same stderr; they can't say who is in. */
static void
only_root_says_who_is_in(void **state)
{
	static const char line[] =
	    "Accepted password for root from " AT " ssh2\r\n";

	(void)state;
	check_event(OPEN);
	record_sshd_line(t.record, 78, 4242, line, sizeof(line) - 1);
	assert_null(record_user(t.record));
	check_event(NULL);
	assert_string_equal(syslog_line("sshd["), "");
	record_sshd_line(t.record, 78, 4242, line, sizeof(line) - 1);
	assert_non_null(strstr(syslog_line("connection "),
	    "process 78, not root, says: Accepted password"));
	sshd(line);
	assert_string_equal(record_user(t.record), "root");
}

/* sshd writes some for each channel, and a user opens any number of them. */
static void
a_flood_of_lines_is_none_in_syslog(void **state)
{
	int i, other = 0, known = 0;

	(void)state;
	for (i = 0; i < 1000; i++) {
		sshd("channel 1: open failed\r\n");
		other += syslog_line("sshd[")[0] != '\0';
		sshd("Failed password for tester from " AT " ssh2\r\n");
		known += syslog_line("sshd[")[0] != '\0';
	}
	/* That took a second or a bit of the next, surely. */
	assert_in_range(other, 100, 900);
	assert_int_equal(known, 1000);
}

/* Every line, known or not, whole, as sshd's own process. */
static void
relays_what_sshd_logs(void **state)
{
	(void)state;
	sshd("Connection closed by " AT " [preauth]\r\n");
	assert_string_equal(syslog_line("sshd["),
	    "sshd[77]: Connection closed by " AT " [preauth]");
	sshd("Invalid user a\nb\\134 from " AT "\r\n");
	assert_string_equal(syslog_line("sshd["),
	    "sshd[77]: Invalid user a\\012b\\134 from " AT);
	sshd("whatever\n");
	assert_string_equal(syslog_line("sshd["), "sshd[77]: whatever");
	record_close(t.record);
	assert_non_null(
	    strstr(syslog_line("k8shell-audit["), "]: {\"timestamp\":"));
}

#define RECORD_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    RECORD_TEST(says_who_connects),
	    RECORD_TEST(says_who_proxied),
	    RECORD_TEST(a_key_succeeds),
	    RECORD_TEST(a_certificate_succeeds),
	    RECORD_TEST(a_password_succeeds),
	    RECORD_TEST(what_is_not_this_connection_counts_for_nothing),
	    RECORD_TEST(failures_are_one_event),
	    RECORD_TEST(failures_before_a_success_are_none),
	    RECORD_TEST(many_failures_are_counted),
	    RECORD_TEST(says_how_it_failed),
	    RECORD_TEST(exit_statuses_say_why),
	    RECORD_TEST(the_worst_offence_counts),
	    RECORD_TEST(no_offence_after_login),
	    RECORD_TEST(the_first_reason_counts),
	    RECORD_TEST(sessions_begin),
	    RECORD_TEST(a_session_is_somebodys),
	    RECORD_TEST(forwards_open_and_close),
	    RECORD_TEST(sessions_end),
	    RECORD_TEST(only_root_says_who_is_in),
	    RECORD_TEST(a_flood_of_lines_is_none_in_syslog),
	    RECORD_TEST(relays_what_sshd_logs),
	};

	alarm(60);
	return cmocka_run_group_tests(tests, NULL, NULL) != 0;
}
