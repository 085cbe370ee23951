/* SPDX-License-Identifier: Apache-2.0 */
#ifndef K8SHELL_PRIVILEGES_H
#define K8SHELL_PRIVILEGES_H

#include <sys/types.h>

#include "lib/core/err.h"

/*
 * Gives up root for good: the ids are uid's and gid's, there are no other
 * groups, the one capability left is CAP_SYS_PTRACE, and exec can't bring any
 * other back. All of that is looked at afterwards: on -1 the process must end.
 */
int privileges_drop(uid_t uid, gid_t gid, struct k8s_err *err);

#endif
