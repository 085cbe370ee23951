/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/kube/url.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int
url_unreserved(unsigned char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
	    (c >= '0' && c <= '9') || (c != '\0' && strchr("-._~", c) != NULL);
}

int
url_escape(struct buf *out, const char *in, size_t len)
{
	static const char hex[] = "0123456789ABCDEF";
	unsigned char *d, c;
	size_t i, need = 0, n = 0;

	for (i = 0; i < len; i++)
		need += url_unreserved((unsigned char)in[i]) ? 1 : 3;
	if (need == 0)
		return 0;
	if ((d = buf_reserve(out, need)) == NULL)
		return -1;
	for (i = 0; i < len; i++) {
		c = (unsigned char)in[i];
		if (url_unreserved(c)) {
			d[n++] = c;
			continue;
		}
		d[n++] = '%';
		d[n++] = (unsigned char)hex[c >> 4];
		d[n++] = (unsigned char)hex[c & 15];
	}
	buf_commit(out, n);
	return 0;
}

int
url_split(struct url *u, const char *s, struct k8s_err *err)
{
	const char *p = strstr(s, "://"), *slash, *host, *end, *port;

	u->tls = strncmp(s, "https:", 6) == 0;
	p = p == NULL ? s + strlen(s) : p + 3;
	slash = p + strcspn(p, "/");
	host = *p == '[' ? p + 1 : p;
	end = host + strcspn(host, *p == '[' ? "]" : ":/");
	port = *p == '[' && *end == ']' ? end + 1 : end;
	if (end == host || end > slash || (*p == '[' && *end != ']') ||
	    (port < slash && *port != ':') ||
	    (size_t)(slash - port) > sizeof(u->port))
		return k8s_err_set(err, K8S_ERR_CONFIG,
		    "server %s is not a URL", s);
	if (slash - port > 1)
		(void)snprintf(u->port, sizeof(u->port), "%.*s",
		    (int)(slash - port - 1), port + 1);
	else
		(void)snprintf(u->port, sizeof(u->port), "%s",
		    u->tls ? "443" : "80");
	u->host = strndup(host, (size_t)(end - host));
	u->authority = strndup(p, (size_t)(slash - p));
	u->path = strdup(slash);
	if (u->host == NULL || u->authority == NULL || u->path == NULL)
		return k8s_err_errno(err, "out of memory");
	return 0;
}

void
url_clear(struct url *u)
{
	free(u->host);
	free(u->authority);
	free(u->path);
	*u = (struct url){0};
}
