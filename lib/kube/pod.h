/* SPDX-License-Identifier: Apache-2.0 */
/* What a Pod object says about whether one can exec into it. */
#ifndef K8SHELL_POD_H
#define K8SHELL_POD_H

#include "lib/kube/api.h"

/*
 * Why an exec into this pod failed or would fail, in one line: it does not
 * exist, is pending (with the reason: image pull, unschedulable), completed,
 * being deleted, has no such container (names those it has). Always -1;
 * why says what is known already and is kept where the pod looks healthy. If
 * that is that the server can't be reached, it becomes libcurl's account.
 * container may be NULL. Used after a failed exec only: a healthy one costs
 * no extra request.
 */
int pod_explain(struct api *a, const char *ns, const char *pod,
    const char *container, struct k8s_err *why);

/* The judgement alone, from the JSON of a Pod; for tests and fuzzing. */
int pod_judge(const char *json, size_t len, const char *container,
    struct k8s_err *why);

#endif
