/* SPDX-License-Identifier: Apache-2.0 */
#include "proxyprotocol/sshd.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/core/buf.h"
#include "lib/core/log.h"
#include "lib/core/proc.h"
#include "proxyprotocol/notify.h"
#include "proxyprotocol/nsswitch.h"

#define SSHD_CHECK_TIMEOUT_MS 20000
#define SSHD_CHECK_OUT_MAX    (256 * 1024)
#define SSHD_CHECK_ERR_MAX    4096

/* What a connection can put into its /tmp: agent sockets, little else. */
#define SSHD_TMP_OPTIONS "mode=1777,size=16m,nr_inodes=4k"

/* The connection's nsswitch.conf, until it is where it belongs. */
#define SSHD_NSSWITCH "/tmp/nsswitch.conf"

/* Listeners, and what is open for a moment. */
#define SSHD_NOFILE_OTHERS 256

static struct rlimit sshd_nofile;
static int sshd_nofile_known;

static const char *const sshd_environment[] = {
    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", NULL};

int
sshd_raise_nofile(const struct settings *s, struct k8s_err *err)
{
	const rlim_t need = s->limits.max_connections + SSHD_NOFILE_OTHERS;
	struct rlimit rl;

	if (getrlimit(RLIMIT_NOFILE, &rl) == -1)
		return k8s_err_errno(err, "getrlimit");
	if (!sshd_nofile_known)
		sshd_nofile = rl;
	sshd_nofile_known = 1;
	if (rl.rlim_cur >= need)
		return 0;
	if (rl.rlim_max < need)
		return k8s_err_set(err, K8S_ERR_CONFIG,
		    "max_connections %u takes %llu descriptors, but there can "
		    "be only %llu: raise LimitNOFILE, or lower it",
		    s->limits.max_connections, (unsigned long long)need,
		    (unsigned long long)rl.rlim_max);
	rl.rlim_cur = need;
	if (setrlimit(RLIMIT_NOFILE, &rl) == -1)
		return k8s_err_errno(err, "setrlimit");
	return 0;
}

/* The user of a line "keyNAMEcommanduser NAME" of sshd -T, if it is one. */
static void
sshd_command_user(const char *line, size_t len, struct sshd_facts *facts)
{
	static const char *const keys[] = {"authorizedkeyscommanduser ",
	    "authorizedprincipalscommanduser "};
	const struct passwd *pw;
	char name[256];
	size_t i, n;

	for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		n = strlen(keys[i]);
		if (len <= n || strncmp(line, keys[i], n) != 0)
			continue;
		(void)snprintf(name, sizeof(name), "%.*s", (int)(len - n),
		    line + n);
		/* "none" is nobody's name; root needs no leave. */
		if ((pw = getpwnam(name)) != NULL && pw->pw_uid != 0 &&
		    facts->command_uids_len < SSHD_COMMAND_UIDS_MAX)
			facts->command_uids[facts->command_uids_len++] =
			    pw->pw_uid;
	}
}

/* Whether the line of sshd -T says that it does not log who is in. */
static int
sshd_is_silent(const char *line, size_t len)
{
	static const char *const levels[] = {"loglevel QUIET", "loglevel FATAL",
	    "loglevel ERROR"};
	size_t i;

	for (i = 0; i < sizeof(levels) / sizeof(levels[0]); i++)
		if (strlen(levels[i]) == len &&
		    strncasecmp(line, levels[i], len) == 0)
			return 1;
	return 0;
}

/* sshd's complaint, all its lines as one. */
static int
sshd_complaint(const struct settings *s, struct buf *text, struct k8s_err *err)
{
	const char *p = buf_string(text);
	char safe[K8S_ERR_MAX / 2];
	size_t i;

	if (p == NULL || *p == '\0')
		return k8s_err_set(err, K8S_ERR_CONFIG,
		    "%s -T -f %s failed without a word", s->sshd,
		    s->sshd_config);
	(void)snprintf(safe, sizeof(safe), "%s", p);
	for (i = strlen(safe); i > 0 && strchr("\r\n", safe[i - 1]); i--)
		safe[i - 1] = '\0';
	for (i = 0; safe[i] != '\0'; i++)
		if (safe[i] == '\r' || safe[i] == '\n')
			safe[i] = ' ';
	return k8s_err_set(err, K8S_ERR_CONFIG, "%s says: %s", s->sshd, safe);
}

int
sshd_check(const struct settings *s, struct sshd_facts *facts,
    struct k8s_err *err)
{
	__attribute__((cleanup(buf_freep))) struct buf *out = NULL;
	__attribute__((cleanup(buf_freep))) struct buf *text = NULL;
	const char *const argv[] = {s->sshd, "-T", "-f", s->sshd_config, NULL};
	const struct proc_run run = {
	    .path = s->sshd,
	    .argv = argv,
	    .envp = sshd_environment,
	    .timeout_ms = SSHD_CHECK_TIMEOUT_MS,
	    .max_out = SSHD_CHECK_OUT_MAX,
	    .max_err = SSHD_CHECK_ERR_MAX,
	};
	const char *p;
	int status;
	size_t n;

	if ((out = buf_new(SSHD_CHECK_OUT_MAX + 1)) == NULL ||
	    (text = buf_new(SSHD_CHECK_ERR_MAX + 1)) == NULL)
		return k8s_err_errno(err, "out of memory");
	if (proc_run(&run, out, text, &status, err) == -1)
		return k8s_err_prefix(err, "%s", s->sshd);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		return sshd_complaint(s, text, err);
	memset(facts, 0, sizeof(*facts));
	if ((p = buf_string(out)) == NULL)
		return k8s_err_set(err, K8S_ERR_INVALID, "%s -T wrote a NUL",
		    s->sshd);
	for (; *p != '\0'; p += n + (p[n] == '\n')) {
		n = strcspn(p, "\n");
		sshd_command_user(p, n, facts);
		if (sshd_is_silent(p, n))
			return k8s_err_set(err, K8S_ERR_CONFIG,
			    "%s: LogLevel must be INFO or more: who has logged "
			    "in is known from sshd's log",
			    s->sshd_config);
	}
	return 0;
}

/*
 * In the child.
 */

/* Says what failed, with errno, and ends. */
static _Noreturn void
sshd_fail(int handover, const struct k8s_err *err)
{
	(void)send(handover, err->msg, strlen(err->msg), MSG_NOSIGNAL);
	_exit(255);
}

static _Noreturn void
sshd_fail_errno(int handover, const char *what)
{
	struct k8s_err err;

	(void)k8s_err_errno(&err, "%s", what);
	sshd_fail(handover, &err);
}

/*
 * A /tmp of the connection's own: agent sockets are in it, and no connection
 * is to reach another's (promise 9). What the host mounts later still shows.
 */
static void
sshd_private_tmp(int handover)
{
	if (unshare(CLONE_NEWNS) == -1)
		sshd_fail_errno(handover, "unshare");
	if (mount("none", "/", NULL, MS_REC | MS_SLAVE, NULL) == -1)
		sshd_fail_errno(handover, "making mounts private");
	if (mount("tmpfs", "/tmp", "tmpfs", MS_NOSUID | MS_NODEV,
		SSHD_TMP_OPTIONS) == -1)
		sshd_fail_errno(handover, "mounting a /tmp of its own");
}

static void
sshd_read_nsswitch(int handover, struct buf *text)
{
	__attribute__((cleanup(buf_freep))) struct buf *host = NULL;
	struct k8s_err err;
	int fd;

	if ((host = buf_new(NSSWITCH_MAX)) == NULL)
		sshd_fail_errno(handover, "out of memory");
	if ((fd = open(NSSWITCH_PATH, O_RDONLY | O_CLOEXEC)) == -1 ||
	    buf_read_all(host, fd) == -1)
		sshd_fail_errno(handover, NSSWITCH_PATH);
	(void)close(fd);
	if (nsswitch_make((const char *)buf_data(host), buf_len(host), text,
		&err) == -1)
		sshd_fail(handover, &err);
}

/*
 * An nsswitch.conf of the connection's own, over the host's. The file is made
 * in the new /tmp, where nobody else is yet, and has no name there afterwards.
 */
static void
sshd_private_nsswitch(int handover)
{
	__attribute__((cleanup(buf_freep))) struct buf *text = NULL;
	const unsigned long ro =
	    MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV;
	int fd;

	if ((text = buf_new(2 * NSSWITCH_MAX)) == NULL)
		sshd_fail_errno(handover, "out of memory");
	sshd_read_nsswitch(handover, text);
	fd = open(SSHD_NSSWITCH, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (fd == -1 ||
	    write(fd, buf_data(text), buf_len(text)) !=
		(ssize_t)buf_len(text) ||
	    close(fd) == -1)
		sshd_fail_errno(handover, SSHD_NSSWITCH);
	if (mount(SSHD_NSSWITCH, NSSWITCH_PATH, NULL, MS_BIND, NULL) == -1 ||
	    mount(NULL, NSSWITCH_PATH, NULL, ro, NULL) == -1 ||
	    unlink(SSHD_NSSWITCH) == -1)
		sshd_fail_errno(handover, "mounting " NSSWITCH_PATH);
}

/* The listener, in one byte's company. */
static int
sshd_send_listener(int handover, int listener)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(sizeof(int))];
	} control = {0};
	char byte = 0;
	struct iovec iov = {&byte, 1};
	struct msghdr msg = {
	    .msg_iov = &iov,
	    .msg_iovlen = 1,
	    .msg_control = control.space,
	    .msg_controllen = sizeof(control.space),
	};
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &listener, sizeof(int));
	return sendmsg(handover, &msg, MSG_NOSIGNAL) == 1 ? 0 : -1;
}

_Noreturn void
sshd_become(const struct sshd_start *start)
{
	const struct settings *s = start->settings;
	const char *const argv[] = {s->sshd, "-i", "-e", "-f", s->sshd_config,
	    NULL};
	const int handover = start->handover; /* close-on-exec, above 2 */
	int listener, sig;
	struct sigaction sa;
	struct k8s_err err;
	sigset_t none;
	char go;

	if (dup2(start->client, 0) == -1 || dup2(start->client, 1) == -1 ||
	    dup2(start->log, 2) == -1)
		sshd_fail_errno(handover, "dup2");
	(void)umask(022);
	if (sshd_nofile_known && setrlimit(RLIMIT_NOFILE, &sshd_nofile) == -1)
		sshd_fail_errno(handover, "setrlimit");
	if (chdir("/") == -1)
		sshd_fail_errno(handover, "chdir");
	memset(&sa, 0, sizeof(sa));
	sa.sa_handler = SIG_DFL;
	for (sig = 1; sig < NSIG; sig++)
		(void)sigaction(sig, &sa, NULL); /* not all can be set */
	(void)sigemptyset(&none);
	if (sigprocmask(SIG_SETMASK, &none, NULL) == -1)
		sshd_fail_errno(handover, "sigprocmask");
	sshd_private_tmp(handover);
	sshd_private_nsswitch(handover);
	/* Last, as from here on what is trapped waits for the supervisor. */
	if ((listener = notify_install(start->addresses, &err)) == -1)
		sshd_fail(handover, &err);
	/* The supervisor has it and is ready, or there will be no sshd. */
	if (sshd_send_listener(handover, listener) == -1 ||
	    read(handover, &go, 1) != 1)
		_exit(255);
	/* A listener left open here would never hang up. */
	(void)close(listener);
	if (start->instead != NULL) {
		(void)close(handover);
		_exit(start->instead());
	}
	execve(s->sshd, (char *const *)(void *)(uintptr_t)argv,
	    (char *const *)(void *)(uintptr_t)sshd_environment);
	sshd_fail_errno(handover, s->sshd);
}
