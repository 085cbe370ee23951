/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/kube/b64.h"

#include <stdint.h>
#include <stdlib.h>

static int
b64_value(unsigned char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

int
b64_decode(const char *s, char *out, size_t *len)
{
	unsigned int bits = 0;
	size_t n = 0, chars = 0, pad = 0;
	int v;

	for (; *s != '\0'; s++) {
		if (*s == '\n' || *s == '\r')
			continue;
		chars++;
		if (*s == '=') {
			if (++pad > 2)
				return -1;
			bits <<= 6;
		} else {
			v = b64_value((unsigned char)*s);
			if (v == -1 || pad > 0)
				return -1;
			bits = bits << 6 | (unsigned int)v;
		}
		if (chars % 4 != 0)
			continue;
		bits &= 0xffffff;
		out[n++] = (char)(bits >> 16);
		if (pad < 2)
			out[n++] = (char)(bits >> 8 & 0xff);
		if (pad < 1)
			out[n++] = (char)(bits & 0xff);
		/* Bits behind the end must be zero, or two texts mean one. */
		if ((pad == 2 && (bits & 0xffff) != 0) ||
		    (pad == 1 && (bits & 0xff) != 0))
			return -1;
	}
	*len = n;
	return chars % 4 == 0 ? 0 : -1;
}

char *
b64_encode(const char *p, size_t len)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				     "abcdefghijklmnopqrstuvwxyz0123456789+/";
	const unsigned char *u = (const unsigned char *)p;
	size_t i, n = 0, left;
	unsigned int bits;
	char *out;

	if (len > (SIZE_MAX - 1) / 4 * 3 - 3 ||
	    (out = malloc((len + 2) / 3 * 4 + 1)) == NULL)
		return NULL;
	for (i = 0; i < len; i += 3) {
		left = len - i;
		bits = (unsigned int)u[i] << 16;
		if (left > 1)
			bits |= (unsigned int)u[i + 1] << 8;
		if (left > 2)
			bits |= u[i + 2];
		out[n++] = digits[bits >> 18];
		out[n++] = digits[bits >> 12 & 63];
		out[n++] = left > 1 ? digits[bits >> 6 & 63] : '=';
		out[n++] = left > 2 ? digits[bits & 63] : '=';
	}
	out[n] = '\0';
	return out;
}
