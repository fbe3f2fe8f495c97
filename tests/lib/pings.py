"""What the tests of ping share: running it, its JSON, and a network namespace of the test's own."""

import json
import os
import re
import subprocess
import sys

from cases import check, done, skip
from procs import SOCKDIAG, as_user, can_lab, have, run, user_sockdiag, user_uid

FAST = ("-i", "0.01")
REPLY = re.compile(r"^64 bytes from (\S+(?: \(\S+\))?): icmp_seq=(\d+) ttl=64 time=\d+(\.\d+)? ms$", re.M)
WITHOUT = ("setpriv", "--bounding-set", "-net_raw", "--inh-caps", "-all")  # what comes behind has no CAP_NET_RAW


def ping(*words, **more):
    return run(SOCKDIAG, "ping", *words, **more)


def objects(result):
    """{type: [objects]} of --json."""
    found = {}
    for line in result.stdout.splitlines():
        item = json.loads(line)
        found.setdefault(item["type"], []).append(item)
    check("total" in found, lambda: f"status {result.returncode}: {result.stderr}{result.stdout}")
    return found


def is_inside():
    return "SOCKDIAG_TEST_INSIDE" in os.environ


def run_inside(program):
    """Run this test again as the root of a network namespace (and, if possible, as an ordinary user's); ends."""
    possible, why_not = can_lab()
    missing = have("unshare", "ip", "nsenter", "setpriv")
    if not possible or missing:
        skip("ping", missing or why_not)
        done()
    python = "/usr/bin/python3" if os.access("/usr/bin/python3", os.X_OK) else sys.executable
    environment = os.environ | {"SOCKDIAG_TEST_INSIDE": "1", "SOCKDIAG": user_sockdiag()}
    plain_root = os.geteuid() == 0 and user_uid() is None
    words = ["unshare", "--net", *([] if plain_root else ["--user", "--map-root-user"]), python, str(program)]
    readable = run(*as_user(python, "-c", "open(%r)" % str(program))).returncode == 0
    inside = subprocess.run(as_user(*words) if readable else words, env=environment, check=False).returncode
    try:
        done()
    except SystemExit as end:
        sys.exit(end.code or inside)
