/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/fuzz.h"

#include "helpers/subsystem.h"

static int
is_known(const char *program)
{
	const char *const *p;

	for (p = subsystem_sftp_places; *p != NULL; p++)
		if (strcmp(program, *p) == 0)
			return 1;
	return strcmp(program, SFTP_PATH) == 0 ||
	    strcmp(program, "internal-sftp") == 0;
}

/* What is executed is one of a few programs, with words no shell would touch.
 */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *command = malloc(size + 1), **words;
	size_t i, used = 0, blanks = 0;

	FUZZ_CHECK(command != NULL);
	if (size > 0)
		memcpy(command, data, size);
	command[size] = '\0';
	if ((words = subsystem_sftp_words(command)) != NULL) {
		FUZZ_CHECK(is_known(words[0]));
		for (i = 0; words[i] != NULL; i++) {
			FUZZ_CHECK(words[i][0] != '\0');
			FUZZ_CHECK(strpbrk(words[i],
				       " \t\n'\"\\$`;&|<>()*?[]#~!{}") == NULL);
			used += strlen(words[i]);
		}
		for (i = 0; command[i] != '\0'; i++)
			blanks += command[i] == ' ';
		FUZZ_CHECK(used + blanks == i);
		free(words[0]);
		free(words);
	}
	free(command);
	return 0;
}
