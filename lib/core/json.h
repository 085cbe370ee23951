/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes one flat JSON object on one line, for the audit record. It writes
 * only: the programs that use it read no JSON, so they need no library.
 *
 * The output is RFC 8259 in pure printable ASCII, whatever goes in. Control
 * characters, DEL and all that is not ASCII become \uXXXX (beyond U+FFFF two
 * of them, section 7), so no log viewer and no terminal sees a line break or
 * an escape sequence in it. Each byte that is not part of valid UTF-8 (RFC
 * 3629: overlong, surrogate, past U+10FFFF, cut off) becomes U+FFFD.
 *
 * An object that reaches the cap of its buffer is never broken JSON: the
 * string that did not fit is cut, members after it are left out, and
 * json_end() closes the object with "truncated":true. So what must not be
 * missing goes first.
 */
#ifndef K8SHELL_JSON_H
#define K8SHELL_JSON_H

#include <stddef.h>

#include "lib/core/buf.h"

/* A buffer must have room for this much, for an object of any kind. */
#define JSON_MIN 32

/* Of this module alone; for the caller to place, not to look into. */
struct json {
	struct buf *buf;
	int members;
	int failed;
};

/*
 * Starts an object at the end of buf (borrowed until json_end(), and written
 * to by nobody else meanwhile). Takes the memory for all of buf's room at once,
 * so that later there can be none missing.
 */
void json_begin(struct json *j, struct buf *buf);

/*
 * One member each. name is a literal of ours that needs no escape. They never
 * fail by themselves: json_end() tells.
 */

/* value ends with a NUL; with a value of NULL there is no such member. */
void json_string(struct json *j, const char *name, const char *value);

/* Any len bytes, NULs included. */
void json_text(struct json *j, const char *name, const void *p, size_t len);

/*
 * Readers may have no more than 53 bits for a number (RFC 8259 section 6):
 * what can be larger, a certificate's serial number, is better a string.
 */
void json_number(struct json *j, const char *name, long long value);

void json_bool(struct json *j, const char *name, int value);

/* An array of n strings, each ending with a NUL. */
void json_strings(struct json *j, const char *name, const char *const *v,
    size_t n);

/*
 * Ends the object, and the line with '\n'. -1 if something did not fit: then
 * the object says "truncated":true. Or if it could not even be started, without
 * memory or with less than JSON_MIN of room: then buf is unchanged.
 */
int json_end(struct json *j);

#endif
