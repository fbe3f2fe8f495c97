#include "capture/batch.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>

#include "capture/decode.h"

enum {
    AHEAD = 16,  /* packets that are foreseen */
    FETCH = 32,  /* and whose bytes are on their way, maybe from another processor's cache */
    LONG = 512,  /* bytes of a segment, by far more than are fetched with its headers */
    CHUNK = 512, /* packets among which those of a part are looked for at a time */

    /* Of batch.part: the number of one of ours, or … */
    PART_ANY = 0x7e, /* every engine must look */
    PART_NONE = 0x7f,
    PART_ENDS = 0x80, /* with that: FIN or RST */
};

void batch_parts_init(struct batch_parts *parts, const struct engine_shard *first, unsigned ours)
{
    parts->first = first->count > 1 ? first->index : 0;
    parts->count = first->count > 1 ? first->count : 1;
    parts->ours = ours;
    parts->packets = parts->first_ns = parts->now_ns = 0;
    tuple_key_make(&parts->key, &first->key);
}

void batch_clear(struct batch *batch)
{
    batch->count = 0;
    batch->ends = 0;
}

void batch_free(struct batch *batch)
{
    free(batch->packets);
    free(batch->part);
    *batch = (struct batch){0};
}

static int grow(struct batch *batch)
{
    const size_t cap = batch->cap == 0 ? BATCH_PACKETS : batch->cap * 2;
    struct batch_packet *packets = reallocarray(batch->packets, cap, sizeof *packets);
    if (packets == NULL)
        return -ENOMEM;
    batch->packets = packets;
    uint8_t *part = realloc(batch->part, cap);
    if (part == NULL)
        return -ENOMEM;
    batch->part = part;
    batch->cap = cap;
    return 0;
}

static uint8_t part_of(const struct batch_parts *parts, const struct packet *packet,
                       struct packet_sum *summed)
{
    struct tuple_seen seen;
    if (parts->count == 1 || !tuple_peek(&parts->key, packet, &seen) ||
        (seen.protocol == IPPROTO_UDP && decode_may_tunnel(seen.source_port, seen.target_port)))
        return PART_ANY;
    const unsigned index = engine_part(seen.hash, parts->count) - parts->first; /* before the first: huge */
    const unsigned ends = (seen.flags & (TCP_FIN | TCP_RST)) != 0 ? PART_ENDS : 0;
    /* Here, a processor has the bytes of a long one in its cache; where it is decoded may be another. */
    if (index < parts->ours && seen.len >= LONG && seen.len <= seen.captured)
        *summed = decode_sum(seen.transport, seen.len);
    return (uint8_t)((index < parts->ours ? index : PART_NONE) | ends);
}

static int add(struct batch *batch, struct batch_parts *parts, const struct packet *packet)
{
    if (batch->count == batch->cap && grow(batch) != 0)
        return -ENOMEM;
    parts->packets++;
    if (parts->first_ns == 0)
        parts->first_ns = packet->time_ns;
    if (packet->time_ns > parts->now_ns)
        parts->now_ns = packet->time_ns;
    struct packet_sum summed = {0};
    const uint8_t part = part_of(parts, packet, &summed);
    batch->packets[batch->count] = (struct batch_packet){
        .number = packet->number,
        .time_ns = packet->time_ns,
        .now_ns = parts->now_ns,
        .data = packet->data,
        .captured_len = packet->captured_len,
        .wire_len = packet->wire_len,
        .linktype = packet->linktype,
        .summed = summed,
        .ends = batch->ends,
    };
    batch->part[batch->count++] = part;
    batch->ends += (part & PART_ENDS) != 0;
    batch->now_ns = parts->now_ns;
    return 0;
}

int batch_take(struct batch *batch, struct batch_parts *parts, const struct capture_record *record,
               const struct batch_others *others)
{
    if (record->kind == CAPTURE_PACKET)
        return add(batch, parts, &record->packet);
    others->take(others->context, record);
    return 0;
}

int batch_sweep(struct batch *batch, struct batch_parts *parts, struct source *source,
                const struct capture_record *record, const struct batch_others *others, struct sd_err *err)
{
    struct capture_record next;
    batch_clear(batch);
    int got = batch_take(batch, parts, record, others);
    while (got == 0 && batch->count < BATCH_PACKETS && (got = source_next_in_memory(source, &next, err)) > 0)
        got = batch_take(batch, parts, &next, others);
    return got == -ENOMEM ? sd_fail_errno(err, ENOMEM, "capture") : got;
}

/* ---- to an engine ---- */

/* Not by value: what decoding will fill would be copied, too. */
static void set_packet(struct packet *packet, const struct batch_packet *from)
{
    packet_captured(packet, from->linktype, from->time_ns, from->data, from->captured_len, from->wire_len);
    packet->number = from->number;
    packet->summed = from->summed;
}

static void foresee(struct engine *engine, const struct batch_packet *from)
{
    struct packet packet;
    set_packet(&packet, from);
    engine_foresee(engine, &packet);
}

static void fetch(const struct batch_packet *from)
{
    __builtin_prefetch(from->data);
    __builtin_prefetch(from->data + 64);
}

/* Which of `count` packets are for the part. Returns how many. No branches: whose a packet is, nobody can
 * foresee. */
static size_t choose(const uint8_t *parts, size_t count, unsigned part, uint16_t chosen[CHUNK])
{
    size_t n = 0;
    for (size_t i = 0; i < count; i++) {
        const unsigned of = parts[i] & ~(unsigned)PART_ENDS;
        chosen[n] = (uint16_t)i;
        n += (of == part) | (of == PART_ANY);
    }
    return n;
}

/* How far an engine has come in a batch. */
struct progress {
    size_t next;   /* the packets before it were fed, or passed */
    uint32_t ends; /* as of that one */
};

static void pass_to(struct engine *engine, struct progress *at, size_t next, uint32_t ends, uint64_t now_ns)
{
    if (next > at->next)
        engine_pass(engine, next - at->next, ends - at->ends, now_ns);
    at->next = next;
    at->ends = ends;
}

static int feed_chunk(const struct batch *batch, size_t begin, unsigned part, struct engine *engine,
                      struct progress *at)
{
    const size_t left = batch->count - begin;
    const struct batch_packet *packets = batch->packets + begin;
    uint16_t chosen[CHUNK];
    const size_t n = choose(batch->part + begin, left < CHUNK ? left : CHUNK, part, chosen);
    int failed = 0;
    for (size_t i = 0; i < FETCH && i < n; i++)
        fetch(&packets[chosen[i]]);
    for (size_t i = 0; i < AHEAD && i < n; i++)
        foresee(engine, &packets[chosen[i]]);
    for (size_t i = 0; i < n && failed == 0; i++) {
        const struct batch_packet *p = &packets[chosen[i]];
        struct packet packet;
        set_packet(&packet, p);
        if (i + FETCH < n)
            fetch(&packets[chosen[i + FETCH]]);
        if (i + AHEAD < n)
            foresee(engine, &packets[chosen[i + AHEAD]]);
        pass_to(engine, at, begin + chosen[i], p->ends, p->now_ns);
        failed = engine_feed(engine, &packet);
        at->next++;
        at->ends += (batch->part[begin + chosen[i]] & PART_ENDS) != 0;
    }
    return failed;
}

int batch_feed(const struct batch *batch, unsigned part, struct engine *engine)
{
    struct progress at = {0, 0};
    int failed = 0;
    for (size_t begin = 0; begin < batch->count && failed == 0; begin += CHUNK)
        failed = feed_chunk(batch, begin, part, engine, &at);
    if (failed == 0)
        pass_to(engine, &at, batch->count, batch->ends, batch->now_ns);
    return failed;
}
