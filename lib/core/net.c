/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/core/net.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>

#include "lib/core/log.h"

/* As much of a wrong text as a message shows, its NUL included. */
#define NET_QUOTE_MAX 128

#define NET_PORT_MAX 65535

void
net_addr_from_ip(struct net_addr *a, int family, const void *ip,
    unsigned int port)
{
	const unsigned char *bytes = ip;
	struct in6_addr ip6;

	memset(a, 0, sizeof(*a));
	if (family == AF_INET6) {
		memcpy(&ip6, bytes, sizeof(ip6));
		if (!IN6_IS_ADDR_V4MAPPED(&ip6)) {
			a->in6.sin6_family = AF_INET6;
			a->in6.sin6_port = htons((in_port_t)port);
			a->in6.sin6_addr = ip6;
			a->len = sizeof(a->in6);
			return;
		}
		bytes += sizeof(ip6) - sizeof(a->in.sin_addr);
	}
	a->in.sin_family = AF_INET;
	a->in.sin_port = htons((in_port_t)port);
	memcpy(&a->in.sin_addr, bytes, sizeof(a->in.sin_addr));
	a->len = sizeof(a->in);
}

int
net_addr_from(struct net_addr *a, const struct sockaddr *sa, socklen_t len)
{
	struct sockaddr_in in;
	struct sockaddr_in6 in6;

	memset(a, 0, sizeof(*a));
	if (len < sizeof(sa->sa_family))
		return -1;
	if (sa->sa_family == AF_INET && len >= sizeof(in)) {
		memcpy(&in, sa, sizeof(in));
		net_addr_from_ip(a, AF_INET, &in.sin_addr, ntohs(in.sin_port));
		return 0;
	}
	if (sa->sa_family != AF_INET6 || len < sizeof(in6))
		return -1;
	memcpy(&in6, sa, sizeof(in6));
	net_addr_from_ip(a, AF_INET6, &in6.sin6_addr, ntohs(in6.sin6_port));
	if (a->sa.sa_family == AF_INET6)
		a->in6.sin6_scope_id = in6.sin6_scope_id;
	return 0;
}

int
net_addr_from_text(struct net_addr *a, int family, const char *text, size_t len,
    unsigned int port)
{
	unsigned char ip[sizeof(struct in6_addr)];
	char word[INET6_ADDRSTRLEN];

	/* A NUL would hide what is behind it. */
	if (len >= sizeof(word) || memchr(text, '\0', len) != NULL)
		return -1;
	memcpy(word, text, len);
	word[len] = '\0';
	if (inet_pton(family, word, ip) != 1)
		return -1;
	net_addr_from_ip(a, family, ip, port);
	return 0;
}

const char *
net_addr_text(const struct net_addr *a, char *dst, size_t size)
{
	if (a->len == 0 ||
	    getnameinfo(&a->sa, a->len, dst, (socklen_t)size, NULL, 0,
		NI_NUMERICHOST) != 0)
		(void)snprintf(dst, size, "UNKNOWN");
	return dst;
}

unsigned int
net_addr_port(const struct net_addr *a)
{
	if (a->sa.sa_family == AF_INET)
		return ntohs(a->in.sin_port);
	if (a->sa.sa_family == AF_INET6)
		return ntohs(a->in6.sin6_port);
	return 0;
}

/* Digits, no leading zero, at most max. -1 if it is not. */
static int
net_number(const char *s, size_t len, unsigned int max, unsigned int *value)
{
	unsigned int n = 0;
	size_t i;

	if (len == 0 || (len > 1 && s[0] == '0'))
		return -1;
	for (i = 0; i < len; i++) {
		if (s[i] < '0' || s[i] > '9')
			return -1;
		n = n * 10 + (unsigned int)(s[i] - '0');
		if (n > max)
			return -1;
	}
	*value = n;
	return 0;
}

int
net_port_parse(const char *text, size_t len, unsigned int *port)
{
	return net_number(text, len, NET_PORT_MAX, port);
}

int
net_addr_parse(struct net_addr *a, const char *text, struct k8s_err *err)
{
	const char *colon = strrchr(text, ':');
	char safe[NET_QUOTE_MAX];
	struct net_addr found;
	unsigned int port;
	size_t len;
	int r;

	log_escape(safe, sizeof(safe), text, strlen(text));
	if (colon == NULL ||
	    net_port_parse(colon + 1, strlen(colon + 1), &port) == -1)
		return k8s_err_set(err, K8S_ERR_CONFIG,
		    "\"%s\" does not end in a port: write 0.0.0.0:22 or "
		    "[::]:22",
		    safe);
	len = (size_t)(colon - text);
	if (len >= 2 && text[0] == '[' && text[len - 1] == ']')
		r = net_addr_from_text(&found, AF_INET6, text + 1, len - 2,
		    port);
	else
		r = net_addr_from_text(&found, AF_INET, text, len, port);
	if (r == -1)
		return k8s_err_set(err, K8S_ERR_CONFIG,
		    "\"%s\" is no address to listen on: write 192.0.2.1:22 or "
		    "[2001:db8::1]:22, no names",
		    safe);
	*a = found;
	return 0;
}

/* The address alone, as on the wire. Its length is 0 for no address. */
static const unsigned char *
net_addr_bytes(const struct net_addr *a, size_t *len)
{
	if (a->sa.sa_family == AF_INET) {
		*len = sizeof(a->in.sin_addr);
		return (const unsigned char *)&a->in.sin_addr;
	}
	*len = a->sa.sa_family == AF_INET6 ? sizeof(a->in6.sin6_addr) : 0;
	return a->in6.sin6_addr.s6_addr;
}

/* Whatever interface they are of. */
static int
net_addr_same(const struct net_addr *a, const struct net_addr *b)
{
	const unsigned char *pa, *pb;
	size_t la, lb;

	pa = net_addr_bytes(a, &la);
	pb = net_addr_bytes(b, &lb);
	return la == lb && memcmp(pa, pb, la) == 0;
}

int
net_addr_equal(const struct net_addr *a, const struct net_addr *b)
{
	return net_addr_same(a, b) &&
	    (a->sa.sa_family != AF_INET6 ||
		a->in6.sin6_scope_id == b->in6.sin6_scope_id);
}

/* Clears what lies behind the first bits of len bytes. */
static void
net_mask(unsigned char *p, size_t len, unsigned int bits)
{
	size_t i;

	for (i = 0; i < len; i++) {
		if (bits < 8)
			p[i] &= (unsigned char)(0xff00U >> bits);
		bits -= bits < 8 ? bits : 8;
	}
}

struct net_addr
net_addr_mask(const struct net_addr *a, unsigned int bits4, unsigned int bits6)
{
	struct net_addr net = *a;

	if (a->sa.sa_family == AF_INET) {
		net.in.sin_port = 0;
		net_mask((unsigned char *)&net.in.sin_addr,
		    sizeof(net.in.sin_addr), bits4);
	} else if (a->sa.sa_family == AF_INET6) {
		net.in6.sin6_port = 0;
		net_mask(net.in6.sin6_addr.s6_addr, sizeof(net.in6.sin6_addr),
		    bits6);
	}
	return net;
}

int
net_prefix_parse(struct net_prefix *p, const char *text, struct k8s_err *err)
{
	char safe[NET_QUOTE_MAX], right[NET_ADDR_TEXT_MAX];
	size_t len = strcspn(text, "/");
	struct net_addr whole;
	struct net_prefix found;
	unsigned int max;
	int family;

	log_escape(safe, sizeof(safe), text, strlen(text));
	family = memchr(text, ':', len) == NULL ? AF_INET : AF_INET6;
	if (net_addr_from_text(&whole, family, text, len, 0) == -1)
		return k8s_err_set(err, K8S_ERR_CONFIG,
		    "\"%s\" is neither an address nor a network: write "
		    "192.0.2.1, 10.0.0.0/8 or 2001:db8::/32",
		    safe);
	if (whole.sa.sa_family != family)
		return k8s_err_set(err, K8S_ERR_CONFIG,
		    "\"%s\" is IPv4: write it so, as %s", safe,
		    net_addr_text(&whole, right, sizeof(right)));
	max = family == AF_INET ? 32 : 128;
	found.bits = max;
	if (text[len] == '/' &&
	    net_number(text + len + 1, strlen(text + len + 1), max,
		&found.bits) == -1)
		return k8s_err_set(err, K8S_ERR_CONFIG,
		    "\"%s\": behind the / belongs a number from 0 to %u", safe,
		    max);
	found.net = net_addr_mask(&whole, found.bits, found.bits);
	if (!net_addr_equal(&found.net, &whole))
		return k8s_err_set(err, K8S_ERR_CONFIG,
		    "\"%s\" has bits behind its length: the network is %s/%u, "
		    "the address alone has no /",
		    safe, net_addr_text(&found.net, right, sizeof(right)),
		    found.bits);
	*p = found;
	return 0;
}

int
net_prefix_contains(const struct net_prefix *p, const struct net_addr *a)
{
	struct net_addr net;

	if (a->len == 0)
		return 0;
	net = net_addr_mask(a, p->bits, p->bits);
	return net_addr_same(&net, &p->net);
}

int
net_prefix_any(const struct net_prefix *list, size_t n,
    const struct net_addr *a)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (net_prefix_contains(&list[i], a))
			return 1;
	return 0;
}
