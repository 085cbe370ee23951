/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How an sftp-server is found and carried in: the scripts are run by the
 * shells that this machine has, with folders of the test's in place of /tmp
 * and so on. Of guestsession.h, remote.h, sftpfiles.h and subsystem.h this has
 * functions of its own; the loader that is carried in is a script.
 */
#include "tests/unit/unit.h"

#include <errno.h>
#include <glob.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "helpers/carry.h"
#include "helpers/remote.h"
#include "helpers/sftpfiles.h"
#include "helpers/sftpserver.h"
#include "helpers/subsystem.h"
#include "lib/core/buf.h"
#include "tests/unit/child.h"
#include "tests/unit/tmpdir.h"

#define DEADLINE 30

/* The scripts' folders, and what stands for them. */
#define FOLDERS	     " /tmp /var/tmp /dev/shm /run;"
#define FOLDERS_HERE " $T/tmp $T/var $T/shm $T/run;"

#define SHELLS	  4
#define COUNT(a)  (sizeof(a) / sizeof((a)[0]))
#define ARGV_MAX  48
#define FIRST_ARG 4 /* of a script */
#define RACERS	  4

static const char *const shells[SHELLS] = {"/bin/dash", "/bin/bash",
    "/bin/busybox", "/bin/mksh"};

/* Where the test is: each has a folder, and runs in it. */
const char *const subsystem_sftp_places[] = {"image/sftp-server",
    "other/sftp-server", NULL};

static char *dir;
static const char *shell;

/* A session that wants an sftp-server, and what has come of it. */
struct want {
	struct sftpserver *server;
	/* The program that is to be run for it. */
	char *argv[ARGV_MAX];
	size_t argc;
	void (*done)(void *arg, const struct remote_result *r);
	void *arg;
	const unsigned char *in;
	size_t in_len;
	int jobs;
	/* Its end. */
	int begun, failed;
	char began[4096]; /* argv, a bar between them, then env */
	struct k8s_err err;
};

static struct want *now; /* whose turn it is */

/* What happens to the file on its way. */
static enum { ARRIVES, CUT, DAMAGED, HUNG_UP } way;

static const char *const no_args[] = {NULL};

static const char *
at(const char *name)
{
	static char path[4][512];
	static int n;

	n = (n + 1) % 4;
	(void)snprintf(path[n], sizeof(path[n]), "%s/%s", dir, name);
	return path[n];
}

/*
 * guestsession.h
 */

void
guestsession_begin(struct guestsession *g, const char *const *argv,
    const char *const *env)
{
	size_t i, n = 0;

	assert_ptr_equal(g, now);
	now->begun++;
	for (i = 0; argv[i] != NULL; i++)
		n += (size_t)snprintf(now->began + n, sizeof(now->began) - n,
		    "%s%s", i > 0 ? "|" : "", argv[i]);
	for (i = 0; env != NULL && env[i] != NULL; i++)
		n += (size_t)snprintf(now->began + n, sizeof(now->began) - n,
		    " %s", env[i]);
}

void
guestsession_fail(struct guestsession *g, const struct k8s_err *why)
{
	assert_ptr_equal(g, now);
	now->failed++;
	now->err = *why;
}

/*
 * sftpfiles.h: three files and a library, the second longer than a block.
 */

static const char *const names[] = {SFTPFILES_LOADER, SFTPFILES_SERVER,
    SFTPFILES_PASSWD, "libc.so.6"};
static const size_t blocks[] = {1, 3, 1, 2};

static const char loader[] =
    "#!/bin/sh\n"
    "[ \"$1\" = --library-path ] && [ -f \"$2/libc.so.6\" ] &&\n"
    "    [ \"$3\" = \"$2/sftp-server\" ] && [ \"$4 $5\" = '-Q requests' ] &&\n"
    "    [ \"$LD_PRELOAD\" = \"$2/k8shell-passwd.so\" ] &&\n"
    "    [ -z \"$LD_AUDIT\" ] && [ ! -e \"$2/.all\" ] &&\n"
    "    [ ! -e \"$2/../../../broken\" ]\n"
    "exit $?\n";

int
sftpfiles_load(struct sftpfiles *f, struct k8s_err *err)
{
	static unsigned char file[3 * SFTPFILES_BLOCK];
	size_t i, len;

	memset(f, 0, sizeof(*f));
	f->content = buf_new(SFTPFILES_SIZE_MAX);
	assert_non_null(f->content);
	for (i = 0; i < COUNT(names); i++) {
		(void)snprintf(f->files[i].name, sizeof(f->files[i].name), "%s",
		    names[i]);
		f->files[i].blocks = blocks[i];
		len = blocks[i] * SFTPFILES_BLOCK;
		memset(file, 'a' + (int)i, len);
		if (i == 0)
			memcpy(file, loader, sizeof(loader) - 1);
		assert_int_equal(buf_put(f->content, file, len), 0);
	}
	f->files_len = COUNT(names);
	return carry_id(f->id, buf_data(f->content), buf_len(f->content), err);
}

void
sftpfiles_clear(struct sftpfiles *f)
{
	buf_freep(&f->content);
	memset(f, 0, sizeof(*f));
}

/*
 * remote.h: it is run later, by the test.
 */

int
remote_start(struct mux *m, const struct remote_params *p,
    void (*done)(void *arg, const struct remote_result *r), void *arg,
    struct k8s_err *err)
{
	const char *s, *folders;

	(void)err;
	assert_ptr_equal(m, now);
	assert_null(p->user);
	assert_null(now->done);
	for (now->argc = 0; p->argv[now->argc] != NULL; now->argc++) {
		assert_true(now->argc < ARGV_MAX - 1);
		s = p->argv[now->argc];
		if ((folders = strstr(s, FOLDERS)) == NULL) {
			now->argv[now->argc] = strdup(s);
			assert_non_null(now->argv[now->argc]);
		} else {
			assert_true(asprintf(&now->argv[now->argc], "%.*s%s%s",
					(int)(folders - s), s, FOLDERS_HERE,
					folders + strlen(FOLDERS)) > 0);
		}
	}
	now->argv[now->argc] = NULL;
	now->done = done;
	now->arg = arg;
	now->in = p->in;
	now->in_len = p->in_len;
	now->jobs++;
	return 0;
}

/*
 * A program under way.
 */

struct job {
	struct want *w;
	pid_t pid;
	int in, out, err;
	size_t sent, to_send;
	char said[2][REMOTE_OUTPUT_MAX + 1];
	size_t said_len[2];
};

static void
job_begin(struct job *j, struct want *w)
{
	char path[600], home[600], here[600];
	const char *const envp[] = {path, home, here, "LD_AUDIT=nonsense",
	    "k_t=/", "k_f=/", NULL};
	int in[2], out[2], err[2];

	memset(j, 0, sizeof(*j));
	j->w = w;
	j->to_send = way == CUT || way == HUNG_UP ? w->in_len / 2 : w->in_len;
	(void)snprintf(path, sizeof(path), "PATH=%s/bin", dir);
	(void)snprintf(home, sizeof(home), "HOME=%s/home", dir);
	(void)snprintf(here, sizeof(here), "T=%s", dir);
	assert_int_equal(pipe2(in, O_CLOEXEC) + pipe2(out, O_CLOEXEC) +
		pipe2(err, O_CLOEXEC),
	    0);
	assert_string_equal(w->argv[0], "/bin/sh");
	assert_true((j->pid = fork()) != -1);
	if (j->pid == 0) {
		(void)alarm(DEADLINE);
		(void)setsid();
		(void)signal(SIGPIPE, SIG_DFL);
		(void)dup2(in[0], 0);
		(void)dup2(out[1], 1);
		(void)dup2(err[1], 2);
		/* Its own name: this is how busybox knows what to be. */
		execve(at("bin/sh"), w->argv, (char *const *)(uintptr_t)envp);
		_exit(125);
	}
	close(in[0]);
	close(out[1]);
	close(err[1]);
	j->in = in[1];
	j->out = out[0];
	j->err = err[0];
	assert_int_equal(fcntl(j->in, F_SETFL, O_NONBLOCK), 0);
}

static void
job_close(int *fd)
{
	if (*fd != -1)
		close(*fd);
	*fd = -1;
}

/* When it has all that was sent, and waits for more. */
static void
job_hang_up(const struct job *j)
{
	char pattern[600];
	struct stat st;
	size_t size = 0;
	glob_t g;

	(void)snprintf(pattern, sizeof(pattern), "%s/.cache/*/sftp-*/.all",
	    at("home"));
	while (size < j->to_send) {
		assert_int_equal(kill(j->pid, 0), 0);
		(void)usleep(1000);
		if (glob(pattern, 0, NULL, &g) == 0 &&
		    stat(g.gl_pathv[0], &st) == 0)
			size = (size_t)st.st_size;
		globfree(&g);
	}
	assert_int_equal(kill(-j->pid, SIGHUP), 0);
}

static void
job_write(struct job *j)
{
	unsigned char chunk[3000];
	size_t len = j->to_send - j->sent;
	ssize_t n;

	if (len > sizeof(chunk))
		len = sizeof(chunk);
	if (len > 0) {
		memcpy(chunk, j->w->in + j->sent, len);
		if (way == DAMAGED)
			chunk[0] ^= 1;
		n = write(j->in, chunk, len);
		if (n == -1) {
			assert_int_equal(errno, EPIPE);
			j->sent = j->to_send;
		} else {
			j->sent += (size_t)n;
		}
	}
	if (j->sent < j->to_send)
		return;
	if (way == HUNG_UP && j->w->in_len > 0)
		job_hang_up(j);
	job_close(&j->in);
}

static void
job_read(struct job *j, int *fd, int i)
{
	size_t room = REMOTE_OUTPUT_MAX - j->said_len[i];
	ssize_t n = read(*fd, j->said[i] + j->said_len[i], room);

	if (n <= 0)
		job_close(fd);
	else
		j->said_len[i] += (size_t)n;
}

/* To its end, and what came of it to who wanted it. */
static void
job_end(struct job *j)
{
	struct remote_result r;
	void (*done)(void *, const struct remote_result *) = j->w->done;
	struct pollfd p[3];
	size_t i;
	int status;

	while (j->out != -1 || j->err != -1) {
		p[0] = (struct pollfd){j->out, POLLIN, 0};
		p[1] = (struct pollfd){j->err, POLLIN, 0};
		p[2] = (struct pollfd){j->in, POLLOUT, 0};
		if (poll(p, 3, DEADLINE * 1000) <= 0)
			fail_msg("%s: no end", shell);
		if (p[0].revents != 0)
			job_read(j, &j->out, 0);
		if (p[1].revents != 0)
			job_read(j, &j->err, 1);
		if (p[2].revents != 0)
			job_write(j);
	}
	job_close(&j->in);
	assert_int_equal(waitpid(j->pid, &status, 0), j->pid);
	for (i = 0; i < 2; i++)
		while (j->said_len[i] > 0 &&
		    j->said[i][j->said_len[i] - 1] == '\n')
			j->said[i][--j->said_len[i]] = '\0';
	r = (struct remote_result){
	    .status = WIFEXITED(status) ? WEXITSTATUS(status) : 255,
	    .out = j->said[0],
	    .errs = j->said[1],
	};
	now = j->w;
	for (i = 0; i < now->argc; i++)
		free(now->argv[i]);
	now->argc = 0;
	now->done = NULL;
	done(now->arg, &r);
}

/* The next program, if there is one more. */
static int
want_step(struct want *w)
{
	struct job j;

	if (w->done == NULL)
		return 0;
	job_begin(&j, w);
	job_end(&j);
	return 1;
}

static void
want_start(struct want *w, const char *const *args)
{
	memset(w, 0, sizeof(*w));
	now = w;
	w->server = sftpserver_new(args);
	assert_non_null(w->server);
	sftpserver_prepare(w->server, (struct guestsession *)w, (struct mux *)w,
	    NULL);
}

static void
want_free(struct want *w)
{
	size_t i;

	for (i = 0; i < w->argc; i++)
		free(w->argv[i]);
	sftpserver_free(w->server);
}

/* From beginning to end; so many programs were run for it. */
static void
want_run(struct want *w, const char *const *args)
{
	want_start(w, args);
	while (want_step(w))
		continue;
	assert_int_equal(w->begun + w->failed, 1);
}

/*
 * The container.
 */

static void
plant(const char *name, const char *text)
{
	tmpdir_write(dir, name, text, strlen(text), 0700);
}

static void
start_without(const char *without)
{
	static const char *const folders[] = {"tmp", "var", "shm", "run",
	    "home", "bin", "image", "other"};
	static const char *const tools[] = {"cat", "chmod", "dd", "head", "id",
	    "ls", "mkdir", "mv", "printf", "rm", "sha256sum", "uname", "wc"};
	int busybox = strcmp(shell, "/bin/busybox") == 0;
	char target[64], name[64];
	size_t i;

	if (access(shell, X_OK) == -1) {
		if (strcmp(shell, "/bin/mksh") == 0) {
			print_message("SKIP: no mksh\n");
			skip();
		}
		unit_skip(shell);
	}
	way = ARRIVES;
	(void)signal(SIGPIPE, SIG_IGN);
	dir = tmpdir_new();
	assert_int_equal(chdir(dir), 0);
	for (i = 0; i < COUNT(folders); i++)
		assert_int_equal(mkdir(folders[i], 0700), 0);
	assert_int_equal(symlink(shell, "bin/sh"), 0);
	for (i = 0; i < COUNT(tools); i++) {
		if (strcmp(tools[i], without) == 0)
			continue;
		(void)snprintf(target, sizeof(target), "/usr/bin/%s", tools[i]);
		(void)snprintf(name, sizeof(name), "bin/%s", tools[i]);
		assert_int_equal(symlink(busybox ? shell : target, name), 0);
	}
}

static void
start(void **state)
{
	shell = *state;
	start_without("");
}

static int
tear_down(void **state)
{
	(void)state;
	if (dir == NULL)
		return 0;
	assert_int_equal(chdir("/"), 0);
	tmpdir_free(dir);
	dir = NULL;
	return 0;
}

/* The folder of the files in one of the places. */
static const char *
folder_in(const char *where)
{
	static char path[2][600];
	static int n;
	struct sftpfiles f;
	struct k8s_err err;

	n = !n;
	assert_int_equal(sftpfiles_load(&f, &err), 0);
	(void)snprintf(path[n], sizeof(path[n]), "%s/%s/k8shell-%lu/sftp-%s",
	    dir, where, (unsigned long)geteuid(), f.id);
	sftpfiles_clear(&f);
	return path[n];
}

static void
check_begun(const struct want *w, int jobs, const char *where)
{
	const char *f = folder_in(where);
	char expect[4096];

	(void)snprintf(expect, sizeof(expect),
	    "%s/ld.so|--library-path|%s|%s/sftp-server|-R "
	    "LD_PRELOAD=%s/k8shell-passwd.so LD_AUDIT=",
	    f, f, f, f);
	if (!w->begun || w->jobs != jobs || strcmp(w->began, expect) != 0)
		fail_msg("%s: %d jobs, \"%s\" instead of \"%s\", %s", shell,
		    w->jobs, w->began, expect, w->err.msg);
}

/* Nothing of the files is anywhere. */
static void
check_nothing(const char *where)
{
	char *f = strdup(folder_in(where));

	assert_non_null(f);
	*strrchr(f, '/') = '\0';
	/* What there is of the folder above is empty. */
	if (rmdir(f) == -1 && errno != ENOENT)
		fail_msg("%s: %s: %s", shell, f, strerror(errno));
	free(f);
}

static const char *const args[] = {"-R", NULL};

static void
run_to_fail(const char *const why)
{
	struct want w;

	want_run(&w, args);
	if (!w.failed || strstr(w.err.msg, why) == NULL)
		fail_msg("%s: \"%s\" instead of \"%s\", began %s", shell,
		    w.err.msg, why, w.began);
	want_free(&w);
}

static void
run_to_begin(int jobs, const char *where)
{
	struct want w;

	want_run(&w, args);
	check_begun(&w, jobs, where);
	want_free(&w);
}

static void
takes_that_of_the_image(void **state)
{
	struct want w;

	start(state);
	plant("image/sftp-server", "#!/bin/sh\nexit 1\n");
	plant("other/sftp-server",
	    "#!/bin/sh\necho noise; echo noise >&2\n[ \"$*\" = '-Q requests' "
	    "]\n");
	want_run(&w, args);
	assert_int_equal(w.jobs, 1);
	assert_string_equal(w.began, "other/sftp-server|-R");
	want_free(&w);
	/* None that runs. */
	plant("other/sftp-server", "#!/bin/sh\nexit 1\n");
	run_to_begin(3, "home/.cache");
}

static void
carries_it_in_once(void **state)
{
	unsigned char file[4 * SFTPFILES_BLOCK], expect;
	char path[700];
	struct stat st;
	size_t i, j;
	int fd;

	start(state);
	run_to_begin(3, "home/.cache");
	assert_int_equal(stat(folder_in("home/.cache"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	for (i = 0; i < COUNT(names); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s",
		    folder_in("home/.cache"), names[i]);
		assert_true((fd = open(path, O_RDONLY | O_CLOEXEC)) != -1);
		assert_int_equal(read(fd, file, sizeof(file)),
		    blocks[i] * SFTPFILES_BLOCK);
		close(fd);
		expect = (unsigned char)('a' + i);
		for (j = i == 0 ? sizeof(loader) - 1 : 0;
		    j < blocks[i] * SFTPFILES_BLOCK; j++)
			assert_int_equal(file[j], expect);
	}
	run_to_begin(2, "home/.cache");
	/* Nothing else is in there, or beside it. */
	for (i = 0; i < COUNT(names); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s",
		    folder_in("home/.cache"), names[i]);
		assert_int_equal(unlink(path), 0);
	}
	assert_int_equal(rmdir(folder_in("home/.cache")), 0);
	check_nothing("home/.cache");
}

static void
does_without_sha256sum(void **state)
{
	shell = *state;
	start_without("sha256sum");
	run_to_begin(3, "home/.cache");
}

static void
goes_on_to_the_next_folder(void **state)
{
	start(state);
	assert_int_equal(rmdir("home"), 0);
	run_to_begin(3, "tmp");
	run_to_begin(2, "tmp");
}

static void
leaves_nothing_of_what_went_wrong(void **state)
{
	start(state);
	way = CUT;
	run_to_fail("it was cut short");
	check_nothing("home/.cache");
	way = DAMAGED;
	run_to_fail("it arrived damaged");
	check_nothing("home/.cache");
	way = ARRIVES;
	plant("home/broken", "");
	run_to_fail("it does not run there");
	check_nothing("home/.cache");
}

static void
leaves_nothing_after_a_hang_up(void **state)
{
	struct want w;

	start(state);
	way = HUNG_UP;
	want_run(&w, args);
	assert_true(w.failed);
	check_nothing("home/.cache");
	want_free(&w);
}

/* What is there is no folder of ours: not used, not touched, not filled. */
static void
does_not_use_what_is_planted(void **state)
{
	struct want w;
	char *f;

	start(state);
	assert_int_equal(mkdir("evil", 0700), 0);
	plant("evil/ld.so", "#!/bin/sh\nexit 0\n");
	want_start(&w, args);
	assert_true(want_step(&w) && want_step(&w));
	/* Between the look and the file. */
	f = strdup(folder_in("home/.cache"));
	assert_non_null(f);
	assert_int_equal(mkdir("home/.cache", 0700), 0);
	*strrchr(f, '/') = '\0';
	assert_int_equal(mkdir(f, 0700), 0);
	free(f);
	assert_int_equal(symlink(at("evil"), folder_in("home/.cache")), 0);
	assert_true(want_step(&w));
	assert_true(w.failed);
	unit_check_err(&w.err, K8S_ERR_SYSTEM, "can not be used: remove it");
	want_free(&w);
	assert_int_equal(unlink("evil/ld.so"), 0);
	assert_int_equal(rmdir("evil"), 0);
	assert_int_equal(unlink(folder_in("home/.cache")), 0);
	check_nothing("home/.cache");
	/* The folder above: another one is taken. */
	assert_int_equal(mkdir("evil", 0700), 0);
	f = strdup(folder_in("home/.cache"));
	assert_non_null(f);
	*strrchr(f, '/') = '\0';
	assert_int_equal(symlink(at("evil"), f), 0);
	free(f);
	run_to_begin(3, "tmp");
	assert_int_equal(rmdir("evil"), 0);
}

/* All have looked before the first is there, and all write at once. */
static void
first_sessions_do_not_race(void **state)
{
	struct want w[RACERS];
	struct job j[RACERS];
	size_t i;

	start(state);
	for (i = 0; i < RACERS; i++) {
		want_start(&w[i], args);
		assert_true(want_step(&w[i]) && want_step(&w[i]));
	}
	for (i = 0; i < RACERS; i++)
		job_begin(&j[i], &w[i]);
	for (i = 0; i < RACERS; i++) {
		job_end(&j[i]);
		check_begun(&w[i], 3, "home/.cache");
		want_free(&w[i]);
	}
	for (i = 0; i < COUNT(names); i++) {
		char path[700];

		(void)snprintf(path, sizeof(path), "%s/%s",
		    folder_in("home/.cache"), names[i]);
		assert_int_equal(unlink(path), 0);
	}
	assert_int_equal(rmdir(folder_in("home/.cache")), 0);
	check_nothing("home/.cache");
}

static void
full_everywhere(void *arg)
{
	static const char *const places[] = {"tmp", "var", "shm", "run",
	    "home"};
	size_t i;

	(void)arg;
	CHILD_CHECK(unshare(CLONE_NEWNS) == 0);
	CHILD_CHECK(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0);
	for (i = 0; i < COUNT(places); i++)
		CHILD_CHECK(
		    mount("none", at(places[i]), "tmpfs", 0, "size=32k") == 0);
	run_to_fail("no folder with room for 57344 bytes");
	check_nothing("home/.cache");
}

static void
tells_of_full_disks(void **state)
{
	UNIT_NEED_ROOT(CAP_SYS_ADMIN);
	start(state);
	child_run(full_everywhere, NULL);
}

static void
is_for_this_machine(void **state)
{
	start(state);
	if (strcmp(shell, "/bin/busybox") == 0)
		skip(); /* a program's name is its own there */
	assert_int_equal(unlink("bin/uname"), 0);
	plant("bin/uname", "#!/bin/sh\necho riscv64\n");
	run_to_fail("the container is for riscv64");
}

/*
 * Plain mode: it is a command of the login shell, whatever that is.
 */

static int
run_command(const char *command, char *out, size_t size)
{
	int fd[2], status;
	pid_t pid;
	ssize_t n;

	assert_int_equal(pipe2(fd, O_CLOEXEC), 0);
	assert_true((pid = fork()) != -1);
	if (pid == 0) {
		(void)alarm(DEADLINE);
		(void)dup2(fd[1], 1);
		execl("bin/sh", "sh", "-c", command, (char *)NULL);
		_exit(125);
	}
	close(fd[1]);
	n = read(fd[0], out, size - 1);
	out[n > 0 ? n : 0] = '\0';
	close(fd[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void
has_a_command_for_plain_mode(void **state)
{
	static const char *const odd[] = {"-d", "/a b", "it's", "$(id)", "",
	    "\"", NULL};
	char *command, out[256];

	start(state);
	command = sftpserver_command(odd);
	assert_non_null(command);
	assert_int_equal(run_command(command, out, sizeof(out)),
	    SFTPSERVER_NONE);
	assert_string_equal(out, "");
	/* One that does not run is none. */
	plant("other/sftp-server", "#!/bin/sh\nexit 3\n");
	assert_int_equal(run_command(command, out, sizeof(out)),
	    SFTPSERVER_NONE);
	plant("other/sftp-server",
	    "#!/bin/sh\n[ \"$1\" != -Q ]||exit 0\n"
	    "printf '%s|' \"$0\" \"$@\"\nexit 3\n");
	assert_int_equal(run_command(command, out, sizeof(out)), 3);
	assert_string_equal(out, "other/sftp-server|-d|/a b|it's|$(id)||\"|");
	free(command);
}

/*
 * Containers that say what they like.
 */

static void
answer(struct want *w, int status, const char *out, const char *errs)
{
	const struct remote_result r = {status, out, errs};
	void (*done)(void *, const struct remote_result *) = w->done;
	size_t i;

	assert_non_null(done);
	now = w;
	for (i = 0; i < w->argc; i++)
		free(w->argv[i]);
	w->argc = 0;
	w->done = NULL;
	done(w->arg, &r);
}

static void
check_hostile(int looked, int status, const char *out, const char *errs,
    const char *why)
{
	struct utsname here;
	struct want w;
	char none[100];

	want_start(&w, no_args);
	if (looked) {
		assert_int_equal(uname(&here), 0);
		(void)snprintf(none, sizeof(none), "none %s", here.machine);
		answer(&w, 0, none, "");
	}
	answer(&w, status, out, errs);
	if (w.begun || w.failed != 1 || w.done != NULL ||
	    strstr(w.err.msg, why) == NULL)
		fail_msg("%d \"%.40s\": began \"%s\", \"%s\"", status, out,
		    w.began, w.err.msg);
	want_free(&w);
}

static void
takes_no_other_words(void **state)
{
	static const char else_[] = "its shell says something else";
	char path[PATH_MAX + 2];

	shell = *state;
	check_hostile(0, 0, "", "", else_);
	check_hostile(0, 0, "image", "", else_);
	check_hostile(0, 0, "image ", "", else_);
	check_hostile(0, 0, "image /bin/sh", "", else_);
	check_hostile(0, 0, "image image/sftp-server\nmore", "", else_);
	check_hostile(0, 0, "none", "", else_);
	check_hostile(0, 0, "none ", "", "the container is for ");
	check_hostile(0, 0, "none s390x\n", "", "the container is for s390x");
	check_hostile(0, 255, "image image/sftp-server", "gone", "gone");
	check_hostile(0, 7, "", "", "status 7");
	check_hostile(1, 0, "", "", else_);
	check_hostile(1, 0, "tmp/x", "", else_);
	check_hostile(1, 255, "/tmp", "two\nlines", "two lines");
	memset(path, 'x', sizeof(path) - 1);
	path[0] = '/';
	path[sizeof(path) - 1] = '\0';
	check_hostile(1, 0, path, "", else_);
	memset(path, 'x', sizeof(path) - 1);
	path[REMOTE_OUTPUT_MAX] = '\0';
	check_hostile(1, 9, "", path, "xxxx");
}

int
main(void)
{
	static const struct {
		const char *name;
		void (*run)(void **state);
	} by_shell[] = {
#define TEST(f) {#f, f}
	    TEST(takes_that_of_the_image),
	    TEST(carries_it_in_once),
	    TEST(does_without_sha256sum),
	    TEST(goes_on_to_the_next_folder),
	    TEST(leaves_nothing_of_what_went_wrong),
	    TEST(leaves_nothing_after_a_hang_up),
	    TEST(does_not_use_what_is_planted),
	    TEST(first_sessions_do_not_race),
	    TEST(tells_of_full_disks),
	    TEST(is_for_this_machine),
	    TEST(has_a_command_for_plain_mode),
	};
	struct CMUnitTest tests[SHELLS * COUNT(by_shell) + 1];
	char test_names[SHELLS * COUNT(by_shell)][80];
	size_t n = 0, i, j;

	for (i = 0; i < SHELLS; i++)
		for (j = 0; j < COUNT(by_shell); j++, n++) {
			(void)snprintf(test_names[n], sizeof(test_names[n]),
			    "%s: %s", shells[i], by_shell[j].name);
			tests[n] =
			    (struct CMUnitTest){test_names[n], by_shell[j].run,
				NULL, tear_down, (void *)(uintptr_t)shells[i]};
		}
	tests[n++] =
	    (struct CMUnitTest){"takes_no_other_words", takes_no_other_words,
		NULL, tear_down, (void *)(uintptr_t)shells[0]};
	return cmocka_run_group_tests(tests, NULL, NULL) != 0;
}
