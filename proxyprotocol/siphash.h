/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SipHash-2-4 (Aumasson and Bernstein, 2012): a hash for tables whose keys are
 * an attacker's choice. Who does not know the seed can't make keys collide.
 */
#ifndef K8SHELL_SIPHASH_H
#define K8SHELL_SIPHASH_H

#include <stddef.h>
#include <stdint.h>

#define SIPHASH_SEED_LEN 16

uint64_t siphash(const unsigned char seed[SIPHASH_SEED_LEN],
    const unsigned char *p, size_t len);

#endif
