# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# What the scripts of tests/cluster share. Sourced, never run; the script
# that sources it has set -eu and $here, the folder tests/cluster.
# shellcheck disable=SC2154

# shellcheck source-path=SCRIPTDIR source=../bastion/box.sh
. "$here/../bastion/box.sh"

export K8SHELL_CACHE=${K8SHELL_CACHE:-/var/cache/k8shell-sshd}
export K8SHELL_STATE=${K8SHELL_STATE:-/run/k8shell-cluster}
export K8SHELL_MIRROR=${K8SHELL_MIRROR:-http://deb.debian.org/debian}
# Kubernetes' source and its Go are this release's, whatever the host is.
RELEASE=bookworm
# What is big: /run may be a small memory file system.
BULK=$K8SHELL_CACHE/run
VETH=k8shell0

# Up and down one at a time. The lock is the cache's: the state goes away.
cluster_lock()
{
	mkdir -p "$K8SHELL_CACHE"
	exec 9>"$K8SHELL_CACHE/lock"
	flock -n 9 || {
		say "waiting for another up or down"
		flock -w 1800 9 || die "it takes too long"
	}
}

# Ends the cluster, whole or half there, and removes all it has made but
# the cache.
cluster_stop()
{
	local dir id
	"$here/../bastion/down" -s "$K8SHELL_STATE/bastion" 9>&-
	box_stop "$K8SHELL_STATE/node"
	# The namespace takes its interfaces with it, but in its own time.
	ip link delete "$VETH" 2>/dev/null || :
	for dir in "$BULK"/containerd-state/*.task/k8s.io/*; do
		id=${dir##*/}
		[ "$id" = '*' ] || find /sys/fs/cgroup -depth -type d \
		    -path "*/$id*" -exec rmdir {} +
	done
	# Stays if it is another containerd's as well.
	find /sys/fs/cgroup -maxdepth 2 -name k8s.io -exec rmdir {} + \
	    2>/dev/null || :
	rm -rf "$K8SHELL_STATE" "$BULK"
}

# chroot_run ROOT COMMAND...: in mount and pid namespaces of its own, so that
# its mounts and its processes are gone when the command is.
chroot_run()
{
	local root=$1
	shift
	# shellcheck disable=SC2016
	unshare --mount --pid --fork --kill-child sh -c '
		mount -n -t proc proc "$1/proc"
		root=$1
		shift
		exec env -i HOME=/root TERM=dumb LC_ALL=C.UTF-8 \
		    PATH="$BOX_PATH" \
		    ${http_proxy:+http_proxy="$http_proxy"} \
		    DEBIAN_FRONTEND=noninteractive \
		    chroot "$root" "$@"' sh "$root" "$@"
}

# base_unpack DIR: a minimal Debian of $RELEASE with working apt lists. Made
# once; its apt has sources of its own, those of the system stay as they are.
base_unpack()
{
	local tar=$K8SHELL_CACHE/base-$RELEASE.tar root mount=
	if [ ! -s "$tar" ]; then
		say "debootstrap of $RELEASE (once)"
		root=$(mktemp -d "$K8SHELL_CACHE/tmp.XXXXXX")
		chmod 755 "$root"
		# Its mounts are private; the folder mount(8) makes is not.
		[ -d /run/mount ] || mount=/run/mount
		unshare --mount debootstrap --variant=minbase \
		    "$RELEASE" "$root" "$K8SHELL_MIRROR" >"$root.log" 2>&1 ||
		    die "debootstrap failed, see $root.log"
		[ -z "$mount" ] || rmdir "$mount" 2>/dev/null || :
		printf '%s %s %s main\n' \
		    deb "$K8SHELL_MIRROR" "$RELEASE" \
		    deb-src "$K8SHELL_MIRROR" "$RELEASE" \
		    >"$root/etc/apt/sources.list"
		# Proxies and clock settings are the machine's, not ours.
		apt-config dump |
		    grep -E '^Acquire::(https?::|Check-)' \
		    >"$root/etc/apt/apt.conf.d/00host" || :
		printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
		chmod 755 "$root/usr/sbin/policy-rc.d"
		rm -f "$root"/var/cache/apt/archives/*.deb
		tar -C "$root" --numeric-owner -cf "$tar.new" .
		mv "$tar.new" "$tar"
		rm -rf "$root" "$root.log"
	fi
	tar -C "$1" --numeric-owner -xpf "$tar"
	cat /etc/resolv.conf >"$1/etc/resolv.conf"
	cat /etc/hosts >"$1/etc/hosts"
	chroot_run "$1" apt-get -qq update >&2
}
