/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/kube/kubeconfig.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/core/log.h"
#include "lib/kube/b64.h"
#include "lib/kube/kfile.h"
#include "lib/kube/kyaml.h"
#include "lib/kube/status.h"

#define EXEC_LIST_MAX 256
#define EXEC_GROUP    "client.authentication.k8s.io/"

/*
 * Where a plugin without a '/' in its name is looked for. kubectl takes PATH;
 * ours is empty on purpose. cred.c gives plugins the same one.
 */
static const char *const search_path[] = {"/usr/local/sbin", "/usr/local/bin",
    "/usr/sbin", "/usr/bin", "/sbin", "/bin", NULL};

/* What every step of the reading needs. */
struct reader {
	struct kyaml *y;
	const char *origin, *dir;
	struct kubeconfig *kc;
	struct k8s_err *err;
};

static int
no_memory(const struct reader *r)
{
	return k8s_err_set(r->err, K8S_ERR_SYSTEM, "%s: out of memory",
	    r->origin);
}

static int
copy(const struct reader *r, char **out, const char *s)
{
	if (s == NULL)
		return 0;
	if ((*out = strdup(s)) == NULL)
		return no_memory(r);
	return 0;
}

/* name as seen from the kubeconfig's folder. */
static int
resolve(const struct reader *r, char **out, const char *name)
{
	int n;

	if (name[0] == '/')
		return copy(r, out, name);
	n = asprintf(out, "%s/%s", r->dir, name);
	if (n == -1) {
		*out = NULL;
		return no_memory(r);
	}
	return 0;
}

static int
fail(const struct reader *r, struct kyaml_node *map, const char *key,
    const char *text)
{
	return k8s_err_set(r->err, K8S_ERR_CONFIG, "%s line %zu: %s: %s",
	    r->origin, kyaml_line(r->y, map, key), key, text);
}

/* Refuses fields that would change what we do if they were honoured. */
static int
refuse(const struct reader *r, struct kyaml_node *map, const char *const *keys)
{
	size_t i;

	for (i = 0; keys[i] != NULL; i++)
		if (kyaml_has(r->y, map, keys[i]))
			return fail(r, map, keys[i],
			    "not supported here, remove it");
	return 0;
}

/* One PEM object from KEY-data or, without that, the file KEY names. */
static int
load_pem(const struct reader *r, struct kyaml_node *map, const char *key,
    char **out, size_t *len, int secret)
{
	char data_key[64];
	const char *data, *name;
	unsigned int mode;
	char *path = NULL;

	(void)snprintf(data_key, sizeof(data_key), "%s-data", key);
	if (kyaml_string(r->y, map, data_key, &data, r->err) == -1 ||
	    kyaml_string(r->y, map, key, &name, r->err) == -1)
		return -1;
	if (data != NULL) {
		if ((*out = calloc(1, strlen(data) + 1)) == NULL)
			return no_memory(r);
		/* Set first, so that what is there is wiped on failure. */
		*len = strlen(data);
		if (b64_decode(data, *out, len) == -1)
			return fail(r, map, data_key, "not base64");
		(*out)[*len] = '\0';
		if (strlen(*out) != *len || strstr(*out, "-----BEGIN ") == NULL)
			return fail(r, map, data_key,
			    "holds no PEM when base64 is decoded");
		return 0;
	}
	if (name == NULL)
		return 0;
	if (resolve(r, &path, name) == -1)
		return -1;
	*out = kfile_read(path, KUBECONFIG_MAX, key, len, &mode, r->err);
	if (*out != NULL && secret && (mode & S_IROTH))
		log_warn("%s is readable by everybody: chmod o= it", path);
	free(path);
	if (*out == NULL)
		return k8s_err_prefix(r->err, "%s", r->origin);
	if (strstr(*out, "-----BEGIN ") == NULL)
		return fail(r, map, key, "that file holds no PEM");
	return 0;
}

/* Cuts slashes off the end of *server and refuses what is no plain base URL. */
static int
check_server(const struct reader *r, struct kyaml_node *map)
{
	static const char bad[] = "write it as https://HOST:PORT";
	char *s = r->kc->server, *host, *end;
	size_t n, i;
	long port;

	for (n = strlen(s); n > 0 && s[n - 1] == '/'; n--)
		s[n - 1] = '\0';
	if (strncmp(s, "https://", 8) == 0)
		host = s + 8;
	else if (strncmp(s, "http://", 7) == 0)
		host = s + 7;
	else
		return fail(r, map, "server", bad);
	for (i = 0; s[i] != '\0'; i++)
		if (s[i] <= ' ' || s[i] >= 0x7f ||
		    strchr("@?#%\\\"<>^`{|}", s[i]) != NULL)
			return fail(r, map, "server", bad);
	if (host[0] == '[') {
		n = strspn(host + 1, "0123456789abcdefABCDEF:.");
		end = host + 1 + n;
		if (n < 2 || *end++ != ']')
			return fail(r, map, "server", bad);
	} else {
		n = strspn(host,
		    "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
		    "abcdefghijklmnopqrstuvwxyz0123456789.-_");
		end = host + n;
		if (n == 0)
			return fail(r, map, "server", bad);
	}
	if (*end == ':') {
		n = strspn(++end, "0123456789");
		port = n >= 1 && n <= 5 ? strtol(end, NULL, 10) : 0;
		if (port < 1 || port > 65535)
			return fail(r, map, "server", bad);
		end += n;
	}
	if (*end != '\0' && *end != '/')
		return fail(r, map, "server", bad);
	return 0;
}

static int
check_host_name(const struct reader *r, struct kyaml_node *map)
{
	const char *s = r->kc->tls_server_name;

	if (s != NULL &&
	    s[strspn(s,
		"ABCDEFGHIJKLMNOPQRSTUVWXYZ"
		"abcdefghijklmnopqrstuvwxyz0123456789.-_:")] != '\0')
		return fail(r, map, "tls-server-name",
		    "not a host name or address");
	return 0;
}

static int
read_cluster(const struct reader *r, struct kyaml_node *c)
{
	static const char *const no[] = {"proxy-url", NULL};
	struct kubeconfig *kc = r->kc;
	const char *s;

	if (refuse(r, c, no) == -1 ||
	    kyaml_string(r->y, c, "server", &s, r->err) == -1)
		return -1;
	if (s == NULL)
		return fail(r, c, "server",
		    "missing, write the API server's URL");
	if (copy(r, &kc->server, s) == -1 || check_server(r, c) == -1 ||
	    kyaml_string(r->y, c, "tls-server-name", &s, r->err) == -1 ||
	    copy(r, &kc->tls_server_name, s) == -1 ||
	    check_host_name(r, c) == -1 ||
	    kyaml_bool(r->y, c, "insecure-skip-tls-verify", &kc->insecure,
		r->err) == -1)
		return -1;
	if (kc->insecure &&
	    (kyaml_has(r->y, c, "certificate-authority") ||
		kyaml_has(r->y, c, "certificate-authority-data")))
		return fail(r, c, "insecure-skip-tls-verify",
		    "contradicts the certificate-authority, remove one");
	return load_pem(r, c, "certificate-authority", &kc->ca, &kc->ca_len, 0);
}

static int
resolve_command(const struct reader *r, struct kyaml_node *e,
    const char *command)
{
	struct kubeconfig_exec *x = r->kc->exec;
	char path[PATH_MAX];
	struct stat st;
	size_t i;
	int n;

	if (strchr(command, '/') != NULL)
		return resolve(r, &x->command, command);
	for (i = 0; search_path[i] != NULL; i++) {
		n = snprintf(path, sizeof(path), "%s/%s", search_path[i],
		    command);
		if (n < 0 || (size_t)n >= sizeof(path))
			break;
		if (stat(path, &st) == 0 && S_ISREG(st.st_mode) &&
		    access(path, X_OK) == 0)
			return copy(r, &x->command, path);
	}
	return k8s_err_set(r->err, K8S_ERR_CONFIG,
	    "%s line %zu: the credential plugin %.64s is in none of "
	    "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin: "
	    "install it or give its path%s%.400s",
	    r->origin, kyaml_line(r->y, e, "command"), command,
	    x->install_hint != NULL ? ": " : "",
	    x->install_hint != NULL ? x->install_hint : "");
}

static int
read_args(const struct reader *r, struct kyaml_node *e)
{
	struct kyaml_node *list;
	const char *s;
	size_t i, n;

	if (kyaml_list(r->y, e, "args", &list, r->err) == -1)
		return -1;
	if ((n = kyaml_count(list)) > EXEC_LIST_MAX)
		return fail(r, e, "args", "too many");
	if ((r->kc->exec->args = calloc(n + 1, sizeof(char *))) == NULL)
		return no_memory(r);
	for (i = 0; i < n; i++)
		if (kyaml_string_at(r->y, list, i, &s, r->err) == -1 ||
		    copy(r, &r->kc->exec->args[i], s) == -1)
			return -1;
	return 0;
}

static int
read_env(const struct reader *r, struct kyaml_node *e)
{
	struct kyaml_node *list, *v;
	const char *name, *value;
	size_t i, n;

	if (kyaml_list(r->y, e, "env", &list, r->err) == -1)
		return -1;
	if ((n = kyaml_count(list)) > EXEC_LIST_MAX)
		return fail(r, e, "env", "too many");
	if ((r->kc->exec->env = calloc(n + 1, sizeof(char *))) == NULL)
		return no_memory(r);
	for (i = 0; i < n; i++) {
		if (kyaml_map_at(r->y, list, i, &v, r->err) == -1 ||
		    kyaml_string(r->y, v, "name", &name, r->err) == -1 ||
		    kyaml_string(r->y, v, "value", &value, r->err) == -1)
			return -1;
		if (name == NULL || strchr(name, '=') != NULL)
			return fail(r, v, "name", "not a variable's name");
		if (asprintf(&r->kc->exec->env[i], "%s=%s", name,
			value != NULL ? value : "") == -1) {
			r->kc->exec->env[i] = NULL;
			return no_memory(r);
		}
	}
	return 0;
}

static int
check_mode(const struct reader *r, struct kyaml_node *e)
{
	const char *mode;

	if (kyaml_string(r->y, e, "interactiveMode", &mode, r->err) == -1)
		return -1;
	if (mode == NULL || strcmp(mode, "Never") == 0 ||
	    strcmp(mode, "IfAvailable") == 0)
		return 0;
	if (strcmp(mode, "Always") == 0)
		return fail(r, e, "interactiveMode",
		    "Always can't work here: "
		    "nobody is there to answer the plugin");
	return fail(r, e, "interactiveMode", "must be Never or IfAvailable");
}

/*
 * A plugin may want settings that the cluster's entry keeps for it, as YAML
 * to be handed over as JSON. Not done: better no plugin than a wrong answer.
 */
static int
refuse_cluster_config(const struct reader *r, struct kyaml_node *cluster)
{
	struct kyaml_node *list, *x;
	const char *name;
	size_t i;

	if (kyaml_list(r->y, cluster, "extensions", &list, r->err) == -1)
		return -1;
	for (i = 0; i < kyaml_count(list); i++) {
		if (kyaml_map_at(r->y, list, i, &x, r->err) == -1 ||
		    kyaml_string(r->y, x, "name", &name, r->err) == -1)
			return -1;
		if (name != NULL && strcmp(name, EXEC_GROUP "exec") == 0)
			return fail(r, x, "name",
			    "settings for a credential "
			    "plugin are not supported here");
	}
	return 0;
}

static int
read_exec(const struct reader *r, struct kyaml_node *e,
    struct kyaml_node *cluster)
{
	struct kubeconfig_exec *x;
	const char *version, *command, *hint;

	if ((x = r->kc->exec = calloc(1, sizeof(*x))) == NULL)
		return no_memory(r);
	if (kyaml_string(r->y, e, "apiVersion", &version, r->err) == -1 ||
	    kyaml_string(r->y, e, "command", &command, r->err) == -1 ||
	    kyaml_string(r->y, e, "installHint", &hint, r->err) == -1 ||
	    kyaml_bool(r->y, e, "provideClusterInfo", &x->provide_cluster_info,
		r->err) == -1)
		return -1;
	if (version == NULL ||
	    (strcmp(version, EXEC_GROUP "v1") != 0 &&
		strcmp(version, EXEC_GROUP "v1beta1") != 0))
		return fail(r, e, "apiVersion",
		    "must be " EXEC_GROUP "v1 or " EXEC_GROUP "v1beta1");
	if (command == NULL)
		return fail(r, e, "command", "missing");
	if (x->provide_cluster_info && refuse_cluster_config(r, cluster) == -1)
		return -1;
	if (check_mode(r, e) == -1 || copy(r, &x->api_version, version) == -1 ||
	    copy(r, &x->install_hint, hint) == -1 || read_args(r, e) == -1 ||
	    read_env(r, e) == -1)
		return -1;
	return resolve_command(r, e, command);
}

static int
read_user(const struct reader *r, struct kyaml_node *u,
    struct kyaml_node *cluster)
{
	static const char *const no[] = {"as", "as-uid", "as-groups",
	    "as-user-extra", "auth-provider", "username", "password", NULL};
	struct kubeconfig *kc = r->kc;
	struct kyaml_node *e;
	const char *s;

	if (refuse(r, u, no) == -1 ||
	    load_pem(r, u, "client-certificate", &kc->cert, &kc->cert_len, 0) ==
		-1 ||
	    load_pem(r, u, "client-key", &kc->key, &kc->key_len, 1) == -1)
		return -1;
	if ((kc->cert == NULL) != (kc->key == NULL))
		return fail(r, u,
		    kc->cert ? "client-key" : "client-certificate",
		    "missing, a client certificate needs both");
	if (kyaml_string(r->y, u, "token", &s, r->err) == -1 ||
	    copy(r, &kc->token, s) == -1 ||
	    kyaml_string(r->y, u, "tokenFile", &s, r->err) == -1 ||
	    (s != NULL && resolve(r, &kc->token_file, s) == -1) ||
	    kyaml_map(r->y, u, "exec", &e, r->err) == -1)
		return -1;
	return e == NULL ? 0 : read_exec(r, e, cluster);
}

/* The element of LISTS whose name is name: its LIST mapping. */
static int
by_name(const struct reader *r, const char *lists, const char *kind,
    const char *name, struct kyaml_node **out)
{
	struct kyaml_node *list, *element, *found = NULL;
	const char *s;
	size_t i;

	if (kyaml_list(r->y, kyaml_root(r->y), lists, &list, r->err) == -1)
		return -1;
	for (i = 0; i < kyaml_count(list); i++) {
		if (kyaml_map_at(r->y, list, i, &element, r->err) == -1 ||
		    kyaml_string(r->y, element, "name", &s, r->err) == -1)
			return -1;
		if (s == NULL || strcmp(s, name) != 0)
			continue;
		if (found != NULL)
			return fail(r, element, "name",
			    "this name is there twice");
		found = element;
	}
	if (found == NULL)
		return k8s_err_set(r->err, K8S_ERR_CONFIG,
		    "%s: there is no %s named \"%.64s\"", r->origin, kind,
		    name);
	if (kyaml_map(r->y, found, kind, out, r->err) == -1)
		return -1;
	if (*out == NULL)
		return fail(r, found, kind, "missing");
	return 0;
}

static int
check_kind(const struct reader *r)
{
	struct kyaml_node *root = kyaml_root(r->y);
	const char *s;

	if (kyaml_string(r->y, root, "kind", &s, r->err) == -1)
		return -1;
	if (s != NULL && strcmp(s, "Config") != 0)
		return fail(r, root, "kind",
		    "not Config: is this file a "
		    "kubeconfig?");
	if (kyaml_string(r->y, root, "apiVersion", &s, r->err) == -1)
		return -1;
	if (s != NULL && strcmp(s, "v1") != 0)
		return fail(r, root, "apiVersion", "must be v1");
	return 0;
}

static int
read_config(const struct reader *r)
{
	struct kyaml_node *root = kyaml_root(r->y), *context, *cluster, *user;
	const char *name, *s;

	if (check_kind(r) == -1 ||
	    kyaml_string(r->y, root, "current-context", &name, r->err) == -1)
		return -1;
	if (name == NULL)
		return k8s_err_set(r->err, K8S_ERR_CONFIG,
		    "%s: current-context is not set (kubectl config "
		    "use-context NAME sets it)",
		    r->origin);
	if (by_name(r, "contexts", "context", name, &context) == -1 ||
	    kyaml_string(r->y, context, "namespace", &s, r->err) == -1 ||
	    copy(r, &r->kc->namespace_, s) == -1 ||
	    kyaml_string(r->y, context, "cluster", &s, r->err) == -1)
		return -1;
	if (s == NULL)
		return fail(r, context, "cluster", "missing in the context");
	if (by_name(r, "clusters", "cluster", s, &cluster) == -1 ||
	    read_cluster(r, cluster) == -1 ||
	    kyaml_string(r->y, context, "user", &s, r->err) == -1)
		return -1;
	if (s == NULL)
		return fail(r, context, "user", "missing in the context");
	if (by_name(r, "users", "user", s, &user) == -1)
		return -1;
	return read_user(r, user, cluster);
}

static int
is_loopback(const char *server)
{
	const char *host = strstr(server, "://") + 3;

	return strncmp(host, "127.", 4) == 0 ||
	    strncmp(host, "[::1]", 5) == 0 ||
	    strncmp(host, "localhost", 9) == 0;
}

struct kubeconfig *
kubeconfig_parse(const char *text, size_t len, const char *origin,
    const char *dir, struct k8s_err *err)
{
	struct kyaml *y __attribute__((cleanup(kyaml_freep))) = NULL;
	struct kubeconfig *kc __attribute__((cleanup(kubeconfig_freep))) = NULL;
	struct reader r = {NULL, origin, dir, NULL, err};
	struct kubeconfig *done;

	if (len > KUBECONFIG_MAX) {
		k8s_err_set(err, K8S_ERR_LIMIT, "%s: larger than %d bytes",
		    origin, KUBECONFIG_MAX);
		return NULL;
	}
	y = r.y = kyaml_parse(text, len, origin, err);
	kc = r.kc = calloc(1, sizeof(*kc));
	if (kc == NULL)
		no_memory(&r);
	if (y == NULL || kc == NULL || copy(&r, &kc->origin, origin) == -1 ||
	    read_config(&r) == -1) {
		/* Names in the file could hold terminal controls. */
		if (err != NULL)
			status_line(err->msg, sizeof(err->msg), err->msg,
			    strlen(err->msg));
		return NULL;
	}
	if (kc->insecure)
		log_warn("%s: insecure-skip-tls-verify: anybody on the way "
			 "can read and change what is sent to %s",
		    origin, kc->server);
	if (strncmp(kc->server, "http://", 7) == 0 && !is_loopback(kc->server))
		log_warn("%s: %s is not https: anybody on the way can read "
			 "and change what is sent",
		    origin, kc->server);
	done = kc;
	kc = NULL;
	return done;
}
