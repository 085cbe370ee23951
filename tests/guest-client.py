#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What OpenSSH's client can't be made to do, or can't without a terminal.

guest-client.py SSH_CONFIG HOST signal NAME exec|pty
                                trapped NAME exec|pty
                                trap exec|pty
                                lost NAME exec|pty FILE
                                dies NAME COMMAND
                                ends STATUS COMMAND
                                resize N
                                stty [lost]
Exit 0 if all happened as it should; otherwise a line that says what did not.
"""
import fcntl
import os
import pty
import struct
import sys
import termios
import time

import paramiko

DEADLINE = 30


class Channel(paramiko.Channel):
    """One that keeps exit-signal, and can send signals (RFC 4254 6.9, 6.10)."""

    killed_by = None

    def _handle_request(self, m):
        position = m.packet.tell()
        if m.get_text() == "exit-signal":
            m.get_boolean()
            self.killed_by = m.get_text()
        m.packet.seek(position)
        super()._handle_request(m)

    def signal(self, name):
        m = paramiko.Message()
        m.add_byte(paramiko.common.cMSG_CHANNEL_REQUEST)
        m.add_int(self.remote_chanid)
        m.add_string("signal")
        m.add_boolean(False)
        m.add_string(name)
        self.transport._send_user_message(m)


paramiko.transport.Channel = Channel
paramiko.Transport._channel_handler_table[
    paramiko.common.MSG_CHANNEL_REQUEST] = Channel._handle_request


def connect(config, host):
    with open(config) as f:
        c = paramiko.SSHConfig.from_file(f).lookup(host)
    transport = paramiko.Transport((c["hostname"], int(c["port"])))
    key = paramiko.Ed25519Key.from_private_key_file(c["identityfile"][0])
    transport.connect(username=c["user"], pkey=key)
    return transport


def start(transport, command, tty=False):
    channel = transport.open_session(timeout=DEADLINE)
    channel.settimeout(DEADLINE)
    if tty:
        channel.get_pty("vt220", 80, 24)
    channel.exec_command(command)
    return channel


def read_until(channel, *words):
    """Reads until the words are in the output, in this order."""
    seen, at = b"", 0
    for word in words:
        while seen.find(word, at) == -1:
            data = channel.recv(4096)
            if not data:
                sys.exit(f"no {word!r}, ended after {seen!r}")
            seen += data
        at = seen.find(word, at) + len(word)
    return seen


def finish(channel):
    """What is left of the output, with plain newlines, and how it ended."""
    seen = b""
    while True:
        data = channel.recv(65536)
        if not data:
            break
        seen += data
    # -1 after an exit-signal, which has come by then.
    status = channel.recv_exit_status()
    return seen.replace(b"\r", b""), channel.killed_by or status


def same(what, expected, got):
    if expected != got:
        sys.exit(f"{what}: expected {expected!r}, got {got!r}")


def signal(transport, name, how):
    """A command that has set no trap dies of it."""
    c = start(transport, "echo ready; exec sleep 100", how == "pty")
    read_until(c, b"ready")
    time.sleep(0.2)  # for exec
    c.signal(name)
    same("signal " + name, (b"", name), (finish(c)[0].strip(), c.killed_by))


def trapped(transport, name, how):
    """Twice in one session, and the second one ends it."""
    c = start(
        transport,
        f'n=0; trap "n=\\$((n + 1)); echo got {name} \\$n" {name}; '
        "echo ready; while [ $n -lt 2 ]; do echo next; sleep 0.1; done; "
        "exit 3",
        how == "pty",
    )
    read_until(c, b"ready")
    c.signal(name)
    # Not while the trap is running: bash (5.2) would lose it.
    read_until(c, b"got " + name.encode() + b" 1", b"next")
    c.signal(name)
    out, end = finish(c)
    same("twice " + name, (True, 3),
         (f"got {name} 2".encode() in out.splitlines(), end))


def trap(transport, how):
    """Two sessions of one connection, at once."""
    command = 'trap "echo got TERM; exit 3" TERM; echo ready; sleep 100 & wait'
    sessions = [start(transport, command, how == "pty") for _ in range(2)]
    for c in sessions:
        read_until(c, b"ready")
    time.sleep(0.2)  # for sleep, which until exec would not die of it
    for c in sessions:
        c.signal("TERM")
        out, end = finish(c)
        same("trap", (b"got TERM", 3), (out.strip(), end))


def lost(transport, name, how, path):
    """The session ends of it; the command would make a file."""
    c = start(
        transport,
        f'trap ": >{path}" {name}; echo ready; sleep 1 >/dev/null 2>&1 & wait',
        how == "pty",
    )
    read_until(c, b"ready")
    c.signal(name)
    same("lost " + name, (b"", name), (finish(c)[0].strip(), c.killed_by))


def dies(transport, name, command):
    same(command, (b"", name), finish(start(transport, command)))


def ends(transport, status, command):
    same(command, (b"", int(status)), finish(start(transport, command)))


def resize(transport, n):
    c = start(transport, "stty -echo; echo ready; read x; stty size", True)
    read_until(c, b"ready")
    for i in range(int(n)):
        c.resize_pty(20 + i % 200, 10 + i % 100)
    c.resize_pty(155, 44)
    time.sleep(0.5)  # sizes are on no stream that the newline waits for
    c.sendall(b"\n")
    out, end = finish(c)
    same("resize", (b"44 155", 0), (out.strip(), end))


def stty(config, host, lost=False):
    """Size and modes of our terminal are there before the first byte."""
    pid, fd = pty.fork()
    if pid == 0:
        fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 33, 111, 0, 0))
        modes = termios.tcgetattr(0)
        modes[6][termios.VERASE] = b"\x02"
        modes[6][termios.VINTR] = b"\x07"
        termios.tcsetattr(0, termios.TCSANOW, modes)
        os.execvp("ssh", ["ssh", "-tt", "-F", config, host, "stty -a"])
    out = b""
    while True:
        try:
            data = os.read(fd, 4096)
        except OSError:
            break
        if not data:
            break
        out += data
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if b"rows 33; columns 111" not in out:
        sys.exit(f"not our size in {out!r}")
    for what in (b"erase = ^B;", b"intr = ^G;"):
        if (what in out) == bool(lost):
            sys.exit(f"{'a' if lost else 'no'} {what!r} in {out!r}")
    same("stty", 0, status)


def main():
    config, host, what, *rest = sys.argv[1:]
    if what == "stty":
        stty(config, host, *rest)
        return
    tests = {"signal": signal, "trapped": trapped, "trap": trap,
             "lost": lost, "dies": dies, "ends": ends, "resize": resize}
    transport = connect(config, host)
    try:
        tests[what](transport, *rest)
    finally:
        transport.close()


main()
