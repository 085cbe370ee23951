/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include "lib/core/json.h"
#include "tests/unit/jsoncheck.h"

static struct buf *line;

static void
start(struct json *j, size_t cap)
{
	buf_free(line);
	line = buf_new(cap);
	assert_non_null(line);
	json_begin(j, line);
}

static void
check(const char *expected)
{
	const char *s = buf_string(line);

	assert_non_null(s);
	assert_string_equal(s, expected);
	if (!jsoncheck_line(s, strlen(s)))
		fail_msg("not JSON: %s", s);
}

static void
writes_every_kind(void **state)
{
	static const char *const list[] = {"a", "", "\"b\""};
	struct json j;

	(void)state;
	start(&j, 1000);
	assert_int_equal(json_end(&j), 0);
	check("{}\n");

	start(&j, 1000);
	json_string(&j, "s", "text");
	json_string(&j, "none", NULL);
	json_text(&j, "t", "a\0b", 3);
	json_text(&j, "empty", NULL, 0);
	json_number(&j, "n", -9223372036854775807LL - 1);
	json_number(&j, "zero", 0);
	json_bool(&j, "yes", 5);
	json_bool(&j, "no", 0);
	json_strings(&j, "list", list, 3);
	json_strings(&j, "nothing", NULL, 0);
	assert_int_equal(json_end(&j), 0);
	check("{\"s\":\"text\",\"t\":\"a\\u0000b\",\"empty\":\"\","
	      "\"n\":-9223372036854775808,\"zero\":0,\"yes\":true,"
	      "\"no\":false,\"list\":[\"a\",\"\",\"\\\"b\\\"\"],"
	      "\"nothing\":[]}\n");
}

/* The value of {"s":VALUE} for these bytes, as UTF-8. */
static size_t
round_trip(const char *p, size_t len, char *out, size_t size)
{
	struct jsoncheck c;
	struct json j;
	size_t n;

	start(&j, 4096);
	json_text(&j, "s", p, len);
	assert_int_equal(json_end(&j), 0);
	c.p = (const char *)buf_data(line);
	c.end = c.p + buf_len(line);
	if (!jsoncheck_line(c.p, buf_len(line)))
		fail_msg("not JSON: %s", buf_string(line));
	assert_true(jsoncheck_take(&c, "{\"s\":"));
	assert_true(jsoncheck_string(&c, out, size, &n));
	return n;
}

/* Every character there is comes through; the output is plain ASCII. */
static void
every_character(void **state)
{
	char in[8], out[16];
	uint32_t c;
	size_t len, n, i;

	(void)state;
	for (c = 0; c <= 0x10ffff; c += c < 0x3000 ? 1 : 7) {
		if (c >= 0xd800 && c <= 0xdfff)
			continue;
		len = jsoncheck_utf8(in, c);
		n = round_trip(in, len, out, sizeof(out));
		if (n != len || memcmp(in, out, n) != 0)
			fail_msg("U+%04X", c);
		for (i = 0; i + 1 < buf_len(line); i++)
			assert_in_range(buf_data(line)[i], ' ', '~');
	}
}

/* Each bad byte is one U+FFFD; what is good around it stays. */
static void
bad_utf8(void **state)
{
#define R "\xef\xbf\xbd"
	static const struct {
		const char *in, *out;
	} cases[] = {
	    {"a\x80z", "a" R "z"},
	    {"a\xffz", "a" R "z"},
	    {"\xc0\x80", R R},		   /* overlong NUL */
	    {"\xc1\xbf", R R},		   /* overlong DEL */
	    {"\xe0\x9f\xbf", R R R},	   /* overlong U+07FF */
	    {"\xf0\x8f\xbf\xbf", R R R R}, /* overlong U+FFFF */
	    {"\xed\xa0\x80", R R R},	   /* U+D800 */
	    {"\xed\xbf\xbf", R R R},	   /* U+DFFF */
	    {"\xf4\x90\x80\x80", R R R R}, /* U+110000 */
	    {"\xf5\x80\x80\x80", R R R R},
	    {"\xc3", R}, /* cut off */
	    {"\xe2\x82", R R},
	    {"\xf0\x9f\x98", R R R},
	    {"\xe2\x28\xa1", R "(" R},
	    {"\xf0\x9f\x98z", R R R "z"},
	    {"\xc3\xc3\xa9", R "\xc3\xa9"},
	};
	char out[64];
	size_t i, n;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		n = round_trip(cases[i].in, strlen(cases[i].in), out,
		    sizeof(out) - 1);
		out[n] = '\0';
		if (strcmp(out, cases[i].out) != 0)
			fail_msg("case %zu", i);
	}
	/* Not one byte past the end of what is given. */
	n = round_trip("\xc3\xa9", 1, out, sizeof(out));
	assert_int_equal(n, 3);
#undef R
}

/* What would break a line or a terminal, in the form RFC 8259 gives it. */
static void
escapes(void **state)
{
	struct json j;

	(void)state;
	start(&j, 1000);
	json_string(&j, "s",
	    "\"\\/\b\n\r\t\033\x7f\xc2\x85\xe2\x80\xa8\xf0\x9f\x98\x80");
	assert_int_equal(json_end(&j), 0);
	check("{\"s\":\"\\\"\\\\/\\u0008\\u000a\\u000d\\u0009\\u001b\\u007f"
	      "\\u0085\\u2028\\ud83d\\ude00\"}\n");
}

/* At every cap: valid, within it, and truncated exactly if it did not fit. */
static void
every_cap(void **state)
{
	static const char *const list[] = {"one", "\xe2\x82\xac\n", "three"};
	struct json j;
	size_t cap, full;
	int r;

	(void)state;
	for (cap = 0, full = 0; full == 0 || cap < full + 40; cap++) {
		start(&j, cap);
		json_string(&j, "id", "0123456789");
		json_number(&j, "n", 12345);
		json_strings(&j, "list", list, 3);
		json_bool(&j, "b", 1);
		json_string(&j, "command", "a\"\n\xf0\x9f\x98\x80z");
		json_number(&j, "last", 1);
		r = json_end(&j);
		assert_true(buf_len(line) <= cap);
		if (cap < JSON_MIN) {
			assert_int_equal(r, -1);
			assert_int_equal(buf_len(line), 0);
			continue;
		}
		if (!jsoncheck_line(buf_string(line), buf_len(line)))
			fail_msg("cap %zu: %s", cap, buf_string(line));
		assert_int_equal(r == -1,
		    strstr(buf_string(line), "\"truncated\":true}") != NULL);
		assert_int_equal(r == 0,
		    strstr(buf_string(line), "\"last\":1") != NULL);
		if (r == 0 && full == 0)
			full = cap;
		/* Once it fits it fits with more room. */
		assert_true(full == 0 || r == 0);
	}
}

static void
cuts_a_string_and_stays_failed(void **state)
{
	struct json j;

	(void)state;
	start(&j, 60);
	json_string(&j, "id", "x");
	json_string(&j, "command", "0123456789012345678901234567890123456789");
	/* This would fit again. */
	json_bool(&j, "b", 1);
	assert_int_equal(json_end(&j), -1);
	check("{\"id\":\"x\",\"command\":\"0123456789012345678\","
	      "\"truncated\":true}\n");
}

static void
appends_to_a_buffer(void **state)
{
	struct json j;

	(void)state;
	start(&j, 200);
	json_bool(&j, "a", 1);
	assert_int_equal(json_end(&j), 0);
	json_begin(&j, line);
	json_bool(&j, "b", 1);
	assert_int_equal(json_end(&j), 0);
	assert_string_equal(buf_string(line), "{\"a\":true}\n{\"b\":true}\n");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(writes_every_kind),
	    cmocka_unit_test(every_character),
	    cmocka_unit_test(bad_utf8),
	    cmocka_unit_test(escapes),
	    cmocka_unit_test(every_cap),
	    cmocka_unit_test(cuts_a_string_and_stays_failed),
	    cmocka_unit_test(appends_to_a_buffer),
	};

	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	buf_free(line);
	return failed != 0;
}
