"""Sends 50 records of 64 bytes; the server answers each with "ok"."""
import socket


def answer(conn):
    left = 2
    while left:
        data = conn.recv(left)
        if not data:
            raise SystemExit("the server closed before it had answered all")
        left -= len(data)


with socket.create_connection(("10.77.0.2", 5000)) as conn:
    for number in range(50):
        conn.sendall(bytes([number]) * 64)
    for number in range(50):
        answer(conn)
