"""Talks to many_server.py in every way that Python has: connect_ex, sendall, sendto, recvfrom, settimeout, makefile, dup,
fork, threads, asyncio; and over an AF_UNIX pair. Prints a line for each way that went as it should."""

import asyncio
import os
import socket
import sys
import threading

ADDRESS, PORT = sys.argv[1], int(sys.argv[2])
FAMILY = socket.AF_INET6 if ":" in ADDRESS else socket.AF_INET
BODY = bytes(range(256)) * 16


def connect(letter):
    connection = socket.socket(FAMILY, socket.SOCK_STREAM)
    connection.settimeout(20)
    assert connection.connect_ex((ADDRESS, PORT)) == 0
    connection.sendall(letter)
    return connection


def read_all(connection):
    parts = []
    while data := connection.recv(333):
        parts.append(data)
    return b"".join(parts)


def makefile():
    connection = connect(b"m")
    for i in range(5):
        connection.sendall(b"line %d\n" % i)
    connection.shutdown(socket.SHUT_WR)
    with connection.makefile("rb") as file:
        assert file.read() == b"".join(b"LINE %d\n" % i for i in range(5))
    connection.close()


def fork():
    connection = connect(b"f")
    child = os.fork()
    if child == 0:  # the child sends, the parent reads
        connection.sendall(BODY)
        connection.shutdown(socket.SHUT_WR)
        os._exit(0)
    assert read_all(connection) == BODY
    os.waitpid(child, 0)
    connection.close()


def threads():
    connection = connect(b"t")
    sizes = []

    def send(letter):
        for i in range(10):
            connection.sendall(bytes([letter + i]) * 100)

    def read():
        data = read_all(connection)
        sizes.extend(int.from_bytes(data[i:i + 2], "big") for i in range(0, len(data), 2))

    reader = threading.Thread(target=read)
    senders = [threading.Thread(target=send, args=(letter,)) for letter in (65, 97)]
    for thread in [reader, *senders]:
        thread.start()
    for thread in senders:
        thread.join()
    connection.shutdown(socket.SHUT_WR)
    reader.join()
    assert sum(sizes) == 2000
    connection.close()


def dup():
    connection = connect(b"d")
    other = connection.dup()
    connection.sendall(BODY[:100])
    connection.close()
    other.sendall(BODY[100:])
    other.shutdown(socket.SHUT_WR)
    other.settimeout(20)
    assert read_all(other) == BODY
    other.close()


async def in_asyncio():
    connection = connect(b"a")
    connection.setblocking(False)
    reader, writer = await asyncio.open_connection(sock=connection)
    writer.write(BODY * 4)
    writer.write_eof()
    assert await reader.read(-1) == BODY * 4
    writer.close()


def datagrams():
    """Datagrams may be lost on this wire: each is sent until its answer comes."""
    with socket.socket(FAMILY, socket.SOCK_DGRAM) as udp:
        udp.settimeout(0.3)
        for data in (b"one", b"two " * 100, b"bye"):
            for _ in range(20):
                udp.sendto(data, (ADDRESS, PORT))
                try:
                    while udp.recvfrom(2000)[0] != data:
                        pass
                    break
                except (TimeoutError, ConnectionRefusedError):
                    if data == b"bye":
                        return


def unix():
    left, right = socket.socketpair()
    left.sendall(BODY)
    assert right.recv(len(BODY), socket.MSG_WAITALL) == BODY


for way in (makefile, fork, threads, dup, lambda: asyncio.run(in_asyncio()), datagrams, unix):
    way()
    print(getattr(way, "__name__", "").replace("<lambda>", "asyncio"), "ok", flush=True)
