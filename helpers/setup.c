/* SPDX-License-Identifier: Apache-2.0 */
#include "helpers/setup.h"

#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "lib/core/log.h"
#include "lib/core/proc.h"

void
setup_process(const char *name)
{
	const struct rlimit no_core = {0, 0};

	proc_sane_fds();
	/* Memory holds credentials: no core file, no ptrace by the user. */
	(void)setrlimit(RLIMIT_CORE, &no_core);
	(void)prctl(PR_SET_DUMPABLE, 0);
	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGCHLD, SIG_DFL); /* or children reap themselves */
	log_init(name);
}

int
setup_load(struct setup *s, struct k8s_err *err)
{
	memset(s, 0, sizeof(*s));
	if ((s->config = config_load(CONFIG_PATH, err)) == NULL)
		return -1;
	log_set_level(s->config->log_level);
	s->kc = s->config->kubeconfig != NULL
	    ? kubeconfig_load(s->config->kubeconfig, err)
	    : kubeconfig_in_cluster(KUBECONFIG_IN_CLUSTER_DIR, err);
	if (s->kc == NULL)
		return -1;
	if (s->kc->insecure)
		log_warn("%s: insecure-skip-tls-verify: anybody on the network "
			 "can read and change this session",
		    s->kc->origin);
	return cred_get(s->kc, &s->cred, err);
}

void
setup_clear(struct setup *s)
{
	cred_clear(&s->cred);
	kubeconfig_free(s->kc);
	config_free(s->config);
	memset(s, 0, sizeof(*s));
}
