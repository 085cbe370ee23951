/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include "lib/kube/portmessage.h"

static struct portmessage m;

/* Feeds a piece; expect: what of it is data, or NULL: it is refused. */
static void
feed(const char *bytes, size_t len, int first, const char *expect)
{
	const unsigned char *p = (const unsigned char *)bytes;
	struct k8s_err err = K8S_ERR_INIT;
	int ret = portmessage_feed(&m, &p, &len, first, &err);

	assert_int_equal(ret, expect == NULL ? -1 : 0);
	if (expect == NULL) {
		unit_check_err(&err, K8S_ERR_INVALID, "another port");
		return;
	}
	assert_int_equal(err.code, K8S_ERR_NONE);
	assert_int_equal(len, strlen(expect));
	assert_memory_equal(p, expect, len);
}

#define FIRST(s, expect) feed((s), sizeof(s) - 1, 1, (expect))
#define MORE(s, expect)	 feed((s), sizeof(s) - 1, 0, (expect))

static int
set_up(void **state)
{
	(void)state;
	portmessage_init(&m, 0x1f90);
	return 0;
}

static void
as_the_kubelet_sends_them(void **state)
{
	(void)state;
	FIRST("\x00\x90\x1f", "");
	assert_false(portmessage_ready(&m));
	FIRST("\x01\x90\x1f", "");
	assert_true(portmessage_ready(&m));
	FIRST("\x00hello", "hello");
	MORE(" again", " again");
	assert_int_equal(m.text_len, 0);
	FIRST("\x01no", "");
	MORE("body", "");
	assert_int_equal(m.text_len, 6);
	assert_memory_equal(m.text, "nobody", 6);
	FIRST("\x00x", "x");
}

static void
in_any_pieces(void **state)
{
	(void)state;
	FIRST("", "");
	MORE("\x00", "");
	MORE("\x90", "");
	FIRST("\x01\x90", "");
	/* A channel keeps how far it was. */
	FIRST("\x00\x1f"
	      "data",
	    "data");
	assert_false(portmessage_ready(&m));
	FIRST("\x01\x1f", "");
	assert_true(portmessage_ready(&m));
}

static void
skips_and_refuses(void **state)
{
	(void)state;
	FIRST("\x02zz", "");
	FIRST("\xff"
	      "xyz",
	    "");
	MORE("xyz", "");
	MORE("", "");
	FIRST("\x00\x1f\x90", NULL);
	assert_int_equal(set_up(state), 0);
	FIRST("\x01\x90", "");
	FIRST("\x01\x20", NULL);
}

static void
bounds_the_text(void **state)
{
	char big[1 + 2 + 2 * PORTMESSAGE_TEXT_MAX] = "\x01\x90\x1f";

	(void)state;
	memset(big + 3, 'x', sizeof(big) - 3);
	feed(big, sizeof(big), 1, "");
	assert_int_equal(m.text_len, PORTMESSAGE_TEXT_MAX);
	FIRST("\x01more", "");
	assert_int_equal(m.text_len, PORTMESSAGE_TEXT_MAX);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(as_the_kubelet_sends_them, set_up),
	    cmocka_unit_test_setup(in_any_pieces, set_up),
	    cmocka_unit_test_setup(skips_and_refuses, set_up),
	    cmocka_unit_test_setup(bounds_the_text, set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) != 0;
}
