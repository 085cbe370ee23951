/* SPDX-License-Identifier: Apache-2.0 */
/* The prelude's script, executed by the shells that this machine has. */
#include "tests/unit/unit.h"

#include "helpers/prelude.h"
#include "lib/kube/exec.h"
#include "tests/unit/shells.h"

static void
exit_codes(void **state)
{
	static const int codes[] = {0, 1, 2, 7, 126, 127, 128, 129, 130, 137,
	    143, 255};
	enum shells_kind kind = KIND(state);
	char command[32];
	size_t i;

	need(kind);
	for (i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		(void)snprintf(command, sizeof(command), "exit %d", codes[i]);
		check_both(kind, NULL, command, 0, codes[i], "");
	}
	check_both(kind, NULL, "true", 0, 0, "");
	check_both(kind, NULL, "false", 0, 1, "");
}

/*
 * What exits 143 has not been killed, whatever its shells have to say about
 * these: the command's own shell says it, too, and that is for the user.
 */
static void
no_signal_for_an_exit_code(void **state)
{
	static const char *const env[] = {"LC_ALL=xx_YY.UTF-8", "LANG=zz",
	    "UID=77", "TMOUT=x", NULL};
	struct shells_run r = {.kind = KIND(state),
	    .env = env,
	    .in = "0\n",
	    .in_len = 2,
	    .command = "exit 143"};

	need(r.kind);
	for (r.framed = 0; r.framed < 2; r.framed++) {
		shells_run(&r);
		assert_string_equal(r.words, said(&r, 0));
		assert_true(WIFEXITED(r.status));
		assert_int_equal(WEXITSTATUS(r.status), 143);
		shells_free(&r);
	}
	check_both(r.kind, NULL, "(sh -c 'kill -TERM $$'; exit 137) 2>&-", 0,
	    137, "");
}

/* Shells are silent about INT and PIPE; the exit code says it in any case. */
static void
deaths_by_signal(void **state)
{
	static const int signals[] = {SIGHUP, SIGINT, SIGABRT, SIGKILL, SIGUSR1,
	    SIGSEGV, SIGUSR2, SIGPIPE, SIGALRM, SIGTERM};
	enum shells_kind kind = KIND(state);
	char command[32];
	int told;
	size_t i;

	need(kind);
	for (i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		(void)snprintf(command, sizeof(command), "kill -%d $$",
		    signals[i]);
		told = signals[i] != SIGINT && signals[i] != SIGPIPE;
		check_both(kind, NULL, command, told ? signals[i] : 0,
		    128 + signals[i], "");
	}
}

static void
no_such_command(void **state)
{
	enum shells_kind kind = KIND(state);

	need(kind);
	check_both(kind, NULL, "/nonexistent/command 2>&-", 0, 127, "");
	check_both(kind, NULL, "/etc/passwd 2>&-", 0, 126, "");
}

static void
streams_stay_apart(void **state)
{
	enum shells_kind kind = KIND(state);
	struct shells_run r = {.kind = kind,
	    .command = "echo out; echo err >&2; echo $(( 1 + 1 ))"};

	need(kind);
	for (r.framed = 0; r.framed < 2; r.framed++) {
		shells_run(&r);
		assert_string_equal(buf_string(r.out), "out\n2\n");
		assert_string_equal(buf_string(r.err), "err\n");
		assert_string_equal(r.words, said(&r, 0));
		assert_int_equal(r.status, 0);
		shells_free(&r);
	}
}

/* All bytes but NUL, quoted for printf in single quotes. */
static void
every_byte(char *quoted, char *plain)
{
	int c;

	for (c = 1; c < 256; c++) {
		*plain++ = (char)c;
		if (c == '\'') {
			memcpy(quoted, "'\\''", 4);
			quoted += 4;
		} else
			*quoted++ = (char)c;
	}
	*plain = *quoted = '\0';
}

static void
every_byte_in_a_command(void **state)
{
	char quoted[300], plain[256], command[400];
	enum shells_kind kind = KIND(state);

	need(kind);
	every_byte(quoted, plain);
	(void)snprintf(command, sizeof(command), "printf %%s '%s'", quoted);
	check_both(kind, NULL, command, 0, 0, plain);
}

static void
every_byte_in_a_variable(void **state)
{
	char quoted[300], plain[256], value[300];
	const char *env[] = {value, "EMPTY=", "EQUALS=a=b=", "lower_1=\n\n",
	    NULL};
	enum shells_kind kind = KIND(state);

	need(kind);
	every_byte(quoted, plain);
	(void)snprintf(value, sizeof(value), "VALUE=%s", plain);
	check_both(kind, env, "printf %s \"$VALUE\"", 0, 0, plain);
	check_both(kind, env,
	    "printf '%s|' \"${EMPTY-unset}\" \"$EQUALS\" \"$lower_1\"", 0, 0,
	    "|a=b=|\n\n|");
}

static void
a_long_command(void **state)
{
	enum shells_kind kind = KIND(state);
	size_t n = 100 * 1024;
	char *command = malloc(n + 64), expect[32];

	need(kind);
	assert_non_null(command);
	memcpy(command, "v='", 3);
	memset(command + 3, 'x', n);
	memcpy(command + 3 + n, "'; echo ${#v}", 14);
	(void)snprintf(expect, sizeof(expect), "%zu\n", n);
	check_both(kind, NULL, command, 0, 0, expect);
	free(command);
}

static void
many_variables(void **state)
{
	static char entries[1000][40];
	const char *env[1001];
	enum shells_kind kind = KIND(state);
	size_t i;

	need(kind);
	for (i = 0; i < 1000; i++) {
		(void)snprintf(entries[i], sizeof(entries[i]),
		    "VAR_%zu=it's \"%zu\" $x", i, i);
		env[i] = entries[i];
	}
	env[1000] = NULL;
	check_both(kind, env,
	    "env | grep -c '^VAR_[0-9]*=it'; echo \"$VAR_0;$VAR_999\"", 0, 0,
	    "1000\nit's \"0\" $x;it's \"999\" $x\n");
}

/* Nothing of them is set, and nothing of them is run. */
static void
leaves_out_invalid_names(void **state)
{
	static const char *const env[] = {"BAD-NAME=1", "1A=2", "=x", "",
	    "NOEQUALS", "A B=1", "A;echo x=1", "$(echo x)=1", "A\n=1",
	    "\303\204=1", "A+=1", "GOOD=g", "A[1]=2", NULL};
	/* A shell may refuse to set these; that is not the session's end. */
	static const char *const readonly[] = {"UID=7", "EUID=7", "PPID=7",
	    "BASH_VERSINFO=1", "KSH_VERSION=x", "RANDOM=5", "GOOD=g", NULL};
	enum shells_kind kind = KIND(state);

	need(kind);
	check_both(kind, env,
	    "echo \"$GOOD\"; env | grep -e BAD -e 1A -e NOEQ -e '^A' -e x=", 0,
	    1, "g\n");
	check_both(kind, readonly, "echo $GOOD", 0, 0, "g\n");
}

/* The script's own names are not to be seen, nor its descriptors. */
static void
leaves_nothing_in_the_way(void **state)
{
	enum shells_kind kind = KIND(state);

	need(kind);
	check_both(kind, NULL, "env | grep ^k_; (: >&3) 2>&- || (: >&4) 2>&-",
	    0, 1, "");
	check_both(kind, NULL, "trap", 0, 0, "");
	check_both(kind, NULL,
	    "[ -n \"$HOME$USER\" ] && echo \"${LOGNAME#$USER}\"", 0, 0, "\n");
}

static void
the_login_shell(void **state)
{
	static const char in[] = "echo \"in $GREETING\"; exit 3\n";
	static const char *const env[] = {"GREETING=hello", NULL};
	enum shells_kind kind = KIND(state);
	struct shells_run r = {.kind = kind,
	    .env = env,
	    .in = in,
	    .in_len = sizeof(in) - 1};

	need(kind);
	shells_run(&r);
	assert_true(WIFEXITED(r.status));
	assert_int_equal(WEXITSTATUS(r.status), 3);
	assert_string_equal(r.words, said(&r, 0));
	/* A profile of this machine may say more. */
	assert_non_null(strstr(buf_string(r.out), "in hello\n"));
	shells_free(&r);
}

static void
on_a_terminal(void **state)
{
	static const char *const env[] = {"LC_X=a'b", NULL};
	enum shells_kind kind = KIND(state);
	struct shells_run r = {.kind = kind, .env = env, .tty = 1};

	need(kind);
	r.command =
	    "echo \"$LC_X $TERM\"; stty size; stty -a | "
	    "grep -c -w -e icanon -e echo; [ \"$SSH_TTY\" = \"$(tty)\" ]";
	shells_run(&r);
	assert_string_equal(r.words, said(&r, 0));
	assert_int_equal(r.status, 0);
	assert_non_null(strstr(buf_string(r.out), "a'b xterm\r\n24 80\r\n"));
	/* As it was before the script, not raw. */
	assert_null(strstr(buf_string(r.out), "-icanon"));
	shells_free(&r);

	r.command = "exit 143";
	check_run(&r, said(&r, 0), 143, "");
	r.command = "kill -KILL $$";
	check_run(&r, said(&r, 9), 137, "");
	r.command = "stty -echo; echo go; read -r a; echo \"got $a\"; exit 9";
	r.after = "go";
	r.in = "typed\r";
	r.in_len = 6;
	shells_run(&r);
	assert_non_null(strstr(buf_string(r.out), "got typed\r\n"));
	assert_int_equal(WEXITSTATUS(r.status), 9);
	shells_free(&r);
}

/* ^C ends the command, and the prelude lives to tell how it ended. */
static void
interrupts_on_a_terminal(void **state)
{
	enum shells_kind kind = KIND(state);
	struct shells_run r = {.kind = kind,
	    .tty = 1,
	    .command = "trap 'echo caught; exit 33' INT; stty -echo; "
		       "echo go; while :; do sleep 1; done",
	    .in = "\003",
	    .in_len = 1,
	    .after = "go"};

	need(kind);
	shells_run(&r);
	if (!WIFEXITED(r.status))
		fail_msg("status %x, words \"%s\", \"%s\"", r.status, r.words,
		    buf_string(r.out));
	assert_int_equal(WEXITSTATUS(r.status), 33);
	assert_non_null(strstr(buf_string(r.out), "caught\r\n"));
	shells_free(&r);
}

static void
has_a_nonce_and_a_loader(void **state)
{
	struct prelude p[2];
	int tty, i;

	(void)state;
	for (tty = 0; tty < 2; tty++) {
		for (i = 0; i < 2; i++)
			assert_int_equal(prelude_init(&p[i], tty, NULL), 0);
		assert_string_not_equal(p[0].nonce, p[1].nonce);
		assert_int_equal(strlen(p[0].nonce), PRELUDE_NONCE_LEN);
		assert_int_equal(strspn(p[0].nonce, "0123456789abcdef"),
		    PRELUDE_NONCE_LEN);
		assert_string_equal(p[0].argv[0], "/bin/sh");
		assert_string_equal(p[0].argv[1], "-c");
		assert_ptr_equal(p[0].argv[2], p[0].loader);
		assert_null(p[0].argv[3]);
		assert_non_null(strstr(p[0].loader, p[0].nonce));
		/* Whole, not cut by its buffer. */
		assert_string_equal(p[0].loader + strlen(p[0].loader) - 11,
		    "eval \"$k_s\"");
	}
}

/* The longest names that Kubernetes allows leave room for the loader. */
static void
fits_into_a_request(void **state)
{
	char pod[254], name[64];
	struct exec_params params = {.namespace_ = name,
	    .pod = pod,
	    .container = name};
	struct buf *b __attribute__((cleanup(buf_freep))) =
	    buf_new(WS_PATH_MAX);
	struct prelude p;

	(void)state;
	memset(pod, 'a', sizeof(pod));
	pod[253] = '\0';
	memset(name, 'a', sizeof(name));
	name[63] = '\0';
	assert_int_equal(prelude_init(&p, 1, NULL), 0);
	params.command = p.argv;
	params.tty = 1;
	assert_int_equal(exec_path(&params, b), 0);
	/* A server behind a path prefix is part of it. */
	assert_true(buf_room(b) >= 200);
}

/* Not a byte of what is no "NAME=VALUE", and nothing behind it. */
static void
holds_only_variables(void **state)
{
	static const char *const env[] = {"NOEQUALS\0'$(x)'", "BAD-NAME=x",
	    "9NINE=x", "=x", "", "FINE=it's", NULL};
	struct buf *b = buf_new(PRELUDE_MAX);
	const char *text;
	struct prelude p;

	(void)state;
	assert_int_equal(prelude_init(&p, 0, NULL), 0);
	assert_int_equal(prelude_script(&p, env, "true", 0, b, NULL), 0);
	text = buf_string(b);
	assert_non_null(text); /* no NUL in it */
	assert_null(strstr(text, "NOEQUALS"));
	assert_null(strstr(text, "BAD-NAME"));
	assert_null(strstr(text, "NINE"));
	assert_null(strstr(text, "export ="));
	assert_non_null(strstr(text, "export FINE='it'\\''s'\n"));
	buf_free(b);
}

static void
is_bounded(void **state)
{
	static const char *const env[] = {NULL};
	char *command = malloc(PRELUDE_MAX + 1);
	struct k8s_err err = K8S_ERR_INIT;
	struct buf *b = buf_new(PRELUDE_MAX);
	struct prelude p;
	size_t i;

	(void)state;
	memset(command, 'a', PRELUDE_MAX);
	command[PRELUDE_MAX] = '\0';
	assert_int_equal(prelude_init(&p, 0, NULL), 0);
	assert_int_equal(prelude_script(&p, env, command, 0, b, &err), -1);
	unit_check_err(&err, K8S_ERR_SYSTEM, "command and environment");
	buf_free(b);
	free(command);
	for (i = 0; i < 1200; i += 100) {
		b = buf_new(i);
		assert_int_equal(prelude_script(&p, env, "true", 1, b, NULL),
		    -1);
		buf_free(b);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(has_a_nonce_and_a_loader),
	    cmocka_unit_test(fits_into_a_request),
	    cmocka_unit_test(holds_only_variables),
	    cmocka_unit_test(is_bounded),
	    ALL(exit_codes),
	    ALL(no_signal_for_an_exit_code),
	    ALL(deaths_by_signal),
	    ALL(no_such_command),
	    ALL(streams_stay_apart),
	    ALL(every_byte_in_a_command),
	    ALL(every_byte_in_a_variable),
	    ALL(a_long_command),
	    ALL(many_variables),
	    ALL(leaves_out_invalid_names),
	    ALL(leaves_nothing_in_the_way),
	    ALL(the_login_shell),
	    ALL(on_a_terminal),
	    ALL(interrupts_on_a_terminal),
	};

	return cmocka_run_group_tests(tests, shells_setup, shells_teardown) !=
	    0;
}
