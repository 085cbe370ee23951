/* SPDX-License-Identifier: Apache-2.0 */
/* What cmocka wants included before it, and where the tests' data is. */
#ifndef K8SHELL_UNIT_H
#define K8SHELL_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "lib/core/err.h"

/* make says where the sources are, as it runs a test in the build folder. */
static inline const char *
unit_path(char *path, size_t size, const char *name)
{
	const char *top = getenv("top_srcdir");

	(void)snprintf(path, size, "%s/%s", top != NULL ? top : ".", name);
	return path;
}

/* Ends the test here, and says why; where nothing may be skipped, as failed. */
static inline void
unit_skip(const char *why)
{
	if (getenv("K8SHELL_MUST_RUN") != NULL)
		fail_msg("can't be run: %s", why);
	print_message("SKIP: %s\n", why);
	skip();
}

/* For tests that need root with this capability, which containers may lack. */
static inline void
unit_need_root(int cap, const char *cap_name)
{
	char why[64];

	(void)snprintf(why, sizeof(why), "needs root with %s", cap_name);
	if (geteuid() != 0 || prctl(PR_CAPBSET_READ, cap, 0, 0, 0) != 1)
		unit_skip(why);
}

#define UNIT_NEED_ROOT(cap) unit_need_root(cap, #cap)

/* An error as it must be: its code, text in it, one printable line. */
static inline void
unit_check_err(const struct k8s_err *err, enum k8s_err_code code,
    const char *text)
{
	const char *p;

	if (err->code != code || strstr(err->msg, text) == NULL)
		fail_msg("code %d, \"%s\" instead of code %d, \"%s\"",
		    err->code, err->msg, code, text);
	for (p = err->msg; *p != '\0'; p++)
		assert_in_range((unsigned char)*p, ' ', '~');
}

#endif
