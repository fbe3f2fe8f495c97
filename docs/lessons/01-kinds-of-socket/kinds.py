"""Which kinds of socket can this program make?"""
import errno
import socket

FAMILIES = ("AF_UNIX", "AF_INET", "AF_INET6")
TYPES = ("SOCK_STREAM", "SOCK_DGRAM", "SOCK_SEQPACKET", "SOCK_RAW", "SOCK_RDM")


def attempt(family, kind):
    try:
        with socket.socket(getattr(socket, family), getattr(socket, kind),
                           socket.IPPROTO_ICMP if kind == "SOCK_RAW" and family != "AF_UNIX" else 0):
            return "ok"
    except OSError as error:
        return errno.errorcode[error.errno]


results = {(family, kind): attempt(family, kind) for family in FAMILIES for kind in TYPES}
print(f"{'':10}", *(f"{family:15}" for family in FAMILIES[:-1]), FAMILIES[-1])
for kind in TYPES:
    print(f"{kind[5:]:10}", *(f"{results[family, kind]:15}" for family in FAMILIES[:-1]), results[FAMILIES[-1], kind])
for (family, kind), result in results.items():
    print(f"{family[3:].lower()}_{kind[5:].lower()}={result}")
print(f"made={sum(result == 'ok' for result in results.values())}")
