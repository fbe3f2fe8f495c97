#!/usr/bin/env python3
"""Sizes of files and functions: what is long is reported, what is far too long fails.

  a file over 600 lines: fails    a function over 60 lines: reported, over 100: fails

A function is found by the layout that clang-format gives it: its opening brace stands alone in the first column, and
so does the closing one.
"""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
FILE_LINES, FUNCTION_REPORTED, FUNCTION_FAILS = 600, 60, 100
NAME = re.compile(r"(\w+)\(")


def functions(lines):
    """(name, number of its first line, lines) of each function."""
    opened = None
    for number, line in enumerate(lines):
        if line.rstrip() == "{":
            opened = number
        elif line.startswith("}") and opened is not None:
            head = opened - 1
            while head > 0 and lines[head].startswith((" ", "\t")):
                head -= 1  # arguments on further lines
            name = NAME.search(lines[head])
            yield (name.group(1) if name else "?"), head + 1, number - head + 1
            opened = None


def main():
    files = [file for top in ("src", "capture", "craft", "tests") for file in sorted((ROOT / top).rglob("*.[ch]"))]
    failed, lengths = False, []
    for file in files:
        lines = file.read_text(encoding="utf-8").splitlines()
        path = file.relative_to(ROOT)
        if len(lines) > FILE_LINES:
            failed = True
            print(f"{path}: {len(lines)} lines, more than {FILE_LINES}")
        for name, line, length in functions(lines):
            if path.parts[0] != "tests":
                lengths.append(length)
            if length > FUNCTION_REPORTED:
                failed |= length > FUNCTION_FAILS
                print(f"{path}:{line}: {name} has {length} lines, {'more than' if length > FUNCTION_FAILS else 'over'} "
                      f"{FUNCTION_FAILS if length > FUNCTION_FAILS else FUNCTION_REPORTED}")
    lengths.sort()
    if lengths:
        print(f"sizes: {len(lengths)} functions, median {lengths[len(lengths) // 2]} lines, nine in ten under "
              f"{lengths[len(lengths) * 9 // 10] + 1}, {sum(n > FUNCTION_REPORTED for n in lengths)} over "
              f"{FUNCTION_REPORTED}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
