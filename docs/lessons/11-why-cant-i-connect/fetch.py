"""Fetches 3000 bytes from HOST PORT; when it fails, it says no more than many programs do."""
import socket
import sys

try:
    with socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=1.5) as conn:
        conn.sendall(b"please")
        have = 0
        while data := conn.recv(4096):
            have += len(data)
    print(f"fetch: {have} bytes")
except OSError:
    print("fetch: cannot connect")
