/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/core/config.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <ini.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/core/buf.h"

/* Largest configuration file, and longest name of a pod (RFC 1123). */
#define CONFIG_FILE_MAX (256 * 1024)
#define CONFIG_NAME_MAX 253

/* Longest line: the INI parser cuts longer ones (its INI_MAX_LINE is 200). */
#define CONFIG_LINE_MAX 198

/* What the INI parser's calls of the reader and the handler share. */
struct config_reader {
	struct config *c;
	const char *rest; /* of the text */
	int line;	  /* under way, from 1 */
	int seen_log_level;
	char complaint[160]; /* the first one */
	int complaint_line;
};

int
config_is_name(const char *s, size_t max)
{
	size_t i, len = strlen(s);

	if (len == 0 || len > max)
		return 0;
	for (i = 0; i < len; i++) {
		if (islower((unsigned char)s[i]) ||
		    isdigit((unsigned char)s[i]))
			continue;
		/* '-' and '.' only between letters and digits. */
		if ((s[i] != '-' && s[i] != '.') || i == 0 || i == len - 1)
			return 0;
		if (s[i] == '.' && (s[i - 1] == '.' || s[i - 1] == '-'))
			return 0;
		if (s[i] == '-' && s[i - 1] == '.')
			return 0;
	}
	return 1;
}

/* Namespaces and containers are one label of it: no dots (RFC 1123). */
static int
config_is_label(const char *s)
{
	return strchr(s, '.') == NULL && config_is_name(s, 63);
}

char *
config_expand(const char *template, const char *user, struct k8s_err *err)
{
	char out[CONFIG_NAME_MAX + 1], safe[64], *copy;
	const char *p, *piece;
	size_t len = 0, n;

	for (p = template; *p != '\0'; p++) {
		piece = p;
		n = 1;
		if (p[0] == '%' && p[1] == 'u') {
			piece = user;
			n = strlen(user);
			p++;
		} else if (p[0] == '%' && p[1] == '%') {
			p++;
		} else if (p[0] == '%') {
			k8s_err_set(err, K8S_ERR_CONFIG,
			    "\"%s\": only %%u and %%%% can stand after a %%",
			    log_escape(safe, sizeof(safe), template,
				strlen(template)));
			return NULL;
		}
		if (n > CONFIG_NAME_MAX - len) {
			k8s_err_set(err, K8S_ERR_INVALID,
			    "the name is longer than %d characters",
			    CONFIG_NAME_MAX);
			return NULL;
		}
		memcpy(out + len, piece, n);
		len += n;
	}
	out[len] = '\0';
	if (!config_is_name(out, CONFIG_NAME_MAX)) {
		log_escape(safe, sizeof(safe), out, len);
		k8s_err_set(err, K8S_ERR_INVALID,
		    "\"%s\" is not a name in Kubernetes (a-z, 0-9, '-', '.')",
		    safe);
		return NULL;
	}
	if ((copy = strdup(out)) == NULL)
		k8s_err_errno(err, "out of memory");
	return copy;
}

static int
config_complain(struct config_reader *r, const char *what, const char *name)
{
	char safe[64];

	if (r->complaint_line == 0) {
		(void)snprintf(r->complaint, sizeof(r->complaint),
		    "%s \"%s\"; see k8shell.conf(5)", what,
		    log_escape(safe, sizeof(safe), name, strlen(name)));
		r->complaint_line = r->line;
	}
	return 0;
}

static int
config_handler(void *arg, const char *section, const char *name,
    const char *value)
{
	static const struct {
		const char *word;
		enum log_level level;
	} levels[] = {
	    {"error", LOGL_ERROR},
	    {"warn", LOGL_WARN},
	    {"info", LOGL_INFO},
	    {"debug", LOGL_DEBUG},
	};
	struct config_reader *r = arg;
	struct config *c = r->c;
	char **slot = NULL;
	size_t i;

	if (strcmp(section, "kubernetes") == 0) {
		if (strcmp(name, "kubeconfig") == 0)
			slot = &c->kubeconfig;
	} else if (strcmp(section, "workspace") == 0) {
		if (strcmp(name, "namespace") == 0)
			slot = &c->namespace_;
		else if (strcmp(name, "pod") == 0)
			slot = &c->pod;
		else if (strcmp(name, "container") == 0)
			slot = &c->container;
	} else if (strcmp(section, "log") == 0) {
		if (strcmp(name, "level") != 0)
			return config_complain(r, "unknown key", name);
		if (r->seen_log_level++)
			return config_complain(r, "set twice:", name);
		for (i = 0; i < sizeof(levels) / sizeof(levels[0]); i++)
			if (strcmp(value, levels[i].word) == 0) {
				c->log_level = levels[i].level;
				return 1;
			}
		return config_complain(r,
		    "level is error, warn, info or debug, not", value);
	} else {
		return config_complain(r, "unknown section", section);
	}
	if (slot == NULL)
		return config_complain(r, "unknown key", name);
	if (*slot != NULL)
		return config_complain(r, "set twice:", name);
	if (value == NULL || *value == '\0')
		return config_complain(r, "no value for", name);
	if (strlen(value) > CONFIG_VALUE_MAX)
		return config_complain(r, "value too long for", name);
	if (slot == &c->kubeconfig && *value != '/')
		return config_complain(r, "not an absolute path:", value);
	if (slot == &c->namespace_ && !config_is_label(value))
		return config_complain(r, "not a namespace:", value);
	if (slot == &c->container && !config_is_label(value))
		return config_complain(r, "not a container:", value);
	if ((*slot = strdup(value)) == NULL)
		return config_complain(r, "out of memory at", name);
	return 1;
}

/* The number of the first line that is too long, 0 if none is. */
static int
config_long_line(const char *text)
{
	size_t len;
	int line;

	for (line = 1; *text != '\0'; line++) {
		len = strcspn(text, "\n");
		if (len > CONFIG_LINE_MAX)
			return line;
		text += len;
		if (*text == '\n')
			text++;
	}
	return 0;
}

/*
 * fgets(3) for the INI parser, without the blanks at a line's start: to it
 * they mean that the value of the line above goes on.
 */
static char *
config_next_line(char *line, int size, void *arg)
{
	struct config_reader *r = arg;
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

struct config *
config_parse(const char *text, const char *origin, struct k8s_err *err)
{
	__attribute__((cleanup(config_freep))) struct config *c = NULL;
	struct config_reader r = {0};
	struct config *done;
	int line;

	if ((c = calloc(1, sizeof(*c))) == NULL) {
		k8s_err_errno(err, "out of memory");
		return NULL;
	}
	c->log_level = LOGL_INFO;
	r.c = c;
	r.rest = text;
	if ((line = config_long_line(text)) != 0) {
		k8s_err_set(err, K8S_ERR_CONFIG,
		    "%s line %d: longer than %d characters", origin, line,
		    CONFIG_LINE_MAX);
		return NULL;
	}
	line = ini_parse_stream(config_next_line, &r, config_handler, &r);
	if (line != 0) {
		k8s_err_set(err, K8S_ERR_CONFIG, "%s line %d: %s", origin, line,
		    r.complaint_line == line
			? r.complaint
			: "not \"key = value\" nor \"[section]\"");
		return NULL;
	}
	if (c->namespace_ == NULL || c->pod == NULL) {
		k8s_err_set(err, K8S_ERR_CONFIG,
		    "%s: [workspace] needs namespace and pod", origin);
		return NULL;
	}
	done = c;
	c = NULL;
	return done;
}

struct config *
config_load(const char *path, struct k8s_err *err)
{
	__attribute__((cleanup(buf_freep))) struct buf *b = NULL;
	const char *text;
	int fd, ret;

	if ((fd = open(path, O_RDONLY | O_CLOEXEC)) == -1) {
		k8s_err_errno(err, "%s", path);
		if (err != NULL)
			err->code = K8S_ERR_CONFIG;
		return NULL;
	}
	if ((b = buf_new(CONFIG_FILE_MAX)) == NULL) {
		(void)close(fd);
		k8s_err_errno(err, "out of memory");
		return NULL;
	}
	ret = buf_read_all(b, fd);
	(void)close(fd);
	if (ret == -1 || (text = buf_string(b)) == NULL) {
		k8s_err_errno(err, "reading %s", path);
		if (err != NULL)
			err->code = K8S_ERR_CONFIG;
		return NULL;
	}
	return config_parse(text, path, err);
}

void
config_free(struct config *c)
{
	if (c == NULL)
		return;
	free(c->kubeconfig);
	free(c->namespace_);
	free(c->pod);
	free(c->container);
	free(c);
}

void
config_freep(struct config **c)
{
	config_free(*c);
	*c = NULL;
}
