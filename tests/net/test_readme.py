#!/usr/bin/env python3
"""README.md shows what the program prints: its pictures and its example are run, and compared.

    client (the example's two ends, on its loopback) --- wire --- server
"""

import os
import pathlib
import re
import shlex
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
from cases import Skip, case, check, contains, done, equal  # noqa: E402
from procs import ROOT, as_user, can_lab, have, run, user_dir, user_sockdiag  # noqa: E402

HOME = pathlib.Path(user_dir())
ABLE, WHY = can_lab()
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", (ROOT / "README.md").read_text(encoding="utf-8"), re.M | re.S)
ENV = {**os.environ, "COLUMNS": "100", "LC_ALL": "C.UTF-8"}


def block(part):
    """The one code block that has `part`."""
    found = [text for _, text in BLOCKS if part in text]
    equal(len(found), 1, f"blocks of README.md with {part!r}")
    return found[0]


def lasting(text):
    """The lines of an output without what differs from run to run: ports and times, and where a paragraph's lines end,
    for some times are longer than others."""
    text = text.replace("\u202f", " ")  # the space in a number that no line breaks at
    text = re.sub(r"\n {19}(?=\S)", " ", text)
    text = re.sub(r":\d{5}\b", ":PORT", text)
    text = re.sub(r"\d+(\.\d+)?\s(ms|µs)", "TIME", text)
    return [re.sub(r" +[\d.]+$", "", line) if line.startswith((" naive", " sleep", " lockstep", " size", " length")) else line
            for line in text.splitlines()]


def demo():
    """The demo, but five times as slow: what a busy machine holds up is then short beside the server's work, on which it
    depends how much has come when the server reads."""
    if not ABLE:
        raise Skip(WHY)
    result = run(*as_user(user_sockdiag(), "demo", "--work", "200", "--pause", "400"), cwd=HOME, env=ENV)
    equal((result.returncode, result.stderr), (0, ""))
    return "\n".join(lasting(result.stdout))


with case("the picture is the demo's"):
    shown = demo()
    contains(shown, "\n".join(lasting(block("▲ broken at byte"))))
    contains(shown, "\n".join(lasting(block(" framing   outcome"))))

with case("the example's program is recorded, and looks as it is said"):
    if not ABLE:
        raise Skip(WHY)
    script = block("cat > greet.py")
    lines = script.splitlines()
    (HOME / "greet.py").write_text("\n".join(lines[1:lines.index("END")]) + "\n", encoding="utf-8")
    commands = [shlex.split(line)[1:] for line in lines[lines.index("END") + 1:]]
    equal([words[0] for words in commands], ["record", "show"])
    recorded = run(*as_user(user_sockdiag(), "lab", "--", user_sockdiag(), *commands[0]), cwd=HOME, env=ENV)
    equal((recorded.returncode, recorded.stderr), (0, ""))
    contains(recorded.stdout, r"b'user anna\nmail anna@example.org\n'")
    shown = run(*as_user(user_sockdiag(), *commands[1]), cwd=HOME, env=ENV)
    equal((shown.returncode, shown.stderr), (0, ""))
    contains("\n".join(lasting(shown.stdout)), "\n".join(lasting(block("• merged"))))

def shown_by(command):
    """What a command of the README prints, stdout before stderr."""
    if not ABLE:
        raise Skip(WHY)
    words = [user_sockdiag() if word == "build/sockdiag" else word for word in shlex.split(block(command))]
    result = run(*as_user(*words), cwd=HOME, env=ENV)
    equal(result.returncode, 0, result.stderr)
    return result.stdout + result.stderr


def without_chance(text):
    """The lines of an output without what differs from run to run: times, sequence numbers, identifications."""
    text = re.sub(r"\d+\.\d+(?=\s+ms|/)|(?<=/)\d+\.\d+", "TIME", text)
    text = re.sub(r"seq=\d+", "seq=N", text)
    text = re.sub(r"^( ID +0 +)\d+ *", r"\1N ", text, flags=re.M)
    text = re.sub(r"(0x1234 +)0x[0-9a-f]{4}", r"\1SUM", text)
    return [" ".join(line.split()) for line in text.splitlines()]


with case("crafted SYNs are answered as it is said"):
    if have("nc"):
        raise Skip(have("nc"))
    equal(without_chance(shown_by("--server-cmd 'nc -lk 80'")), without_chance(block("flags=SA")))

with case("what the kernel writes over is shown as it is said"):
    shown = "\n".join(without_chance(shown_by("send -v 'ip(")))
    contains(shown, "\n".join(without_chance(block("kernel: always computed"))))

with case("its table of commands is the program's"):
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    listed = re.findall(r"^  ([a-z]+) +\S", run(*as_user(user_sockdiag(), "--help")).stdout.split("\nCommands")[1], re.M)
    rows = text.split("## Commands")[1].split("## ")[0]
    for name in listed:
        check(re.search(rf"^\| .*`{name}\b", rows, re.M), f"no row of {name}")

done()
