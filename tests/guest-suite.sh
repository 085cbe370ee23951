#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# What a session has by means of k8shell-guest and can't have without:
#	tests/guest-suite.sh [HOST...]
# as session-suite.sh, but all hosts at once. Where client's signals arrive,
# that is, not with a forced command. With K8SHELL_GUEST=off, where
# k8shell.conf has guest = off, each of these is to be lost as k8shell-session(8)
# says in "Plain mode", and nothing besides.
# shellcheck disable=SC2016 # what is to expand in the workspace
set -u
cd "$(dirname "$0")/.." || exit 1
# shellcheck source=tests/lib.sh
. tests/lib.sh
: "${K8SHELL_SSH_CONFIG:?eval \"\$(tests/cluster/up)\" first}"
[ $# -gt 0 ] || set -- ws ws-busybox

guest=${K8SHELL_GUEST:-auto}
base=$(mktemp -d)
agent=
clean() {
	[ -z "$agent" ] || kill "$agent"
	rm -rf "$base"
}
trap clean EXIT

s() {
	timeout 60 ssh -F "$K8SHELL_SSH_CONFIG" "$@"
}

client() { # HOST WHAT...
	timeout 60 tests/guest-client.py "$K8SHELL_SSH_CONFIG" "$@"
}

# has HOST PROGRAM: whether it is in the workspace.
has() {
	s "$1" "command -v $2" </dev/null >/dev/null 2>&1
}

# What OpenSSH's sshd passes on (session.c, name2sig), 9.2 and 10.
signals() {
	local how sig
	for how in exec pty; do
		t "$1: $how: TERM of two sessions, issue 4's command" \
		    client "$1" trap "$how"
		for sig in HUP INT KILL QUIT TERM USR1 USR2; do
			t "$1: $how: a client's SIG$sig kills" \
			    client "$1" signal "$sig" "$how"
			[ "$sig" = KILL ] ||
			    t "$1: $how: a client's SIG$sig, twice, trapped" \
			    client "$1" trapped "$sig" "$how"
		done
	done
	for sig in ABRT ALRM FPE HUP ILL INT KILL PIPE QUIT SEGV TERM USR1 USR2
	do
		# The shells themselves do not die of SIGQUIT.
		t "$1: death by SIG$sig has its name at the client" \
		    client "$1" dies "$sig" \
		    "(sleep 0.2; kill -$sig \$\$) & exec sleep 100"
	done
}

# Lost: the helper ends of it, and the command does not hear of it. How a
# command died is told by the container's shell, as well as it knows.
signals_lost() {
	local how sig file=/tmp/guest-suite-lost.$$.$1
	for how in exec pty; do
		for sig in HUP INT KILL TERM USR1; do
			t "$1: $how: a client's SIG$sig ends the session" \
			    client "$1" lost "$sig" "$how" "$file"
		done
	done
	is "$1: and no command has heard of them" none "$(s "$1" "
	    ls $file 2>/dev/null || echo none" </dev/null)"
	for sig in ABRT ALRM FPE HUP ILL KILL SEGV USR1 USR2; do
		t "$1: death by SIG$sig has its name at the client" \
		    client "$1" dies "$sig" "kill -$sig \$\$"
	done
	t "$1: death by SIGINT is an exit status" \
	    client "$1" ends 130 'kill -INT $$'
	t "$1: death by SIGPIPE is an exit status" \
	    client "$1" ends 141 'kill -PIPE $$'
}

terminal() {
	if [ "$guest" = off ]; then
		t "$1: the client's size, and not its modes" \
		    client "$1" stty lost
	else
		t "$1: the client's modes and size before the first byte" \
		    client "$1" stty
	fi
	t "$1: 10,000 window changes, and the last one counts" \
	    client "$1" resize 10000
	like "$1: SSH_TTY is the terminal" '/dev/pts/* same' "$(
	    s -tt "$1" 'printf "%s " "$SSH_TTY"
		[ "$SSH_TTY" = "$(tty)" ] && echo same' </dev/null \
		2>/dev/null | tr -d '\r')"
	is "$1: no SSH_TTY without one" none \
	    "$(s "$1" 'echo ${SSH_TTY-none}' </dev/null)"
}

environment() {
	local i vars=() uid
	is "$1: SSH_CLIENT is SSH_CONNECTION's" same "$(s "$1" '
	    set -- $SSH_CONNECTION
	    [ $# = 4 ] && [ "$SSH_CLIENT" = "$1 $2 $4" ] && echo same
	    ' </dev/null)"
	# More than sshd lets through, so the helper itself is started.
	for i in $(seq 1000); do
		vars+=("K8S_V$i=value number $i")
	done
	uid=$(nsenter -t "$K8SHELL_BASTION_PID" -m id -u "$(
	    ssh -F "$K8SHELL_SSH_CONFIG" -G "$1" 2>/dev/null |
	    sed -n 's/^user //p')")
	is "$1: 1000 variables" 1000 "$(
	    nsenter -t "$K8SHELL_BASTION_PID" -m -p setpriv --reuid "$uid" \
		--clear-groups env -i "${vars[@]}" \
		/usr/libexec/k8shell/k8shell-session -c \
		'env | grep -c "^K8S_V[0-9]*=value number"' </dev/null 2>&1)"
}

# Nothing in between that would have to know where it ends: in plain mode
# it takes dd where the protocol can't close stdin.
stdin() {
	local most=0
	[ "$guest" != off ] || most=1
	is "$1: stdin and its end, nothing in between" "20000000 fine" "$(
	    head -c 20000000 /dev/zero | s "$1" 'n=$(wc -c)
		d=$(cat /proc/[0-9]*/comm 2>/dev/null | grep -c "^dd")
		[ "$d" -le '$most' ] && d=fine; echo $n $d')"
}

# processes HOST MARK: of MARK1 to MARK4, how many have it as an argument.
processes() {
	s "$1" 'for n in 1 2 3 4; do
		cat /proc/[0-9]*/cmdline 2>/dev/null | tr "\0" "\n" |
		    grep -c "^'"$2"'[$n]\$"
	    done' </dev/null | paste -sd' '
}

# gone NAME HOST SSH-ARGUMENT...: the client is killed. Sleeps of $mark 1 and 2
# belong to the session, 3 and 4 wanted to outlive it, by what nohup does (not
# every busybox has one) and by setsid. The group's end has 2 s.
mark=77$$
gone() {
	local name=$1 host=$2 pid
	shift 2
	mark=$((mark + 10))
	: >"$tmp/out"
	ssh -F "$K8SHELL_SSH_CONFIG" "$@" "$host" "
	    (trap '' HUP; exec sleep ${mark}3 >/dev/null 2>&1 </dev/null) &
	    setsid sleep ${mark}4 >/dev/null 2>&1 </dev/null &
	    sleep ${mark}1 &
	    sleep 0.5
	    echo ready
	    sleep ${mark}2; echo more" </dev/null >"$tmp/out" 2>/dev/null &
	pid=$!
	wait_for 20 grep -q ready "$tmp/out"
	is "$host: $name: its processes are there" "1 1 1 1" \
	    "$(processes "$host" "$mark")"
	kill -KILL "$pid"
	wait "$pid" 2>/dev/null
	sleep 2
	if [ "$guest" = off ]; then
		is "$host: $name: killed: all goes on" "1 1 1 1" \
		    "$(processes "$host" "$mark")"
	else
		is "$host: $name: killed: only nohup's and setsid's are left" \
		    "0 0 1 1" "$(processes "$host" "$mark")"
	fi
	s "$host" 'for p in /proc/[0-9]*; do
		case $(tr "\0" " " 2>/dev/null <"$p/cmdline") in
		"sleep '"$mark"'"[1234]" ") kill "${p#/proc/}" ;;
		esac
	    done' </dev/null
	is "$host: $name: and they can be ended" "0 0 0 0" \
	    "$(processes "$host" "$mark")"
}

leftovers() {
	local guests=1
	[ "$guest" != off ] || guests=0
	gone exec "$1"
	gone pty "$1" -tt
	is "$1: no guest but the session's" "$guests" "$(s "$1" 'sleep 1
	    ls -l /proc/[0-9]*/exe 2>/dev/null |
	    grep -c "k8shell-[0-9]*/[0-9a-f]*$"' </dev/null)"
	# Who else does it is the container's first process.
	[ "$guest" != off ] || return
	is "$1: orphans are reaped while the session lasts" 0 "$(s "$1" '
	    for i in 1 2 3 4 5 6 7 8 9 10; do
		sh -c "sleep 0 & exit 0"
		(sh -c "exit 1" &)
	    done
	    sleep 1
	    cat /proc/[0-9]*/stat 2>/dev/null | grep -c "^[0-9]* (.*) Z"
	    ' </dev/null)"
}

# An agent of the test's own with one key, and its answer to who asks.
agent_start() {
	ssh-keygen -q -t ed25519 -N '' -C 'of the test' -f "$base/key"
	eval "$(ssh-agent -s -a "$base/agent")" >/dev/null
	agent=$SSH_AGENT_PID
	ssh-add -q "$base/key"
	musl-gcc -static -o "$base/agent-keys" tests/agent-keys.c
	keys=$("$base/agent-keys")
}

agent_lost() {
	is "$1: -A: there is no agent, and no word of it" none \
	    "$(s -A "$1" 'echo ${SSH_AUTH_SOCK-none}' </dev/null 2>&1)"
}

# shellcheck disable=SC2086 # names without spaces
agent_forwarding() {
	local p=/tmp/agent-keys.$$.$1
	t "$1: a program that asks the agent" \
	    s "$1" "cat >$p && chmod 700 $p" <"$base/agent-keys"
	is "$1: -A: the agent's key" "$keys" "$(s -A "$1" "$p" </dev/null 2>&1)"
	is "$1: -A with a terminal" "$keys" "$(
	    s -A -tt "$1" "$p" </dev/null 2>/dev/null | tr -d '\r')"
	! has "$1" ssh-add ||
	    is "$1: -A: ssh-add -l" "$(ssh-add -l)" \
	    "$(s -A "$1" ssh-add -l </dev/null 2>&1)"
	is "$1: -A: 20 at once" "20 $keys" "$(s -A "$1" '
	    for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
		'"$p"' & done; wait' </dev/null 2>&1 | sort | uniq -c |
	    sed 's/^ *//')"
	like "$1: -A: a folder for its user alone" 'drwx------ * /*' "$(
	    s -A "$1" 'ls -ld "${SSH_AUTH_SOCK%/*}"
		echo "${SSH_AUTH_SOCK%/*}" >'"$p.dir" </dev/null 2>&1)"
	is "$1: -A: gone afterwards" gone "$(s "$1" '
	    [ -e "$(cat '"$p.dir"')" ] || echo gone' </dev/null 2>&1)"
	is "$1: without -A there is none" none "$(
	    s "$1" "echo \${SSH_AUTH_SOCK-none}; rm $p $p.dir" </dev/null)"
}

# A tree of files with odd names, and what it is over there.
tools() {
	local tree=$tmp/tree dir=/tmp/guest-suite.$$.$1 sums
	sums='find . -type f | LC_ALL=C sort | tr "\n" "\0" |
	    xargs -0 sha256sum | sha256sum'
	if has "$1" rsync; then
		rm -rf "$tree"
		mkdir "$tree"
		cp -a helpers guest lib "$tree"
		head -c 5000000 /dev/urandom >"$tree/a 'big' one"
		: >"$tree/empty"
		t "$1: rsync -a to it" timeout 60 rsync -a \
		    -e "ssh -F $K8SHELL_SSH_CONFIG" "$tree/" "$1:$dir/"
		is "$1: rsync: equal there" "$(cd "$tree" && sh -c "$sums")" \
		    "$(s "$1" "cd $dir && $sums" </dev/null)"
		t "$1: rsync -a from it" timeout 60 rsync -a \
		    -e "ssh -F $K8SHELL_SSH_CONFIG" "$1:$dir/" "$tree.back/"
		is "$1: rsync: equal again" "" \
		    "$(diff -r "$tree" "$tree.back" 2>&1)"
		rm -rf "$tree.back"
	fi
	if has "$1" git; then
		rm -rf "$tmp/repo"
		git init -q "$tmp/repo"
		cp -a helpers guest lib "$tmp/repo"
		git -C "$tmp/repo" add .
		git -C "$tmp/repo" -c user.name=t -c user.email=t@invalid \
		    commit -qm one
		s "$1" "git init -q --bare $dir.git" </dev/null
		t "$1: git push" env \
		    GIT_SSH_COMMAND="ssh -F $K8SHELL_SSH_CONFIG" \
		    timeout 60 git -C "$tmp/repo" push -q "$1:$dir.git" \
		    HEAD:refs/heads/pushed
		is "$1: git: the same commit" \
		    "$(git -C "$tmp/repo" rev-parse HEAD)" \
		    "$(s "$1" "git -C $dir.git fsck 2>/dev/null &&
			git -C $dir.git rev-parse pushed" </dev/null)"
	fi
	s "$1" "rm -rf $dir $dir.git" </dev/null 2>&1
}

# What the client calls sftp and scp, in any image; without the guest in those
# that have an sftp-server.
transfers() {
	local dir=/tmp/guest-suite.$$.$1.sftp sum
	if [ "$guest" = off ] &&
	    ! s "$1" '/usr/lib/openssh/sftp-server -Q requests' </dev/null \
		>/dev/null 2>&1; then
		timeout 60 sftp -q -F "$K8SHELL_SSH_CONFIG" "$1" \
		    >"$tmp/out" 2>&1 </dev/null
		is "$1: sftp is lost: 255" 255 $?
		like "$1: sftp is lost: says why" '*sftp-server*' \
		    "$(cat "$tmp/out")"
		return
	fi
	head -c 10000000 /dev/urandom >"$tmp/there"
	sum=$(sha256sum <"$tmp/there")
	printf '%s\n' "mkdir $dir" "put $tmp/there $dir/by-sftp" \
	    "chmod 640 $dir/by-sftp" "get $dir/by-sftp $tmp/back" |
	    timeout 60 sftp -q -b - -F "$K8SHELL_SSH_CONFIG" "$1" \
		>"$tmp/out" 2>&1
	is "$1: sftp: exit 0" "0 " "$? $(grep -v '^sftp>' "$tmp/out")"
	is "$1: sftp: put" "$sum" \
	    "$(s "$1" "sha256sum <$dir/by-sftp" </dev/null)"
	is "$1: sftp: get" "$sum" "$(sha256sum <"$tmp/back")"
	is "$1: sftp: the session's user's, and his mode" "640 yes" \
	    "$(s "$1" "stat -c %a $dir/by-sftp; [ -O $dir/by-sftp ] &&
		echo yes" </dev/null | paste -sd' ')"
	t "$1: scp to it" timeout 60 scp -q -F "$K8SHELL_SSH_CONFIG" \
	    "$tmp/there" "$1:$dir/by-scp"
	t "$1: scp from it" timeout 60 scp -q -F "$K8SHELL_SSH_CONFIG" \
	    "$1:$dir/by-scp" "$tmp/scp-back"
	is "$1: scp: both ways" "$sum" "$(sha256sum <"$tmp/scp-back")"
	s "$1" "rm -rf $dir" </dev/null
}

# all HOST: its output stays together, its files apart; a /tmp may be shared.
all() {
	tmp=$base/$1
	mkdir "$tmp"
	if [ "$guest" = off ]; then
		signals_lost "$1"
		agent_lost "$1"
	else
		signals "$1"
		agent_forwarding "$1"
	fi
	terminal "$1"
	environment "$1"
	stdin "$1"
	leftovers "$1"
	transfers "$1"
	tools "$1"
	rm -rf "$tmp"
}

agent_start
for host in "$@"; do
	all "$host" >"$base/$host.out" 2>&1 &
done
wait
cat "$base"/*.out
tests_passed=$(cat "$base"/*.out | grep -c '^ok - ')
tests_failed=$(cat "$base"/*.out | grep -c '^not ok - ')
finish
