"""Sends 4096 bytes by one call of send. The address to send to is its argument."""
import socket
import sys

with socket.create_connection((sys.argv[1], 5000)) as conn:
    print("sent=" + str(conn.send(bytes(range(256)) * 16)))
