/* SPDX-License-Identifier: Apache-2.0 */
/* The descriptors of this very process; for musl and old kernels, too. */
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/core/proc.h"

/* Where close_range() is missing: nobody hands us descriptors above this. */
#define PROC_FDS_MAX 65536

void
proc_sane_fds(void)
{
	int fd;

	/* open() takes the lowest: all below what it gives are open. */
	do {
		if ((fd = open("/dev/null", O_RDWR | O_CLOEXEC)) == -1)
			_exit(111);
		/* These three are meant for programs we start. */
		if (fd <= 2 && fcntl(fd, F_SETFD, 0) == -1)
			_exit(111);
	} while (fd <= 2);
	close(fd);
}

static void
close_from_to(unsigned int first, unsigned int last)
{
	struct rlimit lim = {.rlim_cur = PROC_FDS_MAX};
	unsigned int fd;

	if (syscall(SYS_close_range, first, last, 0) == 0)
		return;
	/* Linux before 5.9, or a container's seccomp profile of that time. */
	(void)getrlimit(RLIMIT_NOFILE, &lim);
	if (lim.rlim_cur > PROC_FDS_MAX)
		lim.rlim_cur = PROC_FDS_MAX;
	for (fd = first; fd <= last && fd < lim.rlim_cur; fd++)
		(void)close((int)fd);
}

void
proc_close_others(const int *keep, size_t n)
{
	unsigned int from = 3, next;
	size_t i;

	for (;;) {
		next = ~0U;
		for (i = 0; i < n; i++)
			if (keep[i] >= (int)from &&
			    (unsigned int)keep[i] < next)
				next = (unsigned int)keep[i];
		if (next > from)
			close_from_to(from, next - 1);
		if (next == ~0U)
			return;
		from = next + 1;
	}
}
