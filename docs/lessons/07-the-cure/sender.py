"""Sends messages, the length of each before it (four bytes, the highest first), and writes down what a right receiver
understands (want.txt)."""
import socket

messages = ["hello", "粘包", "", "拆包 " * 20000, "x" * 1024, "bye"]
with open("want.txt", "wb") as want:
    for text in messages:
        want.write(b"%d %s\n" % (len(text.encode()), text.encode()))
try:
    with socket.create_connection(("10.77.0.2", 5000)) as conn:
        for text in messages:
            data = text.encode()
            conn.sendall(len(data).to_bytes(4, "big") + data)
        conn.shutdown(socket.SHUT_WR)
        while conn.recv(1024):
            pass
except OSError as error:  # the receiver has gone: what it got tells the rest
    print("sender:", error.strerror)
