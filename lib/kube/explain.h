/* SPDX-License-Identifier: Apache-2.0 */
#ifndef K8SHELL_EXPLAIN_H
#define K8SHELL_EXPLAIN_H

#include "lib/core/err.h"
#include "lib/kube/cred.h"
#include "lib/kube/exec.h"
#include "lib/kube/kubeconfig.h"

/*
 * Why an exec never began, in one line. err holds what is known so far and
 * stays where nothing better is found. refused: there was no WebSocket;
 * libwebsockets keeps the answer's body to itself, so the server is asked
 * again, with a request that can't start anything. Then what it says of the
 * pod. Blocks up to 2 * API_TIMEOUT_MS. Always -1.
 */
int explain_exec(const struct kubeconfig *kc, const struct cred *cred,
    const struct exec_params *params, int refused, struct k8s_err *err);

#endif
