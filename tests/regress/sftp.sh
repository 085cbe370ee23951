#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# sftp, scp and what else transfers files, with the real clients: where the
# image has an sftp-server, where this machine's is carried in, in plain mode;
# in ForceCommand and bastion mode.
# shellcheck disable=SC2016 # what is to expand in the workspace
set -u
# shellcheck source=tests/lib.sh
. "${top_srcdir:-.}/tests/lib.sh"
need_root
alone
cd "${top_srcdir:-.}" || exit 1
build=${top_builddir:-$PWD/build/gcc}
for tool in rsync git busybox; do
	command -v "$tool" >/dev/null || skip "no $tool"
done
# Roots of pods are mounts, gone with this namespace.
if [ "${1:-}" != inside ]; then
	exec unshare -m --propagation private tests/regress/sftp.sh inside
fi
state=/run/k8shell-sftp-sh.$$
tmp=$(mktemp -d)
# rm --one-file-system: should a mount be left, not what is behind it.
trap 'tests/fakekube/down -s "$state"
umount -R "$tmp"/roots/{arm,slow,damaged,fills}/usr \
    "$tmp"/roots/{full,fills}/root
rm -rf --one-file-system "$tmp"' EXIT

# busybox_root NAME: an image without an sftp-server.
busybox_root() {
	local root=$tmp/roots/$1
	mkdir -p "$root"/{bin,dev,etc,proc,sys,root,run,usr/bin,var}
	mkdir -m 1777 "$root/tmp" "$root/var/tmp"
	cp "$(command -v busybox)" "$root/bin/busybox"
	chroot "$root" /bin/busybox --install -s /bin
	echo root:x:0:0:root:/root:/bin/sh >"$root/etc/passwd"
	echo root:x:0: >"$root/etc/group"
}

# debian_root NAME: this machine's programs without its sftp-server. (In
# busybox a program's name is its own, whatever is in PATH.)
debian_root() {
	local root=$tmp/roots/$1 link
	mkdir -p "$root"/{dev,etc,proc,sys,root,run,usr,var}
	mkdir -m 1777 "$root/tmp" "$root/var/tmp"
	for link in bin lib lib64 sbin; do
		[ ! -L "/$link" ] || ln -s "usr/$link" "$root/$link"
	done
	mount --bind /usr "$root/usr"
	mount -t tmpfs tmpfs "$root/usr/lib/openssh"
	mount -t tmpfs tmpfs "$root/usr/local/bin"
	cp /etc/passwd /etc/group "$root/etc"
}

# wrapper NAME PROGRAM: a program of the image that is this script (stdin).
wrapper() {
	cat >"$tmp/roots/$1/usr/local/bin/$2"
	chmod 755 "$tmp/roots/$1/usr/local/bin/$2"
}

roots() {
	local name
	for name in busybox uid full race; do
		busybox_root "$name"
	done
	for name in arm slow damaged fills; do
		debian_root "$name"
	done
	chmod 1777 "$tmp/roots/uid/root"
	# Room for the guest, but not for more.
	mount -t tmpfs -o size=600k tmpfs "$tmp/roots/full/root"
	# Room for all of it, until it comes.
	mount -t tmpfs -o size=24m tmpfs "$tmp/roots/fills/root"
	wrapper fills cat <<-'SH'
	#!/bin/sh
	head -c 100000000 /dev/zero >/root/junk
	/bin/cat
	status=$?
	rm /root/junk
	exit "$status"
	SH
	# The guest is carried in before its machine is asked for again.
	wrapper arm uname <<-'SH'
	#!/bin/sh
	mkdir /tmp/asked 2>/dev/null && echo x86_64 || echo aarch64
	SH
	wrapper slow cat <<-'SH'
	#!/bin/sh
	dd bs=4096 count=1 2>/dev/null
	sleep 60
	SH
	wrapper damaged cat <<-'SH'
	#!/bin/sh
	/bin/cat | tr a b
	SH
	for name in busybox uid full arm slow damaged fills race; do
		printf '[pod %s]\nroot = %s\n' "$name" "$tmp/roots/$name"
		[ "$name" != uid ] || printf 'uid = 4711\ngid = 4711\n'
	done
	printf '[pod debian]\n'
}

# What each test begins with. fakekube's arguments are in fakekube[].
fakekube=()
up() {
	local env name hosts=()
	for name in debian busybox uid full arm slow damaged fills race; do
		hosts+=(-H "$name=$name")
	done
	env=$(tests/fakekube/up -s "$state" -b "$build" -c "$tmp/pods" \
	    "${fakekube[@]}" -- "${hosts[@]}" "$@") || exit 1
	eval "$env"
}

# b HOST: sftp with commands from stdin; ends at the first that fails.
b() {
	timeout 120 sftp -q -F "$K8SHELL_SSH_CONFIG" -b - "$1"
}

s() {
	timeout 120 ssh -F "$K8SHELL_SSH_CONFIG" "$@"
}

c() {
	timeout 120 scp -q -F "$K8SHELL_SSH_CONFIG" "$@"
}

sum() {
	sha256sum | cut -d' ' -f1
}

# sums FOLDER: of all that is in it, on either side.
sums='cd "$1" && find . -type f | sort | while read -r f; do
	sha256sum "$f"; done | sha256sum | cut -d" " -f1'
sums_here() {
	sh -c "$sums" sh "$1"
}
sums_there() {
	s "$1" "sh -c '$sums' sh $2" </dev/null
}

data() {
	local i
	head -c 100000000 /dev/urandom >"$tmp/bulk"
	mkdir -p "$tmp/tree/a/b" "$tmp/many"
	echo secret >"$tmp/tree/a/secret"
	chmod 600 "$tmp/tree/a/secret"
	echo tool >"$tmp/tree/a/b/tool"
	chmod 750 "$tmp/tree/a/b/tool"
	touch -d '2001-02-03 04:05:06 UTC' "$tmp/tree/a/secret"
	for i in $(seq 2000); do
		echo "number $i" >"$tmp/many/$i"
	done
}

bulk() {
	b "$1" <<-SFTP >/dev/null
	put $tmp/bulk bulk
	get bulk $tmp/bulk.back
	SFTP
	is "$1: 100 MB put" "$(sum <"$tmp/bulk")" \
	    "$(s "$1" sha256sum bulk </dev/null | cut -d' ' -f1)"
	is "$1: 100 MB got" "$(sum <"$tmp/bulk")" "$(sum <"$tmp/bulk.back")"
	rm -f "$tmp/bulk.back"
	c "$tmp/bulk" "$1:bulk.scp" && c "$1:bulk.scp" "$tmp/bulk.back"
	is "$1: 100 MB by scp, there and back" "$(sum <"$tmp/bulk")" \
	    "$(sum <"$tmp/bulk.back")"
	rm -f "$tmp/bulk.back"
}

# there HOST COMMAND: whether it succeeds.
there() {
	s "$1" "$2" </dev/null
}

none_left() {
	! there "$1" 'ps -o args 2>/dev/null | grep "[s]ftp-server"'
}

# Clients killed in the middle; what they had is taken up again.
resumed() {
	local pid
	s "$1" rm -f bulk </dev/null
	echo "put $tmp/bulk bulk" |
	    sftp -q -l 80000 -F "$K8SHELL_SSH_CONFIG" -b - "$1" >/dev/null 2>&1 &
	pid=$!
	t "$1: a put is under way" wait_for 20 there "$1" '[ -s bulk ]'
	kill -9 "$pid"
	wait "$pid" 2>/dev/null
	t "$1: nothing is left of a put that was cut" \
	    wait_for 10 none_left "$1"
	like "$1: a part of it is there" "[1-9]*" \
	    "$(s "$1" 'wc -c <bulk' </dev/null | tr -d ' ')"
	b "$1" <<<"reput $tmp/bulk bulk" >/dev/null
	is "$1: and reput brings the rest" "$(sum <"$tmp/bulk")" \
	    "$(s "$1" sha256sum bulk </dev/null | cut -d' ' -f1)"
	echo "get bulk $tmp/bulk.back" |
	    sftp -q -l 80000 -F "$K8SHELL_SSH_CONFIG" -b - "$1" >/dev/null 2>&1 &
	pid=$!
	t "$1: a get is under way" wait_for 20 [ -s "$tmp/bulk.back" ]
	kill -9 "$pid"
	wait "$pid" 2>/dev/null
	is "$1: what was got is a part" yes \
	    "$([ "$(stat -c %s "$tmp/bulk.back")" -lt 100000000 ] && echo yes)"
	b "$1" <<<"reget bulk $tmp/bulk.back" >/dev/null
	is "$1: and reget brings the rest" "$(sum <"$tmp/bulk")" \
	    "$(sum <"$tmp/bulk.back")"
	rm -f "$tmp/bulk.back"
}

trees() {
	local out
	b "$1" <<-SFTP >/dev/null
	put -rp $tmp/tree
	get -rp tree $tmp/tree.back
	SFTP
	is "$1: modes and times" "600 750 981173106" "$(s "$1" \
	    'stat -c %a tree/a/secret tree/a/b/tool; stat -c %Y tree/a/secret' \
	    </dev/null | tr '\n' ' ' | sed 's/ $//')"
	is "$1: and back" "600 750 981173106" "$(cd "$tmp/tree.back" &&
	    echo "$(stat -c %a a/secret) $(stat -c %a a/b/tool)" \
		"$(stat -c %Y a/secret)")"
	c -rp "$tmp/tree" "$1:tree.scp"
	is "$1: scp -p, too" "600 981173106" \
	    "$(s "$1" 'stat -c "%a %Y" tree.scp/a/secret' </dev/null)"
	c -r "$tmp/many" "$1:many" && c -r "$1:many" "$tmp/many.back"
	is "$1: 2000 small files" "$(sums_here "$tmp/many") $(
	    sums_here "$tmp/many")" \
	    "$(sums_there "$1" many) $(sums_here "$tmp/many.back")"
	rm -rf "$tmp/tree.back" "$tmp/many.back"
	out=$(b "$1" 2>&1 <<-'SFTP'
	pwd
	mkdir x
	rename tree x/y
	ls x
	rmdir no-such
	SFTP
	)
	is "$1: home, folders, names" "sftp> pwd
Remote working directory: $(s "$1" 'echo $HOME' </dev/null)
sftp> mkdir x
sftp> rename tree x/y
sftp> ls x
x/y
sftp> rmdir no-such
remote rmdir: No such file or directory" "$(tr -d '\r' <<<"$out" |
	    sed -e 's/ *$//' \
	    -e 's/^\(remote rmdir\) "[^"]*"/\1/')"
	echo 'put /etc/passwd mask' | b "$1" >/dev/null
	is "$1: the umask is the container's" \
	    "$(s "$1" 'touch own; stat -c %a own' </dev/null)" \
	    "$(s "$1" stat -c %a mask </dev/null)"
	s "$1" 'rm -rf x many* tree* bulk* mask own' </dev/null
}

# What needs its own program in the image.
programs() {
	git init -q "$tmp/repo"
	git -C "$tmp/repo" -c user.name=t -c user.email=t@t commit -q \
	    --allow-empty -m one
	cp -r lib "$tmp/repo"
	git -C "$tmp/repo" add -A
	git -C "$tmp/repo" -c user.name=t -c user.email=t@t commit -qm two
	export GIT_SSH_COMMAND="ssh -F $K8SHELL_SSH_CONFIG"
	s "$1" git init -q --bare repo.git </dev/null
	t "$1: git push" git -C "$tmp/repo" push -q "$1:repo.git" HEAD:main
	is "$1: the commit is there" "$(git -C "$tmp/repo" rev-parse HEAD)" \
	    "$(s "$1" git -C repo.git rev-parse main </dev/null)"
	t "$1: git clone" git clone -q -b main "$1:repo.git" "$tmp/clone"
	is "$1: what was cloned" "$(sums_here "$tmp/repo/lib")" \
	    "$(sums_here "$tmp/clone/lib")"
	rm -rf "$tmp/repo" "$tmp/clone"
	t "$1: rsync" rsync -a -e "ssh -F $K8SHELL_SSH_CONFIG" lib helpers \
	    "$1:source/"
	is "$1: what rsync brought" \
	    "$(sums_here lib) $(sums_here helpers)" \
	    "$(sums_there "$1" source/lib) $(sums_there "$1" source/helpers)"
	t "$1: scp -O" c -O -r lib "$1:old"
	is "$1: what scp -O brought" "$(sums_here lib)" \
	    "$(sums_there "$1" old)"
	s "$1" 'rm -rf old source repo.git' </dev/null
}

# refused HOST PATTERN: a client learns why, and how it ends is told.
refused() {
	like "$1: the sftp client is told: $2" "*$2*" "$(b "$1" <<<ls 2>&1)"
	s -s "$1" sftp </dev/null >/dev/null 2>&1
	is "$1: exit status" 255 $?
	like "$1: the log says it, too" "*k8shell-sftp*$2*" \
	    "$(tail -n 8 "$K8SHELL_LOG")"
}

# kept HOST: what is in the folder of the guest.
kept() {
	(cd "$tmp/roots/$1/root/.cache/k8shell-0" && ls -d sftp-*) 2>/dev/null
}

carried() {
	local i pids=() bad=0 pid
	for i in 1 2 3 4 5; do
		b race <<<"put /etc/passwd $i" >/dev/null 2>&1 &
		pids+=($!)
	done
	for pid in "${pids[@]}"; do
		wait "$pid" || bad=$((bad + 1))
	done
	is "five first sessions at once" "0 5" \
	    "$bad $(find "$tmp/roots/race/root" -maxdepth 1 -size +0 -type f |
	    wc -l)"
	is "one folder is left of it" 1 "$(kept race | wc -l)"
	is "and nothing but files in it" "" \
	    "$(find "$tmp"/roots/race/root/.cache/k8shell-0/sftp-* -mindepth 1 \
		! -type f -o -name .all)"
	like "it is ours alone" "drwx------ *" \
	    "$(ls -ld "$tmp/roots/race/root/.cache/k8shell-0/$(kept race)")"

	# A link where it should be is not followed.
	i=$(kept race)
	mv "$tmp/roots/race/root/.cache/k8shell-0/$i" "$tmp/roots/race/$i"
	ln -s "/$i" "$tmp/roots/race/root/.cache/k8shell-0/$i"
	refused race "remove it"

	like "a number without an entry in passwd" "*working directory: /*" \
	    "$(b uid <<<pwd 2>&1)"

	like "a full disk: another one does" "*working directory: /root*" \
	    "$(b full <<<pwd 2>&1)"
	is "and nothing is left there" "" "$(kept full)"
	refused fills "No space left"
	is "a disk that fills: nothing is left" "" "$(kept fills)"
	refused arm "the container is for aarch64"
	refused damaged "it arrived damaged"
	is "nothing is left of what was damaged" "" "$(kept damaged)"

	sftp -q -F "$K8SHELL_SSH_CONFIG" -b - slow <<<ls >/dev/null 2>&1 &
	pid=$!
	t "it is being carried in" wait_for 20 kept slow
	# The connection, not just what is in front of it.
	kill -9 "$(pgrep -P "$pid" ssh)" "$pid"
	wait "$pid" 2>/dev/null
	gone() {
		[ -z "$(kept slow)" ]
	}
	t "cut in the middle: nothing is left" wait_for 10 gone
}

# The commands that sshd's configuration may have, and those that are none.
command_lines() {
	local line
	is "internal-sftp is sftp" " 02 00 00 00 03" "$(
	    { printf '\0\0\0\5\1\0\0\0\3'; sleep 2; } |
		s busybox internal-sftp | head -c 9 | tail -c 5 | od -An -tx1)"
	for line in /usr/lib/openssh/sftp-server \
	    '/usr/libexec/openssh/sftp-server -l INFO'; do
		like "$line is sftp" "*working directory: /root*" "$(
		    timeout 60 sftp -q -F "$K8SHELL_SSH_CONFIG" -b - \
			-s "$line" busybox 2>&1 <<<pwd)"
	done
	like "-R is passed on" "*denied*" "$(
	    timeout 60 sftp -q -F "$K8SHELL_SSH_CONFIG" -b - \
		-s '/usr/lib/openssh/sftp-server -R' busybox 2>&1 \
		<<<'put /etc/passwd ro')"
	is "more than that is a command" 3 "$(
	    s busybox '/usr/lib/openssh/sftp-server; exit 3' >/dev/null 2>&1 \
		</dev/null
	    echo $?)"
}

roots >"$tmp/pods"
data

# sshd 9.2 and 10 take turns.
sshd92=$(tests/openssh 9.2) && sshd10=$(tests/openssh 10) || exit 1

up -d "$sshd92"
for host in debian busybox; do
	bulk "$host"
	resumed "$host"
	trees "$host"
done
programs debian
carried
command_lines

up -m bastion -d "$sshd10"
for host in debian busybox; do
	bulk "$host"
	trees "$host"
	# shellcheck disable=SC2154
	is "$host: the record has its kind" '"kind":"sftp"' "$(
	    grep "\"pod\":\"$host\"" "$K8SHELL_AUDIT_LOG" |
		grep -o '"kind":"sftp"' | head -n 1)"
done

# The older protocol of exec, which can't close stdin.
fakekube=(-a --protocols -a 'v4,')
up -d "$sshd10"
for host in debian busybox; do
	bulk "$host"
	resumed "$host"
done
fakekube=()

cat >"$tmp/off.conf" <<'INI'
[kubernetes]
kubeconfig = /etc/k8shell/kubeconfig

[workspace]
namespace = ws
pod = %u
container = main
guest = off
INI
up -c "$tmp/off.conf" -d "$sshd10"
bulk debian
trees debian
refused busybox "in plain mode"
finish
