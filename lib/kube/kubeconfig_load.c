/* SPDX-License-Identifier: Apache-2.0 */
/* Where a kubeconfig comes from: a file, or the pod one runs in. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/core/log.h"
#include "lib/kube/kfile.h"
#include "lib/kube/kubeconfig.h"

static void
free_list(char **list)
{
	size_t i;

	for (i = 0; list != NULL && list[i] != NULL; i++)
		kfile_wipe(list[i], strlen(list[i]));
	free(list);
}

void
kubeconfig_free(struct kubeconfig *kc)
{
	if (kc == NULL)
		return;
	free(kc->origin);
	free(kc->server);
	free(kc->tls_server_name);
	free(kc->ca);
	kfile_wipe(kc->cert, kc->cert_len);
	kfile_wipe(kc->key, kc->key_len);
	if (kc->token != NULL)
		kfile_wipe(kc->token, strlen(kc->token));
	free(kc->token_file);
	if (kc->exec != NULL) {
		free(kc->exec->api_version);
		free(kc->exec->command);
		free_list(kc->exec->args);
		free_list(kc->exec->env);
		free(kc->exec->install_hint);
		free(kc->exec);
	}
	free(kc->namespace_);
	free(kc);
}

void
kubeconfig_freep(struct kubeconfig **kc)
{
	kubeconfig_free(*kc);
	*kc = NULL;
}

static void
freep(char **p)
{
	free(*p);
}

/* The absolute folder of a file; the caller frees. */
static char *
folder_of(const char *path, struct k8s_err *err)
{
	char *copy __attribute__((cleanup(freep))) = strdup(path);
	char *slash, *dir;

	if (copy == NULL) {
		k8s_err_errno(err, "kubeconfig %s", path);
		return NULL;
	}
	if ((slash = strrchr(copy, '/')) != NULL)
		slash[slash == copy ? 1 : 0] = '\0';
	dir = realpath(slash != NULL ? copy : ".", NULL);
	if (dir == NULL)
		k8s_err_errno(err, "kubeconfig %s", path);
	/* cppcheck-suppress memleak ; copy has a cleanup attribute */
	return dir;
}

struct kubeconfig *
kubeconfig_load(const char *path, struct k8s_err *err)
{
	char *dir __attribute__((cleanup(freep))) = NULL;
	struct kubeconfig *kc;
	unsigned int mode;
	size_t len;
	char *text;

	text = kfile_read(path, KUBECONFIG_MAX, "kubeconfig", &len, &mode, err);
	if (text == NULL)
		return NULL;
	if ((dir = folder_of(path, err)) == NULL) {
		kfile_wipe(text, len);
		return NULL;
	}
	kc = kubeconfig_parse(text, len, path, dir, err);
	/* A key may be in another file, which warns for itself. */
	if (kc != NULL && (mode & S_IROTH) &&
	    (kc->token != NULL || strstr(text, "client-key-data") != NULL ||
		(kc->exec != NULL && kc->exec->env[0] != NULL)))
		log_warn("%s holds credentials and is readable by everybody: "
			 "chmod o= it",
		    path);
	kfile_wipe(text, len);
	return kc;
}

struct kubeconfig *
kubeconfig_in_cluster(const char *dir, struct k8s_err *err)
{
	struct kubeconfig *kc __attribute__((cleanup(kubeconfig_freep))) = NULL;
	char *ca_file __attribute__((cleanup(freep))) = NULL;
	char *ns_file __attribute__((cleanup(freep))) = NULL;
	struct kubeconfig *done;
	char *token;
	size_t len;

	if ((kc = calloc(1, sizeof(*kc))) == NULL ||
	    (kc->origin = strdup("in-cluster")) == NULL ||
	    (kc->server = strdup("https://kubernetes.default.svc")) == NULL ||
	    asprintf(&kc->token_file, "%s/token", dir) == -1 ||
	    asprintf(&ca_file, "%s/ca.crt", dir) == -1 ||
	    asprintf(&ns_file, "%s/namespace", dir) == -1) {
		k8s_err_set(err, K8S_ERR_SYSTEM, "in-cluster: out of memory");
		return NULL;
	}
	kc->ca = kfile_read(ca_file, KUBECONFIG_MAX, "the service account's CA",
	    &kc->ca_len, NULL, err);
	if (kc->ca == NULL)
		/* cppcheck-suppress memleak ; kc has a cleanup attribute */
		return NULL;
	/* Read again for each request, but a missing one shows now. */
	token = kfile_read(kc->token_file, KUBECONFIG_MAX,
	    "the service account's token", &len, NULL, err);
	if (token == NULL)
		/* cppcheck-suppress memleak ; kc has a cleanup attribute */
		return NULL;
	kfile_wipe(token, len);
	/* Optional, as in client-go. */
	kc->namespace_ =
	    kfile_read(ns_file, 256, "namespace", &len, NULL, NULL);
	if (kc->namespace_ != NULL)
		kc->namespace_[strcspn(kc->namespace_, " \t\r\n")] = '\0';
	done = kc;
	kc = NULL;
	return done;
}
