#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# k8shell-guest: what is installed, on this machine's root, in a busybox one
# and, for arm64, in qemu; and what this machine's compiler makes of it. With
# sanitizers only that.
set -u
# shellcheck source=tests/lib.sh
. "${top_srcdir:-.}/tests/lib.sh"
need_root
cd "${top_srcdir:-.}" || exit 1
build=${top_builddir:-$PWD/build/gcc}

# A mount namespace of our own: what is mounted here is gone with it. And a
# network of our own, for loopback's sake.
if [ "${1:-}" != inside ]; then
	exec unshare -mn --propagation private tests/regress/guest.sh inside
fi
ip link set lo up

# Addresses from which no answer comes, and a name that has one of them first.
ip link add void0 type veth peer name void1
for i in void0 void1; do
	sysctl -q -w "net.ipv6.conf.$i.accept_dad=0"
	ip link set "$i" up
done
ip addr add 192.0.2.1/24 dev void0
ip addr add 2001:db8::1/64 dev void0 nodad
ip neigh add 192.0.2.9 lladdr 02:00:00:00:00:09 dev void0
ip neigh add 2001:db8::9 lladdr 02:00:00:00:00:09 dev void0
hosts=$(mktemp)
printf '%s\n' '127.0.0.1 localhost' '2001:db8::9 two.test' \
    '127.0.0.1 two.test' '192.0.2.9 void.test' >"$hosts"
chmod 644 "$hosts"
mount --bind "$hosts" /etc/hosts
rm "$hosts"

# The suite writes to it.
if [ -e /etc/motd ]; then
	motd=$(mktemp)
	cat /etc/motd >"$motd"
	mount --bind "$motd" /etc/motd
	rm "$motd"
fi

# Where everybody can run them, whoever may enter the build tree.
guests=$(mktemp -d)
mount -t tmpfs -o mode=755 tmpfs "$guests"
cp "$build"/guest/k8shell-guest* "$guests"

failed=0

# suite NAME ARGUMENT...
suite() {
	local name=$1
	shift
	python3 tests/guest/suite.py "$@" | sed "s/ - / - $name: /"
	[ "${PIPESTATUS[0]}" = 0 ] || failed=1
}

# busybox_root FOLDER: as an image has it.
busybox_root() {
	mount -t tmpfs -o mode=755 tmpfs "$1"
	mkdir -p "$1/bin" "$1/dev" "$1/etc" "$1/proc" "$1/root" "$1/usr/bin"
	mkdir -m 1777 "$1/tmp"
	cp "$(command -v busybox)" "$1/bin/busybox"
	chroot "$1" /bin/busybox --install -s /bin
	printf '%s\n' root:x:0:0:root:/root:/bin/sh \
	    nobody:x:65534:65534:nobody:/home:/bin/false \
	    odd:x:4000:4000::relative: >"$1/etc/passwd"
	printf '%s\n' root:x:0: tty:x:5: nobody:x:65534: >"$1/etc/group"
	cp /etc/hosts "$1/etc/hosts"
	mount --rbind /dev "$1/dev"
	mount --rbind /proc "$1/proc"
}

in_busybox() {
	local root
	root=$(mktemp -d)
	busybox_root "$root"
	cp "$1" "$root/bin/k8shell-guest"
	suite busybox -r "$root" /bin/k8shell-guest
	umount -lR "$root"
	rmdir "$root"
}

# As little as there can be.
in_bare() {
	local root
	root=$(mktemp -d)
	mount -t tmpfs -o mode=755 tmpfs "$root"
	mkdir "$root/bin" "$root/dev"
	mknod -m 666 "$root/dev/null" c 1 3
	cp "$(command -v busybox)" "$root/bin/busybox"
	ln -s busybox "$root/bin/sh"
	ln -s busybox "$root/bin/id"
	cp "$1" "$root/bin/k8shell-guest"
	mount -o remount,ro "$root"
	suite bare -r "$root" -t bare /bin/k8shell-guest
	umount -l "$root"
	rmdir "$root"
}

# Without what qemu-user has not got: subreapers, exact signals.
in_qemu() {
	local t
	set -- /usr/bin/qemu-aarch64 "$1"
	for t in exits killed streams bulk stall tty login_shell environment \
	    user agent tcp eyeballs unix hostile end; do
		set -- -t "$t" "$@"
	done
	suite arm64 -b -n 10 "$@"
}

# missing WHAT: fine, except in CI.
missing() {
	echo "# $1: not tested"
	[ "${K8SHELL_MUST_RUN:-0}" != 1 ] || failed=1
}

native=$guests/k8shell-guest
if grep -q '^HARDENING_CFLAGS.*fsanitize' "$build/Makefile"; then
	suite sanitized -b "$native"
	exit "$failed"
fi
suite native -b "$native"
if [ -e "$native-x86_64" ]; then
	suite static "$native-x86_64"
	in_busybox "$native-x86_64"
	in_bare "$native-x86_64"
else
	missing "configured without the static guest"
fi
if [ -e "$native-aarch64" ] && [ -x /usr/bin/qemu-aarch64 ]; then
	in_qemu "$native-aarch64"
else
	missing "no guest for arm64 (--with-guest-cc-arm64), or no qemu-user"
fi
exit "$failed"
