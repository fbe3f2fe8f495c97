#!/usr/bin/env python3
"""`send`: packets that really leave, and what comes back.

    [ va 10.9.0.1 fd09::1 ]-----[ vb 10.9.0.2 fd09::2, a network namespace of its own ]

in a user namespace, as the ordinary user where the caller is root; and in the lab.
"""

import ctypes
import json
import os
import pathlib
import re
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
import pcapng  # noqa: E402
from cases import Skip, case, check, contains, done, equal, skip  # noqa: E402
from procs import SOCKDIAG, as_user, can_userns, have, run, sockdiag, state, user_python, user_sockdiag, wait_until  # noqa: E402

HERE = str(pathlib.Path(__file__).resolve())

if "SOCKDIAG_TEST_INSIDE" not in os.environ:
    MISSING = have("unshare", "ip", "nsenter", "setpriv")
    POSSIBLE, WHY_NOT = can_userns()
    if MISSING or not POSSIBLE:
        skip("send", MISSING or WHY_NOT)
        done()
    if user_python() is None or run(*as_user("cat", HERE)).returncode != 0:
        skip("send", "the tests lie where only root may read")
        done()
    environment = os.environ | {"SOCKDIAG_TEST_INSIDE": "1", "SOCKDIAG": user_sockdiag()}
    words = as_user("unshare", "--user", "--map-root-user", "--net", "--mount", user_python(), HERE)
    sys.exit(subprocess.run(words, env=environment, check=False).returncode)

WORK = tempfile.TemporaryDirectory(prefix="sockdiag-send-")
DIR = pathlib.Path(WORK.name)
FORGED = int(os.environ.get("FORGED") or 100_000)
MAC_A, MAC_B = "02:00:00:00:00:01", "02:00:00:00:00:02"


def sh(text):
    subprocess.run(["sh", "-e", "-c", text], check=True)


# The other host: a process that waits for the end of its input, for its namespace.
PEER = subprocess.Popen(["unshare", "--net", "sh", "-c", "echo; read line"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
PEER.stdout.readline()
PEER_NS = f"/proc/{PEER.pid}/ns/net"
sh(f"""
ip link set lo up
ip link add va address {MAC_A} type veth peer name vb address {MAC_B} netns {PEER.pid}
ip address add 10.9.0.1/24 dev va
ip -6 address add fd09::1/64 dev va nodad
ip link set va up
nsenter --net={PEER_NS} sh -e -c '
ip address add 10.9.0.2/24 dev vb
ip -6 address add fd09::2/64 dev vb nodad
ip link set lo up
ip link set vb up
echo 0 >/proc/sys/net/ipv4/icmp_echo_ignore_broadcasts'
""")
for side in ([], ["nsenter", f"--net={PEER_NS}"]):
    # Also of the link-local addresses, which neighbour discovery uses.
    wait_until(lambda side=side: "tentative" not in run(*side, "ip", "-6", "address").stdout and
               "fe80:" in run(*side, "ip", "-6", "address").stdout, what="the link's addresses")


def at_peer(function):
    """Run it in the other host's namespace: in a thread, for a namespace is a thread's."""
    result = []

    def work():
        fd = os.open(PEER_NS, os.O_RDONLY)
        check(ctypes.CDLL(None, use_errno=True).setns(fd, 0) == 0, "setns")
        os.close(fd)
        result.append(function())
    thread = threading.Thread(target=work)
    thread.start()
    thread.join(20)
    return result[0]


def udp_at_peer(port):
    def make():
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        udp.bind(("10.9.0.2", port))
        udp.settimeout(10)
        return udp
    return at_peer(make)


def frames_at_peer():
    """A socket that sees every frame that comes to vb."""
    def make():
        frames = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        frames.bind(("vb", 0))
        frames.settimeout(10)
        return frames
    return at_peer(make)


def send(*words, status=0, **more):
    ran = sockdiag("send", *words, **more)
    equal(ran.returncode, status, f"{words}: {ran.stdout} {ran.stderr}")
    return ran


def objects(*words, **more):
    ran = send("--json", *words, **more)
    check(all(line.startswith('{"type":') for line in ran.stdout.splitlines()), "type does not come first")
    return [json.loads(line) for line in ran.stdout.splitlines()]


def of(kind, found):
    return [o for o in found if o["type"] == kind]


def summary(found):
    equal(found[-1]["type"], "summary")
    return found[-1]


def memory(pid):
    text = pathlib.Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    return int(re.search(r"VmRSS:\s+(\d+)", text)[1])


with case(f"{FORGED:,} forged answers: none matches, the right ones do, memory does not grow"), \
        subprocess.Popen(["nsenter", f"--net={PEER_NS}", sys.executable, pathlib.Path(HERE).parent / "programs" / "forge_answers.py",
                          "vb", str(FORGED), "icmp", "udp", "tcp"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as forger:
    equal(forger.stdout.readline(), b"ready\n")
    sh(f"ip neigh replace 10.9.0.3 lladdr {MAC_B} dev va")  # nobody has it: only the forger answers
    expressions = [f"ip(dst=10.9.0.3)/{rest}" for rest in
                   ('icmp(id=5,seq=7)/"x"', 'udp(sport=5000,dport=7001)/"x"', "tcp(sport=5001,dport=7002,flags=S,seq=1000)")]
    with open(DIR / "forged.json", "wb") as out:
        sender = subprocess.Popen([SOCKDIAG, "send", "--json", "--wait", "600", *expressions], stdout=out)
    equal(forger.stdout.readline(), b"begun\n")
    before = memory(sender.pid)
    equal(forger.stdout.readline(), b"done\n")
    wait_until(lambda: state(sender.pid) == "S", what="all is looked at")
    grown = memory(sender.pid) - before
    forger.stdin.write(b"\n")
    forger.stdin.close()
    equal(sender.wait(20), 0)
    found = [json.loads(line) for line in (DIR / "forged.json").read_text(encoding="utf-8").splitlines()]
    equal(len(of("answer", found)), 3, found)
    equal((summary(found)["answered"], summary(found)["errors"]), (3, 0), found)
    check(grown < 8192 or os.environ.get("SAN"), f"{grown} KiB")


# ---- answers ----

for name, expression in (("IPv4 echo on lo", 'ip(dst=127.0.0.1)/icmp(id=5,seq=1-3)/"x"'),
                         ("IPv6 echo on lo", 'ipv6(dst=::1)/icmp6(id=5,seq=1-3)/"x"'),
                         ("IPv4 echo to a neighbour", 'ip(dst=10.9.0.2)/icmp(id=5,seq=1-3)/"x"'),
                         ("IPv6 echo to a neighbour", 'ipv6(dst=fd09::2)/icmp6(id=5,seq=1-3)/"x"'),
                         ("a timestamp request", "ip(dst=10.9.0.2)/icmp(type=timestamp-request,id=5,seq=1-3)"),
                         ("frames, IPv4", f'eth(dst={MAC_B})/ip(dst=10.9.0.2)/icmp(id=5,seq=1-3)/"x"'),
                         ("behind IPv6 extension headers", 'ipv6(dst=fd09::2)/hopopts()/dstopts()/icmp6(id=5,seq=1-3)/"x"')):
    with case(f"{name}: sent, answered, timed"):
        found = objects(expression)
        equal([o["number"] for o in of("sent", found)], [1, 2, 3])
        equal(sorted(o["number"] for o in of("answer", found)), [1, 2, 3])
        equal({o["answer"] for o in of("answer", found)}, {"reply"})
        check(all(0 < o["rtt_ns"] < 10**9 for o in of("answer", found)), "RTT")
        sums = summary(found)
        equal((sums["sent"], sums["answered"], sums["unanswered"], sums["duplicates"], sums["dropped"]), (3, 3, 0, 0, 0))
        for o in of("answer", found):
            check(bytes.fromhex(o["bytes"]), "no bytes")

with case("TCP: an open port and a closed one, IPv4 and IPv6"):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with socket.socket() as other:
            other.bind(("127.0.0.1", 0))
            closed = other.getsockname()[1]
        ran = send(f"ip(dst=127.0.0.1)/tcp(sport=4444,dport=[{port},{closed}],flags=S,seq=100)")
        first, second = sorted(ran.stdout.splitlines())
        contains(first, "flags=SA")
        contains(first, "ack=101")
        contains(second, "flags=RA")
        contains(ran.stderr, "2 packets sent, 2 answered")

with case("an ICMP error is an answer; a packet that nobody answers is listed, and the status tells when all are"):
    quiet = udp_at_peer(5001)
    found = objects("--wait", "0.5", "ip(dst=10.9.0.2)/udp(sport=4000,dport=[5000,5001])")
    (answer,) = of("answer", found)
    equal((answer["number"], answer["answer"]), (1, "error"))
    contains(answer["packet"], "dest-unreach")
    (silent,) = of("unanswered", found)
    equal(silent["number"], 2)
    contains(silent["packet"], "dport=5001")
    ran = send("--wait", "0.2", "ip(dst=10.9.0.2)/udp(sport=4000,dport=5001)", status=1)
    contains(ran.stdout, "no answer")
    contains(ran.stderr, "1 packet sent, 0 answered, 1 without an answer")
    equal(send("--wait", "0", "ip(dst=10.9.0.2)/udp(sport=4000,dport=5001)").stdout, "")
    quiet.close()

with case("a second answer to the same packet is told"):
    twice = udp_at_peer(5002)

    def answer_twice():
        _, address = twice.recvfrom(100)
        twice.sendto(b"one", address)
        twice.sendto(b"two", address)
    thread = threading.Thread(target=answer_twice)
    thread.start()
    # The second packet has no answer, so that the wait goes on.
    found = objects("--wait", "1", "ip(dst=10.9.0.2)/udp(sport=4000,dport=5002)", "ip(dst=10.9.0.77)/udp(dport=1)")
    thread.join()
    equal([o["duplicate"] for o in of("answer", found) if o["number"] == 1], [False, True])
    equal(summary(found)["duplicates"], 1)
    twice.close()

with case("packets of the same bytes: each answer is for the oldest without one"):
    found = objects("--count", "5", "--rate", "100", "ip(dst=10.9.0.2)/icmp(id=9,seq=9)")
    equal([o["number"] for o in of("answer", found)], [1, 2, 3, 4, 5])

with case("packets that wait alike: whose an answer is, is said to be a guess, and its RTT not counted"):
    found = objects("--count", "5", "--rate", "max", "--i-may", "--wait", "1", "ip(dst=10.9.0.2)/icmp(id=9,seq=9)")
    equal([o["ambiguous"] for o in of("answer", found)], [True] * 4 + [False])
    equal((summary(found)["ambiguous"], summary(found)["rtt_min_ns"]), (4, of("answer", found)[4]["rtt_ns"]))
    ran = send("--count", "5", "--rate", "max", "--i-may", "--wait", "1", "ip(dst=10.9.0.2)/icmp(id=9,seq=9)")
    equal(ran.stdout.count("≤"), 4, ran.stdout)
    contains(ran.stderr, "4 answers may be to any of several packets")
    found = objects("--rate", "max", "--i-may", "--wait", "1", "ip(dst=10.9.0.2)/icmp(id=9,seq=1-5)")
    equal([o["ambiguous"] for o in of("answer", found)], [False] * 5)

with case("an identification that is not given counts the packets of its expression"):
    found = objects("--wait", "0.2", "ip(dst=10.9.0.2,ttl=7-9)/icmp(seq=1)", "ip(dst=10.9.0.2)/icmp(seq=9)",
                    "ip(dst=10.9.0.2,id=5,ttl=1-2)/icmp(seq=5)")
    equal([bytes.fromhex(o["bytes"])[4:6].hex() for o in of("sent", found)],
          ["0001", "0002", "0003", "0001", "0005", "0005"])

with case("all of a link by ARP, the own address among them"):
    ran = send("-i", "va", "--wait", "0.2", "arp(pdst=10.9.0.0/30)")
    contains(ran.stdout, f"hwsrc={MAC_B}")
    contains(send("--wait", "0.2", "arp(pdst=10.9.0.0/30)").stdout, f"hwsrc={MAC_B}")

with case("an address of one link without -i; a frame that is too short; ARP where there is none"):
    contains(send("ipv6(dst=ff02::1)/icmp6()", status=2).stderr, "ff02::1 is an address of one link: say with -i")
    contains(send("eth()/ipv6(dst=fe80::1)/icmp6()", status=2).stderr, "fe80::1 is an address of one link: say with -i")
    contains(send("-i", "va", "--link", "hex(02)", status=2).stderr, "a frame has at least the 14 bytes of its header")
    sh("ip link add mute0 type veth peer name mute1; ip link set mute0 arp off up")
    contains(send("-i", "mute0", "--wait", "0.1", "arp(pdst=10.9.0.2)", status=1).stderr, "mute0 does no ARP")
    sh("ip link del mute0")

with case("a full disk: said, and no success, also when packets were sent and answered"):
    with open("/dev/full", "wb") as full:
        for expression in ("ip(dst=10.9.0.2)/icmp(seq=1-5)", "ip(dst=10.9.0.2)/udp(sport=4000,dport=5001)"):
            ran = run(SOCKDIAG, "send", "--wait", "0.2", expression, stdout=full)
            equal(ran.returncode, 2, ran.stderr)
            contains(ran.stderr, "No space left on device")

with case("the interface goes away while packets leave: done in part"):
    sh("ip link add gone0 type veth peer name gone1; ip link set gone1 up; ip addr add 10.9.9.1/24 dev gone0; ip link set gone0 up")
    with subprocess.Popen([SOCKDIAG, "send", "-i", "gone0", "--json", "--count", "0", "--wait", "1", "--rate", "500",
                           "eth(dst=02:00:00:00:00:09)/ip(dst=10.9.9.9)/udp()"], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True) as process:
        process.stdout.readline()
        sh("ip link set gone0 down")
        process.stdout.read()
        equal(process.wait(20), 3)
        contains(process.stderr.read(), "Network is down")
    sh("ip link del gone0")

with case("ARP: who has an address, and one that nobody has"):
    ran = send("-i", "va", "arp(pdst=10.9.0.2)")
    contains(ran.stdout, "op=is-at")
    contains(ran.stdout, f"hwsrc={MAC_B}")
    contains(send("-i", "va", "--wait", "0.2", "arp(pdst=10.9.0.3)", status=1).stdout, "no answer")
    contains(send("arp(pdst=10.9.0.2)").stdout, "op=is-at", "the interface is found by the target")

with case("neighbour discovery"):
    found = objects("-i", "va", "ipv6(dst=ff02::1:ff00:2)/icmp6(type=neighbor-solicitation,tgt=fd09::2,"
                                f"options=[source({MAC_A})])")
    (answer,) = of("answer", found)
    contains(answer["packet"], "neighbor-advertisement")

with case("broadcast: whoever answers has another address than the target"):
    found = objects("--wait", "0.3", "ip(dst=10.9.0.255)/icmp(id=3,seq=4)")
    check(of("answer", found), "no answer")
    contains(of("answer", found)[0]["packet"], "src=10.9.0.2")

with case("a datagram to ourselves is no answer to itself"):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sink:
        sink.bind(("127.0.0.1", 5353))
        equal(of("answer", objects("--wait", "0.2", 'ip(dst=127.0.0.1)/udp(sport=5353,dport=5353)/"x"', status=1)), [])

with case("what is not an answer is not taken for one: 3,000 forged replies"):
    victim = udp_at_peer(5003)
    raw = at_peer(lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_UDP))

    def forge():
        victim.recvfrom(100)
        for number in range(3000):
            port = 1024 + number
            raw.sendto(struct.pack(">HHHH", 5003, port if port != 4000 else 1, 8, 0), ("10.9.0.1", 0))
            raw.sendto(struct.pack(">HHHH", 5004, 4000, 8, 0), ("10.9.0.1", 0))
    thread = threading.Thread(target=forge)
    thread.start()
    found = objects("--wait", "0.7", "ip(dst=10.9.0.2)/udp(sport=4000,dport=5003)", status=1)
    thread.join()
    equal(of("answer", found), [])
    victim.close()
    raw.close()

# ---- what leaves ----


def one_frame(frames, wanted):
    while True:
        data = frames.recv(2000)
        if wanted(data):
            return data


with case("--link sends as it is written, --raw is said to be rewritten and is"):
    frames = frames_at_peer()
    text = "ip(dst=10.9.0.2,id=77,chksum=0xbeef)/udp(dport=5009)"
    ran = send("--link", "--wait", "0", text)
    equal(ran.stderr, "1 packet sent\n")
    data = one_frame(frames, lambda data: data[12:14] == b"\x08\x00" and data[18:20] == b"\0\x4d")
    equal((data[:6].hex(":"), data[6:12].hex(":")), (MAC_B, MAC_A))
    equal(data[24:26].hex(), "beef")
    ran = send("--wait", "0", text)
    contains(ran.stderr, "ip.chksum=0xbeef")
    contains(ran.stderr, "--link")
    data = one_frame(frames, lambda data: data[12:14] == b"\x08\x00" and data[18:20] == b"\0\x4d")
    check(pcapng.decode(data).ip_checksum_good, "the kernel sent a wrong checksum")
    equal(send("--wait", "0", "-q", text).stderr, "")
    contains(send("--wait", "0", "ip(dst=10.9.0.2,id=0)/udp()").stderr, "ip.id=0")
    equal(send("--wait", "0", "ip(dst=10.9.0.2,id=0,flags=DF)/udp()").stderr, "1 packet sent\n")
    frames.close()

with case("bytes alone are a frame"):
    frames = frames_at_peer()
    send("--link", "-i", "va", "--wait", "0", f'hex({(MAC_B + MAC_A).replace(":", "")}88b5)/"any bytes at all"')
    equal(one_frame(frames, lambda data: data[12:14] == b"\x88\xb5")[14:], b"any bytes at all")
    contains(send("--link", '"x"', status=2).stderr, "say with -i")
    frames.close()

with case("-v: as it left, with what the kernel changed, and as the answer came"):
    ran = send("-v", "--ascii", "--width", "100", "ip(dst=10.9.0.2,id=0,chksum=0xbeef)/icmp(id=4)")
    contains(ran.stdout, "#1 sent, 28 bytes")
    contains(ran.stdout, "answered: echo, answered: id 4 and seq 0 came back")
    check(ran.stdout.count("| Source Address 10.9.0.") == 2, ran.stdout)
    contains(ran.stdout, "0xbeef")
    contains(ran.stdout, "always computed")

with case("larger than the way takes: an error with a hint; --mtu cuts"):
    ran = send("ip(dst=10.9.0.2)/icmp()/fill(3000)", status=2)
    contains(ran.stderr, "3028 bytes")
    contains(ran.stderr, "--mtu 1500")
    for words in (("ip(dst=10.9.0.2)/icmp(id=2)/fill(3000)",), ("--link", "ip(dst=10.9.0.2)/icmp(id=2)/fill(3000)"),
                  ("ipv6(dst=fd09::2)/icmp6(id=2)/fill(3000)",)):
        ran = send("--mtu", "1500", *words)
        contains(ran.stderr, "1 packet sent in 3 frames, 1 answered")

with case("--count and several expressions"):
    sums = summary(objects("--count", "7", "ip(dst=10.9.0.2)/icmp(seq=1-2)", "ipv6(dst=fd09::2)/icmp6()"))
    equal((sums["sent"], sums["answered"]), (21, 21))

with case("--json without --wait: what was sent; with -q the sums alone"):
    text = "ip(dst=127.0.0.1)/udp(sport=1-3,dport=9)"
    equal([o["type"] for o in objects("--wait", "0", text)], ["sent"] * 3 + ["summary"])
    equal([o["type"] for o in objects("--wait", "0", "-q", text)], ["summary"])

with case("an expansion larger than what is built at once: every packet leaves once"):
    sums = summary(objects("--rate", "max", "--wait", "0", "-q", "ip(dst=127.0.0.1,id=1-3)/udp(sport=1-30000,dport=9)"))
    equal((sums["sent"], sums["refused"]), (90000, 0))

with case("more than can be remembered: said"):
    ran = send("--rate", "max", "--wait", "0.1", "--count", "3", "-i", "lo",
               "ip(dst=127.0.0.1)/udp(sport=1-30000,dport=9)/fill(8)", stdout=subprocess.DEVNULL)
    contains(ran.stderr, "only the last 65536 packets were remembered")

# ---- leave, privileges, errors ----

with case("more than 1,000 packets/s to another machine takes --i-may, and says what is sent where"):
    for words in (("--rate", "max"), ("--rate", "1001"), ("--rate", "0")):
        ran = send(*words, "--count", "3", "ip(dst=10.9.0.2)/icmp()", status=2)
        contains(ran.stderr, "--i-may")
        contains(ran.stderr, "3 packets")
        contains(ran.stderr, "to 10.9.0.2 by va")
        equal(ran.stdout, "")
    contains(send("--rate", "max", "--link", "-i", "va", "arp(pdst=10.9.0.2)", status=2).stderr, "--i-may")
    contains(send("--i-may", "--rate", "5000", "--count", "3", "ip(dst=10.9.0.2)/icmp()").stderr,
             "sends 3 packets, 5000 a second, to 10.9.0.2 by va")
    send("--rate", "max", "--count", "3", "ip(dst=127.0.0.1)/icmp()")
    send("--rate", "max", "--count", "3", "ip(dst=10.9.0.1)/icmp()")
    send("--rate", "1000", "--count", "3", "ip(dst=10.9.0.2)/icmp()")

with case("--no-rst is for a lab"):
    ran = send("--no-rst", "ip(dst=10.9.0.2)/tcp()", status=2)
    contains(ran.stderr, "--no-rst is for a lab")
    contains(ran.stderr, "sockdiag lab")
    equal(run("ip", "rule").stdout.split(":")[0], "0")

with case("no way there; no neighbour; no interface"):
    contains(send("ip(dst=192.0.2.1)/icmp()", status=2).stderr, "192.0.2.1")
    contains(send("--link", "ip(dst=10.9.0.99)/icmp()", status=2).stderr, "no MAC address for 10.9.0.99")
    contains(send("-i", "eth99", "ip(dst=10.9.0.2)/icmp()", status=2).stderr, "eth99")

with case("without CAP_NET_RAW: what is needed, and the ways to get it; what sends nothing needs none"):
    unprivileged = ("setpriv", "--bounding-set=-net_raw", "--inh-caps=-all", SOCKDIAG, "send")
    for words in (("ip(dst=127.0.0.1)/icmp()",), ("arp(pdst=10.9.0.2)",), ("ipv6(dst=::1)/icmp6()",)):
        ran = run(*unprivileged, *words)
        equal(ran.returncode, 2, ran.stderr)
        for part in ("CAP_NET_RAW", "sudo", "setcap cap_net_raw+ep", "sockdiag lab"):
            contains(ran.stderr, part)
    for words in (("--dry-run",), ("--hex",), ("-w", DIR / "unprivileged.pcapng")):
        equal(run(*unprivileged, *words, "ip(dst=10.9.0.2)/icmp()").returncode, 0, words)

with case("Ctrl-C ends the sending, what is unanswered and the sums are told"):
    with subprocess.Popen([SOCKDIAG, "send", "--json", "--count", "0", "--rate", "200", "--wait", "0.2",
                           "ip(dst=10.9.0.2)/icmp()"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        seen = [process.stdout.readline() for _ in range(20)]
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
        equal(process.returncode, 0, err)
        found = [json.loads(line) for line in seen + out.splitlines()]
        equal(summary(found)["answered"], summary(found)["sent"])
        contains(err, "packets sent")

for words in (("send", "ip(dst=nobody.example)/icmp()"), ("route", "nobody.example"), ("ping", "nobody.example")):
    with case(f"{words[0]}: a signal ends it while a name is looked up"):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
            silent.bind(("127.0.0.9", 53))
            silent.settimeout(10)
            (DIR / "resolv.conf").write_text("nameserver 127.0.0.9\noptions timeout:30\n", encoding="utf-8")
            sh(f"mount --bind {DIR}/resolv.conf /etc/resolv.conf")
            try:
                process = subprocess.Popen([SOCKDIAG, *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                silent.recvfrom(512)  # the question, that nobody answers
                process.send_signal(signal.SIGINT)
                equal(process.wait(20), -signal.SIGINT)
            finally:
                process.kill()
                process.wait()
                sh("umount /etc/resolv.conf")

with case("a flood of answers holds back neither --wait nor the output"):
    flood = subprocess.Popen(["nsenter", f"--net={PEER_NS}", SOCKDIAG, "send", "-q", "--rate", "max", "--i-may", "--count", "0",
                              "ip(dst=10.9.0.1)/icmp(type=echo-reply,id=77,seq=1)"], stderr=subprocess.DEVNULL)
    try:
        before = time.monotonic()
        sums = summary(objects("--wait", "1", "ip(dst=10.9.0.2)/icmp(id=77,seq=1)", "ip(dst=10.9.0.2)/icmp(type=10)"))
        check(1 <= time.monotonic() - before < 30, "it took too long")
        check(sums["duplicates"] > 100, sums)
    finally:
        flood.send_signal(signal.SIGINT)
        equal(flood.wait(10), 0)

with case("the interface's queue is full: waited for, not tried again and again"):
    limited = run("tc", "qdisc", "add", "dev", "va", "root", "tbf", "rate", "800kbit", "burst", "2000", "limit", "6000")
    if limited.returncode != 0:
        raise Skip(f"tc: {limited.stderr.strip()}")
    try:
        ran = send("--rate", "max", "--i-may", "--count", "300", "--json", "--wait", "0", "ip(dst=10.9.0.2)/udp()/fill(400)")
        sums = summary([json.loads(line) for line in ran.stdout.splitlines()])
        equal((sums["sent"], sums["refused"]), (300, 0))
        shown = run("tc", "-s", "qdisc", "show", "dev", "va").stdout
        tries = int(re.search(r"dropped (\d+)", shown).group(1))
        check(0 < tries < sums["sending_ns"] / 20_000, f"{tries} tries in {sums['sending_ns']} ns")  # one in 100 us
    finally:
        run("tc", "qdisc", "del", "dev", "va", "root")

with case("nobody reads the output any more: a quiet end"):
    with subprocess.Popen([SOCKDIAG, "send", "--json", "--count", "0", "--wait", "1", "ip(dst=127.0.0.1)/icmp()"],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        process.stdout.readline()
        process.stdout.close()
        process.wait(20)
        equal((process.returncode, process.stderr.read()), (0, ""))

with case("the disk is full: -w cuts the file behind the last whole packet"):
    sh(f"mkdir {DIR}/disk && mount -t tmpfs -o size=64k tmpfs {DIR}/disk")
    path = DIR / "disk" / "f.pcapng"
    ran = send("-w", path, "ip(src=10.9.0.1,dst=10.9.0.2,id=1-2000)/udp()/fill(500)", status=2)
    contains(ran.stderr, "No space left on device")
    equal(pcapng.read(path).damage, None)
    path.write_bytes(b"b" * 50000)
    with open(path, "ab") as before:
        ran = send("-w", "-", "ip(src=10.9.0.1,dst=10.9.0.2,id=1-2000)/udp()/fill(500)", status=2, stdout=before)
    check(path.read_bytes().startswith(b"b" * 50000), "what stood before in stdout is gone")
    sh(f"umount {DIR}/disk")

# ---- the lab ----


def lab(script, *options):
    path = DIR / "lab.pcapng"
    path.unlink(missing_ok=True)
    # The recorder traces what runs in the lab, and a traced process cannot look for its leaks.
    environment = os.environ | {"ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0"}
    ran = run(SOCKDIAG, "lab", "-o", path, *options, "--", "sh", "-e", "-c", script, timeout=60, env=environment)
    return ran, pcapng.read(path)


CONVERSATION = r"""
import json, subprocess, sys
sockdiag, address = sys.argv[1:]
ip = f"ipv6(dst={address})" if ":" in address else f"ip(dst={address})"
header = 40 if ":" in address else 20

def send(*words):
    ran = subprocess.run([sockdiag, "send", "--json", *words], stdout=subprocess.PIPE, text=True)
    return ran.returncode, [json.loads(line) for line in ran.stdout.splitlines()]

_, found = send("--no-rst", ip + "/tcp(sport=4000,dport=7000,flags=S,seq=1000)")
(answer,) = [o for o in found if o["type"] == "answer"]
tcp = bytes.fromhex(answer["bytes"])[header:]
assert tcp[13] == 0x12, "no SYN-ACK"
seq = int.from_bytes(tcp[4:8], "big") + 1
send("--wait", "0", ip + f"/tcp(sport=4000,dport=7000,flags=A,seq=1001,ack={seq})")
status, found = send(ip + f'/tcp(sport=4000,dport=7000,flags=PA,seq=1001,ack={seq})/"hello\\n"')
assert status == 0, "the data was not acknowledged"
status, found = send(ip + f"/tcp(sport=4000,dport=7000,flags=FA,seq=1007,ack={seq})")
assert status == 0, "the FIN was not acknowledged"
"""

SERVER = r"""
import socket, sys
family = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
with socket.create_server((sys.argv[1], 7000), family=family) as server:
    peer, _ = server.accept()
    got = b""
    while not got.endswith(b"\n"):
        got += peer.recv(100)
    open(sys.argv[2], "wb").write(got)
    peer.recv(1)
    peer.close()
"""
(DIR / "conversation.py").write_text(CONVERSATION, encoding="utf-8")
(DIR / "server.py").write_text(SERVER, encoding="utf-8")

for address in ("10.77.0.2", "fd77::2"):
    with case(f"in the lab: a TCP conversation by hand with {address}, and no reset on the wire"):
        got = DIR / "got"
        got.unlink(missing_ok=True)
        ran, capture = lab(f"exec {sys.executable} {DIR}/conversation.py {SOCKDIAG} {address}", "--server-cmd",
                           f"exec {sys.executable} {DIR}/server.py {address} {got}")
        equal(ran.returncode, 0, ran.stderr)
        equal(got.read_bytes(), b"hello\n")
        flags = [packet.frame.flags for packet in capture.packets if packet.frame.protocol == 6]
        check(len(flags) >= 6 and not any("R" in f for f in flags), flags)
        contains(ran.stderr, "until the lab ends, TCP of this host does not see port 4000")

with case("in the lab: without --no-rst the kernel resets what it did not open; with it, other ports are as before"):
    ran, capture = lab(f"{SOCKDIAG} send 'ip(dst=10.77.0.2)/tcp(sport=4001,dport=7000)'; "
                       f"{SOCKDIAG} send --no-rst 'ip(dst=10.77.0.2)/tcp(sport=[4002,4004-4006],dport=7000)'; "
                       f"{SOCKDIAG} send --no-rst 'ip(dst=10.77.0.2)/tcp(sport=4002,dport=7000)'; "
                       f"{SOCKDIAG} send 'ip(dst=10.77.0.2)/tcp(sport=4003,dport=7000)'; ip rule; ip -6 rule",
                       "--server-cmd", f"exec {sys.executable} {DIR}/server.py 10.77.0.2 {DIR}/got")
    equal(ran.returncode, 0, ran.stderr)
    resets = {packet.frame.source_port for packet in capture.packets if "R" in packet.frame.flags}
    equal(resets, {4001, 4003})
    contains(ran.stderr, "does not see port 4002, 4004-4006")
    for family in (ran.stdout.split("32767")[0], ran.stdout.split("32767")[1]):
        equal(family.count("lookup local"), 1)
        equal(family.count("blackhole"), 2)

with case("in the lab: its interfaces say that they are a lab's"):
    ran, _ = lab('ip link show e0; nsenter --net="$SOCKDIAG_LAB_SERVER" ip link show e0')
    equal(ran.stdout.count("alias sockdiag lab"), 2, ran.stderr)

with case("in the lab: --rate spaces packets out; faster than 1,000/s needs no leave"):
    ran, capture = lab(f"{SOCKDIAG} send --count 30 --rate 50 --wait 0 'ip(dst=10.77.0.2)/udp(dport=9)'; "
                       f"{SOCKDIAG} send --count 500 --rate max --wait 0 'ip(dst=10.77.0.2)/udp(dport=10)'")
    equal(ran.returncode, 0, ran.stderr)
    times = [p.time_ns for p in capture.packets if p.frame.target_port == 9]
    equal(len(times), 30)
    # 29 gaps of 20 ms. Late packets may come closer together, but never more than the pace allows.
    check(times[-1] - times[0] >= 0.9 * 29 * 20_000_000, f"{times[-1] - times[0]} ns")
    for first in times:
        within = sum(first <= t < first + 100_000_000 for t in times)
        check(within <= 9, f"{within} packets in 100 ms")
    equal(len([p for p in capture.packets if p.frame.target_port == 10]), 500)

PEER.stdin.close()
PEER.wait(10)
done()
