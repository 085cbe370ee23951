/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "lib/core/log.h"
#include "tests/unit/syslogd.h"
#include "tests/unit/tmpdir.h"

/* What is written to stderr between the two calls. */
static int saved_stderr, capture_fd;

static void
capture_start(void)
{
	char name[] = "/tmp/test_log.XXXXXX";

	capture_fd = mkstemp(name);
	assert_true(capture_fd >= 0);
	unlink(name);
	fflush(stderr);
	saved_stderr = dup(2);
	dup2(capture_fd, 2);
}

static void
capture_end(char *out, size_t size)
{
	ssize_t n;

	fflush(stderr);
	dup2(saved_stderr, 2);
	close(saved_stderr);
	n = pread(capture_fd, out, size - 1, 0);
	close(capture_fd);
	assert_true(n >= 0);
	out[n] = '\0';
}

static void
escapes_what_could_forge_a_line(void **state)
{
	char out[64];

	(void)state;
	assert_string_equal(log_escape(out, sizeof(out), "a\nb\\c\033\x7f\xff",
				8),
	    "a\\012b\\134c\\033\\177\\377");
	assert_string_equal(log_escape(out, sizeof(out), "a\0b", 3), "a\\000b");
	assert_string_equal(log_escape(out, sizeof(out), "", 0), "");
}

static void
escape_never_writes_past_the_end(void **state)
{
	char out[16];
	size_t size;

	(void)state;
	for (size = 0; size <= 12; size++) {
		memset(out, '#', sizeof(out));
		log_escape(out, size, "ab\n\nc", 5);
		assert_int_equal(out[size], '#');
		if (size > 0)
			assert_true(strlen(out) < size);
	}
	/* Never half of an escape. */
	log_escape(out, 6, "ab\n", 3);
	assert_string_equal(out, "ab");
	log_escape(out, 7, "ab\n", 3);
	assert_string_equal(out, "ab\\012");
}

static void
levels_and_stderr(void **state)
{
	char out[8192], big[4096];

	(void)state;
	log_init("test_log");
	capture_start();
	log_info("silent");
	log_to_stderr(1);
	log_debug("too fine");
	errno = EXDEV;
	log_error("one\n%s", "two");
	assert_int_equal(errno, EXDEV);
	log_set_level(LOGL_DEBUG);
	log_debug("fine");
	log_set_level(LOGL_ERROR);
	log_warn("too fine");
	log_to_stderr(0);
	log_error("silent");
	capture_end(out, sizeof(out));
	assert_string_equal(out, "one\\012two\nfine\n");

	/* Longer than a line: cut, not overrun. */
	memset(big, '\n', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	capture_start();
	log_to_stderr(1);
	log_error("%s", big);
	log_to_stderr(0);
	capture_end(out, sizeof(out));
	assert_true(strlen(out) > 1000 && strlen(out) < 4200);
	assert_ptr_equal(strchr(out, '\n'), out + strlen(out) - 1);
}

/* "IDENT[PID]: TEXT" of the next line. */
#define EXPECT(fd, priority, ident, pid, text)                                \
	do {                                                                  \
		char expect_[16384];                                          \
		(void)snprintf(expect_, sizeof(expect_), "%s[%ld]: %s",       \
		    (ident), (long)(pid), (text));                            \
		assert_string_equal(syslogd_line((fd), (priority)), expect_); \
	} while (0)

static void
speaks_syslog(void **state)
{
	int fd = syslogd_start();

	(void)state;
	log_init("test_log");
	log_set_level(LOGL_DEBUG);
	log_error("a\n\\%d", 7);
	EXPECT(fd, 35, "test_log", getpid(), "a\\012\\1347");
	log_warn("w");
	EXPECT(fd, 36, "test_log", getpid(), "w");
	log_info("i");
	EXPECT(fd, 38, "test_log", getpid(), "i");
	log_debug("d");
	EXPECT(fd, 39, "test_log", getpid(), "d");
	log_set_level(LOGL_ERROR);
	log_info("too fine");
	assert_string_equal(syslogd_raw(fd), "");
	syslogd_stop(fd);
}

/* As it is, but nothing can split a line or reach a terminal. */
static void
speaks_for_others(void **state)
{
	int fd = syslogd_start();
	char big[20000];
	const char *raw;

	(void)state;
	/* Whatever the level of our own lines. */
	log_set_level(LOGL_ERROR);
#define RELAY(text) log_line_as("sshd", 4711, LOGL_INFO, text, sizeof(text) - 1)
	RELAY("Failed password for bob from 192.0.2.1 port 22 ssh2\r\n");
	EXPECT(fd, 38, "sshd", 4711,
	    "Failed password for bob from 192.0.2.1 port 22 ssh2");
	RELAY("a\\\\b\\303\n");
	EXPECT(fd, 38, "sshd", 4711, "a\\\\b\\303");
	RELAY("x\nsshd[1]: y\r\n\033[0m\x7f\xc3\0z");
	EXPECT(fd, 38, "sshd", 4711,
	    "x\\012sshd[1]: y\\015\\012\\033[0m\\177\\303\\000z");
	RELAY("\n\n");
	EXPECT(fd, 38, "sshd", 4711, "\\012");
	RELAY("\r\n");
	EXPECT(fd, 38, "sshd", 4711, "");
	RELAY("");
	EXPECT(fd, 38, "sshd", 4711, "");
#undef RELAY
	log_line_as("sshd", 1, LOGL_DEBUG, "d", 1);
	EXPECT(fd, 39, "sshd", 1, "d");
	/* Cut, never within an escape. */
	memset(big, '\n', sizeof(big));
	log_line_as("sshd", 1, LOGL_INFO, big, sizeof(big));
	raw = syslogd_raw(fd);
	assert_in_range(strlen(raw), LOG_LINE_MAX - 4, LOG_LINE_MAX);
	assert_string_equal(raw + strlen(raw) - 8, "\\012\\012");
	/* An ident that is too long leaves room for the line. */
	memset(big, 'i', sizeof(big));
	big[sizeof(big) - 1] = '\0';
	log_line_as(big, 1, LOGL_INFO, "text", 4);
	raw = syslogd_line(fd, 38);
	assert_int_equal(strspn(raw, "i"), LOG_IDENT_MAX);
	assert_string_equal(raw + LOG_IDENT_MAX, "[1]: text");
	syslogd_stop(fd);
}

static void
finds_a_new_daemon(void **state)
{
	int fd;

	(void)state;
	log_close();
	log_set_level(LOGL_INFO);
	errno = EXDEV;
	log_info("nobody there");
	assert_int_equal(errno, EXDEV);
	fd = syslogd_start();
	log_info("one");
	EXPECT(fd, 36, "test_log", getpid(),
	    "1 lines before this one were lost");
	EXPECT(fd, 38, "test_log", getpid(), "one");
	syslogd_stop(fd);
	/* Restarted between two lines: nothing is lost. */
	fd = syslogd_start();
	log_info("two");
	EXPECT(fd, 38, "test_log", getpid(), "two");
	assert_string_equal(syslogd_raw(fd), "");
	syslogd_stop(fd);
}

/* A daemon that does not read: no wait, and a count afterwards. */
static void
never_waits(void **state)
{
	int fd = syslogd_start(), i, got;
	char last[64];

	(void)state;
	alarm(20);
	for (i = 0; i < 100000; i++)
		log_info("%d", i);
	alarm(0);
	for (got = 0; *syslogd_raw(fd) != '\0'; got++)
		;
	assert_in_range(got, 1, 99999);
	log_info("again");
	(void)snprintf(last, sizeof(last), "%d lines before this one were lost",
	    100000 - got);
	EXPECT(fd, 36, "test_log", getpid(), last);
	EXPECT(fd, 38, "test_log", getpid(), "again");
	log_info("more");
	EXPECT(fd, 38, "test_log", getpid(), "more");
	syslogd_stop(fd);
}

/* A number that became somebody else's is not written to. */
static void
closes_on_request(void **state)
{
	int fd = syslogd_start(), pair[2];
	char c;

	(void)state;
	log_info("opens it");
	(void)syslogd_raw(fd);
	log_close();
	assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair), 0);
	log_info("x");
	EXPECT(fd, 38, "test_log", getpid(), "x");
	assert_int_equal(recv(pair[0], &c, 1, MSG_DONTWAIT), -1);
	assert_int_equal(recv(pair[1], &c, 1, MSG_DONTWAIT), -1);
	close(pair[0]);
	close(pair[1]);
	syslogd_stop(fd);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(escapes_what_could_forge_a_line),
	    cmocka_unit_test(escape_never_writes_past_the_end),
	    cmocka_unit_test(speaks_syslog),
	    cmocka_unit_test(speaks_for_others),
	    cmocka_unit_test(finds_a_new_daemon),
	    cmocka_unit_test(never_waits),
	    cmocka_unit_test(closes_on_request),
	    cmocka_unit_test(levels_and_stderr),
	};

	return cmocka_run_group_tests(tests, tmpdir_enter, tmpdir_leave) != 0;
}
