/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include <termios.h>

#include "helpers/items.h"
#include "lib/core/buf.h"

static struct buf *b;

static int
set_up(void **state)
{
	(void)state;
	b = buf_new(1024);
	return b == NULL ? -1 : 0;
}

static int
tear_down(void **state)
{
	(void)state;
	buf_free(b);
	return 0;
}

#define CHECK(bytes)                                                 \
	do {                                                         \
		assert_int_equal(buf_len(b), sizeof(bytes) - 1);     \
		assert_memory_equal(buf_data(b), bytes, buf_len(b)); \
	} while (0)

static void
puts_texts(void **state)
{
	static const char *const list[] = {"a", "", "bc", NULL};

	(void)state;
	assert_int_equal(items_put(b, ITEM_AGENT), 0);
	assert_int_equal(items_text(b, ITEM_COMMAND, "ls"), 0);
	assert_int_equal(items_text(b, ITEM_USER, NULL), 0);
	assert_int_equal(items_texts(b, ITEM_ARGV, list), 0);
	assert_int_equal(items_texts(b, ITEM_ARGV, NULL), 0);
	CHECK("\5\0\0\0\0"
	      "\1\0\0\0\2ls"
	      "\6\0\0\0\1a"
	      "\6\0\0\0\0"
	      "\6\0\0\0\2bc");
}

static void
leaves_out_what_is_no_variable(void **state)
{
	static const char *const env[] = {"A=b", "=c", "D", "",
	    "E=", "F==", NULL};

	(void)state;
	assert_int_equal(items_env(b, env), 0);
	assert_int_equal(items_env(b, NULL), 0);
	CHECK("\2\0\0\0\3A=b"
	      "\2\0\0\0\2E="
	      "\2\0\0\0\3F==");
}

/* Four u16, then opcodes with a u32 each (RFC 4254, section 8). */
static void
describes_a_terminal(void **state)
{
	const struct winsize ws = {.ws_col = 258,
	    .ws_row = 3,
	    .ws_xpixel = 4,
	    .ws_ypixel = 65535};
	struct termios modes;
	const unsigned char *p;
	size_t len;

	(void)state;
	memset(&modes, 0, sizeof(modes));
	assert_int_equal(items_tty(b, &ws, &modes), 0);
	p = buf_data(b);
	len = buf_len(b) - 5;
	assert_int_equal(p[0], ITEM_TTY);
	assert_int_equal((size_t)p[3] << 8 | p[4], len);
	assert_memory_equal(p + 5, "\1\2\0\3\0\4\377\377", ITEMS_SIZE_LEN);
	assert_true(len > ITEMS_SIZE_LEN);
	assert_int_equal((len - ITEMS_SIZE_LEN) % 5, 0);
}

/* Lengths of more than two bytes, and a buffer that is full. */
static void
has_long_texts_and_an_end(void **state)
{
	static char text[70001];
	const char *const list[] = {"x", text, NULL};
	const unsigned char *p;

	(void)state;
	memset(text, 't', sizeof(text) - 1);
	assert_int_equal(items_text(b, ITEM_COMMAND, text), -1);
	assert_int_equal(items_texts(b, ITEM_ARGV, list), -1);
	buf_free(b);
	b = buf_new(sizeof(text) + 4);
	assert_non_null(b);
	assert_int_equal(items_text(b, ITEM_COMMAND, text), 0);
	p = buf_data(b);
	assert_memory_equal(p, "\1\0\1\x11\x70", 5);
	assert_memory_equal(p + 5, text, sizeof(text) - 1);
	assert_int_equal(items_put(b, ITEM_MOTD), -1);
}

#define T(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    T(puts_texts),
	    T(leaves_out_what_is_no_variable),
	    T(describes_a_terminal),
	    T(has_long_texts_and_an_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) != 0;
}
