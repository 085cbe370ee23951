/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include <dirent.h>

#include "lib/core/buf.h"
#include "lib/kube/channel.h"
#include "lib/kube/status.h"
#include "tests/unit/exchange.h"

/* What each recorded exec must become. */
static const struct {
	const char *scenario;
	int exit_code; /* -1: an error */
	enum k8s_err_code code;
	const char *text, *out, *err;
} expected[] = {
    {"bad-channel", -1, K8S_ERR_DISCONNECT, "not known", "", ""},
    {"exec-command-not-found", -1, K8S_ERR_NO_COMMAND,
	"\"/no/such/command\": stat /no/such/command: no such file or "
	"directory",
	"", ""},
    {"exec-exit-7", 7, 0, NULL, "out\n", "err\n"},
    {"exec-killed-by-signal", 137, 0, NULL, "", ""},
    {"exec-not-executable", -1, K8S_ERR_NOT_EXECUTABLE,
	"\"/etc/passwd\": permission denied", "", ""},
    {"exec-success-v4", 0, 0, NULL, "", ""},
    {"exec-success-v5", 0, 0, NULL, "", ""},
    {"no-command", -1, K8S_ERR_API, "args must not be empty", "", ""},
    {"rbac-get-create", 0, 0, NULL, "", ""},
    {"server-ping", 0, 0, NULL, "", ""},
    {"stdin-after-exit", 0, 0, NULL, "", ""},
    {"stdin-close-v5", 0, 0, NULL, "hello\n", ""},
    {"stdin-no-close-v4", -1, K8S_ERR_DISCONNECT, "not known", "hello\n", ""},
    {"tty-initial-size", 0, 0, NULL, "30 100\r\n", ""},
    {"tty-resize", 0, 0, NULL, "0 0\r\n43 132\r\n/dev/pts/0\r\nxterm\r\n", ""},
    {"tty-with-stderr-param", 0, 0, NULL, "/dev/pts/0\r\n", ""},
};
#define EXPECTED (sizeof(expected) / sizeof(expected[0]))

#define OUT_MAX (256 * 1024)

/* A reader and what came out of it. */
struct sink {
	struct channel_reader *r;
	struct buf *out, *err;
};

static void
sink_output(void *arg, int ch, const unsigned char *p, size_t len)
{
	struct sink *s = arg;

	assert_in_range(ch, 1, 2);
	assert_true(len > 0);
	assert_int_equal(buf_put(ch == 1 ? s->out : s->err, p, len), 0);
}

static void
sink_open(struct sink *s)
{
	s->r = channel_reader_new(sink_output, s);
	s->out = buf_new(OUT_MAX);
	s->err = buf_new(OUT_MAX);
	assert_non_null(s->r);
	assert_non_null(s->out);
	assert_non_null(s->err);
}

static void
sink_close(struct sink *s)
{
	channel_reader_free(s->r);
	buf_free(s->out);
	buf_free(s->err);
}

/*
 * A piece as the network hands it over: a copy of exactly its length that is
 * gone afterwards.
 */
static int
sink_piece(struct sink *s, const void *p, size_t len, int first,
    struct k8s_err *err)
{
	unsigned char *copy = malloc(len);
	int r;

	if (len > 0)
		memcpy(copy, p, len);
	r = channel_reader_feed(s->r, copy, len, first, err);
	free(copy);
	return r;
}

/* A whole message in one piece that must be taken. */
static void
sink_feed(struct sink *s, const void *p, size_t len)
{
	struct k8s_err err = K8S_ERR_INIT;

	if (sink_piece(s, p, len, 1, &err) == -1)
		fail_msg("%s", err.msg);
}

/* The same sequence in each run. */
static uint32_t
next_random(uint32_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 17;
	*seed ^= *seed << 5;
	return *seed;
}

/* Feeds one message in pieces of 0 to max bytes, seed 0: all of max bytes. */
static void
sink_pieces(struct sink *s, const unsigned char *m, size_t len, size_t max,
    uint32_t *seed)
{
	struct k8s_err err = K8S_ERR_INIT;
	size_t n, done = 0;
	int first = 1;

	do {
		n = *seed == 0 ? max : next_random(seed) % (max + 1);
		if (n > len - done)
			n = len - done;
		if (sink_piece(s, m + done, n, first, &err) == -1)
			fail_msg("%s", err.msg);
		first = 0;
		done += n;
	} while (done < len);
}

static void
check(size_t i, struct sink *s)
{
	struct k8s_err err = K8S_ERR_INIT;
	int r, exit_code = -2;

	assert_string_equal(buf_string(s->out), expected[i].out);
	assert_string_equal(buf_string(s->err), expected[i].err);
	assert_int_equal(channel_reader_has_status(s->r),
	    expected[i].code != K8S_ERR_DISCONNECT);
	r = channel_reader_result(s->r, &exit_code, &err);
	if (expected[i].exit_code == -1) {
		assert_int_equal(r, -1);
		unit_check_err(&err, expected[i].code, expected[i].text);
		return;
	}
	if (r != 0)
		fail_msg("%s: %s", expected[i].scenario, err.msg);
	assert_int_equal(exit_code, expected[i].exit_code);
	assert_int_equal(err.code, K8S_ERR_NONE);
}

/* The n-th exchange, its messages in pieces of up to max bytes. */
static void
replay(size_t i, size_t max, uint32_t seed)
{
	struct exchange x;
	struct sink s;
	size_t m;

	exchange_load(&x, expected[i].scenario);
	assert_true(x.n > 0);
	sink_open(&s);
	for (m = 0; m < x.n; m++)
		sink_pieces(&s, x.message[m], x.len[m], max, &seed);
	check(i, &s);
	sink_close(&s);
	exchange_free(&x);
}

static void
replays_whole_messages(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < EXPECTED; i++)
		replay(i, SIZE_MAX / 2, 0);
}

static void
replays_single_bytes(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < EXPECTED; i++)
		replay(i, 1, 0);
}

static void
replays_random_fragments(void **state)
{
	static const size_t max[] = {1, 2, 7, 64, 300};
	size_t i, j;
	uint32_t seed;

	(void)state;
	for (i = 0; i < EXPECTED; i++)
		for (j = 0; j < 5; j++)
			for (seed = 1; seed <= 20; seed++)
				replay(i, max[j], seed * 2654435761u);
}

/* All recordings of an exec are above; the others never became one. */
static void
knows_every_recording(void **state)
{
	static const char *const others[] = {"anonymous", "container-not-found",
	    "forbidden", "no-streams", "pod-not-found", "portforward-v4",
	    "rbac-create", "rbac-get", "unauthorized", "unknown-protocol"};
	char path[512], name[300];
	size_t i, files = 0, known = 0;
	struct dirent *e;
	DIR *d = opendir(unit_path(path, sizeof(path), EXCHANGE_DIR));

	(void)state;
	assert_non_null(d);
	while ((e = readdir(d)) != NULL) {
		files += strstr(e->d_name, ".jsonl") != NULL;
		for (i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
			(void)snprintf(name, sizeof(name), "%s.jsonl",
			    others[i]);
			known += strcmp(name, e->d_name) == 0;
		}
	}
	closedir(d);
	assert_int_equal(known, sizeof(others) / sizeof(others[0]));
	assert_int_equal(files, known + EXPECTED);
}

#define SUCCESS "\003{\"status\":\"Success\"}"
#define M(text) text, sizeof(text) - 1

static void
skips_what_it_does_not_know(void **state)
{
	struct k8s_err err = K8S_ERR_INIT;
	struct sink s;
	unsigned char m[2] = {0, 'x'};
	int ch, exit_code = -1;

	(void)state;
	sink_open(&s);
	for (ch = 0; ch < 256; ch++) {
		m[0] = (unsigned char)ch;
		if (ch < 1 || ch > 3)
			sink_feed(&s, m, 2);
	}
	assert_int_equal(buf_len(s.out) + buf_len(s.err), 0);
	assert_false(channel_reader_has_status(s.r));
	assert_int_equal(channel_reader_result(s.r, &exit_code, &err), -1);
	unit_check_err(&err, K8S_ERR_DISCONNECT, "not known");
	sink_feed(&s, M(SUCCESS));
	assert_int_equal(channel_reader_result(s.r, &exit_code, &err), 0);
	assert_int_equal(exit_code, 0);
	sink_close(&s);
}

/* Output that looks like channel bytes; and more of it after the status. */
static void
keeps_the_channels_apart(void **state)
{
	struct k8s_err err = K8S_ERR_INIT;
	struct sink s;
	int exit_code = -1;

	(void)state;
	sink_open(&s);
	sink_feed(&s, M("\001\002\001\003\377"));
	assert_int_equal(sink_piece(&s, "\002", 1, 1, &err), 0);
	assert_int_equal(sink_piece(&s, "", 0, 0, &err), 0);
	assert_int_equal(sink_piece(&s, "\001a", 2, 0, &err), 0);
	/* An unfinished message ends where the next one starts. */
	sink_feed(&s, M("\001b"));
	sink_feed(&s, M(SUCCESS));
	sink_feed(&s, M("\001late"));
	assert_int_equal(buf_len(s.out), 9);
	assert_memory_equal(buf_data(s.out), "\002\001\003\377blate", 9);
	assert_int_equal(buf_len(s.err), 2);
	assert_memory_equal(buf_data(s.err), "\001a", 2);
	assert_int_equal(channel_reader_result(s.r, &exit_code, &err), 0);
	sink_close(&s);
}

/* An empty message has no channel, and gives none to the next one. */
static void
takes_empty_messages(void **state)
{
	struct sink s;

	(void)state;
	sink_open(&s);
	sink_feed(&s, M("\001a"));
	sink_feed(&s, "", 0);
	sink_feed(&s, M("\002b"));
	assert_string_equal(buf_string(s.out), "a");
	assert_string_equal(buf_string(s.err), "b");
	assert_false(channel_reader_has_status(s.r));
	sink_close(&s);
}

static void
refuses_a_broken_status(void **state)
{
	static const char *const bad[] = {"", "{", "null", "{\"status\":\"\"}",
	    "{\"status\":\"Success\"}{\"status\":\"Success\"}",
	    "{\"status\":\"Failure\",\"reason\":\"NonZeroExitCode\"}"};
	struct k8s_err err;
	struct sink s;
	int exit_code = -2;
	char m[128];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		memset(&err, 0, sizeof(err));
		sink_open(&s);
		(void)snprintf(m, sizeof(m), "\003%s", bad[i]);
		sink_feed(&s, m, strlen(m));
		assert_true(channel_reader_has_status(s.r));
		assert_int_equal(channel_reader_result(s.r, &exit_code, &err),
		    -1);
		unit_check_err(&err, K8S_ERR_INVALID, "status");
		assert_int_equal(exit_code, -2);
		sink_close(&s);
	}
}

/* A message can be as long as it likes, but for a status. */
static void
bounds_the_status(void **state)
{
	static unsigned char big[STATUS_MAX + 1];
	struct k8s_err err = K8S_ERR_INIT;
	struct sink s;

	(void)state;
	memset(big, 'x', sizeof(big));
	sink_open(&s);
	big[0] = 1;
	sink_feed(&s, big, sizeof(big));
	assert_int_equal(sink_piece(&s, big, sizeof(big), 0, &err), 0);
	assert_int_equal(buf_len(s.out), 2 * sizeof(big) - 1);
	big[0] = 3;
	sink_feed(&s, big, sizeof(big)); /* exactly STATUS_MAX */
	assert_int_equal(sink_piece(&s, "x", 1, 0, &err), -1);
	unit_check_err(&err, K8S_ERR_INVALID, "65536");
	sink_close(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(replays_whole_messages),
	    cmocka_unit_test(replays_single_bytes),
	    cmocka_unit_test(replays_random_fragments),
	    cmocka_unit_test(knows_every_recording),
	    cmocka_unit_test(skips_what_it_does_not_know),
	    cmocka_unit_test(keeps_the_channels_apart),
	    cmocka_unit_test(takes_empty_messages),
	    cmocka_unit_test(refuses_a_broken_status),
	    cmocka_unit_test(bounds_the_status),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) != 0;
}
