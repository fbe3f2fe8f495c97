"""Takes what one recv returns for one order."""
import json
import socket
import time

with socket.create_server(("10.77.0.2", 5000)) as listener:
    conn, _ = listener.accept()
    with conn:
        time.sleep(0.1)
        data = conn.recv(1024)
        print(f"server: recv gave {len(data)} bytes: {data.decode()}")
        try:
            print("server: the order is", json.loads(data))
            print("json_error=none")
        except json.JSONDecodeError as error:
            print(f"server: json.loads says: {error}")
            print(f"json_error={error.msg}")
            print(f"json_error_char={error.pos}")
            print(f"json_error_byte={len(data.decode()[:error.pos].encode())}")
        while conn.recv(1024):
            pass
