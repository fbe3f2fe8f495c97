#!/usr/bin/env python3
"""The arrows between the modules, checked from the #include lines.

    base <- capture <- lanes, record, lab, sockets, craft        lanes <- view
    base <- ftp (and the table of framings)             lab <- lesson
    all of these <- cmd <- main

A module may include itself and what is listed for it; anything else is a wrong arrow. Exit status 1 if there is one.
"""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
MAY_INCLUDE = {
    "base": set(),
    "capture": {"base"},
    "craft": {"base", "capture"},
    "record": {"base", "capture"},
    "lab": {"base", "capture"},
    "sockets": {"base", "capture"},
    "lanes": {"base", "capture"},
    "view": {"base", "capture", "lanes"},
    "ftp": {"base"},
    "lesson": {"base", "lab"},
    "cmd": {"base", "capture", "craft", "record", "lab", "sockets", "lanes", "view", "ftp", "lesson"},
    "main": {"cmd"},
}
SINGLE_HEADERS = {"ftp": {"capture/framing.h"}, "main": {"base/i18n.h"}}
INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.M)


def module_of(path):
    """capture/tcp.c -> capture, src/lab/net.c -> lab, src/main.c -> main"""
    parts = path.parts
    if parts[0] == "src":
        return "main" if len(parts) == 2 else parts[1]
    return parts[0]


def wrong_arrows(path):
    module = module_of(path.relative_to(ROOT))
    if module not in MAY_INCLUDE:
        yield f"{path.relative_to(ROOT)}: '{module}' is no module of tools/arrows.py"
        return
    for header in INCLUDE.findall(path.read_text(encoding="utf-8")):
        target = header.split("/")[0]
        if "/" not in header:
            yield f"{path.relative_to(ROOT)}: \"{header}\" does not name its module"
        elif target != module and target not in MAY_INCLUDE[module] and header not in SINGLE_HEADERS.get(module, ()):
            yield f"{path.relative_to(ROOT)}: {module} must not include {header}"


def main():
    files = [file for top in ("src", "capture", "craft") for file in sorted((ROOT / top).rglob("*.[ch]"))]
    wrong = [text for file in files for text in wrong_arrows(file)]
    print("\n".join(wrong + [f"arrows: {len(files)} files, {len(wrong)} wrong"]))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
