"""Sends 100,000 bytes to a reader that is slow at times. Gives up when the reader has not moved for five seconds."""
import socket

data = bytes((7 * i + i // 251) % 256 for i in range(100000))
with socket.socket() as conn:
    conn.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8192)
    conn.connect(("10.77.0.2", 5000))
    conn.settimeout(5)
    sent = 0
    while sent < len(data):
        sent += conn.send(data[sent:sent + 10000])  # what it took, it tells; sendall would not
    conn.shutdown(socket.SHUT_WR)
    conn.settimeout(None)
    conn.recv(1)  # until the other side has read all and closes
