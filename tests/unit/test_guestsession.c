/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A session between a client and a container that are both made here: of
 * exec.h and client.h this has functions of its own. The guest is the other
 * end of lib/core/mux, or bytes by hand where it is to be hostile.
 */
#include "tests/unit/unit.h"

#include <errno.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "helpers/guestsession.h"
#include "lib/core/buf.h"
#include "lib/core/mux.h"

#define MANY (3 * 1024 * 1024)

/* No test waits longer, seconds. */
#define DEADLINE 20

static struct {
	/* The exec. */
	const struct exec_handler *h;
	void *arg;
	int running, opened, stuck, aborted, told;
	struct k8s_err why;
	unsigned char message[EXEC_STDIN_MAX];
	/* The guest. */
	struct mux *guest;
	int mute; /* it is not fed: the bytes stay in to_guest */
	struct buf *to_guest;
	struct mux_channel *c, *asked;
	int later, refuse, closed;
	const char *agent; /* the client's, or NULL */
	int agent_error;   /* why the last of the guest's was refused */
	struct buf *got;
	char log[1024];
	unsigned char params[4096];
	size_t params_len;
	/* The client. */
	const struct client_handler *ch;
	void *carg;
	size_t input_len, input_at;
	int want, in_open, tty, gone, slow;
	struct winsize size;
	struct buf *out[2], *queue[2];
	/* The test. */
	struct loop *loop;
	int tick;
	void (*step)(int n);
	int n;
} f;

static unsigned char
byte_at(size_t i)
{
	return (unsigned char)(i * 7 + i / 251);
}

/*
 * exec.h
 */

struct exec *
exec_start(struct ws_client *c, const struct exec_params *params,
    const struct exec_handler *h, void *arg, struct k8s_err *err)
{
	(void)c;
	(void)err;
	assert_string_equal(params->command[0], "/bin/sh");
	assert_false(params->tty);
	f.h = h;
	f.arg = arg;
	f.running = 1;
	return (struct exec *)&f;
}

unsigned char *
exec_stdin_buf(struct exec *x)
{
	(void)x;
	assert_true(f.running);
	return f.opened && !f.stuck && !f.aborted ? f.message : NULL;
}

void
exec_stdin_send(struct exec *x, size_t len)
{
	(void)x;
	assert_true(len > 0 && exec_stdin_buf(x) != NULL);
	assert_int_equal(buf_put(f.to_guest, f.message, len), 0);
	/* Whoever uses it once more has lost it. */
	memset(f.message, 0xee, sizeof(f.message));
}

void
exec_abort(struct exec *x, const struct k8s_err *why)
{
	(void)x;
	assert_true(f.running);
	f.aborted = 1;
	f.why = *why;
}

/*
 * client.h
 */

static struct client *const the_client = (struct client *)&f;

void
client_attach(struct client *c, const struct client_handler *h, void *arg)
{
	(void)c;
	f.ch = h;
	f.carg = arg;
}

void
client_want_input(struct client *c, int on)
{
	(void)c;
	f.want = on;
}

ssize_t
client_read(struct client *c, void *p, size_t len)
{
	size_t i;

	(void)c;
	if (f.input_at == f.input_len) {
		errno = EAGAIN;
		return f.in_open ? -1 : 0;
	}
	if (len > f.input_len - f.input_at)
		len = f.input_len - f.input_at;
	for (i = 0; i < len; i++)
		((unsigned char *)p)[i] = byte_at(f.input_at++);
	return (ssize_t)len;
}

int
client_write(struct client *c, enum client_stream s, const void *p, size_t len,
    size_t *queued)
{
	(void)c;
	*queued = 0;
	if (f.gone)
		return 0;
	if (!f.slow)
		return buf_put(f.out[s], p, len);
	*queued = len;
	return buf_put(f.queue[s], p, len);
}

static void
client_takes(enum client_stream s, size_t n)
{
	if (n > buf_len(f.queue[s]))
		n = buf_len(f.queue[s]);
	if (n == 0)
		return;
	assert_int_equal(buf_put(f.out[s], buf_data(f.queue[s]), n), 0);
	buf_consume(f.queue[s], n);
	f.ch->taken(f.carg, s, n);
}

size_t
client_queued(const struct client *c)
{
	(void)c;
	return buf_len(f.queue[0]) + buf_len(f.queue[1]);
}

int
client_is_tty(const struct client *c)
{
	(void)c;
	return f.tty;
}

struct winsize
client_size(const struct client *c)
{
	(void)c;
	return f.size;
}

const struct termios *
client_modes(const struct client *c)
{
	static const struct termios t;

	(void)c;
	return &t;
}

void
client_hang_up(struct client *c)
{
	(void)c;
	if (f.gone)
		return;
	f.gone = 1;
	buf_consume(f.queue[0], buf_len(f.queue[0]));
	buf_consume(f.queue[1], buf_len(f.queue[1]));
	f.ch->gone(f.carg);
}

int
client_is_gone(const struct client *c)
{
	(void)c;
	return f.gone;
}

int
client_caught(const struct client *c)
{
	(void)c;
	return 0;
}

/*
 * The guest.
 */

static void
say(const char *what, const unsigned char *p, size_t len)
{
	size_t n = strlen(f.log);

	(void)snprintf(f.log + n, sizeof(f.log) - n, "%s%s%.*s",
	    n > 0 ? " " : "", what, (int)len, (const char *)p);
}

static void
guest_data(void *arg, enum mux_type type, const unsigned char *p, size_t len)
{
	(void)arg;
	(void)type;
	assert_int_equal(buf_put(f.got, p, len), 0);
	mux_passed_on(f.c, len);
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
	say("eof", NULL, 0);
}

static void
guest_message(void *arg, enum mux_type type, const unsigned char *p, size_t len)
{
	char size[32];

	(void)arg;
	(void)snprintf(size, sizeof(size), "size:%d", p[0] << 8 | p[1]);
	if (type == MUX_SIZE)
		say(size, NULL, 0);
	else
		say("signal:", p, len);
}

static void
guest_closed(void *arg)
{
	(void)arg;
	f.c = NULL;
	f.closed = 1;
}

static const struct mux_channel_handler guest_channel_handler = {
    .data = guest_data,
    .room = guest_room,
    .eof = guest_eof,
    .message = guest_message,
    .closed = guest_closed,
};

static void
guest_hello(void *arg, uint32_t capabilities)
{
	(void)arg;
	assert_true(capabilities & MUX_CAP_SESSION);
}

static void
guest_answer(void)
{
	f.c = f.asked;
	f.asked = NULL;
	mux_accept(f.c, &guest_channel_handler, NULL);
}

static void
guest_open(void *arg, struct mux_channel *c, enum mux_kind kind,
    const unsigned char *p, size_t len)
{
	(void)arg;
	assert_int_equal(kind, MUX_SESSION);
	assert_true(len <= sizeof(f.params));
	memcpy(f.params, p, len);
	f.params_len = len;
	if (f.refuse) {
		mux_refuse(c, ENOENT, "no \033[31muser");
		return;
	}
	f.asked = c;
	if (!f.later)
		guest_answer();
}

static void
guest_none(void *arg)
{
	(void)arg;
}

static const struct mux_handler guest_handler = {guest_hello, guest_open,
    guest_none, guest_none};

static void
from_container(const void *p, size_t len)
{
	if (f.running && !f.aborted)
		f.h->output(f.arg, EXEC_STDOUT, p, len);
}

/* Both directions, until nothing moves. */
static void
shuttle(void)
{
	const unsigned char *p;
	unsigned char *copy;
	struct k8s_err err;
	size_t len, n;

	do {
		n = 0;
		if (!f.mute && buf_len(f.to_guest) > 0 && f.guest != NULL) {
			n += buf_len(f.to_guest);
			if (mux_feed(f.guest, buf_data(f.to_guest),
				buf_len(f.to_guest), &err) == -1)
				fail_msg("guest: %s", err.msg);
			buf_consume(f.to_guest, buf_len(f.to_guest));
		}
		while (
		    f.guest != NULL && (p = mux_out(f.guest, &len), len > 0)) {
			copy = malloc(len);
			assert_non_null(copy);
			memcpy(copy, p, len);
			from_container(copy, len);
			free(copy);
			mux_written(f.guest, len);
			n += len;
		}
	} while (n > 0);
}

static void
guest_begin(void)
{
	f.opened = 1;
	f.h->opened(f.arg, 1);
	f.guest = mux_new(MUX_GUEST, MUX_CAP_SESSION | MUX_CAP_AGENT,
	    &guest_handler, NULL);
	assert_non_null(f.guest);
	shuttle();
}

/* As much as the window lets it. */
static size_t
guest_write(enum mux_type type, size_t len, size_t at)
{
	unsigned char *p;
	size_t sent, i, n;

	for (sent = 0; sent < len; sent += n) {
		if ((p = mux_reserve(f.c, &n)) == NULL)
			break;
		if (n > len - sent)
			n = len - sent;
		for (i = 0; i < n; i++)
			p[i] = byte_at(at + sent + i);
		mux_commit(f.c, type, n);
		shuttle();
	}
	return sent;
}

static void
guest_status(unsigned int code)
{
	const unsigned char p[4] = {0, 0, 0, (unsigned char)code};

	assert_int_equal(mux_message(f.c, MUX_STATUS, p, 4), 0);
}

static void
guest_end(unsigned int code)
{
	guest_status(code);
	mux_eof(f.c);
	mux_close(f.c);
	f.c = NULL;
	shuttle();
}

static void
exec_ends(int code, enum k8s_err_code err_code, const char *text)
{
	struct k8s_err err = K8S_ERR_INIT;

	if (err_code != K8S_ERR_NONE)
		k8s_err_set(&err, err_code, "%s", text);
	f.running = 0;
	f.told = 1;
	f.h->ended(f.arg, code, 0, &err);
}

/*
 * The loop.
 */

static void
tick(void *arg, uint32_t events)
{
	(void)arg;
	(void)events;
	if (f.aborted && f.running) {
		f.running = 0;
		f.told = 1;
		f.h->ended(f.arg, -1, 0, &f.why);
		return;
	}
	if (f.want && (f.input_at < f.input_len || !f.in_open))
		f.ch->input(f.carg);
	f.step(f.n++);
	shuttle();
}

static struct carry carry = {.argv = {"/bin/sh", "-c", "x", NULL}};
static struct relay_result result;
static int no_guest;

static void
run(void (*step)(int n))
{
	static const char *const env[] = {"A=b", "=odd", "none", NULL};
	const struct guestsession_params p = {.env = env,
	    .command = "cmd",
	    .agent = f.agent};
	struct k8s_err err = K8S_ERR_INIT;
	struct loop_io *io;

	f.step = step;
	io = loop_add(f.loop, f.tick, EPOLLIN, tick, NULL, &err);
	assert_non_null(io);
	(void)alarm(DEADLINE);
	assert_int_equal(guestsession_run(f.loop, the_client, NULL, &carry, &p,
			     &result, &no_guest, &err),
	    0);
	(void)alarm(0);
	loop_del(io);
	assert_true(f.told);
	assert_null(f.ch);
}

static int
set_up(void **state)
{
	int i;

	(void)state;
	memset(&f, 0, sizeof(f));
	f.loop = loop_new(NULL);
	f.tick = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK);
	f.in_open = 1;
	f.to_guest = buf_new(8 * MANY);
	f.got = buf_new(8 * MANY);
	for (i = 0; i < 2; i++) {
		f.out[i] = buf_new(8 * MANY);
		f.queue[i] = buf_new(CLIENT_QUEUE_MAX);
	}
	return f.loop == NULL || f.tick == -1 ? -1 : 0;
}

static int
tear_down(void **state)
{
	int i;

	(void)state;
	mux_free(f.guest);
	buf_free(f.to_guest);
	buf_free(f.got);
	for (i = 0; i < 2; i++) {
		buf_free(f.out[i]);
		buf_free(f.queue[i]);
	}
	loop_free(f.loop);
	close(f.tick);
	return 0;
}

static void
check_bytes(const struct buf *b, size_t len)
{
	size_t i;

	assert_int_equal(buf_len(b), len);
	for (i = 0; i < len; i++)
		if (buf_data(b)[i] != byte_at(i))
			fail_msg("byte %zu is another", i);
}

/*
 * Ends.
 */

static void
simple_step(int n)
{
	if (n == 0) {
		guest_begin();
	} else if (n == 1) {
		assert_int_equal(guest_write(MUX_DATA, 1000, 0), 1000);
		assert_int_equal(guest_write(MUX_STDERR, 10, 0), 10);
		guest_end(3);
	}
}

static void
goes_well(void **state)
{
	static const unsigned char items[] = {1, 0, 0, 0, 3, 'c', 'm', 'd', 2,
	    0, 0, 0, 3, 'A', '=', 'b'};

	(void)state;
	run(simple_step);
	assert_int_equal(result.exit_code, 3);
	assert_int_equal(result.signal, 0);
	assert_true(result.started);
	assert_false(no_guest || result.client_gone);
	check_bytes(f.out[0], 1000);
	check_bytes(f.out[1], 10);
	assert_int_equal(f.params_len, sizeof(items));
	assert_memory_equal(f.params, items, sizeof(items));
}

static void
cut_step(int n)
{
	if (n == 0)
		guest_begin();
	else if (n == 1)
		exec_ends(-1, K8S_ERR_DISCONNECT, "the connection was cut");
}

static void
tells_why_it_was_cut(void **state)
{
	(void)state;
	run(cut_step);
	assert_int_equal(result.exit_code, -1);
	assert_string_equal(result.err.msg, "the connection was cut");
	assert_false(no_guest);
}

static void
killed_step(int n)
{
	if (n == 0)
		guest_begin();
	else if (n == 1)
		exec_ends(137, K8S_ERR_NONE, "");
}

static void
tells_that_the_guest_died(void **state)
{
	(void)state;
	run(killed_step);
	assert_int_equal(result.exit_code, -1);
	assert_string_equal(result.err.msg,
	    "k8shell-guest ended with status 137");
}

static void
status_cut_step(int n)
{
	if (n == 0) {
		guest_begin();
	} else if (n == 1) {
		f.slow = 1;
		assert_int_equal(guest_write(MUX_DATA, 1000, 0), 1000);
		guest_status(0);
		shuttle();
		exec_ends(-1, K8S_ERR_DISCONNECT, "the connection was cut");
	} else if (n == 3) {
		client_takes(CLIENT_STDOUT, 1000);
	}
}

static void
has_its_status_though_cut_then(void **state)
{
	(void)state;
	run(status_cut_step);
	assert_int_equal(result.exit_code, 0);
	check_bytes(f.out[0], 1000);
}

static void
silent_step(int n)
{
	if (n == 0) {
		guest_begin();
	} else if (n == 1) {
		mux_eof(f.c);
		mux_close(f.c);
		f.c = NULL;
	}
}

static void
is_no_success_without_status(void **state)
{
	(void)state;
	run(silent_step);
	assert_int_equal(result.exit_code, -1);
	unit_check_err(&result.err, K8S_ERR_DISCONNECT, "did not say how");
}

static const char *killed_by;

static void
signal_end_step(int n)
{
	char m[40] = {0};

	if (n == 0) {
		guest_begin();
	} else if (n == 1) {
		strcpy(m + 1, killed_by);
		assert_int_equal(
		    mux_message(f.c, MUX_KILLED, m, 1 + strlen(killed_by)), 0);
		mux_eof(f.c);
		mux_close(f.c);
		f.c = NULL;
	}
}

static void
dies_of_signals(void **state)
{
	static const struct {
		const char *name;
		int signal, code;
	} cases[] = {{"TERM", SIGTERM, 128 + SIGTERM},
	    {"KILL", SIGKILL, 128 + SIGKILL}, {"SEGV", SIGSEGV, 128 + SIGSEGV},
	    {"NONE", 0, 255}, {"0", 0, 255}};
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		killed_by = cases[i].name;
		run(signal_end_step);
		assert_int_equal(result.signal, cases[i].signal);
		assert_int_equal(result.exit_code, cases[i].code);
		tear_down(state);
		set_up(state);
	}
}

static void
refused_step(int n)
{
	if (n == 0) {
		f.refuse = 1;
		guest_begin();
	}
}

static void
tells_of_a_refusal(void **state)
{
	(void)state;
	run(refused_step);
	assert_int_equal(result.exit_code, -1);
	unit_check_err(&result.err, K8S_ERR_SYSTEM, "user");
	assert_false(no_guest || result.started);
}

/*
 * Without a guest.
 */

static void
no_step(int n)
{
	static const char no[] = "\036no such machine\n";

	if (n == 0) {
		f.opened = 1;
		f.h->opened(f.arg, 1);
		from_container(no, sizeof(no) - 1);
		if (f.refuse)
			client_hang_up(the_client);
	}
}

static void
has_no_guest(void **state)
{
	(void)state;
	run(no_step);
	assert_true(no_guest);
	assert_string_equal(result.err.msg, "such machine");
	assert_false(result.started);
}

static void
tries_nothing_else_for_nobody(void **state)
{
	(void)state;
	f.refuse = 1;
	run(no_step);
	assert_false(no_guest);
	assert_true(result.client_gone);
}

static void
no_shell_step(int n)
{
	if (n == 0) {
		f.opened = 1;
		f.h->opened(f.arg, 1);
		exec_ends(-1, K8S_ERR_NO_COMMAND, "no /bin/sh");
	}
}

static void
has_no_shell(void **state)
{
	(void)state;
	run(no_shell_step);
	assert_true(no_guest);
}

static void
no_exec_step(int n)
{
	if (n == 0)
		exec_ends(-1, K8S_ERR_NOT_FOUND, "no such pod");
}

static void
has_no_pod(void **state)
{
	(void)state;
	run(no_exec_step);
	assert_false(no_guest);
	assert_int_equal(result.err.code, K8S_ERR_NOT_FOUND);
}

/*
 * Data.
 */

static void
upload_step(int n)
{
	if (n == 0) {
		guest_begin();
		f.input_len = MANY;
	} else if (n % 3 == 1) {
		/* Fills up, and empties all at once. */
		f.stuck = 1;
	} else if (n % 3 == 0) {
		f.stuck = 0;
		f.h->stdin_ready(f.arg);
	}
	if (buf_len(f.got) == MANY && strcmp(f.log, "eof") == 0)
		guest_end(0);
	else if (f.input_at == MANY)
		f.in_open = 0;
}

static void
loses_no_input(void **state)
{
	(void)state;
	run(upload_step);
	check_bytes(f.got, MANY);
	assert_int_equal(result.exit_code, 0);
}

static size_t written;

static void
download_step(int n)
{
	if (n == 0) {
		guest_begin();
		f.slow = 1;
		written = 0;
	}
	if (f.c != NULL) {
		written += guest_write(MUX_DATA, MANY - written, written);
		/* Never more than a window waits for the client. */
		assert_true(client_queued(the_client) <= MUX_WINDOW);
		if (written == MANY)
			guest_end(0);
	}
	/* What waits when the channel is gone is not forgotten. */
	if (n % 2 == 1)
		client_takes(CLIENT_STDOUT, 50000);
}

static void
loses_no_output(void **state)
{
	(void)state;
	run(download_step);
	check_bytes(f.out[0], MANY);
	assert_int_equal(result.exit_code, 0);
}

/*
 * Sizes and signals.
 */

static void
resize(unsigned short cols)
{
	f.size.ws_col = cols;
	f.ch->resized(f.carg);
}

static void
early_size_step(int n)
{
	if (n == 0) {
		f.tty = f.later = 1;
		f.size.ws_col = 80;
		guest_begin();
		resize(81);
		resize(82);
		guest_answer();
	} else if (n == 1) {
		guest_end(0);
	}
}

static void
has_the_size_of_meanwhile(void **state)
{
	(void)state;
	run(early_size_step);
	assert_string_equal(f.log, "size:82");
}

static void
full_step(int n)
{
	if (n == 0) {
		guest_begin();
		f.stuck = 1;
		f.input_len = MANY;
	} else if (n == 20) {
		/* All that goes waits now. */
		assert_true(f.input_at < MANY);
		assert_int_equal(f.ch->signalled(f.carg, SIGUSR1), 1);
		assert_int_equal(f.ch->signalled(f.carg, SIGTERM), 1);
		resize(90);
		resize(91);
		f.stuck = 0;
		f.h->stdin_ready(f.arg);
		shuttle();
	} else if (n > 20 && buf_len(f.got) == MANY && f.c != NULL) {
		guest_end(0);
	}
}

static void
says_later_what_has_to_wait(void **state)
{
	(void)state;
	run(full_step);
	assert_string_equal(f.log, "size:91 signal:USR1 signal:TERM");
	check_bytes(f.got, MANY);
}

static void
early_signal_step(int n)
{
	if (n == 0) {
		assert_int_equal(f.ch->signalled(f.carg, SIGTERM), 0);
		f.later = 1;
		guest_begin();
		assert_int_equal(f.ch->signalled(f.carg, SIGTERM), 0);
		guest_answer();
		shuttle();
		assert_int_equal(f.ch->signalled(f.carg, SIGTERM), 1);
	} else if (n == 1) {
		guest_end(0);
	}
}

static void
ends_by_a_signal_before_it_has_begun(void **state)
{
	(void)state;
	run(early_signal_step);
	assert_string_equal(f.log, "signal:TERM");
}

/*
 * The client goes away, at any moment.
 */

static int when;

static void
gone_step(int n)
{
	if (when == 0 && n == 0)
		client_hang_up(the_client);
	if (n == 0) {
		f.later = when == 1;
		if (!f.aborted)
			guest_begin();
	}
	if (when == 1 && n == 1)
		client_hang_up(the_client);
	if (when == 2 && n == 1) {
		/* Amidst of output that nobody takes. */
		f.slow = 1;
		(void)guest_write(MUX_DATA, 5000, 0);
		client_hang_up(the_client);
	}
	if (when == 3 && n == 1) {
		/* All is said, but not all taken. */
		f.slow = 1;
		(void)guest_write(MUX_DATA, 5000, 0);
		guest_end(0);
	}
	if (when == 3 && n == 3)
		client_hang_up(the_client);
	if (when == 4 && n == 1) {
		/* A terminal's end. */
		f.tty = 1;
		f.in_open = 0;
	}
}

static void
notices_that_the_client_is_gone(void **state)
{
	for (when = 0; when < 5; when++) {
		run(gone_step);
		assert_true(result.client_gone);
		assert_true(f.aborted);
		tear_down(state);
		set_up(state);
	}
}

/*
 * Hostile guests.
 */

static const char *hostile;
static size_t hostile_len;

static void
hostile_step(int n)
{
	if (n == 0) {
		guest_begin();
		/* From here on by hand: channel 1 is open. */
		f.mute = 1;
		mux_freep(&f.guest);
	} else if (n == 1) {
		from_container(hostile, hostile_len);
	} else if (n == 4) {
		/* That was no reason to end. */
		assert_true(f.aborted || !f.running);
	}
}

#define CH1 "\0\0\1\0\0\0"

static void
ends_with_hostile_guests(void **state)
{
	static const struct {
		const char *p;
		size_t len;
		const char *text;
		int code;
	} cases[] = {
#define CASE(s, text, code) {s, sizeof(s) - 1, text, code}
	    CASE("\x63\0\0\0\0\0\0\0", "k8shell-guest", -1),
	    CASE("\1\0\0\0\0\0\0\x2ak8shellm", "k8shell-guest", -1),
	    CASE("\x0f" CH1 "\4\0\0\0\2\5" CH1 "\1x", "k8shell-guest", 2),
	    CASE("\x0f" CH1 "\4\0\0\1\0", "k8shell-guest", -1),
	    CASE("\x0f" CH1 "\4\0\0\0\1\x0f" CH1 "\4\0\0\0\2", "k8shell-guest",
		1),
	    CASE("\3" CH1 "\4\0\0\0\1", "k8shell-guest", -1),
	    CASE("\2\0\0\2\0\0\0\5\1\0\0\0\1", "k8shell-guest", -1),
	    CASE("\x0c\0\0\0\0\0\0\x08zzzzzzzz", "k8shell-guest", -1),
	    CASE("\x0a\0\0\0\0\0\0\4bye\033", "bye", -1),
	};
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		hostile = cases[i].p;
		hostile_len = cases[i].len;
		run(hostile_step);
		assert_int_equal(result.exit_code, cases[i].code);
		unit_check_err(&result.err, result.err.code, cases[i].text);
		tear_down(state);
		set_up(state);
	}
}

static void
flood_step(int n)
{
	static unsigned char frame[8 + 32768] = {5, 0, 0, 1, 0, 0, 0x80, 0};

	if (n == 0) {
		guest_begin();
		f.mute = 1;
		mux_freep(&f.guest);
		f.slow = 1;
	} else {
		from_container(frame, sizeof(frame));
		assert_true(client_queued(the_client) <= CLIENT_QUEUE_MAX);
		if (f.aborted)
			client_takes(CLIENT_STDOUT, CLIENT_QUEUE_MAX);
	}
}

static void
bounds_what_a_guest_can_send(void **state)
{
	(void)state;
	run(flood_step);
	assert_int_equal(result.exit_code, -1);
	unit_check_err(&result.err, K8S_ERR_INVALID, "window");
	assert_true(buf_len(f.out[0]) <= CLIENT_QUEUE_MAX);
}

#define T(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

static void
agent_refused(void *arg, int error, const char *text, size_t len)
{
	(void)arg;
	(void)text;
	(void)len;
	f.agent_error = error;
}

static void
asks_for_agent(const void *p, size_t len, int error)
{
	static const struct mux_channel_handler h = {.refused = agent_refused};

	f.agent_error = 0;
	assert_non_null(mux_open(f.guest, MUX_AGENT, p, len, &h, NULL));
	shuttle();
	assert_int_equal(f.agent_error, error);
}

static void
step_agent(int n)
{
	static const unsigned char session[4] = {0, 0, 1, 0},
				   other[] = {0, 0, 3};

	if (n == 0) {
		f.later = 1;
		guest_begin();
		/* It is asked for, and not there. */
		asks_for_agent(session, 3, ECONNREFUSED);
		guest_answer();
		shuttle();
		/* That one is asked, though there is no such socket. */
		asks_for_agent(session, 3, ENOENT);
		asks_for_agent(other, 3, ECONNREFUSED);
		asks_for_agent(session, 4, ECONNREFUSED);
		asks_for_agent(session, 0, ECONNREFUSED);
		f.slow = 1;
		assert_int_equal(guest_write(MUX_DATA, 1000, 0), 1000);
		guest_end(0);
	} else if (n == 1) {
		/* What the session wrote still waits; it is over. */
		asks_for_agent(session, 3, ECONNREFUSED);
		f.slow = 0;
		f.gone = 1;
		f.ch->gone(f.carg);
	}
}

/* The agent is the session's, for as long as there is one. */
static void
agent_is_the_sessions(void **state)
{
	(void)state;
	f.agent = "/no/such/agent";
	run(step_agent);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    T(goes_well),
	    T(tells_why_it_was_cut),
	    T(tells_that_the_guest_died),
	    T(has_its_status_though_cut_then),
	    T(is_no_success_without_status),
	    T(dies_of_signals),
	    T(tells_of_a_refusal),
	    T(has_no_guest),
	    T(tries_nothing_else_for_nobody),
	    T(has_no_shell),
	    T(has_no_pod),
	    T(loses_no_input),
	    T(loses_no_output),
	    T(has_the_size_of_meanwhile),
	    T(says_later_what_has_to_wait),
	    T(agent_is_the_sessions),
	    T(ends_by_a_signal_before_it_has_begun),
	    T(notices_that_the_client_is_gone),
	    T(ends_with_hostile_guests),
	    T(bounds_what_a_guest_can_send),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) != 0;
}
