/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading and writing an inherited descriptor without blocking, and without
 * O_NONBLOCK on the open file that is shared with its other holders.
 */
#ifndef K8SHELL_NBIO_H
#define K8SHELL_NBIO_H

#include <stdint.h>
#include <sys/types.h>

#include "lib/core/err.h"

struct nbio {
	int fd;		/* what to watch; -1 when closed */
	int own;	/* fd is an open file of ours */
	int is_sock;	/* MSG_DONTWAIT does it */
	int flags;	/* of the shared open file, to be put back; or -1 */
	uint64_t bytes; /* read or written so far */
};

/*
 * How fd can be used without blocking: a socket as it is; a pipe, a terminal
 * or a FIFO through an open file of our own (/proc/self/fd); and if that can't
 * be had, the shared one, its flags put back by nbio_close(). write: whether
 * it will be written to, else read from. fd is borrowed and stays open.
 */
int nbio_open(struct nbio *io, int fd, int write, struct k8s_err *err);

/*
 * As read(2) and write(2), never blocking (EAGAIN). The caller ignores
 * SIGPIPE, which a pipe without a reader raises.
 */
ssize_t nbio_read(struct nbio *io, void *p, size_t len);
ssize_t nbio_write(struct nbio *io, const void *p, size_t len);

void nbio_close(struct nbio *io);

#endif
