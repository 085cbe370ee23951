/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs itself with the environments to be tested; a run with an argument is
 * the program under test and reports what it sees.
 */
#include "tests/unit/unit.h"

#include <errno.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/core/clientenv.h"
#include "tests/unit/envprobe.h"

#define MANY 2000

/* In the program under test: one line for each thing it knows. */
static int
report(void)
{
	const char *e;
	size_t i;

	printf("ran=%d seen=%d environ=%d getenv=%d\n", envprobe_ran,
	    envprobe_seen, environ != NULL && environ[0] != NULL,
	    getenv("ENVPROBE") != NULL);
	e = clientenv_get("ENVPROBE");
	printf("get=%s\n", e != NULL ? e : "(none)");
	printf("prefix=%d empty=%d\n", clientenv_get("ENVPROB") != NULL,
	    clientenv_get("") != NULL);
	for (i = 0; (e = clientenv_entry(i)) != NULL; i++)
		printf("%s\n", e);
	printf("end=%zu far=%d,%d\n", i, clientenv_entry(i + 1) != NULL,
	    clientenv_entry(SIZE_MAX) != NULL);
	/* An environment of its own is as ever. */
	if (setenv("OWN", "1", 1) == 0 && getenv("OWN") != NULL)
		printf("own=%s\n", getenv("OWN"));
	return fflush(stdout) == 0 ? 0 : 1;
}

static void
run(char *const *envp, char *out, size_t size)
{
	char *const argv[] = {(char *)"test_clientenv", (char *)"report", NULL};
	size_t have = 0;
	int p[2], status;
	ssize_t n;
	pid_t pid;

	assert_int_equal(pipe(p), 0);
	assert_true((pid = fork()) >= 0);
	if (pid == 0) {
		alarm(30);
		dup2(p[1], 1);
		close(p[0]);
		close(p[1]);
		execve("/proc/self/exe", argv, envp);
		_exit(127);
	}
	close(p[1]);
	while ((n = read(p[0], out + have, size - 1 - have)) > 0)
		have += (size_t)n;
	out[have] = '\0';
	close(p[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void
nothing_sees_it(void **state)
{
	char *envp[] = {(char *)"ENVPROBE=a=b c", (char *)"LD_X=1",
	    (char *)"odd", (char *)"", (char *)"ENVPROBE=second", NULL};
	char out[1024];

	(void)state;
	run(envp, out, sizeof(out));
	assert_string_equal(out,
	    "ran=1 seen=0 environ=0 getenv=0\n"
	    "get=a=b c\nprefix=0 empty=0\n"
	    "ENVPROBE=a=b c\nLD_X=1\nodd\n\nENVPROBE=second\n"
	    "end=5 far=0,0\nown=1\n");
}

static void
one_and_none(void **state)
{
	char *one[] = {(char *)"ENVPROBE=", NULL};
	char *none[] = {NULL};
	char out[1024];

	(void)state;
	run(one, out, sizeof(out));
	assert_string_equal(out,
	    "ran=1 seen=0 environ=0 getenv=0\nget=\nprefix=0 empty=0\n"
	    "ENVPROBE=\nend=1 far=0,0\nown=1\n");
	run(none, out, sizeof(out));
	assert_string_equal(out,
	    "ran=1 seen=0 environ=0 getenv=0\nget=(none)\n"
	    "prefix=0 empty=0\nend=0 far=0,0\nown=1\n");
}

static void
many(void **state)
{
	static char names[MANY][32], out[MANY * 32], expect[MANY * 32];
	char *envp[MANY + 1];
	size_t i;
	int n;

	(void)state;
	n = snprintf(expect, sizeof(expect),
	    "ran=1 seen=0 environ=0 getenv=0\nget=(none)\n"
	    "prefix=0 empty=0\n");
	for (i = 0; i < MANY; i++) {
		(void)snprintf(names[i], 32, "NAME%zu=value%zu", i, i);
		envp[i] = names[i];
		n += snprintf(expect + n, sizeof(expect) - (size_t)n, "%s\n",
		    names[i]);
	}
	envp[MANY] = NULL;
	(void)snprintf(expect + n, sizeof(expect) - (size_t)n,
	    "end=%d far=0,0\nown=1\n", MANY);
	run(envp, out, sizeof(out));
	assert_string_equal(out, expect);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(nothing_sees_it),
	    cmocka_unit_test(one_and_none),
	    cmocka_unit_test(many),
	};

	(void)argv;
	if (argc > 1)
		return report();
	return cmocka_run_group_tests(tests, NULL, NULL) != 0;
}
