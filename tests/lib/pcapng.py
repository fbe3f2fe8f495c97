"""A small reader of capture files and headers, for checking what sockdiag wrote.

Written from the specifications (draft-ietf-opsawg-pcapng, systemd's Journal Export Format, RFC 791, 8200, 9293, 768)
and sharing nothing with the program, so that both must make the same mistake for a test to miss it.

    capture = read("f.pcapng")
    capture.items       packets and journal entries in file order
    capture.packets     [Packet]; packet.frame is decode(packet.data)
    capture.calls       [Call]: the journal entries of sockdiag, fields typed
    capture.damage      None, or why the file could not be read further (read() raises unless lenient=True)
"""

import dataclasses
import errno
import ipaddress
import struct

SHB, IDB, SPB, ISB, EPB, JOURNAL = 0x0A0D0D0A, 1, 3, 5, 6, 9


class Malformed(Exception):
    pass


@dataclasses.dataclass
class Interface:
    linktype: int
    snaplen: int
    name: str = ""
    ticks_per_second: int = 1_000_000
    statistics: dict = dataclasses.field(default_factory=dict)  # received, dropped, …


@dataclasses.dataclass
class Packet:
    number: int
    section: int
    interface: int
    time_ns: int
    data: bytes
    wire_len: int
    comments: list

    @property
    def comment(self):
        return self.comments[0] if self.comments else None

    @property
    def frame(self):
        return decode(self.data)


@dataclasses.dataclass
class Call:
    """One recorded call. Numbers are integers, -errno for a failed one; what the entry does not have is None."""
    fields: dict
    name: str
    pid: int
    comm: str
    fd: int
    socket: int
    kind: str
    local: str
    peer: str
    enter_ns: int
    exit_ns: int
    asked: int
    result: int
    offset: int
    flags: list
    tcpi: dict
    time_us: int
    message: str

    @property
    def data(self):
        """The bytes moved, where the recorder kept them; else None."""
        kept = self.fields.get("SOCKDIAG_DATA")
        return None if kept is None else bytes.fromhex(kept.decode())

    @property
    def op(self):
        return self.fields.get("SOCKDIAG_OP", b"").decode()


@dataclasses.dataclass
class Capture:
    sections: list = dataclasses.field(default_factory=list)  # options of each section: {code: [bytes]}
    interfaces: list = dataclasses.field(default_factory=list)  # [[Interface], …] a list for each section
    items: list = dataclasses.field(default_factory=list)
    packets: list = dataclasses.field(default_factory=list)
    journals: list = dataclasses.field(default_factory=list)  # dicts
    calls: list = dataclasses.field(default_factory=list)
    blocks: list = dataclasses.field(default_factory=list)  # (type, offset, length)
    damage: str = None


def read(path, lenient=False):
    with open(path, "rb") as file:
        return parse(file.read(), lenient)


def parse(raw, lenient=False):
    capture = Capture()
    try:
        _parse_blocks(raw, capture)
    except Malformed as error:
        if not lenient:
            raise
        capture.damage = str(error)
    return capture


def _parse_blocks(raw, capture):
    at, order = 0, None
    while at < len(raw):
        if len(raw) - at < 12:
            raise Malformed(f"{len(raw) - at} bytes are left at {at}: no block")
        if raw[at:at + 4] == b"\x0a\x0d\x0d\x0a":
            order = {b"\x1a\x2b\x3c\x4d": ">", b"\x4d\x3c\x2b\x1a": "<"}.get(raw[at + 8:at + 12])
            if order is None:
                raise Malformed(f"no byte-order magic at {at + 8}")
        if order is None:
            raise Malformed("the file does not begin with a section header")
        kind, length = struct.unpack_from(order + "II", raw, at)
        if length < 12 or length % 4 or at + length > len(raw):
            raise Malformed(f"block at {at} has length {length}, {len(raw) - at} bytes are left")
        if struct.unpack_from(order + "I", raw, at + length - 4)[0] != length:
            raise Malformed(f"block at {at}: its two lengths differ")
        capture.blocks.append((kind, at, length))
        _parse_block(kind, raw[at + 8:at + length - 4], order, capture, at)
        at += length


def _parse_block(kind, body, order, capture, at):
    if kind == SHB:
        major, minor = struct.unpack_from(order + "HH", body, 4)
        if (major, minor) not in ((1, 0), (1, 2)):
            raise Malformed(f"section at {at} has version {major}.{minor}")
        capture.sections.append(_options(body[16:], order, at))
        capture.interfaces.append([])
    elif kind == IDB:
        capture.interfaces[-1].append(_interface(body, order, at))
    elif kind == EPB:
        _enhanced_packet(body, order, capture, at)
    elif kind == SPB:
        raise Malformed(f"simple packet block at {at}: it has no time, sockdiag writes none")
    elif kind == ISB:
        number = struct.unpack_from(order + "I", body)[0]
        names = {4: "received", 5: "dropped", 6: "filter_accepted", 7: "os_dropped", 8: "delivered"}
        for code, values in _options(body[12:], order, at).items():
            if code in names:
                capture.interfaces[-1][number].statistics[names[code]] = struct.unpack(order + "Q", values[0])[0]
    elif kind == JOURNAL:
        fields = journal_fields(body)
        capture.journals.append(fields)
        if fields.get("SYSLOG_IDENTIFIER") == b"sockdiag" and "SOCKDIAG_CALL" in fields:
            capture.calls.append(_call(fields))
            capture.items.append(capture.calls[-1])
        else:
            capture.items.append(fields)


def _options(raw, order, at):
    """{code: [value, …]}; the list must be closed by opt_endofopt if there is any."""
    options, i = {}, 0
    while i < len(raw):
        if i + 4 > len(raw):
            raise Malformed(f"block at {at}: a cut option")
        code, length = struct.unpack_from(order + "HH", raw, i)
        i += 4
        if code == 0:
            if length != 0 or i != len(raw):
                raise Malformed(f"block at {at}: something follows the end of its options")
            return options
        if i + length > len(raw):
            raise Malformed(f"block at {at}: option {code} is longer than the block")
        options.setdefault(code, []).append(raw[i:i + length])
        i += (length + 3) & ~3
    if options:
        raise Malformed(f"block at {at}: its options have no end")
    return options


def _interface(body, order, at):
    linktype, _, snaplen = struct.unpack_from(order + "HHI", body)
    options = _options(body[8:], order, at)
    interface = Interface(linktype, snaplen)
    if 2 in options:
        interface.name = options[2][0].decode()
    if 9 in options:
        value = options[9][0][0]
        interface.ticks_per_second = 2 ** (value & 0x7F) if value & 0x80 else 10 ** value
    return interface


def _enhanced_packet(body, order, capture, at):
    number, high, low, captured, wire_len = struct.unpack_from(order + "IIIII", body)
    if 20 + captured > len(body):
        raise Malformed(f"packet block at {at}: {captured} bytes captured are more than it has")
    if number >= len(capture.interfaces[-1]):
        raise Malformed(f"packet block at {at}: there is no interface {number}")
    interface = capture.interfaces[-1][number]
    padded = (captured + 3) & ~3
    options = _options(body[20 + padded:], order, at)
    packet = Packet(number=len(capture.packets) + 1, section=len(capture.sections) - 1, interface=number,
                    time_ns=(high << 32 | low) * 1_000_000_000 // interface.ticks_per_second,
                    data=body[20:20 + captured], wire_len=wire_len,
                    comments=[value.decode() for value in options.get(1, [])])
    capture.packets.append(packet)
    capture.items.append(packet)


def journal_fields(body):
    """{name: bytes}. A field is KEY=value and a newline, or KEY, a newline, a 64-bit little-endian length, the bytes
    and a newline. Padding follows the last."""
    fields, i = {}, 0
    while i < len(body) and body[i] != 0:
        end = body.find(b"\n", i)
        if end < 0:
            raise Malformed("a journal field has no end")
        line = body[i:end]
        if not line:  # the end of the entry
            i = end + 1
            continue
        if b"=" in line:
            key, value = line.split(b"=", 1)
            i = end + 1
        else:
            key = line
            if end + 9 > len(body):
                raise Malformed(f"journal field {key!r} is cut")
            length = struct.unpack_from("<Q", body, end + 1)[0]
            i = end + 9 + length
            value = body[end + 9:i]
            if i >= len(body) or body[i] != 0x0A:
                raise Malformed(f"journal field {key!r} does not end with a newline")
            i += 1
        fields[key.decode()] = value
    return fields


def _call(fields):
    def text(key):
        return fields[key].decode("utf-8", "replace") if key in fields else None

    def number(key):
        return int(fields[key]) if key in fields else None

    def result(key):
        value = text(key)
        if value is None:
            return None
        if value.lstrip("-")[:1].isdigit():
            return int(value)
        return -getattr(errno, value.lstrip("-"))

    tcpi = {}
    for word in (text("SOCKDIAG_TCPI") or "").split():
        key, value = word.split("=", 1)
        tcpi[key] = int(value)
    flags = text("SOCKDIAG_FLAGS")
    return Call(fields=fields, name=text("SOCKDIAG_CALL"), pid=number("_PID"), comm=text("_COMM"),
                fd=number("SOCKDIAG_FD"), socket=number("SOCKDIAG_SOCKET"), kind=text("SOCKDIAG_KIND"),
                local=text("SOCKDIAG_LOCAL"), peer=text("SOCKDIAG_PEER"), enter_ns=number("SOCKDIAG_ENTER_NS"),
                exit_ns=number("SOCKDIAG_EXIT_NS"), asked=number("SOCKDIAG_ASKED"), result=result("SOCKDIAG_RESULT"),
                offset=number("SOCKDIAG_OFFSET"), flags=flags.split("|") if flags else [], tcpi=tcpi,
                time_us=number("__REALTIME_TIMESTAMP"), message=text("MESSAGE"))


@dataclasses.dataclass
class Frame:
    """What the headers of an Ethernet frame say. Endpoints are "10.0.0.1:80" and "[fd77::1]:80"."""
    ethertype: int = 0
    ip: int = 0  # 4, 6 or 0
    protocol: int = -1
    source: str = ""
    target: str = ""
    source_port: int = 0
    target_port: int = 0
    seq: int = 0
    ack: int = 0
    flags: str = ""  # of FSRPAUEC, in that order
    window: int = 0
    payload: bytes = b""
    ip_checksum_good: bool = True
    checksum_good: bool = True
    fragment: bool = False


def _sum16(raw):
    if len(raw) % 2:
        raw += b"\0"
    total = sum(struct.unpack(f">{len(raw) // 2}H", raw))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total


def decode(data):
    """Ethernet, IPv4 and IPv6 without extension headers, TCP and UDP. Raises Malformed for what contradicts itself."""
    frame = Frame()
    if len(data) < 14:
        raise Malformed("a frame shorter than its Ethernet header")
    frame.ethertype = struct.unpack_from(">H", data, 12)[0]
    if frame.ethertype == 0x0800:
        _decode_ipv4(frame, data[14:])
    elif frame.ethertype == 0x86DD:
        _decode_ipv6(frame, data[14:])
    return frame


def _decode_ipv4(frame, raw):
    header_len = (raw[0] & 15) * 4
    total_len = struct.unpack_from(">H", raw, 2)[0]
    if raw[0] >> 4 != 4 or header_len < 20 or total_len < header_len or total_len > len(raw):
        raise Malformed("an IPv4 header with a wrong version or length")
    frame.ip, frame.protocol = 4, raw[9]
    frame.ip_checksum_good = _sum16(raw[:header_len]) == 0xFFFF
    frame.fragment = bool(struct.unpack_from(">H", raw, 6)[0] & 0x3FFF)
    body = raw[header_len:total_len]
    pseudo = raw[12:20] + struct.pack(">BBH", 0, frame.protocol, len(body))
    _decode_transport(frame, raw[12:16], raw[16:20], body, pseudo)


def _decode_ipv6(frame, raw):
    if len(raw) < 40 or raw[0] >> 4 != 6:
        raise Malformed("an IPv6 header with a wrong version or length")
    length = struct.unpack_from(">H", raw, 4)[0]
    if 40 + length > len(raw):
        raise Malformed("an IPv6 packet longer than its frame")
    frame.ip, frame.protocol = 6, raw[6]
    body = raw[40:40 + length]
    pseudo = raw[8:40] + struct.pack(">II", length, frame.protocol)
    _decode_transport(frame, raw[8:24], raw[24:40], body, pseudo)


def _endpoint(address, port):
    text = str(ipaddress.ip_address(address))
    if port is None:
        return text
    return f"[{text}]:{port}" if len(address) == 16 else f"{text}:{port}"


def _decode_transport(frame, source, target, body, pseudo):
    ports = (None, None)
    if frame.fragment:
        frame.payload = body
    elif frame.protocol == 6:
        if len(body) < 20:
            raise Malformed("a cut TCP header")
        ports = struct.unpack_from(">HH", body)
        frame.seq, frame.ack, offset, flags, frame.window = struct.unpack_from(">IIBBH", body, 4)
        if (offset >> 4) * 4 < 20 or (offset >> 4) * 4 > len(body):
            raise Malformed("a TCP header with a wrong length")
        frame.flags = "".join(letter for bit, letter in enumerate("FSRPAUEC") if flags >> bit & 1)
        frame.payload = body[(offset >> 4) * 4:]
        frame.checksum_good = _sum16(pseudo + body) == 0xFFFF
    elif frame.protocol == 17:
        if len(body) < 8:
            raise Malformed("a cut UDP header")
        ports = struct.unpack_from(">HH", body)
        frame.payload = body[8:]
        frame.checksum_good = body[6:8] == b"\0\0" and frame.ip == 4 or _sum16(pseudo + body) == 0xFFFF
    else:
        frame.payload = body
    frame.source, frame.target = _endpoint(source, ports[0]), _endpoint(target, ports[1])
    frame.source_port, frame.target_port = ports[0] or 0, ports[1] or 0


def stream_bytes(capture, source, target):
    """The payload that TCP segments from `source` to `target` carried, each byte once, from the SYN on: (bytes,
    [(first, end) missing]). With several connections of the same ports, that of the last SYN is taken."""
    isn, pieces = None, []
    for packet in capture.packets:
        frame = packet.frame
        if frame.protocol != 6 or frame.fragment or (frame.source, frame.target) != (source, target):
            continue
        if "S" in frame.flags:
            if isn != frame.seq:
                isn, pieces = frame.seq, []
        elif frame.payload:
            if isn is None:
                raise Malformed(f"{source} > {target}: payload before a SYN")
            pieces.append(((frame.seq - isn - 1) % 2 ** 32, frame.payload))
    out, gaps, at = bytearray(), [], 0
    for offset, payload in sorted(pieces, key=lambda piece: piece[0]):
        if offset > at:
            gaps.append((at, offset))
            out += bytes(offset - at)
            at = offset
        if offset + len(payload) > at:
            out += payload[at - offset:]
            at = offset + len(payload)
    return bytes(out), gaps
