#ifndef SOCKDIAG_CMD_SEND_RING_H
#define SOCKDIAG_CMD_SEND_RING_H

#include "cmd/send_pieces.h"
#include "cmd/send_plan.h"
#include "craft/rawsock.h"

/* Packets built ahead, ready to be handed over many at a time. Where a whole round fits, it is built once and
 * sent again and again; else it is built in parts.
 *
 * Zero-initialise, send_ring_fill…, send_ring_free. */

#define SEND_RING_PACKETS 65536
#define SEND_RING_BYTES (16U << 20) /* and the packet that goes past it */

struct send_frame {
    size_t at, len; /* of the whole packet, in `bytes` */
    const struct send_target *target;
    enum send_way way;
};

/* Of a piece that is handed over: the packet that it belongs to. */
struct send_piece {
    uint32_t frame;
    bool first;
};

struct send_ring {
    bool connected; /* set before: the socket knows the one target that there is */
    struct buf bytes;
    struct send_frame *frames;
    struct rawsock_out *outs; /* frames of one piece are their own pieces */
    struct send_piece *pieces;
    size_t frame_count, frame_room, out_count, out_room;
    size_t copies; /* of the round that stand in `outs` one behind the other: all have out_count / copies */
    bool whole;    /* a whole round */

    struct send_pieces cut;
    struct craft_packet *packet;
};

/* Build from packet `from` of the round on. `rounds`: how often a round is to be sent (0: without end): a
 * short one is repeated in `outs`, so that calls are full. 0 or a negative errno with `err` filled: -EMSGSIZE
 * where a packet is longer than its way takes, and `mtu` (0: none) does not cut it. */
int send_ring_fill(struct send_ring *ring, const struct send_plan *plan, uint64_t from, uint64_t rounds,
                   size_t mtu, struct sd_err *err);

static inline const uint8_t *send_ring_bytes(const struct send_ring *ring, const struct send_frame *frame)
{
    return ring->bytes.data + frame->at;
}

/* The interface index that an address of the target needs: link-local and multicast IPv6; else 0. */
int send_scope(const struct send_target *target);

void send_ring_free(struct send_ring *ring);

#endif
