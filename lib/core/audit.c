/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/core/audit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "lib/core/buf.h"
#include "lib/core/log.h"

#define AUDIT_IDENT "k8shell-audit"
#define AUDIT_MODE  0640

struct audit {
	char *file; /* or NULL */
	char *proxy_id;
	struct buf *line;
	struct json json;
	int failing; /* the last event did not get into the file */
};

struct audit *
audit_new(const char *file, const char *proxy_id, struct k8s_err *err)
{
	struct audit *a;

	if (file != NULL && file[0] != '/') {
		k8s_err_set(err, K8S_ERR_CONFIG,
		    "the audit file has to be an absolute path");
		return NULL;
	}
	if (strlen(proxy_id) > AUDIT_ID_MAX) {
		k8s_err_set(err, K8S_ERR_CONFIG,
		    "the proxy's id is longer than %d bytes", AUDIT_ID_MAX);
		return NULL;
	}
	if ((a = calloc(1, sizeof(*a))) == NULL ||
	    (file != NULL && (a->file = strdup(file)) == NULL) ||
	    (a->proxy_id = strdup(proxy_id)) == NULL ||
	    (a->line = buf_new(AUDIT_MAX)) == NULL ||
	    buf_reserve(a->line, AUDIT_MAX) == NULL) {
		k8s_err_errno(err, "the audit record");
		audit_free(a);
		return NULL;
	}
	return a;
}

void
audit_free(struct audit *a)
{
	if (a == NULL)
		return;
	buf_free(a->line);
	free(a->proxy_id);
	free(a->file);
	free(a);
}

void
audit_freep(struct audit **a)
{
	audit_free(*a);
	*a = NULL;
}

/* RFC 3339 section 5.6, UTC. */
static void
audit_timestamp(char *dst, size_t size)
{
	struct timespec now;
	struct tm tm;
	size_t n;

	if (clock_gettime(CLOCK_REALTIME, &now) == -1 ||
	    gmtime_r(&now.tv_sec, &tm) == NULL) {
		now = (struct timespec){0};
		tm = (struct tm){.tm_year = 70, .tm_mday = 1};
	}
	n = strftime(dst, size, "%Y-%m-%dT%H:%M:%S", &tm);
	(void)snprintf(dst + n, size - n, ".%06ldZ", now.tv_nsec / 1000);
}

struct json *
audit_begin(struct audit *a, const char *event)
{
	char timestamp[64];

	audit_timestamp(timestamp, sizeof(timestamp));
	buf_consume(a->line, buf_len(a->line));
	json_begin(&a->json, a->line);
	json_string(&a->json, "timestamp", timestamp);
	json_string(&a->json, "event", event);
	json_string(&a->json, "proxy_id", a->proxy_id);
	return &a->json;
}

/* The file for one event: a regular one, waited for by nobody. */
static int
audit_open(const char *file, struct k8s_err *err)
{
	struct stat st;
	int fd;

	fd = open(file,
	    O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW |
		O_NONBLOCK | O_NOCTTY,
	    AUDIT_MODE);
	if (fd == -1)
		return k8s_err_errno(err, "%s", file);
	if (fstat(fd, &st) == -1) {
		k8s_err_errno(err, "%s", file);
		(void)close(fd);
		return -1;
	}
	if (!S_ISREG(st.st_mode)) {
		(void)close(fd);
		return k8s_err_set(err, K8S_ERR_CONFIG,
		    "%s: not a regular file", file);
	}
	return fd;
}

static int
audit_append(const char *file, const void *p, size_t len, struct k8s_err *err)
{
	ssize_t n;
	int fd;

	if ((fd = audit_open(file, err)) == -1)
		return -1;
	do {
		n = write(fd, p, len);
	} while (n == -1 && errno == EINTR);
	if (n == -1)
		k8s_err_errno(err, "%s", file);
	else if ((size_t)n < len)
		k8s_err_set(err, K8S_ERR_SYSTEM,
		    "%s: only %zd of %zu bytes were written", file, n, len);
	(void)close(fd);
	return n != -1 && (size_t)n == len ? 0 : -1;
}

void
audit_end(struct audit *a)
{
	struct k8s_err err = K8S_ERR_INIT;
	int saved = errno;
	const char *line;
	size_t len;

	(void)json_end(&a->json);
	line = (const char *)buf_data(a->line);
	len = buf_len(a->line);
	log_line_as(AUDIT_IDENT, getpid(), LOGL_INFO, line, len);
	if (a->file != NULL) {
		if (audit_append(a->file, line, len, &err) == 0) {
			a->failing = 0;
		} else {
			if (!a->failing)
				log_error("audit: %s; events go to syslog "
					  "alone until this is mended",
				    err.msg);
			a->failing = 1;
		}
	}
	errno = saved;
}
