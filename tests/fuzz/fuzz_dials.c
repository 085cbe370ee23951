/* SPDX-License-Identifier: Apache-2.0 */
/* What supervisor and k8shell-forward say to each other. */
#include "tests/fuzz/fuzz.h"

#include "lib/core/dials.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *packet = fuzz_copy(data, size);
	unsigned char again[DIALS_MAX];
	struct dials_packet p;
	struct k8s_err err;
	int ret;

	memset(&err, 0, sizeof(err));
	ret = dials_decode(packet, size, &p, &err);
	fuzz_check_err(ret == -1, &err);
	if (ret == 0) {
		FUZZ_CHECK(strlen(p.text) == p.text_len);
		FUZZ_CHECK(dials_encode(again, &p) == size);
		FUZZ_CHECK(memcmp(again, packet, size) == 0);
	}
	free(packet);
	return 0;
}
