#ifndef SOCKDIAG_CAPTURE_BATCH_H
#define SOCKDIAG_CAPTURE_BATCH_H

#include "capture/engine.h"
#include "capture/source.h"
#include "capture/tuple.h"

/* Packets on their way from a source to an engine, many at a time: what the next ones will need can be
 * brought into the cache while the first ones are looked at, and those of other parts are left out before
 * they are decoded. */

/* What the source tells of a packet, and how many of other parts came since the one before it. */
struct batch_packet {
    uint64_t number, time_ns;
    const uint8_t *data;
    uint32_t captured_len, wire_len;
    int linktype;
    uint32_t ends;   /* of those that were passed over: with FIN or RST */
    uint64_t passed; /* all of them */
    uint64_t now_ns; /* the latest time of any packet so far */
};

/* Packets that tuple_peek() knows to be of another part, or of any part. */
struct batch_passed {
    uint64_t packets;
    uint32_t ends;
};

enum {
    BATCH_PACKETS = 256,
};

struct batch {
    struct tuple_key key;
    unsigned part, parts;
    uint64_t end; /* packets behind this number are refused */
    uint64_t last_number, first_ns, now_ns;
    struct batch_passed passed; /* behind the last one of `packets` */
    size_t count;
    struct batch_packet packets[BATCH_PACKETS];
};

void batch_init(struct batch *batch, const struct engine_shard *shard);

/* The packet, if it is of this part, which must stay where it is until the batch is fed. False: not taken,
 * for there is no room, or it is behind the end. */
bool batch_add(struct batch *batch, const struct packet *packet);

/* Records that are no packets. */
struct batch_others {
    void *context;
    void (*take)(void *context, const struct capture_record *record);
};

/* Into an empty batch: the record that source_next() gave, and as many more as stand in memory, and as there
 * is room for. 0, or as source_next() for what comes behind them. */
int batch_sweep(struct batch *batch, struct source *source, const struct capture_record *record,
                const struct batch_others *others, struct sd_err *err);

/* Feed the engine with all, and empty the batch. 0 or -ENOMEM. */
int batch_feed(struct batch *batch, struct engine *engine);

/* The same with packets from elsewhere. */
int batch_feed_packets(struct engine *engine, const struct batch_packet *packets, size_t count);

/* What the source tells of a packet, but its part. */
struct batch_packet batch_packet_of(const struct packet *packet);

#endif
