"""Three clients. The first connects and says nothing for a long time; the others ask, and must be served meanwhile. Each
line of got.txt is what one of them got, want.txt what they should get."""
import socket

ADDRESS = ("10.77.0.2", 5000)


def ask(conn, words):
    """Send a line, return the answer's line; what came until 4 s had passed in silence."""
    conn.sendall(words + b"\n")
    conn.settimeout(4)
    answer = b""
    try:
        while not answer.endswith(b"\n"):
            data = conn.recv(100)
            if not data:
                break
            answer += data
    except socket.timeout:
        answer += b"(nothing for 4 s)"
    except OSError as error:
        answer += f"({error.strerror})".encode()
    return answer.rstrip(b"\n")


with open("want.txt", "wb") as want:
    want.write(b"second: PLEASE\nthird: ME TOO\nfirst: AT LAST\n")
with socket.create_connection(ADDRESS) as first, open("got.txt", "wb") as got:
    with socket.create_connection(ADDRESS) as second:
        got.write(b"second: " + ask(second, b"please") + b"\n")
        got.flush()
        with socket.create_connection(ADDRESS) as third:
            got.write(b"third: " + ask(third, b"me too") + b"\n")
    got.write(b"first: " + ask(first, b"at last") + b"\n")
