"""What can be handed to send?"""
import json
import socket

left, right = socket.socketpair()
for name, value in (("string", "hello"), ("list", [1, 2]), ("bytes", b"hello"),
                    ("json", json.dumps({"word": "hello", "n": [1, 2]}).encode())):
    try:
        print(f"{name:7} {value!r}: {left.send(value)} bytes sent")
        print(f"{name}=sent")
    except TypeError as error:
        print(f"{name:7} {value!r}: TypeError: {error}")
        print(f"{name}=TypeError")
