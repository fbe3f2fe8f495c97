#ifndef SOCKDIAG_CAPTURE_BATCH_H
#define SOCKDIAG_CAPTURE_BATCH_H

#include "capture/engine.h"
#include "capture/source.h"
#include "capture/tuple.h"

/* Packets on their way from a source to one engine, or to several, each for a part of the streams: many at a
 * time, so that what the next ones will need can be brought into the cache while the first ones are looked
 * at. An engine gets only those that it needs, and is told how many it does not get. */

/* Whose the packets of a source are, and what is known of those so far. */
struct batch_parts {
    struct tuple_key key;
    unsigned count;            /* of all parts */
    unsigned first, ours;      /* `first` and the next ones are followed here, as our parts 0 … ours - 1 */
    uint64_t packets;          /* of all of them */
    uint64_t first_ns, now_ns; /* the latest time of any */
};

enum {
    BATCH_MAX_PARTS = 64, /* ours */
    BATCH_PACKETS = 256,  /* that batch_sweep() puts into a batch */
};

/* `first` is the shard of our part 0. */
void batch_parts_init(struct batch_parts *parts, const struct engine_shard *first, unsigned ours);

/* What the source tells of a packet. */
struct batch_packet {
    uint64_t number, time_ns;
    uint64_t now_ns; /* the latest time of any so far */
    const uint8_t *data;
    uint32_t captured_len, wire_len;
    int linktype;
    uint32_t ends; /* packets with FIN or RST before it in the batch, of those that tuple_peek() knows */
    struct packet_sum summed;
};

/* Zero-initialise; batch_free. */
struct batch {
    struct batch_packet *packets;
    uint8_t *part; /* of each: see batch.c */
    size_t count, cap;
    uint32_t ends; /* as of a packet behind the last one */
    uint64_t now_ns;
};

void batch_clear(struct batch *batch);
void batch_free(struct batch *batch);

/* Records that are no packets. */
struct batch_others {
    void *context;
    void (*take)(void *context, const struct capture_record *record);
};

/* A record: a packet, whose bytes must stay where they are until the batch is cleared, or another. 0 or
 * -ENOMEM. */
int batch_take(struct batch *batch, struct batch_parts *parts, const struct capture_record *record,
               const struct batch_others *others);

/* The batch anew: the record that source_next() gave, and as many more as stand in memory, and as there
 * is room for. 0, -ENOMEM, or as source_next() for what comes behind them. */
int batch_sweep(struct batch *batch, struct batch_parts *parts, struct source *source,
                const struct capture_record *record, const struct batch_others *others, struct sd_err *err);

/* Feed the engine of our part `part`. 0 or -ENOMEM. Several threads may do that with one batch. */
int batch_feed(const struct batch *batch, unsigned part, struct engine *engine);

#endif
