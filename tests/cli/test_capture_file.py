#!/usr/bin/env python3
"""`capture -r`: what is told of a file; and a file where none is read. Needs no network."""

import json
import pathlib
import struct
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
import pcapng  # noqa: E402
from cases import case, contains, done, equal  # noqa: E402
from procs import sockdiag  # noqa: E402
from scenes import Scene, _block, _option  # noqa: E402

WORK = tempfile.TemporaryDirectory()
HERE = pathlib.Path(WORK.name)
FILE = HERE / "f.pcapng"
RECEIVED, IF_DROPPED, OS_DROPPED = 4, 5, 7  # isb_ifrecv, isb_ifdrop, isb_osdrop


def write_file(*statistics):
    """Three packets, and for each of the statistics, {option: count}, a block of them."""
    scene = Scene()
    scene.stream()
    for counts in statistics:
        options = b"".join(_option(code, struct.pack("<Q", count)) for code, count in counts.items()) + _option(0, b"")
        scene.blocks.append(_block(5, struct.pack("<III", 0, 0, 0) + options))
    scene.write(FILE)


def summary(*words):
    """(exit status, summary, stderr) of `capture --json -r FILE`."""
    ran = sockdiag("capture", "--json", "-r", FILE, *words)
    return ran.returncode, json.loads(ran.stdout.splitlines()[-1]), ran.stderr


with case("packets that the file says were lost are told, status 3, as by streams"):
    write_file({RECEIVED: 20, IF_DROPPED: 42, OS_DROPPED: 10}, {IF_DROPPED: 1})
    status, told, said = summary()
    equal((status, told["packets"], told["dropped"]), (3, 3, 53))
    contains(said, "sockdiag capture: the capture lost 53 packets")
    equal(sockdiag("streams", FILE).stderr, "sockdiag streams: the capture lost 53 packets\n")
    copy = HERE / "copy.pcapng"
    ran = sockdiag("capture", "-q", "-r", FILE, "-w", copy, "tcp")
    equal((ran.returncode, ran.stderr), (3, "sockdiag capture: the capture lost 53 packets\n"))
    equal(len(pcapng.read(copy).packets), 3)
    equal(sockdiag("capture", "-q", "-r", copy).returncode, 3, "of the copy")

with case("none lost is 0, nothing told is null; both are well"):
    for statistics, dropped in (([{IF_DROPPED: 0}], 0), ([{RECEIVED: 3}], None), ([{}], None), ([], None)):
        write_file(*statistics)
        status, told, said = summary()
        equal((status, told["dropped"], said), (0, dropped, "3 packets read\n"), f"{statistics}")

with case("an output that is there stays as it is until there is something to write: no capture, no such expression"):
    write_file()
    none, old = HERE / "none.pcap", HERE / "old.pcapng"
    none.write_text("no capture\n" * 10)
    for words in ((none,), (FILE, "no such expression")):
        old.write_bytes(b"what stood here" * 1000)
        equal(sockdiag("capture", "-r", *words, "-w", old).returncode, 2, f"{words}")
        equal(old.read_bytes(), b"what stood here" * 1000, f"{words}")
    for words, packets in (((FILE,), 3), ((FILE, "port 9"), 0)):
        old.write_bytes(b"what stood here" * 1000)
        equal(sockdiag("capture", "-q", "-r", *words, "-w", old).returncode, 0, f"{words}")
        equal(len(pcapng.read(old).packets), packets, "and nothing of it is left")

with case("a file without -r is a file, not a filter; beside -i, it is one too many"):
    write_file()
    for words in ((FILE,), (FILE, "tcp", "port", "80"), ("-i", "lo", FILE), (FILE, "-v")):
        ran = sockdiag("capture", *words)
        equal((ran.returncode, ran.stdout), (2, ""), f"{words}")
        contains(ran.stderr, f"sockdiag capture: {FILE} is a file: to read it, -r {FILE}\n", f"{words}")
    for words in (("-i", "lo", FILE), (FILE, "-i", "lo"), (FILE, "-i", "lo", "tcp")):
        ran = sockdiag("streams", *words)
        equal((ran.returncode, ran.stdout), (2, ""), f"{words}")
        contains(ran.stderr, f"sockdiag streams: {FILE} is a file, and -i captures on an interface: choose one\n", f"{words}")

with case("a file that is named as a protocol does not stand in the way of the filter"):
    (HERE / "ip6").write_bytes(b"")
    for words in (("capture", "-i", "nowhere", "ip6"), ("streams", "-i", "nowhere", "ip6"), ("capture", "-i", "nowhere", HERE)):
        ran = sockdiag(*words, cwd=HERE)
        equal(ran.returncode, 2)
        contains(ran.stderr, "there is no interface 'nowhere'", f"{words}")

done()
