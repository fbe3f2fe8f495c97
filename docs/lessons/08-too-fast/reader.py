"""A slow reader: it has other work for 0.5 s, and again now and then. It writes what came to got.bin, and to want.bin
what a right sender sends: 100,000 bytes, byte i being (7 i + i / 251) modulo 256."""
import socket
import time

with open("want.bin", "wb") as want:
    want.write(bytes((7 * i + i // 251) % 256 for i in range(100000)))
with socket.socket() as listener, open("got.bin", "wb") as got:
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
    listener.bind(("10.77.0.2", 5000))
    listener.listen()
    conn, _ = listener.accept()
    with conn:
        time.sleep(0.5)
        total = 0
        while data := conn.recv(4096):
            got.write(data)
            if total // 40000 != (total + len(data)) // 40000:
                time.sleep(0.3)
            total += len(data)
