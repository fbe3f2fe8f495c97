"""Sends sixty numbered messages by UDP, each again and again until its answer has come."""
import socket


def send_surely(s, number, text):
    while True:
        s.send(f"{number} {text}".encode())
        try:
            while int(s.recv(100)) != number:  # an answer to an earlier one, late or twice
                pass
            return
        except socket.timeout:
            pass


with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
    s.connect(("10.77.0.2", 5000))
    s.settimeout(0.15)
    for number in range(1, 61):
        send_surely(s, number, "bye" if number == 60 else f"message {number}")
