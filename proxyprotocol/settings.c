/* SPDX-License-Identifier: Apache-2.0 */
#include "proxyprotocol/settings.h"

#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/core/inifile.h"

/* Listeners, addresses of one, networks of one list. */
#define SETTINGS_LISTENERS_MAX 32
#define SETTINGS_LIST_MAX      256

#define SETTINGS_TIMEOUT_MAX 60 /* seconds */

/* Of one connection: each is a channel of sshd and a socket in two processes.
 */
#define SETTINGS_FORWARDS_MAX 1024

#define SETTINGS_NAME_CHARS \
	"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_."

/* One bit a key of [proxyd] and one of the listener under way: set twice? */
enum settings_key {
	KEY_SSHD,
	KEY_SSHD_CONFIG,
	KEY_AUDIT_FILE,
	KEY_PROXY_ID,
	KEY_UID_BASE,
	KEY_MAX_FORWARDS,
	KEY_MAX_STARTUPS,
	KEY_MAX_CONNECTIONS,
	KEY_MAX_PER_SOURCE,
	KEY_SOURCE_PREFIX,
	KEY_PENALTIES,
	KEY_PENALTY_EXEMPT, /* a list: may come again */
	KEY_PROXYD_END,
	KEY_LISTEN,
	KEY_PROXY_PROTOCOL,
	KEY_TRUSTED_PROXIES,
	KEY_PROXY_TIMEOUT,
	KEY_NONE,
};

static const char *const settings_names[] = {
    [KEY_SSHD] = "sshd",
    [KEY_SSHD_CONFIG] = "sshd_config",
    [KEY_AUDIT_FILE] = "audit_file",
    [KEY_PROXY_ID] = "proxy_id",
    [KEY_UID_BASE] = "uid_base",
    [KEY_MAX_FORWARDS] = "max_forwards",
    [KEY_MAX_STARTUPS] = "max_startups",
    [KEY_MAX_CONNECTIONS] = "max_connections",
    [KEY_MAX_PER_SOURCE] = "max_per_source",
    [KEY_SOURCE_PREFIX] = "source_prefix",
    [KEY_PENALTIES] = "penalties",
    [KEY_PENALTY_EXEMPT] = "penalty_exempt",
    [KEY_LISTEN] = "listen",
    [KEY_PROXY_PROTOCOL] = "proxy_protocol",
    [KEY_TRUSTED_PROXIES] = "trusted_proxies",
    [KEY_PROXY_TIMEOUT] = "proxy_timeout",
};

struct settings_reader {
	struct settings *s;
	unsigned int seen;	     /* of [proxyd], by enum settings_key */
	unsigned int *seen_listener; /* one for each listener */
	int seen_log_level;
};

static enum settings_key
settings_key(const char *name, enum settings_key from, enum settings_key to)
{
	enum settings_key k;

	for (k = from; k < to; k++)
		if (strcmp(name, settings_names[k]) == 0)
			return k;
	return KEY_NONE;
}

/*
 * Decimal digits and nothing else, min to max, from *p on; *p is behind them
 * then. -1 otherwise.
 */
static int
settings_number(const char **p, unsigned long min, unsigned long max,
    unsigned int *value)
{
	unsigned long v;
	char *end;

	if (**p < '0' || **p > '9')
		return -1;
	errno = 0;
	v = strtoul(*p, &end, 10);
	if (errno != 0 || v < min || v > max)
		return -1;
	*p = end;
	*value = (unsigned int)v;
	return 0;
}

/*
 * The next word of a list divided by commas and blanks; 0 at its end. A line
 * is never longer than word is.
 */
static int
settings_word(const char **p, char word[INIFILE_LINE_MAX + 1])
{
	size_t n;

	*p += strspn(*p, ", \t");
	n = strcspn(*p, ", \t");
	if (n == 0 || n > INIFILE_LINE_MAX)
		return 0;
	memcpy(word, *p, n);
	word[n] = '\0';
	*p += n;
	return 1;
}

/* Adds the value's networks to a list. */
static int
settings_networks(struct inifile_reader *r, const char *value,
    struct net_prefix **list, size_t *len)
{
	struct net_prefix *more;
	struct k8s_err err;
	char word[INIFILE_LINE_MAX + 1];

	while (settings_word(&value, word)) {
		if (*len == SETTINGS_LIST_MAX)
			return inifile_complain(r, "too many networks at",
			    word);
		more = realloc(*list, (*len + 1) * sizeof(**list));
		if (more == NULL)
			return inifile_complain(r, "out of memory at", word);
		*list = more;
		if (net_prefix_parse(&more[*len], word, &err) == -1)
			return inifile_complain(r, err.msg, NULL);
		(*len)++;
	}
	return 0;
}

static int
settings_addresses(struct inifile_reader *r, const char *value,
    struct settings_listener *l)
{
	struct net_addr *more;
	struct k8s_err err;
	char word[INIFILE_LINE_MAX + 1];

	while (settings_word(&value, word)) {
		if (l->addresses_len == SETTINGS_LIST_MAX)
			return inifile_complain(r, "too many addresses at",
			    word);
		more = realloc(l->addresses,
		    (l->addresses_len + 1) * sizeof(*more));
		if (more == NULL)
			return inifile_complain(r, "out of memory at", word);
		l->addresses = more;
		if (net_addr_parse(&more[l->addresses_len], word, &err) == -1)
			return inifile_complain(r, err.msg, NULL);
		l->addresses_len++;
	}
	return 0;
}

static int
settings_string(struct inifile_reader *r, const char *value, char **slot)
{
	free(*slot);
	if ((*slot = strdup(value)) == NULL)
		return inifile_complain(r, "out of memory at", value);
	return 0;
}

static int
settings_path(struct inifile_reader *r, const char *value, char **slot)
{
	if (*value != '/')
		return inifile_complain(r, "not an absolute path:", value);
	return settings_string(r, value, slot);
}

/* "10:30:100", as sshd's MaxStartups; "10" alone is 10:100:10 there. */
static int
settings_startups(struct inifile_reader *r, const char *value,
    struct limits_config *l)
{
	const char *p = value;

	if (settings_number(&p, 1, INT_MAX, &l->startups_begin) == 0) {
		l->startups_rate = 100;
		l->startups_full = l->startups_begin;
		if (*p == '\0')
			return 0;
		if (*p++ == ':' &&
		    settings_number(&p, 1, 100, &l->startups_rate) == 0 &&
		    *p++ == ':' &&
		    settings_number(&p, l->startups_begin, INT_MAX,
			&l->startups_full) == 0 &&
		    *p == '\0')
			return 0;
	}
	return inifile_complain(r,
	    "not begin:rate:full, as 10:30:100 is:", value);
}

/* "32:64": bits of an IPv4 and of an IPv6 address. */
static int
settings_prefix(struct inifile_reader *r, const char *value,
    struct limits_config *l)
{
	const char *p = value;

	if (settings_number(&p, 0, 32, &l->prefix4) == 0 && *p++ == ':' &&
	    settings_number(&p, 0, 128, &l->prefix6) == 0 && *p == '\0')
		return 0;
	return inifile_complain(r, "not bits:bits, as 32:64 is:", value);
}

/* "no", or words "authfail:5 ... max:600 min:15", in seconds. */
static int
settings_penalties(struct inifile_reader *r, const char *value,
    struct limits_config *l)
{
	const struct {
		const char *name;
		unsigned int *slot;
	} words[] = {
	    {"authfail", &l->penalty[LIMITS_AUTHFAIL]},
	    {"invaliduser", &l->penalty[LIMITS_INVALIDUSER]},
	    {"noauth", &l->penalty[LIMITS_NOAUTH]},
	    {"grace_exceeded", &l->penalty[LIMITS_GRACE_EXCEEDED]},
	    {"crash", &l->penalty[LIMITS_CRASH]},
	    {"refuseconnection", &l->penalty[LIMITS_REFUSECONNECTION]},
	    {"max", &l->penalty_max},
	    {"min", &l->penalty_min},
	};
	char word[INIFILE_LINE_MAX + 1];
	const char *p;
	size_t i, n;

	if (strcmp(value, "no") == 0) {
		memset(l->penalty, 0, sizeof(l->penalty));
		return 0;
	}
	while (settings_word(&value, word)) {
		n = strcspn(word, ":");
		p = word + n + (word[n] == ':');
		for (i = 0; i < sizeof(words) / sizeof(words[0]); i++)
			if (strlen(words[i].name) == n &&
			    strncmp(words[i].name, word, n) == 0)
				break;
		if (i == sizeof(words) / sizeof(words[0]) ||
		    settings_number(&p, 0, 365 * 86400, words[i].slot) == -1 ||
		    *p != '\0')
			return inifile_complain(r,
			    "not a penalty, as authfail:5 is:", word);
	}
	return 0;
}

static int
settings_proxyd(struct settings_reader *sr, struct inifile_reader *r,
    const char *name, const char *value)
{
	enum settings_key k = settings_key(name, KEY_SSHD, KEY_PROXYD_END);
	struct settings *s = sr->s;
	unsigned int n;

	if (k == KEY_NONE)
		return inifile_complain(r, "unknown key", name);
	if ((sr->seen & 1U << k) != 0 && k != KEY_PENALTY_EXEMPT)
		return inifile_complain(r, "set twice:", name);
	sr->seen |= 1U << k;
	switch (k) {
	case KEY_SSHD:
		return settings_path(r, value, &s->sshd);
	case KEY_SSHD_CONFIG:
		return settings_path(r, value, &s->sshd_config);
	case KEY_AUDIT_FILE:
		return settings_path(r, value, &s->audit_file);
	case KEY_PROXY_ID:
		return settings_string(r, value, &s->proxy_id);
	case KEY_UID_BASE:
		/* Not among those of the system's own users. */
		if (inifile_number(r, value, 1000, INT_MAX, &n) == -1)
			return -1;
		s->uid_base = n;
		return 0;
	case KEY_MAX_FORWARDS:
		return inifile_number(r, value, 0, SETTINGS_FORWARDS_MAX,
		    &s->max_forwards);
	case KEY_MAX_STARTUPS:
		return settings_startups(r, value, &s->limits);
	case KEY_MAX_CONNECTIONS:
		return inifile_number(r, value, 1, 60000,
		    &s->limits.max_connections);
	case KEY_MAX_PER_SOURCE:
		return inifile_number(r, value, 0, 60000,
		    &s->limits.max_per_source);
	case KEY_SOURCE_PREFIX:
		return settings_prefix(r, value, &s->limits);
	case KEY_PENALTIES:
		return settings_penalties(r, value, &s->limits);
	default:
		return settings_networks(r, value, &s->exempt,
		    &s->limits.exempt_count);
	}
}

/* The listener of that name, made if it is new; its number, or -1. */
static int
settings_listener(struct settings_reader *sr, struct inifile_reader *r,
    const char *name)
{
	struct settings *s = sr->s;
	struct settings_listener *more;
	unsigned int *seen;
	size_t i;

	name += strspn(name, " ");
	/* It stands in logs and messages as it is. */
	if (*name == '\0' || name[strspn(name, SETTINGS_NAME_CHARS)] != '\0')
		return inifile_complain(r,
		    "a listener's name is letters, digits, '-', '_' and '.', "
		    "not",
		    name);
	for (i = 0; i < s->listeners_len; i++)
		if (strcmp(s->listeners[i].name, name) == 0)
			return (int)i;
	if (i == SETTINGS_LISTENERS_MAX)
		return inifile_complain(r, "too many listeners:", name);
	more = realloc(s->listeners, (i + 1) * sizeof(*more));
	if (more != NULL)
		s->listeners = more;
	seen = realloc(sr->seen_listener, (i + 1) * sizeof(*seen));
	if (seen != NULL)
		sr->seen_listener = seen;
	if (more == NULL || seen == NULL)
		return inifile_complain(r, "out of memory at", name);
	memset(&more[i], 0, sizeof(more[i]));
	seen[i] = 0;
	more[i].timeout_ms = 3000;
	if ((more[i].name = strdup(name)) == NULL)
		return inifile_complain(r, "out of memory at", name);
	s->listeners_len++;
	return (int)i;
}

static int
settings_proxy(struct inifile_reader *r, const char *value,
    struct settings_listener *l)
{
	static const char *const words[] = {"off", "optional", "required"};
	size_t i;

	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcmp(value, words[i]) == 0) {
			l->proxy = (enum settings_proxy)i;
			return 0;
		}
	return inifile_complain(r,
	    "proxy_protocol is off, optional or required, not", value);
}

static int
settings_listener_key(struct settings_reader *sr, struct inifile_reader *r,
    const char *section, const char *name, const char *value)
{
	enum settings_key k = settings_key(name, KEY_LISTEN, KEY_NONE);
	struct settings_listener *l;
	unsigned int n;
	int i;

	if ((i = settings_listener(sr, r, section)) == -1)
		return -1;
	l = &sr->s->listeners[i];
	if (k == KEY_NONE)
		return inifile_complain(r, "unknown key", name);
	if ((sr->seen_listener[i] & 1U << k) != 0 && k != KEY_LISTEN &&
	    k != KEY_TRUSTED_PROXIES)
		return inifile_complain(r, "set twice:", name);
	sr->seen_listener[i] |= 1U << k;
	switch (k) {
	case KEY_LISTEN:
		return settings_addresses(r, value, l);
	case KEY_PROXY_PROTOCOL:
		return settings_proxy(r, value, l);
	case KEY_TRUSTED_PROXIES:
		return settings_networks(r, value, &l->trusted,
		    &l->trusted_len);
	default:
		if (inifile_number(r, value, 1, SETTINGS_TIMEOUT_MAX, &n) == -1)
			return -1;
		l->timeout_ms = n * 1000;
		return 0;
	}
}

static int
settings_log(struct settings_reader *sr, struct inifile_reader *r,
    const char *name, const char *value)
{
	if (strcmp(name, "level") != 0)
		return inifile_complain(r, "unknown key", name);
	if (sr->seen_log_level++)
		return inifile_complain(r, "set twice:", name);
	return inifile_log_level(r, value, &sr->s->log_level);
}

static int
settings_ini_key(void *arg, struct inifile_reader *r, const char *section,
    const char *name, const char *value)
{
	struct settings_reader *sr = arg;

	if (strcmp(section, "proxyd") == 0)
		return settings_proxyd(sr, r, name, value);
	if (strncmp(section, "listener ", 9) == 0)
		return settings_listener_key(sr, r, section + 9, name, value);
	if (strcmp(section, "log") == 0)
		return settings_log(sr, r, name, value);
	/* config_load() looks at them. */
	if (strcmp(section, "kubernetes") == 0 ||
	    strcmp(section, "workspace") == 0)
		return 0;
	return inifile_complain(r, "unknown section", section);
}

/* What one key alone can't tell. */
static int
settings_check(const struct settings *s, const char *path, struct k8s_err *err)
{
	const struct settings_listener *l;
	size_t i;

	if (s->listeners_len == 0)
		return k8s_err_set(err, K8S_ERR_CONFIG,
		    "%s: there is no [listener NAME] with an address to "
		    "listen on",
		    path);
	for (i = 0; i < s->listeners_len; i++) {
		l = &s->listeners[i];
		if (l->addresses_len == 0)
			return k8s_err_set(err, K8S_ERR_CONFIG,
			    "%s: [listener %s] needs listen", path, l->name);
		/* A header from just anybody is worth nothing. */
		if (l->proxy != PROXY_OFF && l->trusted_len == 0)
			return k8s_err_set(err, K8S_ERR_CONFIG,
			    "%s: [listener %s] has proxy_protocol, but "
			    "trusted_proxies does not say whose headers count",
			    path, l->name);
		if (l->proxy == PROXY_OFF && l->trusted_len > 0)
			return k8s_err_set(err, K8S_ERR_CONFIG,
			    "%s: [listener %s] has trusted_proxies, but "
			    "proxy_protocol is off",
			    path, l->name);
	}
	if (limits_config_check(&s->limits, err) == -1)
		return k8s_err_prefix(err, "%s", path);
	return 0;
}

static int
settings_defaults(struct settings *s, struct k8s_err *err)
{
	char host[256] = "";

	limits_config_default(&s->limits);
	s->log_level = LOGL_INFO;
	s->uid_base = 200000;
	s->max_forwards = 256;
	(void)gethostname(host, sizeof(host) - 1);
	s->sshd = strdup("/usr/sbin/sshd");
	s->sshd_config = strdup(SSHD_CONFIG_PATH);
	s->proxy_id = strdup(host[0] != '\0' ? host : "k8shell");
	if (s->sshd == NULL || s->sshd_config == NULL || s->proxy_id == NULL)
		return k8s_err_errno(err, "out of memory");
	return 0;
}

static struct settings *
settings_read(const char *text, const char *path, struct k8s_err *err)
{
	__attribute__((cleanup(settings_freep))) struct settings *s = NULL;
	struct settings_reader sr = {0};
	struct settings *done;
	int ret;

	if ((s = calloc(1, sizeof(*s))) == NULL) {
		k8s_err_errno(err, "out of memory");
		return NULL;
	}
	if (settings_defaults(s, err) == -1)
		return NULL;
	sr.s = s;
	ret = text != NULL
	    ? inifile_parse(text, path, settings_ini_key, &sr, err)
	    : inifile_load(path, settings_ini_key, &sr, err);
	free(sr.seen_listener);
	s->limits.exempt = s->exempt;
	if (ret == -1 || settings_check(s, path, err) == -1)
		return NULL;
	done = s;
	s = NULL;
	return done;
}

struct settings *
settings_load(const char *path, struct k8s_err *err)
{
	return settings_read(NULL, path, err);
}

struct settings *
settings_parse(const char *text, const char *origin, struct k8s_err *err)
{
	return settings_read(text, origin, err);
}

void
settings_free(struct settings *s)
{
	size_t i;

	if (s == NULL)
		return;
	free(s->sshd);
	free(s->sshd_config);
	free(s->audit_file);
	free(s->proxy_id);
	free(s->exempt);
	for (i = 0; i < s->listeners_len; i++) {
		free(s->listeners[i].name);
		free(s->listeners[i].addresses);
		free(s->listeners[i].trusted);
	}
	free(s->listeners);
	free(s);
}

void
settings_freep(struct settings **s)
{
	settings_free(*s);
	*s = NULL;
}
