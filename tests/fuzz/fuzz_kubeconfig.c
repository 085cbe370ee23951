/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/fuzz.h"

#include "lib/core/log.h"
#include "lib/kube/kubeconfig.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_copy(data, size);
	struct kubeconfig *kc;
	struct k8s_err err;

	log_set_level(LOGL_ERROR);
	memset(&err, 0, sizeof(err));
	kc = kubeconfig_parse(text, size, "f", "/nonexistent", &err);
	fuzz_check_err(kc == NULL, &err);
	if (kc != NULL) {
		FUZZ_CHECK(strncmp(kc->server, "http", 4) == 0);
		FUZZ_CHECK(strpbrk(kc->server, "\r\n @?#") == NULL);
		FUZZ_CHECK((kc->cert == NULL) == (kc->key == NULL));
		FUZZ_CHECK(!kc->insecure || kc->ca == NULL);
		FUZZ_CHECK(kc->token_file == NULL || kc->token_file[0] == '/');
		FUZZ_CHECK(kc->exec == NULL ||
		    (kc->exec->args != NULL && kc->exec->env != NULL &&
			kc->exec->command[0] == '/'));
	}
	kubeconfig_free(kc);
	free(text);
	return 0;
}
