#!/usr/bin/env python3
"""Who looks at bytes that somebody else chose has no right left to lose: `show`, `capture`, the lab's wire and the
recorder's tap are looked at in /proc while they wait for their first byte. As root, where the caller is root; and as the
root of a user namespace, in a network namespace without anything but lo."""

import os
import pathlib
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
from cases import case, check, done, equal, skip  # noqa: E402
from procs import ROOT, SOCKDIAG, as_user, can_userns, have, run, user_python, user_sockdiag, user_uid, wait_until  # noqa: E402

INSIDE = os.environ.get("SOCKDIAG_TEST_INSIDE")
HERE = str(pathlib.Path(__file__).resolve())


def run_inside(who, words):
    """This program again, with those words before it; its cases are printed as they come."""
    environment = os.environ | {"SOCKDIAG_TEST_INSIDE": who, "SOCKDIAG": user_sockdiag()}
    return subprocess.run(words, env=environment, check=False).returncode


if INSIDE is None:
    MISSING = have("unshare", "ip")
    POSSIBLE, WHY_NOT = can_userns()
    statuses = []
    if MISSING is None and os.geteuid() == 0 and run("unshare", "--net", "true").returncode == 0:
        statuses.append(run_inside("root", ["unshare", "--net", sys.executable, HERE]))
    else:
        skip("privileges of root", MISSING or "the caller is not root")
    if MISSING is None and POSSIBLE and user_python() is not None and run(*as_user("cat", HERE)).returncode == 0:
        statuses.append(run_inside("root of a user namespace",
                                   as_user("unshare", "--user", "--map-root-user", "--net", user_python(), HERE)))
    else:
        skip("privileges of the root of a user namespace", MISSING or WHY_NOT or "the tests lie where only root may read")
    sys.exit(1 if any(statuses) else 0)

subprocess.run(["ip", "link", "set", "lo", "up"], check=True)


def status_of(pid):
    """/proc/PID/status as a dictionary; empty when the process is gone."""
    try:
        lines = pathlib.Path(f"/proc/{pid}/status").read_text(encoding="utf-8", errors="replace").splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return {}
    return dict(line.split(":\t", 1) for line in lines if ":\t" in line)


def descendants(pid):
    try:
        children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    except (FileNotFoundError, ProcessLookupError):
        return []
    return [int(child) for child in children] + [more for child in children for more in descendants(int(child))]


def is_filtered(pid):
    return status_of(pid).get("Seccomp") == "2"


def check_rights(pid, uid=None):
    """Nothing is left, and nothing can come back: in no thread."""
    for thread in os.listdir(f"/proc/{pid}/task"):
        check_rights_of(status_of(thread), uid)


def check_rights_of(status, uid):
    for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        equal(int(status[name], 16), 0, f"{status['Name']}: {name}")
    equal(status["NoNewPrivs"], "1", "NoNewPrivs")
    equal(status["Seccomp"], "2", "Seccomp")
    equal(len(set(status["Uid"].split())), 1, "real, effective, saved and file system user are one: Uid")
    equal(len(set(status["Gid"].split())), 1, "Gid")
    if uid is not None:
        equal(status["Uid"].split()[0], str(uid), "Uid")


class Started:
    """A command that runs until the block ends. Its stdin is a pipe that nothing was written to."""

    def __init__(self, *words, **environment):
        self.process = subprocess.Popen([SOCKDIAG, *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, env=os.environ | environment)

    def __enter__(self):
        return self.process

    def __exit__(self, *error):
        self.process.kill()
        self.process.communicate(timeout=20)


def wait_filtered(process):
    wait_until(lambda: is_filtered(process.pid) or process.poll() is not None, what="the system call filter")
    check(process.poll() is None, lambda: f"it ended: {process.stderr.read()!r}")


for words in (("show", "-"), ("show", "--json", "-"), ("capture", "-r", "-"), ("capture", "-i", "lo"),
              ("streams", "-"), ("streams", "--json", "--md5", "-"), ("streams", "-i", "lo")):
    with case(f"{' '.join(words)}, as {INSIDE}: no rights before the first byte"), Started(*words) as process:
        wait_filtered(process)
        check_rights(process.pid)

with case(f"show of a file that only root can open, as {INSIDE}: no rights before its first byte"), \
        tempfile.TemporaryDirectory() as work:
    fifo = pathlib.Path(work) / "pipe"
    os.mkfifo(fifo, 0o600)
    with Started("show", str(fifo)) as process:
        writer = os.open(fifo, os.O_WRONLY)  # returns when show opened it
        wait_filtered(process)
        check_rights(process.pid)
        os.close(writer)

# An address that nobody has: a wire whose other end takes no frame that is not for it.
for line in ("link add v0 type veth peer name v1", "link set v0 up", "link set v1 up", "address add 10.99.9.1/24 dev v0",
             "neighbour add 10.99.9.2 lladdr 02:00:00:00:00:99 dev v0 nud permanent"):
    subprocess.run(["ip", *line.split()], check=True)
for words in (("ping", "10.99.9.2"), ("ping", "-v", "10.99.9.2", "127.0.0.1"), ("ping", "--tcp", "80", "10.99.9.2"),
              ("ping", "--busy", "10.99.9.2")):
    with case(f"{' '.join(words)}, as {INSIDE}: no rights before the first answer"), Started(*words) as process:
        wait_filtered(process)
        check_rights(process.pid)

ROUTE = ("route", "--watch", "--numeric", "--interval", "0.1", "127.0.0.1")
with case(f"{' '.join(ROUTE)}, as {INSIDE}: no rights before the first answer"), Started(*ROUTE) as process:
    wait_filtered(process)
    check_rights(process.pid)

with case(f"extract, as {INSIDE}: no rights before the first byte"), tempfile.TemporaryDirectory() as work, \
        Started("extract", "-d", f"{work}/out", "-") as process:
    wait_filtered(process)
    check_rights(process.pid)
    check(os.path.isdir(f"{work}/out"), "the directory is made before that")
    check(len(os.listdir(f"/proc/{process.pid}/task")) > 1, "there is no thread that writes")

if INSIDE == "root" and user_uid() is not None:
    with case("extract, by sudo: its files belong to the user who called it"), tempfile.TemporaryDirectory() as work:
        os.chmod(work, 0o777)
        with Started("extract", "-d", f"{work}/out", "-", SUDO_UID=str(user_uid()), SUDO_GID=str(user_uid())) as process:
            wait_filtered(process)
            check_rights(process.pid, user_uid())
            equal(os.stat(f"{work}/out").st_uid, user_uid())
            process.communicate((ROOT / "tests/golden/long.pcapng").read_bytes(), timeout=20)
            equal(process.returncode, 0)
            names = os.listdir(f"{work}/out")
            check("index.ndjson" in names and len(names) > 1, names)
            equal({os.stat(f"{work}/out/{name}").st_uid for name in names}, {user_uid()})

if INSIDE == "root" and user_uid() is not None:
    with case("show, by sudo: the user who called it"), \
            Started("show", "-", SUDO_UID=str(user_uid()), SUDO_GID=str(user_uid())) as process:
        wait_filtered(process)
        check_rights(process.pid, user_uid())
        check("0" not in status_of(process.pid)["Groups"].split(), "a group of root is left")

    with case("ping, by sudo: the user who called it"), \
            Started("ping", "10.99.9.2", SUDO_UID=str(user_uid()), SUDO_GID=str(user_uid())) as process:
        wait_filtered(process)
        check_rights(process.pid, user_uid())

    with case("route, by sudo: the user who called it"), \
            Started(*ROUTE, SUDO_UID=str(user_uid()), SUDO_GID=str(user_uid())) as process:
        wait_filtered(process)
        check_rights(process.pid, user_uid())


def worker_of(process, name):
    """A filtered descendant; it is another process of the same program, under its own name."""
    program = os.stat(SOCKDIAG)

    def found():
        for pid in descendants(process.pid):
            try:
                same = os.path.samestat(os.stat(f"/proc/{pid}/exe"), program)
            except OSError:
                continue
            if same and is_filtered(pid) and status_of(pid).get("Name") == name:
                return pid
        check(process.poll() is None, lambda: f"it ended: {process.stderr.read()!r}")
        return None
    return wait_until(found, what=f"the process {name}")


WAITS = ("sh", "-c", "echo ready; read line")

for words in (("send", "--count", "0", "--rate", "5", "ip(dst=localhost)/icmp()"),
              ("send", "--count", "0", "--rate", "5", "--wait", "1", "--link", "-i", "lo", "ip(dst=127.0.0.1)/icmp()")):
    with case(f"{' '.join(words)}, as {INSIDE}: no rights before the first packet"), Started(*words) as process:
        wait_filtered(process)
        check_rights(process.pid)

with case(f"send -w, as {INSIDE}: no rights when packets are built"), tempfile.TemporaryDirectory() as work:
    fifo = pathlib.Path(work) / "pipe"
    os.mkfifo(fifo, 0o666)
    os.chmod(work, 0o777)
    with Started("send", "-w", str(fifo), "--count", "100000", "ip(src=10.0.0.1,dst=10.0.0.2)/udp()") as process:
        reader = os.open(fifo, os.O_RDONLY)  # returns when send opened it, and nobody empties it
        wait_filtered(process)
        check_rights(process.pid)
        os.close(reader)

with case(f"lab, as {INSIDE}: its wire has no rights"), Started("lab", "--", *WAITS) as process:
    equal(process.stdout.readline(), b"ready\n")
    check_rights(worker_of(process, "sockdiag-wire"))

with case(f"record -i, as {INSIDE}: the tap has no rights"), tempfile.TemporaryDirectory() as work, \
        Started("record", "-q", "-i", "lo", "-o", f"{work}/f.pcapng", "--", *WAITS) as process:
    equal(process.stdout.readline(), b"ready\n")
    check_rights(worker_of(process, "sockdiag-tap"))

done()
