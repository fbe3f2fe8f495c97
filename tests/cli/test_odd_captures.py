#!/usr/bin/env python3
"""`streams` on captures that are odd in their wrapping: link types, tunnels, fragments, file formats. Each is made here."""

import json
import pathlib
import struct
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "lib"), str(ROOT / "golden")]
from cases import case, check, contains, done, equal  # noqa: E402
from procs import sockdiag  # noqa: E402
from scenes import _checksum  # noqa: E402
from tcp_scenes import D, OPEN, build, capture, md5, p  # noqa: E402

WORK = tempfile.TemporaryDirectory()
FILE = pathlib.Path(WORK.name) / "f.pcap"
ETHER, RAW, RADIOTAP = 1, 101, 127


def pcap(linktype, frames, order="<", magic=0xA1B2C3D4):
    """Frames a millisecond apart, as classic pcap."""
    out = struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, 262144, linktype)
    for i, frame in enumerate(frames):
        out += struct.pack(order + "IIII", 1700000000, 1000 * i, len(frame), len(frame)) + frame
    return out


def streams(data, *words):
    """(returncode, [rows], summary, stderr) of `streams --json --md5`."""
    FILE.write_bytes(data)
    ran = sockdiag("streams", "--json", "--md5", *words, FILE)
    lines = [json.loads(line) for line in ran.stdout.splitlines()]
    return ran.returncode, [line for line in lines if line["type"] == "stream"], lines[-1], ran.stderr


def ether(payload, kind=0x0800):
    return bytes(6) + b"\2\0\0\0\0\1" + struct.pack("!H", kind) + payload


def ip(payload, protocol, source=b"\x0a\1\0\1", target=b"\x0a\1\0\2", ident=0, flags=0):
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(payload), ident, flags, 64, protocol, 0) + source + target
    return head[:10] + struct.pack("!H", _checksum(head)) + head[12:] + payload


def fragment(packet, begin, end, last, ident=7):
    """A piece of an IP packet's payload."""
    flags = begin // 8 | (0 if last else 0x2000)
    return ip(packet[20:][begin:end], packet[9], packet[12:16], packet[16:20], ident, flags)


with case("fragments: what became of them is told"):
    whole = [build(packet) for packet in OPEN]
    data = build(p("c", 20, "A", 0, D))  # 120 bytes behind the IP header
    other = bytearray(data)
    other[50] ^= 1
    last = build(p("c", 21, "A", 100, D))
    pieces = [fragment(data, 0, 64, False), fragment(data, 0, 64, False), fragment(bytes(other), 0, 64, False),
              fragment(data, 64, 120, True),
              fragment(last, 0, 64, False, 8), fragment(last, 56, 120, True, 8), fragment(last, 0, 64, False, 9)]
    status, rows, summary, _ = streams(pcap(RAW, whole + pieces))
    equal((status, rows[0]["bytes_client"], rows[0]["md5_client"]), (0, 100, md5(D)))
    equal(summary["defragmentation"], {
        "fragments": 7, "unusable": 0, "repeats": 2, "conflicts": 1, "reassembled": 1, "contradictory": 1, "timed_out": 0,
        "evicted": 0, "incomplete": 1})
    text = " ".join(sockdiag("streams", FILE).stdout.split())
    contains(text, "7 fragments for 1 datagram, 1 repeat of others, 1 repeat with other bytes, 1 datagram dropped for "
                   "fragments that contradict each other, 1 datagram never whole")
    _, _, jobs, _ = streams(pcap(RAW, whole + pieces), "-j", "2")
    equal(jobs["defragmentation"], summary["defragmentation"])

with case("more fragments wait than there is room for: said, with status 3"):
    many = [fragment(build(p("c", 20, "A", 0, D)), 0, 64, False, ident) for ident in range(3000)]
    status, _, summary, said = streams(pcap(RAW, many))
    check(summary["defragmentation"]["evicted"] > 0, summary)
    equal(status, 3)
    contains(said, "datagrams were given up before all their fragments had come")

with case("what is not decoded is told by its kind"):
    frames = [ether(bytes(46), 0x88CC), ether(bytes(46), 0x88CC), ether(bytes(46), 0x1234)]
    _, _, summary, _ = streams(pcap(ETHER, frames))
    equal((summary["undecoded_packets"], summary["undecoded_otherwise"]), (3, 0))
    equal([(kind["link_type"], kind["protocol"], kind["packets"]) for kind in summary["undecoded"]],
          [(1, "LLDP", 2), (1, "Ethernet", 1)])
    contains(" ".join(sockdiag("streams", FILE).stdout.split()), "3 other packets, 3 not decoded (2 × LLDP: ")
    _, _, jobs, _ = streams(pcap(ETHER, frames), "-j", "2")
    equal(jobs["undecoded"], summary["undecoded"])

with case("a link type is told by its number, and by its name where it has one"):
    for number, name in ((235, "DVB_CI"), (999, None)):
        _, _, summary, _ = streams(pcap(number, [bytes(60)]))
        equal([(kind["link_type"], kind["link_type_name"]) for kind in summary["undecoded"]], [(number, name)])
        contains(" ".join(sockdiag("streams", FILE).stdout.split()), f"1 × link type {number}{', ' + name if name else ''}: ")

with case("a connection over the air, encrypted frames beside it"):
    head = struct.pack("<BBHI", 0, 0, 8, 0)
    to, protected = b"\x08\x01" + bytes(22), b"\x08\x41" + bytes(22)
    llc = b"\xaa\xaa\x03\0\0\0\x08\0"
    frames = [head + to + llc + build(packet) for packet in OPEN + [p("c", 20, "A", 0, D)]]
    _, rows, summary, _ = streams(pcap(RADIOTAP, frames + [head + protected + bytes(40), head + b"\x80\0" + bytes(50)]))
    equal((rows[0]["bytes_client"], rows[0]["md5_client"]), (100, md5(D)))
    equal([kind["problem"] for kind in summary["undecoded"]],
          ["an encrypted frame of IEEE 802.11", "a management frame of IEEE 802.11"])

with case("--problem conflict compares the payload by itself; without it, that is not claimed"):
    FILE.write_bytes(capture(OPEN + [p("c", 20, "A", 0, b"first"), p("c", 21, "A", 0, b"other")]))
    ran = sockdiag("streams", "--json", "--problem", "conflict", FILE)
    row, summary = [json.loads(line) for line in ran.stdout.splitlines()]
    equal((row["conflict_client"], "md5_client" in row, summary["payload_compared"]), (1, False, True))
    ran = sockdiag("streams", "--json", FILE)
    row, summary = [json.loads(line) for line in ran.stdout.splitlines()]
    equal(("conflict_client" in row, summary["payload_compared"]), (False, False))


def udp(payload, port):
    return struct.pack("!HHHH", 33333, port, 8 + len(payload), 0) + payload


def vxlan(inner, network):
    return ether(ip(udp(struct.pack("!II", 0x08000000, network << 8) + ether(inner), 4789), 17))


def gtpu(inner, endpoint):
    return ether(ip(udp(struct.pack("!BBHI", 0x30, 255, len(inner), endpoint) + inner, 2152), 17))


def tagged(inner, tag):
    return ether(struct.pack("!HH", tag, 0x0800) + inner, 0x8100)


def talk(payload, isn, ms=0):
    """A connection of the usual ends, with ISNs of its own."""
    own = {"c": {"isn": isn, "other_isn": isn + 1000000000}, "s": {"isn": isn + 1000000000, "other_isn": isn}}
    return [build({**packet, **own[packet["side"]]}) for packet in
            OPEN + [p("c", 20, "A", 0, payload), p("s", 30, "A", 0, payload * 2, ack=len(payload))]]


def check_connections(frames, payloads):
    for words in ((), ("-j", "2")):
        status, rows, _, said = streams(pcap(ETHER, frames), *words)
        equal((status, said), (0, ""))
        equal(sorted((row["md5_client"], row["md5_server"], row["gaps_client"]) for row in rows),
              sorted((md5(payload), md5(payload * 2), 0) for payload in payloads))
    return rows


with case("the same ends in several networks are several connections"):
    payloads = [b"in network one", b"and in network two, too", b"not in a tunnel at all"]
    talks = [talk(payload, 1000 + 333333333 * i) for i, payload in enumerate(payloads)]
    wraps = [lambda inner: vxlan(inner, 1), lambda inner: vxlan(inner, 2), ether]
    check_connections([wrap(inner) for turn in zip(*talks) for wrap, inner in zip(wraps, turn)], payloads)
    wraps = [lambda inner: tagged(inner, 5), lambda inner: tagged(inner, 6), ether]
    check_connections([wrap(inner) for turn in zip(*talks) for wrap, inner in zip(wraps, turn)], payloads)

with case("tunnels that have another number in each direction, and change it, are one connection"):
    inner = talk(b"one connection", 1000)
    for wrap in (gtpu, tagged, vxlan):
        check_connections([wrap(data, number) for data, number in zip(inner, (17, 18, 17, 17, 18))], [b"one connection"])
        check_connections([wrap(data, number) for data, number in zip(inner, (17, 18, 17, 19, 20))], [b"one connection"])
    check_connections([ether(data) if i % 2 else tagged(data, 9) for i, data in enumerate(inner)], [b"one connection"])

with case("a packet before it enters a tunnel, and within, is one packet seen twice"):
    inner = talk(b"seen twice", 1000)
    rows = check_connections([frame for data in inner for frame in (ether(data), vxlan(data, 7), tagged(data, 3))], [b"seen twice"])
    equal(rows[0]["packets_client"], 9)
    wrong = [data[:36] + bytes([data[36] ^ 1]) + data[37:] for data in inner]
    check_connections([frame for data in wrong for frame in (ether(data), vxlan(data, 7))], [b"seen twice"])

with case("very many networks with the same ends take no more than the rest"):
    frames = [vxlan(build(p("c", 0, "S", 0, isn=7919 * 65537 * network % 2 ** 32)), network) for network in range(20000)]
    status, rows, summary, _ = streams(pcap(ETHER, frames))
    equal((status, summary["tcp_packets"]), (0, 20000))

done()
