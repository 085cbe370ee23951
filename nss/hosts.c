/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libnss_k8shell: host names, for nsswitch.conf(5) of a connection that
 * k8shell-proxyd supervises. Its supervisor gives each name that sshd wants to
 * forward to an address of its own; all others it refuses, and who has no
 * supervisor can't ask: for them the module is not there (unavail).
 *
 * Loaded into any process that looks a name up, of root too: it keeps no
 * state, reads no file and no variable, and waits CONTROL_TIMEOUT at most.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <nss.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/core/control.h"

#define NSS_EXPORT __attribute__((visibility("default")))

/* The C library declares none of these: nss(5), and its own modules. */
NSS_EXPORT enum nss_status _nss_k8shell_gethostbyname4_r(const char *name,
    struct gaih_addrtuple **pat, char *buffer, size_t buflen, int *errnop,
    int *h_errnop, int32_t *ttlp);
NSS_EXPORT enum nss_status _nss_k8shell_gethostbyname2_r(const char *name,
    int af, struct hostent *result, char *buffer, size_t buflen, int *errnop,
    int *h_errnop);

/* What gethostbyname2_r puts into the caller's buffer, ahead of the name. */
struct hosts_room {
	char *addresses[2];
	char *aliases[1];
	struct in_addr address;
};

static enum nss_status
hosts_unavail(int *errnop, int *h_errnop)
{
	*errnop = ENOENT;
	*h_errnop = NO_RECOVERY;
	return NSS_STATUS_UNAVAIL;
}

static enum nss_status
hosts_not_found(int *errnop, int *h_errnop)
{
	*errnop = ENOENT;
	*h_errnop = HOST_NOT_FOUND;
	return NSS_STATUS_NOTFOUND;
}

/* The caller's buffer is to be larger: it will come again. */
static enum nss_status
hosts_no_room(int *errnop, int *h_errnop)
{
	*errnop = ERANGE;
	*h_errnop = NETDB_INTERNAL;
	return NSS_STATUS_TRYAGAIN;
}

static enum nss_status
hosts_found(int *h_errnop)
{
	*h_errnop = NETDB_SUCCESS;
	return NSS_STATUS_SUCCESS;
}

/*
 * The supervisor's address for the name. -1: it gives none; or the name is too
 * long to be asked for, longer than any in DNS (RFC 1035, section 2.3.4).
 */
static int
hosts_ask(const char *name, size_t len, struct in_addr *address)
{
	uint32_t n;
	int fd, ret;

	if ((fd = control_connect(NULL)) == -1)
		return -1;
	ret = control_resolve(fd, (struct control_text){name, len}, &n, NULL);
	(void)close(fd);
	if (ret == 0)
		address->s_addr = htonl(n);
	return ret;
}

/*
 * Room for size bytes and then len, where a pointer may be. NULL: there is not
 * so much.
 */
static char *
hosts_room(char *buffer, size_t buflen, size_t size, size_t len)
{
	const size_t align = _Alignof(max_align_t);
	const size_t skip = (align - (uintptr_t)buffer % align) % align;

	if (buflen < skip || buflen - skip < size || buflen - skip - size < len)
		return NULL;
	return buffer + skip;
}

/* For getaddrinfo(3) of any family. */
enum nss_status
_nss_k8shell_gethostbyname4_r(const char *name, struct gaih_addrtuple **pat,
    char *buffer, size_t buflen, int *errnop, int *h_errnop, int32_t *ttlp)
{
	const size_t len = strlen(name);
	struct gaih_addrtuple *t;
	struct in_addr address;
	char *room, *copy;

	if ((room = hosts_room(buffer, buflen, sizeof(*t), len + 1)) == NULL)
		return hosts_no_room(errnop, h_errnop);
	if (hosts_ask(name, len, &address) == -1)
		return hosts_unavail(errnop, h_errnop);
	copy = memcpy(room + sizeof(*t), name, len + 1);
	/* The caller may have brought the first one along. */
	t = *pat != NULL ? *pat : (struct gaih_addrtuple *)(void *)room;
	*t = (struct gaih_addrtuple){
	    .name = copy,
	    .family = AF_INET,
	    .addr = {address.s_addr},
	};
	*pat = t;
	if (ttlp != NULL)
		*ttlp = 0;
	return hosts_found(h_errnop);
}

/* For getaddrinfo(3) of one family, and gethostbyname2(3). */
enum nss_status
_nss_k8shell_gethostbyname2_r(const char *name, int af, struct hostent *result,
    char *buffer, size_t buflen, int *errnop, int *h_errnop)
{
	const size_t len = strlen(name);
	struct hosts_room *r;
	struct in_addr address;
	char *room, *copy;

	if ((room = hosts_room(buffer, buflen, sizeof(*r), len + 1)) == NULL)
		return hosts_no_room(errnop, h_errnop);
	if (hosts_ask(name, len, &address) == -1)
		return hosts_unavail(errnop, h_errnop);
	/* Ours are IPv4, and the host's services are not to be asked. */
	if (af != AF_INET)
		return hosts_not_found(errnop, h_errnop);
	copy = memcpy(room + sizeof(*r), name, len + 1);
	r = (struct hosts_room *)(void *)room;
	r->address = address;
	r->addresses[0] = (char *)&r->address;
	r->addresses[1] = NULL;
	r->aliases[0] = NULL;
	*result = (struct hostent){
	    .h_name = copy,
	    .h_aliases = r->aliases,
	    .h_addrtype = AF_INET,
	    .h_length = sizeof(r->address),
	    .h_addr_list = r->addresses,
	};
	return hosts_found(h_errnop);
}
