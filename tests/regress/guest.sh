#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# k8shell-guest: the one that is installed on this machine's root and in a
# busybox one, and the one that this compiler made.
set -u
# shellcheck source=tests/lib.sh
. "${top_srcdir:-.}/tests/lib.sh"
need_root
cd "${top_srcdir:-.}" || exit 1
build=${top_builddir:-$PWD/build/gcc}

# A mount namespace of our own: what is made here is gone with it.
if [ "${1:-}" != inside ]; then
	exec unshare -m --propagation private "$0" inside
fi

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
	    nobody:x:65534:65534:nobody:/home:/bin/false >"$1/etc/passwd"
	printf '%s\n' root:x:0: tty:x:5: nobody:x:65534: >"$1/etc/group"
	mount --rbind /dev "$1/dev"
	mount --rbind /proc "$1/proc"
}

native=$build/guest/k8shell-guest
static=$native-$(uname -m)
if [ ! -e "$static" ]; then
	echo "no $static: configured without it" >&2
else
	suite static "$static"
	root=$(mktemp -d)
	busybox_root "$root"
	cp "$static" "$root/bin/k8shell-guest"
	suite busybox -r "$root" /bin/k8shell-guest
	umount -lR "$root"
	rmdir "$root"
fi
if grep -q '^HARDENING_CFLAGS.*fsanitize' "$build/Makefile"; then
	suite sanitized -b "$native"
else
	suite native -b "$native"
fi
exit "$failed"
