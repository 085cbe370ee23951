/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/fuzz.h"

#include "lib/kube/wsframe.h"
#include "lib/kube/wshttp.h"

#define KEY  "dGhlIHNhbXBsZSBub25jZQ=="
#define BOTH "v5.channel.k8s.io,v4.channel.k8s.io"

static void
got_data(void *arg, const unsigned char *p, size_t len, int first)
{
	size_t *n = arg;

	(void)first;
	FUZZ_CHECK(len > 0);
	*n += len + p[0] - p[0] + p[len - 1] - p[len - 1];
}

static void
got_control(void *arg, enum wsframe_opcode op, const unsigned char *p,
    size_t len)
{
	size_t *n = arg;

	(void)p;
	FUZZ_CHECK(op >= WSFRAME_CLOSE && len <= WSFRAME_CONTROL_MAX);
	*n += len;
}

/* Frames whole and byte by byte are the same; no more comes out than in. */
static void
frames(const uint8_t *data, size_t size)
{
	static const struct wsframe_handler h = {got_data, got_control};
	struct wsframe_reader a, b;
	struct k8s_err err;
	size_t i, na = 0, nb = 0;
	int ra, rb = 0;

	memset(&a, 0, sizeof(a));
	memset(&b, 0, sizeof(b));
	memset(&err, 0, sizeof(err));
	ra = wsframe_feed(&a, data, size, &h, &na, &err);
	fuzz_check_err(ra == -1, &err);
	for (i = 0; i < size && rb == 0; i++)
		rb = wsframe_feed(&b, data + i, 1, &h, &nb, &err);
	FUZZ_CHECK(ra == rb && na == nb && na <= size);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct wshttp_answer a;
	struct k8s_err err;
	unsigned char *copy = (unsigned char *)fuzz_copy(data, size);
	long n;

	memset(&err, 0, sizeof(err));
	n = size == 0 ? 0
		      : wshttp_parse((char *)copy, size, KEY, BOTH, &a, &err);
	fuzz_check_err(n == -1, &err);
	FUZZ_CHECK(n >= -1 && n <= (long)size);
	if (n > 0)
		FUZZ_CHECK(a.code >= 100 && a.code <= 999);
	/* What follows a head are frames, and so is anything else. */
	frames(copy + (n > 0 ? n : 0), size - (size_t)(n > 0 ? n : 0));
	free(copy);
	return 0;
}
