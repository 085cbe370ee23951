#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What k8shell-guest must do: suite.py [-b] [-n N] [-r ROOT] [-t TEST] GUEST [ARGUMENT...]

Starts GUEST as a container runtime would, with ROOT as its root if given, and
speaks the mux to it. Prints "ok - " and "not ok - " lines. Runs as root.
"""
import argparse
import errno
import hashlib
import os
import random
import signal
import socket
import struct
import sys
import tempfile
import time

from muxhost import (AGENT, CLOSE, DATA, EOF, ERROR, HELLO, OPEN, OPENED, PING,
                     PONG, REFUSED, SESSION, SIGNAL, SIZE, STATUS, STDERR, TCP,
                     WINDOW, Broken, Guest, item, modes)

args = None
passed = failed = 0


def check(name, good, detail=None):
    global passed, failed
    if good:
        passed += 1
        print(f"ok - {name}", flush=True)
    else:
        failed += 1
        print(f"not ok - {name}\n#   {detail!r}", flush=True)


def same(name, expected, got):
    check(name, expected == got, f"expected {expected!r}, got {got!r}")


def start(environ=None, **kwargs):
    """A guest with a container's environment."""
    env = {"PATH": "/usr/local/bin:/usr/bin:/bin", "IMAGE": "x",
           "PWD": "/carried", "SHLVL": "3"}
    env.update(environ or {})
    if args.root:
        kwargs["preexec_fn"] = lambda: (os.chroot(args.root), os.chdir("/"))
    return Guest([args.guest, *args.argument], env=env, **kwargs)


def inside(path):
    """A path of the guest's, from here."""
    return (args.root or "") + path


def run(g, command, stdin=None, **kwargs):
    """The status, stdout and stderr of a command."""
    s = g.session(command, **kwargs)
    if stdin is not None:
        s.write(stdin)
    if not kwargs.get("tty"):
        s.eof()
    s.wait()
    return s.status, s.out.decode(), s.err.decode()


def state(pid):
    """Of a process: R, S, Z, ...; None if it is gone."""
    try:
        with open(f"/proc/{pid}/stat") as f:
            return f.read().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return None


def kill(pid):
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def children(pid):
    """All that have it as their parent, and their states."""
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/stat") as f:
                rest = f.read().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if rest[1] == str(pid):
            found.append((name, rest[0]))
    return found


def eventually(condition, seconds=5):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def gone(pid):
    return eventually(lambda: state(pid) in (None, "Z"))


def host_pid(g, name):
    """The pid, here, of the guest's descendant with this name in its
    command line."""
    def find():
        g.idle(0.01)
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{pid}/cmdline", "rb") as f:
                    words = f.read().split(b"\0")
            except (FileNotFoundError, ProcessLookupError):
                continue
            if name.encode() in words and b"-c" not in words:
                found.append(int(pid))
        return found
    found = []
    eventually(find)
    return found[0] if found else None


# Sessions.


def test_exits():
    g = start()
    for n in (0, 1, 2, 77, 126, 127, 128, 143, 255):
        same(f"exit status {n}", (n, "", ""), run(g, f"exit {n}"))
    same("command not found", 127, run(g, "/no/such")[0])
    same("argv", (0, "a b\n$x\n", ""),
         run(g, None, argv=["printf", "%s\\n", "a b", "$x"]))
    st, out, err = run(g, None, argv=["/no/such", "x"])
    same("argv not found", (127, ""), (st, out))
    check("argv not found says so", "/no/such: No such file" in err, err)
    st, out, err = run(g, None, argv=["/etc/passwd"])
    same("argv not executable", 126, st)
    st, out, err = run(g, "x" * 200000)
    same("too long a command", 126, st)
    same("ends well", 0, g.end())
    same("no word on stderr", b"", bytes(g.notes))


def test_killed():
    g = start()
    # Not QUIT: bash never dies of that.
    for name in ("TERM", "KILL", "SEGV", "HUP", "USR1", "INT", "PIPE", "ABRT",
                 "FPE", "ILL", "ALRM"):
        st = run(g, f"echo out; echo err >&2; kill -{name} $$")
        same(f"killed by {name}", (name, "out\n", "err\n"),
             (st[0][0],) + st[1:] if isinstance(st[0], tuple) else st)
    if not args.argument:  # qemu has other numbers for those
        same("killed by one without a name", 128 + 40,
             run(g, "kill -40 $$")[0])
    with open("/proc/sys/kernel/core_pattern") as f, \
            tempfile.TemporaryDirectory(dir=inside("/tmp")) as folder:
        if f.read(1) not in "|\n/":
            there = folder[len(args.root or ""):]
            same("a core file", ("SEGV", 1), run(
                g, f"cd {there}; ulimit -c unlimited; kill -SEGV $$")[0])
    same("ends well", 0, g.end())


def test_signals():
    g = start()
    trap = ("trap 'echo got TERM' TERM; trap 'echo got USR1; exit 3' USR1;"
            "echo ready; while :; do sleep 0.05; done")
    for tty in (None, (80, 24, b"")):
        s = g.session(trap, tty=tty)
        s.expect(b"ready")
        s.signal("TERM")
        s.expect(b"got TERM")
        s.out.clear()
        s.signal("TERM")
        s.expect(b"got TERM")
        s.signal("USR1")
        same(f"signals twice, tty={tty}", 3, s.wait())
        check("the last words of a trap", b"got USR1" in s.out, s.out)
    for name in ("TERM", "INT", "HUP", "QUIT", "KILL", "USR1", "USR2", "ALRM",
                 "PIPE", "ABRT", "FPE", "ILL", "SEGV", "BUS", "XCPU"):
        s = g.session(argv=["sleep", "100"])
        s.signal(name)
        st = s.wait()
        same(f"{name} ends it", name, st[0] if isinstance(st, tuple) else st)
    # PIPE is ignored by the guest itself, TERM is blocked.
    for name in ("TERM", "PIPE", "KILL"):
        early = []
        for _ in range(100):
            s = g.session(argv=["sleep", "100"], wait=False)
            s.signal(name)
            early.append(s)
            if len(early) % 10 == 0:
                for s in early[-10:]:
                    s.wait(5)
        same(f"{name} before the start", {(name, 0)},
             {s.status for s in early})
    # The whole group gets it.
    n = random.randrange(10**6, 10**7)
    s = g.session(f"sleep 8{n} & sleep 9{n}; wait")
    pids = [host_pid(g, f"{i}{n}") for i in (8, 9)]
    s.signal("KILL")
    same("the group's leader", ("KILL", 0), s.wait())
    check("and the group", all(p and gone(p) for p in pids), pids)
    s = g.session("sleep 0.2; echo fine")
    for name in ("NOPE", "SIGTERM", "term", "9"):
        s.signal(name)
    same("unknown signals are ignored", 0, s.wait())
    g.end()
    check("and are noted", g.notes.count(b"no signal of this name") == 4,
          g.notes)


def test_streams():
    g = start()
    same("stdout and stderr apart", (0, "out\n", "err\n"),
         run(g, "echo out; echo err >&2"))
    st, out, err = run(g, "i=0; while [ $i -lt 3000 ]; do echo $i; "
                       "i=$((i+1)); done; echo end >&2")
    same("in order", "".join(f"{i}\n" for i in range(3000)), out)
    same("stdin ends", (0, "5000000\n", ""),
         run(g, "wc -c", stdin=bytes(5000000)))
    same("empty stdin", (0, "0\n", ""), run(g, "wc -c"))
    same("after all of it", (0, "200000\n", ""),
         run(g, "sleep 0.3; wc -c", stdin=bytes(200000)))
    same("a command that reads little", 3,
         run(g, "head -c 1 >/dev/null; exit 3", stdin=bytes(3000000))[0])
    same("one that reads nothing", 4,
         run(g, "sleep 0.3; exit 4", stdin=bytes(3000000))[0])
    same("one that closes stdin", 0,
         run(g, "exec <&-; sleep 0.3; echo fine", stdin=bytes(3000000))[0])
    s = g.session("exec >&- 2>&-; sleep 0.3; exit 5")
    same("closed outputs", 5, s.wait())
    same("/dev/stdout and /dev/stderr can be opened", (0, "a\n", "b\n"),
         run(g, "echo a >/dev/stdout; echo b >/dev/stderr"))
    # Whoever carried the guest in may have left it some.
    r, w = os.pipe()
    other = start(pass_fds=(r, w))
    st, out, err = run(other, None, argv=["ls", "/proc/self/fd"])
    same("no descriptor but 0, 1, 2 (and ls's own)", ["0", "1", "2", "3"],
         out.split())
    other.end()
    os.close(r)
    os.close(w)
    # No shell between: some ignore QUIT.
    st, out, err = run(g, None, argv=["grep", "-E", "^Sig(Blk|Ign)",
                                      "/proc/self/status"])
    # 32 and 33 are the C library's: make's children get them ignored, and
    # no library lets go of them.
    masks = [int(line.split()[1], 16) & ~(3 << 31)
             for line in out.splitlines()]
    check("no signal blocked or ignored", masks == [0, 0], out)
    # A reader that is slow: all arrives, then the status.
    s = g.open(SESSION, item(1, "head -c 3000000 /dev/zero; exit 6"))
    s.reading = False
    g.idle(0.5)
    check("no more than the window", s.total <= 1 << 20, s.total)
    s.reading = True
    s.grant(s.received)
    same("status after a slow reader", 6, s.wait())
    same("all its bytes", 3000000, s.total)
    # One that has ended when the last of it is still in the pipe.
    s = g.open(SESSION, item(1, f"head -c {(1 << 20) + 50000} /dev/zero"))
    s.reading = False
    g.idle(0.5)
    check("no status before that", s.status is None, s.status)
    s.reading = True
    s.grant(s.received)
    same("but then", (0, (1 << 20) + 50000), (s.wait(), s.total))
    # Neither starves the other, with a third that wants its turn as well.
    third = g.session("yes")
    third.keep = False
    for flood, other in (("yes", "echo word >&2"), ("yes >&2", "echo word")):
        s = g.session(f"{flood} & sleep 0.2; {other}; sleep 100")
        s.keep = False
        words = []
        s.on_data = lambda data: words.append(b"word" in data)
        try:
            g.run(lambda: any(words), 5)
        except Broken:
            pass
        check(f"a word beside a flood ({other})", any(words))
        s.close()
    g.end()


def test_bulk():
    g = start()
    data = random.Random(1).randbytes(1 << 20)
    s = g.session("cat")
    s.keep = False
    digest = hashlib.sha256()
    s.on_data = digest.update
    wanted = hashlib.sha256()
    begin = time.monotonic()
    for _ in range(100):
        s.write(data)
        wanted.update(data)
    s.eof()
    same("100 MB both ways: status", 0, s.wait(120))
    seconds = time.monotonic() - begin
    same("100 MB both ways: bytes", wanted.hexdigest(), digest.hexdigest())
    print(f"# 100 MB both ways: {2 * 104.86 / seconds:.0f} MB/s")
    g.end()


def test_stall():
    """One that is not read holds up nobody, and costs little."""
    g = start()
    stalled = [g.session("yes") for _ in range(20)]
    for s in stalled:
        s.reading = s.keep = False
    g.idle(0.5)
    begin = time.monotonic()
    same("beside 20 stalled ones", (0, "fine\n", ""), run(g, "echo fine"))
    check("at once", time.monotonic() - begin < 2)
    # And one whose stdin is not read.
    full = g.session("sleep 100")
    n = full.send_window
    g.send(DATA, full.number, bytes(min(n, 65536)))
    same("beside one that does not read", (0, "fine\n", ""),
         run(g, "echo fine"))
    with open(f"/proc/{g.process.pid}/status") as f:
        rss = int(next(x for x in f if x.startswith("VmRSS")).split()[1])
    if not args.behaviour:
        check("memory is bounded", rss < 4096, f"{rss} kB")
    for s in stalled:
        s.close()
    same("ends well", 0, g.end())


def test_background():
    g = start()
    begin = time.monotonic()
    same("without a tty: waits for who has stdout", (0, "done\n"),
         run(g, "sleep 1.2 & echo done")[:2])
    check("as long as that", time.monotonic() - begin >= 1.1)
    begin = time.monotonic()
    run(g, "sleep 5 >/dev/null 2>&1 & echo done")
    run(g, "sleep 5 2>/dev/null >&2 </dev/null & echo done")
    check("not for others", time.monotonic() - begin < 3)
    begin = time.monotonic()
    st = run(g, "trap '' HUP; sleep 5 & echo done", tty=(80, 24, b""))
    same("with a tty: ends with the leader", (0, "done\r\n"), st[:2])
    check("at once", time.monotonic() - begin < 3)
    # Input that nobody will read is dropped, and does not jam: what waits
    # when the leader ends, and what comes then.
    s = g.session("exec 3<&0; sleep 100 & sleep 0.3; exit 0")
    s.write(bytes(200000))
    g.idle(0.6)
    try:
        s.write(bytes(3000000))
        check("stdin after the leader", not s.got_close)
    except Broken as e:
        check("stdin after the leader", False, str(e))
    s.close()
    g.end()


def test_hang_up():
    """How a session that is closed, or a guest whose stdin ends, hangs up."""
    for how in ("close", "stdin", "term", "kill"):
        for tty in (None, (80, 24, b"")):
            what = f"{how}, tty={tty is not None}"
            n = random.randrange(10**6, 10**7)
            g = start()
            s = g.session(
                # As nohup, which not every busybox has.
                f"(trap '' HUP; exec sleep 1{n}) >/dev/null 2>&1 & "
                f"setsid sleep 2{n} >/dev/null 2>&1 & "
                f"sleep 3{n} & sleep 4{n}", tty=tty)
            pids = [host_pid(g, f"{i}{n}") for i in (1, 2, 3, 4)]
            if None in pids:
                check(f"{what}: started", False, pids)
                for p in filter(None, pids):
                    kill(p)
                g.end()
                continue
            time.sleep(0.1)  # nohup and setsid have done their work
            leader = next(int(p) for p, _ in children(g.process.pid)
                          if os.getpgid(int(p)) == os.getpgid(pids[3]))
            if how == "close":
                s.close()
                g.idle(0.1)
            elif how == "stdin":
                g.hang_up()
            elif how == "term":
                g.process.terminate()
            else:
                g.process.kill()
            # A guest that is killed can only have its leader told.
            check(f"{what}: the group is gone", gone(leader) and
                  (how == "kill" and tty is None or
                   gone(pids[2]) and gone(pids[3])),
                  [state(p) for p in pids])
            check(f"{what}: nohup and setsid survive",
                  None not in map(state, pids[:2]) and
                  "Z" not in map(state, pids[:2]),
                  [state(p) for p in pids])
            if how == "close":
                same(f"{what}: others go on", (0, "x\n", ""),
                     run(g, "echo x"))
            same(f"{what}: exit status", -9 if how == "kill" else 0, g.end())
            if how != "kill":
                same(f"{what}: no zombie", [None, None],
                     [state(p) for p in pids[2:]])
            for p in pids:
                kill(p)
    # Where nobody is hung up the end is at once.
    g = start()
    run(g, "sleep 5 >/dev/null 2>&1 &")
    begin = time.monotonic()
    same("what ended well leaves nothing to wait for", 0, g.end())
    check("at once", time.monotonic() - begin < 1)
    # A login shell with jobs; the terminal is what hangs it up.
    g = start()
    n = random.randrange(10**6, 10**7)
    s = g.session(tty=(80, 24, b""), env=["TERM=dumb", "PS1=$ "])
    s.write(f"sleep 5{n}\r".encode())
    pid = host_pid(g, f"5{n}")
    shell = int(children(g.process.pid)[0][0])
    g.hang_up()
    check("a shell's job", pid and gone(pid) and gone(shell))
    g.end()
    # The leader has ended, the group has not.
    g = start()
    s = g.session(f"sleep 6{n} & exit 0")
    pid = host_pid(g, f"6{n}")
    g.idle(0.2)
    s.close()
    g.idle(0.1)
    check("a group without its leader", pid and gone(pid))
    g.end()


def fork_as(number):
    """A process of that number, in a group of its own; None: can't be had."""
    for _ in range(100):
        try:
            with open("/proc/sys/kernel/ns_last_pid", "w") as f:
                f.write(str(number - 1))
        except OSError:
            return None
        pid = os.fork()
        if pid == 0:
            os.setsid()
            time.sleep(60)
            os._exit(0)
        if pid == number:
            return pid
        kill(pid)
        os.waitpid(pid, 0)
    return None


def test_reused_number():
    """A group's number that is somebody else's by the time of the hang-up."""
    g = start()
    s = g.session("setsid sleep 60 & echo $$")
    s.expect(b"\n")
    leader = int(s.out)
    check("the leader is gone", eventually(
        lambda: (g.idle(0.05), state(leader))[1] is None))
    stranger = fork_as(leader)
    if stranger is None:
        print("# no way to choose a process's number")
    else:
        eventually(lambda: os.getpgid(stranger) == stranger)
        s.close()
        g.idle(0.3)
        same("a stranger of the leader's number is left alone", (0, 0),
             os.waitpid(stranger, os.WNOHANG))
        kill(stranger)
    for pid, _ in children(g.process.pid):
        kill(int(pid))
    same("ends well", 0, g.end())


def test_zombies():
    g = start()
    for _ in range(20):
        run(g, "(sleep 0.1 >/dev/null 2>&1 &) ; (true &); exit 0")
    n = random.randrange(10**6, 10**7)
    run(g, f"(sleep 7{n} >/dev/null 2>&1 &)")
    pid = host_pid(g, f"7{n}")
    check("orphans are the guest's", pid and str(pid) in
          [p for p, _ in children(g.process.pid)], pid)
    os.kill(pid, signal.SIGKILL)
    check("orphans are reaped",
          eventually(lambda: (g.idle(0.05), children(g.process.pid))[1] == []),
          children(g.process.pid))
    same("ends well", 0, g.end())


# Terminals.


def test_tty():
    g = start()
    st, out, err = run(g, "stty -a", tty=(111, 33, modes(
        _1=2, _3=8, _5=255, _30=1, _36=0, _42=1, _53=0, _72=1, _129=19200,
        _99=7)))
    same("stty works", 0, st)
    for text in ("rows 33", "columns 111", "erase = ^H", "intr = ^B",
                 "eof = <undef>", " ignpar", "-icrnl", " iutf8", "-echo ",
                 " onlcr", "19200"):
        check(f"mode: {text}", text in " " + out.replace("\r\n", " "), out)
    st, out, err = run(g, "stty -a", tty=(80, 24, modes(
        _128=4800, _53=0, _0=0, _50=0) + bytes([160, 1, 2])))
    check("the other speed", "speed 4800 " in out, out)
    check("modes end at TTY_OP_END", "-echo " in out and " isig" in
          " " + out.replace("\r\n", " "), out)
    s = g.session("stty -a", tty=(80, 24, b"\x35\0\0"))
    same("modes that are cut short are refused", errno.EINVAL, s.refused)
    st, out, err = run(g, "test \"$(tty)\" = \"$SSH_TTY\" && echo same; "
                       "test -t 0 && test -t 1 && test -t 2 && echo tty; "
                       "echo mine >/dev/tty", tty=(80, 24, b""))
    same("a controlling terminal", "same\r\ntty\r\nmine\r\n", out)
    s = g.session("trap 'stty size' WINCH; trap 'echo now; stty size' USR1; "
                  "echo ready; while :; do sleep 0.05; done",
                  tty=(80, 24, b""))
    s.expect(b"ready")
    s.size(132, 43)
    s.expect(b"43 132")
    begin = time.monotonic()
    for i in range(10000):
        s.size(80 + i % 100, 24)
    s.size(99, 55)
    # A shell may miss a WINCH while it is busy with another one.
    s.signal("USR1")
    s.expect(b"now\r\n55 99")
    print(f"# 10000 sizes: {time.monotonic() - begin:.2f} s")
    s.close()
    # No shell, which may let its child have it alone.
    s = g.session(argv=["cat"], tty=(80, 24, b""))
    s.write(b"x\r")
    s.expect(b"x\r\nx")
    s.write(b"\x03")
    same("^C", ("INT", 0), s.wait())
    # All that was written before the end arrives.
    for i in range(5):
        s = g.session("head -c 500000 /dev/zero | tr '\\0' x; exit 7",
                      tty=(80, 24, b""))
        if i % 2:
            s.reading = False
            g.idle(0.2)
            s.reading = True
        same(f"the last output of a terminal ({i})", (7, 500000),
             (s.wait(), s.out.count(b"x")))
    # A window of it, and more, read late: the rest comes after the leader's
    # end. Others hold the terminal, so it has no end by itself.
    for n in (1 << 20, 1100000):
        s = g.open(SESSION, item(1, "(trap '' HUP; exec sleep 60) & "
                                 f"head -c {n} /dev/zero | tr '\\0' x") +
                   item(3, struct.pack(">HHHH", 80, 24, 0, 0)))
        s.reading = False
        g.idle(1)
        s.reading = True
        s.grant(s.received)
        s.wait(20)
        same(f"and of one that is read late ({n})", n, s.out.count(b"x"))
    s = g.session("sleep 0.3; tty", tty=(80, 24, b""))
    s.eof()
    same("EOF is nothing to a terminal", 0, s.wait())
    g.end()


def test_login_shell():
    g = start()
    s = g.session()
    s.write(b"echo $0; pwd; exit 9\n")
    same("exit status", 9, s.wait())
    lines = s.out.decode().split("\n")
    check("a dash", lines[0].startswith("-") and lines[0].endswith("sh"),
          lines)
    st, home, err = run(g, "echo $HOME; pwd")
    same("at home", home.split()[0], home.split()[1])
    same("at home, too", home.split()[0], lines[1])
    same("SHELL is it", lines[0][1:],
         run(g, "echo ${SHELL##*/}")[1].strip())
    s = g.session(tty=(80, 24, b""), env=["TERM=dumb"])
    s.write(b"exit 11\r")
    same("on a terminal", 11, s.wait())
    motd = inside("/etc/motd")
    old = open(motd, "rb").read() if os.path.exists(motd) else None
    try:
        with open(motd, "w") as f:
            f.write("Welcome\nhere\n")
        for motd_item, tty, command, count in (
                (True, True, None, 1), (False, True, None, 0),
                (True, False, None, 0), (True, True, "exit 0", 0)):
            s = g.session(command, tty=(80, 24, b"") if tty else None,
                          motd=motd_item)
            if command is None:
                s.write(b"exit 0\r" if tty else b"exit 0\n")
            s.wait()
            same(f"motd: item={motd_item} tty={tty} command={command}",
                 count, s.out.count(b"Welcome\r\nhere\r\n"))
    finally:
        if old is None:
            os.unlink(motd)
        else:
            with open(motd, "wb") as f:
                f.write(old)
    g.end()


def test_environment():
    g = start({"HOME": "/tmp", "USER": "wrong", "LOGNAME": "wrong"})
    st, out, err = run(g, None, argv=["env"], env=[
        "A=1", "B=x=y", "A=2", "EMPTY=", "LANG=C", "IMAGE=mine",
        "LD_LIBRARY_PATH=/nowhere", "NL=a"])
    got = dict(x.split("=", 1) for x in out.split("\n") if x)
    for k, v in (("A", "2"), ("B", "x=y"), ("EMPTY", ""), ("IMAGE", "mine"),
                 ("USER", "root"), ("LOGNAME", "root"), ("HOME", "/tmp"),
                 ("LD_LIBRARY_PATH", "/nowhere"),
                 ("PATH", "/usr/local/bin:/usr/bin:/bin")):
        same(f"{k}", v, got.get(k))
    for k in ("PWD", "OLDPWD", "SHLVL", "SSH_TTY", "SSH_AUTH_SOCK"):
        check(f"no {k}", k not in got, got)
    same("and the container's home is where it is", "/tmp\n",
         run(g, "pwd")[1])
    same("the client's HOME, too", "/\n", run(g, "pwd", env=["HOME=/"])[1])
    g.end()
    g = start({"HOME": "/no/such"})
    same("without a home", "/\n", run(g, "pwd")[1])
    g.end()


def test_user():
    g = start({"HOME": "/root"}, extra_groups=[4])
    st, out, err = run(g, "id -u; id -g; echo $USER $LOGNAME; echo $HOME; "
                       "grep -E '^(Uid|Gid)' /proc/self/status; "
                       "echo x >/dev/stdout", user="nobody")
    lines = out.split("\n")
    same("user=nobody", (0, "65534", "nobody nobody"),
         (st, lines[0], lines[2]))
    check("its own home", lines[3] not in ("", "/root"), out)
    same("its groups", "65534\n", run(g, "id -G", user="nobody")[1])
    if args.root:
        same("a relative home is none", "/\n/\n",
             run(g, "echo $HOME; pwd", user="odd")[1])
    check("all of its ids", "\t65534\t65534\t65534\t65534" in out, out)
    check("/dev/stdout", lines[-2] == "x", out)
    st, out, err = run(g, "grep CapEff /proc/self/status", user="nobody")
    check("no capability", "0000000000000000" in out, out)
    st, out, err = run(g, "ls -l $(tty); echo x >$(tty)", user="nobody",
                       tty=(80, 24, b""))
    check("its terminal is its own", "nobody" in out and st == 0, out)
    check("USER is a capability", g.hello[2] & 16, g.hello)
    same("user=root", "0\n", run(g, "id -u", user="root")[1])
    s = g.session("id", user="no-such-user")
    same("an unknown user", errno.ENOENT, s.refused)
    g.end()
    if args.root:
        return
    g = start(user=54321, group=54321, extra_groups=[54322])
    st, out, err = run(g, "id -u; id -G; echo $USER $HOME $SHELL; pwd")
    same("a uid without an entry", "54321\n54321 54322\n54321 / /bin/sh\n/\n",
         out)
    same("and can become nobody else", errno.EPERM,
         g.session("id", user="root").refused)
    check("USER is no capability of it", not g.hello[2] & 16, g.hello)
    st, out, err = run(g, "tty", tty=(80, 24, b""))
    same("its terminal", 0, st)
    g.end()


# Agent and sockets.


def echo_agent(g, opened):
    """The host's answers to agent channels: what comes, in capitals."""
    def on_open(c, params):
        opened.append((c, int.from_bytes(params, "big")))
        g.send(OPENED, c.number, struct.pack(">I", 1 << 20))
        c.keep = False
        c.on_data = lambda data: g.send(DATA, c.number, data.upper())
    g.on_open = on_open


def test_agent():
    for user, uid in ((None, 0), ("nobody", 65534)):
        g = start()
        opened = []
        echo_agent(g, opened)
        s = g.session("echo $SSH_AUTH_SOCK; cat", agent=True, user=user)
        s.expect(b"\n")
        path = inside(s.out.decode().strip())
        st = os.stat(os.path.dirname(path))
        same("folder 0700, the user's", (0o40700, uid),
             (st.st_mode, st.st_uid))
        same("and the socket", (0o140600, uid),
             (os.stat(path).st_mode, os.stat(path).st_uid))
        clients = []
        for i in range(60):
            c = socket.socket(socket.AF_UNIX)
            c.connect(path)
            c.sendall(f"client {i}".encode())
            clients.append(c)
        g.run(lambda: len(opened) == 60)
        same("each one tells its session", {s.number},
             {number for _, number in opened})
        g.idle(0.3)
        good = 0
        for i, c in enumerate(clients):
            c.settimeout(5)
            good += c.recv(100) == f"CLIENT {i}".encode()
        same("60 clients at once", 60, good)
        for c in clients[:30]:
            c.close()
        g.run(lambda: sum(c.got_close or c.got_eof for c, _ in opened) == 30)
        for c, _ in opened:
            if c.got_eof and not c.got_close:
                c.eof()
        g.run(lambda: sum(c.got_close for c, _ in opened) == 30)
        check("their channels are closed", True)
        if user is not None:
            # Past the folder, which keeps it out already.
            os.chmod(os.path.dirname(path), 0o755)
            os.chmod(path, 0o777)
            pid = os.fork()
            if pid == 0:
                os.setuid(12345)
                c = socket.socket(socket.AF_UNIX)
                c.settimeout(5)
                c.connect(path)
                try:
                    os._exit(0 if c.recv(1) == b"" else 1)
                except OSError:
                    os._exit(0)
            before = len(opened)
            g.idle(0.5)
            same("a stranger is turned away", (0, before),
                 (os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]),
                  len(opened)))
        s.eof()
        same("ends", 0, s.wait())
        check("folder gone", not os.path.exists(os.path.dirname(path)))
        g.end()
    # Where the user puts a link in the folder's place, what is root's groups'
    # is none of his.
    g = start(extra_groups=[4])
    with tempfile.TemporaryDirectory(dir=inside("/tmp")) as folder:
        os.chown(folder, 0, 4)
        os.chmod(folder, 0o775)
        open(folder + "/agent", "w").close()
        there = folder[len(args.root or ""):]
        s = g.session(f"f=${{SSH_AUTH_SOCK%/*}}; mv $f $f.x && "
                      f"ln -s {there} $f && echo $f; cat",
                      agent=True, user="nobody")
        s.expect(b"\n")
        path = inside(s.out.decode().strip())
        s.eof()
        s.wait()
        check("nothing is removed with root's groups",
              os.path.exists(folder + "/agent"))
        same("nor are they lost", "0 4\n", run(g, "id -G")[1])
        os.unlink(path)
        os.unlink(path + ".x/agent")
        os.rmdir(path + ".x")
    g.end()
    # Refused by the host; and gone with the guest.
    g = start()
    g.on_open = lambda c, params: (
        g.send(REFUSED, c.number, struct.pack(">H", 1) + b"no agent"),
        g.channels.pop(c.number))
    s = g.session("echo $SSH_AUTH_SOCK; cat", agent=True)
    s.expect(b"\n")
    path = inside(s.out.decode().strip())
    c = socket.socket(socket.AF_UNIX)
    c.connect(path)
    c.settimeout(5)
    g.idle(0.3)
    same("refused is closed", b"", c.recv(1))
    g.end()
    check("gone with the guest", not os.path.exists(os.path.dirname(path)))


def listener(family=socket.AF_INET, address=("127.0.0.1", 0)):
    s = socket.socket(family)
    s.bind(address)
    s.listen(5)
    s.settimeout(10)
    return s


def test_tcp():
    g = start()
    for host, family, address in (
            ("127.0.0.1", socket.AF_INET, "127.0.0.1"),
            ("::1", socket.AF_INET6, "::1"),
            ("localhost", socket.AF_INET, "127.0.0.1"),
            ("LOCALHOST", socket.AF_INET6, "::1")):
        try:
            listen = listener(family, (address, 0))
        except OSError:
            continue
        c = g.tcp(host, listen.getsockname()[1])
        check(f"{host}: opened", c.opened, c.refused)
        peer, _ = listen.accept()
        peer.settimeout(10)
        c.write(b"hello")
        g.idle(0.05)
        same("there", b"hello", peer.recv(100))
        peer.sendall(b"back")
        c.expect(b"back")
        # Half of it closed, then the other half.
        c.eof()
        g.idle(0.05)
        same("EOF there", b"", peer.recv(1))
        peer.sendall(b"still")
        c.expect(b"still")
        peer.close()
        g.run(lambda: c.got_close)
        check("EOF back", c.got_eof)
    # The other order.
    listen = listener()
    port = listen.getsockname()[1]
    c = g.tcp("127.0.0.1", port)
    peer, _ = listen.accept()
    peer.settimeout(10)
    peer.shutdown(socket.SHUT_WR)
    g.run(lambda: c.got_eof)
    c.write(b"late")
    c.eof()
    g.run(lambda: c.got_close)
    same("after its EOF", b"late", peer.recv(100))
    # Reset.
    c = g.tcp("127.0.0.1", port)
    peer, _ = listen.accept()
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                    struct.pack("ii", 1, 0))
    peer.close()
    g.run(lambda: c.got_close)
    check("a reset closes", True)
    # 20 MB there, to one that reads slowly, beside a session.
    c = g.tcp("127.0.0.1", port)
    peer, _ = listen.accept()
    peer.settimeout(10)
    c.write(bytes(200000))
    same("beside one that is not read", (0, "x\n", ""), run(g, "echo x"))
    c.close()
    listen.close()
    same("refused", errno.ECONNREFUSED, g.tcp("127.0.0.1", port).refused)
    same("no such name", errno.EHOSTUNREACH,
         g.tcp("no-such-name.invalid", 80).refused)
    for host, bad_port in (("127.0.0.1", 0), ("x" * 256, 1), ("a\0b", 1),
                           ("", 1)):
        c = g.tcp(host, bad_port)
        check(f"{host[:5]!r} {bad_port}: no address",
              c.refused in (errno.EINVAL, errno.EHOSTUNREACH), c.refused)
    check("no resolver is left", eventually(
        lambda: (g.idle(0.05), children(g.process.pid))[1] == []))
    same("ends well", 0, g.end())


def test_eyeballs():
    """RFC 8305, where tests/regress/guest.sh has made a network for it."""
    with open("/etc/hosts") as f:
        if "two.test" not in f.read():
            print("# no network for it")
            return
    g = start()
    listen = listener()
    port = listen.getsockname()[1]
    begin = time.monotonic()
    c = g.tcp("two.test", port)
    seconds = time.monotonic() - begin
    check("the second address is tried beside the first", c.opened and
          seconds < 5, (c.refused, seconds))
    check("but later", seconds >= 0.2, seconds)
    peer, _ = listen.accept()
    c.close()
    # Both at once; an ordinary one does not wait for them.
    lost = [g.open(TCP, struct.pack(">H", port) + host)
            for host in (b"void.test", b"2001:db8::9")]
    check("beside those that hang", g.tcp("127.0.0.1", port).opened)
    g.run(lambda: all(c.refused is not None for c in lost))
    same("given up", [errno.ETIMEDOUT] * 2, [c.refused for c in lost])
    print(f"# after {time.monotonic() - begin:.1f} s")
    # Gone while some are under way.
    for host in (b"void.test", b"192.0.2.9", b"two.test"):
        g.open(TCP, struct.pack(">H", port) + host)
    g.idle(0.1)
    same("ends well", 0, g.end())


def test_unix():
    g = start()
    with tempfile.TemporaryDirectory(dir=inside("/tmp")) as folder:
        path = folder + "/s"
        there = path[len(args.root or ""):]
        listen = listener(socket.AF_UNIX, path)
        c = g.unix(there)
        check("opened", c.opened, c.refused)
        peer, _ = listen.accept()
        peer.sendall(b"x" * 100000)
        peer.shutdown(socket.SHUT_WR)
        g.run(lambda: c.got_eof)
        same("all of it", 100000, len(c.out))
        c.write(b"back")
        c.eof()
        g.run(lambda: c.got_close)
        peer.settimeout(5)
        same("and back", b"back", peer.recv(10))
        same("no such", errno.ENOENT, g.unix(there + "x").refused)
        for bad in ("relative", "", "/" + "x" * 107, "\0abstract", "/a\0b"):
            same(f"{bad[:9]!r} is refused", errno.EINVAL,
                 g.unix(bad).refused)
    same("ends well", 0, g.end())


# Bad input.


def hostile(what, send, after_hello=True, error=True):
    g = start()
    try:
        if after_hello:
            g.run(lambda: g.hello is not None)
        send(g)
        end = time.monotonic() + 10
        while not g.ended and time.monotonic() < end:
            g.turn(0.1)
    except Broken as e:
        check(f"{what}: {e}", False)
    status = g.end()
    check(f"{what}: ends by itself, with an ERROR",
          g.ended and status == 255 and (g.error is not None) == error and
          len(g.notes) > 0, (g.ended, status, g.error, bytes(g.notes)))


def test_hostile():
    def open_session(g, params, number=1):
        g.send(OPEN, number, struct.pack(">BI", SESSION, 1 << 20) + params)

    def raw(data):
        return lambda g: g.queue.extend(data)
    hostile("garbage", raw(b"GET / HTTP/1.0\r\n\r\n" * 10), False)
    hostile("zeros", raw(bytes(100)))
    hostile("a long frame", lambda g: g.send(DATA, 1, bytes(65537)))
    hostile("a very long frame", raw(struct.pack(">BBHI", DATA, 0, 1,
                                                 0xffffffff)))
    hostile("data on no channel", lambda g: g.send(DATA, 1, b"x"))
    hostile("data on channel 0", lambda g: g.send(DATA, 0, b"x"))
    hostile("the guest's number", lambda g: open_session(g, b"", 2))
    hostile("HELLO again", lambda g: g.send(HELLO, 0, bytes(44)))
    hostile("ERROR", lambda g: g.send(ERROR, 0, b"enough"), error=False)

    def too_much(g):
        s = g.session("sleep 100")
        g.send(DATA, s.number, bytes(65536))
        for _ in range(20):
            g.send(DATA, s.number, bytes(65536))
    hostile("more than its window", too_much)
    # What makes no session is refused, and the rest goes on.
    g = start()
    for what, params in (
            ("an unknown item", item(99, "x")),
            ("no length", b"\x01\0\0"),
            ("too long a length", b"\x01\xff\xff\xff\xffx"),
            ("two commands", item(1, "a") + item(1, "b")),
            ("a command and arguments", item(1, "a") + item(6, "b")),
            ("a NUL", item(1, "a\0b")),
            ("a variable without =", item(2, "A")),
            ("one without a name", item(2, "=x")),
            ("a small terminal", item(3, bytes(7))),
            ("an agent with something", item(5, "x"))):
        c = g.open(SESSION, params)
        g.run(lambda: c.opened or c.refused is not None)
        same(f"{what} is refused", errno.EINVAL, c.refused)
    c = g.open(SESSION, b"".join(item(2, f"V{i}=1") for i in range(2000)))
    g.run(lambda: c.opened or c.refused is not None)
    same("too many variables", errno.E2BIG, c.refused)
    # 4 MiB of it: the kernel's limit, not ours.
    c = g.open(SESSION, b"".join(item(6, "x" * 100) for _ in range(39000)))
    same("4 MiB of arguments", 127, c.wait())
    same("the rest goes on", (0, "x\n", ""), run(g, "echo x"))
    # As many as there can be.
    many = [g.session("sleep 100", wait=False) for _ in range(150)]
    g.run(lambda: all(c.opened or c.refused for c in many))
    check("150 sessions at once", all(c.opened for c in many),
          [c.refused for c in many if c.refused])
    for c in many:
        c.close()
    same("ends well", 0, g.end())
    # Bytes at random behind a good beginning, each time the same.
    dice = random.Random(4)
    kinds = [OPEN, DATA, EOF, CLOSE, WINDOW, SIZE, SIGNAL, PING, OPENED,
             REFUSED, STATUS, STDERR, PONG, TCP, AGENT]
    bad = []
    for i in range(args.rounds):
        g = start()
        try:
            s = g.session("cat", tty=(80, 24, b"") if i % 2 else None,
                          agent=bool(i % 3))
            for _ in range(dice.randrange(1, 20)):
                n = dice.choice((0, 1, 4, 8, 20, 300))
                g.send(dice.choice(kinds), dice.choice((0, 1, 1, 1, 2, 3)),
                       dice.randbytes(n))
            g.idle(0.05)
        except Broken:
            pass
        status = g.end()
        if status not in (0, 255):
            bad.append((i, status, bytes(g.notes)))
    same(f"{args.rounds} random streams", [], bad)


def test_bare():
    """An image with nothing but a shell, read-only, and no terminals."""
    if not args.root or os.path.exists(inside("/etc")):
        return
    g = start()
    same("a command", (3, "0\n/ / 0 /bin/sh\n", "err\n"), run(
        g, "id -u; echo $(pwd) $HOME $USER $SHELL; echo err >&2; exit 3"))
    s = g.session(tty=(80, 24, b""))
    same("no terminal to be had", errno.ENOENT, s.refused)
    check("and it says so", "terminal" in s.text, s.text)
    same("no place for an agent's socket", (0, "none\n"),
         run(g, "echo ${SSH_AUTH_SOCK-none}", agent=True)[:2])
    check("is noted", b"agent" in g.notes, g.notes)
    same("nobody to become", errno.ENOENT,
         g.session("id", user="root").refused)
    same("names are not found", errno.EHOSTUNREACH,
         g.tcp("no-such.invalid", 1).refused)
    same("ends well", 0, g.end())


def test_end():
    """A guest whose peer is gone, or does not read, ends."""
    g = start()
    s = g.session("yes")
    s.reading = s.keep = False
    g.idle(0.2)
    g.process.stdout.close()
    try:
        status = g.process.wait(10)
    except Exception:
        status = None
    same("stdout closed", 0, status)
    g = start()
    g.run(lambda: g.hello is not None)
    for i in range(100000):
        g.send(PING, 0, struct.pack(">Q", i))
    g.stdout_saved = g.stdout
    end = time.monotonic() + 20
    # Writes only.
    while g.queue and time.monotonic() < end and g.process.poll() is None:
        try:
            n = os.write(g.stdin, g.queue[:65536])
            del g.queue[:n]
        except BlockingIOError:
            time.sleep(0.01)
        except BrokenPipeError:
            break
    try:
        status = g.process.wait(10)
    except Exception:
        status = None
    same("asks without listening to the answers", 255, status)


def test_memory():
    g = start()
    run(g, "true")
    s = g.session("cat")
    with open(f"/proc/{g.process.pid}/smaps_rollup") as f:
        pss = next(x for x in f if x.startswith("Pss:")).split()[1]
    print(f"# PSS with a session: {pss} kB")
    if not args.behaviour:
        check("at most 1 MB PSS", int(pss) <= 1024, pss)
        size = os.stat(inside(args.guest)).st_size
        print(f"# file: {size} bytes")
        check("at most 200 KB", size <= 200 * 1024, size)
    s.eof()
    s.wait()
    g.end()


def main():
    global args
    p = argparse.ArgumentParser()
    p.add_argument("-r", dest="root", help="the guest's root")
    p.add_argument("-t", dest="tests", action="append", help="only this one")
    p.add_argument("-n", dest="rounds", type=int, default=60,
                   help="random streams")
    p.add_argument("-b", dest="behaviour", action="store_true",
                   help="how it behaves, not how large it is")
    p.add_argument("guest")
    p.add_argument("argument", nargs="*")
    args = p.parse_args()
    for name, test in list(globals().items()):
        if not name.startswith("test_") or (
                args.tests and name[5:] not in args.tests):
            continue
        print(f"# {name[5:]}", flush=True)
        begin = time.monotonic()
        try:
            test()
        except Exception as e:
            check(f"{name[5:]}: {type(e).__name__}: {e}", False,
                  e.__traceback__.tb_next and
                  e.__traceback__.tb_next.tb_lineno)
        print(f"# {time.monotonic() - begin:.1f} s", flush=True)
    print(f"# {passed} passed, {failed} failed")
    sys.exit(failed != 0)


if __name__ == "__main__":
    main()
