/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include "lib/core/buf.h"
#include "lib/kube/exec.h"
#include "tests/unit/exchange.h"

#define WORDS_MAX 16

/* exec_path() with room for cap bytes; NULL if that is not enough. */
static char *
path_of(const struct exec_params *p, size_t cap)
{
	struct buf *b __attribute__((cleanup(buf_freep))) = buf_new(cap);
	char *s;

	assert_non_null(b);
	if (exec_path(p, b) == -1)
		return NULL;
	/* The NUL is part of it. */
	s = strdup((const char *)buf_data(b));
	assert_int_equal(buf_len(b), strlen(s) + 1);
	return s;
}

static void
check_path(const struct exec_params *p, const char *expect)
{
	char *s = path_of(p, WS_PATH_MAX);

	assert_non_null(s);
	assert_string_equal(s, expect);
	free(s);
}

static void
golden(void **state)
{
	static const char *const ls[] = {"ls", "-l", "/", NULL};
	static const char *const none[] = {NULL};
	static const char *const empty[] = {"", NULL};
	struct exec_params p = {.namespace_ = "ws",
	    .pod = "alice-dev",
	    .command = ls};

	(void)state;
	check_path(&p,
	    "/api/v1/namespaces/ws/pods/alice-dev/exec?stdin=true&"
	    "stdout=true&stderr=true&command=ls&command=-l&command=%2F");
	p.tty = 1;
	p.container = "dev";
	check_path(&p,
	    "/api/v1/namespaces/ws/pods/alice-dev/exec?stdin=true&"
	    "stdout=true&tty=true&container=dev&command=ls&command=-l&"
	    "command=%2F");
	p.command = none;
	check_path(&p,
	    "/api/v1/namespaces/ws/pods/alice-dev/exec?stdin=true&"
	    "stdout=true&tty=true&container=dev");
	p.command = empty;
	p.container = NULL;
	check_path(&p,
	    "/api/v1/namespaces/ws/pods/alice-dev/exec?stdin=true&"
	    "stdout=true&tty=true&command=");
}

/* Whatever a name or a command holds, it stays in its place. */
static void
escapes(void **state)
{
	static const char kept[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				   "abcdefghijklmnopqrstuvwxyz0123456789-._~";
	const char *argv[] = {NULL, NULL};
	struct exec_params p = {.namespace_ = "a/b",
	    .pod = "../c?d",
	    .container = "e&f=%67#",
	    .command = argv};
	char arg[2] = "", expect[256];
	int c;

	(void)state;
	check_path(&p,
	    "/api/v1/namespaces/a%2Fb/pods/..%2Fc%3Fd/exec?"
	    "stdin=true&stdout=true&stderr=true&container=e%26f%3D%2567%23");
	p = (struct exec_params){.namespace_ = "n",
	    .pod = "p",
	    .command = argv};
	argv[0] = arg;
	for (c = 1; c < 256; c++) {
		arg[0] = (char)c;
		(void)snprintf(expect, sizeof(expect),
		    strchr(kept, c) != NULL
			? "/api/v1/namespaces/n/pods/p/exec?stdin=true&"
			  "stdout=true&stderr=true&command=%c"
			: "/api/v1/namespaces/n/pods/p/exec?stdin=true&"
			  "stdout=true&stderr=true&command=%%%02X",
		    c);
		check_path(&p, expect);
	}
}

static void
bounded(void **state)
{
	const char *argv[] = {NULL, NULL};
	struct exec_params p = {.namespace_ = "n", .pod = "p", .command = argv};
	static char arg[WS_PATH_MAX + 1];
	char *s;
	size_t room, i;

	(void)state;
	argv[0] = "";
	s = path_of(&p, WS_PATH_MAX);
	assert_non_null(s);
	room = WS_PATH_MAX - 1 - strlen(s);
	free(s);
	argv[0] = arg;
	memset(arg, 'a', sizeof(arg));
	arg[room] = '\0';
	s = path_of(&p, WS_PATH_MAX);
	assert_non_null(s);
	assert_int_equal(strlen(s), WS_PATH_MAX - 1);
	free(s);
	arg[room - 2] = '/';
	assert_null(path_of(&p, WS_PATH_MAX));
	/* No cap is overrun, wherever it lies. */
	arg[room] = '\0';
	for (i = 0; i < WS_PATH_MAX; i += WS_PATH_MAX / 250)
		assert_null(path_of(&p, i));
}

/* The words of a query in order; the string is cut up. */
static size_t
words(char *query, const char **word)
{
	size_t n = 0;
	char *w, *rest = query;

	while ((w = strtok_r(rest, "&", &rest)) != NULL) {
		assert_true(n < WORDS_MAX);
		word[n++] = w;
	}
	return n;
}

/* Undoes percent-encoding in place. */
static char *
decode(char *s)
{
	char *in, *out = s;
	unsigned int c;

	for (in = s; *in != '\0'; in++) {
		if (*in == '%') {
			assert_int_equal(sscanf(in + 1, "%2x", &c), 1);
			*out++ = (char)c;
			in += 2;
		} else
			*out++ = *in;
	}
	*out = '\0';
	return s;
}

/*
 * The recorded request and ours for the same
 * exec: the same path, the same commands in order, and the streams.
 */
static void
check_recorded(const char *scenario, int tty)
{
	static const char prefix[] = "/api/v1/namespaces/ws/pods/alice-dev/"
				     "exec?";
	const char *theirs[WORDS_MAX], *ours[WORDS_MAX],
	    *command[WORDS_MAX + 1];
	struct exec_params p = {.namespace_ = "ws",
	    .pod = "alice-dev",
	    .command = command,
	    .tty = tty};
	char decoded[WORDS_MAX][256], *s;
	struct exchange x;
	size_t n, m, i, j, commands = 0;

	exchange_load(&x, scenario);
	assert_memory_equal(x.request, prefix, strlen(prefix));
	n = words(x.request + strlen(prefix), theirs);
	for (i = 0; i < n; i++)
		if (strncmp(theirs[i], "command=", 8) == 0) {
			(void)snprintf(decoded[commands], 256, "%s",
			    theirs[i] + 8);
			command[commands] = decode(decoded[commands]);
			commands++;
		}
	command[commands] = NULL;
	s = path_of(&p, WS_PATH_MAX);
	assert_non_null(s);
	assert_memory_equal(s, prefix, strlen(prefix));
	m = words(s + strlen(prefix), ours);
	assert_string_equal(ours[0], "stdin=true");
	assert_string_equal(ours[1], "stdout=true");
	assert_string_equal(ours[2], tty ? "tty=true" : "stderr=true");
	assert_int_equal(m, 3 + commands);
	for (i = j = 0; i < n; i++)
		if (strncmp(theirs[i], "command=", 8) == 0)
			assert_string_equal(theirs[i], ours[3 + j++]);
	assert_int_equal(j, commands);
	free(s);
	exchange_free(&x);
}

static void
asks_as_recorded(void **state)
{
	(void)state;
	check_recorded("exec-exit-7", 0);
	check_recorded("exec-killed-by-signal", 0);
	check_recorded("exec-command-not-found", 0);
	check_recorded("stdin-close-v5", 0);
	check_recorded("server-ping", 0);
	check_recorded("no-command", 0);
	check_recorded("tty-resize", 1);
	check_recorded("tty-initial-size", 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(golden),
	    cmocka_unit_test(escapes),
	    cmocka_unit_test(bounded),
	    cmocka_unit_test(asks_as_recorded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) != 0;
}
