/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include <unistd.h>

#include "lib/core/log.h"
#include "lib/kube/b64.h"
#include "lib/kube/kubeconfig.h"
#include "tests/unit/tmpdir.h"

#define PEM	 "-----BEGIN X-----\nAA==\n-----END X-----\n"
#define PEM_DATA "LS0tLS1CRUdJTiBYLS0tLS0KQUE9PQotLS0tLUVORCBYLS0tLS0K"

#define HEAD                                                            \
	"apiVersion: v1\nkind: Config\ncurrent-context: c\ncontexts:\n" \
	"- {name: other, context: {cluster: x, user: x}}\n"             \
	"- name: c\n  context: {cluster: k, user: u, namespace: ws}\n"
/* One cluster and one user, of which lines are given. */
#define CONFIG(cluster, user)                             \
	HEAD "clusters:\n- name: k\n  cluster:\n" cluster \
	     "users:\n- name: u\n  user:\n" user
#define SERVER "    server: https://k:6443\n"
#define TOKEN  "    token: abc\n"

static struct kubeconfig *
parse(const char *text, struct k8s_err *err)
{
	return kubeconfig_parse(text, strlen(text), "f", "/dir", err);
}

static void
accept_text(const char *text, struct kubeconfig **kc)
{
	struct k8s_err err = K8S_ERR_INIT;

	if ((*kc = parse(text, &err)) == NULL)
		fail_msg("%s\n%s", err.msg, text);
	assert_int_equal(err.code, K8S_ERR_NONE);
}

/* Each config with what its error must say. */
static void
refuse_all(const char *const cases[][2], size_t n)
{
	struct kubeconfig *kc;
	struct k8s_err err;
	size_t i;

	for (i = 0; i < n; i++) {
		memset(&err, 0, sizeof(err));
		kc = parse(cases[i][0], &err);
		if (kc != NULL)
			fail_msg("accepted: %s", cases[i][0]);
		unit_check_err(&err, K8S_ERR_CONFIG, cases[i][1]);
		assert_memory_equal(err.msg, "f", 1);
	}
}
#define REFUSE(cases) refuse_all(cases, sizeof(cases) / sizeof(cases[0]))

static void
resolves_the_current_context(void **state)
{
	struct kubeconfig *kc;

	(void)state;
	accept_text(CONFIG("    server: https://k.example:6443/prefix//\n"
			   "    tls-server-name: name.example\n"
			   "    certificate-authority-data: " PEM_DATA "\n"
			   "    unknown-to-us: {a: [1]}\n",
			TOKEN "    client-certificate-data: " PEM_DATA "\n"
			      "    client-key-data: " PEM_DATA "\n"),
	    &kc);
	assert_string_equal(kc->origin, "f");
	assert_string_equal(kc->server, "https://k.example:6443/prefix");
	assert_string_equal(kc->tls_server_name, "name.example");
	assert_string_equal(kc->namespace_, "ws");
	assert_string_equal(kc->token, "abc");
	assert_null(kc->token_file);
	assert_null(kc->exec);
	assert_int_equal(kc->insecure, 0);
	assert_string_equal(kc->ca, PEM);
	assert_int_equal(kc->ca_len, strlen(PEM));
	assert_string_equal(kc->cert, PEM);
	assert_string_equal(kc->key, PEM);
	kubeconfig_freep(&kc);
	assert_null(kc);
}

static void
reads_json_too(void **state)
{
	struct kubeconfig *kc;

	(void)state;
	accept_text(
	    "{\"current-context\": \"c\", \"contexts\": [{\"name\": "
	    "\"c\", \"context\": {\"cluster\": \"k\", \"user\": \"u\"}}],"
	    "\"clusters\": [{\"name\": \"k\", \"cluster\": {\"server\": "
	    "\"https:\\/\\/[::1]:6443\", \"insecure-skip-tls-verify\": true}}"
	    "], \"users\": [{\"name\": \"u\", \"user\": {\"token\": \"\", "
	    "\"tokenFile\": \"t\", \"username\": \"\", \"as\": null}}]}",
	    &kc);
	assert_string_equal(kc->server, "https://[::1]:6443");
	assert_int_equal(kc->insecure, 1);
	assert_null(kc->token);
	assert_string_equal(kc->token_file, "/dir/t");
	assert_null(kc->namespace_);
	kubeconfig_free(kc);
}

static void
takes_an_alias(void **state)
{
	struct kubeconfig *kc;

	(void)state;
	accept_text(CONFIG(SERVER "    certificate-authority-data: &p " PEM_DATA
				  "\n",
			"    client-certificate-data: *p\n"
			"    client-key-data: *p\n"),
	    &kc);
	assert_string_equal(kc->key, PEM);
	kubeconfig_free(kc);
}

static void
reads_an_exec_plugin(void **state)
{
	struct kubeconfig *kc;

	(void)state;
	accept_text(
	    CONFIG(SERVER,
		"    exec:\n"
		"      apiVersion: client.authentication.k8s.io/v1beta1\n"
		"      command: bin/plug\n      args: [a, '', 3]\n"
		"      env:\n      - {name: A, value: x=y}\n      - {name: B}\n"
		"      installHint: get it\n      provideClusterInfo: true\n"
		"      interactiveMode: IfAvailable\n"),
	    &kc);
	assert_string_equal(kc->exec->api_version,
	    "client.authentication.k8s.io/v1beta1");
	assert_string_equal(kc->exec->command, "/dir/bin/plug");
	assert_string_equal(kc->exec->args[0], "a");
	assert_string_equal(kc->exec->args[1], "");
	assert_string_equal(kc->exec->args[2], "3");
	assert_null(kc->exec->args[3]);
	assert_string_equal(kc->exec->env[0], "A=x=y");
	assert_string_equal(kc->exec->env[1], "B=");
	assert_null(kc->exec->env[2]);
	assert_string_equal(kc->exec->install_hint, "get it");
	assert_int_equal(kc->exec->provide_cluster_info, 1);
	kubeconfig_free(kc);
	/* A bare name: the fixed search path, not the environment's. */
	assert_int_equal(setenv("PATH", "/nonexistent", 1), 0);
	accept_text(CONFIG(SERVER,
			"    exec:\n      command: env\n"
			"      apiVersion: client.authentication.k8s.io/v1\n"),
	    &kc);
	assert_string_equal(kc->exec->command, "/usr/bin/env");
	assert_null(kc->exec->args[0]);
	kubeconfig_free(kc);
}

#define EXEC(lines)                             \
	CONFIG(SERVER,                          \
	    "    exec:\n      apiVersion: "     \
	    "client.authentication.k8s.io/v1\n" \
	    "      command: /p\n" lines)

static void
refuses_bad_plugins(void **state)
{
	static const char *const cases[][2] = {
	    {EXEC("      interactiveMode: Always\n"),
		"f line 18: interactiveMode: Always can't work here"},
	    {EXEC("      interactiveMode: sometimes\n"),
		"interactiveMode: must be"},
	    {EXEC("      args: x\n"), "args must be a list"},
	    {EXEC("      args: [[x]]\n"), "must be a string"},
	    {EXEC("      env: [x]\n"), "must be a mapping"},
	    {EXEC("      env: [{value: x}]\n"), "not a variable's name"},
	    {EXEC("      env: [{name: 'a=b'}]\n"), "not a variable's"},
	    {EXEC("      env: [{name: \"a\\0b\"}]\n"), "NUL"},
	    {EXEC("      provideClusterInfo: 'true'\n"),
		"provideClusterInfo must be true or false"},
	    {CONFIG(SERVER, "    exec: {command: /p}\n"),
		"apiVersion: must be client.authentication.k8s.io/v1"},
	    {CONFIG(SERVER,
		 "    exec: {command: /p, apiVersion: "
		 "client.authentication.k8s.io/v1alpha1}\n"),
		"apiVersion: must be"},
	    {CONFIG(SERVER,
		 "    exec: {apiVersion: "
		 "client.authentication.k8s.io/v1}\n"),
		"command: miss"},
	    {CONFIG(SERVER,
		 "    exec: {apiVersion: "
		 "client.authentication.k8s.io/v1, command: k8s-no-such, "
		 "installHint: apt install it}\n"),
		"the credential plugin k8s-no-such is in none of "
		"/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:"
		"/bin: install it or give its path: apt install it"},
	    {CONFIG(SERVER "    extensions: [{name: client."
			   "authentication.k8s.io/exec, extension: {a: b}}]\n",
		 "    exec: {apiVersion: client.authentication.k8s.io/v1, "
		 "command: /p, provideClusterInfo: true}\n"),
		"settings for a credential plugin"},
	};

	(void)state;
	REFUSE(cases);
}

static void
refuses_what_it_cannot_honour(void **state)
{
	static const char *const cases[][2] = {
	    {CONFIG(SERVER "    proxy-url: http://p\n", TOKEN),
		"f line 12: proxy-url: not supported here, remove it"},
	    {CONFIG(SERVER, TOKEN "    as: root\n"), ": as: not"},
	    {CONFIG(SERVER, TOKEN "    as-uid: '0'\n"), "as-uid"},
	    {CONFIG(SERVER, TOKEN "    as-groups: [g]\n"), "as-groups"},
	    {CONFIG(SERVER, TOKEN "    as-user-extra: {a: [b]}\n"),
		"as-user-extra"},
	    {CONFIG(SERVER, "    auth-provider: {name: gcp}\n"),
		"auth-provider"},
	    {CONFIG(SERVER, "    username: u\n"), "username"},
	    {CONFIG(SERVER, "    password: p\n"), "password"},
	    {CONFIG(SERVER "    insecure-skip-tls-verify: true\n"
			   "    certificate-authority-data: " PEM_DATA "\n",
		 TOKEN),
		"contradicts"},
	    {CONFIG(SERVER "    insecure-skip-tls-verify: yes\n", TOKEN),
		"must be true or false"},
	    {CONFIG(SERVER, "    client-certificate-data: " PEM_DATA "\n"),
		"client-key: missing"},
	    {CONFIG(SERVER, "    client-key-data: " PEM_DATA "\n"),
		"client-certificate: missing"},
	    {CONFIG(SERVER, "    token: !!binary YWJj\n"),
		"token must be a string"},
	    {CONFIG(SERVER, "    token: [abc]\n"), "must be a string"},
	    {CONFIG(SERVER, "    token: \"a\\0b\"\n"), "NUL"},
	};

	(void)state;
	REFUSE(cases);
}

static void
refuses_a_broken_structure(void **state)
{
	static const char *const cases[][2] = {
	    {"", "f: empty"},
	    {"# nothing\n", "f: empty"},
	    {"just text", "not a kubeconfig"},
	    {"[a]", "not a kubeconfig"},
	    {"a: b: c\n", "f line 1: not YAML"},
	    {"a: b\n\tc: d\n", "f line 2: not YAML"},
	    {"a: \xff\n", "byte 3: not YAML"},
	    {"a: [b\n", "not YAML"},
	    {"a: *nope\n", "not YAML"},
	    {"kind: Pod\n", "kind: not Config"},
	    {"apiVersion: v2\n", "apiVersion: must be v1"},
	    {"kind: Config\n", "current-context is not set"},
	    {"current-context: ''\n", "use-context"},
	    {"current-context: nope\n",
		"f: there is no context named "
		"\"nope\""},
	    {"current-context: \"a\\e[31m\\n\"\n", "context named"},
	    {HEAD, "there is no cluster named \"k\""},
	    {HEAD "clusters: {}\n", "clusters must be a list"},
	    {HEAD "clusters: [k]\n", "must be a mapping"},
	    {HEAD "clusters: [{name: k}]\n", "cluster: missing"},
	    {HEAD "clusters: [{name: k, cluster: []}]\n",
		"cluster must be a mapping"},
	    {HEAD "clusters:\n- {name: k, cluster: {server: 'https://a'}"
		  "}\n- {name: k, cluster: {server: 'https://b'}}\n",
		"f line 10: name: this name is there twice"},
	    {HEAD "clusters: [{name: k, cluster: {server: 'https://a'}}]",
		"there is no user named \"u\""},
	    {"current-context: c\ncontexts: [{name: c, context: "
	     "{user: u}}]\n",
		"cluster: missing in the context"},
	    {"current-context: c\ncontexts: [{name: c, context: "
	     "{cluster: k}}]\nclusters: [{name: k, cluster: {server: "
	     "'https://a'}}]\n",
		"user: missing in the context"},
	    {CONFIG(SERVER, TOKEN "    token: def\n"),
		"f line 16: this key is there twice: token"},
	    {CONFIG(SERVER, TOKEN "    <<: {as: x}\n"), "merge keys"},
	    {CONFIG(SERVER, TOKEN "    ? [a]\n    : b\n"), "no string"},
	    {CONFIG(SERVER, TOKEN) "---\na: b\n", "more than one document"},
	};

	(void)state;
	REFUSE(cases);
}

static void
refuses_bad_servers(void **state)
{
#define AT(url)                                                        \
	{                                                              \
		CONFIG("    server: \"" url "\"\n", TOKEN), "server: " \
	}
	static const char *const cases[][2] = {
	    {CONFIG("    tls-server-name: a\n", TOKEN), "server: missing"},
	    AT("k:6443"),
	    AT("ftp://k"),
	    AT("https://"),
	    AT("https:///p"),
	    AT("https://u:p@k"),
	    AT("https://k?x"),
	    AT("https://k#x"),
	    AT("https://k:0"),
	    AT("https://k:65536"),
	    AT("https://k:"),
	    AT("https://k:123456"),
	    AT("https://k:6x"),
	    AT("https://k x"),
	    AT("https://[::1"),
	    AT("https://[]"),
	    AT("https://[::1%lo]"),
	    AT("https://[::1]x"),
	    AT("https://::1"),
	    AT("https://k\\nX: y"),
	    AT("https://k\\u00e9"),
	    AT("https://k%41"),
	    {CONFIG(SERVER "    tls-server-name: a/b\n", TOKEN),
		"tls-server-name: not a host name"},
	};
	static const char *const good[] = {"https://k", "http://127.0.0.1:1",
	    "https://[2001:db8::1]:6443/a/b", "https://k.:65535"};
	struct kubeconfig *kc;
	char text[1024];
	size_t i;

	(void)state;
	REFUSE(cases);
	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		(void)snprintf(text, sizeof(text),
		    CONFIG("    server: %s\n", TOKEN), good[i]);
		accept_text(text, &kc);
		assert_string_equal(kc->server, good[i]);
		kubeconfig_free(kc);
	}
}

static void
bounds_hostile_yaml(void **state)
{
	static char text[2 * KUBECONFIG_MAX];
	struct k8s_err err = K8S_ERR_INIT;
	size_t i, n;

	(void)state;
	/* Nested. */
	memset(text, '[', 100000);
	assert_null(kubeconfig_parse(text, 100000, "f", "/", &err));
	unit_check_err(&err, K8S_ERR_CONFIG, "nested too deeply");
	/* A billion laughs: as references they are only looked at once. */
	n = (size_t)snprintf(text, sizeof(text), "a0: &a0 x\n");
	for (i = 1; i < 25; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n,
		    "a%zu: &a%zu [*a%zu,*a%zu,*a%zu,*a%zu]\n", i, i, i - 1,
		    i - 1, i - 1, i - 1);
	assert_null(kubeconfig_parse(text, n, "f", "/", &err));
	unit_check_err(&err, K8S_ERR_CONFIG, "current-context is not set");
	for (; i < 200; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n,
		    "a%zu: &a%zu [*a%zu,*a%zu]\n", i, i, i - 1, i - 1);
	assert_null(kubeconfig_parse(text, n, "f", "/", &err));
	unit_check_err(&err, K8S_ERR_CONFIG, "too many anchors");
	/* A value that holds itself. */
	assert_null(parse("contexts: &a [*a]\ncurrent-context: c\n", &err));
	unit_check_err(&err, K8S_ERR_CONFIG, "must be a mapping");
	/* Wide. */
	for (n = i = 0; i < 300; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "k%zu: v\n",
		    i);
	assert_null(kubeconfig_parse(text, n, "f", "/", &err));
	unit_check_err(&err, K8S_ERR_CONFIG, "more than 256 keys");
	for (n = i = 0; i < 70000; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "- v\n");
	assert_null(kubeconfig_parse(text, n, "f", "/", &err));
	unit_check_err(&err, K8S_ERR_CONFIG, "too many values");
	/* Large. */
	memset(text, '\n', sizeof(text));
	assert_null(kubeconfig_parse(text, KUBECONFIG_MAX + 1, "f", "/", &err));
	unit_check_err(&err, K8S_ERR_LIMIT, "larger than 1048576");
}

static void
files_beside_the_kubeconfig(void **state)
{
	static const char text[] =
	    CONFIG(SERVER "    certificate-authority: ca.pem\n",
		"    client-certificate: sub/../c.pem\n    client-key: k.pem\n"
		"    tokenFile: t\n");
	struct k8s_err err = K8S_ERR_INIT;
	struct kubeconfig *kc;
	char *dir = tmpdir_new(), config[512], expect[512];

	(void)state;
	(void)snprintf(config, sizeof(config), "%s",
	    tmpdir_write(dir, "config", text, strlen(text), 0600));
	assert_null(kubeconfig_load(config, &err));
	unit_check_err(&err, K8S_ERR_CONFIG,
	    "ca.pem: No such file or "
	    "directory (check the path)");
	tmpdir_write(dir, "ca.pem", "x", 1, 0600);
	assert_null(kubeconfig_load(config, &err));
	unit_check_err(&err, K8S_ERR_CONFIG, "that file holds no PEM");
	tmpdir_write(dir, "ca.pem", PEM, strlen(PEM), 0600);
	tmpdir_write(dir, "c.pem", PEM "2", strlen(PEM) + 1, 0600);
	tmpdir_write(dir, "k.pem", PEM "3", strlen(PEM) + 1, 0600);
	(void)snprintf(expect, sizeof(expect), "%s/sub", dir);
	assert_int_equal(mkdir(expect, 0700), 0);
	if ((kc = kubeconfig_load(config, &err)) == NULL)
		fail_msg("%s", err.msg);
	assert_string_equal(kc->ca, PEM);
	assert_string_equal(kc->cert, PEM "2");
	assert_string_equal(kc->key, PEM "3");
	(void)snprintf(expect, sizeof(expect), "%s/t", dir);
	assert_string_equal(kc->token_file, expect);
	kubeconfig_free(kc);
	tmpdir_free(dir);
}

static void
data_wins_over_files(void **state)
{
	struct kubeconfig *kc;

	(void)state;
	accept_text(CONFIG(SERVER "    certificate-authority: /no\n"
				  "    certificate-authority-data: " PEM_DATA
				  "\n",
			"    client-certificate: /no\n    client-key: /no\n"
			"    client-certificate-data: " PEM_DATA "\n"
			"    client-key-data: " PEM_DATA "\n"),
	    &kc);
	assert_string_equal(kc->ca, PEM);
	kubeconfig_free(kc);
}

static void
refuses_bad_data(void **state)
{
	static const char *const cases[][2] = {
	    {CONFIG(SERVER "    certificate-authority-data: '%'\n", TOKEN),
		"f line 12: certificate-authority-data: not "
		"base64"},
	    {CONFIG(SERVER "    certificate-authority-data: QUJD\n", TOKEN),
		"no PEM"},
	    {CONFIG(SERVER "    certificate-authority: /dev/null\n", TOKEN),
		"not a regular file"},
	    {CONFIG(SERVER "    certificate-authority: /etc\n", TOKEN),
		"not a regular file"},
	};

	(void)state;
	REFUSE(cases);
}

static void
bad_files(void **state)
{
	struct k8s_err err = K8S_ERR_INIT;
	char *dir = tmpdir_new(), fifo[512];

	(void)state;
	assert_null(kubeconfig_load("/nonexistent/config", &err));
	unit_check_err(&err, K8S_ERR_CONFIG,
	    "kubeconfig /nonexistent/config: "
	    "No such file or directory");
	assert_null(kubeconfig_load(dir, &err));
	unit_check_err(&err, K8S_ERR_CONFIG, "not a regular file");
	assert_null(kubeconfig_load(tmpdir_write(dir, "e", "", 0, 0600), &err));
	unit_check_err(&err, K8S_ERR_CONFIG, "empty");
	assert_null(
	    kubeconfig_load(tmpdir_write(dir, "n", "a\0b", 3, 0600), &err));
	unit_check_err(&err, K8S_ERR_CONFIG, "NUL");
	/* One nobody writes to must not hold us up. */
	(void)snprintf(fifo, sizeof(fifo), "%s/fifo", dir);
	assert_int_equal(mkfifo(fifo, 0600), 0);
	assert_null(kubeconfig_load(fifo, &err));
	unit_check_err(&err, K8S_ERR_CONFIG, "not a regular file");
	tmpdir_free(dir);
}

/* What goes to the log while a file of this mode is loaded. */
static void
load_logged(const char *dir, const char *text, mode_t mode, char *log,
    size_t size)
{
	struct k8s_err err = K8S_ERR_INIT;
	struct kubeconfig *kc;
	FILE *f = tmpfile();
	int saved = dup(2);
	size_t n;

	assert_non_null(f);
	dup2(fileno(f), 2);
	log_to_stderr(1);
	kc = kubeconfig_load(
	    tmpdir_write(dir, "config", text, strlen(text), mode), &err);
	log_to_stderr(0);
	dup2(saved, 2);
	close(saved);
	if (kc == NULL)
		fail_msg("%s", err.msg);
	kubeconfig_free(kc);
	rewind(f);
	n = fread(log, 1, size - 1, f);
	log[n] = '\0';
	fclose(f);
}

static void
warns_in_the_log(void **state)
{
	char *dir = tmpdir_new(), log[2048];

	(void)state;
	load_logged(dir, CONFIG(SERVER, TOKEN), 0640, log, sizeof(log));
	assert_string_equal(log, "");
	load_logged(dir, CONFIG(SERVER, TOKEN), 0644, log, sizeof(log));
	assert_non_null(strstr(log, "readable by everybody"));
	load_logged(dir, CONFIG(SERVER, "    tokenFile: t\n"), 0644, log,
	    sizeof(log));
	assert_string_equal(log, "");
	load_logged(dir,
	    CONFIG(SERVER,
		"    client-certificate-data: " PEM_DATA
		"\n    client-key-data: " PEM_DATA "\n"),
	    0604, log, sizeof(log));
	assert_non_null(strstr(log, "readable by everybody"));
	load_logged(dir,
	    CONFIG(SERVER "    insecure-skip-tls-verify: true\n", TOKEN), 0600,
	    log, sizeof(log));
	assert_non_null(strstr(log, "insecure-skip-tls-verify"));
	load_logged(dir, CONFIG("    server: http://k.example\n", TOKEN), 0600,
	    log, sizeof(log));
	assert_non_null(strstr(log, "is not https"));
	assert_null(strstr(log, "abc"));
	load_logged(dir, CONFIG("    server: http://127.0.0.1:80\n", TOKEN),
	    0600, log, sizeof(log));
	assert_string_equal(log, "");
	tmpdir_free(dir);
}

static void
reads_the_service_account(void **state)
{
	struct k8s_err err = K8S_ERR_INIT;
	struct kubeconfig *kc;
	char *dir = tmpdir_new(), expect[512];

	(void)state;
	assert_null(kubeconfig_in_cluster(dir, &err));
	unit_check_err(&err, K8S_ERR_CONFIG, "service account's CA");
	tmpdir_write(dir, "ca.crt", PEM, strlen(PEM), 0600);
	assert_null(kubeconfig_in_cluster(dir, &err));
	unit_check_err(&err, K8S_ERR_CONFIG, "service account's token");
	tmpdir_write(dir, "token", "abc", 3, 0600);
	memset(&err, 0, sizeof(err));
	kc = kubeconfig_in_cluster(dir, &err);
	assert_non_null(kc);
	assert_int_equal(err.code, K8S_ERR_NONE);
	assert_null(kc->namespace_);
	assert_string_equal(kc->server, "https://kubernetes.default.svc");
	assert_string_equal(kc->ca, PEM);
	assert_null(kc->token);
	(void)snprintf(expect, sizeof(expect), "%s/token", dir);
	assert_string_equal(kc->token_file, expect);
	kubeconfig_free(kc);
	tmpdir_write(dir, "namespace", "ws\n", 3, 0600);
	kc = kubeconfig_in_cluster(dir, &err);
	assert_string_equal(kc->namespace_, "ws");
	kubeconfig_free(kc);
	tmpdir_free(dir);
}

static void
base64(void **state)
{
	/* RFC 4648 section 10, and what is none. */
	static const char *const pairs[][2] = {{"", ""}, {"f", "Zg=="},
	    {"fo", "Zm8="}, {"foo", "Zm9v"}, {"foob", "Zm9vYg=="},
	    {"fooba", "Zm9vYmE="}, {"foobar", "Zm9vYmFy"},
	    {"\xff\xef\xbe", "/+++"}};
	static const char *const bad[] = {"Z", "Zg", "Zg=", "Zg===", "=",
	    "====", "Zg==Zg==", "Z===", "Zh==", "Zm9=", "Zm9v=", "Zm 9v",
	    "Zm9_", "Zg==x", "Z=g="};
	char out[64], *s;
	size_t i, n;

	(void)state;
	for (i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		s = b64_encode(pairs[i][0], strlen(pairs[i][0]));
		assert_string_equal(s, pairs[i][1]);
		assert_int_equal(b64_decode(s, out, &n), 0);
		assert_int_equal(n, strlen(pairs[i][0]));
		assert_memory_equal(out, pairs[i][0], n);
		free(s);
	}
	assert_int_equal(b64_decode("Zm9v\r\nYmFy\n", out, &n), 0);
	assert_memory_equal(out, "foobar", 6);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (b64_decode(bad[i], out, &n) != -1)
			fail_msg("accepted %s", bad[i]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(resolves_the_current_context),
	    cmocka_unit_test(reads_json_too),
	    cmocka_unit_test(takes_an_alias),
	    cmocka_unit_test(reads_an_exec_plugin),
	    cmocka_unit_test(refuses_bad_plugins),
	    cmocka_unit_test(refuses_what_it_cannot_honour),
	    cmocka_unit_test(refuses_a_broken_structure),
	    cmocka_unit_test(refuses_bad_servers),
	    cmocka_unit_test(bounds_hostile_yaml),
	    cmocka_unit_test(files_beside_the_kubeconfig),
	    cmocka_unit_test(data_wins_over_files),
	    cmocka_unit_test(refuses_bad_data),
	    cmocka_unit_test(bad_files),
	    cmocka_unit_test(warns_in_the_log),
	    cmocka_unit_test(reads_the_service_account),
	    cmocka_unit_test(base64),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) != 0;
}
