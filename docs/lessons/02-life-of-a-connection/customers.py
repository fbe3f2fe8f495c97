"""Three clients at the same moment. Its argument is the name under which the longest wait is printed."""
import socket
import sys
import threading
import time

waits = []


def customer():
    begin = time.monotonic()
    with socket.create_connection(("10.77.0.2", 5000)) as s:
        s.sendall(b"please")
        s.recv(100)
    waits.append((time.monotonic() - begin) * 1000)


threads = [threading.Thread(target=customer) for _ in range(3)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print("customers waited", ", ".join(f"{ms:.0f}" for ms in sorted(waits)), "ms")
print(f"{sys.argv[1]}_ms={max(waits):.0f}")
