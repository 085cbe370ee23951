/* SPDX-License-Identifier: Apache-2.0 */
/* Data between two ends back to back: windows, turns, the queue. */
#include "tests/unit/muxpair.h"

/* Much both ways on several channels, cut at random: every byte is there. */
static void
bulk_both_ways(void **state)
{
	struct rig_channel *h[3], *g[3];
	size_t i, round;

	(void)state;
	for (i = 0; i < 3; i++)
		h[i] = open_both(MUX_TCP, &g[i]);
	host->quiet = guest->quiet = 1;
	for (i = 0; i < 3; i++) {
		h[i]->refill = g[i]->refill = 1;
		rig_refill(h[i]);
		rig_refill(g[i]);
	}
	for (round = 0; round < 3000; round++) {
		rig_move(host, guest, 1 + rig_random(40000),
		    1 + rig_random(50000));
		rig_move(guest, host, 1 + rig_random(40000),
		    1 + rig_random(50000));
	}
	for (i = 0; i < 3; i++)
		h[i]->refill = g[i]->refill = 0;
	rig_pump(host, guest, 0);
	for (i = 0; i < 3; i++) {
		assert_int_equal(h[i]->sent, g[i]->got);
		assert_int_equal(g[i]->sent, h[i]->got);
		assert_in_range(h[i]->got, 10000000, 1000000000);
		assert_in_range(g[i]->got, 10000000, 1000000000);
	}
}

/* Who does not read holds up nobody else, and is not sent more than fits. */
static void
stalled_channel(void **state)
{
	struct rig_channel *h1, *g1, *h2, *g2;
	int round;

	(void)state;
	h1 = open_both(MUX_TCP, &g1);
	h2 = open_both(MUX_TCP, &g2);
	host->quiet = guest->quiet = 1;
	g1->hold = 1;
	h1->refill = h2->refill = 1;
	rig_refill(h1);
	rig_refill(h2);
	for (round = 0; round < 1000; round++) {
		rig_move(host, guest, SIZE_MAX, 0);
		rig_move(guest, host, SIZE_MAX, 0);
	}
	assert_int_equal(g1->got, MUX_WINDOW);
	assert_int_equal(h1->sent, MUX_WINDOW);
	assert_int_equal(mux_room(h1->c), 0);
	assert_true(g2->got > 50000000);

	/* A little of the window is not worth a frame; a step is. */
	h2->refill = 0;
	rig_pump(host, guest, 0);
	h1->rooms = 0;
	mux_passed_on(g1->c, MUX_WINDOW_STEP - 1);
	assert_string_equal(rig_said(guest), "");
	mux_passed_on(g1->c, 1);
	rig_pump(host, guest, 0);
	assert_true(h1->rooms > 0);
	assert_int_equal(g1->got, MUX_WINDOW + MUX_WINDOW_STEP);
	/* More than was brought is not believed. */
	mux_passed_on(g1->c, SIZE_MAX);
	rig_pump(host, guest, 0);
	assert_int_equal(g1->got, 2 * MUX_WINDOW + MUX_WINDOW_STEP);
}

/*
 * Channels that always have more share the queue, however little of it is
 * written at a time and whoever asks first.
 */
static void
fairness(void **state)
{
	struct rig_channel *h[10], *g[10];
	size_t i, least, most, step;
	int round;

	(void)state;
	for (i = 0; i < 10; i++)
		h[i] = open_both(MUX_TCP, &g[i]);
	host->quiet = guest->quiet = 1;
	for (step = 100; step < 400000; step *= 7) {
		for (i = 0; i < 10; i++) {
			h[i]->refill = 1;
			h[i]->sent = g[i]->got = 0;
			rig_refill(h[i]);
		}
		for (round = 0; round < 2000000 / (int)step + 100; round++) {
			/* This one asks all the time. */
			rig_refill(h[3]);
			rig_move(host, guest, step, 0);
			rig_refill(h[3]);
			rig_move(guest, host, SIZE_MAX, 0);
		}
		for (i = 0, least = SIZE_MAX, most = 0; i < 10; i++) {
			h[i]->refill = 0;
			if (h[i]->sent < least)
				least = h[i]->sent;
			if (h[i]->sent > most)
				most = h[i]->sent;
		}
		/* The first found the queue empty. */
		if (most - least > 5 * MUX_TURN)
			fail_msg("%zu to %zu bytes, %zu a step", least, most,
			    step);
		assert_true(least > MUX_TURN);
		rig_pump(host, guest, 0);
	}
}

/* A turn that is not taken does not keep the others from theirs. */
static void
turn_not_taken(void **state)
{
	struct rig_channel *h1, *g1, *h2, *g2;
	size_t len;
	int i;

	(void)state;
	h1 = open_both(MUX_TCP, &g1);
	h2 = open_both(MUX_TCP, &g2);
	host->quiet = guest->quiet = 1;
	rig_refill(h2);
	assert_int_equal(mux_room(h1->c), 0);
	h2->refill = 1;
	for (i = 0; i < 20; i++) {
		rig_move(host, guest, SIZE_MAX, 0);
		rig_move(guest, host, SIZE_MAX, 0);
	}
	assert_int_equal(h1->rooms, 1);
	assert_true(h2->rooms > 3);
	h2->refill = 0;
	rig_pump(host, guest, 0);

	/* One that closes while it waits is not called. */
	rig_refill(h2);
	assert_null(mux_reserve(h1->c, &len));
	assert_int_equal(len, 0);
	mux_close(h1->c);
	rig_pump(host, guest, 0);
	assert_int_equal(h1->rooms, 1);
	assert_int_equal(h2->sent, g2->got);
}

static int depth;

/* Sends a frame and writes it in its turn. */
static void
writes_in_its_turn(void *arg)
{
	struct rig_channel *rc = arg;
	unsigned char *p;
	size_t len;

	assert_int_equal(depth++, 0);
	if ((p = mux_reserve(rc->c, &len)) != NULL) {
		memset(p, 0, len);
		mux_commit(rc->c, MUX_DATA, len);
		rc->sent += len;
		(void)mux_room(rc->c);
	}
	(void)mux_out(rc->end->mux, &len);
	mux_written(rc->end->mux, len);
	depth--;
}

/* Writing within room() does not lead to a deep stack either. */
static void
writing_in_a_turn(void **state)
{
	struct mux_channel_handler handler = rig_channel_handler;
	struct rig_channel *h[3], *fill, *g;
	size_t i, len;

	(void)state;
	handler.room = writes_in_its_turn;
	fill = open_both(MUX_TCP, &g);
	for (i = 0; i < 3; i++) {
		h[i] = rig_channel_new(host, NULL);
		h[i]->c = mux_open(host->mux, MUX_TCP, "", 0, &handler, h[i]);
		assert_non_null(h[i]->c);
	}
	rig_pump(host, guest, 0);
	rig_refill(fill);
	for (i = 0; i < 3; i++)
		assert_int_equal(mux_room(h[i]->c), 0);
	(void)mux_out(host->mux, &len);
	mux_written(host->mux, len);
	for (i = 0; i < 3; i++) {
		assert_int_equal(h[i]->sent, MUX_WINDOW);
		mux_close(h[i]->c);
	}
}

/* The queue's bound; frames in it lie where mux_reserve() said. */
static void
no_copy(void **state)
{
	struct rig_channel *h, *g;
	const unsigned char *out;
	unsigned char *p, *last = NULL;
	size_t len, n, i;

	(void)state;
	h = open_both(MUX_TCP, &g);
	p = mux_reserve(h->c, &len);
	assert_non_null(p);
	assert_int_equal(len, MUX_TURN);
	memset(p, 1, len);
	mux_commit(h->c, MUX_DATA, len);
	out = mux_out(host->mux, &n);
	assert_int_equal(n, 8 + len);
	assert_ptr_equal(out + 8, p);
	/* More goes into the other half while this is written. */
	for (i = 0; (p = mux_reserve(h->c, &len)) != NULL; i++) {
		assert_int_equal(len, MUX_TURN);
		memset(p, 2, len);
		last = p;
		mux_commit(h->c, MUX_DATA, 0);
		mux_commit(h->c, MUX_DATA, len);
		assert_ptr_equal(mux_out(host->mux, &n), out);
		assert_int_equal(n, 8 + len);
	}
	assert_int_equal(i, 1);
	mux_written(host->mux, n);
	out = mux_out(host->mux, &n);
	assert_int_equal(n, 8 + MUX_TURN);
	assert_ptr_equal(out + n - MUX_TURN, last);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    T(bulk_both_ways),
	    T(stalled_channel),
	    T(fairness),
	    T(turn_not_taken),
	    T(writing_in_a_turn),
	    T(no_copy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) != 0;
}
