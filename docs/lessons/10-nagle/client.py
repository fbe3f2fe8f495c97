"""Four requests, each a header of 4 bytes and a body of 100, and for each it waits for the answer. Its argument: "two"
sends, "one" send of both, or "nodelay": two sends with TCP_NODELAY."""
import socket
import sys
import time

how = sys.argv[1]
header, body = b"HEAD", bytes(100)
times = []
with socket.create_connection(("10.77.0.2", 5000)) as conn:
    if how == "nodelay":
        conn.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for _ in range(4):
        begin = time.monotonic()
        if how == "one":
            conn.sendall(header + body)
        else:
            conn.sendall(header)
            conn.sendall(body)
        left = 4
        while left:
            left -= len(conn.recv(left))
        times.append((time.monotonic() - begin) * 1000)
print("client: milliseconds for each request:", " ".join(f"{ms:.0f}" for ms in times))
print(f"{how}_ms={sum(times):.0f}\n{how}_third_ms={times[2]:.0f}")
