"""An IGMPv2 membership report by hand: type 0x16, the checksum, the group."""
import socket
import struct

from by_hand import checksum

group = socket.inet_aton("239.1.2.3")
message = struct.pack("!BBH4s", 0x16, 0, 0, group)
message = struct.pack("!BBH4s", 0x16, 0, checksum(message), group)
with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_IGMP) as s:
    s.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 1)
    s.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton("10.77.0.1"))
    s.setsockopt(socket.IPPROTO_IP, socket.IP_OPTIONS, bytes([0x94, 4, 0, 0]))  # router alert, RFC 2113
    print(f"sent {s.sendto(message, ('239.1.2.3', 0))} bytes of IGMP: I want what is sent to 239.1.2.3")
