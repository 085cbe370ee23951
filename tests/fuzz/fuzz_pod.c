/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/fuzz.h"

#include "lib/kube/pod.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const containers[] = {NULL, "dev", "\033[31m"};
	char *text = fuzz_copy(data, size);
	struct k8s_err why;
	size_t i;

	for (i = 0; i < 3; i++) {
		memset(&why, 0, sizeof(why));
		k8s_err_set(&why, K8S_ERR_DISCONNECT, "known");
		FUZZ_CHECK(pod_judge(text, size, containers[i], &why) == -1);
		fuzz_check_err(1, &why);
	}
	free(text);
	return 0;
}
