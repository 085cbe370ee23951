/* SPDX-License-Identifier: Apache-2.0 */
/* The nsswitch.conf(5) of a connection, made from the host's. Pure. */
#ifndef K8SHELL_NSSWITCH_H
#define K8SHELL_NSSWITCH_H

#include <stddef.h>

#include "lib/core/buf.h"
#include "lib/core/err.h"

#define NSSWITCH_PATH "/etc/nsswitch.conf"

/* Longest file, bytes. */
#define NSSWITCH_MAX 65536

/*
 * Adds to out the len bytes of the host's file, with hosts asked of
 * libnss_k8shell first. Where that says that it has nothing to say (unavail,
 * libnss_k8shell(8)) the host's own services follow as they were. -1: it does
 * not fit into out.
 */
int nsswitch_make(const char *host, size_t len, struct buf *out,
    struct k8s_err *err);

#endif
