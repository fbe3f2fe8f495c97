"""Why can't I connect? Prints one of: refused, filtered, no route, wrong name, black hole; or "fine".

It knows only that something went wrong. Mend it: the exceptions tell more, and so does the moment at which they come.
"""
import socket
import sys

try:
    with socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=1) as conn:
        conn.sendall(b"please")
        while conn.recv(4096):
            pass
    print("fine")
except OSError:
    print("cannot connect")
