/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What k8shell-forward does: dials what the supervisor asks for (dials.h) from
 * within the user's workspace. One exec with the guest for all of them, begun
 * at the first dial and anew at the next one after it was cut; where there can
 * be no guest, the pod's own ports (plain.h). Nothing here opens a connection
 * to anything but the API server.
 *
 * Limits, from k8shell.conf: max_forwards at once, forward_dial_timeout from
 * the packet to CONNECTED. A channel keeps at most a window (MUX_WINDOW) that
 * its socket does not take.
 */
#ifndef K8SHELL_FORWARDS_H
#define K8SHELL_FORWARDS_H

#include "lib/core/err.h"

/*
 * Until the supervisor closes fd, which is borrowed. user: whose workspace. -1:
 * it broke the protocol, or this process has no memory.
 */
int forwards_run(const char *user, int fd, struct k8s_err *err);

#endif
