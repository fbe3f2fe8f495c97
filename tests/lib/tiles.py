"""The join, checked from what a file holds: spans that tile the axis, and bytes that are the same wherever they were seen."""

import collections

from cases import check, equal


def by_socket(capture):
    """{inode: {"send": [calls that moved bytes], "recv": […]}} of the TCP sockets."""
    sockets = collections.defaultdict(lambda: {"send": [], "recv": []})
    for call in capture.calls:
        if call.op in ("send", "recv") and call.kind in ("inet/stream", "inet6/stream") and call.result > 0 \
                and "MSG_PEEK" not in call.flags and "SOCKDIAG_PEEK" not in call.fields:
            sockets[call.socket][call.op].append(call)
    return sockets


def stream_of(calls, what):
    """The bytes of one way of a socket as {offset: byte}, and their number; the spans are checked to be without gap or
    overlap. Bytes that were never in the program's memory (sendfile, splice, MSG_TRUNC) are left out."""
    data, at = {}, 0
    for call in sorted(calls, key=lambda call: call.offset):
        equal(call.offset, at, f"{what}: {call.message}")
        kept = call.data
        if kept is not None:
            equal(len(kept), call.result, f"{what}: bytes kept of {call.message}")
            data.update(enumerate(kept, at))
        at += call.result
    return data, at


def endpoint(text):
    """IPv4 addresses of IPv6 sockets as the wire has them."""
    return text.replace("[::ffff:", "").replace("]", "") if text and text.startswith("[::ffff:") else text


def connections(capture):
    """{(local, peer): [its sockets' ways, oldest first]} of the TCP sockets that moved bytes. The same addresses come again
    when a port does: one connection is over before the next of them is made, so their order is the same at both ends."""
    found, moved = collections.defaultdict(dict), by_socket(capture)
    for call in sorted(capture.calls, key=lambda call: call.exit_ns):
        if call.local and call.peer and call.socket in moved:
            found[endpoint(call.local), endpoint(call.peer)].setdefault(call.socket, moved[call.socket])
    return {addresses: list(sockets.values()) for addresses, sockets in found.items()}


def check_direction(sends, receives, local, peer):
    sent, sent_bytes = stream_of(sends, f"{local} sends")
    received, received_bytes = stream_of(receives, f"{peer} receives")
    check(received_bytes <= sent_bytes, f"{peer} received {received_bytes} of {sent_bytes} bytes")
    differ = [i for i, byte in received.items() if sent.get(i, byte) != byte]
    check(not differ, f"{local} > {peer}: byte {differ[:1]} was received as another than was sent")


def check_pairs(capture):
    """Every connection with both ends recorded: what one end sent is what the other received, as far as it read.
    Returns how many directions were compared."""
    ends, compared = connections(capture), 0
    for (local, peer), near in ends.items():
        far = ends.get((peer, local), [])
        if not far:
            continue
        equal(len(near), len(far), f"connections between {local} and {peer} at both ends")
        for one, other in zip(near, far):
            check_direction(one["send"], other["recv"], local, peer)
            compared += 1
    return compared
