"""Sends 60,000 bytes, 6000 at a time, as fast as send lets it. Its argument: the timeout of the socket in seconds, or
"none". The buffers on both sides are small, so that the picture is, too."""
import socket
import sys
import time

with socket.socket() as conn:
    conn.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8192)
    conn.connect(("10.77.0.2", 5000))
    conn.settimeout(None if sys.argv[1] == "none" else float(sys.argv[1]))
    sent, call, slowest, longest, timed_out = 0, 0, 0, 0.0, "no"
    while sent < 60000 and timed_out == "no":
        call += 1
        begin = time.monotonic()
        try:
            sent += conn.send(bytes(6000))
        except socket.timeout:
            timed_out = "yes"
        took = time.monotonic() - begin
        if took > longest:
            slowest, longest = call, took
    conn.settimeout(None)
    conn.shutdown(socket.SHUT_WR)
    conn.recv(1)  # until the server has read what was sent, and closes
    print(f"client: {sent} bytes in {call} sends; send #{slowest} took {longest * 1000:.0f} ms"
          + (" and gave up" if timed_out == "yes" else ""))
    print(f"taken={sent}\nblocked_send={slowest}\nblocked_ms={longest * 1000:.0f}\ntimed_out={timed_out}")
