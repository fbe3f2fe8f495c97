#!/usr/bin/env python3
"""Seeds of the fuzz targets: tests/fuzz/seeds.py DIRECTORY

Writes DIRECTORY/TARGET/NAME… from the captures under tests/golden, from those of other projects and the hostile ones
where they are present (SOCKDIAG_CORPUS names the directory, or it is ../shared/corpus beside the repository), and what no
capture holds: expressions, answers, tunnels. Each target's file says how its input is packed."""

import os
import pathlib
import struct
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
CORPUS = pathlib.Path(os.environ.get("SOCKDIAG_CORPUS") or ROOT.parent / "shared" / "corpus")
SUFFIXES = (".pcap", ".pcapng", ".cap", ".dmp", ".ntar", ".snoop")
MOST = 16 << 10  # bytes of a seed: large ones cost the fuzzer more than they teach it
JOURNAL, DROPPED, ETHERNET = 1, 2, 4
DISSECT_FROM = {1: 0, 101: 3}  # link type to the place in craft_layers(): Ethernet, IPv4
DECODE_LINKS = (0, 1, 8, 9, 11, 12, 50, 51, 100, 101, 104, 107, 108, 113, 123, 147, 204, 228, 229, 239, 253, 276,
                10, 105, 127, 166)

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
    (17, "c00012b6004b00000c00000300002a00", True),
    (17, "c00006a5004100004002003900050007ff030021", False),
    (47, "100022eb000000012007002a0000000000000800", False), (143, "", True),
    (17, "c0000868004d000034ff003d0000000500000085010102400200000000000000", False),
)
FRAME = bytes.fromhex("020000000002020000000001")

# Linux cooked: the kind of device, the protocol, and as above.
COOKED = (
    (1, 0x0800, "", False), (1, 3, "", True), (1, 4, "aaaa030000000800", False), (512, 7, "ff030021", False),
    (770, 0, "184103cc", False), (770, 0, "18410300800080c20007", True), (778, 0x6558, "", True),
    (823, 0x880B, "003dc000000721", False),
    (803, 4, "0000080000000000" + "0801" + "00" * 20 + "1000" + "aaaa030000000800", False),
)


def ipv4(protocol, payload, fragment=0):
    return struct.pack(">BBHHHBBH8s", 0x45, 0, 20 + len(payload), 9, fragment, 64, protocol, 0,
                       bytes.fromhex("0a0000010a000002")) + payload


def defrag_piece(packet, seconds=1):
    return struct.pack(">HB", len(packet), seconds) + packet


def write_packets(directory):
    ethernet = bytes([DECODE_LINKS.index(1)])
    tcp = bytes.fromhex("0fa000500000000700000009501803e80000000068656c6c6f")
    for number, (protocol, head, is_frame) in enumerate(TUNNELS):
        inner = (FRAME + b"\x08\x00" if is_frame else b"") + ipv4(6, tcp)
        packet = ipv4(protocol, bytes.fromhex(head) + inner)
        (directory / "fuzz_decode" / str(number)).write_bytes(ethernet + FRAME + b"\x08\x00" + packet)
    for number, (device, protocol, head, is_frame) in enumerate(COOKED):
        cooked = struct.pack(">HHH8sH", 0, device, 6, FRAME[:6], protocol)
        inner = (FRAME + b"\x08\x00" if is_frame else b"") + ipv4(6, tcp)
        (directory / "fuzz_decode" / f"cooked-{number}").write_bytes(
            bytes([DECODE_LINKS.index(113)]) + cooked + bytes.fromhex(head) + inner)
    pieces = [ipv4(6, tcp[:16], 0x2000), ipv4(6, tcp[16:], 2)]
    inside = [ipv4(47, bytes.fromhex("00000800") + piece) for piece in pieces]
    for number, packets in enumerate((pieces, pieces[::-1], pieces[:1] * 2 + pieces[1:], inside)):
        (directory / "fuzz_defrag" / str(number)).write_bytes(b"".join(defrag_piece(p) for p in packets))


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


# ---- captures ----

PACKET, CALL = "packet", "call"


def classic(data, order, fraction):
    """(PACKET, link type, time in ns, bytes, length on the wire, dropped) of a pcap file, as far as it is good."""
    link, at = struct.unpack_from(order + "I", data, 20)[0] & 0xFFFF, 24
    while at + 16 <= len(data):
        seconds, rest, captured, wire = struct.unpack_from(order + "IIII", data, at)
        at += 16
        if at + captured > len(data):
            return
        yield PACKET, link, seconds * 10**9 + rest * fraction, data[at:at + captured], wire, False
        at += captured


def blocks(data):
    """The same of a pcapng file, and (CALL, fields)."""
    at, order, links = 0, "<", []
    while at + 12 <= len(data):
        if data[at:at + 4] == b"\x0a\x0d\x0d\x0a":
            order, links = ("<" if data[at + 8] == 0x4D else ">"), []
        kind, length = struct.unpack_from(order + "II", data, at)
        if length < 12 or length % 4 or at + length > len(data):
            return
        body = data[at + 8:at + length - 4]
        at += length
        if kind == 1 and len(body) >= 8:
            links.append(struct.unpack_from(order + "H", body)[0])
        elif kind == 9:
            yield CALL, body.rstrip(b"\0")
        elif kind == 6 and len(body) >= 20:
            interface, high, low, captured, wire = struct.unpack_from(order + "IIIII", body)
            if interface < len(links):
                yield (PACKET, links[interface], high << 32 | low, body[20:20 + captured], wire,
                       b"dropped" in body[20 + captured:])


def records(data):
    magics = {0xA1B2C3D4: 1000, 0xA1B23C4D: 1}
    for order in "<>":
        if len(data) >= 24 and struct.unpack_from(order + "I", data)[0] in magics:
            return list(classic(data, order, magics[struct.unpack_from(order + "I", data)[0]]))
    return list(blocks(data)) if data[:4] == b"\x0a\x0d\x0d\x0a" else []


def as_pcap(link, packets):
    """A classic file of them, as long as a seed may be; fuzz_pipeline's first byte is how it is read."""
    file = b"\0" + struct.pack("<IHHIIII", 0xA1B23C4D, 2, 4, 0, 0, 262144, link)
    for time_ns, data, wire in packets:
        if len(file) + 16 + len(data) > MOST:
            break
        file += struct.pack("<IIII", time_ns // 10**9 & 0xFFFFFFFF, time_ns % 10**9, len(data), wire) + data
    return file


def as_show(found):
    """For fuzz_show: records behind each other, each with the time since the one before."""
    show, before = bytearray([4]), None
    for record in found:
        if record[0] == CALL:
            show += struct.pack(">BH", JOURNAL, len(record[1])) + record[1]
            continue
        _, link, now, data, _, dropped = record
        step = 0 if before is None else min(15, max(0, now - before) // 1_000_000)
        before = now
        flags = (ETHERNET if link == 1 else 0) | (DROPPED if dropped else 0)
        show += struct.pack(">BH", flags | step << 4, len(data)) + data
        if len(show) > MOST:
            break
    return show


def ip_of(link, data):
    """The IP packet in it; b"" where that does not stand at the usual place."""
    if link == 1:
        return data[14:] if data[12:14] in (b"\x08\x00", b"\x86\xdd") else b""
    return data if link == 101 else b""


def is_fragment(packet):
    if packet[:1] and packet[0] >> 4 == 4 and len(packet) >= 20:
        return struct.unpack_from(">H", packet, 6)[0] & 0x3FFF != 0
    return len(packet) > 40 and packet[0] >> 4 == 6 and packet[6] == 44


def as_tcp_headers(packets):
    """For fuzz_tcp, of IPv4: two bits of the lower port, and which side is the higher one."""
    out, before = b"", None
    for link, now, data, _ in packets:
        packet = ip_of(link, data)
        if len(packet) < 40 or packet[0] != 0x45 or packet[9] != 6 or is_fragment(packet):
            continue
        ports = struct.unpack_from(">HH", packet, 20)
        seq, ack = struct.unpack_from(">II", packet, 24)
        length = max(0, struct.unpack_from(">H", packet, 2)[0] - 20 - (packet[32] >> 4) * 4)
        from_client = ports[0] >= ports[1]
        step = 0 if before is None else min(255, int((max(0, now - before) / 1000) ** 0.5))
        before = now
        first = from_client | (max(ports) & 3) << 1 | 1 << 6  # a good checksum
        out += struct.pack(">BBHII", first, packet[33], min(length, 1023), seq, ack) + packet[4:6] + bytes([0, step])
    return out[:MOST]


def write_capture(directory, name, data):
    found = records(data)
    packets = [record[1:5] for record in found if record[0] == PACKET]
    calls = [record[1] for record in found if record[0] == CALL]
    seeds = {f"fuzz_pcapng/{name}": data[:MOST]}
    if packets:
        link = packets[0][0]
        seeds[f"fuzz_pipeline/{name}"] = as_pcap(link, [packet[1:] for packet in packets if packet[0] == link])
        seeds[f"fuzz_tcp/{name}"] = as_tcp_headers(packets)
        seeds[f"fuzz_defrag/{name}"] = b"".join(
            defrag_piece(packet) for packet in (ip_of(link, data) for link, _, data, _ in packets) if is_fragment(packet))[:MOST]
    if calls:
        seeds[f"fuzz_show/{name}"] = as_show(found)
    for number, (link, _, data, _) in enumerate(packets[:4]):
        if link in DISSECT_FROM:
            seeds[f"fuzz_dissect/{name}-{number}"] = bytes([DISSECT_FROM[link]]) + data
        if link in DECODE_LINKS:
            seeds[f"fuzz_decode/{name}-{number}"] = bytes([DECODE_LINKS.index(link)]) + data
    for number, fields in enumerate(calls[:4]):
        seeds[f"fuzz_call/{name}-{number}"] = fields
    for place, seed in seeds.items():
        if seed:
            (directory / place).write_bytes(seed)


def captures(*directories):
    return [path for directory in directories if directory.is_dir() for path in sorted(directory.iterdir())
            if path.suffix in SUFFIXES]


def main(directory):
    for kind in ("answer", "call", "decode", "defrag", "dissect", "expr", "pcapng", "pipeline", "show", "tcp"):
        (directory / f"fuzz_{kind}").mkdir(parents=True, exist_ok=True)
    write_packets(directory)
    write_answers(directory)
    for number, text in enumerate(EXPRESSIONS):
        (directory / "fuzz_expr" / str(number)).write_text(text, encoding="utf-8")
    golden = captures(ROOT / "tests/golden", ROOT / "tests/golden/tcp")
    others = captures(CORPUS, CORPUS / "hostile")
    for path in golden + others:
        write_capture(directory, path.stem, path.read_bytes())
    print(f"seeds: of {len(golden)} captures of our own and {len(others)} of other projects"
          + ("" if others else f" (there is no {CORPUS})"))


main(pathlib.Path(sys.argv[1]))
