# SPDX-License-Identifier: Apache-2.0
# They drive the real ssh and sshd, as root, against tests/fakekube.
REGRESS = tests/regress/fakekube.sh tests/regress/bad-input.sh
TESTS += $(REGRESS)
EXTRA_DIST += $(REGRESS) tests/regress/bad-input.conf tests/lib.sh \
	tests/session-suite.sh tests/pty-session.py \
	tests/install-packages tests/packages.build tests/packages.run \
	tests/packages.check demo check

# Both count the helpers that run: not at the same time.
tests/regress/bad-input.log: tests/regress/fakekube.log
tests/regress/fakekube.log: $(check_PROGRAMS)
