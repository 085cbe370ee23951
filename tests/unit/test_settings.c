/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include "lib/core/config.h"
#include "lib/core/inifile.h"
#include "proxyprotocol/settings.h"
#include "tests/unit/settings_text.h"
#include "tests/unit/tmpdir.h"

#define LISTENER "[listener a]\nlisten = 127.0.0.1:22\n"

static struct settings *
parse(const char *text)
{
	struct k8s_err err = K8S_ERR_INIT;
	struct settings *s = settings_parse(text, "f", &err);

	if (s == NULL)
		fail_msg("%s: %s", text, err.msg);
	assert_int_equal(err.code, K8S_ERR_NONE);
	return s;
}

/* Refused, with that in the message. */
static void
refused(const char *text, const char *expect)
{
	struct k8s_err err = K8S_ERR_INIT;

	if (settings_parse(text, "f", &err) != NULL)
		fail_msg("accepted: %s", text);
	unit_check_err(&err, K8S_ERR_CONFIG, expect);
}

static void
check_addr(const struct net_addr *a, const char *ip, unsigned int port)
{
	char text[NET_ADDR_TEXT_MAX];

	assert_string_equal(net_addr_text(a, text, sizeof(text)), ip);
	assert_int_equal(net_addr_port(a), port);
}

static void
check_net(const struct net_prefix *p, const char *ip, unsigned int bits)
{
	check_addr(&p->net, ip, 0);
	assert_int_equal(p->bits, bits);
}

static void
reads_everything(void **state)
{
	struct settings *s = parse(SETTINGS_TEXT);
	const struct settings_listener *l;

	(void)state;
	assert_string_equal(s->sshd, "/opt/ssh/sshd");
	assert_string_equal(s->sshd_config, "/opt/ssh/config");
	assert_string_equal(s->audit_file, "/var/log/k8shell/audit.log");
	assert_string_equal(s->proxy_id, "bastion-1");
	assert_int_equal(s->uid_base, 300000);
	assert_int_equal(s->max_forwards, 1000);
	assert_int_equal(s->log_level, LOGL_DEBUG);
	assert_int_equal(s->limits.startups_begin, 50);
	assert_int_equal(s->limits.startups_rate, 40);
	assert_int_equal(s->limits.startups_full, 200);
	assert_int_equal(s->limits.max_connections, 2000);
	assert_int_equal(s->limits.max_per_source, 20);
	assert_int_equal(s->limits.prefix4, 24);
	assert_int_equal(s->limits.prefix6, 56);
	assert_int_equal(s->limits.penalty[LIMITS_AUTHFAIL], 6);
	assert_int_equal(s->limits.penalty[LIMITS_INVALIDUSER], 7);
	assert_int_equal(s->limits.penalty[LIMITS_NOAUTH], 2);
	assert_int_equal(s->limits.penalty[LIMITS_CRASH], 91);
	assert_ptr_equal(s->limits.exempt, s->exempt);
	assert_int_equal(s->limits.exempt_count, 3);
	check_net(&s->exempt[0], "10.0.0.0", 8);
	check_net(&s->exempt[1], "192.0.2.7", 32);
	check_net(&s->exempt[2], "2001:db8::", 32);

	assert_int_equal(s->listeners_len, 2);
	l = &s->listeners[0];
	assert_string_equal(l->name, "public");
	assert_int_equal(l->addresses_len, 3);
	check_addr(&l->addresses[0], "0.0.0.0", 22);
	check_addr(&l->addresses[1], "::", 22);
	check_addr(&l->addresses[2], "192.0.2.1", 443);
	assert_int_equal(l->proxy, PROXY_REQUIRED);
	assert_int_equal(l->trusted_len, 3);
	check_net(&l->trusted[0], "10.0.7.0", 24);
	check_net(&l->trusted[1], "10.0.8.1", 32);
	check_net(&l->trusted[2], "fd00::", 8);
	assert_int_equal(l->timeout_ms, 5000);
	l = &s->listeners[1];
	assert_string_equal(l->name, "inside");
	assert_int_equal(l->addresses_len, 1);
	check_addr(&l->addresses[0], "10.1.0.5", 2222);
	assert_int_equal(l->proxy, PROXY_OFF);
	assert_int_equal(l->trusted_len, 0);
	settings_freep(&s);
	assert_null(s);
	settings_free(NULL);
}

/* What is not named stays as it is in k8shell.conf(5). */
static void
check_limits(const struct limits_config *c, const struct limits_config *d)
{
	assert_int_equal(c->startups_begin, d->startups_begin);
	assert_int_equal(c->startups_rate, d->startups_rate);
	assert_int_equal(c->startups_full, d->startups_full);
	assert_int_equal(c->max_connections, d->max_connections);
	assert_int_equal(c->max_per_source, d->max_per_source);
	assert_int_equal(c->prefix4, d->prefix4);
	assert_int_equal(c->prefix6, d->prefix6);
	assert_memory_equal(c->penalty, d->penalty, sizeof(c->penalty));
	assert_int_equal(c->penalty_min, d->penalty_min);
	assert_int_equal(c->penalty_max, d->penalty_max);
	assert_int_equal(c->exempt_count, d->exempt_count);
}

static void
has_defaults(void **state)
{
	struct settings *s = parse(LISTENER);
	char host[256] = "";
	struct limits_config d;

	(void)state;
	assert_int_equal(gethostname(host, sizeof(host) - 1), 0);
	assert_string_equal(s->sshd, "/usr/sbin/sshd");
	assert_non_null(strstr(s->sshd_config, "/k8shell/sshd_config"));
	assert_null(s->audit_file);
	assert_string_equal(s->proxy_id, host);
	assert_int_equal(s->uid_base, 200000);
	assert_int_equal(s->max_forwards, 256);
	assert_int_equal(s->log_level, LOGL_INFO);
	limits_config_default(&d);
	assert_int_equal(d.startups_begin, 10);
	assert_int_equal(d.startups_rate, 30);
	assert_int_equal(d.startups_full, 100);
	assert_int_equal(d.max_connections, 1000);
	assert_int_equal(d.max_per_source, 0);
	check_limits(&s->limits, &d);
	assert_int_equal(s->listeners[0].proxy, PROXY_OFF);
	assert_int_equal(s->listeners[0].timeout_ms, 3000);
	settings_free(s);
}

static void
takes_each_form(void **state)
{
	struct limits_config d;
	struct settings *s;

	(void)state;
	/* As in sshd: one number is where all are dropped. */
	s = parse(LISTENER "[proxyd]\nmax_startups = 7\n");
	assert_int_equal(s->limits.startups_begin, 7);
	assert_int_equal(s->limits.startups_rate, 100);
	assert_int_equal(s->limits.startups_full, 7);
	settings_free(s);

	limits_config_default(&d);
	s = parse(LISTENER "[proxyd]\npenalties = no\n");
	memset(d.penalty, 0, sizeof(d.penalty));
	check_limits(&s->limits, &d);
	settings_free(s);

	limits_config_default(&d);
	s = parse(LISTENER "[proxyd]\npenalties = grace_exceeded:1,"
			   "refuseconnection:0\tmin:4 max:31536000\n");
	d.penalty[LIMITS_GRACE_EXCEEDED] = 1;
	d.penalty[LIMITS_REFUSECONNECTION] = 0;
	d.penalty_min = 4;
	d.penalty_max = 31536000;
	check_limits(&s->limits, &d);
	settings_free(s);

	/* The bounds. */
	s = parse(LISTENER "proxy_timeout = 60\n"
			   "[proxyd]\nmax_connections = 60000\n"
			   "max_per_source = 60000\nsource_prefix = 0:128\n"
			   "uid_base = 1000\nmax_startups = 1:1:1\n");
	assert_int_equal(s->limits.max_connections, 60000);
	assert_int_equal(s->limits.max_per_source, 60000);
	assert_int_equal(s->limits.prefix4, 0);
	assert_int_equal(s->limits.prefix6, 128);
	assert_int_equal(s->uid_base, 1000);
	assert_int_equal(s->limits.startups_rate, 1);
	assert_int_equal(s->listeners[0].timeout_ms, 60000);
	settings_free(s);

	s = parse(LISTENER "proxy_protocol = optional\ntrusted_proxies = ::1\n"
			   "[listener b]\nlisten = [::1]:0\n"
			   "[listener a]\nlisten = 127.0.0.2:22\n");
	assert_int_equal(s->listeners_len, 2);
	assert_int_equal(s->listeners[0].proxy, PROXY_OPTIONAL);
	assert_int_equal(s->listeners[0].addresses_len, 2);
	settings_free(s);
}

static void
names_what_is_wrong(void **state)
{
	static const struct {
		const char *text, *expect;
	} cases[] = {
	    /* Each key of [proxyd] wrong once, and their bounds. */
	    {"[proxyd]\nsshd = sshd\n",
		"f line 2: not an absolute path: \"sshd\"; see "
		"k8shell.conf(5)"},
	    {"[proxyd]\nsshd_config = ./c\n",
		"line 2: not an absolute path: \"./c\""},
	    {"[proxyd]\naudit_file = audit\n",
		"line 2: not an absolute path: \"audit\""},
	    {"[proxyd]\nproxy_id =\n", "line 2: no value for \"proxy_id\""},
	    {"[proxyd]\nuid_base = 999\n",
		"line 2: not a number from 1000 to 2147483647: \"999\""},
	    {"[proxyd]\nuid_base = 2147483648\n", "not a number from 1000"},
	    {"[proxyd]\nmax_forwards = 1025\n", "not a number from 0"},
	    {"[proxyd]\nmax_forwards = -1\n", "not a number from 0"},
	    {"[proxyd]\nuid_base = 2000000x\n", "not a number from 1000"},
	    {"[proxyd]\nuid_base = -2000\n", "not a number from 1000"},
	    {"[proxyd]\nuid_base = +2000\n", "not a number from 1000"},
	    {"[proxyd]\nuid_base = 0x10000\n", "not a number from 1000"},
	    {"[proxyd]\nuid_base = 99999999999999999999\n",
		"not a number from 1000"},
	    {"[proxyd]\nmax_startups = 0\n",
		"line 2: not begin:rate:full, as 10:30:100 is: \"0\""},
	    {"[proxyd]\nmax_startups = 10:30\n", "not begin:rate:full"},
	    {"[proxyd]\nmax_startups = 10:0:100\n", "not begin:rate:full"},
	    {"[proxyd]\nmax_startups = 10:101:100\n", "not begin:rate:full"},
	    {"[proxyd]\nmax_startups = 10:30:9\n", "not begin:rate:full"},
	    {"[proxyd]\nmax_startups = 10:30:100:\n", "not begin:rate:full"},
	    {"[proxyd]\nmax_startups = 10x\n", "not begin:rate:full"},
	    {"[proxyd]\nmax_startups = 2147483648\n", "not begin:rate:full"},
	    {"[proxyd]\nmax_connections = 0\n",
		"line 2: not a number from 1 to 60000: \"0\""},
	    {"[proxyd]\nmax_connections = 60001\n",
		"not a number from 1 to 60000"},
	    {"[proxyd]\nmax_per_source = 60001\n",
		"line 2: not a number from 0 to 60000: \"60001\""},
	    {"[proxyd]\nmax_per_source = no\n",
		"not a number from 0 to 60000: \"no\""},
	    {"[proxyd]\nsource_prefix = 33:64\n",
		"line 2: not bits:bits, as 32:64 is: \"33:64\""},
	    {"[proxyd]\nsource_prefix = 32:129\n", "not bits:bits"},
	    {"[proxyd]\nsource_prefix = 32\n", "not bits:bits"},
	    {"[proxyd]\nsource_prefix = 32:64:1\n", "not bits:bits"},
	    {"[proxyd]\npenalties = authfail\n",
		"line 2: not a penalty, as authfail:5 is: \"authfail\""},
	    {"[proxyd]\npenalties = crash:1 authfail:5s\n", "\"authfail:5s\""},
	    {"[proxyd]\npenalties = auth:5\n", "\"auth:5\""},
	    {"[proxyd]\npenalties = authfail:\n", "\"authfail:\""},
	    {"[proxyd]\npenalties = authfails:5\n", "\"authfails:5\""},
	    {"[proxyd]\npenalties = :5\n", "\":5\""},
	    {"[proxyd]\npenalties = max:31536001\n", "\"max:31536001\""},
	    {"[proxyd]\npenalties = no crash:1\n", "\"no\""},
	    {"[proxyd]\npenalties = yes\n", "\"yes\""},
	    {"[proxyd]\npenalty_exempt = 10.0.0.0/8 10.0.0.1/8\n",
		"f line 2: \"10.0.0.1/8\" has bits behind its length: the "
		"network is 10.0.0.0/8, the address alone has no /; see "
		"k8shell.conf(5)"},
	    {"[proxyd]\npenalty_exempt = localhost\n",
		"line 2: \"localhost\" is neither an address nor a network"},
	    /* And of a listener. */
	    {"[listener a]\nlisten = 127.0.0.1:22, 22\n",
		"line 2: \"22\" does not end in a port"},
	    {"[listener a]\nlisten = localhost:22\n",
		"line 2: \"localhost:22\" is no address to listen on"},
	    {LISTENER "proxy_protocol = yes\n",
		"line 3: proxy_protocol is off, optional or required, not "
		"\"yes\""},
	    {LISTENER "trusted_proxies = 10.0.0.0/33\n",
		"line 3: \"10.0.0.0/33\": behind the / belongs a number"},
	    {LISTENER "proxy_timeout = 0\n",
		"line 3: not a number from 1 to 60: \"0\""},
	    {LISTENER "proxy_timeout = 61\n", "not a number from 1 to 60"},
	    {LISTENER "proxy_timeout = 3s\n", "not a number from 1 to 60"},
	    {"[log]\nlevel = loud\n",
		"line 2: level is error, warn, info or debug, not \"loud\""},
	    /* Keys that are not there, or elsewhere. */
	    {"[proxyd]\nmax_startup = 1\n",
		"line 2: unknown key \"max_startup\""},
	    {"[proxyd]\nlisten = 127.0.0.1:22\n",
		"line 2: unknown key \"listen\""},
	    {"[listener a]\nmax_startups = 1\n",
		"line 2: unknown key \"max_startups\""},
	    {"[log]\nlevels = info\n", "line 2: unknown key \"levels\""},
	    {"[proxy]\nsshd = /s\n", "line 2: unknown section \"proxy\""},
	    {"[listener]\nlisten = 127.0.0.1:22\n",
		"line 2: unknown section \"listener\""},
	    {"[listeners a]\nlisten = 127.0.0.1:22\n",
		"line 2: unknown section \"listeners a\""},
	    {"sshd = /s\n", "line 1: unknown section \"\""},
	    {"[listener ]\nlisten = 127.0.0.1:22\n",
		"line 2: a listener's name is letters, digits, '-', '_' and "
		"'.', not \"\""},
	    {"[listener a b]\nlisten = 127.0.0.1:22\n", "not \"a b\""},
	    {"[listener a ]\nlisten = 127.0.0.1:22\n", "not \"a \""},
	    /* Twice. */
	    {"[proxyd]\nsshd = /a\nsshd = /a\n", "line 3: set twice: \"sshd\""},
	    {"[proxyd]\nsshd_config = /a\n[log]\nlevel = info\n[proxyd]\n"
	     "sshd_config = /b\n",
		"line 6: set twice: \"sshd_config\""},
	    {"[proxyd]\naudit_file = /a\naudit_file = /b\n", "line 3: set"},
	    {"[proxyd]\nproxy_id = a\nproxy_id = b\n", "line 3: set"},
	    {"[proxyd]\nuid_base = 2000\nuid_base = 3000\n", "line 3: set"},
	    {"[proxyd]\nmax_startups = 1\nmax_startups = 2\n", "line 3: set"},
	    {"[proxyd]\nmax_connections = 1\nmax_connections = 2\n",
		"line 3: set"},
	    {"[proxyd]\nmax_per_source = 1\nmax_per_source = 2\n",
		"line 3: set"},
	    {"[proxyd]\nsource_prefix = 1:1\nsource_prefix = 2:2\n",
		"line 3: set"},
	    {"[proxyd]\npenalties = no\npenalties = no\n", "line 3: set"},
	    {LISTENER "proxy_protocol = off\nproxy_protocol = off\n",
		"line 4: set twice: \"proxy_protocol\""},
	    {LISTENER "proxy_timeout = 1\n[listener b]\nproxy_timeout = 1\n"
		      "[listener a]\nproxy_timeout = 1\n",
		"line 7: set twice: \"proxy_timeout\""},
	    {"[log]\nlevel = info\nlevel = info\n",
		"line 3: set twice: \"level\""},
	    /* Listeners as a whole. */
	    {"", "f: there is no [listener NAME] with an address"},
	    {"[proxyd]\nsshd = /s\n", "f: there is no [listener NAME]"},
	    {"[listener a]\nproxy_timeout = 1\n",
		"f: [listener a] needs listen"},
	    {"[listener a]\nlisten = ,\n", "f: [listener a] needs listen"},
	    {LISTENER "[listener b]\nproxy_protocol = off\n",
		"f: [listener b] needs listen"},
	    {LISTENER "proxy_protocol = optional\n",
		"f: [listener a] has proxy_protocol, but trusted_proxies does "
		"not say whose headers count"},
	    {LISTENER "proxy_protocol = required\ntrusted_proxies = ,\n",
		"f: [listener a] has proxy_protocol, but"},
	    {LISTENER "trusted_proxies = 10.0.0.0/8\n",
		"f: [listener a] has trusted_proxies, but proxy_protocol is "
		"off"},
	    {LISTENER "proxy_protocol = off\ntrusted_proxies = ::/0\n",
		"f: [listener a] has trusted_proxies, but"},
	    /* Limits as a whole. */
	    {LISTENER "[proxyd]\npenalties = min:600\n",
		"f: no penalty would be enforced"},
	    {LISTENER "[proxyd]\npenalties = max:15\n",
		"f: no penalty would be enforced"},
	    /* Bytes that must not reach a terminal. */
	    {"[listener a]\nlisten = \377\n", "line 2: \"\\377\" does not"},
	    {"[listener \033x]\nlisten = 127.0.0.1:22\n",
		"line 2: a listener's name is letters, digits, '-', '_' and "
		"'.', not \"\\033x\""},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		refused(cases[i].text, cases[i].expect);
}

/* A name that libinih would cut is not taken for another. */
static void
names_of_listeners_are_whole(void **state)
{
	const size_t max = INIFILE_SECTION_MAX - strlen("listener ");
	char text[512], name[64];
	struct settings *s;

	(void)state;
	memset(name, 'n', sizeof(name));
	name[max] = '\0';
	(void)snprintf(text, sizeof(text),
	    "[listener %s]\nlisten = 127.0.0.1:1\n"
	    "[listener %.*sm]\nlisten = 127.0.0.1:2\n",
	    name, (int)max - 1, name);
	s = parse(text);
	assert_int_equal(s->listeners_len, 2);
	assert_string_equal(s->listeners[0].name, name);
	settings_free(s);
	(void)snprintf(text, sizeof(text),
	    "[listener %sa]\nlisten = 127.0.0.1:1\n"
	    "[listener %sb]\nlisten = 127.0.0.1:2\n",
	    name, name);
	refused(text, "f line 2: too long a name for a section");
}

/* Leading zeros make a long number, but not another one. */
static void
cuts_no_word(void **state)
{
	struct settings *s;
	char text[512];

	(void)state;
	(void)snprintf(text, sizeof(text),
	    "%s[proxyd]\npenalties = authfail:%0100d\n", LISTENER, 9);
	s = parse(text);
	assert_int_equal(s->limits.penalty[LIMITS_AUTHFAIL], 9);
	settings_free(s);
}

/* n times text with a number, behind what there is. */
static void
append(char *to, size_t size, const char *before, int n, const char *after)
{
	size_t len;
	int i;

	for (i = 0; i < n; i++) {
		len = strlen(to);
		(void)snprintf(to + len, size - len, "%s%d%s", before, i,
		    after);
	}
}

static void
bounds_lists(void **state)
{
	static char text[65536];
	struct settings *s;

	(void)state;
	text[0] = '\0';
	append(text, sizeof(text), "[listener l", 32,
	    "]\nlisten=127.0.0.1:0\n");
	s = parse(text);
	assert_int_equal(s->listeners_len, 32);
	settings_free(s);
	append(text, sizeof(text), "[listener more", 1,
	    "]\nlisten=127.0.0.1:0\n");
	refused(text, "line 66: too many listeners: \"more0\"");

	(void)snprintf(text, sizeof(text), "[listener a]\n");
	append(text, sizeof(text), "listen=127.0.0.1:", 256, "\n");
	s = parse(text);
	assert_int_equal(s->listeners[0].addresses_len, 256);
	settings_free(s);
	append(text, sizeof(text), "listen=127.0.0.2:", 1, "\n");
	refused(text, "line 258: too many addresses at \"127.0.0.2:0\"");

	(void)snprintf(text, sizeof(text), "%s[proxyd]\n", LISTENER);
	append(text, sizeof(text), "penalty_exempt=10.0.0.", 256, "\n");
	s = parse(text);
	assert_int_equal(s->limits.exempt_count, 256);
	settings_free(s);
	append(text, sizeof(text), "penalty_exempt=10.0.1.", 1, "\n");
	refused(text, "line 260: too many networks at \"10.0.1.0\"");
}

/* The helpers and the daemon read one and the same file. */
static void
one_file_for_all(void **state)
{
	static const char example[] = SETTINGS_TEXT;
	struct k8s_err err = K8S_ERR_INIT;
	char *dir = tmpdir_new();
	const char *path;
	struct settings *s;
	struct config *c;

	(void)state;
	path = tmpdir_write(dir, "k8shell.conf", example, sizeof(example) - 1,
	    0644);
	if ((s = settings_load(path, &err)) == NULL)
		fail_msg("%s", err.msg);
	if ((c = config_load(path, &err)) == NULL)
		fail_msg("%s", err.msg);
	assert_int_equal(s->listeners_len, 2);
	assert_int_equal(s->log_level, LOGL_DEBUG);
	assert_string_equal(c->pod, "%u-dev");
	assert_int_equal(c->log_level, LOGL_DEBUG);
	settings_free(s);
	config_free(c);

	assert_null(settings_load("/nonexistent/k8shell.conf", &err));
	unit_check_err(&err, K8S_ERR_CONFIG,
	    "/nonexistent/k8shell.conf: No such file or directory");
	tmpdir_free(dir);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(reads_everything),
	    cmocka_unit_test(has_defaults),
	    cmocka_unit_test(takes_each_form),
	    cmocka_unit_test(names_what_is_wrong),
	    cmocka_unit_test(names_of_listeners_are_whole),
	    cmocka_unit_test(cuts_no_word),
	    cmocka_unit_test(bounds_lists),
	    cmocka_unit_test(one_file_for_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) != 0;
}
