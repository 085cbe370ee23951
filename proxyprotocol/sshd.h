/* SPDX-License-Identifier: Apache-2.0 */
/* The distribution's sshd: whether it can be started, and starting it. */
#ifndef K8SHELL_SSHD_H
#define K8SHELL_SSHD_H

#include <stddef.h>
#include <sys/types.h>

#include "lib/core/err.h"
#include "proxyprotocol/settings.h"

/* Users that sshd can run commands as before anybody is in. */
#define SSHD_COMMAND_UIDS_MAX 4

struct sshd_facts {
	uid_t command_uids[SSHD_COMMAND_UIDS_MAX];
	size_t command_uids_len;
};

/*
 * Asks sshd itself (sshd -T) whether its configuration is good, and what in it
 * matters here. K8S_ERR_CONFIG with sshd's own words if not.
 */
int sshd_check(const struct settings *s, struct sshd_facts *facts,
    struct k8s_err *err);

/*
 * Lets this process have a descriptor for each connection. sshd gets the limit
 * from before: a high one is not good for all that users' programs do.
 */
int sshd_raise_nofile(const struct settings *s, struct k8s_err *err);

struct sshd_start {
	const struct settings *settings;
	int client;    /* becomes 0 and 1 */
	int log;       /* becomes 2 */
	int handover;  /* close-on-exec, see below; above 2 as all three */
	int addresses; /* the supervisor answers for the client's address */
	int (*instead)(void); /* run, its value the exit status, for tests */
};

/*
 * What the child of a supervisor becomes: "sshd -i -e" under the filter, with
 * a /tmp and an nsswitch.conf(5) of its own. On handover, a SOCK_SEQPACKET,
 * goes the listener (SCM_RIGHTS); then one byte is waited for; then comes the
 * end of file, as sshd runs. Whatever fails goes there as one packet of text.
 * As root.
 */
_Noreturn void sshd_become(const struct sshd_start *start);

#endif
