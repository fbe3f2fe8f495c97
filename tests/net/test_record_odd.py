#!/usr/bin/env python3
"""The recorder among odd processes, sockets and surroundings, over loopback.

    [ program under record ] --- lo --- [ itself ]
"""

import collections
import errno
import os
import pathlib
import resource
import signal
import socket
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
import pcapng  # noqa: E402
import tiles  # noqa: E402
from cases import Skip, case, check, contains, done, equal  # noqa: E402
from procs import SOCKDIAG, as_user, gone, run, user_dir, user_sockdiag, user_uid, wait_until  # noqa: E402
from recorded import DIR, HERE, compiled, record  # noqa: E402

PYTHON = sys.executable


def odd(mode, options=("--bytes",)):
    """The calls of one mode of odd.c, which must do what it does alone."""
    result, capture = record(f"odd-{mode}", compiled("odd"), mode, options=options)
    if "no io_uring" in result.stdout:
        raise Skip("no io_uring")
    equal((result.returncode, result.stdout), (0, "done\n"), result.stderr)
    return result, capture


def moved(capture, op):
    return [c for c in capture.calls if c.op == op and c.kind == "inet/stream" and c.result > 0]


def check_odd(mode, options=("--bytes",)):
    _, capture = odd(mode, options)
    equal(tiles.check_pairs(capture), 2, "directions")
    check(all(c.local and c.peer for c in moved(capture, "send")), "a send without addresses")


with case("a process whose first thread has ended: kinds, addresses and offsets are there"):
    check_odd("leader")

with case("processes that share a descriptor table: a close by one is a close for all"):
    check_odd("shared-table")

with case("a thread with a descriptor table of its own"):
    check_odd("own-table")

with case("clone3 without libc, posix_spawn with an inherited socket"):
    check_odd("clone3")
    check_odd("clone3", ("--bytes", "--survive"))

with case("exec by another thread than the first while two are in recv: what follows tiles"):
    check_odd("exec-thread")

for options in (), ("--no-pin",), ("--survive", "--no-pin"):
    with case(f"threads whose files and sockets take turns with the same numbers {' '.join(options)}".rstrip()):
        result, capture = record("reuse", compiled("reuse"), options=("--bytes", *options))
        equal((result.returncode, result.stdout, result.stderr), (0, "done\n", ""))
        lengths = collections.Counter((c.op, c.result) for c in moved(capture, "send") + moved(capture, "recv"))
        equal(lengths, {("send", 5): 1000, ("recv", 5): 1000, ("send", 6): 1000, ("recv", 6): 1000, ("send", 3): 500})
        equal(tiles.check_pairs(capture), 2000, "directions")

with case("connections one after the other between the same ports: each has offsets of its own, and its own other end"):
    script = """
import socket, struct
l = socket.create_server(("127.0.0.1", 0)); port = 0
for i in range(20):
    c = socket.socket(); c.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
    c.bind(("127.77.0.1", port)); port = c.getsockname()[1]; c.connect(l.getsockname()); s, _ = l.accept()
    c.sendall(b"%d" % i * (i + 1)); s.recv(100); s.sendall(bytes(i + 1)); c.recv(100); c.close(); s.close()
"""
    result, capture = record("ports", PYTHON, "-c", script)
    equal(result.returncode, 0, result.stderr)
    equal(len({c.local for c in moved(capture, "send") + moved(capture, "recv")}), 2, "addresses")
    equal(tiles.check_pairs(capture), 40, "directions")

with case("hostile arguments: bounded, no harm, what follows tiles"):
    check_odd("hostile")
    check_odd("hostile", ("--bytes", "--survive"))

with case("urgent data: the receiver's offsets are not claimed, and it is said why"):
    _, capture = odd("urgent")
    equal([c.offset for c in moved(capture, "send")], [0, 1, 4])
    equal([c.offset for c in moved(capture, "recv")], [None, None])
    check(all(b"urgent" in c.fields["SOCKDIAG_NOTE"] for c in moved(capture, "recv")), "no note")

with case("bytes that io_uring took: later offsets are not claimed, and it is said why"):
    result, capture = odd("ring")
    contains(result.stderr, "io_uring")
    equal([c.offset for c in moved(capture, "recv")], [0, None])
    contains(moved(capture, "recv")[1].fields["SOCKDIAG_NOTE"], b"io_uring")

with case("a socket connected again begins at byte 0; a failed option changes nothing; UDP names who was meant"):
    script = """
import ctypes, socket
libc = ctypes.CDLL(None)
def listener(): return socket.create_server(("127.0.0.1", 0))
def to_nobody(s): assert libc.connect(s.fileno(), bytes(16), 16) == 0
l = listener(); c = socket.create_connection(l.getsockname()); s, _ = l.accept()
try: c.setsockopt(6, 31, b"no-such-ulp")
except OSError: pass
c.sendall(b"first"); s.recv(9); to_nobody(c)
l = listener(); c.connect(l.getsockname()); s, _ = l.accept(); c.sendall(b"second"); s.recv(9)
u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); u.connect(("127.0.0.1", 9)); to_nobody(u)
u.sendto(b"x", ("127.0.0.2", 1234))
"""
    result, capture = record("again", PYTHON, "-c", script)
    equal(result.returncode, 0, result.stderr)
    equal([(c.result, c.offset) for c in moved(capture, "send")], [(5, 0), (6, 0)])
    equal(tiles.endpoint([c for c in capture.calls if c.kind == "inet/dgram" and c.op == "send"][0].peer), "127.0.0.2:1234")

with case("--survive says nothing of a prctl or fcntl that does not matter"):
    script = ("import ctypes, fcntl, socket; ctypes.CDLL(None).prctl(15, b'name', 0, 0, 0);"
              "s = socket.socket(); fcntl.fcntl(s, fcntl.F_GETFL)")
    result, capture = record("prctl", PYTHON, "-c", script, options=("--survive",))
    equal(result.stderr, "")
    check(all(c.name not in ("prctl", "fcntl") for c in capture.calls), "a call that does not matter")

with case("--bytes and a call that moves 2 MB: the call is kept, without its bytes"):
    script = """
import socket, threading
l = socket.create_server(("127.0.0.1", 0)); c = socket.create_connection(l.getsockname()); s, _ = l.accept()
t = threading.Thread(target=lambda: s.recv(2000000, socket.MSG_WAITALL)); t.start()
c.send(bytes(2000000)); t.join()
"""
    result, capture = record("big", PYTHON, "-c", script)
    equal((result.returncode, result.stderr), (0, ""))
    equal([(c.result, c.data) for c in moved(capture, "send") + moved(capture, "recv")], [(2000000, None)] * 2)

SELF_TRACE = "import ctypes; l = ctypes.CDLL(None); l.ptrace(0, 0, 0, 0); print('alive', flush=True)"

with case("stderr closed: the notice does not go into the capture file"):
    file = DIR / "closed.pcapng"
    result = run("sh", "-c", 'exec "$@" 2>&-', "sh", SOCKDIAG, "record", "-o", file, "--", PYTHON, "-c", SELF_TRACE)
    equal((result.returncode, result.stdout), (0, "alive\n"))
    check("ptrace" in [c.name for c in pcapng.read(file).calls], "the note in the file")

with case("stdin, stdout and stderr closed: closed for the program too, the file is whole"):
    file = DIR / "closed.pcapng"
    count = "open=0; for n in 0 1 2; do [ -e /proc/$$/fd/$n ] && open=$((open + 1)); done; exit $((40 + open))"
    closed = ("sh", "-c", 'exec "$@" 0<&- 1>&- 2>&-', "sh")
    alone = run(*closed, "sh", "-c", count)
    equal(run(*closed, SOCKDIAG, "record", "-o", file, "--", "sh", "-c", count).returncode, alone.returncode)
    pcapng.read(file)

with case("nobody reads stderr: a notice and the last words do not end the recorder"):
    for words in ((PYTHON, "-c", SELF_TRACE), ("true",)):
        read_end, write_end = os.pipe()
        os.close(read_end)
        result = run(SOCKDIAG, "record", "-v", "-o", DIR / "pipe.pcapng", "--", *words, stderr=write_end)
        os.close(write_end)
        equal(result.returncode, 0)

with case("which signals are ignored, blocked and caught is as without the recorder"):
    def ignore():
        for number in (signal.SIGALRM, signal.SIGCHLD, signal.SIGPIPE, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)

    def default():
        for number in (signal.SIGALRM, signal.SIGPIPE, signal.SIGXFSZ):
            signal.signal(number, signal.SIG_DFL)

    for before in (ignore, default):
        words = ("grep", "Sig[BIC]", "/proc/self/status")
        alone = run(*words, preexec_fn=before)
        result, _ = record("signals", *words, preexec_fn=before)
        equal((result.returncode, result.stdout), (alone.returncode, alone.stdout))

DAEMON = """
import os, signal, sys
if os.fork(): os._exit(4)
os.setsid()
if sys.argv[1] == "deaf": signal.signal(signal.SIGTERM, signal.SIG_IGN)
if os.fork(): os._exit(0)
print(os.getpid(), flush=True)
while True: signal.pause()
"""


def recorded_daemon(how):
    recorder = subprocess.Popen([SOCKDIAG, "record", "-o", DIR / "daemon.pcapng", "--", PYTHON, "-c", DAEMON, how],
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    pid = int(recorder.stdout.readline())
    wait_until(lambda: not programs_of(recorder.pid), what="the main program's end")
    return recorder, pid


def programs_of(pid):
    """Its children, but for the recorder's own scribe."""
    found = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    return [p for p in found if "sockdiag" not in pathlib.Path(f"/proc/{p}/comm").read_text(encoding="utf-8")]


def pending(pid):
    """Has the process a signal that it has not taken yet?"""
    status = pathlib.Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return any(int(line.split()[1], 16) for line in status.splitlines() if line.startswith(("SigPnd", "ShdPnd")))


for how, signals in (("hears", 1), ("deaf", 2)):
    with case(f"a daemon that the program left behind ({how}): {signals} SIGTERM to the recorder end it, the file is whole"):
        recorder, pid = recorded_daemon(how)
        for _ in range(signals):
            recorder.send_signal(signal.SIGTERM)
            wait_until(lambda: not pending(recorder.pid), what="the recorder to take the signal")
        _, told = recorder.communicate(timeout=10)
        equal((recorder.returncode, told), (4, ""))
        check(gone(pid), "the daemon is still there")
        pcapng.read(DIR / "daemon.pcapng")

with case("few descriptors to be had: every call has its kind and offsets"):
    script = """
import os, socket
l = socket.create_server(("127.0.0.1", 0))
for i in range(50):
    if os.fork() == 0:
        c = socket.create_connection(l.getsockname()); c.send(b"x"); c.recv(5); os._exit(0)
kept = []
for i in range(50):
    c, _ = l.accept(); c.recv(1); c.send(b"y"); kept.append(c)
for i in range(50): os.wait()
"""
    def few():
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
    result, capture = record("few", PYTHON, "-c", script, preexec_fn=few)
    equal((result.returncode, result.stderr), (0, ""))
    equal({c.kind for c in capture.calls}, {"inet/stream"})
    equal(tiles.check_pairs(capture), 100)

with case("a program that lets nobody look into it: said, and it works"):
    if os.getuid() == 0 and user_uid() is None:
        raise Skip("root may look into everything, and there is no other user here")
    script = "import ctypes, socket; ctypes.CDLL(None).prctl(4, 0, 0, 0, 0); a, b = socket.socketpair(); a.send(b'x'); print(b.recv(5))"
    result = run(*as_user(user_sockdiag(), "record", "-o", pathlib.Path(user_dir()) / "secret.pcapng", "--", "python3", "-c", script))
    equal((result.returncode, result.stdout), (0, "b'x'\n"), result.stderr)
    contains(result.stderr, "dumpable")
    equal(result.stderr.count("\n"), 1, result.stderr)

with case("no pidfd_getfd, no kcmp: kinds, addresses and offsets are there, what is missing is said"):
    file = DIR / "refused.pcapng"
    for number, error in ((438, errno.ENOSYS), (438, errno.EPERM), (312, errno.EPERM)):
        for mode in ("clone3", "leader"):
            result = run(PYTHON, HERE / "programs" / "refuse.py", number, error, SOCKDIAG, "record", "--bytes", "-o", file,
                         "--", compiled("odd"), mode)
            equal((result.returncode, result.stdout), (0, "done\n"), result.stderr)
            equal(result.stderr.count("pidfd_getfd"), int(number == 438))
            equal(tiles.check_pairs(pcapng.read(file)), 2, "directions")

with case("a recorder that is traced itself says so"):
    result, _ = record("nested", SOCKDIAG, "record", "-o", DIR / "inner.pcapng", "--", "echo", "ran",
                       env=os.environ | {"ASAN_OPTIONS": "detect_leaks=0"})  # LeakSanitizer cannot work when traced
    equal((result.returncode, result.stdout), (2, ""))
    contains(result.stderr, "this recorder is being traced itself")

# How a program gives up its connection `s`; it then waits for its stdin to end.
GOODBYES = {
    "close_range": "os.closerange(s.fileno(), s.fileno() + 1)",
    "dup2 over it": "os.dup2(0, s.fileno())",
    "exec with close-on-exec": "os.execvp('cat', ['cat'])",
    "exec by another thread": "threading.Thread(target=lambda: os.execvp('cat', ['cat'])).start(); time.sleep(100)",
    "a child that had it too": "p = os.fork() or (s.send(b'c'), os._exit(0)); s.close(); os.waitpid(p, 0)",
    "a child is killed": "p = os.fork() or (s.send(b'c'), time.sleep(100)); s.close(); os.kill(p, 9); os.waitpid(p, 0)",
    "close beside a recv": "t, u = socket.socketpair(); threading.Thread(target=lambda: t.recv(1), daemon=True).start(); s.close()",
    "sent away by SCM_RIGHTS": "a, b = socket.socketpair(); socket.send_fds(a, [b'x'], [s.fileno()]); s.close(); "
                               "os.close(socket.recv_fds(b, 1, 1)[1][0])",
    "a reset (SO_LINGER 0)": "s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0)); s.close()",
}

with case("the peer sees the end of a connection at once, however it was given up: " + ", ".join(GOODBYES)):
    for name, goodbye in GOODBYES.items():
        with socket.create_server(("127.0.0.1", 0)) as listener:
            script = ("import os, socket, struct, sys, threading, time; t = None\n"
                      f"s = socket.create_connection(('127.0.0.1', {listener.getsockname()[1]})); s.sendall(b'x'); s.recv(1)\n"
                      f"{goodbye}\nsys.stdin.read()")
            recorder = subprocess.Popen([SOCKDIAG, "record", "-o", DIR / "fin.pcapng", "--", PYTHON, "-c", script],
                                        stdin=subprocess.PIPE)
            peer, _ = listener.accept()
            with peer:
                peer.settimeout(10)
                peer.sendall(b"y")
                try:
                    while peer.recv(10):
                        pass
                    check("reset" not in name, f"{name}: an orderly end")
                except ConnectionResetError:
                    check("reset" in name, f"{name}: a reset")
                except TimeoutError:
                    check(False, f"{name}: the peer sees no end")
            recorder.communicate(timeout=10)
            equal(recorder.returncode, 0, name)

with case("a name with control bytes is escaped in a notice"):
    copy = DIR / "\x1b[31mred"
    copy.symlink_to(PYTHON)
    result, _ = record("comm", copy, "-c", SELF_TRACE)
    equal(result.stdout, "alive\n")
    contains(result.stderr, "red (process")
    check("\x1b" not in result.stderr, "an escape sequence for the terminal")

with case("without the right /proc the recorder says so and runs nothing"):
    probe = run("unshare", "-rp", "--fork", "true")
    if probe.returncode != 0:
        raise Skip("no PID namespace of our own: " + probe.stderr.strip())
    result = run("unshare", "-rp", "--fork", SOCKDIAG, "record", "-o", DIR / "x.pcapng", "--", "echo", "ran")
    equal((result.returncode, result.stdout), (2, ""))
    contains(result.stderr, "mount-proc")

done()
