# SPDX-License-Identifier: Apache-2.0
# Runs in containers of any image, so it is static, with a C library of its
# own: one command with a compiler and flags of its own, not automake's. The
# file's name ends as `uname -m` there says.
GUEST_H = \
	guest/account.h guest/agent.h guest/dial.h guest/flow.h guest/guest.h \
	guest/pty.h guest/request.h guest/resolve.h \
	guest/session.h guest/signals.h guest/spawn.h guest/stream.h
GUEST_C = \
	guest/account.c guest/agent.c guest/dial.c guest/flow.c guest/main.c \
	guest/pty.c guest/request.c guest/resolve.c \
	guest/session.c guest/signals.c guest/spawn.c guest/stream.c
GUEST_CORE_C = \
	lib/core/buf.c lib/core/err.c lib/core/loop.c lib/core/modes.c lib/core/mux.c \
	lib/core/muxframe.c lib/core/muxrecv.c lib/core/muxsend.c \
	lib/core/nbio.c lib/core/procfds.c
GUEST_CORE_H = \
	lib/core/buf.h lib/core/err.h lib/core/loop.h lib/core/modes.h lib/core/mux.h \
	lib/core/muxframe.h lib/core/muxint.h lib/core/nbio.h lib/core/proc.h
EXTRA_DIST += $(GUEST_C) $(GUEST_H)

GUEST_INPUT = $(GUEST_C) $(GUEST_H) $(GUEST_CORE_C) \
	$(GUEST_CORE_H)
# Not CFLAGS: those are for this machine.
GUEST_BUILD = -std=c11 -D_GNU_SOURCE \
	-DPACKAGE_STRING='"$(PACKAGE_STRING)"' -I. $(GUEST_WERROR) \
	-o '$(abs_builddir)/$@' $(GUEST_C) $(GUEST_CORE_C)

guestdir = $(k8shelllibexecdir)/guest
guest_SCRIPTS =
if GUEST
guest_SCRIPTS += guest/k8shell-guest-$(GUEST_ARCH)
guest/k8shell-guest-$(GUEST_ARCH): $(GUEST_INPUT) Makefile
	$(AM_V_CCLD)$(MKDIR_P) guest && cd '$(srcdir)' && \
	    $(GUEST_CC) $(GUEST_CC_FLAGS) $(GUEST_BUILD)
CLEANFILES += guest/k8shell-guest-$(GUEST_ARCH)
endif
if GUEST_ARM64
guest_SCRIPTS += guest/k8shell-guest-aarch64
guest/k8shell-guest-aarch64: $(GUEST_INPUT) Makefile
	$(AM_V_CCLD)$(MKDIR_P) guest && cd '$(srcdir)' && \
	    $(GUEST_CC_ARM64) $(GUEST_CC_ARM64_FLAGS) $(GUEST_BUILD)
CLEANFILES += guest/k8shell-guest-aarch64
endif

# For this machine's sftp-server where it is carried into a container, so with
# this machine's C library.
EXTRA_DIST += guest/passwd.c
guest_SCRIPTS += guest/k8shell-passwd.so
guest/k8shell-passwd.so: guest/passwd.c Makefile
	$(AM_V_CCLD)$(MKDIR_P) guest && $(CC) -std=c11 -D_GNU_SOURCE \
	    $(PASSWD_CFLAGS) -fPIC -shared -s -o $@ $(srcdir)/guest/passwd.c -ldl
CLEANFILES += guest/k8shell-passwd.so
PASSWD_CFLAGS = -O2 -Wall -Wextra -fstack-protector-strong -Wl,-z,relro \
	-Wl,-z,now -Wl,-z,noexecstack $(GUEST_WERROR)

# The guest for this machine, for compilers and sanitizers to look at.
check_PROGRAMS += guest/k8shell-guest
guest_k8shell_guest_SOURCES = $(GUEST_C) $(GUEST_H)
guest_k8shell_guest_CFLAGS = $(AM_CFLAGS)
guest_k8shell_guest_LDADD = lib/core/libcore.a
