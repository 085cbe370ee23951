/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs a prelude as a container would: by the shells that this machine has,
 * each as the only "sh" in sight.
 */
#ifndef K8SHELL_SHELLS_H
#define K8SHELL_SHELLS_H

#include "tests/unit/tmpdir.h"

#include <errno.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <utmp.h>

#include "helpers/prelude.h"
#include "lib/core/buf.h"

#define SHELLS_DEADLINE_S 20

enum shells_kind { DASH, BASH, BUSYBOX, MKSH, SHELLS };

static const char *const shells_path[SHELLS] = {"/bin/dash", "/bin/bash",
    "/bin/busybox", "/bin/mksh"};

/* One folder for each, with "sh" in it. */
static char *shells_dir;

/* What one run is given and what came of it. */
struct shells_run {
	enum shells_kind kind;
	const char *const *env; /* NULL: none */
	const char *command;	/* NULL: the login shell */
	int framed, tty;
	const void *in; /* behind the script */
	size_t in_len;
	int stall;	    /* stdin stays open behind that, until "end" */
	const char *finish; /* framed: completes the last frame then */
	const char *path;   /* PATH, instead of one with all there is */
	const char *after;  /* tty: only after this output */
	size_t cut;	    /* only so much of the script, then EOF; 0: all */

	struct buf *out, *err; /* without the words */
	char words[64];	       /* "start 15" */
	int status;	       /* as of waitpid(2) */
	int left;	       /* bytes of stdin that nobody has read */
	int held;	       /* stdin, for now */
};

static inline int
shells_has(enum shells_kind kind)
{
	return access(shells_path[kind], X_OK) == 0;
}

static inline int
shells_setup(void **state)
{
	static const char *const applets[] = {"cat", "dd", "env", "false",
	    "grep", "head", "id", "sleep", "stty", "tty", "wc"};
	char path[512];
	size_t i;
	int kind;

	(void)state;
	shells_dir = tmpdir_new();
	for (kind = 0; kind < SHELLS; kind++) {
		(void)snprintf(path, sizeof(path), "%s/%d", shells_dir, kind);
		if (mkdir(path, 0700) == -1)
			return -1;
		(void)snprintf(path, sizeof(path), "%s/%d/sh", shells_dir,
		    kind);
		if (symlink(shells_path[kind], path) == -1)
			return -1;
	}
	for (i = 0; i < sizeof(applets) / sizeof(applets[0]); i++) {
		(void)snprintf(path, sizeof(path), "%s/%d/%s", shells_dir,
		    BUSYBOX, applets[i]);
		if (symlink(shells_path[BUSYBOX], path) == -1)
			return -1;
	}
	return 0;
}

static inline int
shells_teardown(void **state)
{
	(void)state;
	tmpdir_free(shells_dir);
	return 0;
}

/* In the child: becomes the shell of r with these descriptors. */
static inline void
shells_exec(const struct shells_run *r, const struct prelude *p, int in,
    int out, int err)
{
	char path[512], env_path[600];
	const char *argv[] = {"/bin/sh", p->argv[1], p->argv[2], NULL};
	const char *envp[] = {env_path, "TERM=xterm", NULL};
	struct rlimit none = {0, 0};
	int sig;

	if (r->tty) {
		if (login_tty(in) == -1)
			_exit(125);
	} else {
		(void)setsid();
		dup2(in, 0);
		dup2(out, 1);
		dup2(err, 2);
	}
	closefrom(3);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)setrlimit(RLIMIT_CORE, &none);
	/* As in a container, even where the tests are run by nohup. */
	for (sig = 1; sig < NSIG; sig++)
		(void)signal(sig, SIG_DFL);
	(void)snprintf(path, sizeof(path), "%s/%d/sh", shells_dir, r->kind);
	(void)snprintf(env_path, sizeof(env_path), "PATH=%s/%d%s", shells_dir,
	    r->kind, r->kind == BUSYBOX ? "" : ":/usr/bin:/bin");
	if (r->path != NULL)
		(void)snprintf(env_path, sizeof(env_path), "PATH=%s", r->path);
	execve(path, (char *const *)argv, (char *const *)envp);
	_exit(125);
}

struct shells_sink {
	struct shells_run *r;
	struct buf *to;
	struct prelude_scan scan;
	int fd; /* -1: at its end */
};

static inline void
shells_text(void *arg, const unsigned char *p, size_t len)
{
	struct shells_sink *s = arg;

	/* A terminal echoes the script up to "start". */
	if (!s->r->tty || strstr(s->r->words, "start") != NULL)
		assert_int_equal(buf_put(s->to, p, len), 0);
}

static inline void
shells_word(void *arg, const char *word)
{
	struct shells_sink *s = arg;
	size_t n = strlen(s->r->words);

	(void)snprintf(s->r->words + n, sizeof(s->r->words) - n, "%s%s",
	    n > 0 ? " " : "", word);
}

static const struct prelude_scan_handler shells_handler = {shells_text,
    shells_word};

static inline void
shells_read(struct shells_sink *s)
{
	unsigned char b[65536];
	ssize_t n = read(s->fd, b, sizeof(b));

	if (n > 0) {
		prelude_scan_feed(&s->scan, b, (size_t)n, &shells_handler, s);
		return;
	}
	/* EIO is how a terminal ends. */
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return;
	prelude_scan_end(&s->scan, &shells_handler, s);
	s->fd = -1;
}

/* Whether bytes may go to the terminal: it is raw, the command is there. */
static inline int
shells_may_type(const struct shells_run *r, const struct buf *script)
{
	if (buf_len(script) > 0)
		return strstr(r->words, "ready") != NULL;
	return strstr(r->words, "start") != NULL &&
	    (r->after == NULL || strstr(buf_string(r->out), r->after) != NULL);
}

static inline int
shells_left_ms(const struct timespec *start)
{
	struct timespec now;
	time_t s;

	clock_gettime(CLOCK_MONOTONIC, &now);
	s = SHELLS_DEADLINE_S - (now.tv_sec - start->tv_sec);
	return s > 0 ? (int)s * 1000 : 0;
}

/* Script, then the user's bytes; a terminal gets each when it says so. */
static inline void
shells_feed(const struct shells_run *r, int *fd, struct buf *script,
    size_t *sent)
{
	const unsigned char *p = buf_data(script);
	size_t len = buf_len(script);
	ssize_t n;

	if (len == 0) {
		p = (const unsigned char *)r->in + *sent;
		len = r->in_len - *sent;
	}
	if (len > 0) {
		n = write(*fd, p, len);
		if (n > 0 && buf_len(script) > 0)
			buf_consume(script, (size_t)n);
		else if (n > 0)
			*sent += (size_t)n;
		else if (n == -1 && errno == EPIPE)
			*sent = r->in_len;
		else
			assert_int_equal(errno, EAGAIN);
	}
	if (buf_len(script) == 0 && *sent == r->in_len && !r->held && !r->tty) {
		close(*fd);
		*fd = -1;
	}
}

/*
 * The command has ended: stdin is to end, and what is under way on it is not
 * left half. Where it can't be closed, as frames can't, the last one says so.
 */
static inline void
shells_finish(struct shells_run *r, int *fd, struct buf *script, size_t *sent)
{
	const char *finish = r->finish != NULL ? r->finish : "";

	if (*fd == -1 || r->cut > 0)
		return;
	if (!r->framed) {
		r->held = 0;
	} else if (r->held) {
		assert_int_equal(buf_put(script, (const char *)r->in + *sent,
				     r->in_len - *sent),
		    0);
		*sent = r->in_len;
		assert_int_equal(buf_put(script, finish, strlen(finish)), 0);
		assert_int_equal(buf_put(script, "0\n", 2), 0);
	}
}

/* -1: the deadline has passed. */
static inline int
shells_talk(struct shells_run *r, const struct prelude *p, struct buf *script,
    int *in, int out, int err)
{
	struct shells_sink s[2] = {{r, r->out, {0}, out},
	    {r, r->err, {0}, err}};
	struct pollfd pfd[3];
	struct timespec start;
	size_t sent = 0;
	int i, all, more, finished = 0;

	for (i = 0; i < 2; i++)
		prelude_scan_init(&s[i].scan, p->nonce);
	clock_gettime(CLOCK_MONOTONIC, &start);
	while (s[0].fd != -1 || s[1].fd != -1) {
		if (!finished && strstr(r->words, "end") != NULL) {
			shells_finish(r, in, script, &sent);
			finished = 1;
		}
		all = buf_len(script) == 0 && sent == r->in_len;
		more = *in != -1 &&
		    (r->tty ? !all && shells_may_type(r, script)
			    : !all || !r->held);
		pfd[0] = (struct pollfd){s[0].fd, POLLIN, 0};
		pfd[1] = (struct pollfd){s[1].fd, POLLIN, 0};
		pfd[2] = (struct pollfd){more ? *in : -1, POLLOUT, 0};
		if (poll(pfd, 3, shells_left_ms(&start)) <= 0)
			return -1;
		if (pfd[2].revents != 0)
			shells_feed(r, in, script, &sent);
		for (i = 0; i < 2; i++)
			if (pfd[i].revents != 0)
				shells_read(&s[i]);
	}
	return 0;
}

static inline void
shells_run(struct shells_run *r)
{
	static const char *const no_env[] = {NULL};
	struct buf *script = buf_new(PRELUDE_MAX);
	struct k8s_err err = K8S_ERR_INIT;
	struct winsize size = {.ws_row = 24, .ws_col = 80};
	struct prelude p;
	int in[2], out[2], er[2], fd, done;
	pid_t pid;

	if (r->in == NULL)
		r->in = "";
	r->out = buf_new(PRELUDE_MAX);
	r->err = buf_new(PRELUDE_MAX);
	r->words[0] = '\0';
	r->left = 0;
	r->held = r->stall;
	assert_int_equal(prelude_init(&p, r->tty, &err), 0);
	assert_int_equal(prelude_script(&p, r->env != NULL ? r->env : no_env,
			     r->command, r->framed, script, &err),
	    0);
	if (r->cut > 0) {
		struct buf *whole = script;

		script = buf_new(PRELUDE_MAX);
		assert_true(r->cut < buf_len(whole));
		assert_int_equal(buf_put(script, buf_data(whole), r->cut), 0);
		buf_free(whole);
	}
	if (r->tty) {
		assert_int_equal(openpty(&in[1], &in[0], NULL, NULL, &size), 0);
		out[0] = in[1];
		er[0] = out[1] = er[1] = -1;
	} else {
		assert_int_equal(pipe(in) + pipe(out) + pipe(er), 0);
	}
	signal(SIGPIPE, SIG_IGN);
	assert_true((pid = fork()) >= 0);
	if (pid == 0)
		shells_exec(r, &p, in[0], out[1], er[1]);
	if (r->tty)
		close(in[0]); /* else it would never hang up */
	else {
		close(out[1]);
		close(er[1]);
	}
	(void)fcntl(in[1], F_SETFL, O_NONBLOCK);
	fd = in[1];
	done = shells_talk(r, &p, script, &fd, out[0], er[0]);
	/* What is left in the background goes, too. */
	if (done == -1)
		kill(-pid, SIGKILL);
	assert_int_equal(waitpid(pid, &r->status, 0), pid);
	kill(-pid, SIGKILL);
	if (fd != -1)
		close(fd);
	if (!r->tty) {
		(void)ioctl(in[0], FIONREAD, &r->left);
		close(in[0]);
		close(out[0]);
		close(er[0]);
	}
	buf_free(script);
	if (done == -1)
		fail_msg("%s: no end of \"%.60s\"; words: %s; stderr: %s",
		    shells_path[r->kind], r->command != NULL ? r->command : "",
		    r->words, buf_string(r->err));
}

static inline void
shells_free(struct shells_run *r)
{
	buf_free(r->out);
	buf_free(r->err);
}

/* The shell under test, from the state of each test. */
#define KIND(state) (*(enum shells_kind *)*(state))

/* mksh is no container's sh that we know of: fine without it. */
static inline int
shells_must_have(enum shells_kind kind)
{
	return kind != MKSH && getenv("K8SHELL_MUST_RUN") != NULL;
}

static inline void
need(enum shells_kind kind)
{
	if (shells_has(kind))
		return;
	if (shells_must_have(kind))
		fail_msg("no %s", shells_path[kind]);
	print_message("SKIP: no %s\n", shells_path[kind]);
	skip();
}

/* Runs it and says what came: words, exit code, stdout; stderr is to be "". */
static inline void
check_run(struct shells_run *r, const char *words, int exit_code,
    const char *out)
{
	const char *got;

	shells_run(r);
	got = buf_string(r->out);
	if (!WIFEXITED(r->status) || WEXITSTATUS(r->status) != exit_code ||
	    strcmp(r->words, words) != 0 || got == NULL ||
	    strcmp(got, out) != 0 || buf_len(r->err) > 0 || r->left > 0)
		fail_msg("%s, framed %d: \"%.60s\": status %x, words \"%s\", "
			 "stdout \"%.200s\", stderr \"%.200s\", %d left",
		    shells_path[r->kind], r->framed,
		    r->command != NULL ? r->command : "", r->status, r->words,
		    got != NULL ? got : "(NUL)", buf_string(r->err), r->left);
	shells_free(r);
}

/* The words of a run; signal: the command died of it, 0: it did not. */
static inline const char *
said(const struct shells_run *r, int signal)
{
	static char words[64];
	char death[16] = "";

	if (signal != 0)
		(void)snprintf(death, sizeof(death), " %d", signal);
	if (r->tty)
		(void)snprintf(words, sizeof(words), "ready start%s", death);
	else if (r->framed)
		(void)snprintf(words, sizeof(words), "start end%s", death);
	else
		(void)snprintf(words, sizeof(words), "start%s end", death);
	return words;
}

/* A plain command, both with its stdin as it is and as frames. */
static inline void
check_both(enum shells_kind kind, const char *const *env, const char *command,
    int signal, int exit_code, const char *out)
{
	struct shells_run r = {.kind = kind, .env = env, .command = command};

	check_run(&r, said(&r, signal), exit_code, out);
	r.framed = 1;
	r.in = "0\n";
	r.in_len = 2;
	check_run(&r, said(&r, signal), exit_code, out);
}

/* A test once for each shell. */
static enum shells_kind shells_kinds[SHELLS] = {DASH, BASH, BUSYBOX, MKSH};
#define ALL(test)                                                    \
	cmocka_unit_test_prestate(test, &shells_kinds[DASH]),        \
	    cmocka_unit_test_prestate(test, &shells_kinds[BASH]),    \
	    cmocka_unit_test_prestate(test, &shells_kinds[BUSYBOX]), \
	    cmocka_unit_test_prestate(test, &shells_kinds[MKSH])

#endif
