#!/usr/bin/env python3
"""Seeds of fuzz_show, fuzz_call and fuzz_dissect from capture files, and of fuzz_expr, fuzz_answer, fuzz_decode and
fuzz_defrag: tests/fuzz/seeds.py DIRECTORY FILE...

Writes DIRECTORY/fuzz_show/NAME (the records of a file as fuzz_show.c packs them), DIRECTORY/fuzz_call/NAME-N,
DIRECTORY/fuzz_dissect/NAME-N (packets behind the number of their first layer) and
DIRECTORY/fuzz_expr/N, fuzz_answer/N, fuzz_decode/N, fuzz_defrag/N."""

import pathlib
import struct
import sys


JOURNAL, DROPPED, ETHERNET = 1, 2, 4
DISSECT_FROM = {1: 0, 101: 3}  # link type to the place in craft_layers(): Ethernet, IPv4

EXPRESSIONS = (
    'ip(dst=10.0.0.2,ttl=1-5,flags=DF+MF)/tcp(dport=[80,443],flags=SA,options=[mss(1460),nop,wscale(7)])/"hello"',
    'eth(dst=02:00:00:00:00:01)/vlan(vlan=7)/arp(op=who-has,pdst=10.0.0.0/30)',
    'ipv6(dst=fd77::1-fd77::9,src=::/0)/icmp6(type=neighbor-solicitation,tgt=fd77::2,options=[source(2:0:0:0:0:1)])',
    'ip(options=[rr(4,10.0.0.1),eol(hex(01 02))])/icmp(type=dest-unreach,nexthopmtu=0x5dc)/ip()/udp(sport=random)',
    'raw(load=["\\n\\x41\\u{7c98}\\"粘包",hex(dead),fill(1000,0x41)])/hopopts(options=[opt(30,hex(0102),9),padn("")])',
    'igmp3(type=report-v3,records=[to_ex(239.1.2.3),is_in(239.1.2.3,10.0.0.1)])',
)


# What stands between an outer IPv4 header and an inner packet: protocol, bytes, and whether that is a frame.
TUNNELS = (
    (4, "", False), (47, "00000800", False), (47, "b0000800123400000000000700000001", False), (47, "00006558", True),
    (47, "100088be000000011007002a00000000", True), (47, "3081880b003100090000000100000002ff030021", False),
    (47, "20016400003b0900", True), (97, "3000", True), (137, "000101ff", False),
    (17, "c00012b5004b00000800000000002a00", True), (17, "c00017c1005300000240655800002a000102030105060708", True),
    (17, "c0000868004d000034ff003d0000000500000085010102400200000000000000", False),
)
FRAME = bytes.fromhex("020000000002020000000001")


def ipv4(protocol, payload, fragment=0):
    return struct.pack(">BBHHHBBH8s", 0x45, 0, 20 + len(payload), 9, fragment, 64, protocol, 0,
                       bytes.fromhex("0a0000010a000002")) + payload


def write_packets(directory):
    """As fuzz_decode.c takes them: the place of the link type, the packet; fuzz_defrag.c: length, seconds, packet."""
    ethernet = b"\x01"
    tcp = bytes.fromhex("0fa000500000000700000009501803e80000000068656c6c6f")
    for number, (protocol, head, is_frame) in enumerate(TUNNELS):
        inner = (FRAME + b"\x08\x00" if is_frame else b"") + ipv4(6, tcp)
        packet = ipv4(protocol, bytes.fromhex(head) + inner)
        (directory / "fuzz_decode" / str(number)).write_bytes(ethernet + FRAME + b"\x08\x00" + packet)
    pieces = [ipv4(6, tcp[:16], 0x2000), ipv4(6, tcp[16:], 2)]
    inside = [ipv4(47, bytes.fromhex("00000800") + piece) for piece in pieces]
    for number, packets in enumerate((pieces, pieces[::-1], pieces[:1] * 2 + pieces[1:], inside)):
        (directory / "fuzz_defrag" / str(number)).write_bytes(b"".join(bytes([len(p), 1]) + p for p in packets))


def ipv6(next_header, payload):
    return struct.pack(">IHBB", 6 << 28, len(payload), next_header, 64) + bytes.fromhex(
        "fd770000000000000000000000000001fd770000000000000000000000000002") + payload


# Of fuzz_answer: the kind of first header (IPv4, IPv6, Ethernet, ARP), what is sent, what changes in the answer.
SYN = bytes.fromhex("9c40005000000064000000005002ffff00000000")
ACK = bytes.fromhex("9c4000500000006400000bb85010ffff00000000")
ASKED = (
    (0, ipv4(1, bytes.fromhex("0800f7fd00010002") + b"hello"), {20: 0}),
    (0, ipv4(6, SYN), {33: 0x12, 31: 0x65}), (0, ipv4(6, ACK), {33: 0x04, 27: 0xB8, 26: 0x0B}),
    (0, ipv4(17, bytes.fromhex("c00000350009000061")), {}), (0, ipv4(2, bytes.fromhex("11140000e0000001")), {20: 0x16}),
    (0, ipv4(89, b"hello"), {}), (1, ipv6(58, bytes.fromhex("8000000000010002")), {40: 129}),
    (1, ipv6(58, bytes.fromhex("8700000000000000fd770000000000000000000000000002")), {40: 136}),
    (1, ipv6(58, bytes.fromhex("8500000000000000")), {40: 134}), (1, ipv6(6, SYN), {53: 0x14, 51: 0x65}),
    (3, bytes.fromhex("00010800060400010200000000010a0000010000000000000a000002"), {7: 2}),
    (2, FRAME + bytes.fromhex("080600010800060400010200000000010a0000010000000000000a000002"), {21: 2}),
)


def write_answers(directory):
    """As fuzz_answer.c takes them: made of what was sent, a reply or an error; looked for in a table, too."""
    number = 0
    for first, packet, edits in ASKED:
        for error in (0, 32):
            for many in (0, 4):
                changes = b"" if error else bytes(x for pair in edits.items() for x in pair)
                head = bytes([first | 8 | 16 | error | many, len(packet)])
                (directory / "fuzz_answer" / str(number)).write_bytes(head + packet + changes)
                number += 1


def blocks(data):
    """(type, body) of a little-endian file."""
    at = 0
    while at + 12 <= len(data):
        kind, length = struct.unpack_from("<II", data, at)
        yield kind, data[at + 8:at + length - 4]
        at += length


def main(directory, *files):
    for kind in ("fuzz_show", "fuzz_call", "fuzz_expr", "fuzz_answer", "fuzz_decode", "fuzz_defrag", "fuzz_dissect"):
        (directory / kind).mkdir(parents=True, exist_ok=True)
    write_packets(directory)
    write_answers(directory)
    for number, text in enumerate(EXPRESSIONS):
        (directory / "fuzz_expr" / str(number)).write_text(text, encoding="utf-8")
    for path in map(pathlib.Path, files):
        show, calls, frames, linktypes, before = bytearray([4]), [], [], [], None
        for kind, body in blocks(path.read_bytes()):
            if kind == 1:
                linktypes.append(struct.unpack_from("<H", body)[0])
            elif kind == 9:
                fields = body.rstrip(b"\0")
                calls.append(fields)
                show += struct.pack(">BH", JOURNAL, len(fields)) + fields
            elif kind == 6:
                interface, high, low, length = struct.unpack_from("<IIII", body)
                now = high << 32 | low
                step = 0 if before is None else min(15, max(0, now - before) // 1_000_000)
                before = now
                flags = (ETHERNET if linktypes[interface] == 1 else 0) | (DROPPED if b"dropped" in body[20 + length:] else 0)
                first = DISSECT_FROM.get(linktypes[interface])
                if first is not None:
                    frames.append(bytes([first]) + body[20:20 + length])
                show += struct.pack(">BH", flags | step << 4, length) + body[20:20 + length]
        (directory / "fuzz_show" / path.stem).write_bytes(show)
        for number, fields in enumerate(calls[:4]):
            (directory / "fuzz_call" / f"{path.stem}-{number}").write_bytes(fields)
        for number, frame in enumerate(frames[:8]):
            (directory / "fuzz_dissect" / f"{path.stem}-{number}").write_bytes(frame)


main(pathlib.Path(sys.argv[1]), *sys.argv[2:])
