"""Sends ICMP echo requests of several lengths, made by hand, and writes to got.txt which were answered.

Some never are: the other host throws them away, since their checksum is wrong. Mend it (RFC 1071).
"""
import socket
import struct


def checksum(data):
    total = 0
    for i in range(0, len(data) - 1, 2):
        total += data[i] << 8 | data[i + 1]
    return ~total & 0xFFFF


def answered(s, message):
    """An ICMP echo reply (type 0) with the same identifier, number and bytes, behind its IPv4 header of 20 bytes."""
    s.sendto(message, ("10.77.0.2", 0))
    try:
        while True:
            answer = s.recv(2048)[20:]
            if answer[0] == 0 and answer[4:] == message[4:]:
                return True
    except socket.timeout:
        return False


with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as s, open("got.txt", "w") as got:
    s.settimeout(0.5)
    for length in (0, 1, 7, 56, 999, 1400):
        rest = struct.pack("!HH", 7, length) + b"\xe5" * length
        sum_of_it = checksum(struct.pack("!BBH", 8, 0, 0) + rest)
        yes = answered(s, struct.pack("!BBH", 8, 0, sum_of_it) + rest)
        print(length, "answered" if yes else "not answered", file=got)
