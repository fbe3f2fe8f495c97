"""Why can't I connect? Prints one of: refused, filtered, no route, wrong name, black hole; or "fine"."""
import socket
import sys


def why(host, port):
    try:
        address = socket.getaddrinfo(host, port, socket.AF_INET, socket.SOCK_STREAM)[0][4]
    except socket.gaierror:
        return "wrong name"
    with socket.socket() as conn:
        conn.settimeout(1)
        try:
            conn.connect(address)
        except ConnectionRefusedError:
            return "refused"
        except socket.timeout:
            return "filtered"
        except OSError:
            return "no route"
        try:
            conn.sendall(b"please")
            while conn.recv(4096):
                pass
        except socket.timeout:
            return "black hole"
    return "fine"


print(why(sys.argv[1], sys.argv[2]))
