# SPDX-License-Identifier: Apache-2.0
EXTRA_DIST += tests/bench/bench tests/bench/bench.py \
	tests/bench/guest.py tests/bench/measure.py

# On the real cluster, as root; prints a table to stdout. ROWS: some of them.
bench: all
	K8SHELL_BUILD='$(abs_top_builddir)' $(srcdir)/tests/bench/bench $(ROWS)
