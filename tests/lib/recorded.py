"""Programs under record, for the tests of the recorder."""

import atexit
import pathlib
import tempfile

import pcapng
from cases import Skip, equal
from procs import ROOT, have, run, sockdiag

HERE = ROOT / "tests" / "net"
WORK = tempfile.TemporaryDirectory(prefix="sockdiag-record-")
DIR = pathlib.Path(WORK.name)
atexit.register(WORK.cleanup)


def need(*commands):
    reason = have(*commands)
    if reason:
        raise Skip(reason)


def record(name, *argv, options=("--bytes",), **more):
    """Record a program; its result and what the file holds."""
    file = DIR / f"{name}.pcapng"
    result = sockdiag("record", *options, "-o", file, "--", *argv, **more)
    return result, pcapng.read(file)


def compiled(name, *flags):
    """A program of tests/net/programs."""
    need("cc")
    out = DIR / (name + "".join(flags).replace("-", "_"))
    built = run("cc", "-O1", "-D_GNU_SOURCE", "-o", out, HERE / "programs" / f"{name}.c", "-pthread", *flags)
    if built.returncode != 0 and "-static" in flags:
        raise Skip("no static C library")
    equal(built.returncode, 0, built.stderr)
    return out
