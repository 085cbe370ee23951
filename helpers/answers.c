/* SPDX-License-Identifier: Apache-2.0 */
#include "helpers/answers.h"

#include <stdlib.h>

struct answers_packet {
	struct answers_packet *next;
	struct dials_packet packet;
};

void
answers_init(struct answers *a, int fd)
{
	a->fd = fd;
	a->first = NULL;
	a->end = &a->first;
}

static void
answers_drop_first(struct answers *a)
{
	struct answers_packet *p = a->first;

	if ((a->first = p->next) == NULL)
		a->end = &a->first;
	free(p);
}

void
answers_clear(struct answers *a)
{
	while (a->first != NULL)
		answers_drop_first(a);
}

int
answers_flush(struct answers *a, struct k8s_err *err)
{
	int r;

	while (a->first != NULL) {
		if ((r = dials_send(a->fd, &a->first->packet, -1, err)) != 1)
			return r;
		answers_drop_first(a);
	}
	return 0;
}

int
answers_put(struct answers *a, const struct dials_packet *p,
    struct k8s_err *err)
{
	struct answers_packet *q;

	if ((q = calloc(1, sizeof(*q))) == NULL)
		return k8s_err_errno(err, "out of memory");
	q->packet = *p;
	*a->end = q;
	a->end = &q->next;
	return answers_flush(a, err);
}

int
answers_wait(const struct answers *a)
{
	return a->first != NULL;
}
