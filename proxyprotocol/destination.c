/* SPDX-License-Identifier: Apache-2.0 */
#include "proxyprotocol/destination.h"

#include <arpa/inet.h>
#include <stddef.h>
#include <string.h>
#include <sys/un.h>

#include "lib/core/net.h"

static int
destination_name(const struct names *names, uint32_t address,
    struct dials_packet *to, const char **why)
{
	const char *name;
	size_t len;

	if ((name = names_name(names, address, &len)) == NULL || len == 0 ||
	    len > DIALS_HOST_MAX || memchr(name, '\0', len)) {
		*why = "no name that could be dialled has this address";
		return -1;
	}
	memcpy(to->text, name, len);
	to->text[len] = '\0';
	to->text_len = len;
	return 0;
}

static int
destination_inet(const struct names *names, const struct sockaddr *sa,
    socklen_t len, struct dials_packet *to, const char **why)
{
	struct net_addr a;

	to->type = DIALS_TCP;
	if (net_addr_from(&a, sa, len) == -1) {
		*why = "no address of a family that can be dialled";
		return -1;
	}
	(void)net_addr_text(&a, to->text, NET_ADDR_TEXT_MAX);
	to->text_len = strlen(to->text);
	to->port = (uint16_t)net_addr_port(&a);
	if (to->port == 0) {
		*why = "port 0";
		return -1;
	}
	/* An interface's number here is another one there. */
	if (a.sa.sa_family == AF_INET6 && a.in6.sin6_scope_id != 0) {
		*why = "an address of this machine's interface";
		return -1;
	}
	if (a.sa.sa_family == AF_INET &&
	    names_is_one(ntohl(a.in.sin_addr.s_addr)))
		return destination_name(names, ntohl(a.in.sin_addr.s_addr), to,
		    why);
	return 0;
}

static int
destination_unix(const struct sockaddr *sa, socklen_t len,
    struct dials_packet *to, const char **why)
{
	const size_t start = offsetof(struct sockaddr_un, sun_path);
	const char *path =
	    ((const struct sockaddr_un *)(const void *)sa)->sun_path;

	to->type = DIALS_UNIX;
	/* unix(7): a path may fill sun_path, without a NUL behind it. */
	to->text_len = len <= start ? 0 : strnlen(path, len - start);
	if (to->text_len == 0 || to->text_len > DIALS_PATH_MAX) {
		*why = to->text_len == 0 ? "an abstract socket, or none"
					 : "the path is too long";
		to->text_len = 0;
		return -1;
	}
	memcpy(to->text, path, to->text_len);
	to->text[to->text_len] = '\0';
	return 0;
}

int
destination_of(const struct names *names, const struct sockaddr *sa,
    socklen_t len, struct dials_packet *to, const char **why)
{
	return sa->sa_family == AF_UNIX
	    ? destination_unix(sa, len, to, why)
	    : destination_inet(names, sa, len, to, why);
}
