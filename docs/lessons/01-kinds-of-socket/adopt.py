"""A descriptor that somebody else opened: what is it?"""
import os
import socket

left, right = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
number = os.dup(right.fileno())
adopted = socket.socket(fileno=number)
print(f"descriptor {number} is {adopted.family.name}, {adopted.type.name}, protocol {adopted.proto}")
left.send(b"hello")
print("it receives", adopted.recv(10))
print(f"adopted={adopted.type.name}")
