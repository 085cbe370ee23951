/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes, at any cap, become one valid line. The first byte is the cap, the
 * second says where the text is split in two members.
 */
#include "tests/fuzz/fuzz.h"

#include "lib/core/json.h"
#include "tests/unit/jsoncheck.h"

static void
members(struct json *j, const char *p, size_t len, size_t split)
{
	const char *list[2];
	char *copy = malloc(len + 1);

	FUZZ_CHECK(copy != NULL);
	if (len > 0)
		memcpy(copy, p, len);
	copy[len] = '\0';
	json_text(j, "a", p, split);
	json_number(j, "n", (long long)len);
	list[0] = copy;
	list[1] = "x";
	json_strings(j, "list", list, 2);
	json_text(j, "b", p + split, len - split);
	json_bool(j, "t", (int)split);
	json_string(j, "s", copy);
	free(copy);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf *b;
	struct json j;
	char *copy;
	size_t len, split;
	const char *line;

	if (size < 2 || size > 4096)
		return 0;
	len = size - 2;
	split = data[1] < len ? data[1] : len;
	copy = fuzz_copy(data + 2, len);
	b = buf_new(data[0] == 255 ? 65536 : data[0]);
	FUZZ_CHECK(b != NULL);
	json_begin(&j, b);
	members(&j, copy, len, split);
	if (json_end(&j) == 0 || data[0] >= JSON_MIN) {
		line = buf_string(b);
		FUZZ_CHECK(line != NULL && jsoncheck_line(line, buf_len(b)));
		FUZZ_CHECK((strstr(line, "\"truncated\":true}\n") != NULL) ==
		    j.failed);
	} else {
		FUZZ_CHECK(buf_len(b) == 0);
	}
	/* 6 bytes for each of 3 texts, and the rest: that has to fit. */
	FUZZ_CHECK(data[0] != 255 || !j.failed || size > 2000);
	buf_free(b);
	free(copy);
	return 0;
}
