/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include "lib/core/config.h"
#include "tests/unit/tmpdir.h"

#define WORKSPACE "[workspace]\nnamespace = ws\npod = %u-dev\n"

/* Longest line there may be, in k8shell.conf(5). */
#define LINE_MAX_ 198

static void
reads_everything(void **state)
{
	static const char text[] = "# a comment\n; another\n"
				   "[kubernetes]\r\n"
				   "kubeconfig = /etc/k8shell/kubeconfig\r\n"
				   "\n"
				   "  [workspace]\n"
				   "namespace=team-a ; where\n"
				   "pod : %u-dev.a%%\n"
				   "\tcontainer = dev\n"
				   "user = %u\n"
				   "forward_dial_timeout = 3\n"
				   "[proxyd]\nmax_forwards = 0\n"
				   "[log]\nlevel = debug\n";
	struct k8s_err err = K8S_ERR_INIT;
	struct config *c = config_parse(text, "f", &err);

	(void)state;
	if (c == NULL)
		fail_msg("%s", err.msg);
	assert_string_equal(c->kubeconfig, "/etc/k8shell/kubeconfig");
	assert_string_equal(c->namespace_, "team-a");
	assert_string_equal(c->pod, "%u-dev.a%%");
	assert_string_equal(c->container, "dev");
	assert_string_equal(c->user, CONFIG_SAME);
	assert_int_equal(c->forward_dial_timeout, 3);
	assert_int_equal(c->max_forwards, 0);
	assert_int_equal(c->log_level, LOGL_DEBUG);
	assert_int_equal(err.code, K8S_ERR_NONE);
	config_free(c);
}

static void
has_defaults(void **state)
{
	struct config *c = config_parse("\xef\xbb\xbf" WORKSPACE, "f", NULL);

	(void)state;
	assert_non_null(c);
	assert_null(c->kubeconfig);
	assert_null(c->container);
	assert_null(c->user);
	assert_int_equal(c->max_forwards, 256);
	assert_int_equal(c->forward_dial_timeout, 10);
	assert_int_equal(c->log_level, LOGL_INFO);
	config_freep(&c);
	assert_null(c);
	config_free(NULL);
}

static void
knows_whether_there_is_a_guest(void **state)
{
	struct config *c;

	(void)state;
	c = config_parse(WORKSPACE, "f", NULL);
	assert_non_null(c);
	assert_false(c->guest_off);
	config_free(c);
	c = config_parse(WORKSPACE "guest = auto\n", "f", NULL);
	assert_non_null(c);
	assert_false(c->guest_off);
	config_free(c);
	c = config_parse(WORKSPACE "guest = off\n", "f", NULL);
	assert_non_null(c);
	assert_true(c->guest_off);
	config_free(c);
}

static void
knows_the_levels(void **state)
{
	static const char *const words[] = {"error", "warn", "info", "debug"};
	char text[128];
	struct config *c;
	int i;

	(void)state;
	for (i = 0; i < 4; i++) {
		(void)snprintf(text, sizeof(text), "%s[log]\nlevel=%s\n",
		    WORKSPACE, words[i]);
		c = config_parse(text, "f", NULL);
		assert_non_null(c);
		assert_int_equal(c->log_level, LOGL_ERROR + i);
		config_free(c);
	}
}

static void
names_what_is_wrong(void **state)
{
	static const struct {
		const char *text, *expect;
	} cases[] = {
	    {"", "f: [workspace] needs namespace and pod"},
	    {WORKSPACE "guest = on\n", "guest is auto or off, not"},
	    {WORKSPACE "guest = OFF\n", "guest is auto or off, not"},
	    {WORKSPACE "guest = off\nguest = off\n", "set twice: \"guest\""},
	    {"[kubernetes]\nguest = off\n", "unknown key"},
	    {WORKSPACE "user = \n", "no value for \"user\""},
	    {WORKSPACE "user = -u\n", "not a user: \"-u\""},
	    {WORKSPACE "user = a b\n", "not a user: \"a b\""},
	    {WORKSPACE "user = %u2\n", "not a user: \"%u2\""},
	    {WORKSPACE "user = a:0\n", "not a user: \"a:0\""},
	    {WORKSPACE "user = a\nuser = b\n", "set twice: \"user\""},
	    {WORKSPACE "user = a\nguest = off\n",
		"f: [workspace] user can't be with guest = off"},
	    {WORKSPACE "forward_dial_timeout = 0\n",
		"not a number from 1 to 50: \"0\""},
	    {WORKSPACE "forward_dial_timeout = 51\n", "from 1 to 50"},
	    {WORKSPACE "forward_dial_timeout = 5s\n", "from 1 to 50"},
	    {WORKSPACE "forward_dial_timeout = -5\n", "from 1 to 50"},
	    {WORKSPACE "forward_dial_timeout = 1\nforward_dial_timeout = 1\n",
		"set twice: \"forward_dial_timeout\""},
	    {WORKSPACE "[proxyd]\nmax_forwards = 1025\n",
		"not a number from 0 to 1024: \"1025\""},
	    {WORKSPACE "[proxyd]\nmax_forwards = 4294967296\n",
		"from 0 to 1024"},
	    {WORKSPACE "[proxyd]\nmax_forwards = 1\nmax_forwards = 1\n",
		"set twice: \"max_forwards\""},
	    {"[workspace]\nnamespace = ws\n", "needs namespace and pod"},
	    {"[workspace]\npod = a\n", "needs namespace and pod"},
	    {"pod = a\n", "f line 1: unknown section \"\""},
	    {WORKSPACE "[wrkspace]\ncontainer = a\n",
		"f line 5: unknown section \"wrkspace\""},
	    {WORKSPACE "\n\nnamespaces = a\n",
		"f line 6: unknown key \"namespaces\""},
	    {"[kubernetes]\nnamespace = ws\n",
		"line 2: unknown key \"namespace\""},
	    {"[log]\nlevels = info\n", "line 2: unknown key \"levels\""},
	    {"[log]\nlevel = loud\n",
		"line 2: level is error, warn, info or debug, not \"loud\""},
	    {"[log]\nlevel = INFO\n", "line 2: level is"},
	    {"[log]\nlevel =\n", "line 2: no value for \"level\""},
	    {"[log]\nlevel = info\nlevel = info\n",
		"line 3: set twice: \"level\""},
	    {WORKSPACE "pod = b\n", "line 4: set twice: \"pod\""},
	    {WORKSPACE "[workspace]\npod = b\n", "line 5: set twice: \"pod\""},
	    {"[workspace]\nnamespace = a\n b\n", "line 3: not \"key = value\""},
	    {"[workspace]\npod =\n", "line 2: no value for \"pod\""},
	    {"[workspace]\npod = ; c\n", "line 2: no value for \"pod\""},
	    {"[workspace]\nnamespace = Ws\n",
		"line 2: not a namespace: \"Ws\""},
	    {"[workspace]\nnamespace = a/b\n", "line 2: not a namespace"},
	    {"[workspace]\nnamespace = a.b\n", "line 2: not a namespace"},
	    {"[workspace]\ncontainer = -a\n",
		"line 2: not a container: \"-a\""},
	    {"[workspace]\ncontainer = %u\n", "line 2: not a container"},
	    {"[kubernetes]\nkubeconfig = etc/k\n",
		"line 2: not an absolute path: \"etc/k\""},
	    {"[workspace]\nnamespace ws\n",
		"line 2: not \"key = value\" nor \"[section]\""},
	    {"[workspace\nnamespace = ws\n", "line 1: not \"key = value\""},
	    /* Bytes that must not reach a terminal. */
	    {"[log]\nlevel = \033[31m\377\n", "not \"\\033[31m\\377\""},
	    {"[\033x]\na = b\n", "unknown section \"\\033x\""},
	    /* The first error counts, and its own text. */
	    {"[log]\njunk\nlevel = loud\n", "line 2: not \"key = value\""},
	    {"[log]\nlevel = loud\njunk\n", "line 2: level is"},
	    {"[log]\nlevel = loud\n[x]\ny = z\n", "line 2: level is"},
	};
	struct k8s_err err;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		memset(&err, 0, sizeof(err));
		if (config_parse(cases[i].text, "f", &err) != NULL)
			fail_msg("accepted: %s", cases[i].text);
		unit_check_err(&err, K8S_ERR_CONFIG, cases[i].expect);
	}
}

/* The parser below cuts long lines; here they are refused instead. */
static void
bounds_a_line(void **state)
{
	char text[1024], expect[64];
	struct k8s_err err = K8S_ERR_INIT;
	struct config *c;
	size_t i, start;
	int n;

	(void)state;
	for (i = 0; i < 2; i++) {
		n = snprintf(text, sizeof(text), "%s[kubernetes]\n", WORKSPACE);
		start = (size_t)n;
		n += snprintf(text + n, sizeof(text) - (size_t)n,
		    "kubeconfig = /");
		while ((size_t)n - start < LINE_MAX_ + i)
			text[n++] = 'a';
		(void)snprintf(text + n, sizeof(text) - (size_t)n,
		    "\n[log]\nlevel = debug\n");
		c = config_parse(text, "f", &err);
		if (i == 0) {
			if (c == NULL)
				fail_msg("%s", err.msg);
			assert_int_equal(strlen(c->kubeconfig),
			    LINE_MAX_ - strlen("kubeconfig = "));
			assert_int_equal(c->log_level, LOGL_DEBUG);
			config_free(c);
		} else {
			assert_null(c);
			(void)snprintf(expect, sizeof(expect),
			    "f line 5: longer than %d", LINE_MAX_);
			unit_check_err(&err, K8S_ERR_CONFIG, expect);
		}
	}
	/* A last line without its end. */
	memset(text, 'a', 300);
	text[300] = '\0';
	assert_null(config_parse(text, "f", &err));
	unit_check_err(&err, K8S_ERR_CONFIG, "f line 1: longer than");
}

static void
loads_a_file(void **state)
{
	static char big[300 * 1024];
	struct k8s_err err = K8S_ERR_INIT;
	char *dir = tmpdir_new(), expect[600];
	const char *path;
	struct config *c;

	(void)state;
	path = tmpdir_write(dir, "c", WORKSPACE, strlen(WORKSPACE), 0600);
	c = config_load(path, &err);
	assert_non_null(c);
	config_free(c);
	assert_int_equal(err.code, K8S_ERR_NONE);

	path = tmpdir_write(dir, "c", "[log]\nx\n", 8, 0600);
	assert_null(config_load(path, &err));
	(void)snprintf(expect, sizeof(expect), "%s line 2: not", path);
	unit_check_err(&err, K8S_ERR_CONFIG, expect);

	path = tmpdir_write(dir, "c", WORKSPACE "\0", sizeof(WORKSPACE), 0600);
	assert_null(config_load(path, &err));
	unit_check_err(&err, K8S_ERR_CONFIG, path);

	memset(big, '\n', sizeof(big));
	path = tmpdir_write(dir, "c", big, sizeof(big), 0600);
	assert_null(config_load(path, &err));
	unit_check_err(&err, K8S_ERR_CONFIG, "File too large");

	assert_null(config_load("/nonexistent/k8shell.conf", &err));
	unit_check_err(&err, K8S_ERR_CONFIG,
	    "/nonexistent/k8shell.conf: No such file or directory");
	assert_null(config_load(dir, &err));
	unit_check_err(&err, K8S_ERR_CONFIG, "Is a directory");
	tmpdir_free(dir);
}

static void
check_expand(const char *template, const char *user, const char *expect)
{
	struct k8s_err err = K8S_ERR_INIT;
	char *s = config_expand(template, user, &err);

	if (s == NULL)
		fail_msg("%s", err.msg);
	assert_string_equal(s, expect);
	assert_int_equal(err.code, K8S_ERR_NONE);
	free(s);
}

static void
expands(void **state)
{
	static char name[300];
	char expect[310];

	(void)state;
	check_expand("%u-dev", "alice", "alice-dev");
	check_expand("dev", "alice", "dev");
	check_expand("%u", "a.b-1", "a.b-1");
	check_expand("%u%u.%u", "a", "aa.a");
	check_expand("0-%u-0", "0", "0-0-0");
	memset(name, 'a', 253);
	check_expand("%u", name, name);
	name[251] = '\0';
	(void)snprintf(expect, sizeof(expect), "%s-x", name);
	check_expand("%u-x", name, expect);
}

static void
check_refused(const char *template, const char *user, enum k8s_err_code code,
    const char *text)
{
	struct k8s_err err = K8S_ERR_INIT;

	if (config_expand(template, user, &err) != NULL)
		fail_msg("accepted \"%s\" for \"%s\"", user, template);
	unit_check_err(&err, code, text);
}

static void
refuses_hostile_users(void **state)
{
	static const char *const users[] = {"", "..", ".", "-", "a/b", "../x",
	    "a/../b", "a?x=1", "a#", "a b", "a\nb", "a\tb", "%u", "%2e%2e",
	    "%%", "Alice", "a_b", "a@b", "a:b", "a\\b", "a\"b", "a'b", "a;b",
	    "a$b", "\xc3\xa9", "\xff", "\033[31m", "a\177", "a..b", "a.-b",
	    "a-.b", ".a", "-a", "a.", "a~dev", "a+b"};
	char big[300];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(users) / sizeof(users[0]); i++)
		check_refused("%u", users[i], K8S_ERR_INVALID,
		    "is not a name in Kubernetes");
	check_refused("ws.%u", "-a", K8S_ERR_INVALID, "is not a name");
	check_refused("%u-dev", "", K8S_ERR_INVALID, "is not a name");
	memset(big, 'a', sizeof(big));
	big[254] = '\0';
	check_refused("%u", big, K8S_ERR_INVALID, "longer than 253");
	big[253] = '\0';
	check_refused("%ux", big, K8S_ERR_INVALID, "longer than 253");
	big[200] = '\0';
	check_refused("%u%u", big, K8S_ERR_INVALID, "longer than 253");
}

static void
refuses_bad_templates(void **state)
{
	(void)state;
	check_refused("%h-x", "a", K8S_ERR_CONFIG, "only %u and %%");
	check_refused("a%", "a", K8S_ERR_CONFIG, "only %u and %%");
	check_refused("a%U", "a", K8S_ERR_CONFIG, "only %u and %%");
	check_refused("\033\377%", "a", K8S_ERR_CONFIG, "\\033\\377%");
	check_refused("a%%", "a", K8S_ERR_INVALID, "\"a%\" is not a name");
	check_refused("a%%u", "b", K8S_ERR_INVALID, "\"a%u\" is not a name");
}

static void
names(void **state)
{
	(void)state;
	assert_true(config_is_name("a", 1));
	assert_false(config_is_name("aa", 1));
	assert_false(config_is_name("", 10));
	assert_true(config_is_name("a-b.c-0", 63));
	assert_true(config_is_name("a--b", 63));
	assert_false(config_is_name("a--", 63));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(reads_everything),
	    cmocka_unit_test(has_defaults),
	    cmocka_unit_test(knows_whether_there_is_a_guest),
	    cmocka_unit_test(knows_the_levels),
	    cmocka_unit_test(names_what_is_wrong),
	    cmocka_unit_test(bounds_a_line),
	    cmocka_unit_test(loads_a_file),
	    cmocka_unit_test(expands),
	    cmocka_unit_test(refuses_hostile_users),
	    cmocka_unit_test(refuses_bad_templates),
	    cmocka_unit_test(names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) != 0;
}
