#include "capture/batch.h"

enum {
    AHEAD = 16, /* packets that are foreseen */
};

void batch_init(struct batch *batch, const struct engine_shard *shard)
{
    batch->part = shard->count > 1 ? shard->index : 0;
    batch->parts = shard->count > 1 ? shard->count : 1;
    batch->end = UINT64_MAX;
    batch->last_number = batch->first_ns = batch->now_ns = 0;
    batch->passed = (struct batch_passed){0};
    batch->count = 0;
    tuple_key_make(&batch->key, &shard->key);
}

struct batch_packet batch_packet_of(const struct packet *packet)
{
    return (struct batch_packet){
        .number = packet->number,
        .time_ns = packet->time_ns,
        .data = packet->data,
        .captured_len = packet->captured_len,
        .wire_len = packet->wire_len,
        .linktype = packet->linktype,
    };
}

bool batch_add(struct batch *batch, const struct packet *packet)
{
    struct tuple_seen seen;
    if (batch->count == BATCH_PACKETS || packet->number > batch->end)
        return false;
    batch->last_number = packet->number;
    if (batch->first_ns == 0)
        batch->first_ns = packet->time_ns;
    if (packet->time_ns > batch->now_ns)
        batch->now_ns = packet->time_ns;
    if (batch->parts > 1 && tuple_peek(&batch->key, packet, &seen) &&
        engine_part(seen.hash, batch->parts) != batch->part) {
        batch->passed.packets++;
        batch->passed.ends += (seen.flags & (TCP_FIN | TCP_RST)) != 0;
        return true;
    }
    struct batch_packet *added = &batch->packets[batch->count++];
    *added = batch_packet_of(packet);
    added->passed = batch->passed.packets;
    added->ends = batch->passed.ends;
    added->now_ns = batch->now_ns;
    batch->passed = (struct batch_passed){0};
    return true;
}

static void take(struct batch *batch, const struct capture_record *record, const struct batch_others *others)
{
    if (record->kind == CAPTURE_PACKET)
        (void)batch_add(batch, &record->packet); /* there is room */
    else
        others->take(others->context, record);
}

int batch_sweep(struct batch *batch, struct source *source, const struct capture_record *record,
                const struct batch_others *others, struct sd_err *err)
{
    struct capture_record next;
    int got = 0;
    take(batch, record, others);
    while (batch->count < BATCH_PACKETS && batch->last_number < batch->end &&
           (got = source_next_in_memory(source, &next, err)) > 0)
        take(batch, &next, others);
    return got < 0 ? got : 0;
}

static struct packet packet_of(const struct batch_packet *from)
{
    struct packet packet;
    packet_captured(&packet, from->linktype, from->time_ns, from->data, from->captured_len, from->wire_len);
    packet.number = from->number;
    return packet;
}

static void foresee(struct engine *engine, const struct batch_packet *from)
{
    const struct packet packet = packet_of(from);
    engine_foresee(engine, &packet);
}

int batch_feed_packets(struct engine *engine, const struct batch_packet *packets, size_t count)
{
    int failed = 0;
    for (size_t i = 0; i < AHEAD && i < count; i++)
        foresee(engine, &packets[i]);
    for (size_t i = 0; i < count && failed == 0; i++) {
        const struct batch_packet *p = &packets[i];
        struct packet packet = packet_of(p);
        if (i + AHEAD < count)
            foresee(engine, p + AHEAD);
        if (p->passed > 0)
            engine_pass(engine, p->passed, p->ends, p->now_ns);
        failed = engine_feed(engine, &packet);
    }
    return failed;
}

int batch_feed(struct batch *batch, struct engine *engine)
{
    const int failed = batch_feed_packets(engine, batch->packets, batch->count);
    if (batch->passed.packets > 0)
        engine_pass(engine, batch->passed.packets, batch->passed.ends, batch->now_ns);
    batch->passed = (struct batch_passed){0};
    batch->count = 0;
    return failed;
}
