#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# k8shell-forward on fakekube, driven by tests/forward/suite.py in place of a
# supervisor. Arguments are names of its tests.
set -u
# shellcheck source=tests/lib.sh
. "${top_srcdir:-.}/tests/lib.sh"
need_root
cd "${top_srcdir:-.}" || exit 1
build=${top_builddir:-$PWD/build/gcc}
guest=$build/guest/k8shell-guest-$(uname -m)
[ -e "$guest" ] || skip "configured without the static guest"

# Mounts and a network of our own; when the first process ends, so do all.
if [ "${1:-}" != inside ]; then
	exec unshare -mnp --fork --kill-child --mount-proc \
	    --propagation private tests/regress/forward.sh inside "$@"
fi
shift
set -e
ip link set lo up
# An address from which no answer comes.
ip link add void0 type veth peer name void1
ip link set void0 up
ip link set void1 up
ip addr add 192.0.2.1/24 dev void0
ip neigh add 192.0.2.9 lladdr 02:00:00:00:00:09 dev void0

# What is private: it is installed where it belongs, setuid and all. The
# numbers are suite.py's.
mount -n -t tmpfs -o mode=1777 tmpfs /tmp
mount -n -t tmpfs -o mode=755 tmpfs /usr/libexec
mkdir -p /usr/libexec/k8shell/guest
install -m 755 "$guest" /usr/libexec/k8shell/guest
install -m 755 "$build/helpers/k8shell-forward" \
    "$build/tests/forward/k8shell-forward-hasty" /usr/libexec/k8shell
chown 64999:64998 /usr/libexec/k8shell/k8shell-forward*
chmod 6750 /usr/libexec/k8shell/k8shell-forward*
mount -n -t tmpfs -o mode=755 tmpfs /mnt
cp -a /etc /mnt/etc
mount -n --bind /mnt/etc /etc
mkdir -p /etc/k8shell
echo '127.0.0.1 localhost' >/etc/hosts
echo 'hosts: files' >/etc/nsswitch.conf
: >/etc/resolv.conf

mkdir /mnt/state /mnt/noshell
printf '%s\n' '[pod alice]' 'root = none' '[pod boxed]' '[pod noshell]' \
    'root = /mnt/noshell' >/mnt/state/conf
mkfifo /mnt/state/ready
"$build/tests/fakekube/fakekube" --config /mnt/state/conf \
    --write-kubeconfig /etc/k8shell/kubeconfig --log /mnt/state/log \
    --ready-fd 7 7>/mnt/state/ready &
read -r line </mnt/state/ready
[ "${line%% *}" = ready ]
chown 0:64998 /etc/k8shell/kubeconfig
chmod 640 /etc/k8shell/kubeconfig
status=0
python3 tests/forward/suite.py /usr/libexec/k8shell/k8shell-forward \
    "$@" || status=1
kill %1
wait
exit "$status"
