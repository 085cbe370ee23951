/* SPDX-License-Identifier: Apache-2.0 */
#include "proxyprotocol/nsswitch.h"

#include <string.h>

/*
 * What the module refuses is refused: the host's services would find another
 * host of that name.
 */
#define NSSWITCH_HOSTS " k8shell [NOTFOUND=return] "

static int
nsswitch_put(struct buf *out, const char *p, size_t len, struct k8s_err *err)
{
	if (buf_put(out, p, len) == -1)
		return k8s_err_set(err, K8S_ERR_LIMIT,
		    "%s is too long, or no memory", NSSWITCH_PATH);
	return 0;
}

static size_t
nsswitch_blanks(const char *p, size_t len)
{
	size_t n = 0;

	while (n < len && (p[n] == ' ' || p[n] == '\t'))
		n++;
	return n;
}

/*
 * If the line is that of hosts, how much of it is in front of its services,
 * else 0. The C library takes blanks where it can (its nss_database.c).
 */
static size_t
nsswitch_hosts(const char *line, size_t len)
{
	static const char hosts[] = "hosts";
	const size_t n = sizeof(hosts) - 1;
	size_t i = nsswitch_blanks(line, len);

	if (len - i < n || memcmp(line + i, hosts, n) != 0)
		return 0;
	i += n;
	i += nsswitch_blanks(line + i, len - i);
	return i < len && line[i] == ':' ? i + 1 : 0;
}

int
nsswitch_make(const char *host, size_t len, struct buf *out,
    struct k8s_err *err)
{
	static const char own[] = "hosts:" NSSWITCH_HOSTS "files dns\n";
	size_t n, front, found = 0;
	const char *end;

	while (len > 0) {
		end = memchr(host, '\n', len);
		n = end != NULL ? (size_t)(end - host) + 1 : len;
		front = nsswitch_hosts(host, n);
		found += front;
		if (nsswitch_put(out, host, front, err) == -1 ||
		    (front > 0 &&
			nsswitch_put(out, NSSWITCH_HOSTS,
			    sizeof(NSSWITCH_HOSTS) - 1, err) == -1) ||
		    nsswitch_put(out, host + front, n - front, err) == -1 ||
		    (end == NULL && nsswitch_put(out, "\n", 1, err) == -1))
			return -1;
		host += n;
		len -= n;
	}
	return found > 0 ? 0 : nsswitch_put(out, own, sizeof(own) - 1, err);
}
