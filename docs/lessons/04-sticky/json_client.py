"""Two orders, each a JSON object."""
import json
import socket

first = json.dumps({"do": "put", "name": "粘包.txt"}, ensure_ascii=False).encode()
second = json.dumps({"do": "bye"}).encode()
with socket.create_connection(("10.77.0.2", 5000)) as conn:
    conn.sendall(first)
    conn.sendall(second)
