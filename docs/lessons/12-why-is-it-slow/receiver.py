"""Receives a file of 120,000 bytes. Its argument is the number of the transfer: do not look what it does there before
you have answered."""
import socket
import sys
import time

which = sys.argv[1]
with socket.socket() as listener:
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if which in "24":
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096 if which == "2" else 16384)
    listener.bind(("10.77.0.2", 5000))
    listener.listen()
    conn, _ = listener.accept()
    with conn:
        have = 0
        while have < 120000:
            data = conn.recv(8000)
            if not data:
                break
            answered, have = have // 4000, have + len(data)
            if which == "1":
                conn.sendall(b"ok" * (have // 4000 - answered))
            if which == "4":
                time.sleep(0.05)
