#!/usr/bin/env python3
"""What somebody may send to make a program that follows streams slow or large: time and memory of `streams` and
`extract` beside those of an ordinary capture.

    SOCKDIAG=build/sockdiag tests/bench/adversary.py [--rounds N] [--scale S] [--only WORD] [--memory MB]

tests/bench/adversary.c tells what each capture aims at. Processor time a packet, the median of rounds in which it takes turns with
`many` of tests/bench/captures.c, against that of `many` by the same command; and the largest peak memory, against what
--memory allows.
"""

import argparse
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
SOCKDIAG = str(pathlib.Path(os.environ.get("SOCKDIAG") or HERE.parent.parent / "build" / "sockdiag").resolve())
KINDS = ("flood", "tuples", "doubts", "bytes", "scatter", "holes", "islands", "quarrels", "jumps", "overlaps", "waiting", "syns", "fragments",
         "fragments6", "splinters", "tunnels", "extensions", "datagrams", "echoes")
MOST_TIME = 3  # times that of an ordinary packet
MOST_MEMORY = 1.1  # times --memory
PACKETS = 1_000_000


def build(directory, name, *sources):
    subprocess.run([*os.environ.get("CC", "cc").split(), "-O2", "-D_GNU_SOURCE", "-o", directory / name,
                    *(HERE / source for source in sources)], check=True)


def make(directory, program, kind, count):
    """(path, packets) of a capture."""
    path = directory / f"{kind}.pcap"
    made = subprocess.run([directory / program, kind, path, str(max(1, count))], check=True, text=True, stdout=subprocess.PIPE)
    return path, int(made.stdout)


def measure(directory, words):
    """(processor seconds, peak MiB). Exit status 3 tells of what memory did not suffice for: what is asked for here."""
    answer = subprocess.run([directory / "measure", *words], check=True, text=True, stdout=subprocess.PIPE,
                            stdin=subprocess.DEVNULL).stdout.split()
    if answer[3] not in ("0", "3"):
        sys.exit(f"{' '.join(map(str, words))}: exit status {answer[3]}")
    return float(answer[1]), float(answer[2])


def compare(title, words, kind, captures, directory, options):
    """One line for a command and a capture; whether its goals were met."""
    found = {"normal": [], kind: []}
    out = directory / "out"
    for _ in range(options.rounds):
        for name, runs in found.items():
            runs.append(measure(directory, [SOCKDIAG, *words, *(["-d", out] if words[0] == "extract" else []),
                                            captures[name][0]]))
            shutil.rmtree(out, ignore_errors=True)
    a_packet = {name: statistics.median(cpu for cpu, _ in runs) / captures[name][1] * 1e9 for name, runs in found.items()}
    ratio, memory = a_packet[kind] / a_packet["normal"], max(mib for _, mib in found[kind])
    good = ratio <= MOST_TIME and memory <= options.memory * MOST_MEMORY
    print(f"  {kind:10} {title:20} {a_packet[kind]:8.0f} ns a packet {ratio:6.2f} x normal"
          f" {memory:7.1f} MiB   {'goal met' if good else 'GOAL MISSED'}", flush=True)
    return good


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--scale", type=float, default=1)
    parser.add_argument("--only", default="")
    parser.add_argument("--memory", type=int, default=64)
    options = parser.parse_args()
    memory = ["--memory", str(options.memory)]
    commands = {
        "streams": ["streams", "-q", *memory],
        "streams --json": ["streams", "-q", "--json", *memory],
        "streams --json --md5": ["streams", "-q", "--json", "--md5", "--conversations", *memory],
        "extract": ["extract", "-q", "--limit", "100M", "--files", "1000", *memory],
    }
    count, missed = int(PACKETS * options.scale), 0
    # In memory, where that can be had: disks have moods.
    where = "/dev/shm" if os.access("/dev/shm", os.W_OK) and shutil.disk_usage("/dev/shm").free > 4 << 30 else None
    with tempfile.TemporaryDirectory(prefix="sockdiag-bench-", dir=where) as work:
        directory = pathlib.Path(work)
        build(directory, "measure", "measure.c")
        build(directory, "captures", "captures.c", "frames.c")
        build(directory, "adversary", "adversary.c", "frames.c")
        captures = {"normal": make(directory, "captures", "many", count // 6)}
        print(f"{count} packets each; goals: at most {MOST_TIME} x normal, {options.memory * MOST_MEMORY:.1f} MiB"
              f" (--memory {options.memory})")
        for kind in KINDS:
            if options.only in kind:
                captures[kind] = make(directory, "adversary", kind, count)
                missed += sum(not compare(title, words, kind, captures, directory, options)
                              for title, words in commands.items())
                captures[kind][0].unlink()
    print(f"{missed} goals were missed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
