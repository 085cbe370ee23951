/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Seccomp user notification (seccomp(2), seccomp_unotify(2)): the filter that
 * every process of a connection is born under, and what its supervisor can
 * learn of and do to a caller that waits in a trapped system call.
 */
#ifndef K8SHELL_NOTIFY_H
#define K8SHELL_NOTIFY_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/core/err.h"
#include "lib/core/net.h"

enum notify_call {
	NOTIFY_CONNECT,
	NOTIFY_GETPEERNAME,
	NOTIFY_GETSOCKNAME,
};

/*
 * Puts this process and all it will ever start under the filter. Returns the
 * listener, or -1. connect(2) is trapped; getpeername(2) and getsockname(2)
 * are if addresses is set. What would be a way around the trap is refused
 * by the filter itself: io_uring, MSG_FASTOPEN, SCTP, system calls of another
 * architecture.
 *
 * Needs CAP_SYS_ADMIN: no_new_privs would take the helpers their setgid bit.
 * EBUSY: this process is under such a filter already, and there can be only
 * one with a listener.
 */
int notify_install(int addresses, struct k8s_err *err);

struct notify; /* a listener's supervising side */

/* Takes the listener over. */
struct notify *notify_new(int listener, struct k8s_err *err);
void notify_free(struct notify *n);

/* What to wait at: EPOLLIN is a caller, EPOLLHUP that nobody is left. */
int notify_fd(const struct notify *n);

/* The caller under way. All that is borrowed is until the next receive. */
struct notify_caller {
	enum notify_call call;
	uint64_t args[6];
	pid_t tid, pid; /* the thread, its process */
	pid_t ppid;	/* whose child that is, as far as we see */
	uid_t euid;
	gid_t egid;
};

/*
 * Receives a caller. 1: *c is it, and one of the answers below is due. 0:
 * there is none (it died meanwhile), or nothing is known of it and it got
 * EPERM. -1: the listener is broken.
 */
int notify_receive(struct notify *n, struct notify_caller *c);

/*
 * The answers. Each goes to the caller of the last notify_receive(); one that
 * is gone does not notice. continue: the kernel does the call as if nothing
 * had been - never for a decision about the caller's memory or descriptors,
 * which it can change before the kernel looks (seccomp_unotify(2)).
 */
void notify_continue(struct notify *n);
void notify_fail(struct notify *n, int error); /* an errno */
void notify_succeed(struct notify *n);

/*
 * Answers getpeername(2) or getsockname(2) with this address, as the kernel
 * does (move_addr_to_user() in its net/socket.c): cut to the caller's room,
 * its true length in the caller's addrlen, EINVAL and EFAULT where due.
 */
void notify_give_address(struct notify *n, const struct net_addr *a);

/*
 * len bytes of the caller's memory at address, only whole. -1 with errno:
 * EFAULT is the caller's fault, all else is to be refused.
 */
int notify_read(struct notify *n, uint64_t address, void *p, size_t len);
int notify_write(struct notify *n, uint64_t address, const void *p, size_t len);

/* A descriptor of ours for the caller's open file fd. -1 with errno. */
int notify_get_fd(struct notify *n, int fd);

/* O_NONBLOCK, O_CLOEXEC ... of the caller's fd, as in F_GETFL. -1: unknown. */
int notify_fd_flags(struct notify *n, int fd, int *flags);

/* Puts our open file in the place of the caller's fd. cloexec: as it was. */
int notify_replace_fd(struct notify *n, int fd, int ours, int cloexec);

#endif
