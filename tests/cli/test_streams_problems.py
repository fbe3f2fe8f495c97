#!/usr/bin/env python3
"""What `streams --problem` says of a whole connection: which kinds there are, and which are only alike."""

import pathlib
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "lib"), str(ROOT / "golden")]
from cases import case, done, equal  # noqa: E402
from procs import sockdiag  # noqa: E402
from tcp_scenes import D, OPEN, capture, p  # noqa: E402

# name: (packets, what is wrong with the connection)
CONNECTIONS = {
    "nobody answers": ([p("c", 0, "S", 0), p("c", 1000, "S", 0)], {"unanswered"}),
    "given up": ([p("c", 0, "S", 0), p("c", 1000, "R", 1)], {"unanswered", "reset"}),
    "a RST comes back": ([p("c", 0, "S", 0), p("s", 1, "RA", -1)], {"refused"}),
    "a RST that its receiver ignores": (OPEN + [p("c", 20, "A", 0, D), p("s", 30, "A", 0, ack=100), p("s", 31, "R", 1000000)], set()),
    "a RST that it takes": (OPEN + [p("c", 20, "A", 0, D), p("s", 30, "A", 0, ack=100), p("s", 31, "R", 0)], {"reset"}),
    "all is well": (OPEN + [p("c", 20, "A", 0, D), p("s", 30, "A", 0, ack=100)], set()),
    "of the client's side only": ([p("c", 0, "S", 0), p("c", 10, "A", 0), p("c", 20, "A", 0, D)], {"one_sided"}),
    "of the server's side only": ([p("s", 0, "SA", 0), p("s", 20, "A", 0, ack=100)], {"one_sided"}),
    "of one side only, joined midway": ([p("c", 20, "A", 0, D)], {"one_sided", "partial"}),
}
KINDS = ("refused", "unanswered", "reset", "one_sided", "partial")

with tempfile.TemporaryDirectory() as directory:
    for name, (packets, problems) in CONNECTIONS.items():
        with case(name):
            path = pathlib.Path(directory) / "c.pcapng"
            path.write_bytes(capture(packets))
            found = {kind for kind in KINDS if sockdiag("streams", "--problem", kind, path).returncode == 0}
            equal(found, problems)

done()
