/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/kube/pod.h"
#include "lib/kube/url.h"

#include <stdio.h>
#include <string.h>

#include "lib/kube/kjson.h"
#include "lib/kube/status.h"

/* How much of one of the pod's texts goes into a line. */
#define TEXT_MAX 300

/* Containers are looked for in these, in this order. */
static const char *const spec_lists[] = {"containers", "initContainers",
    "ephemeralContainers"};
static const char *const status_lists[] = {"containerStatuses",
    "initContainerStatuses", "ephemeralContainerStatuses"};
#define LISTS 3

static const char *
text_of(struct json_object *o, const char *key, char *line, size_t size)
{
	const char *s = kjson_string(o, key);

	return status_line(line, size, s != NULL ? s : "",
	    s != NULL ? strlen(s) : 0);
}

static struct json_object *
element(struct json_object *list, const char *name)
{
	struct json_object *o;
	const char *s;
	size_t i;

	for (i = 0; i < kjson_length(list); i++) {
		o = json_object_array_get_idx(list, i);
		s = kjson_string(o, "name");
		if (s != NULL && strcmp(s, name) == 0)
			return o;
	}
	return NULL;
}

static struct json_object *
find(struct json_object *part, const char *const *lists, const char *name)
{
	struct json_object *o = NULL;
	size_t i;

	for (i = 0; i < LISTS && o == NULL; i++)
		o = element(kjson_array(part, lists[i]), name);
	return o;
}

/* The names of a pod's containers, for a message. */
static void
container_names(struct json_object *spec, char *out, size_t size)
{
	struct json_object *list;
	char name[64];
	size_t i, j, o = 0;
	int n;

	out[0] = '\0';
	for (i = 0; i < LISTS; i++) {
		list = kjson_array(spec, spec_lists[i]);
		for (j = 0; j < kjson_length(list); j++) {
			text_of(json_object_array_get_idx(list, j), "name",
			    name, sizeof(name));
			n = snprintf(out + o, size - o, "%s%s",
			    o == 0 ? "" : ", ", name);
			if (n < 0 || (size_t)n >= size - o) {
				out[o] = '\0';
				return;
			}
			o += (size_t)n;
		}
	}
}

/* "reason: message", or what there is of it, behind front; else nothing. */
static void
explain(struct json_object *o, char *out, size_t size)
{
	char reason[64], message[TEXT_MAX];

	text_of(o, "reason", reason, sizeof(reason));
	text_of(o, "message", message, sizeof(message));
	(void)snprintf(out, size, "%s%s%s", reason,
	    reason[0] != '\0' && message[0] != '\0' ? ": " : "", message);
}

/* Why the scheduler has found no node, if that is so. */
static struct json_object *
unscheduled(struct json_object *status)
{
	struct json_object *list = kjson_array(status, "conditions"), *o;
	const char *type, *value;
	size_t i;

	for (i = 0; i < kjson_length(list); i++) {
		o = json_object_array_get_idx(list, i);
		type = kjson_string(o, "type");
		value = kjson_string(o, "status");
		if (type != NULL && strcmp(type, "PodScheduled") == 0 &&
		    value != NULL && strcmp(value, "False") == 0)
			return o;
	}
	return NULL;
}

/* The first container that waits for something, init containers first, as
 * the others wait for them. */
static struct json_object *
first_waiting(struct json_object *status)
{
	static const size_t order[] = {1, 0};
	struct json_object *list, *o, *waiting;
	size_t i, j;

	for (i = 0; i < 2; i++) {
		list = kjson_array(status, status_lists[order[i]]);
		for (j = 0; j < kjson_length(list); j++) {
			o = json_object_array_get_idx(list, j);
			waiting =
			    kjson_object(kjson_object(o, "state"), "waiting");
			if (waiting != NULL)
				return waiting;
		}
	}
	return NULL;
}

static int
judge_pending(struct json_object *status, struct k8s_err *why)
{
	struct json_object *o = unscheduled(status);
	char text[TEXT_MAX + 80] = "";

	if (o == NULL)
		o = first_waiting(status);
	if (o == NULL)
		o = status;
	explain(o, text, sizeof(text));
	return k8s_err_set(why, K8S_ERR_API,
	    "the pod has not started yet%s%s: try again later",
	    text[0] != '\0' ? ": " : "", text);
}

static int
is_running(struct json_object *status, const char *name)
{
	return kjson_object(kjson_object(find(status, status_lists, name),
				"state"),
		   "running") != NULL;
}

static int
judge_container(struct json_object *status, const char *name,
    struct k8s_err *why)
{
	struct json_object *o = find(status, status_lists, name);
	struct json_object *state = kjson_object(o, "state"), *s, *code;
	char text[TEXT_MAX + 80], shown[64], number[32] = "";

	status_line(shown, sizeof(shown), name, strlen(name));
	if ((s = kjson_object(state, "waiting")) != NULL) {
		explain(s, text, sizeof(text));
		return k8s_err_set(why, K8S_ERR_API,
		    "container %s is not running%s%s: try again later", shown,
		    text[0] != '\0' ? ": " : "", text);
	}
	if ((s = kjson_object(state, "terminated")) != NULL) {
		explain(s, text, sizeof(text));
		if (json_object_object_get_ex(s, "exitCode", &code) &&
		    json_object_is_type(code, json_type_int))
			(void)snprintf(number, sizeof(number),
			    " with exit code %d", json_object_get_int(code));
		return k8s_err_set(why, K8S_ERR_API,
		    "container %s has ended%s%s%s", shown, number,
		    text[0] != '\0' ? ": " : "", text);
	}
	return -1;
}

int
pod_judge(const char *json, size_t len, const char *container,
    struct k8s_err *why)
{
	struct json_object *o __attribute__((cleanup(kjson_putp))) = NULL;
	struct json_object *spec, *status, *list;
	char names[400], shown[64], text[TEXT_MAX + 80];
	const char *phase;

	if ((o = kjson_parse(json, len)) == NULL)
		return -1;
	spec = kjson_object(o, "spec");
	status = kjson_object(o, "status");
	if (kjson_string(kjson_object(o, "metadata"), "deletionTimestamp") !=
	    NULL)
		return k8s_err_set(why, K8S_ERR_API,
		    "the pod is being deleted");
	phase = kjson_string(status, "phase");
	if (phase != NULL &&
	    (strcmp(phase, "Succeeded") == 0 || strcmp(phase, "Failed") == 0)) {
		explain(status, text, sizeof(text));
		return k8s_err_set(why, K8S_ERR_API,
		    "the pod has ended (%s)%s%s: nothing runs in it any more",
		    phase, text[0] != '\0' ? ": " : "", text);
	}
	list = kjson_array(spec, "containers");
	if (container != NULL && kjson_length(list) > 0 &&
	    find(spec, spec_lists, container) == NULL) {
		container_names(spec, names, sizeof(names));
		status_line(shown, sizeof(shown), container, strlen(container));
		return k8s_err_set(why, K8S_ERR_NOT_FOUND,
		    "the pod has no container %s (it has: %s)", shown, names);
	}
	/* The API server takes the only one there is. */
	if (container == NULL && kjson_length(list) == 1)
		container =
		    kjson_string(json_object_array_get_idx(list, 0), "name");
	/* An init container runs while the pod is pending. */
	if (phase != NULL && strcmp(phase, "Pending") == 0 &&
	    (container == NULL || !is_running(status, container)))
		return judge_pending(status, why);
	if (container != NULL)
		return judge_container(status, container, why);
	return -1;
}

int
pod_explain(struct api *a, const char *ns, const char *pod,
    const char *container, struct k8s_err *why)
{
	struct buf *path __attribute__((cleanup(buf_freep))) = NULL;
	struct buf *body __attribute__((cleanup(buf_freep))) = NULL;
	static const char front[] = "/api/v1/namespaces/", middle[] = "/pods/";
	char shown_ns[64], shown_pod[256];
	struct k8s_err failed;
	const char *p;
	int code;

	if ((path = buf_new(4096)) == NULL ||
	    (body = buf_new(API_BODY_MAX)) == NULL ||
	    buf_put(path, front, sizeof(front) - 1) == -1 ||
	    url_escape(path, ns, strlen(ns)) == -1 ||
	    buf_put(path, middle, sizeof(middle) - 1) == -1 ||
	    url_escape(path, pod, strlen(pod)) == -1 ||
	    (p = buf_string(path)) == NULL)
		return -1;
	if (api_get(a, p, body, &code, &failed) == 0)
		return pod_judge((const char *)buf_data(body), buf_len(body),
		    container, why);
	/*
	 * A server that can't be reached: the same in better words. Why else
	 * this request failed is of no interest, and what is known stays.
	 */
	if (code == 0 &&
	    (why->code == K8S_ERR_CONNECT || why->code == K8S_ERR_TLS ||
		why->code == K8S_ERR_DISCONNECT))
		*why = failed;
	if (code != 404)
		return -1;
	status_line(shown_ns, sizeof(shown_ns), ns, strlen(ns));
	status_line(shown_pod, sizeof(shown_pod), pod, strlen(pod));
	return k8s_err_set(why, K8S_ERR_NOT_FOUND,
	    "there is no pod %s in namespace %s: check both names", shown_pod,
	    shown_ns);
}
