/* SPDX-License-Identifier: Apache-2.0 */
#include "helpers/relay.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "helpers/frames.h"
#include "helpers/prelude.h"
#include "lib/core/buf.h"
#include "lib/core/log.h"

/* How long the container's shell may take to say "start". */
#define RELAY_START_TIMEOUT_MS 30000

/* One of stdout and stderr. */
struct relay_out {
	struct relay *r;
	enum client_stream stream;
	struct prelude_scan scan;
};

struct relay {
	struct loop *loop;
	struct client *client;
	int tty;
	struct relay_out out[2]; /* stdout, stderr */
	int timerfd;
	struct loop_io *timer_watch;

	/* Of the run. */
	struct exec *exec; /* NULL once ended */
	const struct relay_params *params;
	struct relay_result *result;
	struct prelude prelude;
	struct buf *script; /* what of it is not sent yet */
	struct frames *frames;
	int framed; /* the user's stdin goes through frames */
	int can_close;
	int ready;   /* the script may be sent */
	int started; /* the user's stdin may flow */
	int in_eof;
	int command_ended; /* nobody over there reads stdin any more */
	int ended;
};

static void relay_pump(struct relay *r);
static void relay_stop_stdin(struct relay *r);

static void
relay_check_done(struct relay *r)
{
	if (r->ended &&
	    (client_is_gone(r->client) || client_queued(r->client) == 0))
		loop_stop(r->loop);
}

/* Ends the exec; relay_ended() follows. */
static void
relay_abort(struct relay *r, enum k8s_err_code code, const char *text)
{
	struct k8s_err why;

	if (r->exec != NULL) {
		k8s_err_set(&why, code, "%s", text);
		exec_abort(r->exec, &why);
	}
	relay_check_done(r);
}

static void
relay_client_gone(void *arg)
{
	struct relay *r = arg;

	r->result->client_gone = 1;
	r->result->caught = client_caught(r->client);
	relay_abort(r, K8S_ERR_DISCONNECT, "the client is gone");
}

/*
 * Output.
 */

static void
relay_out_taken(void *arg, enum client_stream stream, size_t n)
{
	struct relay *r = arg;

	(void)stream;
	(void)n;
	if (r->exec != NULL && client_queued(r->client) == 0)
		exec_read(r->exec, 1);
	relay_check_done(r);
}

/* What the command wrote, markers taken out. */
static void
relay_out_text(void *arg, const unsigned char *p, size_t len)
{
	struct relay_out *o = arg;
	struct relay *r = o->r;
	size_t queued;

	/* Before "start" a terminal shows only the echo of our script. */
	if (r->tty && !r->started)
		return;
	/*
	 * Reading from the API server stops at the first byte kept, so what is
	 * kept is what had been read then.
	 */
	if (client_write(r->client, o->stream, p, len, &queued) == -1)
		relay_abort(r, K8S_ERR_LIMIT,
		    "output came faster than asked for");
	else if (queued > 0 && r->exec != NULL)
		exec_read(r->exec, 0);
}

static void
relay_out_word(void *arg, const char *word)
{
	struct relay_out *o = arg;
	struct relay *r = o->r;
	char *end;
	long n;

	if (strcmp(word, "cooked") == 0 && !prelude_fits_cooked(r->script)) {
		relay_abort(r, K8S_ERR_LIMIT,
		    "there is no stty in the image, and without it the command "
		    "or environment is too long or odd for a terminal: try "
		    "ssh -T");
	} else if (strcmp(word, "ready") == 0 || strcmp(word, "cooked") == 0) {
		r->ready = 1;
		relay_pump(r);
	} else if (strcmp(word, "start") == 0) {
		r->started = r->result->started = 1;
		loop_want(r->timer_watch, 0);
		relay_pump(r);
	} else if (strcmp(word, "end") == 0) {
		r->command_ended = 1;
		relay_stop_stdin(r);
	} else if (strcmp(word, "lost") == 0) {
		if (!r->command_ended)
			relay_abort(r, K8S_ERR_SYSTEM,
			    "dd failed in the container: the command did not "
			    "get all of its stdin");
	} else {
		n = strtol(word, &end, 10);
		if (*end == '\0' && n > 0 && n < NSIG)
			r->result->signal = (int)n;
	}
}

static const struct prelude_scan_handler relay_scan_handler = {
    .text = relay_out_text,
    .word = relay_out_word,
};

static void
relay_output(void *arg, enum exec_channel ch, const unsigned char *p,
    size_t len)
{
	struct relay *r = arg;
	struct relay_out *o = &r->out[ch == EXEC_STDERR];

	/* Without stderr of its own (a terminal) all is one output. */
	if (r->tty)
		o = &r->out[0];
	if (r->params->direct != NULL || (!r->tty && ch == EXEC_STDOUT))
		relay_out_text(o, p, len);
	else
		prelude_scan_feed(&o->scan, p, len, &relay_scan_handler, o);
}

/*
 * Input.
 */

/* No more stdin. */
static void
relay_in_ended(struct relay *r)
{
	r->in_eof = 1;
	client_want_input(r->client, 0);
	if (r->tty)
		/* A terminal has no end but its hang-up. */
		client_hang_up(r->client);
	else if (r->can_close)
		exec_stdin_close(r->exec);
	else if (r->framed)
		frames_end(r->frames, r->command_ended);
	else
		log_warn("this cluster can't end the command's stdin");
}

static void
relay_set_timer(struct relay *r, int ms)
{
	struct itimerspec in = {
	    .it_value.tv_sec = ms / 1000,
	    .it_value.tv_nsec = ms % 1000 * 1000000L,
	};

	(void)timerfd_settime(r->timerfd, 0, &in, NULL);
	loop_want(r->timer_watch, EPOLLIN);
}

/* Writes to p what goes before the user's stdin, or frames of that. */
static size_t
relay_next(struct relay *r, unsigned char *p)
{
	size_t len = buf_len(r->script);
	int gathered = frames_gathers(r->frames);

	if (len > 0) {
		if (len > EXEC_STDIN_MAX)
			len = EXEC_STDIN_MAX;
		memcpy(p, buf_data(r->script), len);
		buf_consume(r->script, len);
		return len;
	}
	if (!r->framed || !r->started)
		return 0;
	len = frames_take(r->frames, p, EXEC_STDIN_MAX);
	if (!gathered && frames_gathers(r->frames))
		relay_set_timer(r, FRAMES_GATHER_MS);
	return len;
}

/* How much of the user's stdin can be read now. */
static size_t
relay_in_room(struct relay *r)
{
	size_t room = frames_room(r->frames);

	if (r->framed)
		return room < EXEC_STDIN_MAX ? room : EXEC_STDIN_MAX;
	return exec_stdin_buf(r->exec) != NULL ? EXEC_STDIN_MAX : 0;
}

/* Sends what can be sent, and watches the user's stdin if it may come. */
static void
relay_pump(struct relay *r)
{
	unsigned char *p;
	size_t len;

	if (!r->ready || r->exec == NULL || client_is_gone(r->client))
		return;
	while ((p = exec_stdin_buf(r->exec)) != NULL &&
	    (len = relay_next(r, p)) > 0)
		exec_stdin_send(r->exec, len);
	if (r->started && !r->in_eof)
		client_want_input(r->client, relay_in_room(r) > 0);
}

/* What is not sent yet need not be: the container waits for the end only. */
static void
relay_stop_stdin(struct relay *r)
{
	if (r->exec == NULL || r->in_eof)
		return;
	relay_in_ended(r);
	relay_pump(r);
}

/*
 * One read, right into the message or the frame that will carry it: if there
 * is more, the loop says so again.
 */
static void
relay_in_event(void *arg)
{
	struct relay *r = arg;
	unsigned char *p;
	size_t room;
	ssize_t n;

	if (r->exec == NULL || (room = relay_in_room(r)) == 0) {
		client_want_input(r->client, 0);
		return;
	}
	p = r->framed ? frames_reserve(r->frames, room)
		      : exec_stdin_buf(r->exec);
	if (p == NULL) {
		relay_abort(r, K8S_ERR_SYSTEM, "out of memory");
		return;
	}
	n = client_read(r->client, p, room);
	if (n == -1 && errno == EAGAIN)
		return;
	if (n <= 0)
		/* With -1 (EIO) the terminal is hung up. */
		relay_in_ended(r);
	else if (r->framed)
		frames_commit(r->frames, (size_t)n);
	else
		exec_stdin_send(r->exec, (size_t)n);
	relay_pump(r);
}

/*
 * The exec.
 */

static void
relay_opened(void *arg, int can_close)
{
	struct relay *r = arg;
	const struct relay_params *p = r->params;
	struct k8s_err err;

	r->can_close = can_close;
	if (p->direct != NULL) {
		r->ready = r->started = r->result->started = 1;
		relay_pump(r);
		return;
	}
	r->framed = !can_close && !r->tty;
	if (prelude_script(&r->prelude, p->env, p->command, r->framed,
		r->script, &err) == -1) {
		relay_abort(r, err.code, err.msg);
		return;
	}
	relay_set_timer(r, RELAY_START_TIMEOUT_MS);
	/* A terminal must be raw first: the script goes after "ready". */
	r->ready = !r->tty;
	relay_pump(r);
}

static void
relay_stdin_ready(void *arg)
{
	relay_pump(arg);
}

static void
relay_ended(void *arg, int exit_code, int http_refused,
    const struct k8s_err *err)
{
	struct relay *r = arg;
	int i;

	r->exec = NULL;
	r->ended = 1;
	r->result->exit_code = exit_code;
	r->result->http_refused = http_refused;
	r->result->err = *err;
	/* After a cut the half of a marker is more likely ours than text. */
	for (i = 0; i < 2; i++)
		if (exit_code != -1 || r->out[i].scan.matched == 1)
			prelude_scan_end(&r->out[i].scan, &relay_scan_handler,
			    &r->out[i]);
	client_want_input(r->client, 0);
	loop_want(r->timer_watch, 0);
	relay_check_done(r);
}

static const struct exec_handler relay_exec_handler = {
    .opened = relay_opened,
    .output = relay_output,
    .stdin_ready = relay_stdin_ready,
    .ended = relay_ended,
};

/*
 * Size and time.
 */

static struct exec_size
relay_size(const struct relay *r)
{
	struct winsize ws = client_size(r->client);

	return (struct exec_size){ws.ws_col, ws.ws_row};
}

static void
relay_resized(void *arg)
{
	struct relay *r = arg;

	if (r->exec != NULL)
		exec_resize(r->exec, relay_size(r));
}

static const struct client_handler relay_client_handler = {
    .input = relay_in_event,
    .taken = relay_out_taken,
    .resized = relay_resized,
    .gone = relay_client_gone,
};

static void
relay_timeout(void *arg, uint32_t events)
{
	struct relay *r = arg;

	(void)events;
	loop_want(r->timer_watch, 0);
	if (r->started) {
		frames_hurry(r->frames);
		relay_pump(r);
		return;
	}
	relay_abort(r, K8S_ERR_TIMEOUT,
	    "the container's /bin/sh did not start in time");
}

struct relay *
relay_new(struct loop *loop, struct client *client, struct k8s_err *err)
{
	struct relay *r;
	size_t i;

	if ((r = calloc(1, sizeof(*r))) == NULL) {
		k8s_err_errno(err, "out of memory");
		return NULL;
	}
	r->loop = loop;
	r->client = client;
	r->tty = client_is_tty(client);
	for (i = 0; i < 2; i++) {
		r->out[i].r = r;
		r->out[i].stream = (enum client_stream)i;
	}
	r->timerfd =
	    timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (r->timerfd == -1)
		k8s_err_errno(err, "timerfd");
	else if ((r->script = buf_new(PRELUDE_MAX)) == NULL ||
	    (r->frames = frames_new()) == NULL)
		k8s_err_errno(err, "out of memory");
	else if ((r->timer_watch = loop_add(loop, r->timerfd, 0, relay_timeout,
		      r, err)) != NULL)
		return r;
	relay_free(r);
	return NULL;
}

static void
relay_reset(struct relay *r, const struct relay_params *params,
    struct relay_result *result)
{
	size_t i;

	memset(result, 0, sizeof(*result));
	result->exit_code = -1;
	r->params = params;
	r->result = result;
	buf_consume(r->script, buf_len(r->script));
	frames_reset(r->frames);
	r->framed = r->can_close = r->ready = r->started = 0;
	r->in_eof = r->command_ended = r->ended = 0;
	for (i = 0; i < 2; i++)
		prelude_scan_init(&r->out[i].scan, r->prelude.nonce);
}

int
relay_run(struct relay *r, struct ws_client *client,
    const struct relay_params *params, struct relay_result *result,
    struct k8s_err *err)
{
	struct exec_params exec = params->exec;

	relay_reset(r, params, result);
	if (prelude_init(&r->prelude, r->tty, err) == -1)
		return -1;
	client_attach(r->client, &relay_client_handler, r);
	exec.tty = r->tty;
	if (r->tty)
		exec.size = relay_size(r);
	exec.command =
	    params->direct != NULL ? params->direct : r->prelude.argv;
	r->exec = exec_start(client, &exec, &relay_exec_handler, r, err);
	if (r->exec == NULL)
		return -1;
	return loop_run(r->loop, err);
}

void
relay_free(struct relay *r)
{
	if (r == NULL)
		return;
	loop_del(r->timer_watch);
	if (r->timerfd != -1)
		(void)close(r->timerfd);
	buf_free(r->script);
	frames_free(r->frames);
	free(r);
}

void
relay_freep(struct relay **r)
{
	relay_free(*r);
	*r = NULL;
}
