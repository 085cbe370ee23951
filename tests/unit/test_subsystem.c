/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include "helpers/subsystem.h"

/* The words with a bar between them, or "none". */
static void
check(const char *command, const char *expect)
{
	char **words = subsystem_sftp_words(command), got[256] = "none";
	size_t i, n = 0;

	for (i = 0; words != NULL && words[i] != NULL; i++)
		n += (size_t)snprintf(got + n, sizeof(got) - n, "%s%s",
		    i > 0 ? "|" : "", words[i]);
	if (strcmp(got, expect) != 0)
		fail_msg("\"%s\": %s instead of %s", command, got, expect);
	if (words != NULL)
		free(words[0]);
	free(words);
}

static void
knows_sftp(void **state)
{
	(void)state;
	check("internal-sftp", "internal-sftp");
	check(" internal-sftp  -l INFO -u 0022 ",
	    "internal-sftp|-l|INFO|-u|0022");
	check(SFTP_PATH, SFTP_PATH);
	check(SFTP_PATH " -R", SFTP_PATH "|-R");
	check("/usr/lib/openssh/sftp-server", "/usr/lib/openssh/sftp-server");
	check("/usr/libexec/openssh/sftp-server -d /srv",
	    "/usr/libexec/openssh/sftp-server|-d|/srv");
}

/* A shell would do more with it, or it is another program. */
static void
leaves_commands_alone(void **state)
{
	static const char *const commands[] = {"", " ", "sftp",
	    "/usr/lib/openssh/sftp-serve", "/usr/lib/openssh/sftp-server2",
	    "lib/openssh/sftp-server", "internal-sftp;id",
	    "internal-sftp $HOME", "internal-sftp >x", "internal-sftp 'a'",
	    "internal-sftp\nid", "internal-sftp\tx", "A=b internal-sftp",
	    "echo internal-sftp", "exec internal-sftp", "internal-sftp\\",
	    "internal-sftp `id`", "~/internal-sftp"};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		check(commands[i], "none");
}

/* They are words of a script, and a program is chosen by them. */
static void
has_plain_places(void **state)
{
	const char *const *p;

	(void)state;
	for (p = subsystem_sftp_places; *p != NULL; p++) {
		assert_int_equal((*p)[0], '/');
		assert_int_equal(strspn(*p,
				     "abcdefghijklmnopqrstuvwxyz"
				     "0123456789/-"),
		    strlen(*p));
		check(*p, *p);
	}
	assert_true(p - subsystem_sftp_places >= 5);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(knows_sftp),
	    cmocka_unit_test(leaves_commands_alone),
	    cmocka_unit_test(has_plain_places),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) != 0;
}
