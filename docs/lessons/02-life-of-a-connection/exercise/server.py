"""Returns each line that a client sends in capital letters.

It serves one client after another: while one says nothing, all others wait. Mend it: each is served when it speaks.
"""
import socket


def serve(conn):
    with conn:
        line = b""
        while data := conn.recv(100):
            line += data
            while b"\n" in line:
                words, line = line.split(b"\n", 1)
                conn.sendall(words.upper() + b"\n")


with socket.create_server(("10.77.0.2", 5000)) as listener:
    while True:
        conn, _ = listener.accept()
        serve(conn)
