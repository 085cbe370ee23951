/* SPDX-License-Identifier: Apache-2.0 */
/* The client's side of the control socket; its packets are control.c's. */
#include "lib/core/control.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

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

/* Where an answer goes. No member is set: it is a plain OK. */
struct control_answer {
	struct control_whoami *whoami;
	uint32_t *address;
};

static int
control_take(const unsigned char *p, size_t len, struct control_answer to,
    struct k8s_err *err)
{
	if (to.whoami != NULL)
		return control_decode_whoami(p, len, to.whoami, err);
	if (to.address != NULL)
		return control_decode_address(p, len, to.address, err);
	return control_decode_ok(p, len, err);
}

static int
control_call(int fd, const unsigned char *request, size_t len,
    struct control_answer to, struct k8s_err *err)
{
	unsigned char reply[CONTROL_MAX];
	struct k8s_err own = K8S_ERR_INIT;
	ssize_t n;
	int r = -1;

	if (len == 0)
		return k8s_err_set(err, K8S_ERR_INVALID,
		    "control socket: values that can't be sent");
	n = control_exchange(fd, request, len, reply, &own);
	if (n != -1)
		r = control_take(reply, (size_t)n, to, &own);
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

	return control_call(fd, &request, 1,
	    (struct control_answer){.whoami = out}, err);
}

int
control_session_start(int fd, const struct control_session_start *s,
    struct k8s_err *err)
{
	unsigned char request[CONTROL_MAX];
	size_t len = control_encode_start(request, s);

	return control_call(fd, request, len, (struct control_answer){0}, err);
}

int
control_session_end(int fd, const struct control_session_end *e,
    struct k8s_err *err)
{
	unsigned char request[CONTROL_MAX];
	size_t len = control_encode_end(request, e);

	return control_call(fd, request, len, (struct control_answer){0}, err);
}

int
control_resolve(int fd, struct control_text name, uint32_t *address,
    struct k8s_err *err)
{
	unsigned char request[CONTROL_MAX];
	size_t len = control_encode_resolve(request, name);

	return control_call(fd, request, len,
	    (struct control_answer){.address = address}, err);
}
