#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The session suite on fakekube: newest protocol, old protocol, login shell.
set -u
# shellcheck source=tests/lib.sh
. "${top_srcdir:-.}/tests/lib.sh"
need_root
alone
cd "${top_srcdir:-.}" || exit 1
build=${top_builddir:-$PWD/build/gcc}
state=/run/k8shell-fakekube-sh.$$
trap 'tests/fakekube/down -s "$state"' EXIT
failed=0

# suite NAME FAKEKUBE-UP-ARGUMENT...
suite() {
	local env name=$1
	shift
	env=$(tests/fakekube/up -s "$state" -b "$build" "$@") || exit 1
	(
		eval "$env"
		tests/session-suite.sh ws | sed "s/ - / - $name: /"
		exit "${PIPESTATUS[0]}"
	) || failed=1
}

suite v5
suite v4 -a --protocols -a v4,
suite loginshell -- -m loginshell
exit "$failed"
