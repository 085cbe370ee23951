#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Speed and memory of sessions on the real cluster, side by side with peers.

make bench, or make bench ROWS="echo down" for some. All of a row is measured
in one run, taking turns, so that the machine's mood is the same for all; rows
are medians. Nothing is asserted: people read this.
"""
import os
import select
import socket
import statistics
import subprocess
import sys
import time

from guest import (guest_setup, guest_size, idle_sessions, sftp_file,
                   small_files)
from measure import (BULK_RUNS, ECHOES, GUEST, HELPER, LISTENER, LOCAL, MIB,
                     PART, PLAIN, RUNS, SESSION, Terminal, from_zero, in_turns,
                     kubectl, nothing, processes, pss, row, running)

DOWN = int(1024 * MIB * PART)
UP = int(512 * MIB * PART)

PORTS = {"ours": int(os.environ["K8SHELL_PORT"]),
         "peer": int(os.environ["BENCH_OWN_PORT"])}
ROWS = sys.argv[1:]  # names of functions below; none: all
AT_ONCE = 200


def setup_time():
    t = in_turns(
        RUNS,
        session=(SESSION + ["true"], nothing),
        local=(LOCAL + ["true"], nothing),
        kubectl=(kubectl("alice", "--", "true"), nothing),
    )
    ms = {k: v * 1000 for k, v in t.items()}
    limit = ms["local"] + ms["kubectl"]
    row(
        "ssh ws true",
        f"{ms['session']:.0f} ms",
        f"stock ssh {ms['local']:.0f} + kubectl {ms['kubectl']:.0f} ms",
        f"{ms['session'] / limit:.2f} of their sum (goal: at most 1)",
    )


def bulk(size, before, **commands):
    """MB/s of each."""
    t = in_turns(BULK_RUNS, **{k: (v, before) for k, v in commands.items()})
    return {k: size / v / 1e6 for k, v in t.items()}


def bulk_row(name, mbs):
    row(
        name,
        f"{mbs['ours']:.0f} MB/s",
        f"guest = off {mbs['plain']:.0f}, kubectl exec "
        f"{mbs['kubectl']:.0f} MB/s",
        f"{mbs['ours'] / mbs['plain']:.2f} of plain (goal: at least 1), "
        f"{mbs['ours'] / mbs['kubectl']:.2f} of kubectl's (0.9)",
    )


def down():
    command = ["head", "-c", str(DOWN), "/dev/zero"]
    bulk_row(f"{DOWN // MIB} MiB down", bulk(
        DOWN, nothing,
        ours=SESSION + [" ".join(command)],
        plain=PLAIN + [" ".join(command)],
        kubectl=kubectl("alice", "--", *command),
    ))


def up():
    command = "cat >/dev/null"
    bulk_row(f"{UP // MIB} MiB up", bulk(
        UP, from_zero(UP),
        ours=SESSION + [command],
        plain=PLAIN + [command],
        kubectl=kubectl("-i", "alice", "--", "sh", "-c", command),
    ))


def front_bulk():
    command = f"head -c {DOWN} /dev/zero"
    mbs = bulk(DOWN, nothing, ours=SESSION + [command],
               peer=LISTENER + [command])
    row(
        f"{DOWN // MIB} MiB down, k8shell-proxyd",
        f"{mbs['ours']:.0f} MB/s",
        f"sshd's own listener {mbs['peer']:.0f} MB/s",
        f"{mbs['ours'] / mbs['peer']:.2f} of it (goal: at least 0.97)",
    )


def front_logins():
    """Ten logins one after the other, through both doors in turn."""
    t = in_turns(RUNS * 10 // 4, ours=(SESSION + ["true"], nothing),
                 peer=(LISTENER + ["true"], nothing))
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


# Raw and without the terminal's own echo: cat's is what comes back.
ECHO = "stty raw -echo; echo ready; exec cat"


def echo():
    who = {
        "ours": Terminal(SESSION[:1] + ["-tt"] + SESSION[1:] + [ECHO]),
        "plain": Terminal(PLAIN[:1] + ["-tt"] + PLAIN[1:] + [ECHO]),
        "kubectl": Terminal(kubectl("-it", "alice", "--", "sh", "-c", ECHO)),
    }
    times = {name: [] for name in who}
    for _ in range(ECHOES):
        for name, terminal in who.items():
            times[name].append(terminal.echo() * 1e6)
    for terminal in who.values():
        terminal.close()
    text, p50 = {}, {}
    for name, t in times.items():
        q = statistics.quantiles(t, n=100)
        p50[name] = q[49]
        text[name] = f"{q[49]:.0f} / {q[98]:.0f}"
    row(
        "echo of one byte, p50 / p99",
        f"{text['ours']} us",
        f"guest = off {text['plain']}, kubectl {text['kubectl']} us",
        f"p50 {p50['ours'] / p50['kubectl']:.2f} of kubectl's "
        "(goal: at most 1)",
    )


def memory():
    ready = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    before = processes()  # others' sessions are not ours
    ours = subprocess.Popen(SESSION + ["echo ready; cat"], **ready)
    peer = subprocess.Popen(
        kubectl("-i", "alice", "--", "sh", "-c", "echo ready; cat"), **ready
    )
    ours.stdout.readline()
    peer.stdout.readline()
    table = processes()
    new = {p: v for p, v in table.items() if p not in before}
    helpers, guests = running(new, HELPER), running(new, GUEST)
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
    row(
        "memory of its guest (PSS)",
        f"{sum(map(pss, guests)):.2f} MB",
        "",
        "goal: at most 1",
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
    for f in (setup_time, guest_setup, guest_size, down, up, echo, sftp_file,
              small_files, memory, idle_sessions, front_logins, front_bulk,
              front_at_once, front_memory):
        if not ROWS or f.__name__ in ROWS:
            f()


main()
