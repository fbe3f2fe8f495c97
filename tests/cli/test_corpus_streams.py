#!/usr/bin/env python3
"""`streams` on captures of other projects: packets, streams, payload bytes and the MD5 of each direction are those that
several readers agree on. The directory is named by SOCKDIAG_CORPUS, or is ../shared/corpus beside the repository. What
differs for good reasons is listed here, and explained in docs/DIFFERENCES.md with the packets that prove it."""

import concurrent.futures
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
from cases import case, check, done, not_ok, ok, skip  # noqa: E402
from procs import ROOT, SOCKDIAG, sockdiag  # noqa: E402

CORPUS = pathlib.Path(os.environ.get("SOCKDIAG_CORPUS") or ROOT.parent / "shared" / "corpus")
SUFFIXES = (".pcap", ".pcapng", ".cap", ".dmp", ".ntar", ".snoop")
MOST_SECONDS = 5 * (4 if os.environ.get("SAN") else 1)
MOST_KIB = 512 << 10
DAMAGE = re.compile(r"at byte \d+[:,] .+; everything before it was read")
SIDES = ("client", "server")

# What differs from the readers' answer, by file: (stream, what): our value. Each file has its reasons in docs/DIFFERENCES.md.
ALLOWED = {
    "lab_bulk_corrupt.b.pcap": {(1, "md5 10.9.0.1:36684"): "a780c22ab527d4c082734264b2e20f76"},
    "zeek_tcp-timestamp.pcap": {(1, "md5 192.168.2.20:12345"): None},
}


def captures(directory):
    return sorted(path for path in directory.iterdir() if path.suffix in SUFFIXES) if directory.is_dir() else []


def expectation(path):
    try:
        return json.loads((path.parent / "expected" / (path.name + ".json")).read_text(encoding="utf-8"))
    except OSError:
        return None


def answers_of(expected):
    """{(stream, what): value}: what is known. A stream is known by its first packet, a direction by its sender."""
    known = {}
    if expected["libpcap"]["packets"] == expected["tshark"]["frames"]:
        known[0, "packets"] = expected["tshark"]["frames"]
    known[0, "streams"] = sorted(stream["first_frame"] for stream in expected["tcp_streams"])
    for stream in expected["tcp_streams"]:
        for direction in stream["directions"]:
            found, agree = direction["reassembled"], direction.get("agree") or {}
            if not any(agree.values()):
                continue
            known[stream["first_frame"], "bytes " + direction["from"]] = found["unique_bytes"]
            if found["unique_bytes"] > 0 and not found["gaps"]:
                known[stream["first_frame"], "md5 " + direction["from"]] = found["md5"]
    return known


def endpoint(text):
    """As the expected answers write it: no brackets around IPv6 addresses."""
    return text.replace("[", "").replace("]", "")


def answers_of_sockdiag(path):
    ran = sockdiag("streams", "--json", "--md5", path, timeout=120)
    check(ran.returncode in (0, 3), f"exit status {ran.returncode}: {ran.stderr}")
    lines = [json.loads(line) for line in ran.stdout.splitlines()]
    rows = [line for line in lines if line["type"] == "stream"]
    answers = {(0, "packets"): lines[-1]["packets"], (0, "streams"): sorted(row["stream"] for row in rows)}
    for row in rows:
        for side in SIDES:
            answers[row["stream"], "bytes " + endpoint(row[side])] = row[f"bytes_{side}"]
            answers[row["stream"], "md5 " + endpoint(row[side])] = row[f"md5_{side}"]
    return answers


def compare(path):
    """(values compared, [differences])"""
    expected = expectation(path)
    if expected is None:
        return 0, []
    known, ours = answers_of(expected), answers_of_sockdiag(path)
    allowed = dict(ALLOWED.get(path.name, {}))
    differences = []
    for key, value in known.items():
        got = ours.get(key)
        if key in allowed:
            if got != allowed.pop(key):
                differences.append(f"{key}: {got!r} is neither {value!r} nor what is allowed")
        elif got != value:
            differences.append(f"{key}: {got!r}, expected {value!r}")
    differences += [f"{key} is allowed to differ, and is not known at all" for key in allowed]
    return len(known), differences


def check_all(name, paths, function):
    count, failures = 0, []
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for path, future in [(path, pool.submit(function, path)) for path in paths]:
            try:
                compared, differences = future.result()
                count += compared
                failures += [f"{path.name}: {difference}" for difference in differences]
            except (AssertionError, ValueError, KeyError, subprocess.TimeoutExpired) as error:
                failures.append(f"{path.name}: {error}")
    for failure in failures:
        print(f"#   {failure}")
    if failures:
        not_ok(name, f"{len(failures)} in {len(paths)} files: " + "; ".join(failures[:5]))
    else:
        ok(f"{name} ({len(paths)} files, {count} values)")


def limited(path, *words):
    """Run a command; what was wrong with its time, memory, status or words."""
    with tempfile.TemporaryFile() as err:
        start = time.monotonic()
        process = subprocess.Popen([SOCKDIAG, *words], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=err)
        last_word = threading.Timer(2 * MOST_SECONDS, process.kill)
        last_word.start()
        _, status, usage = os.wait4(process.pid, 0)
        last_word.cancel()
        process.returncode = status = os.waitstatus_to_exitcode(status)
        seconds = time.monotonic() - start
        err.seek(0)
        said = err.read().decode(errors="replace")
    wrong = []
    if seconds > MOST_SECONDS:
        wrong.append(f"{words[0]} took {seconds:.1f} s")
    if usage.ru_maxrss > MOST_KIB and not os.environ.get("SAN"):
        wrong.append(f"{words[0]} took {usage.ru_maxrss >> 10} MiB")
    if status not in (0, 3):
        wrong.append(f"{words[0]} ended with {status}: {said}")
    if status == 3 and not DAMAGE.search(said):
        wrong.append(f"{words[0]} does not say what was damaged, and where: {said}")
    return wrong


def survive(path):
    with tempfile.TemporaryDirectory() as work:
        commands = (("streams", "--json", "--md5", path), ("streams", "--conversations", path),
                    ("extract", "-d", f"{work}/out", path), ("show", path), ("show", "--json", path), ("capture", "-r", path))
        return len(commands), [wrong for words in commands for wrong in limited(path, *words)]


if not CORPUS.is_dir():
    skip("streams of captures of other projects", f"there is no {CORPUS} (SOCKDIAG_CORPUS names another directory)")
    done()

check_all("streams of other projects' captures are what other readers agree on", captures(CORPUS), compare)
check_all("streams of recordings of our own, too", captures(CORPUS / "lab"), compare)
check_all("hostile captures: in time, in memory, with a word for what is damaged", captures(CORPUS / "hostile"), survive)

with case("each difference is explained"):
    text = (ROOT / "docs/DIFFERENCES.md").read_text(encoding="utf-8")
    missing = [name for name in ALLOWED if f"`{name}`" not in text]
    check(not missing, f"not in docs/DIFFERENCES.md: {missing}")

done()
