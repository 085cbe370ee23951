/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/fuzz.h"

#include "lib/core/config.h"

/* Whoever the user is: a name of Kubernetes or a refusal. */
static void
fuzz_expand(const char *template, const char *user)
{
	struct k8s_err err;
	char *name;

	memset(&err, 0, sizeof(err));
	name = config_expand(template, user, &err);
	fuzz_check_err(name == NULL, &err);
	if (name != NULL)
		FUZZ_CHECK(strlen(name) <= 253 &&
		    name[strspn(name,
			"abcdefghijklmnopqrstuvwxyz0123456789-.")] == '\0' &&
		    strstr(name, "..") == NULL && name[0] != '.');
	free(name);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	struct config *c;
	struct k8s_err err;

	FUZZ_CHECK(text != NULL);
	if (size > 0)
		memcpy(text, data, size);
	text[size] = '\0';
	memset(&err, 0, sizeof(err));
	c = config_parse(text, "f", &err);
	fuzz_check_err(c == NULL, &err);
	if (c != NULL) {
		FUZZ_CHECK(c->kubeconfig == NULL || c->kubeconfig[0] == '/');
		FUZZ_CHECK(config_is_name(c->namespace_, 63));
		FUZZ_CHECK(
		    c->container == NULL || config_is_name(c->container, 63));
		FUZZ_CHECK(c->log_level <= LOGL_DEBUG);
		fuzz_expand(c->pod, "alice");
		fuzz_expand(c->pod, "");
	} else {
		FUZZ_CHECK(err.code == K8S_ERR_CONFIG);
	}
	fuzz_expand(text, "alice");
	fuzz_expand("%u", text);
	config_free(c);
	free(text);
	return 0;
}
