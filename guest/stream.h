/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A connected socket and its channel: each direction ends by itself, and when
 * both have, the channel is closed. A socket that fails closes it at once.
 */
#ifndef K8SHELL_GUEST_STREAM_H
#define K8SHELL_GUEST_STREAM_H

#include <stddef.h>

#include "guest/guest.h"

/* Both take fd, also where they fail. A stream then lives by itself. */

/* Accepts the host's channel, or refuses it if that can't be done. */
void stream_accept(struct guest *g, struct mux_channel *c, int fd);

/* Asks the host for a channel; -1: no more can be had. */
int stream_open(struct guest *g, enum mux_kind kind, const void *params,
    size_t len, int fd);

#endif
