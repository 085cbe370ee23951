/* SPDX-License-Identifier: Apache-2.0 */
/* Limits, against sshd_config(5) and OpenSSH's sshd.c and srclimit.c. */
#include "tests/unit/unit.h"

#include "proxyprotocol/limits.h"

#define NEVER 99 /* a random number that drops no startup below full */

static const unsigned char seed[LIMITS_SEED_LEN] = "a seed of 16 byt";

static struct limits_config
config(void)
{
	struct limits_config c;

	limits_config_default(&c);
	return c;
}

static struct limits *
limits(const struct limits_config *c)
{
	struct k8s_err err = K8S_ERR_INIT;
	struct limits *l = limits_new(c, seed, &err);

	if (l == NULL)
		fail_msg("%s", err.msg);
	return l;
}

static struct net_addr
addr(const char *text)
{
	struct net_addr a;
	int family = strchr(text, ':') != NULL ? AF_INET6 : AF_INET;

	assert_int_equal(
	    net_addr_from_text(&a, family, text, strlen(text), 12345), 0);
	return a;
}

static enum limits_verdict
try_from(struct limits *l, struct limits_ticket *t, const char *text,
    uint64_t now)
{
	struct net_addr a = addr(text);

	return limits_open(l, t, &a, now, NEVER);
}

/* What a connection from there would hear, without a trace. */
static enum limits_verdict
probe(struct limits *l, const char *text, uint64_t now)
{
	struct limits_ticket t = {.limits = NULL};
	enum limits_verdict v = try_from(l, &t, text, now);

	limits_close(&t);
	return v;
}

static uint64_t
penalize(struct limits *l, const char *text, enum limits_offence o,
    uint64_t now)
{
	struct net_addr a = addr(text);

	return limits_penalize(l, &a, o, now);
}

static void
check_counts(const struct limits *l, unsigned int connections,
    unsigned int startups)
{
	assert_int_equal(limits_connections(l), connections);
	assert_int_equal(limits_startups(l), startups);
}

static void
has_defaults_of_sshd(void **state)
{
	struct limits_config c;

	(void)state;
	memset(&c, 0x55, sizeof(c));
	limits_config_default(&c);
	assert_int_equal(c.startups_begin, 10);
	assert_int_equal(c.startups_rate, 30);
	assert_int_equal(c.startups_full, 100);
	assert_int_equal(c.max_per_source, 0);
	assert_int_equal(c.penalty[LIMITS_CRASH], 90);
	assert_int_equal(c.penalty[LIMITS_AUTHFAIL], 5);
	assert_int_equal(c.penalty[LIMITS_INVALIDUSER], 5);
	assert_int_equal(c.penalty[LIMITS_NOAUTH], 1);
	assert_int_equal(c.penalty[LIMITS_GRACE_EXCEEDED], 10);
	assert_int_equal(c.penalty[LIMITS_REFUSECONNECTION], 10);
	assert_int_equal(c.penalty_min, 15);
	assert_int_equal(c.penalty_max, 600);
	assert_int_equal(c.max_penalty_sources, 65536);
	assert_int_equal(c.exempt_count, 0);
}

static void
refuses_impossible_configs(void **state)
{
	struct limits_config good = config(), c;
	struct limits *l = limits(&good);
	struct k8s_err err;

	(void)state;
#define REFUSED(field, value, says)                            \
	do {                                                   \
		c = good;                                      \
		c.field = value;                               \
		memset(&err, 0, sizeof(err));                  \
		assert_null(limits_new(&c, seed, &err));       \
		unit_check_err(&err, K8S_ERR_CONFIG, says);    \
		assert_int_equal(limits_set(l, &c, &err), -1); \
	} while (0)
	REFUSED(startups_begin, 0, "begin");
	REFUSED(startups_begin, 101, "begin");
	REFUSED(startups_full, 9, "begin");
	REFUSED(startups_rate, 0, "rate");
	REFUSED(startups_rate, 101, "rate");
	REFUSED(max_connections, 0, "no connection");
	REFUSED(prefix4, 33, "32 bits");
	REFUSED(prefix6, 129, "128");
	REFUSED(penalty_max, 15, "no penalty");
	c = good;
	c.penalty_max = 0;
	memset(c.penalty, 0, sizeof(c.penalty));
	assert_int_equal(limits_set(l, &c, &err), 0);
	limits_free(l);
	limits_free(NULL);
}

static void
counts_connections_and_startups(void **state)
{
	struct limits_config c = config();
	struct limits *l __attribute__((cleanup(limits_freep)));
	struct limits_ticket t[4] = {{.limits = NULL}};

	(void)state;
	c.max_connections = 3;
	l = limits(&c);
	check_counts(l, 0, 0);
	assert_int_equal(try_from(l, &t[0], "192.0.2.1", 0), LIMITS_OK);
	assert_int_equal(try_from(l, &t[1], "192.0.2.1", 0), LIMITS_OK);
	check_counts(l, 2, 2);
	limits_authenticated(&t[0]);
	check_counts(l, 2, 1);
	limits_authenticated(&t[0]);
	check_counts(l, 2, 1);
	assert_int_equal(try_from(l, &t[2], "192.0.2.1", 0), LIMITS_OK);
	assert_int_equal(try_from(l, &t[3], "192.0.2.1", 0),
	    LIMITS_CONNECTIONS);
	check_counts(l, 3, 2);
	/* A ticket that was refused is nothing. */
	limits_authenticated(&t[3]);
	limits_close(&t[3]);
	check_counts(l, 3, 2);
	/* Authenticated or not, each is given back once. */
	limits_close(&t[0]);
	check_counts(l, 2, 2);
	limits_close(&t[0]);
	limits_authenticated(&t[0]);
	check_counts(l, 2, 2);
	limits_close(&t[1]);
	check_counts(l, 1, 1);
	assert_int_equal(try_from(l, &t[3], "192.0.2.1", 0), LIMITS_OK);
	/* Opened again it still is one. */
	assert_int_equal(try_from(l, &t[3], "192.0.2.2", 0), LIMITS_OK);
	check_counts(l, 2, 2);
	limits_close(&t[2]);
	limits_close(&t[3]);
	check_counts(l, 0, 0);
}

/* Startups that are there, and how many of 100 numbers drop another. */
static void
check_drop(unsigned int begin, unsigned int rate, unsigned int full,
    unsigned int startups, unsigned int want)
{
	static struct limits_ticket t[200];
	struct limits_config c = config();
	struct limits_ticket one = {.limits = NULL};
	struct net_addr a = addr("192.0.2.1");
	unsigned int i, dropped = 0;
	enum limits_verdict v;
	struct limits *l;

	c.startups_begin = begin;
	c.startups_rate = rate;
	c.startups_full = 200;
	l = limits(&c);
	for (i = 0; i < startups; i++)
		while (limits_open_pending(l, &t[i], NEVER) != LIMITS_OK) {
			/* rate 100: no number would do */
			c.startups_begin = 200;
			assert_int_equal(limits_set(l, &c, NULL), 0);
		}
	c.startups_begin = begin;
	c.startups_full = full;
	assert_int_equal(limits_set(l, &c, NULL), 0);
	for (i = 0; i < 100; i++) {
		/* Numbers of any size count by their last two digits. */
		v = limits_open(l, &one, &a, 0, i + 100 * i * 7919);
		assert_true(v == LIMITS_OK || v == LIMITS_STARTUPS);
		assert_int_equal(v == LIMITS_OK, one.limits != NULL);
		/* The small numbers are those that drop, as in sshd. */
		assert_int_equal(v == LIMITS_STARTUPS, i < want);
		dropped += v == LIMITS_STARTUPS;
		limits_close(&one);
	}
	assert_int_equal(dropped, want);
	for (i = 0; i < startups; i++)
		limits_close(&t[i]);
	check_counts(l, 0, 0);
	limits_free(l);
}

/* begin:rate:full as in sshd's should_drop_connection(), worked by hand. */
static void
drops_startups_as_sshd_does(void **state)
{
	(void)state;
	check_drop(10, 30, 100, 0, 0);
	check_drop(10, 30, 100, 9, 0);
	check_drop(10, 30, 100, 10, 30);
	check_drop(10, 30, 100, 11, 30); /* 70 * 1 / 90 = 0 */
	check_drop(10, 30, 100, 12, 31); /* 140 / 90 = 1 */
	check_drop(10, 30, 100, 55, 65); /* 70 * 45 / 90 = 35 */
	check_drop(10, 30, 100, 99, 99); /* 70 * 89 / 90 = 69 */
	check_drop(10, 30, 100, 100, 100);
	check_drop(10, 30, 100, 101, 100);
	check_drop(10, 100, 100, 9, 0);
	check_drop(10, 100, 100, 10, 100);
	check_drop(10, 1, 20, 19, 90); /* 99 * 9 / 10 + 1 */
	check_drop(10, 30, 10, 9, 0);  /* "MaxStartups 10" */
	check_drop(10, 30, 10, 10, 100);
	check_drop(1, 50, 3, 2, 75);
}

static void
authenticated_ones_are_no_startups(void **state)
{
	struct limits_config c = config();
	struct limits *l __attribute__((cleanup(limits_freep)));
	struct limits_ticket t[3] = {{.limits = NULL}};

	(void)state;
	c.startups_begin = c.startups_full = 2;
	l = limits(&c);
	assert_int_equal(try_from(l, &t[0], "192.0.2.1", 0), LIMITS_OK);
	assert_int_equal(limits_open_pending(l, &t[1], NEVER), LIMITS_OK);
	assert_int_equal(try_from(l, &t[2], "192.0.2.1", 0), LIMITS_STARTUPS);
	limits_authenticated(&t[0]);
	assert_int_equal(try_from(l, &t[2], "192.0.2.1", 0), LIMITS_OK);
	assert_int_equal(probe(l, "192.0.2.1", 0), LIMITS_STARTUPS);
	limits_close(&t[1]);
	assert_int_equal(probe(l, "192.0.2.1", 0), LIMITS_OK);
	limits_close(&t[0]);
	limits_close(&t[2]);
}

static void
counts_by_source(void **state)
{
	struct limits_config c = config();
	struct limits *l __attribute__((cleanup(limits_freep)));
	struct limits_ticket t[6] = {{.limits = NULL}};

	(void)state;
	c.max_per_source = 2;
	l = limits(&c);
	assert_int_equal(try_from(l, &t[0], "192.0.2.1", 0), LIMITS_OK);
	assert_int_equal(try_from(l, &t[1], "192.0.2.1", 0), LIMITS_OK);
	assert_int_equal(try_from(l, &t[2], "192.0.2.1", 0), LIMITS_SOURCE);
	/* It was counted nowhere, nor does it when authenticated. */
	check_counts(l, 2, 2);
	limits_authenticated(&t[0]);
	assert_int_equal(probe(l, "192.0.2.1", 0), LIMITS_SOURCE);
	assert_int_equal(probe(l, "::ffff:192.0.2.1", 0), LIMITS_SOURCE);
	assert_int_equal(try_from(l, &t[2], "192.0.2.2", 0), LIMITS_OK);
	/* A /64 is one source. */
	assert_int_equal(try_from(l, &t[3], "2001:db8::1", 0), LIMITS_OK);
	assert_int_equal(try_from(l, &t[4], "2001:db8::ffff:1", 0), LIMITS_OK);
	assert_int_equal(probe(l, "2001:db8:0:0:8000::", 0), LIMITS_SOURCE);
	assert_int_equal(probe(l, "2001:db8:0:1::1", 0), LIMITS_OK);
	/* Each that goes makes room for one. */
	limits_close(&t[0]);
	assert_int_equal(try_from(l, &t[5], "192.0.2.1", 0), LIMITS_OK);
	assert_int_equal(probe(l, "192.0.2.1", 0), LIMITS_SOURCE);
	limits_close(&t[1]);
	limits_close(&t[1]);
	assert_int_equal(try_from(l, &t[0], "192.0.2.1", 0), LIMITS_OK);
	assert_int_equal(probe(l, "192.0.2.1", 0), LIMITS_SOURCE);
	limits_close(&t[0]);
	limits_close(&t[2]);
	limits_close(&t[3]);
	limits_close(&t[4]);
	limits_close(&t[5]);
	check_counts(l, 0, 0);
}

static void
opens_in_two_steps(void **state)
{
	struct limits_config c = config();
	struct limits *l __attribute__((cleanup(limits_freep)));
	struct limits_ticket t[3] = {{.limits = NULL}};
	struct net_addr a = addr("192.0.2.1"), b = addr("192.0.2.2");

	(void)state;
	c.max_per_source = 1;
	c.max_connections = 2;
	l = limits(&c);
	assert_int_equal(limits_open_pending(l, &t[0], NEVER), LIMITS_OK);
	assert_int_equal(limits_open_pending(l, &t[1], NEVER), LIMITS_OK);
	check_counts(l, 2, 2);
	assert_int_equal(limits_open_pending(l, &t[2], NEVER),
	    LIMITS_CONNECTIONS);
	assert_int_equal(limits_source(&t[2], &a, 0), LIMITS_CONNECTIONS);
	assert_int_equal(limits_source(&t[0], &a, 0), LIMITS_OK);
	check_counts(l, 2, 2);
	/* Refused, it is closed. */
	assert_int_equal(limits_source(&t[1], &a, 0), LIMITS_SOURCE);
	check_counts(l, 1, 1);
	limits_close(&t[1]);
	check_counts(l, 1, 1);
	/* The source penalized while the header was on its way. */
	assert_int_equal(limits_open_pending(l, &t[1], NEVER), LIMITS_OK);
	assert_int_equal(penalize(l, "192.0.2.2", LIMITS_CRASH, 0), 90000);
	assert_int_equal(limits_source(&t[1], &b, 0), LIMITS_PENALTY);
	check_counts(l, 1, 1);
	/* A second source instead of the first. */
	assert_int_equal(limits_source(&t[0], &a, 0), LIMITS_OK);
	b = addr("192.0.2.3");
	assert_int_equal(limits_source(&t[0], &b, 0), LIMITS_OK);
	assert_int_equal(probe(l, "192.0.2.1", 0), LIMITS_OK);
	assert_int_equal(probe(l, "192.0.2.3", 0), LIMITS_SOURCE);
	/* Closed before it has one. */
	assert_int_equal(limits_open_pending(l, &t[1], NEVER), LIMITS_OK);
	limits_close(&t[1]);
	limits_close(&t[0]);
	check_counts(l, 0, 0);
}

static void
penalizes_from_a_minimum_on(void **state)
{
	struct limits_config c = config();
	struct limits *l __attribute__((cleanup(limits_freep))) = limits(&c);

	(void)state;
	/* 15 s are the minimum, and not more than that. */
	assert_int_equal(penalize(l, "192.0.2.1", LIMITS_AUTHFAIL, 1000), 0);
	assert_int_equal(penalize(l, "192.0.2.1", LIMITS_AUTHFAIL, 1000), 0);
	assert_int_equal(penalize(l, "192.0.2.1", LIMITS_AUTHFAIL, 1000), 0);
	assert_int_equal(probe(l, "192.0.2.1", 1000), LIMITS_OK);
	assert_int_equal(penalize(l, "192.0.2.1", LIMITS_NOAUTH, 1000), 16000);
	assert_int_equal(probe(l, "192.0.2.1", 1000), LIMITS_PENALTY);
	assert_int_equal(probe(l, "192.0.2.2", 1000), LIMITS_OK);
	/* Enforced to its end, also below the minimum. */
	assert_int_equal(probe(l, "192.0.2.1", 16999), LIMITS_PENALTY);
	assert_int_equal(probe(l, "192.0.2.1", 17000), LIMITS_OK);
	/* And then all is forgotten. */
	assert_int_equal(penalize(l, "192.0.2.1", LIMITS_AUTHFAIL, 17000), 0);
	/* It runs down meanwhile: 5 of 5 s are over after 5 s. */
	assert_int_equal(penalize(l, "192.0.2.3", LIMITS_AUTHFAIL, 20000), 0);
	assert_int_equal(penalize(l, "192.0.2.3", LIMITS_AUTHFAIL, 24999), 0);
	assert_int_equal(penalize(l, "192.0.2.3", LIMITS_GRACE_EXCEEDED, 24999),
	    15001);
	/* One that is enough by itself. */
	assert_int_equal(penalize(l, "192.0.2.4", LIMITS_CRASH, 30000), 90000);
	assert_int_equal(probe(l, "192.0.2.4", 119999), LIMITS_PENALTY);
	assert_int_equal(probe(l, "192.0.2.4", 120000), LIMITS_OK);
}

static void
penalizes_up_to_a_maximum(void **state)
{
	struct limits_config c = config();
	struct limits *l __attribute__((cleanup(limits_freep))) = limits(&c);
	int i;

	(void)state;
	for (i = 1; i <= 6; i++)
		assert_int_equal(penalize(l, "2001:db8::1", LIMITS_CRASH, 7),
		    i * 90000);
	assert_int_equal(penalize(l, "2001:db8::1", LIMITS_CRASH, 7), 600000);
	assert_int_equal(probe(l, "2001:db8::2", 600006), LIMITS_PENALTY);
	assert_int_equal(probe(l, "2001:db8::2", 600007), LIMITS_OK);
	/* A single one above it, too. */
	c.penalty[LIMITS_CRASH] = 4000000000u;
	assert_int_equal(limits_set(l, &c, NULL), 0);
	assert_int_equal(penalize(l, "192.0.2.1", LIMITS_CRASH, 1000), 600000);
	assert_int_equal(probe(l, "192.0.2.1", 600999), LIMITS_PENALTY);
	assert_int_equal(probe(l, "192.0.2.1", 601000), LIMITS_OK);
}

/* A penalty neither ends connections nor goes with them. */
static void
penalty_and_connections_are_two_things(void **state)
{
	struct limits_config c = config();
	struct limits *l __attribute__((cleanup(limits_freep)));
	struct limits_ticket t = {.limits = NULL};

	(void)state;
	c.max_per_source = 1;
	c.penalty[LIMITS_NOAUTH] = 0;
	l = limits(&c);
	assert_int_equal(try_from(l, &t, "192.0.2.1", 0), LIMITS_OK);
	assert_int_equal(penalize(l, "192.0.2.1", LIMITS_CRASH, 0), 90000);
	limits_close(&t);
	assert_int_equal(probe(l, "192.0.2.1", 0), LIMITS_PENALTY);
	/* Penalties before all: these take no startup's or place's part. */
	check_counts(l, 0, 0);
	assert_int_equal(try_from(l, &t, "192.0.2.1", 90000), LIMITS_OK);
	assert_int_equal(probe(l, "192.0.2.1", 200000), LIMITS_SOURCE);
	limits_close(&t);
	/* An offence that costs nothing. */
	assert_int_equal(penalize(l, "192.0.2.9", LIMITS_NOAUTH, 0), 0);
}

static void
spares_exempt_networks(void **state)
{
	struct limits_config c = config();
	struct limits *l __attribute__((cleanup(limits_freep)));
	struct limits_ticket t[4] = {{.limits = NULL}};
	struct net_prefix exempt[2];
	struct net_addr a = addr("10.1.1.1");

	(void)state;
	assert_int_equal(net_prefix_parse(&exempt[0], "10.0.0.0/8", NULL), 0);
	assert_int_equal(net_prefix_parse(&exempt[1], "2001:db8::1", NULL), 0);
	c.exempt = exempt;
	c.exempt_count = 2;
	c.max_per_source = 1;
	c.max_connections = 3;
	c.startups_begin = c.startups_full = 2;
	l = limits(&c);
	memset(exempt, 0, sizeof(exempt)); /* it has its own */
	assert_int_equal(penalize(l, "10.1.1.1", LIMITS_CRASH, 0), 0);
	assert_int_equal(penalize(l, "2001:db8::1", LIMITS_CRASH, 0), 0);
	/* Of its /64 the rest is not. */
	assert_int_equal(penalize(l, "2001:db8::2", LIMITS_CRASH, 0), 90000);
	assert_int_equal(probe(l, "2001:db8::2", 0), LIMITS_PENALTY);
	assert_int_equal(probe(l, "2001:db8::1", 0), LIMITS_OK);
	assert_int_equal(try_from(l, &t[0], "10.1.1.1", 0), LIMITS_OK);
	assert_int_equal(limits_open_pending(l, &t[1], NEVER), LIMITS_OK);
	assert_int_equal(limits_source(&t[1], &a, 0), LIMITS_OK);
	/* These hold for everybody. */
	assert_int_equal(probe(l, "10.1.1.1", 0), LIMITS_STARTUPS);
	limits_authenticated(&t[0]);
	limits_authenticated(&t[1]);
	assert_int_equal(try_from(l, &t[2], "10.1.1.1", 0), LIMITS_OK);
	assert_int_equal(probe(l, "10.1.1.1", 0), LIMITS_CONNECTIONS);
	limits_close(&t[0]);
	limits_close(&t[1]);
	limits_close(&t[2]);
	check_counts(l, 0, 0);
}

static void
forgets_penalties_when_there_are_too_many(void **state)
{
	struct limits_config c = config();
	struct limits *l __attribute__((cleanup(limits_freep)));

	(void)state;
	c.max_penalty_sources = 2;
	c.penalty[LIMITS_AUTHFAIL] = 20;
	l = limits(&c);
	assert_int_equal(penalize(l, "192.0.2.1", LIMITS_CRASH, 0), 90000);
	assert_int_equal(penalize(l, "192.0.2.2", LIMITS_AUTHFAIL, 0), 20000);
	/* One more: the one that ends first goes. */
	assert_int_equal(penalize(l, "192.0.2.3", LIMITS_CRASH, 1), 90000);
	assert_int_equal(probe(l, "192.0.2.1", 1), LIMITS_PENALTY);
	assert_int_equal(probe(l, "192.0.2.2", 1), LIMITS_OK);
	assert_int_equal(probe(l, "192.0.2.3", 1), LIMITS_PENALTY);
	/* More of the same source needs no room. */
	assert_int_equal(penalize(l, "192.0.2.3", LIMITS_CRASH, 1), 180000);
	assert_int_equal(probe(l, "192.0.2.1", 1), LIMITS_PENALTY);
	/* Nor does an offence that costs nothing. */
	c.penalty[LIMITS_NOAUTH] = 0;
	assert_int_equal(limits_set(l, &c, NULL), 0);
	assert_int_equal(penalize(l, "192.0.2.4", LIMITS_NOAUTH, 1), 0);
	assert_int_equal(probe(l, "192.0.2.1", 1), LIMITS_PENALTY);
	/* Any number of IPv6 sources pushes out none of IPv4. */
	assert_int_equal(penalize(l, "2001:db8:1::", LIMITS_CRASH, 1), 90000);
	assert_int_equal(penalize(l, "2001:db8:2::", LIMITS_CRASH, 2), 90000);
	assert_int_equal(penalize(l, "2001:db8:3::", LIMITS_CRASH, 3), 90000);
	assert_int_equal(probe(l, "2001:db8:1::", 3), LIMITS_OK);
	assert_int_equal(probe(l, "2001:db8:2::", 3), LIMITS_PENALTY);
	assert_int_equal(probe(l, "2001:db8:3::", 3), LIMITS_PENALTY);
	assert_int_equal(probe(l, "192.0.2.1", 3), LIMITS_PENALTY);
	assert_int_equal(probe(l, "192.0.2.3", 3), LIMITS_PENALTY);
	/* Less room. */
	c.max_penalty_sources = 1;
	assert_int_equal(limits_set(l, &c, NULL), 0);
	assert_int_equal(probe(l, "192.0.2.1", 3), LIMITS_OK);
	assert_int_equal(probe(l, "192.0.2.3", 3), LIMITS_PENALTY);
	/* None: no penalties. */
	c.max_penalty_sources = 0;
	assert_int_equal(limits_set(l, &c, NULL), 0);
	assert_int_equal(probe(l, "192.0.2.3", 3), LIMITS_OK);
	assert_int_equal(penalize(l, "192.0.2.3", LIMITS_CRASH, 3), 0);
	assert_int_equal(probe(l, "192.0.2.3", 3), LIMITS_OK);
}

static void
reloads(void **state)
{
	struct limits_config c = config();
	struct limits *l __attribute__((cleanup(limits_freep)));
	struct limits_ticket t[3] = {{.limits = NULL}};

	(void)state;
	c.max_per_source = 2;
	l = limits(&c);
	assert_int_equal(try_from(l, &t[0], "192.0.2.1", 0), LIMITS_OK);
	assert_int_equal(try_from(l, &t[1], "192.0.2.1", 0), LIMITS_OK);
	assert_int_equal(penalize(l, "192.0.2.5", LIMITS_CRASH, 0), 90000);
	/* Fewer than there are. */
	c.max_per_source = 1;
	c.max_connections = 1;
	assert_int_equal(limits_set(l, &c, NULL), 0);
	check_counts(l, 2, 2);
	assert_int_equal(probe(l, "192.0.2.5", 0), LIMITS_PENALTY);
	assert_int_equal(probe(l, "192.0.2.1", 0), LIMITS_CONNECTIONS);
	limits_close(&t[1]);
	assert_int_equal(probe(l, "192.0.2.1", 0), LIMITS_CONNECTIONS);
	c.max_connections = 10;
	assert_int_equal(limits_set(l, &c, NULL), 0);
	assert_int_equal(probe(l, "192.0.2.1", 0), LIMITS_SOURCE);
	/* Counted also while there was no limit. */
	c.max_per_source = 0;
	assert_int_equal(limits_set(l, &c, NULL), 0);
	assert_int_equal(try_from(l, &t[1], "192.0.2.1", 0), LIMITS_OK);
	assert_int_equal(try_from(l, &t[2], "192.0.2.1", 0), LIMITS_OK);
	c.max_per_source = 3;
	assert_int_equal(limits_set(l, &c, NULL), 0);
	assert_int_equal(probe(l, "192.0.2.1", 0), LIMITS_SOURCE);
	/* Other networks: what is there closes as what it was opened. */
	c.prefix4 = 24;
	c.max_per_source = 1;
	assert_int_equal(limits_set(l, &c, NULL), 0);
	limits_close(&t[0]);
	limits_close(&t[1]);
	assert_int_equal(try_from(l, &t[0], "192.0.2.7", 0), LIMITS_OK);
	assert_int_equal(probe(l, "192.0.2.1", 0), LIMITS_SOURCE);
	limits_close(&t[2]);
	limits_close(&t[0]);
	check_counts(l, 0, 0);
	/* A config that is refused changes nothing. */
	c.max_connections = 0;
	assert_int_equal(limits_set(l, &c, NULL), -1);
	assert_int_equal(probe(l, "192.0.2.1", 0), LIMITS_OK);
	/* Penalties off: at once. */
	assert_int_equal(penalize(l, "198.51.100.1", LIMITS_CRASH, 0), 90000);
	c.max_connections = 10;
	memset(c.penalty, 0, sizeof(c.penalty));
	assert_int_equal(limits_set(l, &c, NULL), 0);
	assert_int_equal(probe(l, "198.51.100.1", 0), LIMITS_OK);
}

/* No address, as from a caller that has none: one source, like any. */
static void
takes_no_address_for_one(void **state)
{
	struct limits_config c = config();
	struct limits *l __attribute__((cleanup(limits_freep)));
	struct limits_ticket t[2] = {{.limits = NULL}};
	struct net_addr none;

	(void)state;
	memset(&none, 0, sizeof(none));
	c.max_per_source = 1;
	l = limits(&c);
	assert_int_equal(limits_open(l, &t[0], &none, 0, NEVER), LIMITS_OK);
	assert_int_equal(limits_open(l, &t[1], &none, 0, NEVER), LIMITS_SOURCE);
	limits_close(&t[0]);
	assert_int_equal(limits_penalize(l, &none, LIMITS_CRASH, 0), 90000);
	assert_int_equal(limits_open(l, &t[1], &none, 0, NEVER),
	    LIMITS_PENALTY);
}

/* Whatever a caller does, the counts are those of a plain model. */
static void
never_miscounts(void **state)
{
	enum { N = 60, SOURCES = 8 };
	static struct limits_ticket t[N];
	struct limits_config c = config();
	struct limits *l __attribute__((cleanup(limits_freep)));
	int open[N] = {0}, startup[N] = {0}, source[N] = {0};
	unsigned int x = 1, i, j, n, k, connections, startups;
	unsigned int per_source[SOURCES], refused = 0;
	enum limits_verdict v;
	struct net_addr a;
	char text[32];

	(void)state;
	c.max_connections = 40;
	c.max_per_source = 6;
	c.startups_begin = c.startups_full = 30;
	l = limits(&c);
	for (n = 0; n < 100000; n++) {
		x = x * 1103515245u + 12345u;
		i = (x >> 16) % N;
		k = (x >> 24) % SOURCES;
		(void)snprintf(text, sizeof(text), "192.0.2.%u", k);
		a = addr(text);
		connections = startups = 0;
		memset(per_source, 0, sizeof(per_source));
		for (j = 0; j < N; j++) {
			connections += open[j];
			startups += startup[j];
			if (open[j] && source[j] >= 0)
				per_source[source[j]]++;
		}
		check_counts(l, connections, startups);
		x = x * 1103515245u + 12345u;
		switch ((x >> 16) % 5) {
		case 0:
		case 1: /* closes what is open, first */
			connections -= open[i];
			startups -= startup[i];
			if (open[i] && source[i] >= 0)
				per_source[source[i]]--;
			j = (x >> 20) & 1;
			v = j ? limits_open(l, &t[i], &a, 0, NEVER)
			      : limits_open_pending(l, &t[i], NEVER);
			assert_int_equal(v,
			    connections >= 40		  ? LIMITS_CONNECTIONS
				: startups >= 30	  ? LIMITS_STARTUPS
				: j && per_source[k] >= 6 ? LIMITS_SOURCE
							  : LIMITS_OK);
			open[i] = startup[i] = v == LIMITS_OK;
			source[i] = j ? (int)k : -1;
			refused += v != LIMITS_OK;
			break;
		case 2:
			if (open[i] && source[i] >= 0)
				per_source[source[i]]--;
			v = limits_source(&t[i], &a, 0);
			assert_int_equal(v,
			    !open[i]		     ? LIMITS_CONNECTIONS
				: per_source[k] >= 6 ? LIMITS_SOURCE
						     : LIMITS_OK);
			source[i] = (int)k;
			startup[i] &= v == LIMITS_OK;
			open[i] = v == LIMITS_OK;
			break;
		case 3:
			limits_authenticated(&t[i]);
			startup[i] = 0;
			break;
		default:
			if ((x >> 22) % 4 != 0)
				break;
			limits_close(&t[i]);
			open[i] = startup[i] = 0;
		}
	}
	assert_true(refused > 1000);
	for (i = 0; i < N; i++)
		limits_close(&t[i]);
	check_counts(l, 0, 0);
}

static void
has_words_for_everything(void **state)
{
	int i;

	(void)state;
	for (i = LIMITS_OK; i <= LIMITS_MEMORY; i++)
		assert_string_not_equal(
		    limits_verdict_text((enum limits_verdict)i), "unknown");
	for (i = 0; i < LIMITS_OFFENCES; i++)
		assert_string_not_equal(
		    limits_offence_text((enum limits_offence)i), "unknown");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(has_defaults_of_sshd),
	    cmocka_unit_test(refuses_impossible_configs),
	    cmocka_unit_test(counts_connections_and_startups),
	    cmocka_unit_test(drops_startups_as_sshd_does),
	    cmocka_unit_test(authenticated_ones_are_no_startups),
	    cmocka_unit_test(counts_by_source),
	    cmocka_unit_test(opens_in_two_steps),
	    cmocka_unit_test(penalizes_from_a_minimum_on),
	    cmocka_unit_test(penalizes_up_to_a_maximum),
	    cmocka_unit_test(penalty_and_connections_are_two_things),
	    cmocka_unit_test(spares_exempt_networks),
	    cmocka_unit_test(forgets_penalties_when_there_are_too_many),
	    cmocka_unit_test(reloads),
	    cmocka_unit_test(takes_no_address_for_one),
	    cmocka_unit_test(never_miscounts),
	    cmocka_unit_test(has_words_for_everything),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) != 0;
}
