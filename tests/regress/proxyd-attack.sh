#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# What clients, local users and faults must not be able to do to k8shell-proxyd
# and its supervisors.
set -u
# shellcheck source=tests/lib.sh
. "${top_srcdir:-.}/tests/lib.sh"
need_root
cd "${top_srcdir:-.}" || exit 1
# shellcheck source=tests/proxyd-lib.sh
. tests/proxyd-lib.sh

# bait: a listener on the bastion at a TCP port, $bait, at the same UDP port and
# at /run/bait; it writes a line for each who comes.
bait() {
	: >"$state/bastion/caught"
	mkfifo "$tmp/bait"
	# shellcheck disable=SC2016 # perl's
	inside perl -MIO::Socket::INET -MIO::Socket::UNIX -MIO::Select -e '
		my $tcp = IO::Socket::INET->new(LocalAddr => "127.0.0.1",
		    Listen => 9) or die;
		my $udp = IO::Socket::INET->new(LocalAddr => "127.0.0.1",
		    LocalPort => $tcp->sockport, Proto => "udp") or die;
		my $unix = IO::Socket::UNIX->new(Local => "/run/bait",
		    Listen => 9) or die;
		chmod 0777, "/run/bait";
		$| = 1;
		print $tcp->sockport, "\n";
		open(STDOUT, ">&", \*STDERR);
		my $select = IO::Select->new($tcp, $udp, $unix);
		while (my @ready = $select->can_read) {
			for (@ready) {
				$_ == $udp ? $_->recv(my $x, 1) : $_->accept;
				print "caught\n";
			}
		}' >"$tmp/bait" 2>"$state/bastion/caught" &
	read -r -t 10 bait <"$tmp/bait"
}

caught_none() {
	is "$1: nothing connected on the bastion" "" \
	    "$(cat "$state/bastion/caught")"
}

# The configuration as delivered, but carol has a shell on the bastion, which no
# user is meant to have, and sshd is told not to log of bob and root.
config() {
	cat >"$tmp/matches" <<-'CONF'
	Match User carol
		ForceCommand none
	Match User bob
		LogLevel QUIET
	Match User root
		LogLevel QUIET
		PermitRootLogin yes
	CONF
	sed -e '/^Match Group k8shell-workspace/{
		r '"$tmp/matches"'
		N
	}' sshd_config.d/sshd_config
}

attack_bastion() {
	local env
	config >"$tmp/sshd_config"
	printf '[pod %s]\n' alice bob carol >"$tmp/pods"
	env=$(tests/fakekube/up -s "$state" -b "$build" -c "$tmp/pods" -- \
	    -m bastion -f "$tmp/sshd_config" -d "$1" -H ws=alice -H ws-bob=bob \
	    -P ws-carol=carol 2>"$tmp/up") || {
		cat "$tmp/up"
		exit 1
	}
	eval "$env"
	# So that none of the forwards below can be anybody's.
	inside rm -f /usr/libexec/k8shell/k8shell-forward
	inside cp /etc/k8shell-test/keys/alice /etc/k8shell-test/keys/root
	mark
}

# The control socket is for programs of the connection, not for its user.
control_by_forward() {
	rm -f "$tmp/control" "$tmp/forward.err"
	timeout 60 ssh -F "$K8SHELL_SSH_CONFIG" -fNM -S "$tmp/master" \
	    -L "$tmp/control:/run/k8shell/connection" -E "$tmp/forward.err" \
	    ws </dev/null
	is "-L to the control socket: no answer" "" "$(python3 -c '
import socket, sys
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
s.settimeout(10)
try:
    s.send(b"\1")
    sys.stdout.write(s.recv(100).hex())
except OSError:
    pass' "$tmp/control")"
	like "-L to the control socket: open failed" '*open failed*' \
	    "$(cat "$tmp/forward.err")"
	ssh -F "$K8SHELL_SSH_CONFIG" -S "$tmp/master" -O exit ws 2>/dev/null
}

# Root, where an admin lets root in, and sshd says nothing of it.
root_forwards() {
	like "root: -W is refused" '*open failed*' \
	    "$(s -l root -W "127.0.0.1:$bait" ws 2>&1 </dev/null)"
	caught_none "root"
}

# A user that sshd does not log: noticed, and no offence.
unlogged() {
	local i
	limits 'penalties = authfail:20 noauth:20 max:600 min:15'
	for i in 1 2 3; do
		is "a user that is not logged ($i)" fine \
		    "$(s "${AT_SECOND[@]}" ws-bob echo fine </dev/null 2>&1)"
	done
	logged "a user that is not logged: that is" \
	    'sshd did not log who is in'
	second_stop
	mark
	inside sed 's/^LogLevel .*/LogLevel ERROR/' /etc/k8shell/sshd_config \
	    >"$tmp/silent"
	inside tee /etc/k8shell/silent <"$tmp/silent" >/dev/null
	second_conf
	inside sed -i 's|^sshd_config = .*|sshd_config = /etc/k8shell/silent|' \
	    /etc/k8shell/second.conf
	like "LogLevel ERROR: refused" '*LogLevel must be INFO*' \
	    "$(inside /usr/libexec/k8shell/k8shell-proxyd -t \
	    -f /etc/k8shell/second.conf 2>&1)"
}

# Urgent data stops a peek, and what is behind it wakes for ever.
urgent() {
	is "urgent data within a header: closed" closed "$(python3 -c '
import socket, sys
s = socket.create_connection((sys.argv[1], int(sys.argv[2])))
s.settimeout(2)
try:
    s.send(b"PROX")
    s.send(b"Y", socket.MSG_OOB)
    s.send(b" TCP4 1.2.3.4 ")
    print("closed" if s.recv(1) == b"" else "sent something")
except (BrokenPipeError, ConnectionResetError):
    print("closed")
except TimeoutError:
    print("open")' 127.0.0.1 "$K8SHELL_PORT")"
	logged "urgent data within a header: logged" 'refused: urgent data'
}

# That sshd can't be started is not the client's doing.
no_sshd() {
	local i
	inside cp "$(inside sed -n 's/^sshd = //p' /etc/k8shell/k8shell.conf)" \
	    /run/sshd-copy
	second_conf 'penalties = noauth:20 authfail:20 max:600 min:15'
	inside sed -i 's|^sshd = .*|sshd = /run/sshd-copy|' \
	    /etc/k8shell/second.conf
	second_start || t_fail "a proxyd with another sshd"
	mark
	inside mv /run/sshd-copy /run/sshd-away
	for i in 1 2 3; do
		s "${AT_SECOND[@]}" ws true </dev/null >/dev/null 2>&1
	done
	logged "no sshd: logged" '/run/sshd-copy: No such file'
	inside mv /run/sshd-away /run/sshd-copy
	is "no sshd: no penalty for the client" fine \
	    "$(s "${AT_SECOND[@]}" ws echo fine </dev/null 2>&1)"
	mark
	inside sed -i '1i NoSuchKeyword yes' /etc/k8shell/sshd_config
	for i in 1 2 3; do
		s "${AT_SECOND[@]}" ws true </dev/null >/dev/null 2>&1
	done
	logged "an sshd_config that breaks: sshd's own words are logged" \
	    'sshd\[[0-9]+\]: .*NoSuchKeyword'
	inside sed -i 1d /etc/k8shell/sshd_config
	is "an sshd_config that breaks: no penalty for the client" fine \
	    "$(s "${AT_SECOND[@]}" ws echo fine </dev/null 2>&1)"
	second_stop
}

# What runs with a user's rights on the bastion.
local_user() {
	is "a user's program: connects to nothing" \
	    "Connection refused
Connection refused
Connection refused
No such file or directory
Operation not supported" "$(s ws-carol "perl -MSocket -e '
		sub try { print \$_[0] ? \"done\" : \$!, \"\\n\" }
		my \$in = sockaddr_in($bait, inet_aton(\"127.0.0.1\"));
		socket(A, PF_INET, SOCK_STREAM, 0);
		try(connect(A, \$in));
		socket(B, PF_INET, SOCK_STREAM | 04000, 0);
		try(connect(B, \$in));
		socket(C, PF_INET, SOCK_DGRAM, 0);
		try(connect(C, \$in));
		socket(D, PF_UNIX, SOCK_STREAM, 0);
		try(connect(D, sockaddr_un(\"/run/bait\")));
		socket(E, PF_INET, SOCK_STREAM, 0);
		try(send(E, \"x\", 0x20000000, \$in));'" 2>&1 </dev/null)"
	caught_none "a user's program"
	# SESSION_START of a shell in ws/forged (lib/core/control.h).
	is "a user's program: can't tell of sessions" 81 \
	    "$(s ws-carol "perl -MSocket -e '
		socket(A, PF_UNIX, SOCK_SEQPACKET, 0);
		connect(A, sockaddr_un(\"/run/k8shell/connection\")) or
		    die \"connect: \$!\";
		send(A, \"\\2\\1\\0\\1\\1\\2\\0\\1\\0\\5\\0\\2ws\" .
		    \"\\6\\0\\6forged\\7\\0\\0\", 0);
		recv(A, my \$r, 100, 0);
		print unpack(\"H*\", \$r)'" 2>&1 </dev/null)"
	# The helper's file, but code of the user's: without its group.
	cat >"$tmp/own.c" <<-'C'
	#include <stdio.h>
	#include <stdlib.h>
	#include <sys/socket.h>
	#include <sys/un.h>
	__attribute__((constructor)) static void own(void)
	{
		static const char packet[] = "\2\1\0\1\1\2\0\1\0\5\0\2ws"
					     "\6\0\6forged\7\0";
		struct sockaddr_un un = {AF_UNIX, "/run/k8shell/connection"};
		unsigned char reply = 0;
		int fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);

		connect(fd, (struct sockaddr *)&un, sizeof(un));
		send(fd, packet, sizeof(packet), 0);
		recv(fd, &reply, 1, 0);
		printf("%x\n", reply);
		exit(0);
	}
	C
	cc -shared -fPIC -o "$tmp/own.so" "$tmp/own.c"
	inside tee /run/own.so <"$tmp/own.so" >/dev/null
	is "a helper without its group can't either" 81 "$(s ws-carol \
	    'setpriv --no-new-privs env LD_PRELOAD=/run/own.so \
	    /usr/libexec/k8shell/k8shell-session -c id' 2>&1 </dev/null |
	    tail -n 1)"
	audited "neither is on record" "" event=session.start pod=forged
}

# Lines that a user makes sshd and us write.
flood() {
	mark
	rm -f "$tmp/flood"
	timeout 60 ssh -F "$K8SHELL_SSH_CONFIG" -fNM -S "$tmp/master2" \
	    -L "$tmp/flood:/nowhere" -o LogLevel=QUIET ws </dev/null
	python3 -c '
import socket, sys
for i in range(1000):
    s = socket.socket(socket.AF_UNIX)
    s.connect(sys.argv[1])
    s.settimeout(10)
    try:
        s.recv(1)
    except OSError:
        pass
    s.close()' "$tmp/flood"
	ssh -F "$K8SHELL_SSH_CONFIG" -S "$tmp/master2" -O exit ws 2>/dev/null
	t "1000 forwards are not as many lines of ours" \
	    [ "$(since | grep -c 'forward to')" -lt 500 ]
	t "but some" in_log 'forward to socket /nowhere refused'
}

# Where a process can be given a limit of processes, or nothing.
pids_cgroup() {
	local dir
	for dir in /sys/fs/cgroup/pids /sys/fs/cgroup /sys/fs/cgroup/unified; do
		mkdir "$dir/k8shell-test.$$" 2>/dev/null || continue
		if [ -e "$dir/k8shell-test.$$/pids.max" ]; then
			echo "$dir/k8shell-test.$$"
			return
		fi
		rmdir "$dir/k8shell-test.$$"
	done
}

# host_pid PID: of a process in the bastion, as the host counts.
host_pid() {
	local dir
	for dir in /proc/[0-9]*; do
		[ "$(sed -n 's/^NSpid:.*\t//p' "$dir/status" 2>/dev/null)" = \
		    "$1" ] && [ "$dir/ns/pid" -ef \
		    "/proc/$K8SHELL_BASTION_PID/ns/pid" ] &&
		    echo "${dir#/proc/}" && return
	done
}

# No processes, no memory: connections are refused, and the daemon goes on.
shortage() {
	local group pid
	limits
	pid=$(host_pid "$second")
	group=$(pids_cgroup)
	if [ -n "$group" ]; then
		echo 1 >"$group/pids.max"
		echo "$pid" >"$group/cgroup.procs"
		t "no process to be had: no session" \
		    fails_with 255 s "${AT_SECOND[@]}" ws true
		logged "no process to be had: logged" \
		    'refused: Resource temporarily unavailable'
		echo max >"$group/pids.max"
		is "a process to be had again: a session" fine \
		    "$(s "${AT_SECOND[@]}" ws echo fine </dev/null 2>&1)"
		echo "$pid" >"${group%/*}/cgroup.procs"
		wait_for 10 rmdir "$group" || t_fail "the cgroup goes away"
	elif [ "${K8SHELL_MUST_RUN:-0}" = 1 ]; then
		t_fail "no pids cgroup"
	fi
	mark
	prlimit --pid "$pid" --as=1000000:
	t "no memory to be had: no session" \
	    fails_with 255 s "${AT_SECOND[@]}" ws true
	prlimit --pid "$pid" --as=unlimited:
	is "memory to be had again: a session" fine \
	    "$(s "${AT_SECOND[@]}" ws echo fine </dev/null 2>&1)"
	second_stop
}

fails_with() {
	local want=$1 status=0
	shift
	"$@" </dev/null >/dev/null 2>&1 || status=$?
	[ "$status" = "$want" ]
}

# A socket from a service manager, as sd_listen_fds(3) has it.
inherited() {
	second_conf LISTEN=127.0.0.7
	# shellcheck disable=SC2016 # perl's
	nsenter -t "$K8SHELL_BASTION_PID" -m -p perl -MIO::Socket::INET \
	    -MPOSIX=dup2 -e '
		$^F = 9;
		my $s = IO::Socket::INET->new(LocalAddr => "127.0.0.7",
		    LocalPort => shift, Listen => 9, ReuseAddr => 1) or die $!;
		dup2(fileno($s), 3);
		$ENV{LISTEN_FDS} = 1;
		$ENV{LISTEN_PID} = $$;
		print STDERR "$$\n";
		exec(@ARGV) or die $!' "$K8SHELL_PORT" \
	    /usr/libexec/k8shell/k8shell-proxyd -D -f /etc/k8shell/second.conf \
	    >"$tmp/inherited" 2>&1 &
	t "an inherited socket: a session" wait_for 10 \
	    s -o HostName=127.0.0.7 ws true </dev/null
	is "an inherited socket is the only one" 1 \
	    "$(ss -Htln "src 127.0.0.7 and sport = :$K8SHELL_PORT" | wc -l)"
	inside kill -TERM "$(head -n 1 "$tmp/inherited")"
	wait $!
	is "an inherited socket: a good end" 0 $?
}

killed() {
	local pid
	mark
	hold killed ws
	pid=$(supervisors)
	inside kill -KILL "$pid"
	logged "a killed supervisor is told of" \
	    'connection [0-9a-f]{16} from 127\.0\.0\.1: its supervisor ended'
	released "and its session lives on" killed
}

for version in 9.2 10; do
	attack_bastion "$(tests/openssh "$version")"
	rm -f "$tmp/bait"
	bait
	control_by_forward
	root_forwards
	local_user
	urgent
	flood
	[ "$version" = 9.2 ] || continue
	unlogged
	no_sshd
	killed
	shortage
	inherited
done
finish
