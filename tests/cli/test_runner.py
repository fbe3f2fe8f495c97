#!/usr/bin/env python3
"""The runner of the tests must itself not be fooled: programs that fail, die, hang or say nothing are failures."""

import os
import pathlib
import shutil
import stat
import tempfile

from cases import case, check, contains, done, equal
from procs import ROOT, run

CASES = {
    "good": ("print('ok - one'); print('skip - two: no such thing here')", "1 passed, 0 failed, 1 skipped", 0),
    "bad_case": ("print('ok - one'); print('not ok - two: detail')", "1 passed, 1 failed, 0 skipped", 1),
    "bad_status": ("import sys; print('ok - one'); sys.exit(3)", "1 passed, 1 failed, 0 skipped", 1),
    "dies": ("import os; print('ok - one', flush=True); os.abort()", "1 passed, 1 failed, 0 skipped", 1),
    "silent": ("pass", "0 passed, 1 failed, 0 skipped", 1),
    "tap": ("print('1..3'); print('ok 1 - a'); print('not ok 2 - b'); print('ok 3 # SKIP c')",
            "1 passed, 1 failed, 1 skipped", 1),
    "chatty": ("print('it is ok - really'); print('  ok - indented'); print('ok - one')",
               "1 passed, 0 failed, 0 skipped", 0),
    "hangs": ("import time; print('ok - one', flush=True); time.sleep(600)", "1 passed, 1 failed, 0 skipped", 1),
    "leaves_a_child": ("import subprocess; p = subprocess.Popen(['sleep', '600']); print(f'ok - {p.pid}', flush=True);"
                       " raise SystemExit(1)", "1 passed, 1 failed, 0 skipped", 1),
}


def make_tree():
    """A copy of the runner with tests of its own: one for each row, and two golden files."""
    top = pathlib.Path(tempfile.mkdtemp(prefix="runner-"))
    for directory in ("tests/unit", "tests/cli", "tests/net", "tests/golden", "tests/lib"):
        (top / directory).mkdir(parents=True)
    shutil.copy2(ROOT / "tests/run", top / "tests/run")
    for name, (text, _, _) in CASES.items():
        (top / f"tests/net/test_{name}.py").write_text(text + "\n", encoding="utf-8")
    program = top / "program"
    program.write_text("#!/bin/sh\necho \"$@\" \"$COLUMNS\"\nexit 1\n", encoding="utf-8")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    (top / "tests/golden/same.args").write_text("# exit: 1\nCOLUMNS=40 show 'a b'\n", encoding="utf-8")
    (top / "tests/golden/same.out").write_text("show a b 40\n", encoding="utf-8")
    (top / "tests/golden/other.args").write_text("# exit: 1\nshow\n", encoding="utf-8")
    (top / "tests/golden/other.out").write_text("something else\n", encoding="utf-8")
    (top / "tests/golden/status.args").write_text("show\n", encoding="utf-8")
    (top / "tests/golden/status.out").write_text("show 100\n", encoding="utf-8")
    return top


def run_tests(top, *words):
    limit = "2" if "hangs" in words[-1] else "50"
    env = dict(os.environ, SOCKDIAG=str(top / "program"), BUILD=str(top), TEST_TIMEOUT=limit, SAN="")
    return run(top / "tests/run", *words, env=env)


tree = make_tree()

for row, (_, last_line, status) in CASES.items():
    with case(f"a program that is '{row}': {last_line}"):
        shown = run_tests(tree, f"net/test_{row}")
        equal(shown.stdout.splitlines()[-1], last_line)
        equal(shown.returncode, status)

with case("what a failed program printed is shown, and why it failed"):
    contains(run_tests(tree, "test_hangs").stdout, "# killed after 2 s")
    contains(run_tests(tree, "test_silent").stdout, "# printed no case")
    contains(run_tests(tree, "test_bad_case").stdout, "not ok - two: detail")

with case("a skip is listed with its reason"):
    contains(run_tests(tree, "test_good").stdout, "net/test_good: two: no such thing here")

with case("no process is left behind"):
    shown = run_tests(tree, "leaves_a_child").stdout
    left = int(shown[shown.index("ok - ") + 5:].split()[0])
    check(not pathlib.Path(f"/proc/{left}").exists() or
          pathlib.Path(f"/proc/{left}/stat").read_text(encoding="ascii").split()[2] == "Z", f"process {left} lives")

with case("golden: equal, different, another exit status"):
    equal(run_tests(tree, "golden/same").stdout.splitlines()[-1], "1 passed, 0 failed, 0 skipped")
    shown = run_tests(tree, "golden/other").stdout
    contains(shown, "-something else\n+show 100\n")
    equal(shown.splitlines()[-1], "0 passed, 1 failed, 0 skipped")
    shown = run_tests(tree, "golden/status").stdout
    contains(shown, "ended with 1, not 0")
    equal(shown.splitlines()[-1], "0 passed, 1 failed, 0 skipped")

with case("golden: renewed, it passes"):
    run_tests(tree, "--renew", "other")
    equal((tree / "tests/golden/other.out").read_text(encoding="utf-8"), "show 100\n")
    equal(run_tests(tree, "golden/other").returncode, 0)

with case("a word that no test has is an error"):
    equal(run_tests(tree, "nothing-of-the-kind").returncode, 1)

with case("a unit test that was not built is a failure"):
    (tree / "tests/unit/test_x.c").write_text("/* needs: */\n", encoding="utf-8")
    shown = run_tests(tree, "unit/test_x")
    equal(shown.stdout.splitlines()[-1], "0 passed, 1 failed, 0 skipped")

shutil.rmtree(tree)
done()
