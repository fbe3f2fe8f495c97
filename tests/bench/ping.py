#!/usr/bin/env python3
"""Round-trip times and the CPU they cost, beside iputils ping; many hosts, beside fping; and both beside bare loops.

    SOCKDIAG=build/sockdiag tests/bench/ping.py [ROUNDS]

    [ 10.9.0.1 va ]------ veth ------[ vb 10.9.0.2, 10.9.4.0 … 10.9.7.231 ]     two namespaces of its own

All take turns; medians, and ratios of them: the machine's speed drifts, the ratios less.
"""

import json
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
SOCKDIAG = str(pathlib.Path(os.environ.get("SOCKDIAG") or HERE.parent.parent / "build" / "sockdiag").resolve())
MAC_A, MAC_B = "02:00:00:00:00:01", "02:00:00:00:00:02"
TARGET = "10.9.0.2"
HOSTS = [f"10.9.{4 + n // 256}.{n % 256}" for n in range(1000)]
PROBES, INTERVAL = 2000, "0.002"


class Topology:
    """The caller's namespace and another one, which lives as long as its holder."""

    def __enter__(self):
        self.holder = subprocess.Popen(["unshare", "--net", "sh", "-c", "echo; exec cat"], stdin=subprocess.PIPE,
                                       stdout=subprocess.PIPE)
        self.holder.stdout.readline()
        there = ["nsenter", f"--net=/proc/{self.holder.pid}/ns/net"]
        for line in (f"link add va address {MAC_A} type veth peer name vb address {MAC_B} netns {self.holder.pid}",
                     "link set lo up", "address add 10.9.0.1/24 dev va", "link set va up", "route add 10.9.4.0/22 via 10.9.0.2",
                     f"neighbour add {TARGET} lladdr {MAC_B} dev va nud permanent"):
            subprocess.run(["ip", *line.split()], check=True)
        lines = ["link set lo up", f"address add {TARGET}/24 dev vb", "link set vb up",
                 f"neighbour add 10.9.0.1 lladdr {MAC_A} dev vb nud permanent",
                 *(f"address add {host}/32 dev vb" for host in HOSTS)]
        subprocess.run([*there, "ip", "-batch", "-"], input="\n".join(lines), text=True, check=True)
        return self

    def __exit__(self, *error):
        self.holder.stdin.close()
        self.holder.wait(10)


def run(words):
    """(stdout, wall seconds, CPU seconds) of a command."""
    with tempfile.TemporaryFile() as out:
        begun = time.monotonic()
        with subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.DEVNULL) as process:
            _, status, used = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        wall = time.monotonic() - begun
        out.seek(0)
        text = out.read().decode()
    if process.returncode != 0:
        raise RuntimeError(f"{' '.join(words)}: status {process.returncode}: {text[-300:]}")
    return text, wall, used.ru_utime + used.ru_stime


# ---- one host ----

def median_of_ours(text):
    return next(item["rtt_p50_ns"] for item in map(json.loads, text.splitlines()) if item["type"] == "summary")


def median_of_ping(text):
    """Its times are whole microseconds: the median within the microsecond that it falls into."""
    times = [float(word) * 1e3 for word in re.findall(r"time=([\d.]+) ms", text)]
    return statistics.median_grouped([round(value) for value in times], interval=1) * 1e3


def one_host(bare, rounds):
    ours = [SOCKDIAG, "ping", "-q", "--json", "-c", str(PROBES), "-i", INTERVAL]
    interval_us = str(round(float(INTERVAL) * 1e6))
    contenders = {
        "bare loop, sleeping": ([bare, "one", TARGET, str(PROBES), interval_us], int),
        "sockdiag ping": ([*ours, TARGET], median_of_ours),
        "bare loop, spinning": ([bare, "one", TARGET, str(PROBES), interval_us, "busy"], int),
        "sockdiag ping --busy": ([*ours, "--busy", TARGET], median_of_ours),
    }
    if shutil.which("ping") is None:
        print("  ping is not installed: left out", file=sys.stderr)
    else:
        contenders["iputils ping"] = (["ping", "-c", str(PROBES), "-i", INTERVAL, TARGET], median_of_ping)
    found = {name: ([], []) for name in contenders}
    for _ in range(rounds):
        for name, (words, median) in contenders.items():
            text, _, cpu = run(words)
            found[name][0].append(median(text))
            found[name][1].append(cpu / PROBES * 1e6)
    return {name: tuple(map(statistics.median, values)) for name, values in found.items()}


def ratio(title, value, other, goal):
    print(f"  {title:52} {value / other:6.2f}  (goal: {goal} or less)")


def report_one(medians, rounds):
    print(f"one host over a veth pair, {PROBES} probes at {INTERVAL} s, medians of {rounds}:")
    for name, (rtt, cpu) in medians.items():
        print(f"  {name:22} {rtt / 1e3:8.2f} us round trip {cpu:9.1f} us of CPU a probe")
    ratio("sockdiag ping / bare loop, sleeping: round trip", medians["sockdiag ping"][0], medians["bare loop, sleeping"][0], 1.2)
    if "iputils ping" in medians:
        ratio("sockdiag ping --busy / iputils ping: round trip", medians["sockdiag ping --busy"][0],
              medians["iputils ping"][0], 0.7)
    ratio("sockdiag ping: us of CPU a probe, of 60", medians["sockdiag ping"][1], 60, 1.0)


# ---- many hosts ----

def many_hosts(bare, hosts, rounds, times):
    """{name: median seconds}; all hosts must have answered."""
    contenders = {
        "bare loop": [bare, "many", hosts, str(times)],
        "sockdiag ping -f": [SOCKDIAG, "ping", "-q", "-f", "-c", str(times), "--file", hosts],
    }
    if shutil.which("fping") is None:
        print("  fping is not installed: left out", file=sys.stderr)
    else:
        for interval in ("0.01", "0"):
            contenders[f"fping -i {interval}"] = ["fping", "-q", "-c", str(times), "-i", interval, "-p", "1", "-f", hosts]
    found = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, words in contenders.items():
            text, wall, _ = run(words)
            found[name].append(wall)
            if name.startswith("sockdiag"):
                answered = re.search(rf"(\d+) of {len(HOSTS)} hosts answered; .* 0% packet loss", text)
                if answered is None or int(answered[1]) != len(HOSTS):
                    raise RuntimeError(f"not every host answered: {text.splitlines()[-1]}")
    return {name: statistics.median(values) for name, values in found.items()}


def report_many(medians, times, rounds, goal):
    print(f"{len(HOSTS)} hosts, each {times} time{'' if times == 1 else 's'}, every one answered, medians of {rounds}:")
    for name, seconds in medians.items():
        print(f"  {name:22} {seconds * 1e3:8.1f} ms")
    if "fping -i 0.01" in medians:
        ratio("sockdiag ping -f / fping -i 0.01", medians["sockdiag ping -f"], medians["fping -i 0.01"], goal)


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    for program in ("unshare", "nsenter", "ip"):
        if shutil.which(program) is None:
            print(f"bench: needs {program}", file=sys.stderr)
            return 2
    if "SOCKDIAG_BENCH_INSIDE" not in os.environ:
        # As root without a user namespace: there the sockets' buffers may be as large as they are asked for.
        user = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
        words = ["unshare", *user, "--net", sys.executable, __file__, *sys.argv[1:]]
        return subprocess.run(words, env=os.environ | {"SOCKDIAG_BENCH_INSIDE": "1"}, check=False).returncode
    with Topology(), tempfile.TemporaryDirectory(prefix="sockdiag-bench-") as directory:
        bare, hosts = f"{directory}/bare_ping", f"{directory}/hosts"
        pathlib.Path(hosts).write_text("\n".join(HOSTS) + "\n", encoding="ascii")
        subprocess.run([os.environ.get("CC", "cc"), "-O2", "-D_GNU_SOURCE", "-o", bare, HERE / "bare_ping.c"], check=True)
        report_one(one_host(bare, rounds), rounds)
        for times, goal in ((1, 0.65), (10, 0.8)):
            print()
            report_many(many_hosts(bare, hosts, max(rounds, 5), times), times, max(rounds, 5), goal)
    return 0


if __name__ == "__main__":
    sys.exit(main())
