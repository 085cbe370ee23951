/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include <unistd.h>

#include "lib/core/log.h"
#include "lib/kube/cred.h"
#include "tests/unit/tmpdir.h"

#define V1  "client.authentication.k8s.io/v1"
#define PEM "-----BEGIN X-----\\nAA==\\n-----END X-----\\n"
#define ANSWER(status)                                                  \
	"{\"kind\":\"ExecCredential\",\"apiVersion\":\"" V1 "\",\"spec" \
	"\":{\"interactive\":false},\"status\":" status "}"

static int
parse(const char *json, struct cred *c, struct k8s_err *err)
{
	memset(c, 0, sizeof(*c));
	return cred_parse_plugin(json, strlen(json), V1, c, err);
}

static void
takes_a_token(void **state)
{
	struct k8s_err err = K8S_ERR_INIT;
	struct cred c;

	(void)state;
	assert_int_equal(
	    parse(ANSWER("{\"token\":\"a-._~+/Z9==\"}") "\n", &c, &err), 0);
	assert_string_equal(c.token, "a-._~+/Z9==");
	assert_null(c.cert);
	assert_int_equal(c.expires, 0);
	cred_clear(&c);
	assert_null(c.token);
	assert_int_equal(err.code, K8S_ERR_NONE);
}

static void
takes_a_certificate(void **state)
{
	struct k8s_err err = K8S_ERR_INIT;
	struct cred c;

	(void)state;
	assert_int_equal(parse(ANSWER("{\"clientCertificateData\":\"" PEM
				      "\",\"clientKeyData\":\"" PEM
				      "x\",\"token\":\"\","
				      "\"expirationTimestamp\":null}"),
			     &c, &err),
	    0);
	assert_null(c.token);
	assert_string_equal(c.cert,
	    "-----BEGIN X-----\nAA==\n-----END X-----\n");
	assert_int_equal(c.cert_len, strlen(c.cert));
	assert_int_equal(c.key_len, c.cert_len + 1);
	cred_clear(&c);
}

static void
reads_the_time(void **state)
{
	static const struct {
		const char *text;
		long long when; /* -1: refused */
	} cases[] = {
	    {"1970-01-01T00:00:01Z", 1},
	    {"2024-02-29T12:34:56Z", 1709210096},
	    {"2024-02-29T12:34:56.789Z", 1709210096},
	    {"2024-02-29T14:34:56+02:00", 1709210096},
	    {"2024-02-29T07:04:56-05:30", 1709210096},
	    {"2024-02-29T12:34:56", -1},
	    {"2024-02-29", -1},
	    {"2024-13-01T00:00:00Z", -1},
	    {"2024-00-01T00:00:00Z", -1},
	    {"2024-01-32T00:00:00Z", -1},
	    {"2024-01-01T24:00:00Z", -1},
	    {"2024-01-01T00:60:00Z", -1},
	    {"2024-01-01T00:00:00.Z", -1},
	    {"2024-01-01T00:00:00Zx", -1},
	    {"2024-1-1T00:00:00Z", -1},
	    {"2024-01-01T00:00:00+2:00", -1},
	    {"", -1},
	    {"x", -1},
	    {"-024-01-01T00:00:00Z", -1},
	};
	struct k8s_err err;
	struct cred c;
	char json[512];
	size_t i;
	int r;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		(void)snprintf(json, sizeof(json),
		    ANSWER("{\"token\":\"a\","
			   "\"expirationTimestamp\":\"%s\"}"),
		    cases[i].text);
		memset(&err, 0, sizeof(err));
		r = parse(json, &c, &err);
		if ((r == -1) != (cases[i].when == -1))
			fail_msg("%s: %d", cases[i].text, r);
		if (r == -1)
			unit_check_err(&err, K8S_ERR_INVALID, "is no time");
		else
			assert_int_equal(c.expires, cases[i].when);
		cred_clear(&c);
	}
}

static void
refuses_other_answers(void **state)
{
	static const char *const cases[][2] = {
	    {"", "not one JSON object"},
	    {"token", "not one JSON object"},
	    {ANSWER("{\"token\":\"a\"}") "x", "not one JSON object"},
	    {ANSWER("{\"token\":\"a\"}") "{}", "not one JSON object"},
	    {"{}", "wrong kind"},
	    {"{\"kind\":\"Secret\"}", "wrong kind"},
	    {"{\"kind\":\"ExecCredential\"}", "apiVersion"},
	    {"{\"kind\":\"ExecCredential\",\"apiVersion\":\"" V1
	     "beta1\",\"status\":{\"token\":\"a\"}}",
		"not the apiVersion"},
	    {ANSWER("null"), "neither"},
	    {ANSWER("{}"), "neither"},
	    {ANSWER("[]"), "neither"},
	    {ANSWER("{\"token\":7}"), "neither"},
	    {ANSWER("{\"token\":\"a\\u0000b\"}"), "neither"},
	    {ANSWER("{\"clientKeyData\":\"" PEM "\"}"), "together"},
	    {ANSWER("{\"clientCertificateData\":\"" PEM "\"}"), "together"},
	    {ANSWER("{\"clientCertificateData\":\"a\",\"clientKeyData"
		    "\":\"b\"}"),
		"not PEM"},
	    {ANSWER("{\"token\":\"a\",\"expirationTimestamp\":7}"),
		"is no time"},
	};
	static const char *const tokens[] = {"a b", "a\\r\\nX: y", "a=b", "=",
	    "\\u00e9", "a\\u007f", "a,b", "a\\\"b"};
	struct k8s_err err;
	struct cred c;
	char json[512];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		memset(&err, 0, sizeof(err));
		assert_int_equal(parse(cases[i][0], &c, &err), -1);
		unit_check_err(&err, K8S_ERR_INVALID, cases[i][1]);
		assert_null(c.token);
	}
	for (i = 0; i < sizeof(tokens) / sizeof(tokens[0]); i++) {
		(void)snprintf(json, sizeof(json), ANSWER("{\"token\":\"%s\"}"),
		    tokens[i]);
		memset(&err, 0, sizeof(err));
		assert_int_equal(parse(json, &c, &err), -1);
		unit_check_err(&err, K8S_ERR_CONFIG, "not a bearer token");
		assert_null(strstr(err.msg, "X: y"));
	}
}

static void
token_has_a_limit(void **state)
{
	static char json[CRED_TOKEN_MAX + 512], token[CRED_TOKEN_MAX + 2];
	struct k8s_err err = K8S_ERR_INIT;
	struct cred c;

	(void)state;
	memset(token, 'a', CRED_TOKEN_MAX);
	(void)snprintf(json, sizeof(json), ANSWER("{\"token\":\"%s\"}"), token);
	assert_int_equal(parse(json, &c, &err), 0);
	cred_clear(&c);
	token[CRED_TOKEN_MAX] = '=';
	(void)snprintf(json, sizeof(json), ANSWER("{\"token\":\"%s\"}"), token);
	assert_int_equal(parse(json, &c, &err), -1);
	unit_check_err(&err, K8S_ERR_CONFIG, "at most 65536");
}

static void
nothing_is_fine(void **state)
{
	struct kubeconfig kc;
	struct k8s_err err = K8S_ERR_INIT;
	struct cred c;

	(void)state;
	memset(&kc, 0, sizeof(kc));
	kc.origin = (char *)(uintptr_t)"f";
	memset(&c, 0xff, sizeof(c));
	assert_int_equal(cred_get(&kc, &c, &err), 0);
	assert_null(c.token);
	assert_null(c.cert);
	cred_clear(&c);
}

static void
file_is_read_each_time_and_wins(void **state)
{
	struct kubeconfig kc;
	struct k8s_err err = K8S_ERR_INIT;
	char *dir = tmpdir_new(), path[512], token[] = "static", origin[] = "f",
	     pem[] = "cert", key[] = "key";
	struct cred c;

	(void)state;
	memset(&kc, 0, sizeof(kc));
	kc.origin = origin;
	kc.token = token;
	kc.cert = pem;
	kc.cert_len = 4;
	kc.key = key;
	kc.key_len = 3;
	assert_int_equal(cred_get(&kc, &c, &err), 0);
	assert_string_equal(c.token, "static");
	assert_string_equal(c.cert, "cert");
	assert_string_equal(c.key, "key");
	cred_clear(&c);
	(void)snprintf(path, sizeof(path), "%s",
	    tmpdir_write(dir, "t", " one \r\n", 7, 0600));
	kc.token_file = path;
	assert_int_equal(cred_get(&kc, &c, &err), 0);
	assert_string_equal(c.token, "one");
	cred_clear(&c);
	tmpdir_write(dir, "t", "two", 3, 0600);
	assert_int_equal(cred_get(&kc, &c, &err), 0);
	assert_string_equal(c.token, "two");
	cred_clear(&c);
	/* Not the static one instead. */
	tmpdir_write(dir, "t", "\n", 1, 0600);
	assert_int_equal(cred_get(&kc, &c, &err), -1);
	unit_check_err(&err, K8S_ERR_CONFIG, "not a bearer token");
	tmpdir_write(dir, "t", "", 0, 0600);
	assert_int_equal(cred_get(&kc, &c, &err), -1);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(cred_get(&kc, &c, &err), -1);
	unit_check_err(&err, K8S_ERR_CONFIG, "No such file");
	assert_null(c.token);
	assert_null(c.cert);
	tmpdir_free(dir);
}

/* A kubeconfig whose plugin is the shell script given. */
static struct kubeconfig *
with_plugin(const char *dir, const char *script, const char *user,
    const char *cluster)
{
	struct k8s_err err = K8S_ERR_INIT;
	struct kubeconfig *kc;
	char text[4096];

	tmpdir_write(dir, "plugin", script, strlen(script), 0700);
	(void)snprintf(text, sizeof(text),
	    "current-context: c\n"
	    "contexts: [{name: c, context: {cluster: k, user: u}}]\n"
	    "clusters: [{name: k, cluster: {server: 'https://k/p'%s}}]\n"
	    "users: [{name: u, user: {exec: {apiVersion: " V1 ", command: "
	    "./plugin, args: [one, 't w o'], installHint: get it%s}}]\n",
	    cluster, user);
	kc = kubeconfig_parse(text, strlen(text), "f", dir, &err);
	if (kc == NULL)
		fail_msg("%s", err.msg);
	return kc;
}

#define SAY_TOKEN(t) "echo '" ANSWER("{\"token\":\"'" t "'\"}") "'\n"

static void
runs_a_plugin_each_time(void **state)
{
	struct k8s_err err = K8S_ERR_INIT;
	struct kubeconfig *kc;
	char *dir = tmpdir_new();
	struct cred c;

	(void)state;
	kc = with_plugin(dir,
	    "#!/bin/sh\nd=${0%/*}; echo x >>$d/n\n" SAY_TOKEN(
		"$(grep -c x $d/n).$#.$(echo $2 | tr ' ' _)"),
	    "}", "");
	if (cred_get(kc, &c, &err) == -1)
		fail_msg("%s", err.msg);
	assert_string_equal(c.token, "1.2.t_w_o");
	cred_clear(&c);
	assert_int_equal(cred_get(kc, &c, &err), 0);
	assert_string_equal(c.token, "2.2.t_w_o");
	cred_clear(&c);
	kubeconfig_free(kc);
	tmpdir_free(dir);
}

static void
static_token_needs_no_plugin(void **state)
{
	struct kubeconfig *kc;
	struct k8s_err err = K8S_ERR_INIT;
	char *dir = tmpdir_new();
	struct cred c;

	(void)state;
	kc = with_plugin(dir, "#!/bin/sh\nexit 1\n", "}, token: abc", "");
	assert_int_equal(cred_get(kc, &c, &err), 0);
	assert_string_equal(c.token, "abc");
	cred_clear(&c);
	kubeconfig_free(kc);
	tmpdir_free(dir);
}

static void
check_file(const char *dir, const char *name, const char *expected)
{
	char path[512], text[4096];
	size_t n;
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "re");
	assert_non_null(f);
	n = fread(text, 1, sizeof(text) - 1, f);
	fclose(f);
	text[n] = '\0';
	assert_string_equal(text, expected);
}

/* The exact environment, with client-go's KUBERNETES_EXEC_INFO in it. */
static void
plugin_environment(void **state)
{
	static const char script[] =
	    "#!/bin/sh\n"
	    "tr '\\0' '\\n' </proc/$$/environ | sort >${0%/*}/env\n" SAY_TOKEN(
		"a");
	struct k8s_err err = K8S_ERR_INIT;
	struct kubeconfig *kc;
	char *dir = tmpdir_new();
	struct cred c;

	(void)state;
	assert_int_equal(setenv("SECRET", "x", 1), 0);
	kc = with_plugin(dir, script, "}", "");
	assert_int_equal(cred_get(kc, &c, &err), 0);
	cred_clear(&c);
	kubeconfig_free(kc);
	check_file(dir, "env",
	    "HOME=/\nKUBERNETES_EXEC_INFO={\"kind\":"
	    "\"ExecCredential\",\"apiVersion\":\"" V1 "\",\"spec\":{"
	    "\"interactive\":false}}\nPATH=/usr/local/sbin:/usr/local/bin:"
	    "/usr/sbin:/usr/bin:/sbin:/bin\n");

	kc = with_plugin(dir, script,
	    ", provideClusterInfo: true, env: ["
	    "{name: A, value: '1'}, {name: A, value: '2'}, {name: HOME, "
	    "value: /h}, {name: KUBERNETES_EXEC_INFO, value: x}]}",
	    ", tls-server-name: n, certificate-authority-data: "
	    "LS0tLS1CRUdJTiBYLS0tLS0KQUE9PQotLS0tLUVORCBYLS0tLS0K");
	assert_int_equal(cred_get(kc, &c, &err), 0);
	cred_clear(&c);
	kubeconfig_free(kc);
	check_file(dir, "env",
	    "A=2\nHOME=/h\nKUBERNETES_EXEC_INFO={\"kind\":"
	    "\"ExecCredential\",\"apiVersion\":\"" V1 "\",\"spec\":{"
	    "\"cluster\":{\"server\":\"https://k/p\",\"tls-server-name\":"
	    "\"n\",\"certificate-authority-data\":\"LS0tLS1CRUdJTiBYLS0tLS0K"
	    "QUE9PQotLS0tLUVORCBYLS0tLS0K\"},\"interactive\":false}}\n"
	    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:"
	    "/bin\n");

	kc = with_plugin(dir, script, ", provideClusterInfo: true}",
	    ", insecure-skip-tls-verify: true");
	assert_int_equal(cred_get(kc, &c, &err), 0);
	cred_clear(&c);
	kubeconfig_free(kc);
	check_file(dir, "env",
	    "HOME=/\nKUBERNETES_EXEC_INFO={\"kind\":"
	    "\"ExecCredential\",\"apiVersion\":\"" V1 "\",\"spec\":{"
	    "\"cluster\":{\"server\":\"https://k/p\","
	    "\"insecure-skip-tls-verify\":true},\"interactive\":false}}\n"
	    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:"
	    "/bin\n");
	tmpdir_free(dir);
}

/* The plugin's words go to the log and not into the error. */
static void
plugin_fails(void **state)
{
	struct k8s_err err = K8S_ERR_INIT;
	struct kubeconfig *kc;
	char *dir = tmpdir_new(), log[4096];
	FILE *f = tmpfile();
	int saved = dup(2), r;
	struct cred c;
	size_t n;

	(void)state;
	assert_non_null(f);
	kc = with_plugin(dir,
	    "#!/bin/sh\nprintf 'log in\\n\\033[1magain' >&2\n"
	    "echo out\nexit 3\n",
	    "}", "");
	dup2(fileno(f), 2);
	log_to_stderr(1);
	r = cred_get(kc, &c, &err);
	log_to_stderr(0);
	dup2(saved, 2);
	close(saved);
	assert_int_equal(r, -1);
	unit_check_err(&err, K8S_ERR_AUTH,
	    "/plugin: it failed with exit "
	    "status 3: run it by hand to see why");
	assert_null(strstr(err.msg, "log in"));
	rewind(f);
	n = fread(log, 1, sizeof(log) - 1, f);
	log[n] = '\0';
	/* How it ended, and nothing of what it wrote: that may be a token. */
	assert_non_null(strstr(log, "failed with exit status 3"));
	assert_null(strstr(log, "log in"));
	fclose(f);
	kubeconfig_free(kc);

	kc = with_plugin(dir, "#!/bin/sh\nkill -9 $$\n", "}", "");
	assert_int_equal(cred_get(kc, &c, &err), -1);
	unit_check_err(&err, K8S_ERR_AUTH, "it died of signal 9");
	kubeconfig_free(kc);

	kc = with_plugin(dir, "#!/bin/sh\necho hello\n", "}", "");
	assert_int_equal(cred_get(kc, &c, &err), -1);
	unit_check_err(&err, K8S_ERR_INVALID,
	    "/plugin: its answer is no ExecCredential");
	kubeconfig_free(kc);

	kc = with_plugin(dir, "#!/bin/sh\nexec head -c 2000000 /dev/zero\n",
	    "}", "");
	assert_int_equal(cred_get(kc, &c, &err), -1);
	unit_check_err(&err, K8S_ERR_LIMIT, "more than 1048576");
	kubeconfig_free(kc);

	kc = with_plugin(dir, "#!/nonexistent/sh\n", "}", "");
	assert_int_equal(cred_get(kc, &c, &err), -1);
	unit_check_err(&err, K8S_ERR_SYSTEM, "can't be started");
	assert_int_equal(unlink(kc->exec->command), 0);
	assert_int_equal(cred_get(kc, &c, &err), -1);
	unit_check_err(&err, K8S_ERR_CONFIG, "it is not there: get it");
	kubeconfig_free(kc);
	tmpdir_free(dir);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(takes_a_token),
	    cmocka_unit_test(takes_a_certificate),
	    cmocka_unit_test(reads_the_time),
	    cmocka_unit_test(refuses_other_answers),
	    cmocka_unit_test(token_has_a_limit),
	    cmocka_unit_test(nothing_is_fine),
	    cmocka_unit_test(file_is_read_each_time_and_wins),
	    cmocka_unit_test(runs_a_plugin_each_time),
	    cmocka_unit_test(static_token_needs_no_plugin),
	    cmocka_unit_test(plugin_environment),
	    cmocka_unit_test(plugin_fails),
	};

	alarm(120);
	return cmocka_run_group_tests(tests, NULL, NULL) != 0;
}
