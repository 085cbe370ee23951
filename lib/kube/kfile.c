/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/kube/kfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/core/buf.h"

static void
closep(int *fd)
{
	if (*fd != -1)
		close(*fd);
}

void
kfile_wipe(char *p, size_t len)
{
	if (p != NULL)
		explicit_bzero(p, len);
	free(p);
}

static const char *
advice(int error)
{
	switch (error) {
	case ENOENT:
	case ENOTDIR:
		return " (check the path)";
	case EACCES:
		return " (make it readable for this program's group)";
	default:
		return "";
	}
}

char *
kfile_read(const char *path, size_t max, const char *what, size_t *len,
    unsigned int *mode, struct k8s_err *err)
{
	struct buf *b __attribute__((cleanup(buf_freep))) = NULL;
	int fd __attribute__((cleanup(closep))) = -1;
	struct stat st;
	const char *s;
	char *copy;

	/* A FIFO must not hold us up: its open does not wait. */
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd == -1 || fstat(fd, &st) == -1) {
		k8s_err_set(err, K8S_ERR_CONFIG, "%s %s: %s%s", what, path,
		    strerror(errno), advice(errno));
		return NULL;
	}
	if (!S_ISREG(st.st_mode)) {
		k8s_err_set(err, K8S_ERR_CONFIG, "%s %s: not a regular file",
		    what, path);
		return NULL;
	}
	if ((b = buf_new(max)) == NULL) {
		k8s_err_errno(err, "%s %s", what, path);
		return NULL;
	}
	if (buf_read_all(b, fd) == -1) {
		if (errno == EFBIG)
			k8s_err_set(err, K8S_ERR_LIMIT,
			    "%s %s: larger than %zu bytes", what, path, max);
		else
			k8s_err_errno(err, "%s %s", what, path);
		return NULL;
	}
	if (buf_len(b) == 0) {
		k8s_err_set(err, K8S_ERR_CONFIG, "%s %s: empty", what, path);
		return NULL;
	}
	if ((s = buf_string(b)) == NULL) {
		k8s_err_set(err, K8S_ERR_CONFIG,
		    "%s %s: holds a NUL byte, so it is no text file", what,
		    path);
		return NULL;
	}
	*len = buf_len(b);
	if ((copy = malloc(*len + 1)) == NULL) {
		k8s_err_errno(err, "%s %s", what, path);
		return NULL;
	}
	memcpy(copy, s, *len + 1);
	if (mode != NULL)
		*mode = st.st_mode;
	return copy;
}
