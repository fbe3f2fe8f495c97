#!/usr/bin/env python3
"""The demo file transfer over loopback:

    put, get, ls (or a peer written here, well-behaved or not)  --  127.0.0.1:PORT  --  sockdiag ftp serve DIRECTORY

Each server listens on a port of the kernel's choice and says which."""

import contextlib
import json
import os
import pathlib
import re
import select
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import time

from cases import Skip, case, check, contains, done, equal
from procs import SOCKDIAG, can_userns, run, wait_until

SCRATCH = pathlib.Path(tempfile.mkdtemp(prefix="ftp-"))
TEXT = "粘包" * 682 + "ABCD"  # 4096 bytes, 1368 characters


class Server:
    """A running `ftp serve`; `command` may wrap it."""

    def __init__(self, *options, wrap=None):
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="root-", dir=SCRATCH))
        self.log_path = self.root.with_suffix(".log")
        argv = [SOCKDIAG, "ftp", "serve", str(self.root), "--listen", "127.0.0.1:0", *options]
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen(wrap(argv, self.root) if wrap else argv, stdin=subprocess.DEVNULL,
                                            stdout=log, stderr=log)
        self.address = wait_until(self._address, what="the server listening")

    def _address(self):
        check(self.process.poll() is None, lambda: f"the server ended: {self.log()}")
        found = re.search(r"listening on (\S+),", self.log())
        return found and found[1]

    def log(self):
        return self.log_path.read_text(encoding="utf-8")

    def connect(self):
        host, port = self.address.rsplit(":", 1)
        return socket.create_connection((host, int(port)), timeout=10)

    def run(self, op, *names, options=(), **more):
        return run(SOCKDIAG, "ftp", op, self.address, *names, *options, **more)

    def files(self):
        """Everything in the root, hidden files too."""
        return sorted(path.name for path in self.root.iterdir())

    def stop(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        status = self.process.wait(timeout=10)
        return status


@contextlib.contextmanager
def serving(*options, wrap=None):
    server = Server(*options, wrap=wrap)
    try:
        yield server
        equal(server.stop(), 0, "the server's exit status")
    finally:
        if server.process.poll() is None:
            server.process.kill()
            server.process.wait()


def source(name, data):
    directory = pathlib.Path(tempfile.mkdtemp(prefix="source-", dir=SCRATCH))
    path = directory / name
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return path


def expect(result, status, *parts):
    """The exit status, and what the messages must say."""
    equal(result.returncode, status, f"exit status ({result.stderr.strip()})")
    for part in parts:
        contains(result.stderr, part)


def there_and_back(server, options, name, data):
    """Put a file, get it, compare it at each place."""
    into = pathlib.Path(tempfile.mkdtemp(prefix="into-", dir=SCRATCH))
    path = source(name, data)
    expect(server.run("put", path, options=options), 0)
    equal((server.root / name).read_bytes(), path.read_bytes(), "the stored bytes")
    expect(server.run("get", name, options=[*options, "-d", into]), 0)
    equal((into / name).read_bytes(), path.read_bytes(), "the fetched bytes")
    equal([entry.name for entry in into.iterdir()], [name])


def counted(header):
    text = json.dumps(header, ensure_ascii=False).encode() if isinstance(header, dict) else header
    return struct.pack(">I", len(text)) + text


def receive_to_end(peer):
    data = b""
    while piece := peer.recv(65536):
        data += piece
    return data


def answer_to(server, data):
    """Send bytes, end, and read everything that is answered."""
    with server.connect() as peer:
        peer.sendall(data)
        peer.shutdown(socket.SHUT_WR)
        return receive_to_end(peer)


def still_serves(server):
    result = server.run("ls", options=["--json"])
    expect(result, 0)
    equal(sorted(json.loads(line)["name"] for line in result.stdout.splitlines()), server.files())


def queues(local, remote):
    """Bytes of a socket of this network that wait (to be acknowledged, to be read), from /proc/net/tcp."""
    for line in pathlib.Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]:
        words = line.split()
        if int(words[1].split(":")[1], 16) == local and int(words[2].split(":")[1], 16) == remote:
            return [int(word, 16) for word in words[4].split(":")]
    return None


def server_has_read(peer):
    """Whether all that was sent has arrived and was taken by a recv of the other end."""
    here, there = peer.getsockname()[1], peer.getpeername()[1]
    mine, its = queues(here, there), queues(there, here)
    return mine is not None and its is not None and mine[0] == 0 and its[1] == 0


# ---- what must work ----

SIZES = {"empty": b"", "one": b"x", "4096 bytes": b"L" * 4096, "3 MB": os.urandom(3_000_000), "粘包.txt": TEXT,
         "spaces and \"quotes\" \\": b"\n \n"}

with serving() as length_server:
    for file_name, content in SIZES.items():
        with case(f"length: put and get of {file_name}"):
            there_and_back(length_server, [], file_name, content)

    with case("ls lists what was put, sorted, as text and as JSON"):
        plain = length_server.run("ls")
        expect(plain, 0)
        rows = [line.split(None, 1) for line in plain.stdout.splitlines()]
        equal(dict((name, int(size)) for size, name in rows),
              {name.replace("\\", "\\\\"): len(data.encode() if isinstance(data, str) else data)
               for name, data in SIZES.items()})
        objects = [json.loads(line) for line in length_server.run("ls", options=["--json"]).stdout.splitlines()]
        equal([item["name"] for item in objects], sorted(SIZES, key=str.encode))
        equal({item["type"] for item in objects}, {"file"})
        equal(list(objects[0]), ["type", "name", "size"])

    with case("several files on one connection, and an existing one is replaced"):
        first, second = source("first", b"1" * 10), source("4096 bytes", b"new")
        lines = len(length_server.log().splitlines())
        expect(length_server.run("put", first, second), 0, "first: 10 bytes stored")
        equal((length_server.root / "4096 bytes").read_bytes(), b"new")
        peers = {line.split(" ", 1)[0] for line in length_server.log().splitlines()[lines:]}
        equal(len(peers), 1, "connections")

    with case("put --json and get --json tell name and size"):
        result = length_server.run("put", source("j", b"123"), options=["--json"])
        equal(json.loads(result.stdout)["size"], 3)
        result = length_server.run("get", "j", options=["--json", "-d", SCRATCH])
        equal(json.loads(result.stdout), {"type": "get", "name": "j", "size": 3})

    with case("the log tells each request, one line each"):
        contains(length_server.log(), "put 粘包.txt: stored 4096 bytes\n")
        contains(length_server.log(), "get 3 MB: sent 3000000 bytes\n")

for framing, work in (("lockstep", 20), ("lockstep", 0), ("sleep", 0), ("sleep", 20), ("length", 20)):
    with case(f"{framing} works with work {work} ms"), \
            serving("--framing", framing, "--work", str(work)) as server:
        path = source("粘包.txt", TEXT)
        # A long pause: on a busy machine the reader is late by more than the usual 50 ms.
        expect(server.run("put", path, options=["--framing", framing, "--pause", "300"]), 0)
        equal((server.root / "粘包.txt").read_text(encoding="utf-8"), TEXT)
        expect(server.run("ls", options=["--framing", framing]), 0)
        if framing != "sleep":  # the client's reader must not be late either: that is luck
            expect(server.run("get", "粘包.txt", options=["--framing", framing, "-d", SCRATCH]), 0)
            equal((SCRATCH / "粘包.txt").read_text(encoding="utf-8"), TEXT)

with case("size counts what may follow: two files on one connection, an answer between"), \
        serving("--framing", "size") as server, server.connect() as peer:
    for word in (b"ABC", b"DEFG"):
        peer.sendall(json.dumps({"op": "put", "name": word.decode(), "size": len(word)}).encode())
        wait_until(lambda: server_has_read(peer), what="the header being taken")
        peer.sendall(word)
        equal(json.loads(peer.recv(1024)), {"ok": True, "stored": len(word)})
    equal(server.files(), ["ABC", "DEFG"])

# ---- the framings that break ----

for framing in ("naive", "size"):
    with case(f"{framing} breaks when the server works: status 1, and the byte is named"), \
            serving("--framing", framing, "--work", "200") as server:
        result = server.run("put", source("notes.txt", b"L" * 4096), options=["--framing", framing])
        header = len(json.dumps({"op": "put", "name": "notes.txt", "size": 4096}, separators=(",", ":")))
        told = f"the header is followed by {1024 - header} bytes of something else"
        expect(result, 1, told, f"extra data at byte {header} of the stream", f"framing {framing}")
        contains(server.log(), f"put notes.txt: {told}")
        equal(server.files(), [])
        still = server.run("put", source("empty", b""), options=["--framing", framing])
        expect(still, 0)

for framing in ("naive", "sleep", "lockstep", "size"):
    with case(f"{framing} breaks on a header over 1024 bytes"), serving("--framing", framing) as server:
        options = ["--framing", framing, "--comment", "x" * 1100]
        result = server.run("put", source("notes.txt", b"L" * 100), options=options)
        expect(result, 1, "recv returned 1024 bytes, and the JSON does not end with them (byte 1024 of the stream)")
        equal(server.files(), [])

with case("length does not care for a long header"), serving() as server:
    expect(server.run("put", source("a", b"1"), options=["--comment", "x" * 60000]), 0)

with case("a list over 1024 bytes breaks a one-recv reader and not length"):
    for framing, status in (("naive", 1), ("length", 0)):
        with serving("--framing", framing) as server:
            for i in range(60):
                (server.root / f"file number {i}").write_bytes(b"")
            expect(server.run("ls", options=["--framing", framing]), status)

with case("a list that does not fit is cut, told, and ends with 3"), serving() as server:
    for i in range(700):
        (server.root / f"{i:03}{'n' * 80}").write_bytes(b"")
    result = server.run("ls")
    expect(result, 3, "more files did not fit")
    told = int(re.search(r"(\d+) more files", result.stderr)[1])
    equal(len(result.stdout.splitlines()) + told, 700)


# ---- the bugs ----

def bug_case(bug, framing, side, op, data, status, *parts):
    with case(f"bug {bug} in {framing}, {side}'s: {op} ends with {status}"):
        flags = ["--framing", framing]
        with serving(*flags, "--timeout", "2", *(["--bug", bug] if side == "server" else [])) as server:
            path = source("粘包.txt", data)
            if op == "get":
                shutil.copy(path, server.root)
            options = [*flags, "--timeout", "2", *(["--bug", bug] if side == "client" else [])]
            if op == "get":
                options += ["-d", tempfile.mkdtemp(dir=SCRATCH)]
            begin = time.monotonic()
            expect(server.run(op, path if op == "put" else path.name, options=options), status, *parts)
            check(time.monotonic() - begin < 20, "it did not end in time")


bug_case("size-chars", "length", "client", "put", TEXT, 1, "stored 1368 bytes; the file has 4096")
bug_case("size-chars", "length", "server", "get", TEXT, 1, "2728 bytes came after the end of the last message")
bug_case("size-chars", "length", "client", "put", "ASCII only", 0)
bug_case("size-overrun", "length", "server", "put", "L" * 3_000_000, 1, "the reader counts")
bug_case("size-overrun", "length", "client", "get", "L" * 3_000_000, 1, "the reader counts")
bug_case("short-send", "length", "client", "put", "L" * 1_000_000, 1, "the stream ended inside the body")
bug_case("short-send", "naive", "client", "put", "L" * 1_000_000, 1)
bug_case("short-send", "length", "server", "get", "L" * 1_000_000, 1, "the stream ended inside the body")

with case("bug size-overrun in size: the counter does not add up"), \
        serving("--framing", "size", "--bug", "size-overrun") as server, server.connect() as peer:
    peer.sendall(b'{"op":"put","name":"a","size":3000}')
    wait_until(lambda: server_has_read(peer), what="the header being taken")
    peer.sendall(b"L" * 3000)
    peer.shutdown(socket.SHUT_WR)
    contains(receive_to_end(peer).decode(), "of 3000 bytes (3000 came)")
    equal(server.files(), [])

with case("a bug that the framing cannot show is refused"):
    for name in ("size-chars", "size-overrun"):
        for framing in ("naive", "sleep", "lockstep"):
            result = run(SOCKDIAG, "ftp", "ls", "127.0.0.1:1", "--bug", name, "--framing", framing)
            expect(result, 2, "counts nothing")

# ---- names and the root ----

with serving() as server:
    with case("names that are paths, hidden, odd or long are refused by client and server"):
        (SCRATCH / "outside").write_bytes(b"secret")
        for bad in ("../outside", "/etc/passwd", "a/b", ".", "..", "", ".profile", "a\nb", "a\x7f", "n" * 256):
            reply = json.loads(answer_to(server, counted({"op": "get", "name": bad}))[4:])
            equal(reply["ok"], False, repr(bad))
            contains(reply["error"], "the name ")
            reply = json.loads(answer_to(server, counted({"op": "put", "name": bad, "size": 1}) + b"x")[4:])
            equal(reply["ok"], False, repr(bad))
        expect(server.run("get", "../outside"), 2, "is a path")
        equal(server.files(), [])
        check(not (SCRATCH / "b").exists())

    with case("a name with a NUL, a wrong type or none is refused"):
        for header in (b'{"op":"get","name":"a\\u0000b"}', b'{"op":"get","name":7}', b'{"op":"get"}',
                       b'{"op":"put","name":"x"}', b'{"op":"put","name":"x","size":-1}', b'{"op":"rm"}', b"{}",
                       b'{"op":"put","name":"x","size":1.5}', b'[{"op":"ls"}]', b'{"op":"ls","op":"ls"}'):
            reply = json.loads(answer_to(server, counted(header))[4:])
            equal(reply["ok"], False, repr(header))

    with case("a name of 255 bytes works; one that is hostile to a terminal reaches it escaped"):
        there_and_back(server, [], "n" * 255, b"x")
        (server.root / "\u202ered\x1b[31m").write_bytes(b"")
        (server.root / "\u202eturned").write_bytes(b"")
        result = server.run("ls")
        contains(result.stdout, "\\u{202e}turned")
        check("\x1b" not in result.stdout and "\u202e" not in result.stdout, "raw bytes reached the terminal")
        answer_to(server, counted({"op": "get", "name": "\u202e\u2028x"}))
        contains(server.log(), "get \\u{202e}\\u{2028}x: there is no such file")

    with case("symbolic links, directories and FIFOs are not served, and a link is replaced, not followed"):
        (server.root / "link").symlink_to(SCRATCH / "outside")
        (server.root / "folder").mkdir()
        os.mkfifo(server.root / "fifo")
        for name, part in (("link", "symbolic link"), ("folder", "no regular file"), ("fifo", "no regular file"),
                           ("nothing", "no such file")):
            expect(server.run("get", name, options=["-d", SCRATCH]), 1, part)
        expect(server.run("put", source("folder", b"x")), 1, "directory of that name")
        expect(server.run("put", source("link", b"new")), 0)
        equal((SCRATCH / "outside").read_bytes(), b"secret")
        check(not (server.root / "link").is_symlink())
        check("fifo" not in server.run("ls").stdout)

# ---- limits and disks ----

with case("a file over the limit is refused by its announced size and by its real one"), \
        serving("--limit", "1000") as server:
    expect(server.run("put", source("a", b"x" * 1001)), 1, "more than the limit of 1000")
    expect(server.run("put", source("a", b"x" * 1000)), 0)
    expect(server.run("get", "a", options=["--limit", "999", "-d", SCRATCH]), 2, "limit of 999")
    check(not (SCRATCH / "a").exists())

with case("an unsized body does not pass the limit"), \
        serving("--limit", "1000", "--framing", "naive", "--timeout", "2") as server, server.connect() as peer:
    peer.sendall(b'{"op":"put","name":"a","size":10}')
    wait_until(lambda: server_has_read(peer), what="the header being taken")
    peer.sendall(b"x" * 5000)
    peer.shutdown(socket.SHUT_WR)
    contains(receive_to_end(peer).decode(), "limit of 1000")
    equal(server.files(), [])


def on_small_disk(argv, root):
    return ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c",
            'mount -t tmpfs -o size=256k none "$0" && exec "$@"', str(root), *argv]


with case("a full disk: the server says so, stores nothing, goes on"):
    allowed, reason = can_userns()
    if not allowed:
        raise Skip(reason)
    with serving(wrap=on_small_disk) as server:
        for data in (b"x" * 2_000_000, b"x" * 300_000):
            expect(server.run("put", source("big", data)), 1, "no space left")
        expect(server.run("put", source("small", b"y" * 100_000)), 0)
        equal(server.run("ls").stdout.split(), ["100000", "small"])

with case("get to a full disk is a failure of this machine: status 2"), serving() as server:
    allowed, reason = can_userns()
    if not allowed:
        raise Skip(reason)
    (server.root / "big").write_bytes(b"x" * 2_000_000)
    target = tempfile.mkdtemp(dir=SCRATCH)
    argv = [SOCKDIAG, "ftp", "get", server.address, "big", "-d", target]
    result = run(*on_small_disk(argv, target))
    expect(result, 2, "no space left")

# ---- peers that are not ours ----

with serving("--timeout", "1") as server:
    HOSTILE = {
        "nothing": b"",
        "half a length": b"\0\0",
        "a length and nothing": b"\0\0\0\x10",
        "half a header": b"\0\0\0\x20{\"op\":\"put\"",
        "a length of 4 GiB": b"\xff\xff\xff\xff" + b"x" * 100,
        "a length of nothing": b"\0\0\0\0",
        "text": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        "random bytes": os.urandom(100_000),
        "deep JSON": counted(b'{"a":' * 10_000),
        "a size beyond 64 bits": counted(b'{"op":"put","name":"a","size":99999999999999999999}'),
        "the greatest size": counted(b'{"op":"put","name":"a","size":9223372036854775807}') + b"x" * 1000,
        "half a body": counted({"op": "put", "name": "a", "size": 100_000}) + b"x" * 50_000,
    }
    for what, data in HOSTILE.items():
        with case(f"hostile peer: {what}, then the end"):
            answer = answer_to(server, data)
            if data:
                equal(json.loads(answer[4:])["ok"], False)
            equal(server.files(), [])
            still_serves(server)
        with case(f"hostile peer: {what}, then a reset"):
            with server.connect() as peer:
                peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                with contextlib.suppress(ConnectionError):
                    peer.sendall(data)
            equal(server.files(), [])
            still_serves(server)

    with case("hostile peer: silence is ended by the timeout"), server.connect() as peer:
        peer.sendall(HOSTILE["half a body"])
        contains(receive_to_end(peer).decode(), "nothing came for 1 s")
        equal(server.files(), [])

    for what, start in (("header", b"\0\0\xff\0"), ("body", counted({"op": "put", "name": "a", "size": 99999}))):
        with case(f"hostile peer: a {what} that drips is ended"), server.connect() as peer:
            peer.sendall(start)
            end = time.monotonic() + 20
            while not select.select([peer], [], [], 0.05)[0]:
                check(time.monotonic() < end, "the server waits for ever")
                peer.sendall(b"{")
            contains(peer.recv(65536).decode(errors="replace"), '"ok":false')

    with case("hostile peer: one that reads nothing is ended"):
        (server.root / "big").write_bytes(b"x" * 30_000_000)
        with server.connect() as peer:
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            peer.sendall(counted({"op": "get", "name": "big"}))
            wait_until(lambda: "took nothing for 1 s" in server.log(), what="the server giving up")
        still_serves(server)

with case("hostile server: what it answers is checked, and nothing is stored"):
    ANSWERS = (
        (b"", "without an answer"),
        (b"\0\0", "the stream ended after 2 of 4 bytes"),
        (b"HTTP/1.1 400\r\n", "is no header length (1 to 65536): the other side has another --framing"),
        (counted({"hello": 1}), 'has no "ok"'),
        (counted({"ok": True}), 'has no "size"'),
        (counted({"ok": False}), "the other side says: no"),
        (counted({"ok": False, "error": "a\x1b[31m\u202e"}), "a\\x1b[31m\\u{202e}"),
        (counted({"ok": True, "name": "../x", "size": 10}) + b"12345", "inside the body"),
        (counted({"ok": True, "name": "x", "size": 1}) + b"12345", "4 bytes came after the end"),
    )
    into = pathlib.Path(tempfile.mkdtemp(dir=SCRATCH))
    for answer, part in ANSWERS:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
            client = subprocess.Popen([SOCKDIAG, "ftp", "get", f"127.0.0.1:{port}", "x", "-d", into],
                                      stderr=subprocess.PIPE, text=True)
            listener.settimeout(10)
            with listener.accept()[0] as peer:
                receive_to_end(peer)
                peer.sendall(answer)
            message = client.communicate(timeout=20)[1]
            equal(client.returncode, 1, message)
            contains(message, part)
            if b"12345" not in answer:
                equal(list(into.iterdir()), [])

# ---- the end of a server ----

for number in (signal.SIGTERM, signal.SIGINT):
    with case(f"{number.name} ends a server that waits for a client"):
        equal(Server().stop(number), 0)

    with case(f"{number.name} in the middle of an upload: exit status 0, nothing left behind"):
        for framing in ("length", "naive"):
            server = Server("--framing", framing)
            with server.connect() as peer:
                header = {"op": "put", "name": "a", "size": 1000}
                peer.sendall(counted(header) if framing == "length" else json.dumps(header).encode())
                wait_until(lambda: server_has_read(peer), what="the header being taken")
                peer.sendall(b"x" * 500)
                wait_until(lambda: server_has_read(peer), what="the body being taken")
                begin = time.monotonic()
                equal(server.stop(number), 0)
                check(time.monotonic() - begin < 8, "it waited, as it does 10 s for a silent peer")
            equal(server.files(), [])
            contains(server.log(), "put a: stopped in the middle")

with case("SIGKILL in the middle of an upload leaves nothing behind, where the disk knows nameless files"):
    server = Server()
    with server.connect() as peer:
        peer.sendall(counted({"op": "put", "name": "a", "size": 1000}) + b"x" * 500)
        wait_until(lambda: server_has_read(peer), what="the body being taken")
        probe = tempfile.mkdtemp(dir=SCRATCH)
        try:
            os.close(os.open(probe, os.O_WRONLY | os.O_TMPFILE, 0o600))
        except OSError as error:
            server.stop(signal.SIGKILL)
            raise Skip(f"no O_TMPFILE here: {error}") from error
        server.stop(signal.SIGKILL)
    equal(server.files(), [])

with case("--once ends after one connection, with its result"):
    for data, status in ((b"fine", 0), (b"x" * 2000, 1)):
        server = Server("--once", "--limit", "1000")
        server.run("put", source("a", data))
        equal(server.process.wait(timeout=10), status)

# ---- what goes wrong before anything is sent ----

with case("no server: status 1, and what to do"):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    expect(run(SOCKDIAG, "ftp", "ls", f"127.0.0.1:{port}"), 1, "is `sockdiag ftp serve` running there?")

with case("a server that does not answer: status 1 after the timeout"):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        place = f"127.0.0.1:{listener.getsockname()[1]}"
        expect(run(SOCKDIAG, "ftp", "ls", place, "--timeout", "1"), 1, "nothing came for 1 s")

with case("errors of this machine and of usage: status 2"):
    with serving() as server:
        expect(server.run("put", SCRATCH / "missing"), 2, "cannot open")
        expect(server.run("put", SCRATCH), 2, "no regular file")
        expect(server.run("get", "x", options=["-d", SCRATCH / "missing"]), 2, "cannot open the directory")
        expect(run(SOCKDIAG, "ftp", "serve", SCRATCH, "--listen", server.address), 2, "another program does")
    expect(run(SOCKDIAG, "ftp", "serve", SCRATCH / "missing"), 2, "cannot open the directory")
    expect(run(SOCKDIAG, "ftp", "serve", SCRATCH, "--listen", "192.0.2.1:0"), 2, "no such address")
    expect(run(SOCKDIAG, "ftp", "ls", "no.such.host.invalid"), 2, "cannot find")
    expect(run(SOCKDIAG, "ftp", "ls", "[::1"), 2, "is no address")
    expect(run(SOCKDIAG, "ftp", "ls"), 2, "needs the server")
    expect(run(SOCKDIAG, "ftp", "put", "127.0.0.1"), 2, "which file?")
    expect(run(SOCKDIAG, "ftp", "ls", "127.0.0.1", "--framing", "chunked"), 2, "naive, sleep, lockstep, size and")
    expect(run(SOCKDIAG, "ftp", "ls", "127.0.0.1", "--bug", "heisen"), 2, "size-chars")
    expect(run(SOCKDIAG, "ftp", "steal"), 2, "there is no 'steal'")
    expect(run(SOCKDIAG, "ftp"), 2)

with case("IPv6: [::1], and every address by a port alone"):
    if not pathlib.Path("/proc/net/if_inet6").exists():
        raise Skip("this machine has no IPv6")
    for listen in ("[::1]:0", ":0"):
        root = tempfile.mkdtemp(dir=SCRATCH)
        log_path = SCRATCH / "six.log"
        with open(log_path, "wb") as log:
            process = subprocess.Popen([SOCKDIAG, "ftp", "serve", root, "--listen", listen], stderr=log)
        try:
            port = wait_until(lambda: re.search(r"listening on \[[0-9:a-f]+\]:(\d+),", log_path.read_text()),
                              what="the server listening")[1]
            for host in ("[::1]",) if listen != ":0" else ("[::1]", "127.0.0.1", "localhost"):
                expect(run(SOCKDIAG, "ftp", "put", f"{host}:{port}", source("six", b"6")), 0)
        finally:
            process.terminate()
            equal(process.wait(timeout=10), 0)

shutil.rmtree(SCRATCH, ignore_errors=True)
done()
