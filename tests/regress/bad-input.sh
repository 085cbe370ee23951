#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# What a real API server can't be asked to do, through a real ssh and sshd:
# each failure is one clear line on stderr, exit 255, nothing on stdout but
# what the command wrote, and no helper that stays.
set -u
# shellcheck source=tests/lib.sh
. "${top_srcdir:-.}/tests/lib.sh"
need_root
alone
cd "${top_srcdir:-.}" || exit 1
build=${top_builddir:-$PWD/build/gcc}
state=/run/k8shell-bad-input.$$
conf=tests/regress/bad-input.conf
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"; tests/fakekube/down -s "$state"' EXIT

hosts=()
for pod in $(sed -n 's/^\[pod \(.*\)\]/\1/p' "$conf") nope; do
	hosts+=(-H "$pod=$pod")
done
env=$(tests/fakekube/up -s "$state" -b "$build" -c "$conf" -- \
    "${hosts[@]}" 2>"$tmp/up") || {
	cat "$tmp/up"
	exit 1
}
eval "$env"

BYTES=300000
run() { # HOST [COMMAND]
	timeout 100 ssh -F "$K8SHELL_SSH_CONFIG" "$1" \
	    "${2:-head -c $BYTES /dev/zero}" >"$tmp/out" 2>"$tmp/err" \
	    </dev/null
	echo $?
}

# fails HOST PATTERN [BYTES-AT-MOST]: how a session must not succeed.
fails() {
	local status
	status=$(run "$1")
	is "$1: exit 255" 255 "$status"
	like "$1: says why" "k8shell: ws/$1: $2" "$(cat "$tmp/err")"
	is "$1: in one line" 1 "$(wc -l <"$tmp/err")"
	t "$1: no more output than there was" \
	    [ "$(wc -c <"$tmp/out")" -le "${3:-0}" ]
}

# works HOST: a server may be like that.
works() {
	is "$1: exit 0" 0 "$(run "$1")"
	is "$1: all of the output" "$BYTES" "$(wc -c <"$tmp/out")"
	is "$1: nothing on stderr" "" "$(cat "$tmp/err")"
}

# inside COMMAND...: with the bastion's files.
inside() {
	nsenter -t "$K8SHELL_BASTION_PID" -m "$@"
}

# guest auto|off: what the sessions that begin from now on may use.
guest() {
	inside sed -i '/^guest = /d' /etc/k8shell/k8shell.conf
	inside sed -i "/^pod = /a guest = $1" /etc/k8shell/k8shell.conf
	is "guest = $1" 1 "$(inside grep -cx "guest = $1" \
	    /etc/k8shell/k8shell.conf)"
}

# What takes a minute runs beside the rest. A server that is silent is dead; one
# that is blocked because a command does not read its stdin is not.
slow_begin() { # auto|off
	timeout 200 ssh -F "$K8SHELL_SSH_CONFIG" stall \
	    'echo begin; sleep 300' >"$tmp/stall-$1.out" \
	    2>"$tmp/stall-$1.err" </dev/null &
	stall[$1]=$!
	head -c 10000000 /dev/zero | timeout 200 ssh \
	    -F "$K8SHELL_SSH_CONFIG" fine 'sleep 70; echo alive' \
	    >"$tmp/blocked-$1.out" 2>"$tmp/blocked-$1.err" &
	blocked[$1]=$!
	# Its config is read.
	t "guest = $1: the slow ones have begun" wait_for 30 grep -q begin \
	    "$tmp/stall-$1.out"
}

slow_end() { # auto|off
	wait "${stall[$1]}"
	is "stall, guest = $1: exit 255" 255 $?
	like "stall, guest = $1: says why" '*no sign of life*' \
	    "$(cat "$tmp/stall-$1.err")"
	is "stall, guest = $1: what came before it" begin \
	    "$(cat "$tmp/stall-$1.out")"
	wait "${blocked[$1]}"
	is "a blocked stdin, guest = $1, is no dead peer: exit 0" 0 $?
	is "a blocked stdin, guest = $1, is no dead peer: output" alive \
	    "$(cat "$tmp/blocked-$1.out")"
	is "a blocked stdin, guest = $1, is no dead peer: stderr" "" \
	    "$(cat "$tmp/blocked-$1.err")"
}

# A server that does not read: a large stdin stalls, the command's end doesn't.
slow_reader() {
	head -c 2000000 /dev/zero | timeout 60 ssh -F "$K8SHELL_SSH_CONFIG" \
	    slow-reader 'echo fine' >"$tmp/out" 2>"$tmp/err"
	is "slow-reader: the command ends under a stalled stdin" fine \
	    "$(cat "$tmp/out")"
}

declare -A stall blocked
guest off
slow_begin off
works fine
fails nope '*no pod nope in namespace ws*'
fails two '*no container main*one, two*'
fails pending '*not started yet*'
fails ended '*has ended (Succeeded)*'
fails unscheduled '*host assigned*'
fails http-429 '429: *again in 7 s*'
fails http-500 '500: *'
fails http-503 '503: *'
fails http-html '500: *'
fails http-empty '*403 without a reason*v4.channel.k8s.io'
fails http-cut '500: *'
fails http-huge '500*'
fails redirect '302*'
for pod in wrong-accept no-accept no-upgrade no-protocol protocol; do
	fails "$pod" '*not a WebSocket answer*'
done
fails huge-headers '*headers are longer than*'
for pod in cut-rst cut-fin cut-tls; do
	fails "$pod" '*was cut*' 100000
done
fails cut-1011 '*1011*not known*' 100000
fails cut-1000 '*1000*not known*' 100000
fails cut-status '*was cut*' $BYTES
fails status-none '*not known*' $BYTES
fails status-malformed "*can't be understood*" $BYTES
fails status-empty "*can't be understood*" $BYTES
fails status-raw "*can't be understood*" $BYTES
fails status-huge '*longer than*' $BYTES
fails text '*text message*'
for pod in masked reserved-bits reserved-opcode oversize-control orphan nested \
    huge-length not-websocket; do
	fails "$pod" '*breaks the WebSocket protocol*' 3
done
fails deleted-cut '*was cut*'
is "deleted: the status that Kubernetes gives" 137 "$(run deleted)"
for pod in fragment trickle-tls trickle-tcp slow-reader big garbage no-first \
    status-fragments status-early abrupt; do
	works "$pod"
done
slow_reader

# With the guest its word counts, and not what the server says at the end.
guest auto
slow_begin auto
works fine
fails nope '*no pod nope in namespace ws*'
fails pending '*not started yet*'
fails http-500 '500: *'
fails http-empty '*403 without a reason*v4.channel.k8s.io'
fails no-upgrade '*not a WebSocket answer*'
for pod in cut-rst cut-fin cut-tls; do
	fails "$pod" '*was cut*' 100000
done
fails cut-1011 '*1011*not known*' 100000
fails text '*text message*'
for pod in masked reserved-bits reserved-opcode oversize-control orphan \
    huge-length not-websocket; do
	fails "$pod" '*breaks the WebSocket protocol*' 3
done
fails deleted-cut '*was cut*'
for pod in fragment trickle-tls trickle-tcp slow-reader big garbage no-first \
    cut-status status-none status-malformed status-empty status-raw \
    status-huge status-fragments abrupt; do
	works "$pod"
done
slow_reader

# Its kubeconfig names a context for each listener and user of the server.
context() {
	inside sed -i "s/^current-context: .*/current-context: $1/" \
	    /etc/k8shell/kubeconfig
}

# Same as fails for the pod that is fine.
unreachable() { # NAME PATTERN
	is "$1: exit 255" 255 "$(run fine)"
	like "$1: says why" "k8shell: $2" "$(cat "$tmp/err")"
	is "$1: in one line" 1 "$(wc -l <"$tmp/err")"
	is "$1: nothing on stdout" "" "$(cat "$tmp/out")"
	t "$1: the reason is in the log" \
	    grep -qF "$(sed 's/^k8shell: //' "$tmp/err")" "$K8SHELL_LOG"
}

context refuse
unreachable "API server down" '*refused*'
context never-handshake
unreachable "API server that does not answer" '*did not answer within 30 s*'
context reset
unreachable "API server that resets" '*reset by peer*'
context expired
unreachable "expired certificate" '*expired*'
context wrong-host
unreachable "certificate for another host" '*another host name*'
context other-ca
unreachable "certificate of another authority" '*authority*not trusted*'
context user-none
unreachable "RBAC allows nothing" '*403*cannot get resource "pods/exec"*'
context user-getter
unreachable "RBAC allows get, not create" '*403*create*'
context user-short
unreachable "expired token" '*401*'
inside cp -p /etc/k8shell/kubeconfig /etc/k8shell/kubeconfig.good
inside sed -i '0,/server: .*/s//server: https:\/\/no-such-host.invalid/' \
    /etc/k8shell/kubeconfig
context fakekube
unreachable "a server whose name does not resolve" "*can't be resolved*"
inside mv /etc/k8shell/kubeconfig.good /etc/k8shell/kubeconfig
context no-such-context
unreachable "no such context" '*no-such-context*'
context fakekube

slow_end off
slow_end auto

inside mv /etc/k8shell/kubeconfig /etc/k8shell/kubeconfig.away
unreachable "no kubeconfig" '*/etc/k8shell/kubeconfig: No such file*'
inside sh -c 'echo "{ [" >/etc/k8shell/kubeconfig'
unreachable "malformed kubeconfig" '*/etc/k8shell/kubeconfig*line*'
inside sh -c 'rm /etc/k8shell/kubeconfig; cp /etc/k8shell/kubeconfig.away \
    /etc/k8shell/kubeconfig; chmod 600 /etc/k8shell/kubeconfig'
unreachable "unreadable kubeconfig" '*/etc/k8shell/kubeconfig: Permission denied*'
inside mv /etc/k8shell/kubeconfig.away /etc/k8shell/kubeconfig
works fine

inside cp /etc/k8shell/k8shell.conf /etc/k8shell/k8shell.conf.away
inside sh -c 'echo "pdo = x" >>/etc/k8shell/k8shell.conf'
unreachable "unknown key in k8shell.conf" '*k8shell.conf line *pdo*'
inside chmod 600 /etc/k8shell/k8shell.conf
unreachable "unreadable k8shell.conf" '*k8shell.conf: *ermission*'
inside rm /etc/k8shell/k8shell.conf
unreachable "no k8shell.conf" '*k8shell.conf: No such file*'
inside mv /etc/k8shell/k8shell.conf.away /etc/k8shell/k8shell.conf
works fine

# Credentials: nobody who logs in can read them, no log has them.
token=$(inside sed -n 's/^ *token: "\(.*\)"$/\1/p' /etc/k8shell/kubeconfig |
    head -n 1)
t "there is a token to look for" [ ${#token} -ge 16 ]
is "no log has the token" "" \
    "$(grep -lF "$token" "$K8SHELL_LOG" "$K8SHELL_SSHD_LOG")"
uid=$(inside id -u fine)
t "a user can't read the kubeconfig" inside setpriv --reuid "$uid" \
    --clear-groups sh -c '! cat /etc/k8shell/kubeconfig'
helper=/usr/libexec/k8shell/k8shell-session
is "the helper is setgid" 2755 "$(inside stat -c %a $helper)"
# shellcheck disable=SC2016
t "nor the memory or environment of a helper" nsenter \
    -t "$K8SHELL_BASTION_PID" -m -p setpriv --reuid "$uid" --clear-groups \
    sh -c '
	sleep 20 | '$helper' -c "echo started; sleep 20" >/tmp/started.$$ &
	for i in $(seq 100); do
		grep -q started /tmp/started.$$ && break
		sleep 0.1
	done
	rm /tmp/started.$$
	r=1
	for p in /proc/[0-9]*; do
		case $(cat "$p/comm") in k8shell-session) r=0; break ;; esac
	done
	cat "$p/environ" 2>/dev/null && r=1
	dd if="$p/mem" bs=1 count=1 2>/dev/null && r=1
	ls "$p/fd" 2>/dev/null && r=1
	kill %1
	exit $r'
# What a client could set must not reach the helper's libraries: here its
# own machine's environment, as a local user would.
for v in SSL_CERT_FILE=/dev/null SSL_CERT_DIR=/ OPENSSL_CONF=/dev/null \
    https_proxy=http://127.0.0.1:1 HTTPS_PROXY=http://127.0.0.1:1 \
    all_proxy=http://127.0.0.1:1 http_proxy=http://127.0.0.1:1 \
    LD_PRELOAD=/no/such.so K8SHELL_CONF=/dev/null; do
	is "a helper does not heed ${v%%=*}" fine "$(inside setpriv \
	    --reuid "$uid" --clear-groups env "$v" $helper -c 'echo fine' \
	    2>&1 </dev/null)"
done

# Of this bastion: others may run on the machine.
# shellcheck disable=SC2016
t "no helper is left" wait_for 20 nsenter -t "$K8SHELL_BASTION_PID" -m -p sh \
    -c '! ls -l /proc/[0-9]*/exe 2>/dev/null | grep -q "libexec/k8shell/"'
finish
