/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A socket for SSH_AUTH_SOCK, in a folder that only the session's user can
 * enter. Each program that connects gets a channel of its own to the host
 * (PROTOCOL.mux, section 5), if it is that user's or root's.
 */
#ifndef K8SHELL_GUEST_AGENT_H
#define K8SHELL_GUEST_AGENT_H

#include "guest/account.h"
#include "guest/guest.h"

struct agent;

/* session is the channel that is told to the host. */
struct agent *agent_new(struct guest *g, const struct mux_channel *session,
    const struct account *a, struct k8s_err *err);

/* Borrowed until agent_free(). */
const char *agent_path(const struct agent *a);

/* Socket and folder go; connections that are there stay. NULL is fine. */
void agent_free(struct agent *a);

#endif
