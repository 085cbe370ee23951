#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""An interactive ssh session on a terminal of known size, typed at.

pty-session.py SSH_CONFIG HOST: exit 0 if all happened as it should.
"""
import fcntl
import os
import pty
import re
import select
import struct
import sys
import termios
import time

DEADLINE = 20


def set_size(fd, rows, cols):
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, cols, 0, 0))


def expect(fd, pattern, what):
    """Reads until pattern (a regular expression) is in what came."""
    seen = b""
    end = time.monotonic() + DEADLINE
    while not re.search(pattern, seen):
        left = end - time.monotonic()
        if left <= 0 or not select.select([fd], [], [], left)[0]:
            sys.exit(f"{what}: no {pattern!r} in {seen!r}")
        try:
            data = os.read(fd, 65536)
        except OSError:
            data = b""
        if not data:
            sys.exit(f"{what}: ended after {seen!r}")
        seen += data
    return seen


def main():
    config, host = sys.argv[1:]
    pid, fd = pty.fork()
    if pid == 0:
        # The child sets the size itself: before ssh asks for it.
        set_size(0, 33, 111)
        os.execvp("ssh", ["ssh", "-tt", "-F", config, host])
    # ash also asks for the position of the cursor.
    banner = expect(fd, rb"[#$] (\x1b\[6n)?$", "a prompt")
    for ours in (b"k8s_", b"\x1e", b"stty raw"):
        if ours in banner:
            sys.exit(f"something of ours is on the screen: {banner!r}")
    # The quotes keep the echo of what is typed from matching.
    os.write(fd, b"stty si''ze; echo rea''dy\r")
    expect(fd, rb"33 111\r\n(.*\n)*.*ready", "the first size")
    set_size(fd, 44, 155)
    end = time.monotonic() + DEADLINE
    while True:
        os.write(fd, b"stty si''ze; echo ag''ain\r")
        if b"44 155" in expect(fd, rb"again\r\n", "a resize"):
            break
        if time.monotonic() > end:
            sys.exit("the size did not change")
    os.write(fd, b"echo sta''rt; sleep 100; echo sta''tus $?\r")
    expect(fd, rb"start\r\n", "a command")
    time.sleep(0.2)
    os.write(fd, b"\x03")
    os.write(fd, b"echo aft''er $?\r")
    expect(fd, rb"after 130\r\n", "^C")
    os.write(fd, b"exit 5\r")
    try:
        while os.read(fd, 65536):
            pass
    except OSError:
        pass
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if status != 5:
        sys.exit(f"exit 5 became {status}")


main()
