#include "capture/flow_index.h"

#include <errno.h>

/* Where a slot becomes free, those behind it that would rather stand there move up, so that no mark of what
 * was removed is needed. */

enum {
    FIRST_SIZE = 256,
};

static void put(struct flow_index *index, struct flow_index_slot slot)
{
    struct flow_index_slot *slots = index->slots.at;
    const size_t mask = index->size - 1;
    size_t at = slot.hash & mask;
    while (slots[at].after != 0)
        at = (at + 1) & mask;
    slots[at] = slot;
}

static int grow(struct flow_index *index)
{
    const struct flow_index old = *index;
    const struct flow_index_slot *slots = old.slots.at;
    const size_t size = old.size == 0 ? FIRST_SIZE : old.size * 2;
    int failed = pages_reserve(&index->slots, size * sizeof *slots);
    if (failed != 0) {
        index->slots = old.slots;
        return failed;
    }
    index->size = size;
    for (size_t i = 0; i < old.size; i++) {
        if (slots[i].after != 0)
            put(index, slots[i]);
    }
    struct pages before = old.slots;
    pages_free(&before);
    return 0;
}

int flow_index_add(struct flow_index *index, uint32_t hash, uint32_t value)
{
    if (index->count * 2 >= index->size && grow(index) != 0)
        return -ENOMEM;
    put(index, (struct flow_index_slot){hash, value + 1});
    index->count++;
    return 0;
}

static size_t place_of(const struct flow_index *index, uint32_t hash, uint32_t value)
{
    const struct flow_index_slot *slots = index->slots.at;
    const size_t mask = index->size - 1;
    size_t at = hash & mask;
    while (slots[at].after != value + 1)
        at = (at + 1) & mask;
    return at;
}

void flow_index_remove(struct flow_index *index, uint32_t hash, uint32_t value)
{
    struct flow_index_slot *const slots = index->slots.at;
    const size_t mask = index->size - 1;
    size_t hole = place_of(index, hash, value);
    for (size_t at = (hole + 1) & mask; slots[at].after != 0; at = (at + 1) & mask) {
        const size_t wanted = slots[at].hash & mask;
        if (((at - wanted) & mask) >= ((at - hole) & mask)) {
            slots[hole] = slots[at];
            hole = at;
        }
    }
    slots[hole].after = 0;
    index->count--;
}

void flow_index_rename(struct flow_index *index, uint32_t hash, uint32_t value, uint32_t renamed)
{
    ((struct flow_index_slot *)index->slots.at)[place_of(index, hash, value)].after = renamed + 1;
}

size_t flow_index_memory(const struct flow_index *index)
{
    return index->slots.size;
}

void flow_index_fini(struct flow_index *index)
{
    pages_free(&index->slots);
    *index = (struct flow_index){0};
}
