/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/kube/explain.h"

#include "lib/kube/api.h"
#include "lib/kube/pod.h"
#include "lib/kube/ws.h"

int
explain_exec(const struct kubeconfig *kc, const struct cred *cred,
    const struct exec_params *params, int refused, struct k8s_err *err)
{
	__attribute__((cleanup(buf_freep))) struct buf *path = NULL;
	__attribute__((cleanup(api_freep))) struct api *a = NULL;
	struct k8s_err why;

	if ((path = buf_new(WS_PATH_MAX)) == NULL ||
	    exec_path(params, path) == -1)
		return k8s_err_set(err, K8S_ERR_SYSTEM, "out of memory");
	if ((a = api_new(kc, cred, &why)) == NULL) {
		*err = why;
		return -1;
	}
	if (refused &&
	    api_refusal(a, (const char *)buf_data(path), &why) == -1)
		*err = why;
	else if (refused)
		/* All is well but what we offered, or it is well again. */
		k8s_err_prefix(err,
		    "no WebSocket of v5 or v4.channel.k8s.io can be had there, "
		    "though the request is good (is a proxy in between?)");
	/* What the pod says of itself is better, where one could look. */
	if (err->code == K8S_ERR_NOT_FOUND || err->code == K8S_ERR_API)
		(void)pod_explain(a, params->namespace_, params->pod,
		    params->container, err);
	return -1;
}
