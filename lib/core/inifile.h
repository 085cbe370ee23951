/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading INI text, as k8shell.conf(5) is written, on libinih. Who reads
 * knows his own keys; what all sections have in common is here, so that every
 * program says the same about the same mistake.
 */
#ifndef K8SHELL_INIFILE_H
#define K8SHELL_INIFILE_H

#include <stddef.h>

#include "lib/core/err.h"
#include "lib/core/log.h"

struct inifile_reader; /* under way */

/*
 * One key, in the file's order. section is "" before the first. All strings
 * are borrowed. 0, or what inifile_complain() returns.
 */
typedef int inifile_key_cb(void *arg, struct inifile_reader *r,
    const char *section, const char *name, const char *value);

/*
 * What is wrong about the current line, and the text it is about (NULL if what
 * has it); the first complaint becomes the error, with the line's number.
 * Returns -1.
 */
int inifile_complain(struct inifile_reader *r, const char *what,
    const char *text);

/* A value that is one number, min to max. */
int inifile_number(struct inifile_reader *r, const char *value,
    unsigned long min, unsigned long max, unsigned int *out);

/* The value of [log] level, the one key that all programs read. */
int inifile_log_level(struct inifile_reader *r, const char *value,
    enum log_level *level);

/*
 * Longest line; longer ones are an error, as the parser would cut them
 * (libinih's INI_MAX_LINE is 200).
 */
#define INIFILE_LINE_MAX 198

/*
 * Longest name of a section. libinih cuts it at 49 characters: two listeners
 * whose names begin alike would become one.
 */
#define INIFILE_SECTION_MAX 48

/* Stops at the first mistake: K8S_ERR_CONFIG. origin stands in messages. */
int inifile_parse(const char *text, const char *origin, inifile_key_cb *cb,
    void *arg, struct k8s_err *err);

/* The same from a file. */
int inifile_load(const char *path, inifile_key_cb *cb, void *arg,
    struct k8s_err *err);

#endif
