"""Its last argument is the number of a descriptor, a connected socket. It appends a line to got.txt: the kind of socket,
and then for a stream how many bytes came in all, for the others how long each message was."""
import socket
import sys

conn = socket.socket(fileno=int(sys.argv[-1]))  # asks the kernel for family, kind and protocol
lengths = []
while data := conn.recv(65536):
    lengths.append(len(data))
if conn.type == socket.SOCK_STREAM:
    lengths = [sum(lengths)]
with open("got.txt", "a", encoding="ascii") as got:
    print(conn.type.name[5:].lower(), *lengths, file=got)
