# SPDX-License-Identifier: Apache-2.0
# A module of the C library's name service: libc alone, and what it needs of
# lib/core compiled in. One command, as libtool would be for this file only;
# not automake's flags, which are those of programs. Data: a library is not
# executable.
NSS_C = nss/hosts.c lib/core/control.c lib/core/controlcall.c lib/core/err.c
NSS_H = lib/core/control.h lib/core/err.h
EXTRA_DIST += nss/hosts.c

NSS_CFLAGS = -std=c11 -fPIC -fvisibility=hidden -ffunction-sections \
	-fstack-protector-strong -Wall -Wextra -Wshadow -Wstrict-prototypes \
	-Wmissing-prototypes $(GUEST_WERROR)
NSS_LINK = -shared -Wl,-soname,libnss_k8shell.so.2 -Wl,--gc-sections \
	-Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack -Wl,-z,defs

nss_DATA = nss/libnss_k8shell.so.2
nss/libnss_k8shell.so.2: $(NSS_C) $(NSS_H) config.h Makefile
	$(AM_V_CCLD)$(MKDIR_P) nss && (cd '$(srcdir)' && \
	    $(CC) $(DEFS) -I. -I'$(abs_builddir)' -include config.h \
	    $(CPPFLAGS) $(CFLAGS) $(NSS_CFLAGS) $(LDFLAGS) $(NSS_LINK) \
	    -o '$(abs_builddir)/$@' $(NSS_C))
CLEANFILES += nss/libnss_k8shell.so.2
