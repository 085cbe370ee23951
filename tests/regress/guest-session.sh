#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The guest suite on fakekube: newest protocol, old protocol, bastion mode; this
# machine's root and a busybox one without dd, each as root and as a user whom
# the one's passwd has and the other's has not. And both suites with guest =
# off: what is lost is what the manual says.
set -u
# shellcheck source=tests/lib.sh
. "${top_srcdir:-.}/tests/lib.sh"
need_root
alone
cd "${top_srcdir:-.}" || exit 1
build=${top_builddir:-$PWD/build/gcc}
[ -n "$(find "$build/guest" -name 'k8shell-guest-*' -type f)" ] ||
    skip "configured without the guest"
state=/run/k8shell-guest-session-sh.$$
tmp=$(mktemp -d)
trap 'tests/fakekube/down -s "$state"; rm -rf "$tmp"' EXIT
failed=0

# busybox_root FOLDER
busybox_root() {
	mkdir -p "$1/bin" "$1/sbin" "$1/usr/bin" "$1/usr/sbin" "$1/etc" \
	    "$1/root" "$1/home"
	mkdir -m 1777 "$1/tmp"
	mkdir -m 755 "$1/home/dev"
	chown 1001:1001 "$1/home/dev"
	cp "$(command -v busybox)" "$1/bin/busybox"
	chroot "$1" /bin/busybox --install -s
	find "$1" -name dd -delete
	printf '%s\n' root:x:0:0:root:/root:/bin/sh \
	    dev:x:1001:1001::/home/dev:/bin/sh >"$1/etc/passwd"
	printf '%s\n' root:x:0: tty:x:5: dev:x:1001: >"$1/etc/group"
	chmod 755 "$1"
}

# suite NAME SCRIPT HOSTS FAKEKUBE-UP-ARGUMENT...
suite() {
	local env name=$1 script=$2 hosts=$3
	shift 3
	env=$(tests/fakekube/up -s "$state" -b "$build" -c "$tmp/pods" "$@" \
	    -H ws=alice -H ws-user=alice-user -H ws-busybox=alice-busybox \
	    -H ws-busybox-user=alice-busybox-user 2>"$tmp/up") || {
		cat "$tmp/up"
		exit 1
	}
	(
		eval "$env"
		# shellcheck disable=SC2086 # several
		"tests/$script" $hosts | sed "s/ - / - $name: /"
		exit "${PIPESTATUS[0]}"
	) || failed=1
}

chmod 755 "$tmp"
busybox_root "$tmp/busybox"
cat >"$tmp/pods" <<INI
[pod alice]

[pod alice-user]
uid = 4242
gid = 4242

[pod alice-busybox]
root = $tmp/busybox

[pod alice-busybox-user]
root = $tmp/busybox
uid = 1001
gid = 1001

[pod carol]
INI
suite v5 guest-suite.sh "ws ws-user ws-busybox ws-busybox-user" \
    -- -m loginshell
suite v4 guest-suite.sh "ws ws-busybox-user" -a --protocols -a v4, \
    -- -m loginshell
suite bastion guest-suite.sh ws -- -m bastion
export K8SHELL_GUEST=off
suite "v5, off" guest-suite.sh "ws ws-user ws-busybox" \
    -- -m loginshell -c tests/guest-off.conf
suite "v4, off" guest-suite.sh ws -a --protocols -a v4, \
    -- -m loginshell -c tests/guest-off.conf
suite "v4, off" session-suite.sh ws -a --protocols -a v4, \
    -- -m loginshell -c tests/guest-off.conf
exit "$failed"
