/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/child.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "proxyprotocol/sdnotify.h"
#include "tests/unit/tmpdir.h"

/* A manager's socket; path as in NOTIFY_SOCKET, '@' for an abstract one. */
static int
manager(const char *path)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	const size_t start = offsetof(struct sockaddr_un, sun_path);
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	assert_true(fd >= 0);
	assert_in_range(strlen(path), 1, sizeof(un.sun_path) - 1);
	memcpy(un.sun_path, path, strlen(path));
	if (path[0] == '@')
		un.sun_path[0] = '\0';
	assert_int_equal(bind(fd, (struct sockaddr *)&un,
			     (socklen_t)(start + strlen(path))),
	    0);
	return fd;
}

/* The next message, "" if there is none. */
static const char *
told(int fd)
{
	static char text[256];
	ssize_t n = recv(fd, text, sizeof(text) - 1, 0);

	assert_true(n > 0 || (n == -1 && errno == EAGAIN));
	text[n > 0 ? n : 0] = '\0';
	return text;
}

static void
check_told(const char *path)
{
	int fd = manager(path);
	long long usec;
	char end;

	assert_int_equal(setenv("NOTIFY_SOCKET", path, 1), 0);
	sdnotify("READY=1");
	assert_string_equal(told(fd), "READY=1");
	sdnotify_reloading();
	assert_int_equal(sscanf(told(fd), "RELOADING=1\nMONOTONIC_USEC=%lld%c",
			     &usec, &end),
	    1);
	assert_true(usec > 0);
	assert_string_equal(told(fd), "");
	/* It stays, for what is said later. */
	assert_string_equal(getenv("NOTIFY_SOCKET"), path);
	assert_int_equal(unsetenv("NOTIFY_SOCKET"), 0);
	close(fd);
}

static void
tells_the_manager(void **state)
{
	char path[108], *dir = tmpdir_new();

	(void)state;
	(void)snprintf(path, sizeof(path), "%s/notify", dir);
	check_told(path);
	(void)snprintf(path, sizeof(path), "@k8shell-unit-%ld", (long)getpid());
	check_told(path);
	/* The longest that there can be. */
	memset(path + strlen(path), 'x', sizeof(path) - 1 - strlen(path));
	path[sizeof(path) - 1] = '\0';
	check_told(path);
	tmpdir_free(dir);
}

/* In silence: nobody is there, or it is not a socket's name. */
static void
tells_nobody_else(void **state)
{
	char *dir = tmpdir_new(), path[200];
	int fd;

	(void)state;
	assert_int_equal(chdir(dir), 0);
	fd = manager("notify");
	assert_int_equal(unsetenv("NOTIFY_SOCKET"), 0);
	sdnotify("READY=1");
	assert_int_equal(setenv("NOTIFY_SOCKET", "notify", 1), 0);
	sdnotify("READY=1");
	assert_int_equal(setenv("NOTIFY_SOCKET", "", 1), 0);
	sdnotify("READY=1");
	assert_int_equal(setenv("NOTIFY_SOCKET", "@", 1), 0);
	sdnotify("READY=1");
	assert_int_equal(setenv("NOTIFY_SOCKET", "/nonexistent/x", 1), 0);
	sdnotify("READY=1");
	memset(path, '/', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	assert_int_equal(setenv("NOTIFY_SOCKET", path, 1), 0);
	sdnotify("READY=1");
	assert_string_equal(told(fd), "");
	assert_int_equal(unsetenv("NOTIFY_SOCKET"), 0);
	close(fd);
	assert_int_equal(chdir("/"), 0);
	tmpdir_free(dir);
}

/* A manager that does not read must not hold the daemon up. */
static void
never_waits(void **state)
{
	char path[108], *dir = tmpdir_new();
	int fd, i;

	(void)state;
	(void)snprintf(path, sizeof(path), "%s/notify", dir);
	fd = manager(path);
	assert_int_equal(setenv("NOTIFY_SOCKET", path, 1), 0);
	for (i = 0; i < 10000; i++)
		sdnotify("READY=1");
	assert_int_equal(unsetenv("NOTIFY_SOCKET"), 0);
	close(fd);
	tmpdir_free(dir);
}

struct sockets {
	const char *pid; /* NULL: the right one, "-": none */
	const char *fds; /* "-": none */
	int open;	 /* that many are, from 3 on */
	int expected;
};

static void
sockets_body(void *arg)
{
	const struct sockets *s = arg;
	char pid[32];
	int fd;

	for (fd = SDNOTIFY_FIRST_FD; fd < 64; fd++)
		(void)close(fd);
	for (fd = SDNOTIFY_FIRST_FD; fd < SDNOTIFY_FIRST_FD + s->open; fd++)
		CHILD_CHECK(open("/dev/null", O_RDWR) == fd);
	(void)snprintf(pid, sizeof(pid), "%ld", (long)getpid());
	CHILD_CHECK(
	    setenv("LISTEN_PID", s->pid != NULL ? s->pid : pid, 1) == 0);
	CHILD_CHECK(setenv("LISTEN_FDS", s->fds, 1) == 0);
	CHILD_CHECK(setenv("LISTEN_FDNAMES", "a:b", 1) == 0);
	if (s->pid != NULL && strcmp(s->pid, "-") == 0)
		CHILD_CHECK(unsetenv("LISTEN_PID") == 0);
	if (strcmp(s->fds, "-") == 0)
		CHILD_CHECK(unsetenv("LISTEN_FDS") == 0);
	CHILD_CHECK(sdnotify_sockets() == s->expected);
	for (fd = SDNOTIFY_FIRST_FD; fd < SDNOTIFY_FIRST_FD + s->open; fd++)
		CHILD_CHECK(fcntl(fd, F_GETFD) ==
		    (fd < SDNOTIFY_FIRST_FD + s->expected ? FD_CLOEXEC : 0));
	/* Not for whatever is started. */
	CHILD_CHECK(getenv("LISTEN_PID") == NULL);
	CHILD_CHECK(getenv("LISTEN_FDS") == NULL);
	CHILD_CHECK(getenv("LISTEN_FDNAMES") == NULL);
	CHILD_CHECK(sdnotify_sockets() == 0);
}

static void
takes_sockets_meant_for_it(void **state)
{
	static const struct sockets cases[] = {
	    {NULL, "2", 2, 2},
	    {NULL, "1", 2, 1}, /* the other is not its */
	    {NULL, "0", 2, 0},
	    {NULL, "3", 2, 2}, /* fewer than promised */
	    {NULL, "257", 2, 0},
	    {NULL, "-1", 2, 0},
	    {NULL, "2x", 2, 0},
	    {NULL, "", 2, 0},
	    {NULL, "99999999999999999999", 2, 0},
	    {NULL, "-", 2, 0},
	    {"1", "2", 2, 0}, /* another's */
	    {"", "2", 2, 0},
	    {"x", "2", 2, 0},
	    {"-", "2", 2, 0},
	};
	struct sockets s;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		s = cases[i];
		if (child_wait(child_start(sockets_body, &s)) != 0)
			fail_msg("LISTEN_PID %s, LISTEN_FDS %s",
			    s.pid != NULL ? s.pid : "its own", s.fds);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(tells_the_manager),
	    cmocka_unit_test(tells_nobody_else),
	    cmocka_unit_test(never_waits),
	    cmocka_unit_test(takes_sockets_meant_for_it),
	};

	alarm(60);
	return cmocka_run_group_tests(tests, NULL, NULL) != 0;
}
