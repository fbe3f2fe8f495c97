"""Receives datagrams until an empty one comes. Its argument: the buffer size of recvfrom."""
import socket
import sys

with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
    s.bind(("10.77.0.2", 5000))
    s.settimeout(5)
    while True:
        data, sender = s.recvfrom(int(sys.argv[1]))
        if not data:
            break
        print(f"server: {len(data)} bytes from {sender[0]}:{sender[1]}: {data[:20]!r}{'…' if len(data) > 20 else ''}")
