/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections from within the container: PROTOCOL.mux, sections 6 and 7. The
 * channel is accepted when there is one, and refused with the reason when
 * there can be none, after 10 seconds at the latest.
 */
#ifndef K8SHELL_GUEST_DIAL_H
#define K8SHELL_GUEST_DIAL_H

#include "guest/guest.h"

/* The host's OPEN; the answer comes now or later. */
void dial_tcp(struct guest *g, struct mux_channel *c, const unsigned char *p,
    size_t len);
void dial_unix(struct guest *g, struct mux_channel *c, const unsigned char *p,
    size_t len);

/* Once the mux is gone: ends those that are still under way. */
void dial_end_all(struct guest *g);

#endif
