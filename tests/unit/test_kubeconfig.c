/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include "lib/kube/kubeconfig.h"
#include "tests/unit/kubeconfig_text.h"

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
#define AT(url) {CONFIG("    server: \"" url "\"\n", TOKEN), "server: "}
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
	    cmocka_unit_test(data_wins_over_files),
	    cmocka_unit_test(refuses_bad_data),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) != 0;
}
