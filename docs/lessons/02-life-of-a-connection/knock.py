"""Knocks at a port where nobody listens: connect_ex returns the error's number instead of raising an exception."""
import errno
import socket

with socket.socket() as s:
    number = s.connect_ex(("10.77.0.2", 5001))
print(f"connect_ex returned {number}, {errno.errorcode[number]}")
print(f"error={errno.errorcode[number]}")
