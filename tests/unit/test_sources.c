/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include "proxyprotocol/sources.h"

static const unsigned char seed[SIPHASH_SEED_LEN] = "a seed of 16 byt";

static struct net_addr
addr4(uint32_t n)
{
	unsigned char ip[4] = {10, (unsigned char)(n >> 16),
	    (unsigned char)(n >> 8), (unsigned char)n};
	struct net_addr a;

	net_addr_from_ip(&a, AF_INET, ip, 0);
	return a;
}

static struct net_addr
addr6(uint32_t n)
{
	unsigned char ip[16] = {0x20, 0x01, 0x0d, 0xb8,
	    (unsigned char)(n >> 24), (unsigned char)(n >> 16),
	    (unsigned char)(n >> 8), (unsigned char)n};
	struct net_addr a;

	net_addr_from_ip(&a, AF_INET6, ip, 0);
	return a;
}

static void
finds_what_was_put_in(void **state)
{
	struct sources *s = sources_new(seed);
	struct source *src;
	struct net_addr a;
	uint32_t i;

	(void)state;
	assert_non_null(s);
	for (i = 0; i < 5000; i++) {
		a = i % 2 != 0 ? addr4(i) : addr6(i);
		assert_null(sources_find(s, &a));
		assert_non_null(src = sources_get(s, &a));
		assert_ptr_equal(sources_get(s, &a), src);
		src->connections = i + 1;
	}
	for (i = 0; i < 5000; i++) {
		a = i % 2 != 0 ? addr4(i) : addr6(i);
		assert_non_null(src = sources_find(s, &a));
		assert_int_equal(src->connections, i + 1);
		sources_release(s, src); /* it has connections */
		assert_ptr_equal(sources_find(s, &a), src);
		src->connections = 0;
		if (i % 3 == 0)
			continue;
		sources_release(s, src);
		assert_null(sources_find(s, &a));
	}
	/* Whoever stays is freed with the table: for the sanitizer. */
	sources_free(s);
	sources_free(NULL);
}

static void
keeps_interfaces_apart(void **state)
{
	struct sources *s = sources_new(seed);
	struct net_addr a = addr6(1), none;

	(void)state;
	memset(&none, 0, sizeof(none));
	assert_non_null(sources_get(s, &a));
	a.in6.sin6_scope_id = 1;
	assert_null(sources_find(s, &a));
	assert_null(sources_find(s, &none));
	assert_non_null(sources_get(s, &none));
	assert_non_null(sources_find(s, &none));
	sources_free(s);
}

/* Pseudo-random penalties, changes and ends, against a plain list. */
static void
orders_penalties(void **state)
{
	enum { N = 300 };
	struct sources *s = sources_new(seed);
	struct source *src;
	uint64_t until[N] = {0}, first;
	unsigned int x = 1, i, round, penalized = 0;
	struct net_addr a;

	(void)state;
	assert_null(sources_first(s, AF_INET));
	for (round = 0; round < 20000; round++) {
		x = x * 1103515245u + 12345u;
		i = (x >> 16) % N;
		a = addr4(i);
		assert_non_null(src = sources_get(s, &a));
		assert_int_equal(src->penalized, until[i] != 0);
		x = x * 1103515245u + 12345u;
		if ((x >> 16) % 3 != 0) {
			penalized += until[i] == 0;
			until[i] = 1 + (x >> 16) % 1000;
			assert_int_equal(sources_penalize(s, src, until[i]), 0);
		} else {
			penalized -= until[i] != 0;
			until[i] = 0;
			sources_forgive(s, src);
			sources_release(s, src);
			assert_null(sources_find(s, &a));
		}
		first = UINT64_MAX;
		for (i = 0; i < N; i++)
			if (until[i] != 0 && until[i] < first)
				first = until[i];
		src = sources_first(s, AF_INET);
		assert_true(
		    first == (src == NULL ? UINT64_MAX : src->until_ms));
		assert_int_equal(sources_penalized(s, AF_INET), penalized);
	}
	assert_true(penalized > 50);
	/* Taken out one by one, they come in their order. */
	for (first = 0; (src = sources_first(s, AF_INET)) != NULL;) {
		assert_true(src->until_ms >= first);
		first = src->until_ms;
		sources_forgive(s, src);
		sources_forgive(s, src); /* again: nothing */
		sources_release(s, src);
		penalized--;
	}
	assert_int_equal(penalized, 0);
	assert_int_equal(sources_penalized(s, AF_INET6), 0);
	sources_free(s);
}

static void
keeps_families_apart(void **state)
{
	struct sources *s = sources_new(seed);
	struct net_addr a4 = addr4(1), a6 = addr6(1);
	struct source *four = sources_get(s, &a4), *six = sources_get(s, &a6);

	(void)state;
	assert_int_equal(sources_penalize(s, four, 10), 0);
	assert_int_equal(sources_penalize(s, six, 5), 0);
	assert_ptr_equal(sources_first(s, AF_INET), four);
	assert_ptr_equal(sources_first(s, AF_INET6), six);
	assert_int_equal(sources_penalized(s, AF_INET), 1);
	assert_int_equal(sources_penalized(s, AF_INET6), 1);
	/* With a penalty it stays. */
	sources_release(s, four);
	assert_ptr_equal(sources_find(s, &a4), four);
	four->enforced = 1;
	sources_forgive(s, four);
	assert_false(four->enforced);
	assert_null(sources_first(s, AF_INET));
	sources_free(s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(finds_what_was_put_in),
	    cmocka_unit_test(keeps_interfaces_apart),
	    cmocka_unit_test(orders_penalties),
	    cmocka_unit_test(keeps_families_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) != 0;
}
