/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "helpers/agent.h"
#include "lib/core/buf.h"
#include "lib/core/mux.h"
#include "tests/unit/tmpdir.h"

#define PROGRAMS (AGENT_CONNS_MAX + 1)

/* The agent, and the workspace's programs at the other end of a mux. */
struct program {
	struct mux_channel *c;
	struct buf *got;
	int opened, refused, eof, closed;
};

static struct {
	char *dir;
	char path[108];
	int listener;
	struct loop *loop;
	struct agent *agent;
	struct mux *host, *guest;
	struct program p[PROGRAMS];
} f;

static void
on_none(void *arg)
{
	(void)arg;
}

static void
on_hello(void *arg, uint32_t capabilities)
{
	(void)arg;
	(void)capabilities;
}

static void
on_open(void *arg, struct mux_channel *c, enum mux_kind kind,
    const unsigned char *p, size_t len)
{
	(void)arg;
	(void)p;
	(void)len;
	assert_int_equal(kind, MUX_AGENT);
	agent_accept(f.agent, c);
}

static void
on_opened(void *arg)
{
	((struct program *)arg)->opened = 1;
}

static void
on_refused(void *arg, int error, const char *text, size_t len)
{
	struct program *p = arg;

	(void)text;
	(void)len;
	p->refused = error;
	p->c = NULL;
}

static void
on_data(void *arg, enum mux_type type, const unsigned char *d, size_t len)
{
	struct program *p = arg;

	(void)type;
	assert_int_equal(buf_put(p->got, d, len), 0);
	mux_passed_on(p->c, len);
}

static void
on_eof(void *arg)
{
	((struct program *)arg)->eof = 1;
}

static void
on_closed(void *arg)
{
	((struct program *)arg)->closed = 1;
	((struct program *)arg)->c = NULL;
}

static const struct mux_handler handler = {on_hello, on_open, on_none, on_none};

static const struct mux_channel_handler program_handler = {
    .opened = on_opened,
    .refused = on_refused,
    .data = on_data,
    .room = on_none,
    .eof = on_eof,
    .closed = on_closed,
};

static size_t
carry_over(struct mux *from, struct mux *to)
{
	const unsigned char *p;
	unsigned char *copy;
	struct k8s_err err;
	size_t len, sum = 0;

	while ((p = mux_out(from, &len)), len > 0) {
		copy = malloc(len);
		assert_non_null(copy);
		memcpy(copy, p, len);
		mux_written(from, len);
		if (mux_feed(to, copy, len, &err) == -1)
			fail_msg("%s", err.msg);
		free(copy);
		sum += len;
	}
	return sum;
}

/* Until nothing moves. Returns how often the loop had something to do. */
static void
settle(void)
{
	int i;

	for (i = 0; i < 20; i++) {
		while (
		    carry_over(f.guest, f.host) + carry_over(f.host, f.guest) >
		    0)
			continue;
		assert_int_equal(loop_dispatch(f.loop, 1), 0);
	}
}

static int
listen_at(const char *path)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(listen(fd, 128), 0);
	return fd;
}

static int
set_up(void **state)
{
	size_t i;

	(void)state;
	memset(&f, 0, sizeof(f));
	f.dir = tmpdir_new();
	(void)snprintf(f.path, sizeof(f.path), "%s/agent", f.dir);
	f.listener = listen_at(f.path);
	f.loop = loop_new(NULL);
	f.agent = agent_new(f.loop, f.path, NULL);
	f.host = mux_new(MUX_HOST, MUX_CAP_AGENT, &handler, NULL);
	f.guest = mux_new(MUX_GUEST, MUX_CAP_AGENT, &handler, NULL);
	for (i = 0; i < PROGRAMS; i++)
		f.p[i].got = buf_new(1 << 24);
	if (f.loop == NULL || f.agent == NULL || f.host == NULL ||
	    f.guest == NULL)
		return -1;
	settle();
	return 0;
}

static int
tear_down(void **state)
{
	size_t i;

	(void)state;
	mux_free(f.host);
	mux_free(f.guest);
	agent_free(f.agent);
	loop_free(f.loop);
	close(f.listener);
	for (i = 0; i < PROGRAMS; i++)
		buf_free(f.p[i].got);
	tmpdir_free(f.dir);
	return 0;
}

static void
open_program(struct program *p)
{
	static const unsigned char session[3] = {0, 0, 1};

	p->c = mux_open(f.guest, MUX_AGENT, session, sizeof(session),
	    &program_handler, p);
	assert_non_null(p->c);
	settle();
}

static size_t
write_all(struct program *p, const char *text, size_t len)
{
	unsigned char *d;
	size_t n, sum = 0;

	while (sum < len && (d = mux_reserve(p->c, &n)) != NULL) {
		if (n > len - sum)
			n = len - sum;
		memcpy(d, text + sum, n);
		mux_commit(p->c, MUX_DATA, n);
		sum += n;
		settle();
	}
	return sum;
}

static void
talks_both_ways(void **state)
{
	struct program *p = &f.p[0];
	char b[16];
	int fd;

	(void)state;
	open_program(p);
	assert_true(p->opened);
	fd = accept(f.listener, NULL, NULL);
	assert_int_equal(write_all(p, "ask", 3), 3);
	assert_int_equal(read(fd, b, sizeof(b)), 3);
	assert_int_equal(write(fd, "answer", 6), 6);
	settle();
	assert_string_equal(buf_string(p->got), "answer");
	/* The program has said all, the agent has not. */
	mux_eof(p->c);
	settle();
	assert_int_equal(read(fd, b, sizeof(b)), 0);
	assert_int_equal(write(fd, "!", 1), 1);
	settle();
	assert_string_equal(buf_string(p->got), "answer!");
	close(fd);
	settle();
	assert_true(p->eof);
	mux_close(p->c);
	settle();
}

/* How often the loop wakes up within so many dispatches of 5 ms. */
static long
woken(void)
{
	struct timespec a, b;
	int i;

	clock_gettime(CLOCK_MONOTONIC, &a);
	for (i = 0; i < 10; i++)
		assert_int_equal(loop_dispatch(f.loop, 5), 0);
	clock_gettime(CLOCK_MONOTONIC, &b);
	return (b.tv_sec - a.tv_sec) * 1000 + (b.tv_nsec - a.tv_nsec) / 1000000;
}

static void
sleeps_when_the_agent_is_gone(void **state)
{
	struct program *p = &f.p[0];

	(void)state;
	open_program(p);
	close(accept(f.listener, NULL, NULL));
	settle();
	assert_true(p->eof);
	/* The program keeps its end open: ten times nothing happens. */
	assert_true(woken() >= 30);
	(void)write_all(p, "x", 1);
	settle();
	assert_true(p->closed);
}

static void
waits_for_an_agent_that_does_not_read(void **state)
{
	static char block[4 * MUX_WINDOW];
	struct program *p = &f.p[0], *q = &f.p[1];
	char b[65536];
	size_t sent, got = 0;
	ssize_t n;
	int fd, other, i;

	(void)state;
	open_program(p);
	fd = accept(f.listener, NULL, NULL);
	sent = write_all(p, block, sizeof(block));
	assert_in_range(sent, MUX_WINDOW, 2 * MUX_WINDOW);
	/* That is no reason for another one to wait. */
	open_program(q);
	other = accept(f.listener, NULL, NULL);
	assert_int_equal(write_all(q, "ask", 3), 3);
	assert_int_equal(read(other, b, sizeof(b)), 3);
	for (i = 0; i < 100; i++) {
		while ((n = recv(fd, b, sizeof(b), MSG_DONTWAIT)) > 0)
			got += (size_t)n;
		settle();
	}
	assert_int_equal(got, sent);
	close(fd);
	close(other);
}

static void
has_many_but_not_any_number(void **state)
{
	static int fd[PROGRAMS];
	char text[16], b[16];
	size_t i;
	int len;

	(void)state;
	for (i = 0; i < PROGRAMS; i++)
		open_program(&f.p[i]);
	assert_int_equal(f.p[AGENT_CONNS_MAX].refused, EMFILE);
	for (i = 0; i < AGENT_CONNS_MAX; i++) {
		assert_true(f.p[i].opened);
		fd[i] = accept(f.listener, NULL, NULL);
		len = snprintf(text, sizeof(text), "%zu", i);
		(void)write_all(&f.p[i], text, (size_t)len);
		assert_int_equal(read(fd[i], b, sizeof(b)), len);
		assert_memory_equal(b, text, (size_t)len);
	}
	/* One that ends makes room. */
	mux_close(f.p[7].c);
	settle();
	assert_int_equal(read(fd[7], b, sizeof(b)), 0);
	f.p[AGENT_CONNS_MAX].refused = 0;
	open_program(&f.p[AGENT_CONNS_MAX]);
	assert_true(f.p[AGENT_CONNS_MAX].opened);
	for (i = 0; i < AGENT_CONNS_MAX; i++)
		close(fd[i]);
}

static void
refuses_without_an_agent(void **state)
{
	(void)state;
	assert_int_equal(unlink(f.path), 0);
	open_program(&f.p[0]);
	assert_int_equal(f.p[0].refused, ENOENT);
}

/*
 * Which paths are sshd's.
 */

static void
knows_sshds_sockets(void **state)
{
	char folder[] = "/tmp/ssh-XXXXXXXXXX", home[64], path[200], other[400];
	uid_t uid = geteuid();

	(void)state;
	assert_non_null(mkdtemp(folder));
	(void)snprintf(home, sizeof(home), "%s/home", f.dir);
	(void)snprintf(path, sizeof(path), "%s/agent.1", folder);
	close(listen_at(path));
	assert_true(agent_is_sshds(path, uid, home));
	assert_false(agent_is_sshds(path, uid + 1, home));
	assert_false(agent_is_sshds(folder, uid, home));
	assert_false(agent_is_sshds("", uid, home));
	assert_false(agent_is_sshds("agent.1", uid, home));
	assert_false(agent_is_sshds("/tmp/ssh-", uid, home));
	/* Ways around. */
	(void)snprintf(other, sizeof(other), "/tmp/../%s", path);
	assert_false(agent_is_sshds(other, uid, home));
	(void)snprintf(other, sizeof(other), "%s/../%s/agent.1", folder,
	    strrchr(folder, '/'));
	assert_false(agent_is_sshds(other, uid, home));
	(void)snprintf(other, sizeof(other), "%s//agent.1", folder);
	assert_false(agent_is_sshds(other, uid, home));
	(void)snprintf(other, sizeof(other), "%s/./agent.1", folder);
	assert_false(agent_is_sshds(other, uid, home));
	(void)snprintf(other, sizeof(other), "%s/sub", folder);
	assert_int_equal(mkdir(other, 0700), 0);
	(void)snprintf(other, sizeof(other), "%s/sub/agent.1", folder);
	close(listen_at(other));
	assert_false(agent_is_sshds(other, uid, home));
	assert_int_equal(unlink(other), 0);
	(void)snprintf(other, sizeof(other), "%s/sub", folder);
	assert_int_equal(rmdir(other), 0);
	/* A socket that is none of the folder's. */
	(void)snprintf(other, sizeof(other), "%s/link", folder);
	assert_int_equal(symlink(f.path, other), 0);
	assert_false(agent_is_sshds(other, uid, home));
	assert_int_equal(unlink(other), 0);
	(void)snprintf(other, sizeof(other), "%s/file", folder);
	close(open(other, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	assert_false(agent_is_sshds(other, uid, home));
	assert_int_equal(unlink(other), 0);
	/* Longer than an address, though it is there. */
	memset(other, 'a', sizeof(other));
	other[100] = '\0';
	assert_int_equal(chdir(folder), 0);
	close(listen_at(other));
	(void)snprintf(path, sizeof(path), "%s/%.100s", folder, other);
	assert_int_equal(access(path, F_OK), 0);
	assert_false(agent_is_sshds(path, uid, home));
	assert_int_equal(unlink(path), 0);
	assert_int_equal(chdir("/"), 0);
	(void)snprintf(path, sizeof(path), "%s/agent.1", folder);
	/* A folder that others may enter; a link to one; another's. */
	assert_int_equal(chmod(folder, 0710), 0);
	assert_false(agent_is_sshds(path, uid, home));
	assert_int_equal(chmod(folder, 0700), 0);
	(void)snprintf(other, sizeof(other), "%s.link", folder);
	assert_int_equal(symlink(folder, other), 0);
	(void)snprintf(other, sizeof(other), "%s.link/agent.1", folder);
	assert_false(agent_is_sshds(other, uid, home));
	(void)snprintf(other, sizeof(other), "%s.link", folder);
	assert_int_equal(unlink(other), 0);
	if (uid == 0) {
		assert_int_equal(chown(path, 1, 1), 0);
		assert_false(agent_is_sshds(path, uid, home));
		assert_int_equal(chown(path, 0, 0), 0);
		assert_int_equal(chown(folder, 1, 1), 0);
		assert_false(agent_is_sshds(path, uid, home));
	}
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rmdir(folder), 0);
}

static void
knows_those_at_home(void **state)
{
	char home[64], path[108], other[108];
	uid_t uid = geteuid();

	(void)state;
	(void)snprintf(home, sizeof(home), "%s", f.dir);
	(void)snprintf(path, sizeof(path), "%s/.ssh", home);
	assert_int_equal(mkdir(path, 0700), 0);
	(void)snprintf(path, sizeof(path), "%s/.ssh/agent", home);
	assert_int_equal(mkdir(path, 0700), 0);
	(void)snprintf(path, sizeof(path), "%s/.ssh/agent/s.x", home);
	close(listen_at(path));
	assert_true(agent_is_sshds(path, uid, home));
	assert_false(agent_is_sshds(path, uid, "/nowhere"));
	(void)snprintf(other, sizeof(other), "%s/.ssh/agent/../agent/s.x",
	    home);
	assert_false(agent_is_sshds(other, uid, home));
	assert_false(agent_is_sshds(f.path, uid, home));
}

#define T(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    T(talks_both_ways),
	    T(sleeps_when_the_agent_is_gone),
	    T(waits_for_an_agent_that_does_not_read),
	    T(has_many_but_not_any_number),
	    T(refuses_without_an_agent),
	    T(knows_sshds_sockets),
	    T(knows_those_at_home),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) != 0;
}
