#!/usr/bin/env python3
"""Packets a second that `send` hands to an interface, beside bare loops, hping3, nping and trafgen, on one CPU.

    SOCKDIAG=build/sockdiag tests/bench/send.py [ROUNDS]

64-byte frames over a veth pair in a namespace of its own. All take turns; the interface's own counter tells what each
sent in a second of its run. Medians, and ratios of them: the machine's speed drifts, the ratios less.
"""

import os
import pathlib
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
SOCKDIAG = str(pathlib.Path(os.environ.get("SOCKDIAG") or HERE.parent.parent / "build" / "sockdiag").resolve())
MAC_A, MAC_B = "02:00:00:00:00:01", "02:00:00:00:00:02"
UDP = "udp(sport=5000,dport=9)/fill(22)"
FLOOD = [SOCKDIAG, "send", "-q", "--i-may", "--rate", "max", "--count", "0"]
WARM_UP, MEASURED = 0.3, 1.0

TRAFGEN = f"""{{ eth(da={MAC_B}, sa={MAC_A}), ipv4(sa=10.9.0.1, da=10.9.0.2, ttl=64, id=drnd()),
udp(sp=5000, dp=9), fill(0, 22) }}
"""


def topology():
    for words in (f"link add va address {MAC_A} type veth peer name vb address {MAC_B}", "link set lo up",
                  "address add 10.9.0.1/24 dev va", "link set va up", "link set vb up",
                  f"neighbour add 10.9.0.2 lladdr {MAC_B} dev va nud permanent"):
        subprocess.run(["ip", *words.split()], check=True)


def sent():
    """Packets that left by va."""
    for line in pathlib.Path("/proc/net/dev").read_text(encoding="ascii").splitlines():
        if line.strip().startswith("va:"):
            return int(line.split(":")[1].split()[9])
    raise RuntimeError("no interface va")


def rate(words):
    """Packets/s; None where it did not run."""
    with subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                          start_new_session=True) as process:
        time.sleep(WARM_UP)
        began, before = time.monotonic(), sent()
        time.sleep(MEASURED)
        count, seconds = sent() - before, time.monotonic() - began
        alive = process.poll() is None
        if alive:
            os.killpg(process.pid, signal.SIGKILL)
        _, error = process.communicate()
    if not alive or count == 0:
        print(f"  {words[0]} did not send: {error.decode(errors='replace').strip()[:200]}", file=sys.stderr)
        return None
    return count / seconds


def contenders(directory):
    bare = f"{directory}/bare_send"
    subprocess.run([os.environ.get("CC", "cc"), "-O2", "-D_GNU_SOURCE", "-o", bare, HERE / "bare_send.c"], check=True)
    loop = ["va", "10.9.0.1", "10.9.0.2", MAC_B, "64"]
    config = pathlib.Path(directory) / "trafgen.cfg"
    config.write_text(TRAFGEN, encoding="ascii")
    return {
        "bare loop, frames": [bare, "frame", *loop],
        "send --link": [*FLOOD, "--link", f"ip(dst=10.9.0.2)/{UDP}"],
        "send --link, id=0-65535": [*FLOOD, "--link", f"ip(dst=10.9.0.2,id=0-65535)/{UDP}"],
        "bare loop, datagrams": [bare, "datagram", *loop],
        "send --raw": [*FLOOD, "--raw", f"ip(dst=10.9.0.2)/{UDP}"],
        "send --raw, id=0-65535": [*FLOOD, "--raw", f"ip(dst=10.9.0.2,id=0-65535)/{UDP}"],
        "hping3 --flood": ["hping3", "--flood", "-q", "-2", "-p", "9", "-d", "22", "-I", "va", "10.9.0.2"],
        "nping --rate": ["nping", "--udp", "-p", "9", "--rate", "100000000", "-c", "100000000", "--data-length", "22", "-q",
                         "-H", "-N", "10.9.0.2"],
        "trafgen": ["trafgen", "--dev", "va", "--conf", str(config), "--cpus", "1", "--no-sock-mem", "-q"],
    }


GOALS = (("send --link", "bare loop, frames", 0.95), ("send --link, id=0-65535", "bare loop, frames", None),
         ("send --link", "trafgen", 1.0), ("send --link", "hping3 --flood", 2.3), ("send --link", "nping --rate", None),
         ("send --raw", "bare loop, datagrams", 0.95), ("send --raw, id=0-65535", "bare loop, datagrams", None))


def measure(rounds):
    topology()
    cpu = str(max(os.sched_getaffinity(0)))
    rates = {}
    with tempfile.TemporaryDirectory(prefix="sockdiag-bench-") as directory:
        commands = contenders(directory)
        for name, words in list(commands.items()):
            if shutil.which(words[0]) is None:
                print(f"  {words[0]} is not installed: left out", file=sys.stderr)
                del commands[name]
        for _ in range(rounds):
            for name, words in commands.items():
                rates.setdefault(name, []).append(rate(["taskset", "-c", cpu, *words]))
    return {name: statistics.median(found) for name, found in rates.items() if None not in found}


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    for program in ("unshare", "ip", "taskset"):
        if shutil.which(program) is None:
            print(f"bench: needs {program}", file=sys.stderr)
            return 2
    if "SOCKDIAG_BENCH_INSIDE" not in os.environ:
        environment = os.environ | {"SOCKDIAG_BENCH_INSIDE": "1"}
        words = ["unshare", "--user", "--map-root-user", "--net", sys.executable, __file__, *sys.argv[1:]]
        return subprocess.run(words, env=environment, check=False).returncode
    medians = measure(rounds)
    print(f"64-byte frames over a veth pair, one CPU, medians of {rounds}:")
    for name, value in medians.items():
        print(f"  {name:25} {value / 1000:8.0f} kpackets/s")
    for ours, other, goal in GOALS:
        if ours in medians and other in medians:
            wanted = f"  (goal: {goal} or more)" if goal is not None else ""
            print(f"  {ours} / {other}: {medians[ours] / medians[other]:.3f}{wanted}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
