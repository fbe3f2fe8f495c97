#!/usr/bin/env python3
"""The demo as its users run it: an ordinary user, no options, or wrong ones; killed at any moment.

    client --- e0 [ c0 wire s0 ] e0 --- server        (all of it private, all of it gone afterwards)
"""

import concurrent.futures
import json
import os
import pathlib
import random
import signal
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
import pcapng  # noqa: E402
from cases import Skip, case, check, contains, done, equal  # noqa: E402
from procs import as_user, can_lab, have, run, user_dir, user_sockdiag, wait_until  # noqa: E402

HOME = pathlib.Path(user_dir())
DEMO = as_user(user_sockdiag(), "demo")
ABLE, WHY = can_lab()


def demo(*options, **more):
    if not ABLE:
        raise Skip(WHY)
    return run(*DEMO, *options, **{"cwd": HOME, **more})


def in_session(session):
    """Processes of a session, by /proc/PID/stat (field 6); dead ones that wait to be reaped do not count."""
    found = []
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            fields = pathlib.Path("/proc", entry, "stat").read_text(encoding="utf-8", errors="replace").rsplit(")", 1)[1].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(fields[3]) == session and fields[0] != "Z":
            found.append(int(entry))
    return found


def traces():
    """What a demo might leave: interfaces and named namespaces of this host, files where it runs and where temporary
    files go (TMPDIR is HOME)."""
    places = [HOME, pathlib.Path("/run/netns")]  # /dev/shm is full of others' comings and goings, and none of its places
    files = {str(path) for place in places if place.is_dir() for path in place.iterdir()}
    return sorted(files), sorted(os.listdir("/sys/class/net"))


def start():
    return subprocess.Popen(DEMO, cwd=HOME, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                            start_new_session=True, env={**os.environ, "TMPDIR": str(HOME)})


with case("an ordinary user runs it: pictures of naive and length, a table of all five, status 0"):
    result = demo(env={**os.environ, "COLUMNS": "100", "LC_ALL": "C.UTF-8"})
    equal((result.returncode, result.stderr), (0, ""))
    parts = ["framing length: ok", "lockstep", "sticky"]
    if "framing naive: did not break, by luck" in result.stdout:  # a client that is held up longer than the server works: test_readme.py is slower
        parts += ["lucky"]
    else:
        parts += ["BROKEN at byte 43", "recv #1 returned the header (43 B)"]
    for part in parts:
        contains(result.stdout.replace("\u202f", " "), part)  # the space in a number that no line breaks at
    lines = result.stdout.splitlines()
    table = lines[next(i for i, line in enumerate(lines) if line.startswith(" framing ")):][1:6]
    equal([row.split()[0] for row in table], ["naive", "sleep", "lockstep", "size", "length"])
    contains(result.stdout, "sockdiag record -- ./your-program")  # where to go from here

with case("nothing is left of it: no process, interface or file"):
    if not ABLE:
        raise Skip(WHY)
    before = traces()
    process = start()
    equal(process.wait(timeout=30), 0, process.stderr.read())
    process.stderr.close()
    wait_until(lambda: not in_session(process.pid), what="the end of every process")
    equal(traces(), before)


def kill_at(delay):
    """Kill the demo after `delay` seconds; what is left of it after that, or None."""
    process = start()
    try:
        process.wait(timeout=delay)
    except subprocess.TimeoutExpired:
        process.kill()
    process.wait()
    process.stderr.close()
    try:
        wait_until(lambda: not in_session(process.pid), what="the end of every process")
    except AssertionError:
        return in_session(process.pid)
    return None


with case("killed with SIGKILL at 50 random moments: nothing is left either"):
    if not ABLE:
        raise Skip(WHY)
    seed = random.randrange(1 << 32)
    chance = random.Random(seed)
    before = traces()
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        left = [pids for pids in pool.map(kill_at, [chance.uniform(0, 1.6) for _ in range(50)]) if pids]
    equal(left, [], f"processes after 10 s (seed {seed})")
    equal(traces(), before)

with case("Ctrl-C ends all of it"):
    if not ABLE:
        raise Skip(WHY)
    process = start()
    wait_until(lambda: len(in_session(process.pid)) >= 3, what="the lab")
    os.killpg(process.pid, signal.SIGINT)
    check(process.wait(timeout=10) != 0, "status 0 after SIGINT")
    process.stderr.close()
    wait_until(lambda: not in_session(process.pid), what="the end of every process")

with case("sleep breaks where a retransmission outlasts its pause, at the header's end"):
    result = demo("--framing", "sleep", "--drop", "data:1", "--json")
    equal(result.returncode, 1, result.stderr)
    broken = [o for o in map(json.loads, result.stdout.splitlines()) if o.get("kind") == "framing-broken"]
    equal([o["offset"] for o in broken], [43])

with case("sleep breaks where the server works longer than the pause"):
    equal(demo("--framing", "sleep", "--work", "600", "--pause", "50").returncode, 1)

with case("naive without work may be lucky, and then says what would have broken it"):
    # The body comes a round trip after the header: time enough to read it alone.
    result = demo("--framing", "naive", "--work", "0", "--delay", "150", "--drop", "data:2")
    equal(result.returncode, 0, result.stderr)
    contains(result.stdout, "luck")

for bug, status in (("size-chars", 1), ("size-overrun", 1), ("short-send", 1)):
    with case(f"the bug {bug} breaks, and where is said"):
        result = demo("--bug", bug)
        equal(result.returncode, status, result.stdout + result.stderr)
        contains(result.stdout, "BROKEN at byte")

with case("-o keeps a file for each framing that reads, and opens in tshark and tcpdump"):
    result = demo("--framing", "naive,length", "--work", "300", "-o", HOME / "kept.pcapng")
    equal(result.returncode, 1, result.stderr)
    for name in ("kept-naive.pcapng", "kept-length.pcapng"):
        capture = pcapng.read(HOME / name)
        equal(capture.damage, None)
        check(capture.packets and capture.calls, "packets and calls")
        equal(run(*as_user(user_sockdiag(), "show", HOME / name)).returncode, int("naive" in name), name)
        if have("tcpdump") is None:
            equal(len(run("tcpdump", "-nr", HOME / name).stdout.splitlines()), len(capture.packets))
        if have("tshark") is None:
            times = run("tshark", "-r", HOME / name, "-T", "fields", "-e", "frame.time_epoch").stdout.split()
            equal(len(times), len(capture.packets) + len(capture.calls))
            times = [time[:-3] for time in times]  # a journal's time stamp has microseconds
            equal(times, sorted(times), "order in tshark")
        (HOME / name).unlink()

with case("any width from 40 columns, ASCII, no colour"):
    for width in (40, 60, 80, 200):
        lines = demo("--framing", "naive", "--ascii", "--width", width).stdout.splitlines()
        check(lines and max(map(len, lines)) <= width, f"a line of {max(map(len, lines))} at {width}")
        check(all(line.isascii() and "\x1b" not in line for line in lines), "more than ASCII")

for words, part in (
        (["--framing", "nosuch"], "nosuch"), (["--framing", ""], "framing"), (["--framing", "naive,naive"], "twice"),
        (["--bug", "nosuch"], "nosuch"), (["--drop", "data:x"], "data:x"), (["--drop", "150%"], "150%"),
        (["--mtu", "12"], "mtu"), (["--ipv6", "--mtu", "600"], "1280"), (["--rate", "fast"], "fast"),
        (["--nosuch"], "nosuch"), (["word"], "words"), (["--size", "0"], "size"), (["-o", "/no/such/dir/f"], "/no/such/dir/f"),
        (["--delay", "-1"], "-1")):
    with case(f"bad input: {' '.join(words)}"):
        result = demo(*words)
        equal((result.returncode, result.stdout), (2, ""))
        contains(result.stderr, part)

with case("a machine without user namespaces: a message that says what to do"):
    if not ABLE:
        raise Skip(WHY)
    probe = run(*as_user("unshare", "-r", "sh", "-c", "echo 0 > /proc/sys/user/max_user_namespaces"))
    if probe.returncode != 0:
        raise Skip("user.max_user_namespaces cannot be set in a user namespace here")
    # In a user namespace that may have no further ones, as a user who is nobody in it.
    script = "echo 0 > /proc/sys/user/max_user_namespaces; exec setpriv --bounding-set=-all --inh-caps=-all \"$@\""
    result = run(*as_user("unshare", "-r", "sh", "-c", script, "sh", user_sockdiag(), "demo"), cwd=HOME)
    equal(result.returncode, 2, result.stderr)
    contains(result.stderr, "namespaces")

done()
