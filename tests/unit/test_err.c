/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include <errno.h>

static void
sets_code_and_text(void **state)
{
	struct k8s_err err = K8S_ERR_INIT;

	(void)state;
	errno = EXDEV;
	assert_int_equal(k8s_err_set(&err, K8S_ERR_LIMIT, "%d of %s", 3, "x"),
	    -1);
	assert_int_equal(err.code, K8S_ERR_LIMIT);
	assert_string_equal(err.msg, "3 of x");
	assert_int_equal(errno, EXDEV);
	assert_int_equal(k8s_err_set(NULL, K8S_ERR_LIMIT, "x"), -1);
	assert_int_equal(k8s_err_errno(NULL, "x"), -1);
	assert_int_equal(k8s_err_prefix(NULL, "x"), -1);
}

static void
adds_errno(void **state)
{
	struct k8s_err err = K8S_ERR_INIT;

	(void)state;
	errno = ENOENT;
	assert_int_equal(k8s_err_errno(&err, "open %s", "f"), -1);
	assert_int_equal(err.code, K8S_ERR_SYSTEM);
	assert_string_equal(err.msg, "open f: No such file or directory");
	assert_int_equal(errno, ENOENT);
}

static void
puts_layers_in_front(void **state)
{
	struct k8s_err err = K8S_ERR_INIT;

	(void)state;
	k8s_err_set(&err, K8S_ERR_FORBIDDEN, "403");
	assert_int_equal(k8s_err_prefix(&err, "exec in %s", "ws/a"), -1);
	assert_string_equal(err.msg, "exec in ws/a: 403");
	assert_int_equal(err.code, K8S_ERR_FORBIDDEN);
}

static void
cuts_what_is_too_long(void **state)
{
	struct k8s_err err = K8S_ERR_INIT;
	char big[3 * K8S_ERR_MAX];

	(void)state;
	memset(big, 'a', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	k8s_err_set(&err, K8S_ERR_API, "%s", big);
	assert_int_equal(strlen(err.msg), K8S_ERR_MAX - 1);
	k8s_err_prefix(&err, "front");
	assert_int_equal(strlen(err.msg), K8S_ERR_MAX - 1);
	assert_memory_equal(err.msg, "front: aaa", 10);
	k8s_err_prefix(&err, "%s", big);
	assert_int_equal(strlen(err.msg), K8S_ERR_MAX - 1);
	k8s_err_set(&err, K8S_ERR_API, "%s", big);
	errno = EIO;
	k8s_err_errno(&err, "%s", big);
	assert_int_equal(strlen(err.msg), K8S_ERR_MAX - 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(sets_code_and_text),
	    cmocka_unit_test(adds_errno),
	    cmocka_unit_test(puts_layers_in_front),
	    cmocka_unit_test(cuts_what_is_too_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) != 0;
}
