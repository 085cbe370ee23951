/* SPDX-License-Identifier: Apache-2.0 */
/*
 * IPv4 and IPv6 addresses and networks. An IPv4 address that comes as an IPv6
 * one (::ffff:0:0/96, RFC 4291 section 2.5.5.2), as from a socket that accepts
 * both, is IPv4 here from the start: whatever compares addresses sees one form
 * of each.
 */
#ifndef K8SHELL_NET_H
#define K8SHELL_NET_H

#include <netinet/in.h>
#include <stddef.h>
#include <sys/socket.h>

#include "lib/core/err.h"

/* All zero (AF_UNSPEC, len 0) is no address. len: of the family's structure. */
struct net_addr {
	union {
		struct sockaddr sa;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
	};
	socklen_t len;
};

/* The addresses that share the first bits of net, whose other bits are 0. */
struct net_prefix {
	struct net_addr net;
	unsigned int bits; /* 0..32 or 0..128 */
};

/* Longest text with its NUL: an IPv6 address, '%' and an interface's name. */
#define NET_ADDR_TEXT_MAX 64

/*
 * From what accept(2) and the like gave. -1 and no address for anything that
 * is not IPv4 or IPv6, or is too short.
 */
int net_addr_from(struct net_addr *a, const struct sockaddr *sa, socklen_t len);

/*
 * From the 4 or 16 bytes of an address as on the wire. family: AF_INET or
 * AF_INET6. port in host order.
 */
void net_addr_from_ip(struct net_addr *a, int family, const void *ip,
    unsigned int port);

/*
 * From len characters that are an address of that family as inet_pton(3)
 * takes it. -1 if they are not, *a is untouched then.
 */
int net_addr_from_text(struct net_addr *a, int family, const char *text,
    size_t len, unsigned int port);

/*
 * A port from len characters: 0 to 65535, digits alone, no leading zero. -1 if
 * they are not, *port is untouched then.
 */
int net_port_parse(const char *text, size_t len, unsigned int *port);

/*
 * The address without its port, letter for letter as sshd writes it to its
 * log: both leave it to getnameinfo(3) with NI_NUMERICHOST, so a link-local
 * address has its interface behind a '%'. No address is "UNKNOWN", as there.
 * Returns dst, NET_ADDR_TEXT_MAX bytes.
 */
const char *net_addr_text(const struct net_addr *a, char *dst, size_t size);

/* In host order; 0 for no address. */
unsigned int net_addr_port(const struct net_addr *a);

/*
 * An address to listen on: "192.0.2.1:22" or "[2001:db8::1]:22". No names, no
 * interfaces, always a port. Port 0 is taken: bind(2) finds a free one then,
 * which tests want. *a is untouched on failure (K8S_ERR_CONFIG).
 */
int net_addr_parse(struct net_addr *a, const char *text, struct k8s_err *err);

/* Whether they are one address (and one interface); ports do not matter. */
int net_addr_equal(const struct net_addr *a, const struct net_addr *b);

/*
 * The network of a, its first bits4 (at most 32) or bits6 (at most 128) bits,
 * as an address without a port. The interface of a link-local one is kept.
 */
struct net_addr net_addr_mask(const struct net_addr *a, unsigned int bits4,
    unsigned int bits6);

/*
 * "10.0.0.0/8", "2001:db8::/32"; an address alone is a network of one. One
 * with bits behind its length is a mistake, and the message says what may
 * have been meant; so is an IPv4 network in the clothes of IPv6. *p is
 * untouched on failure (K8S_ERR_CONFIG).
 */
int net_prefix_parse(struct net_prefix *p, const char *text,
    struct k8s_err *err);

/* 0 for no address and for one of the other family. */
int net_prefix_contains(const struct net_prefix *p, const struct net_addr *a);

/* Whether one of the n networks contains a. */
int net_prefix_any(const struct net_prefix *list, size_t n,
    const struct net_addr *a);

#endif
