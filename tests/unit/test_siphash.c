/* SPDX-License-Identifier: Apache-2.0 */
/* Against the paper's appendix A and its authors' test vectors. */
#include "tests/unit/unit.h"

#include "proxyprotocol/siphash.h"

static void
knows_the_vectors(void **state)
{
	static const struct {
		size_t len;
		uint64_t want;
	} cases[] = {
	    {0, 0x726fdb47dd0e0e31},
	    {1, 0x74f839c593dc67fd},
	    {7, 0xab0200f58b01d137},
	    {8, 0x93f5f5799a932462},
	    {15, 0xa129ca6149be45e5},
	    {63, 0x958a324ceb064572},
	};
	unsigned char seed[SIPHASH_SEED_LEN], text[64];
	unsigned int i;

	(void)state;
	for (i = 0; i < sizeof(seed); i++)
		seed[i] = (unsigned char)i;
	for (i = 0; i < sizeof(text); i++)
		text[i] = (unsigned char)i;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_true(siphash(seed, text, cases[i].len) == cases[i].want);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(knows_the_vectors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) != 0;
}
