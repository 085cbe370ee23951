# SPDX-License-Identifier: Apache-2.0
noinst_LIBRARIES += lib/core/libcore.a
lib_core_libcore_a_SOURCES = \
	lib/core/audit.c lib/core/audit.h \
	lib/core/buf.c lib/core/buf.h \
	lib/core/config.c lib/core/config.h \
	lib/core/control.c lib/core/controlcall.c lib/core/control.h \
	lib/core/dials.c lib/core/dials.h \
	lib/core/err.c lib/core/err.h \
	lib/core/inifile.c lib/core/inifile.h \
	lib/core/json.c lib/core/json.h \
	lib/core/log.c lib/core/log.h \
	lib/core/loop.c lib/core/loop.h \
	lib/core/modes.c lib/core/modes.h \
	lib/core/nbio.c lib/core/nbio.h \
	lib/core/mux.c lib/core/mux.h lib/core/muxint.h \
	lib/core/muxframe.c lib/core/muxframe.h \
	lib/core/muxrecv.c lib/core/muxsend.c \
	lib/core/net.c lib/core/net.h \
	lib/core/proc.c lib/core/procfds.c lib/core/proc.h
lib_core_libcore_a_CFLAGS = $(AM_CFLAGS) $(INIH_CFLAGS)

# Apart, as linking it empties a program's environment.
noinst_LIBRARIES += lib/core/libclientenv.a
lib_core_libclientenv_a_SOURCES = lib/core/clientenv.c lib/core/clientenv.h
