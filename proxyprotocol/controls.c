/* SPDX-License-Identifier: Apache-2.0 */
/* Control sockets (lib/core/control.h), the supervisor's side. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/core/control.h"
#include "proxyprotocol/superviseint.h"

/* Programs that may tell of sessions. */
static const char *const controls_tellers[] = {SESSION_PATH, SFTP_PATH};

static void
controls_close_one(struct control_socket *c)
{
	if (c->fd == -1)
		return;
	if (c->in_session)
		record_session_end(c->s->record, NULL);
	loop_del(c->watch);
	(void)close(c->fd);
	c->fd = -1;
}

static size_t
controls_whoami(struct supervisor *s, unsigned char *reply)
{
	const char *user = s->record != NULL ? record_user(s->record) : NULL;
	struct control_whoami w = {.port =
				       (uint16_t)net_addr_port(&s->p->source),
	    .uid = s->p->slot.uid};

	if (user == NULL)
		return control_encode_status(reply, CONTROL_DENIED);
	(void)snprintf(w.id, sizeof(w.id), "%s", s->id);
	(void)snprintf(w.user, sizeof(w.user), "%s", user);
	(void)net_addr_text(&s->p->source, w.address, sizeof(w.address));
	return control_encode_whoami(reply, &w);
}

static size_t
controls_resolve(struct control_socket *c, struct control_text name,
    unsigned char *reply)
{
	struct supervisor *s = c->s;
	struct k8s_err err;
	uint32_t address;

	if (!c->may_resolve || s->record == NULL ||
	    record_user(s->record) == NULL)
		return control_encode_status(reply, CONTROL_DENIED);
	if (names_address(s->names, name.p, name.len, &address, &err) == -1) {
		log_warn("connection %s: %s", s->id, err.msg);
		return control_encode_status(reply, CONTROL_DENIED);
	}
	return control_encode_address(reply, address);
}

/* Who may ask what: the one table of it. */
static size_t
controls_request(struct control_socket *c, const unsigned char *p, size_t len,
    unsigned char *reply)
{
	struct supervisor *s = c->s;
	struct control_request r;
	struct k8s_err err;

	if (control_decode(p, len, &r, &err) == -1) {
		log_warn("connection %s: control request of process %ld: %s",
		    s->id, (long)c->pid, err.msg);
		return control_encode_status(reply, CONTROL_INVALID);
	}
	if (r.type == CONTROL_WHOAMI)
		return controls_whoami(s, reply);
	if (r.type == CONTROL_RESOLVE)
		return controls_resolve(c, r.u.name, reply);
	/* One session a helper, told of in order. */
	if (!c->may_tell || s->record == NULL ||
	    c->in_session != (r.type == CONTROL_SESSION_END))
		return control_encode_status(reply, CONTROL_DENIED);
	if (r.type == CONTROL_SESSION_START) {
		c->in_session = 1;
		record_session_start(s->record, &r.u.start);
	} else {
		c->in_session = 0;
		c->may_tell = 0;
		record_session_end(s->record, &r.u.end);
	}
	return control_encode_status(reply, CONTROL_OK);
}

static void
controls_event(void *arg, uint32_t events)
{
	struct control_socket *c = arg;
	unsigned char packet[CONTROL_MAX], reply[CONTROL_MAX];
	ssize_t n;

	(void)events;
	/* Who has logged in, before it is asked. */
	supervise_read_log(c->s);
	while (c->fd != -1) {
		n = recv(c->fd, packet, sizeof(packet),
		    MSG_DONTWAIT | MSG_TRUNC);
		if (n == -1 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n <= 0) {
			controls_close_one(c);
			return;
		}
		n = (ssize_t)controls_request(c, packet, (size_t)n, reply);
		/* One that does not read its replies, or talks nonsense. */
		if (send(c->fd, reply, (size_t)n,
			MSG_DONTWAIT | MSG_NOSIGNAL) != n ||
		    reply[0] == CONTROL_INVALID)
			controls_close_one(c);
	}
}

/*
 * Whether the caller is one of the programs that tell of sessions: it runs the
 * file, and with the group that the file gives. Without the group (under
 * no_new_privs) a user could have had the loader put other code into it.
 */
static int
controls_may_tell(const struct supervisor *s, const struct notify_caller *c)
{
	struct stat exe, teller;
	char path[64];
	size_t i;

	(void)snprintf(path, sizeof(path), "/proc/%ld/exe", (long)c->pid);
	if (c->egid != s->p->helper_gid || stat(path, &exe) == -1)
		return 0;
	for (i = 0; i < sizeof(controls_tellers) / sizeof(controls_tellers[0]);
	    i++)
		if (stat(controls_tellers[i], &teller) == 0 &&
		    teller.st_dev == exe.st_dev && teller.st_ino == exe.st_ino)
			return 1;
	return 0;
}

/*
 * Whether the caller is the part of sshd that opens channels, with a user's
 * rights. Root's processes look names up for themselves, and so do the helpers,
 * for the cluster's sake. (A key command can be sshd's child as well, but not
 * once somebody is in.)
 */
static int
controls_may_resolve(const struct supervisor *s, const struct notify_caller *c)
{
	return c->euid != 0 && c->egid != s->p->helper_gid &&
	    supervise_is_sshd(s, c);
}

/* Puts one end of a new socketpair in the place of the caller's socket. */
int
controls_open(struct supervisor *s, const struct notify_caller *c)
{
	struct control_socket *slot = NULL;
	int pair[2], flags, i, ret = -1;

	for (i = 0; i < SUPERVISE_CONTROLS && slot == NULL; i++)
		if (s->controls[i].fd == -1)
			slot = &s->controls[i];
	if (slot == NULL)
		return -1;
	if (notify_fd_flags(s->notify, (int)c->args[0], &flags) == -1 ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == -1)
		return -1;
	*slot = (struct control_socket){
	    .s = s,
	    .fd = pair[0],
	    .pid = c->pid,
	    .may_tell = controls_may_tell(s, c),
	    .may_resolve = controls_may_resolve(s, c),
	};
	if (((flags & O_NONBLOCK) == 0 ||
		fcntl(pair[1], F_SETFL, O_NONBLOCK) == 0) &&
	    (slot->watch = loop_add(s->loop, pair[0], EPOLLIN, controls_event,
		 slot, NULL)) != NULL)
		ret = notify_replace_fd(s->notify, (int)c->args[0], pair[1],
		    (flags & O_CLOEXEC) != 0);
	(void)close(pair[1]);
	if (ret == -1) {
		loop_del(slot->watch);
		(void)close(slot->fd);
		slot->fd = -1;
	}
	return ret;
}

void
controls_init(struct supervisor *s)
{
	int i;

	for (i = 0; i < SUPERVISE_CONTROLS; i++)
		s->controls[i].fd = -1;
}

void
controls_finish(struct supervisor *s)
{
	int i;

	for (i = 0; i < SUPERVISE_CONTROLS; i++)
		if (s->controls[i].fd != -1) {
			controls_event(&s->controls[i], 0);
			controls_close_one(&s->controls[i]);
		}
}
