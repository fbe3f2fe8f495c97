#!/usr/bin/env python3
"""What recording costs, beside strace in the same run. Ratios of medians; the machine's speed drifts, the ratio less.

    SOCKDIAG=build/sockdiag tests/bench/run.py [PAIRS] [ROUNDS]
"""

import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
SOCKDIAG = str(pathlib.Path(os.environ.get("SOCKDIAG") or HERE.parent.parent / "build" / "sockdiag").resolve())


def seconds(words):
    """The program's own measure of its loop."""
    return float(subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True).stdout)


def compare(contenders, rounds):
    """{name: median} of commands that take turns, so that drift meets them all."""
    times = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, words in contenders.items():
            times[name].append(seconds(words))
    return {name: statistics.median(all_of) for name, all_of in times.items()}


def report(title, medians, pairs, goal):
    base, peer, ours = medians["alone"], medians["strace"], medians["sockdiag"]
    print(f"{title}: {pairs} send/recv pairs of 100 bytes, medians")
    for name, value in medians.items():
        print(f"  {name:9} {value:8.3f} s  {value / pairs / 2 * 1e6:7.2f} us a call  {value / base:6.1f} x alone")
    print(f"  sockdiag / strace: {ours / peer:.3f} (goal: {goal} or less)\n")


def main():
    pairs = int(sys.argv[1]) if len(sys.argv) > 1 else 200_000
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 5
    if shutil.which("strace") is None or shutil.which("taskset") is None:
        print("bench: needs strace and taskset (make deps)", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(prefix="sockdiag-bench-") as directory:
        program = f"{directory}/pairs"
        subprocess.run([os.environ.get("CC", "cc"), "-O2", "-D_GNU_SOURCE", "-o", program, HERE / "pairs.c"], check=True)
        alone = [program, str(pairs)]
        strace = ["strace", "-f", "--seccomp-bpf", "-e", "trace=%network,read,write", "-o", f"{directory}/strace"]
        ours = [SOCKDIAG, "record", "-q", "-o", f"{directory}/record.pcapng", "--"]
        one_cpu = ["taskset", "-c", str(min(os.sched_getaffinity(0)))]
        plain = {"alone": alone, "strace": strace + alone, "sockdiag": ours + alone}
        report("pinned to one CPU", compare({name: one_cpu + words for name, words in plain.items()}, rounds), pairs, 0.85)
        report("not pinned", compare(plain, rounds), pairs, 0.2)
    return 0


if __name__ == "__main__":
    sys.exit(main())
