/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include <pty.h>
#include <unistd.h>

#include "lib/core/modes.h"

static void
set_up(struct termios *t)
{
	memset(t, 0, sizeof(*t));
	t->c_cflag = CS8 | CREAD;
	(void)cfsetispeed(t, B38400);
	(void)cfsetospeed(t, B38400);
}

/* The value of an opcode in what was encoded; -1: it is not there. */
static long long
value_of(const unsigned char *p, size_t len, unsigned int op)
{
	assert_int_equal(len % 5, 0);
	for (; len > 0; p += 5, len -= 5)
		if (p[0] == op)
			return (long long)p[1] << 24 | p[2] << 16 | p[3] << 8 |
			    p[4];
	return -1;
}

/* Opcodes and values by RFC 4254 section 8 and RFC 8160. */
static void
encodes_what_the_rfc_says(void **state)
{
	unsigned char p[MODES_ENCODED_MAX];
	struct termios t;
	size_t len, i;

	(void)state;
	set_up(&t);
	t.c_cc[VINTR] = 3;
	t.c_cc[VERASE] = 0x7f;
	t.c_cc[VSUSP] = _POSIX_VDISABLE;
	t.c_iflag = ICRNL | IUTF8;
	t.c_lflag = ISIG | ECHO;
	t.c_oflag = OPOST;
	/* Linux has one speed for both. */
	(void)cfsetispeed(&t, B115200);
	(void)cfsetospeed(&t, B115200);
	len = modes_encode(&t, p);
	assert_in_range(len, 5, MODES_ENCODED_MAX);
	assert_int_equal(value_of(p, len, 1), 3);
	assert_int_equal(value_of(p, len, 3), 0x7f);
	assert_int_equal(value_of(p, len, 10), 255);
	assert_int_equal(value_of(p, len, 36), 1);
	assert_int_equal(value_of(p, len, 38), 0);
	assert_int_equal(value_of(p, len, 42), 1);
	assert_int_equal(value_of(p, len, 50), 1);
	assert_int_equal(value_of(p, len, 51), 0);
	assert_int_equal(value_of(p, len, 53), 1);
	assert_int_equal(value_of(p, len, 70), 1);
	assert_int_equal(value_of(p, len, 72), 0);
	assert_int_equal(value_of(p, len, 90), 0);
	assert_int_equal(value_of(p, len, 91), 1);
	assert_int_equal(value_of(p, len, 128), 115200);
	assert_int_equal(value_of(p, len, 129), 115200);
	/* Each once, and no end: more may be put behind it. */
	for (i = 0; i < len; i += 5) {
		assert_in_range(p[i], 1, 159);
		assert_int_equal(value_of(p + i + 5, len - i - 5, p[i]), -1);
	}
}

static void
check_round_trip(const struct termios *t, struct termios to)
{
	unsigned char p[MODES_ENCODED_MAX];
	size_t i;

	assert_int_equal(modes_apply(&to, p, modes_encode(t, p)), 0);
	assert_int_equal(to.c_iflag, t->c_iflag);
	assert_int_equal(to.c_oflag, t->c_oflag);
	assert_int_equal(to.c_lflag, t->c_lflag);
	assert_int_equal(to.c_cflag & (CSIZE | PARENB | PARODD),
	    t->c_cflag & (CSIZE | PARENB | PARODD));
	assert_int_equal(cfgetispeed(&to), cfgetispeed(t));
	assert_int_equal(cfgetospeed(&to), cfgetospeed(t));
	for (i = 0; i < NCCS; i++)
		if (i != VMIN && i != VTIME)
			assert_int_equal(to.c_cc[i], t->c_cc[i]);
}

/* All of a terminal, its opposite, and each flag by itself. */
static void
come_back_as_they_were(void **state)
{
	static const tcflag_t locals[] = {ISIG, ICANON, XCASE, ECHO, ECHOE,
	    ECHOK, ECHONL, NOFLSH, TOSTOP, IEXTEN, ECHOCTL, ECHOKE, PENDIN};
	struct termios t, none, tty;
	int master, slave;
	size_t i;

	(void)state;
	set_up(&none);
	assert_int_equal(openpty(&master, &slave, NULL, NULL, NULL), 0);
	assert_int_equal(tcgetattr(slave, &tty), 0);
	check_round_trip(&tty, none);
	check_round_trip(&none, tty);
	for (i = 0; i < sizeof(locals) / sizeof(locals[0]); i++) {
		t = none;
		t.c_lflag = locals[i];
		check_round_trip(&t, tty);
	}
	for (i = 1; i < 256; i++) {
		t = none;
		t.c_cc[VERASE] = (cc_t)(i == 255 ? 0 : i);
		check_round_trip(&t, tty);
	}
	t = none;
	t.c_cflag = (t.c_cflag & ~(tcflag_t)CSIZE) | CS7 | PARENB | PARODD;
	check_round_trip(&t, tty);
	close(master);
	close(slave);
}

static void
applies_what_others_encode(void **state)
{
	/* VERASE ^H, an opcode nobody has, -ECHO, the end, +ISIG. */
	static const unsigned char p[] = {3, 0, 0, 0, 8, 120, 1, 2, 3, 4, 53, 0,
	    0, 0, 0, 0, 50, 0, 0, 0, 1};
	struct termios t;
	size_t len;

	(void)state;
	set_up(&t);
	t.c_lflag = ECHO;
	assert_int_equal(modes_apply(&t, p, sizeof(p)), 0);
	assert_int_equal(t.c_cc[VERASE], 8);
	assert_int_equal(t.c_lflag, 0);
	assert_int_equal(modes_apply(&t, p, 0), 0);
	for (len = 1; len < 5; len++)
		assert_int_equal(modes_apply(&t, p, len), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(encodes_what_the_rfc_says),
	    cmocka_unit_test(come_back_as_they_were),
	    cmocka_unit_test(applies_what_others_encode),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) != 0;
}
