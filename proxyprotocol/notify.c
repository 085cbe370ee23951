/* SPDX-License-Identifier: Apache-2.0 */
#include "proxyprotocol/notify.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#if defined(__x86_64__)
#define NOTIFY_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define NOTIFY_ARCH AUDIT_ARCH_AARCH64
#else
#error "which AUDIT_ARCH_ this is has to be said here"
#endif

/* Linux 5.19; Debian 12's headers are older than its kernel. */
#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif

#define X32_SYSCALL_BIT 0x40000000

/* The bits of socket(2)'s type that are one; others are flags. */
#define NOTIFY_SOCK_TYPE 0xf

/* Longest /proc/PID/status, fdinfo; they are a page at most, and we stop. */
#define NOTIFY_PROC_MAX 4096

struct notify {
	int fd;
	struct seccomp_notif *req;
	struct seccomp_notif_resp *resp;
	size_t req_size, resp_size;
	struct notify_caller caller;
	int pidfd; /* of the caller's process; -1 not opened yet */
};

/*
 * The filter.
 */

#define OFFSET(field) ((uint32_t)offsetof(struct seccomp_data, field))
#define LOAD(field)   BPF_STMT(BPF_LD | BPF_W | BPF_ABS, OFFSET(field))
/* The low half of an argument; x86-64 and arm64 are little-endian. */
#define LOAD_ARG(i)  LOAD(args[i])
#define RETURN(what) BPF_STMT(BPF_RET | BPF_K, (what))
#define UNLESS(value, skip) \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (value), 0, skip)
#define UNLESS_BIT(bit, skip) \
	BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, (bit), 0, skip)
#define REFUSE(error) RETURN(SECCOMP_RET_ERRNO | (error))

/* A call whose flags are argument i: refused with MSG_FASTOPEN. */
#define NO_FASTOPEN(call, i)                                       \
	UNLESS(call, 4), LOAD_ARG(i), UNLESS_BIT(MSG_FASTOPEN, 1), \
	    REFUSE(EOPNOTSUPP), RETURN(SECCOMP_RET_ALLOW)

int
notify_install(int addresses, struct k8s_err *err)
{
	struct sock_filter program[] = {
	    /* A 32-bit program has its calls under other numbers. */
	    LOAD(arch),
	    UNLESS(NOTIFY_ARCH, 1),
	    BPF_JUMP(BPF_JMP | BPF_JA, 1, 0, 0),
	    RETURN(SECCOMP_RET_KILL_PROCESS),
	    LOAD(nr),
#ifdef __x86_64__
	    UNLESS_BIT(X32_SYSCALL_BIT, 1),
	    REFUSE(ENOSYS),
#endif
	    UNLESS(SYS_connect, 1),
	    RETURN(SECCOMP_RET_USER_NOTIF),
	    UNLESS(SYS_getpeername, 1),
	    RETURN(addresses ? SECCOMP_RET_USER_NOTIF : SECCOMP_RET_ALLOW),
	    UNLESS(SYS_getsockname, 1),
	    RETURN(addresses ? SECCOMP_RET_USER_NOTIF : SECCOMP_RET_ALLOW),
	    /* What connects without connect(2). */
	    UNLESS(SYS_io_uring_setup, 1),
	    REFUSE(ENOSYS),
	    /*
	     * SCTP connects by sendmsg(2) and by a socket option. It is also
	     * what SOCK_SEQPACKET means where no protocol is named.
	     */
	    UNLESS(SYS_socket, 10),
	    LOAD_ARG(2),
	    UNLESS(IPPROTO_SCTP, 1),
	    REFUSE(EPROTONOSUPPORT),
	    LOAD_ARG(0),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AF_UNIX, 3, 0),
	    LOAD_ARG(1),
	    BPF_STMT(BPF_ALU | BPF_AND | BPF_K, NOTIFY_SOCK_TYPE),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SOCK_SEQPACKET, 1, 0),
	    RETURN(SECCOMP_RET_ALLOW),
	    REFUSE(EPROTONOSUPPORT),
	    NO_FASTOPEN(SYS_sendto, 3),
	    NO_FASTOPEN(SYS_sendmsg, 2),
	    NO_FASTOPEN(SYS_sendmmsg, 3),
	    RETURN(SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = {
	    .len = sizeof(program) / sizeof(program[0]),
	    .filter = program,
	};
	long fd;

	/*
	 * WAIT_KILLABLE_RECV: once received, only a deadly signal interrupts
	 * the caller; any other one would make it start the call again, for
	 * ever under a timer (facts-sshd.md).
	 */
	fd = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
	    SECCOMP_FILTER_FLAG_NEW_LISTENER |
		SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV,
	    &prog);
	if (fd != -1)
		return (int)fd;
	if (errno == EBUSY)
		return k8s_err_set(err, K8S_ERR_SYSTEM,
		    "seccomp: this process is under another supervisor's "
		    "filter already, and the kernel allows only one: run "
		    "k8shell-proxyd outside of it");
	if (errno == EINVAL)
		return k8s_err_set(err, K8S_ERR_SYSTEM,
		    "seccomp: this kernel lacks user notification with "
		    "WAIT_KILLABLE_RECV: Linux 5.19 or newer is needed");
	return k8s_err_errno(err, "seccomp");
}

/*
 * The supervising side.
 */

struct notify *
notify_new(int listener, struct k8s_err *err)
{
	struct seccomp_notif_sizes sizes;
	struct notify *n;

	if ((n = calloc(1, sizeof(*n))) == NULL) {
		k8s_err_errno(err, "out of memory");
		return NULL;
	}
	n->fd = listener;
	n->pidfd = -1;
	if (syscall(SYS_seccomp, SECCOMP_GET_NOTIF_SIZES, 0, &sizes) == -1) {
		k8s_err_errno(err, "seccomp notification sizes");
		notify_free(n);
		return NULL;
	}
	/* A newer kernel's are longer, an older one's shorter than ours. */
	n->req_size = sizes.seccomp_notif > sizeof(*n->req)
	    ? sizes.seccomp_notif
	    : sizeof(*n->req);
	n->resp_size = sizes.seccomp_notif_resp > sizeof(*n->resp)
	    ? sizes.seccomp_notif_resp
	    : sizeof(*n->resp);
	if ((n->req = malloc(n->req_size)) == NULL ||
	    (n->resp = malloc(n->resp_size)) == NULL) {
		k8s_err_errno(err, "out of memory");
		notify_free(n);
		return NULL;
	}
	return n;
}

static void
notify_forget(struct notify *n)
{
	if (n->pidfd != -1)
		(void)close(n->pidfd);
	n->pidfd = -1;
}

void
notify_free(struct notify *n)
{
	if (n == NULL)
		return;
	notify_forget(n);
	(void)close(n->fd);
	free(n->req);
	free(n->resp);
	free(n);
}

int
notify_fd(const struct notify *n)
{
	return n->fd;
}

/* Whether the caller is still there, waiting in the same call. */
static int
notify_is_valid(struct notify *n)
{
	return ioctl(n->fd, SECCOMP_IOCTL_NOTIF_ID_VALID, &n->req->id) == 0;
}

/* The text of a file in /proc/TID/, NUL-terminated. */
static int
notify_proc_text(struct notify *n, const char *name, char *text, size_t size)
{
	char path[64];
	size_t len = 0;
	ssize_t got;
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/%ld/%s", (long)n->caller.tid,
	    name);
	if ((fd = open(path, O_RDONLY | O_CLOEXEC)) == -1)
		return -1;
	while (
	    len < size - 1 && (got = read(fd, text + len, size - 1 - len)) > 0)
		len += (size_t)got;
	(void)close(fd);
	text[len] = '\0';
	return 0;
}

/* The i-th number (decimal or octal) of the line that begins with key. */
static int
notify_proc_number(const char *text, const char *key, int i, int base,
    unsigned long *value)
{
	const char *p;
	char *end;

	if ((p = strstr(text, key)) == NULL || (p != text && p[-1] != '\n'))
		return -1;
	p += strlen(key);
	for (; i >= 0; i--) {
		errno = 0;
		*value = strtoul(p, &end, base);
		if (end == p || errno != 0)
			return -1;
		p = end;
	}
	return 0;
}

static int
notify_identify(struct notify *n)
{
	char text[NOTIFY_PROC_MAX];
	unsigned long pid, ppid, uid, gid;

	if (notify_proc_text(n, "status", text, sizeof(text)) == -1 ||
	    notify_proc_number(text, "Tgid:", 0, 10, &pid) == -1 ||
	    notify_proc_number(text, "PPid:", 0, 10, &ppid) == -1 ||
	    /* real, effective, saved, file system */
	    notify_proc_number(text, "Uid:", 1, 10, &uid) == -1 ||
	    notify_proc_number(text, "Gid:", 1, 10, &gid) == -1)
		return -1;
	n->caller.pid = (pid_t)pid;
	n->caller.ppid = (pid_t)ppid;
	n->caller.euid = (uid_t)uid;
	n->caller.egid = (gid_t)gid;
	/* It was the caller's, not that of a later owner of the number. */
	return notify_is_valid(n) ? 0 : -1;
}

int
notify_receive(struct notify *n, struct notify_caller *c)
{
	struct notify_caller *own = &n->caller;

	notify_forget(n);
	memset(n->req, 0, n->req_size);
	if (ioctl(n->fd, SECCOMP_IOCTL_NOTIF_RECV, n->req) == -1)
		return errno == ENOENT || errno == EINTR ? 0 : -1;
	memset(own, 0, sizeof(*own));
	own->tid = (pid_t)n->req->pid;
	memcpy(own->args, n->req->data.args, sizeof(own->args));
	switch (n->req->data.nr) {
	case SYS_connect:
		own->call = NOTIFY_CONNECT;
		break;
	case SYS_getpeername:
		own->call = NOTIFY_GETPEERNAME;
		break;
	case SYS_getsockname:
		own->call = NOTIFY_GETSOCKNAME;
		break;
	default:
		notify_fail(n, EPERM);
		return 0;
	}
	/* Pid 0 is one in no pid namespace that we can see. */
	if (own->tid == 0 || notify_identify(n) == -1) {
		notify_fail(n, EPERM);
		return 0;
	}
	*c = *own;
	return 1;
}

static void
notify_answer(struct notify *n, uint32_t flags, int error)
{
	memset(n->resp, 0, n->resp_size);
	n->resp->id = n->req->id;
	n->resp->flags = flags;
	n->resp->error = -error;
	/* ENOENT: it is gone, so it does not matter. */
	(void)ioctl(n->fd, SECCOMP_IOCTL_NOTIF_SEND, n->resp);
}

void
notify_continue(struct notify *n)
{
	notify_answer(n, SECCOMP_USER_NOTIF_FLAG_CONTINUE, 0);
}

void
notify_fail(struct notify *n, int error)
{
	notify_answer(n, 0, error);
}

void
notify_succeed(struct notify *n)
{
	notify_answer(n, 0, 0);
}

/*
 * Memory. /proc/PID/mem belongs to root for a program like sshd, and opening
 * it would take CAP_DAC_OVERRIDE; process_vm_readv(2) asks only for
 * CAP_SYS_PTRACE, but takes a number. The caller is frozen as long as its
 * notification is valid, so its number is its own then.
 */

int
notify_read(struct notify *n, uint64_t address, void *p, size_t len)
{
	struct iovec ours = {p, len};
	struct iovec theirs = {(void *)(uintptr_t)address, len};
	ssize_t got = process_vm_readv(n->caller.tid, &ours, 1, &theirs, 1, 0);

	if (got == -1)
		return -1;
	if ((size_t)got != len) {
		errno = EFAULT;
		return -1;
	}
	/* Read from the caller, or from a later owner of its number? */
	if (!notify_is_valid(n)) {
		errno = ESRCH;
		return -1;
	}
	return 0;
}

int
notify_write(struct notify *n, uint64_t address, const void *p, size_t len)
{
	struct iovec ours = {(void *)(uintptr_t)p, len};
	struct iovec theirs = {(void *)(uintptr_t)address, len};
	ssize_t put;

	/*
	 * Only a caller that is killed between these two calls, with its
	 * number given to a new process in that time, could make this hit
	 * the wrong one; numbers are given out in turn.
	 */
	if (!notify_is_valid(n)) {
		errno = ESRCH;
		return -1;
	}
	put = process_vm_writev(n->caller.tid, &ours, 1, &theirs, 1, 0);
	if (put != -1 && (size_t)put != len) {
		errno = EFAULT;
		return -1;
	}
	return put == -1 ? -1 : 0;
}

void
notify_give_address(struct notify *n, const struct net_addr *a)
{
	const uint64_t address = n->caller.args[1], addrlen = n->caller.args[2];
	uint32_t len = a->len;
	int32_t room = 0;

	if (notify_read(n, addrlen, &room, sizeof(room)) == -1)
		notify_fail(n, errno == EFAULT ? EFAULT : EPERM);
	else if (room < 0)
		notify_fail(n, EINVAL);
	else if (notify_write(n, address, &a->sa,
		     (uint32_t)room < len ? (uint32_t)room : len) == -1 ||
	    notify_write(n, addrlen, &len, sizeof(len)) == -1)
		notify_fail(n, errno == EFAULT ? EFAULT : EPERM);
	else
		notify_succeed(n);
}

/*
 * Descriptors.
 */

int
notify_get_fd(struct notify *n, int fd)
{
	if (n->pidfd == -1) {
		if ((n->pidfd = pidfd_open(n->caller.pid, 0)) == -1)
			return -1;
		/* Opened by number: whose is it? */
		if (!notify_is_valid(n)) {
			notify_forget(n);
			errno = ESRCH;
			return -1;
		}
	}
	return pidfd_getfd(n->pidfd, fd, 0);
}

int
notify_fd_flags(struct notify *n, int fd, int *flags)
{
	char name[32], text[NOTIFY_PROC_MAX];
	unsigned long value;

	(void)snprintf(name, sizeof(name), "fdinfo/%d", fd);
	if (notify_proc_text(n, name, text, sizeof(text)) == -1 ||
	    notify_proc_number(text, "flags:", 0, 8, &value) == -1 ||
	    !notify_is_valid(n))
		return -1;
	*flags = (int)value;
	return 0;
}

int
notify_replace_fd(struct notify *n, int fd, int ours, int cloexec)
{
	struct seccomp_notif_addfd add = {
	    .id = n->req->id,
	    .flags = SECCOMP_ADDFD_FLAG_SETFD,
	    .srcfd = (uint32_t)ours,
	    .newfd = (uint32_t)fd,
	    .newfd_flags = cloexec ? O_CLOEXEC : 0,
	};

	return ioctl(n->fd, SECCOMP_IOCTL_NOTIF_ADDFD, &add) == -1 ? -1 : 0;
}
