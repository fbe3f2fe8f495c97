"""Receives messages, the length of each before it (four bytes, the highest first), and writes each to got.txt: its
length and its bytes.

It knows the framing, and still it breaks, on three things. Mend them. The last message is followed by the end of the
connection.
"""
import socket


def exactly(conn, wanted):
    data = b""
    have = 0
    while have < wanted:
        more = conn.recv(wanted - have)
        data += more
        have =+ len(more)
    return data


with socket.create_server(("10.77.0.2", 5000)) as listener, open("got.txt", "wb") as got:
    conn, _ = listener.accept()
    with conn:
        while True:
            length = int.from_bytes(conn.recv(4), "big")
            message = exactly(conn, length)
            got.write(b"%d %s\n" % (len(message.decode()), message))
