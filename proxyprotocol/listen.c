/* SPDX-License-Identifier: Apache-2.0 */
#include "proxyprotocol/listen.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proxyprotocol/sdnotify.h"

static int listen_inherited; /* how many, from SDNOTIFY_FIRST_FD on */
static int listen_inherited_known;

static int
listen_same(const struct net_addr *a, const struct net_addr *b)
{
	return net_addr_equal(a, b) && net_addr_port(a) == net_addr_port(b);
}

static int
listen_local(int fd, struct net_addr *a)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);

	return getsockname(fd, (struct sockaddr *)&ss, &len) == -1
	    ? -1
	    : net_addr_from(a, (struct sockaddr *)&ss, len);
}

/* The inherited socket of that address, or -1. */
static int
listen_find_inherited(const struct net_addr *address)
{
	struct net_addr a;
	int fd;

	for (fd = SDNOTIFY_FIRST_FD; fd < SDNOTIFY_FIRST_FD + listen_inherited;
	    fd++)
		if (listen_local(fd, &a) == 0 && listen_same(&a, address))
			return fd;
	return -1;
}

static int
listen_find(const struct listen_set *set, const struct net_addr *address)
{
	size_t i;

	for (i = 0; set != NULL && i < set->len; i++)
		if (listen_same(&set->sockets[i].address, address))
			return set->sockets[i].fd;
	return -1;
}

static int
listen_new(const struct net_addr *a, struct k8s_err *err)
{
	char text[NET_ADDR_TEXT_MAX];
	int fd, on = 1;

	fd = socket(a->sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
	    0);
	/* IPv6 alone, so that [::] and 0.0.0.0 can have the same port. */
	if (fd != -1 &&
	    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
	    (a->sa.sa_family != AF_INET6 ||
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) ==
		    0) &&
	    bind(fd, &a->sa, a->len) == 0 && listen(fd, SOMAXCONN) == 0)
		return fd;
	k8s_err_errno(err, "listening on %s port %u",
	    net_addr_text(a, text, sizeof(text)), net_addr_port(a));
	if (fd != -1)
		(void)close(fd);
	return -1;
}

static int
listen_get(const struct net_addr *a, const struct listen_set *old,
    struct k8s_err *err)
{
	int fd;

	if ((fd = listen_find(old, a)) != -1)
		return fd;
	if ((fd = listen_find_inherited(a)) == -1)
		return listen_new(a, err);
	if (fcntl(fd, F_SETFL, O_NONBLOCK) == -1 ||
	    /* A service manager listens before it passes a socket on. */
	    (listen(fd, SOMAXCONN) == -1 && errno != EINVAL)) {
		k8s_err_errno(err, "inherited socket %d", fd);
		return -1;
	}
	return fd;
}

static int
listen_check_inherited(const struct listen_set *set, struct k8s_err *err)
{
	char text[NET_ADDR_TEXT_MAX];
	struct net_addr a;
	int fd;

	for (fd = SDNOTIFY_FIRST_FD; fd < SDNOTIFY_FIRST_FD + listen_inherited;
	    fd++) {
		if (listen_local(fd, &a) == -1)
			return k8s_err_set(err, K8S_ERR_CONFIG,
			    "inherited descriptor %d is not a TCP socket", fd);
		if (listen_find(set, &a) == -1)
			return k8s_err_set(err, K8S_ERR_CONFIG,
			    "the service manager listens on %s port %u, and "
			    "no [listener] says how: add it to one's listen",
			    net_addr_text(&a, text, sizeof(text)),
			    net_addr_port(&a));
	}
	return 0;
}

int
listen_open(struct listen_set *set, const struct settings *s,
    const struct listen_set *old, struct k8s_err *err)
{
	const struct settings_listener *l;
	struct listen_socket *k;
	size_t i, j, n = 0;

	if (!listen_inherited_known) {
		listen_inherited = sdnotify_sockets();
		listen_inherited_known = 1;
	}
	set->len = 0;
	for (i = 0; i < s->listeners_len; i++)
		n += s->listeners[i].addresses_len;
	if ((set->sockets = calloc(n, sizeof(*set->sockets))) == NULL)
		return k8s_err_errno(err, "out of memory");
	for (i = 0; i < s->listeners_len; i++)
		for (j = 0; j < s->listeners[i].addresses_len; j++) {
			l = &s->listeners[i];
			k = &set->sockets[set->len];
			k->listener = l;
			k->address = l->addresses[j];
			/* Port 0 is a new one each time it is named. */
			if (net_addr_port(&k->address) != 0 &&
			    listen_find(set, &k->address) != -1)
				(void)k8s_err_set(err, K8S_ERR_CONFIG,
				    "[listener %s] names an address that is "
				    "named before",
				    l->name);
			else if ((k->fd = listen_get(&k->address, old, err)) !=
			    -1) {
				set->len++;
				continue;
			}
			listen_close(set, old);
			return -1;
		}
	if (listen_check_inherited(set, err) == -1) {
		listen_close(set, old);
		return -1;
	}
	return 0;
}

void
listen_close(struct listen_set *set, const struct listen_set *kept)
{
	size_t i, j;

	for (i = 0; i < set->len; i++) {
		for (j = 0; kept != NULL && j < kept->len; j++)
			if (kept->sockets[j].fd == set->sockets[i].fd)
				break;
		if (kept == NULL || j == kept->len)
			(void)close(set->sockets[i].fd);
	}
	free(set->sockets);
	set->sockets = NULL;
	set->len = 0;
}
