/* SPDX-License-Identifier: Apache-2.0 */
/* What becomes of stdin: for the command, and when the command has ended. */
#include "tests/unit/unit.h"

#include "helpers/prelude.h"
#include "tests/unit/shells.h"

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
	assert_string_equal(r->words, said(r, 0));
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

/* The command has ended, the client has not: "end" comes without its stdin. */
static void
ends_with_stdin_stalled(void **state)
{
	enum shells_kind kind = KIND(state);
	struct shells_run r = {.kind = kind, .command = "exit 5", .stall = 1};

	need(kind);
	check_run(&r, said(&r, 0), 5, "");
	r.framed = 1;
	check_run(&r, said(&r, 0), 5, "");
	r.in = "4\nabc\n";
	r.in_len = 6;
	check_run(&r, said(&r, 0), 5, "");
	r.command = "read -r a; echo \"$a\"; exit 6";
	check_run(&r, said(&r, 0), 6, "abc\n");
	r.command = "read -r a; kill -KILL $$";
	check_run(&r, said(&r, 9), 137, "");
	r.command = "exec 0<&-; echo closed";
	check_run(&r, said(&r, 0), 0, "closed\n");
}

/* Part of a frame is here; the rest comes only when it has to. */
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
	char finish[98];

	need(kind);
	memset(finish, 'x', 97);
	finish[97] = '\0';
	r.finish = finish;
	check_run(&r, said(&r, 0), 5, "");
	r.command = "head -c 2; exit 6";
	r.in = "2\nab100\nabc";
	r.in_len = 11;
	check_run(&r, said(&r, 0), 6, "ab");
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
	check_run(&r, said(&r, 0), 4, "aaa");
	memcpy(in, "1000000\n", 8);
	r.in_len = 8 + n;
	r.framed = 1;
	for (r.stall = 0; r.stall < 2; r.stall++)
		check_run(&r, said(&r, 0), 4, "aaa");
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
		check_run(&r, said(&r, 0), 0, out[i]);
	}
}

/* A container with a shell and nothing else. */
static void
needs_nothing_but_the_shell(void **state)
{
	enum shells_kind kind = KIND(state);
	struct shells_run r = {.kind = kind,
	    .path = "/nonexistent",
	    .command = "read -r a; echo \"$a\"; exit 3",
	    .in = "one\ntwo",
	    .in_len = 7};

	need(kind);
	if (kind == MKSH) /* its printf is not built in */
		return;
	check_run(&r, said(&r, 0), 3, "one\n");
	r.stall = 1;
	check_run(&r, said(&r, 0), 3, "one\n");
	/* busybox knows its own dd without a PATH. */
	if (kind == BUSYBOX)
		return;
	r.framed = 1;
	shells_run(&r);
	assert_string_equal(r.words, "start");
	assert_int_equal(WEXITSTATUS(r.status), 255);
	assert_string_equal(buf_string(r.out), "");
	assert_non_null(strstr(buf_string(r.err), "there is no dd here"));
	shells_free(&r);
}

/* A frame that can't be passed on is not passed over in silence. */
static void
says_what_was_lost(void **state)
{
	enum shells_kind kind = KIND(state);
	struct shells_run r = {.kind = kind,
	    .framed = 1,
	    .command = "cat",
	    .in = "3\nabc0\n",
	    .in_len = 7};
	char *bin, path[600];

	need(kind);
	if (kind == BUSYBOX) /* uses its own dd */
		return;
	bin = tmpdir_new();
	(void)snprintf(path, sizeof(path), "%s:/usr/bin:/bin", bin);
	r.path = path;
	tmpdir_write(bin, "dd", "#!/bin/sh\nexit 1\n", 17, 0700);
	shells_run(&r);
	assert_non_null(strstr(r.words, "lost"));
	shells_free(&r);
	tmpdir_free(bin);
}

/* Something in the background does not hold up the session. */
static void
leaves_the_background_alone(void **state)
{
	enum shells_kind kind = KIND(state);

	need(kind);
	check_both(kind, NULL, "sleep 60 >/dev/null 2>&1 & exit 4", 0, 4, "");
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

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    ALL(stdin_arrives_whole),
	    ALL(frames_arrive_whole),
	    ALL(ends_with_stdin_stalled),
	    ALL(ends_within_a_frame),
	    ALL(ends_with_stdin_left),
	    ALL(ends_with_broken_frames),
	    ALL(needs_nothing_but_the_shell),
	    ALL(says_what_was_lost),
	    ALL(leaves_the_background_alone),
	    ALL(runs_nothing_if_cut),
	};

	return cmocka_run_group_tests(tests, shells_setup, shells_teardown) !=
	    0;
}
