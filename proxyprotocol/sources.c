/* SPDX-License-Identifier: Apache-2.0 */
#include "proxyprotocol/sources.h"

#include <stdlib.h>
#include <string.h>

/* At first; a power of two, as it stays. */
#define SOURCES_BUCKETS 64

/* A binary heap: at[(i - 1) / 2] ends no later than at[i]. */
struct sources_heap {
	struct source **at;
	size_t len, size;
};

struct sources {
	unsigned char seed[SIPHASH_SEED_LEN];
	struct source **bucket;
	size_t buckets, count;
	struct sources_heap heap[2]; /* IPv4, IPv6 */
};

static struct sources_heap *
sources_heap(struct sources *s, int family)
{
	return &s->heap[family == AF_INET6];
}

static void
heap_put(struct sources_heap *h, size_t i, struct source *src)
{
	h->at[i] = src;
	src->place = i;
}

/* Moves src, which may be anywhere, to where it belongs, starting at i. */
static void
heap_settle(struct sources_heap *h, size_t i, struct source *src)
{
	size_t child;

	while (i > 0 && h->at[(i - 1) / 2]->until_ms > src->until_ms) {
		heap_put(h, i, h->at[(i - 1) / 2]);
		i = (i - 1) / 2;
	}
	while ((child = 2 * i + 1) < h->len) {
		if (child + 1 < h->len &&
		    h->at[child + 1]->until_ms < h->at[child]->until_ms)
			child++;
		if (h->at[child]->until_ms >= src->until_ms)
			break;
		heap_put(h, i, h->at[child]);
		i = child;
	}
	heap_put(h, i, src);
}

static int
heap_grow(struct sources_heap *h)
{
	size_t size = h->size == 0 ? 16 : h->size * 2;
	struct source **at;

	if (h->len < h->size)
		return 0;
	if ((at = reallocarray(h->at, size, sizeof(*at))) == NULL)
		return -1;
	h->at = at;
	h->size = size;
	return 0;
}

static struct source **
sources_bucket(const struct sources *s, const struct net_addr *net)
{
	unsigned char key[sizeof(net->in6.sin6_addr) +
	    sizeof(net->in6.sin6_scope_id)] = {0};

	if (net->sa.sa_family == AF_INET) {
		memcpy(key, &net->in.sin_addr, sizeof(net->in.sin_addr));
	} else if (net->sa.sa_family == AF_INET6) {
		memcpy(key, &net->in6.sin6_addr, sizeof(net->in6.sin6_addr));
		memcpy(key + sizeof(net->in6.sin6_addr),
		    &net->in6.sin6_scope_id, sizeof(net->in6.sin6_scope_id));
	}
	return &s->bucket[siphash(s->seed, key, sizeof(key)) &
	    (s->buckets - 1)];
}

/* Without memory for more buckets they only get fuller. */
static void
sources_widen(struct sources *s)
{
	struct source **old = s->bucket, **slot, *src;
	size_t i, n = s->buckets;

	if (s->count < n || n > SIZE_MAX / 2)
		return;
	if ((s->bucket = calloc(n * 2, sizeof(*s->bucket))) == NULL) {
		s->bucket = old;
		return;
	}
	s->buckets = n * 2;
	for (i = 0; i < n; i++)
		while ((src = old[i]) != NULL) {
			old[i] = src->next;
			slot = sources_bucket(s, &src->net);
			src->next = *slot;
			*slot = src;
		}
	free(old);
}

struct sources *
sources_new(const unsigned char seed[SIPHASH_SEED_LEN])
{
	struct sources *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	memcpy(s->seed, seed, sizeof(s->seed));
	s->buckets = SOURCES_BUCKETS;
	if ((s->bucket = calloc(s->buckets, sizeof(*s->bucket))) == NULL) {
		free(s);
		return NULL;
	}
	return s;
}

void
sources_free(struct sources *s)
{
	struct source *src;
	size_t i;

	if (s == NULL)
		return;
	for (i = 0; i < s->buckets; i++)
		while ((src = s->bucket[i]) != NULL) {
			s->bucket[i] = src->next;
			free(src);
		}
	free(s->bucket);
	free(s->heap[0].at);
	free(s->heap[1].at);
	free(s);
}

struct source *
sources_find(const struct sources *s, const struct net_addr *net)
{
	struct source *src = *sources_bucket(s, net);

	while (src != NULL && !net_addr_equal(&src->net, net))
		src = src->next;
	return src;
}

struct source *
sources_get(struct sources *s, const struct net_addr *net)
{
	struct source *src = sources_find(s, net), **slot;

	if (src != NULL)
		return src;
	if ((src = calloc(1, sizeof(*src))) == NULL)
		return NULL;
	sources_widen(s);
	slot = sources_bucket(s, net);
	src->net = *net;
	src->next = *slot;
	*slot = src;
	s->count++;
	return src;
}

void
sources_release(struct sources *s, struct source *src)
{
	struct source **slot;

	if (src->connections != 0 || src->penalized)
		return;
	slot = sources_bucket(s, &src->net);
	while (*slot != src)
		slot = &(*slot)->next;
	*slot = src->next;
	s->count--;
	free(src);
}

int
sources_penalize(struct sources *s, struct source *src, uint64_t until_ms)
{
	struct sources_heap *h = sources_heap(s, src->net.sa.sa_family);

	if (!src->penalized) {
		if (heap_grow(h) == -1)
			return -1;
		src->penalized = 1;
		src->place = h->len++;
	}
	src->until_ms = until_ms;
	heap_settle(h, src->place, src);
	return 0;
}

void
sources_forgive(struct sources *s, struct source *src)
{
	struct sources_heap *h = sources_heap(s, src->net.sa.sa_family);
	struct source *last;

	if (!src->penalized)
		return;
	src->penalized = 0;
	src->enforced = 0;
	last = h->at[--h->len];
	if (last != src)
		heap_settle(h, src->place, last);
}

size_t
sources_penalized(const struct sources *s, int family)
{
	return s->heap[family == AF_INET6].len;
}

struct source *
sources_first(const struct sources *s, int family)
{
	const struct sources_heap *h = &s->heap[family == AF_INET6];

	return h->len == 0 ? NULL : h->at[0];
}
