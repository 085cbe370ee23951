/* SPDX-License-Identifier: Apache-2.0 */
/* The PROXY protocol's header, against proxy-protocol.txt of 2020/03/05. */
#include "tests/unit/unit.h"

#include "proxyprotocol/crc32c.h"
#include "proxyprotocol/pp.h"

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"

/* pp_parse() on a copy of that size: a sanitizer sees one byte too far. */
static enum pp_result
parse(const void *in, size_t len, struct pp_header *h, size_t *need,
    struct k8s_err *err)
{
	unsigned char *copy = malloc(len);
	enum pp_result r;

	assert_true(copy != NULL || len == 0);
	if (len > 0)
		memcpy(copy, in, len);
	*need = 0;
	memset(err, 0, sizeof(*err));
	memset(h, 0x55, sizeof(*h));
	r = pp_parse(copy, len, h, need, err);
	free(copy);
	assert_int_equal(r == PP_BAD, err->code != K8S_ERR_NONE);
	assert_int_equal(r == PP_MORE, *need != 0);
	if (r == PP_MORE) {
		assert_true(*need > len);
		assert_true(*need <= PP_HEADER_MAX);
	}
	return r;
}

/*
 * A header of len bytes, "source port > destination port" or "local": every
 * part of it wants more, and what follows it does not matter.
 */
static void
check_good(const void *in, size_t len, int version, const char *want)
{
	char a[NET_ADDR_TEXT_MAX], b[NET_ADDR_TEXT_MAX], got[160] = "local";
	unsigned char *more = malloc(len + 200);
	struct pp_header h;
	struct k8s_err err;
	size_t n, need;

	for (n = 0; n < len; n++) {
		if (parse(in, n, &h, &need, &err) != PP_MORE)
			fail_msg("%zu bytes of %zu: %s", n, len, err.msg);
		assert_true(need <= len);
	}
	assert_non_null(more);
	memcpy(more, in, len);
	memset(more + len, '\r', 200);
	for (n = 0; n <= 200; n += 100) {
		if (parse(more, len + n, &h, &need, &err) != PP_HEADER)
			fail_msg("\"%s\" refused: %s", want, err.msg);
		assert_int_equal(h.version, version);
		assert_int_equal(h.len, len);
		if (h.local) {
			assert_int_equal(h.source.len, 0);
			assert_int_equal(h.destination.len, 0);
		} else {
			(void)snprintf(got, sizeof(got), "%s %u > %s %u",
			    net_addr_text(&h.source, a, sizeof(a)),
			    net_addr_port(&h.source),
			    net_addr_text(&h.destination, b, sizeof(b)),
			    net_addr_port(&h.destination));
		}
		assert_string_equal(got, want);
	}
	free(more);
}

/* Refused for that reason, by the time that all of it is there. */
static void
check_bad(const void *in, size_t len, const char *says)
{
	struct pp_header h, before;
	struct k8s_err err;
	enum pp_result r;
	size_t n, need;

	memset(&before, 0x55, sizeof(before));
	for (n = 0; (r = parse(in, n, &h, &need, &err)) != PP_BAD; n++)
		if (r != PP_MORE || n == len)
			fail_msg("%d after %zu bytes, not \"%s\"", r, n, says);
	/* And it stays so. */
	for (; n <= len; n++) {
		assert_int_equal(parse(in, n, &h, &need, &err), PP_BAD);
		unit_check_err(&err, K8S_ERR_INVALID, says);
		assert_memory_equal(&h, &before, sizeof(h));
	}
}

#define GOOD1(in, want) check_good(in, sizeof(in) - 1, 1, want)
#define BAD1(in, says)	check_bad(in, sizeof(in) - 1, says)

static void
tells_what_is_no_header(void **state)
{
	static const struct {
		const char *in;
		size_t len;
	} cases[] = {
	    {"SSH-2.0-OpenSSH_9.2\r\n", 21},
	    {"S", 1},
	    {"PS", 2},
	    {"PROXYS", 6},
	    {"PROXY\t", 6},
	    {"proxy ", 6},
	    {" PROXY ", 7},
	    {"\r\n\r\n\r", 5},
	    {"\r\r", 2},
	    {"\n", 1},
	    {"\0", 1},
	    {"\r\n\r\n\0\r\nQUIT\r", 12},
	};
	struct pp_header h;
	struct k8s_err err;
	size_t i, n, need;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		/* From its first byte that differs on, here often the last. */
		assert_int_equal(
		    parse(cases[i].in, cases[i].len, &h, &need, &err), PP_NONE);
		for (n = 0; n < cases[i].len; n++)
			if (parse(cases[i].in, n, &h, &need, &err) != PP_MORE)
				break;
		for (; n < cases[i].len; n++)
			assert_int_equal(parse(cases[i].in, n, &h, &need, &err),
			    PP_NONE);
	}
	assert_int_equal(pp_parse(NULL, 0, &h, &need, NULL), PP_MORE);
	assert_int_equal(need, 1);
	assert_int_equal(parse("PROXY", 5, &h, &need, &err), PP_MORE);
	assert_int_equal(need, 6);
	assert_int_equal(parse("PROXY ", 6, &h, &need, &err), PP_MORE);
	assert_int_equal(need, 8); /* CRLF at least */
	assert_int_equal(parse("PROXY TCP4\r", 11, &h, &need, &err), PP_MORE);
	assert_int_equal(need, 12);
	assert_int_equal(parse(SIGNATURE, 12, &h, &need, &err), PP_MORE);
	assert_int_equal(need, 16);
}

static void
takes_version_1(void **state)
{
	(void)state;
	GOOD1("PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r\n",
	    "192.168.0.1 56324 > 192.168.0.11 443");
	GOOD1("PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n",
	    "255.255.255.255 65535 > 255.255.255.255 65535");
	GOOD1("PROXY TCP4 0.0.0.0 0.0.0.0 0 0\r\n", "0.0.0.0 0 > 0.0.0.0 0");
	GOOD1("PROXY TCP6 2001:db8::1 2001:DB8::2 1 22\r\n",
	    "2001:db8::1 1 > 2001:db8::2 22");
	GOOD1("PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
	      "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n",
	    "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 > "
	    "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535");
	/* IPv4 behind a proxy that listens for both. */
	GOOD1("PROXY TCP6 ::ffff:203.0.113.7 ::ffff:c000:201 4 22\r\n",
	    "203.0.113.7 4 > 192.0.2.1 22");
	GOOD1("PROXY TCP6 ::ffff:203.0.113.7 2001:db8::1 4 22\r\n",
	    "203.0.113.7 4 > 2001:db8::1 22");
}

static void
takes_unknown(void **state)
{
	(void)state;
	GOOD1("PROXY UNKNOWN\r\n", "local");
	GOOD1("PROXY UNKNOWN \r\n", "local");
	/* The longest line there is, of 107 bytes. */
	GOOD1("PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
	      "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n",
	    "local");
	/* Anything before CRLF, the document says. */
	GOOD1("PROXY UNKNOWN x\n\r\r\0\xff\r\n", "local");
	BAD1("PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
	     "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 655350\r\n",
	    "no CRLF in its first 107");
	BAD1("PROXY UNKNOWNS\r\n", "not TCP4");
	BAD1("PROXY unknown\r\n", "not TCP4");
	BAD1("PROXY UNK\n", "CRLF");
}

static void
refuses_broken_lines(void **state)
{
	char line[200];

	(void)state;
	BAD1("PROXY \r\n", "not TCP4");
	BAD1("PROXY  TCP4 1.2.3.4 5.6.7.8 1 2\r\n", "not TCP4");
	BAD1("PROXY TCP 1.2.3.4 5.6.7.8 1 2\r\n", "not TCP4");
	BAD1("PROXY TCP44 1.2.3.4 5.6.7.8 1 2\r\n", "not TCP4");
	BAD1("PROXY UDP4 1.2.3.4 5.6.7.8 1 2\r\n", "not TCP4");
	BAD1("PROXY tcp4 1.2.3.4 5.6.7.8 1 2\r\n", "not TCP4");
	BAD1("PROXY TCP4\t1.2.3.4 5.6.7.8 1 2\r\n", "not TCP4");
	/* The end of the line. */
	BAD1("PROXY TCP4 1.2.3.4 5.6.7.8 1 2\n", "CRLF");
	BAD1("PROXY TCP4 1.2.3.4 5.6.7.8 1 2\rS", "CRLF");
	BAD1("PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\r\n", "CRLF");
	BAD1("PROXY TCP4 1.2.3.4 5.6.7.8 1 2\n\r\n", "CRLF");
	BAD1("PROXY TCP4 1.2.3.4\n5.6.7.8 1 2\r\n", "CRLF");
	/* Too few words, too many, empty ones. */
	BAD1("PROXY TCP4\r\n", "a source");
	BAD1("PROXY TCP4 1.2.3.4 5.6.7.8\r\n", "a source");
	BAD1("PROXY TCP4 1.2.3.4 5.6.7.8 1\r\n", "a destination");
	BAD1("PROXY TCP4 1.2.3.4 5.6.7.8 1 \r\n", "a destination");
	BAD1("PROXY TCP4 1.2.3.4 5.6.7.8 1 2 \r\n", "more behind");
	BAD1("PROXY TCP4 1.2.3.4 5.6.7.8 1 2 3\r\n", "more behind");
	BAD1("PROXY TCP4 1.2.3.4 5.6.7.8 1  2\r\n", "a destination");
	BAD1("PROXY TCP4 1.2.3.4  5.6.7.8 1 2\r\n", "a source");
	BAD1("PROXY TCP4  1.2.3.4 5.6.7.8 1 2\r\n", "a source");
	/* Addresses. */
	BAD1("PROXY TCP4 1.2.3 5.6.7.8 1 2\r\n", "a source");
	BAD1("PROXY TCP4 1.2.3.4.5 5.6.7.8 1 2\r\n", "a source");
	BAD1("PROXY TCP4 1.2.3.04 5.6.7.8 1 2\r\n", "a source");
	BAD1("PROXY TCP4 1.2.3.256 5.6.7.8 1 2\r\n", "a source");
	BAD1("PROXY TCP4 0x1.2.3.4 5.6.7.8 1 2\r\n", "a source");
	BAD1("PROXY TCP4 1.2.3.4 5.6.7.08 1 2\r\n", "a destination");
	BAD1("PROXY TCP4 1.2.3.4\0 5.6.7.8 1 2\r\n", "a source");
	BAD1("PROXY TCP4 host 5.6.7.8 1 2\r\n", "a source");
	BAD1("PROXY TCP4 ::1 ::1 1 2\r\n", "a source");
	BAD1("PROXY TCP4 1.2.3.4 ::1 1 2\r\n", "a destination");
	BAD1("PROXY TCP6 1.2.3.4 5.6.7.8 1 2\r\n", "a source");
	BAD1("PROXY TCP6 ::1 5.6.7.8 1 2\r\n", "a destination");
	BAD1("PROXY TCP6 1::2::3 ::1 1 2\r\n", "a source");
	BAD1("PROXY TCP6 00001::1 ::1 1 2\r\n", "a source");
	BAD1("PROXY TCP6 [::1] ::1 1 2\r\n", "a source");
	BAD1("PROXY TCP6 fe80::1%lo ::1 1 2\r\n", "a source");
	BAD1("PROXY TCP6 ::ffff:1.2.3.04 ::1 1 2\r\n", "a source");
	/* Ports. */
	BAD1("PROXY TCP4 1.2.3.4 5.6.7.8 65536 2\r\n", "a source");
	BAD1("PROXY TCP4 1.2.3.4 5.6.7.8 1 65536\r\n", "a destination");
	BAD1("PROXY TCP4 1.2.3.4 5.6.7.8 01 2\r\n", "a source");
	BAD1("PROXY TCP4 1.2.3.4 5.6.7.8 1 00\r\n", "a destination");
	BAD1("PROXY TCP4 1.2.3.4 5.6.7.8 +1 2\r\n", "a source");
	BAD1("PROXY TCP4 1.2.3.4 5.6.7.8 -1 2\r\n", "a source");
	BAD1("PROXY TCP4 1.2.3.4 5.6.7.8 1 0x2\r\n", "a destination");
	BAD1("PROXY TCP4 1.2.3.4 5.6.7.8 4294967297 2\r\n", "a source");
	/* No end: known after 106 bytes, of which none is a CR. */
	memset(line, ' ', sizeof(line));
	memcpy(line, "PROXY ", 6);
	check_bad(line, 106, "no CRLF");
	check_bad(line, sizeof(line), "no CRLF");
	memcpy(line + 106, "\r\n", 2);
	check_bad(line, 108, "no CRLF");
}

/* A header of version 2, as long as len says. */
struct v2 {
	unsigned char b[PP_HEADER_MAX + 16];
	size_t len;
};

static void
v2_put(struct v2 *v, const void *p, size_t len)
{
	memcpy(v->b + v->len, p, len);
	v->len += len;
	v->b[14] = (unsigned char)((v->len - 16) >> 8);
	v->b[15] = (unsigned char)(v->len - 16);
}

/* So many more bytes. */
static void
v2_fill(struct v2 *v, size_t len)
{
	unsigned char fill[PP_HEADER_MAX];

	memset(fill, 'x', sizeof(fill));
	v2_put(v, fill, len);
}

static void
v2_start(struct v2 *v, int command, int protocol)
{
	memset(v, 0, sizeof(*v));
	memcpy(v->b, SIGNATURE, 12);
	v->b[12] = (unsigned char)command;
	v->b[13] = (unsigned char)protocol;
	v->len = 16;
}

#define V2_PUT(v, s)  v2_put(v, s, sizeof(s) - 1)
#define V2_INET	      "\xcb\x00\x71\x07\xc0\x00\x02\x01\x30\x39\x00\x16"
#define V2_INET_WANT  "203.0.113.7 12345 > 192.0.2.1 22"
#define V2_A6	      "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0"
#define V2_INET6      V2_A6 "\x01" V2_A6 "\x02\xff\xff\x00\x16"
#define V2_INET6_WANT "2001:db8::1 65535 > 2001:db8::2 22"

/* Adds the checksum's TLV and sums up; turn changes the sum. */
static void
v2_crc(struct v2 *v, uint32_t turn)
{
	uint32_t sum;
	int i;

	V2_PUT(v, "\x03\x00\x04\x00\x00\x00\x00");
	sum = crc32c(0, v->b, v->len) ^ turn;
	for (i = 1; i <= 4; i++, sum >>= 8)
		v->b[v->len - (size_t)i] = (unsigned char)sum;
}

static void
v2_good(const struct v2 *v, const char *want)
{
	check_good(v->b, v->len, 2, want);
}

static void
v2_bad(const struct v2 *v, const char *says)
{
	check_bad(v->b, v->len, says);
}

static void
takes_version_2(void **state)
{
	struct v2 v;

	(void)state;
	v2_start(&v, 0x21, 0x11);
	V2_PUT(&v, V2_INET);
	v2_good(&v, V2_INET_WANT);
	v2_start(&v, 0x21, 0x21);
	V2_PUT(&v, V2_INET6);
	v2_good(&v, V2_INET6_WANT);
	v2_start(&v, 0x21, 0x21);
	V2_PUT(&v,
	    "\0\0\0\0\0\0\0\0\0\0\xff\xff\xcb\x00\x71\x07"
	    "\0\0\0\0\0\0\0\0\0\0\xff\xff\xc0\x00\x02\x01\x30\x39\x00\x16");
	v2_good(&v, V2_INET_WANT);
	/* As AWS and Azure send it, with TLVs of theirs. */
	v2_start(&v, 0x21, 0x11);
	V2_PUT(&v, V2_INET "\xea\x00\x05\x01vpce\xee\x00\x00\x04\x00\x02xx");
	v2_good(&v, V2_INET_WANT);
}

static void
takes_what_names_no_addresses(void **state)
{
	static const int unused[] = {0x00, 0x01, 0x10, 0x20, 0x30};
	struct v2 v;
	size_t i;
	int protocol;

	(void)state;
	/* LOCAL: no family matters, and the length is what is skipped. */
	for (protocol = 0; protocol <= 0xff; protocol++) {
		v2_start(&v, 0x20, protocol);
		v2_good(&v, "local");
		V2_PUT(&v, V2_INET);
		v2_good(&v, "local");
		V2_PUT(&v, "\x04\xff");
		v2_good(&v, "local");
	}
	/* UNSPEC, in the family or the transport. */
	for (i = 0; i < sizeof(unused) / sizeof(unused[0]); i++) {
		v2_start(&v, 0x21, unused[i]);
		v2_good(&v, "local");
		V2_PUT(&v, "what is this");
		v2_good(&v, "local");
	}
	/* Unix sockets: 108 bytes each. */
	v2_start(&v, 0x21, 0x31);
	v2_fill(&v, 216);
	v2_good(&v, "local");
	V2_PUT(&v, "\x04\x00\x00");
	v2_good(&v, "local");
	V2_PUT(&v, "\x04");
	v2_bad(&v, "TLVs");
}

static void
refuses_broken_fields(void **state)
{
	static const struct {
		int command, protocol;
		const char *says;
	} cases[] = {
	    {0x11, 0x11, "version"},
	    {0x31, 0x11, "version"},
	    {0x01, 0x11, "version"},
	    {0x22, 0x11, "LOCAL"},
	    {0x2f, 0x11, "LOCAL"},
	    {0x21, 0x41, "no such"},
	    {0x21, 0xf1, "no such"},
	    {0x21, 0x40, "no such"},
	    {0x21, 0x13, "no such"},
	    {0x21, 0x03, "no such"},
	    {0x21, 0x1f, "no such"},
	    {0x21, 0x12, "datagram"},
	    {0x21, 0x22, "datagram"},
	    {0x21, 0x32, "datagram"},
	    {0x21, 0x02, "datagram"},
	};
	struct pp_header h;
	struct k8s_err err;
	size_t i, need;
	struct v2 v;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		v2_start(&v, cases[i].command, cases[i].protocol);
		V2_PUT(&v, V2_INET6 V2_INET6 V2_INET6 V2_INET6 V2_INET6);
		V2_PUT(&v, V2_INET6);
		v2_bad(&v, cases[i].says);
		/* As soon as the 16 bytes are there. */
		assert_int_equal(parse(v.b, 16, &h, &need, &err), PP_BAD);
	}
	/* One byte short of its addresses. */
	v2_start(&v, 0x21, 0x11);
	v2_put(&v, V2_INET, 11);
	v2_bad(&v, "too short");
	assert_int_equal(parse(v.b, 16, &h, &need, &err), PP_BAD);
	v2_start(&v, 0x21, 0x21);
	v2_put(&v, V2_INET6, 35);
	v2_bad(&v, "too short");
	v2_start(&v, 0x21, 0x31);
	v2_fill(&v, 215);
	v2_bad(&v, "too short");
	v2_start(&v, 0x21, 0x11);
	v2_bad(&v, "too short");
}

static void
walks_tlvs(void **state)
{
	struct v2 v;

	(void)state;
	v2_start(&v, 0x21, 0x11);
	V2_PUT(&v, V2_INET "\x04");
	v2_bad(&v, "TLVs");
	V2_PUT(&v, "\x00");
	v2_bad(&v, "TLVs");
	V2_PUT(&v, "\x03"); /* 3 bytes to come */
	v2_bad(&v, "TLVs");
	V2_PUT(&v, "xx");
	v2_bad(&v, "TLVs");
	V2_PUT(&v, "x");
	v2_good(&v, V2_INET_WANT);
	V2_PUT(&v, "\x04\x00\x00");
	v2_good(&v, V2_INET_WANT);
	V2_PUT(&v, "\xff\xff\xff");
	v2_bad(&v, "TLVs");
	/* A length above 255, of one that nobody knows. */
	v2_start(&v, 0x21, 0x21);
	V2_PUT(&v, V2_INET6 "\xf8\x01\x02");
	v2_fill(&v, 258);
	v2_good(&v, V2_INET6_WANT);
}

static void
checks_the_checksum(void **state)
{
	struct v2 v;
	size_t i;

	(void)state;
	v2_start(&v, 0x21, 0x11);
	V2_PUT(&v, V2_INET);
	v2_crc(&v, 0);
	v2_good(&v, V2_INET_WANT);
	/* Any bit of header or sum changed. */
	for (i = 16; i < v.len; i++) {
		if (i >= 28 && i < 31)
			continue; /* the TLV's own type and length */
		v.b[i] ^= 0x10;
		v2_bad(&v, "a wrong checksum");
		v.b[i] ^= 0x10;
	}
	/* Between others. */
	v2_start(&v, 0x21, 0x21);
	V2_PUT(&v, V2_INET6 "\x04\x00\x01x");
	v2_crc(&v, 0);
	v2_good(&v, V2_INET6_WANT);
	V2_PUT(&v, "\x04\x00\x00"); /* the sum is not of this */
	v2_bad(&v, "a wrong checksum");
	/* Twice, and of a wrong size. */
	v2_start(&v, 0x21, 0x11);
	V2_PUT(&v, V2_INET);
	v2_crc(&v, 0);
	v2_crc(&v, 0);
	v2_bad(&v, "not one checksum");
	v2_crc(&v, 0);
	v2_bad(&v, "not one checksum");
	v2_start(&v, 0x21, 0x11);
	V2_PUT(&v, V2_INET "\x03\x00\x03xxx");
	v2_bad(&v, "not one checksum");
	v2_start(&v, 0x21, 0x11);
	V2_PUT(&v, V2_INET "\x03\x00\x00");
	v2_bad(&v, "not one checksum");
	v2_crc(&v, 0);
	v2_bad(&v, "not one checksum");
	/* Also where nothing else of the block matters. */
	v2_start(&v, 0x20, 0x00);
	v2_crc(&v, 0);
	v2_good(&v, "local");
	v2_start(&v, 0x20, 0x00);
	v2_crc(&v, 1);
	v2_bad(&v, "a wrong checksum");
	v2_start(&v, 0x20, 0x11);
	V2_PUT(&v, V2_INET);
	v2_crc(&v, 1);
	v2_bad(&v, "a wrong checksum");
	v2_start(&v, 0x21, 0x00);
	v2_crc(&v, 0x80000000);
	v2_bad(&v, "a wrong checksum");
}

/* Bytes that HAProxy 2.6.12 sent, checksums and a unique id included. */
static void
takes_what_haproxy_sends(void **state)
{
	static const char check[] = SIGNATURE "\x20\x00\x00\x00";
	static const char four[] =
	    "\x0d\x0a\x0d\x0a\x00\x0d\x0a\x51\x55\x49\x54\x0a\x21\x11"
	    "\x00\x13\x7f\x00\x00\x01\x7f\x00\x00\x01\xb5\x88\x60\xe1"
	    "\x03\x00\x04\x1d\x97\x33\x2b";
	static const char six[] =
	    "\x0d\x0a\x0d\x0a\x00\x0d\x0a\x51\x55\x49\x54\x0a\x21\x21"
	    "\x00\x38\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
	    "\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
	    "\x00\x00\x00\x00\x00\x01\x9c\x0e\x60\xe3\x03\x00\x04\x07"
	    "\x43\x6e\xcd\x05\x00\x0a\x31\x37\x39\x35\x35\x33\x33\x39"
	    "\x31\x34";

	(void)state;
	check_good(check, sizeof(check) - 1, 2, "local");
	check_good(four, sizeof(four) - 1, 2,
	    "127.0.0.1 46472 > 127.0.0.1 24801");
	check_good(six, sizeof(six) - 1, 2, "::1 39950 > ::1 24803");
	GOOD1("PROXY TCP6 ::1 ::1 43692 24804\r\n", "::1 43692 > ::1 24804");
	GOOD1("PROXY TCP6 ::ffff:127.0.0.1 ::ffff:127.0.0.1 48550 24806\r\n",
	    "127.0.0.1 48550 > 127.0.0.1 24806");
}

static void
keeps_its_cap(void **state)
{
	struct pp_header h;
	struct k8s_err err;
	struct v2 v;
	size_t need;

	(void)state;
	v2_start(&v, 0x21, 0x11);
	V2_PUT(&v, V2_INET "\x04\x0f\xe1");
	v2_fill(&v, 0xfe1);
	assert_int_equal(v.len, PP_HEADER_MAX);
	v2_good(&v, V2_INET_WANT);
	/* One more, known from the length. */
	V2_PUT(&v, "x");
	assert_int_equal(parse(v.b, 15, &h, &need, &err), PP_MORE);
	assert_int_equal(parse(v.b, 16, &h, &need, &err), PP_BAD);
	unit_check_err(&err, K8S_ERR_LIMIT, "4097 bytes");
	v2_start(&v, 0x20, 0x00);
	v.b[14] = v.b[15] = 0xff;
	assert_int_equal(parse(v.b, 16, &h, &need, &err), PP_BAD);
	unit_check_err(&err, K8S_ERR_LIMIT, "65551 bytes");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(tells_what_is_no_header),
	    cmocka_unit_test(takes_version_1),
	    cmocka_unit_test(takes_unknown),
	    cmocka_unit_test(refuses_broken_lines),
	    cmocka_unit_test(takes_version_2),
	    cmocka_unit_test(takes_what_names_no_addresses),
	    cmocka_unit_test(refuses_broken_fields),
	    cmocka_unit_test(walks_tlvs),
	    cmocka_unit_test(checks_the_checksum),
	    cmocka_unit_test(takes_what_haproxy_sends),
	    cmocka_unit_test(keeps_its_cap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) != 0;
}
