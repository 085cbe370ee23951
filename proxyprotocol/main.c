/* SPDX-License-Identifier: Apache-2.0 */
/*
 * k8shell-proxyd: the door of a bastion. Started as root; it listens and
 * forks, and everything that looks into a connection has less rights.
 */
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/core/config.h"
#include "lib/core/log.h"
#include "lib/core/proc.h"
#include "proxyprotocol/front.h"
#include "proxyprotocol/supervise.h"

#define RUN_DIR "/run/k8shell"

struct options {
	const char *config;
	int test, foreground, debug;
};

static int
usage(void)
{
	(void)fprintf(stderr, "usage: k8shell-proxyd [-DdtV] [-f file]\n");
	return 1;
}

static int
options_get(struct options *o, int argc, char **argv)
{
	int c;

	o->config = CONFIG_PATH;
	while ((c = getopt(argc, argv, "DdtVf:")) != -1)
		switch (c) {
		case 'D':
			o->foreground = 1;
			break;
		case 'd':
			o->debug = 1;
			break;
		case 't':
			o->test = 1;
			break;
		case 'f':
			o->config = optarg;
			break;
		case 'V':
			(void)printf("%s\n", PACKAGE_STRING);
			exit(0);
		default:
			return -1;
		}
	return optind == argc ? 0 : -1;
}

static int
make_dir(const char *path, struct k8s_err *err)
{
	if (mkdir(path, 0755) == -1 && errno != EEXIST)
		return k8s_err_errno(err, "%s", path);
	return 0;
}

/* Whose the supervisors are, and which group the helpers are setgid to. */
static int
find_user(struct front_params *p, struct k8s_err *err)
{
	const struct passwd *pw = getpwnam(K8SHELL_USER);
	const struct group *gr = getgrnam(K8SHELL_GROUP);

	if (pw == NULL || gr == NULL)
		return k8s_err_set(err, K8S_ERR_CONFIG,
		    "there is no %s %s on this machine: the package makes it, "
		    "or: useradd --system --user-group %s",
		    pw == NULL ? "user" : "group",
		    pw == NULL ? K8SHELL_USER : K8SHELL_GROUP, K8SHELL_USER);
	p->uid = pw->pw_uid;
	p->gid = pw->pw_gid;
	p->helper_gid = gr->gr_gid;
	return 0;
}

/* The whole file, also what the helpers will read of it, and sshd's. */
static struct settings *
load(const char *path, struct sshd_facts *facts, struct k8s_err *err)
{
	__attribute__((cleanup(config_freep))) struct config *c = NULL;
	struct settings *s;

	if ((s = settings_load(path, err)) == NULL)
		return NULL;
	/* sshd refuses to look at its configuration without it. */
	if (make_dir("/run/sshd", err) == -1 ||
	    (c = config_load(path, err)) == NULL ||
	    sshd_check(s, facts, err) == -1)
		settings_freep(&s);
	return s;
}

static int
start(const struct options *o, struct front_params *p, struct k8s_err *err)
{
	if (geteuid() != 0)
		return k8s_err_set(err, K8S_ERR_SYSTEM, "it must run as root");
	if ((p->settings = load(o->config, &p->facts, err)) == NULL)
		return -1;
	if (o->test)
		return 0;
	log_set_level(o->debug ? LOGL_DEBUG : p->settings->log_level);
	if (find_user(p, err) == -1 || make_dir(RUN_DIR, err) == -1 ||
	    sshd_raise_nofile(p->settings, err) == -1 ||
	    supervise_self_test(p->settings, p->uid, p->gid, p->helper_gid,
		err) == -1 ||
	    listen_open(&p->sockets, p->settings, NULL, err) == -1)
		return -1;
	p->config_path = o->config;
	p->slots_path = RUN_DIR "/slots";
	/* From here on it is clear that it runs. */
	if (!o->foreground && daemon(0, o->debug) == -1)
		return k8s_err_errno(err, "daemon");
	return 0;
}

int
main(int argc, char **argv)
{
	struct front_params p = {.settings = NULL};
	struct options o = {.config = NULL};
	struct k8s_err err = K8S_ERR_INIT;

	proc_sane_fds();
	(void)signal(SIGPIPE, SIG_IGN);
	log_init("k8shell-proxyd");
	if (options_get(&o, argc, argv) == -1)
		return usage();
	if (o.debug)
		log_to_stderr(1);
	if (start(&o, &p, &err) == 0) {
		if (o.test || front_run(&p, &err) == 0)
			return 0;
	}
	if (!o.debug)
		(void)fprintf(stderr, "k8shell-proxyd: %s\n", err.msg);
	if (!o.test)
		log_error("%s", err.msg);
	return 1;
}
