/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include "lib/kube/b64.h"

static void
base64(void **state)
{
	/* RFC 4648 section 10, and what is none. */
	static const char *const pairs[][2] = {{"", ""}, {"f", "Zg=="},
	    {"fo", "Zm8="}, {"foo", "Zm9v"}, {"foob", "Zm9vYg=="},
	    {"fooba", "Zm9vYmE="}, {"foobar", "Zm9vYmFy"},
	    {"\xff\xef\xbe", "/+++"}};
	static const char *const bad[] = {"Z", "Zg", "Zg=", "Zg===", "=",
	    "====", "Zg==Zg==", "Z===", "Zh==", "Zm9=", "Zm9v=", "Zm 9v",
	    "Zm9_", "Zg==x", "Z=g="};
	char out[64], *s;
	size_t i, n;

	(void)state;
	for (i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		s = b64_encode(pairs[i][0], strlen(pairs[i][0]));
		assert_string_equal(s, pairs[i][1]);
		assert_int_equal(b64_decode(s, out, &n), 0);
		assert_int_equal(n, strlen(pairs[i][0]));
		assert_memory_equal(out, pairs[i][0], n);
		free(s);
	}
	assert_int_equal(b64_decode("Zm9v\r\nYmFy\n", out, &n), 0);
	assert_memory_equal(out, "foobar", 6);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (b64_decode(bad[i], out, &n) != -1)
			fail_msg("accepted %s", bad[i]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(base64),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) != 0;
}
