/* SPDX-License-Identifier: Apache-2.0 */
/* A shared library as others are: its constructor looks at the environment. */
#include <stdlib.h>
#include <unistd.h>

#include "tests/unit/envprobe.h"

int envprobe_ran, envprobe_seen;

__attribute__((constructor)) static void
envprobe_look(int argc, char **argv, char **envp)
{
	(void)argc;
	(void)argv;
	envprobe_ran = 1;
	if (getenv("ENVPROBE") != NULL || secure_getenv("ENVPROBE") != NULL)
		envprobe_seen |= 1;
	if (environ != NULL && environ[0] != NULL)
		envprobe_seen |= 2;
	if (envp != NULL && envp[0] != NULL)
		envprobe_seen |= 4;
}
