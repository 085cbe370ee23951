# SPDX-License-Identifier: Apache-2.0
EXTRA_DIST += tests/unit/exchange.h tests/unit/envprobe.c \
	tests/unit/envprobe.h tests/unit/shells.h
if HAVE_CMOCKA
UNIT_CFLAGS = $(AM_CFLAGS) $(KUBE_CFLAGS) $(INIH_CFLAGS) $(CMOCKA_CFLAGS)
UNIT_CORE = lib/core/libcore.a $(INIH_LIBS) $(CMOCKA_LIBS)
UNIT_KUBE = lib/kube/libkube.a lib/core/libcore.a $(KUBE_LIBS) $(INIH_LIBS) \
	$(CMOCKA_LIBS)
UNIT_TESTS = \
	tests/unit/test_channel \
	tests/unit/test_clientenv \
	tests/unit/test_config \
	tests/unit/test_exec \
	tests/unit/test_loop \
	tests/unit/test_nbio \
	tests/unit/test_prelude \
	tests/unit/test_prelude_scan
check_PROGRAMS += $(UNIT_TESTS)
TESTS += $(UNIT_TESTS)
tests_unit_test_channel_SOURCES = tests/unit/test_channel.c
tests_unit_test_channel_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_channel_LDADD = $(UNIT_KUBE)
# A library whose constructor runs before main(), found beside the test.
tests_unit_test_clientenv_SOURCES = tests/unit/test_clientenv.c
tests_unit_test_clientenv_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_clientenv_LDFLAGS = $(AM_LDFLAGS) -Wl,-rpath,'$$ORIGIN'
tests_unit_test_clientenv_LDADD = lib/core/libclientenv.a \
	tests/unit/libenvprobe.so $(CMOCKA_LIBS)
CLEANFILES += tests/unit/libenvprobe.so
tests/unit/libenvprobe.so: tests/unit/envprobe.c tests/unit/envprobe.h \
    config.h tests/unit/$(am__dirstamp)
	$(AM_V_CCLD)$(CC) $(DEFS) $(AM_CPPFLAGS) $(CPPFLAGS) $(CFLAGS) \
	    -fPIC -shared -Wl,-soname,libenvprobe.so -o $@ \
	    $(srcdir)/tests/unit/envprobe.c
tests_unit_test_config_SOURCES = tests/unit/test_config.c
tests_unit_test_config_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_config_LDADD = $(UNIT_CORE)
tests_unit_test_exec_SOURCES = tests/unit/test_exec.c
tests_unit_test_exec_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_exec_LDADD = $(UNIT_KUBE)
tests_unit_test_loop_SOURCES = tests/unit/test_loop.c
tests_unit_test_loop_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_loop_LDADD = $(UNIT_CORE)
tests_unit_test_nbio_SOURCES = tests/unit/test_nbio.c
tests_unit_test_nbio_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_nbio_LDADD = $(UNIT_CORE) -lutil
tests_unit_test_prelude_SOURCES = tests/unit/test_prelude.c helpers/prelude.c
tests_unit_test_prelude_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_prelude_LDADD = $(UNIT_KUBE) -lutil
tests_unit_test_prelude_scan_SOURCES = tests/unit/test_prelude_scan.c \
	helpers/prelude.c
tests_unit_test_prelude_scan_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_prelude_scan_LDADD = $(UNIT_CORE)
endif
