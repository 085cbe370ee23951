/* SPDX-License-Identifier: Apache-2.0 */
/* Kubeconfigs to test with: one cluster and one user, lines of which vary. */
#ifndef K8SHELL_KUBECONFIG_TEXT_H
#define K8SHELL_KUBECONFIG_TEXT_H

#define PEM	 "-----BEGIN X-----\nAA==\n-----END X-----\n"
#define PEM_DATA "LS0tLS1CRUdJTiBYLS0tLS0KQUE9PQotLS0tLUVORCBYLS0tLS0K"

#define HEAD                                                            \
	"apiVersion: v1\nkind: Config\ncurrent-context: c\ncontexts:\n" \
	"- {name: other, context: {cluster: x, user: x}}\n"             \
	"- name: c\n  context: {cluster: k, user: u, namespace: ws}\n"
#define CONFIG(cluster, user)                             \
	HEAD "clusters:\n- name: k\n  cluster:\n" cluster \
	     "users:\n- name: u\n  user:\n" user
#define SERVER "    server: https://k:6443\n"
#define TOKEN  "    token: abc\n"

#endif
