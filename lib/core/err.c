/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/core/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int
k8s_err_set(struct k8s_err *err, enum k8s_err_code code, const char *fmt, ...)
{
	int saved = errno;
	va_list ap;

	if (err != NULL) {
		err->code = code;
		va_start(ap, fmt);
		(void)vsnprintf(err->msg, sizeof(err->msg), fmt, ap);
		va_end(ap);
	}
	errno = saved;
	return -1;
}

int
k8s_err_errno(struct k8s_err *err, const char *fmt, ...)
{
	int saved = errno;
	va_list ap;
	size_t len;

	if (err != NULL) {
		err->code = K8S_ERR_SYSTEM;
		va_start(ap, fmt);
		(void)vsnprintf(err->msg, sizeof(err->msg), fmt, ap);
		va_end(ap);
		len = strlen(err->msg);
		(void)snprintf(err->msg + len, sizeof(err->msg) - len, ": %s",
		    strerror(saved));
	}
	errno = saved;
	return -1;
}

int
k8s_err_prefix(struct k8s_err *err, const char *fmt, ...)
{
	int saved = errno;
	char front[K8S_ERR_MAX];
	size_t len, room, keep;
	va_list ap;

	if (err != NULL) {
		va_start(ap, fmt);
		(void)vsnprintf(front, sizeof(front) - 2, fmt, ap);
		va_end(ap);
		len = strlen(front);
		memcpy(front + len, ": ", 3);
		len += 2;
		room = sizeof(err->msg) - 1 - len;
		keep = strlen(err->msg);
		if (keep > room)
			keep = room;
		memmove(err->msg + len, err->msg, keep);
		memcpy(err->msg, front, len);
		err->msg[len + keep] = '\0';
	}
	errno = saved;
	return -1;
}
