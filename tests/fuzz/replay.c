/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs a fuzz target over the files and folders given, once each: what
 * `make check` does with a corpus where there is no libFuzzer.
 */
#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define INPUT_MAX (16 * 1024 * 1024)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int
replay_file(const char *path)
{
	static uint8_t *data;
	size_t size;
	FILE *f;

	if (data == NULL && (data = malloc(INPUT_MAX)) == NULL) {
		perror("malloc");
		return -1;
	}
	if ((f = fopen(path, "re")) == NULL) {
		perror(path);
		return -1;
	}
	size = fread(data, 1, INPUT_MAX, f);
	if (ferror(f) || !feof(f)) {
		(void)fprintf(stderr, "%s: unreadable or too large\n", path);
		fclose(f);
		return -1;
	}
	fclose(f);
	/* Seen last if the target ends the process. */
	(void)fprintf(stderr, "%s\n", path);
	(void)LLVMFuzzerTestOneInput(data, size);
	return 0;
}

/* Not into folders below; a folder with no file is a corpus gone missing. */
static int
replay_folder(const char *path)
{
	char name[4096];
	struct dirent *e;
	struct stat st;
	int files = 0;
	DIR *d;

	if ((d = opendir(path)) == NULL) {
		perror(path);
		return -1;
	}
	while ((e = readdir(d)) != NULL) {
		(void)snprintf(name, sizeof(name), "%s/%s", path, e->d_name);
		if (e->d_name[0] == '.' || stat(name, &st) == -1 ||
		    !S_ISREG(st.st_mode))
			continue;
		if (replay_file(name) == -1) {
			closedir(d);
			return -1;
		}
		files++;
	}
	closedir(d);
	if (files == 0) {
		(void)fprintf(stderr, "%s: no files in it\n", path);
		return -1;
	}
	return 0;
}

int
main(int argc, char **argv)
{
	struct stat st;
	int i, r;

	if (argc < 2) {
		(void)fprintf(stderr, "usage: %s file|folder ...\n", argv[0]);
		return 2;
	}
	for (i = 1; i < argc; i++) {
		if (stat(argv[i], &st) == -1) {
			perror(argv[i]);
			return 1;
		}
		r = S_ISDIR(st.st_mode) ? replay_folder(argv[i])
					: replay_file(argv[i]);
		if (r == -1)
			return 1;
	}
	return 0;
}
