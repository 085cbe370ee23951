/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/fuzz.h"

#include "lib/core/modes.h"
#include "guest/request.h"
#include "guest/signals.h"

/* All strings are within the request's own text, and end there. */
static void
check_text(const struct request *r, size_t size, const char *s)
{
	FUZZ_CHECK(s >= r->text && s <= r->text + size);
	FUZZ_CHECK(memchr(s, '\0', (size_t)(r->text + size + 1 - s)) != NULL);
}

static void
check_request(const struct request *r, size_t size)
{
	struct termios t;
	size_t i;

	FUZZ_CHECK(r->command == NULL || r->argv == NULL);
	FUZZ_CHECK(r->env != NULL);
	for (i = 0; r->env[i] != NULL; i++) {
		check_text(r, size, r->env[i]);
		FUZZ_CHECK(strchr(r->env[i], '=') > r->env[i]);
	}
	FUZZ_CHECK(i <= REQUEST_ENV_MAX);
	if (r->argv != NULL) {
		FUZZ_CHECK(r->argv[0] != NULL);
		for (i = 0; r->argv[i] != NULL; i++)
			check_text(r, size, r->argv[i]);
	}
	if (r->command != NULL)
		check_text(r, size, r->command);
	if (r->user != NULL)
		check_text(r, size, r->user);
	FUZZ_CHECK(r->tty == (r->modes != NULL));
	if (!r->tty)
		return;
	memset(&t, 0, sizeof(t));
	if (modes_apply(&t, r->modes, r->modes_len) == -1)
		FUZZ_CHECK(r->modes_len % 5 != 0);
}

/* A session's OPEN, the modes in it; and the same bytes as a signal's name. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	unsigned char *copy = (unsigned char *)fuzz_copy(data, size);
	struct request r;
	struct k8s_err err;
	int failed, sig;

	memset(&err, 0, sizeof(err));
	failed = request_parse(&r, copy, size, &err) == -1;
	sig = signal_number((const char *)copy, size);
	FUZZ_CHECK(sig == 0 || strlen(signal_name(sig)) == size);
	free(copy);
	fuzz_check_err(failed, &err);
	if (failed)
		FUZZ_CHECK(r.text == NULL && r.pointers == NULL);
	else
		check_request(&r, size);
	request_free(&r);
	return 0;
}
