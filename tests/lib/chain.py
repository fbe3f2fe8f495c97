"""A chain of routers in network namespaces of the caller's own (it must be root in its user namespace):

    client ──1── r1 ──2── r2 ──3── r3 ──4── server

Link n carries 10.0.n.0/24 and fd00:n::/64; the left end is .1, the right end .2. So hop k, seen from the client, is
10.0.k.2 (its near side), and the server is 10.0.4.2 = hop 4. The client's and the server's interfaces are e0, a router's
are w (towards the client) and e (towards the server).
"""

import os
import shlex
import subprocess

NAMES = ("client", "r1", "r2", "r3", "server")


class Chain:
    def __init__(self, names=NAMES):
        self.names = names
        self.holders = {}
        self.links = 0
        for name in names:
            holder = subprocess.Popen(["unshare", "--net", "sh", "-c", "echo; exec cat"], stdin=subprocess.PIPE,
                                      stdout=subprocess.PIPE)
            holder.stdout.readline()  # it is in its namespace
            self.holders[name] = holder
        for name in names:
            self.sh(name, "ip link set lo up", "echo 1 >/proc/sys/net/ipv4/ip_forward",
                    "echo 1 >/proc/sys/net/ipv6/conf/all/forwarding", "echo 0 >/proc/sys/net/ipv6/conf/default/accept_dad",
                    "echo 0 >/proc/sys/net/ipv4/icmp_ratelimit", "echo 0 >/proc/sys/net/ipv6/icmp/ratelimit")
        for n, (left, right) in enumerate(zip(names, names[1:]), 1):
            self.link(left, "e0" if left == names[0] else "e", f"10.0.{n}.1", f"fd00:{n}::1",
                      right, "e0" if right == names[-1] else "w", f"10.0.{n}.2", f"fd00:{n}::2")
        for at, name in enumerate(names):
            for n in range(1, len(names)):
                if n > at + 1:
                    self.sh(name, f"ip route add 10.0.{n}.0/24 via 10.0.{at + 1}.2",
                            f"ip -6 route add fd00:{n}::/64 via fd00:{at + 1}::2")
                elif n < at:
                    self.sh(name, f"ip route add 10.0.{n}.0/24 via 10.0.{at}.1",
                            f"ip -6 route add fd00:{n}::/64 via fd00:{at}::1")

    def link(self, left, left_if, left4, left6, right, right_if, right4, right6):
        # Of a pair whose ends have the same index the kernel takes for one device, it notices the carrier a second late.
        self.links += 1
        self.sh(left, f"ip link add {left_if} index {100 + self.links} type veth "
                f"peer name {right_if} index {200 + self.links} netns {self.holders[right].pid}")
        for name, interface, ip4, ip6 in ((left, left_if, left4, left6), (right, right_if, right4, right6)):
            self.sh(name, f"ip addr add {ip4}/24 dev {interface}", f"ip -6 addr add {ip6}/64 dev {interface} nodad",
                    f"ip link set {interface} up")

    def enter(self, name, *argv):
        """The command line that runs argv on a host."""
        return ["nsenter", f"--net=/proc/{self.holders[name].pid}/ns/net", *map(str, argv)]

    def sh(self, name, *lines):
        """Shell commands on a host; raises when one fails."""
        done = subprocess.run(self.enter(name, "sh", "-e", "-c", "\n".join(lines)), capture_output=True, text=True,
                              check=False)
        if done.returncode != 0:
            raise RuntimeError(f"{name}: {'; '.join(lines)}: {done.stderr.strip()}")
        return done.stdout

    def mtu(self, left, right, size):
        """Both ends of the link between neighbours."""
        self.sh(left, f"ip link set {'e0' if left == self.names[0] else 'e'} mtu {size}")
        self.sh(right, f"ip link set {'e0' if right == self.names[-1] else 'w'} mtu {size}")

    def close(self):
        for holder in self.holders.values():
            holder.stdin.close()
            holder.wait(10)


if __name__ == "__main__":  # a shell on the client, to look around: unshare -rnm python3 tests/lib/chain.py
    chain = Chain()
    os.environ["CHAIN"] = " ".join(f"{name}={holder.pid}" for name, holder in chain.holders.items())
    subprocess.run(chain.enter("client", os.environ.get("SHELL", "sh"), *shlex.split(os.environ.get("ARGS", ""))), check=False)
    chain.close()
