#!/usr/bin/env python3
"""route, through a chain of routers in network namespaces of the test's own (tests/lib/chain.py):

    client ──1── r1 ──2── r2 ──3── r3 ──4── server         hop k is 10.0.k.2, fd00:k::2

What a case changes of it (an MTU, a limit, a second link) it changes on a chain of its own.
"""

import fcntl
import json
import os
import pathlib
import pty
import re
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
from cases import case, check, contains, done, equal, skip  # noqa: E402
from chain import Chain  # noqa: E402
from procs import SOCKDIAG, as_user, can_lab, gone, have, in_chroot, run, user_sockdiag, user_uid, wait_until  # noqa: E402

if "SOCKDIAG_TEST_INSIDE" not in os.environ:
    POSSIBLE, WHY_NOT = can_lab()
    MISSING = have("unshare", "ip", "nsenter", "setpriv", "mount")
    if not POSSIBLE or MISSING:
        skip("route", MISSING or WHY_NOT)
        done()
    python = "/usr/bin/python3" if os.access("/usr/bin/python3", os.X_OK) else sys.executable
    plain_root = os.geteuid() == 0 and user_uid() is None
    environment = os.environ | {"SOCKDIAG_TEST_INSIDE": "1", "SOCKDIAG": user_sockdiag()}
    # In a chroot the root directory is no mount, so nothing can be said of its propagation.
    words = ["unshare", "--net", "--mount", *(["--propagation", "unchanged"] if in_chroot() else []),
             *([] if plain_root else ["--user", "--map-root-user"]), python, str(pathlib.Path(__file__).resolve())]
    readable = run(*as_user(python, "-c", "open(%r)" % __file__)).returncode == 0
    sys.exit(subprocess.run(as_user(*words) if readable else words, env=environment, check=False).returncode)

ADDRESSES = {4: [f"10.0.{n}.2" for n in range(1, 5)], 6: [f"fd00:{n}::2" for n in range(1, 5)]}
METHODS = {"icmp": [], "udp": ["--udp"], "tcp": ["--tcp", "9"]}
FAST = ["-i", "0.02"]
FORGED = int(os.environ.get("FORGED") or 100_000)


class Network:
    """A chain for a case, with its routes and its neighbours."""

    def __enter__(self):
        self.chain = Chain()
        return self.chain

    def __exit__(self, *error):
        self.chain.close()


def route(chain, *words, timeout=60, **more):
    return run(*chain.enter("client", SOCKDIAG, "route", *words), timeout=timeout, **more)


def objects(result):
    """{type: [objects]} of --json."""
    found = {}
    for line in result.stdout.splitlines():
        item = json.loads(line)
        found.setdefault(item["type"], []).append(item)
    check("summary" in found, lambda: f"status {result.returncode}: {result.stderr}{result.stdout}")
    return found


def check_hops(found, family):
    equal([hop["address"] for hop in found["hop"]], ADDRESSES[family], "addresses")
    equal([hop["hop"] for hop in found["hop"]], [1, 2, 3, 4])
    equal([hop["answer"] for hop in found["hop"]], ["expired"] * 3 + ["target"])
    for hop in found["hop"]:
        equal((hop["sent"], hop["received"], hop["lost"], hop["addresses"]), (3, 3, 0, 1), f"hop {hop['hop']}")
        check(0 < hop["rtt_min_ns"] <= hop["rtt_p50_ns"] <= hop["rtt_max_ns"] < 10**9, hop)


# ---- a network where nothing is wrong ----

with Network() as chain:
    for family in (4, 6):
        for method, options in METHODS.items():
            with case(f"the hops by {method}, IPv{family}"):
                shown = route(chain, "--json", *FAST, *options, ADDRESSES[family][3])
                equal((shown.returncode, shown.stderr), (0, ""))
                found = objects(shown)
                check_hops(found, family)
                equal((found["mtu"][0]["mtu"], found["mtu"][0]["verdict"]), (1500, "found"))
                check("mtu_fall" not in found, found)
                equal((found["summary"][0]["reached"], found["summary"][0]["method"]), (True, method))

    with case("the table, and what is said below it"):
        shown = route(chain, *FAST, "--width", 100, "10.0.4.2")
        lines = shown.stdout.splitlines()
        contains(lines[0], "route to 10.0.4.2, ICMP echo, 60 bytes, from 10.0.1.1 (e0)")
        equal([line.split()[:4] for line in lines[3:7]], [[str(n), f"10.0.{n}.2", "3", "0/3"] for n in range(1, 5)])
        contains(shown.stdout, "10.0.4.2 is reached at hop 4: it answers to echo.")
        contains(shown.stdout, "Path MTU 1500 to 10.0.4.2, as on e0")
        check("Loss" not in shown.stdout, shown.stdout)
        for width in (40, 60, 80):
            shown = route(chain, *FAST, "--width", width, "fd00:4::2")
            check(all(len(line) <= width for line in shown.stdout.splitlines()), shown.stdout)
        check(route(chain, *FAST, "--ascii", "10.0.4.2").stdout.isascii())
        check(not route(chain, *FAST, "10.0.4.2").stdout.isascii())

    with case("-v: how the answers came, what was tried; -q: the table only"):
        shown = " ".join(route(chain, *FAST, "-v", "10.0.4.2").stdout.split())
        contains(shown, "hop 3 (10.0.3.2): its answer came with TTL 62: hop 3 on its way, if it began with 64; the probe's hop 3.")
        contains(shown, "1500 bytes to hop 4: passes.")
        shown = route(chain, *FAST, "-q", "10.0.4.2")
        check(shown.stdout.rstrip().splitlines()[-1].startswith("   4  10.0.4.2"), shown.stdout)

    with case("an open TCP port, and a UDP port that answers"):
        serves = ("import socket, sys; s = socket.create_server(('', 80)); u = socket.socket(type=socket.SOCK_DGRAM);"
                  "u.bind(('', 53)); print(flush=True)\nwhile 1: d, a = u.recvfrom(9999); u.sendto(d[:20], a)")
        with subprocess.Popen(chain.enter("server", sys.executable, "-c", serves), stdout=subprocess.PIPE) as server:
            server.stdout.readline()
            contains(route(chain, *FAST, "--tcp", "80", "10.0.4.2").stdout, "at hop 4: port 80 is open.")
            contains(route(chain, *FAST, "--udp", "53", "10.0.4.2").stdout, "at hop 4: UDP port 53 answers.")
            server.kill()
        contains(route(chain, *FAST, "--tcp", "80", "10.0.4.2").stdout, "it refuses connections to port 80.")
        contains(route(chain, *FAST, "--udp", "53", "10.0.4.2").stdout, "nothing listens on UDP port 53")

    with case("-m ends before the target: status 1, and what that proves"):
        shown = route(chain, *FAST, "-W", "0.3", "-m", 2, "10.0.4.2")
        equal(shown.returncode, 1)
        contains(shown.stdout, "The last that did is hop 2 (10.0.2.2)")
        contains(shown.stdout, "It does not prove that the fault is behind it")

    with case("-I: an interface, an address, neither"):
        equal(route(chain, *FAST, "-I", "e0", "10.0.4.2").returncode, 0)
        equal(route(chain, *FAST, "-I", "10.0.1.1", "10.0.4.2").returncode, 0)
        shown = route(chain, "-I", "nope", "10.0.4.2")
        equal(shown.returncode, 2)
        contains(shown.stderr, "there is no interface 'nope'; there are: ")
        shown = route(chain, "-I", "10.0.9.9", "10.0.4.2")
        equal(shown.returncode, 2)
        contains(shown.stderr, "10.0.9.9")

    with case("errors of the command line and the network"):
        for words, part in ((["--udp", "--tcp", "10.0.4.2"], "choose one"), ([], "which host?"),
                            (["a", "b"], "one host, not 2"), (["--tcp=x", "10.0.4.2"], "no port"),
                            (["-s", "3", "10.0.4.2"], "under 10 bytes"), (["-W", "0", "10.0.4.2"], "no time"),
                            (["-W", "1e3", "10.0.4.2"], "no time"), (["-4", "-6", "::1"], "choose one"),
                            (["-s", "1473", "10.0.4.2"], "do not leave by e0, whose MTU is 1500"),
                            (["10.77.7.7"], "no route to 10.77.7.7"), (["10.0.1.255"], "an address of many")):
            shown = route(chain, *words)
            equal((shown.returncode, shown.stdout), (2, ""), words)
            contains(shown.stderr, part)

    with case("without CAP_NET_RAW: the capability, and three ways to get it"):
        shown = run(*chain.enter("client", "setpriv", "--bounding-set=-net_raw", "--inh-caps=-all", SOCKDIAG, "route",
                                 "10.0.4.2"))
        equal((shown.returncode, shown.stdout), (2, ""))
        for part in ("CAP_NET_RAW", "sudo", "setcap", "sockdiag lab"):
            contains(shown.stderr, part)

    with case("over loopback"):
        for target in ("127.0.0.1", "::1"):
            found = objects(route(chain, "--json", *FAST, target))
            equal([hop["address"] for hop in found["hop"]], [target])
            equal(found["mtu"][0]["verdict"], "found")

    with case("a reader that is gone, a full disk"):
        for output, status in (("| head -c 10 >/dev/null", 0), (">/dev/full", 2)):
            shown = run(*chain.enter("client", "bash", "-c", f"{SOCKDIAG} route -i 0.02 10.0.4.2 {output}; "
                                     "echo ${PIPESTATUS[0]}"))
            equal(shown.stdout, f"{status}\n", output + shown.stderr)

# ---- constant flow ----

SNIFF = """
import socket, sys
s = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(3))
s.bind(("w", 3))
print("ready", flush=True)
while True:
    data, where = s.recvfrom(65535)
    if where[2] == socket.PACKET_HOST:
        print(data.hex(), flush=True)
"""


class Sniffer:
    """What comes to r1 from the client."""

    def __init__(self, chain):
        self.process = subprocess.Popen(chain.enter("r1", sys.executable, "-c", SNIFF), stdout=subprocess.PIPE, text=True)
        equal(self.process.stdout.readline(), "ready\n")

    def packets(self, chain):
        """All until a datagram to the discard port, which is sent now."""
        chain.sh("client", f"{sys.executable} -c 'import socket; socket.socket(type=2).sendto(bytes(33), (\"10.0.1.2\", 9))'")
        found = []
        for line in self.process.stdout:
            data = bytes.fromhex(line)
            if data[0] >> 4 == 4 and data[9] == 17 and data[22:24] == b"\0\x09" and data[28:] == bytes(33):
                break
            found.append(data)
        self.process.kill()
        self.process.communicate(timeout=20)
        return found


def flow_of(data):
    """What a router may hash of a probe: (addresses, protocol, flow label, traffic class, first 4 bytes of the
    transport), and for ICMP the identifier too; with the TTL."""
    if data[0] >> 4 == 4:
        ttl, protocol, addresses, rest, label = data[8], data[9], data[12:20], data[20:], data[1]
    else:
        ttl, protocol, addresses, rest, label = data[7], data[6], data[8:40], data[40:], data[:4]
    return ttl, (addresses, protocol, label, rest[:6] if protocol in (1, 58) else rest[:4])


PROTOCOLS = {"icmp": {4: 1, 6: 58}, "udp": {4: 17, 6: 17}, "tcp": {4: 6, 6: 6}}
with Network() as chain:
    for family in (4, 6):
        for method, options in METHODS.items():
            with case(f"one flow: addresses, ports, checksum stay, {method}, IPv{family}"):
                sniffer = Sniffer(chain)
                equal(route(chain, *FAST, *options, ADDRESSES[family][3]).returncode, 0)
                probes = [data for data in map(flow_of, sniffer.packets(chain)) if data[1][1] == PROTOCOLS[method][family]
                          and data[1][0].endswith(bytes([2]))]
                check(len(probes) >= 12, f"{len(probes)} probes")
                equal(len({flow for _, flow in probes}), 1, "flows")
                equal({ttl for ttl, _ in probes} >= {1, 2, 3, 4}, True, "TTLs")

    with case("two links between two routers: one run takes one of them, several runs both"):
        chain.link("r1", "e2", "10.0.22.1", "fd00:22::1", "r2", "w2", "10.0.22.2", "fd00:22::2")
        chain.sh("r1", "echo 1 >/proc/sys/net/ipv4/fib_multipath_hash_policy",
                 "ip route replace 10.0.4.0/24 nexthop via 10.0.2.2 nexthop via 10.0.22.2")
        chain.sh("r2", "ip route replace 10.0.1.0/24 via 10.0.2.1", "echo 1 >/proc/sys/net/ipv4/icmp_errors_use_inbound_ifaddr",
                 "echo 0 >/proc/sys/net/ipv4/conf/all/rp_filter", "echo 0 >/proc/sys/net/ipv4/conf/w2/rp_filter")
        chosen = []
        for _ in range(40):
            found = objects(route(chain, "--json", "--no-mtu", "-i", "0.01", "--probes", 5, "--udp", "--", "10.0.4.2"))
            equal(found["hop"][1]["addresses"], 1, "addresses of hop 2 in one run")
            chosen.append(found["hop"][1]["address"])
            if len(set(chosen)) == 2:
                break
        equal(set(chosen), {"10.0.2.2", "10.0.22.2"})

# The first round ends in the midst of it when the target answers, or has nearly sent all its probes by then.
for delay in (10, 60):
    with case(f"a SYN is not sent into the half-open connection of the last: no loss, no forgery, {delay} ms away"):
        serves = "import socket; s = socket.create_server(('10.77.0.2', 80)); s.accept()"
        found = objects(run(SOCKDIAG, "lab", "-q", "--delay", delay, "--server-cmd", f"{sys.executable} -c \"{serves}\"", "--",
                            SOCKDIAG, "route", "--json", "-i", "0.02", "--probes", 4, "--tcp", "80", "10.77.0.2", timeout=60))
        equal([(hop["sent"], hop["lost"]) for hop in found["hop"]], [(4, 0)])
        equal(found["summary"][0]["forged"], 0)

# ---- a router that answers with MPLS labels, and one that forges ----

# On r1, in place of r2: what has TTL 2 is answered in the name of r2, with a label stack (RFC 4884, 4950); before it,
# the same with another cookie in the quote, which nobody who saw the probe would send.
FAKE = """
import socket, struct
s = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(3))
s.bind(("w", 3))
out = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
def total(data):
    n = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while n >> 16: n = (n & 0xffff) + (n >> 16)
    return n ^ 0xffff
def summed(data, at):
    return data[:at] + struct.pack("!H", total(data)) + data[at + 2:]
def answer(quote):
    stack = struct.pack("!HBBII", 12, 1, 1, 24001 << 12 | 5 << 9 | 1, 77 << 12 | 1 << 8 | 254)
    icmp = summed(struct.pack("!BBHBBH", 11, 0, 0, 0, 32, 0) + quote.ljust(128, b"\\0") + summed(struct.pack("!BBH", 32, 0, 0) + stack, 2), 2)
    ip = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(icmp), 0, 0, 60, 1, 0) + socket.inet_aton("10.0.2.2") + quote[12:16]
    out.sendto(ip + icmp, (socket.inet_ntoa(quote[12:16]), 0))
print("ready", flush=True)
while True:
    data, where = s.recvfrom(65535)
    if where[2] == socket.PACKET_HOST and data[0] == 0x45 and data[8] == 2 and data[9] == 1:
        answer(data[:32] + bytes(6) + data[38:60])
        answer(data[:60])
"""

with case("MPLS labels are shown, forged answers are counted and left out"), Network() as chain:
    chain.sh("r2", "echo 2000000000 >/proc/sys/net/ipv4/icmp_ratelimit", "echo 2048 >/proc/sys/net/ipv4/icmp_ratemask")
    with subprocess.Popen(chain.enter("r1", sys.executable, "-c", FAKE), stdout=subprocess.PIPE, text=True) as router:
        equal(router.stdout.readline(), "ready\n")
        found = objects(route(chain, "--json", "--no-mtu", *FAST, "10.0.4.2"))
        shown = " ".join(route(chain, "--no-mtu", *FAST, "10.0.4.2").stdout.split())
        router.kill()
    equal((found["hop"][1]["address"], found["hop"][1]["received"], found["hop"][1]["mpls"]), ("10.0.2.2", 3, [24001, 77]))
    equal(found["summary"][0]["forged"], 3)
    contains(shown, "hop 2 (10.0.2.2) got the probe in MPLS, outermost first: label 24001 (class 5, TTL 1), label 77 "
             "(class 0, TTL 254)")
    contains(shown, "3 forged answers came and were left out.")

# ---- what can be wrong ----

for family, end in ((4, "10.0.4.2"), (6, "fd00:4::2")):
    with case(f"a router that says nothing, IPv{family}"), Network() as chain:
        never = 2_000_000_000  # a limit that is never over; the mask says of what: time exceeded
        chain.sh("r2", f"echo {never} >/proc/sys/net/ipv4/icmp_ratelimit", "echo 2048 >/proc/sys/net/ipv4/icmp_ratemask",
                 f"echo {never} >/proc/sys/net/ipv6/icmp/ratelimit", "echo 3 >/proc/sys/net/ipv6/icmp/ratemask")
        chain.sh("r3", f"echo {never} >/proc/sys/net/ipv4/icmp_ratelimit", "echo 2048 >/proc/sys/net/ipv4/icmp_ratemask",
                 f"echo {never} >/proc/sys/net/ipv6/icmp/ratelimit", "echo 3 >/proc/sys/net/ipv6/icmp/ratemask")
        shown = route(chain, *FAST, end)
        equal(shown.returncode, 0)
        contains(shown.stdout, "\n 2–3  * no answer")
        found = objects(route(chain, "--json", *FAST, end))
        equal([hop["address"] for hop in found["hop"]], [ADDRESSES[family][0], None, None, end])
        equal((found["hop"][1]["received"], found["hop"][1]["lost"], found["hop"][1]["rtt_min_ns"]), (0, 3, None))

    with case(f"a router that has no route: refused, status 1, IPv{family}"), Network() as chain:
        chain.sh("r2", "ip route del 10.0.4.0/24", "ip -6 route del fd00:4::/64")
        shown = route(chain, *FAST, end)
        equal(shown.returncode, 1)
        contains(shown.stdout, f"hop 2 ({ADDRESSES[family][1]}) says \"Destination ")
        found = objects(route(chain, "--json", *FAST, end))
        equal([hop["answer"] for hop in found["hop"]], ["expired", "unreachable"])
        equal((found["summary"][0]["reached"], found["summary"][0]["hops"]), (False, 2))

    for method, options in METHODS.items():
        with case(f"the MTU falls, and the router says so, {method}, IPv{family}"), Network() as chain:
            chain.mtu("r2", "r3", 1400)
            for _ in range(2):  # the second time the kernel knows: that must not hide it
                shown = route(chain, "--json", *FAST, *options, end)
                equal(shown.returncode, 0)
                found = objects(shown)
                equal(found["mtu"][0]["mtu"], 1400)
                fall, = found["mtu_fall"]
                equal((fall["mtu"], fall["refused"], fall["told"], fall["black_hole"]), (1400, 1401, 1400, False))
                equal((fall["hop"], fall["next_hop"], fall["address"]), (2, 3, ADDRESSES[family][1]))
            contains(route(chain, *FAST, *options, end).stdout, f"falls to 1400 behind hop 2 ({ADDRESSES[family][1]}). ")

        with case(f"a black hole: found to the byte, and where, {method}, IPv{family}"), Network() as chain:
            # A receiver with a smaller MTU than its neighbour: it drops what is more than 4 bytes over it, and nobody
            # can say so.
            chain.sh("r3", "ip link set w mtu 1400")
            shown = route(chain, "--json", *FAST, *options, end)
            equal(shown.returncode, 1)
            found = objects(shown)
            equal(found["mtu"][0]["mtu"], 1404)
            fall, = found["mtu_fall"]
            equal((fall["black_hole"], fall["mtu"], fall["refused"]), (True, 1404, 1405))
            equal((fall["hop"], fall["next_hop"], fall["address"]), (2, 3, None))
            equal((fall["large_sent"], fall["large_answered"], fall["small_answered"]), (3, 0, 3))

with case("two falls: one that is told, one black hole"), Network() as chain:
    chain.mtu("r1", "r2", 1450)
    chain.sh("server", "ip link set e0 mtu 1300")
    shown = route(chain, *FAST, "--udp", "10.0.4.2")
    equal(shown.returncode, 1)
    contains(shown.stdout, "Path MTU 1304 to 10.0.4.2; 1500 on e0.")
    contains(shown.stdout, "falls to 1450 behind hop 1 (10.0.1.2)")
    contains(" ".join(shown.stdout.split()), "Black hole behind hop 3 (10.0.3.2): packets over 1304 bytes vanish")
    contains(" ".join(shown.stdout.split()), "3 of 3 lost at 1305 bytes, 3 of 3 small ones beside them answered")

with case("a router that limits its ICMP: loss at the middle hop is no loss of traffic"), Network() as chain:
    chain.sh("r2", "echo 200 >/proc/sys/net/ipv4/icmp_ratelimit")
    words = ("--no-mtu", "-i", "0.02", "--probes", 25, "10.0.4.2")
    shown = " ".join(route(chain, *words).stdout.split())
    contains(shown, "Loss at hop 2 (")
    contains(shown, "but hop 4 (10.0.4.2) behind lost 0 of 25.")
    contains(shown, "It is no loss of your traffic.")
    found = objects(route(chain, "--json", *words))
    equal([hop["loss"] for hop in found["hop"]], ["none", "own", "none", "none"])
    equal(found["hop"][1]["loss_witness"], 4)

with case("loss that goes on behind a hop is told as loss"), Network() as chain:
    # Every router and the target beyond r1 answer only sometimes: no hop behind shows that all went through.
    for name in ("r2", "r3"):
        chain.sh(name, "echo 150 >/proc/sys/net/ipv4/icmp_ratelimit")
    chain.sh("server", "echo 150 >/proc/sys/net/ipv4/icmp_ratelimit", "echo 8 >/proc/sys/net/ipv4/icmp_ratemask")
    found = objects(route(chain, "--json", "--no-mtu", "--udp", "-i", "0.02", "--probes", 25, "10.0.4.2"))
    equal([hop["loss"] for hop in found["hop"]], ["none", "stays", "stays", "stays"])
    shown = " ".join(route(chain, "--no-mtu", "--udp", "-i", "0.02", "--probes", 25, "10.0.4.2").stdout.split())
    contains(shown, "and at every answering hop behind: this may well be loss of your traffic")

with case("--udp to a host that limits its ICMP errors: the loss is said to be perhaps that"), Network() as chain:
    chain.sh("server", "echo 1000 >/proc/sys/net/ipv4/icmp_ratelimit", "echo 8 >/proc/sys/net/ipv4/icmp_ratemask")
    words = ("--no-mtu", "--udp", "-i", "0.02", "-W", "0.5", "--probes", 25, "10.0.4.2")
    shown = " ".join(route(chain, *words).stdout.split())
    contains(shown, "Loss at hop 4 (")
    contains(shown, "of 25): this may well be loss of your traffic, or of the answers on their way back. But these answers "
             "are ICMP errors, of which hosts send few")
    check("--probes 50" not in shown, shown)

with case("send, a traceroute by hand: with a router that says nothing, each answer is its own packet's"), \
        Network() as chain:
    chain.sh("r2", "ip rule add iif lo priority 1 blackhole")
    ran = run(*chain.enter("client", SOCKDIAG, "send", "--json", "--wait", "0.5", "ip(dst=10.0.4.2,ttl=1-4)/udp()"))
    answers = [json.loads(line) for line in ran.stdout.splitlines() if '"type":"answer"' in line]
    equal([(o["number"], o["ambiguous"], f"src=10.0.{o['number']}.2" in o["packet"]) for o in answers],
          [(n, False, True) for n in (1, 3, 4)], ran.stdout)

with case("any address is this machine; an empty name is no host; a family that the host lacks"), Network() as chain:
    for any_address, here in (("0.0.0.0", "127.0.0.1"), ("::", "::1")):
        shown = route(chain, *FAST, any_address)
        equal((shown.returncode, "forged" in shown.stdout), (0, False), shown.stdout)
        contains(shown.stdout, f"({here})")
    contains(route(chain, "").stderr, "an empty name is no host")
    contains(route(chain, "-4", "::1").stderr, "::1 has no IPv4 address")

with case("a neighbour or a router that is not there: this machine says so"), Network() as chain:
    chain.sh("client", "ip route add 10.5.0.0/24 via 10.0.1.78", "ip -6 route add fd05::/64 via fd00:1::78",
             *(f"echo 1 >/proc/sys/net/{name}/neigh/e0/{key}" for name in ("ipv4", "ipv6") for key in ("mcast_solicit",)),
             *(f"echo 100 >/proc/sys/net/{name}/neigh/e0/retrans_time_ms" for name in ("ipv4", "ipv6")))
    for target, asked, whom in (("10.0.1.77", "ARP", "10.0.1.77"), ("10.5.0.1", "ARP", "10.0.1.78, the router on the way"),
                                ("fd05::1", "neighbour discovery", "fd00:1::78, the router on the way")):
        shown = route(chain, *FAST, "-m", 2, target)
        equal(shown.returncode, 1)
        contains(" ".join(shown.stdout.split()), f"nobody on e0 answers {asked} for {whom}. Not a probe left")

with case("probes that cannot be sent: the status says that part is missing"), Network() as chain:
    with subprocess.Popen(chain.enter("client", SOCKDIAG, "route", "--watch", "--json", "--no-mtu", "-i", "0.05", "--probes",
                                      "20", "10.0.1.2"), stdout=subprocess.PIPE, text=True) as process:
        process.stdout.readline()
        chain.sh("client", "ip link set e0 down")
        last = json.loads(process.stdout.read().splitlines()[-1])
        check(last["not_sent"] > 0, last)
        equal(process.wait(20), 3)

# ---- names ----


def mounted(files, line):
    """A shell line on the client that has these files in place of those of /etc."""
    mounts = "".join(f"mount --bind {source} /etc/{name} && " for name, source in files.items())
    return ["unshare", "--mount", "--propagation", "unchanged" if in_chroot() else "private", "sh", "-c", mounts + line]


with tempfile.TemporaryDirectory() as work, Network() as chain:
    hosts, resolv = pathlib.Path(work) / "hosts", pathlib.Path(work) / "resolv.conf"
    hosts.write_text("127.0.0.1 localhost\n10.0.1.2 first.example\n10.0.4.2 target.example\nfd00:2::2 second.example\n")
    resolv.write_text("nameserver 10.0.1.99\noptions timeout:30 attempts:5\n")  # nobody is there
    FILES = {"hosts": hosts, "resolv.conf": resolv}

    with case("names of hops, of both families; a name as the target"):
        shown = run(*chain.enter("client", *mounted(FILES, f"{SOCKDIAG} route -i 0.1 target.example")))
        contains(shown.stdout, "route to target.example (10.0.4.2)")
        contains(shown.stdout, "first.example\n")
        shown = run(*chain.enter("client", *mounted(FILES, f"{SOCKDIAG} route --json -i 0.1 fd00:4::2")))
        equal([hop["name"] for hop in objects(shown)["hop"]], [None, "second.example", None, None])
        shown = run(*chain.enter("client", *mounted(FILES, f"{SOCKDIAG} route -n --json -i 0.1 10.0.4.2")))
        equal([hop["name"] for hop in objects(shown)["hop"]], [None] * 4)

    with case("a resolver that never answers delays nothing"):
        # The hops in between have no name in the file: their lookups wait for 150 s.
        began = time.monotonic()
        shown = run(*chain.enter("client", *mounted(FILES, f"{SOCKDIAG} route --json -i 0.1 10.0.4.2")), timeout=100)
        check(time.monotonic() - began < 30, f"{time.monotonic() - began} s")
        names = [hop["name"] for hop in objects(shown)["hop"]]
        equal(names, ["first.example", None, None, "target.example"])

# ---- privileges, and the helper's life ----


def status_of(pid):
    try:
        lines = pathlib.Path(f"/proc/{pid}/status").read_text(encoding="utf-8", errors="replace").splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return {}
    return dict(line.split(":\t", 1) for line in lines if ":\t" in line)


def helper_of(pid):
    children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    found = [int(child) for child in children if status_of(child).get("Name") == "sockdiag-names"]
    return found[0] if found else None


class Watching:
    """route --watch without a terminal; its first round is out."""

    def __init__(self, chain, *words, **environment):
        self.process = subprocess.Popen(chain.enter("client", SOCKDIAG, "route", "--watch", "-i", "0.1", *words),
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                        text=True, env=os.environ | environment)
        for line in self.process.stdout:
            if line.startswith("   1  "):
                break

    def __enter__(self):
        return self.process

    def __exit__(self, *error):
        self.process.kill()
        self.process.communicate(timeout=20)


with Network() as chain:
    for words in ([], ["--udp"], ["--tcp"], ["-6"]):
        with case(f"no rights are left, nor of its helper: {' '.join(words) or 'icmp'}"), \
                Watching(chain, *words, "fd00:4::2" if words == ["-6"] else "10.0.4.2") as process:
            helper = helper_of(process.pid)
            check(helper is not None, "no helper")
            for pid in (process.pid, helper):
                status = status_of(pid)
                for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
                    equal(int(status[name], 16), 0, f"{status['Name']}: {name}")
                equal(status["NoNewPrivs"], "1", status["Name"])
                equal(len(set(status["Uid"].split())), 1, "Uid")
            equal(status_of(process.pid)["Seccomp"], "2")
            kept = {os.readlink(f"/proc/{helper}/fd/{fd}").split(":")[0] for fd in os.listdir(f"/proc/{helper}/fd")}
            equal(kept, {"/dev/null", "socket"}, "what the helper has open")

    with case("the helper ends with its parent, killed or not"):
        for number in (signal.SIGKILL, signal.SIGINT):
            with Watching(chain, "10.0.4.2") as process:
                helper = helper_of(process.pid)
                process.send_signal(number)
                process.communicate(timeout=20)
                wait_until(lambda: gone(helper), what="the helper's end")

    # ---- --watch ----

    with case("--watch without a terminal: a table each round, an end"):
        shown = route(chain, "--watch", "-i", "0.05", "--probes", 4, "10.0.4.2")
        equal(shown.returncode, 0)
        equal(shown.stdout.count("\n   1  10.0.1.2"), 4, shown.stdout)
        check("\x1b" not in shown.stdout)
        found = objects(route(chain, "--watch", "--json", "-i", "0.05", "--probes", 4, "10.0.4.2"))
        equal(len(found["summary"]), 4)
        equal([hop["sent"] for hop in found["hop"] if hop["hop"] == 1], [1, 2, 3, 4])

    with case("SIGINT: what is known so far, and the status of that"):
        with Watching(chain, "10.0.4.2") as process:
            process.send_signal(signal.SIGINT)
            rest, _ = process.communicate(timeout=20)
            equal(process.returncode, 0)
            contains(rest, "10.0.4.2 is reached at hop 4")


def memory(pid):
    text = pathlib.Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    return int(re.search(r"VmRSS:\s+(\d+)", text)[1])


with Network() as chain, tempfile.TemporaryDirectory() as work:
    FORGER = pathlib.Path(__file__).resolve().parent / "programs" / "forge_answers.py"
    for method, options in METHODS.items():
        with case(f"{FORGED:,} forged answers by {method}: none is taken for a hop's, memory does not grow"), \
                subprocess.Popen(chain.enter("r1", sys.executable, FORGER, "w", FORGED, method), stdin=subprocess.DEVNULL,
                                 stdout=subprocess.PIPE) as forger:
            equal(forger.stdout.readline(), b"ready\n")
            lines = pathlib.Path(work) / "lines"
            with lines.open("wb") as out:
                process = subprocess.Popen(chain.enter("client", SOCKDIAG, "route", "--watch", "--json", "--no-mtu", "-i", "0.05",
                                                       *options, "10.0.4.2"), stdin=subprocess.DEVNULL, stdout=out)
            equal(forger.stdout.readline(), b"begun\n")
            before = memory(process.pid)
            equal(forger.stdout.readline(), b"done\n")
            rounds = lines.read_bytes().count(b'{"type":"summary"')
            wait_until(lambda: lines.read_bytes().count(b'{"type":"summary"') > rounds + 2, what="all is looked at")
            grown = memory(process.pid) - before
            process.send_signal(signal.SIGINT)
            process.wait(20)
            found = [json.loads(line) for line in lines.read_text(encoding="utf-8").splitlines()]
            for hop in (item for item in found if item["type"] == "hop"):
                # As long as the target has not answered, larger TTLs are tried, and it is the target that they reach.
                at = min(hop["hop"], 4)
                check(hop["address"] in (None, ADDRESSES[4][at - 1]) and hop["addresses"] <= 1, hop)
                check(hop["answer"] in (None, "target" if at == 4 else "expired"), hop)
            total = [item for item in found if item["type"] == "summary"][-1]
            check(total["reached"] and total["forged"] > 0, total)
            check(grown < 8192 or os.environ.get("SAN"), f"{grown} KiB")


class Terminal:
    """route --watch on a terminal of its own."""

    def __init__(self, chain, columns, lines):
        self.master, slave = pty.openpty()
        self.size(columns, lines)
        self.before = termios.tcgetattr(slave)
        self.slave = slave
        self.process = subprocess.Popen(chain.enter("client", SOCKDIAG, "route", "--watch", "-i", "0.05", "10.0.4.2"),
                                        stdin=slave, stdout=slave, stderr=slave, start_new_session=True,
                                        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
                                        env=os.environ | {"LC_ALL": "C.UTF-8", "TERM": "xterm"})
        self.seen = ""
        os.set_blocking(self.master, False)

    def size(self, columns, lines):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def read(self):
        try:
            self.seen += os.read(self.master, 65536).decode(errors="replace")
        except BlockingIOError:
            pass
        return self.seen

    def last(self):
        """The last whole screen that was drawn."""
        frames = self.read().split("\x1b[H")
        return frames[-2] if len(frames) > 2 else ""

    def wait(self, condition, what):
        wait_until(lambda: condition(self.last()), what=what)

    def end(self):
        """What is seen until the process ends."""
        wait_until(lambda: (self.read(), self.process.poll() is not None)[1], what="the end")
        return self.read()

    def __enter__(self):
        return self

    def __exit__(self, *error):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(20)
        os.close(self.master)
        os.close(self.slave)


def is_as_before(terminal):
    equal(termios.tcgetattr(terminal.slave), terminal.before, "the terminal's settings")
    check(terminal.seen.rfind("\x1b[?1049l") > terminal.seen.rfind("\x1b[?1049h") > -1, "the screen is not given back")
    check(terminal.seen.rfind("\x1b[?25h") > terminal.seen.rfind("\x1b[?25l") > -1, "the cursor is hidden")


with Network() as chain:
    with case("--watch on a terminal: drawn again and again, another size, q"), Terminal(chain, 120, 40) as terminal:
        terminal.wait(lambda text: "10.0.4.2" in text and "median ms" in text and "Path MTU 1500" in text, "the table")
        check(not termios.tcgetattr(terminal.slave)[3] & (termios.ICANON | termios.ECHO), "keys are not read one by one")
        terminal.size(50, 9)
        terminal.wait(lambda text: "last ms" not in text and "10.0.4.2" in text and
                      all(len(re.sub(r"\x1b\[\d*[mKJ]", "", line)) <= 50 for line in text.split("\r\n")),
                      "a table of 50 columns")
        check(terminal.last().count("\r\n") <= 8, terminal.last())
        os.write(terminal.master, b"xq")
        contains(terminal.end().rsplit("\x1b[?1049l", 1)[1], "10.0.4.2 is reached at hop 4")
        equal(terminal.process.returncode, 0)
        is_as_before(terminal)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
        with case(f"--watch ends by {number.name}: the terminal is as it was"), Terminal(chain, 80, 24) as terminal:
            terminal.wait(lambda text: "10.0.4.2" in text, "the table")
            terminal.process.send_signal(number)
            terminal.end()
            equal(terminal.process.returncode, 0)
            is_as_before(terminal)

    with case("--watch is stopped and goes on: the terminal is given back in between"), \
            Terminal(chain, 80, 24) as terminal:
        terminal.wait(lambda text: "10.0.4.2" in text, "the table")
        # The process leads its session, so that nobody else could wake it: the stop is seen in /proc.
        terminal.process.send_signal(signal.SIGTSTP)
        wait_until(lambda: status_of(terminal.process.pid)["State"].startswith("T"), what="the stop")
        terminal.read()
        is_as_before(terminal)
        terminal.seen = ""
        terminal.process.send_signal(signal.SIGCONT)
        terminal.wait(lambda text: "10.0.4.2" in text, "the table again")
        os.write(terminal.master, b"q")
        terminal.end()
        is_as_before(terminal)

done()
