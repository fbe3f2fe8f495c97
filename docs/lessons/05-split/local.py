"""The same client and server, both on this host: only the loopback interface lies between them."""
import socket

with socket.create_server(("127.0.0.1", 5000)) as listener:
    client = socket.create_connection(("127.0.0.1", 5000))
    conn, _ = listener.accept()
    with conn:
        client.send(bytes(range(256)) * 16)
        client.close()
        lengths = []
        while data := conn.recv(65536):
            lengths.append(len(data))
        print(f"both on one host: {len(lengths)} recv: {' + '.join(map(str, lengths))} bytes")
