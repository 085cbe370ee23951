#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Forwards of a real ssh through sshd 9.2 and 10, and the supervisor's part of
# them: with a stand-in for k8shell-forward, whose workspace is another network
# namespace on this machine. What listens on the bastion at the same addresses
# is never connected to.
set -u
cd "${top_srcdir:-.}" || exit 1
# shellcheck source=tests/bastion/box.sh
. tests/bastion/box.sh
# shellcheck source=tests/lib.sh
. tests/lib.sh
need_root
alone
# shellcheck source=tests/proxyd-lib.sh
. tests/proxyd-lib.sh

prefix=
name() {
	printf '%s: %s' "$prefix" "$1"
}

seen=$state/bastion/log/forward
caught=$state/bastion/caught
go=/run/go
workspace=

# bait: listens on the bastion where the workspace does, sets $port, the first
# of seven that are all free; writes a line for each who comes.
bait() {
	rm -f "$tmp/bait"
	mkfifo "$tmp/bait"
	: >"$caught"
	inside mkdir -p /run/ws
	nsenter -t "$K8SHELL_BASTION_PID" -m -p python3 -c '
import os, select, socket, sys
while True:
    socks = []
    try:
        for i in range(7):
            s = socket.socket()
            s.bind(("127.0.0.1", socks[0].getsockname()[1] + i if socks else 0))
            s.listen(9)
            socks.append(s)
        break
    except (OSError, OverflowError):
        pass
port = socks[0].getsockname()[1]
if os.path.exists("/proc/net/if_inet6"):
    s = socket.socket(socket.AF_INET6)
    s.bind(("::1", port))
    s.listen(9)
    socks.append(s)
s = socket.socket(socket.AF_UNIX)
s.bind("/run/ws/echo")
os.chmod("/run/ws/echo", 0o777)
s.listen(9)
socks.append(s)
print(port, flush=True)
while True:
    for s in select.select(socks, [], [])[0]:
        s.accept()
        with open(sys.argv[1], "a") as f:
            f.write("caught\n")' "$caught" >"$tmp/bait" &
	disown # it is the box that ends it
	read -r port <"$tmp/bait"
}

# The stand-in in k8shell-forward's place, and its workspace.
workspace() {
	inside install -m 755 /dev/stdin /usr/libexec/k8shell/k8shell-forward \
	    <tests/forward/standin
	inside install -m 755 /dev/stdin /run/workspace <tests/forward/workspace
	rm -f "$tmp/ready"
	mkfifo "$tmp/ready"
	# shellcheck disable=SC2016 # the inner shell's
	nsenter -t "$K8SHELL_BASTION_PID" -m -p unshare --net --mount sh -c '
		mount -n -t tmpfs tmpfs /run/ws && ip link set lo up &&
		exec /run/workspace "$@"' workspace "$port" "$go" \
	    >"$tmp/ready" 2>"$tmp/workspace.log" &
	disown # it is the box that ends it
	workspace=
	read -r -t 20 workspace <"$tmp/ready"
	[ "$workspace" = ready ] || {
		cat "$tmp/workspace.log"
		exit 1
	}
}

caught_none() {
	is "$(name "$1: nothing was connected to on the bastion")" "" \
	    "$(cat "$caught")"
}

# master NAME OPTION...: a connection for several commands.
master() {
	local socket=$tmp/$1.master
	shift
	timeout 120 ssh -F "$K8SHELL_SSH_CONFIG" -fNM -S "$socket" \
	    -o StreamLocalBindUnlink=yes -o ExitOnForwardFailure=yes "$@" ws \
	    </dev/null
}

on() {
	local socket=$tmp/$1.master
	shift
	s -S "$socket" "$@"
}

off() {
	on "$1" -O exit ws 2>/dev/null
}

connects() {
	local to
	mark
	for to in "127.0.0.1:$port" "localhost:$port" "[::1]:$port"; do
		[ "$to" != "[::1]:$port" ] || [ -e /proc/net/if_inet6 ] ||
		    continue
		is "$(name "-W $to: the workspace's echo")" "hello, 0" \
		    "$(printf hello | s -W "$to" ws 2>&1), $?"
	done
	audited "$(name "audit: opened and closed")" \
	    "forward.open forward.close" user=alice kind=tcp \
	    "port=$port" destination=127.0.0.1 forward=1
	audited "$(name "audit: connected")" forward.open \
	    result=connected dial_ms=5 destination=127.0.0.1
	audited "$(name "audit: how many bytes")" forward.close bytes_in=5 \
	    bytes_out=5 destination=127.0.0.1
	caught_none "-W"
}

# It has no rights that a helper does not need.
process() {
	local key
	for key in CapInh CapPrm CapEff CapAmb CapBnd; do
		is "$(name "k8shell-forward: $key")" "$key: 0000000000000000" \
		    "$(grep "^$key:" "$seen")"
	done
	is "$(name "k8shell-forward: its user alone")" \
	    "$(inside id -u _k8shell | awk '{ print $1, $1, $1, $1 }')" \
	    "$(sed -n 's/^Uid: //p' "$seen")"
	is "$(name "k8shell-forward: its group alone")" \
	    "$(inside id -g _k8shell | awk '{ print $1, $1, $1, $1 }')" \
	    "$(sed -n 's/^Gid: //p' "$seen")"
	is "$(name "k8shell-forward: no groups")" "" \
	    "$(sed -n 's/^Groups: *//p' "$seen")"
	is "$(name "k8shell-forward: under no filter of ours")" \
	    "$(sed -n 's/^Seccomp:[[:space:]]*//p' /proc/self/status)" \
	    "$(sed -n 's/^Seccomp: //p' "$seen")"
	# Python adds LC_CTYPE to nothing at all.
	like "$(name "k8shell-forward: no environment")" "b''" \
	    "$(sed -n 's/^Environ: //p' "$seen")"
	is "$(name "k8shell-forward: four descriptors")" "[0, 1, 2, 3]" \
	    "$(sed -n 's/^Fds: //p' "$seen")"
	is "$(name "k8shell-forward: the user")" "['alice']" \
	    "$(sed -n 's/^Argv: //p' "$seen")"
}

fails() {
	local out status=0
	mark
	out=$(s -W "127.0.0.1:$((port + 6))" ws </dev/null 2>&1) || status=$?
	like "$(name "refused: open failed")" '*open failed*' "$out"
	t "$(name "refused: status $status")" [ "$status" != 0 ]
	audited "$(name "refused: audited")" forward.open result=failed \
	    error=ECONNREFUSED detail='*' port=$((port + 6))
	audited "$(name "refused: once, and never closed")" forward.open \
	    port=$((port + 6))
	out=$(s -W "127.0.0.1:$((port + 5))" ws </dev/null 2>&1)
	audited "$(name "reset at once: opened, closed")" \
	    "forward.open forward.close" port=$((port + 5))
	like "$(name "-R stays refused")" '*remote port forwarding failed*' \
	    "$(s -o ExitOnForwardFailure=yes -R 0:localhost:22 ws true \
		</dev/null 2>&1)"
	caught_none "failures"
}

# Both directions, and the end of one without the other's.
bytes() {
	local sum
	head -c 20000000 /dev/urandom >"$tmp/random"
	sum=$(sha256sum <"$tmp/random" | cut -d' ' -f1)
	is "$(name "20 MB up, then the end, then the answer")" \
	    "$sum 20000000" \
	    "$(s -W "127.0.0.1:$((port + 1))" ws <"$tmp/random" 2>&1)"
	sum=$(python3 -c '
import hashlib
block = bytes(i % 251 for i in range(251))
print(hashlib.sha256((block * 80000)[:20000000]).hexdigest())')
	is "$(name "20 MB down behind the end of the other direction")" "$sum" \
	    "$(echo 20000000 | s -W "127.0.0.1:$((port + 2))" ws |
		sha256sum | cut -d' ' -f1)"
	mark
	master bytes -L "$tmp/local:/run/ws/echo"
	is "$(name "-L to a Unix socket: 1 MB")" 1 \
	    "$(python3 tests/forward/channels.py "$tmp/local" 1 1000000)"
	audited "$(name "-L to a Unix socket: audited")" \
	    "forward.open forward.close" kind=unix destination=/run/ws/echo
	off bytes
	caught_none "bytes"
}

many() {
	local n=200
	mark
	master many -L "$tmp/local:127.0.0.1:$port"
	is "$(name "$n channels at once, each with its own bytes")" "$n" \
	    "$(python3 tests/forward/channels.py "$tmp/local" "$n" 50000)"
	off many
	is "$(name "$n channels: that many were opened")" "$n" \
	    "$(audit event=forward.open result=connected | wc -w)"
	caught_none "$n channels"
}

# A dial that takes long holds up nothing, nor does who never reads.
slow() {
	rm -f "$tmp/slow.out"
	inside rm -f "$go"
	mark
	master slow -L "$tmp/wait:127.0.0.1:$((port + 4))" \
	    -L "$tmp/stall:127.0.0.1:$((port + 3))" \
	    -L "$tmp/local:127.0.0.1:$port"
	python3 tests/forward/channels.py "$tmp/wait" 10 1000 >"$tmp/slow.out" &
	timeout 60 python3 -c '
import socket, sys
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
while True:
    s.sendall(bytes(65536))' "$tmp/stall" &
	local stalled=$! waiting
	waiting=$(jobs -p | head -n 1)
	t "$(name "a stalled channel is open")" wait_for 5 audit_is \
	    forward.open port=$((port + 3)) result=connected
	is "$(name "10 dials wait: a session of the connection")" fine \
	    "$(on slow ws echo fine </dev/null 2>&1)"
	is "$(name "10 dials wait: another forward of it")" 1 \
	    "$(python3 tests/forward/channels.py "$tmp/local" 1 3000000)"
	is "$(name "10 dials wait: none has been told of")" "" \
	    "$(audit event=forward.open port=$((port + 4)))"
	inside touch "$go"
	wait "$waiting"
	is "$(name "then they are connected")" 10 "$(cat "$tmp/slow.out")"
	kill "$stalled"
	wait "$stalled" 2>/dev/null
	off slow
	caught_none "slow"
}

# standins: their pids in the bastion.
standins() {
	inside ps -e -o pid=,args= | awk '/k8shell-forwar[d]/ { print $1 }'
}

# Those of connections that have just ended may need a second for it.
one_standin() {
	[ "$(standins | wc -l)" = 1 ]
}

killed() {
	local pid
	mark
	master killed -L "$tmp/local:127.0.0.1:$port" \
	    -L "$tmp/wait:127.0.0.1:$((port + 4))"
	inside rm -f "$go"
	is "$(name "killed: before")" 1 \
	    "$(python3 tests/forward/channels.py "$tmp/local" 1 1000)"
	python3 -c '
import socket, sys
s = []
for path in sys.argv[1:]:
    s.append(socket.socket(socket.AF_UNIX))
    s[-1].connect(path)
    s[-1].settimeout(20)
s[0].sendall(b"x")
if s[0].recv(1) == b"x":
    print("open", flush=True)
for i in s:
    try:
        print(i.recv(1))
    except ConnectionResetError:
        print(b"")' "$tmp/local" "$tmp/wait" >"$tmp/killed.out" &
	wait_for 10 grep -q open "$tmp/killed.out"
	t "$(name "one k8shell-forward a connection")" wait_for 5 one_standin
	pid=$(standins)
	# shellcheck disable=SC2086 # one
	inside kill -KILL $pid
	wait $!
	is "$(name "killed: its channels end, open or not yet")" \
	    "open b'' b''" "$(paste -sd' ' "$tmp/killed.out")"
	logged "$(name "killed: logged")" 'k8shell-forward died of signal 9'
	audited "$(name "killed: the open one is audited")" forward.close \
	    "port=$port" "error=k8shell-forward ended without a word"
	audited "$(name "killed: the dial is audited")" forward.open \
	    result=failed error=EPIPE
	sleep 1.1 # it is not started more often than that
	is "$(name "killed: the next forward starts another")" 1 \
	    "$(python3 tests/forward/channels.py "$tmp/local" 1 1000)"
	off killed
	inside touch "$go"
}

limit() {
	limits 'max_forwards = 2'
	rm -f "$tmp/limit"
	timeout 60 ssh -F "$K8SHELL_SSH_CONFIG" "${AT_SECOND[@]}" -fNM \
	    -S "$tmp/limit.master" -L "$tmp/limit:127.0.0.1:$port" ws </dev/null
	is "$(name "max_forwards: two, and no third")" "b'x' b'x' b''" \
	    "$(python3 -c '
import socket, sys
s = []
for i in range(3):
    s.append(socket.socket(socket.AF_UNIX))
    s[-1].connect(sys.argv[1])
    s[-1].settimeout(20)
    try:
        s[-1].sendall(b"x")
        print(s[-1].recv(1), end=" " if i < 2 else "")
    except (BrokenPipeError, ConnectionResetError):
        print(b"", end="")' "$tmp/limit")"
	logged "$(name "max_forwards: logged")" \
	    'user alice: forward to 127\.0\.0\.1 port .* as max_forwards allows'
	audited "$(name "max_forwards: audited")" forward.open result=refused
	is "$(name "max_forwards: then there is room again")" 1 \
	    "$(python3 tests/forward/channels.py "$tmp/limit" 1 1000)"
	off limit
	second_stop
}

# A user's own program that looks like sshd when it connects.
local_user() {
	mark
	is "$(name "a program of the user's is no sshd")" \
	    "Connection refused, Connection refused" \
	    "$(s ws-shell "perl -MSocket -e '
		\$^F = 99;
		sub try { print connect(\$_[0], \$_[1]) ? \"done\" : \$! }
		socket(A, PF_INET, SOCK_STREAM | 04000, 0);
		try(A, scalar sockaddr_in($port, inet_aton(\"127.0.0.1\")));
		print \", \";
		socket(B, PF_UNIX, SOCK_STREAM | 04000, 0);
		try(B, scalar sockaddr_un(\"/run/ws/echo\"))'" \
		</dev/null 2>&1)"
	audited "$(name "a program of the user's is no sshd: nothing dialled")" \
	    "" event=forward.open
	caught_none "a program of the user's"
}

# The configuration as delivered, but for one with a shell on the bastion.
bastion_with_shell() {
	local env
	printf '[pod %s]\n' alice carol >"$tmp/pods"
	sed '/^Match Group k8shell-workspace/i\
Match User carol\n\tForceCommand none' sshd_config.d/sshd_config \
	    >"$tmp/sshd_config"
	env=$(tests/fakekube/up -s "$state" -b "$build" -c "$tmp/pods" -- \
	    -m bastion -f "$tmp/sshd_config" -d "$1" -o "UsePAM $2" \
	    -H ws=alice -P ws-shell=carol 2>"$tmp/up") || {
		cat "$tmp/up"
		exit 1
	}
	eval "$env"
	mark
}

nothing_of_forwards() {
	[ -z "$(standins)" ]
}

for version in 9.2 10; do
	prefix=$version
	bastion_with_shell "$(tests/openssh "$version")" yes
	bait
	t "$(name "the bastion's listener works")" inside python3 -c '
import socket, sys
socket.create_connection(("127.0.0.1", int(sys.argv[1])))' "$port"
	wait_for 5 grep -q caught "$caught"
	: >"$caught"
	workspace
	connects
	process
	fails
	bytes
	many
	slow
	killed
	limit
	local_user
	caught_none "all of it"
	t "$(name "no k8shell-forward is left")" \
	    wait_for 10 nothing_of_forwards
done
finish
