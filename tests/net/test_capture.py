#!/usr/bin/env python3
"""Live capture, in a network namespace of the test's own:

    [ lo 127.0.0.1 ]     [ va ]=====[ vb ]   (a veth pair, both ends here)
"""

import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
import pcapng  # noqa: E402
from cases import case, check, contains, done, equal, skip  # noqa: E402
from procs import SOCKDIAG, as_user, can_lab, have, in_chroot, run, sockdiag, user_sockdiag, user_uid, wait_until  # noqa: E402

if "SOCKDIAG_TEST_INSIDE" not in os.environ:
    POSSIBLE, WHY_NOT = can_lab()
    MISSING = have("unshare", "ip", "setpriv", "mount")
    if not POSSIBLE or MISSING:
        skip("live capture", MISSING or WHY_NOT)
        done()
    python = "/usr/bin/python3" if os.access("/usr/bin/python3", os.X_OK) else sys.executable
    plain_root = os.geteuid() == 0 and user_uid() is None
    with tempfile.TemporaryDirectory(prefix="sockdiag-capture-") as work:
        os.chmod(work, 0o777)
        environment = os.environ | {"SOCKDIAG_TEST_INSIDE": work, "SOCKDIAG": user_sockdiag()}
        # In a chroot the root directory is no mount, so nothing can be said of its propagation.
        words = ["unshare", "--net", "--mount", *(["--propagation", "unchanged"] if in_chroot() else []), *([] if plain_root else ["--user", "--map-root-user"]),
                 python, str(pathlib.Path(__file__).resolve())]
        readable = run(*as_user(python, "-c", "open(%r)" % __file__)).returncode == 0
        line = as_user(*words) if readable else words
        sys.exit(subprocess.run(line, env=environment, check=False).returncode)

DIR = pathlib.Path(os.environ["SOCKDIAG_TEST_INSIDE"])
subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
subprocess.run(["ip", "link", "add", "va", "type", "veth", "peer", "name", "vb"], check=True)


class Capture:
    """A capture that runs; ready when it says so, which it does after the interface was opened."""

    def __init__(self, *words):
        self.out = open(DIR / "out", "w+b")
        self.err = open(DIR / "err", "w+b")
        self.process = subprocess.Popen([SOCKDIAG, "capture", *map(str, words)], stdin=subprocess.DEVNULL,
                                        stdout=self.out, stderr=self.err)
        wait_until(lambda: b"capturing on" in self.stderr() or self.process.poll() is not None, what="the capture")

    def stderr(self):
        return (DIR / "err").read_bytes()

    def stdout(self):
        return (DIR / "out").read_bytes()

    def lines(self):
        return self.stdout().count(b"\n")

    def end(self, number=signal.SIGINT):
        """(exit status, stdout, stderr)"""
        if number is not None:
            self.process.send_signal(number)
        self.process.wait(20)
        self.out.close()
        self.err.close()
        return self.process.returncode, self.stdout().decode(), self.stderr().decode()


def send(count, size=10, port=9):
    """UDP datagrams to a port of lo where somebody listens, so that nothing answers."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as target, \
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as source:
        target.bind(("127.0.0.1", port))
        for _ in range(count):
            source.sendto(b"x" * size, ("127.0.0.1", port))


def files():
    """In the order of their numbers: cap, cap-2, …; time stamps of files are too coarse."""
    return sorted(DIR.glob("cap*"), key=lambda path: int((re.findall(r"\d+", path.stem) or [1])[0]))


def clean():
    for path in DIR.glob("cap*"):
        path.unlink()


def read_by_others(path, count):
    """tcpdump and tshark count the packets of a file as we do, and say nothing of damage."""
    if not have("tcpdump"):
        # As root it would become another user, and in a user namespace there is none.
        words = ["tcpdump", "-Z", "root"] if in_chroot() else ["unshare", "--user", "--map-user=1", "tcpdump"]
        ran = run(*words, "-n", "-r", path)
        equal(ran.returncode, 0, f"tcpdump: {ran.stderr}")
        equal(len(ran.stdout.splitlines()), count, f"tcpdump on {path.name}")
    if not have("tshark"):
        ran = run("tshark", "-n", "-r", path, env=os.environ | {"HOME": str(DIR)})
        equal(ran.returncode, 0, f"tshark: {ran.stderr}")
        equal(len(ran.stdout.splitlines()), count, f"tshark on {path.name}")


@case("packets become lines, SIGINT ends with counts")
def _():
    capture = Capture("-i", "lo", "udp")
    send(5)
    wait_until(lambda: capture.lines() >= 5, what="five lines")
    status, out, err = capture.end()
    equal(status, 0)
    equal(len(out.splitlines()), 5)
    for line in out.splitlines():
        contains(line, "> 127.0.0.1:9 UDP len 10")
    contains(err, "5 packets captured, 0 dropped by the kernel")


@case("JSON: a packet a line, then a summary; SIGTERM ends")
def _():
    capture = Capture("--json", "-i", "lo", "tcp", "port", "7777")
    with socket.create_server(("127.0.0.1", 7777)) as server, socket.create_connection(("127.0.0.1", 7777)) as client:
        peer, _ = server.accept()
        client.sendall(b"hello")
        equal(peer.recv(10), b"hello")
        peer.close()
    wait_until(lambda: capture.lines() >= 6, what="six packets")
    status, out, err = capture.end(signal.SIGTERM)
    equal(status, 0, err)
    objects = [json.loads(line) for line in out.splitlines()]
    check(all(line.startswith('{"type":') for line in out.splitlines()), "type does not come first")
    packets = [o for o in objects if o["type"] == "packet"]
    equal(objects[-1]["type"], "summary")
    equal(objects[-1]["packets"], len(packets))
    equal(objects[-1]["dropped"], 0)
    equal([p["number"] for p in packets], list(range(1, len(packets) + 1)))
    equal(packets[0]["flags"], 2, "the SYN")
    equal(sum(p["payload"] for p in packets), 5)
    times = [int(p["time_ns"]) for p in packets]
    equal(times, sorted(times))
    # lo never has a finished checksum: that is no fault.
    check({p["checksum"] for p in packets} <= {"partial", "good"}, {p["checksum"] for p in packets})


@case("-c ends by itself")
def _():
    capture = Capture("-i", "lo", "-c", "3", "udp")
    send(10)
    status, out, err = capture.end(None)
    equal(status, 0, err)
    equal(len(out.splitlines()), 3)
    contains(err, "3 packets captured")


@case("a file is complete, and opens in tcpdump and tshark")
def _():
    clean()
    path = DIR / "cap.pcapng"
    capture = Capture("-i", "lo", "-w", path, "udp")
    send(20, 1000)
    wait_until(lambda: path.exists() and len(pcapng.read(path, lenient=True).packets) == 20, what="twenty packets")
    status, out, err = capture.end()
    equal((status, out), (0, ""), err)
    contains(err, "20 packets captured, 20 written, 0 dropped")
    written = pcapng.read(path)
    equal(len(written.packets), 20)
    equal(written.damage, None)
    interface = written.interfaces[0][0]
    equal((interface.name, interface.ticks_per_second), ("lo", 10**9))
    equal(interface.statistics.get("dropped"), 0)
    equal({len(p.data) for p in written.packets}, {1042})
    read_by_others(path, 20)


@case("--pcap writes classic pcap")
def _():
    clean()
    path = DIR / "cap.pcap"
    capture = Capture("-i", "lo", "--pcap", "-w", path, "udp")
    send(7)
    wait_until(lambda: path.stat().st_size == 24 + 7 * (16 + 52), what="seven packets")
    equal(capture.end()[0], 0)
    equal(path.read_bytes()[:4], b"\x4d\x3c\xb2\xa1" if sys.byteorder == "little" else b"\xa1\xb2\x3c\x4d")
    read_by_others(path, 7)
    again = sockdiag("capture", "-r", path)
    equal((again.returncode, len(again.stdout.splitlines())), (0, 7))


@case("-C begins another file before one grows too large; none loses a packet")
def _():
    clean()
    capture = Capture("-i", "lo", "-C", "1", "-w", DIR / "cap.pcapng", "udp")
    sent = 0
    while sent < 300:
        send(50, 10000)
        sent += 50
    status, _, err = capture.end()  # what was sent before the signal is written, too
    equal(status, 0, err)
    contains(err, f"{sent} packets captured, {sent} written, 0 dropped")
    names = [path.name for path in files()]
    equal(names, ["cap.pcapng"] + [f"cap-{n}.pcapng" for n in range(2, len(names) + 1)])
    check(len(names) >= 4, names)
    counts = [len(pcapng.read(path).packets) for path in files()]
    equal(sum(counts), sent)
    for path, count in zip(files(), counts):
        check(path.stat().st_size <= 1000000, f"{path.name} has {path.stat().st_size} bytes")
        read_by_others(path, count)


@case("-G begins another file after that time")
def _():
    clean()
    capture = Capture("-i", "lo", "-G", "1", "-w", DIR / "cap.pcapng", "udp")

    def two_files():
        send(1)
        return len(files()) == 2

    wait_until(two_files, what="a second file")
    equal(capture.end()[0], 0)
    first, second = (pcapng.read(path).packets for path in files())
    check(first and second, "a file is empty")
    check(first[-1].time_ns - first[0].time_ns < 10**9, "the first file is too long")
    check(second[0].time_ns - first[0].time_ns >= 10**9, "the second came too early")


@case("an interface that does not exist: the others are named")
def _():
    ran = sockdiag("capture", "-i", "eth99")
    equal(ran.returncode, 2)
    contains(ran.stderr, "there is no interface 'eth99'; there are: ")
    contains(ran.stderr, "lo")


@case("no interface at all")
def _():
    ran = sockdiag("capture")
    equal(ran.returncode, 2)
    contains(ran.stderr, "name one with -i")


@case("an interface that is down, and one that goes down")
def _():
    ran = sockdiag("capture", "-i", "va", timeout=20)
    check(ran.returncode in (2, 3), ran.returncode)
    contains(ran.stderr, "interface va")
    contains(ran.stderr, "down")
    subprocess.run(["ip", "link", "set", "va", "up"], check=True)
    subprocess.run(["ip", "link", "set", "vb", "up"], check=True)
    capture = Capture("-i", "va")
    subprocess.run(["ip", "link", "set", "va", "down"], check=True)
    status, _, err = capture.end(None)
    equal(status, 3, err)
    contains(err, "interface va went down")
    contains(err, "dropped by the kernel")
    subprocess.run(["ip", "link", "set", "va", "up"], check=True)
    capture = Capture("-i", "va")
    subprocess.run(["ip", "link", "del", "va"], check=True)
    status, _, err = capture.end(None)
    equal(status, 3, err)
    contains(err, "interface va")


@case("a wrong filter is shown with what is wrong")
def _():
    ran = sockdiag("capture", "-i", "lo", "tcp", "and", "and")
    equal(ran.returncode, 2)
    contains(ran.stderr, "filter 'tcp and and': ")
    contains(ran.stderr, "syntax error")


@case("without CAP_NET_RAW: what is needed, and the ways to get it")
def _():
    ran = run("setpriv", "--bounding-set=-net_raw", SOCKDIAG, "capture", "-i", "lo", timeout=20)
    equal(ran.returncode, 2, ran.stderr)
    for part in ("CAP_NET_RAW", "sudo", "setcap cap_net_raw+ep", "sockdiag lab"):
        contains(ran.stderr, part)


@case("when packets are looked at, every privilege is gone")
def _():
    capture = Capture("-i", "lo", "udp")
    send(1)
    wait_until(lambda: capture.lines() >= 1, what="a line")
    status = dict(line.split(":\t", 1) for line in
                  pathlib.Path(f"/proc/{capture.process.pid}/status").read_text(encoding="ascii").splitlines()
                  if ":\t" in line)
    capture.end()
    for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        equal(int(status[name], 16), 0, name)
    equal(status["NoNewPrivs"], "1")
    equal(status["Seccomp"], "2")


@case("a full disk: said, and what was written is whole")
def _():
    disk = DIR / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", disk], check=True)
    path = disk / "cap.pcapng"
    capture = Capture("-i", "lo", "-w", path, "udp")

    def full():
        send(10, 1000)
        return capture.process.poll() is not None

    wait_until(full, what="the full disk")
    status, _, err = capture.end(None)
    equal(status, 2, err)
    contains(err, "No space left on device")
    written = pcapng.read(path)
    check(written.packets, "nothing was written")
    contains(err, f", {len(written.packets)} written")
    read_by_others(path, len(written.packets))
    subprocess.run(["umount", disk], check=True)


@case("packets that the kernel dropped: counted, exit status 3")
def _():
    clean()
    capture = Capture("-i", "lo", "--buffer", "1", "-w", DIR / "cap.pcapng", "udp")
    os.kill(capture.process.pid, signal.SIGSTOP)
    send(400, 20000)
    os.kill(capture.process.pid, signal.SIGCONT)
    status, _, err = capture.end()
    equal(status, 3, err)
    check(", 0 dropped by the kernel" not in err, err)


@case("nobody reads the lines any more: a quiet end")
def _():
    reader, writer = os.pipe()
    with subprocess.Popen([SOCKDIAG, "capture", "-i", "lo", "udp"], stdin=subprocess.DEVNULL, stdout=writer,
                          stderr=subprocess.PIPE) as process:
        os.close(writer)
        contains(process.stderr.readline().decode(), "capturing on lo")
        os.close(reader)

        def ended():
            send(1)
            return process.poll() is not None

        wait_until(ended, what="the end")
        equal(process.returncode, 0)
        err = process.stderr.read().decode()
        check("annot" not in err and "roken" not in err, err)


@case("nobody reads the lines any more, but -w writes a file: it goes on")
def _():
    clean()
    path = DIR / "cap.pcapng"
    reader, writer = os.pipe()
    with subprocess.Popen([SOCKDIAG, "capture", "-v", "-i", "lo", "-w", path, "udp"], stdin=subprocess.DEVNULL,
                          stdout=writer, stderr=subprocess.PIPE) as process:
        os.close(writer)
        contains(process.stderr.readline().decode(), "capturing on lo")
        send(1)
        check(os.read(reader, 1000), "no line")
        os.close(reader)
        for count in range(2, 6):  # each is written, and its line lost, before the next comes
            send(1)
            wait_until(lambda: len(pcapng.read(path, lenient=True).packets) == count, what=f"{count} packets")
        process.send_signal(signal.SIGINT)
        equal(process.wait(20), 0)
        contains(process.stderr.read().decode(), "5 packets captured, 5 written")


@case("a file with a filter, from stdin, cut short")
def _():
    clean()
    path = DIR / "cap.pcapng"
    capture = Capture("-i", "lo", "-w", path)
    send(3, port=1001)
    send(4, port=1002)
    wait_until(lambda: path.exists() and len(pcapng.read(path, lenient=True).packets) == 7, what="seven packets")
    equal(capture.end()[0], 0)
    ran = sockdiag("capture", "-r", path, "udp", "port", "1002")
    equal((ran.returncode, len(ran.stdout.splitlines())), (0, 4))
    with open(path, "rb") as file:
        ran = sockdiag("capture", "-r", "-", stdin=file)
    equal((ran.returncode, len(ran.stdout.splitlines())), (0, 7))
    cut = DIR / "cap-cut.pcapng"
    cut.write_bytes(path.read_bytes()[:-200])
    ran = sockdiag("capture", "-r", cut)
    equal(ran.returncode, 3)
    contains(ran.stderr, "cut short at byte")
    contains(ran.stderr, "everything before it was read")
    check(ran.stdout, "what could be read is not shown")
    ran = sockdiag("capture", "-r", path, "-w", path)
    equal(ran.returncode, 2)
    contains(ran.stderr, "is the file that is read")
    equal(len(pcapng.read(path).packets), 7)


done()
