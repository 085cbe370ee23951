# SPDX-License-Identifier: Apache-2.0

check_PROGRAMS += tests/fakekube/fakekube
tests_fakekube_fakekube_SOURCES = \
	tests/fakekube/api.c \
	tests/fakekube/config.c \
	tests/fakekube/conn.c \
	tests/fakekube/exec.c \
	tests/fakekube/fakekube.h \
	tests/fakekube/faults.c \
	tests/fakekube/http.c \
	tests/fakekube/identity.c \
	tests/fakekube/listen.c \
	tests/fakekube/log.c \
	tests/fakekube/main.c \
	tests/fakekube/objects.c \
	tests/fakekube/options.c \
	tests/fakekube/rootfs.c \
	tests/fakekube/sandbox.c \
	tests/fakekube/session.h \
	tests/fakekube/session_end.c \
	tests/fakekube/session_in.c \
	tests/fakekube/session_out.c \
	tests/fakekube/spawn.c \
	tests/fakekube/tls.c \
	tests/fakekube/upgrade.c \
	tests/fakekube/util.c \
	tests/fakekube/websocket.c
tests_fakekube_fakekube_CFLAGS = $(AM_CFLAGS) $(OPENSSL_CFLAGS)
tests_fakekube_fakekube_LDADD = $(OPENSSL_LIBS)

dist_check_SCRIPTS += tests/fakekube/selftest.py
TESTS += tests/fakekube/selftest.py
EXTRA_DIST += tests/fakekube/README.md tests/fakekube/selftest.conf
