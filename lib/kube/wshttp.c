/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/kube/wshttp.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>

/* RFC 6455 section 1.3. */
#define WSHTTP_GUID "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

/* What of the answer's headers has been seen. */
struct wshttp_seen {
	int upgrade, connection, accept, protocol;
};

int
wshttp_key(char key[WSHTTP_KEY_SIZE], struct k8s_err *err)
{
	unsigned char raw[16];

	if (getrandom(raw, sizeof(raw), 0) != (ssize_t)sizeof(raw))
		return k8s_err_errno(err, "random numbers");
	(void)EVP_EncodeBlock((unsigned char *)key, raw, sizeof(raw));
	return 0;
}

static int
wshttp_is_clean(const char *s)
{
	for (; *s != '\0'; s++)
		if ((unsigned char)*s <= ' ' || *s == 0x7f)
			return 0;
	return 1;
}

int
wshttp_request(struct buf *b, const char *host, const char *path,
    const char *protocols, const char *token, const char *key,
    struct k8s_err *err)
{
	const char *const parts[] = {"GET ", path, " HTTP/1.1\r\nHost: ", host,
	    "\r\nUser-Agent: k8shell-sshd\r\nConnection: Upgrade\r\n"
	    "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
	    "Sec-WebSocket-Key: ",
	    key, "\r\nSec-WebSocket-Protocol: ", protocols,
	    token != NULL ? "\r\nAuthorization: Bearer " : "",
	    token != NULL ? token : "", "\r\n\r\n"};
	size_t i;

	if (!wshttp_is_clean(host) || !wshttp_is_clean(path) ||
	    !wshttp_is_clean(protocols) ||
	    (token != NULL && !wshttp_is_clean(token)))
		return k8s_err_set(err, K8S_ERR_INVALID,
		    "a blank or control character in the request");
	for (i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		if (buf_put(b, parts[i], strlen(parts[i])) == -1)
			return k8s_err_set(err, K8S_ERR_LIMIT,
			    "the request is too long");
	return 0;
}

/* Whether item is one of a comma-separated list, ignoring case or not. */
static int
wshttp_in_list(const char *list, size_t len, const char *item, int fold)
{
	size_t n, want = strlen(item);

	while (len > 0) {
		while (len > 0 &&
		    (*list == ' ' || *list == ',' || *list == '\t')) {
			list++;
			len--;
		}
		for (n = 0; n < len && list[n] != ','; n++)
			;
		while (n > 0 && (list[n - 1] == ' ' || list[n - 1] == '\t'))
			n--;
		if (n == want &&
		    (fold ? strncasecmp(list, item, n)
			  : memcmp(list, item, n)) == 0)
			return 1;
		while (n < len && list[n] != ',')
			n++;
		list += n;
		len -= n;
	}
	return 0;
}

static int
wshttp_is_accept(const char *v, size_t len, const char *key)
{
	char text[WSHTTP_KEY_SIZE + sizeof(WSHTTP_GUID)], want[64];
	unsigned char sum[EVP_MAX_MD_SIZE];
	unsigned int n;

	(void)snprintf(text, sizeof(text), "%s" WSHTTP_GUID, key);
	if (EVP_Digest(text, strlen(text), sum, &n, EVP_sha1(), NULL) != 1)
		return 0;
	(void)EVP_EncodeBlock((unsigned char *)want, sum, (int)n);
	return len == strlen(want) && memcmp(v, want, len) == 0;
}

/* A decimal number up to max; -1 for anything else. */
static long
wshttp_number(const char *v, size_t len, long max)
{
	long n = 0;
	size_t i;

	if (len == 0)
		return -1;
	for (i = 0; i < len; i++) {
		if (v[i] < '0' || v[i] > '9')
			return -1;
		n = n * 10 + (v[i] - '0');
		if (n > max)
			return max;
	}
	return n;
}

/* One "Name: value" line. */
static void
wshttp_header(const char *line, size_t len, const char *key,
    const char *protocols, struct wshttp_answer *a, struct wshttp_seen *seen)
{
	const char *colon = memchr(line, ':', len), *v;
	size_t name, n;

	if (colon == NULL)
		return;
	name = (size_t)(colon - line);
	v = colon + 1;
	n = len - name - 1;
	while (n > 0 && (*v == ' ' || *v == '\t')) {
		v++;
		n--;
	}
	while (n > 0 && (v[n - 1] == ' ' || v[n - 1] == '\t'))
		n--;
#define IS(s) (name == strlen(s) && strncasecmp(line, s, name) == 0)
	if (IS("Upgrade")) {
		seen->upgrade |= wshttp_in_list(v, n, "websocket", 1);
	} else if (IS("Connection")) {
		seen->connection |= wshttp_in_list(v, n, "Upgrade", 1);
	} else if (IS("Sec-WebSocket-Accept")) {
		seen->accept = wshttp_is_accept(v, n, key);
	} else if (IS("Sec-WebSocket-Protocol")) {
		/* Once, and one that was offered. */
		seen->protocol += n >= sizeof(a->protocol) ? 2 : 1;
		(void)snprintf(a->protocol, sizeof(a->protocol), "%.*s", (int)n,
		    v);
		if (!wshttp_in_list(protocols, strlen(protocols), a->protocol,
			0))
			seen->protocol = 2;
	} else if (IS("Retry-After")) {
		a->retry_after = (int)wshttp_number(v, n, 86400);
	} else if (IS("Content-Length")) {
		a->body_len = wshttp_number(v, n, WSHTTP_BODY_MAX);
	}
#undef IS
}

static int
wshttp_check_open(const struct wshttp_seen *seen, struct k8s_err *err)
{
	const char *what = NULL;

	if (!seen->upgrade || !seen->connection)
		what = "it switches to something else than WebSocket";
	else if (!seen->accept)
		what = "its Sec-WebSocket-Accept is missing or wrong";
	else if (seen->protocol == 0)
		what = "it chose no subprotocol";
	else if (seen->protocol != 1)
		what = "it chose a subprotocol that was not offered";
	if (what == NULL)
		return 0;
	return k8s_err_set(err, K8S_ERR_INVALID,
	    "not a WebSocket answer of an API server: %s", what);
}

long
wshttp_parse(const char *p, size_t len, const char *key, const char *protocols,
    struct wshttp_answer *a, struct k8s_err *err)
{
	static const char version[] = "HTTP/1.";
	struct wshttp_seen seen = {0, 0, 0, 0};
	const char *end, *line, *eol;

	*a = (struct wshttp_answer){.retry_after = -1, .body_len = -1};
	/* Tell early that it is no HTTP, rather than wait for more of it. */
	if (memcmp(p, version,
		len < sizeof(version) - 1 ? len : sizeof(version) - 1) != 0)
		return k8s_err_set(err, K8S_ERR_INVALID,
		    "the answer is not HTTP: is it an API server?");
	if ((end = memmem(p, len, "\r\n\r\n", 4)) == NULL) {
		if (len >= WSHTTP_HEAD_MAX)
			return k8s_err_set(err, K8S_ERR_INVALID,
			    "the answer's headers are longer than %d bytes",
			    WSHTTP_HEAD_MAX);
		return 0;
	}
	/* "HTTP/1.1 101 Switching Protocols" */
	if (end - p < 12 || p[8] != ' ' ||
	    (a->code = (int)wshttp_number(p + 9, 3, 999)) < 100)
		return k8s_err_set(err, K8S_ERR_INVALID,
		    "the answer is not HTTP: is it an API server?");
	eol = memmem(p, (size_t)(end - p) + 2, "\r\n", 2);
	while (eol < end) {
		line = eol + 2;
		eol = memmem(line, (size_t)(end + 2 - line), "\r\n", 2);
		wshttp_header(line, (size_t)(eol - line), key, protocols, a,
		    &seen);
	}
	if (a->code == 101 && wshttp_check_open(&seen, err) == -1)
		return -1;
	return end + 4 - p;
}
