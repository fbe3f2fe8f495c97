"""Closes while there is something that it has not read."""
import socket
import time

with socket.create_server(("10.77.0.2", 5000)) as listener:
    conn, _ = listener.accept()
    conn.recv(1)
    conn.close()
    time.sleep(0.1)
