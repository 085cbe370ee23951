/* SPDX-License-Identifier: Apache-2.0 */
#include "proxyprotocol/limits.h"

#include <stdlib.h>
#include <string.h>

#include "proxyprotocol/sources.h"

struct limits {
	struct limits_config config; /* its exempt list is ours */
	struct net_prefix *exempt;
	struct sources *sources;
	unsigned int connections, startups;
};

_Static_assert(LIMITS_SEED_LEN == SIPHASH_SEED_LEN, "the seed is SipHash's");

static const int limits_families[] = {AF_INET, AF_INET6};
#define LIMITS_FAMILIES (sizeof(limits_families) / sizeof(limits_families[0]))

void
limits_config_default(struct limits_config *c)
{
	memset(c, 0, sizeof(*c));
	c->startups_begin = 10;
	c->startups_rate = 30;
	c->startups_full = 100;
	c->max_connections = 1000;
	c->prefix4 = 32;
	c->prefix6 = 64;
	c->penalty[LIMITS_AUTHFAIL] = 5;
	c->penalty[LIMITS_INVALIDUSER] = 5;
	c->penalty[LIMITS_NOAUTH] = 1;
	c->penalty[LIMITS_GRACE_EXCEEDED] = 10;
	c->penalty[LIMITS_CRASH] = 90;
	c->penalty[LIMITS_REFUSECONNECTION] = 10;
	c->penalty_min = 15;
	c->penalty_max = 600;
	c->max_penalty_sources = 65536;
}

static int
limits_penalties_on(const struct limits_config *c)
{
	size_t i;

	for (i = 0; i < LIMITS_OFFENCES; i++)
		if (c->penalty[i] != 0)
			return 1;
	return 0;
}

int
limits_config_check(const struct limits_config *c, struct k8s_err *err)
{
	const char *wrong = NULL;

	if (c->startups_begin < 1 || c->startups_begin > c->startups_full)
		wrong = "startups begin at 1 or more, and at most where they "
			"are full";
	else if (c->startups_rate < 1 || c->startups_rate > 100)
		wrong = "the rate of dropped startups is from 1 to 100";
	else if (c->max_connections < 1)
		wrong = "no connection at all would be allowed";
	else if (c->prefix4 > 32 || c->prefix6 > 128)
		wrong = "a source has at most 32 bits in IPv4, 128 in IPv6";
	else if (limits_penalties_on(c) && c->penalty_min >= c->penalty_max)
		wrong = "no penalty would be enforced: its minimum is not "
			"below its maximum";
	return wrong == NULL ? 0
			     : k8s_err_set(err, K8S_ERR_CONFIG, "%s", wrong);
}

/* Forgets penalties, those that end first, until only keep are left. */
static void
limits_trim(struct limits *l, int family, size_t keep)
{
	struct source *src;

	while (sources_penalized(l->sources, family) > keep) {
		src = sources_first(l->sources, family);
		sources_forgive(l->sources, src);
		sources_release(l->sources, src);
	}
}

/* Forgets the penalties that have ended. */
static void
limits_expire(struct limits *l, uint64_t now_ms)
{
	struct source *src;
	size_t i;

	for (i = 0; i < LIMITS_FAMILIES; i++)
		while ((src = sources_first(l->sources, limits_families[i])) !=
			NULL &&
		    src->until_ms <= now_ms) {
			sources_forgive(l->sources, src);
			sources_release(l->sources, src);
		}
}

int
limits_set(struct limits *l, const struct limits_config *c, struct k8s_err *err)
{
	struct net_prefix *exempt = NULL;
	size_t i, keep;

	if (limits_config_check(c, err) == -1)
		return -1;
	if (c->exempt_count != 0) {
		exempt = reallocarray(NULL, c->exempt_count, sizeof(*exempt));
		if (exempt == NULL)
			return k8s_err_errno(err, "out of memory");
		memcpy(exempt, c->exempt, c->exempt_count * sizeof(*exempt));
	}
	free(l->exempt);
	l->exempt = exempt;
	l->config = *c;
	l->config.exempt = exempt;
	/* An admin who turns penalties off wants to get in now. */
	keep = limits_penalties_on(c) ? c->max_penalty_sources : 0;
	for (i = 0; i < LIMITS_FAMILIES; i++)
		limits_trim(l, limits_families[i], keep);
	return 0;
}

struct limits *
limits_new(const struct limits_config *c,
    const unsigned char seed[LIMITS_SEED_LEN], struct k8s_err *err)
{
	__attribute__((cleanup(limits_freep))) struct limits *l = NULL;
	struct limits *done;

	if ((l = calloc(1, sizeof(*l))) == NULL ||
	    (l->sources = sources_new(seed)) == NULL) {
		k8s_err_errno(err, "out of memory");
		return NULL;
	}
	if (limits_set(l, c, err) == -1)
		return NULL;
	done = l;
	l = NULL;
	return done;
}

void
limits_free(struct limits *l)
{
	if (l == NULL)
		return;
	sources_free(l->sources);
	free(l->exempt);
	free(l);
}

void
limits_freep(struct limits **l)
{
	limits_free(*l);
	*l = NULL;
}

static int
limits_is_exempt(const struct limits *l, const struct net_addr *addr)
{
	return net_prefix_any(l->exempt, l->config.exempt_count, addr);
}

static struct net_addr
limits_network(const struct limits *l, const struct net_addr *addr)
{
	return net_addr_mask(addr, l->config.prefix4, l->config.prefix6);
}

static int
limits_is_penalized(struct limits *l, const struct net_addr *addr,
    uint64_t now_ms)
{
	struct net_addr net = limits_network(l, addr);
	const struct source *src;

	limits_expire(l, now_ms);
	if (limits_is_exempt(l, addr))
		return 0;
	src = sources_find(l->sources, &net);
	return src != NULL && src->enforced;
}

/* As sshd drops connections by its MaxStartups "begin:rate:full". */
static int
limits_is_dropped(const struct limits *l, uint32_t random)
{
	const struct limits_config *c = &l->config;
	uint64_t percent;

	if (l->startups < c->startups_begin)
		return 0;
	if (l->startups >= c->startups_full)
		return 1;
	percent = (uint64_t)(100 - c->startups_rate) *
	    (l->startups - c->startups_begin) /
	    (c->startups_full - c->startups_begin);
	return random % 100 < percent + c->startups_rate;
}

static void
limits_leave_source(struct limits_ticket *t)
{
	if (t->source == NULL)
		return;
	t->source->connections--;
	sources_release(t->limits->sources, t->source);
	t->source = NULL;
}

/* Counts an open ticket's connection to its source, or closes the ticket. */
static enum limits_verdict
limits_join_source(struct limits_ticket *t, const struct net_addr *addr)
{
	struct limits *l = t->limits;
	struct net_addr net = limits_network(l, addr);
	struct source *src;

	limits_leave_source(t);
	if (limits_is_exempt(l, addr))
		return LIMITS_OK;
	if ((src = sources_get(l->sources, &net)) == NULL) {
		limits_close(t);
		return LIMITS_MEMORY;
	}
	if (l->config.max_per_source != 0 &&
	    src->connections >= l->config.max_per_source) {
		limits_close(t);
		return LIMITS_SOURCE;
	}
	src->connections++;
	t->source = src;
	return LIMITS_OK;
}

enum limits_verdict
limits_open_pending(struct limits *l, struct limits_ticket *t, uint32_t random)
{
	limits_close(t);
	if (l->connections >= l->config.max_connections)
		return LIMITS_CONNECTIONS;
	if (limits_is_dropped(l, random))
		return LIMITS_STARTUPS;
	l->connections++;
	l->startups++;
	t->limits = l;
	t->startup = 1;
	return LIMITS_OK;
}

enum limits_verdict
limits_source(struct limits_ticket *t, const struct net_addr *addr,
    uint64_t now_ms)
{
	if (t->limits == NULL)
		return LIMITS_CONNECTIONS;
	if (limits_is_penalized(t->limits, addr, now_ms)) {
		limits_close(t);
		return LIMITS_PENALTY;
	}
	return limits_join_source(t, addr);
}

enum limits_verdict
limits_open(struct limits *l, struct limits_ticket *t,
    const struct net_addr *addr, uint64_t now_ms, uint32_t random)
{
	enum limits_verdict v;

	limits_close(t);
	if (limits_is_penalized(l, addr, now_ms))
		return LIMITS_PENALTY;
	if ((v = limits_open_pending(l, t, random)) != LIMITS_OK)
		return v;
	return limits_join_source(t, addr);
}

void
limits_authenticated(struct limits_ticket *t)
{
	if (t->startup)
		t->limits->startups--;
	t->startup = 0;
}

void
limits_close(struct limits_ticket *t)
{
	if (t->limits == NULL)
		return;
	limits_authenticated(t);
	limits_leave_source(t);
	t->limits->connections--;
	t->limits = NULL;
}

uint64_t
limits_penalize(struct limits *l, const struct net_addr *addr,
    enum limits_offence offence, uint64_t now_ms)
{
	const struct limits_config *c = &l->config;
	struct net_addr net = limits_network(l, addr);
	int family = net.sa.sa_family;
	uint64_t left = (uint64_t)c->penalty[offence] * 1000;
	struct source *src;

	limits_expire(l, now_ms);
	if (left == 0 || c->max_penalty_sources == 0 ||
	    limits_is_exempt(l, addr) ||
	    (src = sources_get(l->sources, &net)) == NULL)
		return 0;
	if (src->penalized)
		left += src->until_ms - now_ms;
	else
		limits_trim(l, family, c->max_penalty_sources - 1);
	if (left > (uint64_t)c->penalty_max * 1000)
		left = (uint64_t)c->penalty_max * 1000;
	if (sources_penalize(l->sources, src, now_ms + left) == -1) {
		sources_release(l->sources, src);
		return 0;
	}
	if (left > (uint64_t)c->penalty_min * 1000)
		src->enforced = 1;
	return src->enforced ? left : 0;
}

unsigned int
limits_connections(const struct limits *l)
{
	return l->connections;
}

unsigned int
limits_startups(const struct limits *l)
{
	return l->startups;
}

const char *
limits_verdict_text(enum limits_verdict v)
{
	switch (v) {
	case LIMITS_OK:
		return "within all limits";
	case LIMITS_STARTUPS:
		return "too many that are not authenticated yet";
	case LIMITS_CONNECTIONS:
		return "too many connections";
	case LIMITS_SOURCE:
		return "too many connections from this source";
	case LIMITS_PENALTY:
		return "a penalty for earlier connections of this source";
	case LIMITS_MEMORY:
		return "out of memory";
	}
	return "unknown";
}

const char *
limits_offence_text(enum limits_offence o)
{
	switch (o) {
	case LIMITS_AUTHFAIL:
		return "failed authentication";
	case LIMITS_INVALIDUSER:
		return "tried a user who does not exist";
	case LIMITS_NOAUTH:
		return "did not try to authenticate";
	case LIMITS_GRACE_EXCEEDED:
		return "exceeded LoginGraceTime";
	case LIMITS_CRASH:
		return "made sshd crash";
	case LIMITS_REFUSECONNECTION:
		return "refused by RefuseConnection";
	}
	return "unknown";
}
