"""Receives messages, each one ended by a newline, and writes them to got.txt, numbered.

It takes what one recv returns for one message. Mend it: a message ends at its newline, wherever recv stopped.
"""
import socket

with socket.create_server(("10.77.0.2", 5000)) as listener, open("got.txt", "wb") as got:
    conn, _ = listener.accept()
    with conn:
        number = 0
        while True:
            data = conn.recv(1024)
            if not data:
                break
            number += 1
            got.write(b"%d %s\n" % (number, data.rstrip(b"\n")))
