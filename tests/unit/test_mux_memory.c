/* SPDX-License-Identifier: Apache-2.0 */
/* What memory a mux takes, whatever its peer says, and without any. */
#include "tests/unit/muxplay.h"

#include <errno.h>
#include <limits.h>
#include <malloc.h>

#define H MUX_HOST
#define G MUX_GUEST

/*
 * Memory in use and the most there was, bytes, and after how many allocations
 * there is none; see local.mk.
 */
static size_t in_use, most_in_use;
static unsigned long until_none = ULONG_MAX;

void *__real_malloc(size_t);
void *__real_calloc(size_t, size_t);
void *__real_realloc(void *, size_t);
void __real_free(void *);
void *__wrap_malloc(size_t);
void *__wrap_calloc(size_t, size_t);
void *__wrap_realloc(void *, size_t);
void __wrap_free(void *);

static int
none_left(void)
{
	if (until_none == ULONG_MAX || until_none-- > 0)
		return 0;
	until_none = ULONG_MAX;
	errno = ENOMEM;
	return 1;
}

static void *
count(void *p)
{
	in_use += malloc_usable_size(p);
	if (in_use > most_in_use)
		most_in_use = in_use;
	return p;
}

void *
__wrap_malloc(size_t size)
{
	return none_left() ? NULL : count(__real_malloc(size));
}

void *
__wrap_calloc(size_t n, size_t size)
{
	return none_left() ? NULL : count(__real_calloc(n, size));
}

void *
__wrap_realloc(void *p, size_t size)
{
	in_use -= malloc_usable_size(p);
	return count(__real_realloc(p, size));
}

void
__wrap_free(void *p)
{
	in_use -= malloc_usable_size(p);
	__real_free(p);
}

/* A peer that asks and does not read loses the stream, not our memory. */
static void
floods(void **state)
{
	static const struct {
		enum mux_side side;
		const char *before, *again;
		int answer, reads; /* reads: it may go on for ever */
		const char *error;
	} cases[] = {
	    {G, "H", "P", 0, 0, "does not read the answers"},
	    {G, "H", "P", 0, 1, NULL},
	    {G, "H", "O1.3", -1, 0, "does not read the answers"},
	    {G, "H", "O1.3", -1, 1, NULL},
	    {G, "H", "O1.3 C1", 1, 0, "does not read the answers"},
	    {G, "H", "O1.3 C1", 1, 1, NULL},
	    {G, "H O1.3", "W1.1", 1, 0, NULL},
	    {G, "H O1.3", "W1.1000000", 1, 0, "its window is too large"},
	    {G, "H O1.3", "D1.65536", 1, 0, "does not read the answers"},
	    {G, "H O1.3", "D1.1", 1, 1, NULL},
	    {G, "H O1.1", "Z1", 1, 0, NULL},
	    {H, "H", "O2.2", -1, 0, "does not read the answers"},
	    {H, "H", "O2.2 C2", 1, 0, "does not read the answers"},
	    {H, "H o.3 A1", "D1.65536", 0, 0, "does not read the answers"},
	    {H, "H o.1 A1", "T1.1", 0, 0, "a second end"},
	};
	struct k8s_err err;
	struct rig_end *e;
	size_t i, start;
	int n, r;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		memset(&err, 0, sizeof(err));
		start = in_use;
		e = rig_new(cases[i].side, RIG_ALL);
		e->quiet = 2;
		e->answer = cases[i].answer;
		assert_int_equal(play(e, cases[i].before, 0, &err), 0);
		most_in_use = in_use;
		for (n = 0, r = 0; n < 100000 && r == 0; n++) {
			r = play(e, cases[i].again, 0, &err);
			e->log[0] = '\0';
			if (cases[i].reads)
				(void)rig_said(e);
		}
		assert_int_equal(r == -1, cases[i].error != NULL);
		if (r == -1 && strstr(err.msg, cases[i].error) == NULL)
			fail_msg("flood %zu: %s", i, err.msg);
		if (r == -1 && strstr(cases[i].error, "read") != NULL)
			unit_check_err(&err, K8S_ERR_LIMIT, cases[i].error);
		/* Two halves of a queue that doubled, 256 KiB, a frame. */
		if (most_in_use - start - sizeof(*e) > 2500000)
			fail_msg("flood %zu: %zu bytes", i,
			    most_in_use - start - sizeof(*e));
		rig_free(e);
		assert_int_equal(in_use, start);
	}
}

/* What is written counts no more, whoever asks when. */
static void
answers_that_were_read(void **state)
{
	struct k8s_err err = K8S_ERR_INIT;
	struct rig_end *e = rig_new(MUX_GUEST, RIG_ALL);
	size_t i, k, len;

	(void)state;
	assert_int_equal(play(e, "H", 0, &err), 0);
	for (i = 0; i < 20; i++) {
		for (k = 0; k < 20000; k++)
			assert_int_equal(play(e, "P", 0, &err), 0);
		(void)mux_out(e->mux, &len);
		mux_written(e->mux, len);
	}
	/* A whole frame takes no memory of its own. */
	until_none = 0;
	assert_int_equal(mux_feed(e->mux,
			     (const unsigned char *)"\13\0\0\0\0\0\0\10"
						    "12345678",
			     16, &err),
	    0);
	assert_int_equal(until_none, 0);
	until_none = ULONG_MAX;
	rig_free(e);
}

/* All channels at once; the longest frames that are kept, by their bytes. */
static void
bounded_memory(void **state)
{
	static unsigned char params[MUX_OPEN_MAX];
	struct k8s_err err = K8S_ERR_INIT;
	struct rig_bytes b = {0}, one = {0};
	struct rig_end *e;
	size_t start, i;

	(void)state;
	e = rig_new(MUX_GUEST, RIG_ALL);
	e->answer = 0;
	assert_int_equal(play(e, "H", 0, &err), 0);
	for (i = 0; i < MUX_CHANNELS_MAX; i++)
		rig_frame_open(&b, (uint32_t)(2 * i + 1), MUX_TCP, 1);
	start = in_use;
	assert_int_equal(rig_feed(e, b.p, b.len, &err), 0);
	assert_in_range(in_use - start, 1, MUX_CHANNELS_MAX * 128);
	rig_free(e);

	/* A length is just a word: memory comes with the bytes. */
	e = rig_new(MUX_GUEST, RIG_ALL);
	e->answer = 0;
	e->quiet = 2;
	assert_int_equal(play(e, "H", 0, &err), 0);
	params[0] = MUX_SESSION;
	rig_frame(&one, MUX_OPEN, 1, params, MUX_OPEN_MAX);
	start = in_use;
	assert_int_equal(mux_feed(e->mux, one.p, 100, &err), 0);
	assert_in_range(in_use - start, 1, 1500);
	most_in_use = in_use;
	assert_int_equal(mux_feed(e->mux, one.p + 100, one.len - 200, &err), 0);
	assert_in_range(most_in_use - start, 1, 3 * MUX_OPEN_MAX);
	assert_int_equal(mux_feed(e->mux, one.p + one.len - 100, 100, &err), 0);
	/* And goes with the frame. */
	assert_int_equal(play(e, "P", 0, &err), 0);
	assert_in_range(in_use - start, 1, 1500);
	rig_free(e);

	/* One byte more is too long; and 64 KiB more from a guest. */
	e = rig_new(MUX_GUEST, RIG_ALL);
	assert_int_equal(play(e, "H", 0, &err), 0);
	assert_int_equal(mux_feed(e->mux,
			     (const unsigned char *)"\2\0\0\1\0\100\0\1", 8,
			     &err),
	    -1);
	unit_check_err(&err, K8S_ERR_INVALID, "of the wrong length");
	rig_free(e);
	e = rig_new(MUX_HOST, RIG_ALL);
	assert_int_equal(play(e, "H", 0, &err), 0);
	assert_int_equal(mux_feed(e->mux,
			     (const unsigned char *)"\2\0\0\2\0\1\0\1", 8,
			     &err),
	    -1);
	unit_check_err(&err, K8S_ERR_INVALID, "of the wrong length");
	rig_free(e);
	free(b.p);
	free(one.p);
}

/* Where there is no memory: an end like others, or a channel less. */
static void
no_memory(void **state)
{
	static const char *const words[] = {"H", "o.3", "A1", "O2.2", "X"};
	struct k8s_err err;
	struct rig_end *e = calloc(1, sizeof(*e));
	unsigned long n;
	size_t start, i, k;
	struct rig_bytes b[5];
	int r, failures = 0;

	(void)state;
	assert_non_null(e);
	memset(b, 0, sizeof(b));
	peer_frame(&b[0], 'H', 0, 0);
	peer_frame(&b[2], 'A', 1, 0);
	peer_frame(&b[3], 'O', 2, 2);
	peer_frame(&b[4], 'X', 0, 0);
	start = in_use;
	for (n = 0; n < 30; n++) {
		memset(&err, 0, sizeof(err));
		memset(e, 0, sizeof(*e));
		e->answer = -1;
		until_none = n;
		e->mux = mux_new(MUX_HOST, RIG_ALL, &rig_handler, e);
		for (i = 0, r = 0; i < 5 && r == 0 && e->mux != NULL; i++) {
			if (words[i][0] == 'o') {
				struct rig_channel *rc =
				    rig_channel_new(e, NULL);

				rc->number = 1;
				rc->c = mux_open(e->mux, MUX_TCP, "", 0,
				    &rig_channel_handler, rc);
				if (rc->c == NULL) {
					assert_int_equal(errno, ENOMEM);
					break;
				}
			}
			for (k = 0; k < b[i].len && r == 0; k++)
				r = mux_feed(e->mux, b[i].p + k, 1, &err);
		}
		failures += until_none == ULONG_MAX;
		if (until_none == ULONG_MAX && r == -1 &&
		    err.code != K8S_ERR_DISCONNECT)
			unit_check_err(&err, K8S_ERR_SYSTEM, "memory");
		if (until_none != ULONG_MAX)
			assert_int_equal(err.code, K8S_ERR_DISCONNECT);
		until_none = ULONG_MAX;
		mux_free(e->mux);
		assert_int_equal(in_use, start);
	}
	assert_in_range(failures, 8, 29);
	for (i = 0; i < 5; i++)
		free(b[i].p);
	free(e);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(floods),
	    cmocka_unit_test(answers_that_were_read),
	    cmocka_unit_test(bounded_memory),
	    cmocka_unit_test(no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) != 0;
}
