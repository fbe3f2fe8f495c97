#include "capture/flow_index.h"

#include <errno.h>
#include <stdlib.h>

/* Open addressing, linear probing, at most half full. Where a slot becomes free, those behind it that would
 * rather stand there move up, so that no mark of what was removed is needed. */

enum {
    FIRST_SIZE = 256,
};

void *flow_index_find(const struct flow_index *index, uint32_t hash,
                      bool (*is)(const void *value, const void *wanted), const void *wanted)
{
    const size_t mask = index->size - 1;
    if (index->size == 0)
        return NULL;
    for (size_t at = hash & mask; index->slots[at].value != NULL; at = (at + 1) & mask) {
        if (index->slots[at].hash == hash && is(index->slots[at].value, wanted))
            return index->slots[at].value;
    }
    return NULL;
}

void flow_index_prefetch(const struct flow_index *index, uint32_t hash)
{
    if (index->size > 0)
        __builtin_prefetch(&index->slots[hash & (index->size - 1)]);
}

static bool is_any(const void *value, const void *wanted)
{
    return value != wanted;
}

const void *flow_index_guess(const struct flow_index *index, uint32_t hash)
{
    return flow_index_find(index, hash, is_any, NULL);
}

static void put(struct flow_index *index, struct flow_index_slot slot)
{
    const size_t mask = index->size - 1;
    size_t at = slot.hash & mask;
    while (index->slots[at].value != NULL)
        at = (at + 1) & mask;
    index->slots[at] = slot;
}

static int grow(struct flow_index *index)
{
    const struct flow_index old = *index;
    const size_t size = old.size == 0 ? FIRST_SIZE : old.size * 2;
    struct flow_index_slot *slots = calloc(size, sizeof *slots);
    if (slots == NULL)
        return -ENOMEM;
    index->slots = slots;
    index->size = size;
    for (size_t i = 0; i < old.size; i++) {
        if (old.slots[i].value != NULL)
            put(index, old.slots[i]);
    }
    free(old.slots);
    return 0;
}

int flow_index_add(struct flow_index *index, uint32_t hash, void *value)
{
    if (index->count * 2 >= index->size && grow(index) != 0)
        return -ENOMEM;
    put(index, (struct flow_index_slot){value, hash});
    index->count++;
    return 0;
}

void flow_index_remove(struct flow_index *index, uint32_t hash, const void *value)
{
    struct flow_index_slot *const slots = index->slots;
    const size_t mask = index->size - 1;
    size_t hole = hash & mask;
    while (slots[hole].value != value)
        hole = (hole + 1) & mask;
    for (size_t at = (hole + 1) & mask; slots[at].value != NULL; at = (at + 1) & mask) {
        const size_t wanted = slots[at].hash & mask;
        if (((at - wanted) & mask) >= ((at - hole) & mask)) {
            slots[hole] = slots[at];
            hole = at;
        }
    }
    slots[hole].value = NULL;
    index->count--;
}

size_t flow_index_memory(const struct flow_index *index)
{
    return index->size * sizeof *index->slots;
}

void flow_index_fini(struct flow_index *index)
{
    free(index->slots);
    *index = (struct flow_index){0};
}
