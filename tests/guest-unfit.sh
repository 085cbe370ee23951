#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Containers that are hard to live in, and sessions that end badly in them:
#	tests/guest-unfit.sh
# with K8SHELL_SSH_CONFIG as for session-suite.sh. What of these hosts is in it
# is tested: on a real cluster all, whose pods, tests/cluster/unfit.yaml, are
# made here; with K8SHELL_UNFIT_ROOTS, a folder with a root for each pod, what
# fakekube can do. In each case the guest works, or plain mode and one line
# about it, or 255 and one line. Nothing hangs.
#
# K8SHELL_BULK is the bytes sent to a reader that stops: 1000000000, or
# 10000000000 to have what issue 4 says.
# shellcheck disable=SC2016 # what is to expand in the workspace
set -u
cd "$(dirname "$0")/.." || exit 1
# shellcheck source=tests/lib.sh
. tests/lib.sh
: "${K8SHELL_SSH_CONFIG:?eval \"\$(tests/cluster/up)\" first}"
roots=${K8SHELL_UNFIT_ROOTS:-}
bulk=${K8SHELL_BULK:-1000000000}

# High-water marks, KiB: what each may have at most in memory while gigabytes
# go through it. A helper is some 8 MB with its libraries and a window.
HELPER_MAX=24576
GUEST_MAX=4096

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

# run HOST ARGUMENT...: into out, err and status.
run() {
	timeout 60 ssh -F "$K8SHELL_SSH_CONFIG" "$@" >"$tmp/out" \
	    2>"$tmp/err" </dev/null
	status=$?
}

client() { # HOST WHAT...
	timeout 60 tests/guest-client.py "$K8SHELL_SSH_CONFIG" "$@"
}

there() { # HOST
	grep -q "^Host $1\$" "$K8SHELL_SSH_CONFIG"
}

# as_root POD SCRIPT: with root's rights on its /tmp.
as_root() {
	if [ -n "$roots" ]; then
		chroot "$roots/$1" /bin/sh -c "$2"
	else
		timeout 30 kubectl exec -n ws "$1" -c root -- /bin/sh -c "$2"
	fi
}

# guest NAME HOST: a session as it should be, by means of the guest.
guest() {
	run "$2" 'ls -l /proc/$PPID/exe; exit 3'
	like "$1: the guest runs" '*k8shell-*' "$(cat "$tmp/out")"
	is "$1: the exit status is the command's" 3 "$status"
	is "$1: and nothing on stderr" "" "$(cat "$tmp/err")"
	is "$1: stdin, both ways" "x fine" "$(
	    echo x | timeout 60 ssh -F "$K8SHELL_SSH_CONFIG" "$2" \
		'read -r x; echo "$x fine"' 2>&1)"
	t "$1: a signal" client "$2" signal TERM exec
}

# plain NAME HOST REASON: one line, and a session all the same.
plain() {
	run "$2" 'echo "$HOME"; echo err >&2; exit 3'
	is "$1: exit status" 3 "$status"
	is "$1: one line on stderr besides the command's" "2 err" \
	    "$(wc -l <"$tmp/err") $(tail -n 1 "$tmp/err")"
	like "$1: which says why" "k8shell: plain mode ($3): *" \
	    "$(head -n 1 "$tmp/err")"
	is "$1: stdin, both ways" "x fine" "$(
	    echo x | timeout 60 ssh -F "$K8SHELL_SSH_CONFIG" "$2" \
		'read -r x; echo "$x fine"' 2>/dev/null)"
}

# tty NAME HOST
tty() {
	t "$1: a terminal" client "$2" resize 10
}

# run, with a terminal: there the helper's stderr comes on stdout.
run_tty() {
	run -q -tt "$@"
	tr -d '\r' <"$tmp/out" >"$tmp/err"
}

# broken NAME PATTERN: run's session ended with one line of ours.
broken() {
	is "$1: 255" 255 "$status"
	like "$1: says why" "k8shell: ws/$2" "$(cat "$tmp/err")"
	is "$1: in one line" 1 "$(wc -l <"$tmp/err")"
}

NOWHERE='no folder can be written to and executed from'

# Read-only, and the one place to write to, /dev/shm, is noexec.
unfit_readonly() {
	run "$1" '>/dev/shm/x && chmod 700 /dev/shm/x && /dev/shm/x; echo $?
	    rm /dev/shm/x; >/tmp/x || echo read-only'
	is "$1: is as it should be" "126 read-only" \
	    "$(paste -sd' ' "$tmp/out")"
	plain "$1" "$1" "$NOWHERE"
}

unfit_passwd() {
	run "$1" 'cat /etc/passwd'
	is "$1: is as it should be" 1 "$status"
	guest "$1" "$1"
	tty "$1" "$1"
	run "$1" 'echo $HOME'
	is "$1: home" / "$(cat "$tmp/out")"
}

unfit_uid() {
	run "$1" 'id -u; grep -c ":4242:" /etc/passwd'
	is "$1: is as it should be" "4242 0" "$(paste -sd' ' "$tmp/out")"
	guest "$1" "$1"
	tty "$1" "$1"
}

# The guest works; who asks for a terminal is told.
unfit_pts() {
	run "$1" 'ls /dev/pts'
	is "$1: is as it should be" "" "$(cat "$tmp/out")"
	guest "$1" "$1"
	run_tty "$1" 'echo fine'
	broken "$1, with a terminal" "$1: *"
}

unfit_nosh() {
	run "$1" /bin/busybox echo fine
	is "$1: a program with plain arguments" "0 fine" \
	    "$status $(cat "$tmp/out")"
	is "$1: one line on stderr" 1 "$(wc -l <"$tmp/err")"
	like "$1: which says why" 'k8shell: plain mode (*/bin/sh*): *' \
	    "$(cat "$tmp/err")"
	run "$1" 'echo "$HOME"'
	is "$1: more than that is not to be had" 127 "$status"
	like "$1: which is said" '*/bin/sh*only a program*' \
	    "$(tail -n 1 "$tmp/err")"
}

# Non-root, no capability, seccomp, and /tmp the one place, of 1 MiB.
unfit_tmp() {
	local id dir=/tmp/k8shell-1001 evil
	run "$1" 'echo $(id -u) $(>/x || echo read-only)'
	is "$1: is as it should be" "1001 read-only" "$(cat "$tmp/out")"
	guest "$1" "$1"
	tty "$1" "$1"
	t "$1: as many window changes as a client can send" \
	    client "$1" resize 20000

	# Whoever planted it, none of it runs.
	id=$(as_root "$1" "cd $dir && ls")
	evil="#!/bin/sh
echo evil
exit 0"
	as_root "$1" "cd $dir && rm $id && echo '$evil' >$id && chmod 755 $id"
	guest "$1, another's file under the guest's name" "$1"
	as_root "$1" "cd $dir && rm -f $id && echo '$evil' >/tmp/evil &&
	    chmod 755 /tmp/evil && ln -s /tmp/evil $id"
	guest "$1, a link under the guest's name" "$1"
	as_root "$1" "rm -rf $dir && mkdir -m 777 $dir && cp /tmp/evil $dir/$id"
	plain "$1, another's folder" "$1" "$NOWHERE"
	as_root "$1" "mv $dir /tmp/d; chown -R 1001 /tmp/d; ln -s d $dir"
	plain "$1, a link in place of the folder" "$1" "$NOWHERE"
	as_root "$1" "rm -rf $dir /tmp/d /tmp/evil"

	t "$1: can be filled" as_root "$1" \
	    'yes | head -c 4000000 >/tmp/fill; ! echo x >/tmp/more'
	plain "$1, full" "$1" "$NOWHERE"
	is "$1, full: it leaves nothing there" 0 \
	    "$(as_root "$1" "ls $dir 2>/dev/null | wc -l")"
	as_root "$1" 'rm /tmp/fill /tmp/more'
	guest "$1, with room again" "$1"
	killed "$1"
	stopped "$1"
}

# killed HOST: the guest, by its session. The command ends of it, and with a
# terminal all of its process group.
killed() {
	local mark=78$$
	run "$1" "(sleep 0.3; kill -9 \$PPID) & exec sleep ${mark}1"
	broken "$1, guest killed" "$1: *status 137*"
	run_tty "$1" "sleep ${mark}2 & sleep 0.2; kill -9 \$PPID
	    sleep ${mark}3"
	broken "$1, guest killed, with a terminal" "$1: *status 137*"
	sleep 1
	run "$1" 'cat /proc/[0-9]*/cmdline | tr "\0" "\n" |
	    grep -c "^'$mark'[123]\$"'
	is "$1, guest killed: nothing is left" 0 "$(cat "$tmp/out")"
}

# Largest of the high-water marks on stdin, KiB.
largest() {
	sed -n 's/^VmHWM:[^0-9]*\([0-9]*\) kB/\1/p' | sort -n | tail -n 1
}

# stopped HOST: a reader that stops twice, measured when it has most of it.
stopped() {
	local most=$((bulk * 9 / 10)) helper guest
	mkfifo "$tmp/measured"
	timeout 900 ssh -F "$K8SHELL_SSH_CONFIG" "$1" \
	    "head -c $bulk /dev/zero" </dev/null 2>"$tmp/err" | {
		sleep 2
		head -c "$most" | wc -c
		read -r _ <"$tmp/measured"
		wc -c
	} >"$tmp/out" &
	wait_for 600 [ -s "$tmp/out" ]
	sleep 2
	helper=$(nsenter -t "$K8SHELL_BASTION_PID" -m -p sh -c '
	    grep -l k8shell-session /proc/[0-9]*/comm |
	    sed s/comm/status/ | xargs cat' | largest)
	guest=$(timeout 60 ssh -F "$K8SHELL_SSH_CONFIG" "$1" '
	    for p in $(ls -l /proc/[0-9]*/exe 2>/dev/null | sed -n \
		"s,.* /proc/\([0-9]*\)/exe -> .*/k8shell-[0-9]*/[^/]*\$,\1,p"); do
		cat "/proc/$p/status"
	    done' </dev/null | largest)
	echo >"$tmp/measured"
	wait
	is "$1, $bulk bytes to a reader that stops: all of them" \
	    "$most $((bulk - most))" "$(paste -sd' ' "$tmp/out")"
	is "$1, reader that stops: nothing on stderr" "" "$(cat "$tmp/err")"
	t "$1, reader that stops: the helper had ${helper:-?} KiB" \
	    [ "${helper:-$HELPER_MAX}" -lt "$HELPER_MAX" ]
	t "$1, reader that stops: the guest had ${guest:-?} KiB" \
	    [ "${guest:-$GUEST_MAX}" -lt "$GUEST_MAX" ]
}

# The largest process of 64 MiB's container, or all of them, as the cluster's
# version has it.
unfit_oom() {
	guest "$1" "$1"
	run -v "$1" 'x=$(head -c 200000000 /dev/zero | tr "\0" x); echo no'
	is "$1: no output" "" "$(cat "$tmp/out")"
	if grep -q '^k8shell: ' "$tmp/err"; then
		is "$1: 255" 255 "$status"
	else
		like "$1: SIGKILL's exit-signal" '*rtype exit-signal*' \
		    "$(cat "$tmp/err")"
	fi
	guest "$1, afterwards" "$1"
}

# Last: its pod is gone then.
deleted() {
	timeout 60 ssh -F "$K8SHELL_SSH_CONFIG" "$1" \
	    'echo ready; sleep 300' >"$tmp/out" 2>"$tmp/err" </dev/null &
	wait_for 20 grep -q ready "$tmp/out"
	kubectl delete pod -n ws "$1" --wait=false >/dev/null
	wait $!
	status=$?
	broken "$1, deleted under a session" "$1: *"
	run "$1" true
	broken "$1, deleted" "$1: *"
}

hosts=()
for host in readonly passwd uid pts nosh tmp oom; do
	! there "unfit-$host" || hosts+=("$host")
done
if [ -z "$roots" ]; then
	kubectl apply --request-timeout 30s --validate=false \
	    -f tests/cluster/unfit.yaml >/dev/null
	kubectl wait -n ws --for=condition=Ready --timeout=60s \
	    "${hosts[@]/#/pod/unfit-}" >/dev/null || exit 1
fi
for host in "${hosts[@]}"; do
	"unfit_$host" "unfit-$host"
done
[ -n "$roots" ] || deleted unfit-uid
finish
