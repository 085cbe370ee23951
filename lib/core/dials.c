/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/core/dials.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

/* What is in front of the text, bytes, by type. */
#define DIALS_HEAD	5
#define DIALS_TCP_HEAD	(DIALS_HEAD + 2)
#define DIALS_LONG_HEAD (DIALS_HEAD + 16)

_Static_assert(DIALS_LONG_HEAD + DIALS_WHY_MAX <= DIALS_MAX, "packets fit");

/* The largest errno there is in Linux: MAX_ERRNO of include/linux/err.h. */
#define DIALS_ERRNO_MAX 4095

/* The text of each type of packet, and whether a socket comes with it. */
struct dials_form {
	size_t head, text_min, text_max;
	int socket;
};

static const struct dials_form dials_forms[] = {
    [DIALS_TCP] = {DIALS_TCP_HEAD, 1, DIALS_HOST_MAX, 1},
    [DIALS_UNIX] = {DIALS_HEAD, 1, DIALS_PATH_MAX, 1},
    [DIALS_CONNECTED] = {DIALS_HEAD + 4, 0, 0, 0},
    [DIALS_FAILED] = {DIALS_HEAD + 8, 0, DIALS_WHY_MAX, 0},
    [DIALS_CLOSED] = {DIALS_LONG_HEAD, 0, DIALS_WHY_MAX, 0},
};

static const struct dials_form *
dials_form(unsigned int type)
{
	if (type < DIALS_TCP || type > DIALS_CLOSED)
		return NULL;
	return &dials_forms[type];
}

static int
dials_bad(struct k8s_err *err, const char *what)
{
	return k8s_err_set(err, K8S_ERR_INVALID, "dials: %s", what);
}

static unsigned char *
dials_put(unsigned char *dst, size_t size, uint64_t n)
{
	size_t i;

	for (i = size; i > 0; i--) {
		dst[i - 1] = (unsigned char)(n & 0xff);
		n >>= 8;
	}
	return dst + size;
}

static uint64_t
dials_get(const unsigned char **p, size_t size)
{
	uint64_t n = 0;
	size_t i;

	for (i = 0; i < size; i++)
		n = n << 8 | (*p)[i];
	*p += size;
	return n;
}

/* Whether what is not text may be said in a packet of this type. */
static int
dials_numbers_ok(const struct dials_packet *p)
{
	if (p->type == DIALS_TCP)
		return p->port != 0;
	if (p->type == DIALS_FAILED)
		return p->error >= 1 && p->error <= DIALS_ERRNO_MAX;
	return 1;
}

static int
dials_text_ok(const struct dials_form *f, const char *text, size_t len)
{
	return len >= f->text_min && len <= f->text_max &&
	    (len == 0 || memchr(text, '\0', len) == NULL);
}

size_t
dials_encode(unsigned char *dst, const struct dials_packet *p)
{
	const struct dials_form *f = dials_form(p->type);
	unsigned char *end = dst;
	size_t len = p->text_len;

	if (f == NULL)
		return 0;
	/* A why, not a target. */
	if (!f->socket && len > f->text_max)
		len = f->text_max;
	if (!dials_numbers_ok(p) || !dials_text_ok(f, p->text, len))
		return 0;
	end = dials_put(end, 1, p->type);
	end = dials_put(end, 4, p->number);
	if (p->type == DIALS_TCP) {
		end = dials_put(end, 2, p->port);
	} else if (p->type == DIALS_CONNECTED) {
		end = dials_put(end, 4, p->ms);
	} else if (p->type == DIALS_FAILED) {
		end = dials_put(end, 4, p->ms);
		end = dials_put(end, 4, (uint64_t)p->error);
	} else if (p->type == DIALS_CLOSED) {
		end = dials_put(end, 8, p->bytes_in);
		end = dials_put(end, 8, p->bytes_out);
	}
	if (len > 0)
		memcpy(end, p->text, len);
	return (size_t)(end - dst) + len;
}

int
dials_decode(const void *packet, size_t len, struct dials_packet *out,
    struct k8s_err *err)
{
	const unsigned char *p = packet;
	const struct dials_form *f;
	uint64_t error;

	memset(out, 0, sizeof(*out));
	if (len < 1 || (f = dials_form(p[0])) == NULL)
		return dials_bad(err, "a packet of unknown type");
	if (len < f->head)
		return dials_bad(err, "half a packet");
	out->type = (enum dials_type)dials_get(&p, 1);
	out->number = (uint32_t)dials_get(&p, 4);
	if (out->type == DIALS_TCP) {
		out->port = (uint16_t)dials_get(&p, 2);
	} else if (out->type == DIALS_CONNECTED) {
		out->ms = (uint32_t)dials_get(&p, 4);
	} else if (out->type == DIALS_FAILED) {
		out->ms = (uint32_t)dials_get(&p, 4);
		error = dials_get(&p, 4);
		out->error = error <= DIALS_ERRNO_MAX ? (int)error : 0;
	} else if (out->type == DIALS_CLOSED) {
		out->bytes_in = dials_get(&p, 8);
		out->bytes_out = dials_get(&p, 8);
	}
	if (!dials_numbers_ok(out))
		return dials_bad(err, "a number is out of range");
	len -= f->head;
	if (!dials_text_ok(f, (const char *)p, len))
		return dials_bad(err, "a text is not of its form");
	memcpy(out->text, p, len);
	out->text_len = len;
	return 0;
}

/*
 * What a message brought, at most room for two, as one would do anyway: the
 * kernel closes those that did not fit, and says so.
 */
union dials_passed {
	struct cmsghdr align;
	char room[CMSG_SPACE(2 * sizeof(int))];
};

/*
 * The descriptor of a message; -1: it has none; -2: more than one, and they
 * are closed.
 */
static int
dials_passed(struct msghdr *m)
{
	struct cmsghdr *c;
	size_t n, i, all = 0;
	int fd = -1, next;

	for (c = CMSG_FIRSTHDR(m); c != NULL; c = CMSG_NXTHDR(m, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (i = 0; i < n; i++) {
			memcpy(&next, CMSG_DATA(c) + i * sizeof(int),
			    sizeof(next));
			if (all++ == 0)
				fd = next;
			else
				(void)close(next);
		}
	}
	if (all <= 1 && (m->msg_flags & MSG_CTRUNC) == 0)
		return fd;
	if (fd != -1)
		(void)close(fd);
	return -2;
}

int
dials_receive(int fd, struct dials_packet *out, int *passed,
    struct k8s_err *err)
{
	unsigned char packet[DIALS_MAX];
	union dials_passed control;
	struct iovec iov = {.iov_base = packet, .iov_len = sizeof(packet)};
	struct msghdr m = {
	    .msg_iov = &iov,
	    .msg_iovlen = 1,
	    .msg_control = &control,
	    .msg_controllen = sizeof(control),
	};
	ssize_t n;

	*passed = -1;
	do {
		n = recvmsg(fd, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	} while (n == -1 && errno == EINTR);
	if (n == -1 && (errno == EAGAIN || errno == EWOULDBLOCK))
		return 0;
	if (n == -1 && errno != ECONNRESET)
		return k8s_err_errno(err, "dials: recvmsg");
	if (n == -1)
		return k8s_err_set(err, K8S_ERR_DISCONNECT,
		    "dials: the other end has gone");
	*passed = dials_passed(&m);
	/* Also for an empty packet, which nobody sends. */
	if (n == 0 && *passed == -1)
		return k8s_err_set(err, K8S_ERR_DISCONNECT,
		    "dials: the other end has gone");
	if (*passed == -2) {
		*passed = -1;
		return dials_bad(err, "more than one descriptor");
	}
	if ((m.msg_flags & MSG_TRUNC) != 0)
		(void)dials_bad(err, "a packet past the limit");
	else if (dials_decode(packet, (size_t)n, out, err) == 0) {
		if ((*passed != -1) == dials_form(out->type)->socket)
			return 1;
		(void)dials_bad(err, "a descriptor too many or too few");
	}
	if (*passed != -1)
		(void)close(*passed);
	*passed = -1;
	return -1;
}

int
dials_send(int fd, const struct dials_packet *p, int passed,
    struct k8s_err *err)
{
	unsigned char packet[DIALS_MAX];
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(sizeof(int))];
	} control = {.room = {0}};
	struct iovec iov = {.iov_base = packet};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};
	struct cmsghdr *c;
	ssize_t n;

	if ((iov.iov_len = dials_encode(packet, p)) == 0 ||
	    (passed != -1) != dials_form(p->type)->socket)
		return dials_bad(err, "no packet that may be sent");
	if (passed != -1) {
		m.msg_control = &control;
		m.msg_controllen = sizeof(control);
		c = CMSG_FIRSTHDR(&m);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &passed, sizeof(int));
	}
	do {
		n = sendmsg(fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL);
	} while (n == -1 && errno == EINTR);
	if (n != -1)
		return 1;
	if (errno == EAGAIN || errno == EWOULDBLOCK)
		return 0;
	if (errno == EPIPE || errno == ECONNRESET)
		return k8s_err_set(err, K8S_ERR_DISCONNECT,
		    "dials: the other end has gone");
	return k8s_err_errno(err, "dials: sendmsg");
}
