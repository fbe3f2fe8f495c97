#!/usr/bin/env python3
"""The recorder on programs that know nothing of it, over loopback.

    [ program under record ] --- lo --- [ itself, or a peer of the test ]
"""

import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
import pcapng  # noqa: E402
import tiles  # noqa: E402
from cases import Skip, case, check, contains, done, equal  # noqa: E402
from procs import (SOCKDIAG, as_user, can_userns, gone, run, sockdiag, state, user_dir, user_sockdiag, user_uid,  # noqa: E402
                   wait_until)
from recorded import DIR, HERE, compiled, need, record  # noqa: E402


def names(capture):
    return [call.name for call in capture.calls]


def check_shapes(program, name, options=("--bytes",)):
    result, capture = record(name, program, options=options)
    equal(result.returncode, 0, result.stderr)
    told = [line.split() for line in result.stdout.splitlines()]
    found = [[c.name, c.op, str(c.result), str(c.offset)] for way in ("send", "recv")
             for c in capture.calls if c.op == way and c.kind == "inet/stream" and c.result > 0 and "MSG_PEEK" not in c.flags]
    equal(found, [line for way in ("send", "recv") for line in told if line[1] == way])
    equal(tiles.check_pairs(capture), 2)
    peeks = [c for c in capture.calls if "SOCKDIAG_PEEK" in c.fields]
    equal(len(peeks), 2, "peeks")
    check("no socket" not in str(capture.calls), "a write to /dev/null was taken for a send")


with case("every call that can move bytes is found with its offset"):
    check_shapes(compiled("shapes"), "shapes")

with case("a static program is recorded"):
    check_shapes(compiled("shapes", "-static"), "static")

with case("--survive records the same by plain stops"):
    check_shapes(compiled("shapes"), "survive-shapes", options=("--bytes", "--survive"))

with case("threads on one socket, vfork and exec: offsets tile, the bytes tell the order"):
    result, capture = record("threads", compiled("threads"))
    equal(result.returncode, 0, result.stderr)
    ways = [w for w in tiles.by_socket(capture).values() if w["send"]]
    equal(len(ways), 1, "sending sockets")
    sends = sorted(ways[0]["send"], key=lambda c: c.offset)
    equal(sum(c.result for c in sends), 14 + 4 * 50 * 100)
    equal(sends[0].data, b"from the child")
    check(sends[0].pid != sends[1].pid, "the child's call must have the child's pid")
    overlapping = [c for c in capture.calls if "SOCKDIAG_AMBIGUOUS" in c.fields]
    check(all("SOCKDIAG_DIGEST" in c.fields for c in overlapping), "an overlapping call without digest")

with case("python: connect_ex, sendall, sendto, makefile, dup, fork, threads, asyncio, AF_UNIX, UDP"):
    alone = run(sys.executable, HERE / "programs" / "everything.py")
    result, capture = record("python", sys.executable, HERE / "programs" / "everything.py")
    equal((result.returncode, result.stdout, result.stderr), (alone.returncode, alone.stdout, alone.stderr))
    equal(result.returncode, 7)
    equal(tiles.check_pairs(capture), 4)  # two ways each of the forking server and of asyncio
    for kind in ("unix/stream", "inet/dgram", "inet6/dgram"):
        check(any(c.kind == kind and c.op == "recv" and c.result > 0 for c in capture.calls), f"no recv on {kind}")
    check(any(c.name == "connect" and c.result == -111 for c in capture.calls), "the refused connect")
    check(len({c.pid for c in capture.calls}) >= 2, "the child's calls")

SERVER = """
import socket, sys
s = socket.create_server(("127.0.0.1", 0)); print(s.getsockname()[1], flush=True)
while True:
    c, _ = s.accept(); c.settimeout(30)
    data = b""
    while b"\\r\\n\\r\\n" not in data and b"\\n" not in data:
        more = c.recv(4096)
        if not more: break
        data += more
    c.sendall(b"HTTP/1.0 200 OK\\r\\nContent-Length: 6\\r\\n\\r\\nhello\\n"); c.close()
"""


class Server:
    """A small server outside of the recording."""

    def __enter__(self):
        self.process = subprocess.Popen([sys.executable, "-c", SERVER], stdout=subprocess.PIPE, text=True)
        self.port = self.process.stdout.readline().strip()
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


def check_client(name, words, **more):
    need(words[0])
    with Server() as server:
        words = [word.replace("PORT", server.port) for word in words]
        alone = run(*words, **more)
        result, capture = record(name, *words, **more)
    equal((result.returncode, result.stdout), (alone.returncode, alone.stdout), result.stderr)
    received = b"".join(c.data for c in capture.calls if c.op == "recv" and c.kind.startswith("inet") and c.result > 0
                        and "SOCKDIAG_PEEK" not in c.fields)
    contains(received, b"hello\n")


with case("curl"):
    check_client("curl", ["curl", "-s", "http://127.0.0.1:PORT/"])

with case("nc"):
    check_client("nc", ["nc", "-N", "127.0.0.1", "PORT"], input="hi\n")

with case("perl"):
    check_client("perl", ["perl", "-MIO::Socket::INET", "-e",
                          '$s = IO::Socket::INET->new("127.0.0.1:PORT"); print $s "hi\\n"; $s->flush; print <$s>'])

with case("node"):
    check_client("node", ["node", "-e", 'require("net").connect(PORT, "127.0.0.1", function () { this.write("hi\\n") })'
                                        '.on("data", d => process.stdout.write(d))'])

with case("stdout, stderr, exit status and death by signal are the program's"):
    for script in ("echo out; echo err >&2; exit 5", "kill -TERM $$", "kill -SEGV $$", "exit 0"):
        alone = run("sh", "-c", script)
        result, _ = record("plain", "sh", "-c", script)
        equal((result.returncode, result.stdout, result.stderr), (alone.returncode, alone.stdout, alone.stderr), script)

with case("a program that is not there, not executable, missing"):
    equal(sockdiag("record", "-o", DIR / "x.pcapng", "--", "./no-such-program").returncode, 127)
    result = sockdiag("record", "-o", DIR / "x.pcapng", "--", "/etc/passwd")
    equal(result.returncode, 126)
    contains(result.stderr, "/etc/passwd")
    equal(sockdiag("record", "-o", DIR / "x.pcapng").returncode, 2)
    equal(sockdiag("record", "-o", "/no/such/directory/f", "--", "true").returncode, 2)
    equal(sockdiag("record", "-i", "nosuchif0", "-o", DIR / "x.pcapng", "--", "true").returncode, 2)

with case("a file in a folder of somebody else: no permission, for record and lab, also as a user without a name of its own"):
    able, why = can_userns()
    theirs = DIR / "theirs"
    theirs.mkdir(mode=0o555, exist_ok=True)
    if user_uid() is None and os.geteuid() == 0:
        raise Skip("root may write anywhere, and there is no ordinary user here")
    for words in ([], ["unshare", "--user"]) if able else ([],):
        for command in ("record", "lab"):
            result = run(*as_user(*words, user_sockdiag(), command, "-o", theirs / "x.pcapng", "--", "true"))
            equal((result.returncode, result.stdout), (2, ""))
            contains(result.stderr, f"sockdiag {command}: cannot write {theirs}/x.pcapng: Permission denied")

with case("a user namespace that maps nobody"):
    able, why = can_userns()
    if not able:
        raise Skip(why)
    mine = pathlib.Path(user_dir()) / "nobody.pcapng"
    result = run(*as_user("unshare", "--user", user_sockdiag(), "record", "-q", "-o", mine, "--", "true"))
    equal((result.returncode, result.stderr), (0, ""))
    check(mine.stat().st_size > 0, "no record")

# A recorder that has to wait for the CPU behind its programs: a child of a child has ended before its fork is looked at.
SHORT_LIVED = """
import os
os.setpriority(os.PRIO_PROCESS, os.getppid(), 19)
if os.fork() == 0:
    for _ in range(200):
        if os.fork() == 0:
            os._exit(0)
        os.wait()
    os._exit(0)
os.wait()
print('done')
"""

with case("processes that end before their birth is told: the recorder ends with its programs"):
    result = sockdiag("record", "-q", "-o", DIR / "short.pcapng", "--", sys.executable, "-c", SHORT_LIVED, timeout=60)
    equal((result.returncode, result.stdout, result.stderr), (0, "done\n", ""))

WAITING = "import socket; a, b = socket.socketpair(); a.send(b'x'); b.recv(1); print('ready', flush=True); b.recv(1)"


def start(name, *options, program=WAITING):
    """Start a recorded program that reports ready and then waits; the recorder, the program's pid, the file."""
    file = DIR / f"{name}.pcapng"
    recorder = subprocess.Popen([SOCKDIAG, "record", *options, "-o", file, "--", sys.executable, "-c",
                                 "import os; print(os.getpid(), flush=True);" + program],
                                stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    pid = int(recorder.stdout.readline())
    equal(recorder.stdout.readline(), "ready\n")
    return recorder, pid, file


with case("SIGKILL of the recorder takes the program with it and leaves a file that reads"):
    recorder, pid, file = start("killed")
    recorder.kill()
    recorder.wait()
    wait_until(lambda: gone(pid), what="the program's end")
    wait_until(lambda: any(c.op == "recv" and c.result == 1 for c in pcapng.read(file, lenient=True).calls),
               what="the calls before the kill in the file")
    recorder.stdout.close()

with case("with --survive the program goes on"):
    recorder, pid, file = start("survives", "--survive", program=WAITING.replace("b.recv(1); print", "print").replace("'x'", "'xx'") + "\nwhile True: a.send(b'y'); b.recv(1)")
    recorder.kill()
    recorder.wait()
    before = pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").split()[13:15]
    wait_until(lambda: pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").split()[13:15] != before,
               what="progress of the program")
    os.kill(pid, signal.SIGKILL)
    recorder.stdout.close()

for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
    with case(f"{number.name} to the recorder reaches the program, the file is whole"):
        recorder, pid, file = start(f"signal-{number}")
        wait_until(lambda: state(pid) == "S", what="the recv that blocks")
        recorder.send_signal(number)
        recorder.wait(timeout=10)
        alone = subprocess.Popen([sys.executable, "-c", WAITING], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        alone.stdout.readline()
        alone.send_signal(number)
        equal(recorder.returncode, alone.wait(timeout=10))
        check(gone(pid), "the program is still there")
        check(any((c.name, c.result) == ("recvfrom", -4) for c in pcapng.read(file).calls), "the recv that was ended")
        recorder.stdout.close()
        alone.stdout.close()

with case("a program that is stopped and continued"):
    recorder, pid, file = start("stopped")
    os.kill(pid, signal.SIGSTOP)
    wait_until(lambda: state(pid) in "Tt", what="the stop")
    os.kill(pid, signal.SIGCONT)
    os.kill(pid, signal.SIGTERM)
    equal(recorder.wait(timeout=10), -signal.SIGTERM)
    recorder.stdout.close()

with case("a close is seen by the peer at once, though the recorder looked at the socket"):
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    thread_result = {}

    def peer():
        connection, _ = listener.accept()
        connection.settimeout(10)
        connection.recv(10)
        thread_result["end"] = connection.recv(10)
        connection.sendall(b"1")  # lets the program go on: only after the end was seen
        connection.close()

    thread = threading.Thread(target=peer)
    thread.start()
    script = (f"import socket; s = socket.create_connection(('127.0.0.1', {port})); s.sendall(b'x');"
              "t = s.dup(); s.close(); t.shutdown(1); print(t.recv(1)); t.close()")
    result, _ = record("close", sys.executable, "-c", script)
    thread.join()
    listener.close()
    equal((result.stdout, thread_result["end"]), ("b'1'\n", b""))

with case("what cannot be seen is said: ptrace, a further filter"):
    script = "import ctypes; l = ctypes.CDLL(None, use_errno=True); print(l.ptrace(0, 0, 0, 0), ctypes.get_errno())"
    result, capture = record("selftrace", sys.executable, "-c", script)
    equal(result.stdout, "-1 1\n", "PTRACE_TRACEME of a traced process")
    contains(result.stderr, "ptrace")
    check("ptrace" in names(capture), "the note in the file")
    script = ("import ctypes; l = ctypes.CDLL(None); l.prctl(38, 1, 0, 0, 0); import struct;"
              "code = ctypes.create_string_buffer(struct.pack('<HBBI', 6, 0, 0, 0x7fff0000));"
              "prog = ctypes.create_string_buffer(struct.pack('<HxxxxxxQ', 1, ctypes.addressof(code)));"
              "print(l.prctl(22, 2, prog, 0, 0))")
    result, _ = record("filter", sys.executable, "-c", script)
    equal(result.stdout, "0\n", "PR_SET_SECCOMP")
    contains(result.stderr, "seccomp")

with case("a setuid program is said to run without its privilege"):
    need("su")
    if os.getuid() == 0 and user_uid() is None:
        raise Skip("root has every privilege already, and there is no other user here")
    result = run(*as_user(user_sockdiag(), "record", "-o", pathlib.Path(user_dir()) / "setuid.pcapng", "--", "su", "--version"))
    contains(result.stderr, "setuid")

with case("a full disk: said, the program unharmed, what was written reads"):
    need("unshare", "mount")
    probe = run("unshare", "-rm", "true")
    if probe.returncode != 0:
        raise Skip("no mount namespace of our own: " + probe.stderr.strip())
    program = ("import socket; a, b = socket.socketpair()\n"
               "for i in range(2000): a.send(b'x'); b.recv(1)\nprint('all sent')")
    script = (f"mount -t tmpfs -o size=64k none {DIR}/tiny && {SOCKDIAG} record -o {DIR}/tiny/f.pcapng -- "
              f"{sys.executable} -c \"$1\"; echo status $?; cp {DIR}/tiny/f.pcapng {DIR}/full.pcapng")
    (DIR / "tiny").mkdir()
    result = run("unshare", "-rm", "sh", "-c", script, "sh", program)
    equal(result.stdout, "all sent\nstatus 3\n", result.stderr)
    contains(result.stderr, "No space left")
    capture = pcapng.read(DIR / "full.pcapng")
    check(len(capture.calls) > 50, "the calls before the disk was full")

with case("tshark and tcpdump open the file, calls in time order"):
    need("tshark", "tcpdump")
    record("order", compiled("threads"))
    times = run("tshark", "-r", DIR / "order.pcapng", "-T", "fields", "-e", "frame.time_epoch").stdout.split()
    check(len(times) > 100, "records in tshark")
    equal(times, sorted(times), "time order")
    equal(run("tcpdump", "-nr", DIR / "order.pcapng").returncode, 0)


def check_order(capture):
    times = [item.time_ns if isinstance(item, pcapng.Packet) else item.exit_ns for item in capture.items
             if isinstance(item, (pcapng.Packet, pcapng.Call))]
    early = [i for i in range(1, len(times)) if times[i] < times[i - 1]]
    check(not early, f"records {early[:5]} are out of time order")


def in_network(script, *argv):
    """A shell script in a network namespace of our own, with lo up; its positional parameters are `argv`."""
    need("unshare", "ip")
    able, why = can_userns()
    if not able and os.getuid() != 0:
        raise Skip(why)
    words = ["unshare", "--net"] if os.getuid() == 0 else ["unshare", "--user", "--map-root-user", "--net"]
    return run(*words, "sh", "-c", "ip link set lo up || exit 99\n" + script, "sh", *argv)


with case("-i records the wire too, each stream's lanes tile"):
    file = DIR / "wire.pcapng"
    result = in_network('"$1" record -i lo -o "$2" -- "$3" "$4"; echo status $?', SOCKDIAG, file, sys.executable,
                        HERE / "programs" / "everything.py")
    contains(result.stdout, "status 7", result.stderr)
    capture = pcapng.read(file)
    check(len(capture.packets) > 20 and len(capture.calls) > 40, "packets and calls")
    check_order(capture)
    objects = [json.loads(line) for line in sockdiag("show", "--json", file).stdout.splitlines()]
    directions = [o for o in objects if o["type"] == "direction" and o["bytes"]]
    equal(len(directions), 4, "directions with bytes")
    for direction in directions:
        for lane, end in (("send", direction["bytes"] + direction["unsent"]), ("wire", direction["bytes"]),
                          ("recv", direction["bytes"] - direction["unread"])):
            at = 0
            for span in sorted((o for o in objects if o["type"] == "span" and o["lane"] == lane
                                and (o["stream"], o["from"]) == (direction["stream"], direction["from"])
                                and not o.get("retransmission")), key=lambda o: o["offset"]):
                equal(span["offset"], at, f"{lane} of stream {direction['stream']}")
                at += span["length"]
            equal(at, end, f"end of {lane} of stream {direction['stream']}")

with case("-i on a chatty program: no packet is lost, all is in time order"):
    chat = ("import socket; l = socket.create_server(('127.0.0.1', 0)); c = socket.create_connection(l.getsockname()); s, _ = l.accept()\n"
            "for _ in range(10000): c.send(bytes(100)); s.recv(200)")
    file = DIR / "chat.pcapng"
    result = in_network('"$1" record -i lo -o "$2" -- "$3" -c "$4"; echo status $?', SOCKDIAG, file, sys.executable, chat)
    equal((result.stdout, result.stderr), ("status 0\n", ""))
    capture = pcapng.read(file)
    check(len(capture.packets) >= 10000, f"{len(capture.packets)} packets")
    check_order(capture)

with case("an interface that goes down while recording: said, status 3, the calls are kept"):
    result = in_network('ip link add d0 type veth peer name d1 && ip link set d0 up && ip link set d1 up || exit 98\n'
                        '"$1" record -i d0 -o "$2" -- "$3" -c "$4"; echo status $?', SOCKDIAG, DIR / "down.pcapng",
                        sys.executable, "import os, socket; a, b = socket.socketpair(); a.send(b'x'); b.recv(1);"
                        "os.system('ip link set d0 down')")
    if "Unknown device type" in result.stderr or "not supported" in result.stderr:
        raise Skip("no veth pairs in this kernel")
    contains(result.stdout, "status 3", result.stderr)
    contains(result.stderr, "d0")
    check(len(pcapng.read(DIR / "down.pcapng").calls) > 3, "the calls")

with case("a wrong filter: shown, status 2"):
    result = in_network('"$1" record -i lo -f "tcp prot 5" -o "$2" -- true; echo status $?', SOCKDIAG, DIR / "x.pcapng")
    contains(result.stdout, "status 2", result.stderr)
    contains(result.stderr, "tcp prot 5")

done()
