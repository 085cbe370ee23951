/* SPDX-License-Identifier: Apache-2.0 */
#include "helpers/sftprefuse.h"

#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* draft-ietf-secsh-filexfer-02, sections 3, 4 and 7. */
#define FXP_INIT    1
#define FXP_VERSION 2
#define FXP_STATUS  101
#define FX_FAILURE  4
#define FXP_HEAD    9 /* length, type, id */

/* No packet of a client is longer (OpenSSH's SFTP_MAX_MSG_LENGTH). */
#define PACKET_MAX (256 * 1024)
#define TEXT_MAX   512

struct refuse {
	int in, out;
	long long deadline;
};

static long long
now_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (long long)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static int
wait_for(const struct refuse *r, int fd, short events)
{
	struct pollfd p = {.fd = fd, .events = events};
	long long left = r->deadline - now_ms();

	return left > 0 && poll(&p, 1, (int)left) > 0 ? 0 : -1;
}

static int
read_full(const struct refuse *r, unsigned char *p, size_t len)
{
	ssize_t n;

	while (len > 0) {
		if (wait_for(r, r->in, POLLIN) == -1)
			return -1;
		n = read(r->in, p, len);
		if (n == 0 || (n == -1 && errno != EAGAIN && errno != EINTR))
			return -1;
		if (n > 0) {
			p += n;
			len -= (size_t)n;
		}
	}
	return 0;
}

/* A few hundred bytes at most: a pipe that is writable takes them. */
static int
write_full(const struct refuse *r, const unsigned char *p, size_t len)
{
	ssize_t n;

	while (len > 0) {
		if (wait_for(r, r->out, POLLOUT) == -1)
			return -1;
		n = write(r->out, p, len);
		if (n == -1 && errno != EAGAIN && errno != EINTR)
			return -1;
		if (n > 0) {
			p += n;
			len -= (size_t)n;
		}
	}
	return 0;
}

static uint32_t
get32(const unsigned char *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 |
	    (uint32_t)p[2] << 8 | p[3];
}

static void
set32(unsigned char *p, size_t v)
{
	p[0] = (unsigned char)(v >> 24);
	p[1] = (unsigned char)(v >> 16);
	p[2] = (unsigned char)(v >> 8);
	p[3] = (unsigned char)v;
}

/* The next packet's type and id; the rest of it is read and dropped. */
static int
read_request(const struct refuse *r, unsigned char head[FXP_HEAD])
{
	unsigned char rest[4096];
	uint32_t len, n;

	if (read_full(r, head, FXP_HEAD) == -1)
		return -1;
	len = get32(head);
	/* At least a type and an id, or INIT's version. */
	if (len < FXP_HEAD - 4 || len > PACKET_MAX)
		return -1;
	for (len -= FXP_HEAD - 4; len > 0; len -= n) {
		n = len < sizeof(rest) ? len : sizeof(rest);
		if (read_full(r, rest, n) == -1)
			return -1;
	}
	return 0;
}

static int
write_status(const struct refuse *r, const unsigned char *id, const char *text)
{
	unsigned char p[FXP_HEAD + 4 + 4 + TEXT_MAX + 4];
	size_t len = strnlen(text, TEXT_MAX), n;

	n = FXP_HEAD + 4 + 4 + len + 4;
	set32(p, n - 4);
	p[4] = FXP_STATUS;
	memcpy(p + 5, id, 4);
	set32(p + FXP_HEAD, FX_FAILURE);
	set32(p + FXP_HEAD + 4, len);
	memcpy(p + FXP_HEAD + 8, text, len);
	set32(p + FXP_HEAD + 8 + len, 0); /* of no language */
	return write_full(r, p, n);
}

void
sftprefuse(int in, int out, const char *text)
{
	static const unsigned char version[] = {0, 0, 0, 5, FXP_VERSION, 0, 0,
	    0, 3};
	const struct refuse r = {in, out, now_ms() + SFTPREFUSE_TIMEOUT_MS};
	unsigned char head[FXP_HEAD];
	int told = 0;

	/* A client sends nothing but INIT before it has this. */
	if (write_full(&r, version, sizeof(version)) == -1)
		return;
	while (told < SFTPREFUSE_MAX && read_request(&r, head) == 0) {
		if (head[4] == FXP_INIT)
			continue;
		if (write_status(&r, head + 5, text) == -1)
			return;
		told++;
	}
}
