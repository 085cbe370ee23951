/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/kube/cred.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lib/core/buf.h"
#include "lib/core/log.h"
#include "lib/core/proc.h"
#include "lib/kube/b64.h"
#include "lib/kube/kfile.h"
#include "lib/kube/kjson.h"
#include "lib/kube/status.h"

#define PLUGIN_OUT_MAX KUBECONFIG_MAX
#define PLUGIN_ERR_MAX 1500 /* what fits into a line of the log */

#define PLUGIN_PATH \
	"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#define EXEC_INFO "KUBERNETES_EXEC_INFO"

static void
freep(char **p)
{
	free(*p);
}

void
cred_clear(struct cred *c)
{
	if (c->token != NULL)
		kfile_wipe(c->token, strlen(c->token));
	kfile_wipe(c->cert, c->cert_len);
	kfile_wipe(c->key, c->key_len);
	memset(c, 0, sizeof(*c));
}

/* RFC 6750 section 2.1 (b64token): it goes into a header as it is. */
static int
token_valid(const char *s)
{
	const char *p = s;

	while (isalnum((unsigned char)*p) ||
	    (*p != '\0' && strchr("-._~+/", *p) != NULL))
		p++;
	if (p == s || p - s > CRED_TOKEN_MAX)
		return 0;
	while (*p == '=')
		p++;
	return *p == '\0' && p - s <= CRED_TOKEN_MAX;
}

static int
set_token(struct cred *c, const char *token, const char *what,
    struct k8s_err *err)
{
	if (!token_valid(token))
		return k8s_err_set(err, K8S_ERR_CONFIG,
		    "%s: not a bearer token (letters, digits and -._~+/= "
		    "only, at most %d)",
		    what, CRED_TOKEN_MAX);
	if ((c->token = strdup(token)) == NULL)
		return k8s_err_errno(err, "%s", what);
	return 0;
}

static int
set_pem(char **out, size_t *out_len, const char *pem, size_t len,
    struct k8s_err *err)
{
	if ((*out = malloc(len + 1)) == NULL)
		return k8s_err_errno(err, "credentials");
	memcpy(*out, pem, len);
	(*out)[len] = '\0';
	*out_len = len;
	return 0;
}

static int
read_token_file(const char *path, struct cred *c, struct k8s_err *err)
{
	size_t len, start, end;
	char *text;
	int r;

	/* Room for the white space around it. */
	text = kfile_read(path, CRED_TOKEN_MAX + 64, "token file", &len, NULL,
	    err);
	if (text == NULL)
		return -1;
	start = strspn(text, " \t\r\n");
	for (end = len; end > start && strchr(" \t\r\n", text[end - 1]) != NULL;
	    end--)
		text[end - 1] = '\0';
	r = set_token(c, text + start, path, err);
	kfile_wipe(text, len);
	return r;
}

/* Exactly n digits. */
static int
digits(const char **s, int n, int *v)
{
	*v = 0;
	for (; n > 0; n--, (*s)++) {
		if (!isdigit((unsigned char)**s))
			return -1;
		*v = *v * 10 + (**s - '0');
	}
	return 0;
}

static int
literal(const char **s, char c)
{
	return *(*s)++ == c ? 0 : -1;
}

/* RFC 3339, which is what metav1.Time is written as. */
static int
parse_time(const char *s, long long *when)
{
	int sign, hours = 0, minutes = 0;
	struct tm tm;

	memset(&tm, 0, sizeof(tm));
	if (digits(&s, 4, &tm.tm_year) == -1 || literal(&s, '-') == -1 ||
	    digits(&s, 2, &tm.tm_mon) == -1 || literal(&s, '-') == -1 ||
	    digits(&s, 2, &tm.tm_mday) == -1 || literal(&s, 'T') == -1 ||
	    digits(&s, 2, &tm.tm_hour) == -1 || literal(&s, ':') == -1 ||
	    digits(&s, 2, &tm.tm_min) == -1 || literal(&s, ':') == -1 ||
	    digits(&s, 2, &tm.tm_sec) == -1)
		return -1;
	if (*s == '.') {
		if (!isdigit((unsigned char)*++s))
			return -1;
		while (isdigit((unsigned char)*s))
			s++;
	}
	if (*s == 'Z')
		sign = 0, s++;
	else if (*s == '+' || *s == '-') {
		sign = *s++ == '+' ? 1 : -1;
		if (digits(&s, 2, &hours) == -1 || literal(&s, ':') == -1 ||
		    digits(&s, 2, &minutes) == -1)
			return -1;
	} else
		return -1;
	if (*s != '\0' || tm.tm_mon < 1 || tm.tm_mon > 12 || tm.tm_mday < 1 ||
	    tm.tm_mday > 31 || tm.tm_hour > 23 || tm.tm_min > 59 ||
	    tm.tm_sec > 60 || hours > 23 || minutes > 59)
		return -1;
	tm.tm_year -= 1900;
	tm.tm_mon -= 1;
	*when = (long long)timegm(&tm) - sign * (hours * 3600 + minutes * 60);
	return 0;
}

static int
bad_answer(struct k8s_err *err, const char *text)
{
	return k8s_err_set(err, K8S_ERR_INVALID,
	    "its answer is no ExecCredential: %s", text);
}

static int
parse_plugin(struct json_object *o, const char *api_version, struct cred *c,
    struct k8s_err *err)
{
	struct json_object *status = kjson_object(o, "status");
	const char *kind = kjson_string(o, "kind");
	const char *version = kjson_string(o, "apiVersion");
	const char *token = kjson_string(status, "token");
	const char *cert = kjson_string(status, "clientCertificateData");
	const char *key = kjson_string(status, "clientKeyData");
	struct json_object *expires;

	if (kind == NULL || strcmp(kind, "ExecCredential") != 0)
		return bad_answer(err, "wrong kind");
	if (version == NULL || strcmp(version, api_version) != 0)
		return k8s_err_set(err, K8S_ERR_INVALID,
		    "its answer has not the apiVersion %s that the kubeconfig "
		    "asks for",
		    api_version);
	/* Go writes what is not set as "". */
	if (token != NULL && token[0] == '\0')
		token = NULL;
	if (cert != NULL && cert[0] == '\0')
		cert = NULL;
	if (key != NULL && key[0] == '\0')
		key = NULL;
	if ((cert == NULL) != (key == NULL))
		return bad_answer(err,
		    "a client certificate and its key come together");
	if (token == NULL && cert == NULL)
		return bad_answer(err,
		    "neither a token nor a client certificate in it");
	if (cert != NULL &&
	    (strstr(cert, "-----BEGIN ") == NULL ||
		strstr(key, "-----BEGIN ") == NULL))
		return bad_answer(err,
		    "the client certificate or its key is not PEM");
	if (json_object_object_get_ex(status, "expirationTimestamp",
		&expires) &&
	    expires != NULL &&
	    (kjson_string(status, "expirationTimestamp") == NULL ||
		parse_time(json_object_get_string(expires), &c->expires) == -1))
		return bad_answer(err, "expirationTimestamp is no time");
	if (token != NULL &&
	    set_token(c, token, "its answer's token", err) == -1)
		return -1;
	if (cert == NULL)
		return 0;
	if (set_pem(&c->cert, &c->cert_len, cert, strlen(cert), err) == -1)
		return -1;
	return set_pem(&c->key, &c->key_len, key, strlen(key), err);
}

int
cred_parse_plugin(const char *json, size_t len, const char *api_version,
    struct cred *c, struct k8s_err *err)
{
	struct json_object *o __attribute__((cleanup(kjson_putp))) = NULL;
	struct cred got;

	memset(&got, 0, sizeof(got));
	if ((o = kjson_parse(json, len)) == NULL)
		return bad_answer(err, "not one JSON object");
	if (parse_plugin(o, api_version, &got, err) == -1) {
		cred_clear(&got);
		return -1;
	}
	*c = got;
	return 0;
}

/* Gives v to o; without memory either is freed and -1. */
static int
add(struct json_object *o, const char *key, struct json_object *v)
{
	if (v != NULL && json_object_object_add(o, key, v) == 0)
		return 0;
	json_object_put(v);
	return -1;
}

/* spec.cluster, its fields as client-go names them. */
static int
add_cluster(struct json_object *spec, const struct kubeconfig *kc)
{
	char *ca __attribute__((cleanup(freep))) = NULL;
	struct json_object *cluster = json_object_new_object();

	/* Handed over first: spec owns it from here on. */
	if (add(spec, "cluster", cluster) == -1 ||
	    add(cluster, "server", json_object_new_string(kc->server)) == -1)
		return -1;
	if (kc->tls_server_name != NULL &&
	    add(cluster, "tls-server-name",
		json_object_new_string(kc->tls_server_name)) == -1)
		return -1;
	if (kc->insecure &&
	    add(cluster, "insecure-skip-tls-verify",
		json_object_new_boolean(1)) == -1)
		return -1;
	if (kc->ca == NULL)
		return 0;
	if ((ca = b64_encode(kc->ca, kc->ca_len)) == NULL)
		return -1;
	return add(cluster, "certificate-authority-data",
	    json_object_new_string(ca));
}

/* The variable that tells a plugin what is wanted; the caller frees. */
static char *
exec_info(const struct kubeconfig *kc)
{
	struct json_object *o __attribute__((cleanup(kjson_putp))) = NULL;
	struct json_object *spec = json_object_new_object();
	const char *text;
	char *out;

	o = json_object_new_object();
	if (o == NULL || spec == NULL ||
	    add(o, "kind", json_object_new_string("ExecCredential")) == -1 ||
	    add(o, "apiVersion",
		json_object_new_string(kc->exec->api_version)) == -1 ||
	    (kc->exec->provide_cluster_info && add_cluster(spec, kc) == -1) ||
	    add(spec, "interactive", json_object_new_boolean(0)) == -1) {
		json_object_put(spec);
		return NULL;
	}
	if (add(o, "spec", spec) == -1)
		return NULL;
	text = json_object_to_json_string_ext(o,
	    JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
	if (text == NULL || asprintf(&out, EXEC_INFO "=%s", text) == -1)
		return NULL;
	return out;
}

static size_t
count(char *const *list)
{
	size_t n = 0;

	while (list[n] != NULL)
		n++;
	return n;
}

static int
same_name(const char *a, const char *b)
{
	size_t n = strcspn(a, "=");

	return strncmp(a, b, n + 1) == 0;
}

/* Adds v unless a variable of that name is there already. */
static void
env_add(const char **env, size_t *n, const char *v)
{
	size_t i;

	for (i = 0; i < *n; i++)
		if (same_name(env[i], v))
			return;
	env[(*n)++] = v;
}

/*
 * Ours is empty, so a plugin gets nothing but this: what the kubeconfig
 * lists, of two alike the last as in client-go, and what any program needs.
 * There is no home folder that it could keep a cache in: HOME is /.
 */
static const char **
plugin_env(char *const *list, const char *info)
{
	size_t i, n = 0, listed = count(list);
	const char **env = calloc(listed + 4, sizeof(*env));

	if (env == NULL)
		return NULL;
	env_add(env, &n, info);
	for (i = listed; i > 0; i--)
		env_add(env, &n, list[i - 1]);
	env_add(env, &n, PLUGIN_PATH);
	env_add(env, &n, "HOME=/");
	return env;
}

static int
plugin_failed(const struct kubeconfig *kc, int status, struct buf *err_out,
    struct k8s_err *err)
{
	char how[64];

	if (WIFSIGNALED(status))
		(void)snprintf(how, sizeof(how), "died of signal %d",
		    WTERMSIG(status));
	else
		(void)snprintf(how, sizeof(how), "failed with exit status %d",
		    WEXITSTATUS(status));
	/* Not what it wrote: a script that traces itself shows its token. */
	log_error("credential plugin %s %s, with %zu bytes on stderr: run it "
		  "by hand to see them",
	    kc->exec->command, how, buf_len(err_out));
	return k8s_err_set(err, K8S_ERR_AUTH,
	    "it %s: run it by hand to see why", how);
}

static int
run_plugin(const struct kubeconfig *kc, const char *const *argv,
    const char *const *envp, struct cred *c, struct k8s_err *err)
{
	struct buf *out __attribute__((cleanup(buf_freep))) = NULL;
	struct buf *err_out __attribute__((cleanup(buf_freep))) = NULL;
	struct proc_run run = {kc->exec->command, argv, envp,
	    CRED_PLUGIN_TIMEOUT_MS, PLUGIN_OUT_MAX, PLUGIN_ERR_MAX};
	const char *hint = kc->exec->install_hint;
	int status;

	if ((out = buf_new(PLUGIN_OUT_MAX)) == NULL ||
	    (err_out = buf_new(PLUGIN_ERR_MAX)) == NULL)
		return k8s_err_errno(err, "credential plugin");
	if (proc_run(&run, out, err_out, &status, err) == -1) {
		if (hint != NULL && access(run.path, F_OK) == -1)
			return k8s_err_set(err, K8S_ERR_CONFIG,
			    "it is not there: %.700s", hint);
		return -1;
	}
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		return plugin_failed(kc, status, err_out, err);
	return cred_parse_plugin((const char *)buf_data(out), buf_len(out),
	    kc->exec->api_version, c, err);
}

static int
from_plugin(const struct kubeconfig *kc, struct cred *c, struct k8s_err *err)
{
	size_t i, n = count(kc->exec->args);
	const char **argv = calloc(n + 2, sizeof(*argv));
	char *info = exec_info(kc);
	const char **env = NULL;
	int r = -1;

	if (info != NULL)
		env = plugin_env(kc->exec->env, info);
	if (argv == NULL || env == NULL)
		k8s_err_set(err, K8S_ERR_SYSTEM, "out of memory");
	else {
		argv[0] = kc->exec->command;
		for (i = 0; i < n; i++)
			argv[i + 1] = kc->exec->args[i];
		r = run_plugin(kc, argv, env, c, err);
	}
	free(argv);
	free(env);
	free(info);
	if (r == -1)
		k8s_err_prefix(err, "credential plugin %s", kc->exec->command);
	/* The hint and the name are the file's. */
	if (r == -1 && err != NULL)
		status_line(err->msg, sizeof(err->msg), err->msg,
		    strlen(err->msg));
	return r;
}

static int
fill(const struct kubeconfig *kc, struct cred *c, struct k8s_err *err)
{
	if (kc->token_file != NULL) {
		if (read_token_file(kc->token_file, c, err) == -1)
			return -1;
	} else if (kc->token != NULL) {
		if (set_token(c, kc->token, "token", err) == -1)
			return k8s_err_prefix(err, "%s", kc->origin);
	} else if (kc->exec != NULL) {
		/* As in client-go, where a token is set no plugin runs. */
		if (from_plugin(kc, c, err) == -1)
			return -1;
	}
	if (kc->cert == NULL)
		return 0;
	if (c->cert != NULL)
		return k8s_err_set(err, K8S_ERR_CONFIG,
		    "%s: a client "
		    "certificate both in the user and from its plugin",
		    kc->origin);
	if (set_pem(&c->cert, &c->cert_len, kc->cert, kc->cert_len, err) == -1)
		return -1;
	return set_pem(&c->key, &c->key_len, kc->key, kc->key_len, err);
}

int
cred_get(const struct kubeconfig *kc, struct cred *c, struct k8s_err *err)
{
	struct cred got;

	memset(&got, 0, sizeof(got));
	memset(c, 0, sizeof(*c));
	if (fill(kc, &got, err) == -1) {
		cred_clear(&got);
		return -1;
	}
	*c = got;
	return 0;
}
