#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Speed and memory of sessions on the real cluster, side by side with peers.

make bench, or: eval "$(tests/cluster/up)" && tests/bench/bench.py. All of a
row is measured in one run, taking turns, so that the machine's mood is the
same for all; rows are medians. Nothing is asserted: people read this.
"""
import os
import pty
import select
import signal
import socket
import statistics
import subprocess
import sys
import termios
import time
import tty

RUNS = int(os.environ.get("BENCH_RUNS", "20"))
BULK_RUNS = int(os.environ.get("BENCH_BULK_RUNS", "3"))
ECHOES = int(os.environ.get("BENCH_ECHOES", "500"))
MIB = 1024 * 1024
DOWN = 1024 * MIB
UP = 512 * MIB

CONFIG = os.environ["K8SHELL_SSH_CONFIG"]
STOCK = os.environ["BENCH_STOCK_SSH_CONFIG"]
OWN = os.environ["BENCH_OWN_SSH_CONFIG"]
PORTS = {"ours": int(os.environ["K8SHELL_PORT"]),
         "peer": int(os.environ["BENCH_OWN_PORT"])}
ROWS = sys.argv[1:]  # names of functions below; none: all
AT_ONCE = 200


def ssh(config, *args):
    return ["ssh", "-F", config, *args]


def kubectl(*args):
    return ["kubectl", "exec", "-n", "ws", *args]


SESSION = ssh(CONFIG, "ws")
LOCAL = ssh(STOCK, "ws")
LISTENER = ssh(OWN, "ws")


def run(argv, **kw):
    kw.setdefault("stdin", subprocess.DEVNULL)
    kw.setdefault("stdout", subprocess.DEVNULL)
    start = time.monotonic()
    subprocess.run(argv, check=True, timeout=600, **kw)
    return time.monotonic() - start


def in_turns(runs, **commands):
    """Seconds of each command's runs: a b c a b c ..."""
    times = {name: [] for name in commands}
    for _ in range(runs):
        for name, (argv, kw) in commands.items():
            times[name].append(run(argv, **kw()))
    return {name: statistics.median(t) for name, t in times.items()}


def plain():
    return {}


def row(name, ours, peers, verdict):
    print(f"{name:<34} {ours:>14}  {peers:<44} {verdict}")
    sys.stdout.flush()


def setup_time():
    t = in_turns(
        RUNS,
        session=(SESSION + ["true"], plain),
        local=(LOCAL + ["true"], plain),
        kubectl=(kubectl("alice", "--", "true"), plain),
    )
    ms = {k: v * 1000 for k, v in t.items()}
    limit = ms["local"] + ms["kubectl"]
    row(
        "ssh ws true",
        f"{ms['session']:.0f} ms",
        f"stock ssh {ms['local']:.0f} + kubectl {ms['kubectl']:.0f} ms",
        f"{ms['session'] / limit:.2f} of their sum (goal: at most 1)",
    )


def bulk(name, size, ours, peer, kw, who="kubectl exec", goal="0.9"):
    t = in_turns(BULK_RUNS, ours=(ours, kw), peer=(peer, kw))
    mbs = {k: size / v / 1e6 for k, v in t.items()}
    row(
        name,
        f"{mbs['ours']:.0f} MB/s",
        f"{who} {mbs['peer']:.0f} MB/s",
        f"{mbs['ours'] / mbs['peer']:.2f} of it (goal: at least {goal})",
    )


def down():
    command = ["head", "-c", str(DOWN), "/dev/zero"]
    bulk("1 GiB down", DOWN, SESSION + [" ".join(command)],
         kubectl("alice", "--", *command), plain)


def up():
    bulk("512 MiB up", UP, SESSION + ["cat >/dev/null"],
         kubectl("-i", "alice", "--", "sh", "-c", "cat >/dev/null"),
         from_zero(UP))


def front_bulk():
    command = f"head -c {DOWN} /dev/zero"
    bulk("1 GiB down, k8shell-proxyd", DOWN, SESSION + [command],
         LISTENER + [command], plain, "sshd's own listener", "0.97")


def front_logins():
    """Ten logins one after the other, through both doors in turn."""
    t = in_turns(RUNS * 10 // 4, ours=(SESSION + ["true"], plain),
                 peer=(LISTENER + ["true"], plain))
    row(
        "10 logins, k8shell-proxyd",
        f"{t['ours'] * 10:.2f} s",
        f"sshd's own listener {t['peer'] * 10:.2f} s",
        f"{t['ours'] / t['peer']:.3f} of it (goal: at most 1.03)",
    )


def banners(port):
    """Seconds until as many connections, opened at once, have a banner."""
    waiting, late = {}, 0
    poll = select.epoll()
    start = time.monotonic()
    for _ in range(AT_ONCE):
        s = socket.socket()
        s.setblocking(False)
        s.connect_ex(("127.0.0.1", port))
        # As ssh does: what waits for the server may wait for a header.
        waiting[s.fileno()] = s
        poll.register(s, select.EPOLLOUT)
    done = []
    while waiting and time.monotonic() - start < 60:
        for fd, events in poll.poll(1):
            s = waiting[fd]
            if events & select.EPOLLOUT:
                s.send(b"SSH-2.0-bench\r\n")
                poll.modify(s, select.EPOLLIN)
                continue
            try:
                answer = s.recv(64)
            except OSError:
                answer = b""
            late += not answer.startswith(b"SSH-2.0-")
            poll.unregister(s)
            done.append(waiting.pop(fd))
    seconds = time.monotonic() - start
    late += len(waiting)
    for s in done + list(waiting.values()):
        s.close()
    return seconds, late


def front_at_once():
    seconds, failed = {"ours": [], "peer": []}, {"ours": 0, "peer": 0}
    for _ in range(BULK_RUNS):
        for who, port in PORTS.items():
            s, late = banners(port)
            seconds[who].append(s)
            failed[who] += late
            time.sleep(2)  # its sshds end, and count no more
    m = {k: statistics.median(v) for k, v in seconds.items()}
    row(
        f"{AT_ONCE} connections at once",
        f"{m['ours']:.2f} s",
        f"sshd's own listener {m['peer']:.2f} s",
        f"refused or stuck: {failed['ours']} (own: {failed['peer']}; goal: 0)",
    )


def from_zero(size):
    """stdin of size zero bytes, made by another process as in a pipeline."""
    def kw():
        source = subprocess.Popen(
            ["head", "-c", str(size), "/dev/zero"], stdout=subprocess.PIPE
        )
        return {"stdin": source.stdout}
    return kw


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


# Raw and without the terminal's own echo: cat's is what comes back.
ECHO = "stty raw -echo; echo ready; exec cat"


def echo():
    ours = Terminal(SESSION[:1] + ["-tt"] + SESSION[1:] + [ECHO])
    peer = Terminal(kubectl("-it", "alice", "--", "sh", "-c", ECHO))
    times = {"ours": [], "peer": []}
    for _ in range(ECHOES):
        times["ours"].append(ours.echo() * 1e6)
        times["peer"].append(peer.echo() * 1e6)
    ours.close()
    peer.close()
    q = {k: statistics.quantiles(v, n=100) for k, v in times.items()}
    row(
        "echo of one byte, p50 / p99",
        f"{q['ours'][49]:.0f} / {q['ours'][98]:.0f} us",
        f"kubectl exec -it {q['peer'][49]:.0f} / {q['peer'][98]:.0f} us",
        f"p50 {q['ours'][49] / q['peer'][49]:.2f} of it (goal: at most 1)",
    )


def pss(pid):
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


def memory():
    ready = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    ours = subprocess.Popen(SESSION + ["echo ready; cat"], **ready)
    peer = subprocess.Popen(
        kubectl("-i", "alice", "--", "sh", "-c", "echo ready; cat"), **ready
    )
    ours.stdout.readline()
    peer.stdout.readline()
    table = processes()
    helpers = [p for p, (_, exe) in table.items()
               if exe.endswith("/k8shell-session")]
    sshds = []
    for p in helpers:
        p = table[p][0]
        while p in table and "sshd" in table[p][1]:
            sshds.append(p)
            p = table[p][0]
        # The last one is the listener, which is everybody's.
        sshds = sshds[:-1]
    row(
        "memory of an idle session (PSS)",
        f"{sum(map(pss, helpers)):.1f} MB",
        f"and its sshds {sum(map(pss, sshds)):.1f}; "
        f"kubectl {pss(peer.pid):.1f} MB",
        "helper (goal: at most 8)",
    )
    for p in (ours, peer):
        p.stdin.close()
        p.terminate()
        p.wait()


def front_memory():
    ours = subprocess.Popen(
        SESSION + ["echo ready; cat"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )
    ours.stdout.readline()
    sizes = []
    for pid, (_, exe) in processes().items():
        if not exe.endswith("/k8shell-proxyd"):
            continue
        if os.stat(f"/proc/{pid}").st_uid == 0:
            continue  # the front
        with open(f"/proc/{pid}/smaps_rollup") as f:
            kb = {x.split()[0]: int(x.split()[1]) for x in f
                  if x.split()[0].endswith(":")}
        sizes.append((kb["Private_Clean:"] + kb["Private_Dirty:"],
                      kb["Pss:"]))
    private, whole = max(sizes)
    row(
        "memory of a supervisor, private",
        f"{private / 1024:.2f} MB",
        f"PSS {whole / 1024:.2f} MB",
        "goal: at most 1.5",
    )
    ours.stdin.close()
    ours.wait()


def main():
    print(f"{'':34} {'k8shell':>14}  peer in the same run")
    for f in (setup_time, down, up, echo, memory, front_logins, front_bulk,
              front_at_once, front_memory):
        if not ROWS or f.__name__ in ROWS:
            f()


main()
