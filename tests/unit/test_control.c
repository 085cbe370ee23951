/* SPDX-License-Identifier: Apache-2.0 */
/* Built with CONTROL_PATH "control", in the folder the tests go to. */
#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

#include "lib/core/control.h"
#include "tests/unit/tmpdir.h"

#define TEXT(s) ((struct control_text){(s), sizeof(s) - 1})

#define START_FIELDS                                             \
	"\x01\x00\x01\x02\x02\x00\x01\x01\x03\x00\x02id\x04\x00" \
	"\x01\x00\x05\x00\x02ns\x06\x00\x03pod\x07\x00\x00"
#define END_FIELDS                                     \
	"\x04\x00\x08\x00\x00\x00\x00\x00\x00\x00\x01" \
	"\x05\x00\x08\x00\x00\x00\x01\x00\x00\x00\x00" \
	"\x06\x00\x08\xff\xff\xff\xff\xff\xff\xff\xff"
#define WHOAMI_FIELDS  \
	"\x01\x00\x02" \
	"c1"           \
	"\x02\x00\x05" \
	"alice"        \
	"\x03\x00\x09" \
	"192.0.2.1"    \
	"\x04\x00\x02\xd9\x03\x05\x00\x04\x00\x0f\x42\x40"

static void
check_text(struct control_text t, const char *expected)
{
	assert_int_equal(t.len, strlen(expected));
	assert_memory_equal(t.p, expected, t.len);
}

static int
decode(const void *p, size_t len, struct control_request *r)
{
	struct k8s_err err = K8S_ERR_INIT;
	int ret = control_decode(p, len, r, &err);

	if (ret == -1)
		unit_check_err(&err, K8S_ERR_INVALID, "control socket: ");
	else
		assert_int_equal(err.code, K8S_ERR_NONE);
	return ret;
}

#define GOOD(s) assert_int_equal(decode((s), sizeof(s) - 1, &r), 0)
#define BAD(s)	assert_int_equal(decode((s), sizeof(s) - 1, &r), -1)

/* The bytes of the page in control.h. */
static void
requests_as_documented(void **state)
{
	struct control_request r;

	(void)state;
	GOOD("\x01");
	assert_int_equal(r.type, CONTROL_WHOAMI);
	GOOD("\x02" START_FIELDS);
	assert_int_equal(r.type, CONTROL_SESSION_START);
	assert_int_equal(r.u.start.kind, CONTROL_EXEC);
	assert_int_equal(r.u.start.tty, 1);
	assert_int_equal(r.u.start.command_cut, 0);
	check_text(r.u.start.command, "id");
	check_text(r.u.start.namespace_, "ns");
	check_text(r.u.start.pod, "pod");
	check_text(r.u.start.container, "");
	/* In another order; a shell has no command. */
	GOOD("\x02\x07\x00\x01"
	     "c"
	     "\x06\x00\x01"
	     "p"
	     "\x05\x00\x01"
	     "n"
	     "\x02\x00\x01\x00\x01\x00\x01\x01");
	assert_int_equal(r.u.start.kind, CONTROL_SHELL);
	check_text(r.u.start.container, "c");
	assert_null(r.u.start.command.p);

	GOOD("\x03\x01\x00\x01\xff" END_FIELDS);
	assert_int_equal(r.type, CONTROL_SESSION_END);
	assert_int_equal(r.u.end.how, CONTROL_EXITED);
	assert_int_equal(r.u.end.exit_status, 255);
	assert_int_equal(r.u.end.bytes_in, 1);
	assert_true(r.u.end.bytes_out == 0x100000000ULL);
	assert_true(r.u.end.duration_ms == UINT64_MAX);
	GOOD("\x03" END_FIELDS "\x02\x00\x01\x40");
	assert_int_equal(r.u.end.how, CONTROL_SIGNALED);
	assert_int_equal(r.u.end.signal, 64);
	GOOD("\x03" END_FIELDS "\x03\x00\x03"
	     "cut");
	assert_int_equal(r.u.end.how, CONTROL_FAILED);
	check_text(r.u.end.error, "cut");

	GOOD("\x13\x01\x00\x00");
	assert_int_equal(r.type, CONTROL_RESOLVE);
	check_text(r.u.name, "");
	GOOD("\x13\x01\x00\x07"
	     "a/ %\n:\xff");
	check_text(r.u.name, "a/ %\n:\xff");
}

static void
refuses_all_else(void **state)
{
	struct control_request r;
	unsigned char big[CONTROL_MAX + 1];
	size_t i;

	(void)state;
	BAD("");
	BAD("\x00");
	BAD("\x04");
	BAD("\x10");
	BAD("\x80");
	/* WHOAMI has no fields. */
	BAD("\x01\x01\x00\x00");
	BAD("\x01\x00");
	/* Left over, cut off, twice, unknown. */
	BAD("\x02" START_FIELDS "\x00");
	BAD("\x02" START_FIELDS "\x08\x00\x00");
	BAD("\x02" START_FIELDS "\x00\x00\x00");
	BAD("\x02" START_FIELDS "\x07\x00\x00");
	BAD("\x02" START_FIELDS "\x03\x00\x02id");
	BAD("\x03\x01\x00\x01\x00" END_FIELDS "\x07\x00\x00");
	for (i = 0; i < sizeof(START_FIELDS) - 1; i++)
		assert_int_equal(decode("\x02" START_FIELDS, 1 + i, &r), -1);
	/* Widths and values. */
	BAD("\x02\x01\x00\x01\x01\x02\x00\x00\x05\x00\x01n\x06\x00\x01p"
	    "\x07\x00\x00");
	BAD("\x02\x01\x00\x01\x01\x02\x00\x02\x00\x01\x05\x00\x01n\x06\x00"
	    "\x01p\x07\x00\x00");
	BAD("\x02\x01\x00\x01\x01\x02\x00\x01\x02\x05\x00\x01n\x06\x00\x01p"
	    "\x07\x00\x00");
	BAD("\x02\x01\x00\x01\x00\x02\x00\x01\x00\x05\x00\x01n\x06\x00\x01p"
	    "\x07\x00\x00");
	BAD("\x02\x01\x00\x01\x04\x02\x00\x01\x00\x05\x00\x01n\x06\x00\x01p"
	    "\x07\x00\x00");
	/* Empty, or with a NUL. */
	BAD("\x02\x01\x00\x01\x01\x02\x00\x01\x00\x05\x00\x00\x06\x00\x01p"
	    "\x07\x00\x00");
	BAD("\x02\x01\x00\x01\x01\x02\x00\x01\x00\x05\x00\x01n\x06\x00\x00"
	    "\x07\x00\x00");
	BAD("\x02\x01\x00\x01\x01\x02\x00\x01\x00\x05\x00\x01n\x06\x00\x01\x00"
	    "\x07\x00\x00");
	/* A command of a shell; an exec without one, or without "cut". */
	BAD("\x02\x01\x00\x01\x01\x02\x00\x01\x00\x05\x00\x01n\x06\x00\x01p"
	    "\x07\x00\x00\x03\x00\x01x");
	BAD("\x02\x01\x00\x01\x03\x02\x00\x01\x00\x05\x00\x01n\x06\x00\x01p"
	    "\x07\x00\x00\x04\x00\x01\x00");
	BAD("\x02\x01\x00\x01\x02\x02\x00\x01\x00\x05\x00\x01n\x06\x00\x01p"
	    "\x07\x00\x00\x04\x00\x01\x00");
	BAD("\x02\x01\x00\x01\x02\x02\x00\x01\x00\x05\x00\x01n\x06\x00\x01p"
	    "\x07\x00\x00\x03\x00\x01x");
	/* One end, no more and no less. */
	BAD("\x03" END_FIELDS);
	BAD("\x03\x01\x00\x01\x00\x02\x00\x01\x01" END_FIELDS);
	BAD("\x03\x01\x00\x01\x00\x03\x00\x01x" END_FIELDS);
	BAD("\x03\x02\x00\x01\x00" END_FIELDS);
	BAD("\x03\x02\x00\x01\x41" END_FIELDS);
	BAD("\x03\x03\x00\x00" END_FIELDS);
	BAD("\x03\x01\x00\x01\x00");
	BAD("\x13");
	BAD("\x13\x01\x00\x02\x61");
	BAD("\x13\x01\x00\x02\x61\x00");
	BAD("\x13\x02\x00\x01\x61");
	BAD("\x13\x01\x00\x01\x61\x01\x00\x01\x61");
	/* Past the longest packet, whatever is in it. */
	memset(big, 0, sizeof(big));
	memcpy(big, "\x01", 1);
	assert_int_equal(decode(big, sizeof(big), &r), -1);
}

static void
limits_of_texts(void **state)
{
	struct control_request r;
	unsigned char packet[CONTROL_MAX];
	char text[CONTROL_COMMAND_MAX + 1];
	struct control_session_start s = {
	    .kind = CONTROL_EXEC,
	    .namespace_ = TEXT("n"),
	    .pod = TEXT("p"),
	};
	struct control_session_end e = {.how = CONTROL_FAILED};
	struct control_text ok;
	size_t n;

	(void)state;
	memset(text, 'x', sizeof(text));
	s.command = (struct control_text){text, CONTROL_COMMAND_MAX};
	n = control_encode_start(packet, &s);
	assert_int_equal(decode(packet, n, &r), 0);
	assert_int_equal(r.u.start.command.len, CONTROL_COMMAND_MAX);
	assert_int_equal(r.u.start.command_cut, 0);
	/* Cut, and said so. */
	s.command.len++;
	n = control_encode_start(packet, &s);
	assert_int_equal(decode(packet, n, &r), 0);
	assert_int_equal(r.u.start.command.len, CONTROL_COMMAND_MAX);
	assert_int_equal(r.u.start.command_cut, 1);
	/* All at their longest fit in a packet; one more is refused. */
#define LIMIT(member, max)                                             \
	do {                                                           \
		ok = s.member;                                         \
		s.member = (struct control_text){text, (max) + 1};     \
		assert_int_equal(control_encode_start(packet, &s), 0); \
		s.member.len--;                                        \
		n = control_encode_start(packet, &s);                  \
		assert_int_equal(decode(packet, n, &r), 0);            \
		assert_int_equal(r.u.start.member.len, (max));         \
	} while (0)
	LIMIT(namespace_, CONTROL_NAMESPACE_MAX);
	LIMIT(pod, CONTROL_POD_MAX);
	LIMIT(container, CONTROL_CONTAINER_MAX);
#undef LIMIT
	(void)ok;
	n = control_encode_resolve(packet,
	    (struct control_text){text, CONTROL_NAME_MAX});
	assert_int_equal(decode(packet, n, &r), 0);
	assert_int_equal(r.u.name.len, CONTROL_NAME_MAX);
	assert_int_equal(control_encode_resolve(packet,
			     (struct control_text){text, CONTROL_NAME_MAX + 1}),
	    0);
	/* One byte more than that on the wire: "\x01\x00\xff" and 255. */
	packet[2] = 1;
	packet[3] = 0;
	packet[n] = 'x';
	assert_int_equal(decode(packet, n + 1, &r), -1);
	e.error = (struct control_text){text, CONTROL_ERROR_MAX + 1};
	n = control_encode_end(packet, &e);
	assert_int_equal(decode(packet, n, &r), 0);
	assert_int_equal(r.u.end.error.len, CONTROL_ERROR_MAX);
	/* One byte more than that on the wire. */
	assert_int_equal(packet[1], 3);
	memmove(packet + 4 + CONTROL_ERROR_MAX + 1,
	    packet + 4 + CONTROL_ERROR_MAX, n - 4 - CONTROL_ERROR_MAX);
	packet[3]++;
	assert_int_equal(decode(packet, n + 1, &r), -1);
}

static void
encoders_refuse(void **state)
{
	unsigned char packet[CONTROL_MAX];
	struct control_session_start s = {
	    .kind = CONTROL_SHELL,
	    .namespace_ = TEXT("n"),
	    .pod = TEXT("p"),
	};
	struct control_session_end e = {.how = CONTROL_EXITED};
	struct control_whoami w = {.id = "i", .user = "u", .address = "a"};

	(void)state;
	assert_true(control_encode_start(packet, &s) > 0);
	s.kind = 0;
	assert_int_equal(control_encode_start(packet, &s), 0);
	s.kind = CONTROL_SHELL;
	s.pod = TEXT("a\0b");
	assert_int_equal(control_encode_start(packet, &s), 0);
	s.pod = TEXT("");
	assert_int_equal(control_encode_start(packet, &s), 0);
	assert_true(control_encode_end(packet, &e) > 0);
	e.exit_status = 256;
	assert_int_equal(control_encode_end(packet, &e), 0);
	e.exit_status = -1;
	assert_int_equal(control_encode_end(packet, &e), 0);
	e.how = CONTROL_SIGNALED;
	assert_int_equal(control_encode_end(packet, &e), 0);
	e.signal = 65;
	assert_int_equal(control_encode_end(packet, &e), 0);
	e.how = CONTROL_FAILED;
	assert_int_equal(control_encode_end(packet, &e), 0);
	assert_true(control_encode_whoami(packet, &w) > 0);
	w.user[0] = '\0';
	assert_int_equal(control_encode_whoami(packet, &w), 0);
	/* Without a NUL: not read past its end. */
	memset(w.user, 'u', sizeof(w.user));
	assert_int_equal(control_encode_whoami(packet, &w), 0);
}

static void
check_reply(const void *p, size_t len, enum k8s_err_code code, int line)
{
	struct control_whoami w;
	struct k8s_err err = K8S_ERR_INIT;

	if (control_decode_whoami(p, len, &w, &err) != -1 || err.code != code)
		fail_msg("line %d: code %d, %s", line, err.code, err.msg);
}

static void
replies_as_documented(void **state)
{
	unsigned char packet[CONTROL_MAX];
	struct control_whoami w;
	struct k8s_err err = K8S_ERR_INIT;
	uint32_t address = 0;

	(void)state;
	assert_int_equal(control_encode_status(packet, CONTROL_OK), 1);
	assert_int_equal(packet[0], 128);
	assert_int_equal(control_decode_ok(packet, 1, &err), 0);
	assert_int_equal(control_encode_status(packet, CONTROL_DENIED), 1);
	assert_int_equal(control_decode_ok(packet, 1, &err), -1);
	unit_check_err(&err, K8S_ERR_FORBIDDEN, "not allow");
	assert_int_equal(control_encode_status(packet, CONTROL_INVALID), 1);
	assert_int_equal(control_decode_ok(packet, 1, &err), -1);
	unit_check_err(&err, K8S_ERR_INVALID, "version");

	assert_int_equal(control_decode_whoami("\x80" WHOAMI_FIELDS,
			     sizeof("\x80" WHOAMI_FIELDS) - 1, &w, &err),
	    0);
	assert_string_equal(w.id, "c1");
	assert_string_equal(w.user, "alice");
	assert_string_equal(w.address, "192.0.2.1");
	assert_int_equal(w.port, 55555);
	assert_int_equal(w.uid, 1000000);
	assert_int_equal(control_encode_whoami(packet, &w),
	    sizeof("\x80" WHOAMI_FIELDS) - 1);
	assert_memory_equal(packet, "\x80" WHOAMI_FIELDS,
	    sizeof("\x80" WHOAMI_FIELDS) - 1);

#define REFUSED(s, code) check_reply((s), sizeof(s) - 1, (code), __LINE__)
	REFUSED("", K8S_ERR_INVALID);
	REFUSED("\x80", K8S_ERR_INVALID);
	REFUSED("\x81", K8S_ERR_FORBIDDEN);
	REFUSED("\x81\x00", K8S_ERR_INVALID);
	REFUSED("\x82", K8S_ERR_INVALID);
	REFUSED("\x83", K8S_ERR_INVALID);
	REFUSED("\x01", K8S_ERR_INVALID);
	REFUSED("\x80" WHOAMI_FIELDS "\x06\x00\x00", K8S_ERR_INVALID);
	REFUSED("\x80" WHOAMI_FIELDS "\x01\x00\x01x", K8S_ERR_INVALID);
	REFUSED("\x80" WHOAMI_FIELDS "\x00", K8S_ERR_INVALID);
#undef REFUSED
	assert_int_equal(control_decode_ok("\x80\x01\x00\x00", 4, &err), -1);

	assert_int_equal(control_decode_address("\x80\x01\x00\x04\xf0\x00"
						"\x01\x02",
			     8, &address, &err),
	    0);
	assert_int_equal(address, 0xf0000102);
	assert_int_equal(control_encode_address(packet, address), 8);
	assert_memory_equal(packet, "\x80\x01\x00\x04\xf0\x00\x01\x02", 8);
	assert_int_equal(control_decode_address("\x80", 1, &address, &err), -1);
	assert_int_equal(control_decode_address("\x80\x01\x00\x03\xf0\x00"
						"\x01",
			     7, &address, &err),
	    -1);
	assert_int_equal(control_decode_address("\x81", 1, &address, &err), -1);
	unit_check_err(&err, K8S_ERR_FORBIDDEN, "not allow");
}

/*
 * A supervisor in a thread: answers one request with reply (NULL: closes,
 * len 0: never answers).
 */
struct answer {
	int fd;
	const void *reply;
	size_t len;
	unsigned char request[CONTROL_MAX];
	ssize_t got;
};

static void *
answer_main(void *arg)
{
	struct answer *a = arg;

	a->got = recv(a->fd, a->request, sizeof(a->request), 0);
	if (a->reply != NULL && a->len > 0)
		(void)!send(a->fd, a->reply, a->len, MSG_NOSIGNAL);
	if (a->reply == NULL)
		close(a->fd);
	return NULL;
}

static void
client(void **state)
{
	static const char whoami[] = "\x80" WHOAMI_FIELDS;
	static unsigned char huge[CONTROL_MAX + 1] = {0x80};
	struct control_session_start s = {.kind = CONTROL_SFTP,
	    .namespace_ = TEXT("n"),
	    .pod = TEXT("p")};
	struct control_session_end e = {.how = CONTROL_EXITED};
	struct k8s_err err = K8S_ERR_INIT;
	struct control_whoami w;
	struct control_request r;
	struct answer a = {0};
	uint32_t address = 0;
	pthread_t t;
	int pair[2], result;

	(void)state;
#define CALL(call, bytes, n)                                                \
	do {                                                                \
		a.reply = (bytes);                                          \
		a.len = (n);                                                \
		assert_int_equal(pthread_create(&t, NULL, answer_main, &a), \
		    0);                                                     \
		err = (struct k8s_err)K8S_ERR_INIT;                         \
		result = (call);                                            \
		assert_int_equal(pthread_join(t, NULL), 0);                 \
	} while (0)
#define PAIR()                                                                 \
	do {                                                                   \
		assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), \
		    0);                                                        \
		a.fd = pair[1];                                                \
	} while (0)

	PAIR();
	CALL(control_whoami(pair[0], &w, &err), whoami, sizeof(whoami) - 1);
	assert_int_equal(result, 0);
	assert_string_equal(w.user, "alice");
	assert_int_equal(decode(a.request, (size_t)a.got, &r), 0);
	assert_int_equal(r.type, CONTROL_WHOAMI);
	/* Denied: the socket is good for more. */
	CALL(control_session_start(pair[0], &s, &err), "\x81", 1);
	assert_int_equal(result, -1);
	unit_check_err(&err, K8S_ERR_FORBIDDEN, "not allow");
	CALL(control_session_start(pair[0], &s, &err), "\x80", 1);
	assert_int_equal(result, 0);
	assert_int_equal(decode(a.request, (size_t)a.got, &r), 0);
	assert_int_equal(r.u.start.kind, CONTROL_SFTP);
	CALL(control_session_end(pair[0], &e, &err), "\x80", 1);
	assert_int_equal(result, 0);
	assert_int_equal(decode(a.request, (size_t)a.got, &r), 0);
	assert_int_equal(r.type, CONTROL_SESSION_END);
	CALL(control_resolve(pair[0], TEXT("db"), &address, &err),
	    "\x80\x01\x00\x04\xf0\x00\x00\x07", 8);
	assert_int_equal(result, 0);
	assert_int_equal(address, 0xf0000007);
	assert_int_equal(decode(a.request, (size_t)a.got, &r), 0);
	check_text(r.u.name, "db");
	/* What can't be sent is not sent, and breaks nothing. */
	e.exit_status = 300;
	assert_int_equal(control_session_end(pair[0], &e, &err), -1);
	unit_check_err(&err, K8S_ERR_INVALID, "can't be sent");
	assert_int_equal(recv(pair[1], &w, 1, MSG_DONTWAIT), -1);
	/* Longer than a packet can be. */
	CALL(control_whoami(pair[0], &w, &err), huge, sizeof(huge));
	assert_int_equal(result, -1);
	unit_check_err(&err, K8S_ERR_INVALID, "impossible length");
	/* After that it is of no more use: no SIGPIPE either. */
	assert_int_equal(control_whoami(pair[0], &w, &err), -1);
	unit_check_err(&err, K8S_ERR_DISCONNECT, "control socket");
	close(pair[0]);
	close(pair[1]);

	PAIR();
	CALL(control_whoami(pair[0], &w, &err), NULL, 0);
	assert_int_equal(result, -1);
	unit_check_err(&err, K8S_ERR_DISCONNECT, "gone");
	close(pair[0]);
}

/* Two seconds and no more; a reply that comes later is nobody's. */
static void
silent_supervisor(void **state)
{
	struct k8s_err err = K8S_ERR_INIT;
	struct control_whoami w;
	struct timespec t0, t1;
	unsigned char b[16];
	long ms;
	int pair[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
	clock_gettime(CLOCK_MONOTONIC, &t0);
	alarm(30);
	assert_int_equal(control_whoami(pair[0], &w, &err), -1);
	alarm(0);
	clock_gettime(CLOCK_MONOTONIC, &t1);
	unit_check_err(&err, K8S_ERR_TIMEOUT, "did not answer");
	ms = (t1.tv_sec - t0.tv_sec) * 1000 +
	    (t1.tv_nsec - t0.tv_nsec) / 1000000;
	assert_true(ms >= CONTROL_TIMEOUT - 10);
	assert_int_equal(recv(pair[1], b, sizeof(b), 0), 1);
	assert_int_equal(send(pair[1], "\x80", 1, MSG_NOSIGNAL), -1);
	close(pair[0]);
	close(pair[1]);
	/* Nor does it wait where the request can't even be sent. */
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
	while (send(pair[0], b, sizeof(b), MSG_DONTWAIT) != -1)
		;
	assert_int_equal(errno, EAGAIN);
	alarm(30);
	assert_int_equal(control_whoami(pair[0], &w, &err), -1);
	alarm(0);
	unit_check_err(&err, K8S_ERR_TIMEOUT, "did not answer");
	close(pair[0]);
	close(pair[1]);
}

static void
connects(void **state)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX,
	    .sun_path = CONTROL_PATH};
	struct k8s_err err = K8S_ERR_INIT;
	int fd, l;

	(void)state;
	assert_int_equal(control_connect(&err), -1);
	unit_check_err(&err, K8S_ERR_NOT_FOUND, "No such file");
	l = socket(AF_UNIX, SOCK_SEQPACKET, 0);
	assert_int_equal(bind(l, (struct sockaddr *)&sun, sizeof(sun)), 0);
	assert_int_equal(control_connect(&err), -1);
	unit_check_err(&err, K8S_ERR_NOT_FOUND, "refused");
	assert_int_equal(listen(l, 1), 0);
	fd = control_connect(&err);
	assert_true(fd >= 0);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	close(fd);
	close(l);
	assert_int_equal(unlink(CONTROL_PATH), 0);
	/* There, and of another kind: not "no supervisor". */
	l = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(bind(l, (struct sockaddr *)&sun, sizeof(sun)), 0);
	assert_int_equal(listen(l, 1), 0);
	err = (struct k8s_err)K8S_ERR_INIT;
	assert_int_equal(control_connect(&err), -1);
	assert_int_equal(err.code, K8S_ERR_SYSTEM);
	close(l);
	assert_int_equal(unlink(CONTROL_PATH), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(requests_as_documented),
	    cmocka_unit_test(refuses_all_else),
	    cmocka_unit_test(limits_of_texts),
	    cmocka_unit_test(encoders_refuse),
	    cmocka_unit_test(replies_as_documented),
	    cmocka_unit_test(client),
	    cmocka_unit_test(silent_supervisor),
	    cmocka_unit_test(connects),
	};

	return cmocka_run_group_tests(tests, tmpdir_enter, tmpdir_leave) != 0;
}
