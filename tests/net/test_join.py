#!/usr/bin/env python3
"""The exact join, on each framing and each network of the demo:

    client --- e0 [ c0 wire s0 ] e0 --- server

In each direction the spans of sends, of unique payload on the wire and of recvs tile the axis, and the bytes are the same
three times: as sent, as captured, as received. What the model says is held against the file, read by other code.
"""

import concurrent.futures
import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
import pcapng  # noqa: E402
from cases import case, check, done, equal, skip  # noqa: E402
from procs import as_user, can_lab, run, user_dir, user_python, user_sockdiag  # noqa: E402

PROGRAMS = pathlib.Path(__file__).resolve().parent / "programs"
FRAMINGS = ("naive", "sleep", "lockstep", "size", "length")
# name, options, does the wire carry the client's first segment as it was sent?
NETWORKS = (
    ("plain", []),
    ("mtu 576", ["--mtu", "576"]),
    ("IPv6, mtu 1280", ["--ipv6", "--mtu", "1280"]),
    ("delay 20", ["--delay", "20"]),
    ("drop data:2", ["--drop", "data:2"]),
    ("drop 5%@7", ["--drop", "5%@7"]),
    ("reorder", ["--reorder"]),
    ("dup", ["--dup"]),
    ("rate 1mbit", ["--rate", "1mbit"]),
)


def runs_of(output):
    """The objects of each run of `demo --json`, and the comparison."""
    runs, current, comparison = [], [], []
    for line in output.splitlines():
        item = json.loads(line)
        (comparison if item["type"] == "comparison" else current).append(item)
        if item["type"] == "summary":
            runs.append(current)
            current = []
    return runs, comparison


def spans_of(objects, side, lane):
    return [o for o in objects if o["type"] == "span" and o["from"] == side and o["lane"] == lane]


def check_tiling(spans, end, what):
    at = 0
    for span in sorted(spans, key=lambda s: s["offset"]):
        equal(span["offset"], at, f"{what}: where span {span['n']} begins")
        check(span["length"] > 0, f"{what}: an empty span")
        at += span["length"]
    equal(at, end, f"{what}: where the lane ends")


def check_direction(objects, capture, stream, direction):
    side = direction["from"]
    other = "server" if side == "client" else "client"
    size, name = direction["bytes"], f"{side}'s bytes"
    check_tiling(spans_of(objects, side, "send"), size + direction["unsent"], f"{name}, sends")
    check_tiling([s for s in spans_of(objects, side, "wire") if not s["retransmission"]], size, f"{name}, wire")
    check_tiling(spans_of(objects, side, "recv"), size - direction["unread"], f"{name}, recvs")
    # The same from the file alone.
    source, target = stream[side], stream[other]
    wire, gaps = pcapng.stream_bytes(capture, source, target)
    equal(gaps, [], "bytes that the wire never carried")
    equal(len(wire), size, name)
    calls = {(call.enter_ns, call.exit_ns): call.data for call in capture.calls if call.op}

    def bytes_of(lane):
        """The bytes of a lane, each call's at the place where the model put it (threads' calls may have been put into
        another order than that in which they returned)."""
        return b"".join(calls[int(span["time_ns"]), int(span["exit_ns"])]
                        for span in sorted(spans_of(objects, side, lane), key=lambda s: s["offset"]))

    equal(bytes_of("send")[:size], wire, f"{name}: sent and captured")
    equal(bytes_of("recv"), wire[:size - direction["unread"]], f"{name}: captured and received")


def check_run(objects, file, mtu):
    capture = pcapng.read(file)
    stream = next(o for o in objects if o["type"] == "stream")
    equal((stream["partial"], stream["end"]), (False, "fin"), "the stream")
    directions = [o for o in objects if o["type"] == "direction"]
    equal([d["from"] for d in directions], ["client", "server"])
    for direction in directions:
        check_direction(objects, capture, stream, direction)
    for packet in capture.packets:
        check(len(packet.data) <= mtu + 14, f"a frame of {len(packet.data)} bytes")
        frame = packet.frame
        check(frame.ip_checksum_good and frame.checksum_good, "a checksum is wrong")
    times = [item.time_ns if isinstance(item, pcapng.Packet) else item.exit_ns for item in capture.items
             if isinstance(item, (pcapng.Packet, pcapng.Call))]
    equal(times, sorted(times), "time order of the file")


def run_network(index):
    name, options = NETWORKS[index]
    file = pathlib.Path(user_dir()) / f"join-{index}.pcapng"
    result = run(*as_user(user_sockdiag(), "demo", "--framing", ",".join(FRAMINGS), "--bytes", "--json", "-o", file, *options),
                 timeout=120)
    runs, comparison = runs_of(result.stdout)
    return name, options, file, result, dict(zip(FRAMINGS, runs)), comparison


BROKEN = []  # the networks where naive did


def findings(objects, kind):
    return [o for o in objects if o["type"] == "finding" and o["kind"] == kind]


def check_network(outcome):
    name, options, file, result, runs, _ = outcome
    with case(f"{name}: the demo runs all five framings"):
        broken = [framing for framing, objects in runs.items() if findings(objects, "framing-broken")]
        equal((len(runs), result.returncode), (5, int(bool(broken))), result.stderr)
    mtu = int(options[options.index("--mtu") + 1]) if "--mtu" in options else 1500
    for framing, objects in runs.items():
        with case(f"{name}, {framing}: sends, wire and recvs tile the axis, the bytes are the same three times"):
            check_run(objects, file.with_name(f"{file.stem}-{framing}.pcapng"), mtu)
    with case(f"{name}: length ends well, naive breaks where the header's recv took more, and says why"):
        equal(findings(runs["length"], "framing-broken"), [])
        broken = findings(runs["naive"], "framing-broken")
        header = spans_of(runs["naive"], "client", "message")[0]
        # The server works before it reads, so that all has come; unless this machine holds up the client even longer.
        equal(bool(broken), spans_of(runs["naive"], "client", "recv")[0]["length"] > header["length"], "broken")
        if broken:
            BROKEN.append(name)
            equal(broken[0]["offset"], header["length"], "the byte where the reader went wrong")
            check(broken[0]["cause"] and broken[0]["evidence"]["recvs"], "cause and evidence")
    with case(f"{name}: a wrong framing that did not break is called lucky, the right one never"):
        for framing in ("naive", "sleep", "lockstep", "size"):
            equal(bool(findings(runs[framing], "lucky")), not findings(runs[framing], "framing-broken"), framing)
        equal(findings(runs["length"], "lucky"), [])


def run_python(index):
    """Client and server in Python that use all that it has: five connections, datagrams and an AF_UNIX pair."""
    name, options = NETWORKS[index]
    address = "fd77::2" if "--ipv6" in options else "10.77.0.2"
    options = [word for word in options if word != "--ipv6"]  # an option of the demo
    file = pathlib.Path(user_dir()) / f"python-{index}.pcapng"
    server = f"exec {user_python()} {PROGRAMS}/many_server.py {address} 5000"
    result = run(*as_user(user_sockdiag(), "lab", "--bytes", "-o", file, "--server-cmd", server, *options, "--", user_python(),
                          PROGRAMS / "many_client.py", address, "5000"), timeout=120)
    shown = run(*as_user(user_sockdiag(), "show", "--json", file))
    return name, options, file, result, [json.loads(line) for line in shown.stdout.splitlines()]


def check_python(outcome):
    name, options, file, result, objects = outcome
    with case(f"{name}: the Python programs run as ever"):
        equal((result.returncode, result.stdout.split()[1::2]), (0, ["ok"] * 7), result.stderr)
    mtu = int(options[options.index("--mtu") + 1]) if "--mtu" in options else 1500
    streams = [o for o in objects if o["type"] == "stream"]
    with case(f"{name}: Python's streams are all there, and its other sockets' calls"):
        equal(len(streams), 5)
        kinds = {call.kind for call in pcapng.read(file).calls if call.result > 0 and call.op}
        check({"unix/stream", "inet6/dgram" if "1280" in options else "inet/dgram"} <= kinds, kinds)
    for stream, way in zip(streams, ("makefile", "fork", "threads", "dup", "asyncio")):
        with case(f"{name}, {way} in Python: sends, wire and recvs tile the axis, the bytes are the same three times"):
            check_run([o for o in objects if o.get("stream") == stream["stream"]], file, mtu)


able, why = can_lab()
if not able:
    skip("the exact join in every network", why)
elif user_python() is None:
    skip("the exact join in every network", "the ordinary user has no Python to run")
elif run(*as_user("test", "-r", PROGRAMS / "many_client.py")).returncode != 0:
    skip("the exact join in every network", f"the ordinary user cannot read {PROGRAMS}")
else:
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for done_network in pool.map(run_network, range(len(NETWORKS))):
            check_network(done_network)
        with case("naive breaks in most networks"):
            check(len(BROKEN) > len(NETWORKS) / 2, BROKEN)
        for done_network in pool.map(run_python, range(len(NETWORKS))):
            check_python(done_network)
done()
