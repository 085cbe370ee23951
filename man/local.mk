# SPDX-License-Identifier: Apache-2.0
dist_man_MANS += man/k8shell-forward.8 man/k8shell-proxyd.8 \
	man/k8shell-session.8 man/k8shell-sftp.8 man/k8shell.conf.5 \
	man/libnss_k8shell.8
