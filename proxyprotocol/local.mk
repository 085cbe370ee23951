# SPDX-License-Identifier: Apache-2.0
noinst_LIBRARIES += proxyprotocol/libproxyprotocol.a
proxyprotocol_libproxyprotocol_a_SOURCES = \
	proxyprotocol/sshdlog.c proxyprotocol/sshdlog.h
