#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Bastion mode as users and admins meet it: a real ssh, k8shell-proxyd, and
# sshd 9.2 and 10 behind it, each with PAM and without. What has nothing to do
# with sshd is in proxyd-front.sh.
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

# prefix NAME: of what all checks of one sshd are called.
prefix=
name() {
	printf '%s: %s' "$prefix" "$1"
}

plain_sessions() {
	mark
	like "$(name "no header: the socket's addresses")" \
	    "127.0.0.1 * 127.0.0.1 $K8SHELL_PORT" \
	    "$(s ws 'echo $SSH_CONNECTION' </dev/null 2>&1)"
	[ ! -e /proc/net/if_inet6 ] ||
	    like "$(name "no header, IPv6")" "::1 * ::1 $K8SHELL_PORT" \
	    "$(s -o HostName=::1 ws 'echo $SSH_CONNECTION' </dev/null 2>&1)"
	is "$(name "an account of this machine: a workspace, too")" \
	    "no home here, 3" "$(s ws-forced \
		'[ -e /home/carol ] || printf "no home here"; exit 3' \
		</dev/null 2>&1), $?"
	logged "$(name "an account of this machine: forced")" \
	    "Starting session: forced-command \(config\) '.*k8shell-session' for carol"
	logged "$(name "the workspace's account: its login shell")" \
	    'Starting session: command for alice'
	is "$(name "the login shell's: any variable")" "[x]" \
	    "$(K8S_TEST=x s -o SendEnv=K8S_TEST ws 'echo "[$K8S_TEST]"' \
		</dev/null 2>&1)"
	is "$(name "an account's: only harmless ones")" "[][x]" \
	    "$(K8S_TEST=x LC_K8S=x s -o SendEnv=K8S_TEST -o SendEnv=LC_K8S \
		ws-forced 'echo "[$K8S_TEST][$LC_K8S]"' </dev/null 2>&1)"
}

headers() {
	is "$(name "v1, IPv4")" "$V2" "$(connection -1 "$V1")"
	is "$(name "v1, IPv6")" "$V2_IPV6" "$(connection -1 "$V1_IPV6")"
	is "$(name "v2, IPv4")" "$V2" "$(connection -2 "$V2")"
	is "$(name "v2, IPv6, TLVs and checksum")" "$V2_IPV6" \
	    "$(connection -2 "$V2_IPV6" -t 1=7373682d32 -t 4=0000 -c)"
	is "$(name "v1 byte by byte")" "$V2" "$(connection -1 "$V1" -n 1)"
	is "$(name "v2 in one segment with the client's first bytes")" "$V2" \
	    "$(connection -2 "$V2" -j)"
}

# What is behind it sees the header's addresses.
consequences() {
	local via
	via=$(quoted -1 "$V1")
	mark
	is "$(name "Match Address acts on the header's address")" "yes" \
	    "$(via "$via" ws 'echo $K8S_MATCH' </dev/null 2>&1)"
	is "$(name "Match Address does not act without")" "" \
	    "$(s ws 'echo $K8S_MATCH' </dev/null 2>&1)"
	logged "$(name "sshd logs the header's addresses")" \
	    'sshd.*: Connection from 203\.0\.113\.7 port 4711 on 198\.51\.100\.1 port 22'
	logged "$(name "fail2ban's line has the header's address")" \
	    ' sshd\[[0-9]+\]: Accepted publickey for alice from 203\.0\.113\.7 port 4711 ssh2'
	inside sh -c 'cd /etc/k8shell-test/keys &&
	    sed "s/^/from=\"203.0.113.7\" /" carol >dave'
	is "$(name "from= takes the header's address")" fine \
	    "$(via "$via" ws-from echo fine </dev/null 2>&1)"
	like "$(name "from= refuses without")" '*Permission denied*255' \
	    "$(s ws-from echo fine </dev/null 2>&1; echo $?)"
}

# A listener that trusts others only.
untrusted() {
	mark
	like "$(name "untrusted: sshd gets the header, as garbage")" \
	    '@(closed|reset) SSH-2.0-*Invalid SSH identification*' \
	    "$(probe 127.0.0.2 -p 10 -1 "$V1")"
	logged "$(name "untrusted: the socket's address is logged")" \
	    'sshd.* [Cc]onnection from 127\.0\.0\.1 port'
	not_logged "$(name "untrusted: the header's is not")" \
	    ' from 203\.0\.113\.7'
	audited "$(name "untrusted: nor in the audit log")" "" \
	    client_ip=203.0.113.7
	like "$(name "untrusted: a session without header")" \
	    "127.0.0.1 * 127.0.0.2 $K8SHELL_PORT" \
	    "$(s -o HostName=127.0.0.2 ws 'echo $SSH_CONNECTION' </dev/null \
		2>&1)"
}

# counting_listener: on the bastion, at a TCP port and a Unix socket (not in
# /tmp, of which each connection has its own); writes a line for each who
# connects. Sets $bait, the port; the box ends it.
counting_listener() {
	: >"$state/bastion/caught"
	rm -f "$tmp/bait"
	mkfifo "$tmp/bait"
	nsenter -t "$K8SHELL_BASTION_PID" -m -p perl \
	    -MIO::Socket::INET -MIO::Socket::UNIX -MIO::Select -e '
		my $tcp = IO::Socket::INET->new(LocalAddr => "127.0.0.1",
		    Listen => 9) or die;
		my $unix = IO::Socket::UNIX->new(Local => "/run/bait",
		    Listen => 9) or die;
		chmod 0777, "/run/bait";
		$| = 1;
		print $tcp->sockport, "\n";
		my $select = IO::Select->new($tcp, $unix);
		while (my @ready = $select->can_read) {
			for (@ready) {
				my $c = $_->accept or next;
				open my $f, ">>", $ARGV[0];
				print $f "caught\n";
			}
		}' "$state/bastion/caught" >"$tmp/bait" &
	disown # it is the box that ends it
	read -r bait <"$tmp/bait"
}

# connect_unix PATH: what comes from a socket until it ends.
connect_unix() {
	timeout 10 perl -MIO::Socket::UNIX -e '
		my $s = IO::Socket::UNIX->new(Peer => $ARGV[0]) or die;
		print while <$s>;' "$1"
}

# The workspace can't be dialled without k8shell-forward, and this machine must
# not be. (With it: forwards.sh.)
forwards() {
	local out status
	inside rm -f /usr/libexec/k8shell/k8shell-forward
	counting_listener
	t "$(name "the listener works")" \
	    inside perl -MIO::Socket::INET -e '
		exit !IO::Socket::INET->new("127.0.0.1:$ARGV[0]")' "$bait"
	wait_for 5 grep -q caught "$state/bastion/caught"
	: >"$state/bastion/caught"
	for to in localhost:22 "127.0.0.1:$bait" "localhost:$bait" \
	    "[::ffff:127.0.0.1]:$bait" "0.0.0.0:$bait"; do
		status=0
		out=$(s -W "$to" ws </dev/null 2>&1) || status=$?
		like "$(name "-W $to: open failed")" '*open failed*' "$out"
		t "$(name "-W $to: status")" [ "$status" != 0 ]
	done
	timeout 60 ssh -F "$K8SHELL_SSH_CONFIG" -fNM -S "$tmp/master" \
	    -L "$tmp/local:/run/bait" -L "$tmp/tcp:127.0.0.1:$bait" \
	    -o StreamLocalBindUnlink=yes -E "$tmp/forward.err" ws </dev/null
	connect_unix "$tmp/local"
	t "$(name "-L to a Unix socket: open failed")" \
	    wait_for 5 grep -q 'open failed' "$tmp/forward.err"
	: >"$tmp/forward.err"
	connect_unix "$tmp/tcp"
	t "$(name "-L from a Unix socket: open failed")" \
	    wait_for 5 grep -q 'open failed' "$tmp/forward.err"
	is "$(name "the connection is none the worse")" fine \
	    "$(s -S "$tmp/master" ws echo fine </dev/null 2>&1)"
	s -S "$tmp/master" -O exit ws 2>/dev/null
	status=0
	out=$(s -W "localhost:$bait" ws-forced </dev/null 2>&1) || status=$?
	like "$(name "forced, -W: open failed")" '*open failed*' "$out"
	is "$(name "nothing was connected to on this machine")" "" \
	    "$(cat "$state/bastion/caught")"
}

# What sshd refuses by its configuration.
refused() {
	local out host
	for host in ws ws-forced; do
		like "$(name "$host: -R")" '*remote port forwarding failed*255' \
		    "$(s -o ExitOnForwardFailure=yes -R 0:localhost:22 \
			"$host" true </dev/null 2>&1; echo $?)"
		like "$(name "$host: -R, Unix socket")" \
		    '*remote port forwarding failed*255' \
		    "$(s -o ExitOnForwardFailure=yes -R /tmp/r:localhost:22 \
			"$host" true </dev/null 2>&1; echo $?)"
		out=$(DISPLAY=:99 s -Y "$host" 'echo "[$DISPLAY]"' \
		    </dev/null 2>&1)
		like "$(name "$host: X11")" \
		    '*X11 forwarding request failed*[[][]]' "$out"
	done
	[ -c /dev/net/tun ] || return
	# The client's own end is made in a network namespace.
	like "$(name "ws: tun")" '*Server has rejected tunnel*open failed*' \
	    "$(unshare --net timeout 10 ssh -v -F "$K8SHELL_SSH_CONFIG" -w any \
		-o ProxyCommand="nsenter -t $$ -n tests/proxied %h %p" \
		-o ExitOnForwardFailure=yes ws true </dev/null 2>&1)"
}

# The events of one connection; another's are told apart by the port.
audit_log() {
	local via fingerprint
	fingerprint=$(ssh-keygen -lf "$state/bastion/id.pub" | cut -d' ' -f2)
	mark
	via "$(quoted -1 "$V1")" ws true </dev/null
	audited "$(name "audit: a session")" \
	    "connection.open auth.success session.start session.end connection.close" \
	    client_ip=203.0.113.7 client_port=4711 proxy_id=bastion-test
	audited "$(name "audit: who, and with which key")" "auth.success" \
	    user=alice method=publickey "fingerprint=$fingerprint"
	ssh-keygen -q -t ed25519 -N '' -f "$tmp/stranger.$prefix"
	fingerprint=$(ssh-keygen -lf "$tmp/stranger.$prefix.pub" |
	    cut -d' ' -f2)
	via=$(quoted -1 "${V1/4711/4712}")
	mark
	like "$(name "a stranger's key is refused")" '*Permission denied*' \
	    "$(via "$via" -F /dev/null -i "$tmp/stranger.$prefix" \
		-o BatchMode=yes -o IdentityAgent=none \
		-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null \
		-p "$K8SHELL_PORT" alice@127.0.0.1 true </dev/null 2>&1)"
	audited "$(name "audit: a failure")" "auth.failure" \
	    client_ip=203.0.113.7 client_port=4712 username=alice \
	    timestamp='*' failure_info='[]' proxy_id=bastion-test \
	    event=auth.failure
	audited "$(name "audit: nothing else of the failed one")" \
	    "connection.open auth.failure connection.close" client_port=4712
	logged "$(name "the refused key is logged")" \
	    "sshd.*Failed publickey for alice from 203\.0\.113\.7 port 4712 ssh2: ED25519 ${fingerprint//+/.}"
}

# The file is moved away under a connection.
rotation() {
	mark
	hold rotation -o "ProxyCommand=$PWD/tests/proxied $(quoted -1 "$V1") %h %p" ws
	audited "$(name "rotation: the old file")" \
	    "connection.open auth.success session.start" client_port=4711
	mv "$K8SHELL_AUDIT_LOG" "$K8SHELL_AUDIT_LOG.1"
	released "$(name "rotation: the session")" rotation
	audit_at=0
	audited "$(name "rotation: the next events are in a new file")" \
	    "session.end connection.close" client_port=4711
}

# A client whose user name is $NAME, whatever is in it: ssh takes a local
# account's name unchecked.
strange_user() {
	[ -e "$tmp/name.so" ] || ${CC:-cc} -shared -fPIC -o "$tmp/name.so" \
	    -x c - <<-'C' || return
	#include <pwd.h>
	#include <stdlib.h>
	struct passwd *
	getpwuid(uid_t uid)
	{
		static struct passwd pw;

		pw.pw_name = getenv("NAME");
		pw.pw_passwd = pw.pw_gecos = "";
		pw.pw_shell = "/bin/sh";
		pw.pw_dir = "/root";
		pw.pw_uid = uid;
		return &pw;
	}
	C
	NAME=$1 LD_PRELOAD=$tmp/name.so timeout 30 ssh \
	    -F "$K8SHELL_SSH_CONFIG" strange true </dev/null 2>&1
}

# Nothing of what a user name contains becomes a line of its own. (What is
# behind a colon is no part of the name, to sshd.)
forged_lines() {
	local forged='Accepted publickey for root from 192.0.2.66 port 1 ssh2'
	local user
	for user in "x"$'\n'"$forged" "x"$'\r\n'"<38>sshd[1] $forged" \
	    "x from 192.0.2.66 port 1 ssh2"$'\n'"$forged" \
	    $'x\e]0;title\a\e[2J'; do
		mark
		like "$(name "a strange user name")" '*Permission denied*' \
		    "$(strange_user "$user")"
		audited "$(name "strange: audited")" auth.failure \
		    "username=$user" client_ip=127.0.0.1 event=auth.failure
		audited "$(name "strange: no success is audited")" "" \
		    event=auth.success
		logged "$(name "strange: logged")" \
		    ' sshd\[[0-9]+\]: Invalid user x'
		is "$(name "strange: every line has a head")" "" \
		    "$(since | grep -avE "$HEAD")"
		not_logged "$(name "strange: none says what the name does")" \
		    "${HEAD}Accepted"
		is "$(name "strange: printable ASCII only")" "" \
		    "$(since | LC_ALL=C grep -a '[^ -~]')"
	done
}

# What a line of the log starts with.
HEAD='^<[0-9]+>[A-Z][a-z]{2} [ 0-9]{2} [0-9:]{8} (sshd|k8shell-[a-z]+)(\[[0-9]+\])?: '

supervisor_killed() {
	local pid status=0 out
	limits 'max_connections = 1'
	hold orphan "${AT_SECOND[@]}" -M -S "$tmp/orphan.master" ws
	pid=$(supervisors)
	is "$(name "one connection, one supervisor")" 1 \
	    "$(printf '%s' "$pid" | grep -c '')"
	# shellcheck disable=SC2086 # one
	inside kill -KILL $pid
	out=$(s -S "$tmp/orphan.master" -W "127.0.0.1:$bait" ws \
	    </dev/null 2>&1) || status=$?
	t "$(name "no supervisor: a forward fails ($out)")" [ "$status" != 0 ]
	is "$(name "no supervisor: and nothing was connected to")" "" \
	    "$(cat "$state/bastion/caught")"
	released "$(name "no supervisor: the session lives on, and ends")" \
	    orphan
	t "$(name "no supervisor: its slot is not lost")" \
	    wait_for 5 session_at_second
	second_stop
}

session_at_second() {
	s "${AT_SECOND[@]}" ws true </dev/null
}

for version in 9.2 10; do
	sshd=$(tests/openssh "$version") || exit 1
	for pam in yes no; do
		prefix="$version, PAM $pam"
		bastion "$sshd" "$pam"
		plain_sessions
		headers
		consequences
		untrusted
		forwards
		refused
		audit_log
		rotation
		forged_lines
		supervisor_killed
		nothing_left "$prefix"
	done
done
finish
