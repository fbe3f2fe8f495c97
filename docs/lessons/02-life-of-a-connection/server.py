"""bind, listen, and only after a while accept; then it reads to the end, answers, and closes."""
import socket
import time

listener = socket.socket()
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
listener.bind(("10.77.0.2", 5000))
listener.listen(5)
time.sleep(0.3)
conn, peer = listener.accept()
print("server: getsockname", conn.getsockname(), "getpeername", conn.getpeername())
request = b""
while data := conn.recv(1024):
    request += data
conn.sendall(b"you said " + request)
conn.close()
listener.close()
