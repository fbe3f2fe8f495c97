"""The other side of many_client.py, on one port: each connection begins with a letter that says how it is served."""

import asyncio
import os
import socket
import sys
import threading

ADDRESS, PORT = sys.argv[1], int(sys.argv[2])


def by_makefile(connection, letter):
    with connection.makefile("rwb") as file:
        for line in file:
            file.write(line.upper())
        file.flush()


def by_fork(connection, letter):
    child = os.fork()
    if child == 0:
        echo(connection)
        os._exit(0)
    os.waitpid(child, 0)


def echo(connection):
    while data := connection.recv(1000):
        connection.sendall(data)


def by_threads(connection, letter):
    """Two threads read the same connection; each answers what it got with its length."""
    def serve():
        while data := connection.recv(500):
            connection.send(len(data).to_bytes(2, "big"))

    threads = [threading.Thread(target=serve) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def by_dup(connection, letter):
    other = connection.dup()
    connection.close()
    echo(other)
    other.shutdown(socket.SHUT_WR)
    other.close()


def by_asyncio(connection, letter):
    async def serve():
        reader, writer = await asyncio.open_connection(sock=connection)
        while data := await reader.read(4096):
            writer.write(data)
            await writer.drain()
        writer.close()

    asyncio.run(serve())



datagrams = socket.socket(socket.AF_INET6 if ":" in ADDRESS else socket.AF_INET, socket.SOCK_DGRAM)
datagrams.bind((ADDRESS, PORT))


def echo_datagrams():
    while True:
        data, sender = datagrams.recvfrom(2000)
        datagrams.sendto(data, sender)
        if data == b"bye":
            return


udp = threading.Thread(target=echo_datagrams)
udp.start()
listener = socket.create_server((ADDRESS, PORT), family=socket.AF_INET6 if ":" in ADDRESS else socket.AF_INET)
for _ in range(5):
    connection, _ = listener.accept()
    letter = connection.recv(1)
    {b"m": by_makefile, b"f": by_fork, b"t": by_threads, b"d": by_dup, b"a": by_asyncio}[letter](connection, letter)
    connection.close()
udp.join()
