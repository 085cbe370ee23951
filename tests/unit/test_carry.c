/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The script that carries the guest in, run by the shells that this machine
 * has, with folders of the test's in place of /tmp and so on. The guest is a
 * stand-in that says where it runs.
 */
#include "tests/unit/unit.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include "helpers/carry.h"
#include "lib/core/buf.h"
#include "tests/unit/child.h"
#include "tests/unit/tmpdir.h"

#define GUEST_SIZE 100000
#define DEADLINE   30

/* The script's folders, and what stands for them. */
#define FOLDERS	     " /tmp /var/tmp /dev/shm /run;"
#define FOLDERS_HERE " $T/tmp $T/var $T/shm $T/run;"

#define SHELLS	 4
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const char *const shells[SHELLS] = {"/bin/dash", "/bin/bash",
    "/bin/busybox", "/bin/mksh"};

static char *dir;
static const char *shell;
static struct carry carry;
static int made;

/* How one run ended, and where the guest ran. */
struct run {
	pid_t pid;
	int in, out;
	struct carry c;
	enum carry_state state;
	struct k8s_err err;
	int asked;
	size_t sent;
	char said[256];
};

static const char *
at(const char *name)
{
	static char path[4][512];
	static int n;

	n = (n + 1) % 4;
	(void)snprintf(path[n], sizeof(path[n]), "%s/%s", dir, name);
	return path[n];
}

/* A folder with all the programs that the script may call, but one. */
static void
make_path(const char *without)
{
	static const char *const tools[] = {"cat", "chmod", "dd", "env", "head",
	    "id", "ls", "mkdir", "mv", "printf", "rm", "sha256sum", "uname",
	    "wc"};
	char target[64], name[64];
	int busybox = strcmp(shell, "/bin/busybox") == 0;
	size_t i;

	assert_int_equal(mkdir(at("bin"), 0700), 0);
	assert_int_equal(symlink(shell, at("bin/sh")), 0);
	for (i = 0; i < sizeof(tools) / sizeof(tools[0]); i++) {
		if (strcmp(tools[i], without) == 0)
			continue;
		(void)snprintf(target, sizeof(target), "/usr/bin/%s", tools[i]);
		(void)snprintf(name, sizeof(name), "bin/%s", tools[i]);
		assert_int_equal(symlink(busybox ? shell : target, at(name)),
		    0);
	}
}

/* The script, with folders of ours, and a guest that is a script, too. */
static void
make_carry(struct carry *c)
{
	struct k8s_err err = K8S_ERR_INIT;
	char *p, *script;

	assert_int_equal(carry_init(c, at("guest"), &err), 0);
	p = strstr(c->script, FOLDERS);
	assert_non_null(p);
	assert_true(asprintf(&script, "%.*s%s%s", (int)(p - c->script),
			c->script, FOLDERS_HERE, p + strlen(FOLDERS)) > 0);
	free(c->script);
	c->argv[2] = c->script = script;
}

static void
start_without(const char *without)
{
	static char text[GUEST_SIZE];
	static const char head[] = "#!/bin/sh\n"
				   "[ \"$1\" != -V ] || {\n"
				   "[ ! -x \"$T/swap\" ] || \"$T/swap\"\n"
				   "echo 1; exit; }\n"
				   "case $0 in ./*) cd -P .; set \"$PWD\";;\n"
				   "*) set \"${0%/*}\"; esac\n"
				   "printf '\\001%s/%s' \"$1\" \"${0##*/}\"\n"
				   "exit 0\n";
	static const char *const names[] = {"tmp", "var", "shm", "run", "home"};
	size_t i;

	if (access(shell, X_OK) == -1) {
		if (strcmp(shell, "/bin/mksh") == 0) {
			print_message("SKIP: no mksh\n");
			skip();
		}
		unit_skip(shell);
	}
	dir = tmpdir_new();
	made = 1;
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		assert_int_equal(mkdir(at(names[i]), 0700), 0);
	make_path(without);
	assert_int_equal(mkdir(at("guest"), 0700), 0);
	memset(text, '#', sizeof(text));
	memcpy(text, head, sizeof(head) - 1);
	tmpdir_write(dir, "guest/k8shell-guest-x86_64", text, sizeof(text),
	    0600);
	tmpdir_write(dir, "guest/k8shell-guest-aarch64", text, sizeof(text),
	    0600);
	make_carry(&carry);
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
	if (made) {
		carry_clear(&carry);
		tmpdir_free(dir);
		made = 0;
	}
	return 0;
}

static void
begin(struct run *r, const struct carry *c)
{
	char path[600], home[600], here[600];
	const char *argv[] = {"/bin/sh", "-c", c->argv[2], NULL};
	const char *envp[] = {path, home, here, NULL};
	int in[2], out[2];

	memset(r, 0, sizeof(*r));
	r->c = *c;
	carry_reset(&r->c);
	(void)snprintf(path, sizeof(path), "PATH=%s/bin", dir);
	(void)snprintf(home, sizeof(home), "HOME=%s/home", dir);
	(void)snprintf(here, sizeof(here), "T=%s", dir);
	assert_int_equal(pipe2(in, O_CLOEXEC) + pipe2(out, O_CLOEXEC), 0);
	assert_true((r->pid = fork()) != -1);
	if (r->pid == 0) {
		(void)alarm(DEADLINE);
		(void)signal(SIGPIPE, SIG_DFL);
		(void)dup2(in[0], 0);
		(void)dup2(out[1], 1);
		execve(at("bin/sh"), (char *const *)argv, (char *const *)envp);
		_exit(125);
	}
	close(in[0]);
	close(out[1]);
	r->in = in[1];
	r->out = out[0];
	assert_int_equal(fcntl(r->in, F_SETFL, O_NONBLOCK), 0);
}

/* What it says; 0 at its end. */
static int
listen_to(struct run *r)
{
	unsigned char b[256];
	size_t used = strlen(r->said), n;
	ssize_t len;

	if ((len = read(r->out, b, sizeof(b))) <= 0)
		return 0;
	n = r->c.state == CARRY_RUNS
	    ? 0
	    : carry_feed(&r->c, b, (size_t)len, &r->err);
	if (r->c.state == CARRY_NEED)
		r->asked = 1;
	if (r->c.state == CARRY_RUNS)
		(void)snprintf(r->said + used, sizeof(r->said) - used, "%.*s",
		    (int)((size_t)len - n), (const char *)b + n);
	return 1;
}

/* As the host does it: the file when asked for, EOF when that was in vain. */
static void
go_on(struct run *r)
{
	unsigned char chunk[5000];
	size_t len = 0, off = 0;
	struct pollfd p[2];
	ssize_t n;

	(void)signal(SIGPIPE, SIG_IGN);
	for (;;) {
		if (off == len) {
			off = 0;
			len = carry_next(&r->c, chunk, sizeof(chunk));
		}
		if (r->in != -1 && r->c.state == CARRY_NONE) {
			close(r->in);
			r->in = -1;
		}
		p[0] = (struct pollfd){r->out, POLLIN, 0};
		p[1] = (struct pollfd){len > off ? r->in : -1, POLLOUT, 0};
		if (poll(p, 2, DEADLINE * 1000) <= 0)
			fail_msg("%s: no end", shell);
		if (p[1].revents != 0) {
			n = write(r->in, chunk + off, len - off);
			off = n > 0 ? off + (size_t)n : len;
			r->sent += n > 0 ? (size_t)n : 0;
		}
		if (p[0].revents != 0 && !listen_to(r))
			break;
	}
	r->state = r->c.state;
	assert_int_equal(waitpid(r->pid, NULL, 0), r->pid);
	if (r->in != -1)
		close(r->in);
	close(r->out);
}

/* It ran from that folder, or it can't and says so. */
static void
check_run(int asked, const char *folder, const char *reason)
{
	char expect[512];
	struct run r;

	begin(&r, &carry);
	go_on(&r);
	if (folder == NULL) {
		if (r.state != CARRY_NONE || strstr(r.err.msg, reason) == NULL)
			fail_msg("%s: state %d, %s", shell, r.state, r.err.msg);
		return;
	}
	(void)snprintf(expect, sizeof(expect), "\001%s/%s/k8shell-%lu/%s", dir,
	    folder, (unsigned long)geteuid(), carry.guests[0].id);
	if (r.state != CARRY_RUNS || r.asked != asked ||
	    strcmp(r.said, expect) != 0)
		fail_msg("%s: state %d, asked %d, \"%s\" for \"%s\", %s", shell,
		    r.state, r.asked, r.said, expect, r.err.msg);
}

static const char *
folder_of(const char *where)
{
	static char name[128];

	(void)snprintf(name, sizeof(name), "%s/k8shell-%lu", where,
	    (unsigned long)geteuid());
	return at(name);
}

static void
carries_it_once(void **state)
{
	struct stat st;

	start(state);
	check_run(1, "home/.cache", "");
	assert_int_equal(stat(folder_of("home/.cache"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	/* The folder, itself, its file; nothing in the making is left. */
	assert_int_equal(st.st_nlink, 2);
	check_run(0, "home/.cache", "");
}

static void
goes_on_to_the_next_folder(void **state)
{
	start(state);
	assert_int_equal(rmdir(at("home")), 0);
	check_run(1, "tmp", "");
	assert_int_equal(access(at("home"), F_OK), -1);
}

static void
has_no_folder(void **state)
{
	static const char *const names[] = {"tmp", "var", "shm", "run", "home"};
	size_t i;

	start(state);
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		assert_int_equal(rmdir(at(names[i])), 0);
		tmpdir_write(dir, names[i], "", 0, 0600);
	}
	check_run(0, NULL, "no folder can be written to");
}

/* A link where the folder is to be, or the file; someone else's. */
static void
does_not_run_what_is_planted(void **state)
{
	char file[200];
	int fd;

	start(state);
	assert_int_equal(mkdir(at("evil"), 0700), 0);
	(void)snprintf(file, sizeof(file), "evil/%s", carry.guests[0].id);
	fd = open(at(file), O_WRONLY | O_CREAT | O_CLOEXEC, 0700);
	assert_int_equal(write(fd, "#!/bin/sh\necho evil\n", 20), 20);
	close(fd);
	assert_int_equal(mkdir(at("home/.cache"), 0700), 0);
	assert_int_equal(symlink(at("evil"), folder_of("home/.cache")), 0);
	check_run(1, "tmp", "");
	check_run(0, "tmp", "");
	/* The file a link. */
	(void)snprintf(file, sizeof(file), "tmp/k8shell-%lu/%s",
	    (unsigned long)geteuid(), carry.guests[0].id);
	assert_int_equal(unlink(at(file)), 0);
	assert_int_equal(symlink("/bin/true", at(file)), 0);
	check_run(1, "tmp", "");
	if (geteuid() != 0)
		return;
	assert_int_equal(chown(at(file), 12345, 12345), 0);
	check_run(1, "tmp", "");
	assert_int_equal(chown(folder_of("tmp"), 12345, 12345), 0);
	check_run(1, "var", "");
}

/*
 * Others may put a folder of theirs where ours was once it has been looked at:
 * here the guest does, when it is asked for its version.
 */
static void
runs_what_it_has_looked_at(void **state)
{
	static const char swap[] =
	    "#!/bin/sh\n"
	    "mv \"$T\"/tmp/k8shell-* \"$T/ours\"\n"
	    "mv \"$T/theirs\" \"$T/tmp/k8shell-$(id -u)\"\n"
	    "rm \"$T/swap\"\n";
	char expect[512], file[200];
	struct run r;
	int i;

	start(state);
	assert_int_equal(rmdir(at("home")), 0);
	/* What has just been carried in; what is there already. */
	for (i = 0; i < 2; i++) {
		assert_int_equal(mkdir(at("theirs"), 0700), 0);
		(void)snprintf(file, sizeof(file), "theirs/%s",
		    carry.guests[0].id);
		tmpdir_write(dir, file, "#!/bin/sh\nprintf '\\001evil'\n", 27,
		    0700);
		tmpdir_write(dir, "swap", swap, sizeof(swap) - 1, 0700);
		begin(&r, &carry);
		go_on(&r);
		(void)snprintf(expect, sizeof(expect), "\001%s/ours/%s", dir,
		    carry.guests[0].id);
		assert_int_equal(access(at("swap"), F_OK), -1);
		assert_string_equal(r.said, expect);
		assert_int_equal(rename(folder_of("tmp"), at("gone")), 0);
		assert_int_equal(rename(at("ours"), folder_of("tmp")), 0);
		(void)snprintf(file, sizeof(file), "gone/%s",
		    carry.guests[0].id);
		assert_int_equal(unlink(at(file)), 0);
		assert_int_equal(rmdir(at("gone")), 0);
	}
	/* One where others may write is none. */
	assert_int_equal(chmod(folder_of("tmp"), 0770), 0);
	check_run(1, "var", "");
	/* A group that is handed down is fine (an emptyDir with fsGroup). */
	assert_int_equal(chmod(folder_of("tmp"), 02700), 0);
	check_run(0, "tmp", "");
}

/* Ours, but cut short or no program at all: another one takes its place. */
static void
replaces_what_does_not_run(void **state)
{
	static const char *const wrong[] = {"", "\177ELF", "#!/no/such\n"};
	char file[200];
	size_t i;

	start(state);
	check_run(1, "home/.cache", "");
	(void)snprintf(file, sizeof(file), "home/.cache/k8shell-%lu/%s",
	    (unsigned long)geteuid(), carry.guests[0].id);
	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		assert_int_equal(unlink(at(file)), 0);
		tmpdir_write(dir, file, wrong[i], strlen(wrong[i]), 0700);
		check_run(1, "home/.cache", "");
		check_run(0, "home/.cache", "");
	}
}

static void
does_without_head(void **state)
{
	shell = *state;
	start_without("head");
	check_run(1, "home/.cache", "");
}

static void
runs_that_of_the_image(void **state)
{
	struct run r;

	start(state);
	assert_int_equal(
	    link(at("guest/k8shell-guest-x86_64"), at("bin/k8shell-guest")), 0);
	assert_int_equal(chmod(at("bin/k8shell-guest"), 0700), 0);
	begin(&r, &carry);
	go_on(&r);
	assert_int_equal(r.state, CARRY_RUNS);
	assert_false(r.asked);
	assert_non_null(strstr(r.said, "bin/k8shell-guest"));
	assert_int_equal(access(at("home/.cache"), F_OK), -1);
	/* Another version is none. */
	assert_int_equal(unlink(at("bin/k8shell-guest")), 0);
	tmpdir_write(dir, "bin/k8shell-guest", "#!/bin/sh\n", 10, 0700);
	check_run(1, "home/.cache", "");
}

/* All of them ask before the first has got it. */
static void
first_sessions_do_not_race(void **state)
{
	struct carry more[6];
	struct run r[6];
	size_t i;

	start(state);
	for (i = 0; i < 6; i++) {
		make_carry(&more[i]);
		begin(&r[i], &more[i]);
		while (r[i].c.state == CARRY_LISTENING && listen_to(&r[i]))
			continue;
		assert_int_equal(r[i].c.state, CARRY_NEED);
	}
	for (i = 0; i < 6; i++) {
		go_on(&r[i]);
		assert_int_equal(r[i].state, CARRY_RUNS);
		carry_clear(&more[i]);
	}
}

/* An upload that is cut leaves nothing behind, and ends. */
static void
is_cut_amidst_the_file(void **state)
{
	struct stat st;
	struct run r;
	unsigned char chunk[5000];

	start(state);
	begin(&r, &carry);
	while (r.c.state == CARRY_LISTENING && listen_to(&r))
		continue;
	assert_int_equal(carry_next(&r.c, chunk, sizeof(chunk)), 5000);
	assert_int_equal(write(r.in, chunk, sizeof(chunk)), 5000);
	close(r.in);
	r.in = -1;
	while (listen_to(&r))
		continue;
	assert_int_equal(waitpid(r.pid, NULL, 0), r.pid);
	close(r.out);
	assert_int_equal(r.c.state, CARRY_NONE);
	assert_int_equal(stat(folder_of("home/.cache"), &st), 0);
	assert_int_equal(rmdir(folder_of("home/.cache")), 0);
}

/* In a mount namespace of its own, with these options of a tmpfs. */
static void
mounted(void *arg)
{
	const char *const *o = arg;
	unsigned long flags = strcmp(o[1], "noexec") == 0 ? MS_NOEXEC : 0;
	static const char *const names[] = {"tmp", "var", "shm", "run", "home"};
	size_t i;

	CHILD_CHECK(unshare(CLONE_NEWNS) == 0);
	CHILD_CHECK(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0);
	for (i = 0; i < 5; i++)
		if (o[2] == NULL || strcmp(names[i], o[2]) != 0)
			CHILD_CHECK(mount("none", at(names[i]), "tmpfs", flags,
					o[0]) == 0);
	check_run(1, o[2], "no folder can be written to and executed from");
}

static void
skips_folders_where_it_cannot_be(void **state)
{
	static const char *const cases[][3] = {
	    {"size=64k", "exec", NULL},
	    {"size=64k", "exec", "shm"},
	    {"size=8m", "noexec", NULL},
	    {"size=8m", "noexec", "run"},
	};
	size_t i;

	UNIT_NEED_ROOT(CAP_SYS_ADMIN);
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		start(state);
		child_run(mounted, (void *)cases[i]);
		tear_down(state);
	}
}

/* Full once it is asked for: it says so at once, and does not wait. */
static void
filled(void *arg)
{
	static char junk[4096];
	struct run r;
	int fd;

	(void)arg;
	CHILD_CHECK(unshare(CLONE_NEWNS) == 0);
	CHILD_CHECK(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0);
	CHILD_CHECK(mount("none", at("home"), "tmpfs", 0, "size=256k") == 0);
	begin(&r, &carry);
	while (r.c.state == CARRY_LISTENING && listen_to(&r))
		continue;
	CHILD_CHECK(r.c.state == CARRY_NEED);
	CHILD_CHECK((fd = open(at("home/junk"), O_WRONLY | O_CREAT | O_CLOEXEC,
			 0600)) != -1);
	while (write(fd, junk, sizeof(junk)) > 0)
		continue;
	go_on(&r);
	CHILD_CHECK(r.state == CARRY_NONE);
	CHILD_CHECK(strstr(r.err.msg, "could not be written") != NULL);
}

static void
tells_of_a_disk_that_fills(void **state)
{
	UNIT_NEED_ROOT(CAP_SYS_ADMIN);
	start(state);
	child_run(filled, NULL);
}

/*
 * What it may say.
 */

static void
check_feed(const char *text, size_t len, enum carry_state state,
    const char *why)
{
	struct k8s_err err;
	size_t step, i, n;

	for (step = 1; step <= len; step++) {
		carry_reset(&carry);
		memset(&err, 0, sizeof(err));
		for (i = 0; i < len && carry.state != CARRY_NONE &&
		    carry.state != CARRY_RUNS;
		    i += n) {
			n = len - i < step ? len - i : step;
			(void)carry_feed(&carry,
			    (const unsigned char *)text + i, n, &err);
		}
		if (carry.state != state || strstr(err.msg, why) == NULL)
			fail_msg("\"%s\" by %zu: state %d, %s", text, step,
			    carry.state, err.msg);
	}
}

static void
understands_nothing_else(void **state)
{
	static const struct {
		const char *text;
		enum carry_state state;
		const char *why;
	} cases[] = {
	    {"\001k8shellm", CARRY_RUNS, ""},
	    {"\036need x86_64 100000\n", CARRY_NEED, ""},
	    {"\036need x86_64 100000\n\001", CARRY_NONE, "something else"},
	    {"\036need x86_64 100000\n\036no room\n", CARRY_NONE, "room"},
	    {"\036need x86_64 100000\n\036need x86_64 100000\n", CARRY_NONE,
		"need"},
	    {"\036need x86_64 100000 \n", CARRY_NONE, "need"},
	    {"\036need x86_64 +100000\n", CARRY_NONE, "need"},
	    {"\036need x86_64 99999\n", CARRY_NONE, "need"},
	    {"\036need riscv64 100000\n", CARRY_NONE, "riscv64"},
	    {"\036no \033[2J\n", CARRY_NONE, "[2J"},
	    {"\036\n", CARRY_NONE, ""},
	    {"\n", CARRY_NONE, "something else"},
	    {"motd", CARRY_NONE, "something else"},
	    {"\036no", CARRY_LISTENING, ""},
	};
	char line[CARRY_LINE_MAX + 2];
	size_t i;

	start(state);
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		check_feed(cases[i].text, strlen(cases[i].text), cases[i].state,
		    cases[i].why);
	check_feed("\036n\0o\n", 5, CARRY_NONE, "something else");
	memset(line, 'x', sizeof(line));
	line[0] = '\036';
	line[sizeof(line) - 1] = '\0';
	check_feed(line, CARRY_LINE_MAX, CARRY_NONE, "something else");
}

static void
needs_its_files(void **state)
{
	struct carry c;
	struct k8s_err err = K8S_ERR_INIT;

	start(state);
	assert_int_equal(carry_init(&c, at("nowhere"), &err), -1);
	unit_check_err(&err, K8S_ERR_NOT_FOUND, "there is no guest in");
	carry_clear(&c);
	tmpdir_write(dir, "guest/k8shell-guest-aarch64", "", 0, 0600);
	errno = ENOENT;
	assert_int_equal(carry_init(&c, at("guest"), &err), -1);
	unit_check_err(&err, K8S_ERR_CONFIG, "empty");
	carry_clear(&c);
	assert_int_equal(unlink(at("guest/k8shell-guest-aarch64")), 0);
	assert_int_equal(carry_init(&c, at("guest"), &err), 0);
	assert_int_equal(c.guests_len, 1);
	carry_clear(&c);
}

int
main(void)
{
	static const struct {
		const char *name;
		void (*run)(void **state);
	} by_shell[] = {
#define TEST(f) {#f, f}
	    TEST(carries_it_once),
	    TEST(goes_on_to_the_next_folder),
	    TEST(has_no_folder),
	    TEST(does_not_run_what_is_planted),
	    TEST(runs_what_it_has_looked_at),
	    TEST(replaces_what_does_not_run),
	    TEST(does_without_head),
	    TEST(runs_that_of_the_image),
	    TEST(first_sessions_do_not_race),
	    TEST(is_cut_amidst_the_file),
	    TEST(skips_folders_where_it_cannot_be),
	    TEST(tells_of_a_disk_that_fills),
	};
	struct CMUnitTest tests[SHELLS * COUNT(by_shell) + 2];
	char names[SHELLS * COUNT(by_shell)][80];
	size_t n = 0, i, j;

	for (i = 0; i < SHELLS; i++)
		for (j = 0; j < COUNT(by_shell); j++, n++) {
			(void)snprintf(names[n], sizeof(names[n]), "%s: %s",
			    shells[i], by_shell[j].name);
			tests[n] =
			    (struct CMUnitTest){names[n], by_shell[j].run, NULL,
				tear_down, (void *)shells[i]};
		}
	tests[n++] = (struct CMUnitTest){"understands_nothing_else",
	    understands_nothing_else, NULL, tear_down, (void *)shells[0]};
	tests[n++] = (struct CMUnitTest){"needs_its_files", needs_its_files,
	    NULL, tear_down, (void *)shells[0]};
	return cmocka_run_group_tests(tests, NULL, NULL) != 0;
}
