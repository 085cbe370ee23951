/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a container sees of the file system. All of it happens in a private
 * mount namespace, so nothing needs to be undone.
 */
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "fakekube.h"

#define STAGE "/tmp/root"

static const char *
mount_devices(void)
{
	static const struct {
		const char *path;
		unsigned major;
		unsigned minor;
	} nodes[] = {{"/dev/null", 1, 3}, {"/dev/zero", 1, 5},
	    {"/dev/full", 1, 7}, {"/dev/random", 1, 8}, {"/dev/urandom", 1, 9},
	    {"/dev/tty", 5, 0}};
	static const char *const links[][2] = {{"pts/ptmx", "/dev/ptmx"},
	    {"/proc/self/fd", "/dev/fd"}, {"/proc/self/fd/0", "/dev/stdin"},
	    {"/proc/self/fd/1", "/dev/stdout"},
	    {"/proc/self/fd/2", "/dev/stderr"}};
	size_t i;

	(void)mkdir("/dev", 0755);
	if (mount("tmpfs", "/dev", "tmpfs", MS_NOSUID, "mode=755") < 0)
		return "mount /dev";
	for (i = 0; i < sizeof(nodes) / sizeof(nodes[0]); i++) {
		if (mknod(nodes[i].path, S_IFCHR | 0666,
			makedev(nodes[i].major, nodes[i].minor)) < 0)
			return nodes[i].path;
		if (chmod(nodes[i].path, 0666) < 0)
			return nodes[i].path;
	}
	for (i = 0; i < sizeof(links) / sizeof(links[0]); i++) {
		if (symlink(links[i][0], links[i][1]) < 0)
			return links[i][1];
	}
	if (mkdir("/dev/pts", 0755) < 0 || mkdir("/dev/shm", 01777) < 0)
		return "/dev/pts, /dev/shm";
	if (mount("devpts", "/dev/pts", "devpts", MS_NOSUID | MS_NOEXEC,
		"newinstance,ptmxmode=0666,mode=0620,gid=5") < 0)
		return "mount /dev/pts";
	if (mount("tmpfs", "/dev/shm", "tmpfs",
		MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=1777") < 0)
		return "mount /dev/shm";
	return NULL;
}

/*
 * Root in the sandbox owns these files, and the kernel asks nothing more of
 * who writes to, say, sysrq-trigger: the host must not be reachable so.
 */
static const char *
mount_kernel(void)
{
	static const char *const readonly[] = {"/proc/sys",
	    "/proc/sysrq-trigger", "/proc/irq", "/proc/bus", "/proc/fs"};
	static const char *const masked[] = {"/proc/kcore", "/proc/keys",
	    "/proc/timer_list"};
	size_t i;

	(void)mkdir("/proc", 0555);
	if (mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC,
		NULL) < 0)
		return "mount /proc";
	for (i = 0; i < sizeof(readonly) / sizeof(readonly[0]); i++) {
		if (mount(readonly[i], readonly[i], NULL, MS_BIND | MS_REC,
			NULL) < 0) {
			if (errno == ENOENT)
				continue;
			return readonly[i];
		}
		if (mount(NULL, readonly[i], NULL,
			MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID |
			    MS_NODEV | MS_NOEXEC,
			NULL) < 0)
			return readonly[i];
	}
	for (i = 0; i < sizeof(masked) / sizeof(masked[0]); i++) {
		if (mount("/dev/null", masked[i], NULL, MS_BIND, NULL) < 0 &&
		    errno != ENOENT)
			return masked[i];
	}
	/* A root without /sys does without. */
	if (mount("sysfs", "/sys", "sysfs",
		MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0 &&
	    errno != ENOENT &&
	    mount("tmpfs", "/sys", "tmpfs", MS_RDONLY, NULL) < 0)
		return "mount /sys";
	return NULL;
}

/* Writable places over the host's read-only root, and what it must not show */
static const char *
mount_private(void)
{
	static const struct {
		const char *path;
		const char *mode;
	} places[] = {{"/tmp", "mode=1777"}, {"/var/tmp", "mode=1777"},
	    {"/root", "mode=700"}, {"/home", "mode=755"}, {"/run", "mode=755"},
	    {"/etc/k8shell", "mode=755"}};
	size_t i;

	for (i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		if (mount("tmpfs", places[i].path, "tmpfs",
			MS_NOSUID | MS_NODEV, places[i].mode) < 0 &&
		    errno != ENOENT)
			return places[i].path;
	}
	return NULL;
}

static const char *
mount_hosts(const struct pod *pod)
{
	static const char file[] = "/dev/.hosts";
	auto_text t = {0};
	auto_fd fd = -1;

	if (access("/etc/hosts", F_OK) < 0)
		return NULL;
	text_addf(&t, "127.0.0.1\tlocalhost\n::1\tlocalhost\n127.0.0.1\t%s\n",
	    pod->name);
	fd = open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	if (fd < 0 || write(fd, t.data, t.len) != (ssize_t)t.len)
		return file;
	if (mount(file, "/etc/hosts", NULL, MS_BIND, NULL) < 0 ||
	    unlink(file) < 0)
		return "mount /etc/hosts";
	return NULL;
}

static const char *
loopback_up(void)
{
	auto_fd fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq ifr = {.ifr_name = "lo"};

	ifr.ifr_flags = IFF_UP | IFF_RUNNING;
	if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &ifr) < 0)
		return "loopback up";
	return NULL;
}

static const char *
pivot(const struct pod *pod, bool host)
{
	struct mount_attr readonly = {.attr_set = MOUNT_ATTR_RDONLY};
	auto_fd tree = -1;

	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return "make / private";
	tree = open_tree(AT_FDCWD, host ? "/" : pod->root,
	    OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
	if (tree < 0)
		return pod->root;
	if (host &&
	    mount_setattr(tree, "", AT_EMPTY_PATH | AT_RECURSIVE, &readonly,
		sizeof(readonly)) < 0)
		return "make the root read-only";
	/* Only this mount namespace sees /tmp covered. */
	if (mount("tmpfs", "/tmp", "tmpfs", 0, "mode=700") < 0 ||
	    mkdir(STAGE, 0755) < 0)
		return "mount /tmp";
	if (move_mount(tree, "", AT_FDCWD, STAGE, MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return "move_mount";
	if (chdir(STAGE) < 0 || syscall(SYS_pivot_root, ".", ".") < 0)
		return "pivot_root";
	/* The old root now lies over the new one. */
	if (umount2(".", MNT_DETACH) < 0 || chdir("/") < 0)
		return "leave the old root";
	return NULL;
}

const char *
rootfs_enter(const struct pod *pod)
{
	bool host = strcmp(pod->root, "host") == 0;
	const char *failed;

	if (sethostname(pod->name, strlen(pod->name)) < 0)
		return "sethostname";
	if ((failed = pivot(pod, host)) != NULL ||
	    (failed = mount_devices()) != NULL ||
	    (failed = mount_kernel()) != NULL ||
	    (host && (failed = mount_private()) != NULL) ||
	    (failed = mount_hosts(pod)) != NULL)
		return failed;
	return loopback_up();
}
