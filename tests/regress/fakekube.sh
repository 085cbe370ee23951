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
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"; tests/fakekube/down -s "$state"' EXIT
failed=0

# suite NAME FAKEKUBE-UP-ARGUMENT...
suite() {
	local name=$1
	shift
	env=$(tests/fakekube/up -s "$state" -b "$build" "$@") || exit 1
	(
		eval "$env"
		tests/session-suite.sh ws | sed "s/ - / - $name: /"
		exit "${PIPESTATUS[0]}"
	) || failed=1
}

# What ForceCommand mode refuses: a port of the bastion, reached or listened on.
refusals() {
	eval "$1"
	is "forcecommand: -W, nothing of the bastion" "" \
	    "$(timeout 20 ssh -F "$K8SHELL_SSH_CONFIG" \
		-W "127.0.0.1:$K8SHELL_PORT" ws 2>"$tmp/err" </dev/null)"
	like "forcecommand: -W, open failed" '*open failed*' "$(cat "$tmp/err")"
	is "forcecommand: -R, refused" 255 "$(timeout 20 ssh \
	    -F "$K8SHELL_SSH_CONFIG" -o ExitOnForwardFailure=yes \
	    -R 0:127.0.0.1:1 ws true >/dev/null 2>"$tmp/err" </dev/null
		echo $?)"
	like "forcecommand: -R, says so" '*forwarding failed*' \
	    "$(cat "$tmp/err")"
	finish
}

suite v5
(refusals "$env") || failed=1
suite v4 -a --protocols -a v4,
suite loginshell -- -m loginshell
exit "$failed"
