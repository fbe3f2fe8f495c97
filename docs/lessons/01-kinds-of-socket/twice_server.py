"""Reads what two sends brought, after a while. Its argument: "tcp" or "udp"."""
import socket
import sys
import time

if sys.argv[1] == "tcp":
    with socket.create_server(("10.77.0.2", 5000)) as listener:
        conn, _ = listener.accept()
        time.sleep(0.1)
        while data := conn.recv(1024):
            print(f"server: {data!r}")
else:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as conn:
        conn.bind(("10.77.0.2", 5000))
        conn.settimeout(5)
        for _ in range(2):
            print(f"server: {conn.recv(1024)!r}")
