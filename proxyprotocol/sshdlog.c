/* SPDX-License-Identifier: Apache-2.0 */
#include "proxyprotocol/sshdlog.h"

#include <stdio.h>
#include <string.h>

/* Longest type of a key and longest fingerprint, with a NUL. */
#define KEY_TYPE_SIZE	 sizeof(((struct sshdlog *)0)->key_type)
#define FINGERPRINT_SIZE sizeof(((struct sshdlog *)0)->fingerprint)

#define METHOD_CHARS \
	"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./@"
#define KEY_TYPE_CHARS	  "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-"
#define FINGERPRINT_CHARS METHOD_CHARS "+:="

/* A part of the line, borrowed. */
struct span {
	const char *p;
	size_t len;
};

/* What one line is parsed with. */
struct sshdlog_line {
	struct sshdlog *out;
	char at[128]; /* "ADDRESS port PORT" */
};

static struct span
span_of(const char *s)
{
	return (struct span){s, strlen(s)};
}

/* What is left of s from off on. */
static struct span
span_from(struct span s, size_t off)
{
	return (struct span){s.p + off, s.len - off};
}

static int
span_starts(struct span s, const char *with)
{
	size_t n = strlen(with);

	return s.len >= n && memcmp(s.p, with, n) == 0;
}

static int
span_is(struct span s, const char *what)
{
	return s.len == strlen(what) && span_starts(s, what);
}

/* Drops prefix from s, if it is there. */
static int
span_skip(struct span *s, const char *prefix)
{
	if (!span_starts(*s, prefix))
		return 0;
	*s = span_from(*s, strlen(prefix));
	return 1;
}

/* Drops suffix from s, if it is there. */
static int
span_trim(struct span *s, const char *suffix)
{
	size_t n = strlen(suffix);

	if (s->len < n || memcmp(s->p + s->len - n, suffix, n) != 0)
		return 0;
	s->len -= n;
	return 1;
}

/*
 * Splits s in front of and behind the first or the last occurrence of what.
 * Either result may be s itself.
 */
static int
span_split(struct span s, const char *what, int last, struct span *before,
    struct span *after)
{
	struct span found = {NULL, 0};
	const char *p;
	size_t n = strlen(what), off = 0;

	while ((p = memmem(s.p + off, s.len - off, what, n)) != NULL) {
		off = (size_t)(p - s.p) + 1;
		found = span_from(s, off - 1);
		if (!last)
			break;
	}
	if (found.p == NULL)
		return 0;
	*before = (struct span){s.p, s.len - found.len};
	*after = span_from(found, n);
	return 1;
}

/* Takes a word, one or more of chars, from the front of s. */
static int
span_word(struct span *s, const char *chars, struct span *word)
{
	size_t n = 0;

	while (n < s->len && s->p[n] != '\0' && strchr(chars, s->p[n]) != NULL)
		n++;
	*word = (struct span){s->p, n};
	*s = span_from(*s, n);
	return n > 0;
}

static int
is_octal(char c)
{
	return c >= '0' && c <= '7';
}

/* Copies a part of the line, sshd's escapes taken back; cut to size. */
static void
sshdlog_copy(char *dst, size_t size, struct span s)
{
	size_t i = 0, o = 0;
	const char *p;

	while (i < s.len && o + 1 < size) {
		p = s.p + i;
		if (s.len - i >= 2 && p[0] == '\\' && p[1] == '\\') {
			dst[o++] = '\\';
			i += 2;
		} else if (s.len - i >= 4 && p[0] == '\\' && p[1] <= '3' &&
		    is_octal(p[1]) && is_octal(p[2]) && is_octal(p[3]) &&
		    memcmp(p + 1, "000", 3) != 0) {
			dst[o++] = (char)((p[1] - '0') << 6 |
			    (p[2] - '0') << 3 | (p[3] - '0'));
			i += 4;
		} else {
			dst[o++] = *p;
			i++;
		}
	}
	dst[o] = '\0';
}

#define COPY(dst, span) sshdlog_copy((dst), sizeof(dst), (span))

/* "TYPE FINGERPRINT" at the front of s, both of a length that is kept. */
static int
sshdlog_fingerprint(struct span *s, struct span *type, struct span *print)
{
	struct span rest = *s;

	if (!span_word(&rest, KEY_TYPE_CHARS, type) || !span_skip(&rest, " ") ||
	    !span_word(&rest, FINGERPRINT_CHARS, print) ||
	    memchr(print->p, ':', print->len) == NULL ||
	    type->len >= KEY_TYPE_SIZE || print->len >= FINGERPRINT_SIZE)
		return 0;
	*s = rest;
	return 1;
}

/* All of s as a number. */
static int
sshdlog_number(struct span s, uint64_t *out)
{
	uint64_t n = 0, digit;
	size_t i;

	for (i = 0; i < s.len; i++) {
		if (s.p[i] < '0' || s.p[i] > '9')
			return 0;
		digit = (uint64_t)(s.p[i] - '0');
		if (n > (UINT64_MAX - digit) / 10)
			return 0;
		n = n * 10 + digit;
	}
	*out = n;
	return s.len > 0;
}

/*
 * " ID KEYID (serial N) CA TYPE FINGERPRINT" and the end. The key id may be
 * anything, that text included, so the last one counts.
 */
static void
sshdlog_certificate(struct sshdlog *out, struct span s)
{
	struct span id, rest, number, type, print;
	uint64_t serial;

	if (!span_skip(&s, " ID ") ||
	    !span_split(s, " (serial ", 1, &id, &rest) ||
	    !span_split(rest, ") CA ", 0, &number, &rest) ||
	    !sshdlog_number(number, &serial) ||
	    !sshdlog_fingerprint(&rest, &type, &print) || rest.len > 0)
		return;
	COPY(out->cert_id, id);
	out->cert_serial = serial;
	COPY(out->ca_type, type);
	COPY(out->ca_fingerprint, print);
}

/*
 * What an attempt ends with, behind "ssh2: ". Of a public key, with nothing
 * but a counter of its security key behind it; of others, as it is. Other
 * methods with keys (hostbased) add text of the client's.
 */
static void
sshdlog_extra(struct sshdlog *out, struct span s)
{
	struct span type, print, key, count;
	uint64_t n;

	if (strcmp(out->method, "publickey") != 0) {
		COPY(out->text, s);
		return;
	}
	if (span_split(s, ", signature count = ", 1, &key, &count) &&
	    sshdlog_number(count, &n))
		s = key;
	if (!sshdlog_fingerprint(&s, &type, &print) ||
	    (s.len > 0 && s.p[0] != ' '))
		return;
	COPY(out->key_type, type);
	COPY(out->fingerprint, print);
	sshdlog_certificate(out, s);
}

/*
 * The end of a name in s: the first or the last " from ADDRESS port PORT ssh2"
 * that has nothing or ": " behind it.
 */
static int
sshdlog_split_from(const struct sshdlog_line *l, struct span s, int last,
    struct span *name, struct span *extra)
{
	struct span found = {NULL, 0}, before, after, rest = s;
	char from[sizeof(l->at) + 16];

	(void)snprintf(from, sizeof(from), " from %s ssh2", l->at);
	while (span_split(rest, from, 0, &before, &after)) {
		rest = span_from(rest, before.len + 1);
		if (after.len > 0 && !span_starts(after, ": "))
			continue;
		found = after;
		*name = (struct span){s.p, (size_t)(rest.p - 1 - s.p)};
		if (!last)
			break;
	}
	if (found.p == NULL)
		return 0;
	*extra = found;
	(void)span_skip(extra, ": ");
	return 1;
}

/* "METHOD for [invalid user ]NAME from ADDRESS port PORT ssh2[: EXTRA]" */
static enum sshdlog_kind
sshdlog_attempt(struct sshdlog_line *l, struct span s, enum sshdlog_kind kind)
{
	struct sshdlog *out = l->out;
	struct span method, name, extra;
	int invalid;

	if (!span_word(&s, METHOD_CHARS, &method) ||
	    method.len >= sizeof(out->method) || !span_skip(&s, " for "))
		return SSHDLOG_OTHER;
	invalid = span_skip(&s, "invalid user ");
	if (!sshdlog_split_from(l, s, invalid, &name, &extra) ||
	    (invalid && kind == SSHDLOG_ACCEPTED))
		return SSHDLOG_OTHER;
	out->account = invalid	       ? SSHDLOG_NONEXISTENT
	    : kind == SSHDLOG_ACCEPTED ? SSHDLOG_AUTHENTICATED
				       : SSHDLOG_EXISTENT;
	COPY(out->method, method);
	COPY(out->user, name);
	sshdlog_extra(out, extra);
	return kind;
}

/* "[invalid user ]NAME from ADDRESS port PORT ssh2" and the end. */
static enum sshdlog_kind
sshdlog_too_many(struct sshdlog_line *l, struct span s)
{
	struct sshdlog *out = l->out;

	out->account = span_skip(&s, "invalid user ") ? SSHDLOG_NONEXISTENT
						      : SSHDLOG_EXISTENT;
	if (!span_trim(&s, " ssh2") || !span_trim(&s, l->at) ||
	    !span_trim(&s, " from "))
		return SSHDLOG_OTHER;
	COPY(out->user, s);
	return SSHDLOG_TOO_MANY;
}

/* "NAME from ADDRESS port PORT" and the end. */
static enum sshdlog_kind
sshdlog_invalid_user(struct sshdlog_line *l, struct span s)
{
	if (!span_trim(&s, l->at) || !span_trim(&s, " from "))
		return SSHDLOG_OTHER;
	l->out->account = SSHDLOG_NONEXISTENT;
	COPY(l->out->user, s);
	return SSHDLOG_INVALID_USER;
}

/*
 * "NAME[ from HOST] not allowed because REASON". HOST may be a name (UseDNS),
 * so this line counts without the address: it names an existing account, and
 * nothing else in it is the client's.
 */
static enum sshdlog_kind
sshdlog_not_allowed(struct sshdlog_line *l, struct span s)
{
	struct span name, host, reason;

	if (!span_split(s, " not allowed because ", 0, &name, &reason))
		return SSHDLOG_OTHER;
	(void)span_split(name, " from ", 0, &name, &host);
	l->out->account = SSHDLOG_EXISTENT;
	COPY(l->out->user, name);
	COPY(l->out->text, reason);
	return SSHDLOG_NOT_ALLOWED;
}

/*
 * What sshd calls a connection (sshpkt_fmt_connection_id()): "[WHO NAME
 * ]ADDRESS port PORT", and then: end, and anything, or the line's end if end
 * is "".
 */
static int
sshdlog_connection(struct sshdlog_line *l, struct span s, const char *end,
    struct span *rest)
{
	struct sshdlog *out = l->out;
	char at[sizeof(l->at) + 32];
	struct span name;

	(void)snprintf(at, sizeof(at), "%s%s", l->at, end);
	if (span_skip(&s, at)) {
		*rest = s;
		return end[0] != '\0' || s.len == 0;
	}
	if (span_skip(&s, "authenticating user "))
		out->account = SSHDLOG_EXISTENT;
	else if (span_skip(&s, "invalid user "))
		out->account = SSHDLOG_NONEXISTENT;
	else if (span_skip(&s, "user "))
		out->account = SSHDLOG_AUTHENTICATED;
	else
		return 0;
	(void)snprintf(at, sizeof(at), " %s%s", l->at, end);
	if (end[0] == '\0') {
		name = s;
		if (!span_trim(&name, at))
			return 0;
		*rest = span_of("");
	} else if (!span_split(s, at, out->account == SSHDLOG_NONEXISTENT,
		       &name, rest)) {
		return 0;
	}
	COPY(out->user, name);
	return 1;
}

/* As sshdlog_connection(), for lines that end with it. */
static enum sshdlog_kind
sshdlog_ends(struct sshdlog_line *l, struct span s, enum sshdlog_kind kind)
{
	struct span rest;

	return sshdlog_connection(l, s, "", &rest) ? kind : SSHDLOG_OTHER;
}

/* And for those that go on with ": TEXT". */
static enum sshdlog_kind
sshdlog_explained(struct sshdlog_line *l, struct span s, enum sshdlog_kind kind)
{
	struct span rest;

	if (!sshdlog_connection(l, s, ": ", &rest))
		return SSHDLOG_OTHER;
	COPY(l->out->text, rest);
	return kind;
}

/*
 * "TAG: Connection from ...: REASON": a function of sshd's gave up. These
 * reasons (ssherr.c) are about what the client sent, others about the network.
 */
static enum sshdlog_kind
sshdlog_gave_up(struct sshdlog_line *l, struct span tag, struct span s)
{
	static const char *const protocol[] = {
	    "Connection corrupted",
	    "Protocol error",
	    "could not read protocol version",
	    "incomplete message",
	    "invalid format",
	    "message authentication code incorrect",
	    "protocol version mismatch",
	    "string is too large",
	    "unexpected bytes remain after decoding",
	};
	struct span word;
	size_t i;

	if (!span_word(&tag, METHOD_CHARS ": ", &word) || tag.len > 0 ||
	    sshdlog_explained(l, s, SSHDLOG_BROKEN) == SSHDLOG_OTHER)
		return SSHDLOG_OTHER;
	for (i = 0; i < sizeof(protocol) / sizeof(protocol[0]); i++)
		if (strcmp(l->out->text, protocol[i]) == 0)
			return SSHDLOG_PROTOCOL;
	return SSHDLOG_BROKEN;
}

/* "ADDRESS port PORT:CODE: TEXT" */
static enum sshdlog_kind
sshdlog_received(struct sshdlog_line *l, struct span s)
{
	struct span code;
	uint64_t n;

	if (!span_skip(&s, l->at) || !span_skip(&s, ":") ||
	    !span_split(s, ": ", 0, &code, &s) || !sshdlog_number(code, &n))
		return SSHDLOG_OTHER;
	COPY(l->out->text, s);
	return SSHDLOG_DISCONNECT_RECEIVED;
}

static enum sshdlog_kind
sshdlog_line(struct sshdlog_line *l, struct span s)
{
	struct span tag, rest;

	if (span_skip(&s, "Accepted "))
		return sshdlog_attempt(l, s, SSHDLOG_ACCEPTED);
	if (span_skip(&s, "Partial "))
		return sshdlog_attempt(l, s, SSHDLOG_PARTIAL);
	if (span_skip(&s, "Postponed "))
		return sshdlog_attempt(l, s, SSHDLOG_POSTPONED);
	if (span_skip(&s, "Failed "))
		return sshdlog_attempt(l, s, SSHDLOG_FAILED);
	if (span_skip(&s, "Invalid user "))
		return sshdlog_invalid_user(l, s);
	if (span_skip(&s, "User "))
		return sshdlog_not_allowed(l, s);
	if (span_skip(&s, "ROOT LOGIN REFUSED FROM "))
		return span_is(s, l->at) ? SSHDLOG_NOT_ALLOWED : SSHDLOG_OTHER;
	if (span_skip(&s, "maximum authentication attempts exceeded for "))
		return sshdlog_too_many(l, s);
	if (span_skip(&s, "Timeout before authentication for "))
		return span_is(s, l->at) ? SSHDLOG_TIMEOUT : SSHDLOG_OTHER;
	if (span_skip(&s, "Connection closed by "))
		return sshdlog_ends(l, s, SSHDLOG_CLOSED);
	if (span_skip(&s, "Connection reset by "))
		return sshdlog_ends(l, s, SSHDLOG_RESET);
	if (span_skip(&s, "Disconnected from "))
		return sshdlog_ends(l, s, SSHDLOG_DISCONNECTED);
	if (span_skip(&s, "Timeout, client not responding from "))
		return sshdlog_ends(l, s, SSHDLOG_TIMED_OUT);
	if (span_skip(&s, "terminating inactive connection from "))
		return sshdlog_ends(l, s, SSHDLOG_DISCONNECTING);
	if (span_skip(&s, "Read error from remote host "))
		return sshdlog_explained(l, s, SSHDLOG_BROKEN);
	if (span_skip(&s, "Disconnecting "))
		return sshdlog_explained(l, s, SSHDLOG_DISCONNECTING);
	if (span_skip(&s, "Received disconnect from "))
		return sshdlog_received(l, s);
	if (span_skip(&s, "Unable to negotiate with "))
		return sshdlog_explained(l, s, SSHDLOG_PROTOCOL);
	if (span_skip(&s, "kex_exchange_identification: ")) {
		COPY(l->out->text, s);
		return SSHDLOG_BANNER;
	}
	if (span_starts(s, "Connection from ")) {
		if (!span_trim(&s, " timed out"))
			return SSHDLOG_OTHER;
		(void)span_skip(&s, "Connection from ");
		return sshdlog_ends(l, s, SSHDLOG_TIMED_OUT);
	}
	if (span_split(s, ": Connection from ", 0, &tag, &rest))
		return sshdlog_gave_up(l, tag, rest);
	return SSHDLOG_OTHER;
}

enum sshdlog_kind
sshdlog_parse(struct sshdlog *out, const char *line, size_t len,
    const char *address, unsigned int port)
{
	struct span s = {line, len};
	struct sshdlog_line l = {.out = out};
	int n, by_child;

	memset(out, 0, sizeof(*out));
	n = snprintf(l.at, sizeof(l.at), "%s port %u", address, port);
	if (n < 0 || (size_t)n >= sizeof(l.at))
		return SSHDLOG_OTHER;
	if (span_trim(&s, "\n"))
		(void)span_trim(&s, "\r");
	/* What the process without privileges had sshd log for it. */
	by_child = span_trim(&s, " [preauth]") || span_trim(&s, " [postauth]");
	out->kind = sshdlog_line(&l, s);
	/* Who is in only sshd itself says; and nothing half parsed. */
	if (by_child && out->kind == SSHDLOG_ACCEPTED)
		out->kind = SSHDLOG_OTHER;
	if (out->kind == SSHDLOG_OTHER)
		memset(out, 0, sizeof(*out));
	return out->kind;
}
