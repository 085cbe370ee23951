/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The user's agent, which sshd forwards to a socket on this machine, and what
 * programs in the workspace have to do with it: a channel each.
 */
#ifndef K8SHELL_AGENT_H
#define K8SHELL_AGENT_H

#include <sys/types.h>

#include "lib/core/err.h"
#include "lib/core/loop.h"
#include "lib/core/mux.h"

/* Programs that talk to the agent at once; more are refused. */
#define AGENT_CONNS_MAX 64

struct agent;

/* path and loop are borrowed. */
struct agent *agent_new(struct loop *loop, const char *path,
    struct k8s_err *err);
/* Its channels have been closed. NULL is fine. */
void agent_free(struct agent *a);
void agent_freep(struct agent **a);

/* Connects a channel that was asked for to the agent, or refuses it. */
void agent_accept(struct agent *a, struct mux_channel *c);

/*
 * Whether path, which came in the environment and so maybe from the client, is
 * a socket that sshd made for this user: his, in a folder that is his alone,
 * where sshd puts them (/tmp/ssh-XXX, or HOME/.ssh/agent since 10.1). This
 * process may have more rights than the user, and connects to no other.
 */
int agent_is_sshds(const char *path, uid_t uid, const char *home);

#endif
