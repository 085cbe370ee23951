/* SPDX-License-Identifier: Apache-2.0 */
/* What this machine's sftp-server needs, and what its loader may say of it. */
#include "tests/unit/unit.h"

#include <sys/stat.h>

#include "helpers/sftpfiles.h"
#include "helpers/subsystem.h"

static struct sftpfiles f;

static int
tear_down(void **state)
{
	(void)state;
	sftpfiles_clear(&f);
	return 0;
}

static void
check_parse(const char *list, size_t files)
{
	struct k8s_err err = K8S_ERR_INIT;

	f.files_len = 0;
	if (sftpfiles_parse(&f, list, &err) == -1)
		fail_msg("\"%s\": %s", list, err.msg);
	assert_int_equal(f.files_len, files);
}

static void
check_no(const char *list, enum k8s_err_code code, const char *why)
{
	struct k8s_err err = K8S_ERR_INIT;

	f.files_len = 0;
	if (sftpfiles_parse(&f, list, &err) != -1)
		fail_msg("\"%s\" is fine", list);
	unit_check_err(&err, code, why);
}

static void
reads_what_the_loader_says(void **state)
{
	(void)state;
	check_parse("", 0);
	check_parse("\tlinux-vdso.so.1 (0x00007ffd)\n"
		    "\tlibcrypto.so.3 => /lib/x86_64/libcrypto.so.3 (0x1)\n"
		    "\tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x2)\n"
		    "\t/lib64/ld-linux-x86-64.so.2 (0x3)\n",
	    2);
	assert_string_equal(f.files[0].name, "libcrypto.so.3");
	assert_string_equal(f.files[0].path, "/lib/x86_64/libcrypto.so.3");
	assert_string_equal(f.files[1].name, "libc.so.6");
	assert_string_equal(f.files[1].path, "/lib/x86_64-linux-gnu/libc.so.6");
	/* Without a newline at its end. */
	check_parse("libc.so.6 => /lib/libc.so.6 (0x2)", 1);
	assert_string_equal(f.files[0].path, "/lib/libc.so.6");
}

static void
does_not_take_odd_names(void **state)
{
	static const char *const lists[] = {". => /lib/x (0x1)\n",
	    ".. => /lib/x (0x1)\n", ".all => /lib/x (0x1)\n",
	    "-rf => /lib/x (0x1)\n", "a/b => /lib/x (0x1)\n",
	    "a b => /lib/x (0x1)\n", "$HOME => /lib/x (0x1)\n",
	    "a;b => /lib/x (0x1)\n", "libx.so => lib/x (0x1)\n",
	    "libx.so =>  (0x1)\n"};
	char line[700];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		check_no(lists[i], K8S_ERR_SYSTEM, "odd name");
	(void)snprintf(line, sizeof(line), "%0*d => /lib/x (0x1)",
	    SFTPFILES_NAME_MAX, 1);
	check_no(line, K8S_ERR_SYSTEM, "odd name");
	(void)snprintf(line, sizeof(line), "x => /%0*d (0x1)",
	    (int)sizeof(f.files[0].path) - 1, 1);
	check_no(line, K8S_ERR_SYSTEM, "odd name");
}

static void
wants_all_of_them(void **state)
{
	char list[SFTPFILES_MAX * 64 + 64];
	size_t n = 0;
	int i;

	(void)state;
	check_no("libx.so => not found\nliby.so => /lib/y (0x1)\n",
	    K8S_ERR_SYSTEM, "libx.so => not found");
	check_no("libx.so => not found", K8S_ERR_SYSTEM, "not found");
	check_no("a => /lib/a (0x1)\na => /lib/b (0x1)\n", K8S_ERR_SYSTEM,
	    "two files called a");
	for (i = 0; i < SFTPFILES_MAX; i++)
		n += (size_t)snprintf(list + n, sizeof(list) - n,
		    "lib%d.so => /lib/%d (0x1)\n", i, i);
	check_parse(list, SFTPFILES_MAX);
	(void)snprintf(list + n, sizeof(list) - n, "one => /more (0x1)\n");
	check_no(list, K8S_ERR_LIMIT, "more than");
}

/* All of this machine's, in whole blocks, one after the other. */
static void
loads_this_machines(void **state)
{
	const char *const *p = subsystem_sftp_places;
	struct k8s_err err = K8S_ERR_INIT;
	char id[CARRY_ID_MAX];
	struct stat st;
	size_t i, at = 0;

	(void)state;
	while (*p != NULL && access(*p, X_OK) == -1)
		p++;
	if (*p == NULL)
		unit_skip("no sftp-server on this machine");
	if (sftpfiles_load(&f, &err) == -1)
		fail_msg("%s", err.msg);
	assert_string_equal(f.files[0].name, SFTPFILES_LOADER);
	assert_string_equal(f.files[1].name, SFTPFILES_SERVER);
	assert_string_equal(f.files[1].path, *p);
	assert_string_equal(f.files[2].name, SFTPFILES_PASSWD);
	assert_true(f.files_len > 3); /* a C library */
	for (i = 0; i < f.files_len; i++) {
		assert_int_equal(stat(f.files[i].path, &st), 0);
		assert_int_equal(f.files[i].blocks,
		    (st.st_size + SFTPFILES_BLOCK - 1) / SFTPFILES_BLOCK);
		assert_memory_equal(buf_data(f.content) + at, "\177ELF", 4);
		at += f.files[i].blocks * SFTPFILES_BLOCK;
	}
	assert_int_equal(buf_len(f.content), at);
	(void)snprintf(id, sizeof(id), "%s", f.id);
	sftpfiles_clear(&f);
	assert_null(f.content);
	/* The same again: else each session would carry it in. */
	assert_int_equal(sftpfiles_load(&f, &err), 0);
	assert_string_equal(f.id, id);
}

#define T(test) cmocka_unit_test_teardown(test, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    T(reads_what_the_loader_says),
	    T(does_not_take_odd_names),
	    T(wants_all_of_them),
	    T(loads_this_machines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) != 0;
}
