/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "lib/core/dials.h"

static int
decode(const void *p, size_t len, struct dials_packet *out)
{
	struct k8s_err err = K8S_ERR_INIT;
	int ret = dials_decode(p, len, out, &err);

	if (ret == -1)
		unit_check_err(&err, K8S_ERR_INVALID, "dials: ");
	else
		assert_int_equal(err.code, K8S_ERR_NONE);
	return ret;
}

/* Decodes, and what it is encodes to the same bytes. */
static void
check(const void *bytes, size_t len, struct dials_packet *out)
{
	unsigned char again[DIALS_MAX];

	assert_int_equal(decode(bytes, len, out), 0);
	assert_int_equal(dials_encode(again, out), len);
	assert_memory_equal(again, bytes, len);
	assert_int_equal(out->text[out->text_len], '\0');
}

#define GOOD(s) check((s), sizeof(s) - 1, &p)
#define BAD(s)	assert_int_equal(decode((s), sizeof(s) - 1, &p), -1)

/* The bytes of the page in dials.h. */
static void
as_documented(void **state)
{
	struct dials_packet p;

	(void)state;
	GOOD("\x01\x00\x00\x01\x02\x1f\x90"
	     "db.example");
	assert_int_equal(p.type, DIALS_TCP);
	assert_int_equal(p.number, 258);
	assert_int_equal(p.port, 8080);
	assert_string_equal(p.text, "db.example");
	GOOD("\x02\xff\xff\xff\xff/run/x y");
	assert_int_equal(p.type, DIALS_UNIX);
	assert_true(p.number == UINT32_MAX);
	assert_string_equal(p.text, "/run/x y");
	GOOD("\x03\x00\x00\x00\x01\x00\x00\x01\x00");
	assert_int_equal(p.type, DIALS_CONNECTED);
	assert_int_equal(p.ms, 256);
	GOOD("\x04\x00\x00\x00\x01\x00\x00\x00\x07\x00\x00\x00\x6f"
	     "no");
	assert_int_equal(p.type, DIALS_FAILED);
	assert_int_equal(p.ms, 7);
	assert_int_equal(p.error, ECONNREFUSED);
	assert_string_equal(p.text, "no");
	GOOD("\x05\x00\x00\x00\x01\x00\x00\x00\x01\x00\x00\x00\x00"
	     "\x00\x00\x00\x00\x00\x00\x00\x02");
	assert_int_equal(p.type, DIALS_CLOSED);
	assert_true(p.bytes_in == 0x100000000ULL);
	assert_true(p.bytes_out == 2);
	assert_int_equal(p.text_len, 0);
}

static void
refuses_all_else(void **state)
{
	struct dials_packet p;

	(void)state;
	BAD("");
	BAD("\x00\x00\x00\x00\x01");
	BAD("\x06\x00\x00\x00\x01");
	/* Cut off. */
	BAD("\x01");
	BAD("\x01\x00\x00\x00\x01\x1f");
	BAD("\x02\x00\x00\x00");
	BAD("\x03\x00\x00\x00\x01\x00\x00\x01");
	BAD("\x04\x00\x00\x00\x01\x00\x00\x00\x07\x00\x00\x00");
	BAD("\x05\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00"
	    "\x00\x00\x00\x00\x00\x00\x00");
	/* Nowhere. */
	BAD("\x01\x00\x00\x00\x01\x1f\x90");
	BAD("\x01\x00\x00\x00\x01\x00\x00h");
	BAD("\x02\x00\x00\x00\x01");
	/* A NUL. */
	BAD("\x01\x00\x00\x00\x01\x1f\x90h\x00");
	BAD("\x02\x00\x00\x00\x01\x00x");
	BAD("\x04\x00\x00\x00\x01\x00\x00\x00\x07\x00\x00\x00\x6f\x00");
	/* Left over. */
	BAD("\x03\x00\x00\x00\x01\x00\x00\x01\x00\x00");
	/* No errno. */
	BAD("\x04\x00\x00\x00\x01\x00\x00\x00\x07\x00\x00\x00\x00");
	BAD("\x04\x00\x00\x00\x01\x00\x00\x00\x07\x00\x00\x10\x00");
	BAD("\x04\x00\x00\x00\x01\x00\x00\x00\x07\x80\x00\x00\x01");
}

/* len bytes of text: goes and comes back, or does neither. */
static void
check_length(struct dials_packet *p, size_t len, size_t max)
{
	unsigned char packet[2 * DIALS_MAX];
	struct dials_packet out;
	size_t n;

	memset(p->text, 'x', sizeof(p->text));
	p->text_len = max;
	n = dials_encode(packet, p);
	assert_int_not_equal(n, 0);
	memset(packet + n, 'x', sizeof(packet) - n);
	assert_int_equal(decode(packet, n, &out), 0);
	assert_int_equal(out.text_len, max);
	assert_int_equal(decode(packet, n - max + len, &out),
	    len <= max ? 0 : -1);
	p->text_len = len;
	n = dials_encode(packet, p);
	if (p->type == DIALS_FAILED || p->type == DIALS_CLOSED)
		assert_int_not_equal(n, 0);
	else
		assert_int_equal(n == 0, len > max);
}

static void
limits_of_texts(void **state)
{
	struct dials_packet p = {.port = 1, .error = EIO};

	(void)state;
	p.type = DIALS_TCP;
	check_length(&p, DIALS_HOST_MAX, DIALS_HOST_MAX);
	check_length(&p, DIALS_HOST_MAX + 1, DIALS_HOST_MAX);
	p.type = DIALS_UNIX;
	check_length(&p, DIALS_PATH_MAX + 1, DIALS_PATH_MAX);
	/* Cut. */
	p.type = DIALS_FAILED;
	check_length(&p, DIALS_WHY_MAX + 1, DIALS_WHY_MAX);
	p.type = DIALS_CLOSED;
	check_length(&p, DIALS_WHY_MAX + 1, DIALS_WHY_MAX);
}

static void
encoder_refuses(void **state)
{
	unsigned char packet[DIALS_MAX];
	struct dials_packet p = {.type = DIALS_TCP, .text = "h", .text_len = 1};

	(void)state;
	assert_int_equal(dials_encode(packet, &p), 0);
	p.port = 65535;
	assert_int_equal(dials_encode(packet, &p), 8);
	p.text[0] = '\0';
	assert_int_equal(dials_encode(packet, &p), 0);
	p = (struct dials_packet){.type = DIALS_FAILED};
	assert_int_equal(dials_encode(packet, &p), 0);
	p.error = -1;
	assert_int_equal(dials_encode(packet, &p), 0);
	p.error = 4096;
	assert_int_equal(dials_encode(packet, &p), 0);
	p = (struct dials_packet){.type = (enum dials_type)0};
	assert_int_equal(dials_encode(packet, &p), 0);
	p.type = (enum dials_type)6;
	assert_int_equal(dials_encode(packet, &p), 0);
}

static int pair[2];

static int
enter(void **state)
{
	(void)state;
	return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair);
}

static int
leave(void **state)
{
	(void)state;
	(void)close(pair[0]);
	(void)close(pair[1]);
	return 0;
}

/* How many descriptors are open. */
static int
count(void)
{
	int fd, n = 0;

	for (fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) != -1;
	return n;
}

/* fds along with the packet, past dials_send(). */
static void
send_raw(const void *p, size_t len, const int *fds, size_t n)
{
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(8 * sizeof(int))];
	} control = {.room = {0}};
	struct iovec iov = {.iov_base = (void *)(uintptr_t)p, .iov_len = len};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};
	struct cmsghdr *c;

	if (n > 0) {
		m.msg_control = &control;
		m.msg_controllen = CMSG_SPACE(n * sizeof(int));
		c = CMSG_FIRSTHDR(&m);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(n * sizeof(int));
		memcpy(CMSG_DATA(c), fds, n * sizeof(int));
	}
	assert_int_equal(sendmsg(pair[0], &m, 0), len);
}

static void
check_refused(const char *why)
{
	struct k8s_err err = K8S_ERR_INIT;
	struct dials_packet p;
	int fd, n = count();

	assert_int_equal(dials_receive(pair[1], &p, &fd, &err), -1);
	unit_check_err(&err, K8S_ERR_INVALID, why);
	assert_int_equal(fd, -1);
	assert_int_equal(count(), n);
}

static void
descriptors(void **state)
{
	struct dials_packet p = {.type = DIALS_UNIX,
	    .number = 9,
	    .text = "/s",
	    .text_len = 2};
	struct dials_packet got;
	struct k8s_err err = K8S_ERR_INIT;
	unsigned char big[DIALS_MAX + 1] = {DIALS_FAILED};
	int fds[8] = {0}, fd;
	char c;

	(void)state;
	assert_int_equal(dials_receive(pair[1], &got, &fd, &err), 0);
	assert_int_equal(fd, -1);
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(dials_send(pair[0], &p, fds[0], &err), 1);
	assert_int_equal(dials_receive(pair[1], &got, &fd, &err), 1);
	assert_int_equal(got.number, 9);
	assert_string_equal(got.text, "/s");
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	assert_int_equal(write(fds[1], "y", 1), 1);
	assert_int_equal(read(fd, &c, 1), 1);
	assert_int_equal(c, 'y');
	close(fd);
	/* The answers have none. */
	p = (struct dials_packet){.type = DIALS_CONNECTED, .number = 9};
	assert_int_equal(dials_send(pair[1], &p, -1, &err), 1);
	assert_int_equal(dials_receive(pair[0], &got, &fd, &err), 1);
	assert_int_equal(fd, -1);
	assert_int_equal(got.type, DIALS_CONNECTED);
	assert_int_equal(err.code, K8S_ERR_NONE);
	/* None is sent with too many or too few. */
	assert_int_equal(dials_send(pair[1], &p, fds[0], &err), -1);
	unit_check_err(&err, K8S_ERR_INVALID, "");
	p.type = DIALS_UNIX;
	assert_int_equal(dials_send(pair[1], &p, -1, &err), -1);
	/* Nor received. */
	send_raw("\x02\x00\x00\x00\x01/s", 7, NULL, 0);
	check_refused("too few");
	send_raw("\x02\x00\x00\x00\x01/s", 7, fds, 2);
	check_refused("more than one");
	send_raw("\x02\x00\x00\x00\x01/s", 7, fds, 8);
	check_refused("more than one");
	send_raw("\x03\x00\x00\x00\x01\x00\x00\x00\x01", 9, fds, 1);
	check_refused("too many");
	send_raw("\x02", 1, fds, 1);
	check_refused("half");
	send_raw(big, sizeof(big), fds, 1);
	check_refused("past the limit");
	close(fds[0]);
	close(fds[1]);
}

static void
ends(void **state)
{
	struct dials_packet p = {.type = DIALS_CONNECTED}, got;
	struct k8s_err err = K8S_ERR_INIT;
	int fd, n = 0, ret;

	(void)state;
	while ((ret = dials_send(pair[0], &p, -1, &err)) == 1)
		n++;
	assert_int_equal(ret, 0);
	assert_int_not_equal(n, 0);
	assert_int_equal(err.code, K8S_ERR_NONE);
	for (; n > 0; n--)
		assert_int_equal(dials_receive(pair[1], &got, &fd, &err), 1);
	/* What is under way arrives before the end. */
	assert_int_equal(dials_send(pair[0], &p, -1, &err), 1);
	close(pair[0]);
	pair[0] = -1;
	assert_int_equal(dials_receive(pair[1], &got, &fd, &err), 1);
	assert_int_equal(dials_receive(pair[1], &got, &fd, &err), -1);
	unit_check_err(&err, K8S_ERR_DISCONNECT, "gone");
	err = (struct k8s_err)K8S_ERR_INIT;
	assert_int_equal(dials_send(pair[1], &p, -1, &err), -1);
	unit_check_err(&err, K8S_ERR_DISCONNECT, "gone");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(as_documented),
	    cmocka_unit_test(refuses_all_else),
	    cmocka_unit_test(limits_of_texts),
	    cmocka_unit_test(encoder_refuses),
	    cmocka_unit_test_setup_teardown(descriptors, enter, leave),
	    cmocka_unit_test_setup_teardown(ends, enter, leave),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) != 0;
}
