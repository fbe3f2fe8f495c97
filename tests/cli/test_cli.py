#!/usr/bin/env python3
"""The command line itself: help, versions, and what is said to a mistake. Needs no network."""

import re

from cases import case, check, contains, done, equal
from procs import ROOT, SOCKDIAG, run, sockdiag

COMMON = {"--color", "--lang", "--quiet", "--verbose", "--help"}
OTHERS_STDOUT = {"record", "lab"}  # stdout is that of the program they run: they have no JSON of their own
# What each command must offer; --help may list more.
OPTIONS = {
    "demo": {"--framing", "--mtu", "--delay", "--rate", "--drop", "--dup", "--reorder", "--corrupt", "--work"},
    "show": {"--ascii"},
    "record": set(),
    "capture": set(),
    "ping": {"--ipv4", "--ipv6", "--count", "--interval", "--size", "--ttl", "--timeout", "--deadline", "--interface", "--pmtudisc",
             "--tos", "--pattern", "--flood", "--preload", "--numeric", "--timestamps", "--audible", "--adaptive", "--broadcast",
             "--outstanding", "--tcp", "--udp", "--file", "--busy", "--diff", "--rate"},
    "send": {"--count", "--rate", "--wait", "--write", "--hex", "--dry-run", "--raw", "--link", "--mtu", "--no-rst", "--i-may"},
    "route": {"--udp", "--tcp", "--probes", "--max-hops", "--wait", "--interval", "--watch", "--ipv4", "--ipv6", "--interface",
              "--size", "--numeric", "--no-mtu"},
    "streams": {"--interface", "--sort", "--top", "--stream", "--problem", "--md5", "--conversations", "--memory", "--shard", "--jobs",
                "--ascii", "--width"},
    "extract": {"--dir", "--format", "--filter", "--limit", "--files", "--force", "--memory"},
    "sockets": {"--list", "--problems", "--watch", "--tcp", "--udp", "--unix", "--raw", "--listen", "--port"},
    "doctor": {"--ascii", "--width"},
    "lab": {"--mtu", "--delay", "--rate", "--drop", "--dup", "--reorder", "--corrupt", "--server-cmd"},
    "ftp serve": {"--framing", "--listen"},
    "ftp put": {"--framing"},
    "ftp get": {"--framing"},
    "ftp ls": {"--framing"},
}
OPTION_LINE = re.compile(r"^  (?:-(\w), |    )--([a-z0-9-]+)( \S+)? +\S", re.M)


def listed_commands():
    """The names that `sockdiag --help` lists under Commands."""
    text = sockdiag("--help").stdout
    return re.findall(r"^  ([a-z]+) +\S", text[text.index("\nCommands"):], re.M)


def options_of(text):
    """[(name, takes an argument)] of a command's help."""
    section = text[text.index("\nOptions:"):]
    return [("--" + name, bool(argument)) for _, name, argument in OPTION_LINE.findall(section)]


def manual_sections():
    """The manual page by the command that a part of it is about; "" is what precedes these parts."""
    text = (ROOT / "docs/sockdiag.1").read_text(encoding="utf-8").split(".Sh ENVIRONMENT")[0]
    parts = re.split(r"^\.Ss (\w+)\n", text, flags=re.M)
    return {"": parts[0]} | dict(zip(parts[1::2], parts[2::2]))


MANUAL = manual_sections()


def is_usage_error(result, *parts):
    equal(result.returncode, 2, "exit status")
    equal(result.stdout, "", "stdout")
    for part in parts:
        contains(result.stderr, part, "stderr")


with case("--version"):
    shown = sockdiag("--version")
    equal((shown.returncode, shown.stderr), (0, ""))
    check(re.fullmatch(r"sockdiag \d+\.\d+\.\d+\n", shown.stdout), shown.stdout)

with case("--help lists the commands, on stdout"):
    shown = sockdiag("--help")
    equal((shown.returncode, shown.stderr), (0, ""))
    equal(sockdiag("-h").stdout, shown.stdout)
    equal({name.split()[0] for name in OPTIONS} - set(listed_commands()), set(), "commands that are missing")

with case("no arguments: the same list on stderr, status 2"):
    shown = sockdiag()
    is_usage_error(shown)
    equal(shown.stderr, sockdiag("--help").stdout)

with case("an unknown command is named"):
    is_usage_error(sockdiag("dmeo"), "there is no command 'dmeo'", "sockdiag --help")
    is_usage_error(sockdiag(""), "there is no command ''")
    is_usage_error(sockdiag("de"), "there is no command 'de'")  # no abbreviations
    is_usage_error(sockdiag("--no-such"), "--no-such")

with case("ftp --help lists what it does, and the framings"):
    shown = sockdiag("ftp", "--help")
    equal((shown.returncode, shown.stderr), (0, ""))
    for word in ("ftp serve", "ftp put", "ftp get", "ftp ls", "naive", "sleep", "lockstep", "size", "length"):
        contains(shown.stdout, word)
    is_usage_error(sockdiag("ftp"))
    is_usage_error(sockdiag("ftp", "pull"), "'pull'", "sockdiag ftp --help")

for command in sorted(set(listed_commands()) - {"ftp"} | set(OPTIONS)):
    words = command.split()
    with case(f"{command} --help: examples first, every option"):
        shown = sockdiag(*words, "--help")
        equal((shown.returncode, shown.stderr), (0, ""))
        places = [shown.stdout.index(f"\n{part}:") for part in ("Examples", "Usage", "Options")]
        equal(places, sorted(places), "order of the parts")
        check(re.search(rf"^  sockdiag {command}\b", shown.stdout, re.M), "no example or usage of the command itself")
        names = [name for name, _ in options_of(shown.stdout)]
        equal(len(names), len(set(names)), f"an option stands there twice: {names}")
        equal((COMMON | OPTIONS.get(command, set())) - set(names), set(), "options that are missing")
        equal("--json" in names, command not in OTHERS_STDOUT, "--json")
        equal(sockdiag(*words, "-h").stdout, shown.stdout)
        too_wide = [line for line in shown.stdout.splitlines() if len(line) > 80]
        equal(too_wide, [], "lines over 80 columns")

    with case(f"{command}: an option that --help lists is one"):
        for name, takes_argument in options_of(sockdiag(*words, "--help").stdout):
            if not takes_argument:
                equal(sockdiag(*words, name, "--help").returncode, 0, f"{command} {name} --help")

    with case(f"{command}: the manual page has its options"):
        section = MANUAL.get(words[0], "") + MANUAL[""]
        for other in re.findall(r"^\.Sx (\w+)", MANUAL.get(words[0], ""), re.M):
            section += MANUAL[other]  # "see there"
        absent = [name for name, _ in options_of(sockdiag(*words, "--help").stdout)
                  if not re.search(rf"^\.It .*Fl Fl {name[2:]}(?![\w-])", section, re.M)]
        equal(absent, [], "options that docs/sockdiag.1 does not have")

    with case(f"{command}: an unknown option is named, status 2"):
        is_usage_error(sockdiag(*words, "--no-such-option"), "--no-such-option", f"sockdiag {command} --help")
        is_usage_error(sockdiag(*words, "--verbse"), "--verbse", "did you mean --verbose?")
        is_usage_error(sockdiag(*words, "-Z"), "-Z")
        is_usage_error(sockdiag(*words, "--color=sometimes"), "sometimes")

with case("no terminal obeys a name that a message quotes"):
    name = "e\x1b[31m\x7f\u009b2J\nsockdiag: all is well"
    quoted = "e\\x1b[31m\\x7f\\u{009b}2J\\nsockdiag: all is well"
    for words in (("streams", name), ("streams", "-j", "2", name), ("capture", "-r", name), ("show", name), ("extract", "-d", "/", name),
                  ("extract", "-d", "/dev/null/" + name, ROOT / "tests/golden/sticky.pcapng"), (name,), ("streams", "--" + name),
                  ("ping", name), ("send", name), ("record", "-o", "/dev/null/" + name, "true"), ("--lang", name), ("lesson", name),
                  ("capture", "-i", name), ("ftp", "get", name, "x"), ("capture", "-q", "-r", ROOT / "tests/golden/sticky.pcapng", "-w", "/dev/null/" + name)):
        shown = sockdiag(*words)
        equal(shown.returncode, 2, f"exit status of {words}: {shown.stderr}")
        contains(shown.stderr, quoted if "ping" not in words else "\\x1b[31m", f"stderr of {words}")
        equal([c for c in shown.stdout + shown.stderr if c != "\n" and (c < " " or "\x7f" <= c < "\xa0")], [], f"what {words} printed")

with case("a full disk is an error, not silence"):
    for words in (("--version",), ("--help",), ("demo", "--help")):
        with open("/dev/full", "wb") as full:
            shown = sockdiag(*words, stdout=full)
        equal(shown.returncode, 2, f"exit status of {words}")
        contains(shown.stderr, "No space left", f"stderr of {words}")

with case("so is a stdout that the caller closed"):
    capture = ROOT / "tests/golden/sticky.pcapng"
    for words in (("--version",), ("demo", "--help"), ("streams", capture), ("streams", "--json", capture), ("show", capture),
                  ("capture", "-r", capture), ("capture", "--json", "-r", capture), ("capture", "-r", capture, "-w", "-")):
        shown = run("sh", "-c", 'exec "$@" >&-', "sh", SOCKDIAG, *words)
        equal(shown.returncode, 2, f"exit status of {words}")
        contains(shown.stderr, "Bad file descriptor", f"stderr of {words}")

done()
