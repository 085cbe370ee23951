/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "lib/core/loop.h"

/* One watch: what it saw, and what it does then. */
struct watch {
	struct loop_io *io;
	int calls;
	uint32_t events;    /* of the last call */
	struct watch *kill; /* deleted within the callback */
	int want;	    /* from then on, -1: no change */
};

static void
watch_cb(void *arg, uint32_t events)
{
	struct watch *w = arg;

	w->calls++;
	w->events = events;
	if (w->want != -1)
		loop_want(w->io, (uint32_t)w->want);
	if (w->kill != NULL) {
		loop_del(w->kill->io);
		w->kill->io = NULL;
	}
}

static void
watch_add(struct watch *w, struct loop *l, int fd, uint32_t events)
{
	struct k8s_err err = K8S_ERR_INIT;

	*w = (struct watch){.want = -1};
	if ((w->io = loop_add(l, fd, events, watch_cb, w, &err)) == NULL)
		fail_msg("%s", err.msg);
	assert_int_equal(err.code, K8S_ERR_NONE);
}

/* What is ready now. */
static void
dispatch(struct loop *l)
{
	assert_int_equal(loop_dispatch(l, 0), 0);
}

/*
 * Whether the loop would go round at once, be it without calling anybody: a
 * wait for nothing takes all of its time.
 */
static int
is_ready(struct loop *l)
{
	struct timespec a, b;

	clock_gettime(CLOCK_MONOTONIC, &a);
	assert_int_equal(loop_dispatch(l, 20), 0);
	clock_gettime(CLOCK_MONOTONIC, &b);
	return (b.tv_sec - a.tv_sec) * 1000 +
	    (b.tv_nsec - a.tv_nsec) / 1000000 <
	    19;
}

static int
lowest_free_fd(void)
{
	int fd = dup(0);

	close(fd);
	return fd;
}

static struct loop *
new_loop(void)
{
	int fd = lowest_free_fd();
	struct loop *l = loop_new(NULL);

	assert_non_null(l);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	return l;
}

static void
level_triggered(void **state)
{
	struct loop *l = new_loop();
	struct watch w;
	int p[2];
	char c;

	(void)state;
	assert_int_equal(pipe(p), 0);
	watch_add(&w, l, p[0], EPOLLIN);
	dispatch(l);
	assert_int_equal(w.calls, 0);
	assert_false(is_ready(l));
	assert_int_equal(write(p[1], "ab", 2), 2);
	dispatch(l);
	dispatch(l);
	assert_int_equal(w.calls, 2);
	assert_int_equal(w.events, EPOLLIN);
	assert_int_equal(read(p[0], &c, 1), 1);
	dispatch(l);
	assert_int_equal(w.calls, 3);
	assert_int_equal(read(p[0], &c, 1), 1);
	dispatch(l);
	assert_int_equal(w.calls, 3);
	assert_false(is_ready(l));
	/* The end of file is readable too. */
	close(p[1]);
	dispatch(l);
	assert_int_equal(w.calls, 4);
	assert_true(w.events & EPOLLHUP);
	loop_del(w.io);
	close(p[0]);
	loop_free(l);
}

static void
reports_what_is_wanted(void **state)
{
	struct loop *l = new_loop();
	struct watch w;
	int s[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, s), 0);
	watch_add(&w, l, s[0], EPOLLIN);
	dispatch(l);
	assert_int_equal(w.calls, 0);
	loop_want(w.io, EPOLLOUT);
	dispatch(l);
	assert_int_equal(w.events, EPOLLOUT);
	assert_int_equal(write(s[1], "a", 1), 1);
	dispatch(l);
	assert_int_equal(w.events, EPOLLOUT);
	loop_want(w.io, EPOLLIN | EPOLLOUT);
	dispatch(l);
	assert_int_equal(w.events, EPOLLIN | EPOLLOUT);
	loop_want(w.io, 0);
	loop_want(w.io, 0);
	dispatch(l);
	assert_int_equal(w.calls, 3);
	loop_want(w.io, EPOLLIN);
	loop_want(w.io, EPOLLIN);
	dispatch(l);
	assert_int_equal(w.calls, 4);
	assert_int_equal(w.events, EPOLLIN);
	loop_del(w.io);
	close(s[0]);
	close(s[1]);
	loop_free(l);
}

/* A pipe nobody reads reports its error with any event, and never with 0. */
static void
hung_up_does_not_spin(void **state)
{
	struct loop *l = new_loop();
	struct watch w;
	int p[2];

	(void)state;
	assert_int_equal(pipe(p), 0);
	watch_add(&w, l, p[1], EPOLLERR);
	dispatch(l);
	assert_int_equal(w.calls, 0);
	close(p[0]);
	dispatch(l);
	assert_int_equal(w.calls, 1);
	assert_true(w.events & EPOLLERR);
	loop_want(w.io, 0);
	assert_false(is_ready(l));
	dispatch(l);
	assert_int_equal(w.calls, 1);
	loop_want(w.io, EPOLLERR);
	dispatch(l);
	assert_int_equal(w.calls, 2);
	loop_del(w.io);
	/* The same from the start. */
	watch_add(&w, l, p[1], 0);
	assert_false(is_ready(l));
	dispatch(l);
	assert_int_equal(w.calls, 0);
	loop_want(w.io, EPOLLOUT);
	dispatch(l);
	assert_int_equal(w.calls, 1);
	loop_del(w.io);
	assert_false(is_ready(l));
	close(p[1]);
	loop_free(l);
}

/* Two that are ready in one batch, and the first deletes one of them. */
static void
deletes_within_a_callback(void **state)
{
	struct loop *l = new_loop();
	struct watch w[2];
	int p[2], i;

	(void)state;
	assert_int_equal(pipe(p), 0);
	for (i = 0; i < 2; i++) {
		int other = dup(p[1]);

		watch_add(&w[0], l, p[1], EPOLLOUT);
		watch_add(&w[1], l, other, EPOLLOUT);
		/* i: itself or the other; whichever of them comes first. */
		w[0].kill = &w[i];
		w[1].kill = &w[1 - i];
		dispatch(l);
		if (i == 0) {
			assert_int_equal(w[0].calls, 1);
			assert_int_equal(w[1].calls, 1);
			assert_null(w[0].io);
			assert_null(w[1].io);
		} else {
			assert_int_equal(w[0].calls + w[1].calls, 1);
			assert_true((w[0].io == NULL) != (w[1].io == NULL));
		}
		dispatch(l);
		assert_in_range(w[0].calls + w[1].calls, 2 - i, 2);
		w[0].kill = w[1].kill = NULL;
		loop_del(w[0].io);
		loop_del(w[1].io);
		close(other);
	}
	loop_del(NULL);
	close(p[0]);
	close(p[1]);
	loop_free(l);
}

/*
 * Two in one batch, each turned off by the other's callback: whichever comes
 * first, the other one is not called any more, and not for an error either.
 */
static void
turns_another_off_within_a_callback(void **state)
{
	struct loop *l = new_loop();
	struct loop_io *swap;
	struct watch w[2];
	int p[2], other, i;

	(void)state;
	assert_int_equal(pipe(p), 0);
	other = dup(p[1]);
	close(p[0]);
	watch_add(&w[0], l, p[1], EPOLLOUT);
	watch_add(&w[1], l, other, EPOLLOUT);
	w[0].want = w[1].want = 0;
	swap = w[0].io;
	w[0].io = w[1].io;
	w[1].io = swap;
	for (i = 0; i < 3; i++)
		dispatch(l);
	assert_int_equal(w[0].calls * w[1].calls, 0);
	assert_int_equal(w[0].calls + w[1].calls, 3);
	loop_del(w[0].io);
	loop_del(w[1].io);
	close(other);
	close(p[1]);
	loop_free(l);
}

/* The same with events that are not wanted any more. */
static void
changes_another_within_a_callback(void **state)
{
	struct loop *l = new_loop();
	struct loop_io *swap;
	struct watch w[2];
	int s[2], other;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, s), 0);
	assert_int_equal(write(s[1], "a", 1), 1);
	other = dup(s[0]);
	watch_add(&w[0], l, s[0], EPOLLIN | EPOLLOUT);
	watch_add(&w[1], l, other, EPOLLIN | EPOLLOUT);
	w[0].want = w[1].want = EPOLLIN;
	swap = w[0].io;
	w[0].io = w[1].io;
	w[1].io = swap;
	dispatch(l);
	assert_int_equal(w[0].calls + w[1].calls, 2);
	assert_int_equal(w[0].events | w[1].events, EPOLLIN | EPOLLOUT);
	assert_int_equal(w[0].events & w[1].events, EPOLLIN);
	loop_del(w[0].io);
	loop_del(w[1].io);
	close(other);
	close(s[0]);
	close(s[1]);
	loop_free(l);
}

static void
off_by_itself(void **state)
{
	struct loop *l = new_loop();
	struct watch w;
	int p[2];

	(void)state;
	assert_int_equal(pipe(p), 0);
	watch_add(&w, l, p[1], EPOLLOUT);
	w.want = 0;
	dispatch(l);
	dispatch(l);
	assert_int_equal(w.calls, 1);
	assert_false(is_ready(l));
	loop_del(w.io);
	close(p[0]);
	close(p[1]);
	loop_free(l);
}

/* epoll has none of a file or of /dev/null; both are always ready. */
static void
watches_what_is_always_ready(void **state)
{
	static const char *const paths[] = {"/dev/null", "/proc/self/exe"};
	struct loop *l;
	struct watch w;
	int fd, i;

	(void)state;
	for (i = 0; i < 2; i++) {
		l = new_loop();
		fd = open(paths[i], O_RDONLY | O_CLOEXEC);
		assert_true(fd >= 0);
		watch_add(&w, l, fd, EPOLLIN);
		dispatch(l);
		dispatch(l);
		assert_int_equal(w.calls, 2);
		assert_int_equal(w.events, EPOLLIN);
		loop_want(w.io, EPOLLOUT);
		dispatch(l);
		assert_int_equal(w.events, EPOLLOUT);
		loop_want(w.io, EPOLLERR);
		assert_false(is_ready(l));
		loop_want(w.io, 0);
		assert_false(is_ready(l));
		loop_want(w.io, EPOLLIN | EPOLLOUT);
		dispatch(l);
		assert_int_equal(w.events, EPOLLIN | EPOLLOUT);
		assert_int_equal(w.calls, 4);
		loop_del(w.io);
		watch_add(&w, l, fd, 0);
		assert_false(is_ready(l));
		loop_del(w.io);
		close(fd);
		loop_free(l);
	}
}

/* More than one batch of epoll_wait(). */
static void
watches_many(void **state)
{
	struct loop *l = new_loop();
	struct watch w[100];
	int p[2], fd[100], i, round;

	(void)state;
	assert_int_equal(pipe(p), 0);
	for (i = 0; i < 100; i++) {
		fd[i] = dup(p[1]);
		watch_add(&w[i], l, fd[i], EPOLLOUT);
	}
	for (round = 0; round < 20; round++)
		dispatch(l);
	for (i = 0; i < 100; i++) {
		assert_true(w[i].calls > 0);
		loop_del(w[i].io);
		close(fd[i]);
	}
	close(p[0]);
	close(p[1]);
	loop_free(l);
}

static void
stop(void *arg, uint32_t events)
{
	(void)events;
	loop_stop(arg);
}

static void
runs_until_stopped(void **state)
{
	struct k8s_err err = K8S_ERR_INIT;
	struct loop *l = new_loop();
	struct loop_io *io;
	struct watch w;
	int p[2], i;

	(void)state;
	assert_int_equal(pipe(p), 0);
	io = loop_add(l, p[1], EPOLLOUT, stop, l, NULL);
	assert_non_null(io);
	/* Again and again; and what is ready with it is called first. */
	watch_add(&w, l, p[0], EPOLLIN);
	assert_int_equal(write(p[1], "a", 1), 1);
	for (i = 1; i <= 3; i++) {
		assert_int_equal(loop_run(l, &err), 0);
		assert_int_equal(w.calls, i);
	}
	assert_int_equal(err.code, K8S_ERR_NONE);
	loop_del(io);
	loop_del(w.io);
	close(p[0]);
	close(p[1]);
	loop_free(l);
}

static void
on_alarm(int sig)
{
	(void)sig;
}

/* A signal's handler ends a wait early, which is no failure. */
static void
survives_a_signal(void **state)
{
	struct itimerval soon = {.it_value.tv_usec = 20000};
	struct sigaction sa = {.sa_handler = on_alarm}, old;
	struct loop *l = new_loop();

	(void)state;
	assert_int_equal(sigaction(SIGALRM, &sa, &old), 0);
	assert_int_equal(setitimer(ITIMER_REAL, &soon, NULL), 0);
	assert_int_equal(loop_dispatch(l, 20000), 0);
	assert_int_equal(sigaction(SIGALRM, &old, NULL), 0);
	loop_free(l);
}

static void
fails_and_leaves_nothing(void **state)
{
	struct rlimit old, none;
	struct k8s_err err = K8S_ERR_INIT;
	int before = lowest_free_fd(), fd;
	struct loop *l = new_loop();

	(void)state;
	assert_null(loop_add(l, -1, EPOLLIN, watch_cb, NULL, &err));
	unit_check_err(&err, K8S_ERR_SYSTEM, "descriptor -1: Bad file");
	fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	none = old;
	none.rlim_cur = 0;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	err.code = K8S_ERR_NONE;
	assert_null(loop_add(l, fd, EPOLLIN, watch_cb, NULL, &err));
	assert_null(loop_new(&err));
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	unit_check_err(&err, K8S_ERR_SYSTEM, "Too many open files");
	close(fd);
	loop_free(l);
	loop_free(NULL);
	assert_int_equal(lowest_free_fd(), before);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(level_triggered),
	    cmocka_unit_test(reports_what_is_wanted),
	    cmocka_unit_test(hung_up_does_not_spin),
	    cmocka_unit_test(deletes_within_a_callback),
	    cmocka_unit_test(turns_another_off_within_a_callback),
	    cmocka_unit_test(changes_another_within_a_callback),
	    cmocka_unit_test(off_by_itself),
	    cmocka_unit_test(watches_what_is_always_ready),
	    cmocka_unit_test(watches_many),
	    cmocka_unit_test(runs_until_stopped),
	    cmocka_unit_test(survives_a_signal),
	    cmocka_unit_test(fails_and_leaves_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) != 0;
}
