/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How many connections, from whom: what sshd's own listener would see to and
 * "sshd -i" does not (MaxStartups, PerSourceMaxStartups, PerSourcePenalties,
 * PerSourcePenaltyExemptList in sshd_config(5)). No I/O: the caller brings
 * time, in milliseconds of CLOCK_MONOTONIC, and random numbers.
 *
 * A connection has a ticket, a part of the caller's own structure, that knows
 * what it is counted as. Closing a ticket gives back just that, once.
 *
 * A source is an address or, for IPv6, a network: attackers have a whole /64.
 */
#ifndef K8SHELL_LIMITS_H
#define K8SHELL_LIMITS_H

#include <stddef.h>
#include <stdint.h>

#include "lib/core/err.h"
#include "lib/core/net.h"

struct limits;
struct source; /* proxyprotocol/sources.h */

/* What a source is penalized for, with sshd's names for it. */
enum limits_offence {
	LIMITS_AUTHFAIL,	/* authentication tried, without success */
	LIMITS_INVALIDUSER,	/* the same, for a user who does not exist */
	LIMITS_NOAUTH,		/* it never tried */
	LIMITS_GRACE_EXCEEDED,	/* LoginGraceTime passed */
	LIMITS_CRASH,		/* sshd died of it */
	LIMITS_REFUSECONNECTION /* RefuseConnection in sshd_config */
};
#define LIMITS_OFFENCES (LIMITS_REFUSECONNECTION + 1)

struct limits_config {
	/*
	 * Connections not authenticated yet, PROXY header pending included:
	 * from begin on, rate percent of new ones are dropped, linearly more
	 * up to full, where all are. rate: 1 to 100; 1 <= begin <= full.
	 */
	unsigned int startups_begin, startups_rate, startups_full;
	unsigned int max_connections; /* at least 1; bounds memory, too */
	/*
	 * Connections of one source, authenticated or not; 0: no limit. (sshd
	 * counts those not authenticated yet.)
	 */
	unsigned int max_per_source;
	unsigned int prefix4,
	    prefix6; /* bits of an address that make a source */

	unsigned int penalty[LIMITS_OFFENCES]; /* seconds; 0: none */
	/*
	 * Penalties of a source add up, to penalty_max seconds at most. Once
	 * they are more than penalty_min it is refused until they are over.
	 */
	unsigned int penalty_min, penalty_max;
	/*
	 * Penalized sources remembered, of IPv4 and of IPv6 each, so that who
	 * has many of the one cannot push out the other. When they are full
	 * the one that is over first is forgotten: sshd's default, permissive.
	 */
	unsigned int max_penalty_sources;

	/*
	 * Neither penalized nor bound to max_per_source; the other limits
	 * hold. Borrowed during the call only.
	 */
	const struct net_prefix *exempt;
	size_t exempt_count;
};

enum limits_verdict {
	LIMITS_OK = 0,
	LIMITS_STARTUPS,    /* dropped by startups_* */
	LIMITS_CONNECTIONS, /* max_connections are there */
	LIMITS_SOURCE,	    /* max_per_source of this source are there */
	LIMITS_PENALTY,	    /* the source is penalized */
	LIMITS_MEMORY,	    /* no memory to count it */
};

/*
 * All zero before its first use; not to be copied or looked into. It must be
 * closed before it, or the limits it is counted in, cease to exist.
 */
struct limits_ticket {
	struct limits *limits; /* NULL: counted nowhere */
	struct source *source; /* NULL: not known yet, or exempt */
	int startup;	       /* not authenticated yet */
};

#define LIMITS_SEED_LEN 16

/*
 * sshd_config(5)'s defaults, sources by /32 and /64, no limit a source and
 * 1000 connections.
 */
void limits_config_default(struct limits_config *c);

/* Whether such limits can be: K8S_ERR_CONFIG says what is wrong if not. */
int limits_config_check(const struct limits_config *c, struct k8s_err *err);

/*
 * The config is copied. seed: from getrandom(2); it makes the table of sources
 * one whose collisions nobody outside can provoke. NULL: the config is
 * impossible (K8S_ERR_CONFIG) or no memory. The caller frees.
 */
struct limits *limits_new(const struct limits_config *c,
    const unsigned char seed[LIMITS_SEED_LEN], struct k8s_err *err);

/*
 * Another config from now on. Connections stay counted, even above a new
 * limit, and penalties run on, unless none is left in the config: those are
 * forgotten then. Where the prefixes change, the sources of what is there keep
 * their old ones. -1: nothing has changed.
 */
int limits_set(struct limits *l, const struct limits_config *c,
    struct k8s_err *err);

/* NULL is fine. */
void limits_free(struct limits *l);
void limits_freep(struct limits **l);

/*
 * A new connection whose source is known. Counted if LIMITS_OK, else the
 * ticket is closed. The order is sshd's: the penalty first, so that penalized
 * sources wear no other limit out, then how many, then of this source. random:
 * any number, each as likely. A ticket still open is closed before.
 */
enum limits_verdict limits_open(struct limits *l, struct limits_ticket *t,
    const struct net_addr *addr, uint64_t now_ms, uint32_t random);

/*
 * The same in two steps where a PROXY header is to bring the source: the
 * connection counts from the first on. Again, with any verdict but LIMITS_OK
 * the ticket is closed. limits_source() of a closed ticket is
 * LIMITS_CONNECTIONS; of one that has a source, a change of source.
 */
enum limits_verdict limits_open_pending(struct limits *l,
    struct limits_ticket *t, uint32_t random);
enum limits_verdict limits_source(struct limits_ticket *t,
    const struct net_addr *addr, uint64_t now_ms);

/* No startup any longer, still a connection. Again, or when closed: nothing. */
void limits_authenticated(struct limits_ticket *t);

/* Counted nowhere from now on. Again: nothing. */
void limits_close(struct limits_ticket *t);

/*
 * Returns for how many milliseconds from now on the source is refused. 0: not
 * at all, as the offence costs nothing, the source is exempt or has collected
 * no more than penalty_min, or memory is short.
 */
uint64_t limits_penalize(struct limits *l, const struct net_addr *addr,
    enum limits_offence offence, uint64_t now_ms);

/* How many there are now. */
unsigned int limits_connections(const struct limits *l);
unsigned int limits_startups(const struct limits *l);

/* For the log. */
const char *limits_verdict_text(enum limits_verdict v);
const char *limits_offence_text(enum limits_offence o);

#endif
