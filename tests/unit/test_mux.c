/* SPDX-License-Identifier: Apache-2.0 */
/* Two ends back to back; test_mux_flow.c is about their data. */
#include "tests/unit/muxpair.h"

#include <errno.h>

/* A whole session and an agent's channel, at every cut of the streams. */
static void
conversation_at_every_cut(void **state)
{
	struct rig_channel *h, *g, *ah, *ag;
	size_t cut;

	(void)state;
	for (cut = 0; cut < 60; cut++) {
		h = rig_open(host, MUX_SESSION, "params", 6);
		rig_pump(host, guest, cut);
		rig_check(guest, "open1:1:params");
		rig_check(host, "opened:1");
		g = rig_find(guest, 1);

		rig_text(h, MUX_DATA, "abc");
		assert_int_equal(
		    mux_message(h->c, MUX_SIZE, "\0\1\0\2\0\3\0\4", 8), 0);
		assert_int_equal(mux_message(h->c, MUX_SIGNAL, "TERM", 4), 0);
		mux_eof(h->c);
		assert_int_equal(mux_message(h->c, MUX_SIGNAL, "HUP", 3), 0);
		guest->quiet = 2;
		rig_pump(host, guest, cut);
		guest->quiet = 0;
		assert_int_equal(g->got, 3);
		rig_check(guest,
		    "size:1:0001000200030004 signal:1:5445524d eof:1 "
		    "signal:1:485550");

		ag = rig_open(guest, MUX_AGENT, "\0\0\1", 3);
		rig_pump(host, guest, cut);
		ah = rig_find(host, 2);
		assert_true(memcmp(host->log, "open2:2", 7) == 0);
		rig_check(guest, "opened:2");
		mux_eof(ag->c);
		mux_close(ah->c);
		ah->c = NULL;
		rig_pump(host, guest, cut);
		rig_check(guest, "closed:2");
		host->log[0] = '\0';

		rig_text(g, MUX_DATA, "out");
		rig_text(g, MUX_STDERR, "err");
		assert_int_equal(mux_message(g->c, MUX_STATUS, "\0\0\0\7", 4),
		    0);
		mux_eof(g->c);
		mux_close(g->c);
		g->c = NULL;
		rig_pump(host, guest, 0);
		rig_check(host,
		    "data:1:out stderr:1:err status:1:00000007 eof:1 closed:1");
		rig_check(guest, "");
	}
}

/* DATA comes on at once, whatever is missing of its frame. */
static void
no_waiting_for_a_frame(void **state)
{
	struct rig_channel *h, *g;
	struct k8s_err err = K8S_ERR_INIT;
	const unsigned char *p;
	size_t len, i;

	(void)state;
	h = open_both(MUX_TCP, &g);
	rig_text(h, MUX_DATA, "hello");
	p = mux_out(host->mux, &len);
	assert_int_equal(len, 13);
	for (i = 0; i < len; i++) {
		assert_int_equal(rig_feed(guest, p + i, 1, &err), 0);
		assert_int_equal(g->got, i < 8 ? 0 : i - 7);
	}
	rig_check(guest, "data:1:h data:1:e data:1:l data:1:l data:1:o");
	assert_int_equal(guest->pieces, 5);
}

/* What is said before OPENED waits for it. */
static void
before_opened(void **state)
{
	struct rig_channel *h, *g;

	(void)state;
	guest->answer = 0;
	h = rig_open(host, MUX_SESSION, "", 0);
	assert_int_equal(mux_room(h->c), 0);
	assert_int_equal(mux_message(h->c, MUX_SIGNAL, "INT", 3), -1);
	assert_int_equal(errno, EAGAIN);
	rig_pump(host, guest, 0);
	rig_check(guest, "open1:1:");
	g = rig_find(guest, 1);
	assert_int_equal(mux_room(g->c), 0);
	mux_eof(g->c);
	assert_int_equal(mux_message(g->c, MUX_STATUS, "\0\0\0\0", 4), -1);
	assert_int_equal(errno, EINVAL);
	assert_int_equal(h->rooms, 0);
	rig_accept(g);
	rig_accept(g);
	rig_pump(host, guest, 0);
	rig_check(host, "opened:1");
	assert_int_equal(h->rooms, 1);
	assert_int_equal(mux_room(h->c), MUX_TURN);
	assert_int_equal(mux_message(h->c, MUX_SIGNAL, "INT", 3), 0);

	/* EOF waits, CLOSE waits; a refusal of what is closed is no news. */
	h = rig_open(host, MUX_TCP, "a", 1);
	mux_eof(h->c);
	rig_pump(host, guest, 0);
	rig_check(guest, "signal:1:494e54 open3:3:a");
	rig_accept(rig_find(guest, 3));
	rig_pump(host, guest, 0);
	rig_check(host, "opened:3");
	rig_check(guest, "eof:3");
	assert_int_equal(mux_room(h->c), 0);

	h = rig_open(host, MUX_TCP, "b", 1);
	mux_eof(h->c);
	mux_close(h->c);
	h = rig_open(host, MUX_TCP, "c", 1);
	mux_close(h->c);
	rig_pump(host, guest, 0);
	rig_check(guest, "open3:5:b open3:7:c");
	rig_accept(rig_find(guest, 5));
	g = rig_find(guest, 7);
	mux_refuse(g->c, 110, "too late");
	g->c = NULL;
	rig_pump(host, guest, 0);
	rig_check(guest, "closed:5");
	rig_check(host, "");
	/* Both numbers are free again. */
	assert_int_equal(rig_open(host, MUX_TCP, "", 0)->number, 5);
	assert_int_equal(rig_open(host, MUX_TCP, "", 0)->number, 7);
}

static void
refusals(void **state)
{
	char text[1001];
	struct rig_channel *g;

	(void)state;
	guest->answer = -1;
	(void)rig_open(host, MUX_UNIX, "/x", 2);
	rig_pump(host, guest, 0);
	rig_check(host, "refused:1:111,nobody there");
	rig_check(guest, "open4:1:/x");

	/* A long text is cut; mux_close() refuses, too. */
	guest->answer = 0;
	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	(void)rig_open(host, MUX_UNIX, "", 0);
	rig_pump(host, guest, 0);
	g = rig_find(guest, 1);
	mux_refuse(g->c, 2, text);
	g->c = NULL;
	rig_pump(host, guest, 0);
	assert_int_equal(strlen(host->log), strlen("refused:1:2,") + 128);
	host->log[0] = '\0';
	(void)rig_open(host, MUX_UNIX, "", 0);
	rig_pump(host, guest, 0);
	g = rig_find(guest, 1);
	mux_close(g->c);
	g->c = NULL;
	rig_pump(host, guest, 0);
	rig_check(host, "refused:1:125,");
}

/* A channel may close itself in each of its handlers. */
static void
closed_in_its_handlers(void **state)
{
	static const char *const handlers[] = {"opened", "refused", "data",
	    "room", "eof", "message", "closed"};
	struct rig_channel *h, *g, *fill, *other;
	size_t i, cut;

	(void)state;
	fill = open_both(MUX_TCP, &other);
	for (i = 0; i < 7 * 4; i++) {
		cut = i / 7 * 5;
		guest->answer =
		    strcmp(handlers[i % 7], "refused") == 0 ? -1 : 1;
		h = rig_open(host, MUX_SESSION, "", 0);
		h->does = handlers[i % 7];
		rig_pump(host, guest, cut);
		guest->answer = 1;
		if (i % 7 > 1) {
			g = rig_find(guest, 3);
			guest->quiet = 1;
			rig_refill(fill);
			assert_int_equal(mux_room(h->c), 0);
			rig_pump(host, guest, 0);
			guest->quiet = 0;
			if (g->c != NULL) {
				rig_text(g, MUX_DATA, "some data in pieces");
				(void)mux_message(g->c, MUX_STATUS, "\0\0\0\1",
				    4);
				mux_eof(g->c);
			}
			rig_pump(host, guest, cut);
			if (g->c != NULL) {
				mux_close(g->c);
				g->c = NULL;
			}
			rig_pump(host, guest, cut);
		}
		assert_null(h->c);
		/* Nothing comes after it. */
		if (strcmp(handlers[i % 7], "room") == 0)
			rig_check(host, "opened:3");
		else if (strcmp(handlers[i % 7], "message") == 0 && cut == 0)
			rig_check(host,
			    "opened:3 data:3:some data in pieces "
			    "status:3:00000001");
		else if (strcmp(handlers[i % 7], "data") == 0 && cut > 0)
			assert_true(h->got < 19);
		/* Its number is free, at both ends. */
		h = rig_open(host, MUX_TCP, "", 0);
		assert_int_equal(h->number, 3);
		rig_pump(host, guest, 0);
		mux_close(h->c);
		rig_pump(host, guest, 0);
		host->log[0] = guest->log[0] = '\0';
	}
}

/* out() comes once, after the handlers, until all is written. */
static void
out_is_called_once(void **state)
{
	struct rig_channel *h, *g, *other;
	size_t len;

	(void)state;
	h = open_both(MUX_TCP, &g);
	host->outs = guest->outs = 0;
	rig_text(h, MUX_DATA, "a");
	assert_int_equal(host->outs, 1);
	rig_text(h, MUX_DATA, "b");
	assert_int_equal(host->outs, 1);
	assert_int_equal(rig_move(host, guest, 17, 0), 17);
	mux_eof(h->c);
	assert_int_equal(host->outs, 1);
	rig_pump(host, guest, 0);
	assert_int_equal(guest->outs, 0);
	mux_ping(host->mux);
	mux_ping(host->mux);
	assert_int_equal(host->outs, 2);
	rig_pump(host, guest, 0);
	assert_int_equal(guest->outs, 1);
	assert_int_equal(host->pongs, 1);
	/* Writing within out() leads to more, not into a deep stack. */
	h = open_both(MUX_TCP, &g);
	other = open_both(MUX_TCP, &g);
	h->refill = other->refill = 1;
	rig_refill(h);
	rig_refill(other);
	host->writes = 1;
	host->outs = 0;
	(void)mux_out(host->mux, &len);
	mux_written(host->mux, len);
	assert_int_equal(h->sent, MUX_WINDOW);
	assert_int_equal(other->sent, MUX_WINDOW);
	assert_true(host->outs > 1);
	(void)mux_out(host->mux, &len);
	assert_int_equal(len, 0);
}

static struct rig_channel *feeder;

static void
feeds(void *arg)
{
	struct k8s_err err = K8S_ERR_INIT;

	(void)arg;
	assert_int_equal(
	    mux_feed(guest->mux, (const unsigned char *)"x", 1, &err), -1);
	unit_check_err(&err, K8S_ERR_INVALID, "in one of its handlers");
	/* Whatever else is fine. */
	mux_ping(guest->mux);
	mux_close(feeder->c);
	feeder->c = NULL;
}

static void
feeding_in_a_handler(void **state)
{
	struct mux_channel_handler h = rig_channel_handler;
	struct rig_channel *rc;

	(void)state;
	h.eof = feeds;
	guest->answer = 0;
	rc = rig_open(host, MUX_TCP, "", 0);
	rig_pump(host, guest, 0);
	feeder = rig_find(guest, 1);
	mux_accept(feeder->c, &h, feeder);
	mux_eof(rc->c);
	rig_pump(host, guest, 0);
	rig_check(host, "opened:1 closed:1");
	assert_int_equal(guest->pongs, 1);
}

/* 1024 from each end, no more; numbers come back. */
static void
channel_limit(void **state)
{
	const struct mux_channel_handler *h = &rig_channel_handler;
	struct rig_channel *rc = NULL;
	int i;

	(void)state;
	for (i = 0; i < MUX_CHANNELS_MAX; i++) {
		rc = rig_open(host, MUX_TCP, "", 0);
		assert_int_equal(rc->number, 2 * i + 1);
		assert_int_equal(rig_open(guest, MUX_AGENT, "", 0)->number,
		    2 * i + 2);
		if (i % 100 == 0)
			rig_pump(host, guest, 0);
	}
	assert_null(mux_open(host->mux, MUX_TCP, "", 0, h, NULL));
	assert_int_equal(errno, EMFILE);
	assert_null(mux_open(guest->mux, MUX_AGENT, "", 0, h, NULL));
	assert_int_equal(errno, EMFILE);
	rig_pump(host, guest, 0);
	rc = &host->channels[40];
	i = rc->number;
	mux_close(rc->c);
	rc->c = NULL;
	/* Not before the other end has closed it, too. */
	assert_null(mux_open(host->mux, MUX_TCP, "", 0, h, NULL));
	rig_pump(host, guest, 0);
	rc->c = mux_open(host->mux, MUX_TCP, "", 0, h, rc);
	assert_non_null(rc->c);
	assert_int_equal(mux_number(rc->c), i);
}

static void
what_cannot_be_opened(void **state)
{
	struct rig_end *small = rig_new(MUX_GUEST, MUX_CAP_TCP);
	struct rig_end *h = rig_new(MUX_HOST, RIG_ALL);
	static char params[MUX_OPEN_MAX];
	const struct mux_channel_handler *ch = &rig_channel_handler;
	size_t len;

	(void)state;
	assert_null(mux_open(h->mux, MUX_TCP, "", 0, ch, NULL));
	assert_int_equal(errno, ENOTCONN);
	mux_ping(h->mux);
	(void)mux_out(h->mux, &len);
	assert_int_equal(len, 0);
	rig_pump(h, small, 0);
	assert_int_equal(h->capabilities, MUX_CAP_TCP);
	assert_int_equal(small->capabilities, MUX_CAP_TCP);
	assert_null(mux_open(h->mux, MUX_SESSION, "", 0, ch, NULL));
	assert_int_equal(errno, EPROTONOSUPPORT);
	assert_null(mux_open(h->mux, (enum mux_kind)0, "", 0, ch, NULL));
	assert_null(mux_open(h->mux, (enum mux_kind)5, "", 0, ch, NULL));
	assert_null(mux_open(small->mux, MUX_TCP, "", 0, ch, NULL));
	assert_int_equal(errno, EPROTONOSUPPORT);
	assert_null(
	    mux_open(h->mux, MUX_TCP, params, MUX_OPEN_MAX - 4, ch, NULL));
	assert_int_equal(errno, EMSGSIZE);
	assert_null(mux_open(guest->mux, MUX_AGENT, params, MUX_PAYLOAD_MAX - 4,
	    ch, NULL));
	assert_int_equal(errno, EMSGSIZE);
	rig_free(h);
	rig_free(small);

	/* The longest go, one at a time; others wait for the first. */
	guest->quiet = host->quiet = 1;
	memset(params, 'p', sizeof(params));
	(void)rig_open(host, MUX_SESSION, params, MUX_OPEN_MAX - 5);
	assert_null(mux_open(host->mux, MUX_TCP, "", 0, ch, NULL));
	assert_int_equal(errno, EAGAIN);
	(void)rig_open(guest, MUX_AGENT, params, MUX_PAYLOAD_MAX - 5);
	rig_pump(host, guest, 100000);
	rig_check(host, "opened:1");
	rig_check(guest, "opened:2");
	(void)rig_open(host, MUX_TCP, "", 0);
}

/* A reader that stops: SIZE waits and is told when; a status does not. */
static void
messages_of_a_full_queue(void **state)
{
	struct rig_channel *h, *g;
	int i;

	(void)state;
	h = open_both(MUX_SESSION, &g);
	for (i = 0; mux_message(h->c, MUX_SIZE, "\0\1\0\1\0\1\0\1", 8) == 0;
	    i++)
		assert_in_range(i, 0, MUX_OUT_DATA / 16);
	assert_int_equal(errno, EAGAIN);
	assert_int_equal(i, MUX_OUT_DATA / 16 + 1);
	assert_int_equal(h->rooms, 0);
	rig_pump(host, guest, 0);
	assert_int_equal(h->rooms, 1);
	assert_int_equal(mux_message(h->c, MUX_SIZE, "\0\1\0\1\0\1\0\1", 8), 0);
	assert_int_equal(mux_message(h->c, MUX_SIZE, "\0\1\0\1\0\1\0", 7), -1);
	assert_int_equal(errno, EINVAL);
	assert_int_equal(mux_message(h->c, MUX_STATUS, "\0\0\0\1", 4), -1);
	assert_int_equal(mux_message(h->c, MUX_CLOSE, "", 0), -1);

	rig_refill(g);
	host->log[0] = '\0';
	host->quiet = 1;
	assert_int_equal(mux_message(g->c, MUX_KILLED, "\1SEGV", 5), 0);
	assert_int_equal(mux_message(g->c, MUX_STATUS, "\0\0\0\1", 4), -1);
	assert_int_equal(errno, EINVAL);
	g->rooms = 0;
	mux_eof(g->c);
	mux_eof(g->c);
	mux_close(g->c);
	g->c = NULL;
	rig_pump(host, guest, 0);
	assert_int_equal(g->rooms, 0);
	rig_check(host, "killed:1:0153454756 eof:1 closed:1");
}

/* After its end a channel has no room, and its peer needs no windows. */
static void
after_the_end(void **state)
{
	struct rig_channel *h, *g;

	(void)state;
	h = open_both(MUX_SESSION, &g);
	assert_int_equal(mux_room(g->c), MUX_TURN);
	assert_int_equal(mux_message(g->c, MUX_STATUS, "\0\0\0\1", 4), 0);
	assert_int_equal(mux_room(g->c), 0);

	h = open_both(MUX_TCP, &g);
	host->quiet = guest->quiet = 1;
	g->hold = 1;
	rig_refill(h);
	rig_pump(host, guest, 0);
	rig_refill(h);
	mux_eof(h->c);
	assert_int_equal(mux_room(h->c), 0);
	rig_pump(host, guest, 0);
	assert_true(g->got > MUX_WINDOW_STEP);
	mux_passed_on(g->c, g->got);
	assert_string_equal(rig_said(guest), "");
}

static struct rig_channel *sibling;

static void
closes_its_sibling(void *arg)
{
	struct rig_channel *rc = arg;
	size_t len;

	rc->c = NULL;
	if (sibling->c != NULL) {
		mux_close(sibling->c);
		sibling->c = NULL;
	}
	assert_null(
	    mux_open(host->mux, MUX_TCP, "", 0, &rig_channel_handler, NULL));
	mux_ping(host->mux);
	(void)mux_out(host->mux, &len);
}

/* The end of the mux is that of its channels, in every state. */
static void
freeing(void **state)
{
	struct mux_channel_handler h = rig_channel_handler;
	struct rig_channel *first, *opening;
	struct mux_channel *c;

	(void)state;
	h.closed = closes_its_sibling;
	guest->answer = 0;
	first = rig_channel_new(host, NULL);
	first->c = mux_open(host->mux, MUX_TCP, "", 0, &h, first);
	assert_non_null(first->c);
	sibling = rig_open(host, MUX_TCP, "", 0);
	opening = rig_open(host, MUX_TCP, "", 0);
	c = mux_open(host->mux, MUX_TCP, "", 0, &h, NULL);
	mux_close(c);
	rig_pump(host, guest, 0);
	(void)rig_open(guest, MUX_AGENT, "", 0);
	host->answer = 0;
	rig_pump(host, guest, 0);
	host->log[0] = '\0';
	mux_freep(&host->mux);
	assert_null(host->mux);
	mux_freep(&host->mux);
	assert_null(first->c);
	assert_null(opening->c);
	rig_check(host, "closed:5");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    T(conversation_at_every_cut),
	    T(no_waiting_for_a_frame),
	    T(before_opened),
	    T(refusals),
	    T(closed_in_its_handlers),
	    T(out_is_called_once),
	    T(feeding_in_a_handler),
	    T(channel_limit),
	    T(what_cannot_be_opened),
	    T(messages_of_a_full_queue),
	    T(after_the_end),
	    T(freeing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) != 0;
}
