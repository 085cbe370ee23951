/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/core/config.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/core/inifile.h"

/* Longest name of a pod (RFC 1123). */
#define CONFIG_NAME_MAX 253

/* Longest name of an account in a container; LOGIN_NAME_MAX is that of Linux.
 */
#define CONFIG_ACCOUNT_MAX 255

struct config_reader {
	struct config *c;
	int seen_guest;
	int seen_log_level;
	int seen_forwards, seen_dial_timeout;
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

/* An account's name, as useradd(8) would take it, and then some. */
static int
config_is_account(const char *s)
{
	static const char chars[] = "abcdefghijklmnopqrstuvwxyz"
				    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";
	size_t len = strlen(s);

	return len > 0 && len <= CONFIG_ACCOUNT_MAX && *s != '-' &&
	    strspn(s, chars) == len;
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

/* The sections of k8shell-proxyd's: see proxyprotocol/settings.h. */
static int
config_is_others(const char *section)
{
	return strcmp(section, "proxyd") == 0 ||
	    strncmp(section, "listener ", 9) == 0;
}

static int
config_log_level(struct config_reader *cr, struct inifile_reader *r,
    const char *value)
{
	if (cr->seen_log_level++)
		return inifile_complain(r, "set twice:", "level");
	return inifile_log_level(r, value, &cr->c->log_level);
}

/* 1: the key is none that has a number. */
static int
config_number(struct config_reader *cr, struct inifile_reader *r,
    const char *section, const char *name, const char *value)
{
	struct config *c = cr->c;

	/* The supervisor's key; k8shell-forward has the same limit. */
	if (strcmp(section, "proxyd") == 0 && strcmp(name, "max_forwards") == 0)
		return cr->seen_forwards++
		    ? inifile_complain(r, "set twice:", name)
		    : inifile_number(r, value, 0, CONFIG_FORWARDS_MAX,
			  &c->max_forwards);
	if (strcmp(section, "workspace") == 0 &&
	    strcmp(name, "forward_dial_timeout") == 0)
		return cr->seen_dial_timeout++
		    ? inifile_complain(r, "set twice:", name)
		    : inifile_number(r, value, 1, CONFIG_DIAL_TIMEOUT_MAX,
			  &c->forward_dial_timeout);
	return 1;
}

static int
config_key(void *arg, struct inifile_reader *r, const char *section,
    const char *name, const char *value)
{
	struct config_reader *cr = arg;
	struct config *c = cr->c;
	char **slot = NULL;
	int ret;

	if ((ret = config_number(cr, r, section, name, value)) != 1)
		return ret;
	if (strcmp(section, "workspace") == 0 && strcmp(name, "guest") == 0) {
		if (cr->seen_guest++)
			return inifile_complain(r, "set twice:", name);
		c->guest_off = strcmp(value, "off") == 0;
		return c->guest_off || strcmp(value, "auto") == 0
		    ? 0
		    : inifile_complain(r, "guest is auto or off, not", value);
	}
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
		else if (strcmp(name, "user") == 0)
			slot = &c->user;
	} else if (strcmp(section, "log") == 0) {
		if (strcmp(name, "level") == 0)
			return config_log_level(cr, r, value);
	} else if (config_is_others(section)) {
		return 0;
	} else {
		return inifile_complain(r, "unknown section", section);
	}
	if (slot == NULL)
		return inifile_complain(r, "unknown key", name);
	if (*slot != NULL)
		return inifile_complain(r, "set twice:", name);
	if (strlen(value) > CONFIG_VALUE_MAX)
		return inifile_complain(r, "value too long for", name);
	if (slot == &c->kubeconfig && *value != '/')
		return inifile_complain(r, "not an absolute path:", value);
	if (slot == &c->namespace_ && !config_is_label(value))
		return inifile_complain(r, "not a namespace:", value);
	if (slot == &c->container && !config_is_label(value))
		return inifile_complain(r, "not a container:", value);
	if (slot == &c->user && strcmp(value, CONFIG_SAME) != 0 &&
	    !config_is_account(value))
		return inifile_complain(r, "not a user:", value);
	if ((*slot = strdup(value)) == NULL)
		return inifile_complain(r, "out of memory at", name);
	return 0;
}

static struct config *
config_read(const char *text, const char *path, struct k8s_err *err)
{
	__attribute__((cleanup(config_freep))) struct config *c = NULL;
	struct config_reader cr = {0};
	struct config *done;

	if ((c = calloc(1, sizeof(*c))) == NULL) {
		k8s_err_errno(err, "out of memory");
		return NULL;
	}
	c->log_level = LOGL_INFO;
	c->max_forwards = CONFIG_FORWARDS;
	c->forward_dial_timeout = CONFIG_DIAL_TIMEOUT;
	cr.c = c;
	if ((text != NULL ? inifile_parse(text, path, config_key, &cr, err)
			  : inifile_load(path, config_key, &cr, err)) == -1)
		return NULL;
	if (c->namespace_ == NULL || c->pod == NULL) {
		k8s_err_set(err, K8S_ERR_CONFIG,
		    "%s: [workspace] needs namespace and pod", path);
		return NULL;
	}
	if (c->user != NULL && c->guest_off) {
		k8s_err_set(err, K8S_ERR_CONFIG,
		    "%s: [workspace] user can't be with guest = off", path);
		return NULL;
	}
	done = c;
	c = NULL;
	return done;
}

struct config *
config_parse(const char *text, const char *origin, struct k8s_err *err)
{
	return config_read(text, origin, err);
}

struct config *
config_load(const char *path, struct k8s_err *err)
{
	return config_read(NULL, path, err);
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
	free(c->user);
	free(c);
}

void
config_freep(struct config **c)
{
	config_free(*c);
	*c = NULL;
}
