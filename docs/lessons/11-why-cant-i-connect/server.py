"""Answers each client with 3000 bytes."""
import socket

with socket.create_server(("10.77.0.2", 5000)) as listener:
    while True:
        conn, _ = listener.accept()
        with conn:
            conn.recv(100)
            conn.sendall(bytes(3000))
