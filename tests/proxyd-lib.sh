# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034 # what is set is the script's to use
#
# What the tests of k8shell-proxyd share. Sourced after tests/lib.sh, by a
# script that is in the top folder and calls bastion before anything else.
#
# The bastion's proxyd has listeners at one port of several loopback
# addresses, all of which trust 127.0.0.0/8 but "untrusted":
#
#	127.0.0.1, ::1	optional
#	127.0.0.2	untrusted: optional, trusts others only
#	127.0.0.3	required, for a second
#	127.0.0.4	off
#	127.0.0.5	optional, for a second
#
# 127.0.0.6 and up are for what a test starts itself.

build=${top_builddir:-$PWD/build/gcc}
state=/run/k8shell-proxyd-sh.$$
tmp=$(mktemp -d)
trap 'tests/fakekube/down -s "$state"; rm -rf "$tmp"' EXIT
trap 'exit 130' HUP INT TERM

# The addresses that headers give, and what a session then has.
V1='PROXY TCP4 203.0.113.7 198.51.100.1 4711 22'
V1_IPV6='PROXY TCP6 2001:db8::7 2001:db8::1 4711 22'
V2='203.0.113.7 4711 198.51.100.1 22'
V2_IPV6='2001:db8::7 4711 2001:db8::1 22'

# bastion SSHD PAM: fakekube and a bastion with this sshd, UsePAM as said, and
# a variable that is set for clients of 203.0.113.0/24 only.
bastion() {
	local env
	printf '[pod %s]\n' alice bob dave carol >"$tmp/pods"
	cat >"$tmp/sections" <<-'INI'
	[listener test]
	listen = @LISTEN@
	proxy_protocol = optional
	trusted_proxies = 127.0.0.0/8, ::1

	[listener untrusted]
	listen = 127.0.0.2:@PORT@
	proxy_protocol = optional
	trusted_proxies = 192.0.2.0/24

	[listener required]
	listen = 127.0.0.3:@PORT@
	proxy_protocol = required
	trusted_proxies = 127.0.0.0/8
	proxy_timeout = 1

	[listener off]
	listen = 127.0.0.4:@PORT@
	proxy_protocol = off

	[listener quick]
	listen = 127.0.0.5:@PORT@
	proxy_protocol = optional
	trusted_proxies = 127.0.0.0/8
	proxy_timeout = 1
	INI
	{
		cat sshd_config.d/sshd_config
		printf '%s\n' 'Match Address 203.0.113.0/24' \
		    '	SetEnv K8S_MATCH=yes'
	} >"$tmp/sshd_config"
	env=$(tests/fakekube/up -s "$state" -b "$build" -c "$tmp/pods" -- \
	    -m bastion -l "$tmp/sections" -f "$tmp/sshd_config" \
	    -d "$1" -o "UsePAM $2" -H ws=alice -H ws-bob=bob \
	    -H ws-from=dave 2>"$tmp/up") || {
		cat "$tmp/up"
		exit 1
	}
	eval "$env"
	mark
}

# inside COMMAND...: with the bastion's files and processes.
inside() {
	nsenter -t "$K8SHELL_BASTION_PID" -m -p -- "$@"
}

s() {
	timeout 30 ssh -F "$K8SHELL_SSH_CONFIG" "$@"
}

# quoted WORD...: for the shell that runs a ProxyCommand, where ssh takes % for
# its own.
quoted() {
	printf '%q ' "$@" | sed 's/%/%%/g'
}

# via "OPTION..." HOST [COMMAND]: through a load balancer; the options are
# those of tests/proxied, an array's worth in one word by quoted().
via() {
	local options=$1
	shift
	s -o ProxyCommand="$PWD/tests/proxied $options %h %p" "$@"
}

# connection OPTION...: SSH_CONNECTION in a session through a load balancer
# that tests/proxied plays with these options.
# shellcheck disable=SC2016 # expands in the workspace
connection() {
	via "$(quoted "$@")" ws 'echo $SSH_CONNECTION' </dev/null 2>&1
}

# probe ADDRESS OPTION...: what becomes of a connection that is no ssh's.
probe() {
	local address=$1
	shift
	timeout 60 tests/proxied "$@" "$address" "$K8SHELL_PORT"
}

# The logs from here on are what logged, audited and since look at.
mark() {
	log_at=$(wc -c <"$K8SHELL_LOG")
	audit_at=0
	[ ! -e "$K8SHELL_AUDIT_LOG" ] ||
	    audit_at=$(wc -c <"$K8SHELL_AUDIT_LOG")
}

since() {
	tail -c "+$((log_at + 1))" "$K8SHELL_LOG"
}

in_log() {
	since | grep -qE -- "$1"
}

# logged NAME REGEX: a line of the log has it, soon.
logged() {
	if wait_for 5 in_log "$2"; then
		t_pass "$1"
	else
		t_fail "$1" "no line has: $2" "$(since | tail -n 8)"
	fi
}

# not_logged NAME REGEX
not_logged() {
	if in_log "$2"; then
		t_fail "$1" "$(since | grep -E -- "$2")"
	else
		t_pass "$1"
	fi
}

# audit KEY=VALUE...: the names of the events since the mark that have all of
# these. Fails, and says which, when a line is no event.
audit() {
	python3 tests/audit-events "$K8SHELL_AUDIT_LOG" "$audit_at" "$@"
}

audit_is() {
	[ "$(audit "${@:2}")" = "$1" ]
}

# audited NAME "EVENT..." KEY=VALUE...: these and no other ones, soon.
audited() {
	local name=$1 events=$2
	shift 2
	if wait_for 5 audit_is "$events" "$@"; then
		t_pass "$name"
	else
		t_fail "$name" "expected of $*: $events" \
		    "got: $(audit "$@" 2>&1)" \
		    "$(tail -c "+$((audit_at + 1))" "$K8SHELL_AUDIT_LOG" |
			tail -n 8)"
	fi
}

# Sessions that last until they are told to end, each with a name.
declare -A hold_pid=() hold_fd=()

# hold NAME OPTION... HOST: 0 when the session is there.
hold() {
	local name=$1 fd
	shift
	rm -f "$tmp/$name".*
	mkfifo "$tmp/$name.in"
	timeout 100 ssh -F "$K8SHELL_SSH_CONFIG" "$@" \
	    'echo up; read -r x; echo bye; exit 7' <"$tmp/$name.in" \
	    >"$tmp/$name.out" 2>"$tmp/$name.err" &
	hold_pid[$name]=$!
	exec {fd}>"$tmp/$name.in"
	hold_fd[$name]=$fd
	wait_for 10 held "$name"
}

# Up, or ended without.
held() {
	grep -q up "$tmp/$1.out" || ! kill -0 "${hold_pid[$1]}"
}

held_up() {
	[ "$(cat "$tmp/$1.out")" = up ] && kill -0 "${hold_pid[$1]}"
}

# release NAME: its exit status; 7 if it has lasted until now. Not in a subshell:
# the session is a child of this one.
release() {
	local fd=${hold_fd[$1]} status=0
	echo go >&"$fd" || :
	wait "${hold_pid[$1]}" || status=$?
	exec {fd}>&-
	return "$status"
}

# released NAME-OF-CHECK NAME: it lasted, and said goodbye.
released() {
	local status=0
	release "$2" || status=$?
	is "$1" "7 up bye" "$status $(tr '\n' ' ' <"$tmp/$2.out" |
	    sed 's/ $//')"
}

# A proxyd of a test's own, at 127.0.0.6: second_conf, second_start, and then
# $second is its pid in the bastion. second_stop ends it.

# second_conf [PROXYD-LINE]...: its k8shell.conf. What a line sets takes the
# place of what is here, LISTEN=ADDRESS that of 127.0.0.6.
second_conf() {
	local line listen=127.0.0.6
	local -A keys=([max_startups]=200:100:200 [penalties]=no)
	for line; do
		if [ "${line%%=*}" = LISTEN ]; then
			listen=${line#*=}
		else
			keys[${line%% =*}]=${line#*= }
		fi
	done
	{
		# shellcheck disable=SC2016 # $ is sed's
		inside sed '/^\[proxyd\]/,$d' /etc/k8shell/k8shell.conf
		echo "[proxyd]"
		inside sed -nE '/^(sshd|sshd_config|audit_file|proxy_id) =/p' \
		    /etc/k8shell/k8shell.conf
		for line in "${!keys[@]}"; do
			echo "$line = ${keys[$line]}"
		done
		cat <<-INI
		[listener second]
		listen = $listen:$K8SHELL_PORT
		proxy_protocol = optional
		trusted_proxies = 127.0.0.0/8
		INI
	} >"$tmp/second.conf"
	inside tee /etc/k8shell/second.conf <"$tmp/second.conf" >/dev/null
}

second_start() {
	local fifo=$state/bastion/second fd
	rm -f "$fifo"
	mkfifo "$fifo"
	# Both ends: whoever should open the other may never come to it.
	exec {fd}<>"$fifo"
	nsenter -t "$K8SHELL_BASTION_PID" -m -p \
	    perl "$state/bastion/input/notified" "$fifo" 10 \
	    /usr/libexec/k8shell/k8shell-proxyd -D \
	    -f /etc/k8shell/second.conf >"$tmp/second.log" 2>&1 {fd}>&- &
	second_job=$!
	second=
	read -r -t 12 -u "$fd" second || cat "$tmp/second.log"
	exec {fd}>&-
	[ -n "$second" ]
}

second_stop() {
	inside kill -TERM "$second"
	wait "$second_job" || :
}

# The options of ssh that lead there.
AT_SECOND=(-o HostName=127.0.0.6)

# limits PROXYD-LINE...: a proxyd with these, at 127.0.0.6.
limits() {
	second_conf "$@"
	second_start || t_fail "a proxyd with $*"
	mark
}

# Those of k8shell-proxyd's processes that are a connection's, not the daemon;
# their pids in the bastion.
supervisors() {
	inside ps -C k8shell-proxyd -o pid=,uid= |
	    awk -v uid="$(inside id -u _k8shell)" '$2 == uid { print $1 }'
}

# What is there of connections: nothing, when none is. Everything but the
# first process, the daemon, what the tests have put there (perl), and ps.
remains() {
	inside ps -e -o pid=,uid=,comm=,args= | awk '
		$1 == 1 || $3 == "perl" || $3 == "ps" { next }
		$3 == "k8shell-proxyd" && $2 == 0 && !n++ { next }
		{ print }'
	# A byte each, 0 if it is free.
	inside sh -c '[ ! -e /run/k8shell/slots ] ||
	    tr -d "\0" </run/k8shell/slots | od -c -An'
}

nothing_remains() {
	[ -z "$(remains)" ]
}

nothing_left() {
	if wait_for 20 nothing_remains; then
		t_pass "$1: nothing is left"
	else
		t_fail "$1: nothing is left" "$(remains)"
	fi
}
