"""A client and a server that use what Python has: connect_ex, sendall, sendto, recvfrom, settimeout, makefile, dup, fork,
threads, asyncio, AF_UNIX and UDP sockets. Prints a line for each part that went as it should."""

import asyncio
import os
import socket
import threading


def forking_server():
    listener = socket.create_server(("127.0.0.1", 0))

    def serve():
        peer, _ = listener.accept()
        child = os.fork()
        if child == 0:
            with peer.makefile("rb") as lines:
                for line in lines:
                    peer.sendall(line.upper())
            peer.close()
            os._exit(0)
        peer.close()
        os.waitpid(child, 0)

    thread = threading.Thread(target=serve)
    thread.start()
    client = socket.socket()
    client.settimeout(5)
    assert client.connect_ex(listener.getsockname()) == 0
    other = client.dup()
    for i in range(3):
        other.sendall(b"line %d\n" % i)
    client.shutdown(socket.SHUT_WR)
    with other.makefile("rb") as answer:
        assert answer.read() == b"LINE 0\nLINE 1\nLINE 2\n"
    client.close()
    other.close()
    thread.join()
    listener.close()
    print("makefile, dup, fork, threads: ok", flush=True)


def refused():
    free = socket.socket()
    free.bind(("127.0.0.1", 0))
    with socket.socket() as client:
        assert client.connect_ex(free.getsockname()) == 111
    free.close()
    print("connect_ex on a closed port: ok", flush=True)


def timeout():
    left, right = socket.socketpair()
    right.settimeout(0.01)
    try:
        right.recv(1)
    except TimeoutError:
        pass
    left.send(b"unix")
    assert right.recv(10) == b"unix"
    print("settimeout, AF_UNIX: ok", flush=True)


def datagrams():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one, socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as six:
        one.bind(("127.0.0.1", 0))
        one.sendto(b"a datagram", one.getsockname())
        assert one.recvfrom(100) == (b"a datagram", one.getsockname())
        six.bind(("::1", 0))
        six.sendto(b"another", six.getsockname())
        assert six.recvfrom(100)[0] == b"another"
    print("sendto, recvfrom: ok", flush=True)


async def in_asyncio():
    async def handle(reader, writer):
        writer.write(await reader.readexactly(100_000))
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    writer.write(bytes(range(250)) * 400)
    assert await reader.read(-1) == bytes(range(250)) * 400
    writer.close()
    server.close()
    print("asyncio: ok", flush=True)


forking_server()
refused()
timeout()
datagrams()
asyncio.run(in_asyncio())
os._exit(7)
