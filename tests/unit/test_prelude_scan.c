/* SPDX-License-Identifier: Apache-2.0 */
/* The words that the prelude says, found in any output. */
#include "tests/unit/unit.h"

#include <ctype.h>

#include "helpers/prelude.h"
#include "lib/core/buf.h"

#define RS	   "\036"
#define NONCE	   "0123456789abcdef0123456789abcdef"
#define WORD(word) RS NONCE ":" word RS

/* What comes out, as one string: <word> where a word stood. */
struct sink {
	struct buf *got;
	size_t given; /* bytes of text */
};

static void
sink_text(void *arg, const unsigned char *p, size_t len)
{
	struct sink *s = arg;

	assert_true(len > 0);
	assert_int_equal(buf_put(s->got, p, len), 0);
	s->given += len;
}

static void
sink_word(void *arg, const char *word)
{
	struct sink *s = arg;

	assert_int_equal(buf_put(s->got, "<", 1), 0);
	assert_int_equal(buf_put(s->got, word, strlen(word)), 0);
	assert_int_equal(buf_put(s->got, ">", 1), 0);
}

static const struct prelude_scan_handler handler = {sink_text, sink_word};

/* Feeds text in pieces that end at a and b, and the rest. */
static void
scan(const char *text, size_t len, size_t a, size_t b, const char *expect)
{
	struct sink s = {buf_new(1 << 20), 0};
	const unsigned char *p = (const unsigned char *)text;
	struct prelude_scan state;

	prelude_scan_init(&state, NONCE);
	prelude_scan_feed(&state, p, a, &handler, &s);
	prelude_scan_feed(&state, p + a, b - a, &handler, &s);
	prelude_scan_feed(&state, p + b, len - b, &handler, &s);
	prelude_scan_end(&state, &handler, &s);
	if (strcmp(buf_string(s.got), expect) != 0)
		fail_msg("%s instead of %s, cut at %zu and %zu",
		    buf_string(s.got), expect, a, b);
	buf_free(s.got);
}

/* At once, at every place, and at every two places. */
static void
scan_all_ways(const char *text, const char *expect)
{
	size_t a, b, len = strlen(text);

	for (a = 0; a <= len; a++)
		for (b = a; b <= len; b++)
			scan(text, len, a, b, expect);
}

static void
finds_words(void **state)
{
	(void)state;
	scan_all_ways("", "");
	scan_all_ways("plain", "plain");
	scan_all_ways(WORD("start"), "<start>");
	scan_all_ways("a" WORD("start") "b" WORD("15") "c", "a<start>b<15>c");
	scan_all_ways(WORD("start") WORD("1"), "<start><1>");
	scan_all_ways(WORD("1234567"), "<1234567>");
}

static void
gives_back_what_is_none(void **state)
{
	static const char *const none[] = {RS, RS RS, RS RS RS "a", "a" RS,
	    RS "0", RS NONCE, RS NONCE ":", RS NONCE ":" RS, RS NONCE RS,
	    RS NONCE "start" RS, RS NONCE ":start", RS NONCE ":12345678" RS,
	    RS NONCE ":sta rt" RS, RS NONCE ":start\n" RS, RS NONCE ":-1" RS,
	    NONCE ":start" RS, RS "0123456789abcdef0123456789abcdee:a" RS,
	    RS " " NONCE ":start" RS, RS NONCE "::a" RS,
	    RS "0123456789ABCDEF0123456789ABCDEF:a" RS,
	    RS NONCE ":\303\244" RS};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(none) / sizeof(none[0]); i++)
		scan_all_ways(none[i], none[i]);
}

/* What breaks off can be the start of the next. */
static void
finds_words_behind_false_starts(void **state)
{
	(void)state;
	scan_all_ways(RS WORD("a"), RS "<a>");
	scan_all_ways(RS RS WORD("a") RS, RS RS "<a>" RS);
	scan_all_ways(RS "0123" WORD("a"), RS "0123<a>");
	scan_all_ways(RS NONCE WORD("a"), RS NONCE "<a>");
	scan_all_ways(RS NONCE ":" WORD("a"), RS NONCE ":<a>");
	scan_all_ways(RS NONCE ":12345678" WORD("a"), RS NONCE ":12345678<a>");
	/* The end of one word does not begin another. */
	scan_all_ways(WORD("a") NONCE ":b" RS, "<a>" NONCE ":b" RS);
	scan_all_ways(WORD("a") RS NONCE, "<a>" RS NONCE);
}

/* The marker's form once more, simply: its length at p, or 0. */
static size_t
marker_len(const char *p, const char *end)
{
	const char *q = p;

	if (end - p < 1 + PRELUDE_NONCE_LEN + 3 || *q++ != '\036' ||
	    memcmp(q, NONCE ":", PRELUDE_NONCE_LEN + 1) != 0)
		return 0;
	q += PRELUDE_NONCE_LEN + 1;
	p = q;
	while (q < end && isalnum((unsigned char)*q))
		q++;
	if (q == end || *q != '\036' || q == p || q - p > 7)
		return 0;
	return (size_t)(q - p) + PRELUDE_NONCE_LEN + 3;
}

/* Streams made of what markers are made of. */
static void
agrees_with_a_simple_search(void **state)
{
	static const char *const parts[] = {RS, RS NONCE ":", NONCE, ":", "a",
	    "0123", "12345678", "1234567", WORD("15"), "\n", RS "0123456789"};
	char text[1024], expect[1024];
	size_t len, n, m, i, a, b;
	uint32_t seed = 1, round;

	(void)state;
	for (round = 0; round < 50000; round++) {
		for (len = i = 0; i < 1 + round % 12; i++) {
			seed = seed * 1664525 + 1013904223;
			n = (seed >> 16) % (sizeof(parts) / sizeof(parts[0]));
			m = strlen(parts[n]);
			memcpy(text + len, parts[n], m);
			len += m;
		}
		for (i = n = 0; i < len; i += m) {
			m = marker_len(text + i, text + len);
			if (m == 0) {
				expect[n++] = text[i];
				m = 1;
				continue;
			}
			n += (size_t)snprintf(expect + n, sizeof(expect) - n,
			    "<%.*s>", (int)m - PRELUDE_NONCE_LEN - 3,
			    text + i + PRELUDE_NONCE_LEN + 2);
		}
		expect[n] = '\0';
		seed = seed * 1664525 + 1013904223;
		a = (seed >> 16) % (len + 1);
		b = a + (seed >> 8) % (len - a + 1);
		scan(text, len, a, b, expect);
	}
}

/* Nothing waits in it longer than it must. */
static void
holds_back_little(void **state)
{
	static const char marker[] = RS NONCE ":1234567";
	struct sink s = {buf_new(1 << 20), 0};
	struct prelude_scan scan_state;
	size_t i, fed = 0;

	(void)state;
	prelude_scan_init(&scan_state, NONCE);
	for (i = 0; i < 100; i++) {
		prelude_scan_feed(&scan_state, (const unsigned char *)marker,
		    sizeof(marker) - 1, &handler, &s);
		fed += sizeof(marker) - 1;
		assert_true(fed - s.given < PRELUDE_MARKER_MAX);
		prelude_scan_feed(&scan_state, (const unsigned char *)"8\0\n",
		    3, &handler, &s);
		fed += 3;
		assert_int_equal(s.given, fed);
	}
	buf_free(s.got);
}

static void
check_words(const char *command, const char *const *expect)
{
	char **argv = prelude_split_words(command);
	size_t i;

	if (argv == NULL)
		fail_msg("refused \"%s\"", command);
	for (i = 0; expect[i] != NULL; i++)
		assert_string_equal(argv[i], expect[i]);
	assert_null(argv[i]);
	free(argv[0]);
	free(argv);
}

static void
splits_words(void **state)
{
	static const char *const ls[] = {"ls", "-l", "/a.b_c:d", NULL};
	static const char *const env[] = {"env", "A=b", "/bin/x@y+z%1^2,3",
	    NULL};
	static const char *const one[] = {"a", NULL};
	static const char *const refused[] = {"", " ", "   ", "A=b", "A=b x",
	    " A=b x", "a\tb", "a\nb", "a;b", "a|b", "a&b", "a>b", "a<b", "a(b)",
	    "$a", "`a`", "a'b'", "\"a\"", "a\\b", "a*", "a?", "[a]", "a#", "~",
	    "a!", "{a}", "\xc3\xa4", "a\177", "a\001b"};
	size_t i;

	(void)state;
	check_words("ls -l /a.b_c:d", ls);
	check_words("  ls   -l  /a.b_c:d ", ls);
	check_words("env A=b /bin/x@y+z%1^2,3", env);
	check_words("a", one);
	check_words(" a ", one);
	for (i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		if (prelude_split_words(refused[i]) != NULL)
			fail_msg("split \"%s\"", refused[i]);
}

/* Words as a shell would split them, none of it interpreted. */
static void
splits_many_words(void **state)
{
	char command[4001], **argv;
	size_t i;

	(void)state;
	for (i = 0; i < 4000; i++)
		command[i] = i % 2 == 0 ? 'a' : ' ';
	command[4000] = '\0';
	argv = prelude_split_words(command);
	assert_non_null(argv);
	for (i = 0; i < 2000; i++)
		assert_string_equal(argv[i], "a");
	assert_null(argv[2000]);
	free(argv[0]);
	free(argv);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(finds_words),
	    cmocka_unit_test(gives_back_what_is_none),
	    cmocka_unit_test(finds_words_behind_false_starts),
	    cmocka_unit_test(agrees_with_a_simple_search),
	    cmocka_unit_test(holds_back_little),
	    cmocka_unit_test(splits_words),
	    cmocka_unit_test(splits_many_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) != 0;
}
