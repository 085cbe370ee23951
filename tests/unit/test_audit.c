/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>

#include "lib/core/audit.h"
#include "lib/core/log.h"
#include "tests/unit/jsoncheck.h"
#include "tests/unit/syslogd.h"
#include "tests/unit/tmpdir.h"

/* What is in the file, "" if there is none. */
static const char *
content(const char *path)
{
	static char out[65536];
	ssize_t n = 0;
	int fd;

	if ((fd = open(path, O_RDONLY)) != -1) {
		n = read(fd, out, sizeof(out) - 1);
		close(fd);
	}
	assert_true(n >= 0);
	out[n] = '\0';
	return out;
}

/* The event in the next datagram, with the newline that is not in it. */
static const char *
next_event(int fd)
{
	static char out[65536];
	const char *line = syslogd_line(fd, 38);
	char head[64];

	(void)snprintf(head, sizeof(head),
	    "k8shell-audit[%ld]: ", (long)getpid());
	if (strncmp(line, head, strlen(head)) != 0)
		fail_msg("not an event: \"%s\"", line);
	(void)snprintf(out, sizeof(out), "%s\n", line + strlen(head));
	if (!jsoncheck_line(out, strlen(out)))
		fail_msg("not JSON: %s", out);
	return out;
}

/* Behind the time stamp, which has to be now, in UTC. */
static const char *
after_timestamp(const char *line)
{
	static const char head[] = "{\"timestamp\":\"";
	struct tm tm = {0};
	const char *p;
	long fraction = -1;
	int used = 0;
	time_t t;

	assert_memory_equal(line, head, sizeof(head) - 1);
	line += sizeof(head) - 1;
	p = strptime(line, "%Y-%m-%dT%H:%M:%S", &tm);
	assert_non_null(p);
	assert_int_equal(p - line, 19);
	assert_int_equal(sscanf(p, ".%6ldZ\",%n", &fraction, &used), 1);
	assert_int_equal(used, 10);
	t = timegm(&tm);
	assert_true(time(NULL) - t >= 0 && time(NULL) - t <= 60);
	return p + used;
}

static void
to_syslog_and_file(void **state)
{
	const char *dir = *state;
	char path[256], *event;
	struct k8s_err err = K8S_ERR_INIT;
	struct audit *a;
	struct json *j;
	struct stat st;
	int fd = syslogd_start();

	(void)snprintf(path, sizeof(path), "%s/audit.json", dir);
	/* Audit events are no matter of the log level. */
	log_set_level(LOGL_ERROR);
	(void)umask(0);
	a = audit_new(path, "bastion-\"1\"", &err);
	assert_non_null(a);
	assert_string_equal(content(path), "");
	j = audit_begin(a, "connection.open");
	json_string(j, "user", "jos\xc3\xa9\n");
	errno = EXDEV;
	audit_end(a);
	assert_int_equal(errno, EXDEV);
	event = strdup(next_event(fd));
	assert_string_equal(after_timestamp(event),
	    "\"event\":\"connection.open\",\"proxy_id\":\"bastion-\\\"1\\\"\","
	    "\"user\":\"jos\\u00e9\\u000a\"}\n");
	assert_string_equal(content(path), event);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);

	/* Appended; and rotated without a word. */
	(void)audit_begin(a, "two");
	audit_end(a);
	assert_memory_equal(content(path), event, strlen(event));
	assert_string_equal(content(path) + strlen(event), next_event(fd));
	assert_int_equal(rename(path, "old"), 0);
	(void)audit_begin(a, "three");
	audit_end(a);
	assert_string_equal(content(path), next_event(fd));
	free(event);
	audit_freep(&a);
	assert_null(a);
	assert_int_equal(unlink(path), 0);

	/* Syslog alone. */
	a = audit_new(NULL, "p", &err);
	(void)audit_begin(a, "x");
	audit_end(a);
	assert_string_equal(after_timestamp(next_event(fd)),
	    "\"event\":\"x\",\"proxy_id\":\"p\"}\n");
	audit_free(a);
	syslogd_stop(fd);
}

static void
never_too_long(void **state)
{
	char path[256], big[AUDIT_MAX];
	struct k8s_err err = K8S_ERR_INIT;
	struct audit *a;
	struct json *j;
	const char *event;
	int fd = syslogd_start();

	(void)snprintf(path, sizeof(path), "%s/long.json", (char *)*state);
	memset(big, '\n', sizeof(big));
	memset(big, 'p', AUDIT_ID_MAX);
	big[AUDIT_ID_MAX] = '\0';
	a = audit_new(path, big, &err);
	assert_non_null(a);
	j = audit_begin(a, "session.start");
	json_string(j, "id", "c1");
	json_text(j, "command", big + AUDIT_ID_MAX + 1, 7000);
	json_string(j, "late", "lost");
	audit_end(a);
	event = next_event(fd);
	assert_in_range(strlen(event), AUDIT_MAX - 8, AUDIT_MAX);
	assert_string_equal(content(path), event);
	assert_non_null(strstr(event, "\"id\":\"c1\""));
	assert_non_null(strstr(event, "\"command\":\"\\u000a\\u000a"));
	assert_null(strstr(event, "lost"));
	assert_string_equal(event + strlen(event) - 19,
	    ",\"truncated\":true}\n");
	/* And the next one is whole. */
	(void)audit_begin(a, "x");
	audit_end(a);
	assert_null(strstr(next_event(fd), "truncated"));
	audit_free(a);
	syslogd_stop(fd);
}

/* One event: to syslog in any case; complaint: one line of it before. */
static void
one(struct audit *a, int fd, const char *complaint)
{
	const char *line;

	(void)audit_begin(a, "x");
	audit_end(a);
	(void)next_event(fd);
	if (complaint != NULL) {
		line = syslogd_line(fd, 35);
		if (strstr(line, complaint) == NULL)
			fail_msg("no \"%s\": %s", complaint, line);
	}
	assert_string_equal(syslogd_raw(fd), "");
}

static void
refuses_what_is_no_file(void **state)
{
	struct k8s_err err = K8S_ERR_INIT;
	char path[256];
	struct audit *a;
	int fd = syslogd_start();

	(void)snprintf(path, sizeof(path), "%s/odd", (char *)*state);
	log_init("test_audit");
	a = audit_new(path, "p", &err);

	assert_int_equal(symlink("target", path), 0);
	one(a, fd, "/odd: ");
	/* One complaint until it works again. */
	one(a, fd, NULL);
	assert_int_equal(access("target", F_OK), -1);
	assert_int_equal(unlink(path), 0);
	one(a, fd, NULL);
	assert_int_equal(unlink(path), 0);

	/* Nobody reads from it: neither blocked nor written to. */
	assert_int_equal(mkfifo(path, 0600), 0);
	alarm(20);
	one(a, fd, "/odd: ");
	alarm(0);
	assert_int_equal(unlink(path), 0);
	one(a, fd, NULL);
	assert_int_equal(unlink(path), 0);
	audit_free(a);

	/* What can be opened for writing, and is no file. */
	a = audit_new("/dev/null", "p", &err);
	one(a, fd, "not a regular file");
	audit_free(a);
	a = audit_new("/nonexistent/x", "p", &err);
	one(a, fd, "/nonexistent/x: No such file");
	one(a, fd, NULL);
	audit_free(a);
	syslogd_stop(fd);
}

/* A file that can't grow any more: said once, and half a line at most. */
static void
full_disk(void **state)
{
	struct k8s_err err = K8S_ERR_INIT;
	struct rlimit old, small = {20, RLIM_INFINITY};
	char path[256];
	struct audit *a;
	struct stat st;
	int fd = syslogd_start();

	(void)snprintf(path, sizeof(path), "%s/full", (char *)*state);
	a = audit_new(path, "p", &err);
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	small.rlim_max = old.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	one(a, fd, "only 20 of ");
	one(a, fd, NULL);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_size, 20);
	one(a, fd, NULL);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	one(a, fd, "File too large");
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	audit_free(a);
	syslogd_stop(fd);
}

static void
refuses_bad_settings(void **state)
{
	struct k8s_err err = K8S_ERR_INIT;
	char id[AUDIT_ID_MAX + 2];

	(void)state;
	assert_null(audit_new("audit.json", "p", &err));
	unit_check_err(&err, K8S_ERR_CONFIG, "absolute");
	memset(id, 'x', sizeof(id));
	id[sizeof(id) - 1] = '\0';
	assert_null(audit_new(NULL, id, &err));
	unit_check_err(&err, K8S_ERR_CONFIG, "longer");
	audit_free(NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(to_syslog_and_file),
	    cmocka_unit_test(never_too_long),
	    cmocka_unit_test(refuses_what_is_no_file),
	    cmocka_unit_test(full_disk),
	    cmocka_unit_test(refuses_bad_settings),
	};

	return cmocka_run_group_tests(tests, tmpdir_enter, tmpdir_leave) != 0;
}
