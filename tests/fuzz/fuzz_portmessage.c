/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages of portforward: port 258, in pieces. A byte in front of each says
 * how long it is (6 bits) and whether it begins a message.
 */
#include "tests/fuzz/fuzz.h"

#include "lib/kube/portmessage.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct portmessage m;
	struct k8s_err err;
	const unsigned char *p;
	size_t n, len;
	char *piece;
	int first, ret;

	portmessage_init(&m, 258);
	while (size > 0) {
		first = (*data & 0x80) != 0;
		n = *data++ & 0x3f;
		size--;
		if (n > size)
			n = size;
		piece = fuzz_copy(data, n);
		p = (const unsigned char *)piece;
		len = n;
		memset(&err, 0, sizeof(err));
		ret = portmessage_feed(&m, &p, &len, first, &err);
		fuzz_check_err(ret == -1, &err);
		FUZZ_CHECK(ret == -1 || len == 0 ||
		    (m.channel == PORTMESSAGE_DATA && m.got[0] == 2 &&
			(const char *)p >= piece &&
			(const char *)p + len == piece + n));
		FUZZ_CHECK(m.text_len <= sizeof(m.text));
		free(piece);
		if (ret == -1)
			break;
		data += n;
		size -= n;
	}
	return 0;
}
