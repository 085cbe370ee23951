/* SPDX-License-Identifier: Apache-2.0 */
/* From a fork to the command: what runc's init does in an exec. */
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <linux/capability.h>

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fakekube.h"

#define DEFAULT_PATH \
	"/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

static void fail(int report, const char *fmt, ...)
    __attribute__((noreturn, format(printf, 2, 3)));

static void
fail(int report, const char *fmt, ...)
{
	char msg[4096] = "E";
	va_list ap;
	ssize_t n;

	va_start(ap, fmt);
	vsnprintf(msg + 1, sizeof(msg) - 1, fmt, ap);
	va_end(ap);
	n = send(report, msg, strlen(msg), MSG_NOSIGNAL);
	(void)n;
	_exit(125);
}

static int
send_master(int report, int master)
{
	union {
		struct cmsghdr head;
		char space[CMSG_SPACE(sizeof(int))];
	} control = {0};
	char byte = 'M';
	struct iovec iov = {.iov_base = &byte, .iov_len = 1};
	struct msghdr msg = {.msg_iov = &iov,
	    .msg_iovlen = 1,
	    .msg_control = &control,
	    .msg_controllen = sizeof(control)};
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);

	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(cmsg), &master, sizeof(int));
	return sendmsg(report, &msg, MSG_NOSIGNAL) == 1 ? 0 : -1;
}

/* The slave of a new pty of this mount namespace's own devpts. */
static int
open_tty(int report, uid_t uid)
{
	auto_fd master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
	int zero = 0, slave;

	if (master < 0 || ioctl(master, TIOCSPTLCK, &zero) < 0)
		return -1;
	slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (slave < 0)
		return -1;
	if ((geteuid() == 0 && fchown(slave, uid, (gid_t)-1) < 0) ||
	    send_master(report, master) < 0) {
		close(slave);
		return -1;
	}
	return slave;
}

/* Docker's and containerd's default set; the rest leaves the bounding set. */
static int
drop_capabilities(void)
{
	static const unsigned keep[] = {CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_FSETID,
	    CAP_FOWNER, CAP_MKNOD, CAP_NET_RAW, CAP_SETGID, CAP_SETUID,
	    CAP_SETFCAP, CAP_SETPCAP, CAP_NET_BIND_SERVICE, CAP_SYS_CHROOT,
	    CAP_KILL, CAP_AUDIT_WRITE};
	unsigned cap;
	size_t i;

	for (cap = 0; cap <= CAP_LAST_CAP; cap++) {
		for (i = 0; i < sizeof(keep) / sizeof(keep[0]); i++) {
			if (keep[i] == cap)
				break;
		}
		if (i == sizeof(keep) / sizeof(keep[0]) &&
		    prctl(PR_CAPBSET_READ, cap, 0, 0, 0) == 1 &&
		    prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0)
			return -1;
	}
	return 0;
}

/* The home of UID by the container's own passwd file, without NSS. */
static const char *
find_home(uid_t uid)
{
	struct passwd *pw;
	FILE *f = fopen("/etc/passwd", "re");

	while (f != NULL && (pw = fgetpwent(f)) != NULL) {
		if (pw->pw_uid == uid)
			return pw->pw_dir;
	}
	return "/";
}

static void
env_default(char ***env, size_t *n, const char *name, const char *value)
{
	size_t i, len = strlen(name);
	auto_text t = {0};

	for (i = 0; i < *n; i++) {
		if (strncmp((*env)[i], name, len) == 0 && (*env)[i][len] == '=')
			return;
	}
	text_addf(&t, "%s=%s", name, value);
	list_add(env, n, t.data);
}

static char **
make_env(const struct pod *pod, const struct command *cmd)
{
	char **env = NULL;
	size_t n = 0, i;

	for (i = 0; i < pod->nenv; i++)
		list_add(&env, &n, pod->env[i]);
	env_default(&env, &n, "PATH", DEFAULT_PATH);
	env_default(&env, &n, "HOSTNAME", pod->name);
	if (cmd->tty)
		env_default(&env, &n, "TERM", "xterm");
	env_default(&env, &n, "HOME", find_home((uid_t)pod->uid));
	return env;
}

/* 0 or the errno by which Go's LookPath refuses FILE */
static int
check_executable(const char *file)
{
	struct stat st;

	if (stat(file, &st) < 0)
		return errno;
	if (S_ISDIR(st.st_mode))
		return EISDIR;
	return access(file, X_OK) < 0 || !(st.st_mode & 0111) ? EACCES : 0;
}

/* Go's texts for errno, which are glibc's in lower case */
static const char *
error_text(int error)
{
	static char text[128];

	snprintf(text, sizeof(text), "%s", strerror(error));
	if (text[0] >= 'A' && text[0] <= 'Z')
		text[0] = (char)(text[0] | 0x20);
	return text;
}

#define CANNOT "exec failed: unable to start container process: "

static void
find_executable(int report, const char *name, char *const *env,
    struct text *path)
{
	const char *dirs = "";
	size_t i, n;
	int error;

	if (strchr(name, '/') != NULL) {
		error = check_executable(name);
		if (error == EACCES || error == EISDIR)
			fail(report, CANNOT "exec: \"%.1500s\": %s", name,
			    error_text(error));
		if (error != 0)
			fail(report,
			    CANNOT "exec: \"%.1500s\": stat %.1500s: %s", name,
			    name, error_text(error));
		text_adds(path, name);
		return;
	}
	for (i = 0; env[i] != NULL; i++) {
		if (strncmp(env[i], "PATH=", 5) == 0) {
			dirs = env[i] + 5;
			break;
		}
	}
	while (*dirs != '\0' && *name != '\0') {
		n = strcspn(dirs, ":");
		path->len = 0;
		text_add(path, dirs, n);
		text_addf(path, "/%s", name);
		if (check_executable(path->data) == 0)
			return;
		dirs += n + (dirs[n] == ':');
	}
	fail(report,
	    CANNOT "exec: \"%.1500s\": executable file not found in $PATH",
	    name);
}

static void
become_user(const struct pod *pod, int report)
{
	/* A test run by an ordinary user (root = none) stays who it is. */
	if (geteuid() != 0)
		return;
	if (drop_capabilities() < 0)
		fail(report, CANNOT "capabilities: %s", error_text(errno));
	if (setgroups(0, NULL) < 0 || setgid((gid_t)pod->gid) < 0 ||
	    setuid((uid_t)pod->uid) < 0)
		fail(report, CANNOT "setup user: %s", error_text(errno));
}

void
spawn_child(const struct pod *pod, const struct command *cmd, int nsfd,
    const int stdio[3], int report)
{
	auto_text path = {0};
	sigset_t none;
	char **env;
	int fd, i;

	for (i = 1; i < NSIG; i++)
		signal(i, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (nsfd >= 0 &&
	    setns(nsfd,
		CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS) < 0)
		fail(report, CANNOT "setns: %s", error_text(errno));
	setsid();
	for (i = 0; i < 3; i++) {
		if (cmd->tty && i > 0)
			fd = 0;
		else if (cmd->tty)
			fd = open_tty(report, (uid_t)pod->uid);
		else if (stdio[i] >= 0)
			fd = stdio[i];
		else
			fd = open("/dev/null", O_RDWR | O_CLOEXEC);
		if (fd < 0 || dup2(fd, i) < 0)
			fail(report, CANNOT "stdio: %s", error_text(errno));
	}
	if (cmd->tty && ioctl(0, TIOCSCTTY, 0) < 0)
		fail(report, CANNOT "TIOCSCTTY: %s", error_text(errno));
	if (chdir(pod->cwd) < 0)
		fail(report,
		    CANNOT "chdir to cwd (\"%s\") set in config.json failed: "
			   "%s",
		    pod->cwd, error_text(errno));
	umask(022);
	become_user(pod, report);
	env = make_env(pod, cmd);
	find_executable(report, cmd->argv[0], env, &path);
	if (cmd->nul)
		fail(report, CANNOT "exec %.1500s: invalid argument",
		    path.data);
	execve(path.data, cmd->argv, env);
	fail(report, CANNOT "exec %.1500s: %s", path.data, error_text(errno));
}
