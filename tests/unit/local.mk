# SPDX-License-Identifier: Apache-2.0
EXTRA_DIST += tests/data/transcripts \
	tests/unit/caller.h \
	tests/unit/child.h tests/unit/envprobe.c tests/unit/envprobe.h \
	tests/unit/exchange.h tests/unit/httpd.h tests/unit/jsoncheck.h \
	tests/unit/kubeconfig_text.h tests/unit/muxpair.h \
	tests/unit/muxplay.h tests/unit/muxrig.h \
	tests/unit/settings_text.h tests/unit/shells.h tests/unit/syslogd.h \
	tests/unit/tmpdir.h tests/unit/unit.h

if HAVE_CMOCKA
UNIT_TESTS = \
	tests/unit/test_agent \
	tests/unit/test_api \
	tests/unit/test_audit \
	tests/unit/test_b64 \
	tests/unit/test_buf \
	tests/unit/test_carry \
	tests/unit/test_channel \
	tests/unit/test_channels \
	tests/unit/test_client \
	tests/unit/test_clientenv \
	tests/unit/test_config \
	tests/unit/test_crc32c \
	tests/unit/test_control \
	tests/unit/test_cred \
	tests/unit/test_dials \
	tests/unit/test_err \
	tests/unit/test_exec \
	tests/unit/test_guestsession \
	tests/unit/test_items \
	tests/unit/test_json \
	tests/unit/test_frames \
	tests/unit/test_kubeconfig \
	tests/unit/test_kubeconfig_load \
	tests/unit/test_limits \
	tests/unit/test_log \
	tests/unit/test_loop \
	tests/unit/test_modes \
	tests/unit/test_mux \
	tests/unit/test_mux_flow \
	tests/unit/test_mux_hello \
	tests/unit/test_mux_memory \
	tests/unit/test_mux_peer \
	tests/unit/test_names \
	tests/unit/test_nbio \
	tests/unit/test_net \
	tests/unit/test_notify \
	tests/unit/test_nss_hosts \
	tests/unit/test_nsswitch \
	tests/unit/test_pod \
	tests/unit/test_policy \
	tests/unit/test_portmessage \
	tests/unit/test_pp \
	tests/unit/test_prelude \
	tests/unit/test_prelude_scan \
	tests/unit/test_prelude_stdin \
	tests/unit/test_privileges \
	tests/unit/test_proc \
	tests/unit/test_record \
	tests/unit/test_remote \
	tests/unit/test_sdnotify \
	tests/unit/test_settings \
	tests/unit/test_sftpfiles \
	tests/unit/test_sftprefuse \
	tests/unit/test_sftpserver \
	tests/unit/test_siphash \
	tests/unit/test_slots \
	tests/unit/test_sources \
	tests/unit/test_sshdlog \
	tests/unit/test_status \
	tests/unit/test_subsystem \
	tests/unit/test_tls \
	tests/unit/test_url \
	tests/unit/test_ws \
	tests/unit/test_wsframe \
	tests/unit/test_wshttp
check_PROGRAMS += $(UNIT_TESTS)
TESTS += $(UNIT_TESTS)

UNIT_CFLAGS = $(AM_CFLAGS) $(KUBE_CFLAGS) $(INIH_CFLAGS) $(CMOCKA_CFLAGS)
UNIT_CORE = lib/core/libcore.a $(INIH_LIBS) $(CMOCKA_LIBS)
# log.c once more, with a socket in the test's folder.
UNIT_LOG_CPPFLAGS = $(AM_CPPFLAGS) -DLOG_PATH='"dev-log"'
UNIT_KUBE = lib/kube/libkube.a lib/core/libcore.a $(KUBE_LIBS) $(INIH_LIBS) \
	$(CMOCKA_LIBS)
UNIT_PP = proxyprotocol/libproxyprotocol.a $(UNIT_CORE)

# Its agent's folders are the test's.
tests_unit_test_agent_SOURCES = tests/unit/test_agent.c helpers/agent.c \
	helpers/join.c
tests_unit_test_agent_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_agent_LDADD = $(UNIT_CORE)
tests_unit_test_carry_SOURCES = tests/unit/test_carry.c helpers/carry.c
tests_unit_test_carry_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_carry_LDADD = $(UNIT_KUBE)
tests_unit_test_client_SOURCES = tests/unit/test_client.c helpers/client.c
tests_unit_test_client_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_client_LDADD = $(UNIT_CORE) -lutil
# With an exec and a client of its own.
tests_unit_test_guestsession_SOURCES = tests/unit/test_guestsession.c \
	helpers/guestsession.c helpers/guestlink.c helpers/agent.c \
	helpers/join.c \
	helpers/carry.c helpers/items.c
tests_unit_test_guestsession_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_guestsession_LDADD = $(UNIT_CORE) $(OPENSSL_LIBS)
tests_unit_test_items_SOURCES = tests/unit/test_items.c helpers/items.c
tests_unit_test_items_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_items_LDADD = $(UNIT_CORE)
tests_unit_test_modes_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_modes_LDADD = $(UNIT_CORE) -lutil
tests_unit_test_api_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_api_LDADD = $(UNIT_KUBE)
tests_unit_test_audit_SOURCES = tests/unit/test_audit.c lib/core/log.c
tests_unit_test_audit_CPPFLAGS = $(UNIT_LOG_CPPFLAGS)
tests_unit_test_audit_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_audit_LDADD = $(UNIT_CORE)
tests_unit_test_b64_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_b64_LDADD = $(UNIT_KUBE)
tests_unit_test_buf_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_buf_LDADD = $(UNIT_CORE)
# It runs itself as k8shell-forward, and does not wait a minute for an answer.
tests_unit_test_channels_SOURCES = tests/unit/test_channels.c \
	proxyprotocol/channels.c lib/core/log.c
tests_unit_test_channels_CPPFLAGS = $(UNIT_LOG_CPPFLAGS) \
	-DCHANNELS_ANSWER_MS=700
tests_unit_test_channels_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_channels_LDADD = $(UNIT_PP)
tests_unit_test_channel_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_channel_LDADD = $(UNIT_KUBE)
# With a library whose constructor runs before main(), found beside it.
tests_unit_test_clientenv_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_clientenv_LDFLAGS = $(AM_LDFLAGS) -Wl,-rpath,'$$ORIGIN'
tests_unit_test_clientenv_LDADD = lib/core/libclientenv.a \
	tests/unit/libenvprobe.so $(CMOCKA_LIBS)
tests/unit/libenvprobe.so: tests/unit/envprobe.c tests/unit/envprobe.h \
    config.h
	$(AM_V_CCLD)$(MKDIR_P) tests/unit && $(CC) $(DEFS) $(AM_CPPFLAGS) \
	    $(CPPFLAGS) $(CFLAGS) -fPIC -shared \
	    -Wl,-soname,libenvprobe.so -o $@ $(srcdir)/tests/unit/envprobe.c
CLEANFILES += tests/unit/libenvprobe.so
tests_unit_test_config_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_config_LDADD = $(UNIT_CORE)
tests_unit_test_crc32c_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_crc32c_LDADD = $(UNIT_PP)
tests_unit_test_control_SOURCES = tests/unit/test_control.c \
	lib/core/controlcall.c
tests_unit_test_control_CPPFLAGS = $(AM_CPPFLAGS) -DCONTROL_PATH='"control"'
tests_unit_test_control_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_control_LDADD = $(UNIT_CORE) -lpthread
tests_unit_test_cred_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_cred_LDADD = $(UNIT_KUBE)
tests_unit_test_dials_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_dials_LDADD = $(UNIT_CORE)
tests_unit_test_err_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_err_LDADD = $(UNIT_CORE)
tests_unit_test_exec_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_exec_LDADD = $(UNIT_KUBE)
tests_unit_test_json_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_json_LDADD = $(UNIT_CORE)
tests_unit_test_frames_SOURCES = tests/unit/test_frames.c helpers/frames.c
tests_unit_test_frames_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_frames_LDADD = $(UNIT_CORE)
tests_unit_test_kubeconfig_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_kubeconfig_LDADD = $(UNIT_KUBE)
tests_unit_test_kubeconfig_load_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_kubeconfig_load_LDADD = $(UNIT_KUBE)
tests_unit_test_limits_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_limits_LDADD = $(UNIT_PP)
tests_unit_test_log_SOURCES = tests/unit/test_log.c lib/core/log.c
tests_unit_test_log_CPPFLAGS = $(UNIT_LOG_CPPFLAGS)
tests_unit_test_log_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_log_LDADD = $(UNIT_CORE)
tests_unit_test_loop_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_loop_LDADD = $(UNIT_CORE)
tests_unit_test_mux_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_mux_LDADD = $(UNIT_CORE)
tests_unit_test_mux_flow_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_mux_flow_LDADD = $(UNIT_CORE)
tests_unit_test_mux_hello_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_mux_hello_LDADD = $(UNIT_CORE)
# Counts what is allocated.
tests_unit_test_mux_memory_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_mux_memory_LDFLAGS = $(AM_LDFLAGS) \
	-Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=free
tests_unit_test_mux_memory_LDADD = $(UNIT_CORE)
tests_unit_test_mux_peer_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_mux_peer_LDADD = $(UNIT_CORE)
tests_unit_test_names_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_names_LDADD = $(UNIT_PP)
tests_unit_test_nbio_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_nbio_LDADD = $(UNIT_CORE) -lutil
tests_unit_test_net_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_net_LDADD = $(UNIT_CORE)
tests_unit_test_notify_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_notify_LDADD = $(UNIT_PP)
tests_unit_test_nss_hosts_SOURCES = tests/unit/test_nss_hosts.c nss/hosts.c \
	lib/core/controlcall.c
tests_unit_test_nss_hosts_CPPFLAGS = $(AM_CPPFLAGS) -DCONTROL_PATH='"control"'
tests_unit_test_nss_hosts_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_nss_hosts_LDADD = $(UNIT_CORE) -lpthread
tests_unit_test_nsswitch_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_nsswitch_LDADD = $(UNIT_PP)
tests_unit_test_pod_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_pod_LDADD = $(UNIT_KUBE)
tests_unit_test_policy_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_policy_LDADD = $(UNIT_PP)
tests_unit_test_portmessage_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_portmessage_LDADD = $(UNIT_KUBE)
tests_unit_test_pp_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_pp_LDADD = $(UNIT_PP)
tests_unit_test_prelude_SOURCES = tests/unit/test_prelude.c \
	helpers/prelude.c
tests_unit_test_prelude_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_prelude_LDADD = $(UNIT_KUBE) -lutil
tests_unit_test_prelude_scan_SOURCES = tests/unit/test_prelude_scan.c \
	helpers/prelude.c
tests_unit_test_prelude_scan_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_prelude_scan_LDADD = $(UNIT_CORE)
tests_unit_test_prelude_stdin_SOURCES = tests/unit/test_prelude_stdin.c \
	helpers/prelude.c
tests_unit_test_prelude_stdin_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_prelude_stdin_LDADD = $(UNIT_CORE) -lutil
tests_unit_test_privileges_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_privileges_LDADD = $(UNIT_PP)
tests_unit_test_proc_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_proc_LDADD = $(UNIT_CORE)
tests_unit_test_record_SOURCES = tests/unit/test_record.c lib/core/log.c
tests_unit_test_record_CPPFLAGS = $(UNIT_LOG_CPPFLAGS)
tests_unit_test_record_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_record_LDADD = $(UNIT_PP)
tests_unit_test_remote_SOURCES = tests/unit/test_remote.c helpers/items.c \
	helpers/remote.c
tests_unit_test_remote_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_remote_LDADD = $(UNIT_CORE)
tests_unit_test_sdnotify_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_sdnotify_LDADD = $(UNIT_PP)
tests_unit_test_settings_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_settings_LDADD = $(UNIT_PP)
# What is preloaded as it was built, not as it is installed.
UNIT_SFTP_CPPFLAGS = $(AM_CPPFLAGS) -DSFTP_PATH='"/k8shell-sftp"' \
	-DPASSWD_PATH='"$(abs_builddir)/guest/k8shell-passwd.so"'
tests_unit_test_sftpfiles_SOURCES = tests/unit/test_sftpfiles.c \
	helpers/carry.c helpers/prelude.c helpers/sftpfiles.c \
	helpers/subsystem.c
tests_unit_test_sftpfiles_CPPFLAGS = $(UNIT_SFTP_CPPFLAGS)
tests_unit_test_sftpfiles_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_sftpfiles_LDADD = $(UNIT_CORE) $(OPENSSL_LIBS)
tests_unit_test_sftprefuse_SOURCES = tests/unit/test_sftprefuse.c \
	helpers/sftprefuse.c
tests_unit_test_sftprefuse_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_sftprefuse_LDADD = $(UNIT_CORE)
# With places, files, a session and a remote side of its own.
tests_unit_test_sftpserver_SOURCES = tests/unit/test_sftpserver.c \
	helpers/carry.c helpers/sftpserver.c
tests_unit_test_sftpserver_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_sftpserver_LDADD = $(UNIT_CORE) $(OPENSSL_LIBS)
tests_unit_test_siphash_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_siphash_LDADD = $(UNIT_PP)
tests_unit_test_slots_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_slots_LDADD = $(UNIT_PP)
tests_unit_test_sources_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_sources_LDADD = $(UNIT_PP)
tests_unit_test_sshdlog_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_sshdlog_LDADD = proxyprotocol/libproxyprotocol.a $(UNIT_CORE)
tests_unit_test_status_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_status_LDADD = $(UNIT_KUBE)
tests_unit_test_subsystem_SOURCES = tests/unit/test_subsystem.c \
	helpers/prelude.c helpers/subsystem.c
tests_unit_test_subsystem_CPPFLAGS = $(UNIT_SFTP_CPPFLAGS)
tests_unit_test_subsystem_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_subsystem_LDADD = $(UNIT_CORE)
tests_unit_test_url_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_url_LDADD = $(UNIT_KUBE)
tests_unit_test_ws_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_ws_LDADD = $(UNIT_KUBE)
tests_unit_test_wsframe_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_wsframe_LDADD = $(UNIT_KUBE)
tests_unit_test_wshttp_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_wshttp_LDADD = $(UNIT_KUBE)
tests_unit_test_tls_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_tls_LDADD = $(UNIT_KUBE)
endif
