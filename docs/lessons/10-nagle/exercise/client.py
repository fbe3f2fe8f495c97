"""Twenty requests, each a header of 4 bytes and a body of 100; for each it waits for the answer, "done".

It takes nearly a second, on a wire without any delay. Mend it; the server stays as it is.
"""
import socket

with socket.create_connection(("10.77.0.2", 5000)) as conn:
    for number in range(20):
        conn.sendall(b"HEAD")
        conn.sendall(bytes([number]) * 100)
        left = 4
        while left:
            left -= len(conn.recv(left))
