"""Returns each line that a client sends in capital letters, each client in a thread of its own."""
import socket
import threading


def serve(conn):
    with conn:
        line = b""
        while data := conn.recv(100):
            line += data
            while b"\n" in line:
                words, line = line.split(b"\n", 1)
                conn.sendall(words.upper() + b"\n")


with socket.create_server(("10.77.0.2", 5000)) as listener:
    while True:
        conn, _ = listener.accept()
        threading.Thread(target=serve, args=(conn,), daemon=True).start()
