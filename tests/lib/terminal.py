"""A program in a terminal of its own (a pseudo-terminal), driven as a person would.

    with Terminal([SOCKDIAG, "lesson", "4"], rows=24, columns=80) as t:
        t.wait_for("Your answer")
        t.type("b\\n")
        t.end()                         # its wait status, once it has ended
"""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
import time

SGR = re.compile(r"\x1b\[[0-9;]*m")


class Terminal:
    def __init__(self, argv, rows=24, columns=80, env=None, cwd=None):
        self.text = ""  # all that was printed
        self.seen = 0  # up to where wait_for() has found something, without colours
        self.status = None
        parent, child = pty.openpty()
        fcntl.ioctl(child, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.before = termios.tcgetattr(child)
        self.child = child  # kept open: its modes are looked at after the end
        self.fd = parent
        self.pid = os.fork()
        if self.pid == 0:
            try:
                os.setsid()
                fcntl.ioctl(child, termios.TIOCSCTTY, 0)
                for number in (0, 1, 2):
                    os.dup2(child, number)
                if cwd:
                    os.chdir(cwd)
                signal.signal(signal.SIGPIPE, signal.SIG_DFL)
                os.execvpe(argv[0], [str(word) for word in argv], {**os.environ, "TERM": "xterm", **(env or {})})
            finally:
                os._exit(127)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.status is None:
            try:
                os.killpg(self.pid, signal.SIGKILL)
            except (ProcessLookupError, PermissionError):
                pass
            os.waitpid(self.pid, 0)
        os.close(self.fd)
        os.close(self.child)

    def read(self, patience=0.0):
        """Read what is there, or comes in that time; False: nothing."""
        if not select.select([self.fd], [], [], patience)[0]:
            return False
        self.text += os.read(self.fd, 65536).decode("utf-8", "replace")
        return True

    def wait_for(self, part, deadline=20.0):
        """Read on until `part` was printed behind what the last call found."""
        end = time.monotonic() + deadline
        while True:
            plain = SGR.sub("", self.text)
            at = plain.find(part, self.seen)
            if at >= 0:
                self.seen = at + len(part)
                return
            if time.monotonic() > end:
                raise AssertionError(f"{part!r} was not printed; there is {plain[self.seen:]!r}")
            self.read(0.1)

    def type(self, text):
        os.write(self.fd, text.encode())

    def end(self, deadline=20.0):
        """The wait status of the program; AssertionError when it does not end."""
        limit = time.monotonic() + deadline
        while True:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid == self.pid:
                self.status = status
                break
            if time.monotonic() > limit:
                raise AssertionError(f"it did not end; there is {self.text[-500:]!r}")
            self.read(0.02)
        while self.read():
            pass
        return self.status

    def resize(self, rows, columns):
        fcntl.ioctl(self.child, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def is_sane(self):
        """Are the terminal's modes what they were?"""
        return termios.tcgetattr(self.child) == self.before
