/* SPDX-License-Identifier: Apache-2.0 */
/* One exec while its WebSocket is open: shared by exec.c and session_*.c. */
#ifndef FAKEKUBE_SESSION_H
#define FAKEKUBE_SESSION_H

#include "fakekube.h"

#define CHANNEL_STDIN  0
#define CHANNEL_STDOUT 1
#define CHANNEL_STDERR 2
#define CHANNEL_STATUS 3
#define CHANNEL_RESIZE 4
#define CHANNEL_CLOSE  255

struct session {
	struct conn *conn;
	const struct server *srv;
	const struct pod *pod;
	const struct command *cmd;
	const struct faults *faults;
	struct ws *ws;
	bool v5;
	struct process proc;
	int64_t start;

	bool exited;
	int status; /* of waitid: 128+n for a signal */
	int64_t exit_ms;
	int owed[2]; /* in the pipes when it exited */
	bool ready[2];
	uint64_t sent[2];
	struct text held; /* STATUS_EARLY: the output to come after it */
	int held_channel;

	unsigned char in[FK_FRAME * 2]; /* stdin that waits for the pipe */
	size_t in_off;
	size_t in_len;
	uint64_t received;
	uint64_t wire; /* bytes read, for the slow reader */
	bool in_ended;
	bool sock_ready;
	bool read_waits_write;

	char resize[256];
	size_t resize_len;
	unsigned char signalled; /* first byte of a channel 255 message */
	size_t signalled_len;
	bool first_seen;

	bool stalled; /* neither read nor written any more */
	bool frozen;  /* nothing comes from the process any more */
	bool deleted;
	bool gone;	   /* the client */
	bool closed;	   /* by its close frame */
	const char *ended; /* how, for the log */
};

/* session_end.c */
void session_log(const struct session *, const char *event);
/* The format makes more members: ",\"code\":%d" */
void session_logf(const struct session *, const char *event, const char *, ...)
    __attribute__((format(printf, 3, 4)));
void status_normal(struct text *, int code);
void status_internal(struct text *, const char *why);
/* Sends what is pending, however slow the client is. */
void session_flush(struct session *);
void session_cut(struct session *);
void session_stall(struct session *);
/* Sends the status, or what the pod's faults make of it, and ends. */
void session_finish(struct session *, struct text *status);

/* session_in.c */
extern const struct ws_events session_events;
void session_stdin(struct session *);
/* How many bytes the slow reader may read now; -1: any number */
int64_t session_budget(const struct session *);
bool session_wants_input(const struct session *);
void session_input(struct session *);

/* session_out.c */
void session_output(struct session *);
/* Takes the exit status; blocks until there is one. */
void session_reap(struct session *);

#endif
