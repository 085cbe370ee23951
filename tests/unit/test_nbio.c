/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <pty.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

#include "lib/core/nbio.h"
#include "tests/unit/tmpdir.h"

static char block[64 * 1024];

static void
open_ok(struct nbio *io, int fd, int write)
{
	struct k8s_err err = K8S_ERR_INIT;

	if (nbio_open(io, fd, write, &err) == -1)
		fail_msg("%s", err.msg);
	assert_int_equal(err.code, K8S_ERR_NONE);
	assert_true(io->fd >= 0);
}

static int
is_nonblocking(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	assert_true(flags != -1);
	return (flags & O_NONBLOCK) != 0;
}

static void
check_would_block(ssize_t n)
{
	assert_int_equal(n, -1);
	assert_int_equal(errno, EAGAIN);
}

/*
 * Both ends through nbio; shared[]: what others hold of the same open files.
 * Nothing may block, and none of the others may notice anything.
 */
static void
check_stream(int rfd, int wfd, const int shared[2])
{
	struct nbio in, out;
	char buf[8];
	uint64_t written;
	ssize_t n;

	open_ok(&in, rfd, 0);
	open_ok(&out, wfd, 1);
	assert_false(is_nonblocking(shared[0]));
	assert_false(is_nonblocking(shared[1]));
	if (in.own)
		assert_true(fcntl(in.fd, F_GETFD) & FD_CLOEXEC);
	check_would_block(nbio_read(&in, buf, sizeof(buf)));
	assert_int_equal(nbio_write(&out, "hello", 5), 5);
	assert_int_equal(nbio_read(&in, buf, sizeof(buf)), 5);
	assert_memory_equal(buf, "hello", 5);
	assert_int_equal(in.bytes, 5);
	assert_int_equal(out.bytes, 5);
	do {
		written = out.bytes;
		n = nbio_write(&out, block, sizeof(block));
		assert_int_equal(out.bytes, written + (n > 0 ? (size_t)n : 0));
	} while (n > 0);
	check_would_block(n);
	assert_false(is_nonblocking(shared[0]));
	assert_false(is_nonblocking(shared[1]));
	/* All that was written, and what can't be had does not count. */
	while ((n = nbio_read(&in, block, sizeof(block))) > 0)
		continue;
	check_would_block(n);
	assert_true(out.bytes > 5);
	assert_int_equal(in.bytes, out.bytes);
	nbio_close(&in);
	nbio_close(&out);
	assert_int_equal(in.fd, -1);
	nbio_close(&in);
	/* The borrowed ones are open, as they were. */
	assert_false(is_nonblocking(rfd));
	assert_false(is_nonblocking(wfd));
}

static void
uses_a_pipe(void **state)
{
	int p[2], shared[2];

	(void)state;
	assert_int_equal(pipe(p), 0);
	shared[0] = dup(p[0]);
	shared[1] = dup(p[1]);
	check_stream(p[0], p[1], shared);
	close(p[0]);
	close(p[1]);
	close(shared[0]);
	close(shared[1]);
}

static void
uses_a_socket(void **state)
{
	int s[2], shared[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, s), 0);
	shared[0] = dup(s[0]);
	shared[1] = dup(s[1]);
	check_stream(s[0], s[1], shared);
	close(s[0]);
	close(s[1]);
	close(shared[0]);
	close(shared[1]);
}

static void
uses_a_fifo(void **state)
{
	char *dir = tmpdir_new(), path[512];
	int fd[2], shared[2];

	(void)state;
	(void)snprintf(path, sizeof(path), "%s/fifo", dir);
	assert_int_equal(mkfifo(path, 0600), 0);
	fd[0] = open(path, O_RDWR | O_CLOEXEC);
	fd[1] = open(path, O_WRONLY | O_CLOEXEC);
	shared[0] = dup(fd[0]);
	shared[1] = dup(fd[1]);
	check_stream(fd[0], fd[1], shared);
	close(fd[0]);
	close(fd[1]);
	close(shared[0]);
	close(shared[1]);
	tmpdir_free(dir);
}

/* A terminal, read and written at its inner side as a session's is. */
static void
uses_a_terminal(void **state)
{
	struct nbio in, out;
	struct termios t;
	int master, slave, shared;
	char buf[8];
	ssize_t n;

	(void)state;
	assert_int_equal(openpty(&master, &slave, NULL, NULL, NULL), 0);
	assert_int_equal(tcgetattr(slave, &t), 0);
	cfmakeraw(&t);
	assert_int_equal(tcsetattr(slave, TCSANOW, &t), 0);
	shared = dup(slave);
	open_ok(&in, slave, 0);
	open_ok(&out, slave, 1);
	assert_true(in.own);
	assert_false(is_nonblocking(shared));
	check_would_block(nbio_read(&in, buf, sizeof(buf)));
	assert_int_equal(write(master, "hello", 5), 5);
	/* The terminal's own thread hands it over. */
	while ((n = nbio_read(&in, buf, sizeof(buf))) == -1)
		assert_int_equal(errno, EAGAIN);
	assert_int_equal(n, 5);
	do
		n = nbio_write(&out, block, sizeof(block));
	while (n > 0);
	check_would_block(n);
	assert_false(is_nonblocking(shared));
	/* Hung up: an error or the end, but an answer at once. */
	close(master);
	n = nbio_read(&in, buf, sizeof(buf));
	assert_true(n == 0 || (n == -1 && errno == EIO));
	nbio_close(&in);
	nbio_close(&out);
	assert_false(is_nonblocking(slave));
	close(slave);
	close(shared);
}

/* With its offset: others go on where we stopped. */
static void
uses_a_file(void **state)
{
	char *dir = tmpdir_new(), buf[8];
	struct nbio io;
	int fd, shared;

	(void)state;
	fd =
	    open(tmpdir_write(dir, "f", "abcdef", 6, 0600), O_RDWR | O_CLOEXEC);
	shared = dup(fd);
	open_ok(&io, fd, 0);
	assert_false(io.own);
	assert_int_equal(nbio_read(&io, buf, 2), 2);
	assert_memory_equal(buf, "ab", 2);
	nbio_close(&io);
	assert_int_equal(read(shared, buf, 2), 2);
	assert_memory_equal(buf, "cd", 2);
	open_ok(&io, fd, 1);
	assert_int_equal(nbio_write(&io, "X", 1), 1);
	nbio_close(&io);
	assert_int_equal(lseek(shared, 0, SEEK_CUR), 5);
	assert_int_equal(read(shared, buf, 8), 1);
	open_ok(&io, fd, 0);
	assert_int_equal(nbio_read(&io, buf, 8), 0);
	nbio_close(&io);
	assert_false(is_nonblocking(shared));
	close(fd);
	close(shared);
	tmpdir_free(dir);
}

static void
sees_the_end(void **state)
{
	struct nbio in;
	char buf[8];
	int p[2], s[2];

	(void)state;
	assert_int_equal(pipe(p), 0);
	open_ok(&in, p[0], 0);
	assert_int_equal(write(p[1], "a", 1), 1);
	close(p[1]);
	assert_int_equal(nbio_read(&in, buf, 8), 1);
	assert_int_equal(nbio_read(&in, buf, 8), 0);
	assert_int_equal(in.bytes, 1);
	nbio_close(&in);
	close(p[0]);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, s), 0);
	open_ok(&in, s[0], 0);
	close(s[1]);
	assert_int_equal(nbio_read(&in, buf, 8), 0);
	nbio_close(&in);
	close(s[0]);
}

/* With SIGPIPE as it is at the start of a program. */
static void
a_gone_reader_is_an_error(void **state)
{
	struct nbio out;
	int p[2], s[2];

	(void)state;
	signal(SIGPIPE, SIG_DFL);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, s), 0);
	open_ok(&out, s[0], 1);
	close(s[1]);
	assert_int_equal(nbio_write(&out, "a", 1), -1);
	assert_int_equal(errno, EPIPE);
	nbio_close(&out);
	close(s[0]);
	signal(SIGPIPE, SIG_IGN);
	assert_int_equal(pipe(p), 0);
	open_ok(&out, p[1], 1);
	close(p[0]);
	assert_int_equal(nbio_write(&out, "a", 1), -1);
	assert_int_equal(errno, EPIPE);
	nbio_close(&out);
	close(p[1]);
	signal(SIGPIPE, SIG_DFL);
}

/* No open file of our own to be had: the shared one's flags come back. */
static void
falls_back_to_the_shared_one(void **state)
{
	struct rlimit old, few;
	struct nbio in;
	char c;
	int p[2], shared;

	(void)state;
	assert_int_equal(pipe(p), 0);
	shared = dup(p[0]);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	few = old;
	few.rlim_cur = 0;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	open_ok(&in, p[0], 0);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	assert_false(in.own);
	assert_int_equal(in.fd, p[0]);
	check_would_block(nbio_read(&in, &c, 1));
	nbio_close(&in);
	assert_false(is_nonblocking(shared));
	assert_false(is_nonblocking(p[0]));
	close(p[0]);
	close(p[1]);
	close(shared);
}

static void
refuses_what_is_not_open(void **state)
{
	struct k8s_err err = K8S_ERR_INIT;
	struct nbio io;

	(void)state;
	assert_int_equal(nbio_open(&io, 9999, 0, &err), -1);
	unit_check_err(&err, K8S_ERR_SYSTEM, "descriptor 9999: Bad file");
	assert_int_equal(io.fd, -1);
	nbio_close(&io);
}

/*
 * What its holder could not read or write: opening it anew with the rights of
 * a setgid program must not give him more.
 */
static void
gives_no_more_than_there_was(void **state)
{
	char *dir = tmpdir_new(), path[256];
	struct k8s_err err;
	struct nbio io;
	int p[2], fd, i;

	(void)state;
	(void)snprintf(path, sizeof(path), "%s/fifo", dir);
	assert_int_equal(mkfifo(path, 0600), 0);
	for (i = 0; i < 4; i++) {
		fd = open(i < 2 ? path : "/dev/null", O_PATH | O_CLOEXEC);
		assert_true(fd >= 0);
		assert_int_equal(nbio_open(&io, fd, i % 2, &err), -1);
		unit_check_err(&err, K8S_ERR_INVALID, "is not open for");
		assert_int_equal(io.fd, -1);
		close(fd);
	}
	assert_int_equal(pipe(p), 0);
	assert_int_equal(nbio_open(&io, p[0], 1, &err), -1);
	unit_check_err(&err, K8S_ERR_INVALID, "is not open for writing");
	assert_int_equal(nbio_open(&io, p[1], 0, &err), -1);
	unit_check_err(&err, K8S_ERR_INVALID, "is not open for reading");
	close(p[0]);
	close(p[1]);
	tmpdir_free(dir);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(uses_a_pipe),
	    cmocka_unit_test(uses_a_socket),
	    cmocka_unit_test(uses_a_fifo),
	    cmocka_unit_test(uses_a_terminal),
	    cmocka_unit_test(uses_a_file),
	    cmocka_unit_test(sees_the_end),
	    cmocka_unit_test(a_gone_reader_is_an_error),
	    cmocka_unit_test(falls_back_to_the_shared_one),
	    cmocka_unit_test(refuses_what_is_not_open),
	    cmocka_unit_test(gives_no_more_than_there_was),
	};

	/* Nothing here may block. */
	alarm(30);
	return cmocka_run_group_tests(tests, NULL, NULL) != 0;
}
