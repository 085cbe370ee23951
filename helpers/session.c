/* SPDX-License-Identifier: Apache-2.0 */
/*
 * k8shell-session: what sshd runs for a shell or a command, as login shell or
 * as ForceCommand. It opens the same in the user's workspace.
 */
#include <errno.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "helpers/agent.h"
#include "helpers/carry.h"
#include "helpers/client.h"
#include "helpers/guestsession.h"
#include "helpers/prelude.h"
#include "helpers/relay.h"
#include "helpers/setup.h"
#include "lib/core/buf.h"
#include "lib/core/clientenv.h"
#include "lib/core/control.h"
#include "lib/core/log.h"
#include "lib/core/proc.h"
#include "lib/kube/ws.h"

/* Everything that is not the command's own end. */
#define EXIT_SESSION	    255
#define EXIT_NOT_EXECUTABLE 126
#define EXIT_NO_COMMAND	    127

#define EXPLAIN_TIMEOUT_MS 45000

struct session {
	char *user;
	struct setup setup;
	char *pod;
	const char *command; /* NULL: the login shell */
	const char **env;
	const char *agent; /* socket of the user's agent, or NULL */
	char **words;	   /* of a command without a shell */
	int tty;
	int control; /* socket to the connection's supervisor; -1: none */
	long long started_ms;
	uint64_t bytes_in, bytes_out;
};

/*
 * Variables that sshd, PAM or a shell on the way set for this machine; they
 * would be wrong or meaningless in the workspace.
 */
static int
session_is_local(const char *entry, int tty)
{
	static const char *const names[] = {"_", "DBUS_SESSION_BUS_ADDRESS",
	    "HOME", "KRB5CCNAME", "LOGNAME", "MAIL", "OLDPWD", "PATH", "PWD",
	    "SHELL", "SHLVL", "SSH_AUTH_SOCK", "SSH_ORIGINAL_COMMAND",
	    "SSH_TTY", "SSH_USER_AUTH", "USER"};
	size_t i, len = strcspn(entry, "=");

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strlen(names[i]) == len &&
		    strncmp(entry, names[i], len) == 0)
			return 1;
	if (len == 4 && strncmp(entry, "TERM", 4) == 0)
		return !tty;
	return strncmp(entry, "XDG_", 4) == 0 ||
	    strncmp(entry, "K8SHELL_", 8) == 0;
}

static int
session_environment(struct session *s, struct k8s_err *err)
{
	const char *e;
	size_t i, n;

	for (n = 0; clientenv_entry(n) != NULL; n++)
		;
	if ((s->env = calloc(n + 1, sizeof(*s->env))) == NULL)
		return k8s_err_errno(err, "out of memory");
	for (i = n = 0; (e = clientenv_entry(i)) != NULL; i++)
		if (!session_is_local(e, s->tty))
			s->env[n++] = e;
	return 0;
}

/*
 * What sshd asked for. As login shell: "-NAME" for a shell, "-c COMMAND" for
 * a command. As ForceCommand: no arguments, the user's wish, if any, is in
 * SSH_ORIGINAL_COMMAND. When both are set up, "-c" names ourselves.
 */
static int
session_request(struct session *s, int argc, char **argv, struct k8s_err *err)
{
	const char *original = clientenv_get("SSH_ORIGINAL_COMMAND");
	const char *c;

	if (original != NULL && *original == '\0')
		original = NULL;
	if (argc == 1) {
		s->command = argv[0][0] == '-' ? NULL : original;
		return 0;
	}
	if (argc != 3 || strcmp(argv[1], "-c") != 0)
		return k8s_err_set(err, K8S_ERR_INVALID,
		    "usage: k8shell-session [-c command]");
	c = argv[2];
	if (strncmp(c, "exec ", 5) == 0)
		c += 5;
	s->command = strcmp(c, SESSION_PATH) == 0 ? original : argv[2];
	return 0;
}

static int
session_setup(struct session *s, int argc, char **argv, struct k8s_err *err)
{
	struct passwd *pw;

	if (session_request(s, argc, argv, err) == -1)
		return -1;
	s->tty = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
	if (session_environment(s, err) == -1)
		return -1;
	/* Not USER or LOGNAME: those could come from the client. */
	if ((pw = getpwuid(getuid())) == NULL)
		return k8s_err_set(err, K8S_ERR_SYSTEM,
		    "uid %lu has no account here", (unsigned long)getuid());
	if ((s->user = strdup(pw->pw_name)) == NULL)
		return k8s_err_errno(err, "out of memory");
	s->agent = clientenv_get("SSH_AUTH_SOCK");
	if (s->agent != NULL && !agent_is_sshds(s->agent, getuid(), pw->pw_dir))
		s->agent = NULL;
	if (setup_load(&s->setup, err) == -1)
		return -1;
	if ((s->pod = config_expand(s->setup.config->pod, s->user, err)) ==
	    NULL)
		return k8s_err_prefix(err, "the pod of user %s", s->user);
	return 0;
}

static long long
session_now_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (long long)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static struct control_text
session_text(const char *s)
{
	return (struct control_text){s, s == NULL ? 0 : strlen(s)};
}

/*
 * Tells the supervisor what begins. In ForceCommand mode there is none; where
 * there is one, a session that it does not know of is not to be (audit).
 */
static int
session_announce(struct session *s, struct k8s_err *err)
{
	const struct control_session_start start = {
	    .kind = s->command == NULL ? CONTROL_SHELL : CONTROL_EXEC,
	    .tty = s->tty,
	    .command = session_text(s->command),
	    .namespace_ = session_text(s->setup.config->namespace_),
	    .pod = session_text(s->pod),
	    .container = session_text(s->setup.config->container),
	};
	struct k8s_err why;

	s->started_ms = session_now_ms();
	if ((s->control = control_connect(&why)) == -1) {
		if (why.code == K8S_ERR_NOT_FOUND)
			return 0;
	} else if (control_session_start(s->control, &start, &why) == 0) {
		return 0;
	}
	return k8s_err_set(err, K8S_ERR_SYSTEM,
	    "the session can't be put on record: %s", why.msg);
}

/* And how it ended; error: why that is not known, or NULL. */
static void
session_record_end(const struct session *s, int status, int sig,
    const char *error)
{
	const struct control_session_end end = {
	    .how = error != NULL ? CONTROL_FAILED
		: sig != 0	 ? CONTROL_SIGNALED
				 : CONTROL_EXITED,
	    .exit_status = status,
	    .signal = sig,
	    .error = session_text(error),
	    .bytes_in = s->bytes_in,
	    .bytes_out = s->bytes_out,
	    .duration_ms = (uint64_t)(session_now_ms() - s->started_ms),
	};
	struct k8s_err err;

	if (s->control != -1 &&
	    control_session_end(s->control, &end, &err) == -1)
		log_error("user %s: the session's end can't be put on record: "
			  "%s",
		    s->user, err.msg);
}

/* Runs it; a container without /bin/sh gets a second, plain try. */
static int
session_exec(struct session *s, struct relay *relay, struct ws_client *client,
    struct relay_result *result, struct k8s_err *err)
{
	struct relay_params p = {
	    .exec.namespace_ = s->setup.config->namespace_,
	    .exec.pod = s->pod,
	    .exec.container = s->setup.config->container,
	    .env = s->env,
	    .command = s->command,
	};

	if (relay_run(relay, client, &p, result, err) == -1)
		return -1;
	if (result->err.code != K8S_ERR_NO_COMMAND || result->started)
		return 0;
	if (s->command == NULL ||
	    (s->words = prelude_split_words(s->command)) == NULL) {
		k8s_err_set(&result->err, K8S_ERR_NO_COMMAND,
		    "this container has no /bin/sh: only a program with plain "
		    "arguments can be run in it, as in: ssh HOST /app/tool "
		    "--flag");
		return 0;
	}
	log_info("no /bin/sh in %s/%s: running the command without a shell",
	    p.exec.namespace_, p.exec.pod);
	p.direct = (const char *const *)s->words;
	return relay_run(relay, client, &p, result, err);
}

/*
 * Whether more can be found out than the server said: what is with the pod, or
 * how the server can't be reached. One that did not answer won't now.
 */
static int
session_can_explain(const struct relay_result *r)
{
	if (r->client_gone || r->exit_code != -1 || r->started)
		return 0;
	switch (r->err.code) {
	case K8S_ERR_API:
	case K8S_ERR_NOT_FOUND:
	case K8S_ERR_CONNECT:
	case K8S_ERR_TLS:
		return 1;
	case K8S_ERR_DISCONNECT:
		return r->http_refused;
	default:
		return 0;
	}
}

/* Why the command never began, into r->err. */
static void
session_explain(const struct session *s, struct relay_result *r)
{
	__attribute__((cleanup(buf_freep))) struct buf *out = NULL;
	const struct config *c = s->setup.config;
	char code[16];
	const char *const argv[] = {"k8shell-explain", c->namespace_, s->pod,
	    c->container != NULL ? c->container : "", code, r->err.msg, NULL};
	const char *const envp[] = {NULL};
	const struct proc_run run = {
	    .path = EXPLAIN_PATH,
	    .argv = argv,
	    .envp = envp,
	    .timeout_ms = EXPLAIN_TIMEOUT_MS,
	    .max_out = K8S_ERR_MAX,
	    .max_err = K8S_ERR_MAX,
	};
	struct k8s_err why;
	const char *text;
	int status;

	(void)snprintf(code, sizeof(code), "%d", (int)r->err.code);
	if ((out = buf_new(K8S_ERR_MAX)) == NULL)
		return;
	if (proc_run(&run, out, NULL, &status, &why) == -1)
		log_error("%s", why.msg);
	else if (WIFEXITED(status) && WEXITSTATUS(status) != 0 &&
	    (text = buf_string(out)) != NULL && *text != '\0')
		k8s_err_set(&r->err, (enum k8s_err_code)WEXITSTATUS(status),
		    "%s", text);
}

static void
session_free_loop(struct loop **l)
{
	loop_free(*l);
}

/*
 * By means of the guest. *plain: it can't run there, and plain mode is to be
 * tried; the user is told, as what it can't do may be missed.
 */
static int
session_with_guest(struct session *s, struct loop *loop, struct client *user,
    struct ws_client *server, struct relay_result *result, int *plain,
    struct k8s_err *err)
{
	__attribute__((cleanup(carry_clear))) struct carry carry;
	const struct guestsession_params p = {
	    .exec.namespace_ = s->setup.config->namespace_,
	    .exec.pod = s->pod,
	    .exec.container = s->setup.config->container,
	    .env = s->env,
	    .command = s->command,
	    .agent = s->agent,
	};

	char line[K8S_ERR_MAX + 64];

	*plain = 0;
	if (carry_init(&carry, GUEST_DIR, err) == -1)
		return -1;
	if (guestsession_run(loop, user, server, &carry, &p, result, plain,
		err) == -1)
		return -1;
	if (!*plain)
		return 0;
	log_info("user %s: no guest in %s/%s: %s", s->user, p.exec.namespace_,
	    p.exec.pod, result->err.msg);
	(void)dprintf(STDERR_FILENO,
	    "k8shell: plain mode (%s): no signals, no agent, and the command "
	    "goes on when the connection is cut%s\n",
	    log_escape(line, sizeof(line), result->err.msg,
		strlen(result->err.msg)),
	    /* The terminal is raw. */
	    s->tty ? "\r" : "");
	return 0;
}

static int
session_run(struct session *s, struct relay_result *result, struct k8s_err *err)
{
	__attribute__((cleanup(session_free_loop))) struct loop *loop = NULL;
	__attribute__((cleanup(ws_client_freep))) struct ws_client *server =
	    NULL;
	__attribute__((cleanup(client_freep))) struct client *user = NULL;
	__attribute__((cleanup(relay_freep))) struct relay *relay = NULL;
	int ret = 0, plain = 1;

	if ((loop = loop_new(err)) == NULL ||
	    (server = ws_client_new(loop, s->setup.kc, &s->setup.cred, err)) ==
		NULL ||
	    (user = client_new(loop, s->tty, err)) == NULL)
		return -1;
	if (!s->setup.config->guest_off)
		ret = session_with_guest(s, loop, user, server, result, &plain,
		    err);
	if (ret == 0 && plain) {
		if ((relay = relay_new(loop, user, err)) == NULL)
			return -1;
		ret = session_exec(s, relay, server, result, err);
	}
	client_traffic(user, &s->bytes_in, &s->bytes_out);
	return ret;
}

/* The one line a user sees of a failure; the log gets it too. */
static int
session_complain(const struct session *s, struct k8s_err *err)
{
	char line[K8S_ERR_MAX + 64];
	int status = EXIT_SESSION;

	if (s->pod != NULL)
		k8s_err_prefix(err, "%s/%s", s->setup.config->namespace_,
		    s->pod);
	log_error("user %s: %s", s->user != NULL ? s->user : "?", err->msg);
	(void)dprintf(STDERR_FILENO, "k8shell: %s\n",
	    log_escape(line, sizeof(line), err->msg, strlen(err->msg)));
	if (err->code == K8S_ERR_NO_COMMAND)
		status = EXIT_NO_COMMAND;
	else if (err->code == K8S_ERR_NOT_EXECUTABLE)
		status = EXIT_NOT_EXECUTABLE;
	return status;
}

/* Ends as the command did, or as we were told: sshd reports exit-signal. */
static int
session_die(struct session *s, int sig)
{
	sigset_t set;

	setup_clear(&s->setup);
	/*
	 * Nothing dies of these, whatever the container says: we would stop,
	 * and stay.
	 */
	if (sig == SIGSTOP || sig == SIGTSTP || sig == SIGTTIN ||
	    sig == SIGTTOU)
		return 128 + sig;
	(void)signal(sig, SIG_DFL);
	(void)sigemptyset(&set);
	(void)sigaddset(&set, sig);
	(void)sigprocmask(SIG_UNBLOCK, &set, NULL);
	(void)raise(sig);
	return 128 + sig; /* one that does not kill */
}

/* Wipes the credentials, however main() ends. */
static void
session_clear(struct session *s)
{
	setup_clear(&s->setup);
	free(s->user);
	free(s->pod);
	free(s->env);
	if (s->words != NULL)
		free(s->words[0]);
	free(s->words);
}

int
main(int argc, char **argv)
{
	const struct rlimit no_core = {0, 0};
	struct relay_result result = {.exit_code = -1};
	__attribute__((cleanup(session_clear))) struct session s = {
	    .control = -1};
	struct k8s_err err = K8S_ERR_INIT;

	proc_sane_fds();
	/* Memory holds credentials: no core file, no ptrace by the user. */
	(void)setrlimit(RLIMIT_CORE, &no_core);
	(void)prctl(PR_SET_DUMPABLE, 0);
	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGCHLD, SIG_DFL); /* or children reap themselves */
	if (argc == 2 && strcmp(argv[1], "-V") == 0) {
		(void)printf("%s\n", PACKAGE_STRING);
		return 0;
	}
	log_init("k8shell-session");
	if (session_setup(&s, argc, argv, &err) == -1)
		return session_complain(&s, &err);
	log_info("user %s: %s in %s/%s", s.user,
	    s.command != NULL ? "command" : "shell", s.setup.config->namespace_,
	    s.pod);
	if (session_announce(&s, &err) == -1)
		return session_complain(&s, &err);
	if (session_run(&s, &result, &err) == -1) {
		session_record_end(&s, 0, 0, err.msg);
		return session_complain(&s, &err);
	}
	if (session_can_explain(&result))
		session_explain(&s, &result);
	if (result.caught != 0 || result.client_gone) {
		session_record_end(&s, 0, 0, "the client is gone");
		if (result.caught == 0) {
			log_info("user %s: the client is gone", s.user);
			return EXIT_SESSION;
		}
		log_info("user %s: ended by signal %d", s.user, result.caught);
		return session_die(&s, result.caught);
	}
	if (result.exit_code == -1) {
		session_record_end(&s, 0, 0, result.err.msg);
		return session_complain(&s, &result.err);
	}
	/* Only the server's word counts; which signal is told by the script. */
	if (result.exit_code != 128 + result.signal)
		result.signal = 0;
	log_info("user %s: exit status %d%s", s.user, result.exit_code,
	    result.signal != 0 ? " (signal)" : "");
	session_record_end(&s, result.exit_code, result.signal, NULL);
	if (result.signal != 0)
		return session_die(&s, result.signal);
	return result.exit_code;
}
