#!/usr/bin/env python3
"""Capturing live: `capture -w` and `streams -i` beside tcpdump and dumpcap, fed over a veth pair in a namespace of its own.

    SOCKDIAG=build/sockdiag tests/bench/live.py [--rounds N] [--seconds S] [--only WORD] [--connections N]

Segments of 64 and of 1514 bytes at a rate at which nothing may be lost, and as fast as the sender goes; and short
connections, which the table of streams lets go as they end. All take turns: medians of the processor's time a packet, and
all that was lost. Sender and program need a processor each. As root they go before the other processes of the machine.
"""

import argparse
import os
import pathlib
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
SOCKDIAG = str(pathlib.Path(os.environ.get("SOCKDIAG") or HERE.parent.parent / "build" / "sockdiag").resolve())
TCPDUMP = r"(?P<captured>\d+) packets? captured[\s\S]*?(?P<dropped>\d+) packets? dropped by kernel"
DUMPCAP = r"received/dropped on interface '[^']*': (?P<captured>\d+)/(?P<dropped>\d+)"
CAPTURE = r"(?P<captured>\d+) packets? captured.* (?P<dropped>\d+) dropped by the kernel"
STREAMS = r'"type":"summary","packets":(?P<captured>\d+).*"lost_packets":(?P<dropped>\d+)'
# Kilopackets a second at which nothing may be lost, by bytes of a frame.
RATES = {64: 410, 1514: 365}


def programs(directory):
    """{name: (command, what it says when it listens, where its counts are)}"""
    return {
        "capture -w": ([SOCKDIAG, "capture", "-i", "vb", "-w", f"{directory}/o", "tcp"], "capturing on", CAPTURE),
        "capture --pcap -w": ([SOCKDIAG, "capture", "--pcap", "-i", "vb", "-w", f"{directory}/o", "tcp"], "capturing on", CAPTURE),
        "tcpdump -B 65536 -w": (["tcpdump", "-Z", "root", "-i", "vb", "-B", "65536", "-w", f"{directory}/o", "tcp"],
                                "listening on", TCPDUMP),
        "dumpcap -B 64": (["dumpcap", "-q", "-i", "vb", "-B", "64", "-w", f"{directory}/o", "-f", "tcp"], "File:", DUMPCAP),
        "streams -i": ([SOCKDIAG, "streams", "--json", "-i", "vb", "tcp"], "capturing on", STREAMS),
    }


def topology():
    for words in ("link add va address 02:00:00:00:00:01 type veth peer name vb address 02:00:00:00:00:02",
                  "link set lo up", "link set va up", "link set vb up"):
        subprocess.run(["ip", *words.split()], check=True)


def heard(process, path, word):
    """Does `word` stand in what it writes to `path`, before it ends?"""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and process.poll() is None:
        if word in path.read_text(errors="replace"):
            return True
        time.sleep(0.01)
    return False


def run(directory, program, flood):
    """Figures of one capture; None where it failed."""
    words, ready, counts = program
    talk, lines = directory / "talk", directory / "lines"
    with open(talk, "wb") as error, open(lines, "wb") as out, \
            subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=out, stderr=error) as process:
        if not heard(process, talk, ready):
            process.kill()
            print(f"  {words[0]} did not start: {talk.read_text(errors='replace')[-300:]}", file=sys.stderr)
            return None
        sent, seconds = subprocess.run(flood, check=True, stdout=subprocess.PIPE, text=True).stdout.split()
        time.sleep(0.3)  # the kernel's last block
        process.send_signal(signal.SIGINT)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    said = talk.read_text(errors="replace")
    with open(lines, "rb") as out:
        out.seek(max(0, lines.stat().st_size - 2000))
        said += out.read().decode(errors="replace")
    found = re.search(counts, said)
    if found is None:
        print(f"  {words[0]} did not tell its counts: {said[-300:]}", file=sys.stderr)
        return None
    sent = int(sent)
    return {"sent": sent, "kpps": sent / float(seconds) / 1000, "lost": sent - int(found["captured"]),
            "dropped": int(found["dropped"]), "cpu": (used.ru_utime + used.ru_stime) / sent * 1e6,
            "mib": used.ru_maxrss / 1024}


def compare(directory, title, commands, flood, options):
    """{name: medians}, of those that ran."""
    if options.only not in title:
        return {}
    print(f"{title}:", flush=True)
    found = {name: [] for name, program in commands.items() if shutil.which(program[0][0]) is not None}
    for _ in range(options.rounds):
        for name, figures in found.items():
            figures.append(run(directory, commands[name], flood))
    medians = {}
    for name, figures in found.items():
        if None in figures:
            continue
        middle = {key: statistics.median(of[key] for of in figures) for key in figures[0]}
        middle |= {key: sum(of[key] for of in figures) for key in ("lost", "sent")}
        medians[name] = middle
        print(f"  {name:20} {middle['kpps']:6.0f} kpackets/s {middle['lost']:9.0f} lost ({middle['lost'] / middle['sent']:.3%})"
              f" {middle['cpu']:7.3f} us a packet {middle['mib']:7.1f} MiB")
    return medians


def judge(what, good):
    print(f"  {what}: {'goal met' if good else 'GOAL MISSED'}")


def segments(directory, options):
    for size, rate in RATES.items():
        flood = [str(directory / "flood"), "va", str(size)]
        found = compare(directory, f"{size} bytes, {rate} kpackets/s", programs(directory),
                        [*flood, str(rate), str(options.seconds), "1000"], options)
        for name in ("capture -w", "streams -i"):
            if name in found:
                judge(f"{name} lost nothing", found[name]["lost"] == 0)
        for name in ("capture -w", "capture --pcap -w"):  # pcapng, and what tcpdump writes: 16 bytes less a packet
            if {name, "tcpdump -B 65536 -w"} <= found.keys():
                ratio = found[name]["cpu"] / found["tcpdump -B 65536 -w"]["cpu"]
                judge(f"processor a packet of {name}: {ratio:.2f} of tcpdump's", ratio <= 1)
        compare(directory, f"{size} bytes, flat out", programs(directory),
                [*flood, "0", str(options.seconds), "1000"], options)


def connections(directory, options):
    """Live, what has ended is let go: memory is that of a fifth of the connections."""
    found = {}
    for count in (options.connections // 5, options.connections):
        seconds = count * 6 / RATES[64] / 1000
        title = f"{count} short connections"
        figures = compare(directory, title, {"streams -i": programs(directory)["streams -i"]},
                          [str(directory / "flood"), "va", "64", str(RATES[64]), str(seconds), "0"], options)
        found |= {count: figures["streams -i"]} if "streams -i" in figures else {}
    if len(found) == 2:
        few, most = found.values()
        judge("nothing lost", few["lost"] + most["lost"] == 0)
        judge(f"more memory for five times the connections: {most['mib'] - few['mib']:.1f} MiB (2 or less)",
              most["mib"] - few["mib"] <= 2)


def measure(options):
    topology()
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="sockdiag-bench-", dir=memory) as directory:
        directory = pathlib.Path(directory)
        subprocess.run([os.environ.get("CC", "cc"), "-O2", "-D_GNU_SOURCE", "-o", directory / "flood", HERE / "flood.c"],
                       check=True)
        segments(directory, options)
        connections(directory, options)
    return 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2)
    parser.add_argument("--only", default="")
    parser.add_argument("--connections", type=int, default=500_000)
    options = parser.parse_args()
    for program in ("unshare", "ip"):
        if shutil.which(program) is None:
            print(f"bench: needs {program}", file=sys.stderr)
            return 2
    if "SOCKDIAG_BENCH_INSIDE" not in os.environ:
        if os.geteuid() == 0:
            os.nice(-5)
        environment = os.environ | {"SOCKDIAG_BENCH_INSIDE": "1"}
        # In a user namespace tcpdump cannot become the user that it wants to be: there it is left out.
        user = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
        words = ["unshare", *user, "--net", sys.executable, __file__, *sys.argv[1:]]
        return subprocess.run(words, env=environment, check=False).returncode
    return measure(options)


if __name__ == "__main__":
    sys.exit(main())
