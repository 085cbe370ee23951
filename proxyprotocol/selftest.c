/* SPDX-License-Identifier: Apache-2.0 */
/* The supervisor tries itself: see supervise_self_test(). */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/core/control.h"
#include "proxyprotocol/superviseint.h"

/* Addresses for documentation (RFC 5737): no socket here has them. */
#define SELF_TEST_SOURCE      "192.0.2.1:4711"
#define SELF_TEST_DESTINATION "198.51.100.1:22"

/* In place of sshd: 0 if the supervisor did its work. */
static int
supervise_probe(void)
{
	struct net_addr a, expected;
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);
	int fd;

	if (net_addr_parse(&expected, SELF_TEST_SOURCE, NULL) == -1 ||
	    getpeername(0, (struct sockaddr *)&ss, &len) == -1 ||
	    net_addr_from(&a, (struct sockaddr *)&ss, len) == -1 ||
	    !net_addr_equal(&a, &expected) || net_addr_port(&a) != 4711)
		return 1;
	if ((fd = control_connect(NULL)) == -1)
		return 2;
	(void)close(fd);
	return 0;
}

static _Noreturn void
supervise_self_test_child(struct supervise *p)
{
	static struct supervisor s;
	struct k8s_err err = K8S_ERR_INIT;
	int status;

	supervise_leave_front(p);
	if (supervise_begin(&s, p, supervise_probe, &err) == 0 &&
	    supervise_go(&s, &err) == 0 && loop_run(s.loop, &err) == 0) {
		supervise_finish(&s);
		status = s.sshd_status;
		if (s.sshd_fd != -1 || !WIFEXITED(status) ||
		    WEXITSTATUS(status) != 0)
			k8s_err_set(&err, K8S_ERR_SYSTEM,
			    "the supervisor can't act for a process (status "
			    "%d): it needs CAP_SYS_PTRACE, and nothing that "
			    "forbids its use",
			    status);
	}
	(void)!write(p->report, err.msg, strlen(err.msg));
	_exit(0);
}

int
supervise_self_test(const struct settings *settings, uid_t uid, gid_t gid,
    gid_t helper_gid, struct k8s_err *err)
{
	const struct sshd_facts facts = {.command_uids_len = 0};
	struct supervise p = {
	    .settings = settings,
	    .facts = &facts,
	    .uid = uid,
	    .gid = gid,
	    .helper_gid = helper_gid,
	    .slot.fd = -1,
	    .proxied = 1,
	};
	char text[K8S_ERR_MAX];
	struct pollfd pfd;
	int report[2];
	ssize_t n = 0;
	pid_t pid;

	if (net_addr_parse(&p.source, SELF_TEST_SOURCE, err) == -1 ||
	    net_addr_parse(&p.destination, SELF_TEST_DESTINATION, err) == -1)
		return -1;
	if (pipe2(report, O_CLOEXEC) == -1)
		return k8s_err_errno(err, "pipe");
	p.report = report[1];
	p.client = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	pid = p.client == -1 ? -1 : fork();
	if (pid == 0)
		supervise_self_test_child(&p);
	if (pid == -1)
		k8s_err_errno(err, "self-test");
	(void)close(report[1]);
	if (p.client != -1)
		(void)close(p.client);
	pfd = (struct pollfd){report[0], POLLIN, 0};
	if (pid != -1) {
		n = -1;
		if (poll(&pfd, 1, SUPERVISE_START_MS) == 1)
			n = read(report[0], text, sizeof(text) - 1);
		if (n == -1) {
			(void)kill(pid, SIGKILL);
			k8s_err_set(err, K8S_ERR_TIMEOUT,
			    "the self-test hangs");
		}
		/* The front's children reap themselves or are reaped here. */
		(void)waitpid(pid, NULL, 0);
	}
	(void)close(report[0]);
	if (pid == -1 || n == -1)
		return -1;
	text[n] = '\0';
	return n == 0 ? 0 : k8s_err_set(err, K8S_ERR_SYSTEM, "%s", text);
}
