/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A strict reader for the one line that lib/core/json writes: RFC 8259, flat,
 * printable ASCII, nothing behind the newline. It shares no code with it.
 */
#ifndef K8SHELL_JSONCHECK_H
#define K8SHELL_JSONCHECK_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct jsoncheck {
	const char *p, *end;
};

static inline int
jsoncheck_take(struct jsoncheck *c, const char *s)
{
	size_t n = strlen(s);

	if ((size_t)(c->end - c->p) < n || memcmp(c->p, s, n) != 0)
		return 0;
	c->p += n;
	return 1;
}

static inline int
jsoncheck_hex(struct jsoncheck *c, uint32_t *out)
{
	static const char digits[] = "0123456789abcdef";
	const char *d;
	int i;

	*out = 0;
	for (i = 0; i < 4; i++) {
		if (c->p == c->end || *c->p == '\0' ||
		    (d = strchr(digits, *c->p)) == NULL)
			return 0;
		*out = *out << 4 | (uint32_t)(d - digits);
		c->p++;
	}
	return 1;
}

/* One character of a string; a surrogate has to have its other half. */
static inline int
jsoncheck_char(struct jsoncheck *c, uint32_t *out)
{
	uint32_t low;

	if (c->p == c->end || *c->p < ' ' || *c->p > '~' || *c->p == '"')
		return 0;
	if (*c->p != '\\') {
		*out = (uint32_t)*c->p++;
		return 1;
	}
	if (jsoncheck_take(c, "\\\"")) {
		*out = '"';
		return 1;
	}
	if (jsoncheck_take(c, "\\\\")) {
		*out = '\\';
		return 1;
	}
	if (!jsoncheck_take(c, "\\u") || !jsoncheck_hex(c, out) ||
	    (*out >= 0xdc00 && *out <= 0xdfff))
		return 0;
	if (*out < 0xd800 || *out > 0xdbff)
		return 1;
	if (!jsoncheck_take(c, "\\u") || !jsoncheck_hex(c, &low) ||
	    low < 0xdc00 || low > 0xdfff)
		return 0;
	*out = 0x10000 + ((*out - 0xd800) << 10) + (low - 0xdc00);
	return 1;
}

static inline size_t
jsoncheck_utf8(char *dst, uint32_t c)
{
	if (c < 0x80) {
		dst[0] = (char)c;
		return 1;
	}
	if (c < 0x800) {
		dst[0] = (char)(0xc0 | c >> 6);
		dst[1] = (char)(0x80 | (c & 0x3f));
		return 2;
	}
	if (c < 0x10000) {
		dst[0] = (char)(0xe0 | c >> 12);
		dst[1] = (char)(0x80 | (c >> 6 & 0x3f));
		dst[2] = (char)(0x80 | (c & 0x3f));
		return 3;
	}
	dst[0] = (char)(0xf0 | c >> 18);
	dst[1] = (char)(0x80 | (c >> 12 & 0x3f));
	dst[2] = (char)(0x80 | (c >> 6 & 0x3f));
	dst[3] = (char)(0x80 | (c & 0x3f));
	return 4;
}

/* A string; its value as UTF-8 in dst (may be NULL), at most size bytes. */
static inline int
jsoncheck_string(struct jsoncheck *c, char *dst, size_t size, size_t *len)
{
	uint32_t u;
	size_t n = 0;

	if (!jsoncheck_take(c, "\""))
		return 0;
	while (jsoncheck_char(c, &u))
		if (dst != NULL && size - n >= 4)
			n += jsoncheck_utf8(dst + n, u);
	if (len != NULL)
		*len = n;
	return jsoncheck_take(c, "\"");
}

static inline int
jsoncheck_number(struct jsoncheck *c)
{
	const char *start;

	(void)jsoncheck_take(c, "-");
	start = c->p;
	while (c->p < c->end && *c->p >= '0' && *c->p <= '9')
		c->p++;
	return c->p > start && (*start != '0' || c->p == start + 1);
}

static inline int
jsoncheck_value(struct jsoncheck *c)
{
	if (c->p < c->end && *c->p == '"')
		return jsoncheck_string(c, NULL, 0, NULL);
	if (jsoncheck_take(c, "true") || jsoncheck_take(c, "false"))
		return 1;
	if (!jsoncheck_take(c, "["))
		return jsoncheck_number(c);
	if (jsoncheck_take(c, "]"))
		return 1;
	do {
		if (!jsoncheck_string(c, NULL, 0, NULL))
			return 0;
	} while (jsoncheck_take(c, ","));
	return jsoncheck_take(c, "]");
}

/* Whether all of it is one object and a newline. */
static inline int
jsoncheck_line(const char *p, size_t len)
{
	struct jsoncheck c = {p, p + len};

	if (!jsoncheck_take(&c, "{"))
		return 0;
	if (!jsoncheck_take(&c, "}")) {
		do {
			if (!jsoncheck_string(&c, NULL, 0, NULL) ||
			    !jsoncheck_take(&c, ":") || !jsoncheck_value(&c))
				return 0;
		} while (jsoncheck_take(&c, ","));
		if (!jsoncheck_take(&c, "}"))
			return 0;
	}
	return jsoncheck_take(&c, "\n") && c.p == c.end;
}

#endif
