/* SPDX-License-Identifier: Apache-2.0 */
#include "proxyprotocol/pp.h"

#include <stdint.h>
#include <string.h>

#include "proxyprotocol/crc32c.h"

/* Version 1: what it starts with, and a protocol's name. */
static const unsigned char pp_v1_start[] = {'P', 'R', 'O', 'X', 'Y', ' '};
#define PP_V1_UNKNOWN "UNKNOWN"

/* Version 2: its signature, where its fields are, where the block starts. */
static const unsigned char pp_v2_start[] = {0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d,
    0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a};
#define PP_V2_COMMAND  12
#define PP_V2_PROTOCOL 13
#define PP_V2_LENGTH   14
#define PP_V2_BLOCK    16

enum { PP_LOCAL = 0, PP_PROXY = 1 };
enum { PP_UNSPEC = 0, PP_INET = 1, PP_INET6 = 2, PP_UNIX = 3 };
enum { PP_STREAM = 1, PP_DGRAM = 2 };

/* Of two addresses and their ports, by family. */
static const size_t pp_v2_addresses[] = {0, 12, 36, 216};

/* A TLV's type and length, and the checksum's TLV. */
#define PP_TLV_HEAD   3
#define PP_TLV_CRC32C 0x03
#define PP_CRC32C_LEN 4

static size_t
pp_get16(const unsigned char *p)
{
	return (size_t)p[0] << 8 | p[1];
}

static enum pp_result
pp_bad(struct k8s_err *err, const char *what)
{
	k8s_err_set(err, K8S_ERR_INVALID, "bad PROXY header: %s", what);
	return PP_BAD;
}

static enum pp_result
pp_more(size_t *need, size_t n)
{
	*need = n;
	return PP_MORE;
}

/* Whether what is there of the first n bytes is start's. */
static int
pp_starts(const unsigned char *p, size_t len, const unsigned char *start,
    size_t n)
{
	return memcmp(p, start, len < n ? len : n) == 0;
}

struct pp_word {
	const char *p;
	size_t len;
};

/*
 * Takes the next word off a line: up to a space, which goes too, or to its
 * end. A word that is not there has no bytes.
 */
static struct pp_word
pp_v1_word(struct pp_word *line)
{
	const char *space = memchr(line->p, ' ', line->len);
	struct pp_word word = *line;
	size_t taken = line->len;

	if (space != NULL) {
		word.len = (size_t)(space - line->p);
		taken = word.len + 1;
	}
	line->p += taken;
	line->len -= taken;
	return word;
}

static int
pp_is(struct pp_word word, const char *want)
{
	return word.len == strlen(want) && memcmp(word.p, want, word.len) == 0;
}

static int
pp_v1_address(struct net_addr *a, int family, struct pp_word ip,
    struct pp_word port)
{
	unsigned int n;

	if (net_port_parse(port.p, port.len, &n) == -1)
		return -1;
	return net_addr_from_text(a, family, ip.p, ip.len, n);
}

/* A line without its CRLF, from the protocol's name on. */
static enum pp_result
pp_v1_line(struct pp_word line, struct pp_header *h, struct k8s_err *err)
{
	struct pp_word protocol = pp_v1_word(&line);
	struct pp_word source = pp_v1_word(&line);
	struct pp_word destination = pp_v1_word(&line);
	struct pp_word source_port = pp_v1_word(&line);
	struct pp_word destination_port = pp_v1_word(&line);
	int family = AF_INET6;

	if (pp_is(protocol, PP_V1_UNKNOWN)) {
		h->local = 1;
		return PP_HEADER;
	}
	if (pp_is(protocol, "TCP4"))
		family = AF_INET;
	else if (!pp_is(protocol, "TCP6"))
		return pp_bad(err, "not TCP4, TCP6 or UNKNOWN");
	if (pp_v1_address(&h->source, family, source, source_port) == -1)
		return pp_bad(err, "not a source address and port");
	if (pp_v1_address(&h->destination, family, destination,
		destination_port) == -1)
		return pp_bad(err, "not a destination address and port");
	/* Not even a space. */
	if (line.p != destination_port.p + destination_port.len)
		return pp_bad(err, "more behind the ports");
	return PP_HEADER;
}

static enum pp_result
pp_v1(const unsigned char *p, size_t len, struct pp_header *h, size_t *need,
    struct k8s_err *err)
{
	const unsigned char *start = p + sizeof(pp_v1_start);
	size_t end = sizeof(pp_v1_start);
	struct pp_word line = {(const char *)start, 0};
	/* Behind this word all up to CRLF is ignored, be it a lone CR or LF. */
	int unknown = pp_starts(start, len - end,
	    (const unsigned char *)PP_V1_UNKNOWN, strlen(PP_V1_UNKNOWN));

	for (; end <= PP_V1_MAX - 2; end++, line.len++) {
		if (end == len || (p[end] == '\r' && end + 1 == len))
			return pp_more(need, end + 2);
		if (p[end] == '\r' && p[end + 1] == '\n')
			break;
		if (!unknown && (p[end] == '\r' || p[end] == '\n'))
			return pp_bad(err, "its line does not end in CRLF");
	}
	if (end > PP_V1_MAX - 2)
		return pp_bad(err, "no CRLF in its first 107 bytes");
	h->version = 1;
	h->len = end + 2;
	return pp_v1_line(line, h, err);
}

/*
 * Whether TLVs fill p from off to end. *crc is where the checksum is, 0 if
 * there is none, SIZE_MAX if there is more than one or one of another size.
 */
static int
pp_v2_tlvs(const unsigned char *p, size_t off, size_t end, size_t *crc)
{
	size_t n;

	*crc = 0;
	while (end - off >= PP_TLV_HEAD) {
		n = pp_get16(p + off + 1);
		if (n > end - off - PP_TLV_HEAD)
			return 0;
		if (p[off] == PP_TLV_CRC32C)
			*crc = *crc == 0 && n == PP_CRC32C_LEN
			    ? off + PP_TLV_HEAD
			    : SIZE_MAX;
		off += PP_TLV_HEAD + n;
	}
	return off == end;
}

/* Section 2.2.3: of the whole header, its own bytes taken as 0. */
static int
pp_v2_crc_right(const unsigned char *p, size_t len, size_t at)
{
	static const unsigned char zero[PP_CRC32C_LEN];
	size_t behind = at + PP_CRC32C_LEN;
	uint32_t crc;

	crc = crc32c(0, p, at);
	crc = crc32c(crc, zero, sizeof(zero));
	crc = crc32c(crc, p + behind, len - behind);
	return crc == (pp_get16(p + at) << 16 | pp_get16(p + at + 2));
}

/* Both addresses, then both ports. */
static void
pp_v2_endpoints(const unsigned char *p, unsigned int family,
    struct pp_header *h)
{
	int af = family == PP_INET ? AF_INET : AF_INET6;
	size_t n = family == PP_INET ? 4 : 16;

	net_addr_from_ip(&h->source, af, p, (unsigned int)pp_get16(p + 2 * n));
	net_addr_from_ip(&h->destination, af, p + n,
	    (unsigned int)pp_get16(p + 2 * n + 2));
}

static enum pp_result
pp_v2(const unsigned char *p, size_t len, struct pp_header *h, size_t *need,
    struct k8s_err *err)
{
	unsigned int command, family, transport;
	size_t total, addresses, crc;
	int ignored;

	if (len < PP_V2_BLOCK)
		return pp_more(need, PP_V2_BLOCK);
	command = p[PP_V2_COMMAND] & 0x0f;
	family = p[PP_V2_PROTOCOL] >> 4;
	transport = p[PP_V2_PROTOCOL] & 0x0f;
	if (p[PP_V2_COMMAND] >> 4 != 2)
		return pp_bad(err, "neither version 1 nor 2");
	if (command > PP_PROXY)
		return pp_bad(err, "neither LOCAL nor PROXY");
	total = PP_V2_BLOCK + pp_get16(p + PP_V2_LENGTH);
	if (total > PP_HEADER_MAX) {
		k8s_err_set(err, K8S_ERR_LIMIT,
		    "bad PROXY header: %zu bytes, at most %d are taken", total,
		    PP_HEADER_MAX);
		return PP_BAD;
	}
	if (command == PP_PROXY && (family > PP_UNIX || transport > PP_DGRAM))
		return pp_bad(err, "no such address family or transport");
	if (command == PP_PROXY && transport == PP_DGRAM)
		return pp_bad(err, "of a datagram, not of a TCP connection");
	/* Then nothing of the block is used; a LOCAL's family may be any. */
	ignored = command == PP_LOCAL || family == PP_UNSPEC ||
	    transport != PP_STREAM;
	addresses = family > PP_UNIX ? 0 : pp_v2_addresses[family];
	if (addresses > total - PP_V2_BLOCK) {
		if (!ignored)
			return pp_bad(err, "too short for its addresses");
		addresses = total - PP_V2_BLOCK;
	}
	if (len < total)
		return pp_more(need, total);

	if (!pp_v2_tlvs(p, PP_V2_BLOCK + addresses, total, &crc)) {
		if (!ignored)
			return pp_bad(err, "TLVs that do not fill it exactly");
		crc = 0;
	}
	if (crc == SIZE_MAX)
		return pp_bad(err, "not one checksum of 4 bytes");
	if (crc != 0 && !pp_v2_crc_right(p, total, crc))
		return pp_bad(err, "a wrong checksum");

	h->version = 2;
	h->len = total;
	h->local = ignored || family == PP_UNIX;
	if (!h->local)
		pp_v2_endpoints(p + PP_V2_BLOCK, family, h);
	return PP_HEADER;
}

enum pp_result
pp_parse(const unsigned char *p, size_t len, struct pp_header *h, size_t *need,
    struct k8s_err *err)
{
	struct pp_header found;
	enum pp_result r;

	if (len == 0)
		return pp_more(need, 1);
	memset(&found, 0, sizeof(found));
	if (pp_starts(p, len, pp_v1_start, sizeof(pp_v1_start)))
		r = len < sizeof(pp_v1_start)
		    ? pp_more(need, len + 1)
		    : pp_v1(p, len, &found, need, err);
	else if (pp_starts(p, len, pp_v2_start, sizeof(pp_v2_start)))
		r = len < sizeof(pp_v2_start)
		    ? pp_more(need, len + 1)
		    : pp_v2(p, len, &found, need, err);
	else
		r = PP_NONE;
	if (r == PP_HEADER)
		*h = found;
	return r;
}
