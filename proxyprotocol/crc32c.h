/* SPDX-License-Identifier: Apache-2.0 */
/* The Castagnoli CRC, as RFC 4960 appendix B has it. */
#ifndef K8SHELL_CRC32C_H
#define K8SHELL_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/*
 * crc is 0 at first, then what the call before returned: pieces one after the
 * other have the sum of the whole.
 */
uint32_t crc32c(uint32_t crc, const unsigned char *p, size_t len);

#endif
