/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include <errno.h>
#include <unistd.h>

#include "lib/core/buf.h"

static void
puts_and_consumes(void **state)
{
	struct buf *b = buf_new(10);

	(void)state;
	assert_int_equal(buf_len(b), 0);
	assert_non_null(buf_data(b));
	assert_int_equal(buf_put(b, "hello", 5), 0);
	assert_int_equal(buf_put(b, "", 0), 0);
	assert_int_equal(buf_room(b), 5);
	buf_consume(b, 2);
	assert_int_equal(buf_len(b), 3);
	assert_memory_equal(buf_data(b), "llo", 3);
	assert_string_equal(buf_string(b), "llo");
	buf_consume(b, 3);
	assert_int_equal(buf_len(b), 0);
	assert_string_equal(buf_string(b), "");
	buf_free(b);
}

static void
keeps_its_cap(void **state)
{
	struct buf *b __attribute__((cleanup(buf_freep))) = buf_new(8);

	(void)state;
	assert_int_equal(buf_put(b, "12345678", 8), 0);
	assert_int_equal(buf_room(b), 0);
	assert_int_equal(buf_put(b, "9", 1), -1);
	assert_int_equal(errno, EFBIG);
	assert_null(buf_reserve(b, 1));
	assert_null(buf_reserve(b, SIZE_MAX));
	assert_memory_equal(buf_data(b), "12345678", 8);
	buf_consume(b, 1);
	assert_int_equal(buf_put(b, "9", 1), 0);
	assert_string_equal(buf_string(b), "23456789");
}

/* Against the obvious model: content moves, grows and wraps correctly. */
static void
behaves_as_a_queue(void **state)
{
	struct buf *b __attribute__((cleanup(buf_freep))) = buf_new(100000);
	unsigned char *d;
	unsigned int in = 0, out = 0, seed = 1;
	size_t n, i;
	int round;

	(void)state;
	for (round = 0; round < 2000; round++) {
		seed = seed * 1103515245u + 12345u;
		n = (seed >> 16) % 700;
		if (n <= buf_room(b)) {
			d = buf_reserve(b, n);
			assert_non_null(d);
			for (i = 0; i < n; i++)
				d[i] = (unsigned char)(in++ % 251);
			buf_commit(b, n);
		}
		assert_int_equal(buf_len(b), in - out);
		seed = seed * 1103515245u + 12345u;
		n = (seed >> 16) % 650;
		if (n > buf_len(b))
			n = buf_len(b);
		for (i = 0; i < n; i++)
			assert_int_equal(buf_data(b)[i], out++ % 251);
		buf_consume(b, n);
	}
	assert_true(out > 500000);
}

static void
string_refuses_a_nul(void **state)
{
	struct buf *b __attribute__((cleanup(buf_freep))) = buf_new(8);

	(void)state;
	assert_string_equal(buf_string(b), "");
	assert_int_equal(buf_put(b, "a\0b", 3), 0);
	assert_null(buf_string(b));
	assert_int_equal(buf_len(b), 3);
}

static void
reads_to_the_end(void **state)
{
	struct buf *b __attribute__((cleanup(buf_freep))) = buf_new(5);
	int p[2];

	(void)state;
	assert_int_equal(pipe(p), 0);
	assert_int_equal(write(p[1], "12345", 5), 5);
	close(p[1]);
	/* Exactly the cap is fine. */
	assert_int_equal(buf_read_all(b, p[0]), 0);
	assert_int_equal(buf_len(b), 5);
	close(p[0]);
	buf_consume(b, 5);
	assert_int_equal(pipe(p), 0);
	assert_int_equal(write(p[1], "123456", 6), 6);
	close(p[1]);
	assert_int_equal(buf_read_all(b, p[0]), -1);
	assert_int_equal(errno, EFBIG);
	close(p[0]);
	assert_int_equal(buf_read_all(b, -1), -1);
}

static void
free_takes_null(void **state)
{
	struct buf *b = NULL;

	(void)state;
	buf_free(NULL);
	buf_freep(&b);
	b = buf_new(1);
	buf_freep(&b);
	assert_null(b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(puts_and_consumes),
	    cmocka_unit_test(keeps_its_cap),
	    cmocka_unit_test(behaves_as_a_queue),
	    cmocka_unit_test(string_refuses_a_nul),
	    cmocka_unit_test(reads_to_the_end),
	    cmocka_unit_test(free_takes_null),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) != 0;
}
