#!/usr/bin/env python3
"""What `streams` says of everything that can befall a TCP connection: the captures of tests/golden/tcp_scenes.py."""

import json
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "lib"), str(ROOT / "golden")]
from cases import case, check, done, equal  # noqa: E402
from procs import sockdiag  # noqa: E402
from tcp_scenes import SCENES, capture  # noqa: E402


def compare(name, packets, wanted):
    path = ROOT / "golden" / "tcp" / f"{name}.pcapng"
    equal(path.read_bytes() == capture(packets), True, "the file is what the scene makes: run tests/golden/tcp_scenes.py")
    ran = sockdiag("streams", "--json", "--md5", path)
    check(ran.returncode in (0, 1), ran.stderr)
    rows = [row for row in map(json.loads, ran.stdout.splitlines()) if row["type"] == "stream"]
    equal(len(rows), len(wanted), "streams")
    for row, values in zip(rows, wanted):
        equal({key: row.get(key) for key in values}, values)


for scene, (scene_packets, scene_wanted) in SCENES.items():
    with case(scene.replace("_", " ")):
        compare(scene, scene_packets, scene_wanted)

with case("docs/FORMATS.md lists every mark with its meaning"):
    table = (ROOT.parent / "capture" / "tcp_marks.c").read_text(encoding="utf-8")
    rows = re.findall(r'\{\s*"(\w+)",\s*N_\(((?:"[^"]*"\s*)+)\)\}', table)
    check(len(rows) > 20, f"{len(rows)} marks were found")
    listed = (ROOT.parent / "docs" / "FORMATS.md").read_text(encoding="utf-8")
    for mark, meaning in rows:
        words = "".join(re.findall(r'"([^"]*)"', meaning))
        check(f"| `{mark}` | {words} |" in listed, f"{mark}: {words}")

done()
