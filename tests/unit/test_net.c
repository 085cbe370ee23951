/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <sys/un.h>

#include "lib/core/net.h"

static struct net_addr
addr(const char *text)
{
	struct net_addr a;
	int family = strchr(text, ':') != NULL ? AF_INET6 : AF_INET;

	assert_int_equal(net_addr_from_text(&a, family, text, strlen(text), 22),
	    0);
	return a;
}

static void
check_text(const struct net_addr *a, const char *want)
{
	char text[NET_ADDR_TEXT_MAX];

	assert_ptr_equal(net_addr_text(a, text, sizeof(text)), text);
	assert_string_equal(text, want);
}

static void
takes_socket_addresses(void **state)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(22)};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6,
	    .sin6_port = htons(2222),
	    .sin6_flowinfo = htonl(7)};
	struct net_addr a;

	(void)state;
	in.sin_addr.s_addr = htonl(0xcb007107);
	assert_int_equal(net_addr_from(&a, (struct sockaddr *)&in, sizeof(in)),
	    0);
	check_text(&a, "203.0.113.7");
	assert_int_equal(net_addr_port(&a), 22);
	assert_int_equal(a.len, sizeof(in));
	assert_memory_equal(&a.in, &in, sizeof(in));

	assert_int_equal(inet_pton(AF_INET6, "2001:db8::1", &in6.sin6_addr), 1);
	assert_int_equal(
	    net_addr_from(&a, (struct sockaddr *)&in6, sizeof(in6)), 0);
	check_text(&a, "2001:db8::1");
	assert_int_equal(net_addr_port(&a), 2222);
	assert_int_equal(a.len, sizeof(in6));
	assert_int_equal(a.in6.sin6_flowinfo, 0);

	/* What a socket for both gives for IPv4 is IPv4. */
	assert_int_equal(
	    inet_pton(AF_INET6, "::ffff:192.0.2.1", &in6.sin6_addr), 1);
	assert_int_equal(
	    net_addr_from(&a, (struct sockaddr *)&in6, sizeof(in6)), 0);
	check_text(&a, "192.0.2.1");
	assert_int_equal(a.sa.sa_family, AF_INET);
	assert_int_equal(a.len, sizeof(in));
	assert_int_equal(net_addr_port(&a), 2222);
	/* These only look alike. */
	check_text((a = addr("::192.0.2.1"), &a), "::192.0.2.1");
	check_text((a = addr("::fffe:192.0.2.1"), &a), "::fffe:c000:201");
}

static void
refuses_other_socket_addresses(void **state)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX, .sun_path = "/x"};
	struct sockaddr_in in = {.sin_family = AF_INET};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
	struct net_addr a, none = {.len = 0};
	void *one;

	(void)state;
	memset(&a, 1, sizeof(a));
	assert_int_equal(net_addr_from(&a, (struct sockaddr *)&un, sizeof(un)),
	    -1);
	assert_int_equal(a.len, 0);
	assert_int_equal(a.sa.sa_family, AF_UNSPEC);
	assert_int_equal(
	    net_addr_from(&a, (struct sockaddr *)&in, sizeof(in) - 1), -1);
	assert_int_equal(
	    net_addr_from(&a, (struct sockaddr *)&in6, sizeof(in6) - 1), -1);
	/* Nothing behind what is there is looked at. */
	assert_non_null(one = malloc(1));
	assert_int_equal(net_addr_from(&a, one, 1), -1);
	free(one);
	check_text(&none, "UNKNOWN");
	assert_int_equal(net_addr_port(&none), 0);
}

/* As getnameinfo(3) writes it for sshd. */
static void
shows_an_interface(void **state)
{
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
	char want[64], name[IF_NAMESIZE];
	struct net_addr a, b;

	(void)state;
	assert_int_equal(inet_pton(AF_INET6, "fe80::1", &in6.sin6_addr), 1);
	in6.sin6_scope_id = 1; /* the loopback interface, whatever its name */
	assert_int_equal(
	    net_addr_from(&a, (struct sockaddr *)&in6, sizeof(in6)), 0);
	assert_non_null(if_indextoname(1, name));
	(void)snprintf(want, sizeof(want), "fe80::1%%%s", name);
	check_text(&a, want);
	in6.sin6_scope_id = 2;
	assert_int_equal(
	    net_addr_from(&b, (struct sockaddr *)&in6, sizeof(in6)), 0);
	assert_false(net_addr_equal(&a, &b));
	b = net_addr_mask(&a, 0, 64);
	assert_int_equal(b.in6.sin6_scope_id, 1);
}

static void
takes_addresses_to_listen_on(void **state)
{
	static const struct {
		const char *text, *host;
		unsigned int port;
	} good[] = {
	    {"1.2.3.4:22", "1.2.3.4", 22},
	    {"0.0.0.0:65535", "0.0.0.0", 65535},
	    {"127.0.0.1:0", "127.0.0.1", 0},
	    {"[2001:db8::1]:22", "2001:db8::1", 22},
	    {"[::]:2222", "::", 2222},
	    {"[::ffff:192.0.2.1]:22", "192.0.2.1", 22},
	};
	static const struct {
		const char *text, *says;
	} bad[] = {
	    {"", "port"},
	    {"1.2.3.4", "port"},
	    {"1.2.3.4:", "port"},
	    {"1.2.3.4:65536", "port"},
	    {"1.2.3.4:4294967318", "port"},
	    {"1.2.3.4:022", "port"},
	    {"1.2.3.4:+22", "port"},
	    {"1.2.3.4:-1", "port"},
	    {"1.2.3.4: 22", "port"},
	    {"1.2.3.4:22 ", "port"},
	    {"1.2.3.4:ssh", "port"},
	    {"[2001:db8::1]", "port"},
	    {":22", "names"},
	    {"*:22", "names"},
	    {"localhost:22", "no names"},
	    {"1.2.3:22", "no address"},
	    {"1.2.3.04:22", "no address"},
	    {"1.2.3.256:22", "no address"},
	    {" 1.2.3.4:22", "no address"},
	    {"0x7f.0.0.1:22", "no address"},
	    {"2001:db8::1:22", "no address"},
	    {"[1.2.3.4]:22", "no address"},
	    {"[]:22", "no address"},
	    {"[:22", "no address"},
	    {"]:22", "no address"},
	    {"[2001:db8::1]x:22", "no address"},
	    {"[2001:db8::1x:22", "no address"},
	    {"[fe80::1%lo]:22", "no address"},
	    {"[1:2:3:4:5:6:7:8:9]:22", "no address"},
	    {"1.2.3.4\n:22", "no address"},
	};
	struct net_addr a, before;
	struct k8s_err err;
	char text[100];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(net_addr_parse(&a, good[i].text, NULL), 0);
		check_text(&a, good[i].host);
		assert_int_equal(net_addr_port(&a), good[i].port);
	}
	memset(&before, 0x55, sizeof(before));
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		memcpy(&a, &before, sizeof(a));
		memset(&err, 0, sizeof(err));
		if (net_addr_parse(&a, bad[i].text, &err) != -1)
			fail_msg("\"%s\" taken", bad[i].text);
		unit_check_err(&err, K8S_ERR_CONFIG, bad[i].says);
		assert_memory_equal(&a, &before, sizeof(a));
	}
	/* Right but for its length. */
	memset(text, '0', sizeof(text));
	memcpy(text + sizeof(text) - 12, "1.2.3.4:22", 11);
	assert_int_equal(net_addr_parse(&a, text, &err), -1);
	unit_check_err(&err, K8S_ERR_CONFIG, "no address");
}

static void
takes_addresses_and_ports_by_length(void **state)
{
	struct net_addr a;
	unsigned int port = 7;

	(void)state;
	assert_int_equal(net_addr_from_text(&a, AF_INET, "1.2.3.45", 7, 1), 0);
	check_text(&a, "1.2.3.4");
	assert_int_equal(net_addr_from_text(&a, AF_INET, "1.2.3.4\0x", 9, 1),
	    -1);
	assert_int_equal(net_addr_from_text(&a, AF_INET6, "1.2.3.4", 7, 1), -1);
	assert_int_equal(net_addr_from_text(&a, AF_INET, "::1", 3, 1), -1);
	assert_int_equal(net_addr_from_text(&a, AF_INET, "", 0, 1), -1);
	assert_int_equal(net_port_parse("655351", 6, &port), -1);
	assert_int_equal(net_port_parse("22\0", 3, &port), -1);
	assert_int_equal(net_port_parse("", 0, &port), -1);
	assert_int_equal(net_port_parse("00", 2, &port), -1);
	assert_int_equal(port, 7);
	assert_int_equal(net_port_parse("655351", 5, &port), 0);
	assert_int_equal(port, 65535);
	assert_int_equal(net_port_parse("0", 1, &port), 0);
	assert_int_equal(port, 0);
}

static void
compares_without_the_port(void **state)
{
	struct net_addr a, b, none = {.len = 0};

	(void)state;
	assert_int_equal(net_addr_parse(&a, "192.0.2.1:22", NULL), 0);
	assert_int_equal(net_addr_parse(&b, "192.0.2.1:23", NULL), 0);
	assert_true(net_addr_equal(&a, &b));
	assert_int_equal(net_addr_parse(&b, "[::ffff:192.0.2.1]:22", NULL), 0);
	assert_true(net_addr_equal(&a, &b));
	b = addr("192.0.2.2");
	assert_false(net_addr_equal(&a, &b));
	b = addr("::192.0.2.1");
	assert_false(net_addr_equal(&a, &b));
	assert_false(net_addr_equal(&a, &none));
	assert_false(net_addr_equal(&none, &b));
	assert_true(net_addr_equal(&none, &none));
	a = addr("2001:db8::1");
	b = addr("2001:db8::2");
	assert_false(net_addr_equal(&a, &b));
	b = addr("2001:DB8:0:0::1");
	assert_true(net_addr_equal(&a, &b));
}

static void
masks(void **state)
{
	static const struct {
		const char *text;
		unsigned int bits4, bits6;
		const char *want;
	} cases[] = {
	    {"255.255.255.255", 32, 0, "255.255.255.255"},
	    {"255.255.255.255", 31, 0, "255.255.255.254"},
	    {"255.255.255.255", 25, 0, "255.255.255.128"},
	    {"255.255.255.255", 24, 0, "255.255.255.0"},
	    {"255.255.255.255", 23, 0, "255.255.254.0"},
	    {"255.255.255.255", 8, 0, "255.0.0.0"},
	    {"255.255.255.255", 1, 0, "128.0.0.0"},
	    {"255.255.255.255", 0, 128, "0.0.0.0"},
	    {"2001:db8:1:2:3:4:5:6", 0, 128, "2001:db8:1:2:3:4:5:6"},
	    {"2001:db8:1:2:3:4:5:6", 0, 64, "2001:db8:1:2::"},
	    {"2001:db8:1:ffff:3:4:5:6", 0, 57, "2001:db8:1:ff80::"},
	    {"2001:db8:1:2:3:4:5:6", 32, 0, "::"},
	    {"::ffff:192.0.2.1", 24, 0, "192.0.2.0"},
	};
	struct net_addr a, none = {.len = 0};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		a = addr(cases[i].text);
		assert_int_equal(net_addr_port(&a), 22);
		a = net_addr_mask(&a, cases[i].bits4, cases[i].bits6);
		check_text(&a, cases[i].want);
		assert_int_equal(net_addr_port(&a), 0);
	}
	a = net_addr_mask(&none, 0, 0);
	assert_int_equal(a.len, 0);
}

static void
parses_networks(void **state)
{
	static const struct {
		const char *text, *net;
		unsigned int bits;
	} good[] = {
	    {"10.0.0.0/8", "10.0.0.0", 8},
	    {"192.0.2.1", "192.0.2.1", 32},
	    {"192.0.2.1/32", "192.0.2.1", 32},
	    {"0.0.0.0/0", "0.0.0.0", 0},
	    {"2001:db8::/32", "2001:db8::", 32},
	    {"2001:db8::1", "2001:db8::1", 128},
	    {"::/0", "::", 0},
	};
	static const struct {
		const char *text, *says;
	} bad[] = {
	    {"", "neither"},
	    {"/8", "neither"},
	    {"unix", "neither"},
	    {"all", "neither"},
	    {"10/8", "neither"},
	    {"010.0.0.0/8", "neither"},
	    {"10.0.0.0 /8", "neither"},
	    {"[2001:db8::]/32", "neither"},
	    {"fe80::%lo/64", "neither"},
	    {"10.0.0.0/", "from 0 to 32"},
	    {"10.0.0.0/33", "from 0 to 32"},
	    {"10.0.0.0/08", "from 0 to 32"},
	    {"10.0.0.0/-1", "from 0 to 32"},
	    {"10.0.0.0/8/8", "from 0 to 32"},
	    {"10.0.0.0/255.0.0.0", "from 0 to 32"},
	    {"10.0.0.0/8 ", "from 0 to 32"},
	    {"2001:db8::/129", "from 0 to 128"},
	    {"10.1.2.3/8", "the network is 10.0.0.0/8"},
	    {"192.0.2.1/31", "the network is 192.0.2.0/31"},
	    {"2001:db8::1/64", "the network is 2001:db8::/64"},
	    {"::ffff:10.0.0.0/104", "write it so, as 10.0.0.0"},
	    {"::ffff:0:0/96", "write it so, as 0.0.0.0"},
	    {"10.0.0.0\n/8", "neither"},
	};
	struct net_prefix p, before;
	struct k8s_err err;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(net_prefix_parse(&p, good[i].text, NULL), 0);
		check_text(&p.net, good[i].net);
		assert_int_equal(p.bits, good[i].bits);
	}
	memset(&before, 0x55, sizeof(before));
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		memcpy(&p, &before, sizeof(p));
		memset(&err, 0, sizeof(err));
		if (net_prefix_parse(&p, bad[i].text, &err) != -1)
			fail_msg("\"%s\" taken", bad[i].text);
		unit_check_err(&err, K8S_ERR_CONFIG, bad[i].says);
		assert_memory_equal(&p, &before, sizeof(p));
	}
}

static void
finds_addresses_in_networks(void **state)
{
	static const struct {
		const char *net, *addr;
		int want;
	} cases[] = {
	    {"10.0.0.0/8", "10.255.255.255", 1},
	    {"10.0.0.0/8", "11.0.0.0", 0},
	    {"10.0.0.0/8", "9.255.255.255", 0},
	    {"10.0.0.0/8", "::ffff:10.1.2.3", 1},
	    {"10.0.0.0/8", "::10.1.2.3", 0},
	    {"10.0.0.0/8", "a00::", 0},
	    {"192.0.2.1", "192.0.2.1", 1},
	    {"192.0.2.1", "192.0.2.2", 0},
	    {"192.0.2.128/25", "192.0.2.127", 0},
	    {"192.0.2.128/25", "192.0.2.128", 1},
	    {"0.0.0.0/0", "203.0.113.7", 1},
	    {"0.0.0.0/0", "2001:db8::1", 0},
	    {"2001:db8::/32", "2001:db8:ffff::1", 1},
	    {"2001:db8::/32", "2001:db9::", 0},
	    {"::/0", "2001:db8::1", 1},
	    {"::/0", "203.0.113.7", 0},
	    {"::/0", "::ffff:203.0.113.7", 0},
	};
	struct net_prefix p, list[2];
	struct net_addr a, none = {.len = 0};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(net_prefix_parse(&p, cases[i].net, NULL), 0);
		a = addr(cases[i].addr);
		if (net_prefix_contains(&p, &a) != cases[i].want)
			fail_msg("%s in %s", cases[i].addr, cases[i].net);
		assert_false(net_prefix_contains(&p, &none));
	}
	/* Nothing is in a network that is none. */
	memset(&p, 0, sizeof(p));
	assert_false(net_prefix_contains(&p, &none));
	assert_int_equal(net_prefix_parse(&list[0], "10.0.0.0/8", NULL), 0);
	assert_int_equal(net_prefix_parse(&list[1], "::1", NULL), 0);
	a = addr("::1");
	assert_true(net_prefix_any(list, 2, &a));
	assert_false(net_prefix_any(list, 1, &a));
	assert_false(net_prefix_any(NULL, 0, &a));
	/* Networks are of all interfaces. */
	assert_int_equal(net_prefix_parse(&p, "fe80::/64", NULL), 0);
	a = addr("fe80::1");
	a.in6.sin6_scope_id = 3;
	assert_true(net_prefix_contains(&p, &a));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(takes_socket_addresses),
	    cmocka_unit_test(refuses_other_socket_addresses),
	    cmocka_unit_test(shows_an_interface),
	    cmocka_unit_test(takes_addresses_to_listen_on),
	    cmocka_unit_test(takes_addresses_and_ports_by_length),
	    cmocka_unit_test(compares_without_the_port),
	    cmocka_unit_test(masks),
	    cmocka_unit_test(parses_networks),
	    cmocka_unit_test(finds_addresses_in_networks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) != 0;
}
