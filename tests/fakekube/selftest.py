#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Tests fakekube with a raw client: selftest.py [FAKEKUBE [NAME...]]

Only Python's standard library is used. As root everything is tested, else
the sandboxes are left out. Without FAKEKUBE: the one of `make check`.
"""
import base64, hashlib, json, os, pathlib, re, select, signal, socket, ssl
import struct, subprocess, sys, tempfile, time, urllib.parse

HERE = pathlib.Path(__file__).resolve().parent
ROOT = os.geteuid() == 0
GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
DEADLINE = 20
TESTS = []


def test(root=False):
    def add(function):
        if ROOT or not root:
            TESTS.append(function)
        else:
            print("SKIP", function.__name__, "(needs root)")
        return function
    return add


def need(condition, what=""):
    if not condition:
        raise AssertionError(what)


class Server:
    def __init__(self, program, folder):
        self.dir = pathlib.Path(folder)
        conf = HERE.joinpath("selftest.conf").read_text()
        if not ROOT:
            parts = re.split(r"(?m)^(?=\[)", conf)
            conf = "".join(p for p in parts if not p.startswith("[pod ")
                           or "root = none" in p or "phase =" in p)
        self.conf = self.dir / "conf"
        self.conf.write_text(conf)
        self.log = self.dir / "log"
        self.process = subprocess.Popen(
            [program, "--config", self.conf, "--log", self.log, "--token",
             "token-bastion", "--write-ca", self.dir / "ca", "--client-cert",
             f"bastion={self.dir}/client", "--write-kubeconfig",
             self.dir / "kubeconfig"], stdout=subprocess.PIPE, text=True)
        ready = self.process.stdout.readline().split()
        need(ready and ready[0] == "ready", "not ready")
        self.ports = {k: int(v) for k, v in
                      (word.split("=") for word in ready[1:])}

    def events(self, event=None, **match):
        lines = [json.loads(l) for l in self.log.read_text().splitlines()]
        return [l for l in lines if (event is None or l["event"] == event)
                and all(l.get(k) == v for k, v in match.items())]

    def wait_event(self, event, count=1, **match):
        until = time.monotonic() + DEADLINE
        while len(self.events(event, **match)) < count:
            need(time.monotonic() < until, f"no {event} in the log")
            time.sleep(0.02)
        return self.events(event, **match)[-1]

    def connect(self, listener="port", cert=False, timeout=DEADLINE):
        context = ssl.create_default_context(cafile=self.dir / "ca")
        context.options &= ~getattr(ssl, "OP_IGNORE_UNEXPECTED_EOF", 0)
        if cert:
            context.load_cert_chain(f"{self.dir}/client.crt",
                                    f"{self.dir}/client.key")
        raw = socket.create_connection(("127.0.0.1", self.ports[listener]),
                                       timeout=timeout)
        return context.wrap_socket(raw, server_hostname="127.0.0.1",
                                   suppress_ragged_eofs=False)

    def request(self, path, token="token-bastion", method="GET", headers=(),
                **more):
        sock = self.connect(**more)
        head = [f"{method} {path} HTTP/1.1", "Host: fakekube"]
        if token:
            head.append(f"Authorization: Bearer {token}")
        sock.sendall("\r\n".join([*head, *headers, "", ""]).encode())
        return Answer(sock)

    def exec(self, pod, *argv, protocols=("v5", "v4"), streams=None, **more):
        query = [(k, "true") for k in
                 (streams or ("stdin", "stdout", "stderr"))]
        if "container" in more:
            query.append(("container", more.pop("container")))
        query += [("command", a) for a in argv]
        names = ", ".join(f"{p}.channel.k8s.io" for p in protocols)
        key = base64.b64encode(os.urandom(16)).decode()
        answer = self.request(
            f"/api/v1/namespaces/ws/pods/{pod}/exec?" +
            urllib.parse.urlencode(query),
            headers=["Upgrade: websocket", "Connection: Upgrade",
                     "Sec-WebSocket-Version: 13", f"Sec-WebSocket-Key: {key}",
                     f"Sec-WebSocket-Protocol: {names}"], **more)
        answer.expected = base64.b64encode(
            hashlib.sha1(key.encode() + GUID).digest()).decode()
        return answer


class Answer:
    """An HTTP response, and the WebSocket it may have become."""

    def __init__(self, sock):
        self.sock, self.buf, self.expected = sock, b"", None
        while b"\r\n\r\n" not in self.buf:
            self.more()
        head, self.buf = self.buf.split(b"\r\n\r\n", 1)
        lines = head.decode().split("\r\n")
        self.code = int(lines[0].split()[1])
        self.headers = dict(l.lower().split(": ", 1) for l in lines[1:])
        self.raw = dict(l.split(": ", 1) for l in lines[1:])
        self.pings, self.frames, self.closed, self.how = 0, [], None, None

    def more(self):
        data = self.sock.recv(65536)
        if not data:
            raise EOFError
        self.buf += data

    def body(self):
        while len(self.buf) < int(self.headers.get("content-length", 0)):
            self.more()
        return self.buf

    def json(self):
        return json.loads(self.body())

    def take(self, n):
        while len(self.buf) < n:
            self.more()
        data, self.buf = self.buf[:n], self.buf[n:]
        return data

    def frame(self):
        first, second = self.take(2)
        n = second & 127
        if n == 126:
            n = struct.unpack(">H", self.take(2))[0]
        elif n == 127:
            n = struct.unpack(">Q", self.take(8))[0]
        need(n < 1 << 26, "huge frame")
        if second & 128:
            self.take(4)
        return first, second, self.take(n)

    def send(self, channel, data, opcode=2, fin=True, masked=True):
        payload = (b"" if channel is None else bytes([channel])) + data
        self.send_frame(opcode | (128 if fin else 0), payload, masked)

    def send_frame(self, first, payload, masked=True):
        n, mask = len(payload), os.urandom(4)
        bit = 128 if masked else 0
        head = bytes([first])
        if n < 126:
            head += bytes([bit | n])
        elif n < 65536:
            head += bytes([bit | 126]) + struct.pack(">H", n)
        else:
            head += bytes([bit | 127]) + struct.pack(">Q", n)
        if masked:
            key = (mask * (n // 4 + 1))[:n]
            payload = (int.from_bytes(payload, "big") ^
                       int.from_bytes(key, "big")).to_bytes(n, "big")
            head += mask
        self.sock.sendall(head + payload)

    def message(self):
        """(opcode, payload) of the next message; None when it is over."""
        whole, kind = b"", 0
        while True:
            try:
                first, second, payload = self.frame()
            except EOFError:
                self.how = "end"
                return None
            except (ssl.SSLError, ConnectionResetError):
                self.how = "cut"
                return None
            self.frames.append((first, second, len(payload)))
            opcode = first & 15
            if opcode == 9:
                self.pings += 1
            elif opcode == 8:
                self.closed = (struct.unpack(">H", payload[:2])[0]
                               if payload else 1005)
            elif opcode < 3:
                kind = opcode or kind or 0
                whole += payload
                if first & 128:
                    return kind, whole
            elif opcode == 10:
                return 10, payload

    def collect(self):
        """All there is until the end: bytes by channel."""
        out = {}
        while (m := self.message()) is not None:
            if m[1] and m[0] < 3:
                out.setdefault(m[1][0], []).append(m[1][1:])
        self.parts = out
        return {k: b"".join(v) for k, v in out.items()}


def run(server, pod, *argv, **more):
    answer = server.exec(pod, *argv, **more)
    need(answer.code == 101, f"{answer.code} {answer.buf[:300]}")
    need(answer.raw["Sec-WebSocket-Accept"] == answer.expected, "accept")
    return answer


def was_reset(answer):
    """Waits for an RST; Python's ssl reports one as it reports a FIN."""
    poll = select.poll()
    poll.register(answer.sock, 0)
    return any(e & select.POLLERR for _, e in poll.poll(DEADLINE * 1000))


def status_code(out):
    status = json.loads(out[3])
    if status["status"] == "Success":
        return 0
    for cause in status.get("details", {}).get("causes", []):
        if cause.get("reason") == "ExitCode":
            return int(cause["message"])
    return status["message"]


@test()
def plain_exec(s):
    a = run(s, "plain", "sh", "-c", "echo out; echo err >&2; exit 7",
            streams=("stdout", "stderr"))
    need(a.message() == (2, b"\x01"), "first message")
    out = a.collect()
    need((out[1], out[2]) == (b"out\n", b"err\n"), out)
    need(status_code(out) == 7 and a.closed == 1000, out[3])
    need(out[3] == b'{"metadata":{},"status":"Failure","message":"command '
         b'terminated with non-zero exit code: command terminated with exit '
         b'code 7","reason":"NonZeroExitCode","details":{"causes":'
         b'[{"reason":"ExitCode","message":"7"}]}}', out[3])


@test()
def exits_and_signals(s):
    need(run(s, "plain", "true").collect()[3] ==
         b'{"metadata":{},"status":"Success"}')
    for script, code in (("exit 255", 255), ("kill -9 $$", 137),
                         ("kill -TERM $$", 143)):
        need(status_code(run(s, "plain", "sh", "-c", script).collect())
             == code, script)


@test()
def not_startable(s):
    # Lengths as recorded from Kubernetes 1.36, channel byte included.
    for argv, length, text in (
            (["/no/such/command"], 829, "no such file or directory: unknown"),
            (["/etc/passwd"], 757, "permission denied: unknown"),
            ([], 651, "args must not be empty: unknown"),
            (["nosuchcommand"], None, "executable file not found in $PATH"),
            (["/etc"], None, "is a directory"),
            (["echo", "a\0b"], None, "invalid argument"),
            (["echo", "x" * 200000], None, "argument list too long")):
        out = run(s, "plain", *argv).collect()
        need(text in status_code(out), out[3])
        need(length in (None, len(out[3]) + 1), (len(out[3]), out[3]))


@test()
def stdin_ends(s):
    a = run(s, "plain", "cat")
    a.send(0, b"he")
    a.send(0, b"l", fin=False)
    a.send(None, b"lo", opcode=0)
    a.send(255, b"\0")
    need(a.collect()[1] == b"hello")
    a = run(s, "plain", "cat", protocols=["v4"])
    need(a.raw["Sec-WebSocket-Protocol"] == "v4.channel.k8s.io")
    a.send(0, b"hello")
    a.send(255, b"\0")
    a.send(9, b"ignored")
    while a.message() != (2, b"\x01hello"):
        pass
    need(not select.select([a.sock], [], [], 0.3)[0], "v4 closed stdin")
    a.sock.close()


@test()
def no_stream_is_lost(s):
    data = os.urandom(5_000_000)
    a = run(s, "plain", "cat")
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            b = run(s, "plain", "sha256sum")
            for i in range(0, len(data), 100_000):
                b.send(0, data[i:i + 100_000])
            b.send(255, b"\0")
            digest = hashlib.sha256(data).hexdigest().encode()
            code = 0 if b.collect()[1].startswith(digest) else 1
        finally:
            os._exit(code)
    need(os.waitpid(pid, 0)[1] == 0, "upload")
    a.sock.close()
    for _ in range(5):
        out = run(s, "plain", "head", "-c", "3000000", "/dev/zero").collect()
        need(len(out[1]) == 3000000 and status_code(out) == 0, len(out[1]))


@test()
def backpressure(s):
    a = run(s, "plain", "sh", "-c", "head -c 50000000 /dev/zero; echo >&2 all")
    time.sleep(0.5)
    need(not s.events("process-exit", conn=s.events("upgrade")[-1]["conn"]),
         "ran ahead")
    need(len(a.collect()[1]) == 50000000)


@test()
def background_holds_pipe(s):
    started = time.monotonic()
    out = run(s, "plain", "sh", "-c", "sleep 30 & echo started").collect()
    need(out[1] == b"started\n" and status_code(out) == 0)
    need(time.monotonic() - started < 10, "waited for the child")


@test()
def tty(s):
    a = run(s, "plain", "sh", "-c", "stty size; read x; stty size; tty; exit 3",
            streams=("stdin", "stdout", "tty"))
    while b"0 0\r\n" not in (a.message()[1]):
        pass
    a.send(4, b'{"Width":132,"Height":43}')
    a.send(0, b"\n")
    out = a.collect()
    need(b"43 132\r\n" in out[1] and b"/dev/pts/" in out[1], out)
    need(status_code(out) == 3)
    need(s.wait_event("first-message", channel=4))


@test()
def pings_and_close(s):
    a = run(s, "plain", "cat")
    a.send(None, b"are you there", opcode=9)
    while (m := a.message()) != (10, b"are you there"):
        need(m is not None, "no pong")
    a.send(None, struct.pack(">H", 1001), opcode=8)
    a.collect()
    need(a.closed == 1001, a.closed)
    s.wait_event("close-received", code=1001)


@test()
def orphans(s):
    mark = s.dir / "orphan"
    for tty_streams in (("stdin", "stdout"), ("stdin", "stdout", "tty")):
        mark.unlink(missing_ok=True)
        before = len(s.events("orphan"))
        a = run(s, "plain", "sh", "-c",
                f"echo $$; sleep 1; echo alive > {mark}", streams=tty_streams)
        while not a.message()[1].strip(b"\x01\r\n").isdigit():
            pass
        a.sock.close()
        s.wait_event("orphan", count=before + 1)
        until = time.monotonic() + DEADLINE
        while not mark.exists():
            need(time.monotonic() < until, "the orphan died")
            time.sleep(0.02)
    before = len(s.events("exec-end"))
    a = run(s, "plain", "cat")
    a.sock.close()
    need(s.wait_event("exec-end", count=before + 1)["code"] == 0, "no EOF")


@test()
def client_violations(s):
    for payload, why in ((b"\xc2\x80aaaa", "reserved bits"),
                         (b"\x82\x01a", "unmasked frame"),
                         (b"\x83\x80aaaa", "reserved opcode"),
                         (b"\x80\x80aaaa", "continuation of nothing"),
                         (b"\x89\xfe\x01\x00aaaa", "control frame"),
                         (b"\x82\xff" + b"\xff" * 8 + b"aaaa", "highest bit")):
        a = run(s, "plain", "cat")
        a.sock.sendall(payload)
        a.collect()
        need(a.closed == 1002, (why, a.closed))
        need(any(why in e["why"] for e in s.events("protocol-error")), why)


@test()
def http_errors(s):
    pods = "/api/v1/namespaces/ws/pods"
    def status(path, code, reason, message, **more):
        a = s.request(path, **more)
        body = a.json()
        need((a.code, body["code"], body["reason"], body["message"]) ==
             (code, code, reason, message), body)
    status(pods, 401, "Unauthorized", "Unauthorized", token="wrong")
    status(pods, 401, "Unauthorized", "Unauthorized", token="token-short")
    exec_plain = pods + "/plain/exec?stdout=true&command=true"
    denied = ('pods "plain" is forbidden: User "%s" cannot get resource '
              '"pods/exec" in API group "" in the namespace "ws"')
    status(exec_plain, 403, "Forbidden", denied % "none", token="token-none")
    status(exec_plain, 403, "Forbidden", denied % "creator",
           token="token-creator")
    status(exec_plain, 403, "Forbidden", denied % "system:anonymous",
           token=None)
    status(exec_plain, 403, "Forbidden", 'pods "plain" is forbidden: ',
           token="token-getter")
    status(pods + "/nope/exec?stdout=true&command=true", 404, "NotFound",
           'pods "nope" not found')
    status(exec_plain + "&container=nope", 400, "BadRequest",
           "container nope is not valid for pod plain")
    status(pods + "/two/exec?stdout=true&command=true", 400, "BadRequest",
           "a container name must be specified for pod two, choose one of: "
           "[one two]")
    status(pods + "/unscheduled/exec?stdout=true&command=true", 400,
           "BadRequest", "pod unscheduled does not have a host assigned")
    a = s.request(pods + "/plain/exec?command=true")
    need((a.code, a.body()) == (400, b"you must specify at least 1 of stdin, "
                                b"stdout, stderr"))
    a = s.exec("plain", "true", protocols=["v9"])
    need(a.code == 403 and "content-length" not in a.headers)
    need(a.sock.recv(1) == b"", "a body")
    out = run(s, "pending", "true").collect()
    need('container not found ("main")' in status_code(out), out)
    a = s.request("/" + "x" * (1 << 21))
    need(a.code == 431)
    need(s.request("/none").code == 404)


@test()
def objects(s):
    pod = s.request("/api/v1/namespaces/ws/pods/plain").json()
    need(pod["metadata"]["name"] == "plain" and pod["metadata"]["uid"])
    need(pod["status"]["phase"] == "Running")
    need(pod["spec"]["containers"][0]["name"] == "main")
    need(pod["status"]["containerStatuses"][0]["ready"] is True)
    for query, names in (("?labelSelector=app%3Dplain", ["plain"]),
                         ("?labelSelector=app%3D%3Dplain,!x", ["plain"]),
                         ("?labelSelector=app%3Dpl", []),
                         ("?fieldSelector=metadata.name%3Dtwo", ["two"])):
        pods = s.request("/api/v1/namespaces/ws/pods" + query).json()
        need([p["metadata"]["name"] for p in pods["items"]] == names, query)
    need(s.request("/version", token=None).json()["gitVersion"] == "v1.36.0")


@test()
def client_certificate(s):
    a = s.request("/api/v1/namespaces/ws/pods/plain", token=None, cert=True)
    need(a.code == 200)
    need(s.wait_event("request", user="bastion"))


@test()
def log_hides_token(s):
    s.request("/version")
    need("token-bastion" not in s.log.read_text())
    need(["Authorization", "REDACTED"] in s.events("request")[0]["headers"])


@test()
def pod_settings(s):
    out = run(s, "user", "sh", "-c", "pwd; echo $FROM_POD; echo $HOSTNAME"
              ).collect()
    need(out[1] == b"/usr\nyes\nuser\n", out)


@test()
def reload(s):
    old = s.conf.read_text()
    s.conf.write_text(old + "\n[pod later]\nroot = none\n")
    s.process.send_signal(signal.SIGHUP)
    need(status_code(run(s, "later", "true").collect()) == 0)
    s.conf.write_text(old)
    s.process.send_signal(signal.SIGHUP)
    need(s.exec("later", "true").code == 404)


@test()
def listeners(s):
    for name, error in (("refuse", ConnectionRefusedError),
                        ("reset", (ConnectionResetError, ssl.SSLError)),
                        ("expired", ssl.SSLCertVerificationError),
                        ("wrong-host", ssl.SSLCertVerificationError),
                        ("other-ca", ssl.SSLCertVerificationError)):
        try:
            s.connect(name)
        except error:
            continue
        raise AssertionError(name)
    for name in ("never-handshake", "never-accept"):
        try:
            s.connect(name, timeout=0.3)
        except TimeoutError:
            continue
        raise AssertionError(name)
    began = time.monotonic()
    need(s.request("/version", listener="trickle").code == 200)
    need(time.monotonic() - began > 0.5, "not slow")


@test()
def http_faults(s):
    need(s.exec("http-503", "true").json()["reason"] == "ServiceUnavailable")
    for code in (429, 429, 101):
        a = s.exec("http-429", "true")
        need(a.code == code, (a.code, code))
        need(code == 101 or a.headers["retry-after"] == "7")
    a = s.exec("http-403-empty", "true")
    need(a.code == 403 and a.body() == b"")
    a = s.request("/api/v1/namespaces/ws/pods/http-500-html")
    need(a.code == 500 and b"<html>" in a.body())
    a = s.exec("http-500-cut", "true")
    try:
        need(a.code == 500 and a.body() is None)
    except (EOFError, ssl.SSLError):
        pass
    need(len(s.exec("http-500-huge", "true").json()["message"]) > 2 << 20)
    need(s.request("/api/v1/namespaces/ws/pods/http-500-huge").code == 200)
    a = s.exec("redirect", "true")
    need(a.code == 302 and a.raw["Location"] == "https://127.0.0.1:1/x?a=b")
    began = time.monotonic()
    need(status_code(run(s, "hang-then-ok", "true").collect()) == 0)
    need(time.monotonic() - began > 0.1, "did not hang")


@test()
def hang(s):
    sock = s.connect()
    sock.sendall(b"GET /api/v1/namespaces/ws/pods/hang/exec?stdout=true"
                 b"&command=true HTTP/1.1\r\n"
                 b"Authorization: Bearer token-bastion\r\n\r\n")
    sock.settimeout(0.3)
    try:
        need(sock.recv(1) is None, "an answer")
    except TimeoutError:
        pass


@test()
def upgrade_faults(s):
    a = s.exec("wrong-accept", "true")
    need(a.code == 101 and a.raw["Sec-WebSocket-Accept"] != a.expected)
    need("Sec-WebSocket-Accept" not in s.exec("no-accept", "true").raw)
    need("Upgrade" not in s.exec("no-upgrade", "true").raw)
    need("Sec-WebSocket-Protocol" not in s.exec("no-protocol", "true").raw)
    need(s.exec("protocol", "true").raw["Sec-WebSocket-Protocol"] ==
         "v7.channel.k8s.io")
    a = s.exec("huge-headers", "true")
    need(sum(map(len, a.raw.values())) > 64000)
    need(status_code(a.collect()) == 0)


@test()
def cuts(s):
    a = run(s, "cut-rst", "cat", "/dev/zero")
    n = 0
    while n < 100000:
        n += len(a.message()[1]) - 1
    need(n == 100000 and was_reset(a), n)
    for pod, how, code in (("cut-fin", "cut", None),
                           ("cut-tls", "end", None),
                           ("cut-1011", "end", 1011)):
        a = run(s, pod, "cat", "/dev/zero")
        out = a.collect()
        need((a.how, a.closed) == (how, code), (pod, a.how, a.closed))
        need(3 not in out)
        need(len(out[1]) == 100000, len(out[1]))
    a = run(s, "cut-empty", "sleep", "30")
    need(3 not in a.collect() and a.closed == 1005, a.closed)
    a = run(s, "cut-at-status", "echo", "complete")
    need(a.collect() == {1: b"complete\n"} and a.closed is None)


@test()
def stalls(s):
    a = run(s, "stall", "cat", "/dev/zero")
    a.send(None, b"x", opcode=9)
    a.sock.settimeout(0.5)
    n = 0
    try:
        while True:
            m = a.message()
            need(m is not None, "the connection ended")
            n += len(m[1]) - 1 if m[0] == 2 else 0
    except TimeoutError:
        pass
    need(n == 100000, n)
    a = run(s, "no-pong", "sh", "-c", "sleep .3; echo on")
    a.send(None, b"x", opcode=9)
    out = a.collect()
    need(out[1] == b"on\n" and not any(f[0] == 0x8a for f in a.frames))


@test()
def shapes(s):
    a = run(s, "fragment", "echo", "twenty bytes of text")
    need(a.collect()[1] == b"twenty bytes of text\n")
    need(a.pings > 3 and max(f[2] for f in a.frames) <= 7)
    for pod in ("trickle-tls", "trickle-tcp", "abrupt", "no-first"):
        a = run(s, pod, "sh", "-c", "head -c 20000 /dev/zero; exit 4")
        out = a.collect()
        # tcpi_bytes_received and tcpi_segs_in of struct tcp_info
        received, _, segments = struct.unpack_from("QII", a.sock.getsockopt(
            socket.IPPROTO_TCP, socket.TCP_INFO, 256), 128)
        need(len(out[1]) == 20000 and status_code(out) == 4, pod)
        need((received > 400000) == (pod == "trickle-tls"), (pod, received))
        need(pod != "trickle-tcp" or segments > 100, segments)
        need((a.how == "cut") == (pod == "abrupt"), (pod, a.how))
    need(a.frames[0][2] > 1, "first message")
    a = run(s, "big", "head", "-c", "3145728", "/dev/zero")
    need(len(a.collect()[1]) == 3145728)
    need(max(f[2] for f in a.frames) == 1048577, a.frames)
    a = run(s, "garbage", "echo", "x")
    out = a.collect()
    need(out[1] == b"x\n" and {5, 9, 200, 255} <= set(out))
    need(any(f[2] == 0 for f in a.frames), "empty message")
    a = run(s, "text", "echo", "x")
    need(a.collect()[1] == b"x\n" and a.frames[0][0] == 0x81)


@test()
def slow_readers(s):
    a = run(s, "slow-reader", "wc", "-c")
    started = time.monotonic()
    a.send(0, b"x" * 60000)
    a.send(255, b"\0")
    need(a.collect()[1] == b"60000\n")
    need(time.monotonic() - started > 0.9, "fast")
    a = run(s, "never-reads", "wc", "-c")
    a.sock.settimeout(0.5)
    sent = 0
    try:
        while sent < 64 << 20:
            a.send(0, b"x" * 100000)
            sent += 100000
        raise AssertionError("it reads")
    except TimeoutError:
        pass


@test()
def statuses(s):
    def outcome(pod):
        a = run(s, pod, "sh", "-c", "echo one; sleep .1; echo two")
        out = a.collect()
        need(a.closed == 1000 and b"one\ntwo\n" in out[1], pod)
        return a, out
    need(3 not in outcome("status-none")[1])
    a, out = outcome("status-malformed")
    try:
        need(json.loads(out[3]) is None)
    except ValueError:
        pass
    a, out = outcome("status-huge")
    need(len(out[3]) > 2 << 20 and status_code(out) == 0)
    a, out = outcome("status-fragments")
    need(status_code(out) == 0 and a.frames[-2][2] == 1)
    need(outcome("status-empty")[1][3] == b"")
    a, out = outcome("status-twice")
    need(len(a.parts[3]) == 2)
    need(outcome("status-raw")[1][3] == b'{"status":"Perhaps", "x": [1]}')
    a, out = outcome("status-early")
    need(a.frames[-2][2] == 5 and a.frames[-3][2] > 30, a.frames)
    a, out = outcome("after-status")
    need(out[1].endswith(b"after status\n") and a.frames[-2][2] == 14)


@test()
def violations(s):
    def frames(pod):
        a = run(s, pod, "echo", "x")
        try:
            a.collect()
        except AssertionError:
            return a, "huge"
        return a, a.frames
    need(all(f[1] & 128 for f in frames("masked")[1][1:]))
    need(all(f[0] & 64 for f in frames("reserved-bits")[1][1:-1]))
    need(frames("reserved-opcode")[1][1][0] == 0x83)
    need(frames("oversize-control")[1][1] == (0x89, 126, 200))
    need(frames("fragmented-control")[1][1][0] == 0x09)
    need(frames("orphan-continuation")[1][1][0] == 0x80)
    need([f[0] for f in frames("nested-message")[1][1:3]] == [2, 0x82])
    need(frames("huge-length")[1] == "huge")
    a = run(s, "not-websocket", "true")
    while b"SSH-2.0" not in a.buf:
        a.more()


@test(root=True)
def sandbox(s):
    out = run(s, "sandboxed", "sh", "-c", "hostname; id -u; echo $HOME; ls -A "
              "$HOME; cat /proc/1/comm; cat /proc/net/dev | wc -l; "
              "touch /x 2>/dev/null || echo ro; ls /dev/pts; echo $$").collect()
    need(out[1] == b"sandboxed\n0\n/root\npause\n3\nro\nptmx\n2\n"
         or out[1].startswith(b"sandboxed\n0\n/root\npause\n3\nro\nptmx\n"),
         out)
    out = run(s, "sandboxed", "tty", streams=("stdin", "stdout", "tty"))
    need(out.collect()[1] == b"/dev/pts/0\r\n")
    run(s, "sandboxed", "sh", "-c", "echo kept > /tmp/file").collect()
    need(run(s, "sandboxed", "cat", "/tmp/file").collect()[1] == b"kept\n")
    # Nothing of the host can be reached through /proc or a remount.
    out = run(s, "sandboxed", "sh", "-c", "echo h > /proc/sys/kernel/hostname; "
              "mount -o remount,rw /; mount -t tmpfs x /mnt").collect()
    need(status_code(out) != 0 and out[2].lower().count(b"read-only") >= 1,
         out)


@test(root=True)
def deletions(s):
    script = "echo run; sleep 30; echo never"
    out = run(s, "deleted-status", "sh", "-c", script).collect()
    need(out[1] == b"run\n" and status_code(out) == 137, out)
    out = run(s, "deleted-status", "echo", "x").collect()
    need(out[1] == b"x\n" and status_code(out) == 0, "not started again")
    a = run(s, "deleted-cut", "sh", "-c", script)
    while a.message() != (2, b"\x01run\n"):
        pass
    need(was_reset(a), "no reset")
    a = run(s, "deleted-freeze", "sh", "-c", "echo run; sleep .2; echo never")
    while a.message() != (2, b"\x01run\n"):
        pass
    a.send(None, b"x", opcode=9)
    need(a.message() == (10, b"x"), "no pong")
    need(not select.select([a.sock], [], [], 0.5)[0], "not frozen")
    run(s, "deleted-gone", "sh", "-c", script).collect()
    need(s.exec("deleted-gone", "true").code == 404)


def children(pid):
    out = []
    for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            text = stat.read_text()
        except OSError:
            continue
        if int(text.rsplit(")", 1)[1].split()[1]) == pid:
            child = int(stat.parent.name)
            out += [child, *children(child)]
    return out


def ends_clean(s):
    """SIGTERM leaves no process, whatever is running."""
    run(s, "plain", "sh", "-c", "setsid sleep 300 & echo x; sleep 300")
    if ROOT:
        run(s, "sandboxed", "sh", "-c", "setsid sleep 300 & sleep 300")
    s.wait_event("exec-start", command=["sh", "-c", "setsid sleep 300 & "
                                        "echo x; sleep 300"])
    all_of_them = children(s.process.pid)
    need(len(all_of_them) > 2, all_of_them)
    s.process.terminate()
    need(s.process.wait(DEADLINE) == 0, "exit status")
    left = [p for p in all_of_them if os.path.exists(f"/proc/{p}")]
    need(not left, f"left behind: {left}")


def main():
    only, failed = sys.argv[2:], 0
    program = (sys.argv[1] if len(sys.argv) > 1 else
               os.environ["top_builddir"] + "/tests/fakekube/fakekube")
    with tempfile.TemporaryDirectory() as folder:
        server = Server(program, folder)
        chosen = [t for t in [*TESTS, ends_clean]
                  if not only or t.__name__ in only]
        try:
            for t in chosen:
                try:
                    began = time.monotonic()
                    t(server)
                    print(f"ok   {t.__name__} "
                          f"({time.monotonic() - began:.1f} s)", flush=True)
                except Exception as e:
                    failed += 1
                    line = e.__traceback__
                    while line.tb_next and line.tb_frame.f_code.co_name == \
                            "main":
                        line = line.tb_next
                    print("FAIL", t.__name__, f"line {line.tb_lineno}:",
                          repr(e)[:600], flush=True)
        finally:
            server.process.terminate()
            server.process.wait(DEADLINE)
    print(f"{len(chosen) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
