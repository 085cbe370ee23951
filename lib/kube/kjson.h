/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What this tree needs of json-c, with its traps closed: the text need not
 * end with a NUL, exactly one value fills it, nesting is bounded, and a
 * string with a NUL inside is no string.
 */
#ifndef K8SHELL_KJSON_H
#define K8SHELL_KJSON_H

#include <stddef.h>

#include <json.h>

/* Deepest nesting; a Pod with its managedFields stays below 20. */
#define KJSON_DEPTH 64

/* A JSON object of exactly len bytes (white space around it is fine), or
 * NULL. Free with json_object_put() or kjson_putp(). */
struct json_object *kjson_parse(const char *text, size_t len);
void kjson_putp(struct json_object **o);

/*
 * A member, borrowed from o. NULL if o is NULL or no object, if there is no
 * such member or it has another type.
 */
struct json_object *kjson_object(struct json_object *o, const char *key);
struct json_object *kjson_array(struct json_object *o, const char *key);
const char *kjson_string(struct json_object *o, const char *key);

/* Elements of an array; 0 for NULL. */
size_t kjson_length(struct json_object *array);

#endif
