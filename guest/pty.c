/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/pty.h"

#include <fcntl.h>
#include <grp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "lib/core/modes.h"

/* As login(1) has it: the owner's, and others may write(1) by way of tty. */
static int
pty_give(int slave, const struct account *a, struct k8s_err *err)
{
	const struct group *tty = getgrnam("tty");

	if (fchown(slave, a->uid, tty != NULL ? tty->gr_gid : a->gid) == -1 ||
	    fchmod(slave, tty != NULL ? 0620 : 0600) == -1)
		return k8s_err_errno(err, "giving the terminal to %s", a->name);
	return 0;
}

static int
pty_set(int slave, const struct request *r, struct k8s_err *err)
{
	struct termios t;

	if (tcgetattr(slave, &t) == -1)
		return k8s_err_errno(err, "terminal");
	if (modes_apply(&t, r->modes, r->modes_len) == -1)
		return k8s_err_set(err, K8S_ERR_INVALID,
		    "the terminal's modes are cut short");
	if (tcsetattr(slave, TCSANOW, &t) == -1 ||
	    ioctl(slave, TIOCSWINSZ, &r->size) == -1)
		return k8s_err_errno(err, "terminal");
	return 0;
}

int
pty_open(struct pty *p, const struct request *r, const struct account *a,
    struct k8s_err *err)
{
	*p = (struct pty){.master = -1, .slave = -1};
	/* O_NOCTTY: we may be a session's leader without a terminal. */
	if ((p->master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC)) == -1 ||
	    grantpt(p->master) == -1 || unlockpt(p->master) == -1 ||
	    ptsname_r(p->master, p->name, sizeof(p->name)) != 0 ||
	    (p->slave = open(p->name, O_RDWR | O_NOCTTY | O_CLOEXEC)) == -1)
		k8s_err_errno(err, "no terminal to be had in the container");
	else if ((!a->other || pty_give(p->slave, a, err) == 0) &&
	    pty_set(p->slave, r, err) == 0)
		return 0;
	if (p->master != -1)
		(void)close(p->master);
	if (p->slave != -1)
		(void)close(p->slave);
	p->master = p->slave = -1;
	return -1;
}
