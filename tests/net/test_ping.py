#!/usr/bin/env python3
"""ping on a network namespace of the test's own, whose user is root in it. 10.99.9.1 is on a wire whose other end takes
no frame that is not for it: what is sent to 10.99.9.2 vanishes. In the lab and through routers: test_ping_net.py.
"""

import json
import os
import pathlib
import pty
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
from cases import Skip, case, check, contains, done, equal, skip  # noqa: E402
from pings import FAST, REPLY, WITHOUT, is_inside, objects, ping, run_inside  # noqa: E402
from procs import SOCKDIAG, as_user, have, run, state, user_uid, wait_until  # noqa: E402

HERE = pathlib.Path(__file__).resolve()
FORGED = int(os.environ.get("FORGED") or 100_000)


def is_usage_error(result, part):
    equal(result.returncode, 2, "exit status")
    equal(result.stdout, "", "stdout")
    contains(result.stderr, part)
    contains(result.stderr, "sockdiag ping --help")


# ---- outside: file capabilities, and who calls ----

def with_capability():
    """A copy of the program that every user may use raw sockets by."""
    if os.geteuid() != 0 or user_uid() is None or have("setcap"):
        raise Skip(have("setcap") or "the caller is not root, or there is no other user")
    directory = pathlib.Path(tempfile.mkdtemp(prefix="setcap-"))
    directory.chmod(0o755)
    program = directory / "sockdiag"
    shutil.copy2(SOCKDIAG, program)
    program.chmod(0o755)
    set_it = run("setcap", "cap_net_raw+ep", program)
    if set_it.returncode != 0:
        raise Skip(f"no file capabilities here: {set_it.stderr.strip()}")
    return program


if not is_inside():
    with case("with setcap cap_net_raw+ep, an ordinary user has raw sockets"):
        program = with_capability()
        shown = run(*as_user(program, "ping", "-v", "-c", 1, "127.0.0.1"))
        if shown.returncode == 126 or "Operation not permitted" in shown.stderr:
            raise Skip("the capability of the file is not honoured here")
        equal((shown.returncode, shown.stderr), (0, ""))
        contains(shown.stdout, "64 bytes from 127.0.0.1: icmp_seq=1 ttl=64 time=")
        contains(shown.stdout, "sent, icmp_seq=1")
        shown = run(*as_user(program, "ping", "-f", "-c", 1, "127.0.0.1"))
        is_usage_error(shown, "-f is for root only")
        shown = run(*as_user(program, "ping", "-i", "0.001", "-c", 1, "127.0.0.1"))
        is_usage_error(shown, "for root only")

    run_inside(HERE)

WORK = tempfile.TemporaryDirectory(prefix="sockdiag-ping-")
DIR = pathlib.Path(WORK.name)
subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
for line in ("link add v0 type veth peer name v1", "link set v0 up", "link set v1 up", "address add 10.99.9.1/24 dev v0",
             "neighbour add 10.99.9.2 lladdr 02:00:00:00:00:99 dev v0 nud permanent"):
    subprocess.run(["ip", *line.split()], check=True)
NOBODY = "10.99.9.2"
IPV6 = pathlib.Path("/proc/net/if_inet6").exists()


# ---- what a ping user knows ----

with case("lines, summary and exit status of ping"):
    shown = ping("-c", 5, *FAST, "127.0.0.1")
    equal((shown.returncode, shown.stderr), (0, ""))
    lines = shown.stdout.splitlines()
    equal(lines[0], "PING 127.0.0.1 (127.0.0.1) 56(84) bytes of data.")
    equal([(who, seq) for who, seq, _ in REPLY.findall(shown.stdout)], [("127.0.0.1", str(n)) for n in range(1, 6)])
    equal(lines[6:8], ["", "--- 127.0.0.1 ping statistics ---"])
    check(re.fullmatch(r"5 packets transmitted, 5 received, 0% packet loss, time \d+ms", lines[8]), lines[8])
    check(re.fullmatch(r"rtt min/avg/max/mdev = (\d+\.\d{3}/){3}\d+\.\d{3} ms", lines[9]), lines[9])
    check(re.fullmatch(r"rtt p50/p90/p99 = (\d+\.\d{3}/){2}\d+\.\d{3} ms", lines[10]), lines[10])
    equal(len(lines), 11)

if IPV6:
    with case("the same over IPv6"):
        shown = ping("-c", 2, *FAST, "::1")
        equal((shown.returncode, shown.stderr), (0, ""))
        contains(shown.stdout, "PING ::1 (::1) 56(104) bytes of data.")
        equal(len(REPLY.findall(shown.stdout)), 2)
else:
    skip("the same over IPv6", "this kernel has no IPv6")

with case("a name: shown beside the address, and not with -n; -4 and -6 choose"):
    shown = ping("-4", "-c", 1, "localhost")
    equal(shown.returncode, 0)
    contains(shown.stdout, "PING localhost (127.0.0.1)")
    contains(shown.stdout, "64 bytes from localhost (127.0.0.1): icmp_seq=1")
    shown = ping("-4", "-n", "-c", 1, "localhost")
    check("localhost" not in shown.stdout, shown.stdout)
    shown = ping("-6", "-c", 1, "127.0.0.1")
    equal((shown.returncode, shown.stdout), (2, ""))
    contains(shown.stderr, "127.0.0.1: ")

with case("an unknown name, an unreachable network: said, status 2"):
    for host, text in (("no-such-host.invalid", "no-such-host.invalid: "), ("192.0.2.1", "192.0.2.1: Network is unreachable")):
        shown = ping("-c", 1, host)
        equal((shown.returncode, shown.stdout), (2, ""))
        contains(shown.stderr, text)

with case("a route that refuses, an address of one link: the message names it"):
    for net, kind in (("10.98.1", "blackhole"), ("10.98.2", "prohibit"), ("10.98.3", "unreachable")):
        subprocess.run(["ip", "route", "add", kind, f"{net}.0/24"], check=True)
        shown = ping("-c", 1, f"{net}.1")
        equal((shown.returncode, shown.stdout), (2, ""))
        check(re.fullmatch(f"sockdiag ping: the route to {net}.1 is .*{kind}.*\n", shown.stderr), shown.stderr)
        if IPV6:
            subprocess.run(["ip", "-6", "route", "add", kind, f"fd98:{net[-1]}::/64"], check=True)
            shown = ping("-c", 1, f"fd98:{net[-1]}::1")
            equal((shown.returncode, shown.stdout), (2, ""))
            contains(shown.stderr, kind)
    if IPV6:
        contains(ping("-c", 1, "fe80::9").stderr, "sockdiag ping: fe80::9 is an address of one link")

with case("0.0.0.0 and :: are this host, as in ping"):
    shown = ping("-c", 1, "0.0.0.0")
    equal((shown.returncode, shown.stderr), (0, ""))
    contains(shown.stdout, "PING 0.0.0.0 (127.0.0.1)")
    if IPV6:
        contains(ping("-c", 1, "::").stdout, "64 bytes from :: (::1): icmp_seq=1")

with case("nobody answers: status 1, 100% loss"):
    shown = ping("-c", 2, *FAST, "-W", "0.05", NOBODY)
    equal((shown.returncode, shown.stderr), (1, ""))
    contains(shown.stdout, "2 packets transmitted, 0 received, 100% packet loss")
    check("rtt" not in shown.stdout, shown.stdout)

with case("-w: the time is up, whatever was sent; with -c the status tells whether all came"):
    shown = ping("-w", "1.1", "-i", "0.25", NOBODY)
    equal(shown.returncode, 1)
    check(2 <= int(re.search(r"(\d+) packets transmitted", shown.stdout)[1]) <= 5, shown.stdout)
    shown = ping("-w", "0.3", "-i", "0.1", "-c", 50, "127.0.0.1")
    equal(shown.returncode, 1)
    shown = ping("-w", 30, *FAST, "-c", 3, "127.0.0.1")
    equal(shown.returncode, 0)
    # Until three answers are read: a busy machine may have sent more by then.
    check(re.search(r"([3-9]|\d{2,}) packets transmitted, \1 received", shown.stdout), shown.stdout)
    equal(ping("-w", "0.2", "-i", "0.1", "127.0.0.1").returncode, 0)

with case("a broadcast address: asks for -b"):
    shown = ping("-c", 1, "10.99.9.255")
    equal((shown.returncode, shown.stdout), (2, ""))
    contains(shown.stderr, "-b")
    shown = ping("-b", "-c", 1, "-W", "0.05", "10.99.9.255")
    equal(shown.returncode, 1)  # the kernel answers no broadcast unless it is told to
    contains(shown.stderr, "warning: 10.99.9.255 is a broadcast address")

with case("a broadcast address that answers"):
    try:
        pathlib.Path("/proc/sys/net/ipv4/icmp_echo_ignore_broadcasts").write_text("0", encoding="ascii")
    except OSError as error:
        raise Skip(f"icmp_echo_ignore_broadcasts: {error}") from error
    shown = ping("-b", "-c", 1, "10.99.9.255")
    equal(shown.returncode, 0)
    contains(shown.stdout, "64 bytes from 10.99.9.1: icmp_seq=1")

with case("-q: the summary only; -D: time stamps; -a: the bell; -O: what has no answer yet"):
    shown = ping("-q", "-c", 3, *FAST, "127.0.0.1")
    equal(shown.returncode, 0)
    check("bytes from" not in shown.stdout, shown.stdout)
    contains(shown.stdout, "3 received")
    shown = ping("-D", "-a", "-c", 1, "127.0.0.1")
    check(re.search(r"^\[\d{10,}\.\d{6}\] 64 bytes from .* ms\n\a", shown.stdout, re.M), shown.stdout)
    shown = ping("-O", "-c", 3, *FAST, "-W", "0.1", NOBODY)
    equal(re.findall(r"^no answer yet for icmp_seq=(\d)$", shown.stdout, re.M), ["1", "2"])

with case("-s, -t, -Q, -p, -I: what is asked for is what leaves, --diff and -v say so"):
    shown = ping("-v", "-c", 1, "-s", 16, "-t", 9, "-Q", "0x10", "-p", "a5", "-I", "10.99.9.1", "127.0.0.1")
    equal((shown.returncode, shown.stderr), (0, ""))
    contains(shown.stdout, "PATTERN: 0xa5\nPING 127.0.0.1 (127.0.0.1) from 10.99.9.1 : 16(44) bytes of data.\n")
    sent, received = shown.stdout.split("received, icmp_seq=1")
    for part in ("sent, icmp_seq=1, 44 bytes", "│ Time to Live 9", "TOS 16", "Source Address 10.99.9.1 ", "Type 8 ", "a5 a5"):
        contains(sent, part, "sent")
    for part in ("Type 0 ", "Source Address 127.0.0.1 ", "a5 a5"):
        contains(received, part, "received")
    shown = ping("--diff", "-c", 1, "--width", 120, "127.0.0.1")
    check(re.search(r"Sequence Number +1 +1 +1 +this probe's number", shown.stdout), shown.stdout)
    shown = ping("--diff", "--ascii", "-c", 1, "-W", "0.05", NOBODY)
    contains(shown.stdout, "icmp_seq=1, no answer:")
    check(shown.stdout.isascii(), shown.stdout)
    shown = ping("--diff", "-c", 1, "--width", 120, "127.0.0.1")
    check(re.search(r"^ Checksum .* kernel: always computed$", shown.stdout, re.M), shown.stdout)
    contains(shown.stdout, "Payload: begins with the cookie")
    for host in ("127.0.0.1", *(["::1"] if IPV6 else [])):
        shown = ping("--diff", "-c", 1, "--udp", 9, "--width", 140, host)
        quoted = shown.stdout[shown.stdout.index("quoted by the answer"):]
        check(re.search(r"^ Source Port .* the port that the probe left from$", quoted, re.M), shown.stdout)
        check(re.search(r"^ Destination Port +9 +9 +9 +the port asked$", quoted, re.M), shown.stdout)
        check(re.search(r"^ Type .* an error about a datagram$", shown.stdout, re.M), shown.stdout)
    shown = ping("-I", "lo", "-c", 1, "127.0.0.1")
    contains(shown.stdout, "from 127.0.0.1 lo: 56(84)")
    equal(shown.returncode, 0)

with case("-I: an address that is not this machine's is refused; one of a link has its interface with it"):
    for address, host in (("192.0.2.7", "127.0.0.1"), *((("fd98::7", "::1"),) if IPV6 else ())):
        for words in ((), ("--tcp", 9), ("--udp", 9)):
            shown = ping("-c", 1, "-W", "0.05", "-I", address, *words, host)
            equal((shown.returncode, shown.stdout), (2, ""), shown.stderr)
            contains(shown.stderr, f"{address} is no address of this machine")
    if IPV6:
        subprocess.run(["ip", "address", "add", "fe80::5/64", "dev", "v0", "nodad"], check=True)
        wait_until(lambda: run("ip", "-6", "route", "show", "table", "local", "fe80::5").stdout, what="fe80::5 is local")
        shown = ping("-c", 1, "-I", "fe80::5%v0", "fe80::5%v0")
        equal((shown.returncode, shown.stderr), (0, ""))
        contains(shown.stdout, " from fe80::5 v0: 56(104) bytes")
        is_usage_error(ping("-c", 1, "-I", "fe80::5", "fe80::5%v0"), "needs its interface")
        is_usage_error(ping("-c", 1, "-I", "fe80::5%none", "fe80::5%v0"), "'none' is neither")

with case("payload from none to the largest"):
    for size in (0, 1, 3, 4, 7, 8, 9, 55, 1472, 65507):
        shown = ping("-q", "-c", 2, *FAST, "-s", size, "127.0.0.1")
        equal(shown.returncode, 0, f"-s {size}: {shown.stdout}{shown.stderr}")
        contains(shown.stdout, f"{size}({size + 28}) bytes of data")
        if IPV6:
            equal(ping("-q", "-c", 2, *FAST, "-s", size, "::1").returncode, 0, f"-s {size}, IPv6")

with case("TCP and UDP probes: open and closed ports, IPv4 and IPv6"):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        shown = ping("--tcp", port, "-c", 2, *FAST, "127.0.0.1")
        equal((shown.returncode, shown.stderr), (0, ""))
        equal(shown.stdout.count(f"(port {port} is open)"), 2)
        contains(shown.stdout, f"TCP port {port}, 0(")
    for host in ("127.0.0.1", *(["::1"] if IPV6 else [])):
        shown = ping("--tcp", 9, "-c", 2, *FAST, host)
        equal((shown.returncode, shown.stdout.count("(port 9 is closed)")), (0, 2), f"{shown.stdout}{shown.stderr}")
        shown = ping("--udp", 9, "-c", 2, *FAST, host)
        equal((shown.returncode, shown.stdout.count("(port 9 is closed)")), (0, 2), f"{shown.stdout}{shown.stderr}")
        contains(shown.stdout, "udp_seq=2")

with case("-A, -l, --busy, --rate, -f"):
    shown = ping("-q", "-A", "-c", 500, "127.0.0.1")
    equal(shown.returncode, 0)
    contains(shown.stdout, "500 received, 0% packet loss")
    check(int(re.search(r"time (\d+)ms", shown.stdout)[1]) < 50_000, shown.stdout)  # 499 s if it did not adapt
    shown = ping("-l", 3, "-c", 3, "127.0.0.1")
    check(int(re.search(r"time (\d+)ms", shown.stdout)[1]) < 2000, shown.stdout)  # 2 s if one came after the other
    for words in (("--busy", *FAST), ("--rate", 1000), ("-f",), ("-i", 0)):
        shown = ping("-q", *words, "-c", 100, "127.0.0.1")
        equal(shown.returncode, 0, words)
        contains(shown.stdout, "100 received, 0% packet loss")

with case("wrong options are named, status 2"):
    for words, part in (((), "which host?"), (("-4", "-6", "::1"), "-4 and -6"), (("-i", "x", "::1"), "'x' is no time"),
                        (("-i", "1..2", "::1"), "is no time"), (("-W", "-1", "::1"), "is no time"), (("-c", "0", "::1"), "--count"),
                        (("-s", "65508", "::1"), "--size"), (("-t", "256", "::1"), "--ttl"), (("-Q", "256", "::1"), "--tos"),
                        (("-p", "xy", "::1"), "hexadecimal"), (("-p", "0" * 33, "::1"), "16 bytes"), (("-M", "maybe", "::1"), "maybe"),
                        (("-I", "no-such-if", "::1"), "no-such-if"), (("-I", "127.0.0.1", "-6", "::1"), "-I is an IPv4 address"),
                        (("--tcp", "1", "--udp", "1", "::1"), "exclude"), (("--file", "-", "::1"), "not both"),
                        (("--json", "-v", "::1"), "--json"), (("-q", "--diff", "::1"), "-q"), (("-A", "-f", "::1"), "-f and -A")):
        is_usage_error(ping(*words), part)
    shown = ping("--file", DIR / "missing")
    equal(shown.returncode, 2)
    contains(shown.stderr, "missing")


# ---- signals ----

class Running:
    """A ping that goes on until it is told to end."""

    def __init__(self, *words, **more):
        self.process = subprocess.Popen([SOCKDIAG, "ping", *map(str, words)], stdin=subprocess.DEVNULL,
                                        **({"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | more))

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.process.kill()
        self.process.communicate(timeout=20)

    def read_until(self, stream, part):
        text = b""
        while part not in text:
            ready, _, _ = select.select([stream], [], [], 20)
            check(ready, lambda: f"{part!r} did not come; {text!r} did")
            more = os.read(stream.fileno(), 1 << 16)
            check(more, lambda: f"it ended; {text!r} came")
            text += more
        return text.decode()

    def end(self, number=signal.SIGINT):
        self.process.send_signal(number)
        out, err = self.process.communicate(timeout=20)
        return self.process.returncode, out.decode(), err.decode()


for options in (FAST, (*FAST, "--busy"), ("-f",)):
    with case(f"SIGQUIT prints the counts, SIGINT ends with the summary: {' '.join(options)}"), \
            Running(*options, "127.0.0.1") as running:
        running.read_until(running.process.stdout, b"PING")
        wait_until(lambda: (running.process.send_signal(signal.SIGQUIT),
                            re.search(r"([3-9]|\d\d+)/\d+ packets, 0% loss, min/avg/max = [\d./]+ ms\n",
                                      running.read_until(running.process.stderr, b"ms\n")))[1], what="the counts")
        status, out, err = running.end()
        equal(status, 0)
        contains(out, "--- 127.0.0.1 ping statistics ---")
        contains(out, "0% packet loss")

with case("SIGTERM too; without an answer the status is 1; ended where nobody reads"):
    with Running(*FAST, NOBODY) as running:
        running.read_until(running.process.stdout, b"PING")
        equal(running.end(signal.SIGTERM)[0], 1)
    with Running(*FAST, "127.0.0.1") as running:
        running.read_until(running.process.stdout, b"icmp_seq=2")
        running.process.stdout.close()
        equal(running.process.wait(timeout=20), 0)
        running.process.stdout = None
    with open("/dev/full", "wb") as full:
        shown = ping("-c", 1, "127.0.0.1", stdout=full)
    equal(shown.returncode, 2)
    contains(shown.stderr, "No space left")

with case("what waits sleeps"), Running("-i", 30, "127.0.0.1") as running:
    running.read_until(running.process.stdout, b"icmp_seq=1")
    wait_until(lambda: state(running.process.pid) == "S", what="sleep")
    spent = pathlib.Path(f"/proc/{running.process.pid}/stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()[11:13]
    check(sum(map(int, spent)) < 20, f"{spent} ticks of CPU")


def on_terminal(*words):
    """What ping prints on a terminal."""
    parent, child = pty.openpty()
    with subprocess.Popen([SOCKDIAG, "ping", *map(str, words)], stdin=subprocess.DEVNULL, stdout=child,
                          env=os.environ | {"LC_ALL": "C.UTF-8"}) as process:
        os.close(child)
        text = b""
        try:
            while data := os.read(parent, 1 << 16):
                text += data
        except OSError:
            pass  # EIO: the other end is closed
        os.close(parent)
        process.wait(20)
    return text.decode()


with case("on a terminal: a picture of the times; a flood draws dots and takes them back"):
    shown = on_terminal("-c", 10, *FAST, "127.0.0.1")
    check(re.search(r"^rtt [▁▂▃▄▅▆▇█]{10} \d+\.\d{3} to \d+\.\d{3} ms\r$", shown, re.M), shown)
    shown = on_terminal("--ascii", "-c", 10, *FAST, "127.0.0.1")
    check(re.search(r"^rtt [-_.=+*%#]{10} \d", shown, re.M) and shown.isascii(), shown)
    shown = on_terminal("-f", "-c", 10, "127.0.0.1")
    equal((shown.count("."), shown.count("\b \b")) >= (10, 10), True, shown)


# ---- JSON ----

with case("JSON: reply, lost, summary, total"):
    found = objects(ping("--json", "-c", 3, *FAST, "127.0.0.1"))
    equal(set(found), {"reply", "summary", "total"})
    equal(list(found["reply"][0])[:7], ["type", "target", "address", "seq", "bytes", "ttl", "rtt_ns"])
    equal([(r["seq"], r["bytes"], r["ttl"], r["clock"]) for r in found["reply"]], [(n, 64, 64, "kernel") for n in (1, 2, 3)])
    summary, = found["summary"]
    equal(list(summary)[:11], ["type", "target", "sent", "received", "duplicates", "late", "rtt_min_ns", "rtt_mean_ns",
                               "rtt_p50_ns", "rtt_p99_ns", "rtt_max_ns"])
    times = sorted(r["rtt_ns"] for r in found["reply"])
    equal((summary["sent"], summary["received"], summary["duplicates"], summary["late"]), (3, 3, 0, 0))
    equal((summary["rtt_min_ns"], summary["rtt_p50_ns"], summary["rtt_max_ns"]), tuple(times))
    equal(summary["rtt_mean_ns"], sum(times) // 3)
    shown = ping("--json", "-c", 2, *FAST, "-W", "0.05", NOBODY)
    equal((shown.returncode, shown.stderr), (1, ""))
    found = objects(shown)
    equal([(item["target"], item["address"], item["seq"]) for item in found["lost"]], [(NOBODY, NOBODY, 1), (NOBODY, NOBODY, 2)])
    equal((found["summary"][0]["lost"], found["summary"][0]["rtt_min_ns"]), (2, None))
    shown = ping("--json", "no-such-host.invalid")
    equal(shown.returncode, 2)
    equal((objects(shown)["total"][0]["hosts"], objects(shown)["total"][0]["unresolved"]), (1, 1))


# ---- several hosts ----

with case("several hosts: a line for each answer, a table, status of the worst"):
    shown = ping("-c", 2, "-i", "0.05", "-W", "0.1", "127.0.0.1", "10.99.9.1", NOBODY)
    equal((shown.returncode, shown.stderr), (1, ""))
    equal(len(REPLY.findall(shown.stdout)), 4)
    rows = [line.split() for line in shown.stdout.splitlines() if line.startswith((" 127", " 10.99"))]
    equal([row[:4] for row in rows], [["127.0.0.1", "2", "2", "0%"], ["10.99.9.1", "2", "2", "0%"], [NOBODY, "2", "0", "100%"]])
    contains(shown.stdout, "2 of 3 hosts answered; 6 packets transmitted, 4 received, 33.3333% packet loss")
    shown = ping("-c", 1, "127.0.0.1", "no-such-host.invalid", "127.0.0.2")
    equal(shown.returncode, 2)
    contains(shown.stderr, "no-such-host.invalid: ")
    contains(shown.stdout, "2 of 3 hosts answered, 1 could not be asked")
    equal(ping("-q", "-c", 1, "127.0.0.1", "127.0.0.2").returncode, 0)

with case("two hosts of one address are told apart"):
    found = objects(ping("--json", "-c", 5, *FAST, "127.0.0.1", "127.0.0.1"))
    equal([(s["sent"], s["received"], s["duplicates"]) for s in found["summary"]], [(5, 5, 0)] * 2)

with case("1,000 hosts from a file, by a flood, by a rate, and at the usual pace"):
    hosts = [f"127.0.{n // 250 + 1}.{n % 250 + 1}" for n in range(1000)]
    listed = DIR / "hosts"
    listed.write_text("# a thousand\n\n" + "".join(f"  {host}  # {n}\n" for n, host in enumerate(hosts)), encoding="ascii")
    for words in (("-f", "-c", 10), ("--rate", 5000, "-c", 1), ("-c", 1)):
        shown = ping("-q", "--json", *words, "--file", listed)
        equal((shown.returncode, shown.stderr), (0, ""), words)
        found = objects(shown)
        equal([s["target"] for s in found["summary"]], hosts)
        equal({(s["sent"], s["received"], s["duplicates"]) for s in found["summary"]}, {(words[-1], words[-1], 0)})
        equal(found["total"][0]["dropped"], 0)
    shown = ping("-q", "-f", "-c", 1, "--file", "-", input="127.0.0.1\n#127.0.0.2\n127.0.0.3")
    contains(shown.stdout, "2 of 2 hosts answered")
    equal(ping("--file", "-", input="# nobody\n").returncode, 2)
    equal(ping("--file", "-", input="x" * 1000).returncode, 2)

with case("a name from a file cannot obey a terminal"):
    shown = ping("-q", "-c", 1, "--file", "-", input="\x1b]0;x\x07\n127.0.0.1\n")
    equal(shown.returncode, 2)
    check("\x1b" not in shown.stderr + shown.stdout, shown.stderr)


# ---- without privilege ----

RANGE = pathlib.Path("/proc/sys/net/ipv4/ping_group_range")  # of a new namespace: nobody

with case("without CAP_NET_RAW and ping_group_range: one message names both, and the ways"):
    if run(*WITHOUT, "true").returncode != 0:
        raise Skip("setpriv cannot drop a capability here")
    shown = run(*WITHOUT, SOCKDIAG, "ping", "-c", 1, "127.0.0.1")
    equal((shown.returncode, shown.stdout, len(shown.stderr.splitlines())), (2, "", 1))
    for part in ("CAP_NET_RAW", "ping_group_range", "sudo", "setcap", "sockdiag lab"):
        contains(shown.stderr, part)
    shown = run(*WITHOUT, SOCKDIAG, "ping", "-c", 1, "--tcp", 80, "127.0.0.1")
    equal((shown.returncode, shown.stdout), (2, ""))
    contains(shown.stderr, "CAP_NET_RAW")

with case("without CAP_NET_RAW, with ping_group_range: echo sockets, and it is said"):
    if run(*WITHOUT, "true").returncode != 0:
        raise Skip("setpriv cannot drop a capability here")
    RANGE.write_text("0 0", encoding="ascii")
    for host in ("127.0.0.1", *(["::1"] if IPV6 else [])):
        shown = run(*WITHOUT, SOCKDIAG, "ping", "-c", 3, *FAST, host)
        equal(shown.returncode, 0, shown.stderr)
        contains(shown.stderr, "no CAP_NET_RAW: using echo sockets")
        equal(len(REPLY.findall(shown.stdout)), 3, shown.stdout)
    shown = run(*WITHOUT, SOCKDIAG, "ping", "-q", "-c", 2, *FAST, "-s", 65507, "127.0.0.1")
    equal(shown.returncode, 0, shown.stdout + shown.stderr)
    shown = run(*WITHOUT, SOCKDIAG, "ping", "-c", 1, *FAST, "127.0.0.1", "127.0.0.2", NOBODY)
    contains(shown.stdout, "2 of 3 hosts answered")


# ---- hostile answers ----

def memory(pid):
    text = pathlib.Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    return int(re.search(r"VmRSS:\s+(\d+)", text)[1])


with case(f"{FORGED:,} forged answers: none matches, none is lost for them, memory does not grow"), \
        subprocess.Popen([sys.executable, str(HERE.parent / "programs" / "forger.py"), str(FORGED)],
                         stdout=subprocess.PIPE) as forger:
    equal(forger.stdout.readline(), b"ready\n")
    with Running("--json", "-i", "0.02", "127.0.0.1", stdout=(DIR / "forged.json").open("wb")) as running:
        equal(forger.stdout.readline(), b"begun\n")
        before = memory(running.process.pid)
        equal(forger.stdout.readline(), b"done\n")
        wait_until(lambda: state(running.process.pid) == "S", what="all is looked at")
        grown = memory(running.process.pid) - before
        running.process.send_signal(signal.SIGINT)
        running.process.wait(20)
        lines = [json.loads(line) for line in (DIR / "forged.json").read_text(encoding="utf-8").splitlines()]
    summary = next(item for item in lines if item["type"] == "summary")
    total = next(item for item in lines if item["type"] == "total")
    equal((summary["duplicates"], summary["late"], summary["errors"], summary["differing"]), (0, 0, 0, 0))
    check(total["forged"] + total["strange"] + total["dropped"] > FORGED // 20, total)
    check(total["forged"] > 0, total)
    check(summary["sent"] - summary["received"] <= min(1, total["dropped"]) + 1, f"{summary} {total}")
    equal([item["type"] for item in lines if item["type"] in ("error", "duplicate", "late")], [])
    check(grown < 8192 or os.environ.get("SAN"), f"{grown} KiB")


with case("what the socket had no room for is told, and is no loss of the network"), \
        subprocess.Popen([sys.executable, str(HERE.parent / "programs" / "forger.py"), str(3 * FORGED)],
                         stdout=subprocess.PIPE) as forger:
    equal(forger.stdout.readline(), b"ready\n")
    with Running("-q", *FAST, "127.0.0.1") as running:
        equal(forger.stdout.readline(), b"begun\n")
        running.process.send_signal(signal.SIGSTOP)
        equal(forger.stdout.readline(), b"done\n")
        running.process.send_signal(signal.SIGCONT)
        status, out, err = running.end()
    equal((status, err), (0, ""))
    dropped = re.search(r"^the socket dropped (\d+) packets?: this machine was too slow", out, re.M)
    check(dropped and int(dropped[1]) > 1000, out)
    contains(out, " 0% packet loss")

done()
