/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/core/inifile.h"

#include <errno.h>
#include <fcntl.h>
#include <ini.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/core/buf.h"

/* Largest configuration file. */
#define INIFILE_MAX (256 * 1024)

/* What libinih's calls of the reader and the handler share. */
struct inifile_reader {
	inifile_key_cb *cb;
	void *arg;
	const char *rest;    /* of the text */
	int line;	     /* under way, from 1 */
	char complaint[512]; /* the first one */
	int complaint_line;
};

int
inifile_complain(struct inifile_reader *r, const char *what, const char *text)
{
	char safe[64], quoted[sizeof(safe) + 4] = "";

	if (r->complaint_line != 0)
		return -1;
	if (text != NULL)
		(void)snprintf(quoted, sizeof(quoted), " \"%s\"",
		    log_escape(safe, sizeof(safe), text, strlen(text)));
	(void)snprintf(r->complaint, sizeof(r->complaint),
	    "%s%s; see k8shell.conf(5)", what, quoted);
	r->complaint_line = r->line;
	return -1;
}

int
inifile_number(struct inifile_reader *r, const char *value, unsigned long min,
    unsigned long max, unsigned int *out)
{
	unsigned long v = 0;
	char *end = NULL, what[64];

	errno = 0;
	/* strtoul() alone would take blanks and signs. */
	if (*value >= '0' && *value <= '9')
		v = strtoul(value, &end, 10);
	if (end != NULL && *end == '\0' && errno == 0 && v >= min && v <= max) {
		*out = (unsigned int)v;
		return 0;
	}
	(void)snprintf(what, sizeof(what), "not a number from %lu to %lu:", min,
	    max);
	return inifile_complain(r, what, value);
}

int
inifile_log_level(struct inifile_reader *r, const char *value,
    enum log_level *level)
{
	static const char *const words[] = {
	    [LOGL_ERROR] = "error",
	    [LOGL_WARN] = "warn",
	    [LOGL_INFO] = "info",
	    [LOGL_DEBUG] = "debug",
	};
	size_t i;

	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcmp(value, words[i]) == 0) {
			*level = (enum log_level)i;
			return 0;
		}
	return inifile_complain(r, "level is error, warn, info or debug, not",
	    value);
}

/* As libinih has it: 0 is an error. */
static int
inifile_handler(void *arg, const char *section, const char *name,
    const char *value)
{
	struct inifile_reader *r = arg;

	if (strlen(section) > INIFILE_SECTION_MAX)
		return inifile_complain(r,
			   "too long a name for a section:", section) == 0;
	if (value == NULL || *value == '\0')
		return inifile_complain(r, "no value for", name) == 0;
	return r->cb(r->arg, r, section, name, value) == 0;
}

/* The number of the first line that is too long, 0 if none is. */
static int
inifile_long_line(const char *text)
{
	size_t len;
	int line;

	for (line = 1; *text != '\0'; line++) {
		len = strcspn(text, "\n");
		if (len > INIFILE_LINE_MAX)
			return line;
		text += len;
		if (*text == '\n')
			text++;
	}
	return 0;
}

/*
 * fgets(3) for libinih, without the blanks at a line's start: to it they mean
 * that the value of the line above goes on.
 */
static char *
inifile_next_line(char *line, int size, void *arg)
{
	struct inifile_reader *r = arg;
	size_t len;

	if (*r->rest == '\0')
		return NULL;
	r->line++;
	r->rest += strspn(r->rest, " \t\r\v\f");
	len = strcspn(r->rest, "\n");
	if (r->rest[len] == '\n')
		len++;
	if (len > (size_t)size - 1)
		len = (size_t)size - 1;
	memcpy(line, r->rest, len);
	line[len] = '\0';
	r->rest += len;
	return line;
}

int
inifile_parse(const char *text, const char *origin, inifile_key_cb *cb,
    void *arg, struct k8s_err *err)
{
	struct inifile_reader r = {.cb = cb, .arg = arg, .rest = text};
	int line;

	if ((line = inifile_long_line(text)) != 0)
		return k8s_err_set(err, K8S_ERR_CONFIG,
		    "%s line %d: longer than %d characters", origin, line,
		    INIFILE_LINE_MAX);
	line = ini_parse_stream(inifile_next_line, &r, inifile_handler, &r);
	if (line != 0)
		return k8s_err_set(err, K8S_ERR_CONFIG, "%s line %d: %s",
		    origin, line,
		    r.complaint_line == line
			? r.complaint
			: "not \"key = value\" nor \"[section]\"");
	return 0;
}

static int
inifile_unreadable(struct k8s_err *err, const char *path)
{
	k8s_err_errno(err, "%s", path);
	if (err != NULL)
		err->code = K8S_ERR_CONFIG;
	return -1;
}

int
inifile_load(const char *path, inifile_key_cb *cb, void *arg,
    struct k8s_err *err)
{
	__attribute__((cleanup(buf_freep))) struct buf *b = NULL;
	const char *text = NULL;
	int fd;

	if ((fd = open(path, O_RDONLY | O_CLOEXEC)) == -1)
		return inifile_unreadable(err, path);
	if ((b = buf_new(INIFILE_MAX)) != NULL && buf_read_all(b, fd) == 0)
		text = buf_string(b);
	(void)close(fd);
	if (text == NULL)
		return inifile_unreadable(err, path);
	return inifile_parse(text, path, cb, arg, err);
}
