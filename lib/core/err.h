/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The error contract of the whole tree: functions that can fail return 0 or
 * -1 (or a pointer or NULL) and fill a caller-owned struct k8s_err. On
 * success it is left untouched. Each layer adds what it was doing in front of
 * the text; only a program's top level logs or prints it.
 */
#ifndef K8SHELL_ERR_H
#define K8SHELL_ERR_H

#include <stddef.h>

/* What went wrong, as far as a caller may want to act on it. */
enum k8s_err_code {
	K8S_ERR_NONE = 0,
	K8S_ERR_SYSTEM,	    /* a system call or a library failed */
	K8S_ERR_CONFIG,	    /* a file an admin wrote is missing or wrong */
	K8S_ERR_INVALID,    /* bytes from outside break their format */
	K8S_ERR_LIMIT,	    /* a cap was reached */
	K8S_ERR_TIMEOUT,    /* a deadline passed */
	K8S_ERR_CONNECT,    /* the API server can't be reached */
	K8S_ERR_TLS,	    /* its certificate or the handshake is not good */
	K8S_ERR_AUTH,	    /* 401: credentials missing, wrong or expired */
	K8S_ERR_FORBIDDEN,  /* 403 */
	K8S_ERR_NOT_FOUND,  /* 404 */
	K8S_ERR_API,	    /* any other refusal of the API server */
	K8S_ERR_DISCONNECT, /* an established stream was cut */
	K8S_ERR_NOT_EXECUTABLE, /* the command exists but can't be run (126) */
	K8S_ERR_NO_COMMAND,	/* the command does not exist (127) */
};

/* Longest error text including its NUL; longer ones are cut. */
#define K8S_ERR_MAX 1024

struct k8s_err {
	enum k8s_err_code code;
	char msg[K8S_ERR_MAX];
};

#define K8S_ERR_INIT {K8S_ERR_NONE, {0}}

/*
 * Sets code and text. err may be NULL. Always returns -1, so that a caller
 * can write "return k8s_err_set(...)". errno is preserved.
 */
int k8s_err_set(struct k8s_err *err, enum k8s_err_code code, const char *fmt,
    ...) __attribute__((format(printf, 3, 4)));

/* As k8s_err_set with K8S_ERR_SYSTEM and ": strerror(errno)" at the end. */
int k8s_err_errno(struct k8s_err *err, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Puts "text: " in front of what is there. Always returns -1. */
int k8s_err_prefix(struct k8s_err *err, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

#endif
