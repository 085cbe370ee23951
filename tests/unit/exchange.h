/* SPDX-License-Identifier: Apache-2.0 */
/* An exec recorded from a real API server, as bytes again. */
#ifndef K8SHELL_EXCHANGE_H
#define K8SHELL_EXCHANGE_H

#include "tests/unit/unit.h"

#include "lib/kube/kjson.h"

#define EXCHANGE_DIR "tests/data/transcripts/kubernetes-1.36"
#define EXCHANGE_MAX 16

struct exchange {
	char request[1024]; /* without "GET " */
	size_t n;	    /* messages of the server */
	unsigned char *message[EXCHANGE_MAX];
	size_t len[EXCHANGE_MAX];
};

static inline int
exchange_number(struct json_object *o, const char *key)
{
	struct json_object *v;

	return json_object_object_get_ex(o, key, &v) ? json_object_get_int(v)
						     : -1;
}

/*
 * The recorder kept 399 characters of a message. The longer ones are
 * Failures which say their text twice; so what is cut off is made up from
 * what is there. The recorded length tells whether that can be right.
 */
static inline char *
exchange_complete(const char *text)
{
	static const char mark[] = "\"message\":\"", end[] = "\",\"reason\"",
			  twice[] = "Internal error occurred: ",
			  /* Where the text itself is cut. */
	    cut[] = "no such file or direct", rest[] = "ory: unknown";
	const char *start = strstr(text, mark), *stop;
	char message[1024], *whole = malloc(4096);

	assert_non_null(start);
	assert_non_null(whole);
	start += strlen(mark);
	if ((stop = strstr(start, end)) != NULL) {
		(void)snprintf(message, sizeof(message), "%.*s",
		    (int)(stop - start), start);
	} else {
		assert_string_equal(start + strlen(start) - strlen(cut), cut);
		(void)snprintf(message, sizeof(message), "%s%s", start, rest);
	}
	assert_memory_equal(message, twice, strlen(twice));
	(void)snprintf(whole, 4096,
	    "%.*s%s\",\"reason\":\"InternalError\",\"details\":{\"causes\":["
	    "{\"message\":\"%s\"}]},\"code\":500}",
	    (int)(start - text), text, message, message + strlen(twice));
	assert_memory_equal(whole, text, strlen(text));
	return whole;
}

static inline void
exchange_message(struct exchange *x, struct json_object *o)
{
	const char *hex = kjson_string(o, "hex"),
		   *text = kjson_string(o, "text");
	int channel = exchange_number(o, "channel");
	int length = exchange_number(o, "length");
	size_t i, len = 0;
	unsigned char *m;
	unsigned int byte;
	char *whole;

	assert_true(x->n < EXCHANGE_MAX);
	assert_in_range(length, 1, 4096);
	if (length > 0 && length <= 4096)
		len = (size_t)length;
	m = malloc(len + 1);
	assert_non_null(hex);
	assert_non_null(text);
	assert_non_null(m);
	if (strlen(hex) == 2 * len) {
		for (i = 0; i < len; i++) {
			assert_int_equal(sscanf(hex + 2 * i, "%2x", &byte), 1);
			m[i] = (unsigned char)byte;
		}
		assert_int_equal(m[0], channel);
	} else {
		whole = strlen(text) == len - 1 ? strdup(text)
						: exchange_complete(text);
		assert_int_equal(strlen(whole), len - 1);
		m[0] = (unsigned char)channel;
		memcpy(m + 1, whole, len - 1);
		free(whole);
	}
	x->message[x->n] = m;
	x->len[x->n++] = len;
}

static inline void
exchange_load(struct exchange *x, const char *scenario)
{
	char path[512], name[256], line[4096];
	struct json_object *o;
	const char *s;
	FILE *f;

	memset(x, 0, sizeof(*x));
	(void)snprintf(name, sizeof(name), EXCHANGE_DIR "/%s.jsonl", scenario);
	f = fopen(unit_path(path, sizeof(path), name), "re");
	assert_non_null(f);
	while (fgets(line, sizeof(line), f) != NULL) {
		o = kjson_parse(line, strlen(line));
		assert_non_null(o);
		if ((s = kjson_string(o, "request")) != NULL) {
			assert_memory_equal(s, "GET ", 4);
			(void)snprintf(x->request, sizeof(x->request), "%s",
			    s + 4);
		}
		s = kjson_string(o, "dir");
		if (s != NULL && strcmp(s, "server") == 0)
			exchange_message(x, o);
		json_object_put(o);
	}
	fclose(f);
}

static inline void
exchange_free(struct exchange *x)
{
	while (x->n > 0)
		free(x->message[--x->n]);
}

#endif
