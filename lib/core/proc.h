/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one place where programs are started: absolute path, the environment
 * given and nothing else, no shell, no descriptor but those named here, in /,
 * umask 077, and with the effective group as the real one, so that a user can
 * look into no child of a setgid helper.
 */
#ifndef K8SHELL_PROC_H
#define K8SHELL_PROC_H

#include "lib/core/buf.h"
#include "lib/core/err.h"

/*
 * Opens /dev/null on each of the descriptors 0, 1 and 2 that is closed, so
 * that no file opened later can become somebody's stdout. The first thing a
 * program does. Ends the process (111) if that can't be done.
 */
void proc_sane_fds(void);

/* Closes every descriptor above 2 but the n of keep; -1 is passed over. */
void proc_close_others(const int *keep, size_t n);

struct proc_run {
	const char *path;	 /* absolute */
	const char *const *argv; /* with argv[0], ends with NULL */
	const char *const *envp; /* ends with NULL */
	int timeout_ms;		 /* the whole run; then SIGKILL */
	size_t max_out;		 /* caps for stdout and stderr, bytes */
	size_t max_err;		 /* more stderr than this is read and dropped */
};

/*
 * Runs a program to its end with stdin at /dev/null. *status is as from
 * waitpid(2). out gets its stdout; err_out (may be NULL) its stderr. -1 if it
 * can't be started, wrote more stdout than its cap or took too long: the
 * process is gone then.
 */
int proc_run(const struct proc_run *run, struct buf *out, struct buf *err_out,
    int *status, struct k8s_err *err);

/* A program that goes on by itself, with 0 to 2 at /dev/null. */
struct proc_start {
	const char *path;		       /* absolute */
	const char *const *argv, *const *envp; /* as above */
	int fd; /* becomes its descriptor 3; the caller's stays open */
};

struct proc_child;

/*
 * Starts it and does not wait for anything; that it can't be executed shows
 * when it ends. It is killed when the caller ends, and by the calls below, but
 * not if it is setuid and has made itself another user's: that one has to see
 * by its descriptor that it is to end. NULL: there is no process.
 */
struct proc_child *proc_start(const struct proc_start *start,
    struct k8s_err *err);

/* Readable when it has ended; borrowed. */
int proc_child_pidfd(const struct proc_child *c);

/*
 * Waits for its end. *status is as from waitpid(2); -1: it could not be
 * executed. Once.
 */
int proc_child_wait(struct proc_child *c, int *status, struct k8s_err *err);

/* Kills it and its process group, and waits for nothing. */
void proc_child_kill(struct proc_child *c);

/* Kills it and its process group, if it has not been waited for. NULL is fine.
 */
void proc_child_end(struct proc_child *c);

#endif
