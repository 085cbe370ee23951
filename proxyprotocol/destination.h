/* SPDX-License-Identifier: Apache-2.0 */
/* What is to be dialled in the workspace, by what sshd wanted to connect to. */
#ifndef K8SHELL_DESTINATION_H
#define K8SHELL_DESTINATION_H

#include <sys/socket.h>

#include "lib/core/dials.h"
#include "proxyprotocol/names.h"

/*
 * Fills in the type, port and text of a dial to the len bytes of address at
 * sa, at least its family: IPv4 and IPv6 as text, an address that stands for a
 * name as that name, a socket's path. -1, and *why in a few words, a literal,
 * for all else; what is there to tell of it is filled in all the same.
 */
int destination_of(const struct names *names, const struct sockaddr *sa,
    socklen_t len, struct dials_packet *to, const char **why);

#endif
