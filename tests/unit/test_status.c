/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include <dirent.h>

#include "lib/kube/kjson.h"
#include "lib/kube/status.h"

#define TRANSCRIPTS "tests/data/transcripts/kubernetes-1.36"
#define ID_A	    "6ff7a612ff9349fe02773935ca692cfd06b96dc44db45f9bb28e50ab23e99eb6"
#define ID_B	    "480b157e0320e5114d3329229a225f588adca4b708dd694647266b0c6e5ea4c4"
#define ID_C	    "1f28010302cf53c740594ad0ce3b34274f6e9c716602725caaf030a6e3a8590a"

#define RUNC(id, text)                                                        \
	"error executing command in container: failed to exec in container: " \
	"failed to start exec \\\"" id "\\\": OCI runtime exec failed: exec " \
	"failed: " text ": unknown"
#define ERROR		   "Internal error occurred: "
#define INTERNAL(id, text) INTERNAL_WHY(RUNC(id, text))
#define INTERNAL_WHY(why)                                              \
	"{\"metadata\":{},\"status\":\"Failure\",\"message\":\"" ERROR \
	    ERROR why                                                  \
	"\",\"reason\":\"InternalError\",\"details\":{\"causes\":"     \
	"[{\"message\":\"" ERROR why "\"}]},\"code\":500}"

/*
 * The recorder cut texts at 399 characters. These three are completed by
 * hand; replay checks that the start and the recorded length agree.
 */
static const struct {
	const char *scenario, *json;
} completed[] = {
    {"exec-command-not-found",
	INTERNAL(ID_A,
	    "unable to start container "
	    "process: exec: \\\"/no/such/command\\\": stat /no/such/command: "
	    "no such file or directory")},
    {"exec-not-executable",
	INTERNAL(ID_B,
	    "unable to start container "
	    "process: exec: \\\"/etc/passwd\\\": permission denied")},
    {"no-command", INTERNAL(ID_C, "args must not be empty")},
};

/* What each recorded answer must become. */
static const struct {
	const char *scenario;
	int exit_code; /* -1: an error */
	enum k8s_err_code code;
	const char *text;
} expected[] = {
    {"anonymous", -1, K8S_ERR_FORBIDDEN,
	"403: pods \"alice-dev\" is "
	"forbidden: User \"system:anonymous\" cannot get resource "
	"\"pods/exec\" in API group \"\" in the namespace \"ws\" (grant "
	"get and create on pods/exec)"},
    {"container-not-found", -1, K8S_ERR_API,
	"400: container nope is not valid for pod alice-dev"},
    {"exec-command-not-found", -1, K8S_ERR_NO_COMMAND,
	"exec: \"/no/such/command\": stat /no/such/command: no such file "
	"or directory"},
    {"exec-exit-7", 7, 0, NULL},
    {"exec-killed-by-signal", 137, 0, NULL},
    {"exec-not-executable", -1, K8S_ERR_NOT_EXECUTABLE,
	"exec: \"/etc/passwd\": permission denied"},
    {"exec-success-v4", 0, 0, NULL},
    {"exec-success-v5", 0, 0, NULL},
    {"forbidden", -1, K8S_ERR_FORBIDDEN,
	"User \"bastion\" cannot get "
	"resource \"pods/exec\" in API group \"\" in the namespace \"ws\" "
	"(grant get and create on pods/exec)"},
    {"no-command", -1, K8S_ERR_API, "args must not be empty"},
    {"no-streams", -1, K8S_ERR_API,
	"400: you must specify at least 1 of stdin, stdout, stderr"},
    {"pod-not-found", -1, K8S_ERR_NOT_FOUND, "404: pods \"nope\" not found"},
    {"rbac-create", -1, K8S_ERR_FORBIDDEN,
	"(grant get and create on pods/exec)"},
    {"rbac-get", -1, K8S_ERR_FORBIDDEN,
	"403: pods \"alice-dev\" is "
	"forbidden (grant get and create on pods/exec)"},
    {"rbac-get-create", 0, 0, NULL},
    {"server-ping", 0, 0, NULL},
    {"stdin-after-exit", 0, 0, NULL},
    {"stdin-close-v5", 0, 0, NULL},
    {"tty-initial-size", 0, 0, NULL},
    {"tty-resize", 0, 0, NULL},
    {"tty-with-stderr-param", 0, 0, NULL},
    {"unauthorized", -1, K8S_ERR_AUTH,
	"401 Unauthorized: the "
	"credentials are missing, wrong or expired"},
    {"unknown-protocol", -1, K8S_ERR_FORBIDDEN,
	"403 Forbidden, without explanation"},
};
#define EXPECTED (sizeof(expected) / sizeof(expected[0]))

static int
number(struct json_object *o, const char *key)
{
	struct json_object *v;

	return json_object_object_get_ex(o, key, &v) ? json_object_get_int(v)
						     : -1;
}

/* The whole text of a message of the status channel. */
static const char *
whole_text(const char *scenario, struct json_object *o)
{
	const char *text = kjson_string(o, "text");
	size_t i, length = (size_t)number(o, "length") - 1;

	assert_non_null(text);
	if (strlen(text) == length)
		return text;
	for (i = 0; i < sizeof(completed) / sizeof(completed[0]); i++)
		if (strcmp(completed[i].scenario, scenario) == 0) {
			assert_int_equal(strlen(completed[i].json), length);
			assert_memory_equal(completed[i].json, text,
			    strlen(text));
			return completed[i].json;
		}
	fail_msg("%s: a cut text that is not completed here", scenario);
	return NULL;
}

static void
check(size_t i, int r, int exit_code, const struct k8s_err *err)
{
	if (expected[i].exit_code == -1) {
		assert_int_equal(r, -1);
		unit_check_err(err, expected[i].code, expected[i].text);
		return;
	}
	if (r != 0)
		fail_msg("%s: %s", expected[i].scenario, err->msg);
	assert_int_equal(exit_code, expected[i].exit_code);
	assert_int_equal(err->code, K8S_ERR_NONE);
}

/* Returns how many answers of the file were checked. */
static int
replay(size_t i)
{
	char path[512], name[128], line[4096];
	struct k8s_err err = K8S_ERR_INIT;
	struct json_object *o;
	const char *event, *dir, *text;
	int r, exit_code = -2, checked = 0;
	FILE *f;

	(void)snprintf(name, sizeof(name), TRANSCRIPTS "/%s.jsonl",
	    expected[i].scenario);
	f = fopen(unit_path(path, sizeof(path), name), "re");
	assert_non_null(f);
	while (fgets(line, sizeof(line), f) != NULL) {
		o = kjson_parse(line, strlen(line));
		assert_non_null(o);
		event = kjson_string(o, "event");
		dir = kjson_string(o, "dir");
		if (event != NULL && strcmp(event, "http") == 0) {
			text = kjson_string(o, "body");
			r = status_http_error(number(o, "status"), text,
			    strlen(text), -1, &err);
			check(i, r, exit_code, &err);
			checked++;
		} else if (dir != NULL && strcmp(dir, "server") == 0 &&
		    number(o, "channel") == 3) {
			text = whole_text(expected[i].scenario, o);
			r = status_exec(text, strlen(text), &exit_code, &err);
			check(i, r, exit_code, &err);
			checked++;
		}
		json_object_put(o);
	}
	fclose(f);
	return checked;
}

static void
replays_the_recordings(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < EXPECTED; i++)
		assert_int_equal(replay(i), 1);
}

/* No recording that says something is left out above. */
static void
knows_every_recording(void **state)
{
	static const char *const without[] = {"bad-channel.jsonl",
	    "portforward-v4.jsonl", "stdin-no-close-v4.jsonl"};
	char path[512];
	struct dirent *e;
	size_t files = 0, i;
	DIR *d = opendir(unit_path(path, sizeof(path), TRANSCRIPTS));

	(void)state;
	assert_non_null(d);
	while ((e = readdir(d)) != NULL) {
		for (i = 0; i < 3; i++)
			if (strcmp(e->d_name, without[i]) == 0)
				break;
		files += i == 3 && strstr(e->d_name, ".jsonl") != NULL;
	}
	closedir(d);
	assert_int_equal(files, EXPECTED);
}

#define FAILURE(message) \
	"{\"status\":\"Failure\",\"message\":\"" message "\",\"code\":500}"

static void
judges_why_a_command_did_not_start(void **state)
{
	static const struct {
		const char *json;
		enum k8s_err_code code;
	} cases[] = {
	    /* The command's name must not be taken for the reason. */
	    {INTERNAL(ID_A,
		 "unable to start container process: exec: "
		 "\\\"/x/permission denied\\\": stat /x/permission denied: "
		 "no such file or directory"),
		K8S_ERR_NO_COMMAND},
	    {INTERNAL(ID_A,
		 "unable to start container process: exec: "
		 "\\\"/x/no such file or directory\\\": permission denied"),
		K8S_ERR_NOT_EXECUTABLE},
	    {INTERNAL(ID_A,
		 "unable to start container process: exec: "
		 "\\\"permission denied: unknown\\\": executable file not "
		 "found in $PATH"),
		K8S_ERR_NO_COMMAND},
	    {INTERNAL(ID_A,
		 "unable to start container process: exec: "
		 "\\\"/etc\\\": is a directory"),
		K8S_ERR_NOT_EXECUTABLE},
	    {INTERNAL(ID_A,
		 "unable to start container process: exec "
		 "/x: exec format error"),
		K8S_ERR_NOT_EXECUTABLE},
	    /* About something else than the command. */
	    {INTERNAL(ID_A,
		 "unable to start container process: chdir "
		 "to cwd (\\\"/gone\\\") set in config.json failed: no "
		 "such file or directory"),
		K8S_ERR_API},
	    {FAILURE("unable to dial /run/containerd.sock: permission "
		     "denied"),
		K8S_ERR_API},
	    {FAILURE("no such file or directory"), K8S_ERR_API},
	    {INTERNAL(ID_A,
		 "unable to start container process: exec: "
		 "\\\"permission denied\\\": out of pids"),
		K8S_ERR_API},
	    /* Kubernetes 1.20: runc 1.0 and, quoted, older. */
	    {FAILURE("failed to exec in container: failed to start exec "
		     "\\\"a\\\": OCI runtime exec failed: exec failed: "
		     "container_linux.go:380: starting container process "
		     "caused: exec: \\\"foo\\\": executable file not found in "
		     "$PATH: unknown"),
		K8S_ERR_NO_COMMAND},
	    {FAILURE("OCI runtime exec failed: exec failed: "
		     "container_linux.go:349: starting container process "
		     "caused \\\"exec: \\\\\\\"/x\\\\\\\": permission "
		     "denied\\\": unknown"),
		K8S_ERR_NOT_EXECUTABLE},
	    /* CRI-O around runc, and crun. */
	    {FAILURE("error executing command in container: command "
		     "error: time=\\\"2024\\\" level=error msg=\\\"exec "
		     "failed: unable to start container process: exec: "
		     "\\\\\\\"bash\\\\\\\": executable file not found in "
		     "$PATH\\\"\\n, stdout: , stderr: , exit code -1"),
		K8S_ERR_NO_COMMAND},
	    {FAILURE("command error: executable file `foo` not found in "
		     "$PATH: No such file or directory\\n, stdout: , stderr: "
		     ", exit code -1"),
		K8S_ERR_NO_COMMAND},
	    {FAILURE("exec failed: cannot exec in the container: "
		     "Permission denied"),
		K8S_ERR_NOT_EXECUTABLE},
	};
	struct k8s_err err;
	int exit_code;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		memset(&err, 0, sizeof(err));
		assert_int_equal(status_exec(cases[i].json,
				     strlen(cases[i].json), &exit_code, &err),
		    -1);
		if (err.code != cases[i].code)
			fail_msg("case %zu: code %d: %s", i, err.code, err.msg);
	}
}

static void
takes_only_real_exit_codes(void **state)
{
	static const struct {
		const char *text;
		int exit_code; /* -1: refused */
	} cases[] = {
	    {"0", 0},
	    {"1", 1},
	    {"126", 126},
	    {"255", 255},
	    {"256", -1},
	    {"-1", -1},
	    {"7x", -1},
	    {" 7", -1},
	    {"+7", -1},
	    {"", -1},
	    {"0x7", -1},
	    {"007", -1},
	    {"4294967303", -1},
	    {"7\\u0000", -1},
	    {"7\\n", -1},
	};
	struct k8s_err err;
	char json[256];
	int exit_code;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		(void)snprintf(json, sizeof(json),
		    "{\"status\":\"Failure\","
		    "\"reason\":\"NonZeroExitCode\",\"details\":{\"causes\":"
		    "[{\"reason\":\"Other\",\"message\":\"9\"},"
		    "{\"reason\":\"ExitCode\",\"message\":\"%s\"}]}}",
		    cases[i].text);
		memset(&err, 0, sizeof(err));
		exit_code = -1;
		if (status_exec(json, strlen(json), &exit_code, &err) == -1)
			unit_check_err(&err, K8S_ERR_INVALID, "exit code");
		assert_int_equal(exit_code, cases[i].exit_code);
	}
}

static void
refuses_what_is_no_status(void **state)
{
#define NONZERO "{\"status\":\"Failure\",\"reason\":\"NonZeroExitCode\""
	static const char *const cases[] = {"", " ", "null", "[]", "7",
	    "\"Success\"", "{", "{}", "{\"status\":\"Success\"",
	    "{\"status\":\"Success\"}x", "{\"status\":\"Success\"}{}",
	    "{\"status\":\"success\"}", "{\"status\":7}", "{\"status\":null}",
	    "{'status':'Success'}", "{\"status\":\"Success\\u0000\"}",
	    NONZERO "}", NONZERO ",\"details\":null}",
	    NONZERO ",\"details\":[]}", NONZERO ",\"details\":{\"causes\":[]}}",
	    NONZERO ",\"details\":{\"causes\":{}}}",
	    NONZERO ",\"details\":{\"causes\":[null,7,\"x\"]}}",
	    NONZERO ",\"details\":{\"causes\":[{\"reason\":\"ExitCode\"}"
		    "]}}",
	    NONZERO ",\"details\":{\"causes\":[{\"reason\":\"ExitCode\","
		    "\"message\":7}]}}",
	    NONZERO ",\"details\":{\"causes\":[{\"reason\":\"ExitCode\","
		    "\"message\":\"7\"},{\"reason\":\"ExitCode\","
		    "\"message\":\"8\"}]}}"};
	struct k8s_err err;
	int exit_code = 99;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		memset(&err, 0, sizeof(err));
		assert_int_equal(status_exec(cases[i], strlen(cases[i]),
				     &exit_code, &err),
		    -1);
		unit_check_err(&err, K8S_ERR_INVALID, "");
	}
	/* A NUL behind a good one, and nesting without end. */
	assert_int_equal(status_exec("{\"status\":\"Success\"}\0x", 22,
			     &exit_code, &err),
	    -1);
	assert_int_equal(exit_code, 99);
}

static void
bounds_size_and_depth(void **state)
{
	static char big[STATUS_MAX + 1];
	static const char front[] = "{\"status\":\"Success\",\"x\":";
	struct k8s_err err = K8S_ERR_INIT;
	int exit_code = 99;
	size_t n;

	(void)state;
	memset(big, ' ', sizeof(big));
	memcpy(big, "{\"status\":\"Success\"}", 20);
	assert_int_equal(status_exec(big, STATUS_MAX, &exit_code, &err), 0);
	assert_int_equal(exit_code, 0);
	assert_int_equal(status_exec(big, STATUS_MAX + 1, &exit_code, &err),
	    -1);
	unit_check_err(&err, K8S_ERR_INVALID, "longer than 65536");
	/* Well-formed, but nested too deeply. */
	n = sizeof(front) - 1;
	memcpy(big, front, n);
	memset(big + n, '[', 60);
	memset(big + n + 60, ']', 60);
	big[n + 120] = '}';
	assert_int_equal(status_exec(big, n + 121, &exit_code, &err), 0);
	memset(big + n, '[', 70);
	memset(big + n + 70, ']', 70);
	big[n + 140] = '}';
	assert_int_equal(status_exec(big, n + 141, &exit_code, &err), -1);
	unit_check_err(&err, K8S_ERR_INVALID, "understood");
}

static void
failures_without_a_command(void **state)
{
	static const char none[] = "{\"status\":\"Failure\"}";
	static const char gone[] = "{\"status\":\"Failure\",\"message\":"
				   "\"Internal error occurred: container\\n"
				   "\\u001b[31m not found\",\"code\":404}";
	struct k8s_err err = K8S_ERR_INIT;
	int exit_code;

	(void)state;
	assert_int_equal(status_exec(none, strlen(none), &exit_code, &err), -1);
	unit_check_err(&err, K8S_ERR_API, "gave no reason");
	assert_int_equal(status_exec(gone, strlen(gone), &exit_code, &err), -1);
	unit_check_err(&err, K8S_ERR_NOT_FOUND,
	    "the command was not run: container [31m not found");
}

static void
http_errors_without_a_status(void **state)
{
	static const struct {
		int http, retry_after;
		const char *body;
		enum k8s_err_code code;
		const char *text;
	} cases[] = {
	    {401, -1, "", K8S_ERR_AUTH, "renew the token"},
	    {403, -1, NULL, K8S_ERR_FORBIDDEN, "without explanation"},
	    {404, -1, "404 page not found\n", K8S_ERR_NOT_FOUND,
		"404: 404 page not found (is the server in the kubeconfig "
		"right?)"},
	    {404, -1, "", K8S_ERR_NOT_FOUND, "404 Not Found (is"},
	    {409, -1, "{\"message\":\"busy\"}", K8S_ERR_API, "409: busy"},
	    {429, 7, "", K8S_ERR_API,
		"429 Too Many Requests: try again in 7 s"},
	    {429, -1, "slow down", K8S_ERR_API,
		"429: slow down: try again later"},
	    {429, 0, "", K8S_ERR_API, "try again in 0 s"},
	    {500, -1, "{\"message\":", K8S_ERR_API,
		"500 Internal Server Error"},
	    {500, -1, "a\r\nb\033[2J\xc2\x9b", K8S_ERR_API, "500: a b [2J??"},
	    {502, -1, " <html><h1>Bad</h1>", K8S_ERR_API, "web page"},
	    {302, -1, "", K8S_ERR_API, "redirects are not followed"},
	    {200, -1, "", K8S_ERR_API, "200 unexpected answer"},
	    {0, -1, "", K8S_ERR_API, "0 unexpected answer"},
	    {403, -1,
		"{\"message\":\"pods \\\"a\\\" is forbidden: User "
		"\\\"b\\\" cannot list resource \\\"pods\\\" in\"}",
		K8S_ERR_FORBIDDEN, "(grant list on pods)"},
	    {403, -1,
		"{\"message\":\"User \\\"b\\\" cannot create "
		"resource \\\"pods/portforward\\\" in\"}",
		K8S_ERR_FORBIDDEN,
		"(grant get and create on pods/portforward)"},
	    {403, -1, "{\"message\":\"denied by policy\"}", K8S_ERR_FORBIDDEN,
		"403: denied by policy"},
	};
	struct k8s_err err;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		memset(&err, 0, sizeof(err));
		assert_int_equal(
		    status_http_error(cases[i].http, cases[i].body,
			cases[i].body == NULL ? 0 : strlen(cases[i].body),
			cases[i].retry_after, &err),
		    -1);
		unit_check_err(&err, cases[i].code, cases[i].text);
	}
}

/* The advice must survive a long text of the server. */
static void
http_error_of_any_length(void **state)
{
	static char big[100000];
	struct k8s_err err = K8S_ERR_INIT;

	(void)state;
	memset(big, 'a', sizeof(big));
	status_http_error(429, big, sizeof(big), 5, &err);
	unit_check_err(&err, K8S_ERR_API, "aaa: try again in 5 s");
}

static void
lines(void **state)
{
	char out[8];

	(void)state;
	assert_string_equal(status_line(out, sizeof(out), " a \t\nb ", 7),
	    "a b");
	assert_string_equal(status_line(out, sizeof(out), "12345678", 8),
	    "1234567");
	assert_string_equal(status_line(out, sizeof(out), "123456 78", 9),
	    "123456");
	assert_string_equal(status_line(out, 1, "1", 1), "");
	assert_string_equal(status_line(out, sizeof(out), "\0\xe2\x82x", 4),
	    "??x");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(replays_the_recordings),
	    cmocka_unit_test(knows_every_recording),
	    cmocka_unit_test(judges_why_a_command_did_not_start),
	    cmocka_unit_test(takes_only_real_exit_codes),
	    cmocka_unit_test(refuses_what_is_no_status),
	    cmocka_unit_test(bounds_size_and_depth),
	    cmocka_unit_test(failures_without_a_command),
	    cmocka_unit_test(http_errors_without_a_status),
	    cmocka_unit_test(http_error_of_any_length),
	    cmocka_unit_test(lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) != 0;
}
