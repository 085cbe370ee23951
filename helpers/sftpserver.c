/* SPDX-License-Identifier: Apache-2.0 */
#include "helpers/sftpserver.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "helpers/carry.h"
#include "helpers/remote.h"
#include "helpers/sftpfiles.h"
#include "helpers/subsystem.h"
#include "lib/core/buf.h"
#include "lib/core/log.h"

#define PRELOAD "LD_PRELOAD="

struct sftpserver {
	const char *const *args;
	struct guestsession *g;
	struct mux *m;
	const char *user;
	struct sftpfiles files;
	char size[24];
	char number[CARRY_NUMBER_MAX];
	char blocks[SFTPFILES_MAX][24];
	char dir[PATH_MAX]; /* where the files are in the container */
};

/*
 * The scripts, and what they are given. Words they say are the container's, so
 * not trusted: what is done with them is done in that container.
 *
 * PLACE...: the first that runs, as "image PATH"; or "none MACHINE". A question
 * that asks for nothing (-Q, since OpenSSH 6.5) finds out whether it does: the
 * container's user may be one that it does not take, or a library is missing.
 */
static const char script_find[] =
    "for k_p;do [ -x \"$k_p\" ]&&\"$k_p\" -Q requests >/dev/null 2>&1&&"
    "{ printf 'image %s\\n' \"$k_p\";exit 0;};done;"
    "printf 'none %s\\n' \"$(uname -m)\"";

#define SH_RUNS                                                       \
	"k_runs(){ LD_AUDIT= " PRELOAD "\"$1/" SFTPFILES_PASSWD "\" " \
	"\"$1/" SFTPFILES_LOADER "\" --library-path \"$1\" "          \
	"\"$1/" SFTPFILES_SERVER "\" -Q requests >/dev/null;};"

/* ID: the folder of that name, status 0; or 1. */
static const char script_look[] = CARRY_SH_FOLDERS SH_RUNS
    "k_i=$1;k_try(){ k_f=$k_d/sftp-$k_i;"
    "k_mine \"$k_d\"&&[ -d \"$k_f\" ]&&k_mine \"$k_f\"&&"
    "k_runs \"$k_f\" 2>/dev/null&&printf '%s\\n' \"$k_f\"&&exit 0;};"
    "k_all k_try;exit 1";

/*
 * ID SIZE NUMBER {NAME BLOCKS}..., the content on stdin: the folder, status 0;
 * or the reason, status 1. For a while it is there twice. It gets its name when
 * it is complete and runs. Of several that come at once one gets there first;
 * the others find theirs inside of it. What is in the making, and such a one,
 * are gone when the script ends, also by a hang-up, which is what a cut
 * connection means; a shell that has something to say of it must not die of
 * that. ".all" is the name of no file (sftpfiles.h).
 */
static const char script_put[] = CARRY_SH_FOLDERS SH_RUNS
    "k_no(){ printf '%s\\n' \"$1\";exit 1;};"
    "k_i=$1 k_n=$2 k_s=$((2*$2)) k_r=$3 k_f= k_t=;shift 3;"
    "trap 'rm -rf \"$k_t\" \"$k_f/sftp-$k_i.$k_r\"' EXIT;"
    "trap 'exit 1' HUP INT TERM;trap '' PIPE;"
    "{ k_all k_can;} 2>/dev/null;"
    "[ -n \"$k_w\" ]||"
    "k_no \"no folder with room for $k_s bytes can be written to and "
    "executed from\";"
    "k_f=$k_w/sftp-$k_i;"
    "k_t=$k_f.$k_r;mkdir -m 700 \"$k_t\"||exit 1;"
    "cat >\"$k_t/.all\"||k_no \"$k_w can not take it\";"
    "[ \"$(wc -c <\"$k_t/.all\")\" -eq \"$k_n\" ]||k_no 'it was cut short';"
    "case $(sha256sum <\"$k_t/.all\" 2>/dev/null) in ''|$k_i*);;"
    "*)k_no 'it arrived damaged';;esac;"
    "k_o=0;while [ $# -gt 0 ];do "
    "dd if=\"$k_t/.all\" of=\"$k_t/$1\" bs=4096 skip=$k_o count=$2 "
    "2>/dev/null||k_no \"$k_w can not take it\";"
    "k_o=$((k_o+$2));shift 2;done;"
    "rm -f \"$k_t/.all\";chmod 700 \"$k_t\"/*;"
    "k_runs \"$k_t\"||k_no 'it does not run there';"
    "mv \"$k_t\" \"$k_f\";"
    "k_mine \"$k_f\"&&k_runs \"$k_f\"||"
    "k_no \"what is in $k_f can not be used: remove it\";"
    "printf '%s\\n' \"$k_f\"";

_Static_assert(SFTPFILES_BLOCK == 4096, "script_put says so, too");

static void
sftpserver_fail(struct sftpserver *s, const char *why)
{
	struct k8s_err err;

	k8s_err_set(&err, K8S_ERR_SYSTEM,
	    "there is no sftp-server in this image, and this machine's can't "
	    "be carried in: %s",
	    why);
	guestsession_fail(s->g, &err);
}

/* Runs a script with arguments from argv[4] on; at argv[0] there is room. */
static void
sftpserver_run(struct sftpserver *s, const char *script, const char **argv,
    const struct buf *in,
    void (*done)(void *arg, const struct remote_result *r))
{
	struct remote_params p = {.argv = argv, .user = s->user};
	struct k8s_err err;

	argv[0] = "/bin/sh";
	argv[1] = "-c";
	argv[2] = script;
	argv[3] = "k8shell";
	if (in != NULL) {
		p.in = buf_data(in);
		p.in_len = buf_len(in);
	}
	if (remote_start(s->m, &p, done, s, &err) == -1)
		guestsession_fail(s->g, &err);
}

/* What there is to say of a failure, in one line. */
static void
sftpserver_fail_remote(struct sftpserver *s, const struct remote_result *r)
{
	char line[2 * REMOTE_OUTPUT_MAX + 8], *p;

	/* Our scripts' own words first: programs may have many to add. */
	(void)snprintf(line, sizeof(line), "%s%s%s", r->out,
	    r->out[0] != '\0' && r->errs[0] != '\0' ? ": " : "", r->errs);
	for (p = line; (p = strchr(p, '\n')) != NULL;)
		*p = ' ';
	if (line[0] == '\0')
		(void)snprintf(line, sizeof(line), "status %d", r->status);
	sftpserver_fail(s, line);
}

/* The session itself: argv[0..n] and what sshd's configuration adds to it. */
static void
sftpserver_begin(struct sftpserver *s, const char *const *program, size_t n,
    const char *const *env)
{
	const char **argv;
	size_t args, i;

	for (args = 0; s->args[args] != NULL; args++)
		;
	if ((argv = calloc(n + args + 1, sizeof(*argv))) == NULL) {
		sftpserver_fail(s, "out of memory");
		return;
	}
	for (i = 0; i < n; i++)
		argv[i] = program[i];
	for (i = 0; i < args; i++)
		argv[n + i] = s->args[i];
	guestsession_begin(s->g, argv, env);
	free(argv);
}

/*
 * This machine's.
 */

/* The folder is known. */
static void
sftpserver_begin_own(struct sftpserver *s, const char *dir)
{
	char loader[PATH_MAX + sizeof(SFTPFILES_LOADER)];
	char server[PATH_MAX + sizeof(SFTPFILES_SERVER)];
	char preload[sizeof(PRELOAD) + PATH_MAX + sizeof(SFTPFILES_PASSWD)];
	const char *const program[] = {loader, "--library-path", s->dir,
	    server};
	/* Ours in place of what the image may have for its own libraries. */
	const char *const env[] = {preload, "LD_AUDIT=", NULL};

	if (dir[0] != '/' || strlen(dir) >= sizeof(s->dir)) {
		sftpserver_fail(s, "its shell says something else");
		return;
	}
	(void)snprintf(s->dir, sizeof(s->dir), "%s", dir);
	(void)snprintf(loader, sizeof(loader), "%s/" SFTPFILES_LOADER, s->dir);
	(void)snprintf(server, sizeof(server), "%s/" SFTPFILES_SERVER, s->dir);
	(void)snprintf(preload, sizeof(preload), PRELOAD "%s/" SFTPFILES_PASSWD,
	    s->dir);
	log_info("sftp-server carried in: %s", s->dir);
	sftpserver_begin(s, program, sizeof(program) / sizeof(program[0]), env);
}

static void
sftpserver_put_done(void *arg, const struct remote_result *r)
{
	struct sftpserver *s = arg;

	sftpfiles_clear(&s->files);
	if (r->status == 0)
		sftpserver_begin_own(s, r->out);
	else
		sftpserver_fail_remote(s, r);
}

static void
sftpserver_put(struct sftpserver *s)
{
	const struct sftpfiles *f = &s->files;
	const char *argv[7 + 2 * SFTPFILES_MAX + 1] = {NULL};
	struct k8s_err err;
	size_t i;

	if (carry_number(s->number, &err) == -1) {
		sftpserver_fail(s, err.msg);
		return;
	}
	(void)snprintf(s->size, sizeof(s->size), "%zu", buf_len(f->content));
	argv[4] = f->id;
	argv[5] = s->size;
	argv[6] = s->number;
	for (i = 0; i < f->files_len; i++) {
		(void)snprintf(s->blocks[i], sizeof(s->blocks[i]), "%zu",
		    f->files[i].blocks);
		argv[7 + 2 * i] = f->files[i].name;
		argv[8 + 2 * i] = s->blocks[i];
	}
	sftpserver_run(s, script_put, argv, f->content, sftpserver_put_done);
}

static void
sftpserver_look_done(void *arg, const struct remote_result *r)
{
	struct sftpserver *s = arg;

	if (r->status == 0) {
		sftpfiles_clear(&s->files);
		sftpserver_begin_own(s, r->out);
	} else if (r->status == 1) {
		sftpserver_put(s);
	} else {
		sftpserver_fail_remote(s, r);
	}
}

static void
sftpserver_look(struct sftpserver *s, const char *machine)
{
	const char *argv[] = {NULL, NULL, NULL, NULL, s->files.id, NULL};
	struct utsname here;
	struct k8s_err err;
	char why[256];

	if (uname(&here) == -1 || strcmp(here.machine, machine) != 0) {
		(void)snprintf(why, sizeof(why),
		    "it is for %s, and the container is for %.100s",
		    here.machine, machine);
		sftpserver_fail(s, why);
	} else if (sftpfiles_load(&s->files, &err) == -1) {
		sftpserver_fail(s, err.msg);
	} else {
		sftpserver_run(s, script_look, argv, NULL,
		    sftpserver_look_done);
	}
}

/*
 * The image's own.
 */

static void
sftpserver_find_done(void *arg, const struct remote_result *r)
{
	static const char image[] = "image ", none[] = "none ";
	struct sftpserver *s = arg;
	const char *const *place;

	if (r->status != 0) {
		sftpserver_fail_remote(s, r);
		return;
	}
	if (strncmp(r->out, none, sizeof(none) - 1) == 0) {
		sftpserver_look(s, r->out + sizeof(none) - 1);
		return;
	}
	if (strncmp(r->out, image, sizeof(image) - 1) == 0)
		for (place = subsystem_sftp_places; *place != NULL; place++)
			if (strcmp(*place, r->out + sizeof(image) - 1) == 0) {
				sftpserver_begin(s, place, 1, NULL);
				return;
			}
	sftpserver_fail(s, "its shell says something else");
}

void
sftpserver_prepare(void *arg, struct guestsession *g, struct mux *m,
    const char *user)
{
	struct sftpserver *s = arg;
	const char *argv[64] = {NULL};
	size_t i;

	s->g = g;
	s->m = m;
	s->user = user;
	for (i = 0; subsystem_sftp_places[i] != NULL &&
	    4 + i < sizeof(argv) / sizeof(argv[0]) - 1;
	    i++)
		argv[4 + i] = subsystem_sftp_places[i];
	sftpserver_run(s, script_find, argv, NULL, sftpserver_find_done);
}

static void
put_quoted(FILE *f, const char *s)
{
	(void)fputs(" '", f);
	for (; *s != '\0'; s++)
		if (*s == '\'')
			(void)fputs("'\\''", f);
		else
			(void)fputc(*s, f);
	(void)fputc('\'', f);
}

char *
sftpserver_command(const char *const *args)
{
	const char *const *p;
	char *command = NULL;
	size_t len;
	FILE *f;

	if ((f = open_memstream(&command, &len)) == NULL)
		return NULL;
	/* Single quotes: whatever the login shell is, it knows them. */
	(void)fputs("exec /bin/sh -c 'for k_p in", f);
	for (p = subsystem_sftp_places; *p != NULL; p++)
		(void)fprintf(f, " %s", *p);
	(void)fprintf(f,
	    ";do [ -x \"$k_p\" ]&&\"$k_p\" -Q requests >/dev/null 2>&1&&"
	    "exec \"$k_p\" \"$@\";done;exit %d' k8shell",
	    SFTPSERVER_NONE);
	for (p = args; *p != NULL; p++)
		put_quoted(f, *p);
	if (fclose(f) == 0)
		return command;
	free(command);
	return NULL;
}

struct sftpserver *
sftpserver_new(const char *const *args)
{
	struct sftpserver *s;

	if ((s = calloc(1, sizeof(*s))) != NULL)
		s->args = args;
	return s;
}

void
sftpserver_free(struct sftpserver *s)
{
	if (s == NULL)
		return;
	sftpfiles_clear(&s->files);
	free(s);
}
