#include "cmd/send_ring.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FULL_CALLS 1024 /* pieces that a repeated round fills at least */

/* Room for one more of `size` bytes; false when memory is out. */
static bool make_room(void **array, size_t count, size_t *room, size_t size)
{
    if (count < *room)
        return true;
    const size_t wanted = *room == 0 ? 64 : *room * 2;
    void *grown = realloc(*array, wanted * size);
    if (grown == NULL)
        return false;
    *array = grown;
    *room = wanted;
    return true;
}

static bool out_room(struct send_ring *ring)
{
    size_t pieces_room = ring->out_room;
    return make_room((void **)&ring->outs, ring->out_count, &ring->out_room, sizeof *ring->outs) &&
           make_room((void **)&ring->pieces, ring->out_count, &pieces_room, sizeof *ring->pieces);
}

int send_scope(const struct send_target *target)
{
    const uint8_t *a = target->address.bytes;
    const bool scoped =
        target->address.family == 6 && (a[0] == 0xff || (a[0] == 0xfe && (a[1] & 0xc0) == 0x80));
    return scoped ? target->path.interface : 0;
}

/* `at` instead of a pointer, until the buffer stays where it is. */
static bool add_out(struct send_ring *ring, size_t at, size_t len, bool first)
{
    const struct send_frame *frame = &ring->frames[ring->frame_count - 1];
    if (!out_room(ring))
        return false;
    ring->pieces[ring->out_count] =
        (struct send_piece){.frame = (uint32_t)(ring->frame_count - 1), .first = first};
    ring->outs[ring->out_count++] = (struct rawsock_out){
        .data = (const void *)(uintptr_t)at,
        .len = len,
        .target = ring->connected ? NULL : &frame->target->address,
        .interface = send_scope(frame->target),
    };
    return true;
}

static int too_long(const struct send_target *target, uint64_t number, size_t len, struct sd_err *err)
{
    char text[PACKET_ADDRESS_TEXT];
    packet_address_text(&target->address, text);
    return sd_fail(err, EMSGSIZE,
                   "packet %llu has %zu bytes, and the way to %s takes %u: --mtu %u cuts it into fragments",
                   (unsigned long long)number + 1, len, text, target->path.mtu, target->path.mtu);
}

/* The pieces of the packet built last. */
static int add_pieces(struct send_ring *ring, uint64_t number, const struct send_built *built, size_t mtu,
                      struct sd_err *err)
{
    const struct send_frame *frame = &ring->frames[ring->frame_count - 1];
    const size_t datagram = built->len - built->net_at, most = built->target->path.mtu;
    if (mtu == 0 || datagram <= mtu) {
        if (most != 0 && datagram > most)
            return too_long(built->target, number, datagram, err);
        return add_out(ring, frame->at, frame->len, true) ? 0 : -ENOMEM;
    }
    int failed = send_cut(&ring->cut, ring->packet, ring->bytes.data + frame->at, built, mtu,
                          (uint32_t)number + 1, err);
    size_t at = ring->bytes.len;
    if (failed == 0)
        buf_append(&ring->bytes, ring->cut.bytes.data, ring->cut.bytes.len);
    for (size_t i = 0; failed == 0 && i < ring->cut.count; i++) {
        const size_t len = send_piece_len(&ring->cut, i);
        failed = add_out(ring, at, len, i == 0) ? 0 : -ENOMEM;
        at += len;
    }
    return failed;
}

static int add_packet(struct send_ring *ring, const struct send_plan *plan, uint64_t number, size_t mtu,
                      struct sd_err *err)
{
    struct send_built built;
    const size_t at = ring->bytes.len;
    int failed = send_plan_build(plan, number, ring->packet, &ring->bytes, &built, err);
    if (failed != 0)
        return failed;
    if (!make_room((void **)&ring->frames, ring->frame_count, &ring->frame_room, sizeof *ring->frames))
        return -ENOMEM;
    ring->frames[ring->frame_count++] =
        (struct send_frame){.at = at, .len = built.len, .target = built.target, .way = built.expr->way};
    return add_pieces(ring, number, &built, mtu, err);
}

/* The round again and again, as long as it is short. */
static bool repeat(struct send_ring *ring, uint64_t rounds)
{
    const size_t once = ring->out_count;
    while (ring->out_count < FULL_CALLS && (rounds == 0 || ring->copies < rounds)) {
        for (size_t i = 0; i < once; i++) {
            if (!out_room(ring))
                return false;
            ring->outs[ring->out_count] = ring->outs[i];
            ring->pieces[ring->out_count++] = ring->pieces[i];
        }
        ring->copies++;
    }
    return true;
}

static void set_pointers(struct send_ring *ring)
{
    for (size_t i = 0; i < ring->out_count; i++)
        ring->outs[i].data = ring->bytes.data + (uintptr_t)ring->outs[i].data;
}

int send_ring_fill(struct send_ring *ring, const struct send_plan *plan, uint64_t from, uint64_t rounds,
                   size_t mtu, struct sd_err *err)
{
    int failed = 0;
    ring->bytes.len = ring->frame_count = ring->out_count = 0;
    ring->copies = 1;
    if (ring->packet == NULL)
        ring->packet = malloc(sizeof *ring->packet);
    if (ring->packet == NULL)
        return sd_fail_errno(err, ENOMEM, "cannot build the packets");
    uint64_t n = from;
    while (failed == 0 && n < plan->total && ring->frame_count < SEND_RING_PACKETS &&
           ring->bytes.len < SEND_RING_BYTES)
        failed = add_packet(ring, plan, n++, mtu, err);
    ring->whole = from == 0 && n == plan->total;
    if (failed == 0 && ring->whole && !repeat(ring, rounds))
        failed = -ENOMEM;
    if (failed == -ENOMEM || ring->bytes.failed)
        return sd_fail_errno(err, ENOMEM, "cannot build the packets");
    if (failed == 0)
        set_pointers(ring);
    return failed;
}

void send_ring_free(struct send_ring *ring)
{
    buf_free(&ring->bytes);
    free(ring->frames);
    free(ring->outs);
    free(ring->pieces);
    free(ring->packet);
    send_pieces_free(&ring->cut);
}
