#include "capture/flow_gone.h"

/* A hash table of buckets of one cache line each. A slot is 44 bits of the hash and 20 of the time, in
 * units of which 1024 are the time to linger. In a full bucket, the oldest gives way. */

enum {
    SLOTS = 8, /* of a bucket */
    BUCKET = SLOTS * sizeof(uint64_t),
    MOST = 1 << 17, /* 8 MiB */
    TIME_BITS = 20,
    TIME_MASK = (1 << TIME_BITS) - 1,
    UNITS = 1024,
};

static uint64_t tag_of(uint64_t hash)
{
    const uint64_t tag = hash >> TIME_BITS;
    return tag != 0 ? tag : 1;
}

static uint64_t *bucket_of(const struct flow_gone *gone, uint64_t hash)
{
    return (uint64_t *)gone->slots.at + (hash & (gone->buckets - 1)) * SLOTS;
}

static uint32_t time_of(const struct flow_gone *gone, uint64_t time_ns)
{
    return (uint32_t)(time_ns / gone->unit_ns) & TIME_MASK;
}

/* In units; the time may be a little before that of the slot. */
static uint32_t age_of(uint64_t slot, uint32_t now)
{
    const uint32_t age = (now - (uint32_t)slot) & TIME_MASK;
    return age > TIME_MASK - UNITS ? 0 : age;
}

void flow_gone_init(struct flow_gone *gone, size_t bytes, uint64_t linger_ns)
{
    *gone = (struct flow_gone){.buckets = 1, .unit_ns = linger_ns / UNITS + 1};
    while (gone->buckets < MOST && gone->buckets * 2 * BUCKET <= bytes)
        gone->buckets *= 2;
}

void flow_gone_fini(struct flow_gone *gone)
{
    pages_free(&gone->slots);
}

void flow_gone_add(struct flow_gone *gone, uint64_t hash, uint64_t time_ns)
{
    if (gone->slots.at == NULL && pages_reserve(&gone->slots, gone->buckets * BUCKET) != 0)
        return;
    const uint32_t now = time_of(gone, time_ns);
    uint64_t *const bucket = bucket_of(gone, hash), *place = bucket;
    for (int i = 1; i < SLOTS && *place != 0; i++) {
        if (bucket[i] == 0 || age_of(bucket[i], now) > age_of(*place, now))
            place = &bucket[i];
    }
    *place = tag_of(hash) << TIME_BITS | now;
}

bool flow_gone_take(struct flow_gone *gone, uint64_t hash, uint64_t time_ns)
{
    const uint64_t tag = tag_of(hash);
    uint64_t *slot = gone->slots.at != NULL ? bucket_of(gone, hash) : NULL;
    for (int i = 0; slot != NULL && i < SLOTS; i++) {
        if (slot[i] >> TIME_BITS != tag)
            continue;
        const bool lingers = age_of(slot[i], time_of(gone, time_ns)) <= UNITS;
        slot[i] = 0;
        return lingers;
    }
    return false;
}

void flow_gone_prefetch(const struct flow_gone *gone, uint64_t hash)
{
    if (gone->slots.at != NULL)
        __builtin_prefetch(bucket_of(gone, hash), 1);
}

size_t flow_gone_memory(const struct flow_gone *gone)
{
    return gone->slots.size;
}
