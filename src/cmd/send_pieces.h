#ifndef SOCKDIAG_CMD_SEND_PIECES_H
#define SOCKDIAG_CMD_SEND_PIECES_H

#include "cmd/send_plan.h"

/* A built packet as it goes out: whole, or in fragments where --mtu asks for them. Zero-initialise,
 * send_cut…, send_pieces_free. */
struct send_pieces {
    struct buf bytes, lens; /* the pieces one behind the other; their lengths, each a size_t */
    struct buf cut;         /* its own */
    size_t count;
};

/* Cut `bytes` (of `built`, which may be changed: fragments need an identification) where its datagram is
 * longer than `mtu`; 0: never. 0 or a negative errno with `err` filled. */
int send_cut(struct send_pieces *pieces, const struct craft_packet *packet, uint8_t *bytes,
             const struct send_built *built, size_t mtu, uint32_t id, struct sd_err *err);

size_t send_piece_len(const struct send_pieces *pieces, size_t index);
void send_pieces_free(struct send_pieces *pieces);

#endif
