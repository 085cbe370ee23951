/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The channels that sshd opens for a user's forwards. What sshd would connect
 * from this machine is dialled in the workspace, by k8shell-forward
 * (lib/core/dials.h), a process of the connection's own.
 *
 * The caller's socket becomes one end of a socketpair that can't be written to,
 * as its send side is filled, and connect(2) says EINPROGRESS: so sshd waits,
 * as for any connection. The other end, with the filler in it, is
 * k8shell-forward's alone. It takes the filler out when it is connected, or
 * closes the socket with the filler unread. No byte of a channel ever passes
 * through this process.
 */
#ifndef K8SHELL_CHANNELS_H
#define K8SHELL_CHANNELS_H

#include <sys/socket.h>

#include "lib/core/err.h"
#include "lib/core/loop.h"
#include "proxyprotocol/names.h"
#include "proxyprotocol/notify.h"
#include "proxyprotocol/record.h"

/* k8shell-forward is started this often at most, ms. */
#define CHANNELS_RESTART_MS 1000

/*
 * How long it may take to say how a dial went; then it hangs, and another one
 * takes its place. (It is setuid: it can't be killed once it is another
 * user's.)
 */
#ifndef CHANNELS_ANSWER_MS
#define CHANNELS_ANSWER_MS 60000
#endif

/* How long it has at the end for its last words, ms. */
#define CHANNELS_FINISH_MS 1000

struct channels;

/* All borrowed for the channels' life. */
struct channels_config {
	const char *id;	     /* the connection's, for the log */
	const char *program; /* k8shell-forward, absolute */
	unsigned int max;    /* channels at once */
	struct loop *loop;
	struct notify *notify;
	struct record *record;
	const struct names *names; /* that addresses may stand for */
};

struct channels *channels_new(const struct channels_config *config,
    struct k8s_err *err);
/* k8shell-forward, if it still runs, sees its socket close. NULL is fine. */
void channels_free(struct channels *ch);

/*
 * Answers the connect(2) of the last notify_receive(), which is sshd's for a
 * channel, in every case: EINPROGRESS, or ECONNREFUSED for what can't be
 * dialled. to: the caller's fd is to be connected to that. Never blocks.
 */
void channels_connect(struct channels *ch, int fd, const struct sockaddr *to,
    socklen_t len);

/*
 * Whoever had channels is gone: waits for k8shell-forward's words about them,
 * CHANNELS_FINISH_MS at most, and lets it end.
 */
void channels_finish(struct channels *ch);

#endif
