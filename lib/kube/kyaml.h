/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One YAML document from memory as a tree to look things up in. Depth, nodes,
 * anchors and the width of mappings are bounded before anything is looked up;
 * aliases are references, never copies; duplicate and merge keys ("<<") are
 * refused. Messages name the origin and the line, never a value.
 */
#ifndef K8SHELL_KYAML_H
#define K8SHELL_KYAML_H

#include <stddef.h>

#include "lib/core/err.h"

#define KYAML_DEPTH	  32
#define KYAML_NODES	  65536
#define KYAML_ANCHORS	  256
#define KYAML_MAPPING_MAX 256

struct kyaml;
struct kyaml_node; /* borrowed from its kyaml */

/* origin is borrowed. NULL on failure. The root is a mapping. */
struct kyaml *kyaml_parse(const char *text, size_t len, const char *origin,
    struct k8s_err *err);
/* Wipes the scalars, which may be secrets. */
void kyaml_free(struct kyaml *y);
void kyaml_freep(struct kyaml **y);

struct kyaml_node *kyaml_root(struct kyaml *y);

/*
 * A member of a mapping: *out is the node, or NULL if it is absent or null.
 * map may be NULL: everything is absent in it. -1 if the type is not as asked
 * for.
 */
int kyaml_map(struct kyaml *y, struct kyaml_node *map, const char *key,
    struct kyaml_node **out, struct k8s_err *err);
int kyaml_list(struct kyaml *y, struct kyaml_node *map, const char *key,
    struct kyaml_node **out, struct k8s_err *err);

/* As Go does, an empty string counts as absent. Holds no NUL. Borrowed. */
int kyaml_string(struct kyaml *y, struct kyaml_node *map, const char *key,
    const char **out, struct k8s_err *err);
/* 0 if absent. */
int kyaml_bool(struct kyaml *y, struct kyaml_node *map, const char *key,
    int *out, struct k8s_err *err);

/* 1 if there is a member that is not null, an empty string or empty. */
int kyaml_has(struct kyaml *y, struct kyaml_node *map, const char *key);

/* Elements of a list; 0 for NULL. */
size_t kyaml_count(const struct kyaml_node *list);
/* The i-th element, which must be a mapping (or a string, may be empty). */
int kyaml_map_at(struct kyaml *y, struct kyaml_node *list, size_t i,
    struct kyaml_node **out, struct k8s_err *err);
int kyaml_string_at(struct kyaml *y, struct kyaml_node *list, size_t i,
    const char **out, struct k8s_err *err);

/* Where a node starts, from 1 on; of a member if key is not NULL. */
size_t kyaml_line(struct kyaml *y, struct kyaml_node *node, const char *key);

#endif
