#!/usr/bin/env python3
"""Reading captures: `streams`, `extract` and `capture -r` beside tcptrace, tcpflow, tcpdump and bare loops.

    SOCKDIAG=build/sockdiag tests/bench/streams.py [--rounds N] [--scale S] [--only WORD] [--whole]

All of one comparison take turns; medians of wall time, the largest peak memory. The machine's speed drifts, the ratios
less. --scale makes the captures smaller (0.1: a tenth). tcptrace reads a tenth of `many`, as it takes minutes for the
whole, and more than in proportion; --whole lets it. --only: comparisons with that word in their names.
"""

import argparse
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
SOCKDIAG = str(pathlib.Path(os.environ.get("SOCKDIAG") or HERE.parent.parent / "build" / "sockdiag").resolve())


class Bench:
    """Helper programs, captures, and comparisons of commands."""

    def __init__(self, directory, options):
        self.directory, self.options = pathlib.Path(directory), options
        for name, *more in (("captures", "frames"), ("limits",), ("measure",)):
            subprocess.run([*os.environ.get("CC", "cc").split(), "-O2", "-D_GNU_SOURCE", "-o", self.directory / name,
                            *(HERE / f"{source}.c" for source in (name, *more))], check=True)

    def capture(self, kind, count):
        """The path of a capture of `count` (after scaling) megabytes, connections or packets."""
        count = max(1, int(count * self.options.scale))
        path = self.directory / f"{kind}-{count}.pcap"
        if not path.exists():
            subprocess.run([self.directory / "captures", kind, path, str(count)], check=True, stdout=subprocess.DEVNULL)
        return str(path)

    def limit(self, *words):
        return [str(self.directory / "limits"), *words]

    def fresh(self, name):
        """An empty directory in memory where that can be had."""
        path = pathlib.Path("/dev/shm" if os.access("/dev/shm", os.W_OK) else self.directory) / f"sockdiag-bench-{os.getpid()}"
        shutil.rmtree(path, ignore_errors=True)
        (path / name).mkdir(parents=True)
        return path

    def run(self, words, first=False):
        """(wall seconds, peak MiB, processor seconds); None where the program failed or is not there."""
        environment = os.environ | ({"MEASURE_FIRST": "1"} if first else {})
        answer = subprocess.run([self.directory / "measure", *words], env=environment, check=True, text=True,
                                stdout=subprocess.PIPE, stdin=subprocess.DEVNULL).stdout.split()
        failed = answer[3] not in ("0", "137" if first else "0")
        return None if failed else (float(answer[0]), float(answer[2]), float(answer[1]))

    def compare(self, title, contenders, goals, first=False, rounds=None):
        """`contenders`: {name: command, or a function that makes it ready and returns it}; `goals`: (ours, other, how
        many times as fast). {name: medians as of run()}; where others use the machine, the processor's time tells more."""
        if self.options.only not in title:
            return {}
        print(f"{title}:", flush=True)
        runs = {}
        for name, words in contenders.items():
            program = words[0] if isinstance(words, list) else None
            if program is not None and shutil.which(program) is None:
                print(f"  {name:30} is not installed: left out")
            else:
                runs[name] = []
        for _ in range(rounds or self.options.rounds):
            for name, found in runs.items():
                words = contenders[name]
                found.append(self.run(words if isinstance(words, list) else words(), first))
        medians = {}
        for name, found in runs.items():
            if None in found:
                print(f"  {name:30} failed")
                continue
            walls, mibs, cpus = zip(*found)
            medians[name] = statistics.median(walls), max(mibs), statistics.median(cpus)
            print(f"  {name:30} {medians[name][0]:9.4f} s {medians[name][2]:9.4f} s of processor {medians[name][1]:9.1f} MiB")
        for ours, other, goal in goals:
            if ours in medians and other in medians:
                ratio = medians[other][0] / medians[ours][0]
                cpu = medians[other][2] / medians[ours][2]
                print(f"  {ours} is {ratio:.2f} x as fast as {other} ({judge(ratio >= goal)}: {goal} or more); "
                      f"by the processor's time {cpu:.2f} x")
        return medians


def judge(good):
    return "goal met" if good else "GOAL MISSED"


def at_most(what, value, limit, unit):
    print(f"  {what}: {value:.1f} {unit} ({judge(value <= limit)}: {limit} {unit} or less)")


def bulk(bench):
    whole, tenth = bench.capture("bulk", 1000), bench.capture("bulk", 100)
    ours = [SOCKDIAG, "streams", "-q"]
    found = bench.compare("bulk, 8 connections, 1 GB", {
        "flow-table limit": bench.limit("flow", whole), "read limit": bench.limit("read", whole),
        "streams": [*ours, whole], "streams, a tenth": [*ours, tenth], "streams -j 1": [*ours, "-j", "1", whole],
        "streams --md5": [*ours, "--md5", whole],
        "tcptrace -n -l": ["tcptrace", "-n", "-l", whole],
    }, (("streams", "flow-table limit", 0.45), ("streams -j 1", "flow-table limit", 0.45), ("streams", "tcptrace -n -l", 5)))
    if "streams" in found and "streams, a tenth" in found:
        at_most("peak memory of streams", found["streams"][1], 20, "MiB")
        at_most("more of it for ten times the bytes", found["streams"][1] - found["streams, a tenth"][1], 1, "MiB")
    script = '"$1" bulk /dev/fd/3 "$2" 3>&1 >/dev/null | "$3" streams -q -'
    words = ["sh", "-c", script, "sh", str(bench.directory / "captures"), str(max(1, int(10000 * bench.options.scale))), SOCKDIAG]
    piped = bench.compare("bulk, 10 GB by a pipe, while it is made", {"streams": words}, (), rounds=1)
    if piped and "streams" in found:
        at_most("more memory for ten times the bytes again", piped["streams"][1] - found["streams"][1], 1, "MiB")


def many(bench):
    whole, tenth = bench.capture("many", 1_000_000), bench.capture("many", 100_000)
    traced = whole if bench.options.whole else tenth
    found = bench.compare("many, 1,000,000 connections", {
        "flow-table limit": bench.limit("flow", whole), "streams": [SOCKDIAG, "streams", "-q", whole],
        "streams, a tenth": [SOCKDIAG, "streams", "-q", tenth], "streams --json": [SOCKDIAG, "streams", "-q", "--json", whole],
        "streams --json, what is traced": [SOCKDIAG, "streams", "-q", "--json", traced],
        "streams, what is traced": [SOCKDIAG, "streams", "-q", traced],
        "streams -j 1": [SOCKDIAG, "streams", "-q", "-j", "1", whole],
        "streams -j 2": [SOCKDIAG, "streams", "-q", "-j", "2", whole],
        "streams --json -j 2": [SOCKDIAG, "streams", "-q", "--json", "-j", "2", whole],
        "tcptrace -n -l": ["tcptrace", "-n", "-l", traced],
    }, (("streams", "flow-table limit", 0.4), ("streams -j 1", "flow-table limit", 0.4),
        ("streams --json", "flow-table limit", 0.4), ("streams, what is traced", "tcptrace -n -l", 40),
        ("streams --json, what is traced", "tcptrace -n -l", 15), ("streams -j 2", "streams -j 1", 1.6),
        ("streams --json -j 2", "streams --json", 1.6)))
    if "streams" in found and "streams, a tenth" in found:
        for what, at in (("time", 0), ("processor's time", 2)):
            at_most(f"{what} for ten times the connections", found["streams"][at] / found["streams, a tenth"][at], 12, "x")
        at_most("peak memory with a row kept for each", found["streams"][1], 300, "MiB")
    if "streams --json" in found:
        at_most("peak memory with rows as they close", found["streams --json"][1], 64, "MiB")
    found = bench.compare("the first row of many", {"streams --json": [SOCKDIAG, "streams", "-q", "--json", whole],
                                                    "capture -r": [SOCKDIAG, "capture", "-r", whole]}, (), first=True)
    for name, (wall, *_) in found.items():
        at_most(f"first output of {name}", wall * 1000, 50, "ms")


def extract(bench):
    large, small = bench.capture("bulk", 1000), bench.capture("many", 50_000)
    count = int(100_000 * bench.options.scale)
    ours = [SOCKDIAG, "extract", "-q", "--limit", "2G", "--files", "1000000"]
    try:
        bench.compare("extract of bulk, to memory", {
            "extract": lambda: [*ours, "-d", str(bench.fresh("out") / "out"), large],
            "tcpflow": lambda: ["tcpflow", "-o", str(bench.fresh("out") / "out"), "-r", large],
        }, (("extract", "tcpflow", 1.3),))
        bench.compare("extract of 100,000 small directions, to memory", {
            "extract": lambda: [*ours, "-d", str(bench.fresh("out") / "out"), small],
            "creating files": lambda: bench.limit("create", str(bench.fresh("out") / "out"), str(count)),
        }, (("extract", "creating files", round(1 / 1.3, 2)),))
    finally:
        shutil.rmtree(bench.fresh("out"), ignore_errors=True)


def packets(bench):
    large, tenth = bench.capture("many", 1_000_000), bench.capture("many", 100_000)
    bulky = bench.capture("bulk", 1000)
    bench.compare("a line of text a packet (a tenth of many)", {
        "capture -r": [SOCKDIAG, "capture", "-q", "-r", tenth], "tcpdump -n -q": ["tcpdump", "-n", "-q", "-r", tenth],
    }, (("capture -r", "tcpdump -n -q", 4),))
    for title, path in (("bulk", bulky), ("many", large)):
        bench.compare(f"copying what a filter takes ({title})", {
            "capture -r -w": [SOCKDIAG, "capture", "-q", "-r", path, "-w", "/dev/null", "tcp"],
            "tcpdump -r -w": ["tcpdump", "-r", path, "-w", "/dev/null", "tcp"],
        }, (("capture -r -w", "tcpdump -r -w", 1),))


def start_up(bench):
    golden = str(HERE.parent / "golden" / "long.pcapng")
    text = subprocess.run([SOCKDIAG, "--help"], check=True, stdout=subprocess.PIPE, text=True).stdout
    commands = re.findall(r"^  ([a-z]+) +\S", text[text.index("\nCommands"):], re.M)
    words = {"--version": ["--version"]} | {f"{name} --help": [name, "--help"] for name in commands}
    words |= {" ".join(name): [*name, golden] for name in (["streams"], ["streams", "--json"], ["capture", "-r"], ["show"])}
    words |= {"extract": ["extract", "-q", "--force", "-d", str(bench.directory / "small"), golden],
              "send --dry-run": ["send", "--dry-run", "ip(dst=10.0.0.1)/udp()"]}
    found = bench.compare("start-up", {name: [SOCKDIAG, *of] for name, of in words.items()}, ())
    if found:
        at_most("the slowest", max(wall for wall, *_ in found.values()) * 1000, 10, "ms")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--scale", type=float, default=1)
    parser.add_argument("--only", default="")
    parser.add_argument("--whole", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="sockdiag-bench-") as directory:
        bench = Bench(directory, options)
        for part in (start_up, packets, bulk, many, extract):
            part(bench)
            print(flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
