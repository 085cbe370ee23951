/* SPDX-License-Identifier: Apache-2.0 */
/* Signals by name, without SIG: RFC 4254 section 6.9, and Linux's others. */
#ifndef K8SHELL_GUEST_SIGNALS_H
#define K8SHELL_GUEST_SIGNALS_H

#include <stddef.h>

/* 0: none of that name. name is not a string: len bytes. */
int signal_number(const char *name, size_t len);

/* NULL for those without a name (real-time signals). */
const char *signal_name(int number);

#endif
