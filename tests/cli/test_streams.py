#!/usr/bin/env python3
"""`streams`: the table, its order and its width, filters, JSON, shards, pipes, memory."""

import hashlib
import json
import os
import pathlib
import re
import resource
import select
import signal
import struct
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
from cases import case, check, contains, done, equal  # noqa: E402
from procs import ROOT, SOCKDIAG, sockdiag, wait_until  # noqa: E402
from scenes import ACK, FIN, RST, SYN, Scene  # noqa: E402

WORK = tempfile.TemporaryDirectory()
CAPTURE = pathlib.Path(WORK.name) / "f.pcap"
SIDE_KEYS = ["packets", "bytes", "wire_bytes", "retransmissions", "out_of_order", "duplicate_acks", "zero_windows", "syn", "fin",
             "rst", "mss", "window_scale", "gaps"]


def whole(stream, sent=b"question", back=b"an answer"):
    """A connection from the first SYN to the last ACK."""
    stream.segment("client", 0, sent)
    stream.segment("server", 0, back)
    stream.fin("client", len(sent))
    stream.fin("server", len(back))
    stream.raw("client", ACK, len(sent) + 1)


def build():
    scene = Scene()
    whole(scene.stream())  # 1
    gap = scene.stream()  # 9
    gap.segment("client", 0, b"x" * 100)
    gap.segment("client", 200, b"y" * 100)
    scene.tick(300)
    gap.segment("client", 0, b"x" * 100)
    scene.tick(2700)
    gap.raw("server", RST | ACK, 0)
    refused = scene.stream(handshake=False)  # 16
    refused.raw("client", SYN, 0)
    refused.raw("server", RST | ACK, 0)
    whole(scene.stream(), b"z" * 5000)  # 18
    scene.write(CAPTURE)
    return scene


def write_crowd(path, count):
    """One connection that is reset, `count` others, another one that is reset, and a straggler of both."""
    def packet(number, port, seq, flags):
        ip = bytearray(b"\x45\0\0\x50\0\0\x40\0\x40\x06\0\0\x0a\0\0\1\x0a\0\0\2")
        ip[13] = port >> 16
        total = sum(int.from_bytes(ip[i:i + 2], "big") for i in range(0, 20, 2))
        total = (total & 0xffff) + (total >> 16)
        ip[10:12] = ((total & 0xffff) + (total >> 16) ^ 0xffff).to_bytes(2, "big")
        tcp = struct.pack(">HHIIBBHHH", port & 0xffff, 80, seq, 1, 5 << 4, flags, 1000, 0, 0)
        frame = b"\2\0\0\0\0\1\2\0\0\0\0\2\x08\0" + bytes(ip) + tcp  # its payload was not captured: no checksum
        return struct.pack("<IIII", 1600000000, number, len(frame), 94) + frame

    ports = [1] + [1 << 16 | 2000 + n for n in range(count)] + [2, 2, 2, 1, 2, 3]
    with open(path, "wb") as file:
        file.write(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1))
        for number, port in enumerate(ports):
            file.write(packet(number, port, 7, RST if number <= count + 1 else ACK))


def streams(*words, **more):
    return sockdiag("streams", *words, **more)


def pcapng_block(kind, body):
    body += bytes(-len(body) % 4)
    return struct.pack("<II", kind, len(body) + 12) + body + struct.pack("<I", len(body) + 12)


PCAPNG = pcapng_block(0x0a0d0d0a, struct.pack("<IHHq", 0x1a2b3c4d, 1, 0, -1)) + b"".join(
    pcapng_block(1, struct.pack("<HHI", link, 0, 0)) for link in (1, 147))


def tcp_block(us, client, flags, seq, ack, back=False, payload=b"", interface=0):
    """A packet between 10.0.0.1:`client` and 10.0.0.2:80, without checksums, as the second interface has it or the first."""
    ends = [(b"\x0a\0\0\1", client), (b"\x0a\0\0\2", 80)]
    (source, sport), (target, dport) = reversed(ends) if back else ends
    ip = struct.pack(">BBHHHBBH", 0x45, 0, 40 + len(payload), 0, 0, 64, 6, 0) + source + target
    tcp = struct.pack(">HHIIBBHHH", sport, dport, seq, ack, 0x50, flags, 65535, 0, 0) + payload
    frame = bytes(12) + b"\x08\0" + ip + tcp
    return pcapng_block(6, struct.pack("<IIIII", interface, us >> 32, us & 0xffffffff, len(frame), len(frame)) + frame)


def read_so_far(pid):
    """The bytes that a process has read."""
    try:
        return int(re.search(r"^rchar: (\d+)", pathlib.Path(f"/proc/{pid}/io").read_text(encoding="ascii"), re.M)[1])
    except (OSError, TypeError):
        return 0


def rows(*words, **more):
    """The objects of `streams --json`."""
    ran = streams("--json", *words, **more)
    return ran, [json.loads(line) for line in ran.stdout.splitlines()]


def numbers(text):
    """Of the table's rows."""
    return [int(number) for number in re.findall(r"^ +(\d+)  ", text, re.M)]


build()

with case("a line for each connection, by the packet it begins with"):
    ran = streams(CAPTURE)
    equal((ran.returncode, ran.stderr), (0, ""))
    equal(numbers(ran.stdout), [1, 9, 16, 18])
    contains(ran.stdout, "10.77.0.1:41991")
    contains(ran.stdout, "refused ←")
    contains(ran.stdout, "gap →")
    contains(ran.stdout, "reset ←")
    contains(ran.stdout.splitlines()[-1], "25 packets; TCP: 25 packets in 4 streams")

with case("the order that was asked for"):
    equal(numbers(streams("--sort", "bytes", CAPTURE).stdout), [18, 9, 1, 16])
    equal(numbers(streams("--sort", "duration", CAPTURE).stdout)[0], 9)
    equal(numbers(streams("--sort", "retransmissions", CAPTURE).stdout), [9, 1, 16, 18])
    equal(numbers(streams("--sort", "gaps", CAPTURE).stdout)[0], 9)
    equal(numbers(streams("--sort", "bytes", "--top", "2", CAPTURE).stdout), [18, 9])
    contains(streams("--sort", "size", CAPTURE).stderr, "there is no order 'size'; there are start,")

with case("no line is wider than the terminal, and none is left out"):
    for width in (40, 60, 80, 100, 160):
        for ascii_only in ((), ("--ascii",)):
            ran = streams(*ascii_only, "--width", str(width), CAPTURE)
            equal(ran.returncode, 0)
            check(all(len(line) <= width for line in ran.stdout.splitlines()), f"{width}: {ran.stdout}")
            equal(numbers(ran.stdout), [1, 9, 16, 18], f"width {width}")
            check(not ascii_only or ran.stdout.isascii(), ran.stdout)

with case("what was wrong is told whole, in a terminal of any width and in a pipe: below its row where it does not fit beside it"):
    whole_notes = "gap →, reset ←, retransmission →"
    path = pathlib.Path(WORK.name) / "gap.pcapng"
    scene = Scene()
    scene.tick(1)
    gap = scene.stream(port=1)
    whole(scene.stream(port=2))
    gap.segment("client", 0, b"x" * 100)
    gap.segment("client", 200, b"y" * 100)
    scene.tick(3000)
    gap.segment("client", 0, b"x" * 100)
    gap.raw("server", RST | ACK, 0)
    scene.write(path)
    beside = []
    for width in (60, 80, 100, 120, 140, 160, 200):
        lines = streams("--width", str(width), path).stdout.splitlines()
        check(all(len(line) <= width for line in lines), f"{width}: {lines}")
        check("…" not in "".join(lines), f"{width}: {lines}")
        at = next(number for number, line in enumerate(lines) if whole_notes in line)
        beside.append(re.match(r" +1  ", lines[at]) is not None)
        check(beside[-1] or (re.match(r" +1  ", lines[at - 1]) and lines[at] == "    " + whole_notes), f"{width}: {lines}")
        equal(len(lines), 5 if beside[-1] else 6)
    equal((beside[0], beside[-1]), (False, True))
    contains(streams(path).stdout, whole_notes)
    contains(streams("--ascii", "--width", "100", path).stdout, "gap >, reset <, retransmission >")

with case("how much and how it ended stand where addresses have to be cut, and their ports stay"):
    lines = streams("--width", "46", CAPTURE).stdout.splitlines()
    equal(lines[0].split(), ["#", "client", "server", "bytes", "end"])
    ports = [re.search(r"~:(\d+) ", line)[1] for line in lines if re.match(r" +\d+  ", line)]
    equal(ports, ["41991", "41992", "41993", "41994"])

with case("JSON: the keys of the contract, in their order"):
    ran, found = rows(CAPTURE)
    equal((ran.returncode, ran.stderr), (0, ""))
    equal([row["type"] for row in found], ["stream"] * 4 + ["summary"])
    expected = ["type", "stream", "protocol", "client", "server", "start_ns", "end_ns", "end", "partial"]
    expected += [f"{key}_{side}" for side in ("client", "server") for key in SIDE_KEYS] + ["handshake_rtt_ns"]
    for row in found[:-1]:
        equal(list(row)[:len(expected)], expected)
    by_number = {row["stream"]: row for row in found[:-1]}
    first, gap, refused = by_number[1], by_number[9], by_number[16]
    equal((first["client"], first["server"], first["end"], first["partial"]),
          ("10.77.0.1:41991", "10.77.0.2:2121", "fin", False))
    equal((first["packets_client"], first["bytes_client"], first["bytes_server"], first["syn_client"], first["fin_server"]),
          (5, 8, 9, 1, 1))
    equal((first["mss_client"], first["window_scale_client"], first["handshake_rtt_ns"]), (1460, None, 200000))
    equal((gap["end"], gap["bytes_client"], gap["wire_bytes_client"], gap["gaps_client"], gap["missing_client"],
           gap["retransmissions_client"], gap["rst_server"]), ("rst", 200, 300, 1, 100, 1, 1))
    equal((refused["end"], refused["bytes_client"], refused["handshake_rtt_ns"]), ("rst", 0, None))
    equal((found[-1]["packets"], found[-1]["streams"], found[-1]["damaged"]), (25, 4, 0))

with case("--md5: of each direction, null where bytes are missing or there are none"):
    _, found = rows("--md5", CAPTURE)
    by_number = {row["stream"]: row for row in found[:-1]}
    equal(by_number[1]["md5_client"], hashlib.md5(b"question").hexdigest())
    equal(by_number[18]["md5_client"], hashlib.md5(b"z" * 5000).hexdigest())
    equal((by_number[9]["md5_client"], by_number[9]["md5_server"], by_number[16]["md5_client"]), (None, None, None))

with case("--stream and --problem choose, and say when there is nothing to choose"):
    equal(numbers(streams("--stream", "9,18", CAPTURE).stdout), [9, 18])
    equal(numbers(streams("--problem", "refused", CAPTURE).stdout), [16])
    equal(numbers(streams("--problem", "gap,refused", CAPTURE).stdout), [9, 16])
    ran = streams("--stream", "10", CAPTURE)
    equal(ran.returncode, 1)
    contains(ran.stderr, "the nearest are 9 and 16")
    equal(streams("--problem", "zero_window", CAPTURE).returncode, 1)
    for jobs in ("1", "2"):
        for words, shown, missing in (("1,99", [1], "99"), ("98,18,1,99", [1, 18], "98, 99"), ("1,18", [1, 18], None),
                                      ("1," + ",".join(map(str, range(101, 120))), [1], "101, 102, 103, 104, 105, 106, 107, 108, …")):
            ran = streams("-j", jobs, "--stream", words, CAPTURE)
            equal((ran.returncode, numbers(ran.stdout)), (1 if missing else 0, shown), words)
            equal(ran.stderr, f"sockdiag streams: not there: {missing}\n" if missing else "")
    ran = streams("-q", "--stream", "1,99", CAPTURE)
    equal((ran.returncode, ran.stderr), (1, ""))
    ran = streams("--stream", "1,99", "--problem", "gap", CAPTURE)
    equal((ran.returncode, ran.stderr.splitlines()), (1, ["sockdiag streams: not there: 99",
                                                          "sockdiag streams: no stream of those that --stream names has such a problem"]))
    equal(streams("--problem", "slow", CAPTURE).returncode, 2)
    for wrong in ("0", "x", "1,", ",1", "-1", "99999999999999999999"):
        equal(streams(f"--stream={wrong}", CAPTURE).returncode, 2, wrong)

with case("what --problem asks for is told, first, also where it is nothing to worry about"):
    path = pathlib.Path(WORK.name) / "keep.pcap"
    scene = Scene()
    torn = scene.stream()
    torn.segment("client", 0, b"x" * 10)
    torn.segment("client", 20, b"y")
    for _ in range(3):
        torn.raw("server", ACK, 0)
    scene.write(path)
    contains(streams("--width", "160", path).stdout, "  gap →\n")
    for words in ((), ("--json",), ("--top", "1"), ("-j", "2")):
        asked = streams("--problem", "gap,duplicate_ack,lost_before", "--width", "160", *words, path)
        equal(asked.returncode, 0)
        check(words == ("--json",) or "  gap →, lost_before →, duplicate_ack 3←\n" in asked.stdout, asked.stdout)
    contains(streams("--problem", "duplicate_ack", "--width", "40", path).stdout, "\n    duplicate_ack 3←, gap →\n")


def kinds(text):
    """Of trouble, one a line; what they mean may go on below."""
    return dict(re.findall(r"^  ([a-z_]+)  +(\S.*(?:\n {20,}\S.*)*)", text.split("What --problem takes")[-1], re.M))


with case("a kind of trouble that there is not: all that there are, and what they mean, whatever it was; --help has them, too"):
    formats = (ROOT / "docs/FORMATS.md").read_text(encoding="utf-8")
    section = formats.split("\n## What a TCP segment is\n")[1].split("\n## ")[0] + formats.split("\n## Rows of streams\n")[1]
    documented = dict(re.findall(r"^\| `([a-z_]+)` \| (.*) \|$", section.split("\n| key | what |")[0] +
                                 section.split("\n| kind |")[1].split("\n\n")[0], re.M))
    manual = (ROOT / "docs/sockdiag.1").read_text(encoding="utf-8").split("\n.Ss streams\n")[1].split("\n.Ss ")[0]
    for words in (("--problem", "slow", CAPTURE), ("--problem", "gap," + "x" * 2000, CAPTURE), ("--problem", "", CAPTURE),
                  ("--problem", "é" * 50, CAPTURE)):
        ran = streams(*words)
        equal((ran.returncode, ran.stdout), (2, ""))
        told = {kind: " ".join(meaning.split()) for kind, meaning in kinds(ran.stderr).items()}
        equal(told, documented)
        check(all(len(line) <= 80 for line in ran.stderr.splitlines()), ran.stderr)
        check("\ufffd" not in ran.stderr, ran.stderr)
    equal(len(told), 34)
    contains(streams("--problem", "slow", CAPTURE).stderr, "there is no problem 'slow'\n")
    equal(kinds(streams("--help").stdout), kinds(ran.stderr))
    shown = streams("--lang", "zh_CN", "--problem", "slow", CAPTURE).stderr
    equal(re.findall(r"^  ([a-z_]+)  ", shown, re.M), list(told))
    check(all(len(line.encode("gb18030")) <= 80 for line in shown.splitlines()), shown)
    equal([kind for kind in told if f"\n.It Cm {kind}\n" not in manual], [], "kinds that the manual page does not have")
    for kind in told:
        check(streams("--problem", kind, CAPTURE).returncode in (0, 1), kind)

with case("a filter chooses packets; numbers stay those of the file"):
    equal(numbers(streams(CAPTURE, "port", "41994").stdout), [18])
    ran = streams(CAPTURE, "port prot")
    equal(ran.returncode, 2)

with case("a pipe is read as a file is"):
    data = CAPTURE.read_bytes()
    for words in ((), ("--json",), ("--json", "--md5")):
        equal(streams(*words, "-", input=data, text=False).stdout, streams(*words, CAPTURE, text=False).stdout)

with case("rows come out before the end of the input"):
    process = subprocess.Popen([SOCKDIAG, "streams", "--json", "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    scene = Scene()
    whole(scene.stream())
    scene.tick(200_000)  # of packet time: the ports are free again
    late = scene.stream()
    process.stdin.write(scene.data())
    process.stdin.flush()
    equal(json.loads(process.stdout.readline())["stream"], 1)  # with the pipe still open
    process.stdin.close()
    equal([json.loads(line)["type"] for line in process.stdout], ["stream", "summary"])
    equal(process.wait(10), 0)

with case("a cut file is shown to the cut, with status 3"):
    path = pathlib.Path(WORK.name) / "cut.pcapng"
    path.write_bytes(CAPTURE.read_bytes()[:-30])
    ran = streams(path)
    equal(ran.returncode, 3)
    contains(ran.stderr, "shown is what could be read")
    equal(numbers(ran.stdout), [1, 9, 16, 18])

with case("the summary tells of damage, and of a signal that ended it"):
    summary = rows(path)[1][-1]
    equal((summary["damaged"], summary["interrupted"]), (1, False))
    summary = rows(CAPTURE)[1][-1]
    equal((summary["damaged"], summary["interrupted"]), (0, False))
    for jobs in ("1", "2"):
        process = subprocess.Popen([SOCKDIAG, "streams", "--json", "-j", jobs, "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE)
        process.stdin.write(CAPTURE.read_bytes() + PCAPNG + tcp_block(10 ** 15, 7, SYN, 1, 0) * 20000)
        process.stdin.flush()
        wait_until(lambda: read_so_far(process.pid) > 1_000_000, what="the packets to be read")
        process.terminate()
        out, err = process.communicate(timeout=20)
        summary = json.loads(out.splitlines()[-1])
        equal((process.returncode, summary["damaged"], summary["interrupted"]), (3, 0, True), err)

with case("a recording of calls alone: what draws them is told"):
    path = pathlib.Path(WORK.name) / "calls.pcapng"
    scene = Scene()
    called = scene.stream(handshake=False)
    called.send("client", 5)
    scene.write(path)
    contains(streams("calls.pcapng", cwd=WORK.name).stdout,
             "1 socket call was recorded, and no packets: 'sockdiag show calls.pcapng' draws it")
    called.recv("server", 1024, 5)
    scene.write(path)
    text = " ".join(streams("--width", "60", "calls.pcapng", cwd=WORK.name).stdout.split())
    contains(text, "0 packets; TCP: 0 packets in 0 streams 2 socket calls were recorded, and no packets: "
             "'sockdiag show calls.pcapng' draws them")
    contains(streams("-", input=path.read_bytes(), text=False).stdout.decode(), "'sockdiag show FILE' draws them")
    contains(sockdiag("show", path).stdout, "send()")
    equal((streams("-q", path).stdout, rows(path)[1][-1]["calls"]), ("", 2))
    called.raw("client", SYN, 0)
    scene.write(path)
    check("sockdiag show" not in streams(path).stdout + streams(path, "port", "1").stdout, "though there are packets")
    scene = Scene()
    scene.call({"__REALTIME_TIMESTAMP": 1, "MESSAGE": "of another program"})
    scene.write(path)
    check("socket call" not in streams(path).stdout, "though there is none")
    equal(rows(path)[1][-1]["calls"], 0)

with case("what is no capture, and what is not there"):
    path = pathlib.Path(WORK.name) / "text"
    path.write_text("no capture\n" * 10)
    for file in (path, WORK.name, "/nonexistent"):
        ran = streams(file)
        equal((ran.returncode, ran.stdout), (2, ""), str(file))
        check(ran.stderr, "it does not say why")

with case("options that contradict each other"):
    for words in ((), ("-i", "lo", "--sort", "bytes"), ("--shard", "5/4", CAPTURE), ("--shard", "0/4", CAPTURE),
                  ("--shard", "x", CAPTURE), ("--memory", "1", CAPTURE), ("--buffer", "4", CAPTURE)):
        equal(streams(*words).returncode, 2, str(words))


def many(count, path):
    """`count` connections, all open at once."""
    scene = Scene()
    all_streams = [scene.stream(port=1024 + i) for i in range(count)]
    for i, stream in enumerate(all_streams):
        stream.segment("client", 0, b"%d" % i)
    for i, stream in enumerate(all_streams):
        stream.fin("client", len(b"%d" % i))
    scene.write(path)


MANY = pathlib.Path(WORK.name) / "many.pcapng"
many(3000, MANY)

with case("the shards together are one run, byte for byte"):
    def lines(*words):
        out = streams("--json", "--md5", *words, MANY, text=False).stdout
        return [line for line in out.splitlines() if b'"type":"stream"' in line]
    all_lines = sorted(lines())
    equal(len(all_lines), 3000)
    for count in (1, 4):
        parts = [lines("--shard", f"{k}/{count}") for k in range(1, count + 1)]
        equal(sorted(line for part in parts for line in part), all_lines, f"{count} shards")
        check(count == 1 or all(3000 / count * 0.8 < len(part) < 3000 / count * 1.2 for part in parts),
              f"uneven: {[len(part) for part in parts]}")

with case("a stream of another shard is not said to be nowhere"):
    for count, jobs in ((3, "1"), (3, "2")):
        ran = [streams("-j", jobs, "--shard", f"{k}/{count}", "--stream", "9,16", CAPTURE) for k in range(1, count + 1)]
        equal(sorted(number for part in ran for number in numbers(part.stdout)), [9, 16])
        for k, part in enumerate(ran, 1):
            missing = [str(number) for number in (9, 16) if number not in numbers(part.stdout)]
            told = f"sockdiag streams: not in part {k} of {count}: {', '.join(missing)}\n" if missing else ""
            equal((part.returncode, part.stderr), (1 if missing else 0, told))
        ran = [streams("-j", jobs, "--shard", f"{k}/{count}", "--problem", "refused", CAPTURE) for k in range(1, count + 1)]
        equal(sorted((part.returncode, part.stderr) for part in ran),
              [(0, "")] + [(1, "sockdiag streams: no stream of this part has such a problem\n")] * 2)

with case("another key makes other shards"):
    one = numbers(streams("--shard", "1/2", MANY).stdout)
    other = numbers(streams("--shard", "1/2", "--shard-key", "7", MANY).stdout)
    check(one != other, "the same streams")
    equal(numbers(streams("--shard", "1/2", MANY).stdout), one)

with case("the packets of all shards are counted once"):
    counted = [rows("--shard", f"{k}/3", MANY)[1][-1] for k in (1, 2, 3)]
    equal(sum(summary["tcp_packets"] for summary in counted), 15000)
    equal({summary["packets"] for summary in counted}, {15000})

with case("where very many connections end, stragglers that come too late are told of, the same in all shards"):
    crowd = pathlib.Path(WORK.name) / "crowd.pcap"
    write_crowd(crowd, 33000)
    ran, found = rows(crowd)
    equal((ran.returncode, found[-1]["continued_streams"], found[-1]["streams"]), (3, 1, 33004))
    contains(ran.stderr, "1 streams are the rest of others")
    late = [row for row in found[:-1] if row.get("continues")]
    equal([(row["stream"], row["packets_client"] + row["packets_server"]) for row in late], [(33005, 1)])
    kept = [row for row in found[:-1] if row["stream"] == 33002]
    equal([(row["packets_client"] + row["packets_server"], row.get("continues")) for row in kept], [(4, None)])
    contains(streams("--problem", "continues", crowd).stdout, "33005")
    parts = [rows("--shard", f"{k}/3", crowd)[1] for k in (1, 2, 3)]
    equal(sorted(map(str, (row for part in parts for row in part[:-1]))), sorted(map(str, found[:-1])))
    equal(sum(part[-1]["continued_streams"] for part in parts), 1)

with case("-j: several threads print what one does, of a file and of a pipe"):
    for words in ((), ("--sort", "bytes", "--top", "100"), ("--json", "--md5", "--sort", "start"), ("--problem", "partial"),
                  ("--stream", "1,4"), ("--stream", "2"), ("--shard", "2/3"), ("--conversations",)):
        for file in (MANY, CAPTURE):
            one = streams(*words, file, text=False)
            for jobs in ("2", "3"):
                ran = streams("-j", jobs, *words, file, text=False)
                equal((ran.returncode, ran.stdout, ran.stderr), (one.returncode, one.stdout, one.stderr), f"-j {jobs} {words}")
            ran = streams("-j", "2", *words, "-", input=file.read_bytes(), text=False)
            equal((ran.returncode, ran.stdout), (one.returncode, one.stdout), f"a pipe, {words}")

with case("-j: rows of JSON are the same, in whatever order"):
    lines = [sorted(streams("--json", *words, MANY).stdout.splitlines()) for words in ((), ("-j", "4"))]
    equal(lines[1], lines[0])

with case("-j: damage, mistakes and a signal"):
    path = pathlib.Path(WORK.name) / "cut.pcapng"
    one, ran = streams(path), streams("-j", "2", path)
    equal((ran.returncode, ran.stdout, ran.stderr), (3, one.stdout, one.stderr))
    equal(streams("-j", "2", "/proc/version").stderr, streams("/proc/version").stderr)  # of no length that is told
    for words in (("/nonexistent",), (CAPTURE, "port prot"), ("-i", "lo")):
        ran = streams("-j", "2", *words)
        equal((ran.returncode, ran.stdout), (2, ""), str(words))
        check(len(ran.stderr.splitlines()) <= 2, ran.stderr)
    process = subprocess.Popen([SOCKDIAG, "streams", "-j", "2", "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=False)
    process.stdin.write(MANY.read_bytes())
    process.stdin.flush()
    process.terminate()
    out, err = process.communicate(timeout=20)
    check(process.returncode in (0, 3), f"{process.returncode}: {err}")
    check(process.returncode == 0 or b"interrupted" in err, err)

    ran = streams("-j", "2", CAPTURE, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (5, 5)))
    equal((ran.returncode, ran.stdout), (2, ""))
    contains(ran.stderr, "Too many open files")

with case("-j: after a signal, every thread ends behind the same packet"):
    crowd, big, cut = (pathlib.Path(WORK.name) / name for name in ("crowd.pcap", "big.pcap", "cut.pcap"))
    write_crowd(crowd, 3000)
    content, record = crowd.read_bytes(), 16 + 54
    equal((len(content) - 24) % record, 0)
    big.write_bytes(content[:24] + content[24:] * (70_000_000 // len(content)))
    equal(streams(big).stdout, streams("-j", "1", big).stdout)  # large enough for several threads unasked
    ended = 0
    for jobs in ("2", "5", "2"):
        process = subprocess.Popen([SOCKDIAG, "streams", "-j", jobs, "--json", "--sort", "start", big], text=True,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        wait_until(lambda: process.poll() is not None or read_so_far(process.pid) > 5_000_000, what="a part of the file to be read")
        process.terminate()
        out, err = process.communicate(timeout=60)
        lines = out.splitlines()
        packets = json.loads(lines[-1])["packets"]
        check(process.returncode == 0 or (process.returncode == 3 and "interrupted" in err), err)
        ended += process.returncode == 3
        cut.write_bytes(big.read_bytes()[:24 + packets * record])
        expected = streams("-j", "1", "--json", "--sort", "start", cut).stdout.splitlines()
        check(lines[:-1] == expected[:-1], f"other rows than of {packets} packets")
    check(ended > 0, "none was interrupted")

    def pend():
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
        os.kill(os.getpid(), signal.SIGINT)

    for jobs in ("1", "3"):  # a signal that comes before the first byte is looked at
        ran = streams("-j", jobs, big, preexec_fn=pend)
        check(ran.returncode == 3 and "interrupted" in ran.stderr and ran.stdout != "", f"-j {jobs}: {ran}")
    big.unlink()

with case("-j: what goes wrong in any of the threads is told, and nothing is printed"):
    path = pathlib.Path(WORK.name) / "late.pcapng"
    for client in (1001, 1002, 1003, 1004):  # one of the threads has much to do, and is the last to come there
        packets = b"".join(tcp_block(10 ** 12 + n, client, ACK, 1 + n, 1, payload=b"x") for n in range(20000))
        path.write_bytes(PCAPNG + packets + tcp_block(2 * 10 ** 12, client, ACK, 1, 1, interface=1))
        for jobs in ("1", "2"):
            ran = streams("--json", "-j", jobs, path, "ether", "src", "00:00:00:00:00:00")
            equal((ran.returncode, ran.stdout), (2, ""), f"-j {jobs}, port {client}")
            contains(ran.stderr, "cannot be applied to packet 20001")

with case("-j: of a pipe, a row leaves though only other threads have something to do"):
    def ended(client, us):
        return b"".join(tcp_block(us + n, client, *packet) for n, packet in enumerate(
            ((SYN, 1, 0), (SYN | ACK, 1, 2, True), (ACK | FIN, 2, 2), (ACK | FIN, 2, 3, True), (ACK, 3, 3))))

    for other in range(2001, 2005):
        process = subprocess.Popen([SOCKDIAG, "streams", "--json", "-j", "2", "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        process.stdin.write(PCAPNG + ended(1001, 10 ** 15) + tcp_block(10 ** 15 + 600_000_000, other, ACK, 1, 1, payload=b"x"))
        process.stdin.flush()
        check(select.select([process.stdout], [], [], 20)[0], f"no row in 20 s; the other port is {other}")
        contains(process.stdout.readline().decode(), '"client":"10.0.0.1:1001"')
        process.stdin.close()
        process.stdout.read()
        equal(process.wait(timeout=20), 0)

with case("conversations of other protocols are counted, and listed"):
    path = pathlib.Path(WORK.name) / "udp.pcapng"
    made = sockdiag("send", "-w", path, "ip(src=10.0.0.1,dst=10.0.0.2)/udp(sport=5000,dport=53)/\"hello\"")
    equal(made.returncode, 0, made.stderr)
    ran = streams("--conversations", path)
    equal(ran.returncode, 0)
    contains(ran.stdout, "10.0.0.1:5000")
    contains(ran.stdout, "UDP: 1 packet in 1 conversation")
    _, found = rows("--conversations", path)
    equal([row["type"] for row in found], ["conversation", "summary"])
    equal((found[0]["protocol"], found[0]["a"], found[0]["b"], found[0]["bytes_a"]),
          ("udp", "10.0.0.1:5000", "10.0.0.2:53", 5))
    equal(found[1]["udp"], {"conversations": 1, "packets": 1})

with case("who reads no further ends it without a word"):
    process = subprocess.Popen([SOCKDIAG, "streams", "--json", MANY], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    process.stdout.readline()
    process.stdout.close()
    equal((process.wait(10), process.stderr.read()), (0, b""))

with case("a full disk is an error, told once"):
    if not os.path.exists("/dev/full"):
        check(False, "there is no /dev/full")
    for words in ((CAPTURE,), ("-j", "3", "--json", MANY)):
        with open("/dev/full", "w", encoding="ascii") as full:
            ran = streams(*words, stdout=full)
        equal((ran.returncode, ran.stderr.count("cannot write the output"), len(ran.stderr.splitlines())), (2, 1, 1), ran.stderr)

done()
