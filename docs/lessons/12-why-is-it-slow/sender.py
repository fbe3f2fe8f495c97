"""Sends a file of 120,000 bytes, 4000 at a time, and says how long it took. Its argument is the number of the
transfer."""
import socket
import sys
import time

which = sys.argv[1]
begin = time.monotonic()
with socket.create_connection(("10.77.0.2", 5000)) as conn:
    for _ in range(30):
        conn.sendall(bytes(4000))
        if which == "1":
            conn.recv(2, socket.MSG_WAITALL)
        if which == "5":
            time.sleep(0.03)
    conn.shutdown(socket.SHUT_WR)
    conn.recv(1)  # until the other side has read all and closes
print(f"transfer {which}: 120000 bytes in {time.monotonic() - begin:.1f} s")
print(f"took_{which}={time.monotonic() - begin:.1f}")
