/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/core/nbio.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

int
nbio_open(struct nbio *io, int fd, int write, struct k8s_err *err)
{
	char path[64];
	struct stat st;
	int own, flags;

	*io = (struct nbio){.fd = fd, .flags = -1};
	if (fstat(fd, &st) == -1) {
		io->fd = -1;
		return k8s_err_errno(err, "descriptor %d", fd);
	}
	if (S_ISSOCK(st.st_mode)) {
		io->is_sock = 1;
		return 0;
	}
	/*
	 * Opening it anew is done with our rights, which may be more than its
	 * holder's (setgid): only what he could do with it already.
	 */
	if ((flags = fcntl(fd, F_GETFL)) == -1)
		return k8s_err_errno(err, "descriptor %d", fd);
	if ((flags & O_PATH) != 0 ||
	    (flags & O_ACCMODE) == (write ? O_RDONLY : O_WRONLY)) {
		io->fd = -1;
		return k8s_err_set(err, K8S_ERR_INVALID,
		    "descriptor %d is not open for %s", fd,
		    write ? "writing" : "reading");
	}
	/* Files are always ready, and keep the offset that others share. */
	if (S_ISREG(st.st_mode) || S_ISDIR(st.st_mode))
		return 0;
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	own = open(path,
	    (write ? O_WRONLY : O_RDONLY) | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (own != -1) {
		io->fd = own;
		io->own = 1;
		return 0;
	}
	if ((io->flags = fcntl(fd, F_GETFL)) == -1 ||
	    fcntl(fd, F_SETFL, io->flags | O_NONBLOCK) == -1) {
		io->flags = -1;
		return k8s_err_errno(err, "descriptor %d", fd);
	}
	return 0;
}

ssize_t
nbio_read(struct nbio *io, void *p, size_t len)
{
	ssize_t n;

	do {
		n = io->is_sock ? recv(io->fd, p, len, MSG_DONTWAIT)
				: read(io->fd, p, len);
	} while (n == -1 && errno == EINTR);
	if (n > 0)
		io->bytes += (uint64_t)n;
	return n;
}

ssize_t
nbio_write(struct nbio *io, const void *p, size_t len)
{
	ssize_t n;

	do {
		n = io->is_sock
		    ? send(io->fd, p, len, MSG_DONTWAIT | MSG_NOSIGNAL)
		    : write(io->fd, p, len);
	} while (n == -1 && errno == EINTR);
	if (n > 0)
		io->bytes += (uint64_t)n;
	return n;
}

void
nbio_close(struct nbio *io)
{
	if (io->fd == -1)
		return;
	if (io->flags != -1)
		(void)fcntl(io->fd, F_SETFL, io->flags);
	if (io->own)
		(void)close(io->fd);
	io->fd = -1;
}
