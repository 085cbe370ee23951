/* SPDX-License-Identifier: Apache-2.0 */
/*
 * k8shell-sftp: sshd's sftp subsystem, in the user's workspace. Started by
 * sshd, or by k8shell-session where sshd gives it the subsystem's command line.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "helpers/run.h"
#include "helpers/setup.h"
#include "helpers/sftprefuse.h"
#include "helpers/sftpserver.h"

struct sftp {
	const char *const *args; /* for sftp-server */
	struct sftpserver *server;
};

static void
sftp_guest(void *arg, struct guestsession_params *p)
{
	struct sftp *s = arg;

	p->agent = NULL;
	p->prepare = sftpserver_prepare;
	p->arg = s->server;
}

/* The image's own or none: without the guest nothing is carried in. */
static int
sftp_plain(void *arg, struct relay *relay, struct ws_client *server,
    struct relay_params *p, const char *no_guest, struct relay_result *result,
    struct k8s_err *err)
{
	struct sftp *s = arg;
	char *command;
	int ret;

	if ((command = sftpserver_command(s->args)) == NULL)
		return k8s_err_errno(err, "out of memory");
	p->command = command;
	ret = relay_run(relay, server, p, result, err);
	free(command);
	if (ret == -1)
		return -1;
	if (result->exit_code == SFTPSERVER_NONE ||
	    result->err.code == K8S_ERR_NO_COMMAND) {
		result->exit_code = -1;
		/* Nothing but the client's first word is gone. */
		result->started = 0;
		k8s_err_set(&result->err, K8S_ERR_SYSTEM,
		    "there is no sftp-server in this image, and in plain mode "
		    "(%s) none can be carried in",
		    no_guest != NULL ? no_guest : "guest = off");
	}
	return 0;
}

static void
sftp_refuse(void *arg, const char *line)
{
	(void)arg;
	sftprefuse(STDIN_FILENO, STDOUT_FILENO, line);
}

int
main(int argc, char **argv)
{
	static const struct run_kind kind = {
	    .kind = CONTROL_SFTP,
	    .guest = sftp_guest,
	    .plain = sftp_plain,
	    .refuse = sftp_refuse,
	};
	struct sftp s = {.args = NULL};
	struct k8s_err err = K8S_ERR_INIT;
	int status;

	setup_process("k8shell-sftp");
	if (argc == 2 && strcmp(argv[1], "-V") == 0) {
		(void)printf("%s\n", PACKAGE_STRING);
		return 0;
	}
	s.args = (const char *const *)(argv + (argc > 0));
	if ((s.server = sftpserver_new(s.args)) == NULL) {
		k8s_err_errno(&err, "out of memory");
		return run_complain(&err);
	}
	status = run(&kind, &s);
	sftpserver_free(s.server);
	return status;
}
