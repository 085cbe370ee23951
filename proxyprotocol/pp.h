/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The PROXY protocol's header, versions 1 and 2, without I/O, after HAProxy's
 * proxy-protocol.txt of 2020/03/05. Section numbers are that document's. The
 * bytes are untrusted until the caller has made sure who their sender is.
 */
#ifndef K8SHELL_PP_H
#define K8SHELL_PP_H

#include <stddef.h>

#include "lib/core/err.h"
#include "lib/core/net.h"

/* A line of version 1 with its CRLF (section 2.1). */
#define PP_V1_MAX 107

/*
 * Longest header we take. Version 2 could have 65551 bytes, but is meant to
 * fit the smallest TCP segment, 536 bytes (section 2). 4 KiB leave room for
 * addresses of Unix sockets and a client certificate in the TLVs, lie well
 * below any receive buffer, so that a peek sees all of it, and let the caller
 * keep it on its stack.
 */
#define PP_HEADER_MAX 4096

enum pp_result {
	PP_NONE,   /* not a header, known from the first byte that differs */
	PP_MORE,   /* what is there may become one */
	PP_HEADER, /* a complete one */
	PP_BAD,	   /* a header, but broken: the connection is to be closed */
};

struct pp_header {
	int version; /* 1 or 2 */
	/*
	 * The header names no TCP addresses: the socket's own count. LOCAL (a
	 * proxy's own connection, as a health check), UNKNOWN, UNSPEC, or a
	 * Unix socket's. source and destination are no address then.
	 */
	int local;
	struct net_addr source, destination;
	size_t len; /* bytes to consume, not one more */
};

/*
 * Looks at the first len bytes of a connection; it keeps no state, so the
 * caller peeks (MSG_PEEK) and asks again with more.
 * PP_MORE: with fewer than *need bytes it can't be complete. len < *need <=
 *   PP_HEADER_MAX; good for SO_RCVLOWAT.
 * PP_HEADER: *h is filled in. Its len is never above len.
 * PP_BAD: err has one line: K8S_ERR_LIMIT above PP_HEADER_MAX, said as soon as
 *   the length is known, K8S_ERR_INVALID for all else.
 * What a result does not mention is untouched.
 *
 * Version 1 is taken by the letter: one space, CRLF, "TCP4", "TCP6" or
 * "UNKNOWN", addresses as inet_pton(3) takes them, ports in decimal without
 * a leading zero. What follows UNKNOWN is skipped (section 2.1).
 *
 * Version 2 (section 2.2): TLVs have to fill the header exactly; of their types
 * only the checksum is looked at (2.2.3), which must be right where there is
 * one. Of a LOCAL or UNSPEC header, which may hold anything, what is no TLV is
 * skipped. Datagrams are PP_BAD: no SSH comes over UDP, so the proxy is set up
 * wrong (the document would have us take them like UNSPEC).
 */
enum pp_result pp_parse(const unsigned char *p, size_t len, struct pp_header *h,
    size_t *need, struct k8s_err *err);

#endif
