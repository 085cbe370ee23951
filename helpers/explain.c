/* SPDX-License-Identifier: Apache-2.0 */
/*
 * k8shell-explain: started by k8shell-session when a command never began.
 * Writes the reason to stdout and exits with its enum k8s_err_code.
 * A program of its own because libcurl and what it needs would double the
 * memory of every session that has nothing to explain.
 *
 * It has no privilege of its own; it inherits the group of k8shell-session.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "helpers/setup.h"
#include "lib/core/log.h"
#include "lib/core/proc.h"
#include "lib/kube/explain.h"

int
main(int argc, char **argv)
{
	__attribute__((cleanup(setup_clear))) struct setup setup = { 0 };
	static const char *const command[] = { "true", NULL };
	struct exec_params p = { .command = command };
	struct k8s_err err = K8S_ERR_INIT;
	int refused;

	proc_sane_fds();
	(void)signal(SIGCHLD, SIG_DFL);
	log_init("k8shell-explain");
	if (argc != 6)
		k8s_err_set(&err, K8S_ERR_INVALID,
		    "usage: k8shell-explain namespace pod container "
		    "refused|failed reason");
	else if (setup_load(&setup, &err) == 0) {
		p.namespace_ = argv[1];
		p.pod = argv[2];
		p.container = *argv[3] != '\0' ? argv[3] : NULL;
		refused = strcmp(argv[4], "refused") == 0;
		k8s_err_set(&err, refused ? K8S_ERR_CONNECT : K8S_ERR_API,
		    "%s", argv[5]);
		(void)explain_exec(setup.kc, &setup.cred, &p, refused, &err);
	}
	(void)printf("%s", err.msg);
	return (int)err.code;
}
