/* SPDX-License-Identifier: Apache-2.0 */
#include "proxyprotocol/crc32c.h"

/* 1EDC6F41 with its bits turned round, as the first bit sent is the lowest. */
#define CRC32C_POLYNOMIAL 0x82f63b78U

/* Bit by bit: it sees one header of at most 4 KiB a connection. */
uint32_t
crc32c(uint32_t crc, const unsigned char *p, size_t len)
{
	int bit;

	crc = ~crc;
	for (; len > 0; len--) {
		crc ^= *p++;
		for (bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? CRC32C_POLYNOMIAL : 0);
	}
	return ~crc;
}
