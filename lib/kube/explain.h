/* SPDX-License-Identifier: Apache-2.0 */
#ifndef K8SHELL_EXPLAIN_H
#define K8SHELL_EXPLAIN_H

#include "lib/core/err.h"
#include "lib/kube/cred.h"
#include "lib/kube/exec.h"
#include "lib/kube/kubeconfig.h"

/*
 * Why the API server refused an exec, in one line. libwebsockets keeps the
 * body of such an answer to itself, so the server is asked again, with a
 * request that can't start anything, and then what it knows of the pod. err
 * holds what the WebSocket said; it stays where nothing better is found.
 * Blocks up to 2 * API_TIMEOUT_MS. Always -1.
 */
int explain_refusal(const struct kubeconfig *kc, const struct cred *cred,
    const struct exec_params *params, struct k8s_err *err);

#endif
