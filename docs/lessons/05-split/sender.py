"""Sends a picture of 20,000 bytes and closes. picture.bin is what the receiver must have in the end."""
import socket

picture = bytes((7 * n + n // 251) % 256 for n in range(20000))
with open("picture.bin", "wb") as file:
    file.write(picture)
try:
    with socket.create_connection(("10.77.0.2", 5000)) as conn:
        conn.sendall(picture)
        conn.shutdown(socket.SHUT_WR)
        while conn.recv(1024):
            pass
except OSError as error:  # the receiver has gone: what it got tells the rest
    print("sender:", error.strerror)
