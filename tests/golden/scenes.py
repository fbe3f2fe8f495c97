#!/usr/bin/env python3
"""Writes the captures that the golden tests read, beside this file. They are kept in the repository: run this only
when a scene changes."""

import os
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "lib"))

from scenes import Scene, RST, ACK, SYN  # noqa: E402

BODY = (b"line of the file\n" * 300)[:4096]


def header(**fields):
    import json
    return json.dumps(fields, separators=(",", ":")).encode()


def cut(stream, side, start, data, size=1460, fates=None):
    """Segments of `data`, from offset `start`."""
    for i, at in enumerate(range(0, len(data), size)):
        stream.segment(side, start + at, data[at:at + size], (fates or {}).get(i, "delivered"))


def put(scene, late=True):
    """The transfer that everybody writes first: a header, a body, a reader that takes one recv for one message."""
    stream = scene.stream()
    head = header(op="put", name="notes.txt", size=len(BODY))
    stream.send("client", len(head), unacked=0, cwnd=10, nodelay=0, notsent=0)
    stream.segment("client", 0, head)
    stream.send("client", len(BODY), unacked=1, cwnd=10, nodelay=0, notsent=0)
    cut(stream, "client", len(head), BODY)
    end = len(head) + len(BODY)
    if late:
        scene.tick(20)
        for size in (1024, 1024, 1024, 1024, end - 4096):
            stream.recv("server", 1024, size, inq=end)
            end -= size
        reply = header(ok=False, error="extra data")
    else:
        stream.recv("server", 1024, len(head), inq=len(head))
        stream.recv("server", 8192, len(BODY), inq=len(BODY))
        reply = header(ok=True)
    stream.send("server", len(reply))
    stream.segment("server", 0, reply)
    stream.recv("client", 1024, len(reply), inq=len(reply))
    return stream


def sticky():
    scene = Scene("framing=naive")
    put(scene)
    scene.write(HERE / "sticky.pcapng")
    scene.write(HERE / "cut.pcapng", cut=9)


def lossy():
    """A dropped header, its repetition, a hole that is filled, and a reset before all is sent and read."""
    scene = Scene("framing=sleep")
    stream = scene.stream()
    head = header(op="put", name="粘包.txt", size=3000)
    stream.send("client", len(head), unacked=0, cwnd=10, nodelay=0, notsent=0)
    stream.segment("client", 0, head, "dropped")
    scene.tick(60)
    stream.send("client", 3000, unacked=1, cwnd=10, nodelay=0, notsent=0)
    scene.tick(-1)
    stream.segment("client", len(head), BODY[:1460], "delayed 5 ms")
    stream.segment("client", len(head) + 1460, BODY[1460:2920], "delayed 5 ms")
    scene.tick(140)
    stream.segment("client", 0, head, "delayed 5 ms")
    stream.recv("server", 1024, 1024, inq=0)
    stream.raw("server", RST | ACK, 0)
    scene.write(HERE / "lossy.pcapng")


def long():
    """Many of everything: it folds."""
    scene = Scene()
    stream = scene.stream()
    size = 64 * 300 + 33
    stream.send("client", size, unacked=0, cwnd=10, nodelay=0, notsent=0)
    for at in range(0, size, 64):
        stream.segment("client", at, bytes(min(64, size - at)), None)
    left = size
    while left > 0:
        stream.recv("server", 200, min(200, left))
        left -= min(200, left)
    scene.write(HERE / "long.pcapng")


def refused():
    """A connection that nobody accepted: with its packets, and with the call alone."""
    for name, with_wire in (("refused", True), ("refused_call", False)):
        scene = Scene()
        stream = scene.stream(handshake=False)
        if with_wire:
            stream.raw("client", SYN, 0)
            stream.raw("server", RST | ACK, -1)
        stream.other("client", "connect", -111)
        scene.write(HERE / f"{name}.pcapng")


def others():
    scene = Scene()
    stream = scene.stream()
    stream.segment("client", 0, b"hello", None)
    stream.segment("server", 0, b"world", None)
    scene.write(HERE / "no_calls.pcapng")

    scene = Scene("framing=naive")
    for _ in range(5):
        put(scene, late=scene.streams == 2)
    scene.write(HERE / "many.pcapng")

    Scene().write(HERE / "empty.pcapng")


if __name__ == "__main__":
    os.umask(0o022)
    sticky()
    lossy()
    long()
    refused()
    others()
