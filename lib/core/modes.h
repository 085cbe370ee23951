/* SPDX-License-Identifier: Apache-2.0 */
/* A terminal's modes as SSH has them: RFC 4254 section 8, RFC 8160. */
#ifndef K8SHELL_MODES_H
#define K8SHELL_MODES_H

#include <stddef.h>
#include <termios.h>

/*
 * Changes what the encoded modes name. Unknown ones are passed over; opcodes
 * from 160 on and TTY_OP_END end the list. -1: it ends within a mode.
 */
int modes_apply(struct termios *t, const unsigned char *p, size_t len);

/* Room for all that modes_encode() writes. */
#define MODES_ENCODED_MAX 512

/* Encodes the modes of t, without TTY_OP_END; returns the length. */
size_t modes_encode(const struct termios *t,
    unsigned char p[MODES_ENCODED_MAX]);

#endif
