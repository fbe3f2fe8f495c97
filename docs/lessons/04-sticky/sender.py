"""Sends messages, each one ended by a newline, and writes down what a right receiver understands (want.txt)."""
import json
import socket

orders = [{"do": "hello"}, {"do": "put", "name": "粘包.txt"}, {"do": "note", "text": "long " * 600}, {"do": "bye"}]
messages = [json.dumps(order, ensure_ascii=False).encode() for order in orders]
with open("want.txt", "wb") as want:
    for number, message in enumerate(messages, 1):
        want.write(b"%d %s\n" % (number, message))
try:
    with socket.create_connection(("10.77.0.2", 5000)) as conn:
        for message in messages:
            conn.sendall(message + b"\n")
        conn.shutdown(socket.SHUT_WR)
        while conn.recv(1024):
            pass
except OSError as error:  # the receiver has gone: what it got tells the rest
    print("sender:", error.strerror)
