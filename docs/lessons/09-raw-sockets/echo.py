"""An ICMP echo request by hand: type 8, code 0, checksum, identifier, number, and a few bytes."""
import socket
import struct

from by_hand import checksum

with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as s:
    s.settimeout(2)
    message = struct.pack("!BBHHH", 8, 0, 0, 7, 1) + b"by hand"
    message = message[:2] + struct.pack("!H", checksum(message)) + message[4:]
    s.sendto(message, ("10.77.0.2", 0))
    answer = s.recv(1024)
header = (answer[0] & 15) * 4
print(f"sent {len(message)} bytes of ICMP, recv returned {len(answer)}; the first is {answer[0]:#x}")
print(f"the answer's ICMP type is {answer[header]}, its bytes {answer[header + 8:]}")
print(f"sent={len(message)}\nreturned={len(answer)}\nheader={header}\nanswer_type={answer[header]}\nanswer_ttl={answer[8]}")
