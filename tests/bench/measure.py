# SPDX-License-Identifier: Apache-2.0
"""What bench.py's rows are made of: commands in turns, terminals, memory.

Each ssh_config is a way to the same workspace, alice, by its host "ws".
"""
import os
import pty
import re
import select
import signal
import statistics
import subprocess
import sys
import termios
import time
import tty

RUNS = int(os.environ.get("BENCH_RUNS", "20"))
BULK_RUNS = int(os.environ.get("BENCH_BULK_RUNS", "3"))
ECHOES = int(os.environ.get("BENCH_ECHOES", "500"))
# Of what is moved only so much, to see whether a row works.
PART = float(os.environ.get("BENCH_PART", "1"))
MIB = 1024 * 1024

CONFIG = os.environ["K8SHELL_SSH_CONFIG"]
OFF = os.environ["BENCH_OFF_SSH_CONFIG"]  # guest = off
STOCK = os.environ["BENCH_STOCK_SSH_CONFIG"]
OWN = os.environ["BENCH_OWN_SSH_CONFIG"]


def ssh(config, *args):
    return ["ssh", "-F", config, *args]


def kubectl(*args):
    return ["kubectl", "exec", "-n", "ws", *args]


SESSION = ssh(CONFIG, "ws")
PLAIN = ssh(OFF, "ws")
LOCAL = ssh(STOCK, "ws")
LISTENER = ssh(OWN, "ws")


def run(argv, **kw):
    kw.setdefault("stdin", subprocess.DEVNULL)
    kw.setdefault("stdout", subprocess.DEVNULL)
    start = time.monotonic()
    subprocess.run(argv, check=True, timeout=600, **kw)
    return time.monotonic() - start


def nothing():
    return {}


def in_turns(runs, **commands):
    """Median seconds of each command's runs: a b c a b c ...

    A command is its argv and a function that is called before each run, not
    timed, and returns what else subprocess.run() gets.
    """
    times = {name: [] for name in commands}
    for _ in range(runs):
        for name, (argv, before) in commands.items():
            more = before()
            times[name].append(run(argv, **more))
    return {name: statistics.median(t) for name, t in times.items()}


def from_zero(size):
    """stdin of size zero bytes, made by another process as in a pipeline."""
    def before():
        source = subprocess.Popen(
            ["head", "-c", str(size), "/dev/zero"], stdout=subprocess.PIPE
        )
        return {"stdin": source.stdout}
    return before


def row(name, ours, peers, verdict):
    print(f"{name:<34} {ours:>14}  {peers:<44} {verdict}")
    sys.stdout.flush()


class Terminal:
    """A program on a terminal of its own, whose cat echoes what is typed."""

    def __init__(self, argv):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execvp(argv[0], argv)
        tty.setraw(self.fd, termios.TCSANOW)
        self.until(b"ready")

    def until(self, what):
        seen = b""
        while what not in seen:
            if not select.select([self.fd], [], [], 20)[0]:
                raise TimeoutError(f"no {what!r} in {seen!r}")
            seen += os.read(self.fd, 4096)

    def echo(self):
        start = time.monotonic()
        os.write(self.fd, b"x")
        self.until(b"x")
        return time.monotonic() - start

    def close(self):
        os.kill(self.pid, signal.SIGTERM)
        os.close(self.fd)
        os.waitpid(self.pid, 0)


def pss(pid):
    """In MB."""
    with open(f"/proc/{pid}/smaps_rollup") as f:
        for line in f:
            if line.startswith("Pss:"):
                return int(line.split()[1]) / 1024
    return 0.0


def processes():
    """pid -> (parent, what it runs)"""
    found = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/stat") as f:
                stat = f.read()
            exe = os.readlink(f"/proc/{pid}/exe")
        except OSError:
            continue
        found[int(pid)] = (int(stat.rsplit(")", 1)[1].split()[1]), exe)
    return found


def running(table, pattern):
    """The pids of a table that run what matches."""
    return [p for p, (_, exe) in table.items() if re.search(pattern, exe)]


HELPER = "/k8shell-session$"
GUEST = "/k8shell-[0-9]+/[0-9a-f]+$"  # as carry.c names it
