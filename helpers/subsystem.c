/* SPDX-License-Identifier: Apache-2.0 */
#include "helpers/subsystem.h"

#include <stdlib.h>
#include <string.h>

#include "helpers/prelude.h"

const char *const subsystem_sftp_places[] = {
    "/usr/lib/openssh/sftp-server",	/* Debian, Ubuntu */
    "/usr/libexec/openssh/sftp-server", /* Fedora, RHEL */
    "/usr/lib/ssh/sftp-server",		/* Alpine, Arch, SUSE */
    "/usr/libexec/ssh/sftp-server",	/* newer SUSE */
    "/usr/libexec/sftp-server",		/* OpenSSH's own default */
    "/usr/lib64/ssh/sftp-server",
    "/usr/lib64/misc/sftp-server", /* Gentoo */
    "/usr/lib/misc/sftp-server",
    "/usr/lib/sftp-server",
    "/usr/local/libexec/sftp-server",
    NULL,
};

static int
is_sftp(const char *program)
{
	const char *const *p;

	if (strcmp(program, SFTP_PATH) == 0 ||
	    strcmp(program, "internal-sftp") == 0)
		return 1;
	for (p = subsystem_sftp_places; *p != NULL; p++)
		if (strcmp(program, *p) == 0)
			return 1;
	return 0;
}

char **
subsystem_sftp_words(const char *command)
{
	char **words;

	if ((words = prelude_split_words(command)) == NULL)
		return NULL;
	if (is_sftp(words[0]))
		return words;
	free(words[0]);
	free(words);
	return NULL;
}
