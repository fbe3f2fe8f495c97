"""Sends sixty numbered messages by UDP. The receiver answers each with its number, and takes them in their order only.

It sends each once and hopes. Mend it: a message, or its answer, may be lost, come twice or late.
"""
import socket

with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
    s.connect(("10.77.0.2", 5000))
    for number in range(1, 61):
        text = "bye" if number == 60 else f"message {number}"
        s.send(f"{number} {text}".encode())
