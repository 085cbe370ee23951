/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names to addresses as the container resolves them. The C library's resolver
 * blocks, so it runs in a process of its own.
 */
#ifndef K8SHELL_GUEST_RESOLVE_H
#define K8SHELL_GUEST_RESOLVE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "lib/core/err.h"

/* Addresses of one name that are looked at. */
#define RESOLVE_MAX 16

/* Longest name, bytes without its NUL (RFC 1035 has 253). */
#define RESOLVE_NAME_MAX 255

/* Seconds after which a resolver gives up. */
#define RESOLVE_TIMEOUT_S 10

struct resolve_addr {
	socklen_t len;
	struct sockaddr_storage addr;
};

/* A numeric address, or localhost: at once. 0: it is neither. */
size_t resolve_now(const char *name, uint16_t port,
    struct resolve_addr addrs[RESOLVE_MAX]);

/*
 * Starts a resolver. The descriptor, the caller's, becomes readable when it
 * has ended, or before. -1 on failure. The child is the caller's to reap.
 */
int resolve_start(const char *name, uint16_t port, struct k8s_err *err);

/*
 * What it found, in the order in which they are to be tried (RFC 8305 section
 * 4: families take turns). fd stays open.
 */
size_t resolve_result(int fd, struct resolve_addr addrs[RESOLVE_MAX]);

#endif
