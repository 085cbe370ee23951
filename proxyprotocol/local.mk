# SPDX-License-Identifier: Apache-2.0
noinst_LIBRARIES += proxyprotocol/libproxyprotocol.a
proxyprotocol_libproxyprotocol_a_SOURCES = \
	proxyprotocol/crc32c.c proxyprotocol/crc32c.h \
	proxyprotocol/limits.c proxyprotocol/limits.h \
	proxyprotocol/pp.c proxyprotocol/pp.h \
	proxyprotocol/siphash.c proxyprotocol/siphash.h \
	proxyprotocol/sources.c proxyprotocol/sources.h
proxyprotocol_libproxyprotocol_a_CFLAGS = $(AM_CFLAGS)
