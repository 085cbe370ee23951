/* SPDX-License-Identifier: Apache-2.0 */
#include "helpers/guestsession.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "helpers/agent.h"
#include "helpers/guestlink.h"
#include "helpers/items.h"
#include "lib/core/buf.h"
#include "lib/core/log.h"

/* Bytes of stdin in a row, before the loop looks at everything else. */
#define GUESTSESSION_BURST (256 * 1024)

_Static_assert(CLIENT_QUEUE_MAX >= MUX_WINDOW, "a whole window may wait");

struct guestsession {
	struct loop *loop;
	struct client *client;
	const struct guestsession_params *params;
	struct relay_result *result;
	struct guestlink *link;	     /* NULL once ended */
	struct mux *mux;	     /* while there is a link that is ready */
	struct mux_channel *channel; /* NULL once closed */
	struct agent *agent;
	int opened, no_guest;
	int in_eof;
	/* What is still to be said, as soon as it can be. */
	int size_due;
	uint64_t signals_due; /* bit n: signal n */
	size_t burst; /* bytes of stdin sent since the loop had its turn */
};

static void
guestsession_check_done(struct guestsession *g)
{
	struct k8s_err why;

	if (g->channel != NULL ||
	    (client_queued(g->client) > 0 && !client_is_gone(g->client)))
		return;
	if (g->link != NULL && g->opened) {
		/* All is said. What is left there ends with its stdin. */
		k8s_err_set(&why, K8S_ERR_DISCONNECT, "%s",
		    g->result->exit_code == -1
			? "k8shell-guest did not say how the session ended"
			: "the session is over");
		guestlink_abort(g->link, &why);
	} else if (g->link == NULL) {
		loop_stop(g->loop);
	}
}

static void
guestsession_abort(struct guestsession *g, enum k8s_err_code code,
    const char *text)
{
	struct k8s_err why;

	k8s_err_set(&why, code, "%s", text);
	/* The first reason counts; the link knows whether it has one. */
	if (g->link != NULL)
		guestlink_abort(g->link, &why);
	else if (g->result->err.code == K8S_ERR_NONE)
		g->result->err = why;
}

/*
 * What a session is to be.
 */

static int
guestsession_items(const struct guestsession *g, const char *const *argv,
    const char *const *env, struct buf *b)
{
	const struct guestsession_params *p = g->params;
	const struct winsize ws = client_size(g->client);

	if (items_text(b, ITEM_COMMAND, p->command) == -1 ||
	    items_texts(b, ITEM_ARGV, argv) == -1 ||
	    items_text(b, ITEM_USER, p->user) == -1 ||
	    (g->agent != NULL && items_put(b, ITEM_AGENT) == -1))
		return -1;
	if (client_is_tty(g->client) &&
	    (items_tty(b, &ws, client_modes(g->client)) == -1 ||
		(p->command == NULL && argv == NULL &&
		    items_put(b, ITEM_MOTD) == -1)))
		return -1;
	if (items_env(b, p->env) == -1 || items_env(b, env) == -1)
		return -1;
	return 0;
}

/*
 * The channel.
 */

/* Size and signals that are due. -1: they have to wait; room() follows. */
static int
guestsession_say(struct guestsession *g)
{
	const char *name;
	struct winsize ws;
	unsigned char p[ITEMS_SIZE_LEN];
	int sig;

	if (g->channel == NULL || !g->result->started)
		return -1;
	if (g->size_due) {
		ws = client_size(g->client);
		items_size(p, &ws);
		g->size_due = 0;
		if (mux_message(g->channel, MUX_SIZE, p, sizeof(p)) == -1) {
			g->size_due = 1;
			return -1;
		}
	}
	for (sig = 1; g->signals_due != 0 && sig < 64; sig++) {
		if ((g->signals_due >> sig & 1) == 0)
			continue;
		name = sigabbrev_np(sig);
		/* Before it is sent: that may bring us here again. */
		g->signals_due &= ~(1ULL << sig);
		if (mux_message(g->channel, MUX_SIGNAL, name, strlen(name)) ==
		    -1) {
			g->signals_due |= 1ULL << sig;
			return -1;
		}
	}
	return 0;
}

/* One read, right into the frame that will carry it. */
static void
guestsession_send(struct guestsession *g)
{
	unsigned char *p;
	size_t len;
	ssize_t n;

	if (g->channel == NULL || !g->result->started || g->in_eof ||
	    (p = mux_reserve(g->channel, &len)) == NULL) {
		/* room() turns it on again. */
		client_want_input(g->client, 0);
		return;
	}
	n = client_read(g->client, p, len);
	g->in_eof = n == 0 || (n == -1 && errno != EAGAIN);
	if (n > 0)
		g->burst += (size_t)n;
	client_want_input(g->client, !g->in_eof);
	/* Behind all else: it may call room(), and that this. */
	mux_commit(g->channel, MUX_DATA, n > 0 ? (size_t)n : 0);
	if (n > 0 || (n == -1 && !g->in_eof))
		return;
	if (!client_is_tty(g->client))
		mux_eof(g->channel);
	else
		/* A terminal has no end but its hang-up. */
		client_hang_up(g->client);
}

static void
guestsession_opened(void *arg)
{
	struct guestsession *g = arg;

	g->result->started = 1;
	/* Of the size the OPEN had there may be a newer one. */
	(void)guestsession_say(g);
	client_want_input(g->client, 1);
}

static void
guestsession_refused(void *arg, int error, const char *text, size_t len)
{
	struct guestsession *g = arg;
	char why[256], safe[256];

	g->channel = NULL;
	(void)snprintf(why, sizeof(why), "%.*s", (int)len, text);
	if (len == 0)
		(void)snprintf(why, sizeof(why), "%s",
		    error != 0 ? strerror(error) : "no reason given");
	guestsession_abort(g, K8S_ERR_SYSTEM,
	    log_escape(safe, sizeof(safe), why, strlen(why)));
}

static void
guestsession_data(void *arg, enum mux_type type, const unsigned char *p,
    size_t len)
{
	struct guestsession *g = arg;
	enum client_stream s =
	    type == MUX_STDERR ? CLIENT_STDERR : CLIENT_STDOUT;
	size_t queued;

	if (client_write(g->client, s, p, len, &queued) == -1) {
		guestsession_abort(g, K8S_ERR_LIMIT,
		    "output came faster than asked for");
		return;
	}
	/* What is written is passed on; of the rest taken() will tell. */
	if (g->channel != NULL && len > queued)
		mux_passed_on(g->channel, len - queued);
}

static void
guestsession_room(void *arg)
{
	struct guestsession *g = arg;

	/* It is our turn now and not later, unless we had many. */
	if (guestsession_say(g) == -1 || g->in_eof)
		return;
	if (g->burst < GUESTSESSION_BURST)
		guestsession_send(g);
	else
		client_want_input(g->client, 1);
}

static void
guestsession_eof(void *arg)
{
	(void)arg; /* CLOSE follows, and a status before it */
}

/* The number of a signal by the name that RFC 4254 section 6.9 gives it. */
static int
guestsession_signal(const unsigned char *name, size_t len)
{
	const char *abbrev;
	int sig;

	for (sig = 1; sig < NSIG; sig++)
		if ((abbrev = sigabbrev_np(sig)) != NULL &&
		    strlen(abbrev) == len && memcmp(abbrev, name, len) == 0)
			return sig;
	return 0;
}

static void
guestsession_message(void *arg, enum mux_type type, const unsigned char *p,
    size_t len)
{
	struct guestsession *g = arg;
	int sig;

	if (type == MUX_STATUS) {
		g->result->exit_code = p[3];
	} else if (type == MUX_KILLED) {
		/* One that this machine does not know is an exit status. */
		sig = guestsession_signal(p + 1, len - 1);
		g->result->signal = sig;
		g->result->exit_code = sig != 0 ? 128 + sig : 255;
	}
}

static void
guestsession_closed(void *arg)
{
	struct guestsession *g = arg;

	g->channel = NULL;
	client_want_input(g->client, 0);
	guestsession_check_done(g);
}

static const struct mux_channel_handler guestsession_channel_handler = {
    .opened = guestsession_opened,
    .refused = guestsession_refused,
    .data = guestsession_data,
    .room = guestsession_room,
    .eof = guestsession_eof,
    .message = guestsession_message,
    .closed = guestsession_closed,
};

/*
 * The link.
 */

void
guestsession_begin(struct guestsession *g, const char *const *argv,
    const char *const *env)
{
	__attribute__((cleanup(buf_freep))) struct buf *b = NULL;

	/* Too late, as the header allows: the link has ended. */
	if (g->mux == NULL)
		return;
	if ((b = buf_new(MUX_OPEN_MAX)) == NULL ||
	    guestsession_items(g, argv, env, b) == -1) {
		guestsession_abort(g, K8S_ERR_LIMIT,
		    "command and environment are too long");
		return;
	}
	g->channel = mux_open(g->mux, MUX_SESSION, buf_data(b), buf_len(b),
	    &guestsession_channel_handler, g);
	if (g->channel == NULL)
		guestsession_abort(g, K8S_ERR_SYSTEM, strerror(errno));
	else
		g->opened = 1;
}

void
guestsession_fail(struct guestsession *g, const struct k8s_err *why)
{
	guestsession_abort(g, why->code, why->msg);
}

static void
guestsession_ready(void *arg, struct mux *m, uint32_t capabilities)
{
	struct guestsession *g = arg;

	if ((capabilities & MUX_CAP_AGENT) == 0)
		g->agent = NULL;
	g->mux = m;
	if (g->params->prepare != NULL)
		g->params->prepare(g->params->arg, g, m, g->params->user);
	else
		guestsession_begin(g, NULL, NULL);
}

static void
guestsession_open(void *arg, struct mux_channel *c, enum mux_kind kind,
    const unsigned char *p, size_t len)
{
	struct guestsession *g = arg;

	(void)kind; /* a guest can ask for nothing else */
	(void)p;
	(void)len;
	if (g->agent == NULL)
		mux_refuse(c, ECONNREFUSED, "no agent is forwarded");
	else
		agent_accept(g->agent, c);
}

static void
guestsession_ended(void *arg, enum guestlink_end how, int http_refused,
    const struct k8s_err *err)
{
	struct guestsession *g = arg;

	g->link = NULL;
	g->mux = NULL;
	g->no_guest = how == GUESTLINK_NO_GUEST && !g->opened;
	g->result->http_refused = http_refused;
	if (g->result->err.code == K8S_ERR_NONE)
		g->result->err = *err;
	guestsession_check_done(g);
}

static const struct guestlink_handler guestsession_link_handler = {
    .ready = guestsession_ready,
    .open = guestsession_open,
    .ended = guestsession_ended,
};

/*
 * The client.
 */

static void
guestsession_input(void *arg)
{
	struct guestsession *g = arg;

	g->burst = 0;
	guestsession_send(g);
}

static void
guestsession_taken(void *arg, enum client_stream s, size_t n)
{
	struct guestsession *g = arg;

	(void)s;
	if (g->channel != NULL)
		mux_passed_on(g->channel, n);
	guestsession_check_done(g);
}

static void
guestsession_resized(void *arg)
{
	struct guestsession *g = arg;

	/* Of many in a row the last one counts. */
	g->size_due = 1;
	(void)guestsession_say(g);
}

static int
guestsession_signalled(void *arg, int sig)
{
	struct guestsession *g = arg;

	/* As a program that has just begun, and handles none yet. */
	if (g->channel == NULL || !g->result->started ||
	    sigabbrev_np(sig) == NULL || sig >= 64)
		return 0;
	g->signals_due |= 1ULL << sig;
	(void)guestsession_say(g);
	return 1;
}

static void
guestsession_gone(void *arg)
{
	struct guestsession *g = arg;

	g->result->client_gone = 1;
	g->result->caught = client_caught(g->client);
	guestsession_abort(g, K8S_ERR_DISCONNECT, "the client is gone");
	guestsession_check_done(g);
}

static const struct client_handler guestsession_client_handler = {
    .input = guestsession_input,
    .taken = guestsession_taken,
    .resized = guestsession_resized,
    .signalled = guestsession_signalled,
    .gone = guestsession_gone,
};

int
guestsession_run(struct loop *loop, struct client *client,
    struct ws_client *server, struct carry *carry,
    const struct guestsession_params *params, struct relay_result *result,
    int *no_guest, struct k8s_err *err)
{
	__attribute__((cleanup(agent_freep))) struct agent *agent = NULL;
	struct guestsession g = {
	    .loop = loop,
	    .client = client,
	    .params = params,
	    .result = result,
	};
	int ret;

	memset(result, 0, sizeof(*result));
	result->exit_code = -1;
	if (params->agent != NULL &&
	    (agent = agent_new(loop, params->agent, err)) == NULL)
		return -1;
	g.agent = agent;
	client_attach(client, &guestsession_client_handler, &g);
	g.link = guestlink_start(loop, server, &params->exec, carry,
	    MUX_CAP_SESSION | MUX_CAP_AGENT | MUX_CAP_USER,
	    &guestsession_link_handler, &g, err);
	if (g.link == NULL)
		return -1;
	ret = loop_run(loop, err);
	/* Nobody is there for whom anything else could be tried. */
	*no_guest = g.no_guest && !client_is_gone(client);
	client_attach(client, NULL, NULL);
	return ret;
}
