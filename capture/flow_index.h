#ifndef SOCKDIAG_CAPTURE_FLOW_INDEX_H
#define SOCKDIAG_CAPTURE_FLOW_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/pages.h"

/* Numbers by hash. To find one takes a look at one place of memory, besides those at what is numbered: with a
 * hundred thousand streams, that is what time goes for. Zero-initialise, flow_index_fini.
 *
 * Open addressing, linear probing, at most half full. */

#define FLOW_INDEX_NONE UINT32_MAX

struct flow_index_slot {
    uint32_t hash;
    uint32_t after; /* the value + 1; 0: free */
};

struct flow_index {
    struct pages slots;
    size_t size, count; /* `size` is 0 or a power of two */
};

/* The values with a hash, one after the other: begin with *at = hash. FLOW_INDEX_NONE: no more. */
static inline uint32_t flow_index_next(const struct flow_index *index, uint32_t hash, size_t *at)
{
    const struct flow_index_slot *slots = index->slots.at;
    const size_t mask = index->size - 1;
    while (index->size > 0) {
        const struct flow_index_slot slot = slots[*at & mask];
        if (slot.after == 0)
            break;
        ++*at;
        if (slot.hash == hash)
            return slot.after - 1;
    }
    return FLOW_INDEX_NONE;
}

/* A value with this hash is going to be looked for: have the place in memory brought near. */
static inline void flow_index_prefetch(const struct flow_index *index, uint32_t hash)
{
    if (index->size > 0)
        __builtin_prefetch((const struct flow_index_slot *)index->slots.at + (hash & (index->size - 1)));
}

/* 0 or -ENOMEM. */
int flow_index_add(struct flow_index *index, uint32_t hash, uint32_t value);

/* Take out what was added. */
void flow_index_remove(struct flow_index *index, uint32_t hash, uint32_t value);

/* What was added by one value has another one now. */
void flow_index_rename(struct flow_index *index, uint32_t hash, uint32_t value, uint32_t renamed);

/* Bytes that it takes. */
size_t flow_index_memory(const struct flow_index *index);
void flow_index_fini(struct flow_index *index);

#endif
