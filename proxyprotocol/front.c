/* SPDX-License-Identifier: Apache-2.0 */
#include "proxyprotocol/front.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "proxyprotocol/frontint.h"
#include "proxyprotocol/sdnotify.h"

/* Accepted in a row before others get their turn. */
#define FRONT_ACCEPTS 16

/* Without descriptors: tried again then, or when a connection ends. */
#define FRONT_PAUSE_MS 1000

long long
front_now_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (long long)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/*
 * Time: one timer for all.
 */

void
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

void
front_accept_again(struct front *f, int on)
{
	size_t i;

	f->paused_ms = on ? 0 : front_now_ms() + FRONT_PAUSE_MS;
	for (i = 0; f->listeners != NULL && i < f->p->sockets.len; i++)
		loop_want(f->listeners[i].watch, on ? EPOLLIN : 0);
	front_set_timer(f);
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
