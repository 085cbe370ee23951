/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/fuzz.h"

#include "lib/kube/cred.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_copy(data, size);
	struct k8s_err err;
	struct cred c;
	int r;

	memset(&err, 0, sizeof(err));
	memset(&c, 0, sizeof(c));
	r = cred_parse_plugin(text, size, "client.authentication.k8s.io/v1", &c,
	    &err);
	fuzz_check_err(r == -1, &err);
	FUZZ_CHECK((c.cert == NULL) == (c.key == NULL));
	FUZZ_CHECK((r == 0) == (c.token != NULL || c.cert != NULL));
	/* It becomes part of a header. */
	if (c.token != NULL)
		FUZZ_CHECK(c.token[0] != '\0' &&
		    strpbrk(c.token, "\r\n :,\"") == NULL);
	if (c.cert != NULL)
		FUZZ_CHECK(
		    strlen(c.cert) == c.cert_len && strlen(c.key) == c.key_len);
	cred_clear(&c);
	free(text);
	return 0;
}
