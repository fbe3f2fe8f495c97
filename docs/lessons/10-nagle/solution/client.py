"""Twenty requests, each a header of 4 bytes and a body of 100; for each it waits for the answer, "done"."""
import socket

with socket.create_connection(("10.77.0.2", 5000)) as conn:
    for number in range(20):
        conn.sendall(b"HEAD" + bytes([number]) * 100)
        left = 4
        while left:
            left -= len(conn.recv(left))
