/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/kube/stream.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/kube/tls.h"

enum stream_state {
	STREAM_CONNECTING, /* TCP */
	STREAM_SECURING,   /* TLS */
	STREAM_OPEN,
	STREAM_OVER, /* failed, or stream_stop() */
};

struct stream {
	struct loop *loop;
	const struct stream_handler *h;
	void *arg;
	enum stream_state state;
	struct addrinfo *addresses, *next; /* still to be tried */
	int fd;
	struct loop_io *io;
	SSL *ssl; /* NULL: plain TCP */
	uint32_t want;
};

static void stream_event(void *arg, uint32_t events);

/*
 * Opening.
 */

static void
stream_fail(struct stream *s, enum k8s_err_code code, const char *what)
{
	struct k8s_err why;

	stream_stop(s);
	k8s_err_set(&why, code, "%s", what);
	s->h->failed(s->arg, &why);
}

/* Begins a connection to the next address. -1: there is none left. */
static int
stream_connect_next(struct stream *s)
{
	struct addrinfo *a;
	int on = 1, idle = 60, interval = 15, count = 4;

	loop_del(s->io);
	s->io = NULL;
	if (s->fd != -1)
		(void)close(s->fd);
	s->fd = -1;
	for (a = s->next; a != NULL; a = a->ai_next) {
		s->fd = socket(a->ai_family,
		    SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		if (s->fd == -1)
			continue;
		if (connect(s->fd, a->ai_addr, a->ai_addrlen) == 0 ||
		    errno == EINPROGRESS)
			break;
		(void)close(s->fd);
		s->fd = -1;
	}
	if (a == NULL)
		return -1;
	s->next = a->ai_next;
	/* The kernel finds a dead peer while we don't read. */
	(void)setsockopt(s->fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	(void)setsockopt(s->fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof(idle));
	(void)setsockopt(s->fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval,
	    sizeof(interval));
	(void)setsockopt(s->fd, IPPROTO_TCP, TCP_KEEPCNT, &count,
	    sizeof(count));
	s->io = loop_add(s->loop, s->fd, EPOLLOUT, stream_event, s, NULL);
	return s->io == NULL ? -1 : 0;
}

static void
stream_secure(struct stream *s)
{
	char what[128];
	long verify;
	int ret;

	ERR_clear_error();
	if (s->ssl != NULL && (ret = SSL_connect(s->ssl)) != 1) {
		ret = SSL_get_error(s->ssl, ret);
		if (ret == SSL_ERROR_WANT_READ || ret == SSL_ERROR_WANT_WRITE) {
			loop_want(s->io,
			    ret == SSL_ERROR_WANT_READ ? EPOLLIN : EPOLLOUT);
			return;
		}
		verify = SSL_get_verify_result(s->ssl);
		(void)snprintf(what, sizeof(what), "TLS: %s",
		    verify != X509_V_OK ? X509_verify_cert_error_string(verify)
			: ret == SSL_ERROR_SSL
			? ERR_reason_error_string(ERR_peek_error())
			: "the connection was cut during the handshake");
		stream_fail(s, K8S_ERR_TLS, what);
		return;
	}
	s->state = STREAM_OPEN;
	loop_want(s->io, s->want);
	s->h->connected(s->arg);
}

/* Whether the connection that was begun is there; else the next address. */
static void
stream_connected(struct stream *s)
{
	socklen_t len = sizeof(int);
	int error = 0, on = 1;

	if (getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &error, &len) == -1)
		error = errno;
	if (error != 0) {
		if (stream_connect_next(s) == -1)
			stream_fail(s, K8S_ERR_CONNECT, strerror(error));
		return;
	}
	(void)setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (s->ssl != NULL && SSL_set_fd(s->ssl, s->fd) != 1) {
		stream_fail(s, K8S_ERR_TLS, "SSL_set_fd");
		return;
	}
	s->state = STREAM_SECURING;
	stream_secure(s);
}

static void
stream_event(void *arg, uint32_t events)
{
	struct stream *s = arg;

	if (s->state == STREAM_CONNECTING)
		stream_connected(s);
	else if (s->state == STREAM_SECURING)
		stream_secure(s);
	else if (s->state == STREAM_OPEN)
		s->h->ready(s->arg, (events & ~(uint32_t)EPOLLOUT) != 0,
		    (events & EPOLLOUT) != 0);
}

static int
stream_start(struct stream *s, const char *host, const char *port, SSL_CTX *tls,
    struct k8s_err *err)
{
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
	    .ai_flags = AI_NUMERICSERV};
	int ret;

	if (tls != NULL && (s->ssl = tls_client_new(tls)) == NULL)
		return k8s_err_set(err, K8S_ERR_SYSTEM, "out of memory");
	if ((ret = getaddrinfo(host, port, &hints, &s->addresses)) != 0)
		return k8s_err_set(err, K8S_ERR_CONNECT,
		    "the host name can't be resolved (%s)", gai_strerror(ret));
	s->next = s->addresses;
	if (stream_connect_next(s) == -1)
		return k8s_err_set(err, K8S_ERR_CONNECT, "%s", strerror(errno));
	return 0;
}

struct stream *
stream_open(struct loop *loop, const char *host, const char *port, SSL_CTX *tls,
    const struct stream_handler *h, void *arg, struct k8s_err *err)
{
	struct stream *s;

	if ((s = calloc(1, sizeof(*s))) == NULL) {
		k8s_err_errno(err, "out of memory");
		return NULL;
	}
	s->loop = loop;
	s->h = h;
	s->arg = arg;
	s->fd = -1;
	s->want = EPOLLIN;
	if (stream_start(s, host, port, tls, err) == -1) {
		stream_close(s);
		return NULL;
	}
	return s;
}

void
stream_stop(struct stream *s)
{
	s->state = STREAM_OVER;
	if (s->io != NULL)
		loop_want(s->io, 0);
}

void
stream_close(struct stream *s)
{
	if (s == NULL)
		return;
	if (s->ssl != NULL && SSL_is_init_finished(s->ssl)) {
		ERR_clear_error();
		(void)SSL_shutdown(s->ssl);
	}
	loop_del(s->io);
	SSL_free(s->ssl);
	if (s->fd != -1)
		(void)close(s->fd);
	if (s->addresses != NULL)
		freeaddrinfo(s->addresses);
	free(s);
}

/*
 * Use.
 */

void
stream_want(struct stream *s, int in, int out)
{
	s->want = (in ? EPOLLIN : 0) | (out ? EPOLLOUT : 0);
	if (s->state == STREAM_OPEN)
		loop_want(s->io, s->want);
}

/* What a read or write that failed means: 0, later; -1, never. */
static int
stream_ssl_result(struct stream *s, int ret)
{
	ret = SSL_get_error(s->ssl, ret);
	return ret == SSL_ERROR_WANT_WRITE || ret == SSL_ERROR_WANT_READ ? 0
									 : -1;
}

ssize_t
stream_read(struct stream *s, unsigned char *p, size_t len)
{
	ssize_t n;
	int ret;

	if (s->ssl == NULL) {
		n = recv(s->fd, p, len, 0);
		if (n == -1 && errno == EAGAIN)
			return 0;
		return n == 0 ? -1 : n;
	}
	ERR_clear_error();
	ret = SSL_read(s->ssl, p, len > INT32_MAX ? INT32_MAX : (int)len);
	return ret > 0 ? ret : stream_ssl_result(s, ret);
}

ssize_t
stream_write(struct stream *s, const unsigned char *p, size_t len)
{
	ssize_t n;
	int ret;

	if (s->ssl == NULL) {
		n = send(s->fd, p, len, MSG_NOSIGNAL);
		return n == -1 && errno == EAGAIN ? 0 : n;
	}
	ERR_clear_error();
	ret = SSL_write(s->ssl, p, len > INT32_MAX ? INT32_MAX : (int)len);
	return ret > 0 ? ret : stream_ssl_result(s, ret);
}

int
stream_is_unheard(const struct stream *s, unsigned int ms)
{
	struct tcp_info ti;
	socklen_t len = sizeof(ti);

	if (getsockopt(s->fd, IPPROTO_TCP, TCP_INFO, &ti, &len) == -1)
		return 1;
	return ti.tcpi_last_ack_recv > ms &&
	    (ti.tcpi_retransmits > 0 || ti.tcpi_probes > 1);
}
