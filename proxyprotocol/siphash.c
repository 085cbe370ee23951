/* SPDX-License-Identifier: Apache-2.0 */
#include "proxyprotocol/siphash.h"

/* Up to 8 bytes, the lowest first. */
static uint64_t
siphash_word(const unsigned char *p, size_t len)
{
	uint64_t word = 0;
	size_t i;

	for (i = 0; i < len; i++)
		word |= (uint64_t)p[i] << (8 * i);
	return word;
}

static uint64_t
siphash_turn(uint64_t x, int bits)
{
	return x << bits | x >> (64 - bits);
}

static void
siphash_rounds(uint64_t v[4], int n)
{
	while (n-- > 0) {
		v[0] += v[1];
		v[2] += v[3];
		v[1] = siphash_turn(v[1], 13) ^ v[0];
		v[3] = siphash_turn(v[3], 16) ^ v[2];
		v[0] = siphash_turn(v[0], 32);
		v[2] += v[1];
		v[0] += v[3];
		v[1] = siphash_turn(v[1], 17) ^ v[2];
		v[3] = siphash_turn(v[3], 21) ^ v[0];
		v[2] = siphash_turn(v[2], 32);
	}
}

static void
siphash_take(uint64_t v[4], uint64_t word)
{
	v[3] ^= word;
	siphash_rounds(v, 2);
	v[0] ^= word;
}

uint64_t
siphash(const unsigned char seed[SIPHASH_SEED_LEN], const unsigned char *p,
    size_t len)
{
	uint64_t k0 = siphash_word(seed, 8), k1 = siphash_word(seed + 8, 8);
	/* The paper's constants: "somepseudorandomlygeneratedbytes". */
	uint64_t v[4] = {
	    k0 ^ 0x736f6d6570736575U,
	    k1 ^ 0x646f72616e646f6dU,
	    k0 ^ 0x6c7967656e657261U,
	    k1 ^ 0x7465646279746573U,
	};
	uint64_t last = (uint64_t)len << 56;

	for (; len >= 8; len -= 8, p += 8)
		siphash_take(v, siphash_word(p, 8));
	siphash_take(v, last | siphash_word(p, len));
	v[2] ^= 0xff;
	siphash_rounds(v, 4);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}
