"""Receives a picture and writes it to got.bin.

The buffer is large enough for all of it; on one machine this always worked. Mend it: the picture is complete when the
sender has closed the connection.
"""
import socket

with socket.create_server(("10.77.0.2", 5000)) as listener:
    conn, _ = listener.accept()
    with conn:
        picture = conn.recv(65536)
        with open("got.bin", "wb") as file:
            file.write(picture)
