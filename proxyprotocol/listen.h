/* SPDX-License-Identifier: Apache-2.0 */
/* The listening sockets, made after the settings or inherited. */
#ifndef K8SHELL_LISTEN_H
#define K8SHELL_LISTEN_H

#include <stddef.h>

#include "lib/core/err.h"
#include "lib/core/net.h"
#include "proxyprotocol/settings.h"

struct listen_socket {
	int fd;
	struct net_addr address;		  /* as the settings have it */
	const struct settings_listener *listener; /* of the settings */
};

struct listen_set {
	struct listen_socket *sockets;
	size_t len;
};

/*
 * One socket for each address of s: that of old (may be NULL) or of the
 * inherited ones (sdnotify.h) where one has that address, else a new one. All
 * or nothing. Those of old that are in set as well must not be closed with it:
 * listen_close() has both. An inherited one that no listener names is a
 * mistake.
 */
int listen_open(struct listen_set *set, const struct settings *s,
    const struct listen_set *old, struct k8s_err *err);

/* Closes those that are not in kept (may be NULL), and frees. */
void listen_close(struct listen_set *set, const struct listen_set *kept);

#endif
