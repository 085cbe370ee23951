#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Runs each fuzz target once over each file of its corpus. A target without a
# corpus fails: a folder that has gone missing must not pass for one that is
# clean.
set -eu

failed=0
for name in ${FUZZERS:?run it by make check}; do
	set -- "${top_srcdir:?}/tests/fuzz/corpus/$name"/*
	if [ ! -f "$1" ]; then
		echo "FAIL $name: no corpus" >&2
		failed=1
	elif "./tests/fuzz/fuzz_$name" "$@"; then
		echo "ok $name: $# files" >&2
	else
		echo "FAIL $name" >&2
		failed=1
	fi
done
exit $failed
