/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names of one connection and the addresses that stand for them. sshd looks a
 * forward's host up before it connects; the name is the workspace's to
 * resolve, so here it gets an address of 240.0.0.0/4, which is nobody's (RFC
 * 1112, section 4: class E, reserved), and connect(2) to that address means the
 * name.
 */
#ifndef K8SHELL_NAMES_H
#define K8SHELL_NAMES_H

#include <stddef.h>
#include <stdint.h>

#include "lib/core/err.h"

/*
 * Names remembered; the oldest is forgotten for a new one. sshd connects to an
 * address as soon as it has it, so the last one alone would almost do.
 */
#define NAMES_MAX 1024

/* Longest name, bytes. */
#define NAMES_LEN_MAX 255

struct names;

struct names *names_new(struct k8s_err *err);
void names_free(struct names *n);

/*
 * The address of a name, which is any bytes: the same for the same name as
 * long as that is remembered. No address means another name before 2^28 - 2
 * have been given, so a forgotten name's means none. -1: no memory, or the name
 * is too long (K8S_ERR_INVALID). Addresses are in host order.
 */
int names_address(struct names *n, const char *name, size_t len,
    uint32_t *address, struct k8s_err *err);

/*
 * The name that an address stands for, *len bytes, borrowed until the next
 * names_address(). NULL if it stands for none.
 */
const char *names_name(const struct names *n, uint32_t address, size_t *len);

/*
 * Whether an address can only be one of these. One that stands for no name is
 * to be refused, never dialled.
 */
int names_is_one(uint32_t address);

#endif
