/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sources that limits knows: found by their network in a hash table, and
 * the penalized ones in the order in which their penalties end, IPv4 and IPv6
 * apart. A source is there as long as it has a connection or a penalty.
 */
#ifndef K8SHELL_SOURCES_H
#define K8SHELL_SOURCES_H

#include <stddef.h>
#include <stdint.h>

#include "lib/core/net.h"
#include "proxyprotocol/siphash.h"

struct sources;

struct source {
	struct net_addr net;	  /* not to be changed */
	unsigned int connections; /* changed by the caller */
	uint64_t until_ms;	  /* when its penalty ends, */
	int penalized;		  /* if it has one, */
	int enforced;		  /* and that is enforced: the caller's */
	struct source *next;	  /* these are the table's own */
	size_t place;
};

/* The seed is copied. NULL without memory. */
struct sources *sources_new(const unsigned char seed[SIPHASH_SEED_LEN]);

/* With all sources in it. NULL is fine. */
void sources_free(struct sources *s);

/* NULL if it is not there. Borrowed until sources_release(). */
struct source *sources_find(const struct sources *s,
    const struct net_addr *net);

/* The same, but adds it. NULL without memory. */
struct source *sources_get(struct sources *s, const struct net_addr *net);

/* Frees a source without a connection and a penalty; else nothing. */
void sources_release(struct sources *s, struct source *src);

/* It has a penalty until then, instead of what it had. -1 without memory. */
int sources_penalize(struct sources *s, struct source *src, uint64_t until_ms);

/* It has none any longer. */
void sources_forgive(struct sources *s, struct source *src);

/*
 * How many have a penalty, and the one whose ends first, NULL if there is
 * none. family: AF_INET6, all else is counted as IPv4.
 */
size_t sources_penalized(const struct sources *s, int family);
struct source *sources_first(const struct sources *s, int family);

#endif
