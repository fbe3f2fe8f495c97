"""Takes each recv for a message. Arguments: buffer size, milliseconds of other work before each recv, and "answer"
where it shall answer each."""
import socket
import sys
import time

size, work, answers = int(sys.argv[1]), int(sys.argv[2]) / 1000, sys.argv[3:] == ["answer"]
with socket.create_server(("10.77.0.2", 5000)) as listener:
    conn, _ = listener.accept()
    with conn:
        messages = 0
        while True:
            time.sleep(work)
            data = conn.recv(size)
            if not data:
                break
            messages += 1
            print(f"server: message {messages}: {len(data)} bytes, from {chr(data[0])} to {chr(data[-1])}")
            if answers:
                conn.sendall(b"ok")
        print(f"messages={messages}")
