/* SPDX-License-Identifier: Apache-2.0 */
#include "proxyprotocol/front.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lib/core/inifile.h"
#include "lib/core/log.h"
#include "lib/core/loop.h"
#include "proxyprotocol/limits.h"
#include "proxyprotocol/pp.h"
#include "proxyprotocol/sdnotify.h"
#include "proxyprotocol/slots.h"
#include "proxyprotocol/supervise.h"

/* Accepted in a row before others get their turn. */
#define FRONT_ACCEPTS 16

/* Without descriptors: tried again then, or when a connection ends. */
#define FRONT_PAUSE_MS 1000

/* Lines a second about connections that were refused. */
#define FRONT_REFUSALS 10

/* A listener is named in its section. */
#define FRONT_NAME_MAX (INIFILE_SECTION_MAX + 1)

enum front_state {
	FRONT_HEADER, /* a PROXY header may come */
	FRONT_LIVE,   /* it has a supervisor */
};

struct front_conn {
	struct front *f;
	struct front_conn *next, **prev;
	enum front_state state;
	struct limits_ticket ticket;
	int fd; /* the client, then its supervisor's reports */
	struct loop_io *watch;
	char listener[FRONT_NAME_MAX];
	int required;  /* the header */
	int blameless; /* a proxy's own connection: no penalty is the proxy's */
	char id[SUPERVISE_ID_SIZE];
	pid_t pid;	   /* of its supervisor */
	unsigned int seen; /* bytes of what may be one */
	long long deadline_ms;
	struct net_addr peer, local;	     /* of the socket */
	struct net_addr source, destination; /* as sshd is to see them */
	int proxied;
};

struct front_listener {
	struct front *f;
	const struct listen_socket *socket;
	struct loop_io *watch;
};

struct front {
	struct front_params *p;
	struct loop *loop;
	struct limits *limits;
	struct front_listener *listeners; /* one for each socket */
	struct front_conn *conns;
	unsigned int waiting; /* of them FRONT_HEADER */
	int sigfd, timerfd;
	struct loop_io *sig_watch, *timer_watch;
	sigset_t old_mask;
	long long paused_ms; /* accept again then; 0: not paused */
	unsigned int slot_hint;
	int draining;
	struct log_rate refusals;
};

static long long
front_now_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (long long)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

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

/*
 * Time: one timer for all.
 */

static void
front_set_timer(struct front *f)
{
	struct itimerspec in = {.it_value.tv_sec = 0};
	const struct front_conn *c;
	long long first = f->paused_ms;

	for (c = f->conns; c != NULL; c = c->next)
		if (c->state == FRONT_HEADER &&
		    (first == 0 || c->deadline_ms < first))
			first = c->deadline_ms;
	in.it_value.tv_sec = first / 1000;
	in.it_value.tv_nsec = first % 1000 * 1000000;
	(void)timerfd_settime(f->timerfd, TFD_TIMER_ABSTIME, &in, NULL);
}

static void
front_accept_again(struct front *f, int on)
{
	size_t i;

	f->paused_ms = on ? 0 : front_now_ms() + FRONT_PAUSE_MS;
	for (i = 0; f->listeners != NULL && i < f->p->sockets.len; i++)
		loop_want(f->listeners[i].watch, on ? EPOLLIN : 0);
	front_set_timer(f);
}

/*
 * Connections.
 */

static void
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
static void
front_late(struct front_conn *c)
{
	if (!c->required && c->seen == 0)
		/* It waits for the server to speak first. */
		front_unproxied(c);
	else
		front_refuse(c, "the PROXY header did not come in time");
}

static void
front_time(void *arg, uint32_t events)
{
	struct front *f = arg;
	long long now = front_now_ms();
	struct front_conn *c, *next;
	uint64_t n;

	(void)events;
	(void)!read(f->timerfd, &n, sizeof(n));
	for (c = f->conns; c != NULL; c = next) {
		next = c->next;
		if (c->state == FRONT_HEADER && c->deadline_ms <= now)
			front_late(c);
	}
	if (f->paused_ms != 0 && f->paused_ms <= now)
		front_accept_again(f, 1);
	else
		front_set_timer(f);
}

/*
 * Accepting.
 */

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

static void
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

static void
front_accept(void *arg, uint32_t events)
{
	struct front_listener *fl = arg;
	struct front *f = fl->f;
	struct sockaddr_storage peer;
	socklen_t len;
	int fd, i;

	(void)events;
	for (i = 0; i < FRONT_ACCEPTS; i++) {
		len = sizeof(peer);
		fd = accept4(fl->socket->fd, (struct sockaddr *)&peer, &len,
		    SOCK_CLOEXEC);
		if (fd != -1) {
			front_accepted(f, fd, &peer, len, fl->socket->listener);
			continue;
		}
		switch (errno) {
		case EMFILE:
		case ENFILE:
		case ENOBUFS:
		case ENOMEM:
			log_error("accept: %s: no new connections for %d s",
			    strerror(errno), FRONT_PAUSE_MS / 1000);
			front_accept_again(f, 0);
			return;
		case EAGAIN:
			return;
		default:
			/* An error of that one connection (accept(2)). */
			break;
		}
	}
}

/*
 * Listeners and signals.
 */

static void
front_listeners_free(struct front_listener *l, size_t n)
{
	size_t i;

	for (i = 0; l != NULL && i < n; i++)
		loop_del(l[i].watch);
	free(l);
}

/* Watches the sockets of a set, or none of them (NULL). */
static struct front_listener *
front_listeners_new(struct front *f, const struct listen_set *set,
    struct k8s_err *err)
{
	struct front_listener *l;
	size_t i;

	if ((l = calloc(set->len, sizeof(*l))) == NULL) {
		k8s_err_errno(err, "out of memory");
		return NULL;
	}
	for (i = 0; i < set->len; i++) {
		l[i].f = f;
		l[i].socket = &set->sockets[i];
		if ((l[i].watch = loop_add(f->loop, set->sockets[i].fd, 0,
			 front_accept, &l[i], err)) == NULL) {
			front_listeners_free(l, i);
			return NULL;
		}
	}
	return l;
}

static void
front_unlisten(struct front *f)
{
	front_listeners_free(f->listeners, f->p->sockets.len);
	f->listeners = NULL;
}

/* Accepts with these listeners, of f->p->sockets, from now on. */
static void
front_listen(struct front *f, struct front_listener *l)
{
	const struct listen_socket *k;
	char text[NET_ADDR_TEXT_MAX];
	size_t i;

	f->listeners = l;
	for (i = 0; i < f->p->sockets.len; i++) {
		k = &f->p->sockets.sockets[i];
		log_info("listening on %s port %u (listener %s)",
		    net_addr_text(&k->address, text, sizeof(text)),
		    net_addr_port(&k->address), k->listener->name);
	}
	front_accept_again(f, 1);
}

/* All of the new configuration or nothing of it. */
static int
front_reload_all(struct front *f, struct k8s_err *err)
{
	__attribute__((cleanup(settings_freep))) struct settings *s = NULL;
	struct front_params *p = f->p;
	struct settings *old = p->settings;
	struct front_listener *listeners = NULL;
	struct listen_set set;
	struct sshd_facts facts;

	if ((s = settings_load(p->config_path, err)) == NULL ||
	    sshd_check(s, &facts, err) == -1 ||
	    sshd_raise_nofile(s, err) == -1 ||
	    listen_open(&set, s, &p->sockets, err) == -1)
		return -1;
	/* A socket can be watched once: one that stays is let go of first. */
	front_unlisten(f);
	if ((listeners = front_listeners_new(f, &set, err)) == NULL ||
	    limits_set(f->limits, &s->limits, err) == -1) {
		front_listeners_free(listeners, set.len);
		listen_close(&set, &p->sockets);
		if ((listeners = front_listeners_new(f, &p->sockets, NULL)) !=
		    NULL)
			front_listen(f, listeners);
		return -1;
	}
	listen_close(&p->sockets, &set);
	p->sockets = set;
	p->facts = facts;
	p->settings = s;
	s = old; /* freed */
	log_set_level(p->settings->log_level);
	front_listen(f, listeners);
	return 0;
}

static void
front_reload(struct front *f)
{
	struct k8s_err err;

	sdnotify_reloading();
	if (front_reload_all(f, &err) == 0)
		log_info("configuration reloaded");
	else
		log_error("configuration not reloaded, the old one stays: %s",
		    err.msg);
	sdnotify("READY=1");
}

static void
front_drain(struct front *f)
{
	if (f->draining)
		return;
	log_info("ending: no new connections; those that are there go on");
	sdnotify("STOPPING=1");
	f->draining = 1;
	front_unlisten(f);
	listen_close(&f->p->sockets, NULL);
	if (f->waiting == 0)
		loop_stop(f->loop);
}

/* The end of a supervisor is that of its connection, but for a fault. */
static void
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

static void
front_signal(void *arg, uint32_t events)
{
	struct front *f = arg;
	struct signalfd_siginfo si;

	(void)events;
	while (read(f->sigfd, &si, sizeof(si)) == (ssize_t)sizeof(si)) {
		switch (si.ssi_signo) {
		case SIGHUP:
			if (!f->draining)
				front_reload(f);
			break;
		case SIGCHLD:
			front_reap(f);
			break;
		default:
			front_drain(f);
		}
	}
}

static int
front_setup(struct front *f, struct k8s_err *err)
{
	struct front_listener *listeners;
	unsigned char seed[LIMITS_SEED_LEN];
	sigset_t mask;

	if (getrandom(seed, sizeof(seed), 0) != (ssize_t)sizeof(seed))
		return k8s_err_errno(err, "random numbers");
	(void)sigemptyset(&mask);
	(void)sigaddset(&mask, SIGHUP);
	(void)sigaddset(&mask, SIGINT);
	(void)sigaddset(&mask, SIGTERM);
	(void)sigaddset(&mask, SIGCHLD);
	if (sigprocmask(SIG_BLOCK, &mask, &f->old_mask) == -1 ||
	    (f->sigfd = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK)) == -1)
		return k8s_err_errno(err, "signalfd");
	if ((f->timerfd = timerfd_create(CLOCK_MONOTONIC,
		 TFD_CLOEXEC | TFD_NONBLOCK)) == -1)
		return k8s_err_errno(err, "timerfd");
	if ((f->loop = loop_new(err)) == NULL ||
	    (f->limits = limits_new(&f->p->settings->limits, seed, err)) ==
		NULL ||
	    (f->sig_watch = loop_add(f->loop, f->sigfd, EPOLLIN, front_signal,
		 f, err)) == NULL ||
	    (f->timer_watch = loop_add(f->loop, f->timerfd, EPOLLIN, front_time,
		 f, err)) == NULL)
		return -1;
	if ((listeners = front_listeners_new(f, &f->p->sockets, err)) == NULL)
		return -1;
	front_listen(f, listeners);
	return 0;
}

int
front_run(struct front_params *p, struct k8s_err *err)
{
	struct front f = {.p = p, .sigfd = -1, .timerfd = -1};
	int ret;

	if ((ret = front_setup(&f, err)) == 0) {
		sdnotify("READY=1");
		ret = loop_run(f.loop, err);
	}
	front_unlisten(&f);
	if (!f.draining)
		listen_close(&p->sockets, NULL);
	while (f.conns != NULL)
		front_conn_end(f.conns);
	loop_del(f.sig_watch);
	loop_del(f.timer_watch);
	if (f.sigfd != -1)
		(void)close(f.sigfd);
	if (f.timerfd != -1)
		(void)close(f.timerfd);
	limits_free(f.limits);
	loop_free(f.loop);
	settings_free(p->settings);
	(void)sigprocmask(SIG_SETMASK, &f.old_mask, NULL);
	return ret;
}
