"""What runs on the lab's hosts in tests/net/test_lab.py: one job a word, results on stdout, one line each."""

import hashlib
import os
import signal
import socket
import struct
import sys
import time

PORT = 5000
TCP_INFO, TOTAL_RETRANS_AT = 11, 100  # struct tcp_info: tcpi_total_retrans


def say(*words):
    print(*words, flush=True)


def tcp_serve():
    """Take one connection, send back the digest of what came."""
    server = socket.create_server(("::", PORT), family=socket.AF_INET6, dualstack_ipv6=True) if socket.has_ipv6 and \
        os.path.exists("/proc/net/if_inet6") else socket.create_server(("", PORT))
    peer, _ = server.accept()
    digest = hashlib.md5()
    while data := peer.recv(1 << 16):
        digest.update(data)
    peer.sendall(digest.hexdigest().encode())


def tcp_send(address, *sizes):
    """Each size is one send."""
    peer = socket.create_connection((address, PORT))
    peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    digest, count = hashlib.md5(), 0
    for size in map(int, sizes):
        data = bytes((count + i) & 255 for i in range(size)) if size < 1 << 16 else os.urandom(size)
        digest.update(data)
        peer.sendall(data)
        count += size
    peer.shutdown(socket.SHUT_WR)
    back = peer.recv(100, socket.MSG_WAITALL).decode()
    info = peer.getsockopt(socket.IPPROTO_TCP, TCP_INFO, 192)
    say("same" if back == digest.hexdigest() else f"{back} is not {digest.hexdigest()}")
    say("retransmitted", struct.unpack_from("I", info, TOTAL_RETRANS_AT)[0])


def udp_listen(count):
    """Print the numbers that come, and when the last of them came, on the clock that both hosts have. It listens until
    `count` have come, and a moment longer for what is too much; or until nothing has come for some seconds."""
    peer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    peer.bind(("", PORT))
    seen = []
    while True:
        try:
            data, sender = peer.recvfrom(1 << 16)
        except TimeoutError:
            break
        last = time.monotonic()
        seen.append(int(data.split()[0]))
        peer.settimeout(3 if len(seen) < int(count) else 0.2)
    peer.settimeout(None)
    peer.sendto(f"{' '.join(map(str, seen))}\n{last:.6f}\n".encode(), sender)


def udp_send(address, count, size):
    """Numbered datagrams; print what the listener tells of them, and when the first one was sent."""
    peer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    peer.connect((address, PORT))
    begin = time.monotonic()
    for number in range(1, int(count) + 1):
        peer.send(str(number).encode().ljust(int(size)))
    print(peer.recv(1 << 16).decode(), end=f"{begin:.6f}\n", flush=True)


def udp_gso(address, size, count):
    """One send that the kernel cuts into datagrams (UDP_SEGMENT)."""
    peer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    peer.connect((address, PORT))
    peer.setsockopt(socket.SOL_UDP, 103, int(size))
    peer.send(b"".join(str(number).encode().ljust(int(size)) for number in range(1, int(count) + 1)))
    print(peer.recv(1 << 16).decode(), end="", flush=True)


def udp_echo():
    peer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    peer.bind(("", PORT))
    while True:
        peer.sendto(*peer.recvfrom(1 << 16))


def udp_rtt(address, count, most="0"):
    """The shortest of some round trips, in milliseconds: of `count`, or of so many (for some seconds) as it takes until
    one is under `most`."""
    peer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    peer.connect((address, PORT))
    end = time.monotonic() + 10
    trips = []
    while len(trips) < int(count) or (min(trips) >= float(most) > 0 and time.monotonic() < end):
        begin = time.monotonic()
        peer.send(b"x")
        peer.recv(10)
        trips.append((time.monotonic() - begin) * 1000)
    say(f"{min(trips):.3f}")


def daemon():
    """Leave a process behind that no terminal, parent or polite signal reaches, and say its pid."""
    down, up = os.pipe()
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
                signal.signal(number, signal.SIG_IGN)
            os.write(up, str(os.getpid()).encode())
            while True:
                signal.pause()
        os._exit(0)
    say("daemon", os.read(down, 20).decode())


def on_term(path, exit_status):
    """Listen; at SIGTERM write to the file and end."""
    listening = socket.create_server(("", PORT))

    def end(*_):
        with open(path, "w", encoding="ascii") as file:
            file.write("ended by SIGTERM")
        os._exit(int(exit_status))
    signal.signal(signal.SIGTERM, end)
    while True:
        signal.pause()  # `listening` stays open


def on_int():
    """Say that it is ready; end with 5 at SIGINT."""
    signal.signal(signal.SIGINT, lambda *_: os._exit(5))
    say("ready")
    while True:
        signal.pause()


def descriptors():
    say(*sorted(int(name) for name in os.listdir("/proc/self/fd") if os.path.exists(f"/proc/self/fd/{name}")))


def dispositions():
    """Which of SIGHUP, SIGINT, SIGQUIT, SIGTERM the program found ignored, and the mask of blocked signals."""
    with open("/proc/self/status", encoding="ascii") as file:
        status = dict(line.split(":\t") for line in file if ":\t" in line)
    ignored = int(status["SigIgn"], 16)
    say("ignored", *[n for n in (1, 2, 3, 15) if ignored >> (n - 1) & 1], "blocked", int(status["SigBlk"], 16))


if __name__ == "__main__":
    globals()[sys.argv[1].replace("-", "_")](*sys.argv[2:])
