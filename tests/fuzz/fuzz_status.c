/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/fuzz.h"

#include "lib/kube/status.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const int codes[] = {0, 200, 302, 400, 401, 403, 404, 429, 500,
	    503};
	char *text = fuzz_copy(data, size);
	struct k8s_err err;
	int exit_code = -1, r;
	size_t i;

	memset(&err, 0, sizeof(err));
	r = status_exec(text, size, &exit_code, &err);
	FUZZ_CHECK(r == 0 || r == -1);
	FUZZ_CHECK(
	    r == 0 ? exit_code >= 0 && exit_code <= 255 : exit_code == -1);
	fuzz_check_err(r == -1, &err);
	for (i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		memset(&err, 0, sizeof(err));
		FUZZ_CHECK(status_http_error(codes[i], text, size, (int)i - 1,
			       &err) == -1);
		fuzz_check_err(1, &err);
	}
	free(text);
	return 0;
}
