#!/usr/bin/env python3
"""The lab: two hosts, a wire between them, and the command around them.

    [ client 10.77.0.1 e0 ]--- c0 forwarder s0 ---[ e0 10.77.0.2 server ]     also fd77::1, fd77::2

As an ordinary user; where the caller is root, the first cases also as root.
"""

import os
import pathlib
import pty
import random
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import uuid

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
import pcapng  # noqa: E402
from cases import Skip, case, check, contains, done, equal, skip  # noqa: E402
from procs import SOCKDIAG, as_user, can_lab, can_userns, have, run, user_sockdiag, user_uid, wait_until  # noqa: E402

POSSIBLE, WHY_NOT = can_lab()
if not POSSIBLE:
    skip("the lab", WHY_NOT)
    done()

WORK = tempfile.TemporaryDirectory(prefix="sockdiag-lab-")
DIR = pathlib.Path(WORK.name)
DIR.chmod(0o777)
PYTHON = "/usr/bin/python3" if os.access("/usr/bin/python3", os.X_OK) else sys.executable
PEER = DIR / "lab_peer.py"
shutil.copy2(pathlib.Path(__file__).resolve().parent / "programs" / "lab_peer.py", PEER)
PEER.chmod(0o755)
MARK = "SOCKDIAG_TEST_MARK"


def peer(*words):
    return [PYTHON, str(PEER), *map(str, words)]


def peer_text(*words):
    return " ".join(peer(*words))


def lab_line(*words, root=False):
    """A command line for the lab. Its processes carry a mark in their environment, which children inherit."""
    words = [SOCKDIAG if root else user_sockdiag(), "lab", *map(str, words)]
    return words if root else as_user(*words)


def lab(*words, root=False, **more):
    return run(*lab_line(*words, root=root), **more)


def marked(mark):
    """The pids of all living processes with this mark."""
    found = []
    for entry in os.listdir("/proc"):
        if not entry.isdigit() or int(entry) == os.getpid():
            continue
        try:
            environment = pathlib.Path("/proc", entry, "environ").read_bytes()
            state = pathlib.Path("/proc", entry, "stat").read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue
        if f"{MARK}={mark}".encode() in environment and state.rpartition(")")[2].split()[0] != "Z":
            found.append(int(entry))
    return found


def host_state():
    """What of this machine a lab could disturb."""
    named = os.listdir("/run/netns") if os.path.isdir("/run/netns") else []
    return sorted(os.listdir("/sys/class/net")), sorted(named), pathlib.Path("/proc/self/mounts").read_text(encoding="utf-8")


def new_mark():
    mark = uuid.uuid4().hex
    return mark, os.environ | {MARK: mark}


def nothing_left(mark):
    wait_until(lambda: not marked(mark), 10, f"the end of all processes of the lab ({marked(mark)})")


BEFORE = host_state()

# ---- both ways, both families, exit statuses ----


def reach(root):
    for address in ("10.77.0.2", "fd77::2"):
        result = lab("--server-cmd", peer_text("tcp-serve"), "--", *peer("tcp-send", address, 100, 70000), root=root)
        contains(result.stdout, "same\n", result.stderr)
        equal(result.returncode, 0)
    # And from the server's host, by the way that the banner tells.
    for address in ("10.77.0.1", "fd77::1"):
        script = (f"{peer_text('tcp-serve')} & "
                  "until grep -q :1388 /proc/self/net/tcp /proc/self/net/tcp6; do :; done; "
                  f"nsenter --net=$SOCKDIAG_LAB_SERVER {peer_text('tcp-send', address, 3000)}")
        result = lab("--", "sh", "-c", script, root=root)
        contains(result.stdout, "same\n", result.stderr)


def statuses(root):
    for script, status in (("exit 0", 0), ("exit 3", 3), ("exit 255", 255), ("kill -9 $$", 137), ("kill -TERM $$", 143)):
        equal(lab("--", "sh", "-c", script, root=root).returncode, status, script)
    result = lab("--", "no-such-program-here", root=root)
    equal(result.returncode, 127)
    contains(result.stderr, "cannot run 'no-such-program-here': No such file")
    result = lab("--", "/etc/passwd", root=root)
    equal(result.returncode, 126)
    contains(result.stderr, "Permission denied")


for as_root in ((False, True) if user_uid() is not None else (False,)):
    who = "root" if as_root else "the user"
    with case(f"{who}: TCP both ways, over IPv4 and IPv6"):
        reach(as_root)
    with case(f"{who}: the exit status is the program's"):
        statuses(as_root)
    with case(f"{who}: ping"):
        if have("ping"):
            raise Skip(have("ping"))
        for host in ("10.77.0.2", "fd77::2"):
            equal(lab("--", "ping", "-q", "-c", "1", "-W", "5", host, root=as_root).returncode, 0, host)
            equal(lab("--", "sh", "-c", f"nsenter --net=$SOCKDIAG_LAB_SERVER ping -q -c 1 -W 5 {host[:-1]}1",
                      root=as_root).returncode, 0, host)

with case("stdin, stdout and stderr are the program's"):
    everything = bytes(range(256)) * 400
    result = lab("--", "sh", "-c", "cat; echo oops >&2", stdin=None, input=everything, text=False)
    equal(result.stdout, everything)
    equal(result.stderr, b"oops\n")

with case("the program inherits no descriptor and no signal setting of the lab's"):
    equal(lab("--", *peer("descriptors")).stdout, "0 1 2\n")
    equal(lab("--", *peer("dispositions")).stdout, "ignored blocked 0\n")
    ignoring = as_user("sh", "-c", "trap '' INT; exec \"$@\"", "sh", user_sockdiag(), "lab", "--", *peer("dispositions"))
    equal(run(*ignoring).stdout, "ignored 2 blocked 0\n")

# ---- the wire ----


def recorded(name, *words):
    file = DIR / f"{name}.pcapng"
    result = lab("-o", file, *words)
    equal(result.returncode, 0, result.stderr)
    return result, pcapng.read(file)


for mtu in (576, 1280, 1500, 9000, 65535):
    with case(f"MTU {mtu}: no frame is longer, the longest is as long, all checksums are right"):
        for host in ("10.77.0.2", "fd77::2") if mtu >= 1280 else ("10.77.0.2",):
            result, capture = recorded(f"mtu{mtu}", "--mtu", mtu, "--server-cmd", peer_text("tcp-serve"), "--",
                                       *peer("tcp-send", host, 300000))
            contains(result.stdout, "same\n")
            lengths = [packet.wire_len for packet in capture.packets]
            # A receiver's first window is smaller than the largest packet that there is.
            check(max(lengths) == mtu + 14 or mtu == 65535 and 9014 < max(lengths) < mtu + 14, f"longest: {max(lengths)}")
            equal([p.number for p in capture.packets if len(p.data) != p.wire_len], [], "packets cut short")
            equal([p.number for p in capture.packets
                   if not (p.frame.checksum_good and p.frame.ip_checksum_good)], [], "bad checksums")

with case("under an MTU of 1280 the hosts have no IPv6"):
    result = lab("--mtu", 1279, "--", "sh", "-c", "cat /proc/self/net/if_inet6 | grep -c fd77")
    equal(result.stdout, "0\n", result.stderr)

with case("datagrams that the kernel would cut late (UDP_SEGMENT) are cut before the wire"):
    result, capture = recorded("gso", "--server-cmd", peer_text("udp-listen", 20), "--",
                               *peer("udp-gso", "10.77.0.2", 1000, 20))
    equal(result.stdout.splitlines()[0].split(), [str(n) for n in range(1, 21)])
    equal([p.wire_len for p in capture.packets][:20], [1042] * 20)

with case("only what programs send crosses the wire"):
    result, capture = recorded("noise", "--", "sleep", "1.5")
    equal([p.frame for p in capture.packets], [])


def datagrams(*options, count=5, size=10, expected=None):
    """The numbers that arrive on the server host, in their order, and the seconds from the first one's start to the last
    one's arrival. `expected`: how many do, where that is known; it saves the time to be sure that no more come."""
    result = lab(*options, "--server-cmd", peer_text("udp-listen", expected or 10**9), "--",
                 *peer("udp-send", "10.77.0.2", count, size))
    equal(result.returncode, 0, result.stderr)
    numbers, last, begin = result.stdout.splitlines()
    return [int(n) for n in numbers.split()], float(last) - float(begin)


for options, expected in (((), [1, 2, 3, 4, 5]),
                          (("--drop", "frame:2"), [1, 3, 4, 5]),
                          (("--drop=frame:1,3-4",), [2, 5]),
                          (("--dup", "frame:2"), [1, 2, 2, 3, 4, 5]),
                          (("--reorder", "frame:2"), [1, 3, 2, 4, 5]),
                          (("--reorder", "frame:5"), [1, 2, 3, 4, 5]),  # nothing follows: it comes late, not never
                          (("--corrupt", "frame:4"), [1, 2, 3, 5]),  # its checksum is wrong
                          (("--drop", "data:1"), [1, 2, 3, 4, 5])):
    with case(f"datagrams {' '.join(options) or 'on a plain wire'}"):
        equal(datagrams(*options, expected=len(expected))[0], expected)

with case("a share of the frames: by seed, the same ones in each run"):
    first = datagrams("--drop", "30%@7", count=60)[0]
    equal(datagrams("--drop", "30%@7", count=60, expected=len(first))[0], first)
    check(datagrams("--drop", "30%@8", count=60)[0] != first, "another seed drops the same frames")
    check(30 <= len(first) <= 54, f"{60 - len(first)} of 60 dropped")

with case("--delay is each way, and exact"):
    for words, least in ((("--delay", "20"), 40), (("--delay", "1.5ms"), 3), (("--delay", "10~5@3"), 20)):
        result = lab(*words, "--server-cmd", peer_text("udp-echo"), "--", *peer("udp-rtt", "10.77.0.2", 10, least + 12))
        equal(result.returncode, 0, result.stderr)
        check(least <= float(result.stdout) < least + 12, f"{words}: {result.stdout} ms")

with case("--rate spaces the frames"):
    numbers, seconds = datagrams("--rate", "1mbit", count=11, size=1208, expected=11)  # 1250 bytes a frame: 10 ms
    equal(numbers, list(range(1, 12)))
    # A busy machine is late; with bytes taken for bits it would be eight times as long.
    check(0.11 <= seconds < 0.88, f"{seconds} s for 11 frames of 10 ms")

for option in ("--drop", "--dup", "--reorder", "--corrupt"):
    with case(f"TCP heals {option}, and the capture says what became of the segment"):
        words = (option, "data:2") if option == "--drop" else (option,)
        result, capture = recorded("fault" + option, *words, "--server-cmd", peer_text("tcp-serve"), "--",
                                   *peer("tcp-send", "10.77.0.2", 100, 100, 100, 100))
        contains(result.stdout, "same\n")
        if option in ("--drop", "--corrupt"):
            # One, or more: a busy machine makes the kernel's loss probes fire early.
            check(int(result.stdout.split()[-1]) >= 1, result.stdout)
        segments = [p for p in capture.packets if p.frame.target_port == 5000 and p.wire_len > 66]
        fates = {"--drop": "dropped", "--dup": "duplicated", "--reorder": "held behind the next frame",
                 "--corrupt": r"corrupted at byte \d+"}
        data = [p for p in segments if "S" not in p.frame.flags]
        check(re.fullmatch(fates[option], data[1].comment), f"the second segment: {data[1].comment}")
        equal([p.comment for p in capture.packets if p is not data[1] and p.comment != "delivered"], [])

with case("5 % loss, delay and jitter together: 300 kB arrive whole"):
    result = lab("--drop", "5%@7", "--delay", "2~3@1", "--server-cmd", peer_text("tcp-serve"), "--",
                 *peer("tcp-send", "10.77.0.2", 300000))
    contains(result.stdout, "same\n", result.stderr)

with case("20 MB arrive whole, and no frame is lost without a rule"):
    result = lab("--server-cmd", peer_text("tcp-serve"), "--", *peer("tcp-send", "10.77.0.2", 20000000))
    contains(result.stdout, "same\n", result.stderr)
    equal(result.stderr, "")

# ---- the server's program ----

with case("the server's program gets SIGTERM at the end"):
    told = DIR / "told"
    result = lab("--server-cmd", peer_text("on-term", told, 9), "--", "true")
    equal((result.returncode, result.stderr), (0, ""))
    equal(told.read_text(encoding="ascii"), "ended by SIGTERM")

with case("a server's program that ends before it listens"):
    for words in ([], ["-o", DIR / "never.pcapng"]):
        result = lab(*words, "--server-cmd", "exit 7", "--", "echo", "never")
        equal((result.returncode, result.stdout), (2, ""))
        contains(result.stderr, "'exit 7' ended before it listened")

with case("a server's program that does not end is killed"):
    mark, environment = new_mark()
    begin = time.monotonic()
    result = lab("--server-cmd", f"trap '' TERM; {peer_text('udp-echo')}; :", "--", "true", env=environment)
    equal((result.returncode, result.stderr), (0, ""))
    check(time.monotonic() - begin < 30, "it took more than 30 s")
    nothing_left(mark)

# ---- nothing is left behind ----

with case("at the end of the program, what it left behind ends too"):
    mark, environment = new_mark()
    result = lab("--", *peer("daemon"), env=environment)
    equal(result.returncode, 0, result.stderr)
    contains(result.stdout, "daemon ")
    equal(marked(mark), [])


def started(*words):
    """A lab under way with a daemon in it: the process, and the mark."""
    mark, environment = new_mark()
    process = subprocess.Popen(lab_line(*words), env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.DEVNULL, text=True)
    return process, mark


BUSY = f"{peer_text('daemon')}; exec {peer_text('udp-echo')}"

with case("SIGKILL to the command, and to the supervisor, while all runs"):
    for victim in ("command", "supervisor"):
        process, mark = started("--server-cmd", peer_text("udp-echo"), "--", "sh", "-c", BUSY)
        contains(process.stdout.readline(), "daemon ")
        children = pathlib.Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text(encoding="ascii").split()
        equal(len(children), 1)
        os.kill(process.pid if victim == "command" else int(children[0]), signal.SIGKILL)
        equal(process.wait(10), -9 if victim == "command" else 137, victim)
        nothing_left(mark)

with case("SIGKILL to the command at 20 random moments"):
    dice = random.Random(2)
    for _ in range(20):
        process, mark = started("--delay", "1", "--server-cmd", peer_text("udp-echo"), "--", "sh", "-c", BUSY)
        try:
            process.wait(dice.uniform(0, 0.4))
        except subprocess.TimeoutExpired:
            pass
        process.kill()
        process.wait(10)
        nothing_left(mark)

with case("SIGKILL while recording: the file is complete up to its last block"):
    file = DIR / "killed.pcapng"
    process, mark = started("-o", file, "--server-cmd", peer_text("udp-echo"), "--", "sh", "-c",
                            f"{peer_text('daemon')}; {peer_text('udp-rtt', '10.77.0.2', 1000000)}")
    contains(process.stdout.readline(), "daemon ")
    wait_until(lambda: file.stat().st_size > 100000, 20, "a file that grows")
    process.kill()
    process.wait(10)
    nothing_left(mark)
    capture = pcapng.read(file)
    check(capture.packets and capture.calls, "packets and calls")

with case("a recording ends with the program, whatever it left behind"):
    mark, environment = new_mark()
    result = lab("-o", DIR / "left.pcapng", "--server-cmd", f"{peer_text('udp-echo')}; :", "--", *peer("daemon"),
                 env=environment)
    equal((result.returncode, result.stderr), (0, ""))
    equal(marked(mark), [])

with case("SIGTERM to the command ends the lab"):
    process, mark = started("--", "sh", "-c", BUSY)
    contains(process.stdout.readline(), "daemon ")
    process.terminate()
    equal(process.wait(10), 143)
    nothing_left(mark)

with case("SIGINT from the terminal is the program's"):
    process = subprocess.Popen(lab_line("--", *peer("on-int")), stdout=subprocess.PIPE, text=True, start_new_session=True)
    equal(process.stdout.readline(), "ready\n")
    os.killpg(process.pid, signal.SIGINT)
    equal(process.wait(10), 5)

# ---- the shell ----

with case("without a command: a shell on the client host, and a banner on stderr"):
    environment = os.environ | {"SHELL": "/bin/sh"}
    result = lab(input="echo $SOCKDIAG_LAB; exit 6\n", env=environment)
    equal((result.returncode, result.stdout), (6, "client\n"), result.stderr)
    for part in ("10.77.0.1", "10.77.0.2", "fd77::2", "nsenter --net=$SOCKDIAG_LAB_SERVER"):
        contains(result.stderr, part)
    equal(lab("-q", input="exit 0\n", env=environment).stderr, "")


def read_for(terminal, text):
    """What comes from the terminal up to this text."""
    got = ""
    end = time.monotonic() + 10
    while text not in got:
        if not select.select([terminal], [], [], max(0, end - time.monotonic()))[0]:
            raise AssertionError(f"{text!r} did not come: {got!r}")
        got += os.read(terminal, 4096).decode(errors="replace")
    return got


def foreground(terminal):
    """The name of the program that leads the foreground group."""
    try:
        return pathlib.Path(f"/proc/{os.tcgetpgrp(terminal)}/comm").read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return None


with case("on a terminal: job control, keys, and the shell's status"):
    if have("bash"):
        raise Skip(have("bash"))
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ["SHELL"] = shutil.which("bash")
        line = lab_line("-q")
        os.execvp(line[0], line)
    os.write(terminal, b"set +o history; PS1='>$((6*7))> '\n")
    read_for(terminal, ">42> ")
    shell = os.tcgetpgrp(terminal)
    os.write(terminal, b"sleep 1000\n")
    wait_until(lambda: foreground(terminal) == "sleep", what="sleep in the foreground")
    os.write(terminal, b"\x03")  # ^C
    read_for(terminal, ">42> ")
    equal(os.tcgetpgrp(terminal), shell)
    os.write(terminal, b"sleep 1001 &\njobs; fg\n")
    wait_until(lambda: foreground(terminal) == "sleep", what="sleep in the foreground again")
    os.write(terminal, b"\x1a")  # ^Z
    read_for(terminal, "Stopped")
    os.write(terminal, b"exit 4; exit 4\n")
    read_for(terminal, "exit")
    os.write(terminal, b"exit 4\n")
    status = wait_until(lambda: (lambda found: found if found[0] else None)(os.waitpid(pid, os.WNOHANG)))
    equal(os.waitstatus_to_exitcode(status[1]), 4)
    os.close(terminal)

# ---- what is wrong is told ----

for words, part in ((("--drop", "data:x"), "wrong at 'x'"),
                    (("--drop", "101%"), "0 to 100"),
                    (("--drop",), "needs an argument"),
                    (("--dup", "dta:2"), "no such kind of frame"),
                    (("--delay", "soon"), "'soon' is no delay"),
                    (("--rate", "fast"), "'fast' is no rate"),
                    (("--mtu", "575"), "576 to 65535"),
                    (("--mtu", "65536"), "576 to 65535"),
                    (("--mtu", "big"), "whole number"),
                    (("--dorp", "data:1"), "did you mean --drop?"),
                    (("--mtu",), "needs an argument"),
                    (("-o", "/nowhere/file"), "cannot write /nowhere/file")):
    with case(f"refused: {' '.join(words)}"):
        result = lab(*words) if len(words) == 1 else lab(*words, "--", "echo", "never")
        equal((result.returncode, result.stdout), (2, ""))
        contains(result.stderr, part)

with case("--help shows examples, options and what a SPEC is"):
    result = lab("--help")
    equal(result.returncode, 0)
    for part in ("sockdiag lab", "--server-cmd", "--corrupt", "data:3-5"):
        contains(result.stdout, part)

with case("a bare option does not eat the command"):
    result = lab("--dup", "--reorder", "--corrupt", "echo", "here")
    equal((result.returncode, result.stdout), (0, "here\n"), result.stderr)

with case("a machine without user namespaces: the setting is named"):
    if have("unshare", "setpriv") or not can_userns()[0]:
        raise Skip(have("unshare", "setpriv") or can_userns()[1])
    # A user namespace inside which no further one may be made, by a root that has lost its capabilities.
    script = ("echo 0 >/proc/sys/user/max_user_namespaces || exit 99; "
              "exec setpriv --bounding-set=-all --inh-caps=-all \"$@\"")
    result = run(*as_user("unshare", "--user", "--map-root-user", "sh", "-c", script, "sh", user_sockdiag(), "lab", "--",
                          "echo", "never"))
    if result.returncode == 99:
        raise Skip("/proc/sys/user cannot be written here")
    equal((result.returncode, result.stdout), (2, ""), result.stderr)
    contains(result.stderr, "user.max_user_namespaces = 0")
    contains(result.stderr, "sysctl -w user.max_user_namespaces")

with case("a full disk under the recording is told, and the program's run is not disturbed"):
    if not os.path.exists("/dev/full"):
        raise Skip("no /dev/full")
    result = lab("-o", "/dev/full", "--", "echo", "here")
    check(result.returncode in (2, 3), f"status {result.returncode}")
    contains(result.stderr, "No space left")

with case("the machine is as it was"):
    equal(host_state(), BEFORE)

done()
