/* SPDX-License-Identifier: Apache-2.0 */
#include "proxyprotocol/slots.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* The byte of a slot. */
#define SLOT_FREE 0
#define SLOT_USED 1

/* The Uid line of /proc/PID/status comes early. */
#define SLOTS_STATUS_MAX 2048

/* A lock of this open file: it is given on by fork(2), gone when all close. */
static int
slots_lock(int fd, uid_t uid)
{
	struct flock lock = {
	    .l_type = F_WRLCK,
	    .l_whence = SEEK_SET,
	    .l_start = (off_t)uid,
	    .l_len = 1,
	};

	return fcntl(fd, F_OFD_SETLK, &lock);
}

static int
slots_unlock(int fd, uid_t uid)
{
	struct flock lock = {
	    .l_type = F_UNLCK,
	    .l_whence = SEEK_SET,
	    .l_start = (off_t)uid,
	    .l_len = 1,
	};

	return fcntl(fd, F_OFD_SETLK, &lock);
}

/* Whether one of the process's four uids is uid. Unknown is yes. */
static int
slots_process_has(int proc, const char *pid, uid_t uid)
{
	char path[64], text[SLOTS_STATUS_MAX];
	unsigned long u[4];
	const char *line;
	ssize_t len;
	int fd;

	/* All four: who owns /proc/PID is only the effective one. */
	(void)snprintf(path, sizeof(path), "%.20s/status", pid);
	if ((fd = openat(proc, path, O_RDONLY | O_CLOEXEC)) == -1)
		return errno != ENOENT && errno != ESRCH;
	len = read(fd, text, sizeof(text) - 1);
	(void)close(fd);
	if (len == -1)
		return errno != ESRCH; /* it ended meanwhile */
	text[len] = '\0';
	if ((line = strstr(text, "\nUid:")) == NULL ||
	    sscanf(line, "\nUid:%lu%lu%lu%lu", &u[0], &u[1], &u[2], &u[3]) != 4)
		return 1;
	return u[0] == uid || u[1] == uid || u[2] == uid || u[3] == uid;
}

/* Whether a process has this uid. Unknown is yes. */
static int
slots_uid_in_use(uid_t uid)
{
	struct dirent *e;
	DIR *proc;
	int used = 0;

	if ((proc = opendir("/proc")) == NULL)
		return 1;
	while (!used && (e = readdir(proc)) != NULL)
		used = isdigit((unsigned char)e->d_name[0]) &&
		    slots_process_has(dirfd(proc), e->d_name, uid);
	(void)closedir(proc);
	return used;
}

/* 1: the slot is ours now. 0: it is not to be had. */
static int
slots_try(int fd, uid_t uid)
{
	unsigned char state = SLOT_FREE;

	if (slots_lock(fd, uid) == -1)
		return 0;
	/* Behind the end of the file: never used. */
	if (pread(fd, &state, 1, (off_t)uid) != -1 &&
	    (state == SLOT_FREE || !slots_uid_in_use(uid))) {
		state = SLOT_USED;
		if (pwrite(fd, &state, 1, (off_t)uid) == 1)
			return 1;
	}
	(void)slots_unlock(fd, uid);
	return 0;
}

int
slots_take(struct slot *s, const char *path, unsigned count, unsigned hint,
    uid_t base, struct k8s_err *err)
{
	unsigned i, number;

	s->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (s->fd == -1)
		return k8s_err_errno(err, "%s", path);
	for (i = 0; i < count; i++) {
		number = (hint + i) % count;
		if (slots_try(s->fd, base + number)) {
			s->number = number;
			s->uid = base + number;
			return 0;
		}
	}
	slots_close(s);
	return k8s_err_set(err, K8S_ERR_LIMIT, "all %u slots are in use",
	    count);
}

void
slots_release(struct slot *s)
{
	unsigned char state = SLOT_FREE;

	if (s->fd != -1)
		(void)!pwrite(s->fd, &state, 1, (off_t)s->uid);
	slots_close(s);
}

void
slots_close(struct slot *s)
{
	if (s->fd != -1)
		(void)close(s->fd);
	s->fd = -1;
}
