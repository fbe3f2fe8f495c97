"""Captures made by hand: packets and calls of one or more TCP connections, with right checksums and fixed times.

    scene = Scene(comment="framing=naive")
    stream = scene.stream()                   # handshake, at the scene's clock
    stream.send(b"...")                       # a call of the client
    stream.segment("client", 0, b"...", fate="dropped")
    stream.recv("server", 1024, 1024, inq=4139)
    scene.write("f.pcapng")

Everything that is not given is the same in each run.
"""

import struct

T0 = 1_700_000_000_000_000_000
MS = 1_000_000
SYN, FIN, RST, PSH, ACK = 2, 1, 4, 8, 16
HOSTS = {"client": "10.77.0.1", "server": "10.77.0.2"}


def _block(kind, body):
    body += bytes(-len(body) % 4)
    return struct.pack("<II", kind, len(body) + 12) + body + struct.pack("<I", len(body) + 12)


def _option(code, value):
    return struct.pack("<HH", code, len(value)) + value + bytes(-len(value) % 4)


def _checksum(data):
    data += bytes(len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def _ip(text):
    return bytes(int(part) for part in text.split("."))


class Scene:
    def __init__(self, comment=None):
        options = _option(1, comment.encode()) + _option(0, b"") if comment else b""
        self.blocks = [_block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1) + options)]
        name = _option(2, b"wire") + _option(9, b"\x09") + _option(0, b"")
        self.blocks.append(_block(1, struct.pack("<HHI", 101, 0, 65535) + name))
        self.clock = T0
        self.streams = 0

    def tick(self, ms=1.0):
        self.clock += int(ms * MS)

    def packet(self, data, fate=None):
        options = _option(1, fate.encode()) + _option(0, b"") if fate else b""
        head = struct.pack("<IIIII", 0, self.clock >> 32, self.clock & 0xFFFFFFFF, len(data), len(data))
        self.blocks.append(_block(6, head + data + bytes(-len(data) % 4) + options))

    def call(self, fields):
        text = "".join(f"{key}={value}\n" for key, value in fields.items())
        self.blocks.append(_block(9, text.encode()))

    def stream(self, port=None, handshake=True):
        self.streams += 1
        return Stream(self, port or 41990 + self.streams, handshake)

    def data(self):
        return b"".join(self.blocks)

    def write(self, path, cut=0):
        data = self.data()
        with open(path, "wb") as f:
            f.write(data[:len(data) - cut])


class Stream:
    def __init__(self, scene, port, handshake):
        self.scene = scene
        self.port = {"client": port, "server": 2121}
        self.isn = {"client": 1000, "server": 2000}
        self.moved = {}
        if handshake:
            self.raw("client", SYN, 0)
            self.raw("server", SYN | ACK, 0)
            self.raw("client", ACK, 0)

    def raw(self, side, flags, offset, payload=b"", fate=None):
        other = "server" if side == "client" else "client"
        options = bytes.fromhex("020405b4") if flags & SYN else b""
        seq = self.isn[side] + (0 if flags & SYN else 1 + offset)
        ack = self.isn[other] + 1 if flags & ACK else 0
        head = struct.pack("!HHIIBBHHH", self.port[side], self.port[other], seq, ack, (20 + len(options)) << 2,
                           flags, 65535, 0, 0) + options
        source, target = _ip(HOSTS[side]), _ip(HOSTS[other])
        size = len(head) + len(payload)
        check = _checksum(source + target + struct.pack("!HH", 6, size) + head + payload)
        head = head[:16] + struct.pack("!H", check) + head[18:]
        ip = struct.pack("!BBHHHBBH", 0x45, 0, 20 + size, 0, 0x4000, 64, 6, 0) + source + target
        ip = ip[:10] + struct.pack("!H", _checksum(ip)) + ip[12:]
        self.scene.packet(ip + head + payload, fate)
        self.scene.tick(0.1)

    def segment(self, side, offset, payload, fate="delivered"):
        self.raw(side, PSH | ACK, offset, payload, fate)

    def fin(self, side, offset):
        self.raw(side, FIN | ACK, offset)

    def _call(self, side, op, name, asked, result, snapshot):
        other = "server" if side == "client" else "client"
        clock = self.scene.clock
        offset = self.moved.get((side, op), 0)
        fields = {"__REALTIME_TIMESTAMP": clock // 1000, "MESSAGE": name, "SYSLOG_IDENTIFIER": "sockdiag",
                  "_PID": 70 if side == "client" else 71, "_COMM": "python3", "SOCKDIAG_CALL": name,
                  "SOCKDIAG_OP": op, "SOCKDIAG_FD": 4,
                  "SOCKDIAG_SOCKET": self.port["client"] * 2 + (side == "server"), "SOCKDIAG_KIND": "inet/stream",
                  "SOCKDIAG_LOCAL": f"{HOSTS[side]}:{self.port[side]}",
                  "SOCKDIAG_PEER": f"{HOSTS[other]}:{self.port[other]}", "SOCKDIAG_ENTER_NS": clock,
                  "SOCKDIAG_EXIT_NS": clock + 20_000, "SOCKDIAG_ASKED": asked, "SOCKDIAG_RESULT": result}
        if result > 0:
            fields["SOCKDIAG_OFFSET"] = offset
            self.moved[side, op] = offset + result
        if snapshot:
            fields["SOCKDIAG_TCPI"] = " ".join(f"{key}={value}" for key, value in snapshot.items())
        self.scene.call(fields)
        self.scene.tick(0.05)

    def other(self, side, name, result):
        """A call that moves no bytes."""
        self._call(side, "other", name, 0, result, None)

    def send(self, side, size, asked=None, **snapshot):
        self._call(side, "send", "sendto", asked or size, size, snapshot)

    def recv(self, side, asked, result, **snapshot):
        self._call(side, "recv", "recvfrom", asked, result, snapshot)
