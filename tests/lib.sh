# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# For the test scripts: each check prints one line, and finish() the sum. A
# script sources this, calls t ... or is ..., and ends with finish.

tests_passed=0
tests_failed=0

t_pass() {
	tests_passed=$((tests_passed + 1))
	printf 'ok - %s\n' "$1"
}

t_fail() {
	tests_failed=$((tests_failed + 1))
	printf 'not ok - %s\n' "$1"
	shift
	[ $# -eq 0 ] || printf '%s\n' "$@" | sed 's/^/#   /'
}

# t NAME COMMAND...: the command succeeds.
t() {
	local name=$1 out
	shift
	if out=$("$@" 2>&1); then
		t_pass "$name"
	else
		t_fail "$name" "exit status $?" "$out"
	fi
}

# is NAME EXPECTED ACTUAL
is() {
	if [ "$2" = "$3" ]; then
		t_pass "$1"
	else
		t_fail "$1" "expected: $2" "     got: $3"
	fi
}

# like NAME PATTERN ACTUAL: a case pattern.
like() {
	# shellcheck disable=SC2254 # it is a pattern
	case $3 in
	$2) t_pass "$1" ;;
	*) t_fail "$1" "expected: $2" "     got: $3" ;;
	esac
}

# What a privileged test says when it can't run: exit 77 is automake's skip.
skip() {
	echo "SKIP: $1"
	[ "${K8SHELL_MUST_RUN:-0}" = 1 ] && exit 99
	exit 77
}

need_root() {
	[ "$(id -u)" = 0 ] || skip "needs root (namespaces, users)"
}

# One at a time of the tests that look at all helpers of the machine.
alone() {
	exec 9<"${BASH_SOURCE[0]}" # locked itself: no file is left
	flock 9
}

# wait_for SECONDS COMMAND...: until it succeeds; a deadline, not a sleep.
wait_for() {
	local end=$((SECONDS + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		[ "$SECONDS" -lt "$end" ] || return 1
		sleep 0.1
	done
}

# Ends the script: 0 if all went well.
finish() {
	printf '# %d passed, %d failed\n' "$tests_passed" "$tests_failed"
	[ "$tests_failed" -eq 0 ] && [ "$tests_passed" -gt 0 ]
}
