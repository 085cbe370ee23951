/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/caller.h"

#include <limits.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/un.h>

#include "lib/core/dials.h"
#include "proxyprotocol/channels.h"
#include "tests/unit/syslogd.h"
#include "tests/unit/tmpdir.h"

/*
 * A caller does as sshd does with a channel; the test is its supervisor; and
 * this very program is k8shell-forward, where "connected" means an echo.
 */

/* What the stand-in does, by the port. */
enum {
	ECHO = 1,
	FAIL,	/* ECONNREFUSED */
	SLOW,	/* connects after SLOW_MS */
	SILENT, /* hangs */
	DIE,
	STRANGE, /* an answer to no dial */
	TWICE,	 /* CONNECTED once more */
	PASSES,	 /* an answer with a descriptor */
};

#define SLOW_MS 300

/* Longest wait for anything, ms; local.mk has ANSWER_MS much shorter. */
#define WAIT 10000

#define MAX 250 /* channels at once */

/*
 * The stand-in.
 */

static void
forward_say(enum dials_type type, uint32_t number, uint64_t bytes)
{
	struct dials_packet p = {.type = type, .number = number, .ms = 7};

	if (type == DIALS_FAILED) {
		p.error = ECONNREFUSED;
		p.text_len = strlen(strcpy(p.text, "nobody listens"));
	}
	p.bytes_in = p.bytes_out = bytes;
	CHILD_CHECK(dials_send(DIALS_FD, &p, -1, NULL) == 1);
}

/* All that was there when it came, and nothing of what comes then. */
static void
forward_take_filler(int fd)
{
	char chunk[4096];
	int left;
	ssize_t n;

	CHILD_CHECK(ioctl(fd, FIONREAD, &left) == 0 && left > 0);
	while (left > 0) {
		n = read(fd, chunk,
		    left < (int)sizeof(chunk) ? (size_t)left : sizeof(chunk));
		CHILD_CHECK(n > 0);
		left -= (int)n;
	}
}

static _Noreturn void
forward_echo(int fd, uint32_t number)
{
	uint64_t bytes = 0;
	char chunk[8192];
	ssize_t n;

	forward_take_filler(fd);
	forward_say(DIALS_CONNECTED, number, 0);
	CHILD_CHECK(fcntl(fd, F_SETFL, 0) == 0);
	while ((n = read(fd, chunk, sizeof(chunk))) > 0) {
		if (write(fd, chunk, (size_t)n) != n)
			break;
		bytes += (uint64_t)n;
	}
	close(fd);
	/* Not so soon that nobody could have forgotten to wait for it. */
	(void)usleep(20000);
	forward_say(DIALS_CLOSED, number, bytes);
	_exit(0);
}

static void
forward_dial(const struct dials_packet *p, int fd)
{
	int port = p->type == DIALS_TCP ? p->port : ECHO;

	if (port == FAIL) {
		close(fd);
		forward_say(DIALS_FAILED, p->number, 0);
	} else if (port == DIE) {
		_exit(3);
	} else if (port == SILENT) {
		for (;;)
			(void)pause();
	} else if (port == STRANGE) {
		forward_say(DIALS_CONNECTED, p->number + 1000, 0);
	} else if (port == TWICE) {
		forward_say(DIALS_CONNECTED, p->number, 0);
		forward_say(DIALS_CONNECTED, p->number, 0);
	} else if (port == PASSES) {
		dials_send(DIALS_FD,
		    &(struct dials_packet){.type = DIALS_CONNECTED,
			.number = p->number},
		    0, NULL);
	} else if (port == ECHO || port == SLOW) {
		if (fork() == 0) {
			(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
			if (port == SLOW)
				(void)usleep(SLOW_MS * 1000);
			forward_echo(fd, p->number);
		}
		close(fd);
	}
}

static int
forward_main(const char *user)
{
	struct pollfd pfd = {DIALS_FD, POLLIN, 0};
	struct dials_packet p;
	int fd;

	(void)signal(SIGCHLD, SIG_IGN);
	CHILD_CHECK(strcmp(user, "tester") == 0);
	while (poll(&pfd, 1, -1) == 1)
		switch (dials_receive(DIALS_FD, &p, &fd, NULL)) {
		case 1:
			CHILD_CHECK(fd != -1);
			forward_dial(&p, fd);
			break;
		case -1:
			return 0;
		}
	return 1;
}

/*
 * The caller, under the filter.
 */

static union {
	struct sockaddr sa;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
	struct sockaddr_un un;
	struct sockaddr_storage room;
} to;

static socklen_t
to_port(int port)
{
	memset(&to, 0, sizeof(to));
	to.in = (struct sockaddr_in){
	    .sin_family = AF_INET,
	    .sin_port = htons((uint16_t)port),
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	return sizeof(to.in);
}

static socklen_t
to_path(const char *path, size_t len)
{
	memset(&to, 0, sizeof(to));
	to.un.sun_family = AF_UNIX;
	memcpy(to.un.sun_path, path, len);
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
}

/* A socket as sshd's; -1 with errno, or one that connects. */
static int
dial(socklen_t len)
{
	int fd = socket(to.sa.sa_family == AF_UNIX ? AF_UNIX : AF_INET,
	    SOCK_STREAM | SOCK_NONBLOCK, 0);

	CHILD_CHECK(fd != -1);
	CHILD_CHECK(syscall(SYS_connect, fd, &to, len) == -1);
	if (errno == EINPROGRESS) {
		CHILD_CHECK((fcntl(fd, F_GETFL) & O_NONBLOCK) != 0);
		CHILD_CHECK(fcntl(fd, F_GETFD) == 0);
		return fd;
	}
	close(fd);
	return -1;
}

static int
dial_port(int port)
{
	return dial(to_port(port));
}

static int
ready(int fd, int events, int timeout_ms)
{
	struct pollfd pfd = {fd, (short)events, 0};

	CHILD_CHECK(poll(&pfd, 1, timeout_ms) != -1);
	return pfd.revents;
}

/* SO_ERROR, once there is an answer. */
static int
outcome(int fd)
{
	socklen_t len = sizeof(int);
	int error = -1;

	CHILD_CHECK(ready(fd, POLLOUT, WAIT) != 0);
	CHILD_CHECK(getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) == 0);
	return error;
}

static void
connected(int fd)
{
	CHILD_CHECK(fd != -1);
	CHILD_CHECK(outcome(fd) == 0);
}

/* Not a byte more, less or other than was sent, whatever is under way. */
static void
exchange(int fd, size_t total)
{
	unsigned char chunk[7001];
	size_t sent = 0, got = 0, i, n;
	ssize_t r;

	while (got < total) {
		CHILD_CHECK(ready(fd, sent < total ? POLLIN | POLLOUT : POLLIN,
				WAIT) != 0);
		n = total - sent < sizeof(chunk) ? total - sent : sizeof(chunk);
		for (i = 0; i < n; i++)
			chunk[i] = (unsigned char)((sent + i) % 251 + 1);
		if (n > 0 && (r = write(fd, chunk, n)) > 0)
			sent += (size_t)r;
		while ((r = read(fd, chunk, sizeof(chunk))) > 0)
			for (i = 0; i < (size_t)r; i++)
				CHILD_CHECK(chunk[i] == got++ % 251 + 1);
		CHILD_CHECK(r == -1 && errno == EAGAIN);
	}
}

/* The other end has seen our end, and ends as well. */
static void
finish(int fd)
{
	char c;

	CHILD_CHECK(shutdown(fd, SHUT_WR) == 0);
	CHILD_CHECK(ready(fd, POLLIN, WAIT) & POLLIN);
	CHILD_CHECK(read(fd, &c, 1) == 0);
	close(fd);
}

/*
 * The supervisor.
 */

static struct {
	char *dir, *events;
	int syslog;
	struct audit *audit;
	struct record *record;
	struct loop *loop;
	struct names *names;
	uint32_t name; /* the address of one */
	struct channels *channels;
	struct caller caller;
} t;

static void
serve_event(void *arg, uint32_t events)
{
	struct sockaddr_storage sa = {0};
	struct notify_caller c;

	(void)arg;
	if (!(events & EPOLLIN)) {
		loop_stop(t.loop);
		return;
	}
	assert_int_equal(notify_receive(t.caller.n, &c), 1);
	assert_int_equal(c.ppid, getpid());
	assert_int_equal(
	    notify_read(t.caller.n, c.args[1], &sa, (size_t)c.args[2]), 0);
	channels_connect(t.channels, (int)c.args[0], (struct sockaddr *)&sa,
	    (socklen_t)c.args[2]);
}

static void
log_in(void)
{
	static const char line[] =
	    "Accepted password for tester from 127.0.0.1 port 4711 ssh2\r\n";

	record_sshd_line(t.record, 1, 0, line, sizeof(line) - 1);
	assert_string_equal(record_user(t.record), "tester");
}

/* Runs the body as a caller, and reads what the audit file says then. */
static void
serve_with(void (*body)(void *), const char *program)
{
	struct loop_io *io;
	struct channels_config config = {
	    .id = "0123456789abcdef",
	    .program = program,
	    .max = MAX,
	    .loop = t.loop,
	    .record = t.record,
	    .names = t.names,
	};

	t.caller = caller_start(body, NULL, 0);
	config.notify = t.caller.n;
	assert_non_null(t.channels = channels_new(&config, NULL));
	assert_non_null(io = loop_add(t.loop, notify_fd(t.caller.n), EPOLLIN,
			    serve_event, NULL, NULL));
	assert_int_equal(loop_run(t.loop, NULL), 0);
	loop_del(io);
	caller_end(&t.caller);
	channels_finish(t.channels);
	channels_free(t.channels);
	/* Neither a process nor a descriptor of it is left. */
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

static void
serve(void (*body)(void *))
{
	char self[PATH_MAX];
	FILE *f;
	size_t n;

	assert_true((n = (size_t)readlink("/proc/self/exe", self,
			 sizeof(self) - 1)) < sizeof(self));
	self[n] = '\0';
	serve_with(body, self);
	free(t.events);
	assert_non_null(t.events = calloc(1, 1 << 20));
	assert_non_null(f = fopen("audit", "re"));
	assert_in_range(fread(t.events, 1, (1 << 20) - 1, f), 0, (1 << 20) - 2);
	fclose(f);
}

/* How many events have this in them. */
static int
told(const char *text)
{
	const char *p;
	int n = 0;

	for (p = t.events; (p = strstr(p, text)) != NULL; p++)
		n++;
	return n;
}

static int
setup(void **state)
{
	static struct record_origin o = {.id = "0123456789abcdef",
	    .listener = "test"};
	char path[256];

	(void)state;
	if (geteuid() != 0)
		return 0;
	t.dir = tmpdir_new();
	assert_int_equal(chdir(t.dir), 0);
	t.syslog = syslogd_start();
	assert_int_equal(net_addr_parse(&o.client, "127.0.0.1:4711", NULL), 0);
	(void)snprintf(path, sizeof(path), "%s/audit", t.dir);
	assert_non_null(t.audit = audit_new(path, "px", NULL));
	assert_non_null(t.record = record_new(t.audit, &o, NULL));
	assert_non_null(t.loop = loop_new(NULL));
	assert_non_null(t.names = names_new(NULL));
	assert_int_equal(names_address(t.names, "db one/%", 8, &t.name, NULL),
	    0);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	if (geteuid() != 0)
		return 0;
	free(t.events);
	t.events = NULL;
	loop_free(t.loop);
	names_free(t.names);
	record_free(t.record);
	audit_freep(&t.audit);
	syslogd_stop(t.syslog);
	assert_int_equal(chdir("/"), 0);
	tmpdir_free(t.dir);
	return 0;
}

static void
begin(void)
{
	UNIT_NEED_ROOT(CAP_SYS_ADMIN);
	UNIT_NEED_ROOT(CAP_SYS_PTRACE);
	log_in();
}

/*
 * The tests.
 */

static void
connects_body(void *arg)
{
	int fd = dial_port(ECHO), other;

	(void)arg;
	connected(fd);
	exchange(fd, 3000000);
	other = dial(to_path("/run/app.sock", 13));
	connected(other);
	exchange(other, 1);
	finish(fd);
	exchange(other, 100000);
	finish(other);
}

/* No byte is lost, and each end is told. */
static void
connects_and_loses_nothing(void **state)
{
	(void)state;
	begin();
	serve(connects_body);
	assert_int_equal(
	    told("\"event\":\"forward.open\",\"proxy_id\":\"px\","
		 "\"connection\":\"0123456789abcdef\",\"client_ip\":"
		 "\"127.0.0.1\",\"client_port\":4711,\"user\":\"tester\","
		 "\"forward\":1,\"kind\":\"tcp\",\"port\":1,\"destination\":"
		 "\"127.0.0.1\",\"result\":\"connected\",\"dial_ms\":7}\n"),
	    1);
	assert_int_equal(told("\"forward\":2,\"kind\":\"unix\","
			      "\"destination\":\"/run/app.sock\",\"result\":"
			      "\"connected\",\"dial_ms\":7}\n"),
	    1);
	assert_int_equal(told("\"event\":\"forward.close\""), 2);
	assert_int_equal(
	    told("\"forward\":1,\"kind\":\"tcp\",\"port\":1,\"destination\":"
		 "\"127.0.0.1\",\"bytes_in\":3000000,\"bytes_out\":3000000,"
		 "\"duration_ms\":"),
	    1);
	assert_int_equal(told("\"bytes_in\":100001,\"bytes_out\":100001,"), 1);
	assert_int_equal(told("\"error\""), 0);
}

static void
fails_body(void *arg)
{
	int fd = dial_port(ECHO), other;

	(void)arg;
	connected(fd);
	other = dial_port(FAIL);
	CHILD_CHECK(other != -1);
	CHILD_CHECK(outcome(other) == ECONNRESET);
	close(other);
	exchange(fd, 10);
	finish(fd);
}

static void
fails_where_nobody_listens(void **state)
{
	(void)state;
	begin();
	serve(fails_body);
	assert_int_equal(told("\"port\":2,\"destination\":\"127.0.0.1\","
			      "\"result\":\"failed\",\"dial_ms\":7,\"error\":"
			      "\"ECONNREFUSED\",\"detail\":\"nobody listens\""),
	    1);
	assert_int_equal(told("forward.open"), 2);
	assert_int_equal(told("forward.close"), 1);
}

static void
waits_body(void *arg)
{
	int slow = dial_port(SLOW), fd;
	char c;

	(void)arg;
	CHILD_CHECK(slow != -1);
	CHILD_CHECK(ready(slow, POLLIN | POLLOUT, SLOW_MS / 3) == 0);
	CHILD_CHECK(read(slow, &c, 1) == -1 && errno == EAGAIN);
	/* Another one does not wait for it. */
	fd = dial_port(ECHO);
	connected(fd);
	exchange(fd, 1000);
	CHILD_CHECK(ready(slow, POLLIN | POLLOUT, 0) == 0);
	connected(slow);
	exchange(slow, 1000);
	finish(slow);
	finish(fd);
}

static void
waits_until_it_is_connected(void **state)
{
	(void)state;
	begin();
	serve(waits_body);
	assert_int_equal(told("\"result\":\"connected\""), 2);
}

static void
many_body(void *arg)
{
	int fd[MAX], i, more;

	(void)arg;
	/* All of them before k8shell-forward has even begun. */
	for (i = 0; i < MAX; i++)
		CHILD_CHECK((fd[i] = dial_port(SLOW)) != -1);
	more = dial_port(ECHO);
	CHILD_CHECK(more == -1 && errno == ECONNREFUSED);
	for (i = 0; i < MAX; i++)
		connected(fd[i]);
	for (i = 0; i < MAX; i++)
		exchange(fd[i], 1000 + (size_t)i);
	finish(fd[0]);
	/* There is room again once that is told. */
	while ((more = dial_port(ECHO)) == -1)
		CHILD_CHECK(errno == ECONNREFUSED && usleep(10000) == 0);
	connected(more);
	exchange(more, 5);
}

static void
many_at_once_and_no_more(void **state)
{
	(void)state;
	begin();
	serve(many_body);
	assert_int_equal(told("\"result\":\"connected\""), MAX + 1);
	assert_true(told("\"result\":\"refused\",\"detail\":"
			 "\"there are as many as max_forwards allows\"") >= 1);
	/* Those that were open when the caller ended are told of, too. */
	assert_int_equal(told("\"event\":\"forward.close\""), MAX + 1);
	assert_int_equal(told("\"bytes_in\""), MAX + 1);
}

static void
refused(socklen_t len)
{
	CHILD_CHECK(dial(len) == -1 && errno == ECONNREFUSED);
}

static void
addresses_body(void *arg)
{
	char path[109];
	socklen_t len;
	int fd;

	(void)arg;
	memset(path, 'p', sizeof(path));
	refused(to_port(0));
	refused(to_path("", 0));
	refused(to_path("\0abstract", 9));
	refused(to_path(path, 108));
	len = to_port(ECHO);
	to.in.sin_addr.s_addr = htonl(t.name + 1);
	refused(len);
	to.in.sin_addr.s_addr = htonl(0xffffffff);
	refused(len);
	refused(sizeof(sa_family_t)); /* cut off */
	to.sa.sa_family = AF_UNSPEC;
	refused(len);
	to.sa.sa_family = AF_NETLINK;
	refused(len);
	to.sa.sa_family = AF_VSOCK;
	refused(len);
	memset(&to, 0, sizeof(to));
	to.in6.sin6_family = AF_INET6;
	to.in6.sin6_port = htons(ECHO);
	to.in6.sin6_addr.s6_addr[0] = 0xfe;
	to.in6.sin6_addr.s6_addr[1] = 0x80;
	to.in6.sin6_addr.s6_addr[15] = 1;
	to.in6.sin6_scope_id = 1;
	refused(sizeof(to.in6));

	to.in6.sin6_scope_id = 0;
	connected(fd = dial(sizeof(to.in6)));
	finish(fd);
	len = to_port(ECHO);
	to.in.sin_addr.s_addr = htonl(t.name);
	connected(fd = dial(len));
	finish(fd);
	connected(fd = dial(to_path(path, 107)));
	finish(fd);
}

static void
dials_what_can_be_dialled(void **state)
{
	(void)state;
	begin();
	serve(addresses_body);
	assert_int_equal(told("\"result\":\"refused\""), 11);
	assert_int_equal(told("\"result\":\"connected\""), 3);
	assert_int_equal(
	    told("\"destination\":\"fe80::1\",\"result\":\"connected\""), 1);
	assert_int_equal(
	    told("\"destination\":\"db one/%\",\"result\":\"connected\""), 1);
	assert_int_equal(told("ppppp\",\"result\":\"connected\""), 1);
	assert_int_equal(told("\"destination\":\"240.0.0.2\",\"result\":"
			      "\"refused\",\"detail\":\"no name"),
	    1);
}

/* The k8shell-forward that is there ends by this port. */
static void
lost_by(int port)
{
	int fd = dial_port(ECHO), dying;

	connected(fd);
	exchange(fd, 10);
	CHILD_CHECK((dying = dial_port(port)) != -1);
	CHILD_CHECK(ready(fd, POLLIN, WAIT) & POLLHUP);
	/* One that gave a wrong answer may have been right before. */
	CHILD_CHECK(outcome(dying) == ECONNRESET);
	close(fd);
	close(dying);
	/* Not as often as one asks. */
	CHILD_CHECK(dial_port(ECHO) == -1 && errno == ECONNREFUSED);
	(void)usleep((CHANNELS_RESTART_MS + 200) * 1000);
}

static void
lost_body(void *arg)
{
	int fd;

	(void)arg;
	lost_by(DIE);
	lost_by(STRANGE);
	lost_by(TWICE);
	lost_by(PASSES);
	lost_by(SILENT);
	connected(fd = dial_port(ECHO));
	exchange(fd, 10);
	finish(fd);
}

static void
fails_all_with_k8shell_forward(void **state)
{
	(void)state;
	begin();
	serve(lost_body);
	assert_int_equal(told("\"event\":\"forward.close\""), 7);
	/* With bytes: the last. TWICE's was open. */
	assert_int_equal(told("\"bytes_in\""), 1);
	assert_int_equal(told("\"error\":\"k8shell-forward ended without a "
			      "word\""),
	    6);
	assert_int_equal(told("\"error\":\"EPIPE\""), 4);
	/* Some may find it gone, the others gone too short ago. */
	assert_int_equal(told("\"result\":\"refused\""), 5);
	assert_true(told("\"detail\":\"k8shell-forward has only just "
			 "ended\"") >= 1);
}

static void
missing_body(void *arg)
{
	int fd = dial_port(ECHO);

	(void)arg;
	/* Or it is refused at once, where starting fails at once. */
	if (fd != -1)
		CHILD_CHECK(outcome(fd) == ECONNRESET);
	else
		CHILD_CHECK(errno == ECONNREFUSED);
}

static void
fails_without_k8shell_forward(void **state)
{
	const char *line;
	int found = 0;

	(void)state;
	begin();
	serve_with(missing_body, "/nonexistent/k8shell-forward");
	while (*(line = syslogd_raw(t.syslog)) != '\0')
		found |= strstr(line,
			     "/nonexistent/k8shell-forward: can't be "
			     "started: No such file") != NULL;
	assert_true(found);
}

static void
nobody_body(void *arg)
{
	(void)arg;
	CHILD_CHECK(dial_port(ECHO) == -1 && errno == ECONNREFUSED);
}

/* Who is in decides where to, so it must be known. */
static void
refuses_who_is_not_known(void **state)
{
	struct control_session_start s = {
	    .kind = CONTROL_SHELL,
	    .namespace_ = {"ws", 2},
	    .pod = {"p", 1},
	};
	static const char line[] =
	    "Failed password for tester from 127.0.0.1 port 4711 ssh2\r\n";

	(void)state;
	UNIT_NEED_ROOT(CAP_SYS_ADMIN);
	UNIT_NEED_ROOT(CAP_SYS_PTRACE);
	serve(nobody_body);
	/* In, but sshd has not said who; somebody else has. */
	record_sshd_line(t.record, 1, 4242, line, sizeof(line) - 1);
	record_session_start(t.record, &s);
	assert_string_equal(record_user(t.record), "");
	serve(nobody_body);
	assert_int_equal(told("\"detail\":\"it is not known who is in\""), 2);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(connects_and_loses_nothing, setup,
		teardown),
	    cmocka_unit_test_setup_teardown(fails_where_nobody_listens, setup,
		teardown),
	    cmocka_unit_test_setup_teardown(waits_until_it_is_connected, setup,
		teardown),
	    cmocka_unit_test_setup_teardown(many_at_once_and_no_more, setup,
		teardown),
	    cmocka_unit_test_setup_teardown(dials_what_can_be_dialled, setup,
		teardown),
	    cmocka_unit_test_setup_teardown(fails_all_with_k8shell_forward,
		setup, teardown),
	    cmocka_unit_test_setup_teardown(fails_without_k8shell_forward,
		setup, teardown),
	    cmocka_unit_test_setup_teardown(refuses_who_is_not_known, setup,
		teardown),
	};

	if (argc == 2)
		return forward_main(argv[1]);
	(void)alarm(120);
	return cmocka_run_group_tests(tests, NULL, NULL) != 0;
}
