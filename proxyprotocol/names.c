/* SPDX-License-Identifier: Apache-2.0 */
#include "proxyprotocol/names.h"

#include <stdlib.h>
#include <string.h>

/* 240.0.0.0/4. Its first and its last (255.255.255.255) address are left. */
#define NAMES_NET   0xf0000000U
#define NAMES_MASK  0xf0000000U
#define NAMES_FIRST 0xf0000001U
#define NAMES_LAST  0xfffffffeU

/* address: 0 where there is none. */
struct names_entry {
	uint32_t address;
	size_t len;
	char *name;
};

/* A ring: entry[next] is the oldest. */
struct names {
	struct names_entry entry[NAMES_MAX];
	size_t next;
	uint32_t address; /* the next to give */
};

struct names *
names_new(struct k8s_err *err)
{
	struct names *n;

	if ((n = calloc(1, sizeof(*n))) == NULL) {
		k8s_err_errno(err, "names");
		return NULL;
	}
	n->address = NAMES_FIRST;
	return n;
}

void
names_free(struct names *n)
{
	size_t i;

	if (n == NULL)
		return;
	for (i = 0; i < NAMES_MAX; i++)
		free(n->entry[i].name);
	free(n);
}

int
names_address(struct names *n, const char *name, size_t len, uint32_t *address,
    struct k8s_err *err)
{
	struct names_entry *e;
	char *copy;
	size_t i;

	if (len > NAMES_LEN_MAX)
		return k8s_err_set(err, K8S_ERR_INVALID,
		    "a host name of %zu bytes: %d at most", len, NAMES_LEN_MAX);
	for (i = 0; i < NAMES_MAX; i++) {
		e = &n->entry[i];
		if (e->address != 0 && e->len == len &&
		    memcmp(e->name, name, len) == 0) {
			*address = e->address;
			return 0;
		}
	}
	if ((copy = malloc(len + 1)) == NULL)
		return k8s_err_errno(err, "names");
	memcpy(copy, name, len);
	copy[len] = '\0';
	e = &n->entry[n->next];
	free(e->name);
	*e = (struct names_entry){n->address, len, copy};
	n->next = (n->next + 1) % NAMES_MAX;
	n->address = n->address == NAMES_LAST ? NAMES_FIRST : n->address + 1;
	*address = e->address;
	return 0;
}

const char *
names_name(const struct names *n, uint32_t address, size_t *len)
{
	size_t i;

	/* 0 finds an entry that is not in use, and no name in it. */
	for (i = 0; i < NAMES_MAX; i++)
		if (n->entry[i].address == address) {
			*len = n->entry[i].len;
			return n->entry[i].name;
		}
	return NULL;
}

int
names_is_one(uint32_t address)
{
	return (address & NAMES_MASK) == NAMES_NET;
}
