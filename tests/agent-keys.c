/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For workspaces without ssh-add: asks the agent at SSH_AUTH_SOCK for its keys
 * (draft-ietf-sshm-ssh-agent, section 3.5) and writes its answer as hex.
 * Linked statically, and copied there by tests/guest-suite.sh.
 */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static void
read_all(int fd, unsigned char *p, size_t len)
{
	ssize_t n;

	for (; len > 0; p += n, len -= (size_t)n)
		if ((n = read(fd, p, len)) <= 0)
			errx(1, "the agent says nothing more");
}

int
main(void)
{
	static const unsigned char request[] = {0, 0, 0, 1, 11};
	static unsigned char answer[65536];
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	const char *path = getenv("SSH_AUTH_SOCK");
	size_t len, i;
	int fd;

	if (path == NULL || strlen(path) >= sizeof(sun.sun_path))
		errx(1, "no SSH_AUTH_SOCK");
	(void)strcpy(sun.sun_path, path);
	if ((fd = socket(AF_UNIX, SOCK_STREAM, 0)) == -1 ||
	    connect(fd, (struct sockaddr *)&sun, sizeof(sun)) == -1)
		err(1, "%s", path);
	if (write(fd, request, sizeof(request)) != (ssize_t)sizeof(request))
		err(1, "write");
	read_all(fd, answer, 4);
	len = (size_t)answer[2] << 8 | answer[3];
	if (answer[0] != 0 || answer[1] != 0)
		errx(1, "too long an answer");
	read_all(fd, answer, len);
	for (i = 0; i < len; i++)
		(void)printf("%02x", answer[i]);
	(void)printf("\n");
	return 0;
}
