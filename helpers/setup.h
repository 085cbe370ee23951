/* SPDX-License-Identifier: Apache-2.0 */
/* What every helper needs before it can talk to the cluster. */
#ifndef K8SHELL_SETUP_H
#define K8SHELL_SETUP_H

#include "lib/core/config.h"
#include "lib/core/err.h"
#include "lib/kube/cred.h"
#include "lib/kube/kubeconfig.h"

struct setup {
	struct config *config;
	struct kubeconfig *kc;
	struct cred cred;
};

/*
 * The first thing in main(): sane descriptors, no core file, no ptrace, no
 * SIGPIPE, the log. name is borrowed for the life of the program.
 */
void setup_process(const char *name);

/* Reads k8shell.conf, the kubeconfig it names and the credentials. */
int setup_load(struct setup *s, struct k8s_err *err);

/* Wipes and frees what is inside. */
void setup_clear(struct setup *s);

#endif
