/* SPDX-License-Identifier: Apache-2.0 */
#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fakekube.h"

struct section {
	struct pod *pod;
	struct user *user;
	struct listener *listener;
	bool server;
};

void
list_add(char ***list, size_t *n, const char *s)
{
	char **grown = reallocarray(*list, *n + 2, sizeof(**list));

	if (grown == NULL)
		err(1, "reallocarray");
	grown[(*n)++] = xstrdup(s);
	grown[*n] = NULL;
	*list = grown;
}

static void
list_free(char **list, size_t n)
{
	while (n > 0)
		free(list[--n]);
	free(list);
}

static void
list_split(char ***list, size_t *n, char *value)
{
	char *save = NULL, *item;

	for (item = strtok_r(value, ",", &save); item != NULL;
	    item = strtok_r(NULL, ",", &save))
		list_add(list, n, string_trim(item));
}

struct config *
config_new(void)
{
	struct config *c = xcalloc(1, sizeof(*c));

	/* Full size at once: pointers into the arrays stay good. */
	c->pods = xcalloc(FK_MAX_PODS, sizeof(*c->pods));
	c->users = xcalloc(FK_MAX_PODS, sizeof(*c->users));
	c->listeners = xcalloc(FK_MAX_LISTENERS, sizeof(*c->listeners));
	c->drain_ms = 2000; /* what containerd's shim waits, too */
	return c;
}

void
config_free(struct config *c)
{
	size_t i;

	for (i = 0; i < c->npods; i++) {
		free(c->pods[i].ns);
		free(c->pods[i].name);
		free(c->pods[i].root);
		free(c->pods[i].cwd);
		free(c->pods[i].phase);
		list_free(c->pods[i].containers, c->pods[i].ncontainers);
		list_free(c->pods[i].env, c->pods[i].nenv);
		list_free(c->pods[i].labels, c->pods[i].nlabels);
		list_free(c->pods[i].annotations, c->pods[i].nannotations);
		faults_free(&c->pods[i].faults);
	}
	for (i = 0; i < c->nusers; i++) {
		free(c->users[i].name);
		free(c->users[i].token);
		list_free(c->users[i].allow, c->users[i].nallow);
		list_free(c->users[i].namespaces, c->users[i].nnamespaces);
	}
	for (i = 0; i < c->nlisteners; i++)
		free(c->listeners[i].name);
	free(c->pods);
	free(c->users);
	free(c->listeners);
	free(c);
}

struct pod *
config_add_pod(struct config *c, const char *ns, const char *name,
    const char *root)
{
	struct pod *pod;

	if (c->npods == FK_MAX_PODS || config_pod(c, ns, name) != NULL)
		return NULL;
	pod = &c->pods[c->npods++];
	pod->ns = xstrdup(ns);
	pod->name = xstrdup(name);
	pod->root = xstrdup(root);
	pod->cwd = xstrdup("/");
	pod->phase = xstrdup("Running");
	pod->scheduled = true;
	pod->drain_ms = UINT64_MAX;
	faults_init(&pod->faults);
	return pod;
}

struct user *
config_add_user(struct config *c, const char *name)
{
	struct user *user;

	if (c->nusers == FK_MAX_PODS || config_user(c, name) != NULL)
		return NULL;
	user = &c->users[c->nusers++];
	user->name = xstrdup(name);
	user->expires = -1;
	return user;
}

static void
string_set(char **field, const char *value)
{
	free(*field);
	*field = xstrdup(value);
}

static int
pod_set(struct pod *pod, const char *key, char *value, struct text *err)
{
	if (strcmp(key, "root") == 0)
		string_set(&pod->root, value);
	else if (strcmp(key, "cwd") == 0)
		string_set(&pod->cwd, value);
	else if (strcmp(key, "phase") == 0)
		string_set(&pod->phase, value);
	else if (strcmp(key, "containers") == 0)
		list_split(&pod->containers, &pod->ncontainers, value);
	else if (strcmp(key, "env") == 0)
		list_add(&pod->env, &pod->nenv, value);
	else if (strcmp(key, "label") == 0)
		list_add(&pod->labels, &pod->nlabels, value);
	else if (strcmp(key, "annotation") == 0)
		list_add(&pod->annotations, &pod->nannotations, value);
	else if (strcmp(key, "scheduled") == 0)
		pod->scheduled = strcmp(value, "no") != 0;
	else if (strcmp(key, "uid") == 0)
		return number_parse(value, INT32_MAX, &pod->uid);
	else if (strcmp(key, "gid") == 0)
		return number_parse(value, INT32_MAX, &pod->gid);
	else if (strcmp(key, "drain_ms") == 0)
		return number_parse(value, INT32_MAX, &pod->drain_ms);
	else if (strcmp(key, "fault") == 0)
		return faults_parse(&pod->faults, value, err);
	else
		return -1;
	return 0;
}

static int
user_set(struct user *user, const char *key, char *value)
{
	uint64_t n;

	if (strcmp(key, "token") == 0) {
		string_set(&user->token, value);
	} else if (strcmp(key, "expires") == 0) {
		if (number_parse(value, INT32_MAX, &n) < 0)
			return -1;
		user->expires = (int64_t)n;
	} else if (strcmp(key, "allow") == 0) {
		list_split(&user->allow, &user->nallow, value);
	} else if (strcmp(key, "namespace") == 0) {
		list_split(&user->namespaces, &user->nnamespaces, value);
	} else {
		return -1;
	}
	return 0;
}

static int
listener_set(struct listener *l, const char *key, char *value)
{
	static const struct {
		const char *name;
		enum listener_fault fault;
		bool number;
	} names[] = {
	    {"refuse", LISTENER_REFUSE, false},
	    {"never-accept", LISTENER_NEVER_ACCEPT, false},
	    {"never-handshake", LISTENER_NEVER_HANDSHAKE, false},
	    {"reset", LISTENER_RESET, false},
	    {"delay", LISTENER_DELAY, true},
	    {"trickle", LISTENER_TRICKLE, true},
	    {"expired", LISTENER_EXPIRED, false},
	    {"wrong-host", LISTENER_WRONG_HOST, false},
	    {"other-ca", LISTENER_OTHER_CA, false},
	};
	char *number = strchr(value, ' ');
	size_t i;

	if (strcmp(key, "fault") != 0)
		return -1;
	if (number != NULL)
		*number++ = '\0';
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(value, names[i].name) != 0)
			continue;
		l->fault = names[i].fault;
		if (!names[i].number)
			return number == NULL ? 0 : -1;
		return number == NULL ? -1
				      : number_parse(number, 60000, &l->ms);
	}
	return -1;
}

static int
section_open(struct config *c, struct section *s, char *head, const char *ns)
{
	char *name = strchr(head, ' ');
	char *slash;

	*s = (struct section){0};
	if (name != NULL) {
		*name++ = '\0';
		name = string_trim(name);
	}
	if (strcmp(head, "server") == 0) {
		s->server = true;
		return 0;
	}
	if (name == NULL || *name == '\0')
		return -1;
	if (strcmp(head, "user") == 0) {
		/* The default user may be given rules. */
		s->user = (struct user *)config_user(c, name);
		if (s->user == NULL)
			s->user = config_add_user(c, name);
	} else if (strcmp(head, "pod") == 0) {
		if ((slash = strchr(name, '/')) != NULL) {
			*slash = '\0';
			ns = name;
			name = slash + 1;
		}
		s->pod = config_add_pod(c, ns, name, "host");
	} else if (strcmp(head, "listener") == 0) {
		if (c->nlisteners == FK_MAX_LISTENERS)
			return -1;
		s->listener = &c->listeners[c->nlisteners++];
		s->listener->name = xstrdup(name);
		s->listener->fd = -1;
	}
	return s->user || s->pod || s->listener ? 0 : -1;
}

static int
section_set(struct config *c, struct section *s, const char *key, char *value,
    struct text *err)
{
	if (s->pod != NULL)
		return pod_set(s->pod, key, value, err);
	if (s->user != NULL)
		return user_set(s->user, key, value);
	if (s->listener != NULL)
		return listener_set(s->listener, key, value);
	if (s->server && strcmp(key, "drain_ms") == 0)
		return number_parse(value, INT32_MAX, &c->drain_ms);
	return -1;
}

static void
file_close(FILE **f)
{
	if (*f != NULL)
		fclose(*f);
}

static void
string_free(char **s)
{
	free(*s);
}

int
config_read(struct config *c, const char *path, const char *ns,
    struct text *err)
{
	__attribute__((cleanup(file_close))) FILE *f = fopen(path, "re");
	__attribute__((cleanup(string_free))) char *line = NULL;
	struct section section = {0};
	size_t cap = 0;
	unsigned n = 0;
	char *s, *eq;
	int r;

	if (f == NULL) {
		text_addf(err, "%s: %s", path, strerror(errno));
		return -1;
	}
	while (getline(&line, &cap, f) >= 0) {
		n++;
		s = string_trim(line);
		if (*s == '\0' || *s == '#' || *s == ';')
			continue;
		if (*s == '[' && s[strlen(s) - 1] == ']') {
			s[strlen(s) - 1] = '\0';
			r = section_open(c, &section, s + 1, ns);
		} else if ((eq = strchr(s, '=')) != NULL) {
			*eq = '\0';
			r = section_set(c, &section, string_trim(s),
			    string_trim(eq + 1), err);
		} else {
			r = -1;
		}
		if (r < 0) {
			text_addf(err, "%s%s:%u: cannot use this line",
			    err->len > 0 ? ": " : "", path, n);
			return -1;
		}
	}
	return 0;
}

const struct pod *
config_pod(const struct config *c, const char *ns, const char *name)
{
	size_t i;

	for (i = 0; i < c->npods; i++) {
		if (strcmp(c->pods[i].ns, ns) == 0 &&
		    strcmp(c->pods[i].name, name) == 0)
			return &c->pods[i];
	}
	return NULL;
}

const struct user *
config_user(const struct config *c, const char *name)
{
	size_t i;

	for (i = 0; i < c->nusers; i++) {
		if (strcmp(c->users[i].name, name) == 0)
			return &c->users[i];
	}
	return NULL;
}
