/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Slots: one for each live connection, its number giving the connection a uid
 * of its own. A slot outlives the daemon that gave it out, and another base in
 * its configuration: it is the byte of a file at the uid's offset, locked by
 * the connection's supervisor as long as that lives, and 0 only once the
 * connection's last process is gone.
 */
#ifndef K8SHELL_SLOTS_H
#define K8SHELL_SLOTS_H

#include <sys/types.h>

#include "lib/core/err.h"

struct slot {
	int fd; /* holds the lock; -1 for none */
	unsigned number;
	uid_t uid; /* base + number: the byte of the file */
};

/*
 * Takes the first free slot below count, from hint on (and around), so that a
 * number is not used again at once. path is made if it is not there; its
 * folder is root's. K8S_ERR_LIMIT if none is free. A slot whose supervisor
 * died before its connection's processes did is free when no process has the
 * uid base + number any more.
 */
int slots_take(struct slot *s, const char *path, unsigned count, unsigned hint,
    uid_t base, struct k8s_err *err);

/* Nobody of the connection is left. Also closes. */
void slots_release(struct slot *s);

/* Lets go of it in this process; the lock stays another's. */
void slots_close(struct slot *s);

#endif
