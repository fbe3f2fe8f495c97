"""What a learner's program may do by mistake or out of curiosity. `targets` names what it should not reach; got.txt is
"safe" where nothing of it was, else it tells what was."""

import contextlib
import json
import mmap
import os
import pathlib
import resource
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time

TARGETS = json.loads(pathlib.Path("targets.json").read_text(encoding="utf-8"))
harm = []


def refused(what, function, *arguments, **more):
    """The call must fail."""
    try:
        function(*arguments, **more)
    except (OSError, ValueError):
        return
    harm.append(what)


def write_to(path):
    with open(path, "ab") as f:
        f.write(b"hostile")


def files():
    for name in TARGETS["files"]:
        for path in (name, "/proc/1/root" + name, "../../../../.." + name):
            refused(f"read {path}", open, path, "rb")
            refused(f"wrote {path}", write_to, path)
            refused(f"removed {path}", os.unlink, path)
            refused(f"renamed {path}", os.rename, path, path + "-")
            refused(f"chmod {path}", os.chmod, path, 0o777)
            refused(f"made a file beside {path}", write_to, path + ".new")
            refused(f"linked {path}", os.link, path, "linked")
    for folder in ("/", "/usr", "/usr/bin", "/etc", "/dev", "/sockdiag", "/proc", "/proc/sys/kernel", "/root", "/home", "/var",
                   "/run", "/sys"):
        refused(f"made a file in {folder}", write_to, folder + "/hostile")
        refused(f"made a folder in {folder}", os.mkdir, folder + "/hostile.d")
    for path in ("/sockdiag/sockdiag", "/usr/bin/env", "/etc/passwd", "/proc/sys/kernel/core_pattern",
                 "/proc/sysrq-trigger", "/proc/1/mem", "/proc/1/oom_score_adj", "/dev/kmsg", "/dev/tty", "/dev/sda"):
        refused(f"wrote {path}", write_to, path)
        refused(f"chmod {path}", os.chmod, path, 0o777)
    for folder in ("/etc", "/usr/bin", *TARGETS["folders"]):
        shutil.rmtree(folder, ignore_errors=True)
    refused("made a device", os.mknod, "device", 0o600 | 0o060000, os.makedev(1, 1))
    refused("read /etc/shadow", open, "/etc/shadow", "rb")


def connect(family, address):
    with socket.socket(family, socket.SOCK_STREAM) as s:
        s.settimeout(1)
        s.connect(address)


def reach():
    refused("reached an abstract socket", connect, socket.AF_UNIX, "\0" + TARGETS["abstract"])
    for path in TARGETS["sockets"]:
        refused(f"reached the socket {path}", connect, socket.AF_UNIX, path)
    for address, port in TARGETS["tcp"]:
        refused(f"reached {address}", connect, socket.AF_INET, (address, port))
    for folder in ("/run", "/var", "/tmp/.X11-unix", "/home", "/root"):
        if os.path.exists(folder):
            harm.append(f"{folder} is there")
    known = {"PATH", "HOME", "PWD", "OLDPWD", "TMPDIR", "LANG", "LANGUAGE", "PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE",
             "MALLOC_ARENA_MAX", "ASAN_OPTIONS", "UBSAN_OPTIONS", "LC_CTYPE", "_", "SHLVL"}
    harm.extend(f"{name} is in the environment" for name in os.environ if name not in known)
    harm.extend(f"descriptor {fd} is open" for fd in range(3, 1000) if os.path.exists(f"/proc/self/fd/{fd}"))
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            if TARGETS["marker"].encode() in pathlib.Path(f"/proc/{pid}/environ").read_bytes():
                harm.append(f"process {pid} is seen")
    os.kill(1, signal.SIGKILL)
    os.kill(1, signal.SIGSTOP)
    if os.getuid() != 0 or os.path.exists("/proc/1/root/etc"):
        harm.append("init is not beyond reach")


def daemon():
    """What leaves its group, its session and its streams, and ignores what it can."""
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.chdir("/")
            os.closerange(0, 100)
            while True:
                time.sleep(1000)
        os._exit(0)
    os.wait()


def loop():
    while True:
        pass


def stubborn():
    for number in range(1, 65):
        with contextlib.suppress(OSError, ValueError):
            signal.signal(number, signal.SIG_IGN)
    while True:
        time.sleep(1000)


def fork():
    while True:
        with contextlib.suppress(OSError):
            os.fork()


def threads():
    while True:
        with contextlib.suppress(RuntimeError, MemoryError):
            threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()


def memory():
    """Each below its own limit."""
    for _ in range(5):
        if os.fork() == 0:
            kept = bytearray(250 << 20)
            kept[::4096] = b"x" * len(kept[::4096])
            time.sleep(1000)
    time.sleep(1000)


def greed():
    """More than one process may have."""
    for size in (16 << 30, 1 << 30):
        try:
            bytearray(size)
            harm.append(f"took {size} bytes")
        except MemoryError:
            pass
        try:
            mmap.mmap(-1, size * 4)
            harm.append(f"shared {size * 4} bytes")
        except (OSError, ValueError):
            pass


def output():
    block = "x" * 65536
    while True:
        sys.stdout.write(block)
        sys.stderr.write(block)


def disk():
    for folder, most in ((".", 65 << 20), ("/tmp", 17 << 20), ("/dev/shm", 17 << 20)):
        size = 0
        with contextlib.suppress(OSError), open(folder + "/filled", "wb", buffering=0) as f:
            while size < 1 << 30:
                size += f.write(bytes(1 << 16))
        if size > most:
            harm.append(f"{size} bytes in {folder}")
        os.unlink(folder + "/filled")


def names():
    count = 0
    with contextlib.suppress(OSError):
        while count < 100000:
            os.mkdir(f"name-{count}")
            count += 1
    if count > 5000:
        harm.append(f"{count} folders")
    for number in range(count):
        os.rmdir(f"name-{number}")


def descriptors():
    kept = []
    with contextlib.suppress(OSError):
        while len(kept) < 100000:
            kept.extend(os.pipe())
    if len(kept) > 300:
        harm.append(f"{len(kept)} descriptors")
    while kept:
        os.close(kept.pop())
    refused("raised a limit", resource.setrlimit, resource.RLIMIT_NOFILE, (100000, 100000))


def everyone():
    """Ends all that it can see: the lab, the recorder, itself."""
    os.kill(-1, signal.SIGKILL)
    time.sleep(1000)


def nothing_left():
    shutil.rmtree(".", ignore_errors=True)
    sys.exit(0)


def link():
    os.symlink("/etc/passwd", "got.txt")
    sys.exit(0)


def fifo():
    os.mkfifo("got.txt")
    sys.exit(0)


def sparse():
    with open("got.txt", "wb") as f:
        f.truncate(64 << 20)
    for number in range(200):
        with open(f"sparse-{number}", "wb") as f:
            f.truncate(64 << 20)
    sys.exit(0)


def deep():
    for _ in range(500):
        os.mkdir("deeper")
        os.chdir("deeper")
    os.chdir("/lesson")


def subprocesses():
    """What honest programs do still works."""
    if subprocess.run(["cat", "mode"], capture_output=True, check=True).stdout != b"subprocesses\n":
        harm.append("cat does not work")
    left, right = socket.socketpair()
    left.sendall(b"x")
    if right.recv(1) != b"x":
        harm.append("socketpair does not work")
    with socket.create_server(("127.0.0.1", 5000)) as listener, socket.create_connection(("127.0.0.1", 5000)):
        listener.accept()[0].close()
    workers = [threading.Thread(target=time.sleep, args=(0.05,)) for _ in range(30)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()


{function.__name__: function for function in (
    files, reach, daemon, loop, stubborn, fork, threads, memory, greed, output, disk, names, descriptors, everyone, nothing_left,
    link, fifo, sparse, deep, subprocesses)}[sys.argv[1]]()
pathlib.Path("got.txt").write_text("\n".join(harm) or "safe", encoding="utf-8")
