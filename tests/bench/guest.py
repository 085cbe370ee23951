# SPDX-License-Identifier: Apache-2.0
"""Rows of bench.py: what the guest costs, and what needs it."""
import os
import subprocess
import tempfile
import time

from measure import (BULK_RUNS, CONFIG, GUEST, HELPER, LOCAL, MIB, PART, PLAIN,
                     RUNS, SESSION, in_turns, kubectl, nothing, processes, pss,
                     row, run, running)

FILE = int(1024 * MIB * PART)
FILES = int(5000 * PART)
IDLE = int(os.environ.get("BENCH_IDLE", "100"))

# In the container.
THERE = "/var/tmp/k8shell-bench"
CARRIED = " ".join(
    f"{place}/k8shell-[0-9]*"
    for place in ('"$HOME"/.cache', "/tmp", "/var/tmp", "/dev/shm", "/run")
)


def in_pod(script):
    run(kubectl("alice", "--", "sh", "-c", script))


def not_carried():
    in_pod(f"rm -rf {CARRIED}")
    return {}


def guest_setup():
    """In a container that has no guest yet, in one that has, and without."""
    t = in_turns(
        RUNS,
        cold=(SESSION + ["true"], not_carried),
        warm=(SESSION + ["true"], nothing),
        plain=(PLAIN + ["true"], nothing),
    )
    ms = {k: v * 1000 for k, v in t.items()}
    for name, goal in ("warm", 5), ("cold", 300):
        row(
            f"ssh ws true, {name}",
            f"{ms[name]:.0f} ms",
            f"guest = off {ms['plain']:.0f} ms",
            f"{ms[name] - ms['plain']:+.1f} ms (goal: at most +{goal})",
        )


def guest_size():
    path = os.path.join(os.environ["K8SHELL_BUILD"], "guest",
                        "k8shell-guest-" + os.uname().machine)
    row(
        "size of the guest's file",
        f"{os.stat(path).st_size / 1000:.0f} KB",
        "",
        "goal: at most 200",
    )


class Copies:
    """A folder "from" and "to" in memory here, and the same in the pod."""

    def __enter__(self):
        self.folder = tempfile.TemporaryDirectory(
            dir=os.environ["BENCH_FOLDER"])
        in_pod(f"rm -rf {THERE}; mkdir {THERE}")
        return self

    def __exit__(self, *why):
        self.folder.cleanup()
        in_pod(f"rm -rf {THERE}")

    def here(self, name):
        return os.path.join(self.folder.name, name)

    def clear(self):
        """Before each run: what the last one made."""
        subprocess.run(["rm", "-rf", self.here("to")], check=True)
        in_pod(f"rm -rf {THERE}/to")
        return {}

    def sftp(self, command):
        batch = self.here("batch." + command.replace(" ", "."))
        with open(batch, "w") as f:
            source, target = (
                (f"{THERE}/from", self.here("to"))
                if command.startswith("get")
                else (self.here("from"), f"{THERE}/to")
            )
            f.write(f"{command} {source} {target}\n")
        return (["sftp", "-q", "-F", CONFIG, "-b", batch, "ws"], self.clear)

    def rsync(self, source, target):
        return (["rsync", "-a", "-e", f"ssh -F {CONFIG}", source, target],
                self.clear)

    def kubectl(self, source, target):
        def before():
            # tar says that it takes the leading / away.
            return {**self.clear(), "stderr": subprocess.DEVNULL}
        return (["kubectl", "cp", source, target], before)


def in_ws(name):
    return f"ws/alice:{THERE}/{name}"


def sftp_file():
    """One large file, each way. SSH encrypts, kubectl's TLS does as well."""
    with Copies() as c:
        with open(c.here("from"), "wb") as f:
            run(["head", "-c", str(FILE), "/dev/urandom"], stdout=f)
        in_pod(f"head -c {FILE} /dev/urandom >{THERE}/from")
        times = {
            "get": in_turns(
                BULK_RUNS,
                sftp=c.sftp("get"),
                kubectl=c.kubectl(in_ws("from"), c.here("to")),
            ),
            "put": in_turns(
                BULK_RUNS,
                sftp=c.sftp("put"),
                kubectl=c.kubectl(c.here("from"), in_ws("to")),
            ),
        }
    for way, t in times.items():
        mbs = {k: FILE / v / 1e6 for k, v in t.items()}
        row(
            f"sftp {way}, {FILE // MIB} MiB",
            f"{mbs['sftp']:.0f} MB/s",
            f"kubectl cp {mbs['kubectl']:.0f} MB/s",
            f"{mbs['sftp'] / mbs['kubectl']:.2f} of it (goal: at least 0.9)",
        )


def small_files():
    with Copies() as c:
        os.mkdir(c.here("from"))
        for i in range(FILES):
            with open(c.here(f"from/{i}"), "wb") as f:
                f.write(os.urandom(4096))
        run(["kubectl", "cp", c.here("from"), in_ws("from")])
        times = {
            "up": in_turns(
                BULK_RUNS,
                rsync=c.rsync(c.here("from/"), f"ws:{THERE}/to"),
                sftp=c.sftp("put -r"),
                kubectl=c.kubectl(c.here("from"), in_ws("to")),
            ),
            "down": in_turns(
                BULK_RUNS,
                rsync=c.rsync(f"ws:{THERE}/from/", c.here("to")),
                sftp=c.sftp("get -r"),
                kubectl=c.kubectl(in_ws("from"), c.here("to")),
            ),
        }
    for way, t in times.items():
        for name, goal in ("rsync -a", "goal: at most 1"), ("sftp -r", ""):
            seconds = t[name.split()[0]]
            row(
                f"{name}, {FILES} files of 4 KiB {way}",
                f"{seconds:.2f} s",
                f"kubectl cp {t['kubectl']:.2f} s",
                f"{seconds / t['kubectl']:.2f} of it "
                + (f"({goal})" if goal else ""),
            )


def opened(argv):
    """Seconds until IDLE sessions, begun at once, have all said a word."""
    start = time.monotonic()
    sessions = [
        subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        for _ in range(IDLE)
    ]
    failed = sum(s.stdout.readline() != b"ready\n" for s in sessions)
    return time.monotonic() - start, failed, sessions


def closed(sessions):
    for s in sessions:
        s.stdin.close()
    for s in sessions:
        s.wait(timeout=60)
        s.stdout.close()
    time.sleep(1)  # their sshds end, and cost no more


def idle_sessions():
    word = "echo ready; exec cat"
    ways = {
        "k8shell": SESSION + [word],
        "guest = off": PLAIN + [word],
        "stock ssh": LOCAL + [word],
        "kubectl": kubectl("-i", "alice", "--", "sh", "-c", word),
    }
    seconds, failed, memory = {}, {}, {}
    for name, argv in ways.items():
        before = processes()
        seconds[name], failed[name], sessions = opened(argv)
        new = {p: v for p, v in processes().items() if p not in before}
        memory[name] = {
            what: sum(map(pss, running(new, what))) / IDLE
            for what in (HELPER, GUEST, "/kubectl$")
        }
        closed(sessions)
    peers = list(ways)[1:]
    row(
        f"{IDLE} sessions at once",
        f"{seconds['k8shell']:.1f} s",
        ", ".join(f"{p} {seconds[p]:.1f}" for p in peers),
        f"failed: {failed['k8shell']} "
        f"({', '.join(str(failed[p]) for p in peers)})",
    )
    row(
        "memory of each of them (PSS)",
        f"{memory['k8shell'][HELPER]:.2f} MB",
        f"guest = off {memory['guest = off'][HELPER]:.2f}, "
        f"kubectl {memory['kubectl']['/kubectl$']:.1f} MB",
        f"and in the pod {memory['k8shell'][GUEST]:.2f} MB",
    )
