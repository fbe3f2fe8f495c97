"""Sockets with something wrong, for tests/net/test_sockets.py: faults.py FAULT SOCKDIAG [ARGUMENT…] makes the fault in this
network namespace, runs SOCKDIAG until it finds a problem (or for a while where it must find none), and prints what the
last run printed and its exit status. What stands under "far" runs on the other host of a lab."""

import errno
import fcntl
import socket
import struct
import subprocess
import sys
import time

PORT = 5000
SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 1
keep = []  # open until the end


def loopback_up():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        request = struct.pack("16sH14x", b"lo", 0)
        flags = struct.unpack("16sH14x", fcntl.ioctl(any_socket, SIOCGIFFLAGS, request))[1]
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", flags | IFF_UP))


def listener(backlog=5, family=socket.AF_INET, address=("127.0.0.1", PORT)):
    made = socket.socket(family, socket.SOCK_STREAM)
    if family == socket.AF_INET:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.bind(address)
    made.listen(backlog)
    keep.append(made)
    return made


def begin(address, family=socket.AF_INET):
    """A connection under way, which may never come to be."""
    made = socket.socket(family, socket.SOCK_STREAM)
    made.setblocking(False)
    made.connect_ex(address)
    keep.append(made)
    return made


def pair(to=("127.0.0.1", PORT), backlog=5):
    server = listener(backlog)
    client = socket.create_connection(to)
    accepted, _ = server.accept()
    keep.extend((client, accepted))
    return client, accepted


def fill(sender):
    """Send until it would block, and for a moment no more is taken."""
    sender.setblocking(False)
    end = time.monotonic() + 0.3
    while time.monotonic() < end:
        try:
            sender.send(bytes(65536))
            end = time.monotonic() + 0.3
        except BlockingIOError:
            time.sleep(0.01)


# ---- faults of one host ----

def receive_queue_full():
    fill(pair()[0])


def unread():
    pair()[0].sendall(b"nobody reads this")


def udp_queue_full():
    receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    receiver.bind(("127.0.0.1", PORT))
    sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    for _ in range(1000):
        sender.sendto(bytes(1000), ("127.0.0.1", PORT))
    keep.extend((receiver, sender))
    return receiver


def udp_dropped():
    receiver = udp_queue_full()
    receiver.setblocking(False)
    try:
        while True:
            receiver.recv(2000)
    except BlockingIOError:
        pass


def accept_queue_full():
    server = listener(2)
    for _ in range(8):
        begin(("127.0.0.1", PORT))
    return server


def accept_queue_overflowed():
    server = accept_queue_full()
    waiting = [client for client in keep if client is not server]
    accepted = [server.accept()[0] for _ in range(3)]
    for client in (*waiting, *accepted):
        client.close()
    keep[:] = [server]


def unix_accept_queue_full():
    listener(1, socket.AF_UNIX, "\0sockdiag-test")
    for _ in range(4):
        begin("\0sockdiag-test", socket.AF_UNIX)


def close_wait():
    server = listener(10)
    for _ in range(6):
        client = socket.create_connection(("127.0.0.1", PORT))
        keep.append(server.accept()[0])
        client.close()


def time_wait():
    with open("/proc/sys/net/ipv4/ip_local_port_range", "w", encoding="ascii") as ports:
        ports.write("40000 40019")
    server = listener(20)
    for _ in range(18):
        client = socket.create_connection(("127.0.0.1", PORT))
        accepted, _ = server.accept()
        client.close()
        accepted.recv(1)
        accepted.close()


def unix_queue_full():
    ends = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    keep.extend(ends)
    fill(ends[0])


def healthy():
    client, accepted = pair()
    for _ in range(20):
        client.sendall(b"x" * 1000)
        while len(accepted.recv(1000, socket.MSG_WAITALL)) != 1000:
            pass
        accepted.sendall(b"y")
        client.recv(1)
    udp_dropped_none = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    keep.extend(udp_dropped_none)
    done = socket.create_connection(("127.0.0.1", PORT))
    other, _ = keep[0].accept()
    done.close()
    other.close()


# ---- faults of one host of two ----

FAR = "10.77.0.2"


def connected():
    client = socket.create_connection((FAR, PORT))
    keep.append(client)
    return client


def zero_window():
    fill(connected())


def back_off():
    connected().sendall(b"this does not arrive")


def send_queue_full():
    client = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    client.connect((FAR, PORT))
    keep.append(client)
    fill(client)


def syn_unanswered():
    begin((FAR, PORT))


def syn_received():
    listener(100, address=("10.77.0.1", PORT))


def keep_alive():
    client = connected()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in ((socket.TCP_KEEPIDLE, 1), (socket.TCP_KEEPINTVL, 1), (socket.TCP_KEEPCNT, 20)):
        client.setsockopt(socket.IPPROTO_TCP, option, value)


def far(job):
    """On the other host: take connections and read nothing; or connect ten times to the first host."""
    server = listener(50, address=("0.0.0.0", PORT))
    if job == "connect":
        waiting = [begin(("10.77.0.1", PORT)) for _ in range(10)]
        while True:  # until the first host listens
            for at, client in enumerate(waiting):
                if client.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == errno.ECONNREFUSED:
                    client.close()
                    waiting[at] = begin(("10.77.0.1", PORT))
            time.sleep(0.05)
    while True:
        keep.append(server.accept()[0])


def look(fault, program, arguments):
    """Until a problem is told without 'likely', or at least as such for as long as it takes to be proved."""
    end = time.monotonic() + (1.5 if fault == "healthy" else 15)
    while True:
        ran = subprocess.run([program, "sockets", "--problems", "--json", *arguments], capture_output=True, text=True,
                             check=False)
        found = '"type":"problem"' in ran.stdout
        sure = found and '"likely":true' not in ran.stdout
        if (sure or time.monotonic() > end or (found and fault in ("unread", "accept_queue_overflowed", "unix_queue_full"))
                or (found and fault == "healthy")):
            return ran
        time.sleep(0.1)


def main():
    fault, program, arguments = sys.argv[1], sys.argv[2], sys.argv[3:]
    if fault == "far":
        far(program)
        return
    if fault in ONE_HOST:
        loopback_up()
    globals()[fault]()
    ran = look(fault, program, arguments)
    sys.stdout.write(ran.stdout)
    sys.stderr.write(ran.stderr)
    print(ran.returncode, flush=True)


ONE_HOST = ("receive_queue_full", "unread", "udp_queue_full", "udp_dropped", "accept_queue_full", "accept_queue_overflowed",
            "unix_accept_queue_full", "close_wait", "time_wait", "unix_queue_full", "healthy")
if __name__ == "__main__":
    main()
