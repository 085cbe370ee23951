/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include "lib/kube/url.h"

static void
check(const char *s, int tls, const char *authority, const char *host,
    const char *port, const char *path)
{
	struct url u = {0};
	struct k8s_err err = K8S_ERR_INIT;

	if (url_split(&u, s, &err) == -1)
		fail_msg("%s: %s", s, err.msg);
	assert_int_equal(u.tls, tls);
	assert_string_equal(u.authority, authority);
	assert_string_equal(u.host, host);
	assert_string_equal(u.port, port);
	assert_string_equal(u.path, path);
	url_clear(&u);
	assert_null(u.host);
}

static void
splits(void **state)
{
	(void)state;
	check("https://api", 1, "api", "api", "443", "");
	check("http://api", 0, "api", "api", "80", "");
	check("https://10.0.0.1:6443", 1, "10.0.0.1:6443", "10.0.0.1", "6443",
	    "");
	check("https://api:65535/k8s/clusters/c-1", 1, "api:65535", "api",
	    "65535", "/k8s/clusters/c-1");
	check("https://api/a:1", 1, "api", "api", "443", "/a:1");
	check("https://[2001:db8::1]", 1, "[2001:db8::1]", "2001:db8::1", "443",
	    "");
	check("https://[::1]:6443/p", 1, "[::1]:6443", "::1", "6443", "/p");
}

static void
refuses(void **state)
{
	static const char *const bad[] = {"", "api", "https://", "https:///p",
	    "https://[::1", "https://[::1]x", "https://[::1/]", "https://:1",
	    "https://api:123456"};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct url u = {0};
		struct k8s_err err = K8S_ERR_INIT;

		if (url_split(&u, bad[i], &err) != -1)
			fail_msg("%s is split", bad[i]);
		unit_check_err(&err, K8S_ERR_CONFIG, "is not a URL");
		url_clear(&u);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(splits),
	    cmocka_unit_test(refuses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) != 0;
}
