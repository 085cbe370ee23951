/* SPDX-License-Identifier: Apache-2.0 */
/* Against RFC 3720 B.4 (the bytes there are the sum's, lowest first). */
#include "tests/unit/unit.h"

#include "proxyprotocol/crc32c.h"

static void
knows_the_vectors(void **state)
{
	const unsigned char *digits = (const unsigned char *)"123456789";
	unsigned char b[32];
	unsigned int i;

	(void)state;
	assert_int_equal(crc32c(0, digits, 9), 0xe3069283);
	assert_int_equal(crc32c(0, digits, 0), 0);
	memset(b, 0, sizeof(b));
	assert_int_equal(crc32c(0, b, sizeof(b)), 0x8a9136aa);
	memset(b, 0xff, sizeof(b));
	assert_int_equal(crc32c(0, b, sizeof(b)), 0x62a8ab43);
	for (i = 0; i < sizeof(b); i++)
		b[i] = (unsigned char)i;
	assert_int_equal(crc32c(0, b, sizeof(b)), 0x46dd794e);
	for (i = 0; i < sizeof(b); i++)
		b[i] = (unsigned char)(31 - i);
	assert_int_equal(crc32c(0, b, sizeof(b)), 0x113fdb5c);
}

static void
goes_on_in_pieces(void **state)
{
	const unsigned char *digits = (const unsigned char *)"123456789";
	size_t cut;

	(void)state;
	for (cut = 0; cut <= 9; cut++)
		assert_int_equal(crc32c(crc32c(0, digits, cut), digits + cut,
				     9 - cut),
		    0xe3069283);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(knows_the_vectors),
	    cmocka_unit_test(goes_on_in_pieces),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) != 0;
}
