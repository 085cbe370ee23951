/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/kube/url.h"

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
