/* SPDX-License-Identifier: Apache-2.0 */
/* What an sftp client gets to know, by packets made and read here. */
#include "tests/unit/unit.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "helpers/sftprefuse.h"
#include "tests/unit/child.h"

#define INIT	 "\0\0\0\5\1\0\0\0\3"
#define VERSION3 "\0\0\0\5\2\0\0\0\3"
#define TEXT	 "no sftp here"

/* A request that is as long as an id, and its answer with TEXT. */
#define REQUEST(id) "\0\0\0\5\20" id
#define ANSWER(id)  "\0\0\0\x1d\x65" id "\0\0\0\4\0\0\0\x0c" TEXT "\0\0\0\0"

static int fd[2]; /* the client's, ours */

static int
set_up(void **state)
{
	(void)state;
	(void)signal(SIGPIPE, SIG_IGN);
	return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd);
}

static int
tear_down(void **state)
{
	(void)state;
	(void)close(fd[0]);
	(void)close(fd[1]);
	return 0;
}

static void
client_says(const void *p, size_t len)
{
	assert_int_equal(write(fd[0], p, len), len);
}

/* The client says no more; what it got. */
static void
check(const char *text, const void *expect, size_t len)
{
	unsigned char got[4096];
	ssize_t n;

	assert_int_equal(shutdown(fd[0], SHUT_WR), 0);
	sftprefuse(fd[1], fd[1], text);
	n = recv(fd[0], got, sizeof(got), MSG_DONTWAIT);
	assert_int_equal(n, len);
	assert_memory_equal(got, expect, len);
}

#define SAYS(s)	 client_says(s, sizeof(s) - 1)
#define CHECK(s) check(TEXT, s, sizeof(s) - 1)

static void
tells_why(void **state)
{
	(void)state;
	SAYS(INIT REQUEST("abcd") REQUEST("efgh"));
	CHECK(VERSION3 ANSWER("abcd") ANSWER("efgh"));
}

/* The INIT has been read by somebody else; or there are things in it. */
static void
does_without_init(void **state)
{
	(void)state;
	SAYS(REQUEST("abcd"));
	CHECK(VERSION3 ANSWER("abcd"));
	tear_down(state);
	set_up(state);
	SAYS("\0\0\0\x10\1\0\0\0\3more of it." REQUEST("abcd"));
	CHECK(VERSION3 ANSWER("abcd"));
}

static void
tells_it_a_few_times(void **state)
{
	(void)state;
	SAYS(INIT REQUEST("aaaa") REQUEST("bbbb") REQUEST("cccc")
		REQUEST("dddd") REQUEST("eeee"));
	CHECK(VERSION3 ANSWER("aaaa") ANSWER("bbbb") ANSWER("cccc")
		ANSWER("dddd"));
}

static void
does_not_go_on_with_others(void **state)
{
	static const struct {
		const char *p;
		size_t len;
	} cases[] = {
#define CASE(s) {s, sizeof(s) - 1}
	    CASE("\0\0\0\0\1\0\0\0\3" REQUEST("abcd")),
	    CASE("\0\0\0\4\1\0\0\0\3" REQUEST("abcd")),
	    CASE("\0\4\0\1\1\0\0\0\3" REQUEST("abcd")),
	    CASE("\377\377\377\377\1\0\0\0\3" REQUEST("abcd")),
	    CASE("GET / HTTP/1.1\r\n\r\n"),
	    CASE(INIT "\0\0\0\5\20abc"),
	    CASE(INIT "\0\0\0\6\20abcd"),
	    CASE(""),
	};
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		client_says(cases[i].p, cases[i].len);
		CHECK(VERSION3);
		tear_down(state);
		set_up(state);
	}
}

/* A packet as large as OpenSSH's client has them; in small pieces. */
static void
slow_client(void *arg)
{
	static char rest[256 * 1024 - 5];
	size_t i;

	(void)arg;
	CHILD_CHECK(write(fd[0], "\0\4\0\0\20wxyz", 9) == 9);
	CHILD_CHECK(write(fd[0], rest, sizeof(rest)) == (ssize_t)sizeof(rest));
	for (i = 0; i < 9; i++)
		CHILD_CHECK(write(fd[0], &REQUEST("abcd")[i], 1) == 1);
	CHILD_CHECK(shutdown(fd[0], SHUT_WR) == 0);
}

static void
takes_packets_as_they_come(void **state)
{
	static const char expect[] = VERSION3 ANSWER("wxyz") ANSWER("abcd");
	char got[256];
	pid_t pid;

	(void)state;
	assert_int_equal(fcntl(fd[1], F_SETFL, O_NONBLOCK), 0);
	pid = child_start(slow_client, NULL);
	sftprefuse(fd[1], fd[1], TEXT);
	assert_int_equal(child_wait(pid), 0);
	assert_int_equal(recv(fd[0], got, sizeof(got), MSG_DONTWAIT),
	    sizeof(expect) - 1);
	assert_memory_equal(got, expect, sizeof(expect) - 1);
}

static void
cuts_a_long_text(void **state)
{
	static char text[2000];
	unsigned char expect[9 + 9 + 8 + 512 + 4] = VERSION3 "\0\0\2\x11\x65"
							     "abcd"
							     "\0\0\0\4\0\0\2\0";

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	memset(expect + 26, 'x', 512);
	SAYS(REQUEST("abcd"));
	check(text, expect, sizeof(expect));
}

static void
ends_when_nobody_is_there(void **state)
{
	(void)state;
	(void)close(fd[0]);
	fd[0] = -1;
	sftprefuse(fd[1], fd[1], TEXT);
}

/* One byte more than any packet has, and all of it comes. */
static void
long_client(void *arg)
{
	static char rest[256 * 1024 - 4];

	(void)arg;
	(void)close(fd[1]);
	CHILD_CHECK(write(fd[0], "\0\4\0\1\20wxyz", 9) == 9);
	(void)!write(fd[0], rest, sizeof(rest));
	(void)!write(fd[0], REQUEST("abcd"), 9);
	(void)shutdown(fd[0], SHUT_WR);
}

static void
takes_no_longer_packets(void **state)
{
	char got[256];
	pid_t pid;

	(void)state;
	pid = child_start(long_client, NULL);
	sftprefuse(fd[1], fd[1], TEXT);
	assert_int_equal(recv(fd[0], got, sizeof(got), MSG_DONTWAIT),
	    sizeof(VERSION3) - 1);
	(void)close(fd[1]);
	fd[1] = -1;
	assert_int_equal(child_wait(pid), 0);
}

/* A packet without end, byte by byte, until nobody takes them. */
static void
endless_client(void *arg)
{
	(void)arg;
	(void)close(fd[1]);
	CHILD_CHECK(write(fd[0], "\0\4\0\0\20wxyz", 9) == 9);
	do
		(void)usleep(20000);
	while (write(fd[0], "x", 1) == 1);
}

/* Beside it one whose client says nothing, and stays. */
static void
silent_client(void *arg)
{
	int pair[2];

	(void)arg;
	CHILD_CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
	sftprefuse(pair[1], pair[1], TEXT);
}

static void
does_not_wait_for_ever(void **state)
{
	pid_t pid, silent;

	(void)state;
	(void)alarm(CHILD_TIME);
	silent = child_start(silent_client, NULL);
	pid = child_start(endless_client, NULL);
	sftprefuse(fd[1], fd[1], TEXT);
	(void)alarm(0);
	(void)close(fd[1]);
	fd[1] = -1;
	assert_int_equal(child_wait(pid), 0);
	assert_int_equal(child_wait(silent), 0);
}

#define T(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    T(tells_why),
	    T(does_without_init),
	    T(tells_it_a_few_times),
	    T(does_not_go_on_with_others),
	    T(takes_packets_as_they_come),
	    T(takes_no_longer_packets),
	    T(cuts_a_long_text),
	    T(ends_when_nobody_is_there),
	    T(does_not_wait_for_ever),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) != 0;
}
