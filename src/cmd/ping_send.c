#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "cmd/ping.h"
#include "craft/build.h"

/* Sending: probes are built one behind the other into one buffer and handed over by the batch. */

enum {
    BATCH_BYTES = 256 << 10,
    FULL_WAIT_MS = 1, /* for room in the socket's buffer or the interface's queue */
    FULL_TRIES = 200,
};

/* A packet in the buffer. */
struct piece {
    uint32_t target, number; /* target PING_NOBODY: a further fragment */
    size_t offset, len;
};

struct batch {
    unsigned family;
    struct piece piece[RAWSOCK_BATCH];
    size_t count;
    uint64_t now_ns;
};

/* ---- what did not leave ---- */

void ping_fail(struct ping *ping, uint32_t index, uint32_t number, int code, uint32_t mtu)
{
    struct ping_target *target = &ping->targets[index];
    struct track_probe *probe = track_find(&target->track, number, 32);
    const struct ping_event event = {.target = target, .seq = ping_wire_number(number)};
    if (track_error(&target->track, probe) != TRACK_ANSWERED)
        return;
    ping->waiting--;
    ping->errors++;
    ping->view->failed(ping, &event, code, mtu);
    ping_settle(ping, target);
}

/* The packet at `at` was refused: with it goes what is left of its probe. Returns how many packets. */
static size_t refuse(struct ping *ping, const struct batch *batch, size_t at, int code)
{
    size_t end = at + 1;
    while (end < batch->count && batch->piece[end].target == PING_NOBODY)
        end++;
    while (batch->piece[at].target == PING_NOBODY && at > 0)
        at--;
    const struct piece *piece = &batch->piece[at];
    ping_fail(ping, piece->target, piece->number, code,
              code == EMSGSIZE ? ping->targets[piece->target].mtu : 0);
    return end;
}

/* ---- handing over ---- */

static int note_left(struct ping *ping, const struct batch *batch, size_t from, size_t count)
{
    struct ping_sender *sender = &ping->sender[batch->family];
    const uint32_t first = sender->raw.sends - (uint32_t)count;
    for (size_t i = 0; i < count; i++) {
        const struct piece *piece = &batch->piece[from + i];
        const uint32_t id = first + (uint32_t)i;
        if (!ping_flight_left(ping, sender, id, piece->target, piece->number, batch->now_ns))
            return sd_fail_errno(&ping->err, ENOMEM, "cannot remember what was sent");
        if (piece->target == PING_NOBODY)
            continue;
        struct ping_target *target = &ping->targets[piece->target];
        struct track_probe *probe = track_find(&target->track, piece->number, 32);
        if (probe != NULL)
            probe->send_id = id;
        ping->view->sent(ping, target);
    }
    return 0;
}

static void wait_for_room(const struct ping_sender *sender, int failed)
{
    struct pollfd room = {.fd = sender->raw.fd, .events = POLLOUT};
    /* A full queue of the interface is nothing that poll(2) knows of. */
    (void)poll(failed == -EAGAIN ? &room : NULL, failed == -EAGAIN, FULL_WAIT_MS);
}

static void fill_out(const struct ping *ping, const struct batch *batch, struct rawsock_out *out)
{
    uint32_t target = 0;
    for (size_t i = 0; i < batch->count; i++) {
        const struct piece *piece = &batch->piece[i];
        if (piece->target != PING_NOBODY)
            target = piece->target;
        out[i] = (struct rawsock_out){
            .data = ping->packet.data + piece->offset,
            .len = piece->len,
            .target = &ping->targets[target].shape.target,
            .interface = ping->targets[target].scope,
            .hop_limit = ping->sender[batch->family].whole ? 0 : ping->targets[target].shape.ttl,
        };
    }
}

static int hand_over(struct ping *ping, struct batch *batch)
{
    struct rawsock_out out[RAWSOCK_BATCH];
    struct ping_sender *sender = &ping->sender[batch->family];
    int tries = 0,
        failed = ping->packet.failed ? sd_fail_errno(&ping->err, ENOMEM, "cannot build a packet") : 0;
    fill_out(ping, batch, out);
    for (size_t done = 0; failed == 0 && done < batch->count;) {
        const int taken = rawsock_send(&sender->raw, out + done, batch->count - done);
        if (taken > 0) {
            failed = note_left(ping, batch, done, (size_t)taken);
            done += (size_t)taken;
            tries = 0;
        } else if ((taken == -EAGAIN || taken == -ENOBUFS) && tries++ < FULL_TRIES) {
            wait_for_room(sender, taken);
        } else {
            done = refuse(ping, batch, done, -taken);
        }
    }
    batch->count = 0;
    ping->packet.len = 0;
    return failed;
}

/* ---- building ---- */

static void add_piece(struct batch *batch, uint32_t target, uint32_t number, size_t offset, size_t len)
{
    batch->piece[batch->count++] = (struct piece){target, number, offset, len};
}

/* IP_HDRINCL cuts nothing: what is longer than the path takes is cut here. Fragments need an identification
 * of their own; the kernel would give each another one. */
static int add_fragments(struct ping *ping, struct batch *batch, uint32_t target, uint32_t number,
                         size_t start)
{
    const uint32_t mtu = ping->targets[target].mtu;
    const size_t len = ping->packet.len - start;
    uint8_t *datagram = ping->packet.data + start;
    struct buf fragments = {0}, lens = {0};
    if (datagram[0] >> 4 == 4 && load_be16(datagram + 4) == 0)
        store_be16(datagram + 4, (uint16_t)(ping_wire_number(number) | 0x8000));
    int failed = craft_fragment(datagram, len, mtu, ping_wire_number(number), &fragments, &lens, &ping->err);
    const size_t count = lens.len / sizeof(size_t);
    if (failed == 0 && batch->count + count > RAWSOCK_BATCH) {
        /* What was gathered before leaves first. */
        ping->packet.len = start;
        failed = hand_over(ping, batch);
        start = 0;
    }
    ping->packet.len = start;
    buf_append(&ping->packet, fragments.data, fragments.len);
    for (size_t i = 0; failed == 0 && i < count; i++) {
        size_t piece_len;
        memcpy(&piece_len, lens.data + i * sizeof piece_len, sizeof piece_len);
        add_piece(batch, i == 0 ? target : PING_NOBODY, number, start, piece_len);
        start += piece_len;
    }
    buf_free(&fragments);
    buf_free(&lens);
    return failed;
}

static int add_probe(struct ping *ping, struct batch *batch, uint32_t index, uint32_t number)
{
    struct ping_target *target = &ping->targets[index];
    const struct ping_sender *sender = &ping->sender[batch->family];
    const size_t start = ping->packet.len, len = probe_len(&target->shape);
    probe_build(&target->shape, ping_wire_number(number), target->shape.ttl, &ping->packet);
    if (ping->packet.failed)
        return sd_fail_errno(&ping->err, ENOMEM, "cannot build a packet");
    ping_headers_asked(ping, target, number, ping->packet.data + start, len);
    if (sender->whole && target->mtu != 0 && len > target->mtu && !target->shape.dont_fragment)
        return add_fragments(ping, batch, index, number, start);
    const size_t skip = sender->whole ? 0 : probe_ip_len(&target->shape);
    add_piece(batch, index, number, start + skip, len - skip);
    return 0;
}

/* ---- who is next ---- */

bool ping_has_more(const struct ping *ping)
{
    const struct ping_options *o = &ping->options;
    return ping->undone > 0 && (o->count == 0 || o->deadline.given || ping->round < o->count);
}

/* The next target in turn that is not done; there is one. */
static uint32_t next_target(struct ping *ping)
{
    uint32_t index;
    do {
        index = ping->cursor++;
        if (ping->cursor == ping->target_count) {
            ping->cursor = 0;
            ping->round++;
        }
    } while (ping->targets[index].done);
    return index;
}

static void ask_for_the_last(struct ping *ping, struct ping_target *target, uint32_t number)
{
    const struct track_probe *last = number > 0 ? track_find(&target->track, number - 1, 32) : NULL;
    if (ping->options.outstanding && last != NULL && !last->answered && !last->lost) {
        const struct ping_event event = {.target = target, .seq = ping_wire_number(number - 1)};
        ping->view->outstanding(ping, &event);
    }
}

/* -M do, and the path is known not to take it: the packet is refused here, as the kernel does. */
static bool is_too_long(const struct ping *ping, const struct ping_target *target)
{
    return ping->options.pmtudisc == IP_PMTUDISC_DO && target->mtu != 0 &&
           probe_len(&target->shape) > target->mtu;
}

static int send_one(struct ping *ping, struct batch *batch)
{
    const uint32_t index = next_target(ping);
    struct ping_target *target = &ping->targets[index];
    int failed = 0;
    if (batch->count > 0 && (batch->family != ping_family(target) || batch->count == RAWSOCK_BATCH ||
                             ping->packet.len + probe_len(&target->shape) > BATCH_BYTES))
        failed = hand_over(ping, batch);
    if (failed != 0)
        return failed;
    batch->family = ping_family(target);
    ping_flight_make_room(ping, target);
    const struct track_probe *probe =
        track_send(&target->track, clock_real_ns(), batch->now_ns + ping->timeout_ns);
    if (probe == NULL)
        return sd_fail_errno(&ping->err, ENOMEM, "cannot remember what was sent");
    const uint32_t number = probe->number;
    target->shape.sent = ping_wire_number(number) + 1;
    ping->sent++;
    ping->waiting++;
    ask_for_the_last(ping, target, number);
    if (is_too_long(ping, target)) {
        ping_fail(ping, index, number, EMSGSIZE, target->mtu);
        return 0;
    }
    return add_probe(ping, batch, index, number);
}

int ping_send(struct ping *ping, uint32_t count, uint64_t now_ns)
{
    struct batch batch = {.now_ns = now_ns};
    int failed = 0;
    for (uint32_t i = 0; failed == 0 && i < count && ping_has_more(ping); i++)
        failed = send_one(ping, &batch);
    if (failed == 0 && batch.count > 0)
        failed = hand_over(ping, &batch);
    ping->last_sent_ns = ping->last_event_ns = now_ns;
    return failed;
}
