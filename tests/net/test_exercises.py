#!/usr/bin/env python3
"""Every exercise of every lesson, in C and in Python: the model solution passes in all of its networks, the given program fails in
one, and the message tells what is wrong. As an ordinary user.

    client --- e0 [ c0 wire s0 ] e0 --- server        (inside the sandbox of exercises)
"""

import concurrent.futures
import json
import os
import sys
import pathlib

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
from cases import Skip, case, check, done, equal  # noqa: E402
from procs import ROOT, as_user, can_userns, have, run, user_dir, user_sockdiag  # noqa: E402

LESSONS = ROOT / "docs/lessons"
ENV = {**os.environ, "SOCKDIAG_LESSONS": str(LESSONS), "XDG_STATE_HOME": user_dir(), "PAGER": "cat"}
ABLE, WHY = can_userns()
AT_ONCE = 2  # they wait most of the time
PROGRAMS = sorted(path for kind in ("exercise", "solution") for path in LESSONS.glob(f"*/{kind}/*.*"))


def checked(path, *options):
    number = path.parent.parent.name.split("-")[0].lstrip("0")
    return run(*as_user(user_sockdiag(), "lesson", *options, number, "--check", f"{path.parent.name}/{path.name}"), env=ENV,
               cwd="/", timeout=120)


def name_of(path):
    return "/".join(path.parts[-3:])


def exercise_of(path):
    lesson = json.loads((path.parent.parent / "lesson.json").read_text(encoding="utf-8"))
    return next(step for step in lesson["steps"] if "exercise" in step)


def networks_of(path):
    names = exercise_of(path)["networks"]
    return [one["name"] for one in json.loads((LESSONS / "networks.json").read_text(encoding="utf-8"))] if names == "all" else names


with case("each lesson has an exercise in C and in Python, with a model solution of each"):
    folders = sorted(path.parent for path in LESSONS.glob("*/lesson.json"))
    check(len(folders) >= 12, "twelve lessons")
    for folder in folders:
        programs = next(step["programs"] for step in json.loads((folder / "lesson.json").read_text(encoding="utf-8"))["steps"]
                        if "exercise" in step)
        equal(sorted(pathlib.Path(name).suffix for name in programs), [".c", ".py"], folder.name)
        for kind in ("exercise", "solution"):
            equal(sorted(path.name for path in (folder / kind).iterdir()), sorted(programs), f"{folder.name}/{kind}")

if not ABLE or have("python3", "cc"):
    with case("the exercises"):
        raise Skip(WHY or have("python3", "cc"))
    done()

with case("a server that ends at once: the sandbox speaks the learner's language, and English where ASCII is wanted"):
    at_once = pathlib.Path(user_dir()) / "receiver.py"
    at_once.write_text("raise SystemExit(3)\n", encoding="utf-8")
    at_once.chmod(0o644)
    chinese = {**ENV, "LC_ALL": "C.UTF-8", "LANGUAGE": "zh_CN"}
    if "课" not in run(*as_user(user_sockdiag(), "lesson", "--lang", "zh_CN", "--help"), env=ENV).stdout:
        raise Skip("no Chinese catalogue beside the program, or no C.UTF-8")
    for options, env, word in ((["--lang", "zh_CN"], ENV, "在监听之前就结束了"), ([], chinese, "在监听之前就结束了"), ([], ENV, "ended before it listened"),
                               (["--ascii"], chinese, "ended before it listened"), (["--ascii", "--lang", "zh_CN"], ENV, "ended before it listened")):
        ran = run(*as_user(user_sockdiag(), "lesson", *options, "4", "--check", at_once), env=env, cwd="/", timeout=120)
        equal((ran.returncode, ran.stderr), (1, ""), ran.stdout)
        check(word in ran.stdout and "python3 receiver.py" in ran.stdout, ran.stdout)

with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
    RAN = dict(zip(PROGRAMS, pool.map(lambda path: checked(path, "--json"), PROGRAMS)))

for path, ran in RAN.items():
    tries = [json.loads(line) for line in ran.stdout.splitlines() if '"type":"exercise"' in line]
    if path.parent.name == "solution":
        with case(f"{name_of(path)} passes in all of its networks"):
            equal(ran.returncode, 0, ran.stdout[-1500:] + ran.stderr)
            equal([one["network"] for one in tries if one["passed"]], networks_of(path))
    else:
        with case(f"{name_of(path)} fails, and it is said where and why"):
            equal((ran.returncode, ran.stderr), (1, ""), ran.stdout[-1500:])
            last = tries[-1]
            equal((last["passed"], last["network"] in networks_of(path)), (False, True))
            check(last.get("offset") is not None or last["section"] or last["reason"] not in ("passed", "failed"),
                  f"no place and no reason: {last}")
            said = checked(path)
            equal((said.returncode, said.stderr), (1, ""), said.stdout[-800:])
            check(len(said.stdout.splitlines()) >= 3, f"hardly a word: {said.stdout}")

done()
