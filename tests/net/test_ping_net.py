#!/usr/bin/env python3
"""ping in the lab, and through a chain of routers (tests/lib/chain.py):

    client ──1── r1 ──2── r2 ──3── r3 ──4── server         hop k is 10.0.k.2, fd00:k::2
"""

import pathlib
import re
import sys

HERE = pathlib.Path(__file__).resolve()
sys.path.insert(0, str(HERE.parent.parent / "lib"))
from cases import Skip, case, check, contains, done, equal  # noqa: E402
from chain import Chain  # noqa: E402
from pings import FAST, REPLY, WITHOUT, is_inside, objects, run_inside  # noqa: E402
from procs import SOCKDIAG, run  # noqa: E402

if not is_inside():
    run_inside(HERE)

IPV6 = pathlib.Path("/proc/net/if_inet6").exists()


# ---- the lab ----

def lab(*words, options=(), **more):
    return run(SOCKDIAG, "lab", *options, "--", SOCKDIAG, "ping", *words, **more)


with case("lab: the server, IPv4 and IPv6; fragments; too long with -M do"):
    for host in ("10.77.0.2", "fd77::2"):
        if ":" in host and not IPV6:
            continue
        shown = lab("-c", 2, *FAST, host)
        equal((shown.returncode, shown.stderr), (0, ""), host)
        equal(len(REPLY.findall(shown.stdout)), 2)
        shown = lab("-c", 2, *FAST, "-s", 4000, host)
        equal(shown.returncode, 0, shown.stdout)
        contains(shown.stdout, "4008 bytes from")
        shown = lab("-c", 2, *FAST, "-s", 4000, "-M", "do", host)
        equal(shown.returncode, 1)
        contains(shown.stderr, "local error: message too long, mtu=1500")
        contains(shown.stdout, "+2 errors, 100% packet loss")
        shown = lab("-c", 1, "-s", 4000, "--udp", 9, host)
        equal(shown.returncode, 0, shown.stdout)

with case("lab: --diff of a probe that this program cuts into fragments: the first was asked for"):
    shown = lab("--diff", "-c", 1, "-s", 3000, "--width", 120, "10.77.0.2")
    check(re.search(r"^ Length +1500 +1500 +3028", shown.stdout, re.M), shown.stdout)
    check("changed on its way" not in shown.stdout, shown.stdout)

with case("lab: a multicast address is answered by both hosts"):
    if not IPV6:
        raise Skip("this kernel has no IPv6")
    found = objects(lab("--json", "-c", 3, "-i", "0.05", "ff02::1%e0"))
    equal(found["summary"][0]["received"], 3)
    check(found["summary"][0]["duplicates"] >= 2, found["summary"])  # the last one may come when all is over
    equal({item["from"] for kind in ("reply", "duplicate") for item in found[kind]}, {"fd77::1", "fd77::2"})
    check(all(item["rtt_ns"] is not None for item in found["reply"]), found["reply"])

with case("lab: more fragments than one call hands over"):
    shown = lab("-c", 2, *FAST, "-s", 65000, "10.77.0.2", options=("--mtu", "576"))
    equal((shown.returncode, shown.stderr), (0, ""), shown.stdout)
    equal(shown.stdout.count("65008 bytes from 10.77.0.2"), 2)

with case("lab: duplicates"):
    found = objects(lab("--json", "-c", 10, *FAST, "10.77.0.2", options=("--dup", "100%")))
    check(len(found["reply"]) == 10 and len(found["duplicate"]) >= 9, found["summary"])
    equal(found["summary"][0]["duplicates"], len(found["duplicate"]))
    contains(lab("-c", 3, *FAST, "10.77.0.2", options=("--dup", "100%")).stdout, " ms (DUP!)")

with case("lab: loss"):
    found = objects(lab("--json", "-c", 40, *FAST, "-W", "0.3", "10.77.0.2", options=("--drop", "20%@3")))
    summary, = found["summary"]
    check(0 < summary["lost"] < 40 and summary["lost"] == len(found["lost"]), summary)
    equal({item["seq"] for item in found["lost"]} | {item["seq"] for item in found["reply"]}, set(range(1, 41)))

with case("lab: answers that come after -W are late, and not lost"):
    shown = lab("--json", "-c", 10, "-i", "0.05", "-W", "0.08", "10.77.0.2", options=("--delay", "80ms"))
    found = objects(shown)
    equal(shown.returncode, 1)
    check(found["late"] and found["summary"][0]["late"] == len(found["late"]), found["summary"])
    equal(found["summary"][0]["received"], 0)

with case("lab: a byte changed on the way is told"):
    found = objects(lab("--json", "-c", 20, *FAST, "-W", "0.3", "-s", 1000, "10.77.0.2", options=("--corrupt", "30%@2")))
    summary, = found["summary"]
    check(summary["received"] < 20, summary)


# ---- routers ----

CHAIN = Chain()


def through(*words, **more):
    return run(*CHAIN.enter("client", SOCKDIAG, "ping", *words), **more)


# First: other errors of that router would count against the rate of this one.
with case("a router without a way on"):
    CHAIN.sh("r1", "ip route add unreachable 10.0.9.0/24")
    CHAIN.sh("client", "ip route add 10.0.9.0/24 via 10.0.1.2")
    shown = through("-c", 1, "10.0.9.9", "10.0.1.2")
    equal(shown.returncode, 1)
    contains(shown.stdout, "From 10.0.1.2 icmp_seq=1 Destination Host Unreachable (to 10.0.9.9)")

with case("an address that nobody has on the network: this host says so, as in ping"):
    shown = through("-c", 1, "10.0.1.9", timeout=30)
    equal(shown.returncode, 1)
    contains(shown.stdout, "From 10.0.1.1 icmp_seq=1 Destination Host Unreachable")
    contains(shown.stdout, "1 packets transmitted, 0 received, +1 errors, 100% packet loss")

with case("a TTL that ends on the way"):
    for host, router in (("10.0.4.2", "10.0.2.2"), *((("fd00:4::2", "fd00:2::2"),) if IPV6 else ())):
        equal(through("-q", "-c", 1, host).returncode, 0)
        shown = through("-c", 2, *FAST, "-t", 2, host)
        equal(shown.returncode, 1, shown.stderr)
        check(re.search(rf"^From {router} icmp_seq=1 Time (to live )?exceeded", shown.stdout, re.M), shown.stdout)
        contains(shown.stdout, "2 packets transmitted, 0 received, +2 errors, 100% packet loss")
        for method in ("--tcp", "--udp"):
            shown = through("-c", 1, "-t", 1, method, 9, host)
            equal(shown.returncode, 1)
            contains(shown.stdout, "exceeded")

with case("a smaller MTU on the way: told, then followed"):
    CHAIN.mtu("r2", "r3", 1300)
    for host, words in (("10.0.4.2", "Frag needed and DF set (mtu = 1300)"), *((("fd00:4::2", "Packet too big (mtu = 1300)"),) if IPV6 else ())):
        shown = through("-c", 3, "-i", "0.05", "-s", 1400, host)
        equal(shown.returncode, 0, shown.stdout)
        contains(shown.stdout, words)
        contains(shown.stdout, "1408 bytes from")

with case("the queue of errors of echo sockets tells the same"):
    if run(*WITHOUT, "true").returncode != 0:
        raise Skip("setpriv cannot drop a capability here")
    CHAIN.sh("client", "echo '0 0' >/proc/sys/net/ipv4/ping_group_range")
    shown = run(*CHAIN.enter("client", *WITHOUT, SOCKDIAG, "ping", "-c", 1, "-t", 2, "10.0.4.2"))
    equal(shown.returncode, 1, shown.stderr)
    contains(shown.stdout, "From 10.0.2.2 icmp_seq=1 Time to live exceeded")
    shown = run(*CHAIN.enter("client", *WITHOUT, SOCKDIAG, "ping", "-c", 1, "-t", 2, "10.0.1.2", "10.0.4.2"))
    equal(shown.returncode, 1, shown.stderr)
    contains(shown.stdout, "From 10.0.2.2 icmp_seq=1 Time to live exceeded (to 10.0.4.2)")

CHAIN.close()
done()
