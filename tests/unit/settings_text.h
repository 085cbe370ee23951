/* SPDX-License-Identifier: Apache-2.0 */
/* A k8shell.conf with every key there is, for whoever reads one. */
#ifndef K8SHELL_SETTINGS_TEXT_H
#define K8SHELL_SETTINGS_TEXT_H

#define SETTINGS_TEXT                                                \
	"# Everything.\n"                                            \
	"[kubernetes]\n"                                             \
	"kubeconfig = /etc/k8shell/kubeconfig\n"                     \
	"\n"                                                         \
	"[workspace]\n"                                              \
	"namespace = ws\n"                                           \
	"pod = %u-dev\n"                                             \
	"container = main\n"                                         \
	"\n"                                                         \
	"[log]\n"                                                    \
	"level = debug\n"                                            \
	"\n"                                                         \
	"[proxyd]\n"                                                 \
	"sshd = /opt/ssh/sshd\n"                                     \
	"sshd_config = /opt/ssh/config\n"                            \
	"audit_file = /var/log/k8shell/audit.log\n"                  \
	"proxy_id = bastion-1\n"                                     \
	"uid_base = 300000\n"                                        \
	"max_forwards = 1000\n"                                      \
	"max_startups = 50:40:200\n"                                 \
	"max_connections = 2000\n"                                   \
	"max_per_source = 20\n"                                      \
	"source_prefix = 24:56\n"                                    \
	"penalties = authfail:6 invaliduser:7, noauth:2 crash:91,\n" \
	"penalty_exempt = 10.0.0.0/8, 192.0.2.7\n"                   \
	"penalty_exempt = 2001:db8::/32 ; IPv6\n"                    \
	"\n"                                                         \
	"[listener public]\n"                                        \
	"listen = 0.0.0.0:22, [::]:22\n"                             \
	"listen = 192.0.2.1:443\n"                                   \
	"proxy_protocol = required\n"                                \
	"trusted_proxies = 10.0.7.0/24,10.0.8.1\n"                   \
	"trusted_proxies = fd00::/8\n"                               \
	"proxy_timeout = 5\n"                                        \
	"\n"                                                         \
	"[listener inside]\n"                                        \
	"listen = 10.1.0.5:2222\n"

#endif
