# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# Boxes. A box is a tree of processes with a mount and a pid namespace of its
# own: what it mounts nobody else sees, and when its first process is killed
# the kernel ends every other one, whatever session, group or parent it has.
# That is how the cluster and the bastion of the tests leave nothing behind.
#
# Sourced, never run. A box lives in a folder:
#
#	DIR/lock	locked for as long as a process of the box is there
#	DIR/pid		its first process, as the host counts
#	DIR/log		what it says
#
# mount -n: otherwise mount makes /run/mount, on the host's side.

PATH=$PATH:/usr/sbin:/sbin
export BOX_PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin

say()
{
	printf '%s: %s\n' "${0##*/}" "$*" >&2
}

die()
{
	say "$*"
	exit 1
}

need_root()
{
	[ "$(id -u)" = 0 ] || die "must run as root"
}

# box_start DIR SECONDS COMMAND...: returns when the command has written
# a line to descriptor 7, and fails when it ends or is silent before that.
# The command starts the processes of the box with 7>&-.
box_start()
{
	local dir=$1 deadline=$2 line=
	shift 2
	mkdir -p "$dir"
	rm -f "$dir/pid" "$dir/ready"
	mkfifo -m 600 "$dir/ready"
	# The lock is the parent's, which stays outside the namespaces: it is
	# free again when the kernel has taken down all of them, not before.
	# shellcheck disable=SC2016
	(
		exec 7>"$dir/ready" 8>"$dir/lock" 3>&- 9>&- </dev/null \
		    >"$dir/log" 2>&1
		flock -n 8 || exit 1
		exec setsid unshare --mount --pid --fork --kill-child \
		    bash -euc '
			exec 8>&-
			read -r pid _ </proc/self/stat
			echo "$pid" >"$1/pid"
			mount -n -t proc proc /proc
			shift
			exec "$@"' box "$dir" "$@"
	) &
	IFS= read -r -t "$deadline" line <"$dir/ready" || :
	rm -f "$dir/ready"
	[ -n "$line" ] && return
	box_stop "$dir"
	return 1
}

box_alive()
{
	[ -e "$1/lock" ] && ! flock -n "$1/lock" true
}

# box_pid DIR PID: the host's number of a process that is PID in the box.
box_pid()
{
	local init p
	init=$(readlink "/proc/$(cat "$1/pid")/ns/pid")
	for p in /proc/[0-9]*; do
		[ "$(readlink "$p/ns/pid")" = "$init" ] 2>/dev/null || continue
		if grep -q "^NSpid:.*[[:space:]]$2\$" "$p/status" 2>/dev/null
		then
			echo "${p#/proc/}"
			return
		fi
	done
	return 1
}

# Returns when the last process of the box is gone.
box_stop()
{
	box_alive "$1" || return 0
	[ ! -s "$1/pid" ] || kill -KILL "$(cat "$1/pid")" 2>/dev/null || :
	flock -w 30 "$1/lock" true || die "$1: processes don't end"
}

# box_hide KEEP... -- DIR...: inside a box, puts an empty folder over each DIR,
# with those of the KEEPs that are below one of them in their old place.
box_hide()
{
	local fd dir keep=() fds=()
	while [ "$1" != -- ]; do
		exec {fd}<"$1"
		keep+=("$1")
		fds+=("$fd")
		shift
	done
	shift
	for dir; do
		[ ! -d "$dir" ] || mount -n -t tmpfs -o mode=755 tmpfs "$dir"
	done
	for dir in "${keep[@]}"; do
		fd=${fds[0]}
		fds=("${fds[@]:1}")
		if [ ! "$dir" -ef "/proc/self/fd/$fd" ]; then
			mkdir -p "$dir"
			mount -n -c --bind "/proc/self/fd/$fd" "$dir"
		fi
		exec {fd}<&-
	done
}
