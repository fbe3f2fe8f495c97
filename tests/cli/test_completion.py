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


ZSH = """
compadd() { [[ $1 == -- ]] && shift; print -rl -- $@ }
compset() { PREFIX=${PREFIX##*,} }
_describe() { print -rl -- ${(P)2%%:*} }
_files() { print -r -- FILES $@ }
_net_interfaces() { print -rl -- /sys/class/net/*(:t) }
_hosts() { print -r -- HOSTS }
_normal() { print -r -- PROGRAMS }
completion=$1; shift
words=($@) CURRENT=$# PREFIX=$@[-1]
source $completion
"""


def zsh(*words):
    """What zsh is told to choose from, for the last of `words`; its own functions tell their names."""
    ran = run("zsh", "-f", "-c", ZSH, "zsh", ROOT / "completions/_sockdiag", SOCKDIAG, *words)
    equal((ran.returncode, ran.stderr), (0, ""))
    return set(ran.stdout.split())


def offered(shell, *words):
    """The last word's completions."""
    if shell != "fish":
        found = {"bash": bash, "zsh": zsh}[shell](*words)
        return {word for word in found if word.startswith(words[-1].rpartition(",")[2])} if shell == "zsh" else found
    return fish("sockdiag " + " ".join(words))


def told(*words):
    """What the program lists to who asks for something that there is not."""
    return set(re.findall(r"[a-z_]+", re.search(r"there are (.*)", sockdiag(*words).stderr)[1])) - {"and", "or"}


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

with case("zsh: the commands and options"):
    need("zsh")
    equal(zsh(""), commands())
    for name in sorted(commands() - {"ftp"}):
        equal(zsh(name, "--"), options(name), name)
    equal((zsh("record", "--", "l"), zsh("streams", ""), zsh("ftp", "")), ({"PROGRAMS"}, {"FILES"}, {"serve", "put", "get", "ls"}))

for shell in ("bash", "zsh", "fish"):
    with case(f"{shell}: what an option takes is what the program takes"):
        need(shell)
        kinds = set(re.findall(r"^  ([a-z_]+)  ", sockdiag("streams", "--problem", "x", "-").stderr, re.M))
        check(len(kinds) > 20, kinds)
        check({"refused", "offloaded"} <= kinds, kinds)
        equal(offered(shell, "streams", "--problem", ""), kinds)
        equal(offered(shell, "streams", "--sort", ""), told("streams", "--sort", "?", "-"))
        equal(offered(shell, "extract", "--format", ""), told("extract", "-d", ".", "--format", "?", "-"))
        framings = told("demo", "--framing", "?")
        equal(offered(shell, "demo", "--framing", ""), framings)
        equal(offered(shell, "demo", "-F", ""), framings)
        equal(offered(shell, "ftp", "put", "-f", ""), framings)
        equal(offered(shell, "streams", "--color", ""), {"auto", "always", "never"})
        equal(offered(shell, "ping", "-M", ""), {"do", "want", "dont", "probe"})
        contains(offered(shell, "capture", "-i", ""), "lo")
        contains(offered(shell, "ping", "-I", ""), "lo")
        equal(offered(shell, "ping", "-i", ""), set(), "an interval")
        equal(offered(shell, "streams", "--top", ""), set(), "a number")

    with case(f"{shell}: a list goes on behind its commas"):
        need(shell)
        found = {word.rpartition(",")[2] for word in offered(shell, "streams", "--problem", "gap,ref")}
        equal(found, {"refused"})
        if shell != "zsh":  # which puts what stands there back itself
            equal(offered(shell, "streams", "--problem", "gap,ref"), {"gap,refused"})

done()
