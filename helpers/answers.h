/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What k8shell-forward says to the supervisor, in order; what there is no room
 * for in the socket waits here. Who reads no dials while any do has at most two
 * a dial in here.
 */
#ifndef K8SHELL_ANSWERS_H
#define K8SHELL_ANSWERS_H

#include "lib/core/dials.h"
#include "lib/core/err.h"

struct answers_packet;

struct answers {
	int fd; /* borrowed */
	struct answers_packet *first, **end;
};

void answers_init(struct answers *a, int fd);
void answers_clear(struct answers *a);

/* -1: without memory, or as dials_send(). */
int answers_put(struct answers *a, const struct dials_packet *p,
    struct k8s_err *err);

/* As much as goes. -1: as dials_send(). */
int answers_flush(struct answers *a, struct k8s_err *err);

/* Whether any wait for room. */
int answers_wait(const struct answers *a);

#endif
