"""connect, send, shutdown: "I have said all"; then it reads the answer to its end."""
import socket
import time

s = socket.socket()
begin = time.monotonic()
s.connect(("10.77.0.2", 5000))
print(f"connect_ms={(time.monotonic() - begin) * 1000:.0f}")
print("client: getsockname", s.getsockname(), "getpeername", s.getpeername())
s.sendall(b"hello")
s.shutdown(socket.SHUT_WR)
answer = b""
while data := s.recv(1024):
    answer += data
print("client: the answer is", answer)
s.close()
