/* SPDX-License-Identifier: Apache-2.0 */
/*
 * k8shell-session: what sshd runs for a shell or a command, as login shell or
 * as ForceCommand. It opens the same in the user's workspace.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "helpers/prelude.h"
#include "helpers/run.h"
#include "helpers/setup.h"
#include "helpers/subsystem.h"
#include "lib/core/clientenv.h"
#include "lib/core/log.h"

struct session {
	const char *command; /* NULL: the login shell */
	char **words;	     /* of a command without a shell */
};

/*
 * What sshd asked for. As login shell: "-NAME" for a shell, "-c COMMAND" for
 * a command. As ForceCommand: no arguments, the user's wish, if any, is in
 * SSH_ORIGINAL_COMMAND. When both are set up, "-c" names ourselves.
 */
static int
session_request(struct session *s, int argc, char **argv, struct k8s_err *err)
{
	const char *original = clientenv_get("SSH_ORIGINAL_COMMAND");
	const char *c;

	if (original != NULL && *original == '\0')
		original = NULL;
	if (argc == 1) {
		s->command = argv[0][0] == '-' ? NULL : original;
		return 0;
	}
	if (argc != 3 || strcmp(argv[1], "-c") != 0)
		return k8s_err_set(err, K8S_ERR_INVALID,
		    "usage: k8shell-session [-c command]");
	c = argv[2];
	if (strncmp(c, "exec ", 5) == 0)
		c += 5;
	s->command = strcmp(c, SESSION_PATH) == 0 ? original : argv[2];
	return 0;
}

/*
 * A subsystem's command line arrives here as any other command. -1: it is none.
 * The environment goes along: k8shell-sftp takes it as we did, and like us it
 * is setgid, so the loader is careful with it.
 */
static int
session_subsystem(const struct session *s, struct k8s_err *err)
{
	const char *entry;
	char **words, **env;
	size_t n;

	if (s->command == NULL ||
	    (words = subsystem_sftp_words(s->command)) == NULL)
		return 0;
	for (n = 0; clientenv_entry(n) != NULL; n++)
		;
	if ((env = calloc(n + 1, sizeof(*env))) == NULL)
		return k8s_err_errno(err, "out of memory");
	for (n = 0; (entry = clientenv_entry(n)) != NULL; n++)
		env[n] = (char *)(uintptr_t)entry;
	(void)execve(SFTP_PATH, words, env);
	return k8s_err_errno(err, "%s", SFTP_PATH);
}

static void
session_guest(void *arg, struct guestsession_params *p)
{
	const struct session *s = arg;

	p->command = s->command;
}

/* Runs it; a container without /bin/sh gets a second, plain try. */
static int
session_plain(void *arg, struct relay *relay, struct ws_client *server,
    struct relay_params *p, const char *no_guest, struct relay_result *result,
    struct k8s_err *err)
{
	struct session *s = arg;
	char line[K8S_ERR_MAX + 64];

	/* What it can't do may be missed. */
	if (no_guest != NULL)
		(void)dprintf(STDERR_FILENO,
		    "k8shell: plain mode (%s): no signals, no agent, and the "
		    "command goes on when the connection is cut%s\n",
		    log_escape(line, sizeof(line), no_guest, strlen(no_guest)),
		    /* A terminal is raw. */
		    isatty(STDERR_FILENO) ? "\r" : "");
	p->command = s->command;
	if (relay_run(relay, server, p, result, err) == -1)
		return -1;
	if (result->err.code != K8S_ERR_NO_COMMAND || result->started)
		return 0;
	if (s->command == NULL ||
	    (s->words = prelude_split_words(s->command)) == NULL) {
		k8s_err_set(&result->err, K8S_ERR_NO_COMMAND,
		    "this container has no /bin/sh: only a program with plain "
		    "arguments can be run in it, as in: ssh HOST /app/tool "
		    "--flag");
		return 0;
	}
	log_info("no /bin/sh in %s/%s: running the command without a shell",
	    p->exec.namespace_, p->exec.pod);
	p->direct = (const char *const *)s->words;
	return relay_run(relay, server, p, result, err);
}

int
main(int argc, char **argv)
{
	struct session s = {.command = NULL};
	struct run_kind kind = {
	    .guest = session_guest,
	    .plain = session_plain,
	};
	struct k8s_err err = K8S_ERR_INIT;
	int status;

	setup_process("k8shell-session");
	if (argc == 2 && strcmp(argv[1], "-V") == 0) {
		(void)printf("%s\n", PACKAGE_STRING);
		return 0;
	}
	if (session_request(&s, argc, argv, &err) == -1 ||
	    session_subsystem(&s, &err) == -1)
		return run_complain(&err);
	kind.kind = s.command == NULL ? CONTROL_SHELL : CONTROL_EXEC;
	kind.command = s.command;
	status = run(&kind, &s);
	if (s.words != NULL)
		free(s.words[0]);
	free(s.words);
	return status;
}
