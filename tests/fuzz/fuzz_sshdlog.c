/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/fuzz.h"

#include "proxyprotocol/sshdlog.h"

#define AT "127.0.0.1 port 40022"

static int
contains(const char *line, size_t len, const char *what)
{
	return memmem(line, len, what, strlen(what)) != NULL;
}

#define ENDS(a) FUZZ_CHECK(memchr((a), '\0', sizeof(a)) != NULL)

/* What a kind promises, seen from the line. */
static void
check(const struct sshdlog *s, const char *line, size_t len)
{
	static const struct sshdlog nothing;

	ENDS(s->user);
	ENDS(s->method);
	ENDS(s->key_type);
	ENDS(s->fingerprint);
	ENDS(s->cert_id);
	ENDS(s->ca_type);
	ENDS(s->ca_fingerprint);
	ENDS(s->text);
	if (s->kind == SSHDLOG_OTHER)
		FUZZ_CHECK(memcmp(s, &nothing, sizeof(nothing)) == 0);
	else if (s->kind != SSHDLOG_NOT_ALLOWED && s->kind != SSHDLOG_BANNER)
		FUZZ_CHECK(contains(line, len, AT));
	if (s->kind == SSHDLOG_ACCEPTED) {
		FUZZ_CHECK(memcmp(line, "Accepted ", 9) == 0);
		FUZZ_CHECK(contains(line, len, " from " AT " ssh2"));
		FUZZ_CHECK(s->account == SSHDLOG_AUTHENTICATED);
		FUZZ_CHECK(s->method[0] != '\0');
		/* The name ends where the address first is. */
		FUZZ_CHECK(strstr(s->user, " from " AT " ssh2: ") == NULL);
	}
	if (s->kind == SSHDLOG_FAILED)
		FUZZ_CHECK(memcmp(line, "Failed ", 7) == 0);
	if (s->key_type[0] != '\0')
		FUZZ_CHECK(strcmp(s->method, "publickey") == 0 &&
		    strchr(s->fingerprint, ':') != NULL);
	FUZZ_CHECK((s->ca_type[0] != '\0') == (s->ca_fingerprint[0] != '\0'));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *line = fuzz_copy(data, size);
	struct sshdlog a, b;

	memset(&a, 0xff, sizeof(a));
	FUZZ_CHECK(sshdlog_parse(&a, line, size, "127.0.0.1", 40022) == a.kind);
	check(&a, line, size);
	/* Another client's line says nothing but what no address is in. */
	(void)sshdlog_parse(&b, line, size, "203.0.113.255", 65535);
	if (!contains(line, size, "203.0.113.255"))
		FUZZ_CHECK(b.kind == SSHDLOG_OTHER ||
		    b.kind == SSHDLOG_NOT_ALLOWED || b.kind == SSHDLOG_BANNER);
	free(line);
	return 0;
}
