# SPDX-License-Identifier: Apache-2.0
# What can be tested without a daemon.
noinst_LIBRARIES += proxyprotocol/libproxyprotocol.a
proxyprotocol_libproxyprotocol_a_SOURCES = \
	proxyprotocol/channels.c proxyprotocol/channels.h \
	proxyprotocol/crc32c.c proxyprotocol/crc32c.h \
	proxyprotocol/destination.c proxyprotocol/destination.h \
	proxyprotocol/limits.c proxyprotocol/limits.h \
	proxyprotocol/names.c proxyprotocol/names.h \
	proxyprotocol/notify.c proxyprotocol/notify.h \
	proxyprotocol/nsswitch.c proxyprotocol/nsswitch.h \
	proxyprotocol/policy.c proxyprotocol/policy.h \
	proxyprotocol/pp.c proxyprotocol/pp.h \
	proxyprotocol/privileges.c proxyprotocol/privileges.h \
	proxyprotocol/record.c proxyprotocol/record.h \
	proxyprotocol/sdnotify.c proxyprotocol/sdnotify.h \
	proxyprotocol/settings.c proxyprotocol/settings.h \
	proxyprotocol/siphash.c proxyprotocol/siphash.h \
	proxyprotocol/slots.c proxyprotocol/slots.h \
	proxyprotocol/sources.c proxyprotocol/sources.h \
	proxyprotocol/sshdlog.c proxyprotocol/sshdlog.h
PROXYD_CPPFLAGS = $(AM_CPPFLAGS) \
	-DCONFIG_PATH='"$(k8shellconfdir)/k8shell.conf"' \
	-DSSHD_CONFIG_PATH='"$(k8shellconfdir)/sshd_config"' \
	-DSESSION_PATH='"$(k8shelllibexecdir)/k8shell-session"' \
	-DFORWARD_PATH='"$(k8shelllibexecdir)/k8shell-forward"' \
	-DSFTP_PATH='"$(k8shelllibexecdir)/k8shell-sftp"' \
	-DK8SHELL_USER='"$(K8SHELL_GROUP)"' \
	-DK8SHELL_GROUP='"$(K8SHELL_GROUP)"'
proxyprotocol_libproxyprotocol_a_CPPFLAGS = $(PROXYD_CPPFLAGS)
proxyprotocol_libproxyprotocol_a_CFLAGS = $(AM_CFLAGS)

sbin_PROGRAMS += proxyprotocol/k8shell-proxyd
proxyprotocol_k8shell_proxyd_SOURCES = \
	proxyprotocol/conn.c \
	proxyprotocol/controls.c \
	proxyprotocol/front.c proxyprotocol/front.h \
	proxyprotocol/frontint.h \
	proxyprotocol/listen.c proxyprotocol/listen.h \
	proxyprotocol/main.c \
	proxyprotocol/selftest.c \
	proxyprotocol/sshd.c proxyprotocol/sshd.h \
	proxyprotocol/supervise.c proxyprotocol/supervise.h \
	proxyprotocol/superviseint.h
proxyprotocol_k8shell_proxyd_CPPFLAGS = $(PROXYD_CPPFLAGS)
proxyprotocol_k8shell_proxyd_CFLAGS = $(AM_CFLAGS)
# No TLS, no HTTP, no JSON parser: libc and libinih.
proxyprotocol_k8shell_proxyd_LDADD = proxyprotocol/libproxyprotocol.a \
	lib/core/libcore.a $(INIH_LIBS)
