#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# k8shell-proxyd before sshd has a say: headers that are broken, late or none,
# clients that are no ssh, limits and penalties, haproxy, reload, restart.
# shellcheck disable=SC2016 # what is to expand in the workspace
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

shopt -s extglob
OPTIONAL=127.0.0.5 REQUIRED=127.0.0.3 OFF=127.0.0.4 SECOND=127.0.0.6
# In hexadecimal: the start of a header of version 2, and addresses with ports.
SIGNATURE=0d0a0d0a000d0a515549540a
ADDRESSES=cb007107c633640112670016
# What a client of ssh would say next.
SSH=$(printf 'SSH-2.0-test\r\n' | od -An -v -tx1 | tr -d ' \n')

hex() {
	printf '%b' "$1" | od -An -v -tx1 | tr -d ' \n'
}

# closes NAME OPTION...: what becomes of this, whether a header is optional or
# required: no byte of an answer.
closes() {
	local name=$1 address
	shift
	for address in "$OPTIONAL" "$REQUIRED"; do
		like "$name: closed ($address)" '@(closed|reset) ' \
		    "$(probe "$address" -p 8 "$@")"
	done
}

# refuses NAME OPTION...: the same, and the log says so.
refuses() {
	local name=$1 address
	shift
	for address in "$OPTIONAL" "$REQUIRED"; do
		# More than ten such lines a second are not written.
		sleep 0.1
		mark
		like "$name: closed ($address)" '@(closed|reset) ' \
		    "$(probe "$address" -p 8 "$@")"
		logged "$name: logged ($address)" \
		    'k8shell-proxyd.* 127\.0\.0\.1[^0-9]'
	done
}

broken_v1() {
	local line
	while IFS= read -r line; do
		refuses "v1 \"${line:0:60}\"" \
		    -x "$(hex "$line\r\n")$SSH"
	done <<-LINES
	PROXY\x20
	PROXY TCP4
	PROXY TCP4 203.0.113.7 198.51.100.1 4711
	PROXY TCP4 203.0.113.7 198.51.100.1 4711 22 x
	PROXY TCP4 203.0.113.7 198.51.100.1 4711 22\x20
	PROXY  TCP4 203.0.113.7 198.51.100.1 4711 22
	PROXY TCP4 203.0.113.007 198.51.100.1 4711 22
	PROXY TCP4 203.0.113 198.51.100.1 4711 22
	PROXY TCP4 2001:db8::7 198.51.100.1 4711 22
	PROXY TCP6 203.0.113.7 198.51.100.1 4711 22
	PROXY TCP5 203.0.113.7 198.51.100.1 4711 22
	PROXY TCP4 203.0.113.7 198.51.100.1 04711 22
	PROXY TCP4 203.0.113.7 198.51.100.1 +4711 22
	PROXY TCP4 203.0.113.7 198.51.100.1 65536 22
	PROXY TCP4 203.0.113.7 198.51.100.1 4711 -1
	PROXY TCP4 203.0.113.7 198.51.100.1 4711 22\x00
	PROXY TCP4 localhost 198.51.100.1 4711 22
	PROXY UNKNOWN $(printf '%0100d' 0)
	LINES
	refuses "v1 with a bare newline" \
	    -x "$(hex "$V1\n")$SSH"
	refuses "v1 without an end" -x "$(hex "PROXY UNKNOWN $(
	    printf '%04000d' 0)")"
}

broken_v2() {
	refuses "v2, another version" -x "${SIGNATURE}1111000c$ADDRESSES$SSH"
	refuses "v2, another command" -x "${SIGNATURE}2211000c$ADDRESSES$SSH"
	refuses "v2, datagrams" -x "${SIGNATURE}2112000c$ADDRESSES$SSH"
	refuses "v2, too short for addresses" \
	    -x "${SIGNATURE}2111000bcb007107c6336401126700$SSH"
	refuses "v2, too short for those of IPv6" \
	    -x "${SIGNATURE}2121000c$ADDRESSES$SSH"
	refuses "v2, longer than any header" -x "${SIGNATURE}2111ffff$ADDRESSES"
	refuses "v2, a TLV longer than the header" \
	    -x "${SIGNATURE}2111000f${ADDRESSES}040001$SSH"
	refuses "v2, half a TLV" -x "${SIGNATURE}2111000d${ADDRESSES}04$SSH"
	refuses "v2, wrong checksum" \
	    -x "${SIGNATURE}21110013${ADDRESSES}03000400000000$SSH"
	refuses "v2, short checksum" \
	    -x "${SIGNATURE}21110012${ADDRESSES}030003000000$SSH"
}

# Headers that do not come to an end.
incomplete() {
	local header
	header=$(hex "$V1\r\n")
	closes "v1, cut, then the end" -e -x "${header:0:40}"
	closes "v2, cut, then the end" -e -x "${SIGNATURE}2111000ccb00"
	refuses "v1, cut, then silence" -x "${header:0:40}"
	refuses "v2, cut in the signature" -x "${SIGNATURE:0:16}"
	refuses "v2, says it is longer than it is" \
	    -x "${SIGNATURE}21110064$ADDRESSES"
	refuses "v1, too slow" -x "$header$SSH" -n 3 -d 0.2
	is "v1, slow but in time" "$V2" "$(connection -1 "$V1" -n 8 -d 0.1)"
	is "v2, slow but in time" "$V2" "$(connection -2 "$V2" -n 5 -d 0.1)"
}

# Says it is shorter than it is: what is behind it is ssh's, and nonsense.
lying() {
	mark
	like "v2, says it is shorter: the rest goes to sshd" \
	    '@(closed|reset) SSH-2.0-*Invalid SSH identification*' \
	    "$(probe $OPTIONAL -p 8 \
		-x "${SIGNATURE}2111000c${ADDRESSES}0400020000$SSH")"
	logged "v2, says it is shorter: from where" \
	    'sshd.* from 203\.0\.113\.7 port 4711'
}

# Headers without addresses that count.
no_addresses() {
	like "v1 UNKNOWN: the socket's" "127.0.0.1 * 127.0.0.1 $K8SHELL_PORT" \
	    "$(connection -1 'PROXY UNKNOWN')"
	like "v1 UNKNOWN with addresses: the socket's" \
	    "127.0.0.1 * 127.0.0.1 $K8SHELL_PORT" \
	    "$(connection -1 'PROXY UNKNOWN ffff:: :: 65535 0')"
	like "v2 LOCAL: the socket's" "127.0.0.1 * 127.0.0.1 $K8SHELL_PORT" \
	    "$(connection -2 LOCAL -t 4=00)"
	like "v2 of a Unix socket: the socket's" \
	    "127.0.0.1 * 127.0.0.1 $K8SHELL_PORT" \
	    "$(connection -x "${SIGNATURE}213100d8$(printf '%0432d' 0)")"
	is "a mapped IPv4 address is one" "$V2" \
	    "$(connection -1 "PROXY TCP6 ::ffff:203.0.113.7 ::ffff:198.51.100.1 4711 22")"
}

# no_ssh NAME OPTION...: sshd answers it where a header is optional or off.
no_ssh() {
	local name=$1 address
	shift
	for address in "$OPTIONAL" "$OFF"; do
		like "$name: is sshd's ($address)" \
		    '@(closed|reset) SSH-2.0-*Invalid SSH identification*' \
		    "$(probe "$address" -p 8 "$@")"
	done
	like "$name: closed (required)" '@(closed|reset) ' \
	    "$(probe "$REQUIRED" -p 8 "$@")"
}

other_protocols() {
	no_ssh "TLS" -x "16030100${ADDRESSES}0a0a"
	no_ssh "HTTP" -x "$(hex 'GET / HTTP/1.0\r\n\r\n')"
	no_ssh "HTTP that begins like PROXY" \
	    -x "$(hex 'PROPFIND / HTTP/1.1\r\nHost: x\r\n\r\n')"
	no_ssh "lines that begin like version 2" \
	    -x "$(hex '\r\n\r\n\\0\r\nQUIT')$(hex '\r\nx\r\n')"
	no_ssh "zeros" -x "$(printf '%0400d' 0)0d0a"
	like "off: a header is not looked for" \
	    '@(closed|reset) SSH-2.0-*Invalid SSH identification*' \
	    "$(probe "$OFF" -p 8 -1 "$V1")"
	like "off: a session" "127.0.0.1 * $OFF $K8SHELL_PORT" \
	    "$(s -o HostName=$OFF ws 'echo $SSH_CONNECTION' </dev/null 2>&1)"
	mark
	like "required: no session without" '*255' \
	    "$(s -o HostName=$REQUIRED ws true </dev/null 2>&1; echo $?)"
	logged "required: the log says so" 'k8shell-proxyd.* 127\.0\.0\.1[^0-9]'
	not_logged "required: sshd was not started" 'sshd.*: Connection from'
	is "required: a session" "$V2" "$(via "$(quoted -1 "$V1")" \
	    -o HostName=$REQUIRED ws 'echo $SSH_CONNECTION' </dev/null 2>&1)"
}

silence() {
	like "optional: who waits for the banner gets it" 'open SSH-2.0-*' \
	    "$(probe "$OPTIONAL" -p 2.5)"
	like "off: at once" 'open SSH-2.0-*' "$(probe "$OFF" -p 0.7)"
	like "required: who waits is not waited for" '@(closed|reset) ' \
	    "$(probe "$REQUIRED" -p 5)"
	is "optional: the end of what never began" "closed " \
	    "$(probe "$OPTIONAL" -p 8 -e | sed 's/SSH-2.0.*//')"
}

# Scanners, and clients that reset the connection, at every step.
vanishing() {
	local address data banner
	banner=$(hex "$V1\r\n")$SSH
	for address in 127.0.0.1 $REQUIRED $OFF; do
		for data in '' "${banner:0:2}" "${banner:0:40}" \
		    "${banner:0:92}" "$banner" "$SIGNATURE" \
		    "${SIGNATURE}2111000c$ADDRESSES" "${SSH:0:6}" "$SSH"; do
			probe "$address" -r -x "$data" >/dev/null
		done
		probe "$address" -p 0 >/dev/null
	done
	is "after resets and scans: a session" fine \
	    "$(s ws echo fine </dev/null 2>&1)"
	nothing_left "after resets and scans"
}

slow_loris() {
	local left sockets
	limits 'max_startups = 1200:100:1200' 'max_connections = 1200'
	mkfifo "$tmp/loris.in" "$tmp/loris.out"
	tests/proxied -k 1000 -x "$(hex 'PROXY TCP4 203.')" $SECOND \
	    "$K8SHELL_PORT" <"$tmp/loris.in" >"$tmp/loris.out" &
	exec {sockets}>"$tmp/loris.in" {left}<"$tmp/loris.out"
	read -r -t 30 -u "$left" _ || t_fail "1000 sockets: connected"
	is "1000 sockets in the header: another one's session" fine \
	    "$(s "${AT_SECOND[@]}" ws echo fine </dev/null 2>&1)"
	t "1000 sockets in the header: none outlasts its time" \
	    wait_for 20 no_connections "$SECOND"
	exec {sockets}>&-
	read -r -t 30 -u "$left" sockets || sockets=none
	is "1000 sockets in the header: each was closed" 0 "$sockets"
	exec {left}<&-
	second_stop
	nothing_left "1000 sockets"
}

# established ADDRESS: connections to our port there.
established() {
	[ -n "$(ss -Htn state established \
	    "src $1 and sport = :$K8SHELL_PORT")" ]
}

no_connections() {
	! established "$1"
}

haproxy_in_front() {
	local header
	cat >"$tmp/haproxy.cfg" <<-CONF
	defaults
		mode tcp
		timeout connect 5s
		timeout client 60s
		timeout server 60s
	listen v1
		bind 127.0.0.8:$K8SHELL_PORT
		server sshd 127.0.0.3:$K8SHELL_PORT send-proxy
	listen v2
		bind 127.0.0.9:$K8SHELL_PORT
		server sshd 127.0.0.3:$K8SHELL_PORT send-proxy-v2
	listen v2-more
		bind 127.0.0.10:$K8SHELL_PORT
		server sshd 127.0.0.3:$K8SHELL_PORT send-proxy-v2 proxy-v2-options unique-id,crc32c
		unique-id-format %ci:%cp
	CONF
	haproxy -db -f "$tmp/haproxy.cfg" >"$tmp/haproxy.log" 2>&1 &
	haproxy=$!
	wait_for 10 tests/proxied -p 0 127.0.0.10 "$K8SHELL_PORT" ||
	    t_fail "haproxy" "$(cat "$tmp/haproxy.log")"
	for header in 8=send-proxy 9=send-proxy-v2 10=checksum; do
		like "haproxy, ${header#*=}: its client's address and its own" \
		    "127.0.0.77 * 127.0.0.${header%=*} $K8SHELL_PORT" \
		    "$(s -b 127.0.0.77 -o "HostName=127.0.0.${header%=*}" ws \
			'echo $SSH_CONNECTION' </dev/null 2>&1)"
	done
	is "haproxy: 20 MB both ways" "$(sha256sum <"$tmp/bulk")" \
	    "$(s -o HostName=127.0.0.10 ws cat <"$tmp/bulk" | sha256sum)"
	kill "$haproxy"
	wait "$haproxy"
}

# A session whose header takes two seconds, beside what else goes on:
# slow_header begins it, slow_header_end NAME says whether it was one.
slow_header() {
	via "$(quoted -1 "$V1" -n 7 -d 0.3 -b 127.0.0.99)" "${AT_SECOND[@]}" ws \
	    'echo $SSH_CONNECTION' </dev/null >"$tmp/slow.out" 2>&1 &
	slow=$!
	wait_for 5 header_waits
}

# It has been accepted.
header_waits() {
	ss -Htnp state established "src $SECOND and dst 127.0.0.99" |
	    grep -q k8shell-proxyd
}

slow_header_end() {
	wait "$slow"
	is "$1" "$V2" "$(cat "$tmp/slow.out")"
}

# refused_at ADDRESS: nobody listens there.
refused_at() {
	! tests/proxied -p 0 "$1" "$K8SHELL_PORT"
}

reload() {
	second_conf
	second_start || t_fail "reload: a proxyd"
	slow_header
	hold reload "${AT_SECOND[@]}" ws
	mark
	second_conf LISTEN=127.0.0.7
	inside kill -HUP "$second"
	t "reload: the new listener listens" \
	    wait_for 5 tests/proxied -p 0 127.0.0.7 "$K8SHELL_PORT"
	t "reload: the old one does not" wait_for 5 refused_at $SECOND
	slow_header_end "reload: a header that was on its way"
	is "reload: a session at the new one" fine \
	    "$(s -o HostName=127.0.0.7 ws echo fine </dev/null 2>&1)"
	mark
	inside sh -c 'echo "no_such_key = 1" >>/etc/k8shell/second.conf'
	like "-t: a broken configuration is one" '*no_such_key*[1-9]*' \
	    "$(proxyd_test)"
	inside kill -HUP "$second"
	logged "reload of a broken configuration: says so" \
	    'k8shell-proxyd.*no_such_key'
	is "reload of a broken configuration: the old one is kept" fine \
	    "$(s -o HostName=127.0.0.7 ws echo fine </dev/null 2>&1)"
	# The address is taken: by the bastion's own proxyd.
	mark
	second_conf LISTEN=127.0.0.1
	like "-t: a good configuration" '*0' "$(proxyd_test)"
	inside kill -HUP "$second"
	logged "reload with an address that is taken: says so" \
	    'k8shell-proxyd.*127\.0\.0\.1'
	is "reload with an address that is taken: the old one is kept" fine \
	    "$(s -o HostName=127.0.0.7 ws echo fine </dev/null 2>&1)"
	released "reload: a session from before" reload
	second_stop
}

proxyd_test() {
	inside timeout 10 /usr/libexec/k8shell/k8shell-proxyd -t \
	    -f /etc/k8shell/second.conf </dev/null 2>&1
	echo $?
}

# The daemon goes and comes again under a transfer.
restart() {
	local name=$1 gate
	second_conf
	second_start || t_fail "$name: a proxyd"
	mkfifo "$tmp/gate"
	{
		head -c 50000000 "$tmp/bulk100"
		read -r _ <"$tmp/gate"
		tail -c +50000001 "$tmp/bulk100"
	} | s "${AT_SECOND[@]}" ws cat >"$tmp/received" 2>"$tmp/restart.err" &
	gate=$!
	t "$name: a transfer is on its way" wait_for 20 [ -s "$tmp/received" ]
	slow_header
	inside kill -TERM "$second"
	t "$name: after SIGTERM it does not listen" \
	    wait_for 5 refused_at $SECOND
	second_start || t_fail "$name: a new one"
	is "$name: a new one serves" fine \
	    "$(s "${AT_SECOND[@]}" ws-bob echo fine </dev/null 2>&1)"
	slow_header_end "$name: a header that was on its way"
	echo >"$tmp/gate"
	wait "$gate"
	is "$name: the transfer's status" "0 " "$? $(cat "$tmp/restart.err")"
	is "$name: all of the transfer" "$(sha256sum <"$tmp/bulk100")" \
	    "$(sha256sum <"$tmp/received")"
	rm -f "$tmp/gate" "$tmp/received"
	second_stop
	nothing_left "$name"
}

# session ADDRESS: "fine" for a client of that address, or what ssh says.
session() {
	via "$(quoted -1 "PROXY TCP4 $1 198.51.100.1 4711 22")" \
	    "${AT_SECOND[@]}" ws echo fine </dev/null 2>&1
}

startups() {
	local job out
	limits 'max_startups = 3:100:3'
	mkfifo "$tmp/startups.in" "$tmp/startups.out"
	tests/proxied -k 3 $SECOND "$K8SHELL_PORT" <"$tmp/startups.in" \
	    >"$tmp/startups.out" &
	job=$!
	exec {startups}>"$tmp/startups.in" {out}<"$tmp/startups.out"
	read -r -t 10 -u "$out" _
	like "max_startups: one too many is closed" '@(closed|reset) ' \
	    "$(probe $SECOND -p 5)"
	logged "max_startups: logged" 'k8shell-proxyd.* 127\.0\.0\.1[^0-9]'
	exec {startups}>&-
	wait "$job"
	exec {out}<&-
	t "max_startups: once they are gone, a session" \
	    wait_for 10 session_works 203.0.113.7
	for job in 1 2 3; do
		hold "started$job" "${AT_SECOND[@]}" ws
	done
	is "max_startups: who is logged in does not count" fine \
	    "$(session 203.0.113.7)"
	for job in 1 2 3; do
		released "max_startups: session $job" "started$job"
	done
	second_stop
	rm "$tmp"/startups.*
}

session_works() {
	[ "$(session "$1")" = fine ]
}

connections() {
	limits 'max_connections = 2'
	hold one "${AT_SECOND[@]}" ws
	hold two "${AT_SECOND[@]}" ws-bob
	like "max_connections: one too many is closed" '@(closed|reset) ' \
	    "$(probe $SECOND -p 5)"
	logged "max_connections: logged" 'k8shell-proxyd.* 127\.0\.0\.1[^0-9]'
	released "max_connections: the first session" one
	t "max_connections: there is room again" \
	    wait_for 10 session_works 203.0.113.7
	released "max_connections: the second session" two
	second_stop
}

# hold_from NAME PROXY-LINE
hold_from() {
	hold "$1" -o "ProxyCommand=$PWD/tests/proxied $(
	    quoted -1 "$2") 127.0.0.6 %p" ws
}

per_source() {
	limits 'max_per_source = 1' 'source_prefix = 32:64'
	hold_from source4 'PROXY TCP4 203.0.113.7 198.51.100.1 1 22'
	hold_from source6 'PROXY TCP6 2001:db8::7 2001:db8::1 1 22'
	like "max_per_source: one too many is closed" '@(closed|reset) ' \
	    "$(probe $SECOND -p 5 -1 "$V1")"
	logged "max_per_source: logged" 'k8shell-proxyd.* 203\.0\.113\.7[^0-9]'
	like "max_per_source, IPv6: of the same network" '@(closed|reset) ' \
	    "$(probe $SECOND -p 5 \
		-1 'PROXY TCP6 2001:db8::ffff:1 2001:db8::1 1 22')"
	is "max_per_source: another source's session" fine \
	    "$(session 203.0.113.8)"
	like "max_per_source, IPv6: of another network" 'open SSH-2.0-*' \
	    "$(probe $SECOND -p 1 -1 'PROXY TCP6 2001:db8:0:1::7 2001:db8::1 1 22')"
	released "max_per_source: the session" source4
	released "max_per_source, IPv6: the session" source6
	t "max_per_source: there is room again" \
	    wait_for 10 session_works 203.0.113.7
	second_stop
}

# fails_from ADDRESS: somebody who tries a key that is not known.
fails_from() {
	[ -e "$tmp/stranger" ] ||
	    ssh-keygen -q -t ed25519 -N '' -f "$tmp/stranger"
	timeout 20 ssh -F /dev/null -i "$tmp/stranger" -o BatchMode=yes \
	    -o IdentityAgent=none -o IdentitiesOnly=yes \
	    -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null \
	    -o ProxyCommand="$PWD/tests/proxied $(
		quoted -1 "PROXY TCP4 $1 198.51.100.1 4711 22"
	    ) $SECOND $K8SHELL_PORT" alice@x true </dev/null >/dev/null 2>&1
}

# penalised ADDRESS: it is not let in.
penalised() {
	case $(probe $SECOND -p 3 -1 "PROXY TCP4 $1 198.51.100.1 4711 22") in
	"closed " | "reset ") return 0 ;;
	*) return 1 ;;
	esac
}

penalties() {
	local version=$1
	limits 'penalties = authfail:9 noauth:20 max:600 min:15' \
	    'penalty_exempt = 203.0.113.64/26'
	fails_from 203.0.113.7
	is "$version, penalties: below min nothing happens" fine \
	    "$(session 203.0.113.7)"
	fails_from 203.0.113.7
	t "$version, penalties: they add up, and the source is refused" \
	    wait_for 5 penalised 203.0.113.7
	logged "$version, penalties: logged" \
	    'k8shell-proxyd.* 203\.0\.113\.7[^0-9]'
	is "$version, penalties: another source is not" fine \
	    "$(session 203.0.113.8)"
	for _ in 1 2 3; do
		fails_from 203.0.113.65
	done
	is "$version, penalties: nor one that is exempt" fine \
	    "$(session 203.0.113.65)"
	probe $SECOND -p 8 -1 "PROXY TCP4 203.0.113.9 198.51.100.1 4711 22" \
	    -x "$SSH" -e >/dev/null
	t "$version, penalties: who does not even try" \
	    wait_for 5 penalised 203.0.113.9
	second_stop
	limits 'penalties = authfail:3 max:600 min:1'
	fails_from 203.0.113.7
	t "$version, penalties: a short one" wait_for 2 penalised 203.0.113.7
	t "$version, penalties: is over one day" \
	    wait_for 8 session_works 203.0.113.7
	second_stop
}

head -c 20000000 /dev/urandom >"$tmp/bulk"
head -c 100000000 /dev/urandom >"$tmp/bulk100"

bastion "$(tests/openssh 9.2)" yes || exit 1
broken_v1
broken_v2
incomplete
lying
no_addresses
other_protocols
silence
vanishing
haproxy_in_front
slow_loris
reload
startups
connections
per_source
penalties 9.2
restart "restart, 9.2, PAM yes"
# What has to hold with every sshd there is.
for version in 9.2 10; do
	for pam in yes no; do
		[ "$version $pam" != "9.2 yes" ] || continue
		bastion "$(tests/openssh "$version")" "$pam" || exit 1
		haproxy_in_front
		restart "restart, $version, PAM $pam"
		[ "$version $pam" != "10 yes" ] || penalties 10
	done
done
finish
