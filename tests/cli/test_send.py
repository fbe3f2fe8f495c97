#!/usr/bin/env python3
"""`send` without sending: what an expression becomes, as text, bytes and capture file, and what is said to a mistake.
Takes no privilege: an ordinary user runs it, where the caller is root."""

import json
import os
import pathlib
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
import pcapng  # noqa: E402
from cases import Skip, case, check, contains, done, equal  # noqa: E402
from procs import as_user, have, run, user_sockdiag  # noqa: E402

WORK = tempfile.TemporaryDirectory(prefix="sockdiag-send-")
DIR = pathlib.Path(WORK.name)
DIR.chmod(0o777)
ECHO = 'ip(src=10.0.0.1,dst=10.0.0.2)/icmp(id=7,seq=1)/"hello"'


def send(*words, **more):
    return run(*as_user(user_sockdiag(), "send", *words), **more)


def lines(*words):
    ran = send("--dry-run", *words)
    equal(ran.returncode, 0, ran.stderr)
    return ran.stdout.splitlines()


def written(*words):
    path = DIR / "f.pcapng"
    path.unlink(missing_ok=True)
    ran = send("-w", path, *words)
    equal(ran.returncode, 0, ran.stderr)
    equal(ran.stdout, "")
    return pcapng.read(path)


def refused(*words, status=2):
    ran = send(*words)
    equal(ran.returncode, status, ran.stderr)
    equal(ran.stdout, "")
    return ran.stderr


@case("--dry-run: everything filled in, and parsed again it is the same packet")
def _():
    (line,) = lines(ECHO)
    for part in ("version=4", "ihl=5", "len=33", "proto=icmp", "src=10.0.0.1", "dst=10.0.0.2", "type=echo-request", "id=7",
                 '/"hello"'):
        contains(line, part)
    equal(lines(line), [line])
    equal(send("--hex", line).stdout, send("--hex", ECHO).stdout)


@case("ranges and lists: each combination, the last field changes fastest; --count repeats them all")
def _():
    got = lines("--count", "2", "ip(src=10.0.0.1,dst=10.0.0.2,ttl=1-2)/tcp(dport=[80,443])")
    pairs = [(ttl, port) for ttl in (1, 2) for port in (80, 443)] * 2
    equal(len(got), 8)
    for line, (ttl, port) in zip(got, pairs):
        contains(line, f"ttl={ttl},")
        contains(line, f"dport={port},")


@case("several expressions: one after the other")
def _():
    got = lines("ip(src=10.0.0.1,dst=10.0.0.2)/udp()", "ipv6(src=fd00::1,dst=fd00::2)/icmp6()")
    equal([line.partition("(")[0] for line in got], ["ip", "ipv6"])


@case("random: the same seed gives the same packets")
def _():
    words = ("ip(src=random,dst=10.0.0.2,id=1-20)/udp(sport=random)",)
    first = lines("--seed", "5", *words)
    equal(lines("--seed", "5", *words), first)
    check(lines("--seed", "6", *words) != first, "another seed gives the same")
    check(len(set(first)) == 20, "two packets are the same")


@case("--hex: the bytes")
def _():
    ran = send("--hex", ECHO)
    equal(ran.returncode, 0, ran.stderr)
    contains(ran.stdout, "0000  45 00 00 21")
    contains(ran.stdout, "68 65 6c 6c")
    contains(ran.stdout, "hell\n")


@case("--json: one object a packet")
def _():
    ran = send("--dry-run", "--json", "ip(src=10.0.0.1,dst=10.0.0.2,ttl=1-3)/udp()")
    objects = [json.loads(line) for line in ran.stdout.splitlines()]
    equal([o["type"] for o in objects], ["packet"] * 3)
    equal([o["number"] for o in objects], [1, 2, 3])
    equal([bytes.fromhex(o["bytes"])[8] for o in objects], [1, 2, 3], "TTL")
    for o in objects:
        equal(lines(o["packet"]), [o["packet"]])


@case("-v: headers as the RFCs draw them")
def _():
    ran = send("--dry-run", "-v", "--ascii", "--width", "80", ECHO)
    equal(ran.returncode, 0, ran.stderr)
    contains(ran.stdout, "| Identification")
    check(ran.stdout.isascii(), "not ASCII")


@case("-w: raw IP and Ethernet in one file, that every packet is whole in")
def _():
    capture = written(ECHO, "ipv6(src=fd00::1,dst=fd00::2)/udp()", "arp(hwsrc=02:00:00:00:00:01,psrc=10.0.0.1,pdst=10.0.0.2)",
                      "eth(src=02:00:00:00:00:01,dst=02:00:00:00:00:02)/" + ECHO)
    equal([i.linktype for i in capture.interfaces[0]], [101, 1])
    equal([p.interface for p in capture.packets], [0, 0, 1, 1])
    equal(capture.packets[0].data.hex(), json.loads(send("--hex", "--json", ECHO).stdout)["bytes"])
    equal(capture.packets[2].data[:6].hex(), "ff" * 6)
    equal(capture.packets[2].data[12:14].hex(), "0806")
    frame = capture.packets[3].frame
    equal((frame.source, frame.target, frame.ip_checksum_good), ("10.0.0.1", "10.0.0.2", True))
    times = [p.time_ns for p in capture.packets]
    equal(times, sorted(times))


@case("-w: tshark finds nothing to complain of")
def _():
    if have("tshark"):
        raise Skip(have("tshark"))
    path = DIR / "t.pcapng"
    ran = send("-w", path, ECHO, "ip(src=10.0.0.1,dst=10.0.0.2)/tcp(flags=S,options=[mss(1460),sackok,nop,wscale(7)])")
    equal(ran.returncode, 0, ran.stderr)
    ran = run("tshark", "-n", "-r", path, "-o", "ip.check_checksum:TRUE", "-o", "tcp.check_checksum:TRUE", "-Y",
              "_ws.malformed or ip.checksum.status == 0 or tcp.checksum.status == 0", env=os.environ | {"HOME": str(DIR)})
    equal((ran.returncode, ran.stdout), (0, ""), ran.stderr)


@case("-w -: to stdout")
def _():
    ran = send("-w", "-", ECHO, text=False)
    equal(ran.returncode, 0, ran.stderr)
    equal(len(pcapng.parse(ran.stdout).packets), 1)


@case("wrong values are kept as they are asked for")
def _():
    (packet,) = written("ip(src=10.0.0.1,dst=10.0.0.2,len=9999,chksum=0xbeef,ihl=6,version=7)/udp(len=3,chksum=0x1234)").packets
    equal(packet.data[:1].hex(), "76")
    equal(packet.data[2:4].hex(), "270f")
    equal(packet.data[10:12].hex(), "beef")
    equal(packet.data[24:28].hex(), "00031234")


@case("--mtu cuts a datagram into fragments; 8 bytes are the least a piece can have")
def _():
    capture = written("--mtu", "576", "ip(src=10.0.0.1,dst=10.0.0.2)/udp()/fill(2000)")
    datas = [p.data for p in capture.packets]
    check(len(datas) == 4 and all(len(data) <= 576 for data in datas), [len(data) for data in datas])
    offsets = [int.from_bytes(data[6:8], "big") for data in datas]
    equal([offset >> 13 & 1 for offset in offsets], [1, 1, 1, 0], "more fragments")
    at = 0
    for data, offset in zip(datas, offsets):
        equal((offset & 0x1FFF) * 8, at)
        at += len(data) - 20
    equal(at, 2008)
    equal(len({data[4:6] for data in datas}), 1, "the identification")
    framed = written("--mtu", "576", "--link", "ip(src=10.0.0.1,dst=10.0.0.2)/udp()/fill(2000)")
    equal([p.data[14:] for p in framed.packets], datas)


@case("a wrong expression: a caret under the place, and what is allowed there")
def _():
    err = refused("ip(dst=10.0.0.2)/tcp(dprot=80)").splitlines()
    contains(err[0], "tcp has no field 'dprot'; did you mean 'dport'?")
    equal(err[2].index("^"), err[1].index("dprot"))
    contains(err[3], "sport, dport")
    for text, said in (("ip(dst=10.0.0.2)/tpc()", "tcp"), ("", "expr"), ("ip(dst=1.2.3)", "dst"), ("ip(ttl=256)", "255"),
                       ('ip()/"abc', "\""), ("ip(ttl=5-1)", "5"), ("ip(", "")):
        err = refused(text)
        contains(err.lower(), said, text)


@case("what begins with no header that could leave is refused")
def _():
    contains(refused("tcp(dport=80)"), "put ip(dst=…)/")
    contains(refused('"bytes"'), "--link")
    contains(refused("--raw", "arp()"), "ip or ipv6")
    contains(refused("--raw", "eth()/ip()"), "ip or ipv6")


@case("--layers: every layer, each of its fields can be named")
def _():
    ran = send("--layers", "--width", "1000")
    equal(ran.returncode, 0, ran.stderr)
    listed = ran.stdout.split("\n")
    for name in ("eth", "arp", "ip", "ipv6", "icmp", "icmp6", "tcp", "udp", "fragment", "raw"):
        check(any(line.startswith(name + "  ") for line in listed), name)
    check(all(len(line) <= 100 for line in listed), "wider than 100 columns")
    contains(ran.stdout, "ttl=64")
    contains(ran.stdout, "mss")


@case("options that contradict each other")
def _():
    contains(refused("--raw", "--link", ECHO), "choose one")
    contains(refused("-w", "-", "--hex", ECHO), "not for both")
    contains(refused("--count", "0", "--dry-run", ECHO), "never ends")
    contains(refused("--wait", "2", "--hex", ECHO), "nothing to --wait for")
    contains(refused("--rate", "fast", ECHO), "--rate takes")
    contains(refused("--wait", "-1", ECHO), "--wait takes")
    contains(refused("--wait", "nan", ECHO), "--wait takes")
    contains(refused(), "an expression is missing")


@case("a full disk: said, and no success")
def _():
    if not os.path.exists("/dev/full"):
        raise Skip("no /dev/full")
    ran = send("-w", "/dev/full", ECHO)
    equal(ran.returncode, 2)
    contains(ran.stderr, "No space left on device")
    with open("/dev/full", "wb") as full:
        for words in (("-w", "-"), ("--dry-run",), ("--hex",), ("--dry-run", "--json")):
            ran = send(*words, ECHO, stdout=full)
            equal(ran.returncode, 2, words)
            contains(ran.stderr, "No space left on device")
    contains(send("-w", "/no/such/directory/f", ECHO).stderr, "cannot write /no/such/directory/f")


@case("a reader that has enough ends it quietly")
def _():
    with subprocess.Popen(as_user(user_sockdiag(), "send", "--dry-run", "ip(src=10.0.0.1,dst=10.0.0.2,id=1-60000)/udp()"),
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.readline()
        process.stdout.close()
        process.wait(20)
        equal((process.returncode, process.stderr.read()), (0, b""))


@case("names: localhost is known, another one not")
def _():
    contains(lines("ip(src=10.0.0.1,dst=localhost)/icmp()")[0], "dst=127.0.0.1")
    err = refused("--dry-run", "ip(dst=no-such-host.invalid)/icmp()")
    contains(err, "no-such-host.invalid")
    contains(err, "^")


@case("more targets than can be looked up at once are refused")
def _():
    contains(refused("--dry-run", "ip(dst=10.0.0.0/8)/icmp()"), "65536")


done()
