"""refuse.py NUMBER ERRNO PROGRAM [ARG…]: run a program for which one system call fails, as containers do it."""

import ctypes
import os
import struct
import sys

number, error = int(sys.argv[1]), int(sys.argv[2])
libc = ctypes.CDLL(None, use_errno=True)
code = ctypes.create_string_buffer(struct.pack(
    "<" + "HBBI" * 4,
    0x20, 0, 0, 0,                     # load the call's number
    0x15, 0, 1, number,                # another one: skip a line
    0x06, 0, 0, 0x00050000 | error,    # SECCOMP_RET_ERRNO
    0x06, 0, 0, 0x7FFF0000))           # SECCOMP_RET_ALLOW
filter_ = ctypes.create_string_buffer(struct.pack("<HxxxxxxQ", 4, ctypes.addressof(code)))
if libc.prctl(38, 1, 0, 0, 0) != 0 or libc.prctl(22, 2, filter_, 0, 0) != 0:
    sys.exit(f"refuse.py: {os.strerror(ctypes.get_errno())}")
os.execvp(sys.argv[3], sys.argv[3:])
