/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of the front share: front.c and conn.c. */
#ifndef K8SHELL_FRONTINT_H
#define K8SHELL_FRONTINT_H

#include <signal.h>
#include <sys/socket.h>
#include <sys/types.h>

#include "lib/core/inifile.h"
#include "lib/core/log.h"
#include "lib/core/loop.h"
#include "lib/core/net.h"
#include "proxyprotocol/front.h"
#include "proxyprotocol/limits.h"
#include "proxyprotocol/supervise.h"

/* A listener is named in its section. */
#define FRONT_NAME_MAX (INIFILE_SECTION_MAX + 1)

enum front_state {
	FRONT_HEADER, /* a PROXY header may come */
	FRONT_LIVE,   /* it has a supervisor */
};

struct front_conn {
	struct front *f;
	struct front_conn *next, **prev;
	enum front_state state;
	struct limits_ticket ticket;
	int fd; /* the client, then its supervisor's reports */
	struct loop_io *watch;
	char listener[FRONT_NAME_MAX];
	int required;  /* the header */
	int blameless; /* a proxy's own connection: no penalty is the proxy's */
	char id[SUPERVISE_ID_SIZE];
	pid_t pid;	   /* of its supervisor */
	unsigned int seen; /* bytes of what may be one */
	long long deadline_ms;
	struct net_addr peer, local;	     /* of the socket */
	struct net_addr source, destination; /* as sshd is to see them */
	int proxied;
};

struct front_listener {
	struct front *f;
	const struct listen_socket *socket;
	struct loop_io *watch;
};

struct front {
	struct front_params *p;
	struct loop *loop;
	struct limits *limits;
	struct front_listener *listeners; /* one for each socket */
	struct front_conn *conns;
	unsigned int waiting; /* of them FRONT_HEADER */
	int sigfd, timerfd;
	struct loop_io *sig_watch, *timer_watch;
	sigset_t old_mask;
	long long paused_ms; /* accept again then; 0: not paused */
	unsigned int slot_hint;
	int draining;
	struct log_rate refusals;
};

/* front.c */
long long front_now_ms(void);

/* For the earliest deadline; after a change of one. */
void front_set_timer(struct front *f);

/* Listens again, or not for FRONT_PAUSE_MS. */
void front_accept_again(struct front *f, int on);

/* conn.c: a socket that was accepted; fd is the connection's from now on. */
void front_accepted(struct front *f, int fd,
    const struct sockaddr_storage *peer, socklen_t peer_len,
    const struct settings_listener *l);

/* Its header is too late. */
void front_late(struct front_conn *c);

/* Supervisors that have ended, and with them their connections. */
void front_reap(struct front *f);

/* Closed, and counted no more. */
void front_conn_end(struct front_conn *c);

#endif
