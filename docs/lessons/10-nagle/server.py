"""Answers each request: a header of 4 bytes and a body of 100."""
import socket

with socket.create_server(("10.77.0.2", 5000)) as listener:
    conn, _ = listener.accept()
    with conn:
        have = requests = 0
        while data := conn.recv(4096):
            have += len(data)
            while have >= 104:
                have -= 104
                requests += 1
                conn.sendall(b"done")
    print(f"requests={requests}")
