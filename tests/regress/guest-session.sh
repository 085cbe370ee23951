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
	printf '%s\n' root:x:0: tty:x:5: dev:x:1001: users:x:100:dev >"$1/etc/group"
	chmod 755 "$1"
}

# suite NAME SCRIPT HOSTS FAKEKUBE-UP-ARGUMENT...
suite() {
	local name=$1 script=$2 hosts=$3
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
# becomes USER: what k8shell.conf says of the container's user from here on.
becomes() {
	nsenter -t "$K8SHELL_BASTION_PID" -m sed -i \
	    -e '/^user = /d' -e "/^pod = /a user = $1" /etc/k8shell/k8shell.conf
}

# id_is HOST USER WHO: which user a session and a terminal have.
# shellcheck disable=SC2016 # what is to expand in the workspace
id_is() {
	local ssh=(timeout 60 ssh -F "$K8SHELL_SSH_CONFIG") c
	c='id -un; id -Gn; pwd; echo $HOME $USER'
	is "user = $2, $1" "$3" "$("${ssh[@]}" "$1" "$c" </dev/null 2>&1 | paste -sd' ')"
	is "user = $2, $1: a terminal of his own" "yes" "$("${ssh[@]}" -tt \
	    "$1" '[ -O "$(tty)" ] && echo yes' </dev/null 2>/dev/null |
	    tr -d '\r')"
}

# not_me HOST USER PATTERN: nor anybody else.
not_me() {
	local out
	out=$(timeout 60 ssh -F "$K8SHELL_SSH_CONFIG" "$1" 'echo in' \
	    </dev/null 2>&1)
	is "user = $2, $1: refused" 255 $?
	like "user = $2, $1: says why" "$3" "$out"
}

users() {
	eval "$1"
	becomes dev
	id_is ws-busybox dev "dev dev users /home/dev /home/dev dev"
	id_is ws-busybox-user dev "dev dev /home/dev /home/dev dev"
	not_me ws dev '*no user dev*'
	becomes root
	not_me ws-busybox-user root "*can't become root*"
	becomes %u
	not_me ws-busybox %u '*no user alice-busybox*'
	# A container that can't run the guest is no way around it.
	becomes dev
	nsenter -t "$K8SHELL_BASTION_PID" -m sh -c \
	    'mv /usr/libexec/k8shell/guest /usr/libexec/k8shell/guest.away'
	not_me ws-busybox dev '*without k8shell-guest*dev*'
	nsenter -t "$K8SHELL_BASTION_PID" -m sh -c \
	    'mv /usr/libexec/k8shell/guest.away /usr/libexec/k8shell/guest'
	finish
}

suite v5 guest-suite.sh "ws ws-user ws-busybox ws-busybox-user" \
    -- -m loginshell
(users "$env") || failed=1
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
