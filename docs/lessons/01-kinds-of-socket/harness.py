"""Hands a connected socket, of a kind that is not told, to the program under exercise, with two messages in it. Its
arguments: the command; the socket's descriptor is added as the last word. want.txt is what the program must write to
got.txt."""
import socket
import subprocess
import sys

LONG = b"long " * 600
open("got.txt", "wb").close()
with open("want.txt", "wb") as want:
    want.write(b"stream 5\ndgram 3 3000\nseqpacket 3 3000\n")
for kind, messages in ((socket.SOCK_STREAM, (b"hel", b"lo")), (socket.SOCK_DGRAM, (b"one", LONG)),
                       (socket.SOCK_SEQPACKET, (b"one", LONG))):
    left, right = socket.socketpair(socket.AF_UNIX, kind)
    for message in messages:
        left.send(message)
    if kind == socket.SOCK_DGRAM:
        left.send(b"")  # a datagram socket has no end: an empty one says so here
    left.close()
    subprocess.run([*sys.argv[1:], str(right.fileno())], pass_fds=[right.fileno()], check=True, timeout=3)
    right.close()
