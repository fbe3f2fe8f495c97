#!/usr/bin/env python3
"""What every lesson must hold: its runs show what it teaches, its pictures have what the text speaks of, each wrong answer has
its sentence, the given program is wrong, both languages are the same lesson, and nothing is left behind. As an ordinary user.

    client --- e0 [ c0 wire s0 ] e0 --- server        (the lessons' own, gone with them)
"""

import concurrent.futures
import json
import os
import pathlib
import re
import shutil
import sys
import threading
import time
import unicodedata

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
from cases import Skip, case, check, contains, done, equal  # noqa: E402
from procs import ROOT, as_user, can_userns, have, run, user_dir, user_sockdiag, user_uid  # noqa: E402

HOME = pathlib.Path(user_dir())
LESSONS = HOME / "lessons"
TMP = HOME / "tmp"
ENV = {**os.environ, "SOCKDIAG_LESSONS": str(LESSONS), "XDG_STATE_HOME": str(HOME / "state"), "TMPDIR": str(TMP), "PAGER": "cat"}
ABLE, WHY = can_userns()
TRIES = 3  # a lesson whose run was disturbed (this machine was busy) says so, and is right to
RUN_NS = 10_000_000_000
AT_ONCE = 3  # they wait most of the time
BUSY_S = 0.02  # who is woken so late is on a machine on which a run may do otherwise

shutil.copytree(ROOT / "docs/lessons", LESSONS)
TMP.mkdir(mode=0o777)
for path in (HOME, LESSONS, TMP, *LESSONS.rglob("*")):
    if user_uid() is not None:
        os.chown(path, user_uid(), user_uid())
FOLDERS = sorted(path.parent for path in LESSONS.glob("*/lesson.json"))


def sockdiag(*words, env=None):
    return run(*as_user(user_sockdiag(), *words), env={**ENV, **(env or {})}, cwd="/", timeout=120)


# ---- the files ----

SECTION = re.compile(r"^## .*<!-- ([a-z0-9-]+) -->$", re.M)


def sections(folder, language):
    """{id: (the facts, the marks of items, the text)} of a lesson in a language."""
    suffix = f".{language}" if language else ""
    text = (folder / f"lesson{suffix}.md").read_text(encoding="utf-8")
    parts = SECTION.split(text)
    return {name: (sorted(set(re.findall(r"\{([a-z][a-z0-9_]*)\}", body))), re.findall(r"^- ([a-z]|else)\) ", body, re.M), body)
            for name, body in zip(parts[1::2], parts[2::2])}


def item(folder, language, section, mark):
    """The sentence of a wrong answer, in pieces between its facts, without blanks and Markdown's signs."""
    body = sections(folder, language)[section][2]
    found = re.search(rf"^- {mark}\) (.*(?:\n[^\n-].*)*)", body, re.M).group(1)
    found = re.sub(r"`([^`]*)`", lambda code: re.sub(r"\{[a-z0-9_]+\}", "", code.group(1)), found)
    return [squeeze(piece) for piece in re.split(r"\{[a-z0-9_]+\}", found) if squeeze(piece)]


def squeeze(text):
    return re.sub(r"[\s*`\\]", "", text)


def steps(folder):
    return json.loads((folder / "lesson.json").read_text(encoding="utf-8"))["steps"]


for folder in FOLDERS:
    with case(f"{folder.name}: the same sections, facts and choices in both languages"):
        english, chinese = sections(folder, ""), sections(folder, "zh_CN")
        equal(list(chinese), list(english), "sections")
        for name, (facts, marks, _) in english.items():
            equal(chinese[name][:2], (facts, marks), name)

with case("all of them are lessons, in both languages"):
    for language in ("en", "zh_CN"):
        ran = sockdiag("lesson", "--lang", language)
        equal((ran.returncode, ran.stderr), (0, ""))
        for folder in FOLDERS:
            contains(ran.stdout, folder.name.split("-", 1)[1])

# ---- running them ----


def objects(ran):
    return [json.loads(line) for line in ran.stdout.splitlines()]


def of(found, kind):
    return [one for one in found if one["type"] == kind]


TOO_LATE = re.compile(r"sockdiag lesson: lesson .* did not end within \d+ s\n")


class Witness(threading.Thread):
    """Sleeps for a moment again and again, and notes how late it was woken at the worst, in seconds."""

    def __init__(self):
        super().__init__(daemon=True)
        self.late = 0.0
        self.over = threading.Event()
        self.start()

    def run(self):
        while not self.over.is_set():
            before = time.monotonic()
            time.sleep(0.002)
            self.late = max(self.late, time.monotonic() - before - 0.002)

    def end(self):
        self.over.set()
        self.join()
        return self.late


def play(number):
    """The results of a lesson that showed what it should, in one of a few tries; and how late a program was woken by this
    machine meanwhile."""
    witness = Witness()
    for _ in range(TRIES):
        ran = sockdiag("lesson", "--json", number, env={"COLUMNS": "100"})
        if ran.returncode == 0 or (ran.returncode == 2 and not TOO_LATE.fullmatch(ran.stderr)):
            break
    return ran, witness.end()


def width(line):
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in line)


def marked_place(command, facts):
    """What the picture's mark must say: "recv() #1" or "byte 5"."""
    lane, number = re.search(r"--mark (?:client:|server:)?(?:(\w+):)?(\S+)", command).groups()
    fact = re.fullmatch(r"\{(\w+)\}", number)
    number = facts[fact.group(1)] if fact else number
    titles = {"send": "send()", "recv": "recv()", "wire": "wire", "message": "message"}
    return f"{titles[lane]} #{number}" if lane else f"byte {number}"


def check_disturbed(ran, late):
    """A run that did otherwise, or came to no end in its time, is told as such; and is none of the lesson's faults where
    programs were held up."""
    found = objects(ran)
    result = found[-1]
    equal((result["type"], result["shown"]), ("result", False), ran.stdout[-800:])
    if ran.returncode == 2:
        check(TOO_LATE.fullmatch(ran.stderr), ran.stderr)
        what = ran.stderr.strip()
    else:
        equal((ran.returncode, ran.stderr, result["error"]), (1, "", None))
        failed = [one["condition"] for one in of(found, "expect") if not one["holds"]]
        check(failed, "all runs showed what they should, but the result says otherwise")
        what = f"runs did otherwise: {failed}"
    check(late > BUSY_S, f"{what}; on a machine that was not busy ({late * 1000:.1f} ms)")
    raise Skip(f"this machine held programs up for {late * 1000:.0f} ms; {what}")


def check_results(ran, late):
    if ran.returncode in (1, 2) and objects(ran)[-1:] and not objects(ran)[-1].get("shown", True):
        check_disturbed(ran, late)
    equal((ran.returncode, ran.stderr), (0, ""), ran.stdout[-800:])
    found = objects(ran)
    result = found[-1]
    equal((result["type"], result["shown"], result["error"]), ("result", True, None))
    equal(result["right"], result["questions"])
    check(result["questions"] >= 2, "a lesson asks")
    check(all(one["elapsed_ns"] < RUN_NS for one in of(found, "run")), "a run takes 10 s or more")
    facts = {one["name"]: one["value"] for one in of(found, "fact")}
    for one in of(found, "lanes"):
        if "--mark" in one["command"]:
            place = marked_place(one["command"], facts)
            marks = [line for line in one["picture"].splitlines() if re.search(rf"▲ ?.*{re.escape(place)}\b|{re.escape(place)}\b.* ▲|"
                                                                               rf"^  {re.escape(place)}: datagram", line)]
            equal(len(marks), 1, f"{one['command']}: marks of {place} in {one['picture']}")
    tried = of(found, "exercise")
    check(not tried or not tried[-1]["passed"], "the given program of the exercise passed")
    equal(bool(tried), result["exercise"] is not None)
    return found


def wrong_answers(folder, found):
    """[{question: (answer, item)}, …]: as many rounds as it takes to give each wrong answer once."""
    facts = {one["name"]: one["value"] for one in of(found, "fact")}
    right = {one["id"]: one["right"] for one in of(found, "question")}
    rounds = []
    for step in steps(folder):
        if "ask" not in step:
            continue
        if "choices" in step:
            wrong = [(choice, choice) for choice in step["choices"] if choice != step["right"]]
        else:
            wrong = [(right[step["ask"]] * 3 + 1_000_003, "else")]
            for condition, mark in step.get("wrong", []):
                value = condition[2] if condition[:2] == ["=", "answer"] else None
                value = facts.get(value) if isinstance(value, str) else value
                if isinstance(value, (int, float)) and abs(value - right[step["ask"]]) > step.get("near", 0):
                    wrong.append((value, mark))
        for index, pair in enumerate(wrong):
            while len(rounds) <= index:
                rounds.append({})
            rounds[index][step["ask"]] = pair
    return rounds


TOO_LATE_IN_WORDS = re.compile(r" did not end within |秒内没有结束")
DID_OTHERWISE = re.compile("arundidnotshowwhatitshould|有一次运行没有显示应有的现象")  # squeezed
LOOKS = [("zh_CN", 60), ("en", 80), ("zh_CN", 200), ("en", 60)]


def check_wrong(folder, answers, language, columns):
    """One round of wrong answers: each is noticed with its sentence, in lines that fit."""
    words = [word for question, (answer, _) in answers.items() for word in ("--answer", f"{question}={answer}")]
    witness = Witness()
    for _ in range(TRIES):
        ran = sockdiag("lesson", "--auto", "--lang", language, folder.name, *words, env={"COLUMNS": str(columns)})
        disturbed = TOO_LATE_IN_WORDS.search(ran.stderr) if ran.returncode == 2 else DID_OTHERWISE.search(squeeze(ran.stdout))
        if not disturbed:
            break
    late = witness.end()
    if disturbed and late > BUSY_S:
        raise Skip(f"this machine held programs up for {late * 1000:.0f} ms; {disturbed[0]}")
    check(not disturbed, lambda: f"{disturbed[0]}; on a machine that was not busy ({late * 1000:.1f} ms)")
    equal((ran.returncode, ran.stderr), (1, ""), ran.stdout[-800:])
    equal([line for line in ran.stdout.splitlines() if width(line) > columns], [], f"lines over {columns} columns")
    answered = {step["answer"]: step["say"] for step in steps(folder) if "answer" in step}
    said = squeeze(ran.stdout)
    for question, (answer, mark) in answers.items():
        for piece in item(folder, "" if language == "en" else language, answered[question], mark):
            contains(said, piece, f"{question}={answer}")


def ours():
    """Processes that a lesson has left: those with its folder for temporary files in their environment."""
    found = []
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            if f"TMPDIR={TMP}\0".encode() in pathlib.Path("/proc", entry, "environ").read_bytes() + b"\0":
                found.append(int(entry))
        except OSError:
            continue
    return found


def world():
    return sorted(os.listdir("/sys/class/net")), pathlib.Path("/proc/self/mounts").read_text(encoding="utf-8", errors="replace")


def number_of(folder):
    return folder.name.split("-")[0].lstrip("0")


if not ABLE or have("python3"):
    with case("the lessons run"):
        raise Skip(WHY or have("python3"))
    done()

BEFORE = world()
with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
    PLAYED = dict(zip(FOLDERS, pool.map(lambda folder: play(number_of(folder)), FOLDERS)))

RESULTS = {}
for folder, (ran, late) in PLAYED.items():
    with case(f"{folder.name}: the runs show what they should, the pictures what the text speaks of"):
        RESULTS[folder] = check_results(ran, late)

with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
    ROUNDS = {(folder, index): pool.submit(check_wrong, folder, answers, *LOOKS[index % len(LOOKS)])
              for folder, found in RESULTS.items() for index, answers in enumerate(wrong_answers(folder, found))}
for folder in RESULTS:
    with case(f"{folder.name}: each wrong answer is noticed, with its sentence; lines fit into 60, 80 and 200 columns"):
        for (other, _), future in ROUNDS.items():
            if other == folder:
                future.result()

with case("nothing is left behind: files, processes, interfaces, mounts, a state"):
    equal(os.listdir(TMP), [])
    equal(ours(), [])
    equal(world(), BEFORE)
    check(not (HOME / "state").exists(), "--auto keeps no state")

shutil.rmtree(LESSONS)
shutil.rmtree(TMP)
done()
