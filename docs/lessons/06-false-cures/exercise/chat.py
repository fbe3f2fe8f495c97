"""Both ends of a chat: "chat.py serve" receives messages and writes each as a line to got.txt, "chat.py send" sends
the lines of messages.txt.

So that the messages arrive apart, the sender sleeps after each one. Mend it: right in every network, without sleeping.
Both ends are yours: change what goes over the wire as you like.
"""
import socket
import sys
import time

ADDRESS = ("10.77.0.2", 5000)


def send():
    with socket.create_connection(ADDRESS) as conn, open("messages.txt", "rb") as messages:
        for line in messages:
            conn.sendall(line.rstrip(b"\n"))
            time.sleep(0.02)
        conn.shutdown(socket.SHUT_WR)
        conn.recv(1)  # until the other side has read all and closes


def serve():
    with socket.create_server(ADDRESS) as listener, open("got.txt", "wb") as got:
        conn, _ = listener.accept()
        with conn:
            while data := conn.recv(4096):
                got.write(data + b"\n")


serve() if sys.argv[1] == "serve" else send()
