/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include <string.h>

#include "proxyprotocol/names.h"

static int
setup(void **state)
{
	*state = names_new(NULL);
	return *state == NULL ? -1 : 0;
}

static int
teardown(void **state)
{
	names_free(*state);
	return 0;
}

static uint32_t
address_of(struct names *n, const char *name, size_t len)
{
	struct k8s_err err = K8S_ERR_INIT;
	uint32_t address = 0;

	if (names_address(n, name, len, &address, &err) == -1)
		fail_msg("%s", err.msg);
	assert_int_equal(err.code, K8S_ERR_NONE);
	assert_true(names_is_one(address));
	return address;
}

static void
check_name(struct names *n, uint32_t address, const char *name, size_t len)
{
	const char *p;
	size_t got = 0;

	p = names_name(n, address, &got);
	assert_non_null(p);
	assert_int_equal(got, len);
	assert_memory_equal(p, name, len);
	assert_int_equal(p[len], '\0');
}

#define ADDRESS(n, s) address_of((n), (s), sizeof(s) - 1)
#define NAME(n, a, s) check_name((n), (a), (s), sizeof(s) - 1)
#define NO_NAME(n, a) assert_null(names_name((n), (a), &(size_t){0}))
#define FIRST	      0xf0000001U

static void
a_name_has_one_address(void **state)
{
	struct names *n = *state;
	uint32_t db, odd, empty;

	db = ADDRESS(n, "db");
	odd = ADDRESS(n, "a/b %\n:\0\xff");
	empty = ADDRESS(n, "");
	assert_int_equal(db, FIRST);
	assert_int_equal(odd, FIRST + 1);
	assert_int_equal(empty, FIRST + 2);
	assert_int_equal(ADDRESS(n, "db"), db);
	assert_int_equal(ADDRESS(n, ""), empty);
	/* Letters, and what is only the beginning. */
	assert_int_equal(ADDRESS(n, "DB"), FIRST + 3);
	assert_int_equal(ADDRESS(n, "d"), FIRST + 4);
	assert_int_equal(ADDRESS(n, "db."), FIRST + 5);
	NAME(n, db, "db");
	NAME(n, odd, "a/b %\n:\0\xff");
	NAME(n, empty, "");
}

static void
what_stands_for_no_name(void **state)
{
	struct names *n = *state;

	NO_NAME(n, FIRST);
	NO_NAME(n, 0);
	ADDRESS(n, "db");
	NO_NAME(n, FIRST + 1);
	NO_NAME(n, 0xf0000000U);
	NO_NAME(n, 0xffffffffU);
	NO_NAME(n, 0);
	NO_NAME(n, 0x7f000001U);
	assert_true(names_is_one(0xf0000000U));
	assert_true(names_is_one(0xffffffffU));
	assert_false(names_is_one(0xefffffffU));
	assert_false(names_is_one(0));
}

static void
length(void **state)
{
	struct k8s_err err = K8S_ERR_INIT;
	char name[NAMES_LEN_MAX + 1];
	uint32_t address = 7;

	memset(name, 'x', sizeof(name));
	check_name(*state, address_of(*state, name, NAMES_LEN_MAX), name,
	    NAMES_LEN_MAX);
	assert_int_equal(
	    names_address(*state, name, NAMES_LEN_MAX + 1, &address, &err), -1);
	unit_check_err(&err, K8S_ERR_INVALID, "a host name of 256 bytes");
	assert_int_equal(address, 7);
	NO_NAME(*state, FIRST + 1);
}

/* The oldest goes, and its address means nothing then. */
static void
forgets(void **state)
{
	struct names *n = *state;
	unsigned int i;
	char name[16];

	for (i = 0; i < NAMES_MAX; i++) {
		(void)snprintf(name, sizeof(name), "n%u", i);
		assert_int_equal(address_of(n, name, strlen(name)), FIRST + i);
	}
	NAME(n, FIRST, "n0");
	assert_int_equal(ADDRESS(n, "n0"), FIRST);
	assert_int_equal(ADDRESS(n, "new"), FIRST + NAMES_MAX);
	NO_NAME(n, FIRST);
	NAME(n, FIRST + 1, "n1");
	NAME(n, FIRST + NAMES_MAX, "new");
	assert_int_equal(ADDRESS(n, "n0"), FIRST + NAMES_MAX + 1);
	NO_NAME(n, FIRST + 1);
	NAME(n, FIRST + 2, "n2");
}

#define NAMES_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    NAMES_TEST(a_name_has_one_address),
	    NAMES_TEST(what_stands_for_no_name),
	    NAMES_TEST(length),
	    NAMES_TEST(forgets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) != 0;
}
