# SPDX-License-Identifier: Apache-2.0
"""The host's end of PROTOCOL.mux, for tests of the guest.

Written from the page alone: it shares nothing with lib/core/mux, and is as
strict as the page about what a guest may send.
"""
import os
import select
import struct
import subprocess
import time

(HELLO, OPEN, OPENED, REFUSED, DATA, STDERR, WINDOW, EOF, CLOSE, ERROR, PING,
 PONG) = range(1, 13)
SIZE, SIGNAL, STATUS, KILLED = range(13, 17)
SESSION, AGENT, TCP, UNIX = range(1, 5)

OUR_WINDOW = 1024 * 1024
DEADLINE = 30


class Broken(Exception):
    """The guest broke the protocol, or a deadline passed."""


def item(tag, data=b""):
    """One item of a session's OPEN."""
    if isinstance(data, str):
        data = data.encode()
    return struct.pack(">BI", tag, len(data)) + data


def modes(**values):
    """RFC 4254 section 8, by opcode: modes(_3=127)."""
    return b"".join(
        struct.pack(">BI", int(k[1:]), v) for k, v in values.items()
    )


class Channel:
    """One channel, as the host sees it."""

    def __init__(self, guest, number, kind):
        self.guest, self.number, self.kind = guest, number, kind
        self.out = bytearray()
        self.err = bytearray()
        self.opened = self.refused = self.status = None
        self.got_eof = self.got_close = self.sent_close = False
        self.send_window = 0
        self.received = 0  # since the last WINDOW
        self.window = OUR_WINDOW
        self.reading = True  # grants windows
        self.keep = True  # keeps what comes
        self.total = 0
        self.on_data = None

    def write(self, data):
        """Sends it, waiting for windows."""
        data = memoryview(data)
        while len(data) > 0:
            self.guest.run(lambda: self.send_window > 0 or self.got_close)
            if self.got_close:
                return
            n = min(len(data), self.send_window, 65536)
            self.guest.send(DATA, self.number, data[:n])
            self.send_window -= n
            data = data[n:]

    def eof(self):
        if not self.got_close:
            self.guest.send(EOF, self.number)

    def close(self):
        self.sent_close = True
        self.guest.send(CLOSE, self.number)

    def signal(self, name):
        self.guest.send(SIGNAL, self.number, name.encode())

    def size(self, cols, rows):
        self.guest.send(SIZE, self.number,
                        struct.pack(">HHHH", cols, rows, 0, 0))

    def expect(self, text, timeout=DEADLINE):
        """Until text is in the output."""
        self.guest.run(lambda: text in self.out or self.got_close, timeout)
        if text not in self.out:
            raise Broken(f"no {text!r} in {bytes(self.out)!r}")

    def wait(self, timeout=DEADLINE):
        """Until it is closed; the status."""
        self.guest.run(lambda: self.got_close or self.refused is not None,
                       timeout)
        return self.status

    def grant(self, n):
        self.guest.send(WINDOW, self.number, struct.pack(">I", n))
        self.window += n
        self.received -= n


class Guest:
    """A guest and the stream to it."""

    def __init__(self, argv, **kwargs):
        self.process = subprocess.Popen(
            argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, bufsize=0, **kwargs)
        self.stdin = self.process.stdin.fileno()
        self.stdout = self.process.stdout.fileno()
        self.stderr = self.process.stderr.fileno()
        for fd in (self.stdin, self.stdout, self.stderr):
            os.set_blocking(fd, False)
        self.frames = bytearray()
        self.queue = bytearray()
        self.notes = bytearray()
        self.channels = {}
        self.hello = None
        self.error = None
        self.pongs = []
        self.ended = False
        self.on_open = None  # for the guest's channels
        self.next_number = 1

    # The stream.

    def send(self, kind, channel, data=b""):
        self.queue += struct.pack(">BBHI", kind, channel >> 16,
                                  channel & 0xffff, len(data))
        self.queue += data

    def turn(self, timeout):
        """Moves what can be moved."""
        r, w = [self.stdout, self.stderr], []
        if self.ended:
            r = [self.stderr]
        if self.queue and self.stdin is not None:
            w = [self.stdin]
        r, w, _ = select.select(r, w, [], timeout)
        if w:
            try:
                n = os.write(self.stdin, self.queue[:65536])
                del self.queue[:n]
            except BrokenPipeError:
                self.queue.clear()
        if self.stderr in r:
            self.notes += os.read(self.stderr, 65536)
        if self.stdout in r:
            data = os.read(self.stdout, 1 << 20)
            if not data:
                self.ended = True
            self.frames += data
            self.take_frames()

    def run(self, until, timeout=DEADLINE):
        """Until it is so."""
        end = time.monotonic() + timeout
        while not until():
            left = end - time.monotonic()
            if left <= 0:
                raise Broken(f"still waiting after {timeout} s; "
                             f"stderr: {bytes(self.notes)!r}")
            if self.ended:
                raise Broken("the guest has ended; stderr: "
                             f"{bytes(self.notes)!r}")
            self.turn(left)

    def idle(self, seconds):
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0 and not self.ended:
            self.turn(left)

    def take_frames(self):
        at = 0
        while len(self.frames) - at >= 8:
            kind, high, low, n = struct.unpack_from(">BBHI", self.frames, at)
            if n > 65536:
                raise Broken(f"a frame of {n} bytes")
            if len(self.frames) - at - 8 < n:
                break
            data = bytes(self.frames[at + 8:at + 8 + n])
            at += 8 + n
            self.take(kind, high << 16 | low, data)
        del self.frames[:at]

    def take(self, kind, number, data):
        if self.hello is None:
            if kind != HELLO or number != 0:
                raise Broken("no HELLO at the beginning")
            if data[:8] != b"k8shellm" or len(data) != 44:
                raise Broken(f"HELLO: {data!r}")
            self.hello = struct.unpack(">HHII", data[8:20])
            if data[20:] != bytes(24):
                raise Broken("stream id and offset are not zero")
            self.send(HELLO, 0, b"k8shellm" + struct.pack(
                ">HHII", 1, 1, 31, 1000) + bytes(24))
        elif kind == ERROR:
            self.error = data.decode()
        elif kind == PONG:
            self.pongs.append(data)
        elif kind == PING:
            self.send(PONG, 0, data)
        elif kind == OPEN:
            if number % 2 or number == 0 or number in self.channels:
                raise Broken(f"the guest opens channel {number}")
            c = self.channels[number] = Channel(self, number, data[0])
            c.send_window = struct.unpack(">I", data[1:5])[0]
            self.on_open(c, data[5:])
        else:
            self.take_channel(kind, self.channels.get(number), number, data)

    def take_channel(self, kind, c, number, data):
        if c is None:
            raise Broken(f"frame {kind} on channel {number}")
        if kind == OPENED:
            c.opened = True
            c.send_window = struct.unpack(">I", data)[0]
        elif kind == REFUSED:
            c.refused = struct.unpack(">H", data[:2])[0]
            c.text = data[2:].decode()
            del self.channels[number]
        elif kind in (DATA, STDERR):
            self.take_data(kind, c, data)
        elif kind == WINDOW:
            c.send_window += struct.unpack(">I", data)[0]
        elif kind in (STATUS, KILLED):
            if c.status is not None or c.got_eof or c.kind != SESSION:
                raise Broken("a status where none can be")
            if kind == STATUS:
                c.status = struct.unpack(">I", data)[0]
            else:
                c.status = (data[1:].decode(), data[0])
        elif kind == EOF:
            if c.got_eof:
                raise Broken("EOF twice")
            c.got_eof = True
        elif kind == CLOSE:
            if c.kind == SESSION and not c.sent_close and (
                    c.status is None or not c.got_eof):
                raise Broken("CLOSE without status and EOF")
            c.got_close = True
            if not c.sent_close:
                c.close()
            del self.channels[number]
        else:
            raise Broken(f"frame {kind} from a guest")

    def take_data(self, kind, c, data):
        if c.got_eof or c.status is not None:
            raise Broken("data after the end")
        if kind == STDERR and c.kind != SESSION:
            raise Broken("STDERR of no session")
        if len(data) > c.window:
            raise Broken("more than the window")
        c.window -= len(data)
        c.received += len(data)
        c.total += len(data)
        if c.keep:
            (c.out if kind == DATA else c.err).extend(data)
        if c.on_data:
            c.on_data(data)
        if c.reading and c.received >= OUR_WINDOW // 2 and not c.sent_close:
            c.grant(c.received)

    # What a host asks for.

    def open(self, kind, params):
        number = self.next_number
        self.next_number += 2
        while self.next_number in self.channels or self.next_number > 1999:
            self.next_number = (1 if self.next_number > 1999
                                else self.next_number + 2)
        c = self.channels[number] = Channel(self, number, kind)
        self.run(lambda: self.hello is not None)
        self.send(OPEN, number,
                  struct.pack(">BI", kind, OUR_WINDOW) + params)
        return c

    def session(self, command=None, env=(), tty=None, user=None, agent=False,
                argv=(), motd=False, wait=True):
        """tty: (cols, rows, modes)."""
        p = b""
        if command is not None:
            p += item(1, command)
        for e in env:
            p += item(2, e)
        if tty is not None:
            p += item(3, struct.pack(">HHHH", tty[0], tty[1], 0, 0) + tty[2])
        if user is not None:
            p += item(4, user)
        if agent:
            p += item(5)
        for a in argv:
            p += item(6, a)
        if motd:
            p += item(7)
        c = self.open(SESSION, p)
        if wait:
            self.run(lambda: c.opened or c.refused is not None)
        return c

    def tcp(self, host, port):
        if isinstance(host, str):
            host = host.encode()
        c = self.open(TCP, struct.pack(">H", port) + host)
        self.run(lambda: c.opened or c.refused is not None)
        return c

    def unix(self, path):
        c = self.open(UNIX, path.encode())
        self.run(lambda: c.opened or c.refused is not None)
        return c

    def hang_up(self):
        """What happens when the client is gone: stdin ends."""
        if self.stdin is not None:
            self.process.stdin.close()
        self.stdin = None

    def end(self, timeout=DEADLINE):
        """Hangs up; the guest's exit status."""
        self.hang_up()
        end = time.monotonic() + timeout
        # It must not find its stdout or stderr full.
        while self.process.poll() is None:
            if time.monotonic() > end:
                self.process.kill()
                raise Broken("the guest does not end")
            try:
                self.turn(0.02)
            except Broken:
                pass
            if self.ended:
                time.sleep(0.01)
        while select.select([self.stderr], [], [], 0)[0]:
            data = os.read(self.stderr, 65536)
            if not data:
                break
            self.notes += data
        self.process.stdout.close()
        self.process.stderr.close()
        return self.process.returncode
