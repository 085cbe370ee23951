/* SPDX-License-Identifier: Apache-2.0 */
/* The process that listens, keeps the sandboxes and cleans up. */
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <ctype.h>
#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fakekube.h"

struct keeper {
	struct options options;
	struct server server;
	struct config *config;
	struct authority *ca;
	pid_t inits[FK_MAX_PODS]; /* by slot; 0: none */
	unsigned connections;
	int signals;
};

static bool
confined(const struct pod *pod)
{
	return strcmp(pod->root, "none") != 0 &&
	    strcmp(pod->phase, "Running") == 0;
}

static int
pod_start(struct keeper *k, const struct pod *pod)
{
	struct slot *slot = &k->server.shared->slots[pod->slot];
	auto_text error = {0};

	if (sandbox_start(pod, &k->inits[pod->slot], &error) < 0) {
		warnx("%s", error.data);
		return -1;
	}
	__atomic_store_n(&slot->init, k->inits[pod->slot], __ATOMIC_RELEASE);
	return 0;
}

static void
slot_end(struct keeper *k, size_t i)
{
	struct slot *slot = &k->server.shared->slots[i];

	__atomic_store_n(&slot->init, 0, __ATOMIC_RELEASE);
	if (k->inits[i] > 0) {
		kill(k->inits[i], SIGKILL);
		waitpid(k->inits[i], NULL, 0);
	}
	k->inits[i] = 0;
}

/* Same sandbox, or is a new one needed after a change of the file? */
static bool
pod_same(const struct pod *a, const struct pod *b)
{
	return strcmp(a->ns, b->ns) == 0 && strcmp(a->name, b->name) == 0 &&
	    strcmp(a->root, b->root) == 0;
}

/*
 * Makes CONFIG the one in force. Pods that were there keep their sandbox and
 * what runs in it; counters of faults begin anew.
 */
static int
config_use(struct keeper *k, struct config *config)
{
	struct slot *slots = k->server.shared->slots;
	bool keep[FK_MAX_PODS] = {false};
	struct config *old = k->config;
	struct pod *pod;
	size_t i, j, next = 0;
	int failed = 0;

	for (i = 0; i < config->npods; i++) {
		pod = &config->pods[i];
		pod->slot = FK_MAX_PODS;
		for (j = 0; old != NULL && j < old->npods; j++) {
			if (pod_same(pod, &old->pods[j]))
				pod->slot = old->pods[j].slot;
		}
		if (pod->slot < FK_MAX_PODS)
			keep[pod->slot] = true;
	}
	for (i = 0; i < FK_MAX_PODS; i++) {
		if (!keep[i])
			slot_end(k, i);
		slots[i].gone = false;
		slots[i].requests = 0;
	}
	for (i = 0; i < config->npods; i++) {
		pod = &config->pods[i];
		if (pod->slot == FK_MAX_PODS) {
			while (keep[next])
				next++;
			pod->slot = next;
			keep[next] = true;
		}
		if (!confined(pod))
			slot_end(k, pod->slot);
		else if (k->inits[pod->slot] == 0 && pod_start(k, pod) < 0)
			failed = -1;
	}
	k->config = config;
	k->server.config = config;
	if (old != NULL)
		config_free(old);
	return failed;
}

static void
config_reload(struct keeper *k)
{
	auto_text error = {0};
	struct config *config = options_config(&k->options, &error);
	size_t i;

	if (config == NULL) {
		warnx("not reloaded: %s", error.data);
		return;
	}
	/* Listeners stay as they were at the start. */
	for (i = 0; i < config->nlisteners; i++)
		free(config->listeners[i].name);
	for (i = 0; i < k->config->nlisteners; i++) {
		config->listeners[i] = k->config->listeners[i];
		config->listeners[i].name =
		    xstrdup(k->config->listeners[i].name);
	}
	config->nlisteners = k->config->nlisteners;
	config_use(k, config);
	log_event(&k->server, 0, "reload");
}

/* A pod that lost its pid 1 is started again, unless it shall be gone. */
static void
pod_ended(struct keeper *k, pid_t pid)
{
	const struct pod *pod;
	size_t i;

	for (i = 0; i < k->config->npods; i++) {
		pod = &k->config->pods[i];
		if (k->inits[pod->slot] != pid)
			continue;
		k->inits[pod->slot] = 0;
		__atomic_store_n(&k->server.shared->slots[pod->slot].init, 0,
		    __ATOMIC_RELEASE);
		if (!k->server.shared->slots[pod->slot].gone)
			(void)pod_start(k, pod);
		return;
	}
}

/* False: it is time to end. */
static bool
handle_signals(struct keeper *k)
{
	struct signalfd_siginfo info;
	pid_t pid;

	while (read(k->signals, &info, sizeof(info)) == sizeof(info)) {
		if (info.ssi_signo == SIGTERM || info.ssi_signo == SIGINT)
			return false;
		if (info.ssi_signo == SIGHUP)
			config_reload(k);
	}
	while ((pid = waitpid(-1, NULL, WNOHANG)) > 0)
		pod_ended(k, pid);
	return true;
}

static void
accept_one(struct keeper *k, const struct listener *l)
{
	int fd = accept4(l->fd, NULL, NULL, SOCK_CLOEXEC);
	sigset_t none;
	pid_t pid;

	if (fd < 0)
		return;
	k->connections++;
	if ((pid = fork()) == 0) {
		sigemptyset(&none);
		sigprocmask(SIG_SETMASK, &none, NULL);
		connection_run(&k->server, l, fd, k->connections);
	}
	if (pid < 0)
		warn("fork");
	close(fd);
}

static void
serve(struct keeper *k)
{
	struct pollfd p[FK_MAX_LISTENERS + 1];
	const struct listener *l;
	size_t i, n = k->config->nlisteners;

	for (;;) {
		p[0] = (struct pollfd){.fd = k->signals, .events = POLLIN};
		for (i = 0; i < n; i++) {
			l = &k->config->listeners[i];
			p[i + 1] = (struct pollfd){.fd = l->fault ==
					LISTENER_NEVER_ACCEPT ||
				    l->fault == LISTENER_REFUSE
				? -1
				: l->fd,
			    .events = POLLIN};
		}
		if (poll(p, n + 1, -1) < 0 && errno != EINTR)
			err(1, "poll");
		/* First, so that a reload counts for who connects after it. */
		if (p[0].revents != 0 && !handle_signals(k))
			return;
		for (i = 0; i < n; i++) {
			if (p[i + 1].revents != 0)
				accept_one(k, &k->config->listeners[i]);
		}
	}
}

/* The parent of process PID, or -1 */
static pid_t
parent_of(const char *pid)
{
	auto_text path = {0};
	char buf[512], *p;
	auto_fd fd = -1;
	ssize_t n;

	text_addf(&path, "/proc/%s/stat", pid);
	fd = open(path.data, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, buf, sizeof(buf) - 1);
	if (n <= 0)
		return -1;
	buf[n] = '\0';
	if ((p = strrchr(buf, ')')) == NULL || strlen(p) < 5)
		return -1;
	return (pid_t)strtol(p + 4, NULL, 10);
}

/* As their subreaper we are the parent of all that lost its own. */
static void
kill_children(void)
{
	DIR *dir = opendir("/proc");
	struct dirent *d;

	while (dir != NULL && (d = readdir(dir)) != NULL) {
		if (isdigit((unsigned char)d->d_name[0]) &&
		    parent_of(d->d_name) == getpid())
			kill((pid_t)strtol(d->d_name, NULL, 10), SIGKILL);
	}
	if (dir != NULL)
		closedir(dir);
}

static void
end_all(void)
{
	int64_t deadline = now_ms() + 20000;
	pid_t pid;

	/* The children of those that die become ours, then it is their turn. */
	do {
		kill_children();
		pid = waitpid(-1, NULL, 0);
	} while (pid > 0 && now_ms() < deadline);
}

static void
say_ready(const struct keeper *k)
{
	int fd = k->options.ready_fd < 0 ? STDOUT_FILENO : k->options.ready_fd;
	auto_text t = {0};
	ssize_t n;
	size_t i;

	text_addf(&t, "ready port=%u", k->config->listeners[0].port);
	for (i = 1; i < k->config->nlisteners; i++)
		text_addf(&t, " %s=%u", k->config->listeners[i].name,
		    k->config->listeners[i].port);
	text_adds(&t, "\n");
	n = write(fd, t.data, t.len);
	(void)n;
	if (k->options.ready_fd > STDERR_FILENO)
		close(fd);
}

static int
watch_signals(void)
{
	sigset_t set;
	int fd;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGCHLD);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0 ||
	    (fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK)) < 0)
		err(1, "signalfd");
	return fd;
}

static void
keeper_open(struct keeper *k)
{
	auto_text error = {0};
	struct config *config;
	struct server *srv = &k->server;

	srv->started = now_ms();
	srv->version = k->options.version;
	srv->v4 = k->options.v4;
	srv->v5 = k->options.v5;
	srv->log_fd = -1;
	if (k->options.log != NULL) {
		srv->log_fd = open(k->options.log,
		    O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
		if (srv->log_fd < 0)
			err(1, "%s", k->options.log);
	}
	srv->shared = mmap(NULL, sizeof(*srv->shared), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (srv->shared == MAP_FAILED)
		err(1, "mmap");
	if ((config = options_config(&k->options, &error)) == NULL)
		errx(2, "%s", error.data);
	k->ca = authority_new("fakekube authority");
	listeners_open(config, k->options.port, k->ca, &k->options);
	if (config_use(k, config) < 0) {
		end_all();
		errx(1, "no sandbox: root is needed, or root = none");
	}
	kubeconfig_write(&k->options, config, k->ca);
}

int
main(int argc, char **argv)
{
	static struct keeper k;
	int fd;

	do {
		if ((fd = open("/dev/null", O_RDWR)) < 0)
			err(1, "/dev/null");
	} while (fd <= STDERR_FILENO);
	close(fd);
	options_parse(&k.options, argc, argv);
	signal(SIGPIPE, SIG_IGN);
	/* Orphaned processes of an exec come to us, not to the machine. */
	prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	k.signals = watch_signals();
	keeper_open(&k);
	say_ready(&k);
	log_event(&k.server, 0, "ready");
	serve(&k);
	end_all();
	log_event(&k.server, 0, "end");
	return 0;
}
