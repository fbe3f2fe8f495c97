"""Has other work to do before it reads, as servers do."""
import socket
import time

with socket.create_server(("10.77.0.2", 5000)) as listener:
    conn, _ = listener.accept()
    with conn:
        time.sleep(0.1)
        message = conn.recv(1024)
        print(f"server: one recv gave {message!r}")
        while conn.recv(1024):
            pass
