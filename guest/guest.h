/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of the guest share: one stream, one loop, its sessions. */
#ifndef K8SHELL_GUEST_GUEST_H
#define K8SHELL_GUEST_GUEST_H

#include "lib/core/loop.h"
#include "lib/core/mux.h"

struct dial;
struct session;

struct guest {
	struct loop *loop;
	struct mux *mux;
	struct session *sessions; /* session.c's list */
	struct dial *dials;	  /* dial.c's */
	int hung_up;		  /* a session was; its group may be dying */
};

/*
 * A line for whoever looks at the exec's stderr. Never blocks: where it can't
 * be written it is lost. What is not printable ASCII becomes '?'.
 */
void guest_note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
