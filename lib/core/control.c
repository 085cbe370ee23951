/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/core/control.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

/* Tags, by request and reply. */
enum {
	START_KIND = 1,
	START_TTY,
	START_COMMAND,
	START_CUT,
	START_NAMESPACE,
	START_POD,
	START_CONTAINER,
};
enum {
	END_EXIT_STATUS = 1,
	END_SIGNAL,
	END_ERROR,
	END_BYTES_IN,
	END_BYTES_OUT,
	END_DURATION,
};
enum {
	WHOAMI_ID = 1,
	WHOAMI_USER,
	WHOAMI_ADDRESS,
	WHOAMI_PORT,
	WHOAMI_UID,
};
#define TAG_MAX 7

#define SIGNAL_MAX 64

/* A packet taken apart: its fields by tag. p is NULL where there is none. */
struct control_fields {
	struct control_text field[TAG_MAX + 1];
};

/* A packet under construction in CONTROL_MAX bytes. */
struct control_packet {
	unsigned char *p;
	size_t len;
	int failed;
};

static int
control_bad(struct k8s_err *err, const char *what)
{
	return k8s_err_set(err, K8S_ERR_INVALID, "control socket: %s", what);
}

/* The fields of len bytes: each whole, none twice, none past max. */
static int
control_split(const unsigned char *p, size_t len, size_t max,
    struct control_fields *out, struct k8s_err *err)
{
	size_t tag, n;

	memset(out, 0, sizeof(*out));
	while (len > 0) {
		if (len < 3)
			return control_bad(err, "half a field");
		tag = p[0];
		n = (size_t)p[1] << 8 | p[2];
		p += 3;
		len -= 3;
		if (n > len)
			return control_bad(err, "a field past the end");
		if (tag < 1 || tag > max)
			return control_bad(err, "an unknown field");
		if (out->field[tag].p != NULL)
			return control_bad(err, "a field twice");
		out->field[tag] = (struct control_text){(const char *)p, n};
		p += n;
		len -= n;
	}
	return 0;
}

/* An integer of exactly size bytes, min..max. */
static int
control_get_integer(const struct control_fields *f, int tag, size_t size,
    uint64_t min, uint64_t max, uint64_t *out, struct k8s_err *err)
{
	const struct control_text *t = &f->field[tag];
	uint64_t n = 0;
	size_t i;

	if (t->p == NULL || t->len != size)
		return control_bad(err, "a number is missing or has no width");
	for (i = 0; i < size; i++)
		n = n << 8 | (unsigned char)t->p[i];
	if (n < min || n > max)
		return control_bad(err, "a number is out of range");
	*out = n;
	return 0;
}

static int
control_text_ok(const struct control_text *t, size_t min, size_t max)
{
	return t->len >= min && t->len <= max &&
	    (t->len == 0 || memchr(t->p, '\0', t->len) == NULL);
}

/* Text of min to max bytes, borrowed. */
static int
control_get_text(const struct control_fields *f, int tag, size_t min,
    size_t max, struct control_text *out, struct k8s_err *err)
{
	const struct control_text *t = &f->field[tag];

	if (t->p == NULL || !control_text_ok(t, min, max))
		return control_bad(err, "a text is missing or has no length");
	*out = *t;
	return 0;
}

/* Text of 1 to max bytes into max + 1. */
static int
control_get_string(const struct control_fields *f, int tag, char *out,
    size_t max, struct k8s_err *err)
{
	struct control_text t;

	if (control_get_text(f, tag, 1, max, &t, err) == -1)
		return -1;
	memcpy(out, t.p, t.len);
	out[t.len] = '\0';
	return 0;
}

static int
control_decode_start(const unsigned char *p, size_t len,
    struct control_session_start *s, struct k8s_err *err)
{
	struct control_fields f;
	uint64_t kind = 0, tty = 0, cut = 0;

	if (control_split(p, len, START_CONTAINER, &f, err) == -1 ||
	    control_get_integer(&f, START_KIND, 1, CONTROL_SHELL, CONTROL_SFTP,
		&kind, err) == -1 ||
	    control_get_integer(&f, START_TTY, 1, 0, 1, &tty, err) == -1 ||
	    control_get_text(&f, START_NAMESPACE, 1, CONTROL_NAMESPACE_MAX,
		&s->namespace_, err) == -1 ||
	    control_get_text(&f, START_POD, 1, CONTROL_POD_MAX, &s->pod, err) ==
		-1 ||
	    control_get_text(&f, START_CONTAINER, 0, CONTROL_CONTAINER_MAX,
		&s->container, err) == -1)
		return -1;
	if (kind == CONTROL_EXEC) {
		if (control_get_text(&f, START_COMMAND, 0, CONTROL_COMMAND_MAX,
			&s->command, err) == -1 ||
		    control_get_integer(&f, START_CUT, 1, 0, 1, &cut, err) ==
			-1)
			return -1;
	} else if (f.field[START_COMMAND].p != NULL ||
	    f.field[START_CUT].p != NULL) {
		return control_bad(err, "a command of what is no exec");
	}
	s->kind = (enum control_kind)kind;
	s->tty = (int)tty;
	s->command_cut = (int)cut;
	return 0;
}

static int
control_decode_end(const unsigned char *p, size_t len,
    struct control_session_end *e, struct k8s_err *err)
{
	struct control_fields f;
	uint64_t n = 0;
	int ways;

	if (control_split(p, len, END_DURATION, &f, err) == -1 ||
	    control_get_integer(&f, END_BYTES_IN, 8, 0, UINT64_MAX,
		&e->bytes_in, err) == -1 ||
	    control_get_integer(&f, END_BYTES_OUT, 8, 0, UINT64_MAX,
		&e->bytes_out, err) == -1 ||
	    control_get_integer(&f, END_DURATION, 8, 0, UINT64_MAX,
		&e->duration_ms, err) == -1)
		return -1;
	ways = (f.field[END_EXIT_STATUS].p != NULL) +
	    (f.field[END_SIGNAL].p != NULL) + (f.field[END_ERROR].p != NULL);
	if (ways != 1)
		return control_bad(err, "no end, or more than one");
	if (f.field[END_EXIT_STATUS].p != NULL) {
		e->how = CONTROL_EXITED;
		if (control_get_integer(&f, END_EXIT_STATUS, 1, 0, 255, &n,
			err) == -1)
			return -1;
		e->exit_status = (int)n;
		return 0;
	}
	if (f.field[END_SIGNAL].p != NULL) {
		e->how = CONTROL_SIGNALED;
		if (control_get_integer(&f, END_SIGNAL, 1, 1, SIGNAL_MAX, &n,
			err) == -1)
			return -1;
		e->signal = (int)n;
		return 0;
	}
	e->how = CONTROL_FAILED;
	return control_get_text(&f, END_ERROR, 1, CONTROL_ERROR_MAX, &e->error,
	    err);
}

int
control_decode(const void *p, size_t len, struct control_request *out,
    struct k8s_err *err)
{
	const unsigned char *b = p;
	struct control_fields f;

	memset(out, 0, sizeof(*out));
	if (len < 1 || len > CONTROL_MAX)
		return control_bad(err, "a packet of impossible length");
	switch (b[0]) {
	case CONTROL_WHOAMI:
		out->type = CONTROL_WHOAMI;
		return control_split(b + 1, len - 1, 0, &f, err);
	case CONTROL_SESSION_START:
		out->type = CONTROL_SESSION_START;
		return control_decode_start(b + 1, len - 1, &out->u.start, err);
	case CONTROL_SESSION_END:
		out->type = CONTROL_SESSION_END;
		return control_decode_end(b + 1, len - 1, &out->u.end, err);
	default:
		return control_bad(err, "an unknown request");
	}
}

static struct control_packet
control_begin(unsigned char *dst, int type)
{
	dst[0] = (unsigned char)type;
	return (struct control_packet){.p = dst, .len = 1};
}

static void
control_put(struct control_packet *k, int tag, const void *p, size_t len)
{
	if (k->failed || CONTROL_MAX - k->len < 3 ||
	    CONTROL_MAX - k->len - 3 < len) {
		k->failed = 1;
		return;
	}
	k->p[k->len] = (unsigned char)tag;
	k->p[k->len + 1] = (unsigned char)(len >> 8);
	k->p[k->len + 2] = (unsigned char)(len & 0xff);
	if (len > 0)
		memcpy(k->p + k->len + 3, p, len);
	k->len += 3 + len;
}

static void
control_put_integer(struct control_packet *k, int tag, size_t size, uint64_t n)
{
	unsigned char b[8] = {0};
	size_t i;

	for (i = size; i > 0; i--) {
		b[i - 1] = (unsigned char)(n & 0xff);
		n >>= 8;
	}
	control_put(k, tag, b, size);
}

static void
control_put_text(struct control_packet *k, int tag, struct control_text t,
    size_t min, size_t max)
{
	if (!control_text_ok(&t, min, max))
		k->failed = 1;
	else
		control_put(k, tag, t.p, t.len);
}

static void
control_put_string(struct control_packet *k, int tag, const char *s, size_t max)
{
	control_put_text(k, tag, (struct control_text){s, strnlen(s, max + 1)},
	    1, max);
}

static struct control_text
control_cut(struct control_text t, size_t max, int *cut)
{
	if (t.len > max) {
		t.len = max;
		*cut = 1;
	}
	return t;
}

size_t
control_encode_status(unsigned char *dst, enum control_status status)
{
	return control_begin(dst, status).len;
}

size_t
control_encode_whoami(unsigned char *dst, const struct control_whoami *w)
{
	struct control_packet k = control_begin(dst, CONTROL_OK);

	control_put_string(&k, WHOAMI_ID, w->id, CONTROL_ID_MAX);
	control_put_string(&k, WHOAMI_USER, w->user, CONTROL_USER_MAX);
	control_put_string(&k, WHOAMI_ADDRESS, w->address, CONTROL_ADDRESS_MAX);
	control_put_integer(&k, WHOAMI_PORT, 2, w->port);
	control_put_integer(&k, WHOAMI_UID, 4, w->uid);
	return k.failed ? 0 : k.len;
}

size_t
control_encode_start(unsigned char *dst, const struct control_session_start *s)
{
	struct control_packet k = control_begin(dst, CONTROL_SESSION_START);
	int cut = s->command_cut != 0;
	struct control_text command;

	if (s->kind < CONTROL_SHELL || s->kind > CONTROL_SFTP)
		return 0;
	control_put_integer(&k, START_KIND, 1, s->kind);
	control_put_integer(&k, START_TTY, 1, s->tty != 0);
	if (s->kind == CONTROL_EXEC) {
		command = control_cut(s->command, CONTROL_COMMAND_MAX, &cut);
		control_put_text(&k, START_COMMAND, command, 0,
		    CONTROL_COMMAND_MAX);
		control_put_integer(&k, START_CUT, 1, (uint64_t)cut);
	}
	control_put_text(&k, START_NAMESPACE, s->namespace_, 1,
	    CONTROL_NAMESPACE_MAX);
	control_put_text(&k, START_POD, s->pod, 1, CONTROL_POD_MAX);
	control_put_text(&k, START_CONTAINER, s->container, 0,
	    CONTROL_CONTAINER_MAX);
	return k.failed ? 0 : k.len;
}

size_t
control_encode_end(unsigned char *dst, const struct control_session_end *e)
{
	struct control_packet k = control_begin(dst, CONTROL_SESSION_END);
	int cut = 0;

	switch (e->how) {
	case CONTROL_EXITED:
		if (e->exit_status < 0 || e->exit_status > 255)
			return 0;
		control_put_integer(&k, END_EXIT_STATUS, 1,
		    (uint64_t)e->exit_status);
		break;
	case CONTROL_SIGNALED:
		if (e->signal < 1 || e->signal > SIGNAL_MAX)
			return 0;
		control_put_integer(&k, END_SIGNAL, 1, (uint64_t)e->signal);
		break;
	case CONTROL_FAILED:
		control_put_text(&k, END_ERROR,
		    control_cut(e->error, CONTROL_ERROR_MAX, &cut), 1,
		    CONTROL_ERROR_MAX);
		break;
	default:
		return 0;
	}
	control_put_integer(&k, END_BYTES_IN, 8, e->bytes_in);
	control_put_integer(&k, END_BYTES_OUT, 8, e->bytes_out);
	control_put_integer(&k, END_DURATION, 8, e->duration_ms);
	return k.failed ? 0 : k.len;
}

/* A reply is OK, with fields 1..max; else an error. */
static int
control_reply(const void *p, size_t len, size_t max, struct control_fields *f,
    struct k8s_err *err)
{
	const unsigned char *b = p;

	if (len < 1 || len > CONTROL_MAX)
		return control_bad(err, "a reply of impossible length");
	if (b[0] == CONTROL_OK)
		return control_split(b + 1, len - 1, max, f, err);
	if (b[0] == CONTROL_DENIED && len == 1)
		return k8s_err_set(err, K8S_ERR_FORBIDDEN,
		    "control socket: the supervisor does not allow that");
	if (b[0] == CONTROL_INVALID && len == 1)
		return control_bad(err,
		    "the supervisor did not understand: are all parts of "
		    "k8shell of one version?");
	return control_bad(err, "an unknown reply");
}

int
control_decode_ok(const void *p, size_t len, struct k8s_err *err)
{
	struct control_fields f;

	return control_reply(p, len, 0, &f, err);
}

int
control_decode_whoami(const void *p, size_t len, struct control_whoami *out,
    struct k8s_err *err)
{
	struct control_whoami w;
	struct control_fields f;
	uint64_t port = 0, uid = 0;

	if (control_reply(p, len, WHOAMI_UID, &f, err) == -1 ||
	    control_get_string(&f, WHOAMI_ID, w.id, CONTROL_ID_MAX, err) ==
		-1 ||
	    control_get_string(&f, WHOAMI_USER, w.user, CONTROL_USER_MAX,
		err) == -1 ||
	    control_get_string(&f, WHOAMI_ADDRESS, w.address,
		CONTROL_ADDRESS_MAX, err) == -1 ||
	    control_get_integer(&f, WHOAMI_PORT, 2, 0, UINT16_MAX, &port,
		err) == -1 ||
	    control_get_integer(&f, WHOAMI_UID, 4, 0, UINT32_MAX, &uid, err) ==
		-1)
		return -1;
	w.port = (uint16_t)port;
	w.uid = (uint32_t)uid;
	*out = w;
	return 0;
}

int
control_connect(struct k8s_err *err)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX,
	    .sun_path = CONTROL_PATH};
	int fd;

	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd == -1)
		return k8s_err_errno(err, "control socket");
	/* The supervisor puts its own socket in the place of this one. */
	if (connect(fd, (struct sockaddr *)&sun, sizeof(sun)) == 0 &&
	    fcntl(fd, F_SETFD, FD_CLOEXEC) == 0)
		return fd;
	k8s_err_errno(err, "control socket %s", CONTROL_PATH);
	if (err != NULL && (errno == ENOENT || errno == ECONNREFUSED))
		err->code = K8S_ERR_NOT_FOUND;
	(void)close(fd);
	return -1;
}

static int64_t
control_now(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Waits until fd is ready for events, or for its end. */
static int
control_wait(int fd, short events, int64_t deadline, struct k8s_err *err)
{
	struct pollfd pfd = {.fd = fd, .events = events};
	int64_t left;
	int n;

	do {
		left = deadline - control_now();
		n = poll(&pfd, 1, left > 0 ? (int)left : 0);
	} while (n == -1 && errno == EINTR);
	if (n == -1)
		return k8s_err_errno(err, "control socket");
	if (n == 0)
		return k8s_err_set(err, K8S_ERR_TIMEOUT,
		    "control socket: the supervisor did not answer for %d s",
		    CONTROL_TIMEOUT / 1000);
	return 0;
}

/* After a failed send() or recv(): 0 if it is worth waiting and trying again.
 */
static int
control_failed(struct k8s_err *err)
{
	if (errno == EAGAIN || errno == EINTR)
		return 0;
	k8s_err_errno(err, "control socket");
	if (err != NULL && (errno == EPIPE || errno == ECONNRESET))
		err->code = K8S_ERR_DISCONNECT;
	return -1;
}

/* Sends a request and receives the reply, CONTROL_MAX bytes at most. */
static ssize_t
control_exchange(int fd, const unsigned char *request, size_t len,
    unsigned char *reply, struct k8s_err *err)
{
	int64_t deadline = control_now() + CONTROL_TIMEOUT;
	ssize_t n;

	/* Whether fd blocks is the supervisor's choice. */
	while (send(fd, request, len, MSG_DONTWAIT | MSG_NOSIGNAL) == -1)
		if (control_failed(err) == -1 ||
		    control_wait(fd, POLLOUT, deadline, err) == -1)
			return -1;
	/* MSG_TRUNC: the packet's own length, which a longer one betrays. */
	while (
	    (n = recv(fd, reply, CONTROL_MAX, MSG_DONTWAIT | MSG_TRUNC)) == -1)
		if (control_failed(err) == -1 ||
		    control_wait(fd, POLLIN, deadline, err) == -1)
			return -1;
	if (n == 0)
		return k8s_err_set(err, K8S_ERR_DISCONNECT,
		    "control socket: the supervisor has gone");
	return n;
}

/* One request; whoami: where its answer goes, or NULL for a plain OK. */
static int
control_call(int fd, const unsigned char *request, size_t len,
    struct control_whoami *whoami, struct k8s_err *err)
{
	unsigned char reply[CONTROL_MAX];
	struct k8s_err own = K8S_ERR_INIT;
	ssize_t n;
	int r = -1;

	if (len == 0)
		return control_bad(err, "values that can't be sent");
	n = control_exchange(fd, request, len, reply, &own);
	if (n != -1)
		r = whoami != NULL
		    ? control_decode_whoami(reply, (size_t)n, whoami, &own)
		    : control_decode_ok(reply, (size_t)n, &own);
	if (r == -1) {
		if (own.code != K8S_ERR_FORBIDDEN)
			(void)shutdown(fd, SHUT_RDWR);
		if (err != NULL)
			*err = own;
	}
	return r;
}

int
control_whoami(int fd, struct control_whoami *out, struct k8s_err *err)
{
	unsigned char request = CONTROL_WHOAMI;

	return control_call(fd, &request, 1, out, err);
}

int
control_session_start(int fd, const struct control_session_start *s,
    struct k8s_err *err)
{
	unsigned char request[CONTROL_MAX];
	size_t len = control_encode_start(request, s);

	return control_call(fd, request, len, NULL, err);
}

int
control_session_end(int fd, const struct control_session_end *e,
    struct k8s_err *err)
{
	unsigned char request[CONTROL_MAX];
	size_t len = control_encode_end(request, e);

	return control_call(fd, request, len, NULL, err);
}
