/* SPDX-License-Identifier: Apache-2.0 */
/* What holds after any call into a parser, whatever the bytes were. */
#ifndef K8SHELL_FUZZ_H
#define K8SHELL_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/core/err.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FUZZ_CHECK(x)            \
	do {                     \
		if (!(x))        \
			abort(); \
	} while (0)

/* A failure has a code and says something, in one printable line. */
static inline void
fuzz_check_err(int failed, const struct k8s_err *err)
{
	const char *p;

	FUZZ_CHECK(failed == (err->code != K8S_ERR_NONE));
	FUZZ_CHECK(failed == (err->msg[0] != '\0'));
	for (p = err->msg; *p != '\0'; p++)
		FUZZ_CHECK(*p >= ' ' && *p <= '~');
}

/* A copy of exactly size bytes, so that a sanitizer sees one too far. */
static inline char *
fuzz_copy(const uint8_t *data, size_t size)
{
	char *p = malloc(size);

	if (size > 0) {
		FUZZ_CHECK(p != NULL);
		memcpy(p, data, size);
	}
	return p;
}

#endif
