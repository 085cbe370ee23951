/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The front: accepts connections, reads the PROXY header where one may come,
 * keeps the limits, and gives each connection a supervisor. It never reads a
 * byte behind the header.
 */
#ifndef K8SHELL_FRONT_H
#define K8SHELL_FRONT_H

#include <sys/types.h>

#include "lib/core/err.h"
#include "proxyprotocol/listen.h"
#include "proxyprotocol/settings.h"
#include "proxyprotocol/sshd.h"

struct front;

struct front_params {
	const char *config_path; /* read again at SIGHUP */
	const char *slots_path;
	uid_t uid; /* of supervisors */
	gid_t gid;
	gid_t helper_gid;
	struct settings *settings; /* the front's from now on */
	struct sshd_facts facts;
	struct listen_set sockets; /* the same */
};

/*
 * Serves until SIGTERM or SIGINT; connections that are there live on. SIGHUP
 * reloads. -1: it could not go on.
 */
int front_run(struct front_params *p, struct k8s_err *err);

#endif
