/* SPDX-License-Identifier: Apache-2.0 */
/* Small files that hold configuration and secrets, read whole. */
#ifndef K8SHELL_KFILE_H
#define K8SHELL_KFILE_H

#include <stddef.h>

#include "lib/core/err.h"

/*
 * The content of a regular file of 1 to max bytes, which must hold no NUL;
 * one is put behind it. The caller frees it with kfile_wipe(). what names the
 * file's role in messages. *mode (may be NULL) is its st_mode.
 */
char *kfile_read(const char *path, size_t max, const char *what, size_t *len,
    unsigned int *mode, struct k8s_err *err);

/* Overwrites and frees. NULL is fine. */
void kfile_wipe(char *p, size_t len);

#endif
