# SPDX-License-Identifier: Apache-2.0
# A module of the C library's name service: libc alone, and what it needs of
# lib/core compiled in. One command: libtool would be there for this file only.
# Without sanitizers, as sshd loads it. Data: a library is not executable.
NSS_C = nss/hosts.c lib/core/control.c lib/core/controlcall.c lib/core/err.c
NSS_H = lib/core/control.h lib/core/err.h
EXTRA_DIST += nss/hosts.c

if SANITIZERS
NSS_HARDENING = -fstack-protector-strong
else
NSS_HARDENING = $(HARDENING_CFLAGS)
endif
# A program's -fPIE is among them; the last one counts.
NSS_CFLAGS = $(NSS_HARDENING) -fPIC -fvisibility=hidden -ffunction-sections
NSS_LINK = -shared -Wl,-soname,libnss_k8shell.so.2 -Wl,--gc-sections \
	-Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack -Wl,-z,defs

nss_DATA = nss/libnss_k8shell.so.2
nss/libnss_k8shell.so.2: $(NSS_C) $(NSS_H) config.h Makefile
	$(AM_V_CCLD)$(MKDIR_P) nss && (cd '$(srcdir)' && \
	    $(CC) $(DEFS) -I. -I'$(abs_builddir)' -include config.h \
	    $(CPPFLAGS) $(CFLAGS) $(NSS_CFLAGS) $(LDFLAGS) $(NSS_LINK) \
	    -o '$(abs_builddir)/$@' $(NSS_C))
CLEANFILES += nss/libnss_k8shell.so.2
