/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include <string.h>

#include "proxyprotocol/nsswitch.h"

#define OURS " k8shell [NOTFOUND=return] "

static void
check(const char *host, const char *expected)
{
	struct buf *out = buf_new(NSSWITCH_MAX);
	struct k8s_err err = K8S_ERR_INIT;

	assert_non_null(out);
	assert_int_equal(nsswitch_make(host, strlen(host), out, &err), 0);
	assert_int_equal(err.code, K8S_ERR_NONE);
	assert_string_equal(buf_string(out), expected);
	buf_free(out);
}

static void
hosts_come_first_from_us(void **state)
{
	(void)state;
	check("passwd: files systemd\nhosts:          files dns\nnetworks: "
	      "files\n",
	    "passwd: files systemd\nhosts:" OURS
	    "          files dns\nnetworks: files\n");
	check("hosts:files", "hosts:" OURS "files\n");
}

static void
every_way_to_write_it(void **state)
{
	(void)state;
	check("\t hosts \t: files\n", "\t hosts \t:" OURS " files\n");
	check("hosts: # nothing\n", "hosts:" OURS " # nothing\n");
	check("hosts:\n", "hosts:" OURS "\n");
	check("hosts: resolve [!UNAVAIL=return] dns # hosts: x\n",
	    "hosts:" OURS " resolve [!UNAVAIL=return] dns # hosts: x\n");
	/* Whichever of two counts. */
	check("hosts: a\nhosts: b\n", "hosts:" OURS " a\nhosts:" OURS " b\n");
}

static void
other_lines_stay(void **state)
{
	static const char none[] = "hosts:" OURS "files dns\n";
	static const char *const others[] = {"# hosts: files\n", "xhosts: a\n",
	    "hostsx: a\n", "host: a\n", "hosts\n", "networks: hosts: a\n",
	    "\n\n"};
	char expected[128];
	size_t i;

	(void)state;
	check("", none);
	for (i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		(void)snprintf(expected, sizeof(expected), "%s%s", others[i],
		    none);
		check(others[i], expected);
	}
	check("passwd: files", "passwd: files\nhosts:" OURS "files dns\n");
}

static void
too_long(void **state)
{
	static const char host[] = "passwd: files\nhosts: files\n";
	struct k8s_err err;
	struct buf *out;
	size_t cap;

	(void)state;
	for (cap = 1; cap < sizeof(host) - 1 + sizeof(OURS) - 1; cap++) {
		out = buf_new(cap);
		assert_non_null(out);
		err = (struct k8s_err)K8S_ERR_INIT;
		assert_int_equal(
		    nsswitch_make(host, sizeof(host) - 1, out, &err), -1);
		unit_check_err(&err, K8S_ERR_LIMIT, NSSWITCH_PATH);
		buf_free(out);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(hosts_come_first_from_us),
	    cmocka_unit_test(every_way_to_write_it),
	    cmocka_unit_test(other_lines_stay),
	    cmocka_unit_test(too_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) != 0;
}
