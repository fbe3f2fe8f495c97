"""Takes records of 64 bytes, writes them to got.bin and answers each with "ok". want.bin is what must come: 50 records,
the n-th all bytes n."""
import socket

with open("want.bin", "wb") as want:
    for number in range(50):
        want.write(bytes([number]) * 64)
with socket.create_server(("10.77.0.2", 5000)) as listener, open("got.bin", "wb") as got:
    conn, _ = listener.accept()
    with conn:
        have = 0
        while data := conn.recv(4096):
            got.write(data)
            conn.sendall(b"ok" * ((have + len(data)) // 64 - have // 64))
            have += len(data)
