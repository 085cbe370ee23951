/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include "helpers/frames.h"

static void
put(struct frames *f, const void *p, size_t len)
{
	unsigned char *to;

	assert_true(len <= frames_room(f));
	to = frames_reserve(f, len);
	assert_non_null(to);
	memcpy(to, p, len);
	frames_commit(f, len);
}

/* Bulk: a frame of len bytes, begun and taken whole. */
static void
bulk(struct frames *f, size_t len)
{
	char *mem = calloc(1, len), head[24];
	size_t n, have = 0;
	unsigned char p[4096];

	assert_non_null(mem);
	put(f, mem, len);
	(void)snprintf(head, sizeof(head), "%zu\n", len);
	while ((n = frames_take(f, p, sizeof(p))) > 0) {
		if (have == 0)
			assert_memory_equal(p, head, strlen(head));
		have += n;
	}
	assert_int_equal(have, strlen(head) + len);
	free(mem);
}

/* What is taken next is just this. */
static void
check(struct frames *f, const char *want)
{
	unsigned char p[256];
	size_t n = frames_take(f, p, sizeof(p) - 1);

	p[n] = '\0';
	assert_string_equal((char *)p, want);
}

static void
sends_small_ones_at_once(void **state)
{
	struct frames *f = frames_new();

	(void)state;
	assert_non_null(f);
	check(f, "");
	put(f, "hello", 5);
	check(f, "5\nhello");
	check(f, "");
	put(f, "a", 1);
	put(f, "bc", 2);
	check(f, "3\nabc");
	assert_false(frames_gathers(f));
	frames_end(f, 0);
	check(f, "0\n");
	check(f, "");
	frames_free(f);
}

static void
gathers_in_bulk(void **state)
{
	struct frames *f = frames_new();

	(void)state;
	assert_non_null(f);
	bulk(f, FRAMES_BULK - 1);
	assert_false(frames_gathers(f));
	bulk(f, FRAMES_BULK);
	assert_true(frames_gathers(f));
	put(f, "x", 1);
	check(f, "");
	put(f, "y", 1);
	check(f, "");
	frames_hurry(f);
	check(f, "2\nxy");
	/* That was small: no more waiting. */
	assert_false(frames_gathers(f));
	put(f, "z", 1);
	check(f, "1\nz");
	/* A full one and a last one do not wait either. */
	bulk(f, FRAMES_BULK);
	bulk(f, FRAMES_MAX);
	put(f, "end", 3);
	check(f, "");
	frames_end(f, 0);
	check(f, "3\nend");
	check(f, "0\n");
	check(f, "");
	frames_free(f);
}

/* One is taken while the next one grows, and both are bounded. */
static void
is_bounded(void **state)
{
	struct frames *f = frames_new();
	unsigned char p[32];
	size_t n, have = 0;

	(void)state;
	assert_non_null(f);
	assert_int_equal(frames_room(f), FRAMES_MAX);
	assert_non_null(frames_reserve(f, FRAMES_MAX));
	memset(frames_reserve(f, FRAMES_MAX), 'x', FRAMES_MAX);
	frames_commit(f, FRAMES_MAX);
	assert_int_equal(frames_room(f), 0);
	assert_int_equal(frames_take(f, p, sizeof(p)), sizeof(p));
	assert_memory_equal(p, "2097152\nx", 9);
	assert_int_equal(frames_room(f), FRAMES_MAX);
	assert_null(frames_reserve(f, FRAMES_MAX + 1));
	put(f, "next", 4);
	for (have = sizeof(p); have < 8 + FRAMES_MAX; have += n) {
		n = frames_take(f, p, sizeof(p));
		assert_true(n > 0);
		assert_int_equal(p[n - 1], 'x');
	}
	frames_hurry(f);
	check(f, "4\nnext");
	assert_int_equal(frames_room(f), FRAMES_MAX);
	frames_free(f);
}

static void
ends_early(void **state)
{
	struct frames *f = frames_new();

	(void)state;
	assert_non_null(f);
	put(f, "12", 2);
	check(f, "2\n12");
	put(f, "345", 3);
	frames_end(f, 1);
	check(f, "0\n");
	check(f, "");
	put(f, "6", 1);
	frames_reset(f);
	check(f, "");
	put(f, "7", 1);
	check(f, "1\n7");
	frames_free(f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(sends_small_ones_at_once),
	    cmocka_unit_test(gathers_in_bulk),
	    cmocka_unit_test(is_bounded),
	    cmocka_unit_test(ends_early),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) != 0;
}
