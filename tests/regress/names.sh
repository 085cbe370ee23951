#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Host names of forwards, from ssh through sshd 9.2 and 10 to the supervisor's
# table; and that every other name is looked up as if the module was not there.
# shellcheck disable=SC2016 # what is to expand in the bastion
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
module=$build/nss/libnss_k8shell.so.2

prefix=
name() {
	printf '%s: %s' "$prefix" "$1"
}

# forward HOST PORT [OPTION]...: what ssh says of it.
forward() {
	local host=$1 port=$2
	shift 2
	s "$@" -W "[$host]:$port" ws </dev/null 2>&1
}

# goes NAME HOST: that host's name arrives where it is to be dialled. (What
# dials is not there: it fails.)
goes() {
	mark
	like "$(name "$1: open failed")" '*open failed*' "$(forward "$2" 7)"
	audited "$(name "$1")" forward.open event=forward.open kind=tcp \
	    "destination=$2" port=7
}

# nowhere NAME: nor was anything to be dialled.
nowhere() {
	audited "$(name "$1")" "" event=forward.open
}

names_arrive() {
	local long
	long=$(printf 'x%.0s' {1..200})
	goes "a name" db.ns.svc.cluster.local
	goes "this host's own names" localhost
	goes "a name of /etc/hosts here" here.example
	goes "a slash, a blank, a percent sign" 'a/b c%20%'
	goes "colons" 'a:b::x'
	goes "a newline" $'a\nb'
	goes "IDN" 'bücher.example'
	goes "200 characters" "$long"
	goes "upper case" 'DB.Example'
}

numbers_do_not() {
	goes "IPv4" 192.0.2.9
	goes "IPv6" 2001:db8::9
	goes "nobody's address" 240.0.0.1
	audited "$(name "nobody's address: no name has it")" forward.open \
	    event=forward.open result=refused
}

# The C library asks for one family by another function.
one_family() {
	inside sed -i '1i AddressFamily inet' /etc/k8shell/sshd_config
	goes "AddressFamily inet" here.example
	inside sed -i '1s/inet/inet6/' /etc/k8shell/sshd_config
	mark
	like "$(name "AddressFamily inet6: open failed")" '*open failed*' \
	    "$(forward six.example 7)"
	nowhere "AddressFamily inet6: nor this machine's name"
	inside sed -i 1d /etc/k8shell/sshd_config
}

# sshd's own rules come first, by the name.
permitted() {
	inside sed -i '1i PermitOpen db:7' \
	    /etc/k8shell/sshd_config
	goes "PermitOpen: what it names" db
	mark
	like "$(name "PermitOpen: nothing else")" '*administratively*' \
	    "$(forward other 7)"
	nowhere "PermitOpen: nor is that asked for"
	inside sed -i 1d /etc/k8shell/sshd_config
}

# What the process of the bastion with this pid sees as its nsswitch.conf.
nsswitch_of() {
	inside cat "/proc/$1/root/etc/nsswitch.conf"
}

private_nsswitch() {
	local pid before
	before=$(inside cat /etc/nsswitch.conf)
	mark
	hold private ws
	pid=$(inside ps -C sshd,sshd-session -o pid= | head -n 1 | tr -d ' ')
	is "$(name "the connection's nsswitch.conf")" \
	    "${before/hosts:/hosts: k8shell [NOTFOUND=return] }" \
	    "$(nsswitch_of "$pid")"
	is "$(name "nothing of it in /tmp")" "" \
	    "$(inside find "/proc/$pid/root/tmp" -type f)"
	like "$(name "nobody writes to it")" '*Read-only file system*' \
	    "$(inside sh -c ': >>"/proc/$1/root/etc/nsswitch.conf"' - "$pid" \
		2>&1)"
	is "$(name "the host's is as it was")" "$before" \
	    "$(inside cat /etc/nsswitch.conf)"
	released "$(name "the session")" private
}

# sshd, with root's rights, checks the client's name against its address.
sshd_resolves() {
	local via
	via=$(quoted -1 "$V1")
	inside sed -i '1i UseDNS yes' /etc/k8shell/sshd_config
	inside sed -i.from 's/^/from="client.example" /' \
	    /etc/k8shell-test/keys/dave
	is "$(name "UseDNS: sshd has the host's names")" fine \
	    "$(via "$via" ws-from echo fine </dev/null 2>&1)"
	like "$(name "UseDNS: and no others")" '*Permission denied*' \
	    "$(via "$(quoted -1 "${V1/.7 /.8 }")" ws-from true </dev/null 2>&1)"
	inside mv /etc/k8shell-test/keys/dave.from /etc/k8shell-test/keys/dave
	inside sed -i 1d /etc/k8shell/sshd_config
}

# Before anybody is in, as a user of its own, and as a child of sshd's.
key_command_resolves() {
	inside sh -c 'mkdir -m 777 /run/out
	cat >/run/keys
	chmod 755 /run/keys
	sed -i "1i AuthorizedKeysCommand /run/keys" /etc/k8shell/sshd_config
	sed -i "1i AuthorizedKeysCommandUser nobody" /etc/k8shell/sshd_config
	sed -i "1i AuthorizedKeysFile none" /etc/k8shell/sshd_config
	' <<-'SH'
	#!/bin/sh
	cat /etc/k8shell-test/keys/alice
	exec getent hosts here.example >/run/out/keys
	SH
	t "$(name "AuthorizedKeysCommand: a session")" s ws true </dev/null
	is "$(name "AuthorizedKeysCommand has the host's names")" \
	    "192.0.2.9 here.example" \
	    "$(inside cat /run/out/keys | tr -s ' ')"
	inside sed -i 1,3d /etc/k8shell/sshd_config
	inside rm -r /run/out /run/keys
}

# What sshd starts with the user's rights, an account's shell.
user_program_resolves() {
	inside sh -c 'mkdir -m 777 /run/out
	cat >/run/shell
	chmod 755 /run/shell
	cp -p /etc/passwd /run/passwd
	sed -i "/^carol:/s|[^:]*$|/run/shell|" /etc/passwd' <<-'SH'
	#!/bin/sh
	getent hosts here.example >/run/out/shell
	SH
	s ws-forced true </dev/null
	is "$(name "a user's program has the host's names")" \
	    "192.0.2.9 here.example" \
	    "$(inside cat /run/out/shell | tr -s ' ')"
	inside cp -p /run/passwd /etc/passwd
	inside rm -r /run/out /run/shell
}

# The helper, setgid, finds the API server by a name.
helper_resolves() {
	inside sed -i.number 's|https://127.0.0.1:|https://localhost:|' \
	    /etc/k8shell/kubeconfig
	t "$(name "the kubeconfig has a name")" \
	    inside grep -q 'https://localhost:' /etc/k8shell/kubeconfig
	is "$(name "k8shell-session has the host's names")" fine \
	    "$(s ws echo fine </dev/null 2>&1)"
	inside sed -i 's|https://localhost:|https://127.0.0.1:|' \
	    /etc/k8shell/kubeconfig
}

# getent with such an nsswitch.conf, where there is no supervisor.
unsupervised() {
	inside unshare -m sh -c 'echo "hosts: $1" >/run/nsswitch.conf
	mount -n --bind /run/nsswitch.conf /etc/nsswitch.conf
	shift
	"$@"; echo "$?"' - "$@" 2>&1 | tr -s ' '
}

no_supervisor() {
	local ours='k8shell [NOTFOUND=return] files' database host
	for database in hosts ahosts ahostsv4 ahostsv6; do
		for host in here.example none.example 192.0.2.1; do
			is "$(name "no supervisor: getent $database $host")" \
			    "$(unsupervised files getent "$database" "$host")" \
			    "$(unsupervised "$ours" getent "$database" \
				"$host")"
		done
	done
	# It is there, and would answer if it could.
	is "$(name "no supervisor: the module alone")" "2" \
	    "$(unsupervised k8shell getent hosts here.example)"
	t "$(name "the module is found")" \
	    inside sh -c 'ldconfig -p | grep -q libnss_k8shell'
}

# Whoever dies: nobody waits for it.
supervisor_killed() {
	local pid status=0 out before
	hold orphan -M -S "$tmp/orphan" ws
	pid=$(supervisors)
	# shellcheck disable=SC2086 # one
	inside kill -KILL $pid
	before=$SECONDS
	out=$(forward here.example 7 -S "$tmp/orphan") || status=$?
	t "$(name "supervisor killed: a forward fails ($out)")" \
	    [ "$status" != 0 ]
	# No figure of ours is that large; a name server's would be.
	t "$(name "supervisor killed: at once")" \
	    [ $((SECONDS - before)) -le 4 ]
	released "$(name "supervisor killed: the session")" orphan
}

prefix=module
is "$(name "it exports two functions")" \
    "_nss_k8shell_gethostbyname2_r _nss_k8shell_gethostbyname4_r" \
    "$(nm -D --defined-only "$module" | awk '{ print $3 }' | sort | xargs)"
is "$(name "it needs libc alone")" "[libc.so.6]" \
    "$(readelf -d "$module" | awk '/NEEDED/ { print $NF }')"

for version in 9.2 10; do
	sshd=$(tests/openssh "$version") || exit 1
	prefix=$version
	bastion "$sshd" yes
	inside install -m 755 /bin/false /usr/libexec/k8shell/k8shell-forward
	inside sh -c 'cat >>/etc/hosts' <<-'HOSTS'
	192.0.2.9 here.example
	203.0.113.7 client.example
	2001:db8::9 six.example
	HOSTS
	names_arrive
	numbers_do_not
	one_family
	permitted
	private_nsswitch
	sshd_resolves
	key_command_resolves
	user_program_resolves
	helper_resolves
	no_supervisor
	nothing_left "$prefix"
	supervisor_killed
done
finish
