#ifndef SOCKDIAG_CAPTURE_FLOW_POOL_H
#define SOCKDIAG_CAPTURE_FLOW_POOL_H

#include <stddef.h>
#include <stdint.h>

#include "base/pages.h"

/* Records of one size, known by the number of their place, each in one of a few ordered lists. The links of
 * the lists stand apart from the records, eight bytes each: who moves a record within its list need not have
 * its neighbours in the cache. A record may be moved to another place, so that the places taken are the first
 * ones, and the memory behind them can be given back. */

#define FLOW_POOL_NONE UINT32_MAX

enum flow_pool_list {
    FLOW_POOL_FREE, /* the pool's own */
    FLOW_POOL_OPEN,
    FLOW_POOL_ENDED,
    FLOW_POOL_LISTS,
};

struct flow_pool_node {
    uint32_t before, behind; /* FLOW_POOL_NONE: the list ends */
};

struct flow_pool {
    struct pages records, nodes;
    size_t record_size;
    uint32_t high; /* places below it were taken at some time */
    uint32_t most;
    struct {
        uint32_t first, last, count;
    } list[FLOW_POOL_LISTS];
};

/* Lifecycle: init, …, fini. At most `most` records, or fewer where the system does not give so many
 * addresses; 0 or -ENOMEM. */
int flow_pool_init(struct flow_pool *pool, size_t record_size, size_t most);
void flow_pool_fini(struct flow_pool *pool);

/* Every place is free: give all the memory back. */
void flow_pool_clear(struct flow_pool *pool);

static inline void *flow_pool_at(const struct flow_pool *pool, uint32_t place)
{
    return (char *)pool->records.at + (size_t)place * pool->record_size;
}

static inline const struct flow_pool_node *flow_pool_node(const struct flow_pool *pool, uint32_t place)
{
    return (const struct flow_pool_node *)pool->nodes.at + place;
}

/* A place, the last of `list`; what stands there is of no meaning. FLOW_POOL_NONE: `most` are taken. */
uint32_t flow_pool_take(struct flow_pool *pool, enum flow_pool_list list);
void flow_pool_release(struct flow_pool *pool, uint32_t place, enum flow_pool_list list);

/* From the list where it is to the end of another, or of the same. */
void flow_pool_relink(struct flow_pool *pool, uint32_t place, enum flow_pool_list from,
                      enum flow_pool_list to);

/* Have one place less in use, which is the last of all: of a free one, that is all; the record of a taken
 * one, which is in `list`, moves to a free place: which it is. */
void flow_pool_drop_last(struct flow_pool *pool);
uint32_t flow_pool_move_last(struct flow_pool *pool, enum flow_pool_list list);

/* Give back the memory of the places behind the last one in use, of which there were `before`. */
void flow_pool_shrink(struct flow_pool *pool, uint32_t before);

/* Bytes that so many places take. */
size_t flow_pool_memory(const struct flow_pool *pool, size_t places);

#endif
