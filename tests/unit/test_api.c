/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include <errno.h>
#include <sched.h>
#include <sys/mount.h>

#include "lib/kube/api.h"
#include "lib/kube/url.h"
#include "tests/unit/httpd.h"

#define OK_HEAD "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"

static char origin[] = "f";
static int insecure;

struct result {
	int r, http;
	struct k8s_err err;
	char request[8192];
	struct buf *body;
};

static void
result_free(struct result *res)
{
	buf_free(res->body);
}

/* One GET of path from url, or from a server that gives the answer. */
static void
get(struct result *res, const char *url, const char *answer, size_t len,
    const char *token, const char *tls_server_name)
{
	struct kubeconfig kc;
	struct cred cred;
	struct httpd h;
	struct api *a;
	char server[128];

	memset(res, 0, sizeof(*res));
	memset(&kc, 0, sizeof(kc));
	memset(&cred, 0, sizeof(cred));
	if (answer != NULL)
		assert_true(httpd_start(&h, AF_INET, answer, len));
	(void)snprintf(server, sizeof(server), "%s%s",
	    answer != NULL ? h.url : "", url);
	kc.origin = origin;
	kc.server = server;
	kc.insecure = insecure;
	kc.tls_server_name = (char *)(uintptr_t)tls_server_name;
	cred.token = (char *)(uintptr_t)token;
	res->http = -1;
	res->body = buf_new(2 * API_BODY_MAX);
	a = api_new(&kc, &cred, &res->err);
	assert_non_null(a);
	res->r =
	    api_get(a, "/api/v1/x?y=%20", res->body, &res->http, &res->err);
	api_free(a);
	if (answer != NULL)
		httpd_stop(&h, res->request, sizeof(res->request));
}

static void
get_answer(struct result *res, const char *answer)
{
	get(res, "", answer, strlen(answer), NULL, NULL);
}

static void
sends_a_plain_request(void **state)
{
	static const char answer[] = OK_HEAD "Content-Length: 2\r\n\r\n{}";
	struct result res __attribute__((cleanup(result_free)));

	(void)state;
	/* What a client's environment must not do here. */
	assert_int_equal(setenv("http_proxy", "http://127.0.0.1:1", 1), 0);
	assert_int_equal(setenv("ALL_PROXY", "http://127.0.0.1:1", 1), 0);
	get(&res, "/prefix", answer, sizeof(answer) - 1, "abc", NULL);
	if (res.r != 0)
		fail_msg("%s", res.err.msg);
	assert_int_equal(res.http, 200);
	assert_string_equal(buf_string(res.body), "{}");
	assert_int_equal(res.err.code, K8S_ERR_NONE);
	assert_memory_equal(res.request,
	    "GET /prefix/api/v1/x?y=%20 HTTP/1.1\r\nHost: 127.0.0.1:", 53);
	assert_non_null(
	    strstr(res.request, "\r\nAuthorization: Bearer abc\r\n"));
	assert_non_null(
	    strstr(res.request, "\r\nAccept: application/json\r\n"));
	assert_null(strstr(res.request, "Cookie"));
}

static void
sends_no_token_without_one(void **state)
{
	struct result res __attribute__((cleanup(result_free)));

	(void)state;
	get_answer(&res, OK_HEAD "Content-Length: 2\r\n\r\n{}");
	assert_int_equal(res.r, 0);
	assert_null(strstr(res.request, "Authorization"));
}

/* The name is in the URL for TLS, yet the connection and the Host header
 * are the server's: what HTTPS does is tested with the stand-in server. */
static void
connects_to_the_server_under_another_name(void **state)
{
	static const char answer[] = OK_HEAD "Content-Length: 2\r\n\r\n{}";
	static const char *const names[] = {"other.example", "192.0.2.1",
	    "2001:db8::1"};
	struct result res;
	struct httpd h;
	char host[128];
	size_t i;

	(void)state;
	for (i = 0; i < 3; i++) {
		get(&res, "/p", answer, sizeof(answer) - 1, NULL, names[i]);
		if (res.r != 0)
			fail_msg("%s", res.err.msg);
		assert_memory_equal(res.request, "GET /p/api/v1/x", 15);
		assert_non_null(strstr(res.request, "\r\nHost: 127.0.0.1:"));
		result_free(&res);
	}
	if (!httpd_start(&h, AF_INET6, answer, sizeof(answer) - 1))
		return; /* no IPv6 here */
	get(&res, h.url, NULL, 0, NULL, "other.example");
	assert_int_equal(res.r, 0);
	result_free(&res);
	get(&res, h.url, NULL, 0, NULL, NULL);
	assert_int_equal(res.r, 0);
	result_free(&res);
	(void)snprintf(host, sizeof(host), "\r\nHost: %s\r\n", h.url + 7);
	httpd_stop(&h, res.request, sizeof(res.request));
	assert_non_null(strstr(res.request, host));
	assert_non_null(strstr(strstr(res.request, host) + 1, host));
}

/* Neither bytes behind an answer nor what the last request left matter. */
static void
one_api_makes_many_requests(void **state)
{
	static const char answer[] =
	    OK_HEAD "Content-Length: 2\r\n\r\n{}"
		    "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";
	struct buf *body __attribute__((cleanup(buf_freep))) = buf_new(16);
	struct k8s_err err = K8S_ERR_INIT;
	char request[8192], *p;
	struct kubeconfig kc;
	struct cred cred;
	struct httpd h;
	struct api *a;
	int i, http;

	(void)state;
	memset(&kc, 0, sizeof(kc));
	memset(&cred, 0, sizeof(cred));
	assert_true(httpd_start(&h, AF_INET, answer, sizeof(answer) - 1));
	kc.origin = origin;
	kc.server = h.url;
	assert_non_null(a = api_new(&kc, &cred, &err));
	for (i = 0; i < 3; i++) {
		if (api_get(a, "/x", body, &http, &err) == -1)
			fail_msg("%s", err.msg);
		assert_int_equal(http, 200);
	}
	/* It adds to what the caller has. */
	assert_string_equal(buf_string(body), "{}{}{}");
	api_free(a);
	httpd_stop(&h, request, sizeof(request));
	for (i = 0, p = request; (p = strstr(p, "GET /x ")) != NULL; i++, p++)
		continue;
	assert_int_equal(i, 3);
}

static void
turns_errors_into_lines(void **state)
{
	static const struct {
		const char *answer;
		int http;
		enum k8s_err_code code;
		const char *text;
	} cases[] = {
	    {"HTTP/1.1 403 Forbidden\r\nContent-Length: 21\r\n\r\n"
	     "{\"message\":\"go away\"}",
		403, K8S_ERR_FORBIDDEN, "403: go away"},
	    {"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n", 401,
		K8S_ERR_AUTH, "401"},
	    {"HTTP/1.1 429 X\r\nRetry-After: 3\r\nContent-Length: 0"
	     "\r\n\r\n",
		429, K8S_ERR_API, "try again in 3 s"},
	    {"HTTP/1.1 302 X\r\nLocation: http://127.0.0.1:1/\r\n"
	     "Content-Length: 0\r\n\r\n",
		302, K8S_ERR_API, "redirects are not followed"},
	    {"HTTP/1.1 204 X\r\n\r\n", 204, K8S_ERR_API, "204"},
	    {OK_HEAD "Content-Length: 10\r\n\r\n{}", 0, K8S_ERR_DISCONNECT,
		"cut before"},
	    {OK_HEAD "Transfer-Encoding: chunked\r\n\r\n5\r\n{}", 0,
		K8S_ERR_DISCONNECT, "cut before"},
	    {"", 0, K8S_ERR_DISCONNECT, "cut before"},
	    {"SSH-2.0-OpenSSH\r\n", 0, K8S_ERR_SYSTEM, "HTTP/0.9"},
	};
	struct result res;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		get_answer(&res, cases[i].answer);
		assert_int_equal(res.r, -1);
		unit_check_err(&res.err, cases[i].code, cases[i].text);
		assert_int_equal(res.http, cases[i].http);
		assert_int_equal(buf_len(res.body), 0);
		result_free(&res);
	}
}

static void
caps_the_body(void **state)
{
	static char answer[API_BODY_MAX + 4096];
	struct result res;
	size_t n;

	(void)state;
	memset(answer, 'x', sizeof(answer));
	n = (size_t)snprintf(answer, 256, OK_HEAD "\r\n");
	answer[n] = 'x';
	get(&res, "", answer, n + API_BODY_MAX, NULL, NULL);
	assert_int_equal(res.r, 0);
	assert_int_equal(buf_len(res.body), API_BODY_MAX);
	result_free(&res);
	get(&res, "", answer, n + API_BODY_MAX + 1, NULL, NULL);
	assert_int_equal(res.r, -1);
	unit_check_err(&res.err, K8S_ERR_LIMIT, "more than 4194304");
	result_free(&res);
}

static void
says_why_it_cannot_connect(void **state)
{
	char url[64], expect[128];
	struct result res;
	unsigned int port;
	/* Bound, so nobody else's; not listening, so refused. */
	int fd = httpd_bind(AF_INET, 0, &port);

	(void)state;
	assert_true(fd >= 0);
	(void)snprintf(url, sizeof(url), "http://127.0.0.1:%u", port);
	(void)snprintf(expect, sizeof(expect),
	    "%s: connection refused: is "
	    "the API server running there?",
	    url);
	get(&res, url, NULL, 0, NULL, NULL);
	assert_int_equal(res.r, -1);
	unit_check_err(&res.err, K8S_ERR_CONNECT, expect);
	assert_int_equal(res.http, 0);
	result_free(&res);
	close(fd);
	/* A label of more than 63 characters: no resolver is asked. */
	get(&res,
	    "http://aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	    "aaaaaaaaaaaaaaaaaaaaaaaaa.invalid",
	    NULL, 0, NULL, NULL);
	assert_int_equal(res.r, -1);
	unit_check_err(&res.err, K8S_ERR_CONNECT,
	    "can't be resolved: check "
	    "server in f");
	result_free(&res);
	/* curl's other protocols; '#' takes the path off. */
	get(&res, "file:///etc/passwd#", NULL, 0, NULL, NULL);
	assert_int_equal(res.r, -1);
	unit_check_err(&res.err, K8S_ERR_SYSTEM, "Protocol \"file\" ");
	assert_int_equal(buf_len(res.body), 0);
	result_free(&res);
}

static void
says_that_tls_failed(void **state)
{
	static const char answer[] = "HTTP/1.0 400 Bad Request\r\n\r\n";
	struct result res;
	struct httpd h;
	char url[80];

	(void)state;
	assert_true(httpd_start(&h, AF_INET, answer, sizeof(answer) - 1));
	(void)snprintf(url, sizeof(url), "https://%s", h.url + 7);
	/* Without an authority to trust, curl would not even try. */
	insecure = 1;
	get(&res, url, NULL, 0, NULL, NULL);
	insecure = 0;
	httpd_stop(&h, res.request, sizeof(res.request));
	assert_int_equal(res.r, -1);
	unit_check_err(&res.err, K8S_ERR_TLS, "TLS handshake failed");
	result_free(&res);
}

/* As on a machine without the package ca-certificates. The last test: the
 * machine's authorities are gone for this process from here on. */
static void
says_that_nobody_is_trusted(void **state)
{
	struct result res;
	unsigned int port;
	char url[64];
	int fd;

	(void)state;
	UNIT_NEED_ROOT(CAP_SYS_ADMIN);
	assert_int_equal(unshare(CLONE_NEWNS), 0);
	assert_int_equal(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	if (mount("none", "/etc/ssl/certs", "tmpfs", 0, NULL) == -1)
		assert_int_equal(errno, ENOENT);
	/* The kernel accepts; a handshake is not begun. */
	fd = httpd_bind(AF_INET, 1, &port);
	(void)snprintf(url, sizeof(url), "https://127.0.0.1:%u", port);
	get(&res, url, NULL, 0, NULL, NULL);
	close(fd);
	assert_int_equal(res.r, -1);
	unit_check_err(&res.err, K8S_ERR_CONFIG,
	    "set certificate-authority in f or install ca-certificates");
	result_free(&res);
}

static void
escapes(void **state)
{
	struct buf *b = buf_new(64), *small = buf_new(3);

	(void)state;
	assert_int_equal(url_escape(b, "aZ09-._~ /?#%&=+\n\0\xff", 19), 0);
	assert_string_equal(buf_string(b),
	    "aZ09-._~%20%2F%3F%23%25%26%3D%2B%0A%00%FF");
	assert_int_equal(url_escape(b, "", 0), 0);
	assert_int_equal(url_escape(small, "a/", 2), -1);
	assert_int_equal(buf_len(small), 0);
	assert_int_equal(url_escape(small, "/", 1), 0);
	buf_free(b);
	buf_free(small);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(sends_a_plain_request),
	    cmocka_unit_test(sends_no_token_without_one),
	    cmocka_unit_test(connects_to_the_server_under_another_name),
	    cmocka_unit_test(one_api_makes_many_requests),
	    cmocka_unit_test(turns_errors_into_lines),
	    cmocka_unit_test(caps_the_body),
	    cmocka_unit_test(says_why_it_cannot_connect),
	    cmocka_unit_test(says_that_tls_failed),
	    cmocka_unit_test(escapes),
	    cmocka_unit_test(says_that_nobody_is_trusted),
	};

	alarm(120);
	return cmocka_run_group_tests(tests, NULL, NULL) != 0;
}
