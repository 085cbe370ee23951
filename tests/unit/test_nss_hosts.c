/* SPDX-License-Identifier: Apache-2.0 */
/* Built with CONTROL_PATH "control", in the folder the tests go to. */
#include "tests/unit/unit.h"

#include <errno.h>
#include <netdb.h>
#include <nss.h>
#include <pthread.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

#include "lib/core/control.h"
#include "tests/unit/tmpdir.h"

enum nss_status _nss_k8shell_gethostbyname4_r(const char *name,
    struct gaih_addrtuple **pat, char *buffer, size_t buflen, int *errnop,
    int *h_errnop, int32_t *ttlp);
enum nss_status _nss_k8shell_gethostbyname2_r(const char *name, int af,
    struct hostent *result, char *buffer, size_t buflen, int *errnop,
    int *h_errnop);

#define ADDRESS_REPLY "\x80\x01\x00\x04\xf0\x00\x00\x2a"

/* Takes one client, and answers it; len 0: not at all, until it goes. */
struct supervisor {
	int listener;
	const void *reply;
	size_t len;
	char name[CONTROL_NAME_MAX + 1];
	size_t name_len;
};

static void *
supervisor_main(void *arg)
{
	unsigned char packet[CONTROL_MAX];
	struct supervisor *s = arg;
	struct control_request r;
	ssize_t n;
	int fd;

	if ((fd = accept(s->listener, NULL, NULL)) == -1)
		return NULL;
	n = recv(fd, packet, sizeof(packet), 0);
	if (n > 0 && control_decode(packet, (size_t)n, &r, NULL) == 0 &&
	    r.type == CONTROL_RESOLVE) {
		memcpy(s->name, r.u.name.p, r.u.name.len);
		s->name_len = r.u.name.len;
	}
	if (s->len > 0)
		(void)!send(fd, s->reply, s->len, MSG_NOSIGNAL);
	/* The module closes: nothing of it is left in the process. */
	(void)!recv(fd, packet, sizeof(packet), 0);
	close(fd);
	return NULL;
}

static int
control_listen(void)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX,
	    .sun_path = CONTROL_PATH};
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	(void)unlink(CONTROL_PATH);
	assert_int_equal(bind(fd, (struct sockaddr *)&sun, sizeof(sun)), 0);
	assert_int_equal(listen(fd, 1), 0);
	return fd;
}

/* The last lookup. */
static struct gaih_addrtuple *tuple;
static struct hostent host;
static char buffer[1024];
static int error, h_error;
static int32_t ttl;
static struct supervisor sv;

static enum nss_status
look_up4(const char *name, size_t room)
{
	tuple = NULL;
	error = h_error = ttl = -1;
	return _nss_k8shell_gethostbyname4_r(name, &tuple, buffer + 1, room,
	    &error, &h_error, &ttl);
}

static enum nss_status
look_up2(const char *name, int af, size_t room)
{
	error = h_error = -1;
	return _nss_k8shell_gethostbyname2_r(name, af, &host, buffer + 1, room,
	    &error, &h_error);
}

#define ROOM (sizeof(buffer) - 1)

/* lookup, while a supervisor gives this reply. */
#define ASK(expected, lookup, bytes, n)                                 \
	do {                                                            \
		pthread_t t;                                            \
		sv = (struct supervisor){.listener = control_listen(),  \
		    .reply = (bytes),                                   \
		    .len = (n)};                                        \
		assert_int_equal(                                       \
		    pthread_create(&t, NULL, supervisor_main, &sv), 0); \
		assert_int_equal((lookup), (expected));                 \
		(void)shutdown(sv.listener, SHUT_RDWR);                 \
		assert_int_equal(pthread_join(t, NULL), 0);             \
		close(sv.listener);                                     \
		assert_int_equal(unlink(CONTROL_PATH), 0);              \
	} while (0)
#define ANSWER(expected, lookup) \
	ASK(expected, lookup, ADDRESS_REPLY, sizeof(ADDRESS_REPLY) - 1)

static void
gives_the_supervisors_address(void **state)
{
	static const char odd[] = "a/b %\n:\xff.";
	struct gaih_addrtuple own = {.scopeid = 7};

	(void)state;
	ANSWER(NSS_STATUS_SUCCESS, look_up4(odd, ROOM));
	assert_int_equal(sv.name_len, sizeof(odd) - 1);
	assert_memory_equal(sv.name, odd, sizeof(odd) - 1);
	assert_non_null(tuple);
	assert_int_equal((uintptr_t)tuple % _Alignof(max_align_t), 0);
	assert_null(tuple->next);
	assert_int_equal(tuple->family, AF_INET);
	assert_int_equal(ntohl(tuple->addr[0]), 0xf000002a);
	assert_int_equal(tuple->scopeid, 0);
	assert_string_equal(tuple->name, odd);
	assert_int_equal(h_error, NETDB_SUCCESS);
	assert_int_equal(ttl, 0);
	ANSWER(NSS_STATUS_SUCCESS, look_up4("", ROOM));
	assert_int_equal(sv.name_len, 0);
	/* One that the caller brings; no ttl wanted. */
	tuple = &own;
	ANSWER(NSS_STATUS_SUCCESS,
	    _nss_k8shell_gethostbyname4_r("db", &tuple, buffer, ROOM, &error,
		&h_error, NULL));
	assert_ptr_equal(tuple, &own);
	assert_int_equal(ntohl(own.addr[0]), 0xf000002a);
	assert_int_equal(own.scopeid, 0);

	ANSWER(NSS_STATUS_SUCCESS, look_up2("db", AF_INET, ROOM));
	assert_string_equal(host.h_name, "db");
	assert_null(host.h_aliases[0]);
	assert_int_equal(host.h_addrtype, AF_INET);
	assert_int_equal(host.h_length, 4);
	assert_memory_equal(host.h_addr_list[0], "\xf0\x00\x00\x2a", 4);
	assert_null(host.h_addr_list[1]);
	/* Nobody else is to be asked for another address of it. */
	ANSWER(NSS_STATUS_NOTFOUND, look_up2("db", AF_INET6, ROOM));
	assert_int_equal(h_error, HOST_NOT_FOUND);
}

#define UNAVAIL(lookup)                                         \
	do {                                                    \
		assert_int_equal((lookup), NSS_STATUS_UNAVAIL); \
		assert_int_equal(h_error, NO_RECOVERY);         \
		assert_int_not_equal(error, ERANGE);            \
	} while (0)

static void
is_not_there_without_a_supervisor(void **state)
{
	int fd;

	(void)state;
	UNAVAIL(look_up4("db", ROOM));
	assert_null(tuple);
	UNAVAIL(look_up2("db", AF_INET, ROOM));
	UNAVAIL(look_up2("db", AF_INET6, ROOM));
	/* A socket that nobody listens at. */
	fd = control_listen();
	close(fd);
	UNAVAIL(look_up4("db", ROOM));
	assert_int_equal(unlink(CONTROL_PATH), 0);
}

static void
is_not_there_where_it_may_not_ask(void **state)
{
	(void)state;
	ASK(NSS_STATUS_UNAVAIL, look_up4("db", ROOM), "\x81", 1);
	assert_null(tuple);
	assert_int_equal(h_error, NO_RECOVERY);
	ASK(NSS_STATUS_UNAVAIL, look_up2("db", AF_INET, ROOM), "\x81", 1);
	ASK(NSS_STATUS_UNAVAIL, look_up2("db", AF_INET6, ROOM), "\x81", 1);
	/* Nor where the answer is none. */
	ASK(NSS_STATUS_UNAVAIL, look_up4("db", ROOM), "\x80", 1);
	ASK(NSS_STATUS_UNAVAIL, look_up4("db", ROOM), "\x82", 1);
}

static void
names_are_no_longer_than_can_be_asked(void **state)
{
	char name[CONTROL_NAME_MAX + 2] = {0};

	(void)state;
	memset(name, 'x', CONTROL_NAME_MAX);
	ANSWER(NSS_STATUS_SUCCESS, look_up4(name, ROOM));
	assert_int_equal(sv.name_len, CONTROL_NAME_MAX);
	name[CONTROL_NAME_MAX] = 'x';
	UNAVAIL(look_up4(name, ROOM));
	UNAVAIL(look_up2(name, AF_INET, ROOM));
}

/* Says that it is too small, until it is not; never writes behind it. */
static void
buffers(void **state)
{
	size_t room, least = 0;
	int which;

	(void)state;
	for (which = 0; which < 2; which++) {
		for (room = 0; room < 128; room++) {
			memset(buffer, '#', sizeof(buffer));
			sv.name_len = 0;
			if ((which ? look_up2("db", AF_INET, room)
				   : look_up4("db", room)) !=
			    NSS_STATUS_TRYAGAIN)
				break;
			assert_int_equal(error, ERANGE);
			assert_int_equal(h_error, NETDB_INTERNAL);
			assert_int_equal(buffer[0], '#');
			assert_int_equal(buffer[1], '#');
		}
		assert_in_range(room, 32, 127);
		least = room;
		ANSWER(NSS_STATUS_SUCCESS,
		    which ? look_up2("db", AF_INET, least)
			  : look_up4("db", least));
		assert_int_equal(buffer[1 + least], '#');
		assert_string_equal(which ? host.h_name : tuple->name, "db");
	}
}

static void
waits_no_longer_than_it_may(void **state)
{
	struct timespec t0, t1;
	long ms;

	(void)state;
	clock_gettime(CLOCK_MONOTONIC, &t0);
	ASK(NSS_STATUS_UNAVAIL, look_up4("db", ROOM), NULL, 0);
	clock_gettime(CLOCK_MONOTONIC, &t1);
	ms = (t1.tv_sec - t0.tv_sec) * 1000 +
	    (t1.tv_nsec - t0.tv_nsec) / 1000000;
	assert_true(ms >= CONTROL_TIMEOUT - 10);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(gives_the_supervisors_address),
	    cmocka_unit_test(is_not_there_without_a_supervisor),
	    cmocka_unit_test(is_not_there_where_it_may_not_ask),
	    cmocka_unit_test(names_are_no_longer_than_can_be_asked),
	    cmocka_unit_test(buffers),
	    cmocka_unit_test(waits_no_longer_than_it_may),
	};

	alarm(60); /* what waits for the module waits no longer */
	return cmocka_run_group_tests(tests, tmpdir_enter, tmpdir_leave) != 0;
}
