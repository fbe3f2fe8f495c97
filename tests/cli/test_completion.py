#!/usr/bin/env python3
"""What the shells offer behind `sockdiag`: each command, each option of a command's --help, and what an option takes."""

import re

from cases import Skip, case, check, contains, done, equal
from procs import ROOT, SOCKDIAG, have, run, sockdiag

BASH = """
source "$1"; shift
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
_sockdiag
printf '%s\\n' "${COMPREPLY[@]}"
"""


def need(command):
    if have(command):
        raise Skip(have(command))


def bash(*words):
    """The words that bash offers for the last of `words`."""
    ran = run("bash", "-c", BASH, "bash", ROOT / "completions/sockdiag.bash", SOCKDIAG, *words)
    equal((ran.returncode, ran.stderr), (0, ""))
    return set(ran.stdout.split())


def fish(line):
    script = f'function sockdiag; "{SOCKDIAG}" $argv; end; source {ROOT}/completions/sockdiag.fish; complete -C "{line}"'
    ran = run("fish", "--no-config", "-c", script)
    equal(ran.returncode, 0, ran.stderr)
    return {row.split("\t")[0] for row in ran.stdout.splitlines()}


def commands():
    text = sockdiag("--help").stdout
    return set(re.findall(r"^  ([a-z]+) +\S", text[text.index("\nCommands"):], re.M))


def options(*words):
    text = sockdiag(*words, "--help").stdout
    return set(re.findall(r"^  (?:-\w, |    )(--[a-z0-9-]+)", text[text.index("\nOptions:"):], re.M))


with case("bash: the commands"):
    need("bash")
    equal(bash(""), commands() | {"--help", "--version"})
    equal(bash("de"), {"demo"})

for name in sorted(commands() - {"ftp"}):
    with case(f"bash: every option of {name}"):
        need("bash")
        equal(bash(name, "--"), options(name))

with case("bash: what an option takes, and what stands for no option"):
    need("bash")
    contains(bash("capture", "-i", ""), "lo")
    contains(bash("capture", "--interface", ""), "lo")
    equal(bash("demo", "--color", "a"), {"auto", "always"})
    equal(bash("demo", "--mtu", ""), set(), "a number has no completion")
    equal(bash("ftp", ""), {"serve", "put", "get", "ls"})
    equal(bash("ftp", "put", "--"), options("ftp", "put"))
    contains(bash("record", "--", "ls"), "ls")
    equal(bash("no-such-command", "--"), set())

with case("fish: the commands and options"):
    need("fish")
    equal(fish("sockdiag "), commands())
    for name in sorted(commands() - {"ftp"}):
        check(options(name) <= fish(f"sockdiag {name} --"), f"{name}: {options(name) - fish(f'sockdiag {name} --')}")

with case("zsh reads its file"):
    need("zsh")
    equal(run("zsh", "-n", ROOT / "completions/_sockdiag").returncode, 0)

done()
