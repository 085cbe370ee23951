/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/caller.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>

#include "lib/core/net.h"
#include "proxyprotocol/notify.h"

static void
need_filter(void)
{
	UNIT_NEED_ROOT(CAP_SYS_ADMIN);
	UNIT_NEED_ROOT(CAP_SYS_PTRACE);
}

/* A socket that listens on 127.0.0.1, and its address. */
static int
listening(struct sockaddr_in *in)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	socklen_t len = sizeof(*in);

	*in = (struct sockaddr_in){.sin_family = AF_INET,
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	assert_true(fd != -1);
	assert_int_equal(bind(fd, (struct sockaddr *)in, sizeof(*in)), 0);
	assert_int_equal(listen(fd, 16), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)in, &len), 0);
	return fd;
}

static struct net_addr
address(const char *text)
{
	struct net_addr a;

	assert_int_equal(net_addr_parse(&a, text, NULL), 0);
	return a;
}

/*
 * Addresses.
 */

struct asked {
	int fd;
	struct net_addr peer, local; /* expected */
};

typedef int get_address(int, struct sockaddr *, socklen_t *);

/* One of the two calls, with every room there can be for its answer. */
static void
check_address(int fd, get_address *get, const struct net_addr *a)
{
	const int rooms[] = {0, 1, 2, 7, (int)a->len - 1, (int)a->len,
	    (int)a->len + 1, sizeof(struct sockaddr_storage), INT32_MAX};
	unsigned char got[sizeof(struct sockaddr_storage)], was[sizeof(got)];
	struct sockaddr *const sa = (struct sockaddr *)(void *)got;
	struct sockaddr *const nowhere = (struct sockaddr *)(uintptr_t)16;
	socklen_t len;
	size_t i, n;

	memset(was, 0xa5, sizeof(was));
	for (i = 0; i < sizeof(rooms) / sizeof(rooms[0]); i++) {
		memcpy(got, was, sizeof(got));
		len = (socklen_t)rooms[i];
		CHILD_CHECK(get(fd, sa, &len) == 0);
		CHILD_CHECK(len == a->len);
		n = (size_t)rooms[i] < a->len ? (size_t)rooms[i] : a->len;
		CHILD_CHECK(memcmp(got, &a->sa, n) == 0);
		CHILD_CHECK(memcmp(got + n, was, sizeof(got) - n) == 0);
	}
	memcpy(got, was, sizeof(got));
	len = (socklen_t)-1;
	CHILD_CHECK(get(fd, sa, &len) == -1 && errno == EINVAL);
	len = (socklen_t)INT32_MIN;
	CHILD_CHECK(get(fd, sa, &len) == -1 && errno == EINVAL);
	len = sizeof(got);
	CHILD_CHECK(get(fd, NULL, &len) == -1 && errno == EFAULT);
	CHILD_CHECK(get(fd, nowhere, &len) == -1 && errno == EFAULT);
	CHILD_CHECK(get(fd, sa, NULL) == -1 && errno == EFAULT);
	CHILD_CHECK(get(fd, sa, (socklen_t *)nowhere) == -1 && errno == EFAULT);
	CHILD_CHECK(memcmp(got, was, sizeof(got)) == 0);
	/* Without room nothing is written, wherever that would be. */
	len = 0;
	CHILD_CHECK(get(fd, NULL, &len) == 0 && len == a->len);
}

/* As plain system calls: the libraries of sanitizers look at arguments. */
static int
get_peer(int fd, struct sockaddr *sa, socklen_t *len)
{
	return (int)syscall(SYS_getpeername, fd, sa, len);
}

static int
get_local(int fd, struct sockaddr *sa, socklen_t *len)
{
	return (int)syscall(SYS_getsockname, fd, sa, len);
}

static void
asked_body(void *arg)
{
	const struct asked *a = arg;

	check_address(a->fd, get_peer, &a->peer);
	check_address(a->fd, get_local, &a->local);
}

static void
serve_addresses(struct asked *a)
{
	struct caller c = caller_start(asked_body, a, 1);
	struct notify_caller nc;

	while (caller_poll(&c, CALLER_WAIT) & POLLIN) {
		assert_int_equal(notify_receive(c.n, &nc), 1);
		assert_int_equal(nc.args[0], a->fd);
		assert_int_equal(nc.pid, c.pid);
		notify_give_address(c.n,
		    nc.call == NOTIFY_GETPEERNAME ? &a->peer : &a->local);
	}
	caller_end(&c);
}

static void
gives_addresses_as_the_kernel_does(void **state)
{
	struct asked a;
	struct sockaddr_in in, from;
	socklen_t len = sizeof(from);
	int fd = listening(&in);

	(void)state;
	need_filter();
	/* First the kernel itself, of a real connection. */
	a.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(a.fd, (struct sockaddr *)&in, sizeof(in)), 0);
	assert_int_equal(getsockname(a.fd, (struct sockaddr *)&from, &len), 0);
	assert_int_equal(
	    net_addr_from(&a.peer, (struct sockaddr *)&in, sizeof(in)), 0);
	assert_int_equal(
	    net_addr_from(&a.local, (struct sockaddr *)&from, sizeof(from)), 0);
	child_run(asked_body, &a);
	/* Then we. */
	a.peer = address("192.0.2.1:4711");
	a.local = address("198.51.100.7:22");
	serve_addresses(&a);
	a.peer = address("[2001:db8::1]:4711");
	a.local = address("[2001:db8::7]:22");
	serve_addresses(&a);
	close(a.fd);
	close(fd);
}

/* Not trapped at all where no PROXY header was. */
static void
leaves_addresses_to_the_kernel(void **state)
{
	struct sockaddr_in in;
	struct asked a = {.fd = listening(&in)};
	struct caller c;

	(void)state;
	need_filter();
	close(a.fd);
	a.fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(a.fd, (struct sockaddr *)&in, sizeof(in)), 0);
	assert_int_equal(connect(a.fd, (struct sockaddr *)&in, sizeof(in)), 0);
	assert_int_equal(
	    net_addr_from(&a.peer, (struct sockaddr *)&in, sizeof(in)), 0);
	a.local = a.peer;
	c = caller_start(asked_body, &a, 0);
	caller_end(&c);
	close(a.fd);
}

/*
 * Connecting.
 */

static int
call_connect(int fd, const void *sa, socklen_t len)
{
	return (int)syscall(SYS_connect, fd, sa, len);
}

/* All that can be tried with a caller that does not wait any more. */
static void
check_refused(struct notify *n, uint64_t address)
{
	char byte = 0;
	int flags;

	assert_int_equal(notify_read(n, address, &byte, 1), -1);
	assert_int_equal(errno, ESRCH);
	assert_int_equal(notify_write(n, address, &byte, 1), -1);
	assert_int_equal(errno, ESRCH);
	assert_int_equal(notify_get_fd(n, 0), -1);
	assert_int_equal(errno, ESRCH);
	assert_int_equal(notify_fd_flags(n, 0, &flags), -1);
	assert_int_equal(notify_replace_fd(n, 0, 0, 1), -1);
	/* To nobody: the next caller does not get them. */
	notify_continue(n);
	notify_fail(n, EXDEV);
	notify_succeed(n);
}

static void
connect_body(void *arg)
{
	const struct sockaddr_in *in = arg;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in peer;
	socklen_t len = sizeof(peer);

	CHILD_CHECK(setresgid(0, 4243, 0) == 0);
	CHILD_CHECK(setresuid(0, 4242, 0) == 0);
	CHILD_CHECK(call_connect(fd, in, sizeof(*in)) == -1 && errno == EPERM);
	CHILD_CHECK(call_connect(fd, in, sizeof(*in)) == -1 && errno == ENOENT);
	CHILD_CHECK(call_connect(fd, in, sizeof(*in)) == 0);
	CHILD_CHECK(getpeername(fd, (struct sockaddr *)&peer, &len) == -1);
	CHILD_CHECK(call_connect(fd, in, sizeof(*in)) == 0);
	CHILD_CHECK(getpeername(fd, (struct sockaddr *)&peer, &len) == 0);
	CHILD_CHECK(peer.sin_port == in->sin_port);
}

static void
answers(void **state)
{
	struct sockaddr_in in, seen;
	struct notify_caller nc;
	struct caller c;
	int fd = listening(&in);

	(void)state;
	need_filter();
	c = caller_start(connect_body, &in, 0);
	caller_next(&c, &nc, NOTIFY_CONNECT);
	/* Who it is: the effective ids, the whole address. */
	assert_int_equal(nc.pid, c.pid);
	assert_int_equal(nc.tid, c.pid);
	assert_int_equal(nc.euid, 4242);
	assert_int_equal(nc.egid, 4243);
	assert_int_equal(nc.args[2], sizeof(in));
	assert_int_equal(notify_read(c.n, nc.args[1], &seen, sizeof(seen)), 0);
	assert_memory_equal(&seen, &in, sizeof(in));
	notify_fail(c.n, EPERM);
	/* Answered, it runs again: too late for anything. */
	check_refused(c.n, nc.args[1]);
	caller_next(&c, &nc, NOTIFY_CONNECT);
	notify_fail(c.n, ENOENT);
	caller_next(&c, &nc, NOTIFY_CONNECT);
	notify_succeed(c.n);
	caller_next(&c, &nc, NOTIFY_CONNECT);
	notify_continue(c.n);
	caller_end(&c);
	close(fd);
}

static char *
two_pages(size_t *page)
{
	char *p;

	*page = (size_t)sysconf(_SC_PAGESIZE);
	p = mmap(NULL, 2 * *page, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_true(p != MAP_FAILED);
	return p;
}

static void
memory_body(void *arg)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	char *p = arg;

	/* The second of the two pages can only be read. */
	CHILD_CHECK(mprotect(p + page, page, PROT_READ) == 0);
	CHILD_CHECK(call_connect(0, p, 0) == 0);
	CHILD_CHECK(memcmp(p, "two", 3) == 0);
	CHILD_CHECK(mprotect(p + page, page, PROT_NONE) == 0);
	CHILD_CHECK(call_connect(0, p, 0) == 0);
}

static void
reads_and_writes_memory_whole(void **state)
{
	struct notify_caller nc;
	struct caller c;
	uint64_t last;
	size_t page;
	char *p, got[3] = "";

	(void)state;
	need_filter();
	p = two_pages(&page);
	memcpy(p + page - 2, "one", 3);
	last = (uint64_t)(uintptr_t)p + page - 2;
	c = caller_start(memory_body, p, 0);
	caller_next(&c, &nc, NOTIFY_CONNECT);
	assert_int_equal(nc.args[1], (uintptr_t)p);
	assert_int_equal(notify_read(c.n, last, got, 3), 0);
	assert_memory_equal(got, "one", 3);
	assert_int_equal(notify_write(c.n, nc.args[1], "two", 3), 0);
	/* What is not all writable, what is nowhere. */
	assert_int_equal(notify_write(c.n, last, "six", 3), -1);
	assert_int_equal(errno, EFAULT);
	assert_int_equal(notify_write(c.n, 16, "six", 3), -1);
	assert_int_equal(errno, EFAULT);
	assert_int_equal(notify_read(c.n, 16, got, 3), -1);
	assert_int_equal(errno, EFAULT);
	assert_int_equal(notify_read(c.n, UINT64_MAX, got, 3), -1);
	assert_int_equal(errno, EFAULT);
	notify_succeed(c.n);
	caller_next(&c, &nc, NOTIFY_CONNECT);
	assert_int_equal(notify_read(c.n, last, got, 2), 0);
	assert_int_equal(notify_read(c.n, last, got, 3), -1);
	assert_int_equal(errno, EFAULT);
	notify_succeed(c.n);
	caller_end(&c);
	assert_int_equal(munmap(p, 2 * page), 0);
}

/*
 * Descriptors.
 */

static const int fd_flags[] = {
    0,
    O_NONBLOCK,
    O_CLOEXEC,
    O_NONBLOCK | O_CLOEXEC,
};

static void
fds_body(void *arg)
{
	struct sockaddr_in in = {.sin_family = AF_INET};
	int fd[4], i;
	char byte;

	(void)arg;
	for (i = 0; i < 4; i++) {
		fd[i] = socket(AF_INET, SOCK_STREAM | fd_flags[i], 0);
		CHILD_CHECK(fd[i] != -1);
		CHILD_CHECK(call_connect(fd[i], &in, sizeof(in)) == 0);
		/* In its place is a socketpair's end now. */
		CHILD_CHECK(fcntl(fd[i], F_GETFD) ==
		    (fd_flags[i] & O_CLOEXEC ? FD_CLOEXEC : 0));
		CHILD_CHECK(read(fd[i], &byte, 1) == 1 && byte == '0' + i);
		CHILD_CHECK(write(fd[i], "!", 1) == 1);
		/* And the end of it is seen: nobody else has it. */
		CHILD_CHECK(read(fd[i], &byte, 1) == 0);
	}
	CHILD_CHECK(call_connect(-1, &in, sizeof(in)) == -1 && errno == EBADF);
}

static void
sees_and_replaces_descriptors(void **state)
{
	struct notify_caller nc;
	struct caller c;
	int pair[2], flags, fd, type, i;
	socklen_t len;
	char byte;

	(void)state;
	need_filter();
	c = caller_start(fds_body, NULL, 0);
	for (i = 0; i < 4; i++) {
		caller_next(&c, &nc, NOTIFY_CONNECT);
		fd = notify_get_fd(c.n, (int)nc.args[0]);
		assert_true(fd != -1);
		assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
		len = sizeof(type);
		assert_int_equal(
		    getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len), 0);
		assert_int_equal(type, SOCK_STREAM);
		close(fd);
		assert_int_equal(notify_fd_flags(c.n, (int)nc.args[0], &flags),
		    0);
		assert_int_equal(flags & (O_NONBLOCK | O_CLOEXEC | O_ACCMODE),
		    fd_flags[i] | O_RDWR);
		/* One of ours in its place. */
		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC,
				     0, pair),
		    0);
		byte = (char)('0' + i);
		assert_int_equal(write(pair[0], &byte, 1), 1);
		assert_int_equal(notify_replace_fd(c.n, (int)nc.args[0],
				     pair[1], (flags & O_CLOEXEC) != 0),
		    0);
		close(pair[1]);
		notify_succeed(c.n);
		assert_int_equal(read(pair[0], &byte, 1), 1);
		assert_int_equal(byte, '!');
		close(pair[0]);
	}
	/* One that is not open. */
	caller_next(&c, &nc, NOTIFY_CONNECT);
	assert_int_equal(notify_get_fd(c.n, (int)nc.args[0]), -1);
	assert_int_equal(errno, EBADF);
	assert_int_equal(notify_fd_flags(c.n, (int)nc.args[0], &flags), -1);
	assert_int_equal(notify_replace_fd(c.n, (int)nc.args[0], 0, 1), -1);
	notify_fail(c.n, EBADF);
	caller_end(&c);
}

/*
 * Callers that die.
 */

static void
call_once(void *arg)
{
	(void)arg;
	(void)call_connect(0, "", 0);
}

/* Two, one after the other, for the test to kill; then one that ends well. */
static void
dying_body(void *arg)
{
	const int *go = arg;
	int status, i;
	pid_t pid;
	char c;

	for (i = 0; i < 2; i++) {
		if ((pid = fork()) == 0) {
			call_once(NULL);
			_exit(0);
		}
		CHILD_CHECK(pid != -1);
		CHILD_CHECK(waitpid(pid, &status, 0) == pid);
		CHILD_CHECK(WIFSIGNALED(status));
		CHILD_CHECK(read(go[0], &c, 1) == 1);
	}
	CHILD_CHECK(call_connect(0, "", 0) == -1 && errno == EXDEV);
}

/* The one child of a process. */
static pid_t
child_of(pid_t pid)
{
	char path[64];
	long child = 0;
	FILE *f;

	(void)snprintf(path, sizeof(path), "/proc/%ld/task/%ld/children",
	    (long)pid, (long)pid);
	assert_non_null(f = fopen(path, "re"));
	assert_int_equal(fscanf(f, "%ld", &child), 1);
	fclose(f);
	assert_true(child > 0);
	return (pid_t)child;
}

/* Kills it, and returns when its parent has reaped it. */
static void
kill_caller(pid_t pid)
{
	const struct timespec moment = {0, 1000000};

	assert_int_equal(kill(pid, SIGKILL), 0);
	while (kill(pid, 0) == 0)
		(void)nanosleep(&moment, NULL);
}

static void
callers_may_die(void **state)
{
	char mem = 0;
	struct notify_caller nc;
	struct caller c;
	uint64_t there = (uint64_t)(uintptr_t)&mem;
	int fd, go[2];

	(void)state;
	need_filter();
	assert_int_equal(pipe2(go, O_CLOEXEC), 0);
	c = caller_start(dying_body, go, 0);
	/* Before it is received: there is none, and no waiting for one. */
	assert_int_equal(caller_poll(&c, CALLER_WAIT), POLLIN);
	kill_caller(child_of(c.pid));
	assert_int_equal(notify_receive(c.n, &nc), 0);
	assert_int_equal(write(go[1], "", 1), 1);
	/* After: all that is tried is refused, and answers go nowhere. */
	caller_next(&c, &nc, NOTIFY_CONNECT);
	assert_int_equal(notify_read(c.n, there, &mem, 1), 0);
	assert_int_equal(nc.pid, child_of(c.pid));
	assert_true((fd = notify_get_fd(c.n, 0)) != -1);
	close(fd);
	kill_caller(nc.pid);
	check_refused(c.n, there);
	/* The next one is as any. */
	assert_int_equal(write(go[1], "", 1), 1);
	caller_next(&c, &nc, NOTIFY_CONNECT);
	assert_int_equal(nc.pid, c.pid);
	assert_true((fd = notify_get_fd(c.n, 0)) != -1);
	close(fd);
	notify_fail(c.n, EXDEV);
	caller_end(&c);
	close(go[0]);
	close(go[1]);
}

static void
hangs_up_after_the_last_process(void **state)
{
	struct notify_caller nc;
	struct caller c;

	(void)state;
	need_filter();
	c = caller_start(call_once, NULL, 0);
	caller_next(&c, &nc, NOTIFY_CONNECT);
	assert_int_equal(kill(c.pid, SIGKILL), 0);
	assert_int_equal(child_wait(c.pid), SIGKILL);
	assert_int_equal(caller_poll(&c, CALLER_WAIT), POLLHUP);
	notify_fail(c.n, EPERM);
	/* Nor does receiving wait for who will never come. */
	assert_true(notify_receive(c.n, &nc) <= 0);
	notify_free(c.n);
}

static void
background_body(void *arg)
{
	const int *p = arg;
	pid_t pid = fork();
	char c;

	CHILD_CHECK(pid != -1);
	if (pid == 0) {
		/* Of another session, and nobody's child. */
		(void)setsid();
		close(p[1]);
		(void)!read(p[0], &c, 1);
		(void)call_connect(0, "", 0);
		_exit(0);
	}
}

static void
the_background_counts(void **state)
{
	struct notify_caller nc;
	struct caller c;
	int p[2];

	(void)state;
	need_filter();
	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	c = caller_start(background_body, p, 0);
	assert_int_equal(child_wait(c.pid), 0);
	assert_int_equal(caller_poll(&c, 100), 0);
	close(p[0]);
	close(p[1]);
	caller_next(&c, &nc, NOTIFY_CONNECT);
	assert_int_not_equal(nc.pid, c.pid);
	notify_succeed(c.n);
	assert_int_equal(caller_poll(&c, CALLER_WAIT), POLLHUP);
	notify_free(c.n);
}

/*
 * Signals.
 */

static void
on_alarm(int sig)
{
	(void)sig;
}

static void
signals_body(void *arg)
{
	const struct itimerval every = {{0, 5000}, {0, 5000}};
	struct sigaction sa = {.sa_handler = on_alarm};

	(void)arg;
	CHILD_CHECK(sigaction(SIGALRM, &sa, NULL) == 0);
	CHILD_CHECK(setitimer(ITIMER_REAL, &every, NULL) == 0);
	CHILD_CHECK(call_connect(0, "", 0) == -1 && errno == EXDEV);
}

/* One call is one notification, however long the answer takes. */
static void
signals_do_not_start_a_call_again(void **state)
{
	const struct timespec slow = {0, 200000000};
	struct notify_caller nc;
	struct caller c;

	(void)state;
	need_filter();
	c = caller_start(signals_body, NULL, 0);
	caller_next(&c, &nc, NOTIFY_CONNECT);
	(void)nanosleep(&slow, NULL);
	assert_int_equal(caller_poll(&c, 0), 0);
	notify_fail(c.n, EXDEV);
	caller_end(&c);
}

/*
 * The filter itself.
 */

struct made {
	int family, type, protocol;
};

/*
 * This kernel may have SCTP or not: then SOCK_SEQPACKET is another error, and
 * root's raw socket shows that the protocol counts.
 */
static const struct made sctp[] = {
    {AF_INET, SOCK_SEQPACKET, IPPROTO_SCTP},
    {AF_INET6, SOCK_SEQPACKET | SOCK_CLOEXEC, IPPROTO_SCTP},
    {AF_INET, SOCK_SEQPACKET, 0},
    {AF_INET6, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0},
    {AF_INET, SOCK_STREAM, IPPROTO_SCTP},
    {AF_INET, SOCK_RAW, IPPROTO_SCTP},
};

static const struct made others[] = {
    {AF_UNIX, SOCK_SEQPACKET, 0},
    {AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0},
    {AF_UNIX, SOCK_STREAM, 0},
    {AF_INET, SOCK_STREAM, 0},
    {AF_INET, SOCK_STREAM | SOCK_NONBLOCK, IPPROTO_TCP},
    {AF_INET, SOCK_DGRAM, 0},
    {AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 0},
};

static void
ways_around_body(void *arg)
{
	const struct sockaddr_in *in = arg;
	struct sockaddr_in to = *in;
	char x = 'x', byte[4];
	struct iovec iov = {&x, 1};
	struct mmsghdr mm = {.msg_hdr = {.msg_name = &to,
				 .msg_namelen = sizeof(to),
				 .msg_iov = &iov,
				 .msg_iovlen = 1}};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), pair[2];
	const int fast[] = {MSG_FASTOPEN, MSG_FASTOPEN | MSG_NOSIGNAL};
	size_t i;

	CHILD_CHECK(fd != -1);
	for (i = 0; i < 2; i++) {
		CHILD_CHECK(sendto(fd, "x", 1, fast[i], (struct sockaddr *)&to,
				sizeof(to)) == -1 &&
		    errno == EOPNOTSUPP);
		CHILD_CHECK(sendmsg(fd, &mm.msg_hdr, fast[i]) == -1 &&
		    errno == EOPNOTSUPP);
		CHILD_CHECK(
		    sendmmsg(fd, &mm, 1, fast[i]) == -1 && errno == EOPNOTSUPP);
	}
	CHILD_CHECK(
	    syscall(SYS_io_uring_setup, 1, NULL) == -1 && errno == ENOSYS);
	for (i = 0; i < sizeof(sctp) / sizeof(sctp[0]); i++)
		CHILD_CHECK(socket(sctp[i].family, sctp[i].type,
				sctp[i].protocol) == -1 &&
		    errno == EPROTONOSUPPORT);
	for (i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		fd = socket(others[i].family, others[i].type,
		    others[i].protocol);
		CHILD_CHECK(fd != -1);
		close(fd);
	}
	/* What has no such flag is as ever. */
	CHILD_CHECK(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair) == 0);
	mm.msg_hdr.msg_name = NULL;
	mm.msg_hdr.msg_namelen = 0;
	CHILD_CHECK(
	    sendto(pair[0], "x", 1, MSG_DONTWAIT | MSG_NOSIGNAL, NULL, 0) == 1);
	CHILD_CHECK(sendmsg(pair[0], &mm.msg_hdr, MSG_NOSIGNAL) == 1);
	CHILD_CHECK(sendmmsg(pair[0], &mm, 1, MSG_NOSIGNAL) == 1);
	for (i = 0; i < 3; i++)
		CHILD_CHECK(
		    recv(pair[1], byte, sizeof(byte), MSG_DONTWAIT) == 1);
}

static void
refuses_ways_around(void **state)
{
	struct pollfd p = {.events = POLLIN};
	struct sockaddr_in in;
	struct caller c;

	(void)state;
	need_filter();
	p.fd = listening(&in);
	c = caller_start(ways_around_body, &in, 0);
	caller_end(&c);
	/* And nobody has come. */
	assert_int_equal(poll(&p, 1, 0), 0);
	close(p.fd);
}

static void
second_body(void *arg)
{
	struct k8s_err err = K8S_ERR_INIT;

	(void)arg;
	CHILD_CHECK(notify_install(1, &err) == -1);
	CHILD_CHECK(err.code == K8S_ERR_SYSTEM);
	CHILD_CHECK(strstr(err.msg, "another supervisor's filter") != NULL);
}

static void
there_can_be_one_only(void **state)
{
	struct caller c;

	(void)state;
	need_filter();
	c = caller_start(second_body, NULL, 0);
	caller_end(&c);
}

static void
unprivileged_body(void *arg)
{
	struct k8s_err err = K8S_ERR_INIT;

	(void)arg;
	if (geteuid() == 0)
		CHILD_CHECK(setresuid(4242, 4242, 4242) == 0);
	CHILD_CHECK(notify_install(1, &err) == -1);
	CHILD_CHECK(err.code == K8S_ERR_SYSTEM);
	CHILD_CHECK(strstr(err.msg, "seccomp: Permission denied") != NULL);
	/* It has not helped itself with no_new_privs. */
	CHILD_CHECK(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 0);
}

static void
needs_root_and_says_so(void **state)
{
	(void)state;
	child_run(unprivileged_body, NULL);
}

static void
privs_body(void *arg)
{
	(void)arg;
	CHILD_CHECK(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 0);
}

/* Or the helpers would lose their group. */
static void
leaves_new_privileges(void **state)
{
	struct caller c;

	(void)state;
	need_filter();
	c = caller_start(privs_body, NULL, 1);
	caller_end(&c);
}

#ifdef __x86_64__
/* getpid() as a 32-bit program calls it. */
static void
int80_body(void *arg)
{
	long pid = 20;

	(void)arg;
	__asm__ volatile("int $0x80"
	    : "+a"(pid)
	    :
	    : "memory", "r8", "r9", "r10", "r11");
	CHILD_CHECK(pid == getpid());
}

static void
kills_another_architecture(void **state)
{
	struct caller c;
	int status;

	(void)state;
	need_filter();
	if (child_wait(child_start(int80_body, NULL)) != 0)
		unit_skip("this kernel runs no 32-bit programs");
	c = caller_start(int80_body, NULL, 0);
	assert_int_equal(caller_poll(&c, CALLER_WAIT), POLLHUP);
	status = child_wait(c.pid);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGSYS);
	notify_free(c.n);
}
#else
static void
kills_another_architecture(void **state)
{
	(void)state;
	print_message("SKIP: only x86-64 has it at hand\n");
	skip();
}
#endif

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(gives_addresses_as_the_kernel_does),
	    cmocka_unit_test(leaves_addresses_to_the_kernel),
	    cmocka_unit_test(answers),
	    cmocka_unit_test(reads_and_writes_memory_whole),
	    cmocka_unit_test(sees_and_replaces_descriptors),
	    cmocka_unit_test(callers_may_die),
	    cmocka_unit_test(hangs_up_after_the_last_process),
	    cmocka_unit_test(the_background_counts),
	    cmocka_unit_test(signals_do_not_start_a_call_again),
	    cmocka_unit_test(refuses_ways_around),
	    cmocka_unit_test(there_can_be_one_only),
	    cmocka_unit_test(needs_root_and_says_so),
	    cmocka_unit_test(leaves_new_privileges),
	    cmocka_unit_test(kills_another_architecture),
	};

	alarm(120);
	return cmocka_run_group_tests(tests, NULL, NULL) != 0;
}
