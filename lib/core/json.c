/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/core/json.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* How an object ends. */
#define JSON_END     "}\n"
#define JSON_END_CUT "\"truncated\":true}\n"

/* Room that is always left for the longer one, with a comma for its NUL. */
#define JSON_KEPT sizeof(JSON_END_CUT)

_Static_assert(JSON_MIN > JSON_KEPT, "an empty object needs more room");

/* Whether n more bytes leave enough to end the object. Sticky. */
static int
json_fits(struct json *j, size_t n)
{
	if (!j->failed &&
	    (n > buf_room(j->buf) || buf_room(j->buf) - n < JSON_KEPT))
		j->failed = 1;
	return !j->failed;
}

/* Of what json_fits(): the memory is there since json_begin(). */
static void
json_put(struct json *j, const char *s, size_t len)
{
	(void)buf_put(j->buf, s, len);
}

/* Starts a member whose value takes min bytes at least. -1: no room. */
static int
json_member(struct json *j, const char *name, size_t min)
{
	size_t len = strlen(name);

	if (!json_fits(j, len + 4 + min))
		return -1;
	if (j->members++ > 0)
		json_put(j, ",", 1);
	json_put(j, "\"", 1);
	json_put(j, name, len);
	json_put(j, "\":", 2);
	return 0;
}

/*
 * Decodes the first character of len > 0 bytes of UTF-8 (RFC 3629 section 4)
 * and returns its size; one byte and U+FFFD if there is none.
 */
static size_t
json_decode(const unsigned char *p, size_t len, uint32_t *c)
{
	static const struct {
		unsigned char first, last; /* of its first byte */
		unsigned char low, high;   /* of its second byte */
	} forms[] = {
	    {0xc2, 0xdf, 0x80, 0xbf},
	    {0xe0, 0xe0, 0xa0, 0xbf},
	    {0xe1, 0xec, 0x80, 0xbf},
	    {0xed, 0xed, 0x80, 0x9f},
	    {0xee, 0xef, 0x80, 0xbf},
	    {0xf0, 0xf0, 0x90, 0xbf},
	    {0xf1, 0xf3, 0x80, 0xbf},
	    {0xf4, 0xf4, 0x80, 0x8f},
	};
	size_t i, k, size;

	*c = p[0];
	if (p[0] < 0x80)
		return 1;
	*c = 0xfffd;
	for (i = 0; i < sizeof(forms) / sizeof(forms[0]); i++)
		if (p[0] >= forms[i].first && p[0] <= forms[i].last)
			break;
	if (i == sizeof(forms) / sizeof(forms[0]))
		return 1;
	size = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
	if (len < size || p[1] < forms[i].low || p[1] > forms[i].high)
		return 1;
	for (k = 2; k < size; k++)
		if (p[k] < 0x80 || p[k] > 0xbf)
			return 1;
	*c = p[0] & (0x7fu >> size);
	for (k = 1; k < size; k++)
		*c = *c << 6 | (p[k] & 0x3fu);
	return size;
}

/* One character as it stands in a string; at most 12 bytes and a NUL. */
static size_t
json_escape(char *dst, size_t size, uint32_t c)
{
	int n;

	if (c == '"' || c == '\\')
		n = snprintf(dst, size, "\\%c", (char)c);
	else if (c >= ' ' && c < 0x7f)
		n = snprintf(dst, size, "%c", (char)c);
	else if (c <= 0xffff)
		n = snprintf(dst, size, "\\u%04x", (unsigned int)c);
	else
		n = snprintf(dst, size, "\\u%04x\\u%04x",
		    0xd800 + (unsigned int)((c - 0x10000) >> 10),
		    0xdc00 + (unsigned int)((c - 0x10000) & 0x3ff));
	return (size_t)n;
}

/*
 * A string, its quotes and kept more bytes fit already. What does not fit
 * beside those is cut off.
 */
static void
json_quote(struct json *j, const void *p, size_t len, size_t kept)
{
	const unsigned char *s = p;
	char out[16];
	uint32_t c;
	size_t n, size;

	json_put(j, "\"", 1);
	for (; len > 0; s += n, len -= n) {
		n = json_decode(s, len, &c);
		size = json_escape(out, sizeof(out), c);
		if (!json_fits(j, size + 1 + kept))
			break;
		json_put(j, out, size);
	}
	json_put(j, "\"", 1);
}

void
json_begin(struct json *j, struct buf *buf)
{
	*j = (struct json){.buf = buf};
	/* All memory now, so that none can be missing halfway. */
	if (buf_room(buf) < JSON_MIN ||
	    buf_reserve(buf, buf_room(buf)) == NULL) {
		j->buf = NULL;
		j->failed = 1;
		return;
	}
	json_put(j, "{", 1);
}

void
json_text(struct json *j, const char *name, const void *p, size_t len)
{
	if (json_member(j, name, 2) == 0)
		json_quote(j, p, len, 0);
}

void
json_string(struct json *j, const char *name, const char *value)
{
	if (value != NULL)
		json_text(j, name, value, strlen(value));
}

void
json_number(struct json *j, const char *name, long long value)
{
	char out[32];
	size_t len;

	len = (size_t)snprintf(out, sizeof(out), "%lld", value);
	if (json_member(j, name, len) == 0)
		json_put(j, out, len);
}

void
json_bool(struct json *j, const char *name, int value)
{
	const char *word = value ? "true" : "false";

	if (json_member(j, name, strlen(word)) == 0)
		json_put(j, word, strlen(word));
}

void
json_strings(struct json *j, const char *name, const char *const *v, size_t n)
{
	size_t i;

	if (json_member(j, name, 2) == -1)
		return;
	json_put(j, "[", 1);
	for (i = 0; i < n && json_fits(j, 4); i++) {
		if (i > 0)
			json_put(j, ",", 1);
		json_quote(j, v[i], strlen(v[i]), 1);
	}
	json_put(j, "]", 1);
}

int
json_end(struct json *j)
{
	if (j->buf == NULL)
		return -1;
	if (!j->failed) {
		json_put(j, JSON_END, sizeof(JSON_END) - 1);
		return 0;
	}
	if (j->members > 0)
		json_put(j, ",", 1);
	json_put(j, JSON_END_CUT, sizeof(JSON_END_CUT) - 1);
	return -1;
}
