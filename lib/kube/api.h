/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GETs to the API server. Blocking, with deadlines; nothing that runs inside
 * an event loop calls it.
 */
#ifndef K8SHELL_API_H
#define K8SHELL_API_H

#include "lib/core/buf.h"
#include "lib/core/err.h"
#include "lib/kube/cred.h"
#include "lib/kube/kubeconfig.h"

#define API_CONNECT_TIMEOUT_MS 10000
#define API_TIMEOUT_MS	       20000
#define API_BODY_MAX	       (4 * 1024 * 1024)

struct api;

/* Both borrowed: they must outlive the api. NULL on failure. */
struct api *api_new(const struct kubeconfig *kc, const struct cred *cred,
    struct k8s_err *err);
void api_free(struct api *a);
void api_freep(struct api **a);

/*
 * path starts with '/' and is already percent-encoded; the server's prefix is
 * put before it. On 200 the body is added to body. Any other answer is an
 * error made by status_http_error(). *http_code (may be NULL) is set whenever
 * there was an answer, 0 otherwise.
 */
int api_get(struct api *a, const char *path, struct buf *body, int *http_code,
    struct k8s_err *err);

#endif
