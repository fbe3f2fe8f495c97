"""Forges answers to the IPv4 probes that come by an interface: waits for one of each protocol named (icmp, udp, tcp), says
"begun", sends COUNT frames that have much, but not all, of what an answer has, says "done". Then it sends the right answer
to each, if a line comes on its stdin, and ends.

    forge_answers.py INTERFACE COUNT PROTOCOL…
"""

import random
import socket
import struct
import sys

NUMBERS = {"icmp": 1, "udp": 17, "tcp": 6}
STRANGER = socket.inet_aton("10.254.1.2")
EXPIRED, UNREACHABLE = (11, 0), (3, 3)


def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def ip(source, target, protocol, payload):
    head = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), 1, 0, 64, protocol, 0, source, target)
    return head[:10] + struct.pack(">H", checksum(head)) + head[12:] + payload


def icmp(kind, code, rest, payload):
    body = struct.pack(">BBH4s", kind, code, 0, rest) + payload
    return body[:2] + struct.pack(">H", checksum(body)) + body[4:]


def with_checksum(source, target, protocol, body, at):
    pseudo = source + target + struct.pack(">HH", protocol, len(body))
    return body[:at] + struct.pack(">H", checksum(pseudo + body)) + body[at + 2:]


class Probe:
    """A frame that came, and answers to it."""

    def __init__(self, frame):
        self.head = frame[6:12] + frame[:6] + frame[12:14]
        packet = frame[14:14 + struct.unpack_from(">H", frame, 16)[0]]
        self.packet, self.protocol = packet, packet[9]
        self.self, self.target, self.body = packet[12:16], packet[16:20], packet[20:]
        self.draw = random.Random(7)

    def answer(self, body, source=None, target=None):
        return self.head + ip(source or self.target, target or self.self, self.protocol, body)

    def right(self):
        return self.reply()

    def reply(self, source=None, **changes):
        return self.answer(getattr(self, {1: "echo", 17: "udp", 6: "tcp"}[self.protocol])(source or self.target, **changes),
                           source)

    def echo(self, _, ident=0, seq=0, code=0, kind=0, payload=None):
        was, number = struct.unpack_from(">HH", self.body, 4)
        rest = struct.pack(">HH", was ^ ident, (number + seq) & 0xffff)
        return icmp(kind, code, rest, self.body[8:] if payload is None else payload)

    def udp(self, source, sport=0, dport=0):
        asked = struct.unpack_from(">HH", self.body)
        body = struct.pack(">HHHH", asked[1] ^ dport, asked[0] ^ sport, 12, 0) + b"none"
        return with_checksum(source, self.self, 17, body, 6)

    def tcp(self, source, sport=0, dport=0, ack=0, flags=0x12):
        asked, seq = struct.unpack_from(">HH", self.body), struct.unpack_from(">I", self.body, 4)[0]
        body = struct.pack(">HHIIBBHHH", asked[1] ^ dport, asked[0] ^ sport, 99, (seq + 1 + ack) % 2**32, 0x50, flags, 999, 0, 0)
        return with_checksum(source, self.self, 6, body, 16)

    def error(self, kind, quoted, source=STRANGER):
        return self.head + ip(source, self.self, 1, icmp(kind[0], kind[1], b"\0" * 4, quoted))

    def forged(self):
        changes = {
            1: [{"ident": 1}, {"ident": 0x8000}, {"seq": 3000}, {"seq": 30000}, {"kind": 8}, {"kind": 14},
                {"ident": 1, "payload": b""}],
            17: [{"sport": 1}, {"sport": 0x8000}, {"dport": 1}, {"dport": 0x100}],
            6: [{"ack": 5000000}, {"ack": -90000}, {"ack": 2**31}, {"sport": 0x8000}, {"dport": 1}, {"flags": 0x02},
                {"flags": 0x04}, {"ack": 7000000, "flags": 0x14}],
        }[self.protocol]
        for change in changes:
            yield self.reply(**change)
        yield self.reply(source=STRANGER)
        for kind in EXPIRED, UNREACHABLE:
            body, other = self.body, bytes(a ^ b for a, b in zip(self.body[:8], b"\x55\xaa\x55\xaa\x55\xaa\x55\xaa"))
            for source, target, what in ((self.self, STRANGER, body), (STRANGER, self.target, body),
                                         (self.self, self.target, other), (self.self, self.target, other + body[8:])):
                yield self.error(kind, ip(source, target, self.protocol, what))
            if len(self.body) >= 24:  # there may be a cookie in the payload
                yield self.error(kind, ip(self.self, self.target, self.protocol, self.body[:8] + self.draw.randbytes(16)))
            for cut in range(0, 24, 3):
                yield self.error(kind, self.packet[:cut])
            for _ in range(8):
                yield self.error(kind, self.draw.randbytes(self.draw.randrange(64)))


def main():
    interface, count, wanted = sys.argv[1], int(sys.argv[2]), {NUMBERS[name] for name in sys.argv[3:]}
    wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0800))
    wire.bind((interface, 0))
    print("ready", flush=True)
    probes = {}
    while set(probes) != wanted:
        frame, where = wire.recvfrom(65536)
        if where[2] != socket.PACKET_OUTGOING and len(frame) >= 42 and frame[14] == 0x45 and frame[23] in wanted:
            probes.setdefault(frame[23], Probe(frame))
    sender = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    sender.bind((interface, 0))
    forged = [frame for probe in probes.values() for frame in probe.forged()]
    print("begun", flush=True)
    for number in range(count):
        sender.send(forged[number % len(forged)])
    print("done", flush=True)
    if sys.stdin.readline():
        for probe in probes.values():
            sender.send(probe.right())


main()
