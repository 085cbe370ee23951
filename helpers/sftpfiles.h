/* SPDX-License-Identifier: Apache-2.0 */
/*
 * This machine's own sftp-server as it can be carried into a container of any
 * image: with the dynamic loader and the libraries that it needs, so that
 * nothing there has to fit.
 *
 * What it needs is found when it is needed, not when this was built: so it is
 * always the sftp-server, and with its security updates, that is installed
 * now. The loader itself is asked (its --list is what ldd(1) shows).
 */
#ifndef K8SHELL_SFTPFILES_H
#define K8SHELL_SFTPFILES_H

#include <stddef.h>

#include "helpers/carry.h"
#include "lib/core/buf.h"
#include "lib/core/err.h"

/* Files at most, longest name with its NUL, all files together, bytes. */
#define SFTPFILES_MAX	   16
#define SFTPFILES_NAME_MAX 64
#define SFTPFILES_SIZE_MAX (32 * 1024 * 1024)

/* Each file is filled up with zeros to blocks of so many bytes. */
#define SFTPFILES_BLOCK 4096

/*
 * The first three of the files; the names of the others are the libraries'. The
 * third is to be preloaded (guest/passwd.c).
 */
#define SFTPFILES_LOADER "ld.so"
#define SFTPFILES_SERVER "sftp-server"
#define SFTPFILES_PASSWD "k8shell-passwd.so"

struct sftpfile {
	char name[SFTPFILES_NAME_MAX]; /* letters, digits and "._+-" */
	char path[512];		       /* on this machine */
	size_t blocks;
};

struct sftpfiles {
	struct sftpfile files[SFTPFILES_MAX];
	size_t files_len;
	struct buf *content;   /* of all, one after the other */
	char id[CARRY_ID_MAX]; /* of the content */
};

/*
 * Finds, reads and names them. Takes some milliseconds, and a few MB until
 * sftpfiles_clear(), which is needed after a failure as well.
 */
int sftpfiles_load(struct sftpfiles *f, struct k8s_err *err);
void sftpfiles_clear(struct sftpfiles *f);

/*
 * Adds the libraries in what the loader's --list said (files_len grows), for
 * tests: lines "NAME => PATH (ADDRESS)". Lines without an arrow are the
 * loader's and the kernel's own. -1: one is not found, has an odd name, or they
 * are too many.
 */
int sftpfiles_parse(struct sftpfiles *f, const char *list, struct k8s_err *err);

#endif
