#!/usr/bin/env python3
"""The lesson runner, by a lesson that is made for it (tests/lessons/90-sample): what it prints, asks, refuses, and leaves
behind. The exercise alone needs user namespaces."""

import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import unicodedata

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
from cases import Skip, case, check, contains, done, equal  # noqa: E402
from procs import ROOT, SOCKDIAG, as_user, can_userns, gone, have, run, sockdiag, user_uid, wait_until  # noqa: E402
from terminal import SGR, Terminal  # noqa: E402

WORK = pathlib.Path(tempfile.mkdtemp(prefix="lesson-"))
LESSONS = WORK / "lessons"
SAMPLE = LESSONS / "90-sample"
STATE = WORK / "state"
TMP = WORK / "tmp"  # where private copies are made
ENV = {**os.environ, "SOCKDIAG_LESSONS": str(LESSONS), "XDG_STATE_HOME": str(STATE), "TMPDIR": str(TMP), "PAGER": "cat",
       "HOME": str(WORK), "COLUMNS": "80"}
ABLE, WHY = can_userns()

TMP.mkdir()
shutil.copytree(ROOT / "tests/lessons", LESSONS)
shutil.copy(ROOT / "tests/golden/sticky.pcapng", SAMPLE)
shutil.copy(ROOT / "docs/lessons/networks.json", LESSONS)


def without_exercise(folder):
    """The sample where no sandbox can be made."""
    path = folder / "lesson.json"
    lesson = json.loads(path.read_text(encoding="utf-8"))
    lesson["steps"] = [step for step in lesson["steps"] if "exercise" not in step]
    path.write_text(json.dumps(lesson), encoding="utf-8")


if not ABLE:
    without_exercise(SAMPLE)


def lesson(*words, env=None, **more):
    ran = sockdiag("lesson", *words, env={**ENV, **(env or {})}, **more)
    equal(os.listdir(TMP), [], f"what 'lesson {' '.join(map(str, words))}' left behind")
    return ran


def objects(ran):
    return [json.loads(line) for line in ran.stdout.splitlines()]


def of(found, kind):
    return [one for one in found if one["type"] == kind]


def width(line):
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in line)


def too_wide(text, columns):
    return [line for line in SGR.sub("", text).splitlines() if width(line.rstrip("\r")) > columns]


def need_sandbox():
    if not ABLE:
        raise Skip(WHY)


# ---- the list ----

with case("the list: as text, and one object a line"):
    ran = lesson()
    equal((ran.returncode, ran.stderr), (0, ""))
    contains(ran.stdout, "90   A sample: every kind of step (sample, 1 minute)\n     What the runner's tests run")
    ran = lesson("--json")
    equal(ran.returncode, 0)
    equal(ran.stdout, '{"type":"lesson","lesson":90,"name":"sample","title":"A sample: every kind of step","minutes":1,"done":false}\n')
    equal(objects(lesson("--json", "--lang", "zh_CN"))[0]["title"], "A sample: every kind of step", "JSON is English")
    contains(lesson("--lang", "zh_CN").stdout, "样例：每一种步骤")
    equal(len(lesson("-q").stdout.splitlines()), 1)
    contains(lesson("-v").stdout.replace("\n     ", ""), str(SAMPLE))
    check(not STATE.exists(), "looking makes no state")

with case("a lesson has a number, a name, or both; another one is named"):
    for word in ("90", "sample", "90-sample", "090"):
        equal(lesson("--hint", word).returncode, 0 if ABLE else 2, word)
    for word in ("9", "sampl", "91-sample", "90-simple", ""):
        ran = lesson(word, "--auto")
        equal(ran.returncode, 2, word)
        contains(ran.stderr, f"there is no lesson '{word}'")

with case("words that do not go together are refused"):
    for words, part in ((["--hint"], "which lesson"), (["--check", "x"], "which lesson"), (["--dir", "x"], "which lesson"),
                        (["90", "--answer", "pick=a"], "--answer goes with --auto"), (["90", "91"], "'91' too"),
                        (["--auto", "--answer", "pick"], "ID=VALUE"), (["--auto", "--answer", "=a"], "ID=VALUE"),
                        (["90", "--auto", "--hint"], "one of"), (["90", "--hint", "--json"], "hints are for people"),
                        (["90", "--auto", "--check", "x"], "one of")):
        ran = lesson(*words)
        equal(ran.returncode, 2, words)
        contains(ran.stderr, part)

with case("lessons that are not there"):
    ran = lesson(env={"SOCKDIAG_LESSONS": str(WORK / "nowhere")})
    equal(ran.returncode, 2)
    contains(ran.stderr, "nowhere")
    (WORK / "empty").mkdir()
    ran = lesson(env={"SOCKDIAG_LESSONS": str(WORK / "empty")})
    equal(ran.returncode, 2)
    contains(ran.stderr, "there is no lesson in")

# ---- without asking ----

with case("--auto goes through all steps, in order"):
    ran = lesson("90", "--auto")
    equal((ran.returncode, ran.stderr), (0, ""))
    parts = ["Lesson 90: A sample: every kind of step (about 1 minute)\n\nThe beginning\n", "*strong words*, *weak words* and `code`",
             "  send(fd,", "Which one?\n", "  b) the second", "How long is", "$ sh run.sh\n  the sample runs\n  not an escape: \\x1b[31m\n\n",
             "▲ recv() #2: bytes 1024 to 2047", "The answer: b.\n  the second choice\n\nThe second it was\n",
             "The proof is that 1024 bytes came of 4139.", "The answer: 1024.\n\nSo long it was\n", "Twice 1024 is 2048. Lost: ?.",
             "The end\n", "Lesson 90, sample: its runs showed what they should.\n"]
    places = []
    for part in parts:
        contains(ran.stdout, part)
        places.append(ran.stdout.index(part))
    equal(places, sorted(places), "the order")
    check("shown=1" not in ran.stdout, "lines of facts are not shown")
    check("not it" not in ran.stdout and "hint" not in ran.stdout, "sentences for wrong answers, and hints, are not shown")
    check(not STATE.exists(), "nobody was asked: nothing is done")

with case("--json: the results, one object a line, English"):
    ran = lesson("90", "--json", "--lang", "zh_CN")
    equal((ran.returncode, ran.stderr), (0, ""))
    found = objects(ran)
    equal([one["type"] for one in found if one["type"] != "exercise"],
          ["run"] + ["fact"] * 5 + ["expect"] * 2 + ["lanes", "question", "question", "result"])
    check(all(line.startswith('{"type":') for line in ran.stdout.splitlines()), "type first")
    equal({one["name"]: one["value"] for one in of(found, "fact")},
          {"shown": 1, "recv_2": 1024, "total": 4139, "lost": None, "twice": 2048})
    equal([one["holds"] for one in of(found, "expect")], [True, True])
    equal(of(found, "run")[0]["command"], "sh run.sh")
    contains(of(found, "lanes")[0]["picture"], "▲ recv() #2")
    equal(of(found, "question")[1], {"type": "question", "lesson": 90, "id": "count", "answer": 1024, "right": 1024, "correct": True,
                                     "item": None})
    equal(found[-1], {"type": "result", "lesson": 90, "name": "sample", "shown": True, "questions": 2, "right": 2,
                      "exercise": "open" if ABLE else None, "error": None})

for answers, items, sentences in (
        (["pick=a", "count=1024"], ["a", None], ["✗ Not a: it is b.", "The first is not it: 1024 bytes."]),
        (["pick=c", "count=1020"], ["c", None], ["The third is not it.", "✓ Right: 1024 (you said 1020)."]),
        (["pick=b", "count=4139"], [None, "d"], ["✓ Right: b.", "✗ Not 4139: it is 1024.", "That is all of it."]),
        (["count=1019.5"], [None, "else"], ["✗ Not 1019.5: it is 1024.", "Neither all of it nor that."])):
    with case(f"wrong answers are noticed, each with its sentence: {' '.join(answers)}"):
        words = [word for answer in answers for word in ("--answer", answer)]
        wrong = any(items)
        ran = lesson("90", "--auto", *words)
        equal(ran.returncode, 1 if wrong else 0)
        for sentence in sentences:
            contains(ran.stdout, sentence)
        others = {"The first is not it", "The third is not it", "That is all of it", "Neither all of it"}
        equal([part for part in others if part in ran.stdout and not any(part in sentence for sentence in sentences)], [])
        questions = of(objects(lesson("90", "--auto", "--json", *words)), "question")
        equal([one["item"] for one in questions], items)
        equal([one["correct"] for one in questions], [item is None for item in items])

with case("an answer that is none is refused"):
    for answer in ("pick=z", "count=many", "count="):
        ran = lesson("90", "--auto", "--answer", answer)
        equal(ran.returncode, 2)
        contains(ran.stderr, answer.split("=")[1] + "'")

with case("a run that showed something else: it is said, and the lesson goes on"):
    ran = lesson("90", "--auto", env={"SAMPLE_SHOWN": "4"})
    equal(ran.returncode, 1)
    contains(ran.stdout, "This run did otherwise\n──────────────────────\n\nThe run said 4, not 1.\n")
    contains(ran.stdout, "The answer: b.\n  the second choice\n\nThe answer: 1024.\n\n" + ("Exercise\n" if ABLE else ""))
    claims = ("The second it was", "So long it was", "The end\n")
    equal([part for part in claims if part in ran.stdout], [], "what would not be true of this run")
    check(all(part in lesson("90", "--auto").stdout for part in claims), "what is true of another")
    contains(lesson("90", "--auto", "--answer", "pick=a", env={"SAMPLE_SHOWN": "4"}).stdout, "✗ Not a: it is b.\n  the second choice\n\n")
    contains(ran.stdout, "a run did not show what it should")
    equal(ran.stdout.count("$ sh run.sh"), 3, "a run has three chances")
    found = objects(lesson("90", "--json", env={"SAMPLE_SHOWN": "4"}))
    equal(found[-1]["shown"], False)
    equal([one["holds"] for one in of(found, "expect")], [True, False] * 3)

with case("a run that was disturbed is repeated, and then it is right"):
    count = WORK / "count"
    ran = lesson("90", "--auto", env={"SAMPLE_COUNT": str(count)})
    equal(ran.returncode, 0)
    equal(ran.stdout.count("$ sh run.sh"), 2)
    contains(ran.stdout, "Once more:\n\n$ sh run.sh\n")
    check("This run did otherwise" not in ran.stdout, "it was shown in the end")

for variable, part in (("FAIL", "'sh run.sh' ended with status 7: it went wrong"), ("LATE", "'sh run.sh' did not end within 3 s"),
                       ("FLOOD", "'sh run.sh' printed too much")):
    with case(f"a run that goes wrong ends the lesson: {variable.lower()}"):
        ran = lesson("90", "--auto", "-q", env={f"SAMPLE_{variable}": "1"})
        equal((ran.returncode, ran.stdout), (2, ""))
        equal(ran.stderr, f"sockdiag lesson: lesson 90, sample: {part}\n")

with case("a run's output is bounded on the screen, and -v tells the facts"):
    ran = lesson("90", "--auto", "-v", env={"SAMPLE_LONG": "1"})
    contains(ran.stdout, "  recv_2 = 1024\n")
    contains(ran.stdout, "  lost = ?\n")
    equal(too_wide(ran.stdout, 80), [])
    contains(ran.stdout, "  room for 78\n")
    equal(ran.stdout.count("0" * 60), 3 + 1)  # 300 in lines of 78

# ---- how it looks ----

for language in ("en", "zh_CN"):
    for columns in (40, 60, 80, 200):
        with case(f"{columns} columns, {language}: no line is wider, and none ends with a blank"):
            for words in (["90", "--auto", "--answer", "pick=a", "--answer", "count=7"], [], ["90", "--hint"]):
                ran = lesson(*words, "--lang", language, env={"COLUMNS": str(columns)})
                equal(too_wide(ran.stdout, columns), [])
                equal([line for line in ran.stdout.splitlines() if line.endswith(" ")], [])
            if language == "zh_CN":
                contains(lesson("90", "--auto", "--lang", language).stdout, "证据：4139 字节中来了 1024 字节。")

with case("colours where they are asked for, and then instead of signs"):
    equal(SGR.findall(lesson("90", "--auto").stdout), [])
    ran = lesson("90", "--auto", "--color", "always")
    contains(ran.stdout, "\x1b[1mstrong words\x1b[0m")
    check("*strong" not in ran.stdout and "`code`" not in ran.stdout, "signs beside colours")
    check(re.search("\x1b\\[36m +▲", ran.stdout), "the picture has them too")
    equal(SGR.findall(lesson("90", "--auto", env={"CLICOLOR_FORCE": "1", "NO_COLOR": "1"}).stdout), [])

with case("--ascii, and a locale that is not UTF-8: ASCII alone"):
    for words, env in ((["--ascii"], {}), ([], {"LC_ALL": "en_US.ISO-8859-1"})):
        ran = lesson("90", "--auto", *words, env=env)
        equal(ran.returncode, 0)
        check(ran.stdout.isascii(), [line for line in ran.stdout.splitlines() if not line.isascii()][:3])
        contains(ran.stdout, "^ recv() #2")

# ---- the input ----

ANSWERS = "z\nh\na\n?\nmany\n1024\n\n" + ("s\n\n" if ABLE else "")

with case("answers come from a pipe, line by line; wrong words are asked again"):
    ran = lesson("90", input=ANSWERS)
    equal((ran.returncode, ran.stderr), (1 if ABLE else 0, ""))  # the exercise is skipped
    for part in ("Possible answers: a, b, c.", "It stands between the others.", "Possible answers: a number: bytes.", "✗ Not a: it is b.",
                 "✓ Right: 1024.", "1 of 2 answers right", "The end\n"):
        contains(ran.stdout, part)
    contains(lesson().stdout, "90 •" if ABLE else "90 ✓")
    equal(objects(lesson("--json"))[0]["done"], not ABLE)
    shutil.rmtree(STATE)

with case("where the input ends, or is closed, or is q, so does the lesson: status 3"):
    for words in ({"input": ""}, {"input": "a\n"}, {"input": "q\n"}, {"input": "a\n7\nq\n"}, {"stdin": subprocess.DEVNULL}):
        ran = lesson("90", **words)
        equal((ran.returncode, ran.stderr), (3, ""), words)
    closed = run("sh", "-c", f'exec "{SOCKDIAG}" lesson 90 <&-', env=ENV)
    equal((closed.returncode, closed.stderr), (3, ""))
    equal(run("sh", "-c", f'exec "{SOCKDIAG}" lesson --auto 90 <&-', env=ENV).returncode, 0)
    check(not STATE.exists(), "what was left before its end is not done")

with case("a reader that goes away ends it, and nothing is left"):
    with subprocess.Popen([SOCKDIAG, "lesson", "--auto", "90"], env=ENV, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.read(10)
        process.stdout.close()
        process.wait(20)
        equal(process.stderr.read(), b"")
    equal(os.listdir(TMP), [])

with case("a full disk is an error, not silence"):
    with open("/dev/full", "wb") as full:
        for words in (["90", "--auto"], []):
            ran = lesson(*words, stdout=full)
            check(ran.returncode != 0 and "No space left" in ran.stderr, (ran.returncode, ran.stderr))

# ---- the exercise ----

with case("the given program is wrong, the model solutions are right, in both languages"):
    need_sandbox()
    for name in ("mend.py", "mend.c"):
        ran = lesson("90", "--check", f"exercise/{name}")
        equal(ran.returncode, 1, ran.stdout + ran.stderr)
        contains(ran.stdout, "✗ clean")
        contains(ran.stdout, "byte 4")
        ran = lesson("90", "--check", f"solution/{name}")
        equal(ran.returncode, 0, ran.stdout + ran.stderr)
        contains(ran.stdout, "✓ Passed in 1 network.")
    one, = objects(lesson("90", "--json", "--check", SAMPLE / "exercise/mend.py"))
    equal({key: one[key] for key in ("type", "lesson", "id", "network", "passed", "reason", "offset", "want", "got")},
          {"type": "exercise", "lesson": 90, "id": "mend", "network": "clean", "passed": False, "reason": "differs", "offset": 4,
           "want": "two\\nthree\\n", "got": ""})
    equal(lesson("90", "--check", "no-such.py").returncode, 2)
    judged = WORK / "judged.py"
    judged.write_text((SAMPLE / "solution/mend.py").read_text(encoding="utf-8") + "open('extra', 'w').close()\n", encoding="utf-8")
    ran = lesson("90", "--check", judged)
    equal(ran.returncode, 1)
    contains(ran.stdout, "It has left 1 file that nobody wanted.")  # a fact of this very run
    equal(objects(lesson("90", "--check", judged, "--json"))[0]["section"], "judged")
    check(objects(lesson("--json"))[0]["done"] is False, "read is half of it")
    shutil.rmtree(STATE)

with case("hints one by one, or all of them"):
    need_sandbox()
    equal(lesson("90", "--hint").stdout, "The first hint.\n\nThe second hint.\n\n")
    equal(lesson("90", "--hint", "--lang", "zh_CN").stdout, "第一个提示。\n\n第二个提示。\n\n")

with case("a learner mends the program: wrong, hints, edited, right, done"):
    need_sandbox()
    folder = WORK / "mine" / "deep"
    editor = WORK / "editor"
    editor.write_text(f'#!/bin/sh\ncp "{SAMPLE}/solution/mend.py" "$1"\n', encoding="utf-8")
    editor.chmod(0o755)
    head = "b\n1024\n\n"
    ran = lesson("90", "--dir", folder, input=head + "\nh\nh\nh\ne\n\n\n", env={"EDITOR": str(editor), "VISUAL": ""})
    equal((ran.returncode, ran.stderr), (0, ""))
    for part in (f"In {folder} there are: mend.py, mend.c", "The first hint.", "The second hint.", "There are no more hints.", "✗ clean", "✓ Passed in 1 network.",
                 "2 of 2 answers right; the exercise is passed."):
        contains(ran.stdout.replace("\n", " "), part)
    equal((folder / "mend.py").read_text(encoding="utf-8"), (SAMPLE / "solution/mend.py").read_text(encoding="utf-8"))
    equal((folder / "mend.c").read_text(encoding="utf-8"), (SAMPLE / "exercise/mend.c").read_text(encoding="utf-8"))
    equal(objects(lesson("--json"))[0]["done"], True)
    contains(lesson().stdout, "90 ✓ A sample: every kind of step (sample, 1 minute, done)")
    # what the learner has written is kept, and is what is judged
    ran = lesson("90", "--dir", folder, input=head + "\n\n")
    equal(ran.returncode, 0)
    contains(ran.stdout.replace("\n", " "), "there are, from the last time: mend.py")
    shutil.rmtree(STATE)

with case("the one that was changed last is judged; without an editor it is said"):
    need_sandbox()
    folder = WORK / "mine2"
    folder.mkdir()
    shutil.copy(SAMPLE / "solution/mend.c", folder)
    ran = lesson("90", "--dir", folder, input="b\n1024\n\ne\n\n\n", env={"EDITOR": "", "VISUAL": ""})
    equal((ran.returncode, ran.stderr), (0, ""))
    contains(ran.stdout, "EDITOR names no editor")
    contains(ran.stdout, "mend.c is tried")
    shutil.rmtree(STATE)

with case("by default the program lies with what is done"):
    need_sandbox()
    ran = lesson("90", input="b\n1024\n\ns\n\n")
    equal(ran.returncode, 1)
    equal(sorted(os.listdir(STATE / "sockdiag/lessons")), ["90-sample", "progress.json"])
    shutil.rmtree(STATE)

# ---- what is done ----

with case("a damaged state is said and kept aside; one that cannot be written is said; both end nothing"):
    place = STATE / "sockdiag/lessons"
    place.mkdir(parents=True)
    (place / "progress.json").write_text("{", encoding="utf-8")
    ran = lesson("90", input=ANSWERS)
    contains(ran.stderr, "progress.json is damaged")
    check((place / "progress.json.damaged").exists(), "it is kept")
    equal(lesson().stderr, "")
    shutil.rmtree(STATE)
    STATE.write_text("no folder", encoding="utf-8")
    ran = lesson("90", "--dir", WORK / "mine3", input=ANSWERS)
    equal(ran.returncode, 1 if ABLE else 0)
    contains(ran.stderr, "cannot make the folder")
    contains(ran.stdout, "The end\n")
    equal(lesson("--auto", "90").stderr, "", "--auto has nothing to keep")
    STATE.unlink()

# ---- signals and leftovers ----


def marked(marker):
    return marker.exists() and len(marker.read_text(encoding="ascii").split()) == 2 and marker.read_text(encoding="ascii")


for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL):
    with case(f"{number.name} while a command runs: all of it ends"):
        marker = WORK / f"marker-{number.name}"
        with subprocess.Popen([SOCKDIAG, "lesson", "--auto", "90"], env={**ENV, "SAMPLE_MARKER": str(marker)}, stdin=subprocess.DEVNULL,
                              stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
            pids = [int(word) for word in wait_until(lambda m=marker: marked(m), what="the run's mark").split()]
            process.send_signal(number)
            equal(process.wait(20), -number)
            wait_until(lambda pids=pids: all(gone(pid) for pid in pids), what="the end of what the lesson had started")
        if number == signal.SIGKILL:
            for left in TMP.iterdir():
                shutil.rmtree(left)  # a killed process removes nothing
        equal(os.listdir(TMP), [])

with case("a terminal: Ctrl-C at a question, in a run, in the pager, at the exercise leaves it sane and clean"):
    if have("less"):
        raise Skip(have("less"))
    marker = WORK / "marker-tty"
    moments = [("Your answer (a, b, c", [], {}), ("Your answer (a number", ["b\n"], {}),
               ("$ sh run.sh", ["b\n", "7\n"], {"SAMPLE_MARKER": str(marker)}), ("[Enter: go on", ["b\n", "7\n"], {})]
    if ABLE:
        moments.append(("e: edit", ["b\n", "7\n", "\n"], {}))
    for prompt, typed, env in moments:
        with Terminal([SOCKDIAG, "lesson", "90", "--dir", WORK / "mine4"], rows=60, columns=80, env={**ENV, **env}) as t:
            for text in typed:
                t.wait_for("[Enter: go on" if text == "\n" else "q: quit): ")
                t.type(text)
            t.wait_for(prompt)
            if env:
                wait_until(lambda: marked(marker), what="the run's mark")
            t.type("\x03")
            status = t.end()
            check(os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGINT, f"{prompt}: {status}")
            check(t.is_sane(), f"{prompt}: the terminal is not as it was")
        equal(os.listdir(TMP), [], prompt)

with case("what is longer than the screen goes through the pager, whose Ctrl-C ends the lesson"):
    if have("less"):
        raise Skip(have("less"))
    home = WORK / "home"
    home.mkdir()
    env = {key: value for key, value in ENV.items() if key not in ("PAGER", "LESS", "LESSHISTFILE")} | {"HOME": str(home)}
    with Terminal([SOCKDIAG, "lesson", "90"], rows=10, columns=60, env={**env, "PAGER": ""}) as t:
        t.wait_for("\r\n:")  # less's prompt: the first section is longer than 10 lines
        t.type("q")
        t.wait_for("q: quit): ")
        t.type("b\n")
        t.wait_for("q: quit): ")
        t.type("7\n")
        t.wait_for(":")  # the picture
        t.type("\x03")
        status = t.end()
        check(os.WIFSIGNALED(status), status)
        check(t.is_sane(), "the terminal is not as it was")
    equal((os.listdir(TMP), os.listdir(home)), ([], []))
    with Terminal([SOCKDIAG, "lesson", "90"], rows=10, columns=60, env={**env, "PAGER": "sed s/^/PAGED:/"}) as t:
        t.wait_for("PAGED:A paragraph")
        t.wait_for("q: quit): ")
        t.type("\x04")  # Ctrl-D
        equal(os.waitstatus_to_exitcode(t.end()), 3)

with case("colours on a terminal, not with NO_COLOR; Ctrl-C in the editor is the editor's"):
    need_sandbox()
    env = {**ENV, "EDITOR": "sh -c 'trap \"echo EDITED; exit\" INT; echo EDITING; while :; do sleep 0.05; done' x", "VISUAL": ""}
    with Terminal([SOCKDIAG, "lesson", "90", "--dir", WORK / "mine5"], rows=60, columns=80, env=env) as t:
        t.wait_for("q: quit): ")
        check(SGR.findall(t.text), "no colours")
        t.type("b\n")
        t.wait_for("q: quit): ")
        t.type("7\n")
        t.wait_for("[Enter: go on")
        t.type("\n")
        t.wait_for("e: edit")
        t.type("e\n")
        t.wait_for("EDITING")
        t.type("\x03")
        t.wait_for("EDITED")
        t.wait_for("e: edit")
        t.type("q\n")
        equal(os.waitstatus_to_exitcode(t.end()), 3)
    with Terminal([SOCKDIAG, "lesson", "90"], rows=60, env={**ENV, "NO_COLOR": "1"}) as t:
        t.wait_for("q: quit): ")
        equal(SGR.findall(t.text), [])
        t.type("q\n")
        t.end()

# ---- mistakes of a lesson ----

with case("a mistake in a lesson is named with its file and step; the other lessons are listed"):
    broken = LESSONS / "91-broken"
    shutil.copytree(SAMPLE, broken)
    text = (broken / "lesson.json").read_text(encoding="utf-8")
    (broken / "lesson.json").write_text(text.replace('"why-pick"', '"why-not"'), encoding="utf-8")
    ran = lesson()
    equal(ran.returncode, 2)
    check(re.search(r"91-broken/lesson\.json: step \d+ \(answer\): .*lesson\.md has no section 'why-not'", ran.stderr), ran.stderr)
    contains(ran.stdout, "A sample")
    equal(lesson("--auto").returncode, 2)
    (broken / "lesson.json").write_text(text.replace("sh run.sh", "echo shown={nothing}"), encoding="utf-8")
    equal(lesson("--auto", "91").returncode, 1)  # {nothing} is the shell's
    (broken / "lesson.md").write_text((SAMPLE / "lesson.md").read_text(encoding="utf-8").replace("{total}", "{totl}"), encoding="utf-8")
    (broken / "lesson.json").write_text(text, encoding="utf-8")
    ran = lesson("--auto", "91")
    equal(ran.returncode, 2)
    contains(ran.stderr, "section why-pick speaks of {totl}, which no step before it has found")
    shutil.rmtree(broken)

with case("as an ordinary user, in a folder that is not writable"):
    if user_uid() is None:
        raise Skip("the caller is no root, or there is no other user")
    place = pathlib.Path(tempfile.mkdtemp(prefix="lesson-user-"))
    os.chown(place, user_uid(), user_uid())
    os.chmod(WORK, 0o755)
    env = {**ENV, "XDG_STATE_HOME": str(place / "state"), "TMPDIR": str(place)}
    if run(*as_user("test", "-x", SOCKDIAG)).returncode != 0:
        raise Skip("the ordinary user cannot execute the program where it is")
    ran = run(*as_user(SOCKDIAG, "lesson", "90"), input=ANSWERS, env=env, cwd="/")
    equal((ran.returncode, ran.stderr), (1 if ABLE else 0, ""))
    equal(sorted(os.listdir(place)), ["state"])
    equal((place / "state/sockdiag/lessons").stat().st_mode & 0o777, 0o700)
    shutil.rmtree(place)

shutil.rmtree(WORK)
done()
