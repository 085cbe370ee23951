/* SPDX-License-Identifier: Apache-2.0 */
/* A folder for one test's files, gone afterwards. */
#ifndef K8SHELL_TMPDIR_H
#define K8SHELL_TMPDIR_H

#include "tests/unit/unit.h"

#include <fcntl.h>
#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

static inline char *
tmpdir_new(void)
{
	char *dir = strdup("/tmp/k8shell-unit.XXXXXX");

	assert_non_null(dir);
	assert_non_null(mkdtemp(dir));
	return dir;
}

static inline int
tmpdir_remove(const char *path, const struct stat *st, int type,
    struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static inline void
tmpdir_free(char *dir)
{
	assert_int_equal(nftw(dir, tmpdir_remove, 8, FTW_DEPTH | FTW_PHYS), 0);
	free(dir);
}

/* Writes dir/name; returns its path in a static buffer. */
static inline const char *
tmpdir_write(const char *dir, const char *name, const char *text, size_t len,
    mode_t mode)
{
	static char path[512];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, len), len);
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
	return path;
}

/* For a whole group: it runs in a folder of its own. */
static inline int
tmpdir_enter(void **state)
{
	*state = tmpdir_new();
	return chdir(*state);
}

static inline int
tmpdir_leave(void **state)
{
	assert_int_equal(chdir("/"), 0);
	tmpdir_free(*state);
	return 0;
}

#endif
