/* SPDX-License-Identifier: Apache-2.0 */
/* How a mux begins, with whom, and how a peer ends it. */
#include "tests/unit/muxplay.h"

/* The host says nothing to what is no guest, and shows what it says. */
static void
strangers(void **state)
{
	static const struct {
		const char *p;
		size_t len;
		const char *error;
	} cases[] = {
	    {"s", 1, "this is not k8shell-guest, it says \"s\""},
	    {"sh: 1: \"x\": not found\r\n", 23,
		"it says \"sh: 1: \\042x\\042: not found\\015\\012\""},
	    {"\1x", 2, "it says \"\\001x\""},
	    {"\5\0\0\1", 4, "it says \"\\005\\000\\000\\001\""},
	    {"\1\0\0\1", 4, "it says"},
	    {"\1\0\0\0\0\1", 6, "it says"},
	    {"\1\0\0\0\0\0\0\053", 8, "it says"}, /* too short by one */
	    {"\1\0\0\0\0\0\4\1", 8, "it says"},	  /* longer than 1024 */
	    {"\1\0\0\0\0\0\0\54k8shellM012345678901234567890123456789012345",
		52, "\\000,k8shellM0123"},
	};
	struct k8s_err err;
	struct rig_end *e;
	char big[3000];
	size_t i, k;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		memset(&err, 0, sizeof(err));
		e = rig_new(MUX_HOST, RIG_ALL);
		assert_int_equal(rig_feed(e, cases[i].p, cases[i].len, &err),
		    -1);
		unit_check_err(&err, K8S_ERR_INVALID, cases[i].error);
		assert_string_equal(rig_said(e), "");
		rig_check(e, "");
		rig_free(e);
		/* Byte by byte: at the latest then. */
		e = rig_new(MUX_HOST, RIG_ALL);
		for (k = 0; k + 1 < cases[i].len; k++)
			if (rig_feed(e, cases[i].p + k, 1, &err) == -1)
				break;
		assert_int_equal(rig_feed(e, cases[i].p + k, 1, &err), -1);
		unit_check_err(&err, K8S_ERR_INVALID, "this is not k8shell-g");
		rig_free(e);
	}
	/* Much of it is cut. */
	memset(big, '\n', sizeof(big));
	e = rig_new(MUX_HOST, RIG_ALL);
	assert_int_equal(rig_feed(e, big, sizeof(big), &err), -1);
	unit_check_err(&err, K8S_ERR_INVALID, "\\012\\012");
	assert_in_range(strlen(err.msg), 300, 500);
	rig_free(e);
	/* The guest has said HELLO already, so it says why it goes. */
	e = rig_new(MUX_GUEST, RIG_ALL);
	assert_int_equal(rig_feed(e, "ls\n", 3, &err), -1);
	unit_check_err(&err, K8S_ERR_INVALID,
	    "this is not k8shell, it says \"ls\\012\"");
	assert_string_equal(rig_said(e),
	    "HELLO:0 ERROR:0:this is not k8shell, it says \"ls\\012\"");
	rig_free(e);
}

static void
versions(void **state)
{
	static const struct {
		int lowest, highest, ok;
		size_t len;
	} cases[] = {
	    {1, 1, 1, 44},
	    {0, 9, 1, 44},
	    {1, 9, 1, 45},
	    {1, 255, 1, 1024},
	    {2, 9, 0, 44},
	    {0, 0, 0, 44},
	    {9, 1, 0, 44},
	};
	struct k8s_err err = K8S_ERR_INIT;
	struct rig_bytes b;
	struct rig_end *e;
	int i, side, r;
	size_t cut;

	(void)state;
	for (i = 0; i < 7 * 2; i++) {
		side = i & 1 ? MUX_HOST : MUX_GUEST;
		b = (struct rig_bytes){0};
		rig_frame_hello(&b, cases[i / 2].lowest, cases[i / 2].highest,
		    1024, cases[i / 2].len);
		rig_frame(&b, MUX_PING, 0, "12345678", 8);
		for (cut = 0; cut < b.len - 16; cut += 1 + cut / 50) {
			memset(&err, 0, sizeof(err));
			e = rig_new(side, RIG_ALL);
			assert_int_equal(rig_feed(e, b.p, cut, &err), 0);
			r = rig_feed(e, b.p + cut, b.len - cut, &err);
			assert_int_equal(r, cases[i / 2].ok ? 0 : -1);
			if (r == 0) {
				rig_check(e, "hello:31");
				assert_string_equal(rig_said(e),
				    "HELLO:0 PONG:0");
			} else {
				unit_check_err(&err, K8S_ERR_INVALID,
				    "this end speaks version 1 of the "
				    "protocol, the other ");
				rig_check(e, "");
				/* Both know why, as both have a HELLO. */
				assert_non_null(strstr(rig_said(e),
				    "HELLO:0 ERROR:0:this end speaks"));
			}
			rig_free(e);
		}
		free(b.p);
	}
	/* Channels that this peer does not take are not opened. */
	b = (struct rig_bytes){0};
	rig_frame_hello(&b, 1, 1, 2, 44);
	e = rig_new(MUX_HOST, RIG_ALL);
	assert_int_equal(rig_feed(e, b.p, b.len, &err), 0);
	assert_int_equal(rig_open(e, MUX_TCP, "", 0)->number, 1);
	assert_int_equal(rig_open(e, MUX_TCP, "", 0)->number, 3);
	assert_null(
	    mux_open(e->mux, MUX_TCP, "", 0, &rig_channel_handler, NULL));
	rig_free(e);
	b.len = 0;
	rig_frame_hello(&b, 1, 1, 0xffffffff, 44);
	e = rig_new(MUX_GUEST, RIG_ALL);
	assert_int_equal(rig_feed(e, b.p, b.len, &err), 0);
	assert_int_equal(rig_open(e, MUX_AGENT, "", 0)->number, 2);
	rig_free(e);
	free(b.p);
}

static void
capabilities_not_shared(void **state)
{
	struct k8s_err err = K8S_ERR_INIT;
	struct rig_end *e;

	(void)state;
	e = rig_new(MUX_GUEST, MUX_CAP_SESSION);
	assert_int_equal(play(e, "H", 0, &err), 0);
	rig_check(e, "hello:1");
	assert_int_equal(play(e, "O1.3", 0, &err), -1);
	unit_check_err(&err, K8S_ERR_INVALID, "of a kind that can't be");
	rig_free(e);
}

static void
error_from_the_peer(void **state)
{
	struct k8s_err err = K8S_ERR_INIT;
	struct rig_end *e;

	(void)state;
	e = rig_new(MUX_HOST, RIG_ALL);
	assert_int_equal(play(e, "H o.3 A1 X", 1, &err), -1);
	unit_check_err(&err, K8S_ERR_DISCONNECT,
	    "the peer ended the stream: \"no\\012more\"");
	/* Nothing is said to it; channels end with the mux. */
	assert_string_equal(rig_said(e), "HELLO:0 OPEN:1");
	rig_check(e, "hello:31 opened:1");
	assert_int_equal(mux_room(rig_find(e, 1)->c), 0);
	assert_null(
	    mux_open(e->mux, MUX_TCP, "", 0, &rig_channel_handler, NULL));
	mux_freep(&e->mux);
	rig_check(e, "closed:1");
	rig_free(e);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(strangers),
	    cmocka_unit_test(versions),
	    cmocka_unit_test(capabilities_not_shared),
	    cmocka_unit_test(error_from_the_peer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) != 0;
}
