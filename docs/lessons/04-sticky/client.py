"""Says "hello", and then "world": two messages, two calls of send."""
import socket

with socket.create_connection(("10.77.0.2", 5000)) as conn:
    conn.sendall(b"hello")
    conn.sendall(b"world")
