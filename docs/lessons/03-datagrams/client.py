"""Three datagrams, and an empty one that says: that was all."""
import socket

with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
    for message in (b"hello", b"world", b"a longer one: " + b"x" * 86, b""):
        s.sendto(message, ("10.77.0.2", 5000))
    print("client: all sent, and no sendto complained")
