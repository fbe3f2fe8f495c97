"""Reads what comes until the end. Arguments: address, buffer size of recv, milliseconds of other work before it reads."""
import socket
import sys
import time

address, size, work = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
with socket.create_server((address, 5000)) as listener:
    conn, _ = listener.accept()
    with conn:
        time.sleep(work / 1000)
        lengths = []
        while data := conn.recv(size):
            lengths.append(len(data))
        print(f"server: {len(lengths)} recvs: {' + '.join(map(str, lengths))} bytes")
