#include "capture/flow_pool.h"

#include <errno.h>
#include <string.h>

enum {
    LEAST = 1024, /* records; what the system does not even give addresses for */
};

static struct flow_pool_node *node_of(struct flow_pool *pool, uint32_t place)
{
    return (struct flow_pool_node *)pool->nodes.at + place;
}

int flow_pool_init(struct flow_pool *pool, size_t record_size, size_t most)
{
    *pool = (struct flow_pool){.record_size = record_size};
    for (int list = 0; list < FLOW_POOL_LISTS; list++)
        pool->list[list].first = pool->list[list].last = FLOW_POOL_NONE;
    size_t places = most < FLOW_POOL_NONE ? most : FLOW_POOL_NONE - 1;
    int failed = -ENOMEM;
    for (; failed != 0; places /= 2) {
        failed =
            places > SIZE_MAX / record_size ? -ENOMEM : pages_reserve(&pool->records, places * record_size);
        if (failed != 0 && places < LEAST)
            return failed;
        pool->most = (uint32_t)places;
    }
    failed = pages_reserve(&pool->nodes, pool->most * sizeof(struct flow_pool_node));
    if (failed != 0)
        pages_free(&pool->records);
    return failed;
}

void flow_pool_fini(struct flow_pool *pool)
{
    pages_free(&pool->records);
    pages_free(&pool->nodes);
}

/* ---- lists ---- */

/* Have the neighbours of `node`, and the ends of the list, point at `before` and `behind` in its place. */
static void join(struct flow_pool *pool, const struct flow_pool_node *node, enum flow_pool_list list,
                 uint32_t before, uint32_t behind)
{
    *(node->before != FLOW_POOL_NONE ? &node_of(pool, node->before)->behind : &pool->list[list].first) =
        behind;
    *(node->behind != FLOW_POOL_NONE ? &node_of(pool, node->behind)->before : &pool->list[list].last) =
        before;
}

static void take_out(struct flow_pool *pool, uint32_t place, enum flow_pool_list list)
{
    const struct flow_pool_node *node = node_of(pool, place);
    join(pool, node, list, node->before, node->behind);
    pool->list[list].count--;
}

static void append(struct flow_pool *pool, uint32_t place, enum flow_pool_list list)
{
    struct flow_pool_node *node = node_of(pool, place);
    *node = (struct flow_pool_node){pool->list[list].last, FLOW_POOL_NONE};
    join(pool, node, list, place, place);
    pool->list[list].count++;
}

void flow_pool_relink(struct flow_pool *pool, uint32_t place, enum flow_pool_list from,
                      enum flow_pool_list to)
{
    take_out(pool, place, from);
    append(pool, place, to);
}

/* ---- places ---- */

/* The place that became free last: it is likely to be in the cache. */
uint32_t flow_pool_take(struct flow_pool *pool, enum flow_pool_list list)
{
    uint32_t place = pool->list[FLOW_POOL_FREE].last;
    if (place != FLOW_POOL_NONE)
        take_out(pool, place, FLOW_POOL_FREE);
    else if (pool->high < pool->most)
        place = pool->high++;
    else
        return FLOW_POOL_NONE;
    append(pool, place, list);
    return place;
}

void flow_pool_release(struct flow_pool *pool, uint32_t place, enum flow_pool_list list)
{
    flow_pool_relink(pool, place, list, FLOW_POOL_FREE);
}

void flow_pool_drop_last(struct flow_pool *pool)
{
    take_out(pool, --pool->high, FLOW_POOL_FREE);
}

uint32_t flow_pool_move_last(struct flow_pool *pool, enum flow_pool_list list)
{
    const uint32_t from = --pool->high, to = pool->list[FLOW_POOL_FREE].first;
    take_out(pool, to, FLOW_POOL_FREE);
    *node_of(pool, to) = *node_of(pool, from);
    join(pool, node_of(pool, to), list, to, to);
    memcpy(flow_pool_at(pool, to), flow_pool_at(pool, from), pool->record_size);
    return to;
}

void flow_pool_shrink(struct flow_pool *pool, uint32_t before)
{
    pages_give_back(&pool->records, pool->high * pool->record_size, before * pool->record_size);
    pages_give_back(&pool->nodes, pool->high * sizeof(struct flow_pool_node),
                    before * sizeof(struct flow_pool_node));
}

void flow_pool_clear(struct flow_pool *pool)
{
    const uint32_t before = pool->high;
    pool->high = 0;
    pool->list[FLOW_POOL_FREE].first = pool->list[FLOW_POOL_FREE].last = FLOW_POOL_NONE;
    pool->list[FLOW_POOL_FREE].count = 0;
    flow_pool_shrink(pool, before);
}

size_t flow_pool_memory(const struct flow_pool *pool, size_t places)
{
    return pages_taken(&pool->records, places * pool->record_size) +
           pages_taken(&pool->nodes, places * sizeof(struct flow_pool_node));
}
