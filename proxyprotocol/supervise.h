/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The supervisor: one process for each connection, with no rights but to look
 * into the processes of that connection. It answers their trapped system
 * calls, relays what sshd logs, keeps the audit record, and ends when the
 * last of them has.
 */
#ifndef K8SHELL_SUPERVISE_H
#define K8SHELL_SUPERVISE_H

#include <sys/types.h>

#include "lib/core/err.h"
#include "lib/core/net.h"
#include "proxyprotocol/settings.h"
#include "proxyprotocol/slots.h"
#include "proxyprotocol/sshd.h"

/*
 * What the front hears on the report pipe, one byte each. The offences are
 * REPORT_OFFENCE + enum limits_offence.
 */
#define REPORT_AUTHENTICATED 'A'
#define REPORT_OFFENCE	     '0'

#define SUPERVISE_ID_SIZE 17

struct supervise {
	char id[SUPERVISE_ID_SIZE]; /* of the connection */
	const struct settings *settings;
	const struct sshd_facts *facts;
	const char *listener; /* its name */
	uid_t uid;	      /* whose the supervisor becomes */
	gid_t gid;
	gid_t helper_gid; /* which the helpers are setgid to */
	int client;	  /* the accepted socket */
	int report;	  /* where the bytes above go */
	struct slot slot;
	struct net_addr source, destination; /* as sshd is to see them */
	struct net_addr peer;		     /* who connected */
	int proxied; /* source and destination come from a header */
};

/*
 * Never returns: becomes the supervisor, with sshd as its child. For a child
 * of the front, as root; takes over client, report and slot, closes all else.
 */
_Noreturn void supervise(const struct supervise *p);

/*
 * Starts a supervisor with a program of our own in place of sshd, to see
 * whether this kernel and these privileges are enough. -1: it says what is
 * missing.
 */
int supervise_self_test(const struct settings *s, uid_t uid, gid_t gid,
    gid_t helper_gid, struct k8s_err *err);

#endif
