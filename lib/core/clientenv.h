/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The environment that the SSH client could influence (AcceptEnv), taken away
 * before anything of this process looks at it: linking this module into a
 * program empties its environment before the constructors of any library run
 * (promise 3 of the design). What was taken is only for the remote side.
 *
 * Before that only the dynamic loader has seen the environment; in a setgid
 * program it ignores what is dangerous there (ld.so(8), secure-execution).
 */
#ifndef K8SHELL_CLIENTENV_H
#define K8SHELL_CLIENTENV_H

#include <stddef.h>

/* Borrowed, for the life of the process. NULL if it was not set. */
const char *clientenv_get(const char *name);

/*
 * The i-th "NAME=VALUE" string, NULL past the last: borrowed, for the life of
 * the process. Nothing about them is checked.
 */
const char *clientenv_entry(size_t i);

#endif
