/* SPDX-License-Identifier: Apache-2.0 */
/* A connection of the front: its header, its limits, its supervisor. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proxyprotocol/frontint.h"
#include "proxyprotocol/pp.h"
#include "proxyprotocol/slots.h"

/* Lines a second about connections that were refused. */
#define FRONT_REFUSALS 10

static uint32_t
front_random(void)
{
	uint32_t n;

	/* Only to choose whom to drop: better badly than not at all. */
	if (getrandom(&n, sizeof(n), GRND_NONBLOCK) != (ssize_t)sizeof(n))
		n = (uint32_t)front_now_ms() * 2654435761U;
	return n;
}

/* A flood of connections is not to be one of lines. */
static void
front_log_refused(const struct front_conn *c, const char *why)
{
	char source[NET_ADDR_TEXT_MAX], peer[NET_ADDR_TEXT_MAX], by[96] = "";
	const struct net_addr *a = c->proxied ? &c->source : &c->peer;
	unsigned int left_out;

	if (!log_rate_ok(&c->f->refusals, FRONT_REFUSALS, &left_out))
		return;
	if (left_out > 0)
		log_info("%u more connections were refused", left_out);
	if (c->proxied)
		(void)snprintf(by, sizeof(by), " by %s port %u",
		    net_addr_text(&c->peer, peer, sizeof(peer)),
		    net_addr_port(&c->peer));
	log_info("connection from %s port %u%s on listener %s refused: %s",
	    net_addr_text(a, source, sizeof(source)), net_addr_port(a), by,
	    c->listener, why);
}

void
front_conn_end(struct front_conn *c)
{
	struct front *f = c->f;

	loop_del(c->watch);
	if (c->fd != -1)
		(void)close(c->fd);
	limits_close(&c->ticket);
	*c->prev = c->next;
	if (c->next != NULL)
		c->next->prev = c->prev;
	if (c->state == FRONT_HEADER)
		f->waiting--;
	free(c);
	/* There is a descriptor again. */
	if (f->paused_ms != 0)
		front_accept_again(f, 1);
	if (f->draining && f->waiting == 0)
		loop_stop(f->loop);
}

static void
front_refuse(struct front_conn *c, const char *why)
{
	front_log_refused(c, why);
	front_conn_end(c);
}

/* What the supervisor has to say. -1: nothing any more. */
static int
front_read_reports(struct front_conn *c)
{
	char text[NET_ADDR_TEXT_MAX];
	unsigned char bytes[16];
	enum limits_offence o;
	uint64_t ms;
	ssize_t i, n;

	n = read(c->fd, bytes, sizeof(bytes));
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return 0;
	for (i = 0; i < n; i++) {
		if (bytes[i] == REPORT_AUTHENTICATED) {
			limits_authenticated(&c->ticket);
			continue;
		}
		if (c->blameless || bytes[i] < REPORT_OFFENCE ||
		    bytes[i] >= REPORT_OFFENCE + LIMITS_OFFENCES)
			continue;
		o = (enum limits_offence)(bytes[i] - REPORT_OFFENCE);
		ms = limits_penalize(c->f->limits, &c->source, o,
		    (uint64_t)front_now_ms());
		if (ms > 0)
			log_info("%s is refused for %llu s: %s",
			    net_addr_text(&c->source, text, sizeof(text)),
			    (unsigned long long)(ms + 999) / 1000,
			    limits_offence_text(o));
	}
	return n <= 0 ? -1 : 0;
}

static void
front_report(void *arg, uint32_t events)
{
	struct front_conn *c = arg;

	(void)events;
	/* The end comes when the supervisor is reaped. */
	if (front_read_reports(c) == -1)
		loop_want(c->watch, 0);
}

/* Gives the connection its supervisor. The limits have been asked. */
static void
front_supervise(struct front_conn *c)
{
	struct front *f = c->f;
	struct supervise s = {
	    .settings = f->p->settings,
	    .facts = &f->p->facts,
	    .listener = c->listener,
	    .uid = f->p->uid,
	    .gid = f->p->gid,
	    .helper_gid = f->p->helper_gid,
	    .client = c->fd,
	    .source = c->source,
	    .destination = c->destination,
	    .peer = c->peer,
	    .proxied = c->proxied,
	};
	struct k8s_err err;
	int report[2];

	c->state = FRONT_LIVE;
	f->waiting--;
	loop_del(c->watch);
	c->watch = NULL;
	(void)snprintf(c->id, sizeof(c->id), "%08x%08x", front_random(),
	    front_random());
	memcpy(s.id, c->id, sizeof(s.id));
	if (slots_take(&s.slot, f->p->slots_path,
		f->p->settings->limits.max_connections, f->slot_hint,
		f->p->settings->uid_base, &err) == -1) {
		front_refuse(c, err.msg);
		return;
	}
	f->slot_hint = s.slot.number + 1;
	if (pipe2(report, O_CLOEXEC | O_NONBLOCK) == -1) {
		slots_release(&s.slot);
		front_refuse(c, strerror(errno));
		return;
	}
	s.report = report[1];
	if ((c->pid = fork()) == 0)
		supervise(&s);
	if (c->pid == -1) {
		slots_release(&s.slot);
		(void)close(report[0]);
		(void)close(report[1]);
		front_refuse(c, strerror(errno));
		return;
	}
	slots_close(&s.slot);
	(void)close(report[1]);
	(void)close(c->fd);
	c->fd = report[0];
	if ((c->watch = loop_add(f->loop, c->fd, EPOLLIN, front_report, c,
		 &err)) == NULL) {
		/* It lives; of its login and offences we don't hear. */
		log_error("%s", err.msg);
	}
	if (f->draining && f->waiting == 0)
		loop_stop(f->loop);
}

/* The source is known now: may it come in? */
static void
front_admit(struct front_conn *c)
{
	enum limits_verdict v =
	    limits_source(&c->ticket, &c->source, (uint64_t)front_now_ms());

	if (v == LIMITS_OK)
		front_supervise(c);
	else
		front_refuse(c, limits_verdict_text(v));
}

/* There is no header, or none that names addresses. */
static void
front_unproxied(struct front_conn *c)
{
	const int one = 1;

	/* As it was before a header was waited for. */
	if (c->seen > 0 &&
	    setsockopt(c->fd, SOL_SOCKET, SO_RCVLOWAT, &one, sizeof(one)) ==
		-1) {
		front_refuse(c, strerror(errno));
		return;
	}
	c->source = c->peer;
	c->destination = c->local;
	c->proxied = 0;
	front_admit(c);
}

static void
front_got_header(struct front_conn *c, const struct pp_header *h)
{
	unsigned char bytes[PP_HEADER_MAX];
	int one = 1;

	/* Exactly its bytes; the next one is sshd's. */
	if (recv(c->fd, bytes, h->len, MSG_DONTWAIT) != (ssize_t)h->len ||
	    setsockopt(c->fd, SOL_SOCKET, SO_RCVLOWAT, &one, sizeof(one)) ==
		-1) {
		front_refuse(c, "the PROXY header could not be read");
		return;
	}
	if (h->local) {
		c->blameless = 1;
		front_unproxied(c);
		return;
	}
	c->source = h->source;
	c->destination = h->destination;
	c->proxied = 1;
	front_admit(c);
}

/* Looks at what has come, without taking it. */
static void
front_peek(void *arg, uint32_t events)
{
	struct front_conn *c = arg;
	unsigned char bytes[PP_HEADER_MAX];
	char why[K8S_ERR_MAX];
	struct pp_header h;
	struct k8s_err err;
	size_t need;
	ssize_t n;
	int lowat;

	n = recv(c->fd, bytes, sizeof(bytes), MSG_PEEK | MSG_DONTWAIT);
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		/* A port scanner, a health check. */
		if (c->required)
			front_refuse(c, "closed before a PROXY header came");
		else
			front_conn_end(c);
		return;
	}
	switch (pp_parse(bytes, (size_t)n, &h, &need, &err)) {
	case PP_NONE:
		if (c->required)
			front_refuse(c,
			    "no PROXY header, and this listener requires one");
		else
			front_unproxied(c);
		return;
	case PP_HEADER:
		front_got_header(c, &h);
		return;
	case PP_BAD:
		(void)snprintf(why, sizeof(why), "%s", err.msg);
		front_refuse(c, why);
		return;
	case PP_MORE:
		break;
	}
	/*
	 * Awake, and nothing new: urgent data, which a peek stops at, while
	 * what is behind it wakes us for ever.
	 */
	if ((size_t)n <= c->seen) {
		front_refuse(c, "urgent data within the PROXY header");
		return;
	}
	c->seen = (unsigned int)n;
	if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) {
		front_refuse(c, "closed within the PROXY header");
		return;
	}
	/* Awake again only when there is enough to tell more. */
	lowat = (int)need;
	if (setsockopt(c->fd, SOL_SOCKET, SO_RCVLOWAT, &lowat, sizeof(lowat)) ==
	    -1)
		front_refuse(c, strerror(errno));
}

/* Too late for a header. */
void
front_late(struct front_conn *c)
{
	if (!c->required && c->seen == 0)
		/* It waits for the server to speak first. */
		front_unproxied(c);
	else
		front_refuse(c, "the PROXY header did not come in time");
}

static struct front_conn *
front_conn_new(struct front *f, int fd, const struct settings_listener *l)
{
	struct front_conn *c;

	if ((c = calloc(1, sizeof(*c))) == NULL)
		return NULL;
	c->f = f;
	c->fd = fd;
	c->state = FRONT_HEADER;
	c->required = l->proxy == PROXY_REQUIRED;
	(void)snprintf(c->listener, sizeof(c->listener), "%s", l->name);
	c->next = f->conns;
	c->prev = &f->conns;
	if (c->next != NULL)
		c->next->prev = &c->next;
	f->conns = c;
	f->waiting++;
	return c;
}

void
front_accepted(struct front *f, int fd, const struct sockaddr_storage *peer,
    socklen_t peer_len, const struct settings_listener *l)
{
	struct sockaddr_storage local;
	socklen_t len = sizeof(local);
	struct front_conn *c;
	enum limits_verdict v;
	int header;

	if ((c = front_conn_new(f, fd, l)) == NULL) {
		log_error("out of memory: a connection was refused");
		(void)close(fd);
		return;
	}
	if (net_addr_from(&c->peer, (const struct sockaddr *)peer, peer_len) ==
		-1 ||
	    getsockname(fd, (struct sockaddr *)&local, &len) == -1 ||
	    net_addr_from(&c->local, (struct sockaddr *)&local, len) == -1) {
		front_refuse(c, "its addresses are not known");
		return;
	}
	v = limits_open_pending(f->limits, &c->ticket, front_random());
	if (v != LIMITS_OK) {
		front_refuse(c, limits_verdict_text(v));
		return;
	}
	header = l->proxy != PROXY_OFF &&
	    net_prefix_any(l->trusted, l->trusted_len, &c->peer);
	if (!header) {
		/* Who may not send one can't be required to. */
		if (c->required)
			front_refuse(c,
			    "not one of trusted_proxies, and this "
			    "listener requires a PROXY header");
		else
			front_unproxied(c);
		return;
	}
	c->deadline_ms = front_now_ms() + l->timeout_ms;
	if ((c->watch = loop_add(f->loop, fd, EPOLLIN | EPOLLRDHUP, front_peek,
		 c, NULL)) == NULL) {
		front_refuse(c, "it can't be watched");
		return;
	}
	front_set_timer(f);
}

/* The end of a supervisor is that of its connection, but for a fault. */
void
front_reap(struct front *f)
{
	char text[NET_ADDR_TEXT_MAX];
	struct front_conn *c;
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		for (c = f->conns; c != NULL && c->pid != pid; c = c->next)
			continue;
		if (c == NULL)
			continue;
		if (status != 0)
			log_error("connection %s from %s: its supervisor ended "
				  "with status %#x: it may live on, but can't "
				  "connect to anything, and its end will not "
				  "be on record",
			    c->id,
			    net_addr_text(&c->source, text, sizeof(text)),
			    (unsigned int)status);
		if (c->watch != NULL)
			(void)front_read_reports(c);
		front_conn_end(c);
	}
}
