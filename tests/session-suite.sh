#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# What a session must do, through a real ssh and sshd, whatever is behind:
#	tests/session-suite.sh [HOST...]
# with K8SHELL_SSH_CONFIG as tests/cluster/up or tests/fakekube/up export it.
# Hosts are those of that file; without any: ws ws-busybox.
# shellcheck disable=SC2016 # what is to expand in the workspace
set -u
cd "$(dirname "$0")/.." || exit 1
# shellcheck source=tests/lib.sh
. tests/lib.sh
: "${K8SHELL_SSH_CONFIG:?eval \"\$(tests/cluster/up)\" first}"
[ $# -gt 0 ] || set -- ws ws-busybox

tmp=$(mktemp -d)
mkfifo "$tmp/fifo"
trap 'rm -rf "$tmp"' EXIT

# Never waits for ever: a hang is a failure like any other.
s() {
	timeout 120 ssh -F "$K8SHELL_SSH_CONFIG" "$@"
}

status() {
	s "$@" >"$tmp/out" 2>"$tmp/err" </dev/null
	echo $?
}

sum() {
	sha256sum | cut -d' ' -f1
}

exits() {
	local n
	for n in 0 1 2 126 127 128 130 143 255; do
		is "$1: exit status $n" "$n" "$(status "$1" "exit $n")"
	done
	is "$1: command not found is 127" 127 \
	    "$(status "$1" /no/such/command)"
	is "$1: not executable is 126" 126 "$(status "$1" /etc/passwd)"
}

# ssh itself ends with 255 on an exit-signal; -v shows which it was.
signals() {
	local sig
	for sig in TERM KILL SEGV HUP USR1; do
		s -v "$1" "kill -$sig \$\$" >/dev/null 2>"$tmp/err" </dev/null
		like "$1: death by SIG$sig is an exit-signal" \
		    "*rtype exit-signal*" "$(cat "$tmp/err")"
	done
	s -v "$1" 'exit 143' >/dev/null 2>"$tmp/err" </dev/null
	like "$1: exit 143 is an exit-status" "*rtype exit-status*" \
	    "$(cat "$tmp/err")"
	# A word is one only with the session's nonce. Who reads that where
	# the shell has it makes no death of an exit all the same.
	is "$1: a forged signal word is text" \
	    "3 $(printf '\036%032d:9\036' 0 | od -An -tx1)" "$(
	    status "$1" 'printf "\036%032d:9\036" 0 >&2; exit 3') $(
	    od -An -tx1 "$tmp/err")"
	is "$1: nor does one with the nonce change an exit status" 3 \
	    "$(status "$1" 'n=$(tr "\0" "\n" </proc/$PPID/cmdline |
		grep -o "[0-9a-f]\{32\}" | head -n 1)
		[ ${#n} = 32 ] || exit 4
		printf "\036%s:9\036" "$n" >&2; exit 3')"
	is "$1: the last output comes before a death by signal" \
	    "out err" "$(s "$1" 'echo out; echo err >&2; kill -9 $$' \
	    2>"$tmp/err" </dev/null) $(cat "$tmp/err")"
}

streams() {
	local i
	is "$1: stdout and stderr apart" "out/err" \
	    "$(s "$1" 'echo out; echo err >&2' 2>"$tmp/err" </dev/null)/$(
		cat "$tmp/err")"
	is "$1: stdin ends" x "$(echo x | s "$1" cat)"
	is "$1: empty stdin ends" 0 "$(s "$1" 'wc -c' </dev/null | tr -d ' ')"
	is "$1: nothing of ours in the output" "" "$(s "$1" true 2>&1)"
	is "$1: nor in that of a failure" "" "$(s "$1" 'exit 1' 2>&1)"
	is "$1: no stdin needed" fine "$(s -n "$1" echo fine)"
	# Ends with stdin on its way: no status and no output may be lost.
	for i in 1 2 3 4 5; do
		is "$1: a command that ignores its stdin ($i)" "fine
3" "$(
		    head -c 3000000 /dev/zero | s "$1" 'echo fine; exit 3' 2>&1
		    echo $?)"
	done
	is "$1: a stdin that never ends does not hold the command" fine \
	    "$(s "$1" echo fine <>"$tmp/fifo")"
	is "$1: bytes arrive as they are" \
	    "$(awk 'BEGIN { for (i = 0; i < 256; i++) printf "%c", i }' |
	    od -An -tx1)" \
	    "$(awk 'BEGIN { for (i = 0; i < 256; i++) printf "%c", i }' |
	    s "$1" cat | od -An -tx1)"
}

bulk() {
	local i n=0
	head -c 100000000 /dev/urandom >"$tmp/bulk"
	is "$1: 100 MB through cat | cat both ways" "$(sum <"$tmp/bulk")" \
	    "$(s "$1" 'cat | cat' <"$tmp/bulk" | sum)"
	for i in $(seq 50); do
		[ "$(s "$1" 'head -c 10000000 /dev/zero' </dev/null |
		    wc -c)" = 10000000 ] && n=$((n + 1))
	done
	is "$1: 50 times 10 MB that end at once, whole" 50 "$n"
	is "$1: a slow reader loses nothing" 20000000 \
	    "$(s "$1" 'head -c 20000000 /dev/zero' </dev/null | {
		sleep 3
		wc -c
	    })"
	is "$1: stdout and stderr in bulk" "5000000 5000000" "$(
	    s "$1" 'head -c 5000000 /dev/zero; head -c 5000000 /dev/zero >&2' \
		2>"$tmp/err" </dev/null | wc -c) $(wc -c <"$tmp/err")"
}

requests() {
	local long odd
	odd="a'b\"c\\d \$e \`f\` *é"
	is "$1: quotes and odd characters" "$odd" \
	    "$(s "$1" "printf %s $(printf %q "$odd")" </dev/null)"
	is "$1: a command of several lines" "1
2" "$(s "$1" 'echo 1
echo 2' </dev/null)"
	long=$(head -c 100000 /dev/zero | tr '\0' x)
	is "$1: a command of 100 kB" 100000 \
	    "$(s "$1" "printf %s $long | wc -c" </dev/null | tr -d ' ')"
	is "$1: bytes that are not UTF-8" " 80 ff" \
	    "$(s "$1" "printf %s $(printf '\200\377') | od -An -tx1" </dev/null)"
	is "$1: the client's environment" "fr_FR.UTF-8 one two" \
	    "$(LC_ALL=C LC_K8S_A=fr_FR.UTF-8 LC_K8S_B='one two' \
	    s -o SendEnv='LC_K8S_*' "$1" \
	    'echo $LC_K8S_A $LC_K8S_B' </dev/null)"
	like "$1: SSH_CONNECTION" "127.0.0.1 * 127.0.0.1 *" \
	    "$(s "$1" 'echo $SSH_CONNECTION' </dev/null)"
	is "$1: starts at home" yes \
	    "$(s "$1" '[ "$PWD" = "$HOME" ] && echo yes' </dev/null)"
}

# sshd takes 128 of them (session.c, num_env); tests/unit has all 1000.
many_variables() {
	local i vars=()
	for i in $(seq 1000); do
		vars+=("LC_V$i=value number $i")
	done
	like "$1: a client that sends 1000 variables" "1[23]? done" "$(
	    env "${vars[@]}" timeout 60 ssh -F "$K8SHELL_SSH_CONFIG" \
		-o SendEnv='LC_V*' "$1" \
		'env | grep "^LC_V[0-9]*=value number" | wc -l |
		    tr -d "\n"; echo " done"' </dev/null)"
}

terminal() {
	t "$1: a terminal: prompt, size, resize, ^C, status" \
	    timeout 60 python3 tests/pty-session.py "$K8SHELL_SSH_CONFIG" "$1"
	is "$1: -tt with a command" "tty 7" "$(
	    s -tt "$1" 'test -t 0 && test -t 1 && printf tty; exit 7' \
		2>/dev/null </dev/null
	    echo " $?")"
	is "$1: TERM of the client" vt220 \
	    "$(TERM=vt220 s -tt "$1" 'printf %s $TERM' 2>/dev/null </dev/null)"
}

# A client that is killed leaves no helper behind on the bastion.
departures() {
	local pid
	t "$1: no helper stays after a session" helpers_end
	ssh -F "$K8SHELL_SSH_CONFIG" "$1" 'sleep 30' </dev/null >/dev/null \
	    2>&1 &
	pid=$!
	t "$1: its helper is seen" wait_for 20 helper_runs
	kill -KILL "$pid"
	wait "$pid" 2>/dev/null
	t "$1: no helper stays when the client is killed" \
	    helpers_end
	s "$1" 'yes' </dev/null 2>/dev/null | head -c 1000 >/dev/null
	t "$1: nor when it stops reading" helpers_end
}

# Helpers of this bastion: what runs this file in its pid namespace.
helpers() {
	local p ns
	ns=$(readlink "/proc/$K8SHELL_BASTION_PID/ns/pid")
	for p in /proc/[0-9]*; do
		[ "$(readlink "$p/exe" 2>/dev/null)" = \
		    /usr/libexec/k8shell/k8shell-session ] &&
		    [ "$(readlink "$p/ns/pid")" = "$ns" ] && echo "$p"
	done
}
helper_runs() {
	[ -n "$(helpers)" ]
}
helper_gone() {
	[ -z "$(helpers)" ]
}
# The same with a deadline, and what is known of one that stays.
helpers_end() {
	local p
	wait_for 20 helper_gone && return
	for p in $(helpers); do
		tr '\0' ' ' <"$p/cmdline"
		grep -E '^(State|PPid|SigPnd|ShdPnd):' "$p/status"
		cat "$p/wchan" "$p/stack"
		ls -l "$p/fd"
	done
	tail -n 5 "$K8SHELL_LOG"
	return 1
}

for host in "$@"; do
	exits "$host"
	signals "$host"
	streams "$host"
	requests "$host"
	many_variables "$host"
	terminal "$host"
	departures "$host"
	bulk "$host"
done
finish
