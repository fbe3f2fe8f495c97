"""Receives numbered messages, "N text", answers each with its number, and writes the new ones to got.txt in their order.
want.txt is what must come: sixty messages. The last is "bye"."""
import socket

with open("want.txt", "w", encoding="ascii") as want:
    for number in range(1, 61):
        print(number, "bye" if number == 60 else f"message {number}", file=want)
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s, open("got.txt", "wb") as got:
    s.bind(("10.77.0.2", 5000))
    s.settimeout(8)
    expected = 1
    try:
        while True:
            data, sender = s.recvfrom(2048)
            number = int(data.split()[0])
            if number == expected:
                got.write(data + b"\n")
                got.flush()
                expected += 1
            if number < expected:
                s.sendto(b"%d" % number, sender)
            if expected > 60:
                s.settimeout(0.4)  # the last answer may have been lost: the sender asks again
    except socket.timeout:
        pass
