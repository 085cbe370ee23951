/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/fuzz.h"

#include "proxyprotocol/pp.h"

/* One call, with what holds after any. */
static enum pp_result
parse(const uint8_t *data, size_t size, struct pp_header *h, size_t *need)
{
	unsigned char *copy = (unsigned char *)fuzz_copy(data, size);
	struct k8s_err err;
	enum pp_result r;

	memset(&err, 0, sizeof(err));
	memset(h, 0, sizeof(*h));
	*need = 0;
	r = pp_parse(copy, size, h, need, &err);
	free(copy);
	fuzz_check_err(r == PP_BAD, &err);
	FUZZ_CHECK((r == PP_MORE) == (*need != 0));
	FUZZ_CHECK((r == PP_HEADER) == (h->len != 0));
	if (r == PP_MORE)
		FUZZ_CHECK(*need > size && *need <= PP_HEADER_MAX);
	if (r != PP_HEADER)
		return r;
	FUZZ_CHECK(h->len <= size && h->len <= PP_HEADER_MAX);
	FUZZ_CHECK(h->version == 1 ? h->len <= PP_V1_MAX : h->version == 2);
	FUZZ_CHECK(h->local == (h->source.len == 0));
	FUZZ_CHECK(h->local == (h->destination.len == 0));
	return r;
}

static void
check_address(const struct net_addr *a)
{
	char text[NET_ADDR_TEXT_MAX];
	struct net_addr again;

	if (a->len == 0)
		return;
	net_addr_text(a, text, sizeof(text));
	FUZZ_CHECK(net_addr_from_text(&again, a->sa.sa_family, text,
		       strlen(text), net_addr_port(a)) == 0);
	FUZZ_CHECK(net_addr_equal(a, &again));
	FUZZ_CHECK(net_addr_port(a) == net_addr_port(&again));
}

/*
 * Every part of a connection's start, shortest first: until one decides, each
 * wants more, and no decision comes earlier than the bytes that were asked
 * for, if it is that there is a header. Once there is a decision all longer
 * parts share it.
 */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct pp_header whole, part;
	enum pp_result r, decided = PP_MORE;
	size_t n, end, need, asked = 0;

	if (size > PP_HEADER_MAX + 64)
		return 0;
	r = parse(data, size, &whole, &need);
	check_address(&whole.source);
	check_address(&whole.destination);
	for (n = 0; n <= size; n++) {
		r = parse(data, n, &part, &need);
		if (decided != PP_MORE) {
			FUZZ_CHECK(r == decided);
		} else if (r == PP_MORE) {
			FUZZ_CHECK(need >= asked);
			asked = need;
		} else {
			FUZZ_CHECK(r != PP_HEADER || n >= asked);
			FUZZ_CHECK(r != PP_HEADER || n == part.len);
			decided = r;
		}
		if (r == PP_HEADER)
			FUZZ_CHECK(memcmp(&part, &whole, sizeof(part)) == 0);
		/* All of a long body is not worth it: on to its end. */
		end = r == PP_MORE && need < size ? need : size;
		if (end - n > 64)
			n = end - 32;
	}
	return 0;
}
