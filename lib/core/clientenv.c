/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/core/clientenv.h"

#include <string.h>

static char *clientenv_first;
static char **clientenv_rest; /* the second entry on, ends with NULL */

/*
 * The loader calls the functions of .preinit_array (System V ABI, "Dynamic
 * Linking") before the initialisers of all shared objects. The environment
 * is made empty by cutting the kernel's vector at its start, which needs no
 * memory; the strings and the rest of the vector stay where they are.
 */
static void
clientenv_take(int argc, char **argv, char **envp)
{
	(void)argc;
	(void)argv;
	if (envp == NULL || envp[0] == NULL)
		return;
	clientenv_first = envp[0];
	clientenv_rest = envp + 1;
	envp[0] = NULL;
}

__attribute__((section(".preinit_array"),
    used)) static void (*const clientenv_hook)(int, char **,
    char **) = clientenv_take;

const char *
clientenv_entry(size_t i)
{
	size_t j;

	if (clientenv_first == NULL)
		return NULL;
	if (i == 0)
		return clientenv_first;
	/* Never past the end, whatever i is. */
	for (j = 0; j < i - 1; j++)
		if (clientenv_rest[j] == NULL)
			return NULL;
	return clientenv_rest[i - 1];
}

const char *
clientenv_get(const char *name)
{
	size_t i, len = strlen(name);
	const char *e;

	for (i = 0; (e = clientenv_entry(i)) != NULL; i++)
		if (strncmp(e, name, len) == 0 && e[len] == '=')
			return e + len + 1;
	return NULL;
}
