"""An IPv4 header by hand (IP_HDRINCL), with zeros and nonsense in some fields, and what left the machine."""
import socket
import struct

from by_hand import checksum

ICMP = struct.pack("!BBHHH", 8, 0, 0, 7, 2)
ICMP = ICMP[:2] + struct.pack("!H", checksum(ICMP)) + ICMP[4:]
asked = {"length": 0, "identifier": 0, "TTL": 77, "checksum": 0x1234, "source": "0.0.0.0"}
header = struct.pack("!BBHHHBBH4s4s", 0x45, 0, asked["length"], asked["identifier"], 0, asked["TTL"], 1,
                     asked["checksum"], socket.inet_aton(asked["source"]), socket.inet_aton("10.77.0.2"))
with socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(3)) as tap:  # 3: ETH_P_ALL, what leaves, too
    tap.settimeout(2)
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as s:
        s.sendto(header + ICMP, ("10.77.0.2", 0))
    while True:
        frame = tap.recv(2048)
        if len(frame) >= 28 and frame[0] == 0x45 and frame[9] == 1 and frame[8] == 77:
            break
length, identifier = struct.unpack("!HH", frame[2:6])
found = {"length": length, "identifier": identifier, "TTL": frame[8], "checksum": struct.unpack("!H", frame[10:12])[0],
         "source": socket.inet_ntoa(frame[12:16])}
print(f"{'field':12}{'asked for':>12}{'left':>14}")
for name in asked:
    print(f"{name:12}{asked[name]:>12}{found[name]:>14}{'' if asked[name] == found[name] else '   rewritten'}")
print(f"rewritten={sum(asked[name] != found[name] for name in asked)}")
print(f"ttl={found['TTL']}\nlength={length}\nsource={found['source']}\nidentifier={identifier}")
print(f"right={'yes' if checksum(frame[:20]) == 0 else 'no'}")
