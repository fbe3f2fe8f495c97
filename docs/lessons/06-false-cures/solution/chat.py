"""Both ends of a chat: "chat.py serve" receives messages and writes each as a line to got.txt, "chat.py send" sends
the lines of messages.txt. On the wire, the length of a message stands before it: four bytes, the highest first.
"""
import socket
import sys

ADDRESS = ("10.77.0.2", 5000)


def send():
    with socket.create_connection(ADDRESS) as conn, open("messages.txt", "rb") as messages:
        for line in messages:
            message = line.rstrip(b"\n")
            conn.sendall(len(message).to_bytes(4, "big") + message)
        conn.shutdown(socket.SHUT_WR)
        conn.recv(1)  # until the other side has read all and closes


def exactly(conn, wanted):
    """That many bytes; fewer only if the other side has closed."""
    data = b""
    while len(data) < wanted and (more := conn.recv(wanted - len(data))):
        data += more
    return data


def serve():
    with socket.create_server(ADDRESS) as listener, open("got.txt", "wb") as got:
        conn, _ = listener.accept()
        with conn:
            while length := exactly(conn, 4):
                got.write(exactly(conn, int.from_bytes(length, "big")) + b"\n")


serve() if sys.argv[1] == "serve" else send()
