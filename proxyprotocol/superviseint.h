/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of the supervisor share: supervise.c, controls.c, selftest.c.
 */
#ifndef K8SHELL_SUPERVISEINT_H
#define K8SHELL_SUPERVISEINT_H

#include <sys/types.h>

#include "lib/core/audit.h"
#include "lib/core/err.h"
#include "lib/core/log.h"
#include "lib/core/loop.h"
#include "proxyprotocol/channels.h"
#include "proxyprotocol/names.h"
#include "proxyprotocol/notify.h"
#include "proxyprotocol/policy.h"
#include "proxyprotocol/record.h"
#include "proxyprotocol/supervise.h"

/* Control sockets open at once; sshd allows 10 sessions. */
#define SUPERVISE_CONTROLS 64

/* From fork to the running sshd. */
#define SUPERVISE_START_MS 10000

struct supervisor;

struct control_socket {
	struct supervisor *s;
	int fd; /* -1: free */
	struct loop_io *watch;
	pid_t pid;
	int may_tell; /* of sessions */
	int may_resolve;
	int in_session; /* told of its start, not yet of its end */
};

struct supervisor {
	const struct supervise *p;
	const char *id;
	struct loop *loop;
	struct audit *audit;
	struct record *record;
	struct notify *notify;
	struct loop_io *notify_watch, *log_watch, *sshd_watch;
	struct policy policy;
	struct names *names; /* of hosts to forward to */
	dev_t client_dev;    /* the client's socket, by which it is known */
	ino_t client_ino;
	pid_t sshd;
	int log, handover, sshd_fd;
	int sshd_status;
	int reported;		   /* that somebody is in */
	int failed;		   /* sshd did not start */
	int hung_up;		   /* nobody of the connection is left */
	struct channels *channels; /* NULL: none is to be had */
	struct control_socket controls[SUPERVISE_CONTROLS];
};

/*
 * supervise.c. supervise_begin() forks what becomes sshd, or runs instead, and
 * gives up root; supervise_go() lets it go on; supervise_finish() is for when
 * the loop has ended.
 */
void supervise_leave_front(const struct supervise *p);
int supervise_begin(struct supervisor *s, const struct supervise *p,
    int (*instead)(void), struct k8s_err *err);
int supervise_go(struct supervisor *s, struct k8s_err *err);
void supervise_finish(struct supervisor *s);

/* Reads what sshd has logged so far: before anything that it decides. */
void supervise_read_log(struct supervisor *s);

/*
 * Whether it is sshd: with the rights of the user who is in that is a child of
 * its monitor, which is the connection's first process. A program of the user's
 * can't be, so nobody gets by what sshd has been told to permit. (Root's sshd
 * may be the monitor itself.)
 */
int supervise_is_sshd(const struct supervisor *s,
    const struct notify_caller *c);

/* controls.c: the control sockets of the connection's programs. */
void controls_init(struct supervisor *s);

/*
 * Answers the caller's connect: its socket becomes one end of a socketpair.
 * -1: refuse it.
 */
int controls_open(struct supervisor *s, const struct notify_caller *c);

/* Nobody is left: reads what is there, and tells of sessions without an end. */
void controls_finish(struct supervisor *s);

#endif
