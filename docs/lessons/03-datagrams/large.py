"""How large may a datagram be? One for each size, to a port where nobody listens, and what sendto says."""
import errno
import socket

with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
    for size in (1472, 1473, 65508):
        try:
            s.sendto(bytes(size), ("10.77.0.2", 9))
            result = "sent"
        except OSError as error:
            result = errno.errorcode[error.errno]
        print(f"{size} bytes: {result}")
        print(f"size_{size}={result}")
