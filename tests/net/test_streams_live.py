#!/usr/bin/env python3
"""The table of `streams -i` on a terminal, in a network namespace of the test's own:

    [ lo 127.0.0.1 ]
"""

import contextlib
import os
import pathlib
import re
import socket
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
from cases import case, check, contains, done, equal, skip  # noqa: E402
from procs import ROOT, SOCKDIAG, as_user, can_lab, have, run, sockdiag, user_sockdiag, user_uid  # noqa: E402
from screen import Screen  # noqa: E402
from terminal import Terminal  # noqa: E402

if "SOCKDIAG_TEST_INSIDE" not in os.environ:
    POSSIBLE, WHY_NOT = can_lab()
    MISSING = have("unshare", "ip")
    if not POSSIBLE or MISSING:
        skip("the live table of streams", MISSING or WHY_NOT)
        done()
    python = "/usr/bin/python3" if os.access("/usr/bin/python3", os.X_OK) else sys.executable
    plain_root = os.geteuid() == 0 and user_uid() is None
    words = ["unshare", "--net", *([] if plain_root else ["--user", "--map-root-user"]), python, str(pathlib.Path(__file__).resolve())]
    readable = run(*as_user(python, "-c", "open(%r)" % __file__)).returncode == 0
    environment = os.environ | {"SOCKDIAG_TEST_INSIDE": "1", "SOCKDIAG": user_sockdiag()}
    sys.exit(subprocess.run(as_user(*words) if readable else words, env=environment, check=False).returncode)

subprocess.run(["ip", "link", "set", "lo", "up"], check=True)


class Live:
    """A capture on a terminal, ready for packets; what it shows is on `screen`."""

    def __init__(self, rows, columns, *words):
        self.terminal = Terminal([SOCKDIAG, "streams", *words, "-i", "lo"], rows, columns)
        self.screen, self.fed = Screen(rows, columns), 0
        self.wait(lambda text: "capturing on lo" in text)

    def read(self, patience=0.0):
        came = self.terminal.read(patience)
        self.screen.feed(self.terminal.text[self.fed:])
        self.fed = len(self.terminal.text)
        return came

    def wait(self, condition, deadline=20.0):
        """Until what is shown is so."""
        end = time.monotonic() + deadline
        while not condition("\n".join(self.screen.shown())):
            check(time.monotonic() < end, lambda: "it came to nothing; shown is:\n" + "\n".join(self.screen.shown()))
            self.read(0.1)

    def see_next(self):
        """What is drawn next: much at once, then nothing for most of a second."""
        check(self.read(10), "nothing is drawn any more")
        while self.read(0.2):
            pass

    def resize(self, rows, columns):
        """Right after something was drawn, so that nothing is on its way."""
        self.see_next()
        self.terminal.resize(rows, columns)
        self.screen.resize(rows, columns)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.terminal.__exit__(*error)


@contextlib.contextmanager
def connections(count):
    """Open ones, to 127.0.0.1:7777, with a byte of each."""
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(socket.create_server(("127.0.0.1", 7777), backlog=100))
        for _ in range(count):
            client = stack.enter_context(socket.create_connection(("127.0.0.1", 7777)))
            peer = stack.enter_context(server.accept()[0])
            client.sendall(b"x")
            equal(peer.recv(2), b"x")
        yield


def is_drawn(screen, count):
    """Once and nothing else, no line wider than the terminal: the totals, a head, and so many streams that are open."""
    begins = [number for number, line in enumerate(screen.lines) if re.match(r"\d+ open", line)]
    if len(begins) != 1:
        return False
    area = screen.lines[begins[0]:]
    return (all(len(line) <= screen.columns for line in area) and sum(bool(re.match(" +(#|stream) ", line)) for line in area) == 1 and
            sum(bool(re.match(r" +\d+  1", line)) for line in area) == count)


with case("the live table follows the terminal's width, and nothing of what stood there before is left"), Live(24, 60) as live:
    with connections(1):
        live.wait(lambda text: "1 open; " in text)
    ended = time.monotonic()
    live.wait(lambda text: "0 open; " in text and re.search(r"^ +1  .*fin", text, re.M))
    check(time.monotonic() - ended > 1.5, "a stream that has just ended may get stragglers")
    for text in (sockdiag("streams", "--help").stdout, (ROOT / "docs/sockdiag.1").read_text(encoding="utf-8")):
        contains(" ".join(text.split()), "about 3 seconds after the end")
    with connections(3):
        live.wait(lambda text: "3 open; " in text)
        heads = {}
        for rows, columns in ((24, 160), (24, 50), (30, 100), (24, 40)):
            live.resize(rows, columns)
            live.see_next()
            check(is_drawn(live.screen, 3), "\n".join(live.screen.lines))
            heads[columns] = [line for line in live.screen.lines if re.match(" +(#|stream) ", line)][-1].split()
            equal(sum("fin" in line for line in live.screen.lines), 1, "rows of the stream that is closed")
        check({"packets", "RTT"} <= set(heads[160]) and len(heads[40]) <= len(heads[50]) < len(heads[100]) < len(heads[160]), heads)
    live.terminal.type("\x03")
    live.terminal.end()

with case("--width is what it is, whatever the terminal's is"), Live(24, 100, "--width", "60") as live, connections(2):
    live.wait(lambda text: "2 open; " in text)
    live.resize(24, 40)
    live.resize(24, 200)
    live.see_next()
    check(is_drawn(live.screen, 2), "\n".join(live.screen.lines))
    check(max(map(len, live.screen.lines)) <= 60, "\n".join(live.screen.lines))

with case("many streams are open: what is drawn fits on the terminal, and the totals are seen"), Live(24, 80) as live, connections(30):
    live.wait(lambda text: "30 open, the largest " in text)
    for rows, columns in ((24, 40), (8, 40), (5, 60), (3, 40), (10, 160)):
        live.resize(rows, columns)
        live.see_next()
        check(len(live.screen.shown()) <= rows, f"{rows} × {columns}")
        contains("\n".join(live.screen.shown()), "30 open", f"{rows} × {columns}")
        check(rows < 8 or "the largest" in " ".join(live.screen.shown()), f"{rows} × {columns}")

done()
