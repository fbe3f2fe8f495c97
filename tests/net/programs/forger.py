"""Forges answers to the echo requests that come over lo: waits for the first, says "begun", sends COUNT packets that
have much, but not all, of what an answer has, says "done". Runs as root of its network namespace.

    forger.py COUNT
"""

import random
import socket
import struct
import sys

SEED = 7


def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def icmp(kind, code, rest, payload, right=True):
    body = struct.pack(">BBH4s", kind, code, 0, rest) + payload
    value = checksum(body) if right else 0x1234
    return body[:2] + struct.pack(">H", value) + body[4:]


def ip(source, target, payload, claimed=None):
    """The kernel fills in checksum and total length, so that a wrong length can only stand in quoted headers."""
    return struct.pack(">BBHHHBBH4s4s", 0x45, 0, claimed or 20 + len(payload), 1, 0, 64, 1, 0, source, target) + payload


def shapes(request):
    """One packet of each kind, about a request that was seen."""
    draw = random.Random(SEED)
    lo = socket.inet_aton("127.0.0.1")
    body = request[20:]
    ident, seq = body[4:6], struct.unpack(">H", body[6:8])[0]
    random_payload = draw.randbytes(56)
    other = draw.randbytes(4)
    quoted_right = ip(lo, lo, body)
    yield ip(lo, lo, icmp(0, 0, ident + struct.pack(">H", seq), random_payload))      # not the cookie
    yield ip(lo, lo, icmp(0, 0, ident + struct.pack(">H", seq), body[8:], right=False))  # a wrong checksum
    yield ip(lo, lo, icmp(0, 5, ident + struct.pack(">H", seq), body[8:]))            # a code that no reply has
    yield ip(lo, lo, icmp(0, 0, ident + struct.pack(">H", (seq + 300) & 0xffff), body[8:]))  # another number
    yield ip(lo, lo, icmp(0, 0, ident + struct.pack(">H", seq), b""))                 # nothing of the payload
    yield ip(lo, lo, icmp(0, 0, other[:2] + struct.pack(">H", seq), body[8:]))        # another program's
    for cut in range(0, 48):                                                          # quotes that are cut short
        yield ip(lo, lo, icmp(11, 0, b"\0" * 4, draw.randbytes(20)[:cut] if cut < 20 else quoted_right[:20] + other))
    yield ip(lo, lo, icmp(3, 4, struct.pack(">HH", 0, 68), ip(lo, lo, icmp(8, 0, ident + b"\xff\xff", random_payload))))
    yield ip(lo, lo, icmp(3, 1, b"\0" * 4, ip(lo, other, body)))                      # about another target
    yield ip(lo, lo, icmp(3, 1, b"\0" * 4, ip(lo, lo, icmp(8, 0, ident + struct.pack(">H", seq), random_payload), claimed=9)))
    yield ip(lo, lo, icmp(5, 1, other, ip(lo, lo, icmp(8, 0, ident + struct.pack(">H", seq), random_payload))))


def main():
    count = int(sys.argv[1])
    listener = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
    print("ready", flush=True)
    request = listener.recv(65536)
    while request[20] != 8:
        request = listener.recv(65536)
    listener.close()
    sender = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
    forged = list(shapes(request))
    print("begun", flush=True)
    target = ("127.0.0.1", 0)
    for number in range(count):
        sender.sendto(forged[number % len(forged)], target)
    print("done", flush=True)


main()
