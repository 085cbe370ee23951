/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/fuzz.h"

#include "lib/kube/channel.h"

/* What the server wrote, and how much of it came out. */
struct totals {
	size_t out[2];
	unsigned int sum; /* so that all of it is read */
};

static void
count(void *arg, int ch, const unsigned char *p, size_t len)
{
	struct totals *t = arg;

	FUZZ_CHECK(ch == 1 || ch == 2);
	FUZZ_CHECK(len > 0);
	t->sum += p[0] + p[len - 1];
	t->out[ch - 1] += len;
}

/*
 * The input is a list of pieces: a byte whose lowest bit says that a message
 * starts and whose others are the length, then that many bytes.
 */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct totals got = {{0, 0}, 0}, want = {{0, 0}, 0};
	struct channel_reader *r = channel_reader_new(count, &got);
	struct k8s_err err;
	int exit_code = -1, channel = -1, first, status = 0, fed = 0, done;
	unsigned char *piece;
	size_t len;

	FUZZ_CHECK(r != NULL);
	memset(&err, 0, sizeof(err));
	while (size > 0 && fed == 0) {
		first = data[0] & 1;
		len = data[0] >> 1;
		data++;
		size--;
		if (len > size)
			len = size;
		if (first)
			channel = -1;
		piece = (unsigned char *)fuzz_copy(data, len);
		fed = channel_reader_feed(r, piece, len, first, &err);
		/* The same once more, simply. */
		if (len > 0 && channel == -1) {
			channel = data[0];
			status |= channel == 3;
			if (channel == 1 || channel == 2)
				want.out[channel - 1] += len - 1;
		} else if (channel == 1 || channel == 2)
			want.out[channel - 1] += len;
		free(piece);
		data += len;
		size -= len;
	}
	fuzz_check_err(fed == -1, &err);
	FUZZ_CHECK(got.out[0] == want.out[0] && got.out[1] == want.out[1]);
	FUZZ_CHECK(channel_reader_has_status(r) == status);
	memset(&err, 0, sizeof(err));
	done = channel_reader_result(r, &exit_code, &err);
	fuzz_check_err(done == -1, &err);
	FUZZ_CHECK((err.code == K8S_ERR_DISCONNECT) == !status);
	FUZZ_CHECK(
	    done == 0 ? exit_code >= 0 && exit_code <= 255 : exit_code == -1);
	channel_reader_free(r);
	return 0;
}
