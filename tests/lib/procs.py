"""Programs under test: running them, waiting for them, and running them as an ordinary user."""

import functools
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BUILD = pathlib.Path(os.environ.get("BUILD") or ROOT / "build").resolve()
SOCKDIAG = str(pathlib.Path(os.environ.get("SOCKDIAG") or BUILD / "sockdiag").resolve())


def wait_until(condition, deadline=10.0, what="the condition"):
    """Poll `condition` until it gives something true, and return that. AssertionError after `deadline` seconds."""
    end = time.monotonic() + deadline
    pause = 0.001
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"{what} did not come true within {deadline:g} s")
        time.sleep(pause)
        pause = min(pause * 2, 0.05)


def run(*argv, timeout=60, text=True, **more):
    """subprocess.run with a time limit and what is not redirected captured. Never raises for an exit status."""
    if "input" not in more:
        more.setdefault("stdin", subprocess.DEVNULL)
    if text:
        more.setdefault("errors", "replace")
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | more
    words = [str(word) for word in argv]
    try:
        return subprocess.run(words, text=text, timeout=timeout, check=False, **streams)
    except (FileNotFoundError, PermissionError) as error:
        return subprocess.CompletedProcess(words, 127, "" if text else b"", str(error) if text else str(error).encode())


def sockdiag(*argv, **more):
    """Run the program under test."""
    return run(SOCKDIAG, *argv, **more)


def state(pid):
    """One letter: S sleeps (in a call that blocks), T and t stopped, Z dead; see proc(5)."""
    return pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()[0]


def gone(pid):
    try:
        return state(pid) == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


def have(*commands):
    """None, or why a test that needs these commands cannot run."""
    absent = [command for command in commands if shutil.which(command) is None]
    return f"not installed: {', '.join(absent)}" if absent else None


def in_chroot():
    """By the list of mounts, which has no "/" where the root is a directory like any other; where it is a mount of its
    own, by the root of process 1, as far as that may be looked at."""
    mounts = pathlib.Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="replace")
    if all(line.split()[4] != "/" for line in mounts.splitlines()):
        return True
    try:
        return not os.path.samestat(os.stat("/proc/1/root"), os.stat("/"))
    except OSError:
        return False


def _mapped(uid):
    """Is the uid one of this user namespace's?"""
    for line in pathlib.Path("/proc/self/uid_map").read_text(encoding="ascii").splitlines():
        first, _, count = (int(word) for word in line.split())
        if first <= uid < first + count:
            return True
    return False


@functools.cache
def user_uid():
    """The uid that as_user() gives a command; None where it changes nothing: the caller is no root, or root is in
    a chroot (where nobody else can make user namespaces), or has no second uid in its namespace."""
    if os.geteuid() != 0 or in_chroot() or shutil.which("setpriv") is None:
        return None
    return next((uid for uid in (65534, 1000, 1) if _mapped(uid)), None)


@functools.cache
def user_dir():
    """A directory that the ordinary user owns; the HOME of its commands."""
    path = tempfile.mkdtemp(prefix="home-")
    if user_uid() is not None:
        os.chown(path, user_uid(), user_uid())
    return path


def as_user(*argv):
    """The command line that runs `argv` as an ordinary user, with a HOME of its own. See user_uid() for where it
    stays what the caller is."""
    words = [str(word) for word in argv]
    if user_uid() is None:
        return words
    return ["setpriv", f"--reuid={user_uid()}", f"--regid={user_uid()}", "--clear-groups", "--inh-caps=-all",
            "env", f"HOME={user_dir()}", *words]


@functools.cache
def user_sockdiag():
    """The program at a place where the ordinary user can execute it (a checkout under /root is not one)."""
    if user_uid() is None or run(*as_user("test", "-x", SOCKDIAG)).returncode == 0:
        return SOCKDIAG
    copy = pathlib.Path(tempfile.mkdtemp(prefix="bin-"))
    copy.chmod(0o755)
    shutil.copy2(SOCKDIAG, copy / "sockdiag")
    return str(copy / "sockdiag")


@functools.cache
def user_python():
    """A Python that the ordinary user can execute, or None (one under /root is not)."""
    for path in (sys.executable, "/usr/bin/python3", "/usr/local/bin/python3"):
        if run(*as_user(path, "-c", "")).returncode == 0:
            return path
    return None


def _userns_reason():
    for path, bad, advice in (
            ("/proc/sys/user/max_user_namespaces", "0", "sysctl user.max_user_namespaces=10000"),
            ("/proc/sys/kernel/unprivileged_userns_clone", "0", "sysctl kernel.unprivileged_userns_clone=1"),
            ("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1",
             "sysctl kernel.apparmor_restrict_unprivileged_userns=0")):
        try:
            if pathlib.Path(path).read_text(encoding="ascii").strip() == bad:
                return f"no user namespaces here ({path} is {bad}; {advice})"
        except OSError:
            continue
    return "in a chroot nobody can make user namespaces" if in_chroot() else None


@functools.cache
def can_userns():
    """(True, None), or (False, why an ordinary user gets no user and network namespace here)."""
    if shutil.which("unshare") is None:
        return False, "not installed: unshare"
    tried = run(*as_user("unshare", "--user", "--map-root-user", "--net", "true"))
    if tried.returncode == 0:
        return True, None
    return False, _userns_reason() or f"no user namespaces here: {tried.stderr.strip()}"


@functools.cache
def can_lab():
    """(True, None), or (False, why the two-host network cannot be made here by whom as_user() gives)."""
    if os.geteuid() != 0 or user_uid() is not None:
        return can_userns()
    tried = run("unshare", "--net", "true")
    return (True, None) if tried.returncode == 0 else (False, f"no network namespaces: {tried.stderr.strip()}")
