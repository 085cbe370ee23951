/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is known of a connection, and the audit events made of it: from sshd's
 * own lines, which go on to syslog, and from what the helpers tell.
 */
#ifndef K8SHELL_RECORD_H
#define K8SHELL_RECORD_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/core/audit.h"
#include "lib/core/control.h"
#include "lib/core/net.h"
#include "proxyprotocol/limits.h"

struct record;

struct record_origin {
	const char *id, *listener; /* borrowed for the record's life */
	struct net_addr client;	   /* as sshd sees it */
	struct net_addr peer;	   /* who connected to us */
	int proxied;		   /* the two come from a PROXY header */
};

/* Begins with the event connection.open. audit is borrowed. */
struct record *record_new(struct audit *audit, const struct record_origin *o,
    struct k8s_err *err);
void record_free(struct record *r);

/*
 * A packet that process pid, of this uid, wrote on sshd's stderr, one line. It
 * goes to syslog as sshd's, and into the record. What says who is in counts
 * from root alone: sshd's children have the same stderr.
 */
void record_sshd_line(struct record *r, pid_t pid, uid_t uid, const char *line,
    size_t len);

/*
 * Who has logged in, borrowed; NULL if nobody has, "" if somebody has and sshd
 * did not say who.
 */
const char *record_user(const struct record *r);

void record_session_start(struct record *r,
    const struct control_session_start *s);
/* NULL: the helper is gone without a word. */
void record_session_end(struct record *r, const struct control_session_end *e);

/* A forward of the user into the workspace. */
struct record_forward {
	unsigned long number;	 /* of the connection's, in order */
	const char *destination; /* a host or a path, as the user wrote it */
	size_t destination_len;
	int tcp; /* 0: it is a path */
	unsigned int port;
};

enum record_dial { RECORD_CONNECTED, RECORD_FAILED, RECORD_REFUSED };

/*
 * How its dial ended. error: an errno, 0 if there is none to it; why: more
 * words, or NULL. RECORD_REFUSED: not even tried.
 */
void record_forward_open(struct record *r, const struct record_forward *f,
    enum record_dial how, unsigned long dial_ms, int error, const char *why);

/* Of one that was connected. */
struct record_forward_end {
	uint64_t bytes_in, bytes_out; /* from the client, to it */
	unsigned long duration_ms;
	const char *why; /* it was cut, or NULL */
	int unknown;	 /* nobody can tell the bytes any more */
};

void record_forward_close(struct record *r, const struct record_forward *f,
    const struct record_forward_end *e);

/*
 * sshd, the first process, has ended with this waitpid(2) status. 1 and *o if
 * the source is to be penalised for it: never where sshd had nothing to say of
 * this client, as then it was not the client's fault.
 */
int record_sshd_ended(struct record *r, int status, enum limits_offence *o);

/* The last process is gone: auth.failure if it is one, connection.close. */
void record_close(struct record *r);

#endif
