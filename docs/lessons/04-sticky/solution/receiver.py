"""Receives messages, each one ended by a newline, and writes them to got.txt, numbered."""
import socket

with socket.create_server(("10.77.0.2", 5000)) as listener, open("got.txt", "wb") as got:
    conn, _ = listener.accept()
    with conn:
        number = 0
        kept = b""
        while True:
            data = conn.recv(1024)
            if not data:
                break
            kept += data
            while b"\n" in kept:
                message, kept = kept.split(b"\n", 1)
                number += 1
                got.write(b"%d %s\n" % (number, message))
