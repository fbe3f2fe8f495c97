#!/usr/bin/env python3
"""`extract`: the bytes of each direction in files, the index, and what may not happen: files overwritten, links followed,
disks filled."""

import json
import os
import pathlib
import re
import resource
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
from cases import Skip, case, check, contains, done, equal  # noqa: E402
from procs import SOCKDIAG, sockdiag  # noqa: E402
from scenes import RST, ACK, Scene  # noqa: E402

WORK = tempfile.TemporaryDirectory()
HERE = pathlib.Path(WORK.name)
CAPTURE = HERE / "f.pcapng"
BODY = bytes(range(256)) * 40
count = 0


def fresh():
    global count
    count += 1
    return HERE / f"out{count}"


def build():
    scene = Scene()
    one = scene.stream()  # 1: late and repeated segments
    one.segment("client", 1000, BODY[1000:2000])
    one.segment("client", 0, BODY[:1000])
    one.segment("client", 500, BODY[500:2500])
    one.segment("server", 0, b"an answer")
    two = scene.stream()  # 8: a gap that was acknowledged, one that was not, and a conflict
    two.segment("client", 0, b"a" * 100)
    two.segment("client", 200, b"c" * 100)
    two.raw("server", ACK, 0)
    two.isn["client"] += 300
    two.raw("server", ACK, 0)  # acknowledges 300
    two.isn["client"] -= 300
    two.segment("client", 400, b"e" * 10)
    two.segment("client", 50, b"a" * 20 + b"XYZ" + b"a" * 27)
    three = scene.stream()  # without payload
    three.raw("client", RST | ACK, 0)
    scene.write(CAPTURE)


def extract(*words, **more):
    return sockdiag("extract", *words, **more)


def index(out):
    return [json.loads(line) for line in (out / "index.ndjson").read_text(encoding="utf-8").splitlines()]


build()

with case("each direction is a file, in order and once"):
    out = fresh()
    ran = extract("-d", out, CAPTURE)
    equal((ran.returncode, ran.stderr), (0, ""))
    equal(sorted(os.listdir(out)), ["1-client.raw", "1-server.raw", "8-client.raw", "index.ndjson"])
    equal((out / "1-client.raw").read_bytes(), BODY[:2500])
    equal((out / "1-server.raw").read_bytes(), b"an answer")

with case("gaps are zeros, and listed with what was acknowledged"):
    equal((out / "8-client.raw").read_bytes(), b"a" * 100 + bytes(100) + b"c" * 100 + bytes(100) + b"e" * 10)
    gaps = [(line["offset"], line["length"], line["acknowledged"]) for line in index(out) if line["type"] == "gap"]
    equal(gaps, [(100, 100, True), (300, 100, False)])

with case("bytes from before the first ones are put in front of them, or counted where those were acknowledged"):
    golden = pathlib.Path(__file__).resolve().parent.parent / "golden" / "tcp"
    for name, length, too_early in (("joined_midway", 200, 0), ("before_the_beginning", 200, 100)):
        where = fresh()
        equal(extract("-q", "-d", where, golden / f"{name}.pcapng").returncode, 0)
        (line,) = [line for line in index(where) if line["type"] == "file"]
        equal((line["length"], line["captured"], line["too_early"], line["partial"]), (length, length, too_early, True))

with case("both versions of what conflicts are listed"):
    (conflict,) = [line for line in index(out) if line["type"] == "conflict"]
    equal((conflict["stream"], conflict["from"], conflict["offset"], conflict["length"]), (8, "client", 70, 3))
    equal((bytes.fromhex(conflict["first_bytes"]), bytes.fromhex(conflict["second_bytes"])), (b"aaa", b"XYZ"))
    equal((conflict["first_packet"], conflict["second_packet"], conflict["written"]), (11, 16, "first"))

with case("which version Linux took, where the packets tell"):
    scene = Scene()
    for places in ((17, 47, 14, 35, 14, 32), (27, 47, 47, 65, 43, 69)):
        stream = scene.stream()
        for n in range(3):
            begin, end = places[2 * n:2 * n + 2]
            stream.segment("client", begin, b"ABC"[n:n + 1] * (end - begin))
    versions = HERE / "versions.pcapng"
    scene.write(versions)
    where = fresh()
    extract("-d", where, versions)
    equal([(line["offset"], line["length"], line["linux"]) for line in index(where) if line["type"] == "conflict"],
          [(17, 18, "second"), (14, 3, "first"), (17, 15, "first"), (43, 4, "first"), (47, 18, None)])

with case("the index ends with a summary; --json prints the index"):
    summary = index(out)[-1]
    equal((summary["type"], summary["streams"], summary["files"], summary["bytes"], summary["gaps"]),
          ("summary", 2, 3, 2500 + 9 + 210, 2))
    out = fresh()
    ran = extract("--json", "-d", out, CAPTURE)
    equal(ran.stdout, (out / "index.ndjson").read_text(encoding="utf-8"))

with case("only the streams that were asked for"):
    out = fresh()
    equal(extract("-d", out, CAPTURE, "8").returncode, 0)
    equal(sorted(os.listdir(out)), ["8-client.raw", "index.ndjson"])
    ran = extract("-d", fresh(), CAPTURE, "9")
    equal(ran.returncode, 1)
    contains(ran.stderr, "the nearest streams are 8 and 17")
    equal(extract("-d", fresh(), CAPTURE, "x").returncode, 2)
    out = fresh()
    ran = extract("-d", out, CAPTURE, "17", "8", "99", "8")
    equal((ran.returncode, sorted(os.listdir(out))), (1, ["8-client.raw", "index.ndjson"]))
    contains(ran.stderr, "not there, or without payload: 17, 99")

with case("--format hex: every byte at its line"):
    out = fresh()
    equal(extract("--format", "hex", "-d", out, CAPTURE).returncode, 0)

    def unhex(text):
        found = bytearray()
        for number, line in enumerate(text.splitlines()):
            offset, digits, shown = re.fullmatch(r"([0-9a-f]{10})  (.{49}) \|(.{16})\|", line).groups()
            equal(int(offset, 16), 16 * number)
            data = bytes.fromhex(digits.replace(" ", ""))
            equal(shown.rstrip()[:len(data)], "".join(chr(b) if 32 <= b < 127 else "." for b in data).rstrip()[:len(data)])
            found += data
        return bytes(found)
    equal(unhex((out / "1-client.hex").read_text(encoding="ascii")), BODY[:2500])
    equal(unhex((out / "8-client.hex").read_text(encoding="ascii")),
          b"a" * 100 + bytes(100) + b"c" * 100 + bytes(100) + b"e" * 10)

with case("nothing is written over without --force"):
    out = fresh()
    out.mkdir()
    (out / "1-client.raw").write_text("precious")
    ran = extract("-d", out, CAPTURE)
    equal(ran.returncode, 2)
    contains(ran.stderr, "1-client.raw is there already")
    equal((out / "1-client.raw").read_text(), "precious")
    equal(extract("--force", "-d", out, CAPTURE).returncode, 0)
    equal((out / "1-client.raw").read_bytes(), BODY[:2500])
    contains(extract("-d", out, CAPTURE).stderr, "index.ndjson is there already")

with case("no link is followed, no pipe waited for"):
    for make in (lambda path: os.symlink(HERE / "target", path), os.mkfifo, os.mkdir):
        out = fresh()
        out.mkdir()
        make(out / "1-client.raw")
        ran = extract("--force", "-d", out, CAPTURE, timeout=10)
        equal(ran.returncode, 2)
        contains(ran.stderr, "1-client.raw")
    check(not (HERE / "target").exists(), "written through a link")

with case("--limit: what is over it is not written, and said"):
    scene = Scene()
    stream = scene.stream()
    for at in range(0, 400_000, 1000):
        stream.segment("client", at, b"x" * 1000)
    path = HERE / "large.pcapng"
    scene.write(path)
    out = fresh()
    ran = extract("--limit", "100K", "-d", out, path)
    equal(ran.returncode, 3)
    contains(ran.stderr, "reached: --limit 102400\n")
    used = sum(file.stat().st_blocks * 512 for file in out.iterdir())
    check(0 < used <= 102400 + 4096 * 2, f"{used} bytes of the disk")
    (line,) = [line for line in index(out) if line["type"] == "file"]
    check(line["not_written"] >= 300_000, line)

with case("--limit leaves room for what the index says of the files"):
    scene = Scene()
    for i in range(200):
        scene.stream().segment("client", 0, b"x" * 3000)
    scene.write(path)
    out = fresh()
    equal(extract("--limit", "300K", "-d", out, path).returncode, 3)
    lines = index(out)
    made = {name for name in os.listdir(out) if name.endswith(".raw")}
    check(50 < len(made) < 75, f"{len(made)} files")
    equal({line["name"] for line in lines if line["type"] == "file" and line["name"]}, made)
    used = sum(file.stat().st_blocks * 512 for file in out.iterdir())
    check(used <= 300 * 1024 + 4096, f"{used} bytes of the disk")

with case("--limit counts blocks: single bytes far apart"):
    scene = Scene()
    stream = scene.stream()
    for at in range(300):
        stream.segment("client", at * 20_000, b"x")
    scene.write(path)
    out = fresh()
    ran = extract("--limit", "200K", "-d", out, path)
    used = sum(file.stat().st_blocks * 512 for file in out.iterdir())
    check(used <= 200 * 1024 + 4096 * 2, f"{used} bytes of the disk")
    equal(ran.returncode, 3)

with case("--files: no more than that many"):
    scene = Scene()
    for i in range(20):
        scene.stream().segment("client", 0, b"hello")
    scene.write(path)
    out = fresh()
    ran = extract("--files", "5", "-d", out, path)
    equal(ran.returncode, 3)
    contains(ran.stderr, "15 files not made; reached: --files 5\n")
    equal(len([name for name in os.listdir(out) if name.endswith(".raw")]), 5)

with case("more streams than descriptors"):
    scene = Scene()
    many = [scene.stream() for _ in range(600)]
    for round_number in range(3):
        for i, stream in enumerate(many):
            stream.segment("client", round_number * 40000, bytes([i % 256]) * 40000)
    scene.write(path)
    out = fresh()
    process = subprocess.run([SOCKDIAG, "extract", "-d", out, path], capture_output=True, check=False, timeout=60,
                             preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (300, 300)))
    equal((process.returncode, process.stderr), (0, b""))
    for i in range(600):
        equal((out / f"{i * 3 + 1}-client.raw").read_bytes(), bytes([i % 256]) * 120000, f"stream {i}")

with case("what is complete at its FIN is written then; what comes behind the FIN is not the stream's"):
    scene = Scene()
    stream = scene.stream()
    stream.segment("client", 0, b"hello")
    stream.fin("client", 5)
    stream.segment("client", 0, b"HELLO")
    stream.segment("client", 5, b", world")
    scene.write(path)
    out = fresh()
    equal(extract("-d", out, path).returncode, 0)
    conflict, line, _ = index(out)
    equal((conflict["type"], line["name"], line["length"], line["conflicts"]), ("conflict", "1-client.raw", 5, 1))
    equal((out / "1-client.raw").read_bytes(), b"hello")

with case("what the index names is there, though a file could not be made"):
    scene = Scene()
    for i in range(2000):  # of five packets each
        stream = scene.stream()
        stream.segment("client", 0, f"file {i}".encode())
        stream.raw("client", RST | ACK, 6)
    scene.write(path)
    out = fresh()
    out.mkdir()
    precious = out / f"{1500 * 5 + 1}-client.raw"
    precious.write_text("precious")
    ran = extract("-d", out, path)
    equal(ran.returncode, 2)
    contains(ran.stderr, f"{precious.name} is there already")
    listed = index(out)
    check(0 < len(listed) <= 1500, f"{len(listed)} lines")
    equal([line["type"] for line in listed if line["type"] != "file"], [])
    for line in listed:
        equal((out / line["name"]).stat().st_size, line["length"], line["name"])
    equal(precious.read_text(), "precious")

with case("stdout that takes nothing is named once"):
    with open("/dev/full", "w", encoding="ascii") as full:
        ran = extract("--json", "-d", fresh(), CAPTURE, stdout=full)
    equal((ran.returncode, ran.stderr), (2, "sockdiag: cannot write the output: No space left on device\n"))

with case("a full disk is named, with status 2"):
    mounted = subprocess.run(["unshare", "-m", "true"], capture_output=True, check=False)
    if mounted.returncode != 0:
        raise Skip("no mount namespace: the caller is not root")
    out = fresh()
    script = f'mkdir "{out}" && mount -t tmpfs -o size=64k none "{out}" && "{SOCKDIAG}" extract -d "{out}" "{path}"'
    ran = subprocess.run(["unshare", "-m", "sh", "-c", script], capture_output=True, text=True, check=False, timeout=60)
    equal(ran.returncode, 2)
    contains(ran.stderr, "No space left on device")

with case("a cut file: what could be read is written, with status 3"):
    path = HERE / "cut.pcapng"
    path.write_bytes(CAPTURE.read_bytes()[:-30])
    out = fresh()
    ran = extract("-d", out, path)
    equal(ran.returncode, 3)
    equal((out / "1-client.raw").read_bytes(), BODY[:2500])

with case("what is no capture leaves nothing that stands in the way of the next try"):
    out = fresh()
    nothing = HERE / "nothing"
    nothing.write_bytes(b"")
    for wrong in (nothing, HERE, __file__):
        equal(extract("-d", out, wrong).returncode, 2)
    equal(os.listdir(out), [])
    equal(extract("-d", out, CAPTURE).returncode, 0)

with case("mistakes"):
    for words in ((), (CAPTURE,), ("-d", fresh()), ("-d", fresh(), "--format", "text", CAPTURE),
                  ("-d", fresh(), "--limit", "much", CAPTURE), ("-d", fresh(), "--limit", "0", CAPTURE),
                  ("-d", HERE / "no" / "parent", CAPTURE), ("-d", CAPTURE, CAPTURE), ("-d", fresh(), "/nonexistent")):
        ran = extract(*words)
        equal((ran.returncode, ran.stdout), (2, ""), str(words))
        check(ran.stderr, f"{words}: not a word")

done()
