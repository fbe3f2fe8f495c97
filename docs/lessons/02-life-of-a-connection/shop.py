"""A server that needs 200 ms for each client. Its argument: "one" client after another, or "many" at once."""
import socket
import sys
import threading
import time


def serve(conn):
    with conn:
        conn.recv(100)
        time.sleep(0.2)
        conn.sendall(b"done")


with socket.create_server(("10.77.0.2", 5000)) as listener:
    for _ in range(3):
        conn, _ = listener.accept()
        if sys.argv[1] == "one":
            serve(conn)
        else:
            threading.Thread(target=serve, args=(conn,)).start()
