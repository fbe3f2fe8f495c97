#!/usr/bin/env python3
"""Hostile programs in the place of an exercise: bounded, nothing outside is touched, nothing is left, and the runner says
what happened. As an ordinary user; where the caller is root, as root too.

    the test ── files, sockets and a listener that must not be reached
      └ sockdiag lesson --check ── sandbox ── hostile.py, hostile.c
"""

import contextlib
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import uuid

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
from cases import Skip, case, check, contains, done, equal, skip  # noqa: E402
from procs import as_user, have, run, user_sockdiag, user_uid, wait_until  # noqa: E402

PROGRAMS = pathlib.Path(__file__).resolve().parent / "programs"
MARKER = f"marker-{uuid.uuid4().hex}"  # in the environment of what must not be seen
SECONDS, PATIENCE = 2, 30

NAME = f"hostile_{uuid.uuid4().hex[:12]}"  # of the programs inside
PROGRAM_NAMES = [NAME + ".py", NAME + ".c"]

LESSON = {"minutes": 1, "steps": [{
    "exercise": "mend", "programs": PROGRAM_NAMES, "networks": ["clean"], "seconds": SECONDS,
    "run": "{program} $(cat mode)", "same": ["want.txt", "got.txt"]}]}
PATIENT = {"minutes": 1, "steps": [LESSON["steps"][0] | {"seconds": PATIENCE}]}
RECEIVED = {"minutes": 1, "steps": [{
    "exercise": "mend", "programs": PROGRAM_NAMES, "networks": "all", "seconds": 15,
    "run": "sockdiag lab -o t.pcapng {network} --server-cmd '{program}' -- python3 sender.py", "same": ["want.bin", "got.bin"]}]}
RECORDED = {"minutes": 1, "steps": [{
    "exercise": "mend", "programs": PROGRAM_NAMES, "networks": ["clean"], "seconds": 10,
    "run": "sockdiag lab -o t.pcapng {network} --server-cmd 'exec python3 listener.py' -- {program}",
    "facts": "sockdiag show --json t.pcapng", "take": {"bytes": {"where": {"type": "direction"}, "value": "bytes"}},
    "judge": [{"expect": [["=", "bytes", 5]], "say": "judged"}]}]}
TEXT = "# Hostile\n\nFor tests.\n\n## Mend <!-- mend -->\n\nNothing.\n\n## Judged <!-- judged -->\n\nOf five bytes {bytes} came.\n"
LISTENER = """import socket
with socket.create_server(("10.77.0.2", 5000)) as listener:
    conn, _ = listener.accept()
    while conn.recv(100):
        pass
"""
SENDER = """import socket
data = bytes(range(250)) * 20
open("want.bin", "wb").write(data)
with socket.create_connection(("10.77.0.2", 5000)) as conn:
    try:
        conn.sendall(data)
        conn.shutdown(socket.SHUT_WR)
        while conn.recv(100):
            pass
    except OSError:
        pass  # the receiver may be gone at any of these; what it says must stand alone
"""
RECEIVER = """import socket
with socket.create_server(("10.77.0.2", 5000)) as listener, open("got.bin", "wb") as got:
    conn, _ = listener.accept()
    with conn:
        %s
"""
BYTES = bytes(range(256)) * 16


class Place:
    """A folder of lessons, and round it what programs would like to reach; all of it owned by who runs the lesson."""

    def __init__(self, wrap, uid):
        self.wrap = wrap
        self.home = pathlib.Path(tempfile.mkdtemp(prefix="confine-"))
        self.lessons = self.home / "lessons"
        self.temporary = self.home / "tmp"
        self.precious = [self.home / "precious", self.home / "folder" / "deep" / "file"]
        self.temporary.mkdir()
        (self.home / "state").mkdir()
        self.precious[1].parent.mkdir(parents=True)
        for path in self.precious:
            path.write_bytes(BYTES)
        self.sockets = []
        self.listen()
        for number, lesson in ((90, LESSON), (91, RECORDED), (92, RECEIVED), (93, PATIENT)):
            self.make_lesson(number, lesson)
        networks = [{"name": "clean", "options": ""}, {"name": "small", "options": "--mtu 576 --delay 2"}]
        (self.lessons / "networks.json").write_text(json.dumps(networks), encoding="utf-8")
        if uid is not None:
            for path in (self.home, *self.home.rglob("*")):
                os.chown(path, uid, uid)

    def listen(self):
        """On every door that leads out of a program's own network."""
        tcp = socket.create_server(("127.0.0.1", 0))
        named = socket.socket(socket.AF_UNIX)
        named.bind(str(self.home / "socket"))
        os.chmod(self.home / "socket", 0o777)
        abstract = socket.socket(socket.AF_UNIX)
        abstract.bind("\0" + MARKER + str(self.home))
        for each in (named, abstract):
            each.listen()
        self.sockets = [tcp, named, abstract]
        for each in self.sockets:
            each.setblocking(False)

    def make_lesson(self, number, lesson):
        folder = self.lessons / f"{number}-hostile"
        (folder / "exercise").mkdir(parents=True)
        (folder / "lesson.json").write_text(json.dumps(lesson), encoding="utf-8")
        (folder / "lesson.md").write_text(TEXT, encoding="utf-8")
        for name in PROGRAM_NAMES:
            (folder / "exercise" / name).write_text("never run\n", encoding="utf-8")
        (folder / "want.txt").write_text("safe", encoding="utf-8")
        (folder / "mode").write_text("none\n", encoding="utf-8")
        (folder / "listener.py").write_text(LISTENER, encoding="utf-8")
        (folder / "sender.py").write_text(SENDER, encoding="utf-8")
        targets = {"files": [str(path) for path in self.precious],
                   "folders": [str(self.home), str(self.temporary), "/home", "/tmp", "/var/tmp"],
                   "sockets": [str(self.home / "socket"), "/run/dbus/system_bus_socket", "/var/run/docker.sock"],
                   "abstract": MARKER + str(self.home), "marker": MARKER,
                   "tcp": [["127.0.0.1", self.sockets[0].getsockname()[1]], ["10.0.2.2", 22]]}
        (folder / "targets.json").write_text(json.dumps(targets), encoding="utf-8")

    def command(self, number, program, *more):
        return self.wrap("env", f"SOCKDIAG_LESSONS={self.lessons}", f"TMPDIR={self.temporary}", f"HOME={self.home}", f"XDG_STATE_HOME={self.home}/state",
                         f"MARK={MARKER}", "SSH_AUTH_SOCK=/tmp/agent", "DISPLAY=:0", user_sockdiag(), "lesson", str(number),
                         "--check", str(program), *more)

    def judge(self, number, program, mode="none"):
        """Run it; what the runner says of the last network that it tried."""
        (self.lessons / f"{number}-hostile" / "mode").write_text(mode + "\n", encoding="utf-8")
        began = time.monotonic()
        result = run(*self.command(number, program, "--json"), timeout=120)
        took = time.monotonic() - began
        objects = [json.loads(line) for line in result.stdout.splitlines()]
        judged = [o for o in objects if o["type"] == "exercise"]
        check(judged, f"no object of type exercise: {result.stdout} {result.stderr}")
        equal(result.returncode, 0 if judged[-1]["passed"] else 1, result.stderr)
        check(took < 60, f"it took {took:.1f} s")
        return judged[-1]

    def check_outside(self):
        """Nothing outside was touched, nothing is left."""
        for path in self.precious:
            check(path.read_bytes() == BYTES, f"{path} is not as it was")
        equal(sorted(path.name for path in self.home.iterdir()), ["folder", "lessons", "precious", "socket", "state", "tmp"])
        equal(sorted(path.name for path in self.precious[1].parent.iterdir()), ["file"])
        equal(list(self.temporary.iterdir()), [], "left in TMPDIR")
        for each in self.sockets:
            with contextlib.suppress(BlockingIOError):
                each.accept()
                raise AssertionError(f"{each.getsockname()} was reached")
        wait_until(lambda: not self.left(), what=f"the end of {self.left()}")
        for line in pathlib.Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines():
            check(line.split()[4] not in ("/lesson", "/sockdiag"), line)

    def left(self):
        """Processes of the runner or of its sandbox, whose environment or command tells of this place."""
        found = []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            with contextlib.suppress(OSError):
                text = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes()
                if int(pid) != os.getpid() and (str(self.home).encode() in text or NAME.encode() in text):
                    found.append(f"{pid}: {text!r}")
        return found

    def close(self):
        for each in self.sockets:
            each.close()
        shutil.rmtree(self.home)


PYTHON, C = PROGRAMS / "hostile.py", PROGRAMS / "hostile.c"
# program, mode, what it is about, what the runner may say of it
ATTACKS = (
    (PYTHON, "subprocesses", "what honest programs do works", {"passed"}),
    (PYTHON, "files", "files are out of reach", {"passed"}),
    (PYTHON, "reach", "sockets, processes, environment, descriptors are out of reach", {"passed"}),
    (C, "calls", "mounts, namespaces, keys, tracing, strange sockets are refused", {"passed"}),
    (PYTHON, "daemon", "a daemon ends with its program", {"passed"}),
    (PYTHON, "loop", "an endless loop ends", {"time"}),
    (PYTHON, "stubborn", "who ignores every signal ends", {"time"}),
    (PYTHON, "output", "output without an end ends", {"time"}),
    (PYTHON, "fork", "a fork bomb ends", {"processes"}),
    (C, "bomb", "a fork bomb in C ends", {"processes"}),
    (PYTHON, "threads", "threads without an end end", {"processes"}),
    (PYTHON, "memory", "the memory of all together is bounded", {"memory"}),
    (PYTHON, "greed", "the memory of one is bounded", {"passed"}),
    (C, "hidden", "memory that nobody counts is bounded", {"passed", "memory"}),
    (PYTHON, "disk", "the disk is bounded", {"passed"}),
    (PYTHON, "names", "the number of files is bounded", {"passed"}),
    (PYTHON, "descriptors", "open files are bounded", {"passed"}),
    (PYTHON, "everyone", "kill(-1) ends the sandbox's own", {"status"}),
    (C, "starve", "a sandbox that loses its init is a failure", {"passed", "broken"}),
    (C, "crash", "a crash is told, without a core file", {"status"}),
    (PYTHON, "nothing_left", "who deletes its folder has nothing to compare", {"missing"}),
    (PYTHON, "link", "a link is not followed", {"missing"}),
    (PYTHON, "fifo", "a FIFO is not waited for", {"missing"}),
    (PYTHON, "sparse", "large files without content", {"differs"}),
    (PYTHON, "deep", "deep folders", {"passed"}),
)
SANITIZED = bool(os.environ.get("SAN"))


def check_attacks(who, place):
    for program, mode, about, reasons in ATTACKS:
        with case(f"{who}: {about}"):
            if program is C and have("cc"):
                raise Skip(have("cc"))
            if SANITIZED and mode in ("greed", "hidden"):
                raise Skip("a sanitized build has no limits of address space")
            judged = place.judge(90 if "time" in reasons else 93, program, mode)
            check(judged["reason"] in reasons, f"{judged} is none of {reasons}")
            place.check_outside()


def check_words(who, place):
    with case(f"{who}: the words tell what happened, and where"):
        (place.lessons / "90-hostile" / "mode").write_text("loop\n", encoding="utf-8")
        result = run(*place.command(90, PYTHON), timeout=60)
        equal(result.returncode, 1, result.stderr)
        contains(result.stdout, f"longer than {SECONDS} s")
        contains(result.stdout, "busy")
    with case(f"{who}: bytes of the program do not reach the terminal as they are"):
        (place.home / "folder" / "rude.py").write_text(
            "import sys\nsys.stdout.write('\\x1b]0;owned\\x07\\n')\nopen('got.txt', 'w').write('\\x1b[2J')\n", encoding="utf-8")
        result = run(*place.command(90, place.home / "folder" / "rude.py"), timeout=60)
        (place.home / "folder" / "rude.py").unlink()
        check("\x1b]" not in result.stdout and "\x1b[2J" not in result.stdout, repr(result.stdout))
        contains(result.stdout, "byte 0")
    with case(f"{who}: a C program that cannot be compiled is told with the compiler's words"):
        bad = place.home / "folder" / "bad.c"
        for text in ("int main(void) { return x; }\n", '#include "/dev/zero"\nint main(void) { return 0; }\n',
                     '#include "/etc/shadow"\nint main(void) { return 0; }\n'):
            if have("cc"):
                raise Skip(have("cc"))
            bad.write_text(text, encoding="utf-8")
            equal(place.judge(90, bad)["reason"], "not-compiled")
        result = run(*place.command(90, bad), timeout=60)
        bad.unlink()
        contains(result.stdout, "etc/shadow")
        place.check_outside()


def check_recorded(who, place):
    program = place.home / "folder" / "client.py"
    client = "import os, socket\nwith socket.create_connection(('10.77.0.2', 5000)) as conn:\n    conn.sendall(b'hello')\n"
    for about, text, reason in (
            ("lab and recorder work inside", client, "passed"),
            ("a judge's section is said", client.replace("hello", "hell"), "judged"),
            ("a recording is not believed", client + "os.unlink('t.pcapng')\nopen('t.pcapng', 'w').write('{}' * 1000)\n", "facts"),
            ("a folder full of names", client + "for i in range(900): os.mkdir(f'{i}')\n", "passed"),
            ("everything is killed", "import os\nos.kill(-1, 9)\n", "status")):
        with case(f"{who}, recorded: {about}"):
            program.write_text(text, encoding="utf-8")
            try:
                judged = place.judge(91, program)
            finally:
                program.unlink()
            equal(judged["reason"], reason, str(judged))
            place.check_outside()
    with case(f"{who}, recorded: a judge's section speaks of what was found"):
        program.write_text(client.replace("hello", "hell"), encoding="utf-8")
        result = run(*place.command(91, program), timeout=60)
        program.unlink()
        equal((result.returncode, result.stderr), (1, ""))
        contains(result.stdout, "Of five bytes 4 came.")


def check_received(who, place):
    """A program to mend as lessons have it: where it is wrong, and what the recording tells of that place."""
    program = place.home / "folder" / "receiver.py"
    cases = (
        ("a right one passes in every network", "while data := conn.recv(1024): got.write(data)", 0, []),
        ("one that reads too little", "got.write(conn.recv(100))", 1,
         ["got.bin ends at byte 100; want.bin has 5000 bytes", "recv #1 returned 100 bytes: a part of send #1",
          "asked for no more than 100"]),
        ("one that writes something else",
         "while data := conn.recv(1024): got.write(data.replace(b'\\x07', b'\\x1b'))", 1,
         ["got.bin is wrong from byte 7 on", '"\\x1b\\x08\\t\\n', '"\\x07\\x08\\t\\n']),
        ("one that waits for ever", "while True: got.write(conn.recv(1) or listener.accept()[0].recv(1))", 1,
         ["longer than 15 s", "waiting in accept"]),
        ("one that fails", "raise ValueError('no')", 1, ["got.bin ends at byte 0", "ValueError: no"]),
    )
    for about, body, status, words in cases:
        with case(f"{who}, received: {about}"):
            program.write_text(RECEIVER % body, encoding="utf-8")
            try:
                result = run(*place.command(92, program), timeout=60)
            finally:
                program.unlink()
            equal(result.returncode, status, result.stdout + result.stderr)
            text = " ".join(result.stdout.split())
            for word in words:
                contains(text, word)
            if status == 0:
                contains(text, "small")
            place.check_outside()


def check_signals(who, place):
    for number, status in ((signal.SIGINT, -signal.SIGINT), (signal.SIGTERM, -signal.SIGTERM), (signal.SIGKILL, -signal.SIGKILL)):
        with case(f"{who}: {number.name} to the runner ends it all at once"):
            (place.lessons / "93-hostile" / "mode").write_text("stubborn\n", encoding="utf-8")
            runner = subprocess.Popen(place.command(93, PYTHON), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                      stderr=subprocess.PIPE)
            wait_until(lambda: any("stubborn" in each for each in place.left()), what="the program's start")
            runner.send_signal(number)
            began = time.monotonic()
            runner.communicate(timeout=60)
            check(time.monotonic() - began < PATIENCE / 2, "it went on until the program's own end")
            equal(runner.returncode, status)
            place.check_outside()


def check_all(who, wrap, uid):
    place = Place(wrap, uid)
    try:
        check_attacks(who, place)
        check_words(who, place)
        check_recorded(who, place)
        check_received(who, place)
        check_signals(who, place)
    finally:
        place.close()


def check_refused(who, wrap, uid):
    """Where there are no user namespaces the exercise is not run."""
    place = Place(wrap, uid)
    with case(f"{who}: without user namespaces no exercise is run, and the message says why"):
        result = run(*place.command(90, PYTHON), timeout=60)
        equal((result.returncode, "✓" in result.stdout), (2, False), result.stderr)
        contains(result.stderr, "user namespace")
        place.check_outside()
    place.close()


def check_as(who, wrap, uid):
    able = run(*wrap("unshare", "--user", "--map-root-user", "--net", "true")).returncode == 0
    (check_all if able else check_refused)(who, wrap, uid)


if have("unshare"):
    skip("hostile programs", have("unshare"))
else:
    check_as("root" if user_uid() is None and os.geteuid() == 0 else "user", as_user, user_uid())
    if user_uid() is not None:
        check_as("root", lambda *argv: [str(word) for word in argv], None)
done()
