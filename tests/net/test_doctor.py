#!/usr/bin/env python3
"""sockdiag doctor: under each condition that a test can make, the line that says so, and the command that helps."""

import json
import os
import pathlib
import pty
import re
import select
import shlex
import shutil
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
from cases import Skip, case, check, contains, done, equal  # noqa: E402
from procs import as_user, can_lab, can_userns, have, run, user_sockdiag, user_uid  # noqa: E402

PYTHON = "/usr/bin/python3" if os.access("/usr/bin/python3", os.X_OK) else sys.executable
PROGRAM = user_sockdiag()
NAMES = ["user", "proc", "kernel", "limits", "user-namespaces", "lab", "sandbox", "recorder", "snapshots", "raw-sockets",
         "packet-sockets", "ping-socket", "sock-diag", "time-stamps", "offloads", "tcp-settings", "terminal", "colour", "locale",
         "language", "programs", "progress"]


def checks(result, expected_status=None):
    """{name: [findings]}; the exit status fits them."""
    equal(result.stderr, "")
    found = [json.loads(line) for line in result.stdout.splitlines()]
    summary = found.pop()
    equal(summary["type"], "summary")
    for verdict in ("works", "note", "fails"):
        equal(summary[verdict], sum(row["verdict"] == verdict for row in found), verdict)
    equal(result.returncode, 1 if summary["fails"] else 0)
    if expected_status is not None:
        equal(result.returncode, expected_status, [row for row in found if row["verdict"] == "fails"])
    by_name = {}
    for row in found:
        by_name.setdefault(row["name"], []).append(row)
    equal(list(by_name), NAMES, "the checks")
    return by_name


def doctor(*before, environment=None, **more):
    """What it finds, run behind these words, by the ordinary user."""
    return run(*as_user(*before, PROGRAM, "doctor", "--json"), env=environment or os.environ, **more)


def apart(*words):
    if os.geteuid() == 0 and user_uid() is None:
        return ["unshare", "--net", *words]
    return ["unshare", "--user", "--map-root-user", "--net", *words]


def after(lines):
    """Words that run Python first, in the same process."""
    return [PYTHON, "-c", f"import os, sys\n{lines}\nos.execv(sys.argv[1], sys.argv[1:])"]


def has(row, verdict, *parts, remedy=None):
    equal(row["verdict"], verdict, row["text"])
    for part in parts:
        contains(row["text"], part)
    if remedy is None:
        equal(row["remedy"], None)
    else:
        contains(row["remedy"] or "", remedy)


def machine():
    """What a check could have changed."""
    settings = []
    for path in ("net/ipv4/ping_group_range", "user/max_user_namespaces", "net/ipv4/tcp_congestion_control"):
        try:
            settings.append(pathlib.Path("/proc/sys", path).read_text(encoding="ascii"))
        except OSError:
            settings.append(None)
    return sorted(os.listdir("/sys/class/net")), pathlib.Path("/proc/self/mounts").read_text(encoding="utf-8"), settings


def need_lab():
    possible, why = can_lab()
    if not possible:
        raise Skip(why)


def need_userns():
    if os.geteuid() == 0 and user_uid() is None:
        raise Skip("root has no namespaces of others here")
    possible, why = can_userns()
    if not possible:
        raise Skip(why)


with case("as it is here: each check once, and the machine stays as it was"):
    before = machine()
    found = checks(doctor())
    equal(machine(), before)
    has(found["proc"][0], "works")
    for rows in found.values():
        for row in rows:
            check(len(row["text"]) > 5 and len(row["serves"]) > 3, str(row))
            check(row["verdict"] != "works" or not row["remedy"] or row["name"] == "colour", str(row))

with case("where a lab can be made, it works, and so do sandbox and recorder"):
    need_lab()
    found = checks(doctor())
    has(found["lab"][0], "works")
    if user_uid() is not None or os.geteuid() != 0:
        has(found["user-namespaces"][0], "works")
        has(found["sandbox"][0], "works")
    has(found["recorder"][0], "works")

with case("in a lab: no offload falsifies what is captured"):
    need_lab()
    found = checks(run(*as_user(PROGRAM, "lab", "--", PROGRAM, "doctor", "--json")))
    has(found["offloads"][0], "works", "e0")
    has(found["raw-sockets"][0], "works")
    has(found["packet-sockets"][0], "works")
    has(found["time-stamps"][0], "works")

with case("an interface with offloads: which, and the command"):
    need_userns()
    if have("ip"):
        raise Skip(have("ip"))
    found = checks(doctor(*apart("sh", "-c", 'ip link add v0 type veth peer name v1 && ip link set v0 up && exec "$0" "$@"')))
    row = found["offloads"][0]
    has(row, "note", "v0", "TSO", "GSO", remedy="sudo ethtool -K v0 tso off gso off")
    equal(len(found["offloads"]), 1)  # v1 is down

with case("an ordinary user: raw sockets need a capability, three ways"):
    need_userns()
    found = checks(doctor())
    for name in ("raw-sockets", "packet-sockets"):
        has(found[name][0], "note", "CAP_NET_RAW", "sudo", "lab", remedy=f"setcap cap_net_raw+ep '{PROGRAM}'")

with case("a program's file with CAP_NET_RAW: raw sockets work, and all else as without"):
    need_userns()
    if os.geteuid() != 0 or have("setcap"):
        raise Skip(have("setcap") or "only root can mark a file")
    with tempfile.TemporaryDirectory(prefix="sockdiag-setcap-") as place:
        os.chmod(place, 0o755)
        marked = shutil.copy2(PROGRAM, place)
        if run("setcap", "cap_net_raw+ep", marked).returncode != 0:
            raise Skip("the file system keeps no capabilities")
        found = checks(run(*as_user(marked, "doctor", "--json")))
    if found["user"][0]["verdict"] == "note":
        raise Skip("capabilities of files are not in force here")
    has(found["user"][0], "works", "CAP_NET_RAW")
    for name in ("raw-sockets", "packet-sockets", "lab", "recorder", "snapshots"):
        has(found[name][0], "works")

with case("ping_group_range, by what it says"):
    need_userns()
    for text, verdict in (("1 0", "note"), ("0 0", "works")):
        found = checks(doctor(*apart(*after(f"open('/proc/sys/net/ipv4/ping_group_range', 'w').write({text!r})"))))
        has(found["ping-socket"][0], verdict, "ping_group_range",
            remedy="sudo sysctl -w net.ipv4.ping_group_range=" if verdict == "note" else None)

with case("user namespaces forbidden: the setting is named, and the lab fails for it"):
    need_userns()
    if have("setpriv"):
        raise Skip(have("setpriv"))
    script = ('echo 0 >/proc/sys/user/max_user_namespaces || exit 77; '
              'exec setpriv --bounding-set=-all --inh-caps=-all "$0" "$@"')
    result = doctor("unshare", "--user", "--map-root-user", "sh", "-c", script)
    if result.returncode == 77:
        raise Skip("/proc/sys/user cannot be written here")
    found = checks(result, 1)
    for name in ("lab", "sandbox"):
        has(found[name][0], "fails", "user.max_user_namespaces = 0", remedy="sudo sysctl -w user.max_user_namespaces=")
    has(found["user-namespaces"][0], "note", "user.max_user_namespaces = 0", remedy="sudo sysctl -w user.max_user_namespaces=")
    has(found["raw-sockets"][0], "note", "root does not have", remedy="--cap-add NET_RAW")

with case("loopback that is down, TCP with other settings"):
    need_userns()
    found = checks(doctor(*apart(*after("open('/proc/sys/net/ipv4/tcp_sack', 'w').write('0')"))))
    has(found["time-stamps"][0], "note", "loopback interface is down", remedy="sudo ip link set lo up")
    row = next(row for row in found["tcp-settings"] if "tcp_sack" in row["text"])
    has(row, "note", "tcp_sack is 0 (usual: 1)", remedy="sudo sysctl -w net.ipv4.tcp_sack=1")

FILTER = """
import ctypes, struct
number = {'x86_64': {'ptrace': 101, 'pidfd_getfd': 438}, 'aarch64': {'ptrace': 117, 'pidfd_getfd': 438}}.get(os.uname().machine)
if number is None: sys.exit(77)
def row(code, true, false, value): return struct.pack('HBBI', code, true, false, value)
rows = (row(0x20, 0, 0, 0) + row(0x15, 0, 1, number['%s']) + row(0x06, 0, 0, 0x50000 | 1) + row(0x06, 0, 0, 0x7fff0000))
libc = ctypes.CDLL(None, use_errno=True)
libc.prctl.argtypes = [ctypes.c_int] + [ctypes.c_void_p] * 4
libc.prctl(38, 1, None, None, None)
room = ctypes.create_string_buffer(rows)
if libc.prctl(22, 2, struct.pack('HxxxxxxP', 4, ctypes.addressof(room)), None, None) != 0: sys.exit(77)
"""

for call, name, verdict in (("ptrace", "recorder", "fails"), ("pidfd_getfd", "snapshots", "note")):
    with case(f"{call} forbidden by a filter, as in containers: {name} {verdict}"):
        result = doctor(*after(FILTER % call))
        if result.returncode == 77:
            raise Skip("no seccomp filter here")
        found = checks(result, 1 if verdict == "fails" else None)
        has(found[name][0], verdict, call, remedy="docker run --cap-add SYS_PTRACE")

with case("limits: few files, no process"):
    found = checks(doctor(*after("import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40))")))
    has(found["limits"][0], "note", "open files: at most 40", remedy="ulimit -n")
    if user_uid() is not None or os.geteuid() != 0:
        found = checks(doctor(*after("import resource; resource.setrlimit(resource.RLIMIT_NPROC, (1, 1))")), 1)
        has(found["lab"][0], "fails", "no process can be started", remedy="ulimit -u")
        has(found["limits"][0], "note", "processes: at most 1", remedy="ulimit -u")

NO_PROC = "a sanitizer needs /proc itself" if os.environ.get("SAN") else None

with case("without /proc it says so, and goes on"):
    need_lab()
    if NO_PROC:
        raise Skip(NO_PROC)
    if os.geteuid() == 0 and user_uid() is None:
        words = ["unshare", "--mount"]
    else:
        words = as_user("unshare", "--user", "--map-root-user", "--mount")
    result = run(*words, "sh", "-c", f"mount -t tmpfs none /proc || exit 77; exec {shlex.quote(PROGRAM)} doctor --json")
    if result.returncode == 77 or result.stderr.startswith("unshare:"):
        raise Skip("nothing can be mounted over /proc here")
    found = checks(result, 1)
    has(found["proc"][0], "fails", "not mounted", remedy="mount -t proc")
    has(found["recorder"][0], "fails", "/proc", remedy="mount -t proc")
    has(found["tcp-settings"][0], "note", "are not known")

with case("an empty root: nothing is found, nothing crashes"):
    if os.geteuid() != 0 or NO_PROC:
        raise Skip(NO_PROC or "chroot needs root")
    libraries = re.findall(r"(/\S+) \(0x", run("ldd", PROGRAM).stdout)
    with tempfile.TemporaryDirectory(prefix="sockdiag-root-") as root:
        for file in (PROGRAM, *libraries):
            target = pathlib.Path(root + file)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(pathlib.Path(file).read_bytes())
            target.chmod(0o755)
        pathlib.Path(root, "dev").mkdir()
        os.mknod(f"{root}/dev/null", 0o20666, os.makedev(1, 3))
        result = run(shutil.which("chroot", path="/usr/sbin:/usr/bin:/sbin:/bin") or "chroot", root, PROGRAM, "doctor", "--json", env={})
    if result.returncode == 2 and "/dev/null" in result.stderr or result.returncode in (125, 126, 127):
        raise Skip(f"no root to run in: {result.stderr}")
    found = checks(result, 1)
    has(found["proc"][0], "fails", "not mounted", remedy="mount -t proc")
    has(found["programs"][0], "fails", "python3", remedy="apt-get install python3")
    has(found["progress"][0], "note", "neither HOME nor XDG_STATE_HOME", remedy="export HOME=")

with case("the locale, by what its variables say"):
    plain = {key: value for key, value in os.environ.items() if not key.startswith("LC_") and key not in ("LANG", "LANGUAGE")}
    for variables, verdict, part in (({"LC_ALL": "C.UTF-8"}, "works", "UTF-8, by LC_ALL"), ({"LC_ALL": "C"}, "note", "UTF-8 is assumed"),
                                     ({}, "note", "UTF-8 is assumed"), ({"LANG": "de_DE.ISO-8859-1"}, "note", "is not UTF-8")):
        row = checks(doctor(environment=plain | variables))["locale"][0]
        has(row, verdict, part, remedy="export LC_ALL=C.UTF-8" if verdict == "note" else None)

with case("programs of lessons that are not there"):
    with tempfile.TemporaryDirectory(prefix="sockdiag-path-") as empty:
        os.chmod(empty, 0o755)
        found = checks(doctor(*after(f"os.environ['PATH'] = {empty!r}; del os.environ['HOME']")), 1)
    equal([row["verdict"] for row in found["programs"]], ["fails", "note", "note"])
    for row, package in zip(found["programs"], ("python3", "gcc", "less")):
        contains(row["remedy"], f"sudo apt-get install {package}")
    has(found["progress"][0], "note", "neither HOME nor XDG_STATE_HOME", remedy="export HOME=")

with case("a home that cannot be written"):
    found = checks(doctor(*after("os.environ['XDG_STATE_HOME'] = '/dev/null/state'")))
    has(found["progress"][0], "note", "/dev/null cannot be written", remedy="XDG_STATE_HOME")

# ---- what people see ----

with case("60, 80 and 120 columns: a sign, a word, a remedy"):
    for columns in (60, 80, 120):
        for options in ((), ("--ascii",), ("-q",), ("-v",)):
            result = run(*as_user(PROGRAM, "doctor", "--width", columns, *options), env=os.environ | {"LC_ALL": "C"})
            check(result.returncode in (0, 1), result.stderr)
            equal([line for line in result.stdout.splitlines() if len(line) > columns], [], "too wide")
            equal("--ascii" in options and not result.stdout.isascii(), False, "not ASCII")
            flat = " ".join(result.stdout.split())
            good, note = ("+", "!") if "--ascii" in options else ("✓", "!")
            equal(f"{good} /proc works:" in flat, "-q" not in options)
            if "--ascii" not in options:
                contains(flat, f"{note} characters note: the locale does not say")
                contains(flat, "cure export LC_ALL=C.UTF-8")
            equal("for: all commands" in flat, "-v" in options)

with case("a narrow screen is told"):
    row = checks(doctor(environment=os.environ | {"COLUMNS": "50"}))["terminal"][0]
    has(row, "note", "50 columns")


def on_terminal(term, **variables):
    """What it prints on a terminal of 80 columns."""
    line = as_user(PROGRAM, "doctor")
    try:
        pid, terminal = pty.fork()
    except OSError as error:
        raise Skip(f"no terminal: {error}") from error
    if pid == 0:
        os.environ.update({"TERM": term, "LC_ALL": "C.UTF-8"} | variables)
        os.execvp(line[0], line)
    text = b""
    while select.select([terminal], [], [], 60)[0]:
        try:
            piece = os.read(terminal, 4096)
        except OSError:
            break
        if not piece:
            break
        text += piece
    os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), text.decode()


with case("on a terminal: colours, unless TERM or NO_COLOR says otherwise; TERM=dumb is told"):
    status, text = on_terminal("xterm")
    check(status in (0, 1) and "\x1b[32m" in text, text)
    check("colour" in text and "is used" in text, text)
    status, text = on_terminal("xterm", NO_COLOR="1")
    check("\x1b" not in text and "by NO_COLOR" in text, text)
    status, text = on_terminal("dumb")
    check("\x1b" not in text and "TERM is dumb" in text and "export TERM=xterm-256color" in text, text)

with case("the environment is quoted safely"):
    status, text = on_terminal("xterm", LC_ALL="C.UTF-8\x1b[31m\x07")
    check("\x07" not in text and "\x1b[31m\\x07" not in text and "\\x1b[31m" in text, text)

with case("operands are a mistake"):
    result = run(PROGRAM, "doctor", "now")
    equal((result.returncode, result.stdout), (2, ""))
    contains(result.stderr, "no operands")

done()
