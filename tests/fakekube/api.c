/* SPDX-License-Identifier: Apache-2.0 */
/* Who may do what, which object is meant, and what the answer is. */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "fakekube.h"

#define JSON  "application/json"
#define PLAIN "text/plain; charset=utf-8"

/* "/api/v1/namespaces/NS/pods/POD/exec" taken apart */
struct target {
	char *part[8];
	size_t count;
};

static void
string_free(char **s)
{
	free(*s);
}

#define auto_string __attribute__((cleanup(string_free))) char *

static void
target_free(struct target *t)
{
	while (t->count > 0)
		free(t->part[--t->count]);
}

static int
target_parse(struct target *t, const char *path)
{
	size_t n;

	while (*path == '/') {
		n = strcspn(++path, "/");
		if (t->count == sizeof(t->part) / sizeof(t->part[0]))
			return -1;
		t->part[t->count++] = percent_decode(path, n, false, NULL);
		path += n;
	}
	return 0;
}

static bool
target_is(const struct target *t, size_t i, const char *name)
{
	return i < t->count && strcmp(t->part[i], name) == 0;
}

static int
reply_json(struct conn *c, const struct request *req, int code,
    const struct text *body)
{
	if (http_reply(c, req, code, JSON, NULL, body->data, body->len) < 0)
		return 0;
	return req->keep;
}

static int
reply_error(struct conn *c, const struct request *req, int code,
    const char *reason, const char *message, const char *name)
{
	auto_text body = {0};

	status_error(&body, code, reason, message, name);
	return reply_json(c, req, code, &body);
}

static int
reply_not_found(struct conn *c, const struct request *req, const char *name)
{
	auto_text message = {0};

	text_addf(&message, "pods \"%s\" not found", name);
	return reply_error(c, req, 404, "NotFound", message.data, name);
}

static void
log_request(const struct conn *c, const struct request *req, const char *user)
{
	const struct header *h;
	auto_text t = {0};
	size_t i;

	log_start(&t, conn_server(c), conn_id(c), "request");
	text_adds(&t, ",\"method\":");
	text_jsons(&t, req->method);
	text_adds(&t, ",\"target\":");
	text_jsons(&t, req->target);
	text_adds(&t, ",\"user\":");
	text_jsons(&t, user == NULL ? "" : user);
	text_adds(&t, ",\"headers\":[");
	for (i = 0; i < req->nheaders; i++) {
		h = &req->headers[i];
		text_adds(&t, i > 0 ? ",[" : "[");
		text_jsons(&t, h->name);
		text_adds(&t, ",");
		text_jsons(&t,
		    strcasecmp(h->name, "Authorization") == 0 ? "REDACTED"
							      : h->value);
		text_adds(&t, "]");
	}
	text_adds(&t, "]");
	log_end(&t, conn_server(c));
}

static int
reply_forbidden(struct conn *c, const struct request *req,
    const struct identity *who, const char *verb, const char *resource,
    const char *ns, const char *name)
{
	auto_text message = {0};

	text_adds(&message, "pods ");
	if (name != NULL)
		text_addf(&message, "\"%s\" ", name);
	text_addf(&message,
	    "is forbidden: User \"%s\" cannot %s resource \"%s\" in API "
	    "group \"\" ",
	    who->name, verb, resource);
	if (ns == NULL)
		text_adds(&message, "at the cluster scope");
	else
		text_addf(&message, "in the namespace \"%s\"", ns);
	return reply_error(c, req, 403, "Forbidden", message.data,
	    name == NULL ? "" : name);
}

static int
get_discovery(struct conn *c, const struct request *req, const struct target *t)
{
	auto_text body = {0};

	if (t->count == 1 && target_is(t, 0, "api"))
		text_adds(&body,
		    "{\"kind\":\"APIVersions\",\"versions\":[\"v1\"],"
		    "\"serverAddressByClientCIDRs\":[]}\n");
	else if (t->count == 1 && target_is(t, 0, "apis"))
		text_adds(&body,
		    "{\"kind\":\"APIGroupList\",\"apiVersion\":\"v1\","
		    "\"groups\":[]}\n");
	else if (t->count == 2 && target_is(t, 0, "api") &&
	    target_is(t, 1, "v1"))
		text_adds(&body,
		    "{\"kind\":\"APIResourceList\",\"groupVersion\":\"v1\","
		    "\"resources\":[{\"name\":\"pods\",\"singularName\":"
		    "\"pod\",\"namespaced\":true,\"kind\":\"Pod\",\"verbs\":"
		    "[\"get\",\"list\"],\"shortNames\":[\"po\"]},{\"name\":"
		    "\"pods/exec\",\"singularName\":\"\",\"namespaced\":true,"
		    "\"kind\":\"PodExecOptions\",\"verbs\":[\"create\","
		    "\"get\"]}]}\n");
	else
		return reply_error(c, req, 404, "NotFound",
		    "the server could not find the requested resource", NULL);
	return reply_json(c, req, 200, &body);
}

/* What anyone may ask, the anonymous included. */
static int
get_public(struct conn *c, const struct request *req, const char *name)
{
	const char *v = conn_server(c)->version, *minor;
	auto_text body = {0};
	size_t n;

	if (strcmp(name, "version") != 0)
		return http_reply(c, req, 200, PLAIN, NULL, "ok", 2) < 0
		    ? 0
		    : req->keep;
	minor = strchrnul(v, '.');
	n = strspn(v, "v");
	text_adds(&body, "{\"major\":");
	text_json(&body, v + n, (size_t)(minor - v) - n);
	minor += *minor == '.';
	text_adds(&body, ",\"minor\":");
	text_json(&body, minor, strcspn(minor, "."));
	text_adds(&body, ",\"gitVersion\":");
	text_jsons(&body, v);
	text_adds(&body,
	    ",\"gitCommit\":\"fakekube\",\"gitTreeState\":\"clean\","
	    "\"buildDate\":\"2024-01-01T00:00:00Z\",\"goVersion\":\"none\","
	    "\"compiler\":\"cc\",\"platform\":\"linux/amd64\"}\n");
	return reply_json(c, req, 200, &body);
}

/* Is this request one of the first N that a fault with times=N spoils? */
static bool
fault_counts(const struct server *srv, const struct pod *pod, int64_t times)
{
	struct slot *slot = &srv->shared->slots[pod->slot];

	if (times < 0)
		return true;
	return __atomic_fetch_add(&slot->requests, 1, __ATOMIC_RELAXED) < times;
}

static const char *
fault_reason(int code)
{
	static const struct {
		int code;
		const char *reason;
	} reasons[] = {{400, "BadRequest"}, {401, "Unauthorized"},
	    {403, "Forbidden"}, {404, "NotFound"}, {409, "Conflict"},
	    {410, "Gone"}, {429, "TooManyRequests"}, {500, "InternalError"},
	    {503, "ServiceUnavailable"}, {504, "Timeout"}};
	size_t i;

	for (i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
		if (reasons[i].code == code)
			return reasons[i].reason;
	}
	return "";
}

static void
fault_message(struct text *t, int code, const struct pod *pod)
{
	if (code == 401)
		text_adds(t, "Unauthorized");
	else if (code == 403)
		text_addf(t,
		    "pods \"%s\" is forbidden: refused by an admission "
		    "webhook",
		    pod->name);
	else if (code == 404)
		text_addf(t, "pods \"%s\" not found", pod->name);
	else if (code == 409)
		text_addf(t,
		    "Operation cannot be fulfilled on pods \"%s\": the object "
		    "has been modified; please apply your changes to the "
		    "latest version and try again",
		    pod->name);
	else if (code == 429)
		text_adds(t, "too many requests, please try again later.");
	else if (code == 500)
		text_adds(t, "Internal error occurred: fakekube was told so");
	else if (code == 503)
		text_adds(t,
		    "the server is currently unable to handle the request");
	else
		text_addf(t, "%s", http_reason(code));
}

static int
fault_http(struct conn *c, const struct request *req, const struct pod *pod)
{
	const struct faults *f = &pod->faults;
	auto_text body = {0}, extra = {0}, message = {0};
	const char *type = JSON;
	int code = f->http.code;

	if (f->http.retry_after >= 0)
		text_addf(&extra, "Retry-After: %lld\r\n",
		    (long long)f->http.retry_after);
	fault_message(&message, code, pod);
	if (f->http.body == BODY_HUGE) {
		while (message.len < 2u << 20)
			text_adds(&message, " and so on");
	}
	if (f->http.body == BODY_HTML) {
		type = "text/html";
		text_addf(&body,
		    "<html>\r\n<head><title>%d %s</title></head>\r\n"
		    "<body>a proxy says no</body>\r\n</html>\r\n",
		    code, http_reason(code));
	} else if (f->http.body == BODY_EMPTY) {
		type = NULL;
	} else {
		status_error(&body, code, fault_reason(code), message.data,
		    code == 401 ? NULL : pod->name);
	}
	if (f->http.body == BODY_CUT) {
		/* Promises twice what it sends. */
		text_addf(&extra,
		    "HTTP/1.1 %d %s\r\nContent-Type: %s\r\n"
		    "Content-Length: %zu\r\n\r\n",
		    code, http_reason(code), type, body.len * 2);
		text_add(&extra, body.data, body.len);
		conn_write(c, extra.data, extra.len, now_ms() + 10000);
		return 0;
	}
	return http_reply(c, req, code, type, extra.data, body.data, body.len) <
		0
	    ? 0
	    : req->keep;
}

/* Waits, without answering, for the time given or for the peer to go. */
static int
fault_hang(struct conn *c, int64_t ms)
{
	int64_t deadline = now_ms() + ms;
	struct pollfd p = {.fd = conn_fd(c), .events = POLLRDHUP};
	int64_t left;

	for (;;) {
		left = deadline - now_ms();
		if (ms > 0 && left <= 0)
			return 1;
		if (poll(&p, 1, ms > 0 && left < 60000 ? (int)left : 60000) > 0)
			return 0;
	}
}

/* 1: go on as if nothing was, 0: *keep is the answer. */
static int
fault_before(struct conn *c, const struct request *req, const struct pod *pod,
    enum fault_on on, int *keep)
{
	const struct server *srv = conn_server(c);
	const struct faults *f = &pod->faults;
	auto_text extra = {0};

	*keep = 0;
	if ((f->hang.on & (int)on) && fault_counts(srv, pod, f->hang.times)) {
		log_event(srv, conn_id(c), "hang");
		if (fault_hang(c, f->hang.ms) == 0)
			return 0;
	}
	if ((f->redirect.on & (int)on)) {
		text_addf(&extra, "Location: %s\r\n", f->redirect.location);
		http_reply(c, req, 302, NULL, extra.data, "", 0);
		return 0;
	}
	if (f->http.code != 0 && (f->http.on & (int)on) &&
	    fault_counts(srv, pod, f->http.times)) {
		*keep = fault_http(c, req, pod);
		return 0;
	}
	return 1;
}

/* 0: the container is known, -1: *keep is the answer. */
static int
check_container(struct conn *c, const struct request *req,
    const struct pod *pod, int *keep)
{
	auto_string name = query_get(req->query, "container");
	auto_text message = {0};
	size_t i;

	if (name == NULL || *name == '\0') {
		if (pod->ncontainers < 2)
			return 0;
		text_addf(&message,
		    "a container name must be specified for pod %s, "
		    "choose one of: [",
		    pod->name);
		for (i = 0; i < pod->ncontainers; i++)
			text_addf(&message, "%s%s", i > 0 ? " " : "",
			    pod->containers[i]);
		text_adds(&message, "]");
	} else {
		if (pod->ncontainers == 0 && strcmp(name, "main") == 0)
			return 0;
		for (i = 0; i < pod->ncontainers; i++) {
			if (strcmp(pod->containers[i], name) == 0)
				return 0;
		}
		text_addf(&message, "container %s is not valid for pod %s",
		    name, pod->name);
	}
	*keep = reply_error(c, req, 400, "BadRequest", message.data, NULL);
	return -1;
}

static int
post_exec(struct conn *c, const struct request *req, const struct identity *who,
    const char *ns, const char *name)
{
	const struct server *srv = conn_server(c);
	const char *verb = strcmp(req->method, "GET") == 0 ? "get" : "create";
	__attribute__((cleanup(command_free))) struct command cmd = {0};
	const struct pod *pod;
	auto_text message = {0};
	int keep;

	if (!identity_allowed(who, verb, "pods/exec", ns))
		return reply_forbidden(c, req, who, verb, "pods/exec", ns,
		    name);
	if (!identity_allowed(who, "create", "pods/exec", ns)) {
		/* The second check of 1.35 gives no reason. */
		text_addf(&message, "pods \"%s\" is forbidden: ", name);
		return reply_error(c, req, 403, "Forbidden", message.data,
		    name);
	}
	pod = config_pod(srv->config, ns, name);
	if (pod == NULL || srv->shared->slots[pod->slot].gone)
		return reply_not_found(c, req, name);
	if (fault_before(c, req, pod, ON_EXEC, &keep) == 0)
		return keep;
	if (check_container(c, req, pod, &keep) < 0)
		return keep;
	if (!pod->scheduled) {
		text_addf(&message, "pod %s does not have a host assigned",
		    name);
		return reply_error(c, req, 400, "BadRequest", message.data,
		    NULL);
	}
	command_parse(&cmd, req->query);
	if (!cmd.in && !cmd.out && !cmd.err) {
		static const char streams[] =
		    "you must specify at least 1 of stdin, stdout, stderr";
		return http_reply(c, req, 400, PLAIN, NULL, streams,
			   sizeof(streams) - 1) < 0
		    ? 0
		    : req->keep;
	}
	if (!upgrade_wanted(req))
		return reply_error(c, req, 400, "BadRequest",
		    "Upgrade request required", NULL);
	upgrade_exec(c, req, pod, &cmd);
	return 0;
}

static int
get_pod(struct conn *c, const struct request *req, const struct identity *who,
    const char *ns, const char *name)
{
	const struct server *srv = conn_server(c);
	const struct pod *pod;
	auto_text body = {0};
	int keep;

	if (!identity_allowed(who, "get", "pods", ns))
		return reply_forbidden(c, req, who, "get", "pods", ns, name);
	pod = config_pod(srv->config, ns, name);
	if (pod == NULL || srv->shared->slots[pod->slot].gone)
		return reply_not_found(c, req, name);
	if (fault_before(c, req, pod, ON_GET, &keep) == 0)
		return keep;
	pod_object(&body, srv, pod);
	return reply_json(c, req, 200, &body);
}

static int
get_pods(struct conn *c, const struct request *req, const struct identity *who,
    const char *ns)
{
	auto_string selector = query_get(req->query, "labelSelector");
	auto_string fields = query_get(req->query, "fieldSelector");
	auto_text body = {0};

	if (!identity_allowed(who, "list", "pods", ns))
		return reply_forbidden(c, req, who, "list", "pods", ns, NULL);
	pod_list(&body, conn_server(c), ns, selector, fields);
	return reply_json(c, req, 200, &body);
}

int
api_handle(struct conn *c, struct request *req)
{
	__attribute__((cleanup(target_free))) struct target t = {0};
	struct identity who;
	bool get = strcmp(req->method, "GET") == 0;
	int known = identity_check(c, req, &who);

	log_request(c, req, known < 0 ? NULL : who.name);
	if (known < 0)
		return reply_error(c, req, 401, "Unauthorized", "Unauthorized",
		    NULL);
	/* A path too long to be taken apart has no route below. */
	(void)target_parse(&t, req->path);
	if (t.count == 7 && target_is(&t, 0, "api") && target_is(&t, 1, "v1") &&
	    target_is(&t, 2, "namespaces") && target_is(&t, 4, "pods") &&
	    target_is(&t, 6, "exec") &&
	    (get || strcmp(req->method, "POST") == 0))
		return post_exec(c, req, &who, t.part[3], t.part[5]);
	if (!get)
		return reply_error(c, req, 405, "MethodNotAllowed",
		    "the server does not allow this method on the requested "
		    "resource",
		    NULL);
	if (t.count == 1 &&
	    (target_is(&t, 0, "version") || target_is(&t, 0, "healthz") ||
		target_is(&t, 0, "livez") || target_is(&t, 0, "readyz")))
		return get_public(c, req, t.part[0]);
	if (target_is(&t, 0, "api") && target_is(&t, 1, "v1")) {
		if (t.count == 3 && target_is(&t, 2, "pods"))
			return get_pods(c, req, &who, NULL);
		if (target_is(&t, 2, "namespaces") &&
		    target_is(&t, 4, "pods")) {
			if (t.count == 5)
				return get_pods(c, req, &who, t.part[3]);
			if (t.count == 6)
				return get_pod(c, req, &who, t.part[3],
				    t.part[5]);
		}
	}
	return get_discovery(c, req, &t);
}
