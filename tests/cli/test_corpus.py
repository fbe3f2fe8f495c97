#!/usr/bin/env python3
"""`capture -r` on a directory of captures from other projects: nothing crashes or hangs, the packets are counted as
other readers agree, and their protocols are those that tshark finds. The directory is named by SOCKDIAG_CORPUS, or is ../shared/corpus beside the repository."""

import collections
import concurrent.futures
import json
import os
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
from cases import case, check, done, equal, not_ok, ok, skip  # noqa: E402
from procs import ROOT, sockdiag  # noqa: E402

CORPUS = pathlib.Path(os.environ.get("SOCKDIAG_CORPUS") or ROOT.parent / "shared" / "corpus")
SUFFIXES = (".pcap", ".pcapng", ".cap", ".dmp", ".ntar", ".snoop")


def captures(directory):
    return sorted(path for path in directory.iterdir() if path.suffix in SUFFIXES) if directory.is_dir() else []


def read(path):
    """The summary object of `capture --json -r`, and how often each protocol was found; None: no capture file."""
    ran = sockdiag("capture", "--json", "-r", path, timeout=120)
    check(ran.returncode >= 0, f"{path.name}: killed by signal {-ran.returncode}: {ran.stderr}")
    lines = [json.loads(line) for line in ran.stdout.splitlines()]
    if ran.returncode == 2:
        check("is no capture file" in ran.stderr or "is empty" in ran.stderr or "holds no packets" in ran.stderr,
              f"{path.name}: {ran.stderr}")
        return None
    check(ran.returncode in (0, 3), f"{path.name}: exit status {ran.returncode}: {ran.stderr}")
    summary = lines[-1]
    equal(summary["type"], "summary", path.name)
    packets = sum(line["type"] == "packet" for line in lines)
    equal(packets, summary["packets"], f"{path.name}: packets printed and counted")
    equal(ran.returncode == 3, summary["damaged"] == 1 or bool(summary["dropped"]), f"{path.name}: exit status, damage and losses")
    equal("everything before it was read" in ran.stderr, summary["damaged"] == 1, f"{path.name}: {ran.stderr}")
    equal(f"the capture lost {summary['dropped']} packets" in ran.stderr, bool(summary["dropped"]), f"{path.name}: {ran.stderr}")
    return summary, collections.Counter(line["protocol"] for line in lines if line["type"] == "packet")


def expectation(path):
    """What other readers found, or None. Nothing stands beside the hostile captures."""
    try:
        return json.loads((path.parent / "expected" / (path.name + ".json")).read_text(encoding="utf-8"))
    except OSError:
        return None


def check_protocols(path, expected, found):
    """tshark counts a datagram that came in fragments where it is complete; capture shows packet by packet."""
    if expected["fragments"]:
        return
    names = {"TCP": "tcp", "UDP": "udp", "ICMP": "icmp", "ICMPv6": "icmpv6", "IGMP": "igmp", "SCTP": "sctp"}
    equal({protocol: found[protocol] for protocol in names},
          {protocol: expected["l4"].get(name, 0) for protocol, name in names.items()}, f"{path.name}: protocols")
    equal(found["ARP"], expected["arp"], f"{path.name}: ARP")


def check_one(path):
    got, expected = read(path), expectation(path)
    if expected is None:
        return False
    check(got is not None, f"{path.name}: was not read at all")
    summary, found = got
    # The number of packets is known only where libpcap and tshark read the same.
    agreed = expected["libpcap"]["packets"] == expected["tshark"]["frames"]
    if agreed:
        equal(summary["packets"], expected["tshark"]["frames"], f"{path.name}: packets")
    check_protocols(path, expected, found)
    return agreed


def check_all(name, paths):
    compared, failures = 0, []
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for path, future in [(path, pool.submit(check_one, path)) for path in paths]:
            try:
                compared += future.result()
            except (AssertionError, ValueError, subprocess.TimeoutExpired) as error:
                failures.append(f"{path.name}: {error}")
    if failures:
        not_ok(name, f"{len(failures)} of {len(paths)}: " + "; ".join(failures[:5]))
    else:
        ok(f"{name} ({len(paths)} files, {compared} counts compared)")


if not CORPUS.is_dir():
    skip("captures of other projects", f"there is no {CORPUS} (SOCKDIAG_CORPUS names another directory)")
    done()

check_all("captures of other projects are read and counted", captures(CORPUS))
check_all("hostile captures are read without a crash", captures(CORPUS / "hostile"))


@case("a copy of a capture holds the same packets")
def _():
    source = max((path for path in captures(CORPUS) if path.suffix == ".pcapng"), key=lambda path: "many" in path.name)
    copied = sockdiag("capture", "-q", "-r", source, "-w", "-", text=False)
    equal(copied.returncode, 0)
    fields = ("number", "time_ns", "captured", "wire", "summary")
    packets = []
    for argument, data in ((source, None), ("-", copied.stdout)):
        ran = sockdiag("capture", "--json", "-r", argument, text=False, **({"input": data} if data else {}))
        equal(ran.returncode, 0)
        lines = [json.loads(line) for line in ran.stdout.splitlines()]
        packets.append([[line[key] for key in fields] for line in lines if line["type"] == "packet"])
    check(packets[0], "no packets")
    equal(packets[1], packets[0])


done()
