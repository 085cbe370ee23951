#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# What is delivered, read by sshd 9.2 and 10 with PAM and without: what bastion
# mode's sshd_config and ForceCommand mode's 50-k8shell.conf mean for each kind
# of account.
set -eu
export LC_ALL=C
# shellcheck source=tests/lib.sh
. "${top_srcdir:-.}/tests/lib.sh"
need_root
cd "${top_srcdir:-.}"

# In a mount namespace: the accounts are in an /etc of its own.
if [ "${1:-}" != unshared ]; then
	sshd92=$(tests/openssh 9.2)
	sshd10=$(tests/openssh 10)
	exec unshare --mount tests/regress/sshd-config.sh unshared "$sshd92" "$sshd10"
fi
shift
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
mkdir "$tmp/etc"
cp -a /etc/. "$tmp/etc"
mount -n --bind "$tmp/etc" /etc
mount -n -t tmpfs -o mode=755 tmpfs /run
mkdir /run/sshd
ssh-keygen -q -t ed25519 -N '' -f "$tmp/host_key"

# account NAME UID GID
account() {
	sed -i "/^$1:/d" /etc/passwd
	echo "$1:x:$2:$3::/:/bin/sh" >>/etc/passwd
}
sed -i '/^k8shell-workspace:/d' /etc/group
echo 'k8shell-workspace:x:61000:extra' >>/etc/group
account primary 61000 61000
account extra 61001 100
account plain 61002 100
sed -i '/^k8shell:/d' /etc/group
echo 'k8shell:x:61005:member' >>/etc/group
account member 61004 100
# The number of no group.
account groupless 61003 61999

# As an administrator may have it, behind other rules.
{
	printf '%s\n' 'Match Address 192.0.2.0/24' '	Banner none' 'Match all'
	cat sshd_config.d/sshd_config
} >"$tmp/behind"

# effective SSHD USER [OPTION]...: what is in force, sorted.
effective() {
	local sshd=$1 user=$2
	shift 2
	"$sshd" -T -f "$file" -h "$tmp/host_key" "$@" \
	    -C "user=$user,host=x,addr=203.0.113.7,laddr=198.51.100.1,lport=22" |
	    sort
}

# lines NAME: the lines of what was in force with one of these names.
lines() {
	grep -E "^($1) " "$tmp/effective" | sort
}

# For everybody.
common() {
	is "$1: nothing of this machine" "\
allowagentforwarding yes
allowstreamlocalforwarding local
allowtcpforwarding local
disableforwarding no
gatewayports no
permitlisten none
permitopen any
permittty yes
permittunnel no
permituserenvironment no
permituserrc no
x11forwarding no" "$(lines 'allow.*forwarding|disableforwarding|gatewayports|permit(listen|open|tty|tunnel|user.*)|x11forwarding')"
	is "$1: keys only, and never root" "\
gssapiauthentication no
hostbasedauthentication no
kbdinteractiveauthentication no
passwordauthentication no
permitemptypasswords no
permitrootlogin no
pubkeyauthentication yes" "$(lines '(gssapi|hostbased|kbdinteractive|password|pubkey)authentication|permit(emptypasswords|rootlogin)')"
	is "$1: the rest" "\
loglevel VERBOSE
printlastlog no
printmotd no
subsystem sftp /usr/libexec/k8shell/k8shell-sftp
usedns no" "$(lines 'loglevel|printlastlog|printmotd|subsystem|usedns')"
}

# sessions NAME PAM "LINE..." USER...: what these lines say of accounts, and
# the rest.
sessions() {
	local name user pam=$2 lines=$3
	name=$1
	shift 3
	for user; do
		effective "$sshd" "$user" -o "UsePAM=$pam" >"$tmp/effective"
		is "$name, $user: PAM" "usepam $pam" "$(lines usepam)"
		is "$name, $user: the session" "$lines" \
		    "$(lines 'acceptenv|forcecommand')"
		common "$name, $user"
	done
}

for sshd; do
	version=$("$sshd" -V 2>&1 |
	    sed -n 's/.*OpenSSH_\([0-9.]*\).*/\1/p')
	is "$version: accepts all of the file" "" \
	    "$("$sshd" -t -f sshd_config.d/sshd_config -h "$tmp/host_key" 2>&1)"
	file=sshd_config.d/sshd_config
	is "$version: PAM is on" "usepam yes" "$(effective "$sshd" plain |
	    grep '^usepam')"
	for file in sshd_config.d/sshd_config "$tmp/behind"; do
		for pam in yes no; do
			name="$version, ${file##*/}, PAM $pam"
			# Of the variables all rules count.
			sessions "$name" "$pam" "\
acceptenv *
acceptenv COLORTERM
acceptenv LANG
acceptenv LC_*
forcecommand none" primary extra
			sessions "$name" "$pam" "\
acceptenv COLORTERM
acceptenv LANG
acceptenv LC_*
forcecommand exec /usr/libexec/k8shell/k8shell-session" \
			    plain groupless root
		done
	done
	# Another file that is read later, and wants more.
	{
		cat sshd_config.d/50-k8shell.conf
		printf '%s\n' 'AllowTcpForwarding yes' 'PermitTunnel yes' \
		    'GatewayPorts yes' 'X11Forwarding yes'
	} >"$tmp/dropin"
	file=$tmp/dropin
	effective "$sshd" member >"$tmp/effective"
	is "$version, 50-k8shell.conf: only the agent is forwarded" "\
allowagentforwarding yes
allowstreamlocalforwarding no
allowtcpforwarding no
disableforwarding no
gatewayports no
permitlisten none
permitopen none
permittunnel no
x11forwarding no" "$(lines 'allow.*forwarding|disableforwarding|gatewayports|permit(listen|open|tunnel)|x11forwarding')"
	is "$version, 50-k8shell.conf: the session" "\
acceptenv COLORTERM
acceptenv LANG
acceptenv LC_*
forcecommand exec /usr/libexec/k8shell/k8shell-session
permituserrc no" "$(lines 'acceptenv|forcecommand|permituserrc')"
	effective "$sshd" plain >"$tmp/effective"
	is "$version, 50-k8shell.conf: nothing for others" "\
allowtcpforwarding yes
forcecommand none
x11forwarding yes" "$(lines 'allowtcpforwarding|forcecommand|x11forwarding')"
done
finish
