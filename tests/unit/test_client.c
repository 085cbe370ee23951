/* SPDX-License-Identifier: Apache-2.0 */
/* Each test in a child, whose descriptors 0 to 2 are the client's. */
#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <pty.h>
#include <signal.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

#include "helpers/client.h"
#include "tests/unit/child.h"

static struct {
	struct loop *loop;
	struct client *c;
	int in, out, err; /* the other ends */
	int inputs, resizes, gone, signals, handled, last;
	size_t taken[2];
} f;

static void
on_input(void *arg)
{
	(void)arg;
	f.inputs++;
}

static void
on_taken(void *arg, enum client_stream s, size_t n)
{
	(void)arg;
	f.taken[s] += n;
}

static void
on_resized(void *arg)
{
	(void)arg;
	f.resizes++;
}

static int
on_signalled(void *arg, int sig)
{
	(void)arg;
	f.signals++;
	f.last = sig;
	return f.handled;
}

static void
on_gone(void *arg)
{
	(void)arg;
	f.gone++;
}

static const struct client_handler handler = {
    .input = on_input,
    .taken = on_taken,
    .resized = on_resized,
    .signalled = on_signalled,
    .gone = on_gone,
};

static void
turns(int n)
{
	while (n-- > 0)
		CHILD_CHECK(loop_dispatch(f.loop, 10) == 0);
}

static void
begin(int tty)
{
	(void)signal(SIGPIPE, SIG_IGN);
	CHILD_CHECK((f.loop = loop_new(NULL)) != NULL);
	CHILD_CHECK((f.c = client_new(f.loop, tty, NULL)) != NULL);
	client_attach(f.c, &handler, NULL);
}

/* The other ends are not the client's, so that a hang-up is one. */
static void
use(int fd, int as, int other, int *keep)
{
	CHILD_CHECK((*keep = fcntl(other, F_DUPFD_CLOEXEC, 10)) != -1);
	CHILD_CHECK(dup2(fd, as) == as);
	if (fd > 2)
		close(fd);
	if (other > 2 && other < 10)
		close(other);
}

static void
use_pipes(void)
{
	int i[2], o[2], e[2];

	CHILD_CHECK(pipe(i) == 0 && pipe(o) == 0 && pipe(e) == 0);
	use(i[0], 0, i[1], &f.in);
	use(o[1], 1, o[0], &f.out);
	use(e[1], 2, e[0], &f.err);
	begin(0);
}

/* As sshd without pipes: one for stdin and stdout. */
static void
use_sockets(void)
{
	int s[2], e[2];

	CHILD_CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0);
	CHILD_CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, e) == 0);
	CHILD_CHECK(dup2(s[0], 0) == 0);
	use(s[0], 1, s[1], &f.out);
	use(e[0], 2, e[1], &f.err);
	f.in = f.out;
	begin(0);
}

static void
use_pty(void)
{
	const struct winsize size = {.ws_col = 100, .ws_row = 30};
	int master, slave;

	CHILD_CHECK(openpty(&master, &slave, NULL, NULL, &size) == 0);
	CHILD_CHECK(dup2(slave, 0) == 0 && dup2(slave, 1) == 1);
	use(slave, 2, master, &f.in);
	f.out = f.err = f.in;
	begin(1);
}

static size_t
drain(int fd)
{
	static char b[65536];
	size_t sum = 0;
	ssize_t n;

	CHILD_CHECK(fcntl(fd, F_SETFL, O_NONBLOCK) == 0);
	while ((n = read(fd, b, sizeof(b))) > 0)
		sum += (size_t)n;
	return sum;
}

/* Fills the queue to its end, and empties it; nothing is lost on the way. */
static void
check_output(void)
{
	static const char block[32768] = "x";
	size_t queued, waits = 0, sent = 0, got = 0;
	int i;

	while (client_write(f.c, CLIENT_STDOUT, block, sizeof(block),
		   &queued) == 0) {
		CHILD_CHECK(queued <= sizeof(block));
		waits += queued;
		sent += sizeof(block);
		CHILD_CHECK(client_queued(f.c) == waits);
		CHILD_CHECK(waits <= CLIENT_QUEUE_MAX);
	}
	CHILD_CHECK(waits > CLIENT_QUEUE_MAX - sizeof(block));
	for (i = 0; i < 200; i++) {
		got += drain(f.out);
		turns(1);
	}
	CHILD_CHECK(got == sent);
	CHILD_CHECK(f.taken[0] == waits && f.taken[1] == 0);
	CHILD_CHECK(client_queued(f.c) == 0);
	CHILD_CHECK(client_write(f.c, CLIENT_STDERR, "err", 3, &queued) == 0);
	CHILD_CHECK(queued == 0);
	CHILD_CHECK(drain(f.err) == 3);
	CHILD_CHECK(f.gone == 0);
}

static void
check_input(void)
{
	char b[16];
	uint64_t in, out;

	CHILD_CHECK(write(f.in, "hello", 5) == 5);
	turns(2);
	CHILD_CHECK(f.inputs == 0);
	client_want_input(f.c, 1);
	turns(1);
	CHILD_CHECK(f.inputs == 1);
	CHILD_CHECK(client_read(f.c, b, sizeof(b)) == 5);
	CHILD_CHECK(client_read(f.c, b, sizeof(b)) == -1 && errno == EAGAIN);
	client_traffic(f.c, &in, &out);
	CHILD_CHECK(in == 5);
	turns(1);
	CHILD_CHECK(f.inputs == 1);
	client_want_input(f.c, 0);
}

/* With output under way or not: told once, and nothing is kept. */
static void
check_gone(void)
{
	size_t queued;
	int i;

	for (i = 0; i < 3; i++)
		turns(1);
	CHILD_CHECK(f.gone == 1 && client_is_gone(f.c));
	CHILD_CHECK(client_queued(f.c) == 0);
	CHILD_CHECK(client_write(f.c, CLIENT_STDOUT, "x", 1, &queued) == 0);
	CHILD_CHECK(queued == 0);
	client_hang_up(f.c);
	client_want_input(f.c, 1);
	turns(2);
	CHILD_CHECK(f.gone == 1 && f.inputs <= 1);
	client_free(f.c);
	loop_free(f.loop);
}

static void
pipes(void *arg)
{
	(void)arg;
	use_pipes();
	check_input();
	check_output();
	close(f.in);
	f.inputs = 0;
	client_want_input(f.c, 1);
	turns(1);
	CHILD_CHECK(f.inputs == 1 && client_read(f.c, &f.last, 1) == 0);
	client_want_input(f.c, 0);
	turns(1);
	CHILD_CHECK(f.gone == 0);
	close(f.out);
	check_gone();
}

static void
sockets(void *arg)
{
	(void)arg;
	use_sockets();
	check_input();
	check_output();
	/* The end of stdin is not that of the client. */
	CHILD_CHECK(shutdown(f.in, SHUT_WR) == 0);
	turns(2);
	CHILD_CHECK(f.gone == 0 && client_read(f.c, &f.last, 1) == 0);
	close(f.out);
	check_gone();
}

static void
gone_with_output(void *arg)
{
	static const char block[32768];
	size_t queued;

	(void)arg;
	use_pipes();
	do
		CHILD_CHECK(client_write(f.c, CLIENT_STDOUT, block,
				sizeof(block), &queued) == 0);
	while (queued == 0);
	close(f.out);
	check_gone();
	CHILD_CHECK(f.taken[0] == 0);
}

static void
terminal(void *arg)
{
	struct winsize size = {.ws_col = 111, .ws_row = 22};
	struct termios before, raw, after;

	(void)arg;
	use_pty();
	before = *client_modes(f.c);
	CHILD_CHECK((before.c_lflag & ICANON) != 0);
	CHILD_CHECK(tcgetattr(0, &raw) == 0 && (raw.c_lflag & ICANON) == 0);
	CHILD_CHECK(client_is_tty(f.c) && client_size(f.c).ws_col == 100);
	check_input();
	CHILD_CHECK(ioctl(f.in, TIOCSWINSZ, &size) == 0);
	CHILD_CHECK(kill(getpid(), SIGWINCH) == 0);
	turns(1);
	CHILD_CHECK(f.resizes == 1 && client_size(f.c).ws_col == 111);
	client_free(f.c);
	CHILD_CHECK(tcgetattr(0, &after) == 0);
	CHILD_CHECK(after.c_lflag == before.c_lflag);
	CHILD_CHECK(memcmp(after.c_cc, before.c_cc, sizeof(after.c_cc)) == 0);
}

static void
terminal_gone(void *arg)
{
	(void)arg;
	use_pty();
	close(f.in);
	check_gone();
}

static void
signalled(void *arg)
{
	(void)arg;
	use_pipes();
	f.handled = 1;
	CHILD_CHECK(kill(getpid(), SIGTERM) == 0);
	CHILD_CHECK(kill(getpid(), SIGUSR1) == 0);
	turns(3);
	CHILD_CHECK(f.signals == 2 && f.gone == 0);
	CHILD_CHECK(client_caught(f.c) == 0);
	f.handled = 0;
	CHILD_CHECK(kill(getpid(), SIGINT) == 0);
	turns(1);
	CHILD_CHECK(f.gone == 1 && client_caught(f.c) == SIGINT);
	CHILD_CHECK(kill(getpid(), SIGTERM) == 0);
	turns(2);
	CHILD_CHECK(f.signals == 3 && client_caught(f.c) == SIGINT);
	/* Comes when nobody is there to care: we live. */
	CHILD_CHECK(kill(getpid(), SIGTERM) == 0);
	CHILD_CHECK(kill(getpid(), SIGHUP) == 0);
	client_free(f.c);
}

static void *const children[] = {(void *)pipes, (void *)sockets,
    (void *)gone_with_output, (void *)terminal, (void *)terminal_gone,
    (void *)signalled};

static void
in_a_child(void **state)
{
	child_run((void (*)(void *))*state, NULL);
}

#define CHILD(name, n) {name, in_a_child, NULL, NULL, children[n]}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    CHILD("pipes", 0),
	    CHILD("sockets", 1),
	    CHILD("gone_with_output", 2),
	    CHILD("terminal", 3),
	    CHILD("terminal_gone", 4),
	    CHILD("signalled", 5),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) != 0;
}
