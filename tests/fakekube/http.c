/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP/1.1, as much of it as API clients send (RFC 9112). */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "fakekube.h"

const char *
http_reason(int code)
{
	static const struct {
		int code;
		const char *text;
	} reasons[] = {{101, "Switching Protocols"}, {200, "OK"},
	    {302, "Found"}, {400, "Bad Request"}, {401, "Unauthorized"},
	    {403, "Forbidden"}, {404, "Not Found"}, {405, "Method Not Allowed"},
	    {409, "Conflict"}, {410, "Gone"}, {429, "Too Many Requests"},
	    {431, "Request Header Fields Too Large"},
	    {500, "Internal Server Error"}, {501, "Not Implemented"},
	    {502, "Bad Gateway"}, {503, "Service Unavailable"},
	    {504, "Gateway Timeout"}};
	size_t i;

	for (i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
		if (reasons[i].code == code)
			return reasons[i].text;
	}
	return "Unknown";
}

int
http_reply(struct conn *c, const struct request *req, int code,
    const char *type, const char *extra, const void *body, size_t len)
{
	auto_text t = {0};

	text_addf(&t, "HTTP/1.1 %d %s\r\n", code, http_reason(code));
	text_adds(&t, "Cache-Control: no-cache, private\r\n");
	if (type != NULL)
		text_addf(&t, "Content-Type: %s\r\n", type);
	if (req == NULL || !req->keep)
		text_adds(&t, "Connection: close\r\n");
	if (extra != NULL)
		text_adds(&t, extra);
	text_addf(&t, "Content-Length: %zu\r\n\r\n", len);
	if (req == NULL || strcmp(req->method, "HEAD") != 0)
		text_add(&t, body, len);
	return conn_write(c, t.data, t.len, now_ms() + 60000);
}

static int
refuse(struct conn *c, int code)
{
	auto_text body = {0};

	text_addf(&body, "%d %s", code, http_reason(code));
	http_reply(c, NULL, code, "text/plain; charset=utf-8", NULL, body.data,
	    body.len);
	return -1;
}

/* The head's length including its empty line, or 0 if it is not all there. */
static size_t
head_end(const struct text *t, size_t from)
{
	const char *p;

	from = from > 3 ? from - 3 : 0;
	if (t->len == 0)
		return 0;
	p = memmem(t->data + from, t->len - from, "\r\n\r\n", 4);
	return p == NULL ? 0 : (size_t)(p - t->data) + 4;
}

static int
parse_request_line(struct request *req, char *line)
{
	char *save = NULL, *version, *query;

	req->method = strtok_r(line, " ", &save);
	req->target = strtok_r(NULL, " ", &save);
	version = strtok_r(NULL, " ", &save);
	if (version == NULL || strtok_r(NULL, " ", &save) != NULL ||
	    strncmp(version, "HTTP/1.", 7) != 0 || *req->target != '/')
		return -1;
	req->keep = strcmp(version, "HTTP/1.0") != 0;
	req->path = xstrdup(req->target);
	query = strchr(req->path, '?');
	if (query != NULL)
		*query++ = '\0';
	req->query = query == NULL ? req->path + strlen(req->path) : query;
	return 0;
}

static int
parse_head(struct request *req)
{
	size_t cap = 0;
	char *line, *next, *colon;

	next = strstr(req->head, "\r\n");
	*next = '\0';
	if (parse_request_line(req, req->head) < 0)
		return -1;
	for (line = next + 2; *line != '\r' && *line != '\0'; line = next + 2) {
		if ((next = strstr(line, "\r\n")) == NULL)
			return -1;
		*next = '\0';
		if ((colon = strchr(line, ':')) == NULL || colon == line ||
		    strcspn(line, " \t") < (size_t)(colon - line))
			return -1;
		*colon = '\0';
		if (req->nheaders == cap) {
			cap = cap * 2 + 16;
			req->headers = reallocarray(req->headers, cap,
			    sizeof(*req->headers));
			if (req->headers == NULL)
				err(1, "reallocarray");
		}
		req->headers[req->nheaders++] = (struct header){.name = line,
		    .value = string_trim(colon + 1)};
	}
	return 0;
}

/* The body says nothing that matters here. */
static int
skip_body(struct conn *c, struct request *req, int64_t deadline)
{
	const char *length = http_header(req, "Content-Length", 0);
	char sink[8192];
	uint64_t left = 0;
	size_t got;

	if (http_header(req, "Transfer-Encoding", 0) != NULL)
		return refuse(c, 501);
	if (length != NULL && number_parse(length, FK_MAX_BODY, &left) < 0)
		return refuse(c, 400);
	while (left > 0) {
		if (conn_read(c, sink,
			left < sizeof(sink) ? (size_t)left : sizeof(sink), &got,
			deadline) < 0)
			return -1;
		left -= got;
	}
	return 0;
}

int
http_read(struct conn *c, struct request *req, int64_t deadline)
{
	auto_text head = {0};
	char buf[8192];
	size_t got, end = 0;

	*req = (struct request){0};
	while (end == 0) {
		if (head.len > FK_MAX_HEAD)
			return refuse(c, 431);
		if (conn_read(c, buf, sizeof(buf), &got, deadline) < 0)
			return head.len == 0 ? 0 : -1;
		text_add(&head, buf, got);
		end = head_end(&head, head.len - got);
	}
	conn_unread(c, head.data + end, head.len - end);
	head.data[end] = '\0';
	if (memchr(head.data, '\0', end) != NULL)
		return refuse(c, 400);
	req->head = head.data;
	head.data = NULL;
	if (parse_head(req) < 0)
		return refuse(c, 400);
	if (http_has_token(req, "Connection", "close"))
		req->keep = false;
	if (skip_body(c, req, deadline) < 0)
		return -1;
	return 1;
}

void
http_free(struct request *req)
{
	free(req->path);
	free(req->headers);
	free(req->head);
	*req = (struct request){0};
}

const char *
http_header(const struct request *req, const char *name, size_t nth)
{
	size_t i;

	for (i = 0; i < req->nheaders; i++) {
		if (strcasecmp(req->headers[i].name, name) == 0 && nth-- == 0)
			return req->headers[i].value;
	}
	return NULL;
}

/* Is TOKEN an element of the comma-separated header NAME? */
bool
http_has_token(const struct request *req, const char *name, const char *token)
{
	size_t nth, n, len = strlen(token);
	const char *p;

	for (nth = 0; (p = http_header(req, name, nth)) != NULL; nth++) {
		while (*p != '\0') {
			p += strspn(p, ", \t");
			n = strcspn(p, ", \t");
			if (n == len && strncasecmp(p, token, n) == 0)
				return true;
			p += n;
		}
	}
	return false;
}

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
		return (c | 0x20) - 'a' + 10;
	return -1;
}

char *
percent_decode(const char *s, size_t n, bool plus, size_t *len)
{
	char *out = xcalloc(n + 1, 1);
	size_t i, o = 0;

	for (i = 0; i < n; i++) {
		if (s[i] == '%' && i + 2 < n && hex_digit(s[i + 1]) >= 0 &&
		    hex_digit(s[i + 2]) >= 0) {
			out[o++] = (char)(hex_digit(s[i + 1]) << 4 |
			    hex_digit(s[i + 2]));
			i += 2;
		} else {
			out[o++] = plus && s[i] == '+' ? ' ' : s[i];
		}
	}
	if (len != NULL)
		*len = o;
	return out;
}

bool
query_next(const char **query, char **name, char **value, size_t *len)
{
	const char *p = *query, *eq;
	size_t n, klen;

	if (*p == '\0')
		return false;
	n = strcspn(p, "&");
	eq = memchr(p, '=', n);
	klen = eq == NULL ? n : (size_t)(eq - p);
	*name = percent_decode(p, klen, true, NULL);
	*value = percent_decode(eq == NULL ? "" : eq + 1,
	    eq == NULL ? 0 : n - klen - 1, true, len);
	*query = p + n + (p[n] == '&');
	return true;
}

char *
query_get(const char *query, const char *key)
{
	char *name, *value;
	size_t len;
	bool same;

	while (query_next(&query, &name, &value, &len)) {
		same = strcmp(name, key) == 0;
		free(name);
		if (same)
			return value;
		free(value);
	}
	return NULL;
}

/* As Kubernetes reads booleans: there, and neither "0" nor "false". */
bool
query_bool(const char *query, const char *key)
{
	char *value = query_get(query, key);
	bool on = value != NULL && strcmp(value, "0") != 0 &&
	    strcasecmp(value, "false") != 0;

	free(value);
	return on;
}
