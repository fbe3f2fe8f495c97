"""Two messages, and then a recv with a large and with a small buffer: what does each kind keep?"""
import socket

for name in ("SOCK_STREAM", "SOCK_DGRAM", "SOCK_SEQPACKET"):
    kind = getattr(socket, name)
    left, right = socket.socketpair(socket.AF_UNIX, kind)
    left.send(b"hello")
    left.send(b"world")
    whole = right.recv(1024)
    left, right = socket.socketpair(socket.AF_UNIX, kind)
    left.send(b"hello")
    left.send(b"world")
    first, second = right.recv(2), right.recv(1024)
    print(f"{name:15} recv(1024): {whole!r}")
    print(f"{'':15} recv(2): {first!r}, then recv(1024): {second!r}")
    short = name[5:].lower()
    print(f"{short}_whole={len(whole)}\n{short}_after={second.decode()}")
