/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sessions: PROTOCOL.mux, section 4. What they do, and when they end, is what
 * OpenSSH's sshd does:
 *
 * - Signals go to the process group of the session's leader, with the guest's
 *   rights, which are those of the container's user. With a terminal
 *   that is the shell, not the job in the foreground; and when the leader has
 *   ended, they go nowhere.
 * - Without a terminal the session lasts until the leader has ended and
 *   nobody holds its stdout and stderr any more. So a background process that
 *   has kept them keeps it open.
 * - With a terminal it ends with the leader, once what is in the terminal has
 *   been read; others that hold it are hung up.
 * - A host that closes the channel, or goes away, hangs the session up: SIGHUP
 *   and SIGCONT to the group, and the terminal goes.
 */
#ifndef K8SHELL_GUEST_SESSION_H
#define K8SHELL_GUEST_SESSION_H

#include <sys/types.h>

#include "guest/guest.h"

/* The host's OPEN: accepted or refused at once. */
void session_open(struct guest *g, struct mux_channel *c,
    const unsigned char *p, size_t len);

/* A child has been reaped; status as from waitpid(2). Any child's will do. */
void session_reaped(struct guest *g, pid_t pid, int status);

#endif
