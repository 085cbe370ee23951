/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Audit events: one JSON object (json.h) on one line each, to syslog (facility
 * AUTH, level INFO, ident k8shell-audit, whatever the log level) and, if there
 * is one, to a file. The process that writes them has no privileges.
 *
 * Every event starts with
 *	{"timestamp":"2026-11-24T15:00:00.123456Z","event":"NAME","proxy_id":"ID"
 * (RFC 3339, UTC, microseconds) and goes on with what the caller adds:
 *
 *	struct json *j = audit_begin(a, "connection.open");
 *	json_string(j, "client_address", address);
 *	audit_end(a);
 *
 * An event is never dropped for its size: see AUDIT_MAX.
 *
 * The file is opened for each event, so it can be rotated by renaming, without
 * a signal; it is created with mode 0640. Whatever is not a regular file is
 * refused, symbolic links too. A line goes into it with one write(2) at its
 * end, so that many processes can share it. When that fails or was short (a
 * full disk; then half a line stays behind) the log says so, once until it
 * works again, and syslog has the event all the same.
 */
#ifndef K8SHELL_AUDIT_H
#define K8SHELL_AUDIT_H

#include "lib/core/err.h"
#include "lib/core/json.h"

/*
 * Longest line, bytes, with its newline. With its header it fits into the
 * 8 KiB that syslog daemons take by default. What does not fit is left out
 * from its end, and the event has "truncated":true (see json.h): the
 * connection's id goes first, what users choose the length of goes last.
 */
#define AUDIT_MAX 8000

/* Longest proxy_id, bytes. */
#define AUDIT_ID_MAX 255

struct audit;

/*
 * file: absolute path, or NULL for syslog only; nothing is opened yet, so that
 * it can be called before privileges are dropped. proxy_id: which of several
 * bastions this is. Both are copied. NULL on failure: K8S_ERR_CONFIG for a bad
 * path or id, K8S_ERR_SYSTEM without memory. An event needs no memory more.
 */
struct audit *audit_new(const char *file, const char *proxy_id,
    struct k8s_err *err);

void audit_free(struct audit *a);
void audit_freep(struct audit **a);

/*
 * Starts an event. The writer is borrowed until audit_end(); one event at a
 * time. event: a literal of ours, "noun.verb".
 */
struct json *audit_begin(struct audit *a, const char *event);

/* Ends the event and delivers it. Never blocks on a peer; keeps errno. */
void audit_end(struct audit *a);

#endif
