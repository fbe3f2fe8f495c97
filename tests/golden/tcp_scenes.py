#!/usr/bin/env python3
"""Captures of everything that can befall a TCP connection, one a file under tcp/, and what `streams --json` must say of
each. Run it when a scene changes; tests/cli/test_tcp_scenes.py compares.

A scene is a list of packets in the order of their capture; p("c", 20, "A", 0, b"data", ack=0) is one of the client at
20 ms. Places are offsets on the axis of the side: 0 is the byte behind the SYN."""

import hashlib
import pathlib
import struct
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "lib"))

from scenes import T0, _block, _checksum, _option  # noqa: E402

FLAGS = {"F": 1, "S": 2, "R": 4, "P": 8, "A": 16, "U": 32}
ISN = {"c": 1000, "s": 0xFFFFFF00}  # the server's numbers wrap
ADDRESS = {"c": bytes([10, 0, 0, 1]), "s": bytes([10, 0, 0, 2])}
PORT = {"c": 40000, "s": 80}


def p(side, ms, flags, place, payload=b"", **more):
    return {"side": side, "ms": ms, "flags": flags, "place": place, "payload": payload, **more}


def options_of(packet):
    options = packet.get("options", b"")
    if packet.get("ts"):
        options += struct.pack("!BBBBII", 1, 1, 8, 10, packet["ts"], packet.get("echo", 0))
    if packet.get("sack"):
        other = ISN["s" if packet["side"] == "c" else "c"] + 1
        edges = [(other + place) % 2 ** 32 for place in packet["sack"]]
        options += struct.pack(f"!BBBB{len(edges)}I", 1, 1, 5, 2 + 4 * len(edges), *edges)
    return options


def build(packet):
    side = packet["side"]
    other = "s" if side == "c" else "c"
    flags = sum(FLAGS[letter] for letter in packet["flags"])
    isn = packet.get("isn", ISN[side])
    seq = (isn + (0 if flags & 2 else 1) + packet["place"]) % 2 ** 32
    ack = (packet.get("other_isn", ISN[other]) + 1 + packet.get("ack", 0)) % 2 ** 32 if flags & 16 else 0
    options, payload = options_of(packet), packet["payload"]
    head = struct.pack("!HHIIBBHHH", PORT[side], PORT[other], seq, ack, (20 + len(options)) << 2, flags,
                       packet.get("window", 1000), 0, packet.get("urgent", 0)) + options
    size = len(head) + len(payload)
    pseudo = ADDRESS[side] + ADDRESS[other] + struct.pack("!HH", 6, size)
    check = 0xFFFF ^ _checksum(pseudo) if packet.get("partial") else _checksum(pseudo + head + payload)
    check ^= packet.get("damage", 0)
    head = head[:16] + struct.pack("!H", check) + head[18:]
    ip = struct.pack("!BBHHHBBH", 0x45, 0, 20 + size, packet.get("id", 0), 0x4000, 64, 6, 0)
    ip += ADDRESS[side] + ADDRESS[other]
    ip = ip[:10] + struct.pack("!H", _checksum(ip)) + ip[12:]
    if packet.get("length_left_out"):
        ip = ip[:2] + bytes(2) + ip[4:]
    return ip + head + payload


def capture(packets):
    out = _block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1))
    out += _block(1, struct.pack("<HHI", 101, 0, 65535) + _option(9, b"\x09") + _option(0, b""))
    for packet in packets:
        data, time = build(packet), T0 + int(packet["ms"] * 1_000_000)
        kept = data[:packet.get("snap", len(data))]
        head = struct.pack("<IIIII", 0, time >> 32, time & 0xFFFFFFFF, len(kept), len(data))
        out += _block(6, head + kept + bytes(-len(kept) % 4))
    return out


def md5(data):
    return hashlib.md5(data).hexdigest()


MSS = struct.pack("!BBH", 2, 4, 100)
SCALE = struct.pack("!BBBB", 1, 3, 3, 2)
OPEN = [p("c", 0, "S", 0), p("s", 10, "SA", 0), p("c", 10.1, "A", 0)]
D = b"0123456789" * 10
CLOSE = [p("c", 20, "A", 0, D), p("c", 20, "FA", 100), p("s", 30, "FA", 0, ack=101), p("c", 31, "A", 101, ack=1)]
DATA5 = [p("c", 20, "A", 100 * i, D) for i in range(5)]
TICK = [p("c", 20 + i / 100, "A", 100 * i, D, ts=1021) for i in range(5)]
AGAIN = [p("c", 300 + i / 50, "A", 100 * i, D, ts=1300) for i in range(5)]

# name: (packets, [what must stand in the object of each stream])
SCENES = {
    "timeout": (OPEN + [p("c", 20, "A", 0, D), p("c", 250, "A", 0, D), p("s", 260, "A", 0, ack=100)],
                [{"retransmission_client": 1, "bytes_client": 100, "wire_bytes_client": 200, "md5_client": md5(D)}]),
    "spurious": (OPEN + [p("c", 20, "A", 0, D), p("s", 30, "A", 0, ack=100), p("c", 250, "A", 0, D),
                         p("s", 260, "A", 0, ack=100, sack=(0, 100))],
                 [{"spurious_retransmission_client": 1, "dsack_server": 1, "retransmissions_client": 1}]),
    "fast": (OPEN + DATA5 + [p("s", 30, "A", 0, ack=100)] * 4 + [p("c", 30.1, "A", 100, D), p("s", 40, "A", 0, ack=500)],
             [{"fast_retransmission_client": 1, "duplicate_acks_server": 3, "bytes_client": 500}]),
    "out_of_order_by_id": (OPEN + [p("c", 20 + i, "A", 100 * place, D, id=place + 1)
                                   for i, place in enumerate((0, 1, 2, 3, 5, 4))],
                           [{"out_of_order_client": 1, "retransmissions_client": 0, "lost_before_client": 1,
                             "md5_client": md5(D * 6), "gaps_client": 0}]),
    "sent_again_by_time_stamp": (OPEN + [p("c", 20, "A", 0, D, ts=500), p("c", 20, "A", 200, D, ts=502),
                                         p("c", 20.1, "A", 100, D, ts=503)],
                                 [{"retransmission_client": 1, "out_of_order_client": 0, "md5_client": md5(D * 3)}]),
    "only_time": (OPEN[:1] + [p("c", 20, "A", 0, D), p("c", 20, "A", 200, D), p("c", 40, "A", 100, D)],
                  [{"retransmission_client": 1, "likely_client": 1, "packets_server": 0}]),
    # Without identifications: what a later tick repeats was sent again, however soon it follows; a copy of that is one.
    "sent_again_in_one_tick": (OPEN + TICK + AGAIN, [{"retransmissions_client": 5, "captured_twice_client": None,
                                                      "likely_client": None, "bytes_client": 500}]),
    "sent_again_and_captured_twice": (OPEN + TICK + [dict(packet, ms=packet["ms"] + late) for packet in AGAIN
                                                     for late in (0, 0.01)],
                                      [{"retransmissions_client": 5, "captured_twice_client": 5, "likely_client": None,
                                        "out_of_order_client": 0, "bytes_client": 500}]),
    # An acknowledgement stands behind the bytes that were lost on the way: they were sent before it.
    "sent_again_behind_an_acknowledgement": (
        OPEN + [p("c", 20, "A", 0, D, ts=500), p("s", 30, "A", 0, D, ack=100), p("c", 30.1, "A", 500, ack=100, ts=510)] +
        [p("c", 40 + i / 100, "A", place, D, ack=100, ts=520) for i, place in enumerate((400, 100, 200, 300))],
        [{"retransmissions_client": 3, "out_of_order_client": 0, "likely_client": None, "md5_client": md5(D * 5)}]),
    # What echoes an older time stamp than the acknowledgements that ask for it was sent before they came.
    "overtaken_in_one_tick": (
        OPEN + [p("c", 20 + i / 100, "A", place, D, ts=1021, echo=7000) for i, place in enumerate((0, 200, 300, 400))] +
        [p("s", 21, "A", 0, ack=100, ts=7021, echo=1021, sack=(200, 300 + 100 * i)) for i in range(3)] +
        [p("c", 56, "A", 100, D, ts=1021, echo=7000), p("s", 57, "A", 0, ack=500, ts=7057, echo=1021)],
        [{"out_of_order_client": 1, "retransmissions_client": 0, "likely_client": None, "md5_client": md5(D * 5)}]),
    "overtaken_or_sent_again": (
        OPEN + [p("c", 20 + i / 100, "A", place, D, ts=1021, echo=7021) for i, place in enumerate((0, 200, 300, 400))] +
        [p("s", 21, "A", 0, ack=100, ts=7021, echo=1021, sack=(200, 300 + 100 * i)) for i in range(3)] +
        [p("c", 56, "A", 100, D, ts=1021, echo=7021), p("s", 57, "A", 0, ack=500, ts=7057, echo=1021)],
        [{"likely_client": 1, "md5_client": md5(D * 5)}]),
    "captured_twice_without_a_number": (OPEN + [p("c", 20, "A", 0, D), p("c", 20.02, "A", 0, D), p("s", 30, "A", 0, ack=100)],
                                        [{"captured_twice_client": 1, "likely_client": 1, "retransmissions_client": 0}]),
    "captured_twice": (OPEN + [p("c", 20, "A", 0, D, id=7), p("c", 20.1, "A", 0, D, id=7), p("c", 21, "A", 100, D, id=8)],
                       [{"captured_twice_client": 1, "retransmissions_client": 0, "bytes_client": 200}]),
    # An acknowledgement overtakes data: the identifications go on to tell copies.
    "overtaken_by_an_acknowledgement": (
        OPEN + [p("c", 20 + i, "A", 100 * i, D, id=5 + i) for i in range(5)] +
        [p("c", 30, "A", 600, id=11, ack=10), p("c", 30.1, "A", 500, D, id=10)] +
        [p("c", 40, "A", 600, D, id=12), p("c", 40.1, "A", 700, D, id=13), p("c", 40.2, "A", 600, D, id=12), p("c", 40.3, "A", 700, D, id=13)],
        [{"captured_twice_client": 2, "retransmissions_client": 0, "likely_client": None, "bytes_client": 800}]),
    # They jump once, and count up again for long.
    "identifications_regained": (
        OPEN + [p("c", 20 + i, "A", 100 * i, D, id=5 + i if i < 5 else 60000 + i) for i in range(25)] +
        [p("c", 600, "A", 2300, D, id=60023), p("c", 600.1, "A", 2400, D, id=60024)],
        [{"captured_twice_client": 2, "retransmissions_client": 0, "likely_client": None}]),
    # Segments that open a hole count for the belief in them, too.
    "identifications_of_a_bad_line": (
        OPEN[:2] + [p("s", 20, "A", 0, id=50), p("c", 21, "A", 0, D), p("s", 22, "A", 0, ack=100, id=51), p("s", 23, "A", 200, D, ack=100, id=53),
                    p("s", 24, "A", 400, D, ack=100, id=55), p("s", 25, "A", 0, D, ack=100, id=56), p("s", 26, "A", 100, D, ack=100, id=57)],
        [{"retransmissions_server": 2, "out_of_order_server": 0, "likely_server": None}]),
    "copy_of_what_was_sent_again": (
        OPEN + [p("c", 20, "A", 0, D, id=3), p("c", 20.1, "A", 100, D, id=4), p("s", 30, "A", 0, sack=(100, 200)),
                p("c", 330, "A", 0, D, id=5), p("c", 330.02, "A", 0, D, id=5)],
        [{"retransmissions_client": 1, "captured_twice_client": 1, "out_of_order_client": 0, "likely_client": None}]),
    # Ten originals, each overtaken by what was sent again for it; one that was sent again is overtaken itself.
    "originals_overtaken": (
        OPEN + [p("c", 20 + i / 100, "A", 100 * i, D, id=3 + i) for i in range(4)] + [p("s", 30, "A", 0, ack=400)] +
        [p("c", 41, "A", 1400, D, id=17)] + [p("c", 42 + i / 100, "A", 400 + 100 * i, D, id=18 + i) for i in range(10)] +
        [p("c", 43 + i / 100, "A", 400 + 100 * i, D, id=7 + i) for i in range(10)] + [p("s", 50, "A", 0, ack=1500)],
        [{"retransmissions_client": 10, "out_of_order_client": 10, "captured_twice_client": None, "likely_client": None}]),
    "sent_again_and_overtaken": (
        OPEN + [p("c", 20 + i, "A", 100 * i, D, id=3 + i) for i in range(4)] +
        [p("c", 30, "A", 400, D, id=8), p("c", 30.1, "A", 300, D, id=7), p("c", 30.2, "A", 300, D, id=7)],
        [{"retransmissions_client": 1, "captured_twice_client": 1, "out_of_order_client": 0, "likely_client": None}]),
    # A number that was not captured, behind several that were passed over, late and twice.
    "passed_over_and_late": (
        OPEN + [p("c", 20 + i, "A", 100 * i, D, id=3 + i) for i in range(4)] +
        [p("c", 30, "A", 500, D, id=10), p("c", 31, "A", 700, D, id=12), p("c", 32, "A", 300, D, id=8), p("c", 33, "A", 300, D, id=8),
         p("c", 34, "A", 400, D, id=9), p("c", 35, "A", 300, D, id=7), p("c", 36, "A", 500, D, id=10)],
        [{"retransmissions_client": 2, "captured_twice_client": 2, "out_of_order_client": 1, "likely_client": None}]),
    # Far behind, among numbers that count for other connections, too: nobody knows.
    "captured_twice_or_sent_again": (
        OPEN + [p("c", 20 + i, "A", 100 * i, D, id=3 + 5 * i) for i in range(9)] + [p("c", 30, "A", 500, D, id=28)],
        [{"likely_client": 1, "captured_twice_client": 1, "retransmissions_client": 0}]),
    "duplicate_acknowledgements_overtaken": (
        OPEN + [p("s", 11 + i, "A", 0, ack=0, id=40 + i, window=900 + i) for i in range(5)] +
        [p("c", 20, "A", 0, D)] + [p("c", 20.1, "A", 200 + 100 * i, D) for i in range(3)] +
        [p("s", 30, "A", 0, ack=100, id=45)] +
        [p("s", 31 + i, "A", 0, ack=100, id=ident, sack=(200, end)) for i, (ident, end) in enumerate(((46, 300), (48, 500), (47, 400)))],
        [{"duplicate_acks_server": 3, "captured_twice_server": None}]),
    # Identifications at random tell only one packet from another; the time stamps tell the rest.
    "captured_twice_at_random": (
        OPEN + [p("c", 20 + (i + 4 * again) / 100, "A", 100 * i, D, ts=1021, id=(35667, 8548, 24246, 60028)[i]) for again in range(2)
                for i in range(4)] + [p("c", 300, "A", 0, D, ts=1300, id=777)],
        [{"captured_twice_client": 4, "retransmissions_client": 1, "likely_client": None}]),
    # Asked for, and twice in one tick: captured twice, or once more asked for.
    "fast_and_captured_twice": (
        OPEN + [p("c", 20 + i / 100, "A", place, D, ts=500) for i, place in enumerate((0, 200, 300, 400))] +
        [p("s", 30, "A", 0, ack=100, sack=(200, 300 + 100 * i)) for i in range(3)] +
        [p("c", 30.1, "A", 100, D, ts=511), p("c", 30.11, "A", 100, D, ts=511), p("s", 40, "A", 0, ack=500)],
        [{"retransmissions_client": 1, "captured_twice_client": 1, "likely_client": 1}]),
    # Doubled on the way and held up for 2 ms, in a tick that is known to be short.
    "doubled_on_the_way": (
        OPEN + [p("c", 20, "A", 0, D, ts=500), p("c", 20, "A", 200, D, ts=500), p("c", 20.1, "A", 100, D, ts=501), p("s", 21, "A", 0, ack=300)] +
        [p("c", 30 + i, "A", 300 + 100 * i, D, ts=511 + i) for i in range(5)] + [p("c", 36, "A", 700, D, ts=515)],
        [{"captured_twice_client": 1, "likely_client": None}]),
    # The original comes behind what was sent again for it, with another identification and an older time stamp.
    "original_overtaken_at_random": (
        OPEN + [p("c", 20, "A", 0, D, ts=500, id=900), p("c", 20.1, "A", 100, D, ts=500, id=300), p("c", 21, "A", 300, D, ts=501, id=50000),
                p("c", 30, "A", 200, D, ts=510, id=777), p("c", 30.1, "A", 200, D, ts=500, id=40000)],
        [{"retransmissions_client": 1, "out_of_order_client": 1, "captured_twice_client": None, "likely_client": None}]),
    # Neither identification nor time stamp: what comes at once is only likely, though it was asked for.
    "fast_or_captured_twice": (OPEN + DATA5 + [p("s", 30, "A", 0, ack=100)] * 4 +
                               [p("c", 30.1 + i / 10, "A", place, D) for i, place in enumerate((100, 200, 400))],
                               [{"fast_retransmission_client": 3, "likely_client": 1}]),
    "overlap_equal": (OPEN + [p("c", 20, "A", 0, D), p("c", 21, "A", 50, D[50:] + D[:50])],
                      [{"bytes_client": 150, "md5_client": md5(D + D[:50])}]),
    "overlap_different": (OPEN + [p("c", 20, "A", 4, b"EVIL"), p("c", 21, "A", 3, b"-GOOD-"), p("c", 22, "A", 0, b"abc")],
                          [{"bytes_client": 9, "md5_client": md5(b"abc-EVIL-")}]),
    "keep_alive": (OPEN + [p("c", 20, "A", 0, D), p("s", 30, "A", 0, ack=100), p("c", 5000, "A", 99),
                           p("s", 5010, "A", 0, ack=100), p("c", 9000, "A", 99, b"\0"), p("s", 9010, "A", 0, ack=100)],
                   [{"keep_alive_client": 2, "keep_alive_ack_server": 2, "retransmissions_client": 0,
                     "duplicate_acks_server": 0, "bytes_client": 100, "md5_client": md5(D)}]),
    "zero_window": (OPEN + [p("c", 20, "A", 0, D * 10), p("s", 30, "A", 0, ack=1000, window=0), p("c", 230, "A", 999),
                            p("s", 240, "A", 0, ack=1000, window=0), p("s", 700, "A", 0, ack=1000),
                            p("c", 710, "A", 1000, D)],
                    [{"window_full_client": 1, "zero_windows_server": 2, "zero_window_probe_client": 1,
                      "zero_window_probe_ack_server": 1, "window_update_server": 1, "keep_alive_client": None}]),
    # BSD and Windows probe with the byte that there is no room for, again and again.
    "zero_window_probes_with_a_byte": (
        OPEN + [p("c", 20, "A", 0, D * 8), p("s", 30, "A", 0, ack=800, window=0)] +
        [packet for i in range(5) for packet in (p("c", 500 * 2 ** i, "A", 800, D[:1]),
                                                 p("s", 500 * 2 ** i + 10, "A", 0, ack=800, window=0))] +
        [p("s", 9000, "A", 0, ack=800), p("c", 9001, "A", 800, D)],
        [{"zero_window_probe_client": 5, "zero_window_probe_ack_server": 5, "retransmissions_client": 1, "bytes_client": 900}]),
    "probe_before_the_first_byte": (
        OPEN + [p("c", 20, "A", 0, D), p("s", 30, "A", 0, ack=100), p("c", 3000, "A", 100, window=0),
                p("s", 8000, "A", -1, b"\0", ack=100), p("c", 8020, "A", 100, window=0)],
        [{"zero_window_probe_server": 1, "zero_window_probe_ack_client": 1, "retransmissions_server": 0,
          "spurious_retransmission_server": None, "bytes_server": 0}]),
    "beyond_the_window": (OPEN + [p("c", 20, "A", 0, D * 11)], [{"beyond_window_client": 1}]),
    "scaled_windows": ([p("c", 0, "S", 0, options=SCALE + MSS), p("s", 10, "SA", 0, options=SCALE + MSS),
                        p("c", 10.1, "A", 0), p("s", 15, "A", 0)] +
                       [p("c", 20 + i, "A", i * 100, D) for i in range(40)],
                       [{"window_full_client": 1, "window_scale_client": 2, "mss_client": 100, "flight_max_client": 4000,
                         "mss_in_force_client": 100, "beyond_window_client": None}]),
    "lost_by_the_capture": (OPEN + [p("c", 20, "A", 0, D), p("c", 21, "A", 200, D), p("s", 30, "A", 0, ack=300),
                                    p("s", 40, "A", 0, ack=350)],
                            [{"gaps_client": 1, "missing_client": 100, "unseen_end_client": 50, "acked_unseen_server": 2,
                              "md5_client": None}]),
    "syn_again": ([p("c", 0, "S", 0), p("c", 1000, "S", 0), p("s", 1010, "SA", 0), p("s", 2010, "SA", 0),
                   p("c", 2011, "A", 0)],
                  [{"syn_repeated_client": 1, "syn_repeated_server": 1, "syn_client": 2, "handshake_rtt_ns": None}]),
    # The time stamps tell which SYN was answered, and which SYN-ACK; an answer to the first of two tells no round trip.
    "syn_again_with_time_stamps": ([p("c", 0, "S", 0, ts=100), p("c", 1000, "S", 0, ts=1100),
                                    p("s", 1010, "SA", 0, ts=50, echo=1100), p("s", 2010, "SA", 0, ts=1050, echo=1100),
                                    p("c", 2012, "A", 0, ts=2110, echo=1050)],
                                   [{"syn_repeated_client": 1, "syn_repeated_server": 1, "handshake_rtt_ns": 12000000}]),
    # A SYN-ACK for each SYN: that both stand in one tick makes the second no copy; a copy is one.
    "syn_ack_for_each_syn": ([p("c", 0, "S", 0, ts=1000), p("s", 1, "SA", 0, ts=7000, echo=1000), p("s", 1036, "SA", 0, ts=8036, echo=1000),
                              p("c", 1036.6, "S", 0, ts=2037), p("s", 1036.7, "SA", 0, ts=8036, echo=1000),
                              p("c", 1037, "A", 0, ts=2037, echo=8036)],
                             [{"syn_repeated_client": 1, "syn_repeated_server": 2, "captured_twice_server": None}]),
    "handshake_captured_twice": ([p("c", ms, "S", 0, ts=1000) for ms in (0, 0.1)] +
                                 [p("s", ms, "SA", 0, ts=7000, echo=1000) for ms in (1, 1.1)] + [p("c", 2, "A", 0, ts=1002, echo=7000)],
                                 [{"syn_repeated_client": None, "syn_repeated_server": None, "captured_twice_client": 1,
                                   "captured_twice_server": 1}]),
    "handshake_captured_twice_late": ([p("c", 0, "S", 0, ts=1000), p("s", 1, "SA", 0, ts=7000, echo=1000), p("c", 1.1, "S", 0, ts=1000),
                                       p("s", 2.1, "SA", 0, ts=7000, echo=1000), p("c", 3, "A", 0, ts=1002, echo=7000)],
                                      [{"syn_repeated_client": None, "syn_repeated_server": None, "captured_twice_client": 1,
                                        "captured_twice_server": 1}]),
    "syn_again_in_vain": ([p("c", 0, "S", 0, ts=100), p("c", 1000, "S", 0, ts=1100),
                           p("s", 1004, "SA", 0, ts=1050, echo=100), p("c", 1005, "A", 0, ts=1110, echo=1050)],
                          [{"syn_repeated_client": 1, "syn_repeated_server": None, "handshake_rtt_ns": None}]),
    "syn_ack_again": ([p("c", 0, "S", 0), p("s", 10, "SA", 0), p("s", 1010, "SA", 0), p("c", 1012, "A", 0)],
                      [{"syn_repeated_client": None, "syn_repeated_server": 1, "handshake_rtt_ns": None}]),
    "first_syn_ack_answered": ([p("c", 0, "S", 0, ts=100), p("s", 10, "SA", 0, ts=50, echo=100),
                                p("s", 1010, "SA", 0, ts=1050, echo=100), p("c", 1012, "A", 0, ts=130, echo=50)],
                               [{"syn_repeated_server": 1, "handshake_rtt_ns": None}]),
    "simultaneous_open": ([p("c", 0, "S", 0), p("s", 1, "S", 0), p("c", 2, "SA", 0), p("s", 3, "SA", 0),
                           p("c", 4, "A", 0, D), p("s", 5, "A", 0, D, ack=100)],
                          [{"bytes_client": 100, "bytes_server": 100, "partial": False, "syn_repeated_client": None}]),
    "split_handshake": ([p("c", 0, "S", 0), p("s", 1, "A", -1), p("s", 2, "S", 0), p("c", 3, "SA", 0),
                         p("s", 4, "A", 0, D)],
                        [{"client": "10.0.0.1:40000", "bytes_server": 100, "partial": False, "gaps_server": 0}]),
    "half_close": (OPEN + [p("c", 20, "FA", 0, D), p("s", 30, "A", 0, ack=101), p("s", 40, "A", 0, D * 3, ack=101),
                           p("c", 41, "A", 101, ack=300), p("s", 50, "FA", 300, ack=101), p("s", 500, "FA", 300, ack=101),
                           p("c", 501, "A", 101, ack=301)],
                   [{"end": "fin", "bytes_server": 300, "fin_repeated_server": 1, "md5_server": md5(D * 3)}]),
    "fin_again_midway": ([p("s", 0, "A", 5301, ack=1400), p("c", 5, "A", 1400, D, ack=5300), p("s", 15, "A", 5301, ack=1500),
                          p("s", 215, "FA", 5300, ack=1500), p("c", 225, "A", 1500, ack=5301),
                          p("c", 325, "FA", 1500, ack=5301), p("s", 335, "A", 5301, ack=1501)],
                         [{"end": "fin", "bytes_client": 100, "bytes_server": 0, "missing_server": 0, "unseen_end_server": 0}]),
    "fin_again_midway_and_data": ([p("s", 0, "A", 5301, ack=1400), p("c", 5, "A", 1400, D, ack=5301),
                                   p("s", 215, "FA", 5200, D, ack=1500), p("c", 225, "FA", 1500, ack=5301),
                                   p("s", 335, "A", 5301, ack=1501)],
                                  [{"end": "fin", "bytes_server": 100, "missing_server": 0, "gaps_server": 0,
                                    "unseen_end_server": 0, "md5_server": md5(D)}]),
    "fin_acknowledged_midway": ([p("s", 0, "FA", 5300, ack=1500), p("s", 300, "FA", 5300, ack=1501), p("c", 300, "FA", 1500, ack=5301),
                                 p("c", 301, "A", 1501, ack=5301), p("s", 302, "A", 5301, ack=1501)],
                                [{"end": "fin", "missing_client": 0, "unseen_end_client": 0, "fin_repeated_server": 1}]),
    "fin_acknowledged_first": (OPEN + [p("c", 20, "A", 0, D), p("s", 30, "A", 0, ack=101), p("c", 31, "FA", 100)],
                               [{"bytes_client": 100, "fin_client": 1, "unseen_end_client": 0, "missing_client": 0}]),
    "after_the_fin": (OPEN + [p("c", 20, "FA", 0, D), p("c", 21, "A", 100, D)],
                      [{"after_fin_client": 1, "bytes_client": 100, "md5_client": md5(D)}]),
    "data_on_a_reset": (OPEN + [p("c", 20, "A", 0, D), p("c", 21, "RA", 100, b"no data of the stream")],
                        [{"data_on_rst_client": 1, "bytes_client": 100, "end": "rst", "md5_client": md5(D)}]),
    "data_in_the_syn": ([p("c", 0, "S", 0, D), p("s", 10, "SA", 0, ack=100), p("c", 11, "A", 100, D)],
                        [{"data_in_syn_client": 1, "bytes_client": 200, "md5_client": md5(D * 2)}]),
    "answered_before_the_syn_with_data": ([p("s", 0, "SA", 0, ack=200), p("c", 0.01, "S", 0, D * 2), p("c", 10, "A", 200, D),
                                           p("s", 20, "A", 0, D, ack=300), p("c", 21, "A", 300, ack=100)],
                                          [{"bytes_client": 300, "bytes_server": 100, "partial": False, "missing_client": 0,
                                            "unseen_end_client": 0, "data_in_syn_client": 1, "md5_client": md5(D * 3)}]),
    "ports_used_again": (OPEN + [p("c", 20, "A", 0, D), p("c", 50, "S", 0, isn=777000), p("s", 60, "SA", 0, isn=5, other_isn=777000),
                                 p("c", 61, "A", 0, D * 2, isn=777000, other_isn=5)],
                         [{"stream": 1, "bytes_client": 100, "end": "open"}, {"stream": 5, "bytes_client": 200}]),
    "ports_used_again_server_only": (
        [p("s", 10, "SA", 0), p("s", 20, "A", 0, D, ack=50), p("s", 1000, "SA", 0, isn=5, other_isn=777000),
         p("s", 1010, "A", 0, D * 2, isn=5, other_isn=777000), p("s", 1020, "FA", 200, isn=5, other_isn=777000),
         p("s", 3000, "SA", 0, isn=99999999, other_isn=888000), p("s", 3010, "A", 100, D, isn=99999999, other_isn=888000)],
        [{"stream": 1, "bytes_server": 100, "packets_client": 0}, {"stream": 3, "bytes_server": 200, "md5_server": md5(D * 2)},
         {"stream": 6, "bytes_server": 100, "gaps_server": 1}]),
    "ports_used_again_first_lost": (
        [p("s", 10, "SA", 0), p("s", 20, "A", 0, D, ack=50), p("s", 1000, "SA", 0, isn=99999999, other_isn=888000),
         p("s", 1010, "A", 100, D, isn=99999999, other_isn=888000)],
        [{"stream": 1, "bytes_server": 100, "gaps_server": 0}, {"stream": 3, "bytes_server": 100, "gaps_server": 1}]),
    "ports_used_again_syn_lost": (
        OPEN + [p("c", 20, "A", 0, D), p("s", 30, "A", 0, D, ack=100), p("s", 60, "SA", 0, isn=5, other_isn=777000),
                p("c", 61, "A", 0, isn=777000, other_isn=5), p("c", 62, "A", 0, D * 2, isn=777000, other_isn=5)],
        [{"stream": 1, "bytes_client": 100, "syn_server": 1}, {"stream": 6, "bytes_client": 200, "md5_client": md5(D * 2)}]),
    "a_stray_syn_ack": (
        OPEN + [p("c", 20, "A", 0, D), p("s", 25, "A", 0, ack=100), p("s", 60, "SA", 0, isn=5, other_isn=777000),
                p("c", 61, "A", 100, D), p("s", 70, "SA", 0, isn=5, other_isn=777000)],
        [{"bytes_client": 200, "syn_server": 3, "md5_client": md5(D * 2), "gaps_server": 0}]),
    "ports_used_again_near": (
        [p("c", 0, "A", 5000, D), p("s", 10, "A", 900, ack=5100), p("c", 20, "FA", 5100, ack=900), p("s", 30, "FA", 900, ack=5101),
         p("c", 500, "S", 0, isn=3000), p("s", 510, "SA", 0, isn=5, other_isn=3000),
         p("c", 520, "A", 0, D, isn=3000, other_isn=5)],
        [{"stream": 1, "bytes_client": 100, "end": "fin"}, {"stream": 5, "bytes_client": 100, "gaps_client": 0}]),
    "one_side_only": ([p("c", 0, "S", 0), p("c", 1, "A", 0, D), p("c", 2, "A", 100, D, ack=500)],
                      [{"packets_server": 0, "bytes_client": 200, "duplicate_acks_client": 0}]),
    "joined_midway": ([p("c", 20, "A", 5100, D), p("c", 21, "A", 5000, D), p("s", 22, "A", 900, ack=5200)],
                      [{"partial": True, "bytes_client": 200, "gaps_client": 0, "md5_client": md5(D * 2)}]),
    "before_the_beginning": ([p("c", 20, "A", 5000, D), p("s", 21, "A", 900, ack=5100), p("c", 22, "A", 5100, D),
                              p("c", 23, "A", 4900, D)],
                             [{"partial": True, "bytes_client": 300, "gaps_client": 0, "md5_client": None}]),
    "urgent": (OPEN + [p("c", 20, "UA", 0, D, urgent=3)], [{"urgent_client": 1, "bytes_client": 100, "md5_client": md5(D)}]),
    "snapped": (OPEN + [p("c", 20, "A", 0, D, snap=60), p("c", 21, "A", 100, D, snap=60)],
                [{"bytes_client": 200, "gaps_client": 0, "md5_client": None, "lost_before_client": None}]),
    "super_packet": ([p("c", 0, "S", 0, options=MSS), p("s", 10, "SA", 0, options=MSS), p("c", 10.1, "A", 0),
                      p("c", 20, "A", 0, D * 5)], [{"offloaded_client": 1, "mss_client": 100}]),
    "corrupted": (OPEN + [p("c", 20, "A", 0, b"x" + D[1:], damage=0x5555), p("c", 30, "A", 0, D)],
                  [{"bad_checksum_client": 1, "bytes_client": 100, "retransmissions_client": 0, "md5_client": md5(D)}]),
    "corrupted_in_the_capture": (OPEN + [p("c", 20, "A", 0, D), p("c", 21, "A", 100, b"x" + D[1:], damage=0x5555),
                                         p("c", 22, "A", 200, D), p("s", 30, "A", 0, ack=300)],
                                 [{"bad_checksum_client": 1, "bytes_client": 300, "unverified_client": 100, "gaps_client": 0,
                                   "md5_client": md5(D + b"x" + D[1:] + D)}]),
    "corrupted_at_the_end": (OPEN + [p("c", 20, "A", 0, D), p("c", 21, "A", 100, D, damage=0x5555), p("s", 30, "A", 0, ack=150)],
                             [{"bytes_client": 150, "unverified_client": 50, "gaps_client": 0, "unseen_end_client": 0,
                               "md5_client": md5(D + D[:50])}]),
    "corrupted_fin": (OPEN + [p("c", 20, "A", 0, D), p("c", 21, "FA", 100, damage=0x5555), p("s", 30, "A", 0, ack=101),
                              p("s", 31, "FA", 0, ack=101), p("c", 40, "A", 101, ack=1)],
                      [{"end": "fin", "fin_client": 1, "bytes_client": 100, "unseen_end_client": 0, "bad_checksum_client": 1}]),
    "corrupted_fin_with_data": (OPEN + [p("s", 19, "FA", 0), p("c", 20, "FA", 0, D, ack=1, damage=0x5555), p("s", 30, "A", 1, ack=101)],
                                [{"end": "fin", "bytes_client": 100, "unverified_client": 100, "unseen_end_client": 0,
                                  "acked_unseen_server": 1, "md5_client": md5(D)}]),
    # What acknowledges less, or more, does not acknowledge it; and a right one later counts once.
    "corrupted_fin_that_was_none": (OPEN + [p("s", 19, "FA", 0), p("c", 20, "FA", 0, ack=1, damage=0x5555), p("s", 30, "A", 1, ack=0),
                                            p("c", 40, "A", 0, D, ack=1), p("s", 50, "A", 1, ack=100)],
                                    [{"end": "open", "bytes_client": 100, "fin_client": 0, "unseen_end_client": 0}]),
    "corrupted_fin_and_right": (OPEN + [p("s", 19, "FA", 0), p("c", 20, "FA", 0, ack=1, damage=0x5555), p("c", 40, "FA", 0, ack=1),
                                        p("s", 50, "A", 1, ack=1)],
                                [{"end": "fin", "fin_client": 1, "fin_repeated_client": None, "unseen_end_client": 0}]),
    "corrupted_on_the_way": (OPEN + [p("c", 20, "A", 0, D), p("c", 21, "A", 100, b"x" + D[1:], damage=0x5555),
                                     p("c", 22, "A", 200, D), p("s", 30, "A", 0, ack=100)],
                             [{"bad_checksum_client": 1, "bytes_client": 200, "unverified_client": None, "gaps_client": 1,
                               "md5_client": None}]),
    "corrupted_and_right_late": (OPEN + [p("c", 20, "A", 0, D), p("c", 21, "A", 100, b"x" + D[1:], damage=0x5555),
                                         p("c", 22, "A", 200, D), p("s", 30, "A", 0, ack=300), p("c", 300, "A", 100, D)],
                                 [{"bad_checksum_client": 1, "bytes_client": 300, "unverified_client": None,
                                   "gaps_client": 0, "md5_client": md5(D * 3)}]),
    # A FIN among bytes that the other side had already cannot be meant.
    "fin_before_what_was_acknowledged": (OPEN + [p("c", 20, "A", 0, D), p("c", 21, "A", 100, b"x" + D[1:], damage=0x5555),
                                                 p("s", 30, "A", 0, ack=200), p("c", 40, "FA", 150)],
                                         [{"bytes_client": 200, "unverified_client": 100, "gaps_client": 0}]),
    "corrupted_in_options_too": (OPEN + [p("c", 20, "A", 0, D), p("c", 21, "A", 100, b"x" + D[1:], damage=0x5555,
                                                                  options=b"\x08\x28\x01\x01"),
                                         p("c", 22, "A", 200, D), p("s", 30, "A", 0, ack=300), p("c", 300, "A", 100, D)],
                                 [{"bad_checksum_client": 1, "conflict_client": None, "bytes_client": 300,
                                   "unverified_client": None, "md5_client": md5(D * 3)}]),
    "corrupted_at_first": ([p("c", 20, "A", 900000, b"x" + D[1:], damage=0x5555), p("c", 21, "A", 5000, D),
                            p("s", 22, "A", 900, ack=5100)],
                           [{"bad_checksum_client": 1, "bytes_client": 100, "gaps_client": 0, "missing_client": 0,
                             "checksums_offloaded_client": None, "partial": True, "md5_client": md5(D)}]),
    "corrupted_syn": ([p("c", 0, "S", 0, isn=5555, damage=0x5555), p("c", 1000, "S", 0), p("s", 1010, "SA", 0),
                       p("c", 1011, "A", 0), p("c", 1020, "A", 0, D)],
                      [{"stream": 1, "bad_checksum_client": 1, "bytes_client": 100, "partial": False,
                        "syn_repeated_client": None, "handshake_rtt_ns": 11000000, "md5_client": md5(D)}]),
    # The first segment of a capture may be a repeat of what was sent before it: the answer echoes an older time stamp.
    "answered_before_the_capture": ([p("c", 0, "A", 100, D, ts=1200, echo=7000), p("s", 1, "A", 0, ack=200, ts=7100, echo=1000),
                                     p("c", 101, "A", 200, D, ts=1201, echo=7100), p("s", 301, "A", 0, ack=300, ts=7301, echo=1201)],
                                    [{"rtt_min_ns_client": 200000000, "rtt_max_ns_client": 200000000}]),
    # A delayed acknowledgement echoes the first of two, and is an answer to the second all the same.
    "answered_both": (OPEN[:2] + [p("c", 10.1, "A", 0, ts=99), p("c", 20, "A", 0, D, ts=100), p("s", 40, "A", 0, ack=100, ts=7, echo=100),
                                  p("c", 41, "A", 100, D, ts=121), p("c", 41, "A", 200, D, ts=121),
                                  p("s", 61, "A", 0, ack=200, ts=28, echo=121), p("c", 62, "A", 300, D, ts=142),
                                  p("s", 82, "A", 0, ack=400, ts=49, echo=121)],
                      [{"rtt_min_ns_client": 10000000, "rtt_max_ns_client": 20000000, "rtt_mean_ns_client": 17500000}]),
    # Old stacks do not note the time stamp of a FIN.
    "fin_answered_with_an_older_echo": (OPEN[:2] + [p("c", 10.1, "A", 0, ts=99), p("c", 20, "A", 0, D, ts=100),
                                                    p("s", 40, "A", 0, ack=100, ts=7, echo=100), p("c", 60, "FA", 100, ts=140),
                                                    p("s", 65, "A", 0, ack=101, ts=32, echo=100)],
                                        [{"rtt_min_ns_client": 5000000, "rtt_max_ns_client": 20000000}]),
    "corrupted_and_sent_again": (OPEN + [p("c", 20, "A", 0, D), p("s", 40, "A", 0, ack=100), p("c", 42, "A", 100, D, damage=0x5555),
                                         p("c", 61.5, "A", 100, D), p("s", 62, "A", 0, ack=200), p("c", 63, "A", 200, D),
                                         p("s", 83, "A", 0, ack=300)],
                                 [{"bad_checksum_client": 1, "bytes_client": 300, "rtt_min_ns_client": 10000000,
                                   "rtt_mean_ns_client": 16666666}]),
    "offload_joined_midway": ([p("c", 20, "A", 5000, D, damage=0x5555), p("c", 21, "A", 5100, D, damage=0x5555),
                               p("s", 22, "A", 900, ack=5200)],
                              [{"bad_checksum_client": None, "bytes_client": 200, "checksums_offloaded_client": True,
                                "gaps_client": 0, "md5_client": md5(D * 2)}]),
    "offload_and_nothing_back": ([p("c", 20 + i, "A", 100 * i, D, damage=0x5555) for i in range(9)],
                                 [{"bytes_client": 900, "checksums_offloaded_client": True, "gaps_client": 0,
                                   "packets_client": 9, "md5_client": md5(D * 9)}]),
    "offload_on_both_sides": ([dict(packet, damage=0x5555) for packet in OPEN + [p("c", 20, "A", 0, D), p("s", 30, "A", 0, D * 2, ack=100)]],
                              [{"bytes_client": 100, "bytes_server": 200, "checksums_offloaded_client": True,
                                "checksums_offloaded_server": True, "md5_client": md5(D), "md5_server": md5(D * 2)}]),
    "checksum_offload": ([dict(packet, damage=0x5555) if packet["side"] == "c" else packet
                          for packet in OPEN + [p("c", 20, "A", 0, D)]],
                         [{"bad_checksum_client": None, "bytes_client": 100, "md5_client": md5(D)}]),
    "damaged_among_partial": ([dict(packet, partial=True) if packet["side"] == "c" else packet for packet in OPEN] +
                              [p("c", 20, "A", 0, D, partial=True), p("c", 21, "A", 100, b"x" + D[1:], damage=0x5555),
                               p("s", 30, "A", 0, ack=100), p("c", 250, "A", 100, D, partial=True), p("s", 260, "A", 0, ack=200)],
                              [{"bad_checksum_client": 1, "checksums_offloaded_client": None, "conflict_client": None,
                                "bytes_client": 200, "md5_client": md5(D * 2)}]),
    "same_isn_again": (OPEN + CLOSE + [p("c", 1000, "S", 0), p("s", 1010, "SA", 0, isn=90000), p("c", 1011, "A", 0, other_isn=90000),
                                       p("c", 1020, "A", 0, b"other", other_isn=90000)],
                       [{"bytes_client": 100, "syn_repeated_client": None, "end": "fin", "md5_client": md5(D)},
                        {"bytes_client": 5, "conflict_client": None, "handshake_rtt_ns": 11000000, "md5_client": md5(b"other")}]),
    "same_isn_refused": (OPEN + CLOSE + [p("c", 1000, "S", 0), p("s", 1001, "RA", 0, isn=0xFFFFFFFF)],
                         [{"end": "fin", "rst_server": 0}, {"end": "rst", "syn_client": 1, "rst_server": 1}]),
    "a_late_syn": (OPEN + CLOSE + [p("c", 400, "S", 0), p("s", 401, "A", 1, ack=101)],
                   [{"end": "fin", "syn_client": 2, "syn_repeated_client": 1}]),
    "same_isn_and_nothing_comes": (OPEN + CLOSE + [p("c", 1000, "S", 0)],
                                   [{"end": "fin", "packets_client": 5}, {"end": "open", "packets_client": 1}]),
    "refused_again_and_again": ([p("c", 0, "S", 0), p("s", 1, "RA", -1), p("c", 500, "S", 0), p("s", 501, "RA", -1)],
                                [{"end": "rst", "syn_client": 2, "rst_server": 2}]),
    "a_blind_rst": (OPEN + [p("c", 20, "A", 0, D), p("s", 30, "A", 0, ack=100), p("s", 31, "R", 1000000),
                            p("c", 130, "A", 100, D), p("s", 140, "A", 0, ack=200), p("c", 141, "FA", 200),
                            p("s", 142, "FA", 0, ack=201)],
                    [{"end": "fin", "rst_server": 1, "bytes_client": 200}]),
    "a_rst_from_before": (OPEN + [p("s", 15, "A", 0, D), p("c", 20, "A", 0, ack=100), p("s", 25, "R", 50),
                                  p("s", 30, "A", 100, D)],
                          [{"end": "open", "rst_server": 1, "bytes_server": 200}]),
    "a_rst_behind_the_fin": (OPEN + [p("s", 15, "FA", 0), p("c", 20, "A", 0, D, ack=1), p("s", 25, "R", 1)],
                             [{"end": "rst", "rst_server": 1}]),
    "a_rst_within_the_window": (OPEN + [p("s", 15, "A", 0, D), p("c", 20, "A", 0, ack=100), p("s", 25, "R", 900)],
                                [{"end": "rst", "rst_server": 1}]),
    "length_left_to_the_card": (OPEN + [p("c", 20, "A", 0, D), p("c", 21, "A", 100, D * 3, length_left_out=True),
                                        p("c", 22, "A", 400, D), p("s", 30, "A", 0, ack=500)],
                                [{"bad_checksum_client": None, "unverified_client": None, "bytes_client": 500,
                                  "offloaded_client": 1, "md5_client": md5(D * 5)}]),
    "wrap_around": (OPEN + [p("s", 20 + i, "A", 100 * i, D) for i in range(6)],
                    [{"bytes_server": 600, "gaps_server": 0, "md5_server": md5(D * 6), "partial": False}]),
}


def main():
    (HERE / "tcp").mkdir(exist_ok=True)
    for name, (packets, _) in SCENES.items():
        (HERE / "tcp" / f"{name}.pcapng").write_bytes(capture(packets))


if __name__ == "__main__":
    main()
