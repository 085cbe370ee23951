# SPDX-License-Identifier: Apache-2.0
# An admin puts it into /etc/ssh/sshd_config.d: it changes who may log in.
sshdexampledir = $(docdir)/sshd_config.d
dist_sshdexample_DATA = sshd_config.d/50-k8shell.conf
