# SPDX-License-Identifier: Apache-2.0
# They drive the real ssh and sshd, as root, against tests/fakekube. Not with
# sanitizers: their runtime reads /proc/self, which is closed to a setgid
# program, and writes its complaints to the user's stderr.
REGRESS = tests/regress/sshd-config.sh tests/regress/fakekube.sh \
	tests/regress/bad-input.sh tests/regress/proxyd.sh \
	tests/regress/proxyd-front.sh tests/regress/proxyd-attack.sh \
	tests/regress/forward.sh tests/regress/forwards.sh tests/regress/sftp.sh \
	tests/regress/guest-session.sh tests/regress/guest-unfit.sh \
	tests/regress/names.sh
if !SANITIZERS
TESTS += $(REGRESS)
endif
# The same program with less patience, for forward.sh.
check_PROGRAMS += tests/forward/k8shell-forward-hasty
tests_forward_k8shell_forward_hasty_SOURCES = $(helpers_k8shell_forward_SOURCES)
tests_forward_k8shell_forward_hasty_CPPFLAGS = $(HELPER_CPPFLAGS) \
	-DFORWARDS_LINGER_MS=1000 -DFORWARDS_SWEEP_MS=200
tests_forward_k8shell_forward_hasty_CFLAGS = $(AM_CFLAGS) $(KUBE_CFLAGS)
tests_forward_k8shell_forward_hasty_LDADD = $(helpers_k8shell_forward_LDADD)
# The guest is no setgid program.
TESTS += tests/regress/guest.sh
EXTRA_DIST += tests/regress/guest.sh tests/guest/muxhost.py \
	tests/guest/suite.py tests/musl-arm64
EXTRA_DIST += $(REGRESS) tests/regress/bad-input.conf tests/lib.sh \
	tests/session-suite.sh tests/pty-session.py tests/guest-suite.sh \
	tests/guest-client.py tests/guest-unfit.sh tests/guest-off.conf \
	tests/agent-keys.c tests/forward/portforwarder.py \
	tests/forward/suite.py \
	tests/install-packages tests/packages.build tests/packages.run \
	tests/packages.check tests/build tests/openssh tests/proxied \
	tests/proxyd-lib.sh tests/audit-events demo \
	tests/forward/channels.py tests/forward/standin \
	tests/forward/workspace

# A file named check would be a target's name in EXTRA_DIST.
dist-hook:
	cp -p $(srcdir)/check $(distdir)/check

EXTRA_DIST += tests/bastion/box.sh tests/bastion/down tests/bastion/inside \
	tests/bastion/loginshell.conf tests/bastion/notified \
	tests/bastion/syslogd tests/bastion/up \
	tests/cluster/README.md tests/cluster/down tests/cluster/lib.sh \
	tests/cluster/make-certs tests/cluster/make-images \
	tests/cluster/make-kube tests/cluster/node tests/cluster/packages \
	tests/cluster/rbac.yaml tests/cluster/unfit.yaml tests/cluster/up \
	tests/cluster/workspaces.yaml \
	tests/fakekube/up tests/fakekube/down
