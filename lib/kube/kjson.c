/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/kube/kjson.h"

#include <limits.h>
#include <string.h>

static void
tokener_freep(struct json_tokener **tok)
{
	if (*tok != NULL)
		json_tokener_free(*tok);
}

void
kjson_putp(struct json_object **o)
{
	json_object_put(*o);
	*o = NULL;
}

struct json_object *
kjson_parse(const char *text, size_t len)
{
	struct json_tokener *tok __attribute__((cleanup(tokener_freep))) = NULL;
	struct json_object *o;

	if (len == 0 || len > INT_MAX)
		return NULL;
	/* json-c stops at a NUL and takes what it has: look first. */
	if (memchr(text, '\0', len) != NULL)
		return NULL;
	if ((tok = json_tokener_new_ex(KJSON_DEPTH)) == NULL)
		return NULL;
	json_tokener_set_flags(tok, JSON_TOKENER_STRICT);
	o = json_tokener_parse_ex(tok, text, (int)len);
	if (o == NULL)
		return NULL;
	if (json_tokener_get_error(tok) != json_tokener_success ||
	    json_tokener_get_parse_end(tok) != len ||
	    !json_object_is_type(o, json_type_object))
		kjson_putp(&o);
	return o;
}

static struct json_object *
member(struct json_object *o, const char *key, enum json_type type)
{
	struct json_object *v;

	if (!json_object_is_type(o, json_type_object) ||
	    !json_object_object_get_ex(o, key, &v) ||
	    !json_object_is_type(v, type))
		return NULL;
	return v;
}

struct json_object *
kjson_object(struct json_object *o, const char *key)
{
	return member(o, key, json_type_object);
}

struct json_object *
kjson_array(struct json_object *o, const char *key)
{
	return member(o, key, json_type_array);
}

const char *
kjson_string(struct json_object *o, const char *key)
{
	struct json_object *v = member(o, key, json_type_string);
	const char *s;

	if (v == NULL || (s = json_object_get_string(v)) == NULL)
		return NULL;
	if (strlen(s) != (size_t)json_object_get_string_len(v))
		return NULL;
	return s;
}

size_t
kjson_length(struct json_object *array)
{
	return array == NULL ? 0 : json_object_array_length(array);
}
