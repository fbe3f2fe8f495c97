#!/usr/bin/env python3
"""sockdiag sockets: kinds, open sockets, problems. Each test has a network namespace of its own, with loopback only; or a
lab, where a problem needs a wire that loses packets or another host:

    [ client 10.77.0.1 ]--- wire ---[ 10.77.0.2 server: faults.py far ]
"""

import json
import os
import pathlib
import re
import shlex
import shutil
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
from cases import Skip, case, check, contains, done, equal, skip  # noqa: E402
from procs import as_user, can_lab, run, user_sockdiag, user_uid  # noqa: E402

POSSIBLE, WHY_NOT = can_lab()
if not POSSIBLE:
    skip("sockets", WHY_NOT)
    done()

WORK = tempfile.TemporaryDirectory(prefix="sockdiag-sockets-")
DIR = pathlib.Path(WORK.name)
DIR.chmod(0o755)
PYTHON = "/usr/bin/python3" if os.access("/usr/bin/python3", os.X_OK) else sys.executable
FAULTS = DIR / "faults.py"
shutil.copy2(pathlib.Path(__file__).resolve().parent / "programs" / "faults.py", FAULTS)
FAULTS.chmod(0o755)
PROGRAM = user_sockdiag()
UP = "import sys; sys.argv = ['', 'none']; sys.path.insert(0, %r); import faults; faults.loopback_up()" % str(DIR)


def apart(*words):
    """The command line in a network namespace of its own, as root of a user namespace where that is possible."""
    if os.geteuid() == 0 and user_uid() is None:
        return ["unshare", "--net", *map(str, words)]
    return as_user("unshare", "--user", "--map-root-user", "--net", *words)


def sockets(*words, before="", environment=None):
    """sockdiag sockets in a namespace with loopback, after some lines of Python; those keep their sockets open."""
    script = f"{UP}\n{before}\nimport subprocess\nsys.exit(subprocess.run({[PROGRAM, 'sockets', *map(str, words)]!r}).returncode)"
    return run(*apart(PYTHON, "-c", script), env=os.environ | (environment or {}))


def rows(text, kind):
    return [row for row in map(json.loads, text.splitlines()) if row["type"] == kind]


# ---- kinds ----


def kind_of(text, family, socket, protocol):
    found = [row for row in rows(text, "kind") if (row["family"], row["socket"], row["protocol"]) == (family, socket, protocol)]
    equal(len(found), 1, f"rows of {family} {socket} {protocol}")
    return found[0]


PROPERTIES = ("boundaries", "order", "delivery", "rest", "connection")

with case("kinds: what each keeps and loses is seen, not only believed"):
    result = sockets("--json")
    equal((result.returncode, result.stderr), (0, ""))
    for name, expected in ((("unix", "STREAM", None), ("lost", "kept", "kept", "kept", True)),
                           (("unix", "DGRAM", None), ("kept", "kept", "kept", "lost", False)),
                           (("unix", "SEQPACKET", None), ("kept", "kept", "kept", "lost", True)),
                           (("inet", "STREAM", "tcp"), ("lost", "kept", "kept", "kept", True))):
        row = kind_of(result.stdout, *name)
        equal((row["available"], row["errno"], row["reason"]), (True, None, None), str(name))
        equal(tuple(row[key]["answer"] for key in PROPERTIES), expected, str(name))
        equal([key for key in PROPERTIES if not row[key]["tried"]], [], f"{name}: only believed")
    udp = kind_of(result.stdout, "inet", "DGRAM", "udp")
    equal(tuple(udp[key]["answer"] for key in PROPERTIES), ("kept", "lost", "lost", "lost", False))
    equal([key for key in PROPERTIES if not udp[key]["tried"]], ["order"])  # loopback reorders nothing: no proof

with case("kinds: what is not here, and why"):
    result = sockets("--json")
    for family in ("unix", "inet"):
        row = kind_of(result.stdout, family, "RDM", None)
        equal((row["available"], row["errno"]), (False, "ESOCKTNOSUPPORT"))
        equal([row[key]["answer"] for key in PROPERTIES], [None] * 5)
    check(kind_of(result.stdout, "inet", "RAW", "icmp")["available"], "root of the namespace may open raw sockets")
    equal([row for row in rows(result.stdout, "kind") if not row["available"] and not row["reason"]], [])

with case("kinds: a raw socket without the privilege names it, and the ways to get it"):
    if os.geteuid() == 0 and user_uid() is None:
        raise Skip("nobody but root here")
    result = run(*as_user(PROGRAM, "sockets", "--json"))
    row = kind_of(result.stdout, "inet", "RAW", "icmp")
    equal((row["available"], row["errno"]), (False, "EPERM"))
    contains(row["reason"], "CAP_NET_RAW")
    contains(row["remedy"], "setcap")
    contains(run(*as_user(PROGRAM, "sockets")).stdout, "needs CAP_NET_RAW")

with case("kinds: the ping socket, by net.ipv4.ping_group_range"):
    for text, errno_name in (("1 0", "EACCES"), ("0 0", None)):
        result = sockets("--json", before=f"open('/proc/sys/net/ipv4/ping_group_range', 'w').write({text!r})")
        row = kind_of(result.stdout, "inet", "DGRAM", "icmp")
        equal(row["errno"], errno_name, text)
        equal(row["boundaries"]["tried"], errno_name is None)
        if errno_name:
            contains(row["reason"], "ping_group_range")

with case("kinds: without loopback, what cannot be tried stays the manual's word"):
    result = run(*apart(PROGRAM, "sockets", "--json"))
    equal(result.returncode, 0, result.stderr)
    row = kind_of(result.stdout, "inet", "STREAM", "tcp")
    equal((row["available"], row["boundaries"]), (True, {"answer": "lost", "tried": False}))
    check(kind_of(result.stdout, "unix", "STREAM", None)["boundaries"]["tried"], "a socketpair needs no loopback")

for columns in (60, 80, 120):
    with case(f"kinds: {columns} columns, with and without ASCII"):
        for options in ((), ("--ascii",), ("-v",)):
            result = sockets("--width", columns, *options)
            equal((result.returncode, result.stderr), (0, ""))
            equal([line for line in result.stdout.splitlines() if len(line) > columns], [], "too wide")
            contains(result.stdout, "SEQPACKET")
            equal("--ascii" in options and not result.stdout.isascii(), False, "not ASCII")

# ---- open sockets ----

OPEN = """
import socket
S = socket
server = S.create_server(('127.0.0.1', 5000), backlog=7)
server6 = S.create_server(('::1', 5006), family=S.AF_INET6) if S.has_ipv6 and __import__('os').path.exists('/proc/net/if_inet6') else None
client = S.create_connection(('127.0.0.1', 5000))
accepted, _ = server.accept()
waiting = S.create_connection(('127.0.0.1', 5000))
client.sendall(b'12345')
udp = S.socket(S.AF_INET, S.SOCK_DGRAM); udp.bind(('127.0.0.1', 5001))
toward = S.socket(S.AF_INET, S.SOCK_DGRAM); toward.connect(('127.0.0.1', 5001)); toward.send(b'123')
raw = S.socket(S.AF_INET, S.SOCK_RAW, 1)
named = S.socket(S.AF_UNIX, S.SOCK_STREAM); named.bind('\\0a name\\x1b[31m'); named.listen(3)
left, right = S.socketpair()
left.send(b'1234')
"""


def listed(*words):
    result = sockets("--list", "--json", *words, before=OPEN)
    equal((result.returncode, result.stderr), (0, ""))
    return rows(result.stdout, "socket")


with case("list: states, queues, timers, process"):
    got = listed()
    tcp = {(row["state"], row["local"].split(":")[1] == "5000"): row for row in got if row["transport"] == "tcp"}
    server = tcp["LISTEN", True]
    equal((server["local"], server["peer"], server["recv_queue"], server["send_queue"]), ("127.0.0.1:5000", None, 1, 7))
    by_queue = [row for row in got if row["transport"] == "tcp" and row["recv_queue"] == 5]
    equal([row["local"] for row in by_queue], ["127.0.0.1:5000"])
    accepted = by_queue[0]
    client = next(row for row in got if row["local"] == accepted["peer"])
    for row in (server, accepted, client):
        equal((row["process"].startswith("python"), row["descriptors"]), (True, 1), str(row))
        check(row["pid"] == server["pid"] and row["fd"] > 2 and row["inode"] > 0, str(row))
    equal(client["tcp"]["bytes_acked"], 6)  # and the SYN
    equal(accepted["tcp"]["bytes_received"], 5)
    for key in ("rtt_us", "cwnd", "mss", "rto_us"):
        check(client["tcp"][key] > 0, f"{key}: {client['tcp'][key]}")
    equal([row for row in got if row["transport"] == "tcp" and row["inode"] == 0 and row["pid"]], [])

with case("list: UDP, raw and unix sockets"):
    got = listed()
    udp = next(row for row in got if row["local"] == "127.0.0.1:5001")
    equal((udp["transport"], udp["state"], udp["recv_queue"] > 0), ("udp", "unconnected", True))
    toward = next(row for row in got if row["peer"] == "127.0.0.1:5001")
    equal((toward["transport"], toward["state"]), ("udp", "connected"))
    raw = [row for row in got if row["transport"] == "raw"]
    equal([row["local"] for row in raw], ["0.0.0.0 icmp"])
    named = next(row for row in got if row["transport"] == "unix stream" and row["state"] == "LISTEN")
    equal((named["local"], named["recv_queue"], named["send_queue"]), ("@a name\\x1b[31m", 0, 3))
    pair = [row for row in got if row["transport"] == "unix stream" and row["peer_inode"]]
    equal(sorted(row["recv_queue"] for row in pair)[-1], 4)
    equal({row["peer_inode"] for row in pair} <= {row["inode"] for row in pair}, True)

with case("list: what is asked for"):
    equal({row["transport"] for row in listed("--udp")}, {"udp"})
    equal({row["transport"][:3] for row in listed("-tu")}, {"tcp", "udp"})
    equal({row["transport"][:4] for row in listed("--unix")}, {"unix"})
    equal({row["state"] for row in listed("--tcp", "--listen")}, {"LISTEN"})
    equal({row["local"] for row in listed("--udp", "--listen")}, {"127.0.0.1:5001"})
    check(all("5000" in f"{row['local']} {row['peer']}" for row in listed("--port", 5000)), "another port")
    equal(len(listed("--port", 5000)), 5)
    equal(listed("--port", 9), [])

for columns in (60, 80, 120):
    with case(f"list: {columns} columns"):
        for options in ((), ("--ascii",), ("-v",)):
            result = sockets("--list", "--width", columns, *options, before=OPEN)
            equal((result.returncode, result.stderr), (0, ""))
            equal([line for line in result.stdout.splitlines() if len(line) > columns], [], "too wide")
            check("\x1b" not in result.stdout, "an escape of a name reached the terminal")
            contains(result.stdout, "127.0.0.1:5000")
            equal("--ascii" in options and not result.stdout.isascii(), False, "not ASCII")
        check(not re.search(r" +$", result.stdout, re.M), "blanks at the end of a line")

with case("list: a kernel without a module of sock_diag is told, and /proc/net serves"):
    result = sockets("--list", "--json", before=OPEN)
    for gap in rows(result.stdout, "gap"):
        equal((gap["module"], gap["errno"]), (f"{gap['transport']}_diag", "ENOENT"))
        contains(sockets("--list", before=OPEN).stdout, f"sudo modprobe {gap['module']}")
    if not rows(result.stdout, "gap"):
        raise Skip("this kernel has all modules")

NO_NETLINK = """
import ctypes, os, struct
socket_call = {'x86_64': 41, 'aarch64': 198}.get(os.uname().machine)
if socket_call is None: sys.exit(77)
def row(code, true, false, value): return struct.pack('HBBI', code, true, false, value)
rows = (row(0x20, 0, 0, 0) + row(0x15, 0, 3, socket_call) +        # the number of the call
        row(0x20, 0, 0, 16) + row(0x15, 0, 1, 16) +                # its first argument: AF_NETLINK
        row(0x06, 0, 0, 0x50000 | 93) + row(0x06, 0, 0, 0x7fff0000))  # EPROTONOSUPPORT; allowed
libc = ctypes.CDLL(None, use_errno=True)
libc.prctl.argtypes = [ctypes.c_int] + [ctypes.c_void_p] * 4
libc.prctl(38, 1, None, None, None)
room = ctypes.create_string_buffer(rows)
if libc.prctl(22, 2, struct.pack('HxxxxxxP', 6, ctypes.addressof(room)), None, None) != 0: sys.exit(77)
"""

with case("list: without sock_diag at all, /proc/net tells what it can"):
    result = sockets("--list", "--json", before=OPEN + NO_NETLINK)
    if result.returncode == 77:
        raise Skip("no seccomp filter here")
    equal((result.returncode, result.stderr), (3, ""))  # unix sockets are not told
    gaps = {gap["transport"]: (gap["from_proc"], gap["errno"]) for gap in rows(result.stdout, "gap")}
    equal(gaps, {"tcp": (True, "EPROTONOSUPPORT"), "udp": (True, "EPROTONOSUPPORT"), "raw": (True, "EPROTONOSUPPORT"),
                 "unix": (False, "EPROTONOSUPPORT")})
    got = rows(result.stdout, "socket")
    server = next(row for row in got if row["state"] == "LISTEN" and row["local"] == "127.0.0.1:5000")
    equal((server["recv_queue"], server["send_queue"], server["tcp"], server["memory"]), (1, None, None, None))
    equal(server["process"].startswith("python"), True)
    equal(sum(row["recv_queue"] == 5 for row in got), 1)
    contains(sockets("--list", before=OPEN + NO_NETLINK).stdout, "sock_diag does not answer")

with case("list: without /proc the processes are said not to be known"):
    result = run(*apart("unshare", "--mount", "sh", "-c",
                        f"mount -t tmpfs none /proc || exit 77; exec {shlex.quote(PROGRAM)} sockets --list --json"))
    if result.returncode in (1, 77):
        raise Skip("nothing can be mounted over /proc here")
    check(result.returncode in (0, 3), f"{result.returncode} {result.stderr}")
    equal(rows(result.stdout, "summary")[0]["processes_known"], False)

with case("list: processes of others are said not to be seen"):
    if os.geteuid() != 0 or user_uid() is None:
        raise Skip("needs root and another user")
    script = f"{UP}\n{OPEN}\nimport subprocess\nsubprocess.run({as_user(PROGRAM, 'sockets', '--list', '-t')!r})"
    result = run("unshare", "--net", PYTHON, "-c", script)
    contains(result.stdout, "(uid 0)")
    contains(" ".join(result.stdout.split()), "root sees more (sudo)")

# ---- problems ----

FACTS = {"receive-queue-full": {"recv_queue", "receive_limit"}, "accept-queue-full": {"waiting", "backlog"},
         "close-wait": {"sockets", "acked_ms_ago"}, "ports-in-time-wait": {"sockets", "ephemeral_ports"},
         "zero-window": {"peer_window", "timer_ms", "send_queue"}, "retransmission-back-off": {"timer_repeats", "backoff", "rto_us"},
         "send-queue-full": {"send_queue", "send_limit"}, "syn-unanswered": {"timer_repeats"},
         "syn-received": {"sockets", "timer_repeats"}, "datagrams-dropped": {"drops"}, "unread": {"recv_queue", "received_ms_ago"},
         "keep-alive-unanswered": {"timer_repeats"}, "accept-queue-overflowed": {"drops", "listen_overflows"}}


def is_found(result, kind, likely, count=1):
    """Exactly this problem, with its proof."""
    equal(result.stderr, "")
    text, status = result.stdout.rstrip("\n").rsplit("\n", 1)
    found = rows(text, "problem")
    equal([(row["kind"], row["likely"], row["sockets"]) for row in found], [(kind, likely, count)], "what was found")
    equal(status, "1")
    row = found[0]
    equal(FACTS[kind] - set(row["evidence"]), set(), "fields that prove it")
    check(all(isinstance(value, int) and value >= 0 for value in row["evidence"].values()), str(row["evidence"]))
    check(len(row["what"]) > 20 and len(row["advice"]) > 20, str(row))
    return row["evidence"], row


with case("a healthy service has no problem, status 0"):
    result = run(*apart(PYTHON, FAULTS, "healthy", PROGRAM))
    text, status = result.stdout.rstrip("\n").rsplit("\n", 1)
    equal((rows(text, "problem"), status, result.stderr), ([], "0", ""))
    check(rows(text, "summary")[0]["sockets"] >= 5, text)

HERE = (("receive_queue_full", "receive-queue-full", False, 1, lambda e: e["own_window"] == 0 and e["received_ms_ago"] >= 1000
         if "own_window" in e else e["received"] >= e["receive_limit"]),
        ("unread", "unread", True, 1, lambda e: e["recv_queue"] == 17 and e["received_ms_ago"] >= 5000),
        ("udp_queue_full", "receive-queue-full", False, 1, lambda e: e["drops"] > 0 and e["received"] >= e["receive_limit"] * 0.9),
        ("udp_dropped", "datagrams-dropped", False, 1, lambda e: e["drops"] > 0 and e["received"] < e["receive_limit"]),
        ("accept_queue_full", "accept-queue-full", False, 1, lambda e: (e["waiting"], e["backlog"]) == (3, 2)),
        ("accept_queue_overflowed", "accept-queue-overflowed", True, 1, lambda e: e["drops"] > 0 and e["waiting"] == 0),
        ("unix_accept_queue_full", "accept-queue-full", False, 1, lambda e: (e["waiting"], e["backlog"]) == (2, 1)),
        ("close_wait", "close-wait", False, 6, lambda e: e["sockets"] == 6 and e["acked_ms_ago"] >= 1000),
        ("time_wait", "ports-in-time-wait", False, 18, lambda e: e["ephemeral_ports"] == 20),
        ("unix_queue_full", "send-queue-full", True, 1, lambda e: e["sent"] >= e["send_limit"]))

for fault, kind, likely, count, proves in HERE:
    with case(f"{fault}: {kind}, and nothing else"):
        evidence, row = is_found(run(*apart(PYTHON, FAULTS, fault, PROGRAM)), kind, likely, count)
        check(proves(evidence), f"{evidence} proves nothing")
        if fault != "time_wait":
            check(row["process"].startswith("python"), str(row))

THERE = (("zero_window", "zero-window", "hold", (), 1, lambda e: e["peer_window"] == 0 and e["send_queue"] > 0),
         ("back_off", "retransmission-back-off", "hold", ("--drop", "data:1-1000000"), 1,
          lambda e: e["timer_repeats"] >= 2 and e["backoff"] >= 1 and e["unacked"] >= 1),
         ("send_queue_full", "send-queue-full", "hold", ("--drop", "data:1-1000000"), 1,
          lambda e: e["queued"] >= e["send_limit"] and e["timer_repeats"] >= 2),
         ("syn_unanswered", "syn-unanswered", "hold", ("--drop", "syn:1-10000"), 1, lambda e: e["timer_repeats"] >= 1),
         ("syn_received", "syn-received", "connect", ("--drop", "ack:1-1000000"), None,
          lambda e: e["sockets"] >= 8 and e["timer_repeats"] >= 1),
         ("keep_alive", "keep-alive-unanswered", "hold", ("--drop", "ack:2-1000000"), 1, lambda e: e["timer_repeats"] >= 2))

for fault, kind, job, options, count, proves in THERE:
    with case(f"{fault}, in a lab: {kind}, and nothing else"):
        result = run(*as_user(PROGRAM, "lab", *options, "--server-cmd", f"{PYTHON} {FAULTS} far {job}", "--", PYTHON, FAULTS,
                              fault, PROGRAM))
        if count is None:
            count = rows(result.stdout.rstrip("\n").rsplit("\n", 1)[0], "problem")[0]["sockets"]
        evidence, row = is_found(result, kind, False, count)
        check(proves(evidence), f"{evidence} proves nothing")

with case("--watch: what is found twice is proved"):
    evidence, row = is_found(run(*apart(PYTHON, FAULTS, "unix_queue_full", PROGRAM, "--watch", "0.2")), "send-queue-full", False)
    equal(row["process"].startswith("python"), True)

with case("a problem is told with its socket, proof and cure, in any width"):
    for columns in (60, 80, 120):
        result = run(*apart(PYTHON, "-c", f"{UP}\nfaults.close_wait()\nimport subprocess, time\n"
                            f"sys.exit(subprocess.run([{PROGRAM!r}, 'sockets', '--problems', '--width', '{columns}']).returncode)"))
        equal((result.returncode, result.stderr), (1, ""))
        equal([line for line in result.stdout.splitlines() if len(line) > columns], [], "too wide")
        flat = " ".join(result.stdout.split())
        for part in ("✗ close-wait", "6 sockets, the first: tcp CLOSE-WAIT 127.0.0.1:5000", "python3 (pid ", "sockets 6", "cure",
                     "1 problem; open sockets: "):
            contains(flat, part)

with case("--problems keeps to what is asked for"):
    script = (f"{UP}\nfaults.udp_queue_full()\nimport subprocess\n"
              f"for words in (['-t'], ['-u'], ['-p', '5000'], ['-p', '5001']):\n"
              f"    print(subprocess.run([{PROGRAM!r}, 'sockets', '--problems', '-q', *words], stdout=-3).returncode)\n")
    equal(run(*apart(PYTHON, "-c", script)).stdout.split(), ["0", "1", "1", "0"])

# ---- mistakes ----

for words, part in ((("--list", "--problems"), "choose one"), (("--tcp",), "say --list or --problems"), (("--watch", "1"), "--problems"),
                    (("--problems", "--watch", "0"), "is no time"), (("--problems", "--watch", "x"), "is no time"),
                    (("--list", "--port", "0"), "1 to 65535"), (("everything",), "takes no operands")):
    with case(f"refused: {' '.join(words)}"):
        result = run(PROGRAM, "sockets", *words)
        equal((result.returncode, result.stdout), (2, ""))
        contains(result.stderr, part)

done()
