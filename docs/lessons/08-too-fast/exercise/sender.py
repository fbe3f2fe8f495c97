"""Sends 100,000 bytes to a reader that is slow at times.

So that it never hangs, its socket has a timeout; and after a timeout it goes on. Mend it: every byte has to arrive, once
and in order. It may still give up, but only when the reader has not moved for five seconds.
"""
import socket

data = bytes((7 * i + i // 251) % 256 for i in range(100000))
with socket.socket() as conn:
    conn.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8192)
    conn.connect(("10.77.0.2", 5000))
    conn.settimeout(0.1)
    for begin in range(0, len(data), 10000):
        try:
            conn.sendall(data[begin:begin + 10000])
        except socket.timeout:
            print("the reader is slow; going on")
    conn.shutdown(socket.SHUT_WR)
    conn.settimeout(None)
    conn.recv(1)  # until the other side has read all and closes
