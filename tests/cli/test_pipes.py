#!/usr/bin/env python3
"""A pipe that stalls: what came by it so far is shown and written, and nothing is kept back until more comes."""

import fcntl
import json
import os
import pathlib
import signal
import struct
import subprocess
import sys
import tempfile
import termios

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
import pcapng  # noqa: E402
from cases import case, check, contains, done, equal  # noqa: E402
from procs import SOCKDIAG, sockdiag, state, wait_until  # noqa: E402
from scenes import RST, ACK, Scene  # noqa: E402

WORK = tempfile.TemporaryDirectory()
HERE = pathlib.Path(WORK.name)
STREAMS = 5


def capture():
    """Connections of five packets each that are over at once, and one that comes long after."""
    scene = Scene()
    for i in range(STREAMS):
        stream = scene.stream()
        stream.segment("client", 0, f"number {i}".encode())
        stream.raw("client", RST | ACK, 8)
    scene.tick(200_000)
    scene.stream()
    return scene.data()


def unread(fd):
    """Bytes that wait in a pipe."""
    return struct.unpack("i", fcntl.ioctl(fd, termios.FIONREAD, bytes(4)))[0]


class Stalled:
    """A program that has got a capture by a pipe which stays open."""

    def __init__(self, *words):
        self.out = open(HERE / "out", "w+b")
        self.process = subprocess.Popen([SOCKDIAG, *map(str, words)], stdin=subprocess.PIPE, stdout=self.out,
                                        stderr=subprocess.PIPE)
        self.process.stdin.write(capture())
        self.process.stdin.flush()

    def lines(self):
        return (HERE / "out").read_text(encoding="utf-8").splitlines()

    def end(self):
        self.process.stdin.close()
        equal((self.process.wait(10), self.process.stderr.read().count(b"sockdiag")), (0, 0))
        self.process.stderr.close()
        self.out.close()


with case("streams: a row for each stream that is over"):
    stalled = Stalled("streams", "--json", "-")
    found = wait_until(lambda: len(stalled.lines()) >= STREAMS and stalled.lines(), what="all rows")
    equal([json.loads(line)["stream"] for line in found], [1 + 5 * i for i in range(STREAMS)])
    stalled.end()

with case("capture -r: a line for each packet, a block for each packet in the file"):
    count = STREAMS * 5 + 3
    stalled = Stalled("capture", "-r", "-")
    wait_until(lambda: len(stalled.lines()) == count, what="all lines")
    stalled.end()
    written = HERE / "written.pcapng"
    stalled = Stalled("capture", "-r", "-", "-w", written)
    wait_until(lambda: written.exists() and written.stat().st_size > 0 and len(pcapng.read(written).packets) == count,
               what="all packets")
    stalled.end()

with case("extract: a file for each stream that is over, and its lines in the index"):
    out = HERE / "extracted"
    stalled = Stalled("extract", "-d", out, "-")
    index = out / "index.ndjson"
    wait_until(lambda: index.exists() and index.read_bytes().count(b"\n") == STREAMS, what="the index")
    for i in range(STREAMS):
        equal((out / f"{1 + 5 * i}-client.raw").read_text(), f"number {i}")
    stalled.end()
    check(json.loads(index.read_text().splitlines()[-1])["type"] == "summary", "no summary")

with case("capture -w: who reads the lines no further ends them, not the file"):
    whole = HERE / "whole.pcapng"
    large = Scene()
    long = large.stream()
    for i in range(4000):  # lines for more than is gathered, and more than a pipe holds
        long.raw("client", ACK, 0, f"{i:05}".encode())
    large.write(whole)
    written = HERE / "behind_head.pcapng"
    for words in (("-v",), ("--json",)):
        ends = os.pipe()
        process = subprocess.Popen([SOCKDIAG, "capture", *words, "-r", whole, "-w", written], stdin=subprocess.DEVNULL,
                                   stdout=ends[1], stderr=subprocess.PIPE)
        os.close(ends[1])
        check(os.read(ends[0], 100), "no line")
        os.close(ends[0])
        said = process.communicate(timeout=20)[1].decode()
        equal(process.returncode, 0, said)
        contains(said, "4003 packets read, 4003 written", words[0])
        equal(len(pcapng.read(written).packets), 4003, words[0])

with case("a signal ends the wait: what came is shown, and that it is not all"):
    for words in (("streams", "-"), ("capture", "-r", "-"), ("extract", "-d", HERE / "cut", "-")):
        stalled = Stalled(*words)
        wait_until(lambda: state(stalled.process.pid) == "S", what="the wait")
        wait_until(lambda: not unread(stalled.process.stdin.fileno()), what="all is read")
        stalled.process.send_signal(signal.SIGINT)
        equal(stalled.process.wait(10), 3, words[0])
        contains(stalled.process.stderr.read().decode(), "interrupted: the rest of the file was not read", words[0])
        check(stalled.lines(), f"{words}: nothing was shown")
        stalled.process.stdin.close()
        stalled.process.stderr.close()
        stalled.out.close()



def blocks_sigint(pid):
    """Is the signal kept until it is asked for?"""
    for line in pathlib.Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines():
        if line.startswith("SigBlk:"):
            return int(line.split()[1], 16) >> (signal.SIGINT - 1) & 1
    return False


with case("so does one before the first byte, or the first whole record"):
    written = HERE / "nothing.pcapng"
    for data in (b"", capture()[:4], capture()[:100]):
        for words in (("streams", "-"), ("streams", "--json", "-"), ("streams", "-j", "2", "-"), ("capture", "-r", "-"),
                      ("capture", "--json", "-r", "-"), ("capture", "-r", "-", "-w", written),
                      ("capture", "-r", "-", "--pcap", "-w", written),
                      ("extract", "-d", HERE / "nothing", "--force", "-")):
            process = subprocess.Popen([SOCKDIAG, *map(str, words)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                       stderr=subprocess.PIPE, text=True)
            os.write(process.stdin.fileno(), data)
            wait_until(lambda: blocks_sigint(process.pid) and not unread(process.stdin.fileno()), what="the wait")
            process.send_signal(signal.SIGINT)
            equal(process.wait(10), 3, f"{words}")
            contains(process.stderr.read(), "interrupted: the rest of the file was not read", f"{words}")
            if "--json" in words:
                equal(json.loads(process.stdout.read())["packets"], 0)
            if written in words:
                again = sockdiag("capture", "-r", written)
                equal((again.returncode, again.stdout, again.stderr), (0, "", "0 packets read\n"), f"{words}")
                written.unlink()
            for pipe in (process.stdin, process.stdout, process.stderr):
                pipe.close()

with case("a signal ends the wait for a pipe's writer"):
    os.mkfifo(HERE / "pipe")
    for words in (("streams", HERE / "pipe"), ("capture", "-r", HERE / "pipe")):
        process = subprocess.Popen([SOCKDIAG, *map(str, words)], stdin=subprocess.DEVNULL)
        try:
            wait_until(lambda: state(process.pid) == "S", what="the wait")
            process.send_signal(signal.SIGINT)
            equal(process.wait(10), -signal.SIGINT, words[0])
        finally:
            process.kill()

with case("who reads no further ends it while the pipe stalls"):
    process = subprocess.Popen([SOCKDIAG, "streams", "--json", "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE)
    process.stdout.close()
    process.stdin.write(capture())
    process.stdin.flush()
    equal((process.wait(10), process.stderr.read()), (0, b""))
    process.stdin.close()

done()
