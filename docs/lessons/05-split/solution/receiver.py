"""Receives a picture and writes it to got.bin."""
import socket

with socket.create_server(("10.77.0.2", 5000)) as listener:
    conn, _ = listener.accept()
    with conn, open("got.bin", "wb") as file:
        while data := conn.recv(65536):
            file.write(data)
