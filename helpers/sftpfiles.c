/* SPDX-License-Identifier: Apache-2.0 */
#include "helpers/sftpfiles.h"

#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "helpers/subsystem.h"
#include "lib/core/proc.h"

/* What the loader may take and say. */
#define LIST_TIMEOUT_MS 5000
#define LIST_MAX	16384

static const char name_chars[] = "abcdefghijklmnopqrstuvwxyz"
				 "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				 "0123456789._+-";

static int
sftpfiles_add(struct sftpfiles *f, const char *name, size_t name_len,
    const char *path, size_t path_len, struct k8s_err *err)
{
	struct sftpfile *file;
	size_t i;

	if (f->files_len == SFTPFILES_MAX)
		return k8s_err_set(err, K8S_ERR_LIMIT,
		    "sftp-server needs more than %d files", SFTPFILES_MAX);
	file = &f->files[f->files_len];
	if (name_len == 0 || name_len >= sizeof(file->name) ||
	    path_len >= sizeof(file->path) || path[0] != '/' ||
	    name[0] == '.' || name[0] == '-' ||
	    strspn(name, name_chars) < name_len)
		return k8s_err_set(err, K8S_ERR_SYSTEM,
		    "sftp-server needs a file with an odd name: %.*s",
		    (int)name_len, name);
	(void)snprintf(file->name, sizeof(file->name), "%.*s", (int)name_len,
	    name);
	(void)snprintf(file->path, sizeof(file->path), "%.*s", (int)path_len,
	    path);
	for (i = 0; i < f->files_len; i++)
		if (strcmp(f->files[i].name, file->name) == 0)
			return k8s_err_set(err, K8S_ERR_SYSTEM,
			    "sftp-server needs two files called %s",
			    file->name);
	f->files_len++;
	return 0;
}

int
sftpfiles_parse(struct sftpfiles *f, const char *list, struct k8s_err *err)
{
	static const char arrow[] = " => ";
	const char *line, *end, *path, *address;

	for (line = list; *line != '\0'; line = end + (*end == '\n')) {
		end = line + strcspn(line, "\n");
		line += strspn(line, "\t ");
		path = strstr(line, arrow);
		if (path == NULL || path > end)
			continue;
		address = strstr(path + sizeof(arrow) - 1, " (");
		if (address == NULL || address > end)
			return k8s_err_set(err, K8S_ERR_SYSTEM,
			    "sftp-server on this machine: %.*s",
			    (int)(end - line), line);
		if (sftpfiles_add(f, line, (size_t)(path - line),
			path + sizeof(arrow) - 1,
			(size_t)(address - path) - (sizeof(arrow) - 1),
			err) == -1)
			return -1;
	}
	return 0;
}

/* Of the first object, which is the program. */
static int
loader_of_program(struct dl_phdr_info *info, size_t size, void *arg)
{
	const char **loader = arg;
	size_t i;

	(void)size;
	for (i = 0; i < info->dlpi_phnum; i++)
		if (info->dlpi_phdr[i].p_type == PT_INTERP)
			*loader = (const char *)(info->dlpi_addr +
			    info->dlpi_phdr[i].p_vaddr);
	return 1;
}

/*
 * The loader's name is in every program that it loads, so in this one, too,
 * which the same distribution's compiler made.
 */
static int
sftpfiles_programs(struct sftpfiles *f, struct k8s_err *err)
{
	const char *loader = NULL, *const * server;

	(void)dl_iterate_phdr(loader_of_program, &loader);
	if (loader == NULL)
		return k8s_err_set(err, K8S_ERR_SYSTEM,
		    "this program has no dynamic loader");
	for (server = subsystem_sftp_places; *server != NULL; server++)
		if (access(*server, X_OK) == 0)
			break;
	if (*server == NULL)
		return k8s_err_set(err, K8S_ERR_CONFIG,
		    "there is no sftp-server on this machine: install "
		    "openssh-sftp-server");
	if (sftpfiles_add(f, SFTPFILES_LOADER, strlen(SFTPFILES_LOADER), loader,
		strlen(loader), err) == -1 ||
	    sftpfiles_add(f, SFTPFILES_SERVER, strlen(SFTPFILES_SERVER),
		*server, strlen(*server), err) == -1 ||
	    sftpfiles_add(f, SFTPFILES_PASSWD, strlen(SFTPFILES_PASSWD),
		PASSWD_PATH, strlen(PASSWD_PATH), err) == -1)
		return -1;
	return 0;
}

static int
sftpfiles_libraries(struct sftpfiles *f, struct k8s_err *err)
{
	__attribute__((cleanup(buf_freep))) struct buf *out = NULL;
	const char *const argv[] = {f->files[0].path, "--list",
	    f->files[1].path, NULL};
	const char *const envp[] = {NULL};
	const struct proc_run run = {
	    .path = f->files[0].path,
	    .argv = argv,
	    .envp = envp,
	    .timeout_ms = LIST_TIMEOUT_MS,
	    .max_out = LIST_MAX,
	    .max_err = LIST_MAX,
	};
	const char *list;
	int status;

	if ((out = buf_new(LIST_MAX)) == NULL)
		return k8s_err_errno(err, "out of memory");
	if (proc_run(&run, out, NULL, &status, err) == -1)
		return -1;
	if (status != 0 || (list = buf_string(out)) == NULL)
		return k8s_err_set(err, K8S_ERR_SYSTEM,
		    "%s does not say what %s needs", run.path,
		    f->files[1].path);
	return sftpfiles_parse(f, list, err);
}

/* Adds a file to the content, in whole blocks. */
static int
sftpfiles_read(struct sftpfiles *f, struct sftpfile *file, struct k8s_err *err)
{
	static const unsigned char zeros[SFTPFILES_BLOCK];
	size_t before = buf_len(f->content), len;
	int fd, ret;

	if ((fd = open(file->path, O_RDONLY | O_CLOEXEC)) == -1)
		return k8s_err_errno(err, "%s", file->path);
	ret = buf_read_all(f->content, fd);
	if (ret == -1)
		k8s_err_errno(err, "%s", file->path);
	(void)close(fd);
	if (ret == -1)
		return -1;
	len = buf_len(f->content) - before;
	file->blocks = (len + SFTPFILES_BLOCK - 1) / SFTPFILES_BLOCK;
	len = file->blocks * SFTPFILES_BLOCK - len;
	if (len > 0 && buf_put(f->content, zeros, len) == -1)
		return k8s_err_set(err, K8S_ERR_LIMIT,
		    "sftp-server and its libraries are too large");
	return 0;
}

int
sftpfiles_load(struct sftpfiles *f, struct k8s_err *err)
{
	size_t i;

	memset(f, 0, sizeof(*f));
	if ((f->content = buf_new(SFTPFILES_SIZE_MAX)) == NULL)
		return k8s_err_errno(err, "out of memory");
	if (sftpfiles_programs(f, err) == -1 ||
	    sftpfiles_libraries(f, err) == -1)
		return -1;
	for (i = 0; i < f->files_len; i++)
		if (sftpfiles_read(f, &f->files[i], err) == -1)
			return -1;
	return carry_id(f->id, buf_data(f->content), buf_len(f->content), err);
}

void
sftpfiles_clear(struct sftpfiles *f)
{
	buf_freep(&f->content);
	memset(f, 0, sizeof(*f));
}
