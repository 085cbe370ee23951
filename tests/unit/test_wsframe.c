/* SPDX-License-Identifier: Apache-2.0 */
/* WebSocket frames, against the examples and rules of RFC 6455 section 5. */
#include "tests/unit/unit.h"

#include "lib/core/buf.h"
#include "lib/kube/wsframe.h"

/* What came out, as text: [ starts a message, <9:...> is a control frame. */
static void
got_data(void *arg, const unsigned char *p, size_t len, int first)
{
	struct buf *b = arg;

	assert_true(len > 0);
	if (first)
		assert_int_equal(buf_put(b, "[", 1), 0);
	assert_int_equal(buf_put(b, p, len), 0);
}

static void
got_control(void *arg, enum wsframe_opcode op, const unsigned char *p,
    size_t len)
{
	char head[16];

	(void)snprintf(head, sizeof(head), "<%d:", op);
	assert_int_equal(buf_put(arg, head, strlen(head)), 0);
	assert_int_equal(buf_put(arg, p, len), 0);
	assert_int_equal(buf_put(arg, ">", 1), 0);
}

static const struct wsframe_handler handler = {got_data, got_control};

/* Feeds in pieces of step bytes; what comes of it, "!" for an error. */
static void
check(const void *in, size_t len, size_t step, const char *want)
{
	struct wsframe_reader r = {.head_len = 0};
	struct buf *b __attribute__((cleanup(buf_freep))) = buf_new(1 << 20);
	struct k8s_err err = K8S_ERR_INIT;
	const unsigned char *p = in;
	size_t n;

	while (len > 0) {
		n = step < len ? step : len;
		if (wsframe_feed(&r, p, n, &handler, b, &err) == -1) {
			assert_int_equal(err.code, K8S_ERR_INVALID);
			assert_int_equal(buf_put(b, "!", 1), 0);
			break;
		}
		p += n;
		len -= n;
	}
	assert_string_equal(buf_string(b), want);
}

static void
check_all(const void *in, size_t len, const char *want)
{
	size_t step;

	for (step = 1; step <= len; step++)
		check(in, len, step, want);
}

#define CHECK(in, want) check_all(in, sizeof(in) - 1, want)

static void
takes_frames_apart(void **state)
{
	(void)state;
	CHECK("\x82\x05Hello", "[Hello");
	CHECK("\x82\x01\x01\x82\x04\x01out", "[\x01[\x01out");
	/* A message in fragments, a ping in between (section 5.4). */
	CHECK("\x02\x03Hel\x89\x02hi\x00\x01l\x80\x01o\x82\x01x",
	    "[Hel<9:hi>lo[x");
	CHECK("\x89\x00\x8a\x00\x88\x02\x03\xe8", "<9:><10:><8:\x03\xe8>");
	CHECK("\x82\x00\x82\x02ok", "[ok");
	CHECK("\x02\x00\x80\x02ok", "[ok");
	CHECK("\x82\x7e\x00\x03"
	      "abc",
	    "[abc");
	CHECK("\x82\x7f\x00\x00\x00\x00\x00\x00\x00\x03"
	      "abc",
	    "[abc");
}

static void
refuses_what_the_rfc_refuses(void **state)
{
	(void)state;
	CHECK("\x82\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58", "!");
	CHECK("\xc2\x05Hello", "!"); /* RSV1 to RSV3 */
	CHECK("\xa2\x05Hello", "!");
	CHECK("\x92\x05Hello", "!");
	CHECK("\x83\x00", "!"); /* reserved opcodes */
	CHECK("\x87\x00", "!");
	CHECK("\x8b\x00", "!");
	CHECK("\x8f\x00", "!");
	CHECK("\x81\x05Hello", "!"); /* text */
	CHECK("\x80\x05Hello", "!"); /* a continuation of nothing */
	CHECK("\x02\x01x\x82\x01y", "[x!");
	CHECK("\x09\x01x", "!"); /* control frames */
	CHECK("\x89\x7e\x00\x7e", "!");
	CHECK("\x82\x7f\x80\x00\x00\x00\x00\x00\x00\x00", "!");
}

static void
makes_frames(void **state)
{
	static const size_t sizes[] = {0, 1, 7, 8, 9, 125, 126, 127, 65535,
	    65536, 70000};
	unsigned char *mem = malloc(WSFRAME_HEAD_MAX + 70000), *p, *f, *q;
	size_t i, j, head;

	(void)state;
	assert_non_null(mem);
	p = mem + WSFRAME_HEAD_MAX;
	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		for (j = 0; j < sizes[i]; j++)
			p[j] = (unsigned char)j;
		f = wsframe_make(WSFRAME_BINARY, p, sizes[i], 0x3d21fa37);
		head = (size_t)(p - f);
		assert_int_equal(f[0], 0x82);
		assert_int_equal(head,
		    sizes[i] <= 125	    ? 6
			: sizes[i] <= 65535 ? 8
					    : 14);
		if (head == 6)
			assert_int_equal(f[1], 0x80 | sizes[i]);
		else if (head == 8)
			assert_int_equal(f[2] << 8 | f[3], sizes[i]);
		else
			assert_int_equal(f[7] << 16 | f[8] << 8 | f[9],
			    sizes[i]);
		q = p - 4;
		for (j = 0; j < sizes[i]; j++)
			if ((p[j] ^ q[j % 4]) != (unsigned char)j)
				fail_msg("size %zu, byte %zu", sizes[i], j);
	}
	/* The example of section 5.7: "Hello", masked. */
	memcpy(p, "Hello", 5);
	memcpy(&i, "\x37\xfa\x21\x3d", 4);
	f = wsframe_make(WSFRAME_TEXT, p, 5, (uint32_t)i);
	assert_memory_equal(f, "\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58",
	    11);
	free(mem);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(takes_frames_apart),
	    cmocka_unit_test(refuses_what_the_rfc_refuses),
	    cmocka_unit_test(makes_frames),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) != 0;
}
