/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/fuzz.h"

#include "helpers/carry.h"

static unsigned char file_x86[] = "twelve bytes", file_arm[] = "nine";

/*
 * What a container says, in pieces of the length that the first byte says; a
 * file that is asked for is sent between two pieces, as many bytes at a time.
 */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct carry c;
	struct k8s_err err;
	unsigned char p[16];
	size_t step, i, n, len, asked = 0;
	char *piece;

	if (size == 0)
		return 0;
	memset(&c, 0, sizeof(c));
	memset(&err, 0, sizeof(err));
	c.guests_len = 2;
	c.guests[0] =
	    (struct carry_guest){.machine = "x86_64", .p = file_x86, .len = 12};
	c.guests[1] =
	    (struct carry_guest){.machine = "aarch64", .p = file_arm, .len = 4};
	carry_reset(&c);
	step = 1 + data[0] % 16;
	for (i = 1; i < size; i += len) {
		len = size - i < step ? size - i : step;
		piece = fuzz_copy(data + i, len);
		n = carry_feed(&c, (unsigned char *)piece, len, &err);
		free(piece);
		fuzz_check_err(c.state == CARRY_NONE, &err);
		FUZZ_CHECK(n == len || c.state == CARRY_RUNS);
		FUZZ_CHECK(c.line_len < sizeof(c.line));
		if (c.state == CARRY_RUNS) {
			/* Frames begin with a HELLO, and all is sent. */
			FUZZ_CHECK(data[i + n] == 1);
			FUZZ_CHECK(c.guest == NULL || asked == c.guest->len);
			break;
		}
		if (c.state == CARRY_NONE)
			break;
		n = carry_next(&c, p, step);
		FUZZ_CHECK(n <= step);
		asked += n;
		FUZZ_CHECK(n == 0 || asked <= c.guest->len);
	}
	return 0;
}
