#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""k8shell-forward without a supervisor: suite.py PROGRAM [NAME...]

Run by tests/regress/forward.sh, as root, in namespaces of its own. Pod alice
has this machine's network (root = none), pod boxed one of its own. What is
said on descriptor 3 is written down in lib/core/dials.h.
"""
import errno, hashlib, os, pathlib, re, select, signal, socket
import struct, subprocess, sys, threading, time

import portforwarder

PROGRAM = sys.argv[1]
# What forward.sh installs it for: the supervisor's account, its own, theirs.
SUPERVISOR, OWN, GROUP = 64998, 64999, 64998
TCP, UNIX, CONNECTED, FAILED, CLOSED = 1, 2, 3, 4, 5
DEADLINE = 60
MIB = 1024 * 1024
BULK = int(os.environ.get("BULK_MIB", "1024")) * MIB
CONF = pathlib.Path("/etc/k8shell/k8shell.conf")
TESTS = []


def test(function):
    TESTS.append(function)
    return function


def need(condition, what=""):
    if not condition:
        raise AssertionError(what)


def equal(got, expected):
    need(got == expected, f"{got!r} instead of {expected!r}")


def configure(pod="%u", workspace="", kubeconfig="/etc/k8shell/kubeconfig",
              most=256):
    CONF.write_text(f"""[kubernetes]
kubeconfig = {kubeconfig}
[workspace]
namespace = ws
pod = {pod}
forward_dial_timeout = 2
{workspace}
[proxyd]
max_forwards = {most}
""")


class Answer:
    def __init__(self, packet):
        self.type, self.number = struct.unpack(">BI", packet[:5])
        rest = packet[5:]
        if self.type == CONNECTED:
            (self.ms,) = struct.unpack(">I", rest)
        elif self.type == FAILED:
            self.ms, self.error = struct.unpack(">II", rest[:8])
            self.why = rest[8:].decode()
        elif self.type == CLOSED:
            self.bytes_in, self.bytes_out = struct.unpack(">QQ", rest[:16])
            self.why = rest[16:].decode()

    def __repr__(self):
        return str(vars(self))


class Channel:
    """sshd's end: full until it is connected, as the supervisor makes it."""

    def __init__(self, number):
        self.number = number
        self.sock, self.far = socket.socketpair()
        self.sock.setblocking(False)
        self.far.setblocking(False)
        filled = 0
        while select.select([], [self.sock], [], 0)[1]:
            try:
                filled += self.sock.send(b"F" * 4096)
            except BlockingIOError:
                break
        need(filled > 0)

    def writable(self):
        return bool(select.select([], [self.sock], [], 0)[1])

    def connected(self):
        self.sock.settimeout(DEADLINE)

    def read_all(self):
        parts = []
        while part := self.sock.recv(MIB):
            parts.append(part)
        return b"".join(parts)

    def read(self, n):
        data = b""
        while len(data) < n:
            part = self.sock.recv(n - len(data))
            need(part, f"the end after {len(data)} of {n} bytes")
            data += part
        return data

    def ends(self):
        """Whether the peer is gone: an end or a reset."""
        try:
            return self.read_all() is not None
        except ConnectionResetError:
            return True

    def resets(self):
        self.sock.settimeout(DEADLINE)
        try:
            self.sock.recv(1)
        except ConnectionResetError:
            return True
        return False


class Forward:
    def __init__(self, user="alice", program=PROGRAM, uid=SUPERVISOR,
                 gid=GROUP):
        self.sock, far = socket.socketpair(socket.AF_UNIX,
                                           socket.SOCK_SEQPACKET)
        self.sock.settimeout(DEADLINE)
        self.numbers = 0
        self.answers = {}

        def become():
            os.dup2(far.fileno(), 3)
            os.setgroups([])
            os.setresgid(gid, gid, gid)
            os.setresuid(uid, uid, uid)

        self.process = subprocess.Popen(
            [program, user], preexec_fn=become, pass_fds=(3,), cwd="/",
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        far.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sock.close()
        try:
            equal(self.process.wait(DEADLINE), 0)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise

    def ask(self, kind, target):
        self.numbers += 1
        channel = Channel(self.numbers)
        socket.send_fds(self.sock, [struct.pack(">BI", kind, self.numbers) +
                                    target], [channel.far.fileno()])
        channel.far.close()
        return channel

    def tcp(self, port, host=b"127.0.0.1"):
        return self.ask(TCP, struct.pack(">H", port) + host)

    def unix(self, path):
        return self.ask(UNIX, os.fsencode(path))

    def answer(self, channel):
        """The next answer to this one."""
        waiting = self.answers.setdefault(channel.number, [])
        until = time.monotonic() + DEADLINE
        while not waiting:
            self.sock.settimeout(max(0.01, until - time.monotonic()))
            packet = self.sock.recv(512)
            need(packet, "k8shell-forward has gone")
            a = Answer(packet)
            self.answers.setdefault(a.number, []).append(a)
        return waiting.pop(0)

    def connect(self, channel):
        a = self.answer(channel)
        need(a.type == CONNECTED, a)
        channel.connected()
        return channel

    def closed(self, channel):
        a = self.answer(channel)
        need(a.type == CLOSED, a)
        return a

    def failed(self, channel, error):
        a = self.answer(channel)
        need(a.type == FAILED, a)
        need(a.error == error, a)
        need(channel.resets(), "sshd would not see that it failed")
        return a

    def memory(self):
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) * 1024

    def cpu(self):
        stat = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text()
        return sum(map(int, stat.rsplit(")")[1].split()[11:13])) / \
            os.sysconf("SC_CLK_TCK")


class Server:
    """Listens in the workspace; each connection is handled by a thread."""

    def __init__(self, handle, path=None):
        if path is None:
            self.sock = socket.create_server(("127.0.0.1", 0), backlog=512)
            self.port = self.sock.getsockname()[1]
        else:
            self.sock = socket.socket(socket.AF_UNIX)
            self.sock.bind(path)
            self.sock.listen(512)
        self.handle = handle
        self.results = []
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            try:
                c, _ = self.sock.accept()
            except OSError:
                return
            threading.Thread(target=self.one, args=(c,), daemon=True).start()

    def one(self, c):
        with c:
            try:
                self.results.append(self.handle(c))
            except OSError as e:
                self.results.append(e)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sock.shutdown(socket.SHUT_RDWR)
        self.sock.close()

    def result(self):
        until = time.monotonic() + DEADLINE
        while not self.results:
            need(time.monotonic() < until, "the server has no result")
            time.sleep(0.01)
        return self.results.pop(0)


def echo(c):
    while data := c.recv(MIB):
        c.sendall(data)


def block(n):
    return hashlib.sha256(str(n).encode()).digest() * 2048  # 64 KiB


def flood(send, total):
    """Sends total bytes of a pattern; returns its hash."""
    digest = hashlib.sha256()
    blocks = [block(n) for n in range(61)]
    for n in range(total // len(blocks[0])):
        send(blocks[n % 61])
        digest.update(blocks[n % 61])
    return digest.hexdigest()


def drain(recv):
    digest, total = hashlib.sha256(), 0
    while data := recv(MIB):
        digest.update(data)
        total += len(data)
    return digest.hexdigest(), total


def guests():
    """Processes of k8shell-guest here, of the pods as well."""
    found = []
    for p in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            if "/k8shell-0/" in os.readlink(p / "exe"):
                found.append(int(p.name))
        except OSError:
            pass
    return found


def wait_for(what, condition):
    until = time.monotonic() + DEADLINE
    while not condition():
        need(time.monotonic() < until, what)
        time.sleep(0.02)


#
# Who may start it, and what it is then.
#

@test
def rights():
    configure()
    with Forward() as f, Server(echo) as s:
        c = f.connect(f.tcp(s.port))
        status = pathlib.Path(f"/proc/{f.process.pid}/status").read_text()
        fields = dict(l.split(":\t", 1) for l in status.splitlines()
                      if ":\t" in l)
        equal(fields["Uid"].split(), [str(OWN)] * 4)
        equal(fields["Gid"].split(), [str(GROUP)] * 4)
        equal(fields["Groups"].strip(), "")
        equal(fields["NoNewPrivs"], "1")
        for name in "CapInh", "CapPrm", "CapEff", "CapAmb":
            equal(int(fields[name], 16), 0)
        # Not even those who may start it look into it or signal it.
        pid = os.fork()
        if pid == 0:
            os.setresgid(GROUP, GROUP, GROUP)
            os.setresuid(SUPERVISOR, SUPERVISOR, SUPERVISOR)
            try:
                os.kill(f.process.pid, signal.SIGKILL)
                os._exit(1)
            except PermissionError:
                pass
            try:
                pathlib.Path(f"/proc/{f.process.pid}/environ").read_bytes()
                os._exit(2)
            except PermissionError:
                os._exit(0)
        equal(os.waitpid(pid, 0)[1], 0)
        c.sock.close()


@test
def refuses_others():
    configure()
    # Not installed as it is to be: a copy without the bits.
    copy = "/tmp/k8shell-forward"
    subprocess.run(["install", "-m", "755", PROGRAM, copy], check=True)
    f = Forward(program=copy)
    equal(f.process.wait(DEADLINE), 1)
    equal(f.sock.recv(1), b"")
    # A user.
    try:
        Forward(uid=1000, gid=1000)
        need(False, "anybody can start it")
    except (PermissionError, subprocess.SubprocessError):
        pass
    # If everybody could execute it.
    os.chown(copy, OWN, GROUP)
    os.chmod(copy, 0o6755)
    f = Forward(program=copy, uid=1000, gid=1000)
    equal(f.process.wait(DEADLINE), 1)
    # Root, who would leave the uid but not what made it root.
    f = Forward(program=copy, uid=0)
    equal(f.process.wait(DEADLINE), 1)
    # Setuid to root, which is no account of its own.
    os.chown(copy, 0, GROUP)
    os.chmod(copy, 0o6755)
    f = Forward(program=copy)
    equal(f.process.wait(DEADLINE), 1)
    os.unlink(copy)
    # No socket.
    p = subprocess.run([PROGRAM, "alice"], stdin=subprocess.DEVNULL,
                       user=SUPERVISOR, group=GROUP, extra_groups=[])
    equal(p.returncode, 1)


@test
def ends_on_bad_packets():
    configure()
    for packet in b"\1", b"\3\0\0\0\1\0\0\0\1", b"\1\0\0\0\1\0\x16h":
        f = Forward()
        f.sock.send(packet)
        equal(f.process.wait(DEADLINE), 1)
        f.sock.close()


#
# Dials.
#

@test
def tcp():
    configure()
    with Forward() as f, Server(echo) as s:
        for host in b"127.0.0.1", b"localhost":
            c = f.tcp(s.port, host)
            need(not c.writable(), "connected before it was dialled")
            f.connect(c)
            need(c.writable())
            c.sock.sendall(b"hello")
            equal(c.read(5), b"hello")
            c.sock.shutdown(socket.SHUT_WR)
            equal(c.read_all(), b"")
            a = f.closed(c)
            equal((a.bytes_in, a.bytes_out, a.why), (5, 5, ""))
        # One stream for both.
        equal(len(guests()), 1)
    wait_for("the guest stays", lambda: not guests())


@test
def fails():
    configure()
    with Forward() as f:
        a = f.failed(f.tcp(1), errno.ECONNREFUSED)
        need("refused" in a.why, a)
        f.failed(f.tcp(1, b"no" * 40), errno.EHOSTUNREACH)
        f.failed(f.unix("/nowhere/socket"), errno.ENOENT)
        f.failed(f.unix("relative"), errno.EINVAL)
        began = time.monotonic()
        a = f.failed(f.tcp(1, b"192.0.2.9"), errno.ETIMEDOUT)
        need(1.9 < time.monotonic() - began < 6, a)
        need(1900 < a.ms < 6000, a)
        # What is given up does no harm.
        with Server(echo) as s:
            c = f.connect(f.tcp(s.port))
            c.sock.close()
            f.closed(c)


@test
def unix():
    configure()
    path = "/tmp/echo socket"
    with Forward() as f, Server(echo, path):
        c = f.connect(f.unix(path))
        c.sock.sendall(b"hello")
        equal(c.read(5), b"hello")
        c.sock.close()
        f.closed(c)
    # The guest has rights there that the user has not.
    configure(workspace="user = nobody")
    with Forward() as f, Server(echo) as s:
        f.failed(f.unix(path), errno.EACCES)
        f.connect(f.tcp(s.port)).sock.close()
    os.unlink(path)


@test
def in_a_network_of_its_own():
    """Never the bastion's."""
    configure(pod="boxed")
    with Forward() as f, Server(echo) as s:
        f.failed(f.tcp(s.port), errno.ECONNREFUSED)


@test
def no_pod():
    configure(pod="none")
    with Forward() as f:
        a = f.failed(f.tcp(1), errno.EHOSTUNREACH)
        need("not found" in a.why, a)
    configure(kubeconfig="/nowhere")
    with Forward() as f:
        a = f.failed(f.tcp(1), errno.EHOSTUNREACH)
        need("/nowhere" in a.why, a)


@test
def client_gone():
    configure()
    with Forward() as f:
        c = f.tcp(1, b"192.0.2.9")
        c.sock.close()
        a = f.answer(c)
        equal((a.type, a.error), (FAILED, errno.ECANCELED))


@test
def half_close():
    configure()

    def answer_after_the_end(c):
        total = drain(c.recv)
        flood(c.sendall, 4 * MIB)
        return total

    with Forward() as f, Server(answer_after_the_end) as s:
        c = f.connect(f.tcp(s.port))
        up = flood(c.sock.sendall, 4 * MIB)
        c.sock.shutdown(socket.SHUT_WR)
        # It waits here, while the far end has closed already.
        time.sleep(0.5)
        down = drain(c.sock.recv)
        equal(s.result(), (up, 4 * MIB))
        equal(down, (up, 4 * MIB))
        a = f.closed(c)
        equal((a.bytes_in, a.bytes_out, a.why), (4 * MIB, 4 * MIB, ""))

    def end_first(c):
        c.sendall(b"all")
        c.shutdown(socket.SHUT_WR)
        return drain(c.recv)

    with Forward() as f, Server(end_first) as s:
        c = f.connect(f.tcp(s.port))
        equal(c.read_all(), b"all")
        up = flood(c.sock.sendall, 4 * MIB)
        c.sock.shutdown(socket.SHUT_WR)
        equal(s.result(), (up, 4 * MIB))
        f.closed(c)


@test
def bulk():
    configure()
    with Forward() as f:
        with Server(lambda c: drain(c.recv)) as s:
            c = f.connect(f.tcp(s.port))
            began = time.monotonic()
            up = flood(c.sock.sendall, BULK)
            c.sock.shutdown(socket.SHUT_WR)
            equal(s.result(), (up, BULK))
            took = time.monotonic() - began
            equal(f.closed(c).bytes_in, BULK)
        with Server(lambda c: flood(c.sendall, BULK)) as s:
            c = f.connect(f.tcp(s.port))
            began = time.monotonic()
            equal(drain(c.sock.recv), (up, BULK))
            equal(s.result(), up)
            print(f"# bulk: up {BULK / took / 1e6:.0f} MB/s, down "
                  f"{BULK / (time.monotonic() - began) / 1e6:.0f} MB/s, "
                  f"{f.memory() // 1024} KiB, CPU {f.cpu():.1f} s")


@test
def stalled():
    """Those who don't read hold up nobody."""
    configure()
    stop = threading.Event()

    def deaf(c):
        stop.wait(DEADLINE)
        return drain(c.recv)

    total = 16 * MIB
    with Forward() as f, Server(lambda c: flood(c.sendall, total)) as down, \
            Server(deaf) as up, Server(echo) as s:
        deaf_client = f.connect(f.tcp(down.port))
        deaf_server = f.connect(f.tcp(up.port))
        sent = []
        sender = threading.Thread(target=lambda: sent.append(
            flood(deaf_server.sock.sendall, total)))
        sender.start()
        c = f.connect(f.tcp(s.port))
        time.sleep(1)
        worst = 0
        for n in range(200):
            began = time.monotonic()
            c.sock.sendall(b"x" * 1000)
            c.read(1000)
            worst = max(worst, time.monotonic() - began)
        need(worst < 2, f"an echo took {worst:.3f} s")
        before = f.cpu()
        time.sleep(1)
        need(f.cpu() - before < 0.2, "it does not sleep")
        print(f"# stalled: worst echo {worst * 1000:.1f} ms, "
              f"{f.memory() // 1024} KiB")
        stop.set()
        deaf_server.connected()
        sender.join()
        deaf_server.sock.shutdown(socket.SHUT_WR)
        equal(up.result(), (sent[0], total))
        equal(drain(deaf_client.sock.recv), (down.result(), total))


@test
def many():
    configure()
    with Forward() as f, Server(echo) as s:
        channels = [f.tcp(s.port) for _ in range(256)]
        for c in channels:
            f.connect(c)
        f.failed(f.tcp(s.port), errno.EMFILE)
        for n, c in enumerate(channels):
            c.sock.sendall(b"%04d" % n)
        for n, c in enumerate(channels):
            equal(c.read(4), b"%04d" % n)
        print(f"# many: 256 channels, {f.memory() // 1024} KiB")
        # One that ends makes room.
        channels[7].sock.close()
        f.closed(channels[7])
        channels[7] = f.connect(f.tcp(s.port))
        for c in channels:
            c.sock.close()
        for c in channels:
            f.closed(c)


@test
def bounded():
    """256 clients that read nothing: one window each."""
    configure()
    with Forward() as f, Server(lambda c: flood(c.sendall, 8 * MIB)) as s:
        channels = [f.connect(f.tcp(s.port)) for _ in range(256)]
        last = 0
        while (now := f.memory()) > last + MIB:
            last = now
            time.sleep(2)
        print(f"# bounded: {now // MIB} MiB for 256 stalled channels")
        need(now < 256 * 2.2 * MIB + 32 * MIB, now)
        for c in channels:
            c.sock.close()
        for c in channels:
            f.closed(c)


@test
def guest_killed():
    configure()
    with Forward() as f, Server(echo) as s:
        channels = [f.connect(f.tcp(s.port)) for _ in range(8)]
        for c in channels:
            c.sock.sendall(b"hello")
            equal(c.read(5), b"hello")
        opening = f.tcp(1, b"192.0.2.9")
        time.sleep(0.2)
        for pid in guests():
            os.kill(pid, signal.SIGKILL)
        for c in channels:
            a = f.closed(c)
            need("k8shell-guest" in a.why or "137" in a.why, a)
            equal((a.bytes_in, a.bytes_out), (5, 5))
            need(c.ends())
            try:
                c.sock.sendall(b"more")
                need(False, "nobody is there, and it is taken")
            except BrokenPipeError:
                pass
        a = f.answer(opening)
        equal(a.type, FAILED)
        # The next one is a new stream's.
        c = f.connect(f.tcp(s.port))
        c.sock.sendall(b"again")
        equal(c.read(5), b"again")
        c.sock.close()
        f.closed(c)


@test
def abandoned():
    """The client has closed, the far end neither closes nor says anything."""
    configure()
    stop = threading.Event()

    def silent(c):
        stop.wait(DEADLINE)
        return c.recv(10)

    with Forward(program=PROGRAM + "-hasty") as f, Server(silent) as s:
        gone, half = f.connect(f.tcp(s.port)), f.connect(f.tcp(s.port))
        began = time.monotonic()
        gone.sock.sendall(b"bye")
        gone.sock.close()
        # One that listens still is another matter.
        half.sock.shutdown(socket.SHUT_WR)
        a = f.closed(gone)
        need(time.monotonic() - began >= 1)
        need("did not close" in a.why, a)
        time.sleep(1.5)
        f.sock.setblocking(False)
        try:
            need(False, f.sock.recv(512))
        except BlockingIOError:
            pass
        stop.set()
        f.sock.settimeout(DEADLINE)
        equal(f.closed(half).why, "")
        equal({s.result(), s.result()}, {b"bye", b""})


@test
def limited():
    configure(most=2)
    with Forward() as f, Server(echo) as s:
        channels = [f.connect(f.tcp(s.port)) for _ in range(2)]
        f.failed(f.tcp(s.port), errno.EMFILE)
        channels[0].sock.close()
        f.closed(channels[0])
        f.connect(f.tcp(s.port))


@test
def deaf_supervisor():
    """One that does not read its answers is not read itself."""
    configure()
    with Forward() as f:
        f.sock.setblocking(False)
        asked, quiet = 0, 0
        while quiet < 20:
            try:
                f.tcp(1).sock.close()
                asked, quiet = asked + 1, 0
            except BlockingIOError:
                quiet += 1
                time.sleep(0.05)
            need(asked < 5000, "it reads without end")
        need(f.memory() < 32 * MIB, f.memory())
        f.sock.settimeout(DEADLINE)
        got = {Answer(f.sock.recv(512)).number for _ in range(asked)}
        equal(len(got), asked)
        print(f"# deaf_supervisor: {asked} dials")


@test
def last_words():
    """A supervisor that asks for nothing more, but listens."""
    configure()
    with Forward() as f, Server(echo) as s:
        c = f.connect(f.tcp(s.port))
        c.sock.sendall(b"hello")
        equal(c.read(5), b"hello")
        waiting = f.tcp(1, b"192.0.2.9")
        time.sleep(0.2)
        f.sock.shutdown(socket.SHUT_WR)
        a = f.closed(c)
        equal((a.bytes_in, a.bytes_out), (5, 5))
        need("over" in a.why, a)
        f.failed(waiting, errno.ECANCELED)


@test
def ends_with_the_supervisor():
    configure()
    with Server(echo) as s:
        with Forward() as f:
            channels = [f.connect(f.tcp(s.port)) for _ in range(4)]
        for c in channels:
            need(c.ends())
    wait_for("the guest stays", lambda: not guests())


#
# Without a guest.
#

@test
def plain():
    with portforwarder.Server() as api, Server(echo) as s:
        api.write_kubeconfig("/etc/k8shell/kubeconfig.plain", GROUP)
        configure(kubeconfig="/etc/k8shell/kubeconfig.plain",
                  workspace="guest = off")
        with Forward() as f:
            for host in b"127.0.0.1", b"localhost", b"::1":
                c = f.connect(f.tcp(s.port, host))
                c.sock.sendall(b"hello")
                equal(c.read(5), b"hello")
                c.sock.close()
                f.closed(c)
            equal(api.paths[0],
                  f"/api/v1/namespaces/ws/pods/alice/portforward?"
                  f"ports={s.port}")
            for target in (f.tcp(s.port, b"192.0.2.1"), f.unix("/tmp/x"),
                           f.tcp(s.port, b"localhost.example.org")):
                a = f.failed(target, errno.EACCES)
                need("guest = off" in a.why, a)
            a = f.failed(f.tcp(1), errno.ECONNREFUSED)
            need("refused" in a.why, a)
        with Forward() as f, Server(
                lambda c: flood(c.sendall, 64 * MIB)) as down, Server(
                lambda c: drain(c.recv)) as up:
            slow = f.connect(f.tcp(down.port))
            c = f.connect(f.tcp(up.port))
            sent = flood(c.sock.sendall, 64 * MIB)
            c.sock.shutdown(socket.SHUT_WR)
            time.sleep(1)
            need(f.memory() < 64 * MIB, f.memory())
            got = drain(slow.sock.recv)
            equal(got, (down.result(), 64 * MIB))
            f.closed(slow)
            c.sock.close()
            equal(up.result(), (sent, 64 * MIB))
            f.closed(c)
        with Forward() as f:
            channels = [f.connect(f.tcp(s.port)) for _ in range(100)]
            for c in channels:
                c.sock.sendall(b"x")
                equal(c.read(1), b"x")
            print(f"# plain: 100 channels, {f.memory() // 1024} KiB")


@test
def unfit():
    """No guest can live there: plain mode, and why."""
    configure(pod="noshell")
    with Forward() as f:
        a = f.failed(f.unix("/tmp/x"), errno.EACCES)
        need("without k8shell-guest" in a.why, a)


def main():
    names = sys.argv[2:]
    failed = 0
    for t in TESTS:
        if names and t.__name__ not in names:
            continue
        signal.alarm(300)
        try:
            t()
            print("ok -", t.__name__, flush=True)
        except BaseException as e:
            failed += 1
            at = e.__traceback__
            lines = []
            while at:
                lines.append(str(at.tb_lineno))
                at = at.tb_next
            print("not ok -", t.__name__)
            print("#  ", type(e).__name__, e, "at", " ".join(lines),
                  flush=True)
            if isinstance(e, KeyboardInterrupt):
                break
    sys.exit(failed != 0)


main()
