/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/kube/status.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/kube/kjson.h"

/* How much of the server's text is kept, so that our own advice behind it
 * fits into an error as well. */
#define TEXT_MAX 700

char *
status_line(char *dst, size_t size, const char *src, size_t len)
{
	size_t i, o = 0;
	unsigned char c;
	int gap = 0;

	if (size == 0)
		return dst;
	for (i = 0; i < len; i++) {
		c = (unsigned char)src[i];
		if (c <= ' ' || c == 0x7f) {
			gap = o > 0;
			continue;
		}
		if (o + 1 + (size_t)gap >= size)
			break;
		if (gap)
			dst[o++] = ' ';
		gap = 0;
		dst[o++] = c < 0x7f ? (char)c : '?';
	}
	dst[o] = '\0';
	return dst;
}

static const char *
http_phrase(int code)
{
	static const struct {
		int code;
		const char *phrase;
	} phrases[] = {
	    {400, "Bad Request"},
	    {401, "Unauthorized"},
	    {403, "Forbidden"},
	    {404, "Not Found"},
	    {405, "Method Not Allowed"},
	    {409, "Conflict"},
	    {410, "Gone"},
	    {429, "Too Many Requests"},
	    {500, "Internal Server Error"},
	    {502, "Bad Gateway"},
	    {503, "Service Unavailable"},
	    {504, "Gateway Timeout"},
	};
	size_t i;

	for (i = 0; i < sizeof(phrases) / sizeof(phrases[0]); i++)
		if (phrases[i].code == code)
			return phrases[i].phrase;
	if (code >= 300 && code < 400)
		return "redirected, and redirects are not followed";
	return "unexpected answer";
}

static enum k8s_err_code
http_err_code(int code)
{
	switch (code) {
	case 401:
		return K8S_ERR_AUTH;
	case 403:
		return K8S_ERR_FORBIDDEN;
	case 404:
		return K8S_ERR_NOT_FOUND;
	default:
		return K8S_ERR_API;
	}
}

/* The text of an error body as one line; empty if there is none for people.
 * *is_status says whether Kubernetes wrote it. */
static void
body_text(const char *body, size_t len, char *text, size_t size, int *is_status)
{
	struct json_object *o __attribute__((cleanup(kjson_putp))) = NULL;
	const char *message;
	size_t i;

	text[0] = '\0';
	*is_status = 0;
	if (body == NULL)
		return;
	for (i = 0; i < len && isspace((unsigned char)body[i]); i++)
		continue;
	if (i < len && body[i] == '{') {
		if (len > STATUS_MAX || (o = kjson_parse(body, len)) == NULL)
			return;
		if ((message = kjson_string(o, "message")) == NULL)
			return;
		*is_status = 1;
		status_line(text, size, message, strlen(message));
	} else if (i < len && body[i] == '<') {
		(void)snprintf(text, size,
		    "answered by a web page: is "
		    "something else than the API server listening there?");
	} else
		status_line(text, size, body, len);
}

static int
ends_with(const char *s, const char *end)
{
	size_t n = strlen(s), m = strlen(end);

	return n >= m && strcmp(s + n - m, end) == 0;
}

/* Copies the word behind the last mark up to the character end. */
static int
word_after(const char *text, const char *mark, char end, char *word,
    size_t size)
{
	const char *p = NULL, *next, *stop;

	for (next = strstr(text, mark); next != NULL; next = strstr(p, mark))
		p = next + strlen(mark);
	if (p == NULL || (stop = strchr(p, end)) == NULL || stop == p ||
	    (size_t)(stop - p) >= size)
		return -1;
	memcpy(word, p, (size_t)(stop - p));
	word[stop - p] = '\0';
	return 0;
}

/*
 * RBAC's message is: User "u" cannot VERB resource "RESOURCE" in API group …
 * From 1.35 on exec wants get and create; with get alone the message ends
 * with "is forbidden: " and names nothing (measured), so we do.
 */
static void
forbidden_advice(char *text, char *advice, size_t size)
{
	char verb[32], resource[64];
	size_t n;

	advice[0] = '\0';
	if (ends_with(text, "is forbidden:")) {
		n = strlen(text);
		text[n - 1] = '\0';
		(void)snprintf(advice, size,
		    " (grant get and create on pods/exec)");
		return;
	}
	if (word_after(text, " cannot ", ' ', verb, sizeof(verb)) == -1 ||
	    word_after(text, " resource \"", '"', resource, sizeof(resource)) ==
		-1)
		return;
	if (strcmp(resource, "pods/exec") == 0 ||
	    strcmp(resource, "pods/portforward") == 0)
		(void)snprintf(advice, size, " (grant get and create on %s)",
		    resource);
	else
		(void)snprintf(advice, size, " (grant %s on %s)", verb,
		    resource);
}

int
status_http_error(int http_code, const char *body, size_t len, int retry_after,
    struct k8s_err *err)
{
	enum k8s_err_code code = http_err_code(http_code);
	char text[TEXT_MAX], advice[128] = "";
	const char *phrase = http_phrase(http_code);
	int is_status;

	body_text(body, len, text, sizeof(text), &is_status);
	switch (http_code) {
	case 401:
		(void)snprintf(advice, sizeof(advice),
		    ": the credentials are "
		    "missing, wrong or expired: renew the token or "
		    "certificate in the kubeconfig");
		break;
	case 403:
		if (text[0] == '\0')
			(void)snprintf(advice, sizeof(advice),
			    ", without explanation");
		else
			forbidden_advice(text, advice, sizeof(advice));
		break;
	case 404:
		if (!is_status)
			(void)snprintf(advice, sizeof(advice),
			    " (is the server in the kubeconfig right?)");
		break;
	case 429:
	case 503:
		if (retry_after >= 0)
			(void)snprintf(advice, sizeof(advice),
			    ": try again in %d s", retry_after);
		else if (http_code == 429)
			(void)snprintf(advice, sizeof(advice),
			    ": try again later");
		break;
	}
	if (text[0] == '\0' || strcmp(text, phrase) == 0)
		return k8s_err_set(err, code, "%d %s%s", http_code, phrase,
		    advice);
	return k8s_err_set(err, code, "%d: %s%s", http_code, text, advice);
}

/* Decimal 0..255, nothing around it. */
static int
parse_exit_code(const char *s, int *exit_code)
{
	size_t i, n = strlen(s);
	int v = 0;

	if (n == 0 || n > 3 || (n > 1 && s[0] == '0'))
		return -1;
	for (i = 0; i < n; i++) {
		if (s[i] < '0' || s[i] > '9')
			return -1;
		v = v * 10 + (s[i] - '0');
	}
	if (v > 255)
		return -1;
	*exit_code = v;
	return 0;
}

/* Status of a command that ended with something else than 0. */
static int
exec_exit_code(struct json_object *status, int *exit_code, struct k8s_err *err)
{
	struct json_object *causes, *c;
	const char *reason, *message = NULL;
	size_t i, n, found = 0;

	causes = kjson_array(kjson_object(status, "details"), "causes");
	n = kjson_length(causes);
	for (i = 0; i < n; i++) {
		c = json_object_array_get_idx(causes, i);
		reason = kjson_string(c, "reason");
		if (reason == NULL || strcmp(reason, "ExitCode") != 0)
			continue;
		message = kjson_string(c, "message");
		found++;
	}
	if (found != 1 || message == NULL ||
	    parse_exit_code(message, exit_code) == -1)
		return k8s_err_set(err, K8S_ERR_INVALID,
		    "the API server's status of the command holds no valid "
		    "exit code");
	return 0;
}

/* Removes one piece from the end of s if it is there. */
static int
strip(char *s, const char *end)
{
	if (!ends_with(s, end))
		return 0;
	s[strlen(s) - strlen(end)] = '\0';
	return 1;
}

/* Removes ", exit code -1", with which CRI-O ends its text. */
static int
strip_exit_code(char *s)
{
	static const char mark[] = ", exit code ";
	size_t n = strlen(s), m = sizeof(mark) - 1;

	while (n > 0 && isdigit((unsigned char)s[n - 1]))
		n--;
	if (n > 0 && s[n - 1] == '-')
		n--;
	if (s[n] == '\0' || n < m || strncmp(s + n - m, mark, m) != 0)
		return 0;
	s[n - m] = '\0';
	return 1;
}

/*
 * Whether the text is about starting the command rather than about, say, its
 * working folder or the runtime's socket. Returns where what is worth showing
 * starts. The marks are searched from the front, as the command's name, which
 * the user chose, comes behind them.
 */
static const char *
start_failure(const char *text)
{
	static const char *const runc[] = {"unable to start container process",
	    "starting container process caused"};
	static const char *const crun[] = {"executable file `",
	    "open executable", "exec `", "exec failed: "};
	const char *p;
	size_t i;

	for (i = 0; i < 2; i++) {
		if ((p = strstr(text, runc[i])) == NULL)
			continue;
		p += strlen(runc[i]);
		p += strspn(p, ": \"\\");
		return strncmp(p, "exec", 4) == 0 ? p : NULL;
	}
	for (i = 0; i < 4; i++)
		if ((p = strstr(text, crun[i])) != NULL)
			return p;
	return NULL;
}

/*
 * Kubernetes has no field for "the command could not be started": only the
 * container runtime's text says so. It ends with the reason, behind the
 * command's name; so the end alone is looked at, with what runtimes append
 * taken off. Texts: runc as recorded from 1.36 and as 1.20 quotes it, crun,
 * and CRI-O's frame around either.
 */
static enum k8s_err_code
judge_start(char *text, const char **shown)
{
	static const struct {
		const char *end;
		enum k8s_err_code code;
	} reasons[] = {
	    {"executable file not found in $path", K8S_ERR_NO_COMMAND},
	    {"no such file or directory", K8S_ERR_NO_COMMAND},
	    {"not found in $path", K8S_ERR_NO_COMMAND},
	    {"permission denied", K8S_ERR_NOT_EXECUTABLE},
	    {"exec format error", K8S_ERR_NOT_EXECUTABLE},
	    {"is a directory", K8S_ERR_NOT_EXECUTABLE},
	    {"not a directory", K8S_ERR_NOT_EXECUTABLE},
	    {"argument list too long", K8S_ERR_NOT_EXECUTABLE},
	    {"file name too long", K8S_ERR_NOT_EXECUTABLE},
	    {"text file busy", K8S_ERR_NOT_EXECUTABLE},
	    {"too many levels of symbolic links", K8S_ERR_NOT_EXECUTABLE},
	};
	const char *start;
	size_t i, n, m;

	while (strip(text, " ") || strip(text, "\"") || strip(text, "\\") ||
	    strip(text, "\\n") || strip(text, ": unknown") ||
	    strip(text, ", stderr:") || strip(text, ", stdout:") ||
	    strip(text, ",") || strip_exit_code(text))
		continue;
	if ((start = start_failure(text)) == NULL)
		return K8S_ERR_NONE;
	n = strlen(start);
	for (i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
		m = strlen(reasons[i].end);
		if (n < m || strcasecmp(start + n - m, reasons[i].end) != 0)
			continue;
		*shown = start;
		return reasons[i].code;
	}
	return K8S_ERR_NONE;
}

static void
freep(char **p)
{
	free(*p);
}

static int
exec_failure(struct json_object *status, struct k8s_err *err)
{
	static const char internal[] = "Internal error occurred: ";
	char *text __attribute__((cleanup(freep))) = NULL;
	const char *message = kjson_string(status, "message"), *shown = NULL;
	struct json_object *code;
	enum k8s_err_code judged;

	if (message == NULL || message[0] == '\0')
		return k8s_err_set(err, K8S_ERR_API,
		    "the command was not run: the API server gave no reason");
	/* Whole, as its end decides; STATUS_MAX bounds it. */
	if ((text = malloc(strlen(message) + 1)) == NULL)
		return k8s_err_errno(err, "exec status");
	status_line(text, strlen(message) + 1, message, strlen(message));
	judged = judge_start(text, &shown);
	if (judged != K8S_ERR_NONE)
		return k8s_err_set(err, judged,
		    "the container can't run the command: %s", shown);
	status_line(text, strlen(message) + 1, message, strlen(message));
	shown = text;
	while (strncmp(shown, internal, sizeof(internal) - 1) == 0)
		shown += sizeof(internal) - 1;
	judged = K8S_ERR_API;
	if (json_object_object_get_ex(status, "code", &code) &&
	    json_object_is_type(code, json_type_int))
		judged = http_err_code(json_object_get_int(code));
	return k8s_err_set(err, judged, "the command was not run: %.*s",
	    TEXT_MAX, shown);
}

int
status_exec(const char *json, size_t len, int *exit_code, struct k8s_err *err)
{
	struct json_object *o __attribute__((cleanup(kjson_putp))) = NULL;
	const char *status, *reason;

	if (len > STATUS_MAX)
		return k8s_err_set(err, K8S_ERR_INVALID,
		    "the API server's status of the command is longer than "
		    "%d bytes",
		    STATUS_MAX);
	o = kjson_parse(json, len);
	status = kjson_string(o, "status");
	if (status != NULL && strcmp(status, "Success") == 0) {
		*exit_code = 0;
		return 0;
	}
	if (status == NULL || strcmp(status, "Failure") != 0)
		return k8s_err_set(err, K8S_ERR_INVALID,
		    "the API server's status of the command can't be "
		    "understood");
	reason = kjson_string(o, "reason");
	if (reason != NULL && strcmp(reason, "NonZeroExitCode") == 0)
		return exec_exit_code(o, exit_code, err);
	return exec_failure(o, err);
}
