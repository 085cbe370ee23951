/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/core/modes.h"

#include <stdint.h>
#include <unistd.h>

#define MODES_LEN	5   /* opcode and u32 */
#define MODES_END	0   /* TTY_OP_END */
#define MODES_UNDEFINED 160 /* from here on parsing stops */
#define MODES_CS7	90
#define MODES_CS8	91
#define MODES_ISPEED	128
#define MODES_OSPEED	129
#define MODES_DISABLED	255 /* value of a control character */

/* Characters; those that Linux has not (DSUSP, FLUSH, STATUS) are missing. */
static const struct {
	unsigned char op, index;
} modes_chars[] = {
    {1, VINTR},
    {2, VQUIT},
    {3, VERASE},
    {4, VKILL},
    {5, VEOF},
    {6, VEOL},
    {7, VEOL2},
    {8, VSTART},
    {9, VSTOP},
    {10, VSUSP},
    {12, VREPRINT},
    {13, VWERASE},
    {14, VLNEXT},
    {16, VSWTC},
    {18, VDISCARD},
};

enum modes_field { MODES_I, MODES_O, MODES_C, MODES_L };

static const struct {
	unsigned char op, field;
	tcflag_t flag;
} modes_flags[] = {
    {30, MODES_I, IGNPAR},
    {31, MODES_I, PARMRK},
    {32, MODES_I, INPCK},
    {33, MODES_I, ISTRIP},
    {34, MODES_I, INLCR},
    {35, MODES_I, IGNCR},
    {36, MODES_I, ICRNL},
    {37, MODES_I, IUCLC},
    {38, MODES_I, IXON},
    {39, MODES_I, IXANY},
    {40, MODES_I, IXOFF},
    {41, MODES_I, IMAXBEL},
    {42, MODES_I, IUTF8},
    {50, MODES_L, ISIG},
    {51, MODES_L, ICANON},
    {52, MODES_L, XCASE},
    {53, MODES_L, ECHO},
    {54, MODES_L, ECHOE},
    {55, MODES_L, ECHOK},
    {56, MODES_L, ECHONL},
    {57, MODES_L, NOFLSH},
    {58, MODES_L, TOSTOP},
    {59, MODES_L, IEXTEN},
    {60, MODES_L, ECHOCTL},
    {61, MODES_L, ECHOKE},
    {62, MODES_L, PENDIN},
    {70, MODES_O, OPOST},
    {71, MODES_O, OLCUC},
    {72, MODES_O, ONLCR},
    {73, MODES_O, OCRNL},
    {74, MODES_O, ONOCR},
    {75, MODES_O, ONLRET},
    {92, MODES_C, PARENB},
    {93, MODES_C, PARODD},
};

static const struct {
	uint32_t baud;
	speed_t speed;
} modes_speeds[] = {
    {50, B50},
    {75, B75},
    {110, B110},
    {134, B134},
    {150, B150},
    {200, B200},
    {300, B300},
    {600, B600},
    {1200, B1200},
    {1800, B1800},
    {2400, B2400},
    {4800, B4800},
    {9600, B9600},
    {19200, B19200},
    {38400, B38400},
    {57600, B57600},
    {115200, B115200},
    {230400, B230400},
    {460800, B460800},
    {500000, B500000},
    {576000, B576000},
    {921600, B921600},
    {1000000, B1000000},
    {1152000, B1152000},
    {1500000, B1500000},
    {2000000, B2000000},
    {2500000, B2500000},
    {3000000, B3000000},
    {3500000, B3500000},
    {4000000, B4000000},
};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static void
modes_speed(struct termios *t, unsigned int op, uint32_t baud)
{
	size_t i;

	for (i = 0; i < COUNT(modes_speeds); i++) {
		if (modes_speeds[i].baud != baud)
			continue;
		if (op == MODES_ISPEED)
			(void)cfsetispeed(t, modes_speeds[i].speed);
		else
			(void)cfsetospeed(t, modes_speeds[i].speed);
	}
}

static void
modes_flag(struct termios *t, unsigned int op, uint32_t value)
{
	tcflag_t *fields[] = {
	    [MODES_I] = &t->c_iflag,
	    [MODES_O] = &t->c_oflag,
	    [MODES_C] = &t->c_cflag,
	    [MODES_L] = &t->c_lflag,
	};
	size_t i;

	for (i = 0; i < COUNT(modes_flags); i++) {
		if (modes_flags[i].op != op)
			continue;
		if (value != 0)
			*fields[modes_flags[i].field] |= modes_flags[i].flag;
		else
			*fields[modes_flags[i].field] &= ~modes_flags[i].flag;
	}
}

static void
modes_char(struct termios *t, unsigned int op, uint32_t value)
{
	size_t i;

	for (i = 0; i < COUNT(modes_chars); i++)
		if (modes_chars[i].op == op)
			t->c_cc[modes_chars[i].index] = value == MODES_DISABLED
			    ? _POSIX_VDISABLE
			    : (cc_t)value;
}

static void
modes_one(struct termios *t, unsigned int op, uint32_t value)
{
	switch (op) {
	case MODES_CS7:
	case MODES_CS8:
		/* One field of two bits: zero says only which it is not. */
		if (value != 0)
			t->c_cflag = (t->c_cflag & ~(tcflag_t)CSIZE) |
			    (op == MODES_CS8 ? CS8 : CS7);
		break;
	case MODES_ISPEED:
	case MODES_OSPEED:
		modes_speed(t, op, value);
		break;
	default:
		modes_char(t, op, value);
		modes_flag(t, op, value);
	}
}

int
modes_apply(struct termios *t, const unsigned char *p, size_t len)
{
	for (; len > 0 && p[0] != MODES_END && p[0] < MODES_UNDEFINED;
	    p += MODES_LEN, len -= MODES_LEN) {
		if (len < MODES_LEN)
			return -1;
		modes_one(t, p[0],
		    (uint32_t)p[1] << 24 | (uint32_t)p[2] << 16 |
			(uint32_t)p[3] << 8 | p[4]);
	}
	return 0;
}

static unsigned char *
modes_put(unsigned char *p, unsigned int op, uint32_t value)
{
	*p++ = (unsigned char)op;
	*p++ = (unsigned char)(value >> 24);
	*p++ = (unsigned char)(value >> 16);
	*p++ = (unsigned char)(value >> 8);
	*p++ = (unsigned char)value;
	return p;
}

static uint32_t
modes_baud(speed_t speed)
{
	size_t i;

	for (i = 0; i < COUNT(modes_speeds); i++)
		if (modes_speeds[i].speed == speed)
			return modes_speeds[i].baud;
	return 38400; /* what sshd takes for those it does not know */
}

size_t
modes_encode(const struct termios *t, unsigned char p[MODES_ENCODED_MAX])
{
	const tcflag_t fields[] = {
	    [MODES_I] = t->c_iflag,
	    [MODES_O] = t->c_oflag,
	    [MODES_C] = t->c_cflag,
	    [MODES_L] = t->c_lflag,
	};
	unsigned char *q = p;
	cc_t c;
	size_t i;

	_Static_assert(MODES_LEN *
		    (COUNT(modes_chars) + COUNT(modes_flags) + 4) <=
		MODES_ENCODED_MAX,
	    "room for every mode");
	for (i = 0; i < COUNT(modes_chars); i++) {
		c = t->c_cc[modes_chars[i].index];
		q = modes_put(q, modes_chars[i].op,
		    c == _POSIX_VDISABLE ? MODES_DISABLED : c);
	}
	for (i = 0; i < COUNT(modes_flags); i++)
		q = modes_put(q, modes_flags[i].op,
		    (fields[modes_flags[i].field] & modes_flags[i].flag) != 0);
	q = modes_put(q, MODES_CS7, (t->c_cflag & CSIZE) == CS7);
	q = modes_put(q, MODES_CS8, (t->c_cflag & CSIZE) == CS8);
	q = modes_put(q, MODES_ISPEED, modes_baud(cfgetispeed(t)));
	q = modes_put(q, MODES_OSPEED, modes_baud(cfgetospeed(t)));
	return (size_t)(q - p);
}
