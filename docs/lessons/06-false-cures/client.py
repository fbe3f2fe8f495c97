"""Sends three messages, with one of the cures that people try. Arguments: cure, bytes of a message."""
import socket
import sys
import time

cure, size = sys.argv[1], int(sys.argv[2])
with socket.create_connection(("10.77.0.2", 5000)) as conn:
    if cure == "nodelay":
        conn.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    begin = time.monotonic()
    for letter in b"ABC":
        conn.sendall(bytes([letter]) * size)
        if cure == "sleep":
            time.sleep(0.05)
        if cure == "answer":
            conn.recv(10)
    print(f"client_ms={(time.monotonic() - begin) * 1000:.0f}")
    conn.shutdown(socket.SHUT_WR)
    while conn.recv(10):
        pass
