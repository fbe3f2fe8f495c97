"""A reader that comes late: it accepts, sleeps, and only then reads. Its argument: how long it sleeps, in seconds."""
import socket
import sys
import time

with socket.socket() as listener:
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
    listener.bind(("10.77.0.2", 5000))
    listener.listen()
    conn, _ = listener.accept()
    with conn:
        time.sleep(float(sys.argv[1]))
        total = 0
        while data := conn.recv(65536):
            total += len(data)
        print(f"server: {total} bytes in all")
