/* SPDX-License-Identifier: Apache-2.0 */
#include "helpers/run.h"

#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "helpers/agent.h"
#include "helpers/carry.h"
#include "helpers/client.h"
#include "helpers/setup.h"
#include "lib/core/buf.h"
#include "lib/core/clientenv.h"
#include "lib/core/log.h"
#include "lib/core/proc.h"

/* Everything that is not the remote side's own end. */
#define EXIT_SESSION	    255
#define EXIT_NOT_EXECUTABLE 126
#define EXIT_NO_COMMAND	    127

#define EXPLAIN_TIMEOUT_MS 45000

struct run {
	const struct run_kind *kind;
	void *arg;
	char *user;
	struct setup setup;
	char *pod;
	const char **env;  /* for the remote side */
	const char *agent; /* socket of the user's agent, or NULL */
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
run_is_local(const char *entry, int tty)
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
run_environment(struct run *s, struct k8s_err *err)
{
	const char *e;
	size_t i, n;

	for (n = 0; clientenv_entry(n) != NULL; n++)
		;
	if ((s->env = calloc(n + 1, sizeof(*s->env))) == NULL)
		return k8s_err_errno(err, "out of memory");
	for (i = n = 0; (e = clientenv_entry(i)) != NULL; i++)
		if (!run_is_local(e, s->tty))
			s->env[n++] = e;
	return 0;
}

static int
run_setup(struct run *s, struct k8s_err *err)
{
	struct passwd *pw;

	s->tty = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
	if (run_environment(s, err) == -1)
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
run_now_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (long long)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static struct control_text
run_text(const char *s)
{
	return (struct control_text){s, s == NULL ? 0 : strlen(s)};
}

/*
 * Tells the supervisor what begins. In ForceCommand mode there is none; where
 * there is one, a session that it does not know of is not to be (audit).
 */
static int
run_announce(struct run *s, struct k8s_err *err)
{
	const struct control_session_start start = {
	    .kind = s->kind->kind,
	    .tty = s->tty,
	    .command = run_text(s->kind->command),
	    .namespace_ = run_text(s->setup.config->namespace_),
	    .pod = run_text(s->pod),
	    .container = run_text(s->setup.config->container),
	};
	struct k8s_err why;

	s->started_ms = run_now_ms();
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
run_record_end(const struct run *s, int status, int sig, const char *error)
{
	const struct control_session_end end = {
	    .how = error != NULL ? CONTROL_FAILED
		: sig != 0	 ? CONTROL_SIGNALED
				 : CONTROL_EXITED,
	    .exit_status = status,
	    .signal = sig,
	    .error = run_text(error),
	    .bytes_in = s->bytes_in,
	    .bytes_out = s->bytes_out,
	    .duration_ms = (uint64_t)(run_now_ms() - s->started_ms),
	};
	struct k8s_err err;

	if (s->control != -1 &&
	    control_session_end(s->control, &end, &err) == -1)
		log_error("user %s: the session's end can't be put on record: "
			  "%s",
		    s->user, err.msg);
}

/*
 * Whether more can be found out than the server said: what is with the pod, or
 * how the server can't be reached. One that did not answer won't now.
 */
static int
run_can_explain(const struct relay_result *r)
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
run_explain(const struct run *s, struct relay_result *r)
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

static struct exec_params
run_exec_params(const struct run *s)
{
	return (struct exec_params){
	    .namespace_ = s->setup.config->namespace_,
	    .pod = s->pod,
	    .container = s->setup.config->container,
	};
}

static void
run_free_loop(struct loop **l)
{
	loop_free(*l);
}

/* The container's user to become, or NULL. */
static const char *
run_becomes(const struct run *s)
{
	const char *user = s->setup.config->user;

	return user != NULL && strcmp(user, CONFIG_SAME) == 0 ? s->user : user;
}

/*
 * By means of the guest. *plain: it can't run there, or there is none here;
 * result->err says why.
 */
static int
run_with_guest(struct run *s, struct loop *loop, struct client *user,
    struct ws_client *server, struct relay_result *result, int *plain,
    struct k8s_err *err)
{
	__attribute__((cleanup(carry_clear))) struct carry carry;
	struct guestsession_params p = {
	    .exec = run_exec_params(s),
	    .env = s->env,
	    .user = run_becomes(s),
	    .agent = s->agent,
	};

	if (carry_init(&carry, GUEST_DIR, err) == -1) {
		if (err->code != K8S_ERR_NOT_FOUND)
			return -1;
		result->err = *err;
		*plain = 1;
		return 0;
	}
	s->kind->guest(s->arg, &p);
	if (guestsession_run(loop, user, server, &carry, &p, result, plain,
		err) == -1)
		return -1;
	if (*plain)
		log_info("user %s: no guest in %s/%s: %s", s->user,
		    p.exec.namespace_, p.exec.pod, result->err.msg);
	return 0;
}

static int
run_plain(struct run *s, struct loop *loop, struct client *user,
    struct ws_client *server, const char *no_guest, struct relay_result *result,
    struct k8s_err *err)
{
	__attribute__((cleanup(relay_freep))) struct relay *relay = NULL;
	struct relay_params p = {.exec = run_exec_params(s), .env = s->env};

	/* Never as somebody else than whom the administrator has named. */
	if (run_becomes(s) != NULL)
		return k8s_err_set(err, K8S_ERR_FORBIDDEN,
		    "without k8shell-guest no session becomes user %s there: "
		    "%s",
		    run_becomes(s), no_guest);
	if ((relay = relay_new(loop, user, err)) == NULL)
		return -1;
	return s->kind->plain(s->arg, relay, server, &p, no_guest, result, err);
}

static int
run_either(struct run *s, struct relay_result *result, struct k8s_err *err)
{
	__attribute__((cleanup(run_free_loop))) struct loop *loop = NULL;
	__attribute__((cleanup(ws_client_freep))) struct ws_client *server =
	    NULL;
	__attribute__((cleanup(client_freep))) struct client *user = NULL;
	int off = s->setup.config->guest_off, plain = off, ret = 0;
	char why[K8S_ERR_MAX];

	if ((loop = loop_new(err)) == NULL ||
	    (server = ws_client_new(loop, s->setup.kc, &s->setup.cred, err)) ==
		NULL ||
	    (user = client_new(loop, s->tty, err)) == NULL)
		return -1;
	if (!off)
		ret =
		    run_with_guest(s, loop, user, server, result, &plain, err);
	if (ret == 0 && plain) {
		/* result is the plain session's from here on. */
		(void)snprintf(why, sizeof(why), "%s",
		    off ? "" : result->err.msg);
		ret = run_plain(s, loop, user, server, off ? NULL : why, result,
		    err);
	}
	client_traffic(user, &s->bytes_in, &s->bytes_out);
	return ret;
}

/* The one line a user sees of a failure; the log gets it too. */
static int
run_fail(const struct run *s, struct k8s_err *err)
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

/* The same, before anything was written to the user. */
static int
run_refuse(struct run *s, struct k8s_err *err)
{
	char line[K8S_ERR_MAX + 64];
	int status = run_fail(s, err);

	/* It may take a while, and no credentials. */
	setup_clear(&s->setup);
	if (s->kind->refuse != NULL)
		s->kind->refuse(s->arg,
		    log_escape(line, sizeof(line), err->msg, strlen(err->msg)));
	return status;
}

/* Ends as the command did, or as we were told: sshd reports exit-signal. */
static int
run_die(struct run *s, int sig)
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

/* Wipes the credentials, however it ends. */
static void
run_clear(struct run *s)
{
	setup_clear(&s->setup);
	free(s->user);
	free(s->pod);
	free(s->env);
}

/* How it ended, to the record, the log and sshd; main()'s exit status. */
static int
run_end(struct run *s, struct relay_result *result)
{
	if (run_can_explain(result))
		run_explain(s, result);
	if (result->caught != 0 || result->client_gone) {
		run_record_end(s, 0, 0, "the client is gone");
		if (result->caught == 0) {
			log_info("user %s: the client is gone", s->user);
			return EXIT_SESSION;
		}
		log_info("user %s: ended by signal %d", s->user,
		    result->caught);
		return run_die(s, result->caught);
	}
	if (result->exit_code == -1) {
		run_record_end(s, 0, 0, result->err.msg);
		return result->started ? run_fail(s, &result->err)
				       : run_refuse(s, &result->err);
	}
	/* Only the server's word counts; which signal is told by the script. */
	if (result->exit_code != 128 + result->signal)
		result->signal = 0;
	log_info("user %s: exit status %d%s", s->user, result->exit_code,
	    result->signal != 0 ? " (signal)" : "");
	run_record_end(s, result->exit_code, result->signal, NULL);
	if (result->signal != 0)
		return run_die(s, result->signal);
	return result->exit_code;
}

int
run(const struct run_kind *kind, void *arg)
{
	static const char *const names[] = {
	    [CONTROL_SHELL] = "shell",
	    [CONTROL_EXEC] = "command",
	    [CONTROL_SFTP] = "sftp",
	};
	__attribute__((cleanup(run_clear))) struct run s = {
	    .kind = kind,
	    .arg = arg,
	    .control = -1,
	};
	struct relay_result result = {.exit_code = -1};
	struct k8s_err err = K8S_ERR_INIT;

	if (run_setup(&s, &err) == -1)
		return run_refuse(&s, &err);
	log_info("user %s: %s in %s/%s", s.user, names[kind->kind],
	    s.setup.config->namespace_, s.pod);
	if (run_announce(&s, &err) == -1)
		return run_refuse(&s, &err);
	if (run_either(&s, &result, &err) == -1) {
		run_record_end(&s, 0, 0, err.msg);
		return run_refuse(&s, &err);
	}
	return run_end(&s, &result);
}

int
run_complain(const struct k8s_err *err)
{
	const struct run nobody = {.user = NULL};
	struct k8s_err e = *err;

	return run_fail(&nobody, &e);
}
