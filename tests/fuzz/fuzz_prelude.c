/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/fuzz.h"

#include <ctype.h>
#include <stdio.h>

#include "helpers/prelude.h"
#include "lib/core/buf.h"

#define NONCE "0123456789abcdef0123456789abcdef"

static void
add_text(void *arg, const unsigned char *p, size_t len)
{
	FUZZ_CHECK(len > 0);
	FUZZ_CHECK(buf_put(arg, p, len) == 0);
}

/* A word is one that could be given back as it stood. */
static void
add_word(void *arg, const char *word)
{
	char marker[64];
	size_t i, n = strlen(word);

	FUZZ_CHECK(n >= 1 && n <= 7);
	for (i = 0; i < n; i++)
		FUZZ_CHECK(isalnum((unsigned char)word[i]));
	n = (size_t)snprintf(marker, sizeof(marker), "\036" NONCE ":%s\036",
	    word);
	FUZZ_CHECK(buf_put(arg, marker, n) == 0);
}

static const struct prelude_scan_handler handler = {add_text, add_word};

/*
 * Text and words together are the input again. A '@' in the input stands for
 * the nonce, which the fuzzer need not find out; pieces are of the length
 * that the first byte says.
 */
static void
fuzz_scan(const uint8_t *data, size_t size)
{
	struct buf *in = buf_new(1 << 24), *out = buf_new(1 << 24);
	size_t step = 1 + data[0], i, n;
	struct prelude_scan s;
	unsigned char *piece;

	FUZZ_CHECK(in != NULL && out != NULL);
	for (i = 1; i < size; i++)
		FUZZ_CHECK(
		    buf_put(in, data[i] == '@' ? NONCE : (const char *)data + i,
			data[i] == '@' ? 32 : 1) == 0);
	prelude_scan_init(&s, NONCE);
	for (i = 0; i < buf_len(in); i += n) {
		n = buf_len(in) - i < step ? buf_len(in) - i : step;
		piece = (unsigned char *)fuzz_copy(buf_data(in) + i, n);
		prelude_scan_feed(&s, piece, n, &handler, out);
		free(piece);
		FUZZ_CHECK(i + n - buf_len(out) < PRELUDE_MARKER_MAX);
	}
	prelude_scan_end(&s, &handler, out);
	FUZZ_CHECK(buf_len(in) == buf_len(out));
	FUZZ_CHECK(memcmp(buf_data(in), buf_data(out), buf_len(in)) == 0);
	buf_free(in);
	buf_free(out);
}

/* Words hold nothing but what stood between blanks. */
static void
fuzz_words(const char *command)
{
	char **argv = prelude_split_words(command);
	size_t i, used = 0, blanks = 0;

	if (argv == NULL)
		return;
	FUZZ_CHECK(argv[0] != NULL && strchr(argv[0], '=') == NULL);
	for (i = 0; argv[i] != NULL; i++) {
		FUZZ_CHECK(argv[i][0] != '\0');
		FUZZ_CHECK(
		    strpbrk(argv[i], " \t\n'\"\\$`;&|<>()*?[]#~!{}") == NULL);
		used += strlen(argv[i]);
	}
	for (i = 0; command[i] != '\0'; i++)
		blanks += command[i] == ' ';
	FUZZ_CHECK(used + blanks == i);
	free(argv[0]);
	free(argv);
}

/* The script with this as command and as a variable: bounded, and no NUL. */
static void
fuzz_script(const char *text)
{
	const char *env[] = {text, NULL};
	struct buf *b = buf_new(PRELUDE_MAX);
	struct prelude p;
	struct k8s_err err;
	int r;

	memset(&err, 0, sizeof(err));
	FUZZ_CHECK(b != NULL && prelude_init(&p, 0, &err) == 0);
	r = prelude_script(&p, env, text, text[0] & 1, b, &err);
	fuzz_check_err(r == -1, &err);
	FUZZ_CHECK(r == -1 || buf_string(b) != NULL);
	buf_free(b);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text;

	if (size == 0)
		return 0;
	fuzz_scan(data, size);
	text = malloc(size + 1);
	FUZZ_CHECK(text != NULL);
	memcpy(text, data, size);
	text[size] = '\0';
	fuzz_words(text);
	fuzz_script(text);
	free(text);
	return 0;
}
