/* SPDX-License-Identifier: Apache-2.0 */
/* The prelude's script, executed by the shells that this machine has. */
#include "tests/unit/unit.h"

#include "helpers/prelude.h"
#include "lib/kube/exec.h"
#include "tests/unit/shells.h"

/* The shell under test, from the state of each test. */
#define KIND(state) (*(enum shells_kind *)*(state))

/* mksh is no container's sh that we know of: fine without it. */
static int
must_have(enum shells_kind kind)
{
	return kind != MKSH && getenv("K8SHELL_MUST_RUN") != NULL;
}

static void
need(enum shells_kind kind)
{
	if (shells_has(kind))
		return;
	if (must_have(kind))
		fail_msg("no %s", shells_path[kind]);
	print_message("SKIP: no %s\n", shells_path[kind]);
	skip();
}

/* Runs it and says what came: words, exit code, stdout; stderr is to be "". */
static void
check_run(struct shells_run *r, const char *words, int exit_code,
    const char *out)
{
	const char *got;

	shells_run(r);
	got = buf_string(r->out);
	if (!WIFEXITED(r->status) || WEXITSTATUS(r->status) != exit_code ||
	    strcmp(r->words, words) != 0 || got == NULL ||
	    strcmp(got, out) != 0 || buf_len(r->err) > 0)
		fail_msg("%s, framed %d: \"%.60s\": status %x, words \"%s\", "
			 "stdout \"%.200s\", stderr \"%.200s\"",
		    shells_path[r->kind], r->framed,
		    r->command != NULL ? r->command : "", r->status, r->words,
		    got != NULL ? got : "(NUL)", buf_string(r->err));
	shells_free(r);
}

/* A plain command, both with its stdin as it is and as frames. */
static void
check_both(enum shells_kind kind, const char *const *env, const char *command,
    const char *words, int exit_code, const char *out)
{
	struct shells_run r = {.kind = kind, .env = env, .command = command};

	check_run(&r, words, exit_code, out);
	r.framed = 1;
	r.in = "0\n";
	r.in_len = 2;
	check_run(&r, words, exit_code, out);
}

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
		check_both(kind, NULL, command, "start", codes[i], "");
	}
	check_both(kind, NULL, "true", "start", 0, "");
	check_both(kind, NULL, "false", "start", 1, "");
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
		assert_string_equal(r.words, "start");
		assert_true(WIFEXITED(r.status));
		assert_int_equal(WEXITSTATUS(r.status), 143);
		shells_free(&r);
	}
	check_both(r.kind, NULL, "sh -c 'kill -TERM $$' 2>&-; exit 137",
	    "start", 137, "");
}

/* Shells are silent about INT and PIPE; the exit code says it in any case. */
static void
deaths_by_signal(void **state)
{
	static const int signals[] = {SIGHUP, SIGINT, SIGABRT, SIGKILL, SIGUSR1,
	    SIGSEGV, SIGUSR2, SIGPIPE, SIGALRM, SIGTERM};
	enum shells_kind kind = KIND(state);
	char command[32], words[32];
	size_t i;

	need(kind);
	for (i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		(void)snprintf(command, sizeof(command), "kill -%d $$",
		    signals[i]);
		(void)snprintf(words, sizeof(words), "start %d", signals[i]);
		if (signals[i] == SIGINT || signals[i] == SIGPIPE)
			words[strlen("start")] = '\0';
		check_both(kind, NULL, command, words, 128 + signals[i], "");
	}
}

static void
no_such_command(void **state)
{
	enum shells_kind kind = KIND(state);

	need(kind);
	check_both(kind, NULL, "/nonexistent/command 2>&-", "start", 127, "");
	check_both(kind, NULL, "/etc/passwd 2>&-", "start", 126, "");
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
		assert_string_equal(r.words, "start");
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
	check_both(kind, NULL, command, "start", 0, plain);
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
	check_both(kind, env, "printf %s \"$VALUE\"", "start", 0, plain);
	check_both(kind, env,
	    "printf '%s|' \"${EMPTY-unset}\" \"$EQUALS\" \"$lower_1\"", "start",
	    0, "|a=b=|\n\n|");
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
	check_both(kind, NULL, command, "start", 0, expect);
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
	    "env | grep -c '^VAR_[0-9]*=it'; echo \"$VAR_0;$VAR_999\"", "start",
	    0, "1000\nit's \"0\" $x;it's \"999\" $x\n");
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
	    "BASH_VERSINFO=1", "KSH_VERSION=x", "RANDOM=5", "LINENO=x",
	    "GOOD=g", NULL};
	enum shells_kind kind = KIND(state);

	need(kind);
	check_both(kind, env,
	    "echo \"$GOOD\"; env | grep -e BAD -e 1A -e NOEQ -e '^A' -e x=",
	    "start", 1, "g\n");
	check_both(kind, readonly, "echo $GOOD", "start", 0, "g\n");
}

/* The script's own names are not to be seen, nor its descriptors. */
static void
leaves_nothing_in_the_way(void **state)
{
	enum shells_kind kind = KIND(state);

	need(kind);
	check_both(kind, NULL, "env | grep ^k_; (: >&3) 2>&- || (: >&4) 2>&-",
	    "start", 1, "");
	check_both(kind, NULL, "trap", "start", 0, "");
	check_both(kind, NULL,
	    "[ -n \"$HOME$USER\" ] && echo \"${LOGNAME#$USER}\"", "start", 0,
	    "\n");
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
	assert_string_equal(r.words, "start");
	/* A profile of this machine may say more. */
	assert_non_null(strstr(buf_string(r.out), "in hello\n"));
	shells_free(&r);
}

/* Any bytes; n of them, the same in each run. */
static unsigned char *
bytes(size_t n)
{
	unsigned char *p = malloc(n);
	uint32_t seed = 42;
	size_t i;

	assert_non_null(p);
	for (i = 0; i < n; i++) {
		seed = seed * 1664525 + 1013904223;
		p[i] = (unsigned char)(seed >> 24);
	}
	return p;
}

static void
check_echoed(struct shells_run *r, const unsigned char *p, size_t n)
{
	shells_run(r);
	assert_string_equal(r->words, "start");
	assert_int_equal(r->status, 0);
	assert_string_equal(buf_string(r->err), "");
	assert_int_equal(buf_len(r->out), n);
	assert_memory_equal(buf_data(r->out), p, n);
	shells_free(r);
}

static void
stdin_arrives_whole(void **state)
{
	enum shells_kind kind = KIND(state);
	unsigned char *p = bytes(300000);
	struct shells_run r = {.kind = kind,
	    .command = "cat",
	    .in = p,
	    .in_len = 300000};

	need(kind);
	check_echoed(&r, p, 300000);
	r.in_len = 0;
	check_echoed(&r, p, 0);
	free(p);
}

static void
frames_arrive_whole(void **state)
{
	static const size_t sizes[] = {1, 2, 4095, 4096, 4097, 9, 65536, 65537,
	    1, 131072};
	enum shells_kind kind = KIND(state);
	size_t i, n = 0, total = 0;
	unsigned char *p;
	char *in;
	struct shells_run r = {.kind = kind, .command = "cat", .framed = 1};

	need(kind);
	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		total += sizes[i];
	p = bytes(total);
	in = malloc(total + 1024);
	total = 0;
	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		n += (size_t)sprintf(in + n, "%zu\n", sizes[i]);
		memcpy(in + n, p + total, sizes[i]);
		n += sizes[i];
		total += sizes[i];
	}
	memcpy(in + n, "0\n", 2);
	r.in = in;
	r.in_len = n + 2;
	/* With the connection still open, too: that is what frames are for. */
	for (r.stall = 0; r.stall < 2; r.stall++)
		check_echoed(&r, p, total);
	free(in);
	free(p);
}

/* The command has ended, the client has not: no waiting for its stdin. */
static void
ends_with_stdin_stalled(void **state)
{
	enum shells_kind kind = KIND(state);
	struct shells_run r = {.kind = kind, .command = "exit 5", .stall = 1};

	need(kind);
	check_run(&r, "start", 5, "");
	r.framed = 1;
	check_run(&r, "start", 5, "");
	r.in = "4\nabc\n";
	r.in_len = 6;
	check_run(&r, "start", 5, "");
	r.command = "read -r a; echo \"$a\"; exit 6";
	check_run(&r, "start", 6, "abc\n");
	r.command = "read -r a; kill -KILL $$";
	check_run(&r, "start 9", 137, "");
	r.command = "exec 0<&-; echo closed";
	check_run(&r, "start", 0, "closed\n");
}

/* Part of a frame is here; the rest comes, if at all, much later. */
static void
ends_within_a_frame(void **state)
{
	enum shells_kind kind = KIND(state);
	struct shells_run r = {.kind = kind,
	    .command = "exit 5",
	    .stall = 1,
	    .framed = 1,
	    .in = "100\nabc",
	    .in_len = 7};

	need(kind);
	check_run(&r, "start", 5, "");
	r.command = "head -c 2; exit 6";
	r.in = "2\nab100\nabc";
	r.in_len = 11;
	check_run(&r, "start", 6, "ab");
}

/* The command takes only a part of what is on its way. */
static void
ends_with_stdin_left(void **state)
{
	enum shells_kind kind = KIND(state);
	size_t n = 1000000;
	char *in = malloc(n + 16);
	struct shells_run r = {.kind = kind,
	    .command = "head -c 3; exit 4",
	    .in = in};

	need(kind);
	memset(in, 'a', n + 16);
	r.in_len = n;
	check_run(&r, "start", 4, "aaa");
	memcpy(in, "1000000\n", 8);
	r.in_len = 8 + n;
	r.framed = 1;
	for (r.stall = 0; r.stall < 2; r.stall++)
		check_run(&r, "start", 4, "aaa");
	free(in);
}

/* The connection breaks within a frame, or brings nonsense: that is EOF. */
static void
ends_with_broken_frames(void **state)
{
	static const char *const broken[] = {"", "5\nab", "x\n", "-1\n", "\n",
	    "2"};
	static const char *const out[] = {"", "ab", "", "", "", ""};
	enum shells_kind kind = KIND(state);
	struct shells_run r = {.kind = kind, .command = "cat", .framed = 1};
	size_t i;

	need(kind);
	for (i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
		r.in = broken[i];
		r.in_len = strlen(broken[i]);
		check_run(&r, "start", 0, out[i]);
	}
}

/* Something in the background does not hold up the session. */
static void
leaves_the_background_alone(void **state)
{
	enum shells_kind kind = KIND(state);

	need(kind);
	check_both(kind, NULL, "sleep 60 >/dev/null 2>&1 & exit 4", "start", 4,
	    "");
}

/* Wherever the connection is cut, no part of the script has been run. */
static void
runs_nothing_if_cut(void **state)
{
	enum shells_kind kind = KIND(state);
	static const char *const env[] = {"A=$(echo RAN)", NULL};
	struct shells_run r = {.kind = kind, .env = env, .command = "echo RAN"};
	struct buf *script = buf_new(PRELUDE_MAX);
	struct prelude p;
	size_t len;

	need(kind);
	assert_int_equal(prelude_init(&p, 0, NULL), 0);
	for (r.framed = 0; r.framed < 2; r.framed++) {
		buf_consume(script, buf_len(script));
		assert_int_equal(prelude_script(&p, env, r.command, r.framed,
				     script, NULL),
		    0);
		len = buf_len(script);
		for (r.cut = 1; r.cut < len; r.cut += r.cut + 36 < len ? 97 : 1)
			check_run(&r, "", 255, "");
	}
	buf_free(script);
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
	assert_string_equal(r.words, "ready start");
	assert_int_equal(r.status, 0);
	assert_non_null(strstr(buf_string(r.out), "a'b xterm\r\n24 80\r\n"));
	/* As it was before the script, not raw. */
	assert_null(strstr(buf_string(r.out), "-icanon"));
	shells_free(&r);

	r.command = "exit 143";
	check_run(&r, "ready start", 143, "");
	r.command = "kill -KILL $$";
	check_run(&r, "ready start 9", 137, "");
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
		       "while :; do sleep 1; done",
	    .in = "\003",
	    .in_len = 1};

	need(kind);
	shells_run(&r);
	assert_true(WIFEXITED(r.status));
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

#define ALL(test)                                             \
	cmocka_unit_test_prestate(test, &kinds[DASH]),        \
	    cmocka_unit_test_prestate(test, &kinds[BASH]),    \
	    cmocka_unit_test_prestate(test, &kinds[BUSYBOX]), \
	    cmocka_unit_test_prestate(test, &kinds[MKSH])

int
main(void)
{
	static enum shells_kind kinds[SHELLS] = {DASH, BASH, BUSYBOX, MKSH};
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(has_a_nonce_and_a_loader),
	    cmocka_unit_test(fits_into_a_request),
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
	    ALL(stdin_arrives_whole),
	    ALL(frames_arrive_whole),
	    ALL(ends_with_stdin_stalled),
	    ALL(ends_within_a_frame),
	    ALL(ends_with_stdin_left),
	    ALL(ends_with_broken_frames),
	    ALL(leaves_the_background_alone),
	    ALL(runs_nothing_if_cut),
	    ALL(on_a_terminal),
	    ALL(interrupts_on_a_terminal),
	};

	return cmocka_run_group_tests(tests, shells_setup, shells_teardown) !=
	    0;
}
