# SPDX-License-Identifier: Apache-2.0
# A fuzz target is built in any case: with libFuzzer where configured, else
# with a main() of our own, so that `make check` runs it over its corpus.
FUZZERS = carry channel config control cred dials json kubeconfig mux pod \
	portmessage pp prelude request settings sftprefuse sshdlog status subsystem \
	ws
check_PROGRAMS += tests/fuzz/fuzz_carry \
	tests/fuzz/fuzz_channel \
	tests/fuzz/fuzz_config \
	tests/fuzz/fuzz_control \
	tests/fuzz/fuzz_cred \
	tests/fuzz/fuzz_dials \
	tests/fuzz/fuzz_json \
	tests/fuzz/fuzz_kubeconfig \
	tests/fuzz/fuzz_mux \
	tests/fuzz/fuzz_pod \
	tests/fuzz/fuzz_portmessage \
	tests/fuzz/fuzz_pp \
	tests/fuzz/fuzz_prelude \
	tests/fuzz/fuzz_settings \
	tests/fuzz/fuzz_request \
	tests/fuzz/fuzz_sftprefuse \
	tests/fuzz/fuzz_sshdlog \
	tests/fuzz/fuzz_status \
	tests/fuzz/fuzz_subsystem \
	tests/fuzz/fuzz_ws
dist_check_SCRIPTS += tests/fuzz/replay.sh
TESTS += tests/fuzz/replay.sh
AM_TESTS_ENVIRONMENT += FUZZERS='$(FUZZERS)'; export FUZZERS;
EXTRA_DIST += tests/fuzz/corpus tests/fuzz/fuzz.h tests/fuzz/replay.c

if ENABLE_FUZZING
FUZZ_MAIN =
FUZZ_LINK = $(AM_LDFLAGS) -fsanitize=fuzzer
else
FUZZ_MAIN = tests/fuzz/replay.c
FUZZ_LINK = $(AM_LDFLAGS)
endif
FUZZ_COMPILE = $(AM_CFLAGS) $(KUBE_CFLAGS) $(INIH_CFLAGS)
FUZZ_CORE = lib/core/libcore.a $(INIH_LIBS)
FUZZ_KUBE = lib/kube/libkube.a lib/core/libcore.a $(KUBE_LIBS) $(INIH_LIBS)

tests_fuzz_fuzz_carry_SOURCES = tests/fuzz/fuzz_carry.c $(FUZZ_MAIN) \
	helpers/carry.c
tests_fuzz_fuzz_carry_CFLAGS = $(FUZZ_COMPILE)
tests_fuzz_fuzz_carry_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_carry_LDADD = $(FUZZ_KUBE)
tests_fuzz_fuzz_channel_SOURCES = tests/fuzz/fuzz_channel.c $(FUZZ_MAIN)
tests_fuzz_fuzz_channel_CFLAGS = $(FUZZ_COMPILE)
tests_fuzz_fuzz_channel_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_channel_LDADD = $(FUZZ_KUBE)
tests_fuzz_fuzz_config_SOURCES = tests/fuzz/fuzz_config.c $(FUZZ_MAIN)
tests_fuzz_fuzz_config_CFLAGS = $(FUZZ_COMPILE)
tests_fuzz_fuzz_config_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_config_LDADD = $(FUZZ_CORE)
tests_fuzz_fuzz_control_SOURCES = tests/fuzz/fuzz_control.c $(FUZZ_MAIN)
tests_fuzz_fuzz_control_CFLAGS = $(FUZZ_COMPILE)
tests_fuzz_fuzz_control_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_control_LDADD = $(FUZZ_CORE)
tests_fuzz_fuzz_cred_SOURCES = tests/fuzz/fuzz_cred.c $(FUZZ_MAIN)
tests_fuzz_fuzz_cred_CFLAGS = $(FUZZ_COMPILE)
tests_fuzz_fuzz_cred_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_cred_LDADD = $(FUZZ_KUBE)
tests_fuzz_fuzz_dials_SOURCES = tests/fuzz/fuzz_dials.c $(FUZZ_MAIN)
tests_fuzz_fuzz_dials_CFLAGS = $(FUZZ_COMPILE)
tests_fuzz_fuzz_dials_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_dials_LDADD = $(FUZZ_CORE)
tests_fuzz_fuzz_json_SOURCES = tests/fuzz/fuzz_json.c $(FUZZ_MAIN)
tests_fuzz_fuzz_json_CFLAGS = $(FUZZ_COMPILE)
tests_fuzz_fuzz_json_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_json_LDADD = $(FUZZ_CORE)
tests_fuzz_fuzz_kubeconfig_SOURCES = tests/fuzz/fuzz_kubeconfig.c $(FUZZ_MAIN)
tests_fuzz_fuzz_kubeconfig_CFLAGS = $(FUZZ_COMPILE)
tests_fuzz_fuzz_kubeconfig_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_kubeconfig_LDADD = $(FUZZ_KUBE)
tests_fuzz_fuzz_mux_SOURCES = tests/fuzz/fuzz_mux.c $(FUZZ_MAIN)
tests_fuzz_fuzz_mux_CFLAGS = $(FUZZ_COMPILE)
tests_fuzz_fuzz_mux_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_mux_LDADD = $(FUZZ_CORE)
tests_fuzz_fuzz_pod_SOURCES = tests/fuzz/fuzz_pod.c $(FUZZ_MAIN)
tests_fuzz_fuzz_pod_CFLAGS = $(FUZZ_COMPILE)
tests_fuzz_fuzz_pod_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_pod_LDADD = $(FUZZ_KUBE)
tests_fuzz_fuzz_portmessage_SOURCES = tests/fuzz/fuzz_portmessage.c \
	$(FUZZ_MAIN)
tests_fuzz_fuzz_portmessage_CFLAGS = $(FUZZ_COMPILE)
tests_fuzz_fuzz_portmessage_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_portmessage_LDADD = $(FUZZ_KUBE)
tests_fuzz_fuzz_pp_SOURCES = tests/fuzz/fuzz_pp.c $(FUZZ_MAIN)
tests_fuzz_fuzz_pp_CFLAGS = $(FUZZ_COMPILE)
tests_fuzz_fuzz_pp_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_pp_LDADD = proxyprotocol/libproxyprotocol.a $(FUZZ_CORE)
tests_fuzz_fuzz_prelude_SOURCES = tests/fuzz/fuzz_prelude.c $(FUZZ_MAIN) \
	helpers/prelude.c
tests_fuzz_fuzz_prelude_CFLAGS = $(FUZZ_COMPILE)
tests_fuzz_fuzz_prelude_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_prelude_LDADD = $(FUZZ_CORE)
tests_fuzz_fuzz_settings_SOURCES = tests/fuzz/fuzz_settings.c $(FUZZ_MAIN)
tests_fuzz_fuzz_settings_CFLAGS = $(FUZZ_COMPILE)
tests_fuzz_fuzz_settings_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_settings_LDADD = proxyprotocol/libproxyprotocol.a $(FUZZ_CORE)
tests_fuzz_fuzz_request_SOURCES = tests/fuzz/fuzz_request.c $(FUZZ_MAIN) \
	guest/request.c guest/signals.c
tests_fuzz_fuzz_request_CFLAGS = $(FUZZ_COMPILE)
tests_fuzz_fuzz_request_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_request_LDADD = $(FUZZ_CORE)
tests_fuzz_fuzz_sftprefuse_SOURCES = tests/fuzz/fuzz_sftprefuse.c \
	$(FUZZ_MAIN) helpers/sftprefuse.c
tests_fuzz_fuzz_sftprefuse_CFLAGS = $(FUZZ_COMPILE)
tests_fuzz_fuzz_sftprefuse_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_sftprefuse_LDADD = $(FUZZ_CORE)
tests_fuzz_fuzz_sshdlog_SOURCES = tests/fuzz/fuzz_sshdlog.c $(FUZZ_MAIN)
tests_fuzz_fuzz_sshdlog_CFLAGS = $(FUZZ_COMPILE)
tests_fuzz_fuzz_sshdlog_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_sshdlog_LDADD = proxyprotocol/libproxyprotocol.a $(FUZZ_CORE)
tests_fuzz_fuzz_status_SOURCES = tests/fuzz/fuzz_status.c $(FUZZ_MAIN)
tests_fuzz_fuzz_status_CFLAGS = $(FUZZ_COMPILE)
tests_fuzz_fuzz_status_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_status_LDADD = $(FUZZ_KUBE)
tests_fuzz_fuzz_subsystem_SOURCES = tests/fuzz/fuzz_subsystem.c $(FUZZ_MAIN) \
	helpers/prelude.c helpers/subsystem.c
tests_fuzz_fuzz_subsystem_CPPFLAGS = $(AM_CPPFLAGS) \
	-DSFTP_PATH='"/k8shell-sftp"'
tests_fuzz_fuzz_subsystem_CFLAGS = $(FUZZ_COMPILE)
tests_fuzz_fuzz_subsystem_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_subsystem_LDADD = $(FUZZ_CORE)
tests_fuzz_fuzz_ws_SOURCES = tests/fuzz/fuzz_ws.c $(FUZZ_MAIN)
tests_fuzz_fuzz_ws_CFLAGS = $(FUZZ_COMPILE)
tests_fuzz_fuzz_ws_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_ws_LDADD = $(FUZZ_KUBE)
