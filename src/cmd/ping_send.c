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

/* A packet in the buffer: a probe, or a fragment of one. */
struct piece {
    uint32_t target, number;
    size_t offset, len;
    bool further; /* a fragment that is not the first */
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

/* The packet at `at` was refused: with it goes what the batch has of its probe behind it. Returns where that
 * ends. */
static size_t refuse(struct ping *ping, const struct batch *batch, size_t at, int code)
{
    const struct piece *piece = &batch->piece[at];
    size_t end = at + 1;
    while (end < batch->count && batch->piece[end].further)
        end++;
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
        const uint32_t owner = piece->further ? PING_NOBODY : piece->target;
        if (!ping_flight_left(ping, sender, id, owner, piece->number, batch->now_ns))
            return sd_fail_errno(&ping->err, ENOMEM, "cannot remember what was sent");
        if (piece->further)
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
    for (size_t i = 0; i < batch->count; i++) {
        const struct piece *piece = &batch->piece[i];
        const struct ping_target *target = &ping->targets[piece->target];
        out[i] = (struct rawsock_out){
            .data = ping->packet.data + piece->offset,
            .len = piece->len,
            .target = &target->shape.target,
            .interface = target->scope,
            .hop_limit = ping->sender[batch->family].whole ? 0 : target->shape.ttl,
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

static void add_piece(struct batch *batch, const struct piece *piece)
{
    batch->piece[batch->count++] = *piece;
}

/* IP_HDRINCL cuts nothing: what is longer than the path takes is cut here, perhaps into more pieces than a
 * batch has room for. Fragments need an identification of their own; the kernel would give each another
 * one. */
static int add_fragments(struct ping *ping, struct batch *batch, uint32_t target, uint32_t number,
                         size_t start)
{
    uint8_t *datagram = ping->packet.data + start;
    struct buf fragments = {0}, lens = {0};
    if (datagram[0] >> 4 == 4 && load_be16(datagram + 4) == 0)
        store_be16(datagram + 4, (uint16_t)(ping_wire_number(number) | 0x8000));
    int failed = craft_fragment(datagram, ping->packet.len - start, ping->targets[target].mtu,
                                ping_wire_number(number), &fragments, &lens, &ping->err);
    ping->packet.len = start;
    size_t at = 0;
    for (size_t i = 0; failed == 0 && i < lens.len / sizeof(size_t); i++) {
        size_t len;
        memcpy(&len, lens.data + i * sizeof len, sizeof len);
        if (batch->count == RAWSOCK_BATCH)
            failed = hand_over(ping, batch);
        if (i == 0)
            ping_headers_asked(ping, &ping->targets[target], number, fragments.data, len);
        add_piece(batch, &(struct piece){target, number, ping->packet.len, len, i > 0});
        buf_append(&ping->packet, fragments.data + at, len);
        at += len;
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
    if (sender->whole && target->mtu != 0 && len > target->mtu && !target->shape.dont_fragment)
        return add_fragments(ping, batch, index, number, start);
    ping_headers_asked(ping, target, number, ping->packet.data + start, len);
    const size_t skip = sender->whole ? 0 : probe_ip_len(&target->shape);
    add_piece(batch, &(struct piece){index, number, start + skip, len - skip, false});
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
