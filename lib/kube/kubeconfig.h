/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The current context of a kubeconfig file, resolved: where the API server
 * is, how to verify it and how to authenticate to it.
 * Source: kubernetes.io, "Organizing Cluster Access Using kubeconfig Files"
 * and the reference of the v1 Config type; client.authentication.k8s.io for
 * exec plugins.
 */
#ifndef K8SHELL_KUBECONFIG_H
#define K8SHELL_KUBECONFIG_H

#include <stddef.h>

#include "lib/core/err.h"

/* Largest kubeconfig, and largest file one can name (CA, token, key). */
#define KUBECONFIG_MAX (1024 * 1024)

/* An exec credential plugin: users[].user.exec. */
struct kubeconfig_exec {
	char *api_version;  /* client.authentication.k8s.io/v1 or v1beta1 */
	char *command;	    /* absolute, resolved as kubectl does */
	char **args;	    /* ends with NULL; without argv[0] */
	char **env;	    /* "NAME=VALUE" from the file, ends with NULL */
	char *install_hint; /* or NULL */
	int provide_cluster_info;
};

/* All strings NUL-terminated; PEM lengths do not count that NUL. */
struct kubeconfig {
	char *origin;	       /* file name or "in-cluster", for messages */
	char *server;	       /* scheme://host[:port][/prefix], no '/' last */
	char *tls_server_name; /* name to verify instead of the host, or NULL */
	int insecure;	       /* insecure-skip-tls-verify: log a warning */
	char *ca;	       /* PEM, or NULL: the system's authorities */
	size_t ca_len;
	char *cert, *key; /* PEM of a client certificate, or both NULL */
	size_t cert_len, key_len;
	char *token;	  /* or NULL */
	char *token_file; /* absolute; preferred over token; or NULL */
	struct kubeconfig_exec *exec; /* or NULL */
	char *namespace_;	      /* of the context, or NULL */
};

/*
 * Reads path; the caller frees. Refuses what it can't honour (proxy-url,
 * impersonation, auth-provider, username/password) rather than ignoring it.
 * Relative file names are taken from the kubeconfig's folder.
 */
struct kubeconfig *kubeconfig_load(const char *path, struct k8s_err *err);

/* The same from memory: for tests and fuzzing. dir is for relative names. */
struct kubeconfig *kubeconfig_parse(const char *text, size_t len,
    const char *origin, const char *dir, struct k8s_err *err);

/*
 * The service account that Kubernetes mounts into a pod. The server is
 * https://kubernetes.default.svc: the environment, where other clients look,
 * belongs to the SSH client here. dir is normally KUBECONFIG_IN_CLUSTER_DIR.
 */
#define KUBECONFIG_IN_CLUSTER_DIR \
	"/var/run/secrets/kubernetes.io/serviceaccount"
struct kubeconfig *kubeconfig_in_cluster(const char *dir, struct k8s_err *err);

/* Wipes secrets. NULL is fine. */
void kubeconfig_free(struct kubeconfig *kc);
void kubeconfig_freep(struct kubeconfig **kc);

#endif
