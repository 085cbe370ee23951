/* SPDX-License-Identifier: Apache-2.0 */
/* JSON objects as the API server writes them. */
#include <openssl/sha.h>

#include <stdlib.h>
#include <string.h>

#include "fakekube.h"

#define CREATED "2024-01-01T00:00:00Z"

/* NAME: the pod that details speak of, or NULL for no details. */
void
status_error(struct text *t, int code, const char *reason, const char *message,
    const char *name)
{
	text_adds(t,
	    "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{},"
	    "\"status\":\"Failure\",\"message\":");
	text_jsons(t, message);
	text_adds(t, ",\"reason\":");
	text_jsons(t, reason);
	if (name != NULL) {
		text_adds(t, ",\"details\":{\"name\":");
		text_jsons(t, name);
		text_adds(t, ",\"kind\":\"pods\"}");
	}
	text_addf(t, ",\"code\":%d}\n", code);
}

static void
pod_uid(struct text *t, const struct pod *pod)
{
	unsigned char h[SHA_DIGEST_LENGTH];
	auto_text key = {0};

	text_addf(&key, "%s/%s", pod->ns, pod->name);
	SHA1((const unsigned char *)key.data, key.len, h);
	text_addf(t,
	    "\"%02x%02x%02x%02x-%02x%02x-4%x%02x-8%x%02x-"
	    "%02x%02x%02x%02x%02x%02x\"",
	    h[0], h[1], h[2], h[3], h[4], h[5], h[6] & 15, h[7], h[8] & 15,
	    h[9], h[10], h[11], h[12], h[13], h[14], h[15]);
}

static void
pod_map(struct text *t, const char *name, char *const *pairs, size_t n)
{
	const char *eq;
	size_t i;

	if (n == 0)
		return;
	text_adds(t, ",");
	text_jsons(t, name);
	text_adds(t, ":{");
	for (i = 0; i < n; i++) {
		eq = strchrnul(pairs[i], '=');
		text_adds(t, i > 0 ? "," : "");
		text_json(t, pairs[i], (size_t)(eq - pairs[i]));
		text_adds(t, ":");
		text_jsons(t, *eq == '=' ? eq + 1 : "");
	}
	text_adds(t, "}");
}

static void
pod_container_status(struct text *t, const struct pod *pod, const char *name)
{
	bool running = strcmp(pod->phase, "Running") == 0;

	text_adds(t, "{\"name\":");
	text_jsons(t, name);
	if (running)
		text_adds(t,
		    ",\"state\":{\"running\":{\"startedAt\":\"" CREATED "\"}}");
	else if (strcmp(pod->phase, "Pending") == 0)
		text_adds(t,
		    ",\"state\":{\"waiting\":"
		    "{\"reason\":\"ContainerCreating\"}}");
	else
		text_addf(t,
		    ",\"state\":{\"terminated\":{\"exitCode\":%d,"
		    "\"reason\":\"%s\"}}",
		    strcmp(pod->phase, "Failed") == 0,
		    strcmp(pod->phase, "Failed") == 0 ? "Error" : "Completed");
	text_addf(t,
	    ",\"lastState\":{},\"ready\":%s,\"restartCount\":0,"
	    "\"image\":\"fakekube\",\"imageID\":\"\",\"started\":%s}",
	    running ? "true" : "false", running ? "true" : "false");
}

/* Without kind and apiVersion, as in a list. */
static void
pod_body(struct text *t, const struct pod *pod)
{
	static char main_name[] = "main";
	static char *const main_only[] = {main_name};
	char *const *names = pod->ncontainers > 0 ? pod->containers : main_only;
	size_t i, n = pod->ncontainers > 0 ? pod->ncontainers : 1;

	text_adds(t, "\"metadata\":{\"name\":");
	text_jsons(t, pod->name);
	text_adds(t, ",\"namespace\":");
	text_jsons(t, pod->ns);
	text_adds(t, ",\"uid\":");
	pod_uid(t, pod);
	text_adds(t,
	    ",\"resourceVersion\":\"1\",\"creationTimestamp\":\"" CREATED "\"");
	pod_map(t, "labels", pod->labels, pod->nlabels);
	pod_map(t, "annotations", pod->annotations, pod->nannotations);
	text_adds(t, "},\"spec\":{\"containers\":[");
	for (i = 0; i < n; i++) {
		text_adds(t, i > 0 ? ",{\"name\":" : "{\"name\":");
		text_jsons(t, names[i]);
		text_adds(t, ",\"image\":\"fakekube\",\"resources\":{}}");
	}
	text_adds(t, "],\"restartPolicy\":\"Always\"");
	if (pod->scheduled)
		text_adds(t, ",\"nodeName\":\"fakekube\"");
	text_adds(t, "},\"status\":{\"phase\":");
	text_jsons(t, pod->phase);
	text_adds(t, ",\"startTime\":\"" CREATED "\",\"containerStatuses\":[");
	for (i = 0; i < n; i++) {
		text_adds(t, i > 0 ? "," : "");
		pod_container_status(t, pod, names[i]);
	}
	text_adds(t, "]}}");
}

void
pod_object(struct text *t, const struct server *srv, const struct pod *pod)
{
	(void)srv;
	text_adds(t, "{\"kind\":\"Pod\",\"apiVersion\":\"v1\",");
	pod_body(t, pod);
	text_adds(t, "\n");
}

/* a=b, a==b, a!=b, a and !a, joined by commas; set-based terms never match. */
static bool
label_term(const struct pod *pod, const char *term, size_t n)
{
	const char *eq = memchr(term, '=', n), *have = NULL;
	size_t i, klen = eq == NULL ? n : (size_t)(eq - term), vlen;
	bool negative = n > 0 && term[0] == '!';
	bool unequal = eq != NULL && klen > 0 && eq[-1] == '!';

	if (negative) {
		term++;
		klen--;
	}
	if (unequal)
		klen--;
	for (i = 0; i < pod->nlabels; i++) {
		if (strncmp(pod->labels[i], term, klen) == 0 &&
		    pod->labels[i][klen] == '=')
			have = pod->labels[i] + klen + 1;
	}
	if (eq == NULL)
		return (have != NULL) != negative;
	eq++;
	vlen = n - (size_t)(eq - (negative ? term - 1 : term));
	if (vlen > 0 && *eq == '=') {
		eq++;
		vlen--;
	}
	return (have != NULL && strlen(have) == vlen &&
		   strncmp(have, eq, vlen) == 0) != unequal;
}

static bool
pod_selected(const struct pod *pod, const char *selector, const char *fields)
{
	static const char by_name[] = "metadata.name=";
	size_t n;

	if (fields != NULL &&
	    strncmp(fields, by_name, sizeof(by_name) - 1) == 0 &&
	    strcmp(fields + sizeof(by_name) - 1, pod->name) != 0)
		return false;
	while (selector != NULL && *selector != '\0') {
		n = strcspn(selector, ",");
		if (!label_term(pod, selector, n))
			return false;
		selector += n + (selector[n] == ',');
	}
	return true;
}

/* NS: NULL for all namespaces */
void
pod_list(struct text *t, const struct server *srv, const char *ns,
    const char *selector, const char *fields)
{
	const struct pod *pod;
	bool first = true;
	size_t i;

	text_adds(t,
	    "{\"kind\":\"PodList\",\"apiVersion\":\"v1\","
	    "\"metadata\":{\"resourceVersion\":\"1\"},\"items\":[");
	for (i = 0; i < srv->config->npods; i++) {
		pod = &srv->config->pods[i];
		if ((ns != NULL && strcmp(pod->ns, ns) != 0) ||
		    srv->shared->slots[pod->slot].gone ||
		    !pod_selected(pod, selector, fields))
			continue;
		text_adds(t, first ? "{" : ",{");
		pod_body(t, pod);
		first = false;
	}
	text_adds(t, "]}\n");
}
