"""Receives messages, the length of each before it (four bytes, the highest first), and writes each to got.txt: its
length and its bytes."""
import socket


def exactly(conn, wanted):
    """That many bytes; fewer only if the other side has closed."""
    data = b""
    while len(data) < wanted:
        more = conn.recv(wanted - len(data))
        if not more:
            break
        data += more
    return data


with socket.create_server(("10.77.0.2", 5000)) as listener, open("got.txt", "wb") as got:
    conn, _ = listener.accept()
    with conn:
        while length := exactly(conn, 4):
            message = exactly(conn, int.from_bytes(length, "big"))
            got.write(b"%d %s\n" % (len(message), message))
