/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include "lib/kube/pod.h"
#include "tests/unit/httpd.h"

#define POD(meta, spec, status)                                    \
	"{\"kind\":\"Pod\",\"metadata\":{\"name\":\"p\"" meta "}," \
	"\"spec\":{\"containers\":[{\"name\":\"dev\"}" spec "},"   \
	"\"status\":{" status "}}"
#define RUNNING                                                           \
	"\"phase\":\"Running\",\"containerStatuses\":[{\"name\":\"dev\"," \
	"\"state\":{\"running\":{}}}]"

static char known[] = "what is known";

static void
judge(const char *json, const char *container, struct k8s_err *why)
{
	memset(why, 0, sizeof(*why));
	k8s_err_set(why, K8S_ERR_DISCONNECT, "%s", known);
	assert_int_equal(pod_judge(json, strlen(json), container, why), -1);
}

static void
says_what_is_wrong(void **state)
{
	static const struct {
		const char *json, *container;
		enum k8s_err_code code;
		const char *text;
	} cases[] = {
	    {POD(",\"deletionTimestamp\":\"2024-01-01T00:00:00Z\"", "]",
		 RUNNING),
		"dev", K8S_ERR_API, "the pod is being deleted"},
	    {POD("", "]", "\"phase\":\"Succeeded\""), "dev", K8S_ERR_API,
		"the pod has ended (Succeeded): nothing runs in it"},
	    {POD("", "]",
		 "\"phase\":\"Failed\",\"reason\":\"Evicted\","
		 "\"message\":\"node was low\\non\\u001b[1m memory\""),
		NULL, K8S_ERR_API,
		"(Failed): Evicted: node was low on [1m memory"},
	    {POD("",
		 ",{\"name\":\"side\"}],\"initContainers\":[{\"name"
		 "\":\"init\"}],\"ephemeralContainers\":[{\"name\":\"dbg\"}"
		 "]",
		 RUNNING),
		"nope", K8S_ERR_NOT_FOUND,
		"the pod has no container nope (it has: dev, side, init, "
		"dbg)"},
	    {POD("", "]",
		 "\"phase\":\"Pending\",\"conditions\":[{\"type"
		 "\":\"Ready\",\"status\":\"False\"},{\"type\":"
		 "\"PodScheduled\",\"status\":\"False\",\"reason\":"
		 "\"Unschedulable\",\"message\":\"0/3 nodes\"}]"),
		"dev", K8S_ERR_API,
		"the pod has not started yet: Unschedulable: "
		"0/3 nodes: try again later"},
	    {POD("", "]",
		 "\"phase\":\"Pending\",\"conditions\":[{\"type"
		 "\":\"PodScheduled\",\"status\":\"True\"}],"
		 "\"containerStatuses\":[{\"name\":\"dev\",\"state\":{"
		 "\"waiting\":{\"reason\":\"ImagePullBackOff\",\"message\":"
		 "\"Back-off\"}}}]"),
		NULL, K8S_ERR_API,
		"not started yet: ImagePullBackOff: Back-off"},
	    {POD("", "]",
		 "\"phase\":\"Pending\",\"containerStatuses\":[{"
		 "\"name\":\"dev\",\"state\":{\"waiting\":{\"reason\":"
		 "\"PodInitializing\"}}}],\"initContainerStatuses\":[{"
		 "\"name\":\"i\",\"state\":{\"waiting\":{\"reason\":"
		 "\"ErrImagePull\"}}}]"),
		NULL, K8S_ERR_API, "not started yet: ErrImagePull:"},
	    {POD("", "]", "\"phase\":\"Pending\""), NULL, K8S_ERR_API,
		"the pod has not started yet: try again"},
	    {POD("", "]",
		 "\"phase\":\"Running\",\"containerStatuses\":[{"
		 "\"name\":\"dev\",\"state\":{\"waiting\":{\"reason\":"
		 "\"CrashLoopBackOff\"}}}]"),
		NULL, K8S_ERR_API,
		"container dev is not running: CrashLoopBackOff: try"},
	    {POD("", "]",
		 "\"phase\":\"Running\",\"containerStatuses\":[{"
		 "\"name\":\"dev\",\"state\":{\"terminated\":{\"exitCode\":"
		 "137,\"reason\":\"OOMKilled\"}}}]"),
		"dev", K8S_ERR_API,
		"container dev has ended with exit code 137: OOMKilled"},
	};
	struct k8s_err why;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		judge(cases[i].json, cases[i].container, &why);
		unit_check_err(&why, cases[i].code, cases[i].text);
	}
}

static void
keeps_what_is_known(void **state)
{
	static const struct {
		const char *json, *container;
	} cases[] = {
	    {POD("", "]", RUNNING), "dev"},
	    {POD("", "]", RUNNING), NULL},
	    {POD("", ",{\"name\":\"b\"}]", RUNNING), NULL},
	    /* One can exec into an init container that runs. */
	    {POD("", "],\"initContainers\":[{\"name\":\"i\"}]",
		 "\"phase\":\"Pending\",\"initContainerStatuses\":[{"
		 "\"name\":\"i\",\"state\":{\"running\":{}}}]"),
		"i"},
	    {"", "dev"},
	    {"[]", "dev"},
	    {"{", NULL},
	    {"{}", "dev"},
	    {"{\"spec\":[],\"status\":7,\"metadata\":null}", "dev"},
	    {"{\"spec\":{\"containers\":[null,7,{\"name\":7}]},"
	     "\"status\":{\"phase\":\"Weird\",\"containerStatuses\":[7,"
	     "{\"name\":null}]}}",
		NULL},
	};
	struct k8s_err why;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		judge(cases[i].json, cases[i].container, &why);
		unit_check_err(&why, K8S_ERR_DISCONNECT, known);
		assert_string_equal(why.msg, known);
	}
}

/* However long the texts are, it is a line that fits. */
static void
bounds_its_texts(void **state)
{
	static char json[300000];
	struct k8s_err why;
	size_t n, i;

	(void)state;
	n = (size_t)snprintf(json, sizeof(json), "{\"spec\":{\"containers\":[");
	for (i = 0; i < 2000; i++)
		n += (size_t)snprintf(json + n, sizeof(json) - n,
		    "%s{\"name\":\"container-%zu-"
		    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"}",
		    i == 0 ? "" : ",", i);
	snprintf(json + n, sizeof(json) - n, "]}}");
	judge(json, "nope", &why);
	unit_check_err(&why, K8S_ERR_NOT_FOUND, "(it has: container-0-aaa");
	assert_int_equal(why.msg[strlen(why.msg) - 1], ')');

	n = (size_t)snprintf(json, sizeof(json),
	    "{\"status\":{\"phase\":"
	    "\"Failed\",\"reason\":\"");
	memset(json + n, 'r', 1000);
	n += 1000;
	n += (size_t)snprintf(json + n, sizeof(json) - n, "\",\"message\":\"");
	memset(json + n, 'm', 100000);
	n += 100000;
	snprintf(json + n, sizeof(json) - n, "\"}}");
	judge(json, NULL, &why);
	unit_check_err(&why, K8S_ERR_API, "mmm: nothing runs in it any more");
}

static void
explain(const char *answer, size_t len, const char *request_line,
    struct k8s_err *why)
{
	char request[8192], origin[] = "f";
	struct kubeconfig kc;
	struct cred cred;
	struct httpd h;
	struct api *a;

	memset(&kc, 0, sizeof(kc));
	memset(&cred, 0, sizeof(cred));
	assert_true(httpd_start(&h, AF_INET, answer, len));
	kc.origin = origin;
	kc.server = h.url;
	a = api_new(&kc, &cred, why);
	assert_non_null(a);
	k8s_err_set(why, K8S_ERR_DISCONNECT, "%s", known);
	assert_int_equal(pod_explain(a, "w/s", "p 1", "dev", why), -1);
	api_free(a);
	httpd_stop(&h, request, sizeof(request));
	assert_memory_equal(request, request_line, strlen(request_line));
}

static void
asks_the_api_server(void **state)
{
	static const char line[] = "GET /api/v1/namespaces/w%2Fs/pods/p%201 "
				   "HTTP/1.1\r\n";
	static const char deleted[] = "HTTP/1.0 200 OK\r\n\r\n" POD(
	    ",\"deletionTimestamp\":\"x\"", "]", RUNNING);
	static const char healthy[] =
	    "HTTP/1.0 200 OK\r\n\r\n" POD("", "]", RUNNING);
	static const char none[] = "HTTP/1.0 404 Not Found\r\n\r\n";
	static const char forbidden[] = "HTTP/1.0 403 Forbidden\r\n\r\n";
	struct k8s_err why = K8S_ERR_INIT;

	(void)state;
	explain(deleted, sizeof(deleted) - 1, line, &why);
	unit_check_err(&why, K8S_ERR_API, "the pod is being deleted");
	explain(none, sizeof(none) - 1, line, &why);
	unit_check_err(&why, K8S_ERR_NOT_FOUND,
	    "there is no pod p 1 in namespace w/s: check both names");
	explain(healthy, sizeof(healthy) - 1, line, &why);
	unit_check_err(&why, K8S_ERR_DISCONNECT, known);
	explain(forbidden, sizeof(forbidden) - 1, line, &why);
	unit_check_err(&why, K8S_ERR_DISCONNECT, known);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(says_what_is_wrong),
	    cmocka_unit_test(keeps_what_is_known),
	    cmocka_unit_test(bounds_its_texts),
	    cmocka_unit_test(asks_the_api_server),
	};

	alarm(120);
	return cmocka_run_group_tests(tests, NULL, NULL) != 0;
}
