/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "lib/core/log.h"

/* What is written to stderr between the two calls. */
static int saved_stderr, capture_fd;

static void
capture_start(void)
{
	char name[] = "/tmp/test_log.XXXXXX";

	capture_fd = mkstemp(name);
	assert_true(capture_fd >= 0);
	unlink(name);
	fflush(stderr);
	saved_stderr = dup(2);
	dup2(capture_fd, 2);
}

static void
capture_end(char *out, size_t size)
{
	ssize_t n;

	fflush(stderr);
	dup2(saved_stderr, 2);
	close(saved_stderr);
	n = pread(capture_fd, out, size - 1, 0);
	close(capture_fd);
	assert_true(n >= 0);
	out[n] = '\0';
}

static void
escapes_what_could_forge_a_line(void **state)
{
	char out[64];

	(void)state;
	assert_string_equal(log_escape(out, sizeof(out), "a\nb\\c\033\x7f\xff",
				8),
	    "a\\012b\\134c\\033\\177\\377");
	assert_string_equal(log_escape(out, sizeof(out), "a\0b", 3), "a\\000b");
	assert_string_equal(log_escape(out, sizeof(out), "", 0), "");
}

static void
escape_never_writes_past_the_end(void **state)
{
	char out[16];
	size_t size;

	(void)state;
	for (size = 0; size <= 12; size++) {
		memset(out, '#', sizeof(out));
		log_escape(out, size, "ab\n\nc", 5);
		assert_int_equal(out[size], '#');
		if (size > 0)
			assert_true(strlen(out) < size);
	}
	/* Never half of an escape. */
	log_escape(out, 6, "ab\n", 3);
	assert_string_equal(out, "ab");
	log_escape(out, 7, "ab\n", 3);
	assert_string_equal(out, "ab\\012");
}

static void
levels_and_stderr(void **state)
{
	char out[8192], big[4096];

	(void)state;
	log_init("test_log");
	capture_start();
	log_info("silent");
	log_to_stderr(1);
	log_debug("too fine");
	errno = EXDEV;
	log_error("one\n%s", "two");
	assert_int_equal(errno, EXDEV);
	log_set_level(LOGL_DEBUG);
	log_debug("fine");
	log_set_level(LOGL_ERROR);
	log_warn("too fine");
	log_to_stderr(0);
	log_error("silent");
	capture_end(out, sizeof(out));
	assert_string_equal(out, "one\\012two\nfine\n");

	/* Longer than a line: cut, not overrun. */
	memset(big, '\n', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	capture_start();
	log_to_stderr(1);
	log_error("%s", big);
	log_to_stderr(0);
	capture_end(out, sizeof(out));
	assert_true(strlen(out) > 1000 && strlen(out) < 4200);
	assert_ptr_equal(strchr(out, '\n'), out + strlen(out) - 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(escapes_what_could_forge_a_line),
	    cmocka_unit_test(escape_never_writes_past_the_end),
	    cmocka_unit_test(levels_and_stderr),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) != 0;
}
