#!/usr/bin/env python3
"""Messages in the user's language: the catalogues are whole, every text for people goes through them, columns stay
aligned, and what programs read is never translated. Needs no network."""

import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unicodedata

import catalogue
from cases import Skip, case, check, contains, done, equal
from procs import ROOT, SOCKDIAG, run, sockdiag

GOLDEN = ROOT / "tests/golden"
PO = sorted((ROOT / "po").glob("*.po"))
OPEN, CLOSE = "⟦", "⟧"
PSEUDO = "zz"  # a language whose every text is the English one in brackets
HALF_WIDTH = re.compile(r"[\u3400-\u9fff][,:;]|[,:;] *[\u3400-\u9fff]")
SENTENCE = re.compile(r"\b[a-z]{2,} [a-z]{2,} [a-z]{2,}\b")
ROOM = tempfile.TemporaryDirectory()
TEMPLATE = pathlib.Path(ROOM.name) / "sockdiag.pot"


def template():
    if not TEMPLATE.exists():
        made = run(ROOT / "tools/po.sh", "extract", TEMPLATE)
        equal((made.returncode, made.stderr), (0, ""), "tools/po.sh extract")
    return [entry for entry in catalogue.parse(TEMPLATE) if entry["msgid"]]


def environment(**names):
    """The tests' environment with other languages; None takes a name out."""
    env = {name: value for name, value in os.environ.items() if name not in ("LANG", "LANGUAGE", "LC_ALL", "LC_MESSAGES")}
    return env | {name: value for name, value in names.items() if value is not None}


def chinese(*argv, **more):
    shown = sockdiag("--lang", "zh_CN", *argv, **more)
    if "no locale but C" in shown.stderr:
        raise Skip("this machine has no C.UTF-8")
    return shown


def columns(line):
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in line)


def listed_commands():
    text = sockdiag("--help").stdout
    names = re.findall(r"^  ([a-z]+) +\S", text[text.index("\nCommands"):], re.M)
    return [[name] for name in names if name != "ftp"] + [["ftp", name] for name in ("serve", "put", "get", "ls")] + [["ftp"]]


def in_brackets(text):
    """A translation, and msgfmt wants newlines at the ends where the text has them."""
    inner = text.strip("\n")
    return text.replace(inner, OPEN + inner + CLOSE)


def untranslated(text):
    """What stands outside of all brackets."""
    outside, depth = [], 0
    for c in text:
        if c == OPEN:
            depth += 1
            outside.append(" | ")
        elif c == CLOSE:
            depth -= 1
        elif depth == 0:
            outside.append(c)
    return "".join(outside)


for po in PO:
    with case(f"{po.name}: every text is translated, none is stale or fuzzy (make po)"):
        wanted = {entry["msgid"] for entry in template()}
        entries = {entry["msgid"]: entry for entry in catalogue.parse(po) if entry["msgid"]}
        equal(sorted(wanted - set(entries)), [], "texts that are not in the catalogue")
        equal(sorted(set(entries) - wanted), [], "stale texts")
        empty = [msgid for msgid, entry in entries.items() if not all(entry[f] for f in entry if f.startswith("msgstr"))]
        equal(empty, [], "texts without a translation")
        equal([msgid for msgid, entry in entries.items() if "fuzzy" in entry["flags"]], [], "fuzzy texts")

    with case(f"{po.name}: formats take the same arguments"):
        checked = run("msgfmt", "--check", "--output-file=/dev/null", po)
        equal((checked.returncode, checked.stderr), (0, ""))

    with case(f"{po.name}: commands in examples are those of the original"):
        for entry in catalogue.parse(po):
            if "\t" in entry["msgid"]:
                lines = [[line.split("\t")[0] for line in entry[field].splitlines() if "\t" in line]
                         for field in ("msgid", "msgstr")]
                equal(lines[1], lines[0])

with case("every text for people is translated: a pseudo-translation leaves no English sentence"):
    room = pathlib.Path(ROOM.name) / "pseudo"
    room.mkdir()
    program = room / "sockdiag"
    shutil.copy(SOCKDIAG, program)
    catalogue.write_po(room / "zz.po", PSEUDO, template(), in_brackets)
    catalogue.compile_mo(room / "zz.po", room / "locale" / PSEUDO)
    shown = run(program, "--lang", PSEUDO, "--help")
    if "no locale but C" in shown.stderr:
        raise Skip("this machine has no C.UTF-8")
    contains(shown.stdout, OPEN)
    tried = [["--help"], [], ["no-such"], ["--lang", "no"]]
    tried += [command + ["--help"] for command in listed_commands()]
    tried += [command + [word] for command in listed_commands() for word in ("--no-such-option", "--color=x", "--color")]
    tried += [["show", GOLDEN / f"{name}.pcapng", *more] for name in ("sticky", "lossy", "refused", "no_calls", "many", "empty", "cut",
              "long", "refused_call") for more in ([], ["-v", "--width", "60"])]
    tried += [["streams", GOLDEN / f"{name}.pcapng"] for name in ("sticky", "lossy", "refused", "many", "empty", "cut")]
    tried += [["show", "/nowhere"], ["show"], ["show", GOLDEN / "sticky.pcapng", "77"], ["capture", "-r", "/nowhere"],
              ["capture", "-i", "no-such0"], ["streams"], ["streams", "--problem", "x", "f"], ["streams", "--sort", "x", "f"],
              ["extract", GOLDEN / "sticky.pcapng"], ["extract", "-d", room / "out", GOLDEN / "sticky.pcapng"],
              ["send", "--dry-run", "ip(dst=127.0.0.1,x=1)"], ["send", "--dry-run", "ip(dst=127.0.0.1"], ["send", "--dry-run", "tcp()"],
              ["send"], ["ping"], ["ping", "-c", "x", "::1"], ["ping", "-4", "-6", "::1"], ["route"], ["route", "--udp", "--tcp", "::1"],
              ["lab", "--drop", "x"], ["lab", "--drop", "data:"], ["lab", "--delay", "x"], ["lab", "--rate", "x"], ["record"],
              ["demo", "--framing", "x"], ["demo", "x"], ["ftp", "put"], ["ftp", "get", "127.0.0.1:1", "x"], ["ftp", "x"], ["sockets"], ["sockets", "--list", "--watch", "1"],
              ["sockets", "--watch", "x"], ["lesson", "no-such"], ["lesson", "--check"], ["doctor", "x"]]
    left = []
    for words in tried:
        shown = run(program, "--lang", PSEUDO, *words)
        for line in untranslated(shown.stdout + shown.stderr).splitlines():
            if SENTENCE.search(re.sub(r"sockdiag [a-z ]+: |sudo .*", "", line)):
                left.append((" ".join(str(word) for word in words), line))
    equal(left, [])

with case("the language: --lang before the command and behind it, by its name and nearly so"):
    for words in (["--lang", "zh_CN", "demo", "--help"], ["demo", "--lang", "zh_CN", "--help"], ["--lang=zh-cn", "demo", "--help"],
                  ["demo", "--lang=zh", "--help"], ["--lang", "zh_CN.UTF-8", "demo", "--help"]):
        chinese()
        contains(sockdiag(*words).stdout, "\n用法：\n", f"{words}")
    contains(chinese("--lang", "en", "demo", "--help").stdout, "\nUsage:\n")
    for words in (["--lang", "tlh", "demo"], ["demo", "--lang", "tlh"], ["--lang", "../..", "demo"], ["--lang", "", "demo"]):
        shown = sockdiag(*words)
        equal((shown.returncode, shown.stdout), (2, ""), f"{words}")
        contains(shown.stderr, "there are: en, zh_CN")
    equal(sockdiag("--lang").returncode, 2)

with case("the language: from the environment, as gettext says, with or without that locale"):
    chinese()
    for wanted, names in ((True, {"LC_ALL": "C.UTF-8", "LANGUAGE": "zh_CN"}), (True, {"LANG": "zh_CN.UTF-8"}), (True, {"LANG": "zh_CN"}),
                          (True, {"LC_MESSAGES": "zh_CN.UTF-8", "LANG": "de_DE.UTF-8"}), (True, {"LANG": "C.UTF-8", "LANGUAGE": "tlh:zh_CN:en"}),
                          (False, {"LC_ALL": "C", "LANGUAGE": "zh_CN"}), (False, {}), (False, {"LANG": "de_DE.UTF-8"}),
                          (False, {"LANG": "zh_CN.UTF-8", "LC_ALL": "C.UTF-8"}), (False, {"LANG": "zh_CN.UTF-8", "LANGUAGE": "en:zh_CN"}),
                          (False, {"LANG": "zh_CN.GB18030"}), (False, {"LANGUAGE": "zh_CN"})):
        equal("用法：" in sockdiag("demo", "--help", env=environment(**names)).stdout, wanted, f"{names}")

with case("JSON is never translated, nor what is said beside it"):
    for words in (["show", "--json", GOLDEN / "sticky.pcapng"], ["streams", "--json", GOLDEN / "lossy.pcapng"],
                  ["show", "--json", GOLDEN / "cut.pcapng"], ["show", "--json", "/nowhere"]):
        english, other = sockdiag(*words), chinese(*words)
        equal((other.returncode, other.stdout, other.stderr), (english.returncode, english.stdout, english.stderr), f"{words}")

with case("--ascii is ASCII"):
    check(chinese("show", "--ascii", GOLDEN / "sticky.pcapng").stdout.isascii())

with case("a program that is run has the environment as it was given"):
    program = ["sh", "-c", 'echo "${LANGUAGE-none}"']
    for given in (None, "zh_SG:zh_CN"):
        with tempfile.TemporaryDirectory() as folder:
            shown = chinese("record", "-o", f"{folder}/f.pcapng", "--", *program, env=environment(LC_ALL="C.UTF-8", LANGUAGE=given))
        if "ptrace" in shown.stderr:
            raise Skip("programs cannot be traced here")
        equal(shown.stdout, f"{given or 'none'}\n")

with case("Chinese: no line of a --help is wider than 80 columns, or begins with a comma"):
    for command in listed_commands():
        lines = chinese(*command, "--help").stdout.splitlines()
        equal([line for line in lines if columns(line) > 80], [], " ".join(command))
        equal([line for line in lines if line.strip()[:1] in ("，", "。", "；", "：", "）", "、")], [], " ".join(command))

with case("Chinese: pictures and tables keep to the width, and lanes stand under each other"):
    for width in (60, 80, 120):
        for words in (["show", GOLDEN / "sticky.pcapng"], ["show", GOLDEN / "lossy.pcapng"], ["streams", GOLDEN / "many.pcapng"]):
            shown = chinese(*words, "--width", str(width)).stdout
            equal([line for line in shown.splitlines() if columns(line) > width], [], f"{words} in {width} columns")
        lanes = [line for line in chinese("show", GOLDEN / "sticky.pcapng", "--width", str(width)).stdout.splitlines() if "┃ #1" in line
                 or "┃ 头部" in line]
        equal(len({columns(line[:line.index("┃")]) for line in lanes}), 1, "the column at which lanes begin")
    table = chinese("streams", GOLDEN / "many.pcapng", "--width", "120").stdout.splitlines()
    place = columns(table[0][:table[0].index("RTT") + 3])
    for row in table[1:3]:
        check(columns(row) >= place and re.search(r"\dus$", row[:place - (columns(row[:place]) - place)]), row)

with case("Chinese: colons, commas and semicolons between Chinese words are Chinese"):
    for width in (60, 80, 120):
        for words in (["doctor"], ["doctor", "-v"], ["sockets"], ["sockets", "-v"], ["sockets", "--list"], ["sockets", "--problems"],
                      ["show", "--mark", "recv:1", GOLDEN / "sticky.pcapng"]):
            shown = chinese(*words, "--width", str(width)).stdout
            equal([line for line in shown.splitlines() if columns(line) > width], [], f"{words} in {width} columns")
            equal([line for line in shown.splitlines() if HALF_WIDTH.search(line)], [], f"{words} in {width} columns")
    contains(chinese("show", "/dev/null/none").stderr, "：不是目录")


def blocks_of(text):
    return re.findall(r"^```(\w*)\n(.*?)^```$", text, re.M | re.S)


def without_comments(script):
    return [re.sub(r" +# .*", "", line) for line in script.splitlines()]


with case("README.zh_CN.md has the sections, commands, links and tables of README.md"):
    texts = [(ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "README.zh_CN.md")]
    prose = [re.sub(r"^```.*?^```$", "", text, flags=re.M | re.S) for text in texts]
    for what, find in (("sections", lambda t: re.findall(r"^(#+) ", t, re.M)),
                       ("rows of tables", lambda t: [re.findall(r"`[^`]*`|^\d$", cell.strip()) for cell in re.findall(r"^\| ([^|]*) \|", t, re.M)]),
                       ("links", lambda t: re.findall(r"\]\((docs/[^)]*)\)", t)), ("list items", lambda t: re.findall(r"^(- )", t, re.M)),
                       ("options", lambda t: sorted(set(re.findall(r"`(--[a-z-]+)`", t))))):
        equal(find(prose[1]), find(prose[0]), what)
    scripts = [[without_comments(text) for kind, text in blocks_of(text) if kind == "sh"] for text in texts]
    equal(scripts[1], scripts[0], "scripts")
    equal(len(blocks_of(texts[1])), len(blocks_of(texts[0])), "blocks")

with case("the picture in README.zh_CN.md is what the program draws"):
    wanted = next(text for _, text in blocks_of((ROOT / "README.zh_CN.md").read_text(encoding="utf-8")) if "▲" in text)
    lanes = [line for line in wanted.splitlines() if "┃" in line]
    shown = chinese("show", GOLDEN / "sticky.pcapng", "--width", "100").stdout.splitlines()
    equal([line.split()[0] for line in lanes], [line.split()[0] for line in shown if "┃" in line and "：" not in line][:4], "lanes")
    equal({columns(line) for line in lanes}, {100}, "their width")

ROOM.cleanup()
done()
