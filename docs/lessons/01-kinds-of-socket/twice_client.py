"""Sends twice. Its argument: "tcp" or "udp"."""
import socket
import sys

kind = socket.SOCK_STREAM if sys.argv[1] == "tcp" else socket.SOCK_DGRAM
with socket.socket(socket.AF_INET, kind) as conn:
    conn.connect(("10.77.0.2", 5000))
    conn.send(b"hello")
    conn.send(b"world")
    if kind == socket.SOCK_DGRAM:
        conn.settimeout(0.2)
        try:
            conn.recv(10)  # an answer that does not come: the server has time to read
        except OSError:
            pass
