# SPDX-License-Identifier: Apache-2.0
EXTRA_DIST += tests/bench/bench tests/bench/bench.py

# On the real cluster, as root; prints a table to stdout.
bench: all
	K8SHELL_BUILD='$(abs_top_builddir)' $(srcdir)/tests/bench/bench
