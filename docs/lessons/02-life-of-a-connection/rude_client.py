"""Says hello to a server that reads one byte and closes."""
import errno
import socket

with socket.create_connection(("10.77.0.2", 5000)) as s:
    s.sendall(b"hello")
    try:
        print("client: recv returned", s.recv(10))
        print("rude_error=none")
    except OSError as error:
        print("client:", error)
        print(f"rude_error={errno.errorcode[error.errno]}")
