/* SPDX-License-Identifier: Apache-2.0 */
/* The opening handshake, with the example of RFC 6455 section 1.3. */
#include "tests/unit/unit.h"

#include "lib/kube/wshttp.h"

#define KEY  "dGhlIHNhbXBsZSBub25jZQ=="
#define BOTH "v5.channel.k8s.io,v4.channel.k8s.io"
#define OPEN                                                         \
	"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n" \
	"Connection: Upgrade\r\n"
#define ACCEPT "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
#define V5     "Sec-WebSocket-Protocol: v5.channel.k8s.io\r\n"

static struct wshttp_answer answer;

static long
parse(const char *s)
{
	struct k8s_err err = K8S_ERR_INIT;
	long n;

	n = wshttp_parse(s, strlen(s), KEY, BOTH, &answer, &err);
	if (n == -1)
		assert_int_equal(err.code, K8S_ERR_INVALID);
	return n;
}

static void
opens(void **state)
{
	static const char good[] = OPEN ACCEPT V5 "\r\n";
	char part[sizeof(good)];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(good) - 1; i++) {
		memcpy(part, good, i);
		part[i] = '\0';
		assert_int_equal(parse(part), 0);
	}
	assert_int_equal(parse(good), sizeof(good) - 1);
	assert_int_equal(answer.code, 101);
	assert_string_equal(answer.protocol, "v5.channel.k8s.io");
	/* The first frame behind it is not part of it. */
	assert_int_equal(parse(OPEN ACCEPT V5 "\r\n\x82\x01\x01"),
	    sizeof(good) - 1);
	/* Names fold, blanks and lists are as RFC 9110 has them. */
	assert_true(
	    parse("HTTP/1.1 101 \r\nUPGRADE:WebSocket\r\n"
		  "connection: keep-alive ,\t upgrade \r\n"
		  "sec-websocket-accept:s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
		  "sec-websocket-protocol: \tv4.channel.k8s.io \r\n"
		  "\r\n") > 0);
	assert_string_equal(answer.protocol, "v4.channel.k8s.io");
}

static void
does_not_open(void **state)
{
	(void)state;
	assert_int_equal(parse(OPEN ACCEPT "\r\n"), -1);
	assert_int_equal(parse(OPEN V5 "\r\n"), -1);
	assert_int_equal(parse(OPEN ACCEPT V5 V5 "\r\n"), -1);
	assert_int_equal(parse(OPEN ACCEPT "Sec-WebSocket-Protocol: "
					   "v7.channel.k8s.io\r\n\r\n"),
	    -1);
	assert_int_equal(parse(OPEN ACCEPT "Sec-WebSocket-Protocol: "
					   "v5.channel.k8s.io,x\r\n\r\n"),
	    -1);
	assert_int_equal(parse(
			     OPEN "Sec-WebSocket-Accept: "
				  "s3pPLMBiTxaQ9kYGzzhZRbK+xOO=\r\n" V5 "\r\n"),
	    -1);
	assert_int_equal(
	    parse("HTTP/1.1 101 x\r\nUpgrade: websocket\r\n" ACCEPT V5 "\r\n"),
	    -1);
	assert_int_equal(parse("HTTP/1.1 101 x\r\nConnection: Upgrade\r\n"
			       "Upgrade: websocketx\r\n" ACCEPT V5 "\r\n"),
	    -1);
	assert_int_equal(parse("SSH-2.0-OpenSSH_9.2\r\n"), -1);
	assert_int_equal(parse("HTTP/1.1 1x1 x\r\n\r\n"), -1);
	assert_int_equal(parse("HTTP/1.1\r\n\r\n"), -1);
	assert_int_equal(parse("HTTP/1.1 099 x\r\n\r\n"), -1);
}

static void
tells_a_refusal(void **state)
{
	char *big = malloc(WSHTTP_HEAD_MAX + 1);

	(void)state;
	assert_true(parse("HTTP/1.1 429 Too Many Requests\r\n"
			  "Retry-After: 7\r\nContent-Length: 12\r\n\r\n") > 0);
	assert_int_equal(answer.code, 429);
	assert_int_equal(answer.retry_after, 7);
	assert_int_equal(answer.body_len, 12);
	assert_true(parse("HTTP/1.0 403 Forbidden\r\nRetry-After: soon\r\n"
			  "Content-Length: -1\r\n\r\n") > 0);
	assert_int_equal(answer.retry_after, -1);
	assert_int_equal(answer.body_len, -1);
	assert_non_null(big);
	memset(big, 'x', WSHTTP_HEAD_MAX);
	memcpy(big, "HTTP/1.1 200 ", 13);
	big[WSHTTP_HEAD_MAX] = '\0';
	assert_int_equal(parse(big), -1);
	big[WSHTTP_HEAD_MAX - 1] = '\0';
	assert_int_equal(parse(big), 0);
	free(big);
}

static void
asks(void **state)
{
	struct buf *b __attribute__((cleanup(buf_freep))) = buf_new(4096);
	char key[WSHTTP_KEY_SIZE], other[WSHTTP_KEY_SIZE];
	struct k8s_err err = K8S_ERR_INIT;

	(void)state;
	assert_int_equal(wshttp_request(b, "[::1]:6443", "/a?b=c", BOTH, "tok",
			     KEY, &err),
	    0);
	assert_string_equal(buf_string(b),
	    "GET /a?b=c HTTP/1.1\r\nHost: [::1]:6443\r\n"
	    "User-Agent: k8shell-sshd\r\nConnection: Upgrade\r\n"
	    "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
	    "Sec-WebSocket-Key: " KEY "\r\nSec-WebSocket-Protocol: " BOTH
	    "\r\nAuthorization: Bearer tok\r\n\r\n");
	buf_consume(b, buf_len(b));
	assert_int_equal(wshttp_request(b, "h", "/", BOTH, NULL, KEY, &err), 0);
	assert_null(strstr(buf_string(b), "Authorization"));
	assert_int_equal(
	    wshttp_request(b, "h", "/\r\nX: y", BOTH, NULL, KEY, &err), -1);
	assert_int_equal(wshttp_request(b, "h", "/", BOTH, "a\nb", KEY, &err),
	    -1);
	assert_int_equal(wshttp_request(b, "h h", "/", BOTH, NULL, KEY, &err),
	    -1);
	assert_int_equal(wshttp_key(key, &err), 0);
	assert_int_equal(wshttp_key(other, &err), 0);
	assert_int_equal(strlen(key), WSHTTP_KEY_SIZE - 1);
	assert_string_not_equal(key, other);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(opens),
	    cmocka_unit_test(does_not_open),
	    cmocka_unit_test(tells_a_refusal),
	    cmocka_unit_test(asks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) != 0;
}
