/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/kube/kyaml.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <yaml.h>

struct kyaml {
	const char *origin;
	yaml_document_t doc;
	int loaded;
};

/* A kyaml_node is libyaml's node under a name of ours. */
static yaml_node_t *
raw(const struct kyaml_node *n)
{
	return (yaml_node_t *)(uintptr_t)n;
}

static struct kyaml_node *
cooked(yaml_node_t *n)
{
	return (struct kyaml_node *)n;
}

static void
parser_freep(yaml_parser_t **p)
{
	if (*p != NULL)
		yaml_parser_delete(*p);
}

static int
syntax_error(const yaml_parser_t *p, const char *origin, struct k8s_err *err)
{
	if (p->error == YAML_MEMORY_ERROR)
		return k8s_err_set(err, K8S_ERR_SYSTEM, "%s: out of memory",
		    origin);
	if (p->error == YAML_READER_ERROR)
		return k8s_err_set(err, K8S_ERR_CONFIG,
		    "%s: byte %zu: not YAML: %s", origin, p->problem_offset,
		    p->problem != NULL ? p->problem : "unreadable");
	return k8s_err_set(err, K8S_ERR_CONFIG, "%s line %zu: not YAML: %s",
	    origin, p->problem_mark.line + 1,
	    p->problem != NULL ? p->problem : "unreadable");
}

static int
has_anchor(const yaml_event_t *e)
{
	switch (e->type) {
	case YAML_ALIAS_EVENT:
		return 1;
	case YAML_SCALAR_EVENT:
		return e->data.scalar.anchor != NULL;
	case YAML_SEQUENCE_START_EVENT:
		return e->data.sequence_start.anchor != NULL;
	case YAML_MAPPING_START_EVENT:
		return e->data.mapping_start.anchor != NULL;
	default:
		return 0;
	}
}

/* What is counted while the events go by. */
struct tally {
	size_t depth, nodes, anchors, documents;
};

static const char *
tally_event(struct tally *t, const yaml_event_t *e)
{
	switch (e->type) {
	case YAML_DOCUMENT_START_EVENT:
		if (++t->documents > 1)
			return "more than one document";
		return NULL;
	case YAML_SEQUENCE_START_EVENT:
	case YAML_MAPPING_START_EVENT:
		if (++t->depth > KYAML_DEPTH)
			return "nested too deeply";
		break;
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		t->depth--;
		return NULL;
	case YAML_SCALAR_EVENT:
	case YAML_ALIAS_EVENT:
		break;
	default:
		return NULL;
	}
	if (++t->nodes > KYAML_NODES)
		return "too many values";
	if (has_anchor(e) && ++t->anchors > KYAML_ANCHORS)
		return "too many anchors and aliases";
	return NULL;
}

/* libyaml's own tree builder is only let at what passes here: it looks up
 * anchors linearly and has no limits. */
static int
check_bounds(const char *text, size_t len, const char *origin,
    struct k8s_err *err)
{
	yaml_parser_t parser;
	yaml_parser_t *p __attribute__((cleanup(parser_freep))) = NULL;
	struct tally t = {0, 0, 0, 0};
	yaml_event_t e;
	const char *problem;
	size_t line;
	int end;

	if (!yaml_parser_initialize(&parser))
		return k8s_err_set(err, K8S_ERR_SYSTEM, "%s: out of memory",
		    origin);
	p = &parser;
	yaml_parser_set_input_string(p, (const unsigned char *)text, len);
	do {
		if (!yaml_parser_parse(p, &e))
			return syntax_error(p, origin, err);
		problem = tally_event(&t, &e);
		line = e.start_mark.line + 1;
		end = e.type == YAML_STREAM_END_EVENT;
		yaml_event_delete(&e);
		if (problem != NULL)
			return k8s_err_set(err, K8S_ERR_CONFIG,
			    "%s line %zu: %s", origin, line, problem);
	} while (!end);
	if (t.nodes == 0)
		return k8s_err_set(err, K8S_ERR_CONFIG,
		    "%s: empty, write a kubeconfig into it", origin);
	return 0;
}

static const char *
scalar(const yaml_node_t *n)
{
	return (const char *)n->data.scalar.value;
}

static int
same_scalar(const yaml_node_t *a, const yaml_node_t *b)
{
	return a->data.scalar.length == b->data.scalar.length &&
	    memcmp(scalar(a), scalar(b), a->data.scalar.length) == 0;
}

static int
check_mapping(struct kyaml *y, yaml_node_t *map, struct k8s_err *err)
{
	yaml_node_pair_t *start = map->data.mapping.pairs.start,
			 *top = map->data.mapping.pairs.top, *a, *b;
	yaml_node_t *ka, *kb;

	if (top - start > KYAML_MAPPING_MAX)
		return k8s_err_set(err, K8S_ERR_CONFIG,
		    "%s line %zu: more than %d keys in one mapping", y->origin,
		    map->start_mark.line + 1, KYAML_MAPPING_MAX);
	for (a = start; a < top; a++) {
		ka = yaml_document_get_node(&y->doc, a->key);
		if (ka == NULL || ka->type != YAML_SCALAR_NODE)
			return k8s_err_set(err, K8S_ERR_CONFIG,
			    "%s line %zu: a key that is no string", y->origin,
			    map->start_mark.line + 1);
		if (strcmp(scalar(ka), "<<") == 0)
			return k8s_err_set(err, K8S_ERR_CONFIG,
			    "%s line %zu: merge keys (<<) are not supported",
			    y->origin, ka->start_mark.line + 1);
		for (b = start; b < a; b++) {
			kb = yaml_document_get_node(&y->doc, b->key);
			if (same_scalar(ka, kb))
				return k8s_err_set(err, K8S_ERR_CONFIG,
				    "%s line %zu: this key is there twice: "
				    "%.64s",
				    y->origin, ka->start_mark.line + 1,
				    scalar(ka));
		}
	}
	return 0;
}

struct kyaml *
kyaml_parse(const char *text, size_t len, const char *origin,
    struct k8s_err *err)
{
	struct kyaml *y __attribute__((cleanup(kyaml_freep))) = NULL;
	struct kyaml *done;
	yaml_parser_t parser;
	yaml_parser_t *p __attribute__((cleanup(parser_freep))) = NULL;
	yaml_node_t *n = NULL;

	if (check_bounds(text, len, origin, err) == -1)
		return NULL;
	if ((y = calloc(1, sizeof(*y))) == NULL ||
	    !yaml_parser_initialize(&parser)) {
		k8s_err_set(err, K8S_ERR_SYSTEM, "%s: out of memory", origin);
		return NULL;
	}
	p = &parser;
	y->origin = origin;
	yaml_parser_set_input_string(p, (const unsigned char *)text, len);
	if (!yaml_parser_load(p, &y->doc)) {
		syntax_error(p, origin, err);
		/* cppcheck-suppress memleak ; y has a cleanup attribute */
		return NULL;
	}
	y->loaded = 1;
	for (n = y->doc.nodes.start; n < y->doc.nodes.top; n++)
		if (n->type == YAML_MAPPING_NODE &&
		    check_mapping(y, n, err) == -1)
			return NULL;
	n = yaml_document_get_root_node(&y->doc);
	if (n == NULL || n->type != YAML_MAPPING_NODE) {
		k8s_err_set(err, K8S_ERR_CONFIG,
		    "%s: not a kubeconfig (no mapping at its top)", origin);
		return NULL;
	}
	done = y;
	y = NULL;
	return done;
}

void
kyaml_free(struct kyaml *y)
{
	yaml_node_t *n = NULL;

	if (y == NULL)
		return;
	if (y->loaded) {
		for (n = y->doc.nodes.start; n < y->doc.nodes.top; n++)
			if (n->type == YAML_SCALAR_NODE)
				explicit_bzero(n->data.scalar.value,
				    n->data.scalar.length);
		yaml_document_delete(&y->doc);
	}
	free(y);
}

void
kyaml_freep(struct kyaml **y)
{
	kyaml_free(*y);
	*y = NULL;
}

struct kyaml_node *
kyaml_root(struct kyaml *y)
{
	return cooked(yaml_document_get_root_node(&y->doc));
}

static int
is_null(const yaml_node_t *n)
{
	const char *s = scalar(n);

	return n->type == YAML_SCALAR_NODE &&
	    n->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
	    (s[0] == '\0' || strcmp(s, "~") == 0 || strcmp(s, "null") == 0 ||
		strcmp(s, "Null") == 0 || strcmp(s, "NULL") == 0);
}

static yaml_node_t *
find(struct kyaml *y, struct kyaml_node *map, const char *key)
{
	yaml_node_t *m = raw(map), *k, *v;
	yaml_node_pair_t *p;

	if (m == NULL)
		return NULL;
	for (p = m->data.mapping.pairs.start; p < m->data.mapping.pairs.top;
	    p++) {
		k = yaml_document_get_node(&y->doc, p->key);
		if (strcmp(scalar(k), key) != 0)
			continue;
		v = yaml_document_get_node(&y->doc, p->value);
		if (v == NULL || (v->type == YAML_SCALAR_NODE && is_null(v)))
			return NULL;
		return v;
	}
	return NULL;
}

static int
wrong_type(struct kyaml *y, const yaml_node_t *n, const char *key,
    const char *wanted, struct k8s_err *err)
{
	return k8s_err_set(err, K8S_ERR_CONFIG, "%s line %zu: %s must be %s",
	    y->origin, n->start_mark.line + 1, key, wanted);
}

static int
member(struct kyaml *y, struct kyaml_node *map, const char *key,
    yaml_node_type_t type, const char *wanted, yaml_node_t **out,
    struct k8s_err *err)
{
	yaml_node_t *n = find(y, map, key);

	if (n != NULL && n->type != type)
		return wrong_type(y, n, key, wanted, err);
	*out = n;
	return 0;
}

int
kyaml_map(struct kyaml *y, struct kyaml_node *map, const char *key,
    struct kyaml_node **out, struct k8s_err *err)
{
	yaml_node_t *n = NULL;

	if (member(y, map, key, YAML_MAPPING_NODE, "a mapping", &n, err) == -1)
		return -1;
	*out = cooked(n);
	return 0;
}

int
kyaml_list(struct kyaml *y, struct kyaml_node *map, const char *key,
    struct kyaml_node **out, struct k8s_err *err)
{
	yaml_node_t *n = NULL;

	if (member(y, map, key, YAML_SEQUENCE_NODE, "a list", &n, err) == -1)
		return -1;
	*out = cooked(n);
	return 0;
}

/* A tag such as !!binary would ask for a conversion that is not done. */
static int
string_of(struct kyaml *y, const yaml_node_t *n, const char *key,
    const char **out, struct k8s_err *err)
{
	if (n->type != YAML_SCALAR_NODE ||
	    strcmp((const char *)n->tag, YAML_STR_TAG) != 0)
		return wrong_type(y, n, key, "a string", err);
	if (strlen(scalar(n)) != n->data.scalar.length)
		return wrong_type(y, n, key, "without NUL bytes", err);
	*out = scalar(n);
	return 0;
}

int
kyaml_string(struct kyaml *y, struct kyaml_node *map, const char *key,
    const char **out, struct k8s_err *err)
{
	yaml_node_t *n = find(y, map, key);

	*out = NULL;
	if (n == NULL)
		return 0;
	if (string_of(y, n, key, out, err) == -1)
		return -1;
	if ((*out)[0] == '\0')
		*out = NULL;
	return 0;
}

int
kyaml_bool(struct kyaml *y, struct kyaml_node *map, const char *key, int *out,
    struct k8s_err *err)
{
	static const char *const words[2][3] = {{"false", "False", "FALSE"},
	    {"true", "True", "TRUE"}};
	yaml_node_t *n = find(y, map, key);
	int v, i;

	*out = 0;
	if (n == NULL)
		return 0;
	if (n->type == YAML_SCALAR_NODE &&
	    n->data.scalar.style == YAML_PLAIN_SCALAR_STYLE)
		for (v = 0; v < 2; v++)
			for (i = 0; i < 3; i++)
				if (strcmp(scalar(n), words[v][i]) == 0) {
					*out = v;
					return 0;
				}
	return wrong_type(y, n, key, "true or false", err);
}

int
kyaml_has(struct kyaml *y, struct kyaml_node *map, const char *key)
{
	yaml_node_t *n = find(y, map, key);

	if (n == NULL)
		return 0;
	switch (n->type) {
	case YAML_SEQUENCE_NODE:
		return n->data.sequence.items.start <
		    n->data.sequence.items.top;
	case YAML_MAPPING_NODE:
		return n->data.mapping.pairs.start < n->data.mapping.pairs.top;
	default:
		return n->data.scalar.length > 0;
	}
}

size_t
kyaml_count(const struct kyaml_node *list)
{
	yaml_node_t *n = raw(list);

	return n == NULL ? 0
			 : (size_t)(n->data.sequence.items.top -
			       n->data.sequence.items.start);
}

static yaml_node_t *
item(struct kyaml *y, struct kyaml_node *list, size_t i)
{
	return yaml_document_get_node(&y->doc,
	    raw(list)->data.sequence.items.start[i]);
}

int
kyaml_map_at(struct kyaml *y, struct kyaml_node *list, size_t i,
    struct kyaml_node **out, struct k8s_err *err)
{
	yaml_node_t *n = item(y, list, i);

	if (n->type != YAML_MAPPING_NODE)
		return wrong_type(y, n, "an element of this list", "a mapping",
		    err);
	*out = cooked(n);
	return 0;
}

int
kyaml_string_at(struct kyaml *y, struct kyaml_node *list, size_t i,
    const char **out, struct k8s_err *err)
{
	return string_of(y, item(y, list, i), "an element of this list", out,
	    err);
}

size_t
kyaml_line(struct kyaml *y, struct kyaml_node *node, const char *key)
{
	yaml_node_t *n = key == NULL ? NULL : find(y, node, key);

	if (n == NULL)
		n = raw(node);
	return n->start_mark.line + 1;
}
