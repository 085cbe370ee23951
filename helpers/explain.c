/* SPDX-License-Identifier: Apache-2.0 */
/*
 * k8shell-explain: started by k8shell-session when a command never began, to
 * ask the API server what it knows of the pod. Writes the reason to stdout and
 * exits with its enum k8s_err_code. A program of its own because libcurl and
 * what it needs would double the memory of every session that has nothing to
 * explain.
 *
 * It has no privilege of its own; it inherits the group of k8shell-session.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "helpers/setup.h"
#include "lib/core/log.h"
#include "lib/core/proc.h"
#include "lib/kube/api.h"
#include "lib/kube/pod.h"

int
main(int argc, char **argv)
{
	__attribute__((cleanup(setup_clear))) struct setup setup = {0};
	__attribute__((cleanup(api_freep))) struct api *api = NULL;
	struct k8s_err err = K8S_ERR_INIT;

	proc_sane_fds();
	(void)signal(SIGCHLD, SIG_DFL);
	log_init("k8shell-explain");
	if (argc != 6) {
		k8s_err_set(&err, K8S_ERR_INVALID,
		    "usage: k8shell-explain namespace pod container code "
		    "reason");
	} else if (setup_load(&setup, &err) == 0 &&
	    (api = api_new(setup.kc, &setup.cred, &err)) != NULL) {
		/* What is known so far; the session's own number. */
		k8s_err_set(&err, (enum k8s_err_code)strtol(argv[4], NULL, 10),
		    "%s", argv[5]);
		(void)pod_explain(api, argv[1], argv[2],
		    *argv[3] != '\0' ? argv[3] : NULL, &err);
	}
	(void)printf("%s", err.msg);
	return (int)err.code;
}
