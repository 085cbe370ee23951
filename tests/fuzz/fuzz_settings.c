/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/fuzz.h"

#include "lib/core/inifile.h"
#include "proxyprotocol/settings.h"

/* Every network as it is printed: nothing behind its length. */
static void
check_networks(const struct net_prefix *list, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		FUZZ_CHECK(net_prefix_contains(&list[i], &list[i].net));
}

static void
check_listener(const struct settings_listener *l)
{
	size_t i;

	FUZZ_CHECK(l->name[0] != '\0');
	FUZZ_CHECK(strlen(l->name) < INIFILE_SECTION_MAX);
	FUZZ_CHECK(l->addresses_len > 0);
	for (i = 0; i < l->addresses_len; i++)
		FUZZ_CHECK(l->addresses[i].len > 0);
	FUZZ_CHECK(l->proxy <= PROXY_REQUIRED);
	/* Nobody's header counts by mistake. */
	FUZZ_CHECK((l->proxy == PROXY_OFF) == (l->trusted_len == 0));
	FUZZ_CHECK(l->timeout_ms >= 1000 && l->timeout_ms <= 60000);
	check_networks(l->trusted, l->trusted_len);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const unsigned char seed[LIMITS_SEED_LEN] = {0};
	char *text = malloc(size + 1);
	struct limits *limits;
	struct settings *s;
	struct k8s_err err;
	size_t i;

	FUZZ_CHECK(text != NULL);
	if (size > 0)
		memcpy(text, data, size);
	text[size] = '\0';
	memset(&err, 0, sizeof(err));
	s = settings_parse(text, "f", &err);
	fuzz_check_err(s == NULL, &err);
	if (s != NULL) {
		FUZZ_CHECK(s->sshd[0] == '/' && s->sshd_config[0] == '/');
		FUZZ_CHECK(s->audit_file == NULL || s->audit_file[0] == '/');
		FUZZ_CHECK(s->proxy_id[0] != '\0');
		FUZZ_CHECK(s->uid_base >= 1000 && s->uid_base <= INT32_MAX);
		FUZZ_CHECK(s->log_level <= LOGL_DEBUG);
		FUZZ_CHECK(s->listeners_len > 0);
		for (i = 0; i < s->listeners_len; i++)
			check_listener(&s->listeners[i]);
		check_networks(s->exempt, s->limits.exempt_count);
		/* What was read can be kept. */
		limits = limits_new(&s->limits, seed, NULL);
		FUZZ_CHECK(limits != NULL);
		limits_free(limits);
	} else {
		FUZZ_CHECK(err.code == K8S_ERR_CONFIG);
	}
	settings_free(s);
	free(text);
	return 0;
}
