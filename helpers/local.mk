# SPDX-License-Identifier: Apache-2.0
HELPER_CPPFLAGS = $(AM_CPPFLAGS) \
	-DCONFIG_PATH='"$(k8shellconfdir)/k8shell.conf"' \
	-DGUEST_DIR='"$(k8shelllibexecdir)/guest"' \
	-DSFTP_PATH='"$(k8shelllibexecdir)/k8shell-sftp"' \
	-DPASSWD_PATH='"$(k8shelllibexecdir)/guest/k8shell-passwd.so"' \
	-DSESSION_PATH='"$(k8shelllibexecdir)/k8shell-session"' \
	-DEXPLAIN_PATH='"$(k8shelllibexecdir)/k8shell-explain"'
HELPER_LDADD = lib/kube/libkube.a lib/core/libcore.a \
	lib/core/libclientenv.a

# What both that sshd starts are made of.
RUN_SOURCES = \
	helpers/agent.c helpers/agent.h \
	helpers/carry.c helpers/carry.h \
	helpers/client.c helpers/client.h \
	helpers/frames.c helpers/frames.h \
	helpers/guestlink.c helpers/guestlink.h \
	helpers/guestsession.c helpers/guestsession.h \
	helpers/items.c helpers/items.h \
	helpers/join.c helpers/join.h \
	helpers/prelude.c helpers/prelude.h \
	helpers/relay.c helpers/relay.h \
	helpers/run.c helpers/run.h \
	helpers/setup.c helpers/setup.h \
	helpers/subsystem.c helpers/subsystem.h

k8shelllibexec_PROGRAMS += helpers/k8shell-session
helpers_k8shell_session_SOURCES = $(RUN_SOURCES) helpers/session.c
helpers_k8shell_session_CPPFLAGS = $(HELPER_CPPFLAGS)
helpers_k8shell_session_CFLAGS = $(AM_CFLAGS) $(KUBE_CFLAGS)
# Without libcurl, see helpers/explain.c.
helpers_k8shell_session_LDADD = $(HELPER_LDADD) $(JSON_LIBS) \
	$(OPENSSL_LIBS) $(YAML_LIBS) $(INIH_LIBS)

k8shelllibexec_PROGRAMS += helpers/k8shell-sftp
helpers_k8shell_sftp_SOURCES = $(RUN_SOURCES) helpers/sftp.c \
	helpers/remote.c helpers/remote.h \
	helpers/sftpfiles.c helpers/sftpfiles.h \
	helpers/sftprefuse.c helpers/sftprefuse.h \
	helpers/sftpserver.c helpers/sftpserver.h
helpers_k8shell_sftp_CPPFLAGS = $(HELPER_CPPFLAGS)
helpers_k8shell_sftp_CFLAGS = $(AM_CFLAGS) $(KUBE_CFLAGS)
helpers_k8shell_sftp_LDADD = $(helpers_k8shell_session_LDADD)

k8shelllibexec_PROGRAMS += helpers/k8shell-forward
helpers_k8shell_forward_SOURCES = helpers/forward.c \
	helpers/answers.c helpers/answers.h \
	helpers/carry.c helpers/carry.h \
	helpers/forwards.c helpers/forwards.h \
	helpers/guestlink.c helpers/guestlink.h \
	helpers/join.c helpers/join.h \
	helpers/plain.c helpers/plain.h \
	helpers/setup.c helpers/setup.h \
	helpers/workspace.c helpers/workspace.h
helpers_k8shell_forward_CPPFLAGS = $(HELPER_CPPFLAGS)
helpers_k8shell_forward_CFLAGS = $(AM_CFLAGS) $(KUBE_CFLAGS)
helpers_k8shell_forward_LDADD = $(helpers_k8shell_session_LDADD)

k8shelllibexec_PROGRAMS += helpers/k8shell-explain
helpers_k8shell_explain_SOURCES = helpers/explain.c helpers/setup.c \
	helpers/setup.h
helpers_k8shell_explain_CPPFLAGS = $(HELPER_CPPFLAGS)
helpers_k8shell_explain_CFLAGS = $(AM_CFLAGS) $(KUBE_CFLAGS)
helpers_k8shell_explain_LDADD = $(HELPER_LDADD) $(KUBE_LIBS) $(INIH_LIBS)

# setgid: they may read the cluster's credentials, their user may not. And
# k8shell-forward setuid as well, for the supervisors alone. Where group or
# account don't exist yet (a build of a package) the package does the same.
install-exec-hook:
	@for p in k8shell-session k8shell-sftp; do \
		f='$(DESTDIR)$(k8shelllibexecdir)'/$$p; \
		if chgrp '$(K8SHELL_GROUP)' "$$f" 2>/dev/null; then \
			chmod 2755 "$$f"; \
		else \
			echo "$$p is to be setgid $(K8SHELL_GROUP):" \
			    "chgrp $(K8SHELL_GROUP) $$f && chmod 2755 $$f" >&2; \
		fi; \
	done
	@f='$(DESTDIR)$(k8shelllibexecdir)'/k8shell-forward; \
	o='$(K8SHELL_GROUP)-forward:$(K8SHELL_GROUP)'; \
	if chown "$$o" "$$f" 2>/dev/null; then \
		chmod 6750 "$$f"; \
	else \
		echo "k8shell-forward is to be setuid and setgid $$o:" \
		    "chown $$o $$f && chmod 6750 $$f" >&2; \
	fi
