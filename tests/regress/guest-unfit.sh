#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Containers that are hard to live in, as far as fakekube can have them; the
# rest of tests/guest-unfit.sh takes a real cluster.
set -u
# shellcheck source=tests/lib.sh
. "${top_srcdir:-.}/tests/lib.sh"
need_root
alone
cd "${top_srcdir:-.}" || exit 1
build=${top_builddir:-$PWD/build/gcc}
[ -n "$(find "$build/guest" -name 'k8shell-guest-*' -type f)" ] ||
    skip "configured without the guest"

# The roots are mounts, gone with this namespace.
if [ "${1:-}" != inside ]; then
	exec unshare -m --propagation private "$0" inside
fi
state=/run/k8shell-guest-unfit-sh.$$
roots=$(mktemp -d)
trap 'tests/fakekube/down -s "$state"; umount -l "$roots"; rmdir "$roots"' EXIT
mount -t tmpfs -o mode=755 tmpfs "$roots"

# root_make NAME: with busybox.
root_make() {
	local root=$roots/$1 dir
	for dir in bin dev etc proc sys tmp; do
		mkdir -p "$root/$dir"
	done
	mknod -m 666 "$root/dev/null" c 1 3 # for chroot; pods have their own
	cp "$(command -v busybox)" "$root/bin/busybox"
	chroot "$root" /bin/busybox --install -s /bin
	echo root:x:0:0:root:/root:/bin/sh >"$root/etc/passwd"
}

# root_lock NAME: makes it read-only but for what is mounted on it later.
root_lock() {
	mount --bind "$roots/$1" "$roots/$1"
	mount -o remount,bind,ro "$roots/$1"
}

root_make unfit-readonly
root_lock unfit-readonly
root_make unfit-passwd
rm "$roots/unfit-passwd/etc/passwd"
root_make unfit-uid
chmod 1777 "$roots/unfit-uid/tmp"
root_make unfit-nosh
find "$roots/unfit-nosh/bin" -type l -delete
root_make unfit-tmp
root_lock unfit-tmp
mount -t tmpfs -o mode=1777,size=1m tmpfs "$roots/unfit-tmp/tmp"

hosts=()
for root in "$roots"/unfit-*; do
	pod=${root##*/}
	hosts+=(-H "$pod=$pod")
	printf '[pod %s]\nroot = %s\n' "$pod" "$root"
	case $pod in
	*-uid) printf 'uid = 4242\ngid = 4242\n' ;;
	*-tmp) printf 'uid = 1001\ngid = 1001\n' ;;
	esac
done >"$roots/pods"
env=$(tests/fakekube/up -s "$state" -b "$build" -c "$roots/pods" -- \
    -m loginshell "${hosts[@]}" 2>"$roots/up") || {
	cat "$roots/up"
	exit 1
}
eval "$env"
K8SHELL_UNFIT_ROOTS=$roots tests/guest-unfit.sh
