#include "capture/flow_gone.h"

/* A hash table of buckets of one cache line each. A slot is 40 bits of the hash and 24 of the time, in units
 * of about a millisecond. In a full bucket, the oldest gives way. */

enum {
    SLOTS = 8, /* of a bucket */
    FIRST = 64,
    BUCKET = SLOTS * sizeof(uint64_t),
    MOST = 1 << 17, /* 8 MiB */
    TAG_BITS = 40,
    UNIT_BITS = 20,
};

#define TAG_MASK ((UINT64_C(1) << TAG_BITS) - 1)

static uint64_t tag_of(uint64_t hash)
{
    return (hash & TAG_MASK) != 0 ? hash & TAG_MASK : 1;
}

static uint64_t *bucket_of(const struct flow_gone *gone, uint64_t tag)
{
    return (uint64_t *)gone->slots.at + (tag & (gone->buckets - 1)) * SLOTS;
}

/* In ns, rounded down; the time may be a little before that of the slot. */
static uint64_t age_of(uint64_t slot, uint64_t time_ns)
{
    const uint64_t mask = UINT64_MAX >> TAG_BITS, age = ((time_ns >> UNIT_BITS) - (slot >> TAG_BITS)) & mask;
    return age > mask / 2 ? 0 : age << UNIT_BITS;
}

void flow_gone_init(struct flow_gone *gone, size_t bytes)
{
    *gone = (struct flow_gone){.most = FIRST};
    while (gone->most < MOST && gone->most * 2 * BUCKET <= bytes)
        gone->most *= 2;
}

void flow_gone_fini(struct flow_gone *gone)
{
    pages_free(&gone->slots);
    gone->buckets = gone->count = 0;
}

/* The place for one more in its bucket: a free one, or the oldest. */
static uint64_t *place_for(const struct flow_gone *gone, uint64_t tag, uint64_t time_ns)
{
    uint64_t *slot = bucket_of(gone, tag), *oldest = slot;
    for (int i = 0; i < SLOTS && *oldest != 0; i++) {
        if (slot[i] == 0 || age_of(slot[i], time_ns) > age_of(*oldest, time_ns))
            oldest = &slot[i];
    }
    return oldest;
}

static void put(struct flow_gone *gone, uint64_t slot, uint64_t time_ns)
{
    uint64_t *place = place_for(gone, slot & TAG_MASK, time_ns);
    gone->count += *place == 0;
    *place = slot;
}

/* Twice as large, without what has lingered long enough. */
static void grow(struct flow_gone *gone, uint64_t time_ns, uint64_t linger_ns)
{
    struct flow_gone larger = {.buckets = gone->buckets == 0 ? FIRST : gone->buckets * 2, .most = gone->most};
    if (pages_reserve(&larger.slots, larger.buckets * BUCKET) != 0)
        return;
    const uint64_t *slots = gone->slots.at;
    for (size_t i = 0; i < gone->buckets * SLOTS; i++) {
        if (slots[i] != 0 && age_of(slots[i], time_ns) <= linger_ns)
            put(&larger, slots[i], time_ns);
    }
    flow_gone_fini(gone);
    *gone = larger;
}

void flow_gone_add(struct flow_gone *gone, uint64_t hash, uint64_t time_ns, uint64_t linger_ns)
{
    if (gone->count * 2 >= gone->buckets * SLOTS && gone->buckets < gone->most)
        grow(gone, time_ns, linger_ns);
    if (gone->buckets > 0)
        put(gone, tag_of(hash) | time_ns >> UNIT_BITS << TAG_BITS, time_ns);
}

bool flow_gone_take(struct flow_gone *gone, uint64_t hash, uint64_t time_ns, uint64_t linger_ns)
{
    const uint64_t tag = tag_of(hash);
    uint64_t *slot = gone->buckets > 0 ? bucket_of(gone, tag) : NULL;
    for (int i = 0; slot != NULL && i < SLOTS; i++) {
        if ((slot[i] & TAG_MASK) != tag)
            continue;
        const bool lingers = age_of(slot[i], time_ns) <= linger_ns;
        slot[i] = 0;
        gone->count--;
        return lingers;
    }
    return false;
}

size_t flow_gone_memory(const struct flow_gone *gone)
{
    return gone->slots.size;
}
