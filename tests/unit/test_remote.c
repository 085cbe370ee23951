/* SPDX-License-Identifier: Apache-2.0 */
/* Programs in a container, which is the other end of the mux here. */
#include "tests/unit/muxrig.h"

#include <errno.h>

#include "helpers/remote.h"

#define MANY (1024 * 1024)

static struct rig_end *host, *guest;
static struct mux_channel *c; /* the guest's, of the last OPEN */
static unsigned char params[1024];
static size_t params_len, opens, got, eofs;
static int refuses; /* the next ones, with this errno */
static const char *reason;

/* What done() got. */
static struct {
	int times, status;
	char out[REMOTE_OUTPUT_MAX + 1], errs[REMOTE_OUTPUT_MAX + 1];
} end;
static int again; /* done() starts another one; -1: in vain */

static const char *const argv[] = {"/bin/sh", "-c", "x", NULL};

/*
 * The guest.
 */

static void
guest_data(void *arg, enum mux_type type, const unsigned char *p, size_t len)
{
	size_t i;

	(void)arg;
	assert_int_equal(type, MUX_DATA);
	assert_int_equal(eofs, 0);
	for (i = 0; i < len; i++, got++)
		if (p[i] != rig_byte(got))
			fail_msg("byte %zu is another", got);
	mux_passed_on(c, len);
}

static void
guest_room(void *arg)
{
	(void)arg;
}

static void
guest_eof(void *arg)
{
	(void)arg;
	eofs++;
}

static void
guest_closed(void *arg)
{
	(void)arg;
	c = NULL;
}

static const struct mux_channel_handler guest_channel_handler = {
    .data = guest_data,
    .room = guest_room,
    .eof = guest_eof,
    .closed = guest_closed,
};

static void
guest_hello(void *arg, uint32_t capabilities)
{
	(void)arg;
	(void)capabilities;
}

static void
guest_open(void *arg, struct mux_channel *channel, enum mux_kind kind,
    const unsigned char *p, size_t len)
{
	(void)arg;
	assert_int_equal(kind, MUX_SESSION);
	assert_true(len <= sizeof(params));
	memcpy(params, p, len);
	params_len = len;
	opens++;
	got = eofs = 0;
	if (refuses != 0) {
		mux_refuse(channel, refuses, reason);
		return;
	}
	c = channel;
	mux_accept(channel, &guest_channel_handler, NULL);
}

static void
guest_out(void *arg)
{
	(void)arg;
}

static const struct mux_handler guest_handler = {
    .hello = guest_hello,
    .open = guest_open,
    .out = guest_out,
};

/* All of it, however small the window. */
static void
says(enum mux_type type, const char *text, size_t len)
{
	unsigned char *p;
	size_t n, sent;

	for (sent = 0; sent < len; sent += n) {
		while ((p = mux_reserve(c, &n)) == NULL) {
			rig_pump(host, guest, 0);
			assert_true(mux_room(c) > 0);
		}
		if (n > len - sent)
			n = len - sent;
		memcpy(p, text + sent, n);
		mux_commit(c, type, n);
	}
}

static void
ends(void)
{
	struct mux_channel *channel = c;

	mux_eof(channel);
	mux_close(channel);
	rig_pump(host, guest, 0);
}

static void
ends_with(unsigned char status)
{
	const unsigned char p[4] = {0, 0, 0, status};

	assert_int_equal(mux_message(c, MUX_STATUS, p, 4), 0);
	ends();
}

/*
 * The host.
 */

static void done(void *arg, const struct remote_result *r);

static int
start(const unsigned char *in, size_t in_len, struct k8s_err *err)
{
	const struct remote_params p = {.argv = argv,
	    .in = in,
	    .in_len = in_len};

	return remote_start(host->mux, &p, done, &end, err);
}

static void
done(void *arg, const struct remote_result *r)
{
	struct k8s_err err = K8S_ERR_INIT;

	assert_ptr_equal(arg, &end);
	end.times++;
	end.status = r->status;
	(void)snprintf(end.out, sizeof(end.out), "%s", r->out);
	(void)snprintf(end.errs, sizeof(end.errs), "%s", r->errs);
	if (again == 1) {
		again = 0;
		assert_int_equal(start(NULL, 0, &err), 0);
	} else if (again == -1) {
		assert_int_equal(start(NULL, 0, &err), -1);
		unit_check_err(&err, K8S_ERR_SYSTEM, "/bin/sh");
	}
}

static void
begin(const unsigned char *in, size_t in_len)
{
	struct k8s_err err = K8S_ERR_INIT;

	if (start(in, in_len, &err) == -1)
		fail_msg("%s", err.msg);
	rig_pump(host, guest, 0);
}

static void
check(int times, int status, const char *out, const char *errs)
{
	assert_int_equal(end.times, times);
	assert_int_equal(end.status, status);
	assert_string_equal(end.out, out);
	assert_string_equal(end.errs, errs);
}

static int
set_up(void **state)
{
	(void)state;
	memset(&end, 0, sizeof(end));
	c = NULL;
	opens = got = eofs = params_len = 0;
	refuses = again = 0;
	host = rig_new(MUX_HOST, RIG_ALL);
	guest = calloc(1, sizeof(*guest));
	assert_non_null(guest);
	guest->mux = mux_new(MUX_GUEST, RIG_ALL, &guest_handler, NULL);
	return guest->mux == NULL ? -1 : 0;
}

static int
tear_down(void **state)
{
	(void)state;
	mux_freep(&host->mux);
	mux_freep(&guest->mux);
	free(host);
	free(guest);
	return 0;
}

static void
runs_one(void **state)
{
	static const char expect[] = "\6\0\0\0\7/bin/sh"
				     "\6\0\0\0\2-c"
				     "\6\0\0\0\1x";

	(void)state;
	rig_pump(host, guest, 0);
	begin(NULL, 0);
	assert_int_equal(params_len, sizeof(expect) - 1);
	assert_memory_equal(params, expect, params_len);
	assert_int_equal(eofs, 1);
	says(MUX_DATA, "one\ntwo\n\n", 9);
	says(MUX_STDERR, "\nnot well\n", 10);
	ends_with(3);
	check(1, 3, "one\ntwo", "\nnot well");
}

static void
gives_it_all_of_its_stdin(void **state)
{
	unsigned char *in = malloc(MANY);
	size_t i;

	(void)state;
	assert_non_null(in);
	for (i = 0; i < MANY; i++)
		in[i] = rig_byte(i);
	rig_pump(host, guest, 0);
	begin(in, MANY);
	assert_int_equal(got, MANY);
	assert_int_equal(eofs, 1);
	ends_with(0);
	check(1, 0, "", "");
	free(in);
}

/* It ends before it has read all: what is left is nobody's. */
static void
ends_when_it_likes(void **state)
{
	unsigned char *in = calloc(1, MANY);
	struct k8s_err err = K8S_ERR_INIT;

	(void)state;
	assert_non_null(in);
	rig_pump(host, guest, 0);
	assert_int_equal(start(in, MANY, &err), 0);
	(void)rig_move(host, guest, SIZE_MAX, 0); /* OPEN */
	says(MUX_STDERR, "full", 4);
	ends_with(1);
	check(1, 1, "", "full");
	free(in);
}

static void
keeps_some_of_what_it_says(void **state)
{
	char *text = malloc(MANY);

	(void)state;
	assert_non_null(text);
	memset(text, 'x', MANY);
	rig_pump(host, guest, 0);
	begin(NULL, 0);
	says(MUX_DATA, text, MANY);
	says(MUX_STDERR, text, MANY);
	ends_with(0);
	assert_int_equal(strlen(end.out), REMOTE_OUTPUT_MAX);
	assert_int_equal(strlen(end.errs), REMOTE_OUTPUT_MAX);
	/* Up to a NUL. */
	begin(NULL, 0);
	says(MUX_DATA, "/tmp\n\0/evil", 11);
	ends_with(0);
	check(2, 0, "/tmp", "");
	free(text);
}

static void
tells_of_other_ends(void **state)
{
	(void)state;
	rig_pump(host, guest, 0);
	begin(NULL, 0);
	says(MUX_STDERR, "oh: ", 4);
	assert_int_equal(mux_message(c, MUX_KILLED, "\0KILL", 5), 0);
	ends();
	check(1, 255, "", "oh: it was killed by KILL");
	begin(NULL, 0);
	ends();
	check(2, 255, "", "it ended without a status");
	refuses = EACCES;
	reason = "not you";
	begin(NULL, 0);
	check(3, 255, "", "not you");
	reason = "";
	begin(NULL, 0);
	check(4, 255, "", strerror(EACCES));
}

/* The stream is gone, with or without the status that came. */
static void
is_told_when_the_stream_ends(void **state)
{
	static const unsigned char status[4] = {0, 0, 0, 7};

	(void)state;
	rig_pump(host, guest, 0);
	begin(NULL, 0);
	again = -1;
	mux_freep(&host->mux);
	check(1, 255, "", "it ended without a status");
	tear_down(state);
	set_up(state);
	rig_pump(host, guest, 0);
	begin(NULL, 0);
	says(MUX_DATA, "x", 1);
	assert_int_equal(mux_message(c, MUX_STATUS, status, 4), 0);
	rig_pump(host, guest, 0);
	assert_int_equal(end.times, 0);
	mux_freep(&host->mux);
	check(1, 7, "x", "");
}

static void
starts_one_after_the_other(void **state)
{
	(void)state;
	rig_pump(host, guest, 0);
	begin(NULL, 0);
	again = 1;
	ends_with(0);
	assert_int_equal(opens, 2);
	says(MUX_DATA, "second", 6);
	ends_with(9);
	check(2, 9, "second", "");
}

static void
needs_a_stream(void **state)
{
	static char text[MUX_OPEN_MAX];
	const char *const long_argv[] = {"long", text, NULL};
	const struct remote_params p = {.argv = long_argv};
	struct k8s_err err = K8S_ERR_INIT;

	(void)state;
	assert_int_equal(start(NULL, 0, &err), -1);
	unit_check_err(&err, K8S_ERR_SYSTEM, "a channel for /bin/sh");
	rig_pump(host, guest, 0);
	memset(text, 'x', sizeof(text) - 1);
	assert_int_equal(remote_start(host->mux, &p, done, &end, &err), -1);
	unit_check_err(&err, K8S_ERR_SYSTEM, "a channel for long");
	assert_int_equal(end.times, 0);
}

#define T(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    T(runs_one),
	    T(gives_it_all_of_its_stdin),
	    T(ends_when_it_likes),
	    T(keeps_some_of_what_it_says),
	    T(tells_of_other_ends),
	    T(is_told_when_the_stream_ends),
	    T(starts_one_after_the_other),
	    T(needs_a_stream),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) != 0;
}
