/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <unistd.h>

#define SPAWN_PATH \
	"/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/* Longest /etc/motd, bytes. */
#define SPAWN_MOTD_MAX 65536

static _Noreturn void
spawn_fail(int code, const char *what)
{
	(void)dprintf(STDERR_FILENO, "k8shell-guest: %s: %s\n", what,
	    strerror(errno));
	_exit(code);
}

static void
spawn_put(const char *name, const char *value)
{
	if (setenv(name, value, 1) == -1)
		spawn_fail(255, "environment");
}

/* The container's environment, then ours, then the client's. */
static void
spawn_environment(const struct spawn *s)
{
	/* Of the shell that carried us in. */
	static const char *const drop[] = {"OLDPWD", "PWD", "SHLVL", "_"};
	const struct account *a = s->account;
	char **e;
	size_t i;

	for (i = 0; i < sizeof(drop) / sizeof(drop[0]); i++)
		(void)unsetenv(drop[i]);
	spawn_put("USER", a->name);
	spawn_put("LOGNAME", a->name);
	spawn_put("SHELL", a->shell);
	/* The container's own choice, unless it was made for another user. */
	if (a->other || getenv("HOME") == NULL)
		spawn_put("HOME", a->home);
	if (getenv("PATH") == NULL)
		spawn_put("PATH", SPAWN_PATH);
	for (e = s->request->env; *e != NULL; e++)
		if (putenv(*e) != 0)
			spawn_fail(255, "environment");
	if (s->tty != NULL)
		spawn_put("SSH_TTY", s->tty);
	if (s->agent != NULL)
		spawn_put("SSH_AUTH_SOCK", s->agent);
}

static void
spawn_chdir(void)
{
	const char *home = getenv("HOME");

	if (home == NULL || chdir(home) == -1)
		(void)!chdir("/");
}

/* As sshd, for those who have not asked to be spared it; we are in home. */
static void
spawn_motd(void)
{
	char chunk[4096];
	size_t left = SPAWN_MOTD_MAX;
	ssize_t n;
	int fd;

	if (access(".hushlogin", F_OK) == 0 ||
	    (fd = open("/etc/motd", O_RDONLY | O_CLOEXEC | O_NONBLOCK)) == -1)
		return;
	while (left > 0 && (n = read(fd, chunk, sizeof(chunk))) > 0) {
		if ((size_t)n > left)
			n = (ssize_t)left;
		if (write(STDOUT_FILENO, chunk, (size_t)n) != n)
			break;
		left -= (size_t)n;
	}
	(void)close(fd);
}

/* Nothing of our own handling of signals; those that wait arrive now. */
static void
spawn_signals(void)
{
	struct sigaction sa;
	sigset_t none;
	int sig;

	memset(&sa, 0, sizeof(sa));
	sa.sa_handler = SIG_DFL;
	for (sig = 1; sig < NSIG; sig++)
		(void)sigaction(sig, &sa, NULL); /* not all can be set */
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

static _Noreturn void
spawn_exec(const struct spawn *s)
{
	const struct request *r = s->request;
	const char *shell = s->account->shell, *base = strrchr(shell, '/') + 1;
	char dash[PATH_MAX + 1];

	if (r->argv != NULL) {
		(void)execvp(r->argv[0], r->argv);
		shell = r->argv[0];
	} else if (r->command != NULL) {
		(void)execl(shell, base, "-c", r->command, (char *)NULL);
	} else {
		(void)snprintf(dash, sizeof(dash), "-%s", base);
		(void)execl(shell, dash, (char *)NULL);
	}
	spawn_fail(errno == ENOENT || errno == ENOTDIR ? 127 : 126, shell);
}

static _Noreturn void
spawn_child(const struct spawn *s, pid_t parent)
{
	const struct request *r = s->request;
	int i;

	for (i = 0; i < 3; i++)
		if (dup2(s->fd[i], i) == -1)
			_exit(255);
	if (setsid() == -1 ||
	    (s->tty != NULL && ioctl(STDIN_FILENO, TIOCSCTTY, 0) == -1))
		spawn_fail(255, "session");
	if (s->account->other && account_become(s->account) == -1)
		spawn_fail(255, s->account->name);
	/* A guest that is killed can hang nobody up any more. */
	(void)prctl(PR_SET_PDEATHSIG, (unsigned long)SIGHUP, 0UL, 0UL, 0UL);
	if (getppid() != parent)
		spawn_fail(255, "the guest has ended");
	spawn_environment(s);
	spawn_chdir();
	if (r->motd && s->tty != NULL && r->command == NULL && r->argv == NULL)
		spawn_motd();
	spawn_signals();
	spawn_exec(s);
}

pid_t
spawn_session(const struct spawn *s, struct k8s_err *err)
{
	sigset_t all, before;
	pid_t parent = getpid(), pid;

	/* What is sent to it before it has started must not meet our ways
	 * with signals: it would be lost where we ignore it. */
	(void)sigfillset(&all);
	(void)sigprocmask(SIG_SETMASK, &all, &before);
	if ((pid = fork()) == 0)
		spawn_child(s, parent);
	(void)sigprocmask(SIG_SETMASK, &before, NULL);
	if (pid == -1)
		k8s_err_errno(err, "fork");
	return pid;
}
