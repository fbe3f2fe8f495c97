"""How long is it?"""
word = "粘包"
print(f"len({word!r}) is {len(word)}, len({word!r}.encode()) is {len(word.encode())}")
print(f"chars={len(word)}")
print(f"bytes={len(word.encode())}")
