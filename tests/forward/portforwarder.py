# SPDX-License-Identifier: Apache-2.0
"""pods/portforward over WebSockets, as the kubelet does it, to this machine's
loopback. Channel 0 is data, 1 an error; first the port on each."""
import base64, hashlib, os, pathlib, socket, struct, threading

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def read_exactly(c, n):
    data = bytearray()
    while len(data) < n:
        part = c.recv(n - len(data))
        if not part:
            raise EOFError
        data += part
    return bytes(data)


class Server:
    def __init__(self):
        self.sock = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.port = self.sock.getsockname()[1]
        self.paths = []
        threading.Thread(target=self.run, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sock.shutdown(socket.SHUT_RDWR)
        self.sock.close()

    def write_kubeconfig(self, path, group):
        pathlib.Path(path).write_text(f"""apiVersion: v1
kind: Config
current-context: c
contexts: [{{name: c, context: {{cluster: c, user: u}}}}]
clusters: [{{name: c, cluster: {{server: "http://127.0.0.1:{self.port}"}}}}]
users: [{{name: u, user: {{token: secret}}}}]
""")
        os.chown(path, 0, group)
        os.chmod(path, 0o640)

    def run(self):
        while True:
            try:
                c, _ = self.sock.accept()
            except OSError:
                return
            threading.Thread(target=self.one, args=(c,), daemon=True).start()

    def frame(self, c, op, data):
        n = len(data)
        head = bytes([0x80 | op])
        if n < 126:
            head += bytes([n])
        elif n < 65536:
            head += struct.pack(">BH", 126, n)
        else:
            head += struct.pack(">BQ", 127, n)
        with self.locks[c]:
            c.sendall(head + data)

    locks = {}

    def one(self, c):
        self.locks[c] = threading.Lock()
        try:
            self.serve(c)
        except (OSError, EOFError):
            pass
        finally:
            c.close()

    def serve(self, c):
        head = b""
        while b"\r\n\r\n" not in head:
            head += c.recv(4096) or exit()
        lines = head.decode().split("\r\n")
        path = lines[0].split()[1]
        self.paths.append(path)
        fields = {name.lower(): value for name, value in
                  (l.split(": ", 1) for l in lines[1:] if ": " in l)}
        accept = base64.b64encode(hashlib.sha1(
            fields["sec-websocket-key"].encode() + GUID).digest()).decode()
        c.sendall(f"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                  f"Connection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n"
                  f"Sec-WebSocket-Protocol: v4.channel.k8s.io\r\n\r\n".encode())
        port = int(path.rsplit("=", 1)[1])
        self.frame(c, 2, b"\0" + struct.pack("<H", port))
        self.frame(c, 2, b"\1" + struct.pack("<H", port))
        try:
            far = socket.create_connection(("127.0.0.1", port))
        except OSError as e:
            self.frame(c, 2, b"\1" + f"error forwarding port {port}: dial: "
                       f"connection refused ({e})".encode())
            self.frame(c, 8, struct.pack(">H", 1000))
            return
        threading.Thread(target=self.back, args=(c, far), daemon=True).start()
        try:
            while True:
                op, n = read_exactly(c, 2)
                n &= 127
                if n == 126:
                    (n,) = struct.unpack(">H", read_exactly(c, 2))
                elif n == 127:
                    (n,) = struct.unpack(">Q", read_exactly(c, 8))
                mask = read_exactly(c, 4)
                data = read_exactly(c, n)
                key = (mask * (n // 4 + 1))[:n]
                data = (int.from_bytes(data, "big") ^ int.from_bytes(
                    key, "big")).to_bytes(n, "big")
                if op & 15 == 8:
                    break
                if op & 15 == 2 and data[0] == 0:
                    far.sendall(data[1:])
        finally:
            try:
                far.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def back(self, c, far):
        try:
            while data := far.recv(32768):
                self.frame(c, 2, b"\0" + data)
            self.frame(c, 8, struct.pack(">H", 1000))
        except OSError:
            pass
