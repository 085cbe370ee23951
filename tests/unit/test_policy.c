/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/un.h>

#include "lib/core/control.h"
#include "proxyprotocol/policy.h"

enum { HELPERS = 900, KEYS = 901, PRINCIPALS = 902, USER = 200007, SSHD = 101 };

static const uid_t command_uids[] = {KEYS, PRINCIPALS};
static const struct policy policy = {
    .helper_gid = HELPERS,
    .command_uids = command_uids,
    .command_uids_len = 2,
};

/* Sockets as callers have them: sshd's for a channel, the C library's. */
enum { CHANNEL = O_RDWR | O_NONBLOCK, LIBRARY = CHANNEL | O_CLOEXEC };

static union {
	struct sockaddr sa;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
	struct sockaddr_un un;
	struct sockaddr_storage room; /* the longest that connect(2) takes */
} to;

static enum policy_verdict
decide(uid_t euid, gid_t egid, int authenticated, int type, int flags,
    size_t len)
{
	const struct policy_connect c = {
	    .euid = euid,
	    .egid = egid,
	    .authenticated = authenticated,
	    .type = type,
	    .flags = flags,
	    .to = &to.sa,
	    .len = (socklen_t)len,
	};

	return policy_decide(&policy, &c);
}

/* An address of that family; returns its length. */
static size_t
to_inet(int family)
{
	memset(&to, 0, sizeof(to));
	to.sa.sa_family = (sa_family_t)family;
	return family == AF_INET6 ? sizeof(to.in6) : sizeof(to.in);
}

/* The len bytes of path and no NUL; returns the address's length. */
static size_t
to_path(const char *path, size_t len)
{
	memset(&to, 'x', sizeof(to)); /* what is behind it does not count */
	to.sa.sa_family = AF_UNIX;
	memcpy(to.un.sun_path, path, len);
	return offsetof(struct sockaddr_un, sun_path) + len;
}

/* For whom the path is the control socket, it is for everybody. */
static void
check_path(const char *path, size_t len, int is_control)
{
	const enum policy_verdict all[] = {
	    decide(0, 0, 0, SOCK_SEQPACKET, O_RDWR, to_path(path, len)),
	    decide(0, 0, 1, SOCK_SEQPACKET, CHANNEL, to_path(path, len)),
	    decide(USER, HELPERS, 1, SOCK_SEQPACKET, O_RDWR,
		to_path(path, len)),
	    decide(USER, USER, 1, SOCK_SEQPACKET, LIBRARY, to_path(path, len)),
	    decide(KEYS, KEYS, 0, SOCK_SEQPACKET, O_RDWR, to_path(path, len)),
	    decide(SSHD, SSHD, 0, SOCK_SEQPACKET, O_RDWR, to_path(path, len)),
	};
	size_t i;

	for (i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if ((all[i] == POLICY_CONTROL) != is_control)
			fail_msg("%zu: %d for \"%.*s\"", i, (int)all[i],
			    (int)len, path);
}

static void
the_control_socket_is_its_exact_path(void **state)
{
	static const char path[] = CONTROL_PATH;
	const size_t len = sizeof(path) - 1;
	char other[sizeof(to.room)] = {0};

	(void)state;
	check_path(path, len, 1);
	check_path(path, len + 1, 1); /* with its NUL */
	/* And whatever is behind that, as the kernel ignores it, too. */
	memcpy(other, path, len + 1);
	memset(other + len + 1, 'y', 8);
	check_path(other, len + 9, 1);
	check_path(path, len - 1, 0);
	check_path(path, 0, 0);
	check_path(CONTROL_PATH "/", len + 1, 0);
	check_path(CONTROL_PATH "x", len + 2, 0);
	check_path("/" CONTROL_PATH, len + 1, 0);
	check_path("/run/k8shell/Connection", len, 0);
	check_path("/run/nscd/socket", 16, 0);
	/* An abstract one of that name is everybody's to make. */
	memset(other, 0, sizeof(other));
	memcpy(other + 1, path, len);
	check_path(other, len + 1, 0);
	memcpy(other + 1, path + 1, len - 1);
	check_path(other, len, 0);
	/* The longest address there is. */
	memset(other, 'x', sizeof(other));
	check_path(other, sizeof(to.room) - sizeof(sa_family_t), 0);
}

static void
the_control_socket_is_a_unix_one(void **state)
{
	size_t len = to_path(CONTROL_PATH, sizeof(CONTROL_PATH));

	(void)state;
	/* A user may forward to that path of the workspace's. */
	assert_int_equal(decide(USER, USER, 1, SOCK_STREAM, CHANNEL, len),
	    POLICY_CHANNEL);
	assert_int_equal(decide(USER, USER, 1, SOCK_STREAM, O_RDWR, len),
	    POLICY_HIDE);
	assert_int_equal(decide(USER, USER, 1, SOCK_DGRAM, O_RDWR, len),
	    POLICY_HIDE);
	to.sa.sa_family = AF_INET;
	assert_int_equal(decide(0, 0, 0, SOCK_SEQPACKET, O_RDWR, len),
	    POLICY_CONTINUE);
	assert_int_equal(decide(USER, USER, 1, SOCK_SEQPACKET, CHANNEL, len),
	    POLICY_REFUSE);
	/* A family alone. */
	to.sa.sa_family = AF_UNIX;
	assert_int_equal(decide(0, 0, 0, SOCK_SEQPACKET, O_RDWR,
			     sizeof(sa_family_t)),
	    POLICY_CONTINUE);
	/* Not even that, whatever is behind it. */
	assert_int_equal(decide(0, 0, 0, SOCK_SEQPACKET, O_RDWR, 1),
	    POLICY_CONTINUE);
}

/* Whose effective group is that of the helpers connects to the cluster. */
static void
helpers_connect(void **state)
{
	size_t len = to_inet(AF_INET);
	int authenticated, flags;

	(void)state;
	for (authenticated = 0; authenticated < 2; authenticated++)
		for (flags = 0; flags < 4; flags++)
			assert_int_equal(
			    decide(USER, HELPERS, authenticated, SOCK_STREAM,
				O_RDWR | (flags & 1 ? O_NONBLOCK : 0) |
				    (flags & 2 ? O_CLOEXEC : 0),
				len),
			    POLICY_CONTINUE);
	assert_int_equal(decide(USER, HELPERS, 1, SOCK_DGRAM, O_RDWR, len),
	    POLICY_CONTINUE);
	len = to_path("/run/nscd/socket", 17);
	assert_int_equal(decide(USER, HELPERS, 1, SOCK_STREAM, LIBRARY, len),
	    POLICY_CONTINUE);
	/* As a group, not as a user of that number. */
	assert_int_equal(decide(HELPERS, USER, 1, SOCK_STREAM, LIBRARY, len),
	    POLICY_HIDE);
}

/* sshd and its PAM modules; never what root's channels look like. */
static void
root_connects_but_not_its_channels(void **state)
{
	size_t len = to_inet(AF_INET);

	(void)state;
	assert_int_equal(decide(0, 0, 0, SOCK_STREAM, CHANNEL, len),
	    POLICY_CHANNEL);
	assert_int_equal(decide(0, 0, 1, SOCK_STREAM, CHANNEL, len),
	    POLICY_CHANNEL);
	assert_int_equal(decide(0, 0, 0, SOCK_STREAM, LIBRARY, len),
	    POLICY_CONTINUE);
	assert_int_equal(decide(0, 0, 1, SOCK_STREAM, LIBRARY, len),
	    POLICY_CONTINUE);
	assert_int_equal(decide(0, 0, 1, SOCK_STREAM, O_RDWR, len),
	    POLICY_CONTINUE);
	assert_int_equal(decide(0, 0, 1, SOCK_DGRAM, CHANNEL, len),
	    POLICY_CONTINUE);
	len = to_path("/run/x", 7);
	assert_int_equal(decide(0, 0, 0, SOCK_STREAM, CHANNEL, len),
	    POLICY_CHANNEL);
	assert_int_equal(decide(0, 0, 1, SOCK_STREAM, CHANNEL, len),
	    POLICY_CHANNEL);
	assert_int_equal(decide(0, 0, 1, SOCK_STREAM, LIBRARY, len),
	    POLICY_CONTINUE);
}

/* What sshd learns of nscd its child would have, too. */
static void
root_has_no_nscd(void **state)
{
	static const char path[] = "/var/run/nscd/socket";
	const size_t size = sizeof(path);

	(void)state;
	assert_int_equal(decide(0, 0, 0, SOCK_STREAM, LIBRARY,
			     to_path(path, size)),
	    POLICY_HIDE);
	assert_int_equal(decide(0, 0, 1, SOCK_STREAM, O_RDWR,
			     to_path(path, size - 1)),
	    POLICY_HIDE);
	assert_int_equal(decide(0, 0, 1, SOCK_STREAM, LIBRARY,
			     to_path(path, size - 2)),
	    POLICY_CONTINUE);
	assert_int_equal(decide(0, 0, 1, SOCK_STREAM, CHANNEL,
			     to_path(path, size)),
	    POLICY_CHANNEL);
	/* The helpers are no parents of sshd. */
	assert_int_equal(decide(USER, HELPERS, 1, SOCK_STREAM, LIBRARY,
			     to_path(path, size)),
	    POLICY_CONTINUE);
}

/* What finds keys may ask for them, as long as nobody is in. */
static void
key_commands_connect_until_login(void **state)
{
	size_t i, len;

	(void)state;
	for (i = 0; i < 2; i++) {
		len = to_inet(AF_INET6);
		assert_int_equal(decide(command_uids[i], 7, 0, SOCK_STREAM,
				     CHANNEL, len),
		    POLICY_CONTINUE);
		assert_int_equal(decide(command_uids[i], 7, 0, SOCK_DGRAM,
				     O_RDWR, len),
		    POLICY_CONTINUE);
		assert_int_equal(decide(command_uids[i], 7, 1, SOCK_STREAM,
				     LIBRARY, len),
		    POLICY_REFUSE);
		assert_int_equal(decide(command_uids[i], 7, 1, SOCK_STREAM,
				     CHANNEL, len),
		    POLICY_CHANNEL);
		len = to_path("/run/x", 7);
		assert_int_equal(decide(command_uids[i], 7, 0, SOCK_STREAM,
				     O_RDWR, len),
		    POLICY_CONTINUE);
		assert_int_equal(decide(command_uids[i], 7, 1, SOCK_STREAM,
				     O_RDWR, len),
		    POLICY_HIDE);
	}
	/* As users, not as groups. */
	len = to_inet(AF_INET);
	assert_int_equal(decide(USER, KEYS, 0, SOCK_STREAM, O_RDWR, len),
	    POLICY_REFUSE);
}

/* The user's processes, and sshd's own without rights: nothing, ever. */
static void
users_never_connect(void **state)
{
	static const struct {
		int type, flags, is_channel;
	} sockets[] = {
	    {SOCK_STREAM, CHANNEL, 1},
	    {SOCK_STREAM, O_RDWR, 0},
	    {SOCK_STREAM, O_RDWR | O_CLOEXEC, 0},
	    {SOCK_STREAM, LIBRARY, 0},
	    {SOCK_DGRAM, CHANNEL, 0},
	    {SOCK_SEQPACKET, CHANNEL, 0},
	    {SOCK_DGRAM, LIBRARY, 0},
	    {SOCK_DGRAM, O_RDWR, 0},
	};
	static const uid_t users[] = {USER, SSHD};
	static const int families[] = {AF_INET, AF_INET6, AF_NETLINK, AF_VSOCK,
	    AF_UNSPEC};
	size_t i, j, k, len;
	int in;

	(void)state;
	for (i = 0; i < sizeof(sockets) / sizeof(sockets[0]); i++)
		for (j = 0; j < 2; j++)
			for (in = 0; in < 2; in++) {
				for (k = 0; k < 5; k++) {
					len = to_inet(families[k]);
					assert_int_equal(
					    decide(users[j], users[j], in,
						sockets[i].type,
						sockets[i].flags, len),
					    sockets[i].is_channel
						? POLICY_CHANNEL
						: POLICY_REFUSE);
				}
				len = to_path("/run/nscd/socket", 17);
				assert_int_equal(decide(users[j], users[j], in,
						     sockets[i].type,
						     sockets[i].flags, len),
				    sockets[i].is_channel ? POLICY_CHANNEL
							  : POLICY_HIDE);
			}
	/* Nor does a group of root's help. */
	len = to_inet(AF_INET);
	assert_int_equal(decide(USER, 0, 1, SOCK_STREAM, O_RDWR, len),
	    POLICY_REFUSE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_control_socket_is_its_exact_path),
	    cmocka_unit_test(the_control_socket_is_a_unix_one),
	    cmocka_unit_test(helpers_connect),
	    cmocka_unit_test(root_connects_but_not_its_channels),
	    cmocka_unit_test(root_has_no_nscd),
	    cmocka_unit_test(key_commands_connect_until_login),
	    cmocka_unit_test(users_never_connect),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) != 0;
}
