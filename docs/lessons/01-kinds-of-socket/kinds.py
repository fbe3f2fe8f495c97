"""Which kinds of socket can this program make?"""
import errno
import socket

FAMILIES = ("AF_UNIX", "AF_INET", "AF_INET6")
TYPES = ("SOCK_STREAM", "SOCK_DGRAM", "SOCK_SEQPACKET", "SOCK_RAW", "SOCK_RDM")


def attempt(family, kind):
    try:
        with socket.socket(getattr(socket, family), getattr(socket, kind),
                           socket.IPPROTO_ICMP if kind == "SOCK_RAW" and family != "AF_UNIX" else 0) as made:
            return f"ok ({made.proto})" if made.proto else "ok"
    except OSError as error:
        return errno.errorcode[error.errno]


print(f"{'':10}", *(f"{kind[5:]:16}" for kind in TYPES))
made = 0
for family in FAMILIES:
    results = [attempt(family, kind) for kind in TYPES]
    made += sum(result.startswith("ok") for result in results)
    print(f"{family:10}", *(f"{result:16}" for result in results))
    for kind, result in zip(TYPES, results):
        print(f"{family[3:].lower()}_{kind[5:].lower()}={result}")
print(f"made={made}")
