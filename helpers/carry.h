/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Getting k8shell-guest to run in a container: a POSIX sh line, the command of
 * an exec, that runs the guest if it is there already, and otherwise asks for
 * it and receives it on stdin. No I/O here.
 *
 * A guest's name is that of its content, so a newer one never meets an older
 * one's file, and what is there needs no update. It lies in a folder of the
 * container's user, "k8shell-UID" in the first of ~/.cache, /tmp, /var/tmp,
 * /dev/shm and /run that can be written to and executed from. A folder or file
 * that is a link or somebody else's is not used.
 *
 * The script says on stdout, before the guest's first frame, one line:
 *
 *	RS "need " MACHINE " " N	send the guest for this machine, N being
 *					the bytes it will read
 *	RS "no " REASON			there can be no guest here
 *
 * RS is octal 036; the guest's frames begin with another byte (HELLO). After
 * the file nothing is sent until the guest has spoken: the program that reads
 * the file may read ahead, and what it took would be lost.
 */
#ifndef K8SHELL_CARRY_H
#define K8SHELL_CARRY_H

#include <stddef.h>

#include "lib/core/err.h"

/* Machines that there are guests for. */
#define CARRY_GUESTS_MAX 2

/* Largest guest, bytes. */
#define CARRY_SIZE_MAX (1024 * 1024)

/* Longest line of the script. */
#define CARRY_LINE_MAX 256

/* The first half of a SHA-256, hex, and its NUL. */
#define CARRY_ID_MAX 33

/* A number of CARRY_NUMBER_MAX - 1 hex digits, and its NUL. */
#define CARRY_NUMBER_MAX 17

/*
 * For scripts that look into these folders, or put something there. With
 * k_all FUNCTION it is called with k_d as each of the folders; k_can makes the
 * first of them k_w (empty: there is none) that can be used:
 *
 *	{ k_all k_can;} 2>/dev/null;
 *
 * It needs k_s, the bytes there has to be room for, and k_r, a carry_number():
 * folders are shared by containers, whose process ids are not theirs alone. A
 * folder is made with mode 700 and looked at afterwards: whoever else could
 * have made it is found out. Whether files run there, and there is room, is
 * tried with one as large that does nothing. k_mine PATH: it is no link, and
 * ours. k_in goes into k_d, if nobody else can do anything in there; k_can is
 * in k_w then. Where others may write to the folder that k_d is in (/tmp, if it
 * is an emptyDir, has no sticky bit), they can put another one in its place at
 * any time: only what is named from within is what was looked at. No percent
 * sign is in it.
 */
#define CARRY_SH_FOLDERS                                                    \
	"k_u=$(id -u 2>/dev/null);k_w=;"                                    \
	"k_mine(){ [ ! -L \"$1\" ]&&[ -O \"$1\" ];};"                       \
	"k_in(){ k_mine \"$k_d\"&&cd \"$k_d\" >/dev/null 2>&1&&[ -O . ]&&"  \
	"case $(ls -ld .) in drwx--[-S]---*);;*)return 1;;esac;};"          \
	"k_all(){ for k_b in \"${HOME:-/}/.cache\" /tmp /var/tmp /dev/shm " \
	"/run;do k_d=$k_b/k8shell-$k_u;\"$1\";done;};"                      \
	"k_can(){ [ -z \"$k_w\" ]||return;"                                 \
	"[ \"$k_b\" != \"${HOME:-/}/.cache\" ]||mkdir -m 700 \"$k_b\";"     \
	"mkdir -m 700 \"$k_d\";"                                            \
	"k_in||return;"                                                     \
	"k_t=t.$k_r;"                                                       \
	"{ printf '#!/bin/sh\\nexit 0\\n'&&"                                \
	"{ dd if=/dev/zero bs=$k_s count=1||head -c $k_s /dev/zero;};} "    \
	">$k_t&&chmod 700 $k_t&&./$k_t&&k_w=$k_d;"                          \
	"rm -f $k_t;};"

struct carry_guest {
	const char *machine;   /* as uname -m says */
	char id[CARRY_ID_MAX]; /* of its content */
	unsigned char *p;
	size_t len;
};

enum carry_state {
	CARRY_LISTENING, /* more is needed */
	CARRY_NEED,	 /* send what carry_guest is */
	CARRY_RUNS,	 /* from here on these are frames */
	CARRY_NONE,	 /* text says why */
};

struct carry {
	struct carry_guest guests[CARRY_GUESTS_MAX];
	size_t guests_len;
	char *script;
	const char *argv[4]; /* of the exec; NULL at the end */

	enum carry_state state;
	const struct carry_guest *guest; /* asked for */
	size_t sent;			 /* of its file */
	char line[CARRY_LINE_MAX];
	size_t line_len;
	int asked;
};

/*
 * Reads the guests in dir (files k8shell-guest-MACHINE); one at least must be
 * there. -1: there is none, or it can't be read.
 */
int carry_init(struct carry *c, const char *dir, struct k8s_err *err);
void carry_clear(struct carry *c);

/* The name of some content. */
int carry_id(char id[CARRY_ID_MAX], const void *p, size_t len,
    struct k8s_err *err);

/* For a file in the making: a number that no other has. */
int carry_number(char number[CARRY_NUMBER_MAX], struct k8s_err *err);

/* Before each exec. */
void carry_reset(struct carry *c);

/*
 * What came on the exec's stdout; returns how many bytes were taken, all
 * unless the state is CARRY_RUNS now. Untrusted. On CARRY_NONE err is set.
 */
size_t carry_feed(struct carry *c, const unsigned char *p, size_t len,
    struct k8s_err *err);

/*
 * The next bytes of the file that is asked for, at most max, into p; returns
 * how many. With the last of them it is the container's turn to speak.
 */
size_t carry_next(struct carry *c, unsigned char *p, size_t max);

#endif
