/* SPDX-License-Identifier: Apache-2.0 */
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <err.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "fakekube.h"

struct conn {
	const struct server *srv;
	unsigned id;
	int fd;
	SSL *ssl;
	size_t chunk; /* of a TCP write, 0: unlimited */
	uint64_t chunk_ms;
	size_t record; /* of a TLS write, 0: unlimited */
	char *user;
	struct text back; /* read too much of */
	size_t back_off;
	bool ended;
};

/* The transport below TLS: the socket, with the faults only TCP can have. */

static int
transport_write(BIO *bio, const char *data, int len)
{
	struct conn *c = BIO_get_data(bio);
	struct timespec pause = {.tv_sec = (time_t)(c->chunk_ms / 1000),
	    .tv_nsec = (long)(c->chunk_ms % 1000) * 1000000};
	ssize_t n;

	if (c->chunk > 0 && (size_t)len > c->chunk)
		len = (int)c->chunk;
	if (c->chunk > 0 && c->chunk_ms > 0)
		nanosleep(&pause, NULL);
	n = send(c->fd, data, (size_t)len, MSG_NOSIGNAL);
	BIO_clear_retry_flags(bio);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		BIO_set_retry_write(bio);
	return (int)n;
}

static int
transport_read(BIO *bio, char *data, int len)
{
	struct conn *c = BIO_get_data(bio);
	ssize_t n = recv(c->fd, data, (size_t)len, 0);

	BIO_clear_retry_flags(bio);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		BIO_set_retry_read(bio);
	return (int)n;
}

static long
transport_ctrl(BIO *bio, int cmd, long num, void *ptr)
{
	(void)bio;
	(void)num;
	(void)ptr;
	return cmd == BIO_CTRL_FLUSH ? 1 : 0;
}

static BIO *
transport_new(struct conn *c)
{
	static BIO_METHOD *method;
	BIO *bio;

	if (method == NULL) {
		method = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "fakekube");
		if (method == NULL)
			errx(1, "BIO_meth_new");
		BIO_meth_set_write(method, transport_write);
		BIO_meth_set_read(method, transport_read);
		BIO_meth_set_ctrl(method, transport_ctrl);
	}
	if ((bio = BIO_new(method)) == NULL)
		errx(1, "BIO_new");
	BIO_set_data(bio, c);
	BIO_set_init(bio, 1);
	return bio;
}

struct conn *
conn_new(const struct server *srv, unsigned id, int fd, SSL_CTX *ctx)
{
	struct conn *c = xcalloc(1, sizeof(*c));
	int on = 1;
	BIO *bio;

	c->srv = srv;
	c->id = id;
	c->fd = fd;
	if (fd_nonblock(fd) < 0)
		err(1, "O_NONBLOCK");
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if ((c->ssl = SSL_new(ctx)) == NULL)
		errx(1, "SSL_new");
	bio = transport_new(c);
	SSL_set_bio(c->ssl, bio, bio);
	SSL_set_accept_state(c->ssl);
	return c;
}

const struct server *
conn_server(const struct conn *c)
{
	return c->srv;
}

unsigned
conn_id(const struct conn *c)
{
	return c->id;
}

int
conn_fd(const struct conn *c)
{
	return c->fd;
}

void
conn_set_chunk(struct conn *c, size_t chunk, uint64_t ms)
{
	c->chunk = chunk;
	c->chunk_ms = ms;
}

void
conn_set_record(struct conn *c, size_t record)
{
	c->record = record;
}

static enum io
io_result(struct conn *c, int r)
{
	switch (SSL_get_error(c->ssl, r)) {
	case SSL_ERROR_WANT_READ:
		return IO_WAIT_READ;
	case SSL_ERROR_WANT_WRITE:
		return IO_WAIT_WRITE;
	default:
		return IO_END;
	}
}

static int
conn_wait(struct conn *c, enum io what, int64_t deadline)
{
	struct pollfd p = {.fd = c->fd,
	    .events = what == IO_WAIT_READ ? POLLIN : POLLOUT};
	int64_t left = deadline - now_ms();
	int n;

	if (left <= 0)
		return -1;
	n = poll(&p, 1, left > 60000 ? 60000 : (int)left);
	return n < 0 && errno != EINTR ? -1 : 0;
}

int
conn_handshake(struct conn *c, int64_t deadline)
{
	enum io io;
	int r;

	for (;;) {
		ERR_clear_error();
		if ((r = SSL_do_handshake(c->ssl)) == 1)
			return 0;
		io = io_result(c, r);
		if (io == IO_END || conn_wait(c, io, deadline) < 0)
			return -1;
	}
}

const char *
conn_cert_user(struct conn *c, bool *presented)
{
	X509 *cert = SSL_get0_peer_certificate(c->ssl);
	unsigned char *utf8 = NULL;
	X509_NAME *subject;
	int i;

	*presented = cert != NULL;
	if (cert == NULL || SSL_get_verify_result(c->ssl) != X509_V_OK)
		return NULL;
	if (c->user != NULL)
		return c->user;
	subject = X509_get_subject_name(cert);
	i = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
	if (i < 0)
		return NULL;
	if (ASN1_STRING_to_UTF8(&utf8,
		X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, i))) < 0)
		return NULL;
	c->user = xstrdup((const char *)utf8);
	OPENSSL_free(utf8);
	return c->user;
}

enum io
conn_try_read(struct conn *c, void *data, size_t len, size_t *got)
{
	size_t n = c->back.len - c->back_off;
	int r;

	if (n > 0) {
		*got = n < len ? n : len;
		memcpy(data, c->back.data + c->back_off, *got);
		c->back_off += *got;
		return IO_OK;
	}
	ERR_clear_error();
	r = SSL_read_ex(c->ssl, data, len, got);
	return r == 1 ? IO_OK : io_result(c, r);
}

enum io
conn_try_write(struct conn *c, const void *data, size_t len, size_t *done)
{
	int r;

	if (c->record > 0 && len > c->record)
		len = c->record;
	ERR_clear_error();
	r = SSL_write_ex(c->ssl, data, len, done);
	return r == 1 ? IO_OK : io_result(c, r);
}

bool
conn_pending(const struct conn *c)
{
	return c->back.len > c->back_off || SSL_pending(c->ssl) > 0;
}

void
conn_unread(struct conn *c, const void *data, size_t len)
{
	auto_text rest = {0};

	text_add(&rest, data, len);
	text_add(&rest, c->back.data == NULL ? "" : c->back.data + c->back_off,
	    c->back.len - c->back_off);
	text_free(&c->back);
	c->back = rest;
	c->back_off = 0;
	rest = (struct text){0};
}

int
conn_read(struct conn *c, void *data, size_t len, size_t *got, int64_t deadline)
{
	enum io io;

	for (;;) {
		io = conn_try_read(c, data, len, got);
		if (io == IO_OK)
			return 0;
		if (io == IO_END || conn_wait(c, io, deadline) < 0)
			return -1;
	}
}

int
conn_write(struct conn *c, const void *data, size_t len, int64_t deadline)
{
	const char *p = data;
	size_t done;
	enum io io;

	while (len > 0) {
		io = conn_try_write(c, p, len, &done);
		if (io == IO_OK) {
			p += done;
			len -= done;
		} else if (io == IO_END || conn_wait(c, io, deadline) < 0) {
			return -1;
		}
	}
	return 0;
}

void
conn_reset(struct conn *c)
{
	struct linger abort = {.l_onoff = 1, .l_linger = 0};

	if (c->fd < 0)
		return;
	setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &abort, sizeof(abort));
	fd_close(&c->fd);
}

void
conn_drop(struct conn *c)
{
	fd_close(&c->fd);
}

void
conn_end(struct conn *c, bool notify)
{
	if (c->fd < 0 || c->ended)
		return;
	c->ended = true;
	if (notify)
		SSL_shutdown(c->ssl);
	shutdown(c->fd, SHUT_WR);
}

/*
 * Closing a socket with unread input resets it, and a reset destroys what
 * the peer has not taken yet. So: end, let a slow peer take all there is, and
 * then give it two seconds to end its own direction.
 */
void
conn_finish(struct conn *c, bool notify)
{
	int64_t now = now_ms(), last = now + 600000, idle = now;
	struct pollfd p = {.fd = c->fd, .events = POLLIN};
	int unsent = 0;
	char sink[4096];
	ssize_t n;

	conn_end(c, notify);
	if (c->fd < 0)
		return;
	for (; now < last && now - idle < 2000; now = now_ms()) {
		n = recv(c->fd, sink, sizeof(sink), 0);
		if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
			break;
		if (ioctl(c->fd, SIOCOUTQ, &unsent) == 0 && unsent > 0)
			idle = now;
		if (n < 0)
			poll(&p, 1, 100);
	}
	fd_close(&c->fd);
}

void
conn_free(struct conn *c)
{
	fd_close(&c->fd);
	SSL_free(c->ssl);
	free(c->user);
	text_free(&c->back);
	free(c);
}
