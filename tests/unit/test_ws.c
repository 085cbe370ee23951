/* SPDX-License-Identifier: Apache-2.0 */
/* A WebSocket on a loopback connection whose other end is the test itself. */
#include "tests/unit/unit.h"

#include <errno.h>
#include <openssl/evp.h>
#include <signal.h>
#include <time.h>

#include "lib/core/buf.h"
#include "lib/kube/ws.h"
#include "tests/unit/httpd.h"

#define PROTOCOL "v5.channel.k8s.io"
#define GUID	 "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
#define MESSAGE	 (64 * 1024)

struct peer {
	struct kubeconfig kc;
	struct cred cred;
	struct loop *loop;
	struct ws_client *client;
	struct ws *ws; /* NULL once closed */
	char url[64];
	int fd; /* the server's end */
	struct buf *got;
	int opened, sent, close_code;
	struct k8s_err why;
	unsigned char out[WS_HEADROOM + MESSAGE];
};

static void
on_opened(void *arg, const char *protocol)
{
	struct peer *p = arg;

	assert_string_equal(protocol, PROTOCOL);
	p->opened++;
}

static void
on_data(void *arg, const unsigned char *d, size_t len, int first)
{
	struct peer *p = arg;

	(void)first;
	assert_int_equal(buf_put(p->got, d, len), 0);
}

static void
on_sent(void *arg)
{
	struct peer *p = arg;

	assert_true(ws_can_send(p->ws));
	p->sent++;
}

static void
on_closed(void *arg, int close_code, const struct k8s_err *why)
{
	struct peer *p = arg;

	p->ws = NULL;
	p->close_code = close_code;
	p->why = *why;
}

static const struct ws_handler handler = {on_opened, on_data, on_sent,
    on_closed};

/* Milliseconds of a clock that only goes forward. */
static long
now(void)
{
	struct timespec t;

	assert_int_equal(clock_gettime(CLOCK_MONOTONIC, &t), 0);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void
turn(struct peer *p, int ms)
{
	assert_int_equal(loop_dispatch(p->loop, ms), 0);
}

/* Reads len bytes at the server's end, the loop turning meanwhile. */
static void
take(struct peer *p, void *to, size_t len)
{
	long end = now() + 20000;
	unsigned char *d = to;
	ssize_t n;

	while (len > 0) {
		n = recv(p->fd, d, len, MSG_DONTWAIT);
		if (n == -1 && errno == EAGAIN) {
			assert_true(now() < end);
			turn(p, 10);
			continue;
		}
		assert_true(n > 0);
		d += n;
		len -= (size_t)n;
	}
}

/* Reads a client's frame of the opcode and returns its payload's length. */
static size_t
take_frame(struct peer *p, int opcode, unsigned char *to, uint32_t *mask)
{
	unsigned char h[2], ext[8], key[4];
	size_t i, len, bytes;

	take(p, h, 2);
	assert_int_equal(h[0], 0x80 | opcode);
	assert_true(h[1] & 0x80);
	len = h[1] & 0x7f;
	bytes = len == 126 ? 2 : len == 127 ? 8 : 0;
	take(p, ext, bytes);
	for (i = 0; i < bytes; i++)
		len = (i == 0 ? 0 : len << 8) | ext[i];
	take(p, key, 4);
	assert_true(len <= MESSAGE);
	take(p, to, len);
	for (i = 0; i < len; i++)
		to[i] ^= key[i % 4];
	if (mask != NULL)
		memcpy(mask, key, sizeof(*mask));
	return len;
}

static void
give(struct peer *p, const void *d, size_t len)
{
	assert_int_equal(send(p->fd, d, len, MSG_NOSIGNAL), len);
}

static void
answer(struct peer *p)
{
	char text[4096], accept[64];
	unsigned char sum[EVP_MAX_MD_SIZE];
	const char *key;
	unsigned int n;
	size_t have;

	for (have = 0; have < 4 || memcmp(text + have - 4, "\r\n\r\n", 4) != 0;
	    have++) {
		assert_true(have < sizeof(text) - 1);
		take(p, text + have, 1);
	}
	text[have] = '\0';
	key = strstr(text, "Sec-WebSocket-Key: ");
	assert_non_null(key);
	(void)snprintf(accept, sizeof(accept), "%.24s" GUID, key + 19);
	assert_int_equal(
	    EVP_Digest(accept, strlen(accept), sum, &n, EVP_sha1(), NULL), 1);
	(void)EVP_EncodeBlock((unsigned char *)accept, sum, (int)n);
	(void)snprintf(text, sizeof(text),
	    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
	    "Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n"
	    "Sec-WebSocket-Protocol: " PROTOCOL "\r\n\r\n",
	    accept);
	give(p, text, strlen(text));
}

static int
setup(void **state)
{
	struct peer *p = calloc(1, sizeof(*p));
	struct k8s_err err = K8S_ERR_INIT;
	unsigned int port;
	int fd, i;

	assert_non_null(p);
	(void)signal(SIGPIPE, SIG_IGN);
	assert_true((fd = httpd_bind(AF_INET, 1, &port)) != -1);
	(void)snprintf(p->url, sizeof(p->url), "http://127.0.0.1:%u", port);
	p->kc.origin = p->kc.server = p->url;
	assert_non_null(p->got = buf_new(1024 * 1024));
	assert_non_null(p->loop = loop_new(&err));
	p->client = ws_client_new(p->loop, &p->kc, &p->cred, &err);
	assert_non_null(p->client);
	p->ws = ws_open(p->client, "/", PROTOCOL, &handler, p, &err);
	assert_non_null(p->ws);
	assert_false(ws_can_send(p->ws));
	assert_true((p->fd = accept(fd, NULL, NULL)) != -1);
	close(fd);
	answer(p);
	for (i = 0; i < 100 && !p->opened; i++)
		turn(p, 100);
	assert_int_equal(p->opened, 1);
	*state = p;
	return 0;
}

static int
teardown(void **state)
{
	struct peer *p = *state;
	int i;

	if (p->ws != NULL)
		ws_close(p->ws);
	for (i = 0; i < 100 && p->ws != NULL; i++)
		turn(p, 100);
	assert_null(p->ws);
	ws_client_free(p->client);
	loop_free(p->loop);
	close(p->fd);
	buf_free(p->got);
	free(p);
	return 0;
}

static void
ws_say(struct peer *p, int c, size_t len)
{
	memset(p->out + WS_HEADROOM, c, len);
	ws_send(p->ws, p->out + WS_HEADROOM, len);
}

static void
sends_at_once(void **state)
{
	struct peer *p = *state;
	unsigned char b[16];
	long start;

	assert_true(ws_can_send(p->ws));
	ws_say(p, 'x', 3);
	assert_true(ws_can_send(p->ws));
	/* The loop has had no turn. */
	assert_int_equal(recv(p->fd, b, sizeof(b), MSG_DONTWAIT), 2 + 4 + 3);
	/* And wants none: sent() is for those that were stuck. */
	start = now();
	turn(p, 100);
	assert_true(now() - start >= 90);
	give(p, "\x82\x01y", 3);
	turn(p, 1000);
	assert_string_equal(buf_string(p->got), "y");
	assert_int_equal(p->sent, 0);
}

/* Fills the connection until a message is stuck; how many went before. */
static int
stuff(struct peer *p)
{
	int n;

	for (n = 0; ws_can_send(p->ws); n++) {
		assert_true(n < 1000);
		ws_say(p, 'a' + n % 26, MESSAGE);
	}
	return n;
}

static void
waits_for_a_slow_server(void **state)
{
	struct peer *p = *state;
	unsigned char *b = malloc(MESSAGE);
	int i, n;

	assert_non_null(b);
	n = stuff(p);
	turn(p, 0);
	assert_false(ws_can_send(p->ws));
	assert_int_equal(p->sent, 0);
	for (i = 0; i < n; i++) {
		assert_int_equal(take_frame(p, 2, b, NULL), MESSAGE);
		assert_int_equal(b[0], 'a' + i % 26);
		assert_int_equal(b[MESSAGE - 1], 'a' + i % 26);
		assert_memory_equal(b, b + 1, MESSAGE - 1);
	}
	turn(p, 0);
	assert_int_equal(p->sent, 1);
	ws_say(p, 'x', 1);
	assert_int_equal(take_frame(p, 2, b, NULL), 1);
	assert_int_equal(p->sent, 1);
	free(b);
}

/* A pong comes between messages, never into one. */
static void
answers_pings_between_messages(void **state)
{
	struct peer *p = *state;
	unsigned char *b = malloc(MESSAGE);
	int i, n;

	assert_non_null(b);
	n = stuff(p);
	give(p, "\x89\x02hi", 4);
	for (i = 0; i < 10; i++)
		turn(p, 10);
	for (i = 0; i < n; i++)
		assert_int_equal(take_frame(p, 2, b, NULL), MESSAGE);
	assert_int_equal(take_frame(p, 10, b, NULL), 2);
	assert_memory_equal(b, "hi", 2);
	assert_int_equal(p->sent, 1);
	free(b);
}

static void
masks_are_new(void **state)
{
	struct peer *p = *state;
	unsigned char b[1];
	uint32_t mask[300];
	int i, j;

	/* More than are fetched at once; two alike are one in 10^5 runs. */
	for (i = 0; i < 300; i++) {
		ws_say(p, i, 1);
		assert_int_equal(take_frame(p, 2, b, &mask[i]), 1);
		assert_int_equal(b[0], i & 0xff);
		for (j = 0; j < i; j++)
			assert_int_not_equal(mask[i], mask[j]);
	}
}

static void
pauses(void **state)
{
	struct peer *p = *state;
	int i;

	ws_read(p->ws, 0);
	give(p,
	    "\x82\x03"
	    "abc",
	    5);
	for (i = 0; i < 3; i++)
		turn(p, 10);
	assert_int_equal(buf_len(p->got), 0);
	ws_read(p->ws, 1);
	turn(p, 1000);
	assert_string_equal(buf_string(p->got), "abc");
}

static void
ends_as_the_server_says(void **state)
{
	struct peer *p = *state;
	unsigned char b[2];

	give(p, "\x82\x01x\x88\x02\x03\xe9", 7);
	assert_int_equal(take_frame(p, 8, b, NULL), 2);
	assert_memory_equal(b, "\x03\xe9", 2);
	turn(p, 1000);
	assert_null(p->ws);
	assert_int_equal(p->close_code, 1001);
	assert_int_equal(p->why.code, K8S_ERR_NONE);
	assert_string_equal(buf_string(p->got), "x");
}

static void
tells_a_cut(void **state)
{
	struct peer *p = *state;
	int i;

	shutdown(p->fd, SHUT_WR);
	for (i = 0; i < 10 && p->ws != NULL; i++)
		turn(p, 1000);
	assert_null(p->ws);
	assert_int_equal(p->close_code, 1006);
	unit_check_err(&p->why, K8S_ERR_DISCONNECT, "was cut");
}

/* After its last word a server has so long to close; then we do. */
static void
does_not_wait_for_ever(void **state)
{
	struct peer *p = *state;
	long start = now();

	ws_close_within(p->ws);
	give(p, "\x82\x01x", 3);
	while (p->ws != NULL && now() - start < 4 * WS_LAST_WORD_MS)
		turn(p, WS_LAST_WORD_MS);
	assert_null(p->ws);
	assert_true(now() - start >= WS_LAST_WORD_MS);
	assert_string_equal(buf_string(p->got), "x");
	assert_int_equal(p->close_code, 1006);
	assert_int_equal(p->why.code, K8S_ERR_NONE);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(sends_at_once),
	    TEST(waits_for_a_slow_server),
	    TEST(answers_pings_between_messages),
	    TEST(masks_are_new),
	    TEST(pauses),
	    TEST(ends_as_the_server_says),
	    TEST(tells_a_cut),
	    TEST(does_not_wait_for_ever),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) != 0;
}
