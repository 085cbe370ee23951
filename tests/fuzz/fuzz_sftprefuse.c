/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/fuzz.h"

#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "helpers/sftprefuse.h"

#define TEXT	 "why"
#define ANSWER	 (9 + 8 + sizeof(TEXT) - 1 + 4)
#define VERSION3 "\0\0\0\5\2\0\0\0\3"

/* Where the next packet is behind the one at i; 0: there is none that ends. */
static size_t
next_packet(const uint8_t *data, size_t size, size_t i)
{
	size_t len;

	if (size - i < 9)
		return 0;
	len = (size_t)data[i] << 24 | (size_t)data[i + 1] << 16 |
	    (size_t)data[i + 2] << 8 | data[i + 3];
	return len < 5 || len > 256 * 1024 || len > size - i - 4 ? 0
								 : i + 4 + len;
}

/*
 * A version, then an answer to each whole request, by its id, up to a few, and
 * nothing else. Files in place of the client: they never make one wait.
 */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int in = memfd_create("in", MFD_CLOEXEC);
	int out = memfd_create("out", MFD_CLOEXEC);
	unsigned char got[9 + (SFTPREFUSE_MAX + 1) * ANSWER], *p = got + 9;
	size_t i, next, told = 0;
	ssize_t n;

	FUZZ_CHECK(in != -1 && out != -1);
	FUZZ_CHECK(write(in, data, size) == (ssize_t)size);
	FUZZ_CHECK(lseek(in, 0, SEEK_SET) == 0);
	sftprefuse(in, out, TEXT);
	n = pread(out, got, sizeof(got), 0);
	FUZZ_CHECK(n >= 9 && memcmp(got, VERSION3, 9) == 0);
	for (i = 0;
	    told < SFTPREFUSE_MAX && (next = next_packet(data, size, i)) != 0;
	    i = next) {
		if (data[i + 4] == 1) /* INIT */
			continue;
		FUZZ_CHECK(n >= p + ANSWER - got);
		FUZZ_CHECK(memcmp(p, "\0\0\0\x14\x65", 5) == 0);
		FUZZ_CHECK(memcmp(p + 5, data + i + 5, 4) == 0);
		FUZZ_CHECK(memcmp(p + 9, "\0\0\0\4\0\0\0\3" TEXT "\0\0\0\0",
			       ANSWER - 9) == 0);
		p += ANSWER;
		told++;
	}
	FUZZ_CHECK(n == p - got);
	(void)close(in);
	(void)close(out);
	return 0;
}
